"""Behind proxies: who is believed about where a client comes from, and what follows from it."""

import asyncio
import os
import shutil
import socket
import struct

import websockets

from support.origin import accepts, free_port
from support.process import PATIENCE, eventually
from support.service import Service, merged, start_service
from support.wire import TEXT, Connection, close_frame, frame, handshake, http_get, join

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def version_2(source, target="192.0.2.99", command=1):
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    body = b"".join(socket.inet_pton(family, host) for host in (source, target))
    body += struct.pack("!HH", 40000, 443) + b"\x04\x00\x02ok"  # and an addition
    kind = 0x21 if family == socket.AF_INET6 else 0x11
    return SIGNATURE + struct.pack("!BBH", 0x20 | command, kind, len(body)) + body


def start(processes, trusted, **hub):
    return start_service(processes, {"workers": 2, "hub": merged(
        {"trusted_proxies": trusted, "ping_interval": 0}, hub)})


def start_proxied(processes, trusted, **hub):
    """Over IPv4 a listener for proxies, over IPv6 a usual one."""
    return start(processes, trusted, listen=[
        {"address": "127.0.0.1:0", "proxy_protocol": True}, "[::1]:0"], **hub)


async def said_by(service, before=b"", **fields):
    """What a listener gets when somebody who comes this way says "hello"."""
    listener = await join(service.hub6)
    connection = await Connection.open(service.hub)
    connection.send(before, handshake(**fields))
    assert (await connection.response()).status == 101
    connection.send(frame(TEXT, "hello"))
    said = await listener.message()
    for client in (listener, connection):
        client.send(close_frame(1000))
        assert await client.closed_with() == 1000
    return said.decode()


async def test_x_forwarded_for_of_a_trusted_proxy(processes):
    service = start(processes, ["127.0.0.0/8"])
    assert await said_by(service) == "[127.0.0.1] hello"
    assert await said_by(service, X_Forwarded_For="192.0.2.1") == "[192.0.2.1] hello"
    assert await said_by(service, X_Forwarded_For="6.6.6.6, 192.0.2.1, 127.0.0.7") == (
        "[192.0.2.1] hello")
    assert await said_by(service, X_Forwarded_For="2001:db8::1") == "[2001:db8::1] hello"
    assert await said_by(service, X_Forwarded_For="6.6.6.6, junk") == "[127.0.0.1] hello"


async def test_x_forwarded_for_of_anybody_else(processes):
    service = start(processes, ["10.0.0.0/8"])
    assert await said_by(service, X_Forwarded_For="192.0.2.1") == "[127.0.0.1] hello"


async def test_publishing_over_http_has_the_client_s_address(processes):
    service = start(processes, "127.0.0.1")
    listener = await join(service.hub6)
    async with await Connection.open(service.hub) as http:
        http.send(b"POST /channels/chat HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"
                  b"X-Forwarded-For: 192.0.2.8\r\n\r\nhi")
        assert (await http.response()).status == 201
    assert await listener.message() == b"[192.0.2.8] hi"


async def test_both_versions_of_the_proxy_protocol(processes):
    service = start_proxied(processes, "127.0.0.1")
    line = b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 443\r\n"
    assert await said_by(service, line) == "[192.0.2.1] hello"
    assert await said_by(service, version_2("192.0.2.3")) == "[192.0.2.3] hello"
    assert await said_by(service, version_2("2001:db8::3", "::1")) == "[2001:db8::3] hello"
    assert await said_by(service, version_2("192.0.2.3", command=0)) == "[127.0.0.1] hello"
    assert await said_by(service, b"PROXY UNKNOWN\r\n") == "[127.0.0.1] hello"
    # nobody is named: then what is written further on is nobody's word
    for nameless in (b"PROXY UNKNOWN\r\n", version_2("192.0.2.3", command=0)):
        assert await said_by(service, nameless, X_Forwarded_For="6.6.6.6") == "[127.0.0.1] hello"
    # the client of the header may write what it likes
    assert await said_by(service, line, X_Forwarded_For="6.6.6.6") == "[192.0.2.1] hello"
    assert await service.metric("ringcast_proxy_headers_total") == 8


async def test_no_header_where_one_must_be(processes):
    service = start_proxied(processes, "127.0.0.1")
    for beginning in (handshake(), b"PROXY TCP4 192.0.2.1\r\n" + handshake()):
        async with await Connection.open(service.hub) as connection:
            connection.send(beginning)
            try:
                assert await connection.end() == b""
            except ConnectionError:
                pass  # closed before it had read all of it
    assert await service.metric("ringcast_proxy_headers_refused_total") == 2
    assert (await http_get(service.hub6, "/")).status == 200


async def test_a_header_where_none_may_be(processes):
    service = start(processes, "127.0.0.1")
    async with await Connection.open(service.hub) as connection:
        connection.send(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + handshake())
        assert (await connection.response()).status == 400


async def test_a_header_from_who_is_not_trusted(processes):
    service = start_proxied(processes, "10.0.0.0/8")
    async with await Connection.open(service.hub) as connection:
        connection.send(version_2("192.0.2.1") + handshake())
        try:
            assert await connection.end() == b""
        except ConnectionError:
            pass
    assert await service.metric("ringcast_proxy_headers_refused_total") == 1


async def test_the_header_of_curl(processes):
    service = start_proxied(processes, "127.0.0.1")
    curl = processes.start("curl", "-sS", "--haproxy-protocol", "-o", "/dev/null", "-w",
                           "%{http_code}", f"http://127.0.0.1:{service.hub[1]}/")
    assert await curl.exit() == 0
    assert curl.stdout.text == "200"
    assert await service.metric("ringcast_proxy_headers_total") == 1


async def test_each_client_behind_a_proxy_has_its_own_limit(processes):
    service = start(processes, "127.0.0.1", limits={"per_address": 2})
    clients = [await join(service.hub, X_Forwarded_For="192.0.2.1") for _ in range(2)]
    clients.append(await join(service.hub, X_Forwarded_For="192.0.2.2"))
    async with await Connection.open(service.hub) as connection:
        connection.send(b"HEAD /channels/chat/events HTTP/1.1\r\nHost: localhost\r\n"
                        b"X-Forwarded-For: 192.0.2.1\r\n\r\n")  # it does not stay
        assert (await connection.response("HEAD")).status == 200
        connection.send(handshake(X_Forwarded_For="192.0.2.1"))
        refused = await connection.response()
        assert (refused.status, refused.fields["retry-after"]) == (429, "1")
    assert await service.metric("ringcast_connections_refused_for_address_total") == 1
    clients.append(await join(service.hub))  # the proxy itself is not counted
    for client in clients:
        client.send(close_frame(1000))
        assert await client.closed_with() == 1000


async def test_the_log_names_the_client(processes):
    service = processes.add(Service(processes.folder, {
        "log": {"level": "debug"}, "hub": {"trusted_proxies": "127.0.0.1"}})).wait_until_ready()
    client = await join(service.hub, X_Forwarded_For="192.0.2.1")
    client.send(close_frame(1000))
    assert await client.closed_with() == 1000
    await service.line(r"client closed address=192\.0\.2\.1\b")


# ---- nginx in front --------------------------------------------------------------------------------

NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
    uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
    upstream hub {{ server unix:{folder}/hub.sock; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://hub;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $http_connection;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        }}
    }}
}}
"""


async def test_nginx_in_front_over_a_unix_socket(processes):
    folder, port = str(processes.folder), free_port()
    with open(os.path.join(folder, "nginx.conf"), "w", encoding="ascii") as file:
        file.write(NGINX.format(folder=folder, port=port))
    start(processes, "unix", listen=["127.0.0.1:0", f"unix:{folder}/hub.sock"])
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin") or "nginx"
    nginx = processes.start(program, "-p", folder, "-c", os.path.join(folder, "nginx.conf"))
    await eventually(lambda: accepts(port) or nginx.code is not None)
    assert nginx.code is None, nginx.everything()

    def connect(host):
        return websockets.connect(f"ws://127.0.0.1:{port}/", local_addr=(host, 0))

    async with connect("127.0.0.2") as one, connect("127.0.0.3") as other:
        await one.send("hello")
        assert await asyncio.wait_for(other.recv(), PATIENCE) == "[127.0.0.2] hello"
        await other.send("and you")
        assert await asyncio.wait_for(one.recv(), PATIENCE) == "[127.0.0.3] and you"
