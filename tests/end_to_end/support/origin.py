"""HTTP origins: Debian's nginx, and hand-made ones that do what a test wants."""

import asyncio
import contextlib
import os
import shutil
import socket

from support.process import eventually

NGINX = """
daemon off;
master_process off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 1024; }}
http {{
    log_format exchanges '$connection $connection_requests $request_uri';
    access_log {folder}/access.log exchanges;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    charset_types *;
    types {{ text/html html; text/plain txt; application/octet-stream bin; }}
    keepalive_requests 1000000;
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        {tls}
        root {folder}/pages;
        location /charset/ {{
            location ~ ^/charset/(?<name>[a-z0-9_-]+)/ {{ charset $name; }}
        }}
        location /gzip/ {{
            alias {folder}/pages/;
            gzip on; gzip_types *; gzip_min_length 0;
        }}
        location = /status/404 {{ return 404; }}
        location = /status/500 {{ return 500; }}
        location = /status/503 {{ return 503; }}
        location = /status/204 {{ return 204; }}
        location = /moved {{ return 301 http://127.0.0.1:{port}/page.html; }}
        location = /found {{ return 302 /page.html; }}
    }}
}}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def accepts(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Nginx:
    """nginx as one process. pages: {"name.html": bytes}."""

    def __init__(self, processes, pages, identity=None):
        self.folder = os.path.join(processes.folder, "nginx")
        self.port, self.tls_port = free_port(), free_port()
        for path, content in pages.items():
            self.write(os.path.join("pages", path), content)
        tls = "" if identity is None else (
            f"listen 127.0.0.1:{self.tls_port} ssl;\n        ssl_certificate "
            f"{identity.certificate};\n        ssl_certificate_key {identity.key};")
        self.write("nginx.conf", NGINX.format(folder=self.folder, port=self.port, tls=tls).encode())
        os.chmod(processes.folder, 0o755)
        program = shutil.which("nginx", path="/usr/sbin:/usr/bin") or "nginx"
        self.process = processes.start(program, "-p", self.folder, "-c",
                                       os.path.join(self.folder, "nginx.conf"))

    async def wait_until_ready(self):
        await eventually(lambda: accepts(self.port) or self.process.code is not None)
        assert self.process.code is None, self.process.everything()
        return self

    def write(self, name, content):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)

    def url(self, path):
        return f"http://127.0.0.1:{self.port}/{path}"

    def exchanges(self):
        """Of each request: (connection, which one on it, path)."""
        with open(os.path.join(self.folder, "access.log"), encoding="ascii") as file:
            rows = [line.split() for line in file]
        return [(int(row[0]), int(row[1]), row[2]) for row in rows]


def page(title, size=0):
    start = f"<!doctype html><html><head><title>{title}</title></head><body>"
    return (start + "x" * max(0, size - len(start))).encode()


def response(body, *fields, status="200 OK", length=None):
    """A whole HTTP response with a Content-Length."""
    size = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status}", "Content-Type: text/html; charset=utf-8",
             f"Content-Length: {size}", *fields]
    return "".join(line + "\r\n" for line in lines).encode() + b"\r\n" + body


class Request:
    """A request as it came: field names in lower case."""

    def __init__(self, head, connection):
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.path, _ = lines[0].split(" ")
        fields = [line.split(": ", 1) for line in lines[1:] if line]
        self.fields = {name.lower(): value for name, value in fields}
        assert len(self.fields) == len(fields), lines
        self.connection = connection
        self.body = b""


class Origin:
    """What an origin has seen: requests in order, and how many connections there were."""

    def __init__(self):
        self.requests = []
        self.paths = []
        self.connections = 0
        self.open = 0
        self.port = 0

    def url(self, path="/"):
        return f"http://127.0.0.1:{self.port}{path}"


@contextlib.asynccontextmanager
async def listening(serve):
    """
    A server on a free port of 127.0.0.1, which is what one gets. serve(reader, writer) runs for each
    connection, and is cancelled at the end.
    """
    tasks = set()

    async def run(reader, writer):
        tasks.add(asyncio.current_task())
        await serve(reader, writer)

    server = await asyncio.start_server(run, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def origin(handler):
    """
    An origin on a free port. handler(path, writer) writes what it likes for each request; while it
    says something true, the connection is kept for the next.
    """
    seen = Origin()

    async def serve(reader, writer):
        seen.connections += 1
        connection = seen.connections
        seen.open += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            kept = True
            while kept:
                head = await reader.readuntil(b"\r\n\r\n")
                request = Request(head, connection)
                request.body = await reader.readexactly(
                    int(request.fields.get("content-length", 0)))
                seen.requests.append(request)
                seen.paths.append(request.path)
                kept = await handler(request.path, writer)
            await writer.drain()
            writer.close()
        seen.open -= 1

    async with listening(serve) as seen.port:
        yield seen


async def for_ever():
    await asyncio.Event().wait()
