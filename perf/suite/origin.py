"""The origins that fetchers are measured against: nginx with two pages, and our failing one."""

import hashlib
import json
import os
import shutil
import subprocess

from suite import processes

TITLE = "A page of the load test"

NGINX = """
daemon off;
master_process off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.error.log warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    default_type text/html;
    charset utf-8;
    sendfile on;
    tcp_nodelay on;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    open_file_cache max=16;
    ssl_certificate {folder}/certificate.pem;
    ssl_certificate_key {folder}/key.pem;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        listen 127.0.0.1:{tls_port} ssl backlog=4096;
        root {folder}/pages;
    }}
}}
"""


def page(size):
    """An HTML page of exactly `size` bytes."""
    start = (f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">'
             f"<title>{TITLE}</title></head>\n<body>\n").encode()
    end = b"\n</body>\n</html>\n"
    words = b"many readers, one publisher, every message once and in order; "
    filler = words * (size // len(words) + 1)
    return start + filler[:size - len(start) - len(end)] + end


class Nginx:
    """Debian's nginx as one process, serving /p1k.html (1023 bytes), /p16k.html, /p16m.html, /p64m.html."""

    SIZES = {"p1k": 1023, "p16k": 16384, "p16m": 16 << 20, "p64m": 64 << 20}

    def __init__(self, suite):
        self.suite = suite
        self.folder = os.path.join(suite.folder, "nginx")
        self.port, self.tls_port = processes.free_port(), processes.free_port()
        self.certificate = os.path.join(self.folder, "certificate.pem")
        self.digests = {}
        self.process = None

    def __enter__(self):
        os.makedirs(os.path.join(self.folder, "pages"), exist_ok=True)
        for name, size in self.SIZES.items():
            self.write(f"pages/{name}.html", page(size))
            self.digests[name] = hashlib.sha256(page(size)).hexdigest()
        self.make_certificate()
        text = NGINX.format(folder=self.folder, port=self.port, tls_port=self.tls_port)
        self.write("nginx.conf", text.encode())
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        command = [program, "-p", self.folder, "-c", os.path.join(self.folder, "nginx.conf")]
        self.process = self.suite.processes.start(command, self.suite.processes.counterpart)
        processes.wait_until(lambda: processes.accepts(self.port), self.process)
        return self

    def __exit__(self, *_):
        self.suite.processes.stop(self.process)

    def write(self, name, content):
        with open(os.path.join(self.folder, name), "wb") as file:
            file.write(content)

    def make_certificate(self):
        """A P-256 key and a certificate for localhost that signs itself."""
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "2", "-subj", "/CN=localhost",
             "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
             "-keyout", os.path.join(self.folder, "key.pem"), "-out", self.certificate],
            check=True, stderr=subprocess.DEVNULL)

    def urls(self, name, count, tls=False):
        base = f"https://127.0.0.1:{self.tls_port}" if tls else f"http://127.0.0.1:{self.port}"
        return [f"{base}/{name}.html?n={number}" for number in range(count)]


class FailingOrigin:
    """perf/origin.c: of any hundred numbers the first `percent` fail, in six ways."""

    WAYS = ("status", "reset", "half a body", "open chunks", "garbage", "silence")

    def __init__(self, suite, percent):
        self.suite = suite
        self.percent = percent
        self.process = None
        self.port = 0

    def __enter__(self):
        self.process = self.suite.processes.start(
            [self.suite.program("origin"), "--fail", self.percent],
            self.suite.processes.counterpart, stdout=subprocess.PIPE)
        self.port = json.loads(self.process.stdout.readline())["port"]
        return self

    def __exit__(self, *_):
        self.suite.processes.stop(self.process)
        self.process.stdout.close()

    def url(self, number):
        return f"http://127.0.0.1:{self.port}/page?n={number}"

    def way(self, number):
        """How the request with this number fails; None when it does not."""
        return self.WAYS[number // 100 % len(self.WAYS)] if number % 100 < self.percent else None
