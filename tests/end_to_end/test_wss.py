"""wss and https: real TLS clients, several certificates, and clients that misbehave."""

import asyncio
import json
import os
import signal
import socket
import ssl

import pytest
import websockets

from support.certificates import Authority
from support.dialog import SUBPROTOCOL
from support.process import PATIENCE, SANITIZED, eventually
from support.service import merged, start_service, write_config
from support.wire import TEXT, Connection, close_frame, frame, handshake, join

VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def identity(authority):
    return authority.issue("localhost")


def trust(authority, version=None):
    context = ssl.create_default_context(cafile=authority.certificate)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


def tls_of(identity, *more):
    keys = {"certificate": identity.certificate, "key": identity.key}
    if more:
        keys["more"] = [{"certificate": one.certificate, "key": one.key} for one in more]
    return keys


def start(processes, tls, **hub):
    return start_service(processes, {"workers": 2, "hub": merged({
        "tls": tls, "listen": "127.0.0.1:0", "channels": {"*": {"publish": "anyone"}}}, hub)})


def connect(service, context, path="/", **options):
    return websockets.connect(f"wss://127.0.0.1:{service.hub[1]}{path}", ssl=context,
                              server_hostname="localhost", **options)


async def receive(client):
    return await asyncio.wait_for(client.recv(), PATIENCE)


class SecureConnection(Connection):
    """The same under TLS. `server_name` is what is asked for; nobody's certificate is refused."""

    @classmethod
    async def open_tls(cls, address, server_name="localhost", version=None):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if version is not None:
            context.minimum_version = context.maximum_version = version
        return cls(*await asyncio.wait_for(asyncio.open_connection(
            *address, ssl=context, server_hostname=server_name), PATIENCE))

    def certificate(self):
        return self.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)


def der_of(identity):
    with open(identity.certificate, encoding="ascii") as file:
        return ssl.PEM_cert_to_DER_cert(file.read())


# ---- clients that behave ---------------------------------------------------------------------------

@pytest.mark.parametrize("version", VERSIONS)
async def test_a_chat_over_wss(processes, authority, identity, version):
    service = start(processes, tls_of(identity))
    context = trust(authority, VERSIONS[version])
    async with connect(service, context) as one, connect(service, context) as other:
        await one.send("hello")
        assert await receive(other) == "[127.0.0.1] hello"
        await other.send(b"\x00\xff" * 300_000)
        assert await receive(one) == b"[127.0.0.1] " + b"\x00\xff" * 300_000
        assert await asyncio.wait_for(await one.ping(), PATIENCE) is not None
    metrics = await service.metrics()
    assert metrics["ringcast_tls_handshakes_total"] == 2
    assert metrics["ringcast_tls_handshakes_failed_total"] == 0
    assert metrics['ringcast_client_closes_total{reason="peer_closed"}'] == 2


async def test_a_burst_reaches_everybody_in_order(processes, authority, identity):
    count, readers = 2000, 5
    service = start(processes, tls_of(identity))
    context = trust(authority)
    clients = [await connect(service, context, "/channels/a") for _ in range(readers + 1)]
    speaker, listeners = clients[0], clients[1:]

    async def hear(client):
        return [await receive(client) for _ in range(count)]

    hearing = asyncio.gather(*(hear(client) for client in listeners))
    for number in range(count):
        await speaker.send(f"{number} " + "x" * (number % 300))
    for heard in await hearing:
        assert [int(text.split()[0]) for text in heard] == list(range(count))
    for client in clients:
        await client.close()


async def test_openssl_s_client(processes, authority, identity):
    service = start(processes, tls_of(identity))
    for version, good in (("-tls1_2", True), ("-tls1_3", True), ("-tls1_1", False)):
        client = processes.start("openssl", "s_client", version, "-connect",
                                 f"127.0.0.1:{service.hub[1]}", "-servername", "localhost",
                                 "-CAfile", authority.certificate, "-verify_return_error",
                                 "-cipher", "DEFAULT@SECLEVEL=0", "-quiet", with_input=True)
        client.write("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        code = await client.exit()
        assert (code == 0) == good, client.everything()
        assert ("HTTP/1.1 200 OK" in client.stdout.text) == good, client.everything()
    assert await service.metric("ringcast_tls_handshakes_total") == 2
    assert await service.metric("ringcast_tls_handshakes_failed_total") == 1


async def test_curl(processes, authority, identity):
    service = start(processes, tls_of(identity))
    listener = await connect(service, trust(authority), "/channels/a")
    curl = processes.start("curl", "-sS", "--cacert", authority.certificate, "--data", "from curl",
                           f"https://localhost:{service.hub[1]}/channels/a")
    assert await curl.exit() == 0, curl.everything()
    assert await receive(listener) == "from curl"
    await listener.close()


async def test_the_json_subprotocol_and_compression_under_tls(processes, authority, identity):
    service = start(processes, tls_of(identity))
    async with connect(service, trust(authority), subprotocols=["ringcast.v1.json"]) as client:
        assert client.subprotocol == "ringcast.v1.json"
        await client.send('{"type":"subscribe","id":1,"channel":"a"}')
        assert '"subscribed"' in await receive(client)


# ---- which certificate -----------------------------------------------------------------------------

async def test_each_name_has_its_certificate(processes, authority, identity):
    exact, wild = authority.issue("one.example.test"), authority.issue("*.example.test")
    service = start(processes, tls_of(identity, exact, wild))
    for name, expected in (("localhost", identity), ("one.example.test", exact),
                           ("ONE.example.TEST", exact), ("two.example.test", wild),
                           ("a.b.example.test", identity), ("example.test", identity),
                           ("elsewhere.test", identity), (None, identity)):
        for version in VERSIONS.values():
            async with await SecureConnection.open_tls(
                    service.hub, name or "127.0.0.1", version) as connection:
                assert connection.certificate() == der_of(expected), (name, version)
                connection.send(handshake())
                assert (await connection.response()).status == 101


async def test_plain_and_secure_listeners_beside_each_other(processes, authority, identity):
    service = start(processes, tls_of(identity), listen=[
        "127.0.0.1:0", {"address": "[::1]:0", "plain": True}])
    listener = await join(service.hub6)
    async with connect(service, trust(authority)) as speaker:
        await speaker.send("hello")
        assert await listener.message() == b"[127.0.0.1] hello"
    listener.send(close_frame(1000))
    assert await listener.closed_with() == 1000


async def test_a_proxy_header_comes_before_tls(processes, identity):
    service = start(processes, tls_of(identity), trusted_proxies="127.0.0.1", listen=[
        {"address": "127.0.0.1:0", "proxy_protocol": True},
        {"address": "[::1]:0", "plain": True}])
    listener = await join(service.hub6)
    loop = asyncio.get_running_loop()
    raw = socket.create_connection(service.hub)
    raw.setblocking(False)
    await loop.sock_sendall(raw, b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    async with Connection(*await asyncio.open_connection(
            sock=raw, ssl=context, server_hostname="localhost")) as speaker:
        speaker.send(handshake(), frame(TEXT, "hello"))
        assert (await speaker.response()).status == 101
        assert await listener.message() == b"[192.0.2.1] hello"
    listener.abort()


@pytest.mark.parametrize("tls, found", [
    ({"certificate": "good.pem"}, 'hub.tls: expected "certificate" and "key"'),
    ({"certificate": "none.pem", "key": "good.key"}, "none.pem: not found"),
    ({"certificate": "good.pem", "key": "good.pem"}, "good.pem: not a PEM private key"),
    ({"certificate": "good.pem", "key": "other.key"}, "other.key"),
    ({"certificate": "good.pem", "key": "good.key", "more": [{"certificate": "good.pem"}]},
     'hub.tls.more[0]: found an object, expected an object with "certificate" and "key"'),
])
async def test_what_is_no_certificate(processes, authority, identity, tls, found):
    other = authority.issue("other.test")
    for name, path in (("good.pem", identity.certificate), ("good.key", identity.key),
                       ("other.key", other.key)):
        os.symlink(path, os.path.join(processes.folder, name))
    path = os.path.join(processes.folder, "config.json")
    with open(path, "w", encoding="ascii") as file:
        file.write(str({"hub": {"listen": "localhost:0", "tls": tls}}).replace("'", '"'))
    for command in ("check", "serve"):
        process = await processes.run(command, path)
        assert process.code == 2
        assert found in process.stderr.text, process.everything()


# ---- clients that do not ---------------------------------------------------------------------------

async def test_plain_http_on_a_port_under_tls(processes, identity):
    service = start(processes, tls_of(identity))
    async with await Connection.open(service.hub) as connection:
        connection.send(handshake())
        refused = await connection.response()
        assert refused.status == 400 and b"wss" in refused.body
        assert await connection.end() == b""
    assert await service.metric("ringcast_tls_handshakes_failed_total") == 1


async def trickle(reader, writer):
    """Passes on what comes, a byte at a time."""
    while data := await reader.read(4096):
        for byte in data:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
    writer.close()


async def test_a_handshake_in_single_bytes(processes, authority, identity):
    service = start(processes, tls_of(identity, authority.issue("two.test")))

    async def relay(reader, writer):
        there, back = await asyncio.open_connection(*service.hub)
        back.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.gather(trickle(reader, back), trickle(there, writer), return_exceptions=True)

    async with await asyncio.start_server(relay, "127.0.0.1", 0) as server:
        address = server.sockets[0].getsockname()
        for version in VERSIONS.values():
            async with await SecureConnection.open_tls(address, version=version) as connection:
                connection.send(handshake())
                assert (await connection.response()).status == 101
    assert await service.metric("ringcast_tls_handshakes_total") == 2


async def test_handshakes_that_do_not_end_are_over_in_time(processes, authority, identity):
    service = start(processes, tls_of(identity), handshake_timeout="500ms")
    hello = client_hello()
    started = [await Connection.open(service.hub) for _ in range(4)]
    for connection, part in zip(started, (b"", hello[:1], hello[:100], hello)):
        connection.send(part)
    for connection in started[:3]:
        assert await connection.end() == b""
    answer = await started[3].end()
    assert answer[0] == 22  # it had been answered, and then closed
    async with connect(service, trust(authority)) as client:
        await client.ping()

    async def are_counted():
        return await service.metric("ringcast_tls_handshakes_failed_total") == 1

    await eventually(are_counted)
    assert await service.metric("ringcast_http_head_timeouts_total") == 4
    for connection in started:
        connection.abort()


def client_hello():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    half = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        half.do_handshake()
    return outgoing.read()


async def test_garbage_instead_of_a_handshake(processes, identity):
    service = start(processes, tls_of(identity))
    hello = client_hello()
    for beginning in (b"\x16\x03\x01\xff\xff" + b"x" * 100, b"\x16\x03\x01\x00\x05abcde",
                      hello[:5] + b"\x00" * (len(hello) - 5), hello + b"\x17\x03\x03\x00\x01x"):
        async with await Connection.open(service.hub) as connection:
            connection.send(beginning)
            try:
                await connection.end()
            except ConnectionError:
                pass
    assert await service.metric("ringcast_tls_handshakes_total") == 0
    assert await service.metric("ringcast_tls_handshakes_failed_total") == 4


def read_to_the_end(address, request):
    """With Python's blocking sockets, which tell an end with close_notify from one without."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(address, PATIENCE) as raw:
        with context.wrap_socket(raw, suppress_ragged_eofs=False) as secure:
            secure.sendall(request)
            data = b""
            while piece := secure.recv(4096):
                data += piece
            return data


async def test_the_end_is_said(processes, identity):
    service = start(processes, tls_of(identity))
    answer = await asyncio.to_thread(
        read_to_the_end, service.hub,
        b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK")
    closed = await asyncio.to_thread(
        read_to_the_end, service.hub, handshake() + close_frame(1000))
    assert closed.endswith(b"\x88\x02\x03\xe8")


async def test_shutdown_says_1001_under_tls(processes, authority, identity):
    service = start(processes, tls_of(identity))
    client = await connect(service, trust(authority))
    service.signal(15)
    with pytest.raises(websockets.ConnectionClosed) as closed:
        await receive(client)
    assert closed.value.rcvd.code == 1001
    assert await service.exit() == 0


# ---- slow readers ----------------------------------------------------------------------------------

async def flood(service, path, messages, size):
    async with await SecureConnection.open_tls(service.hub) as speaker:
        speaker.send(handshake(path))
        assert (await speaker.response()).status == 101
        for _ in range(messages):
            speaker.send(frame(TEXT, "x" * size))
            await speaker.drain()
        speaker.send(close_frame(1000))
        await speaker.closed_with()


async def deaf(service, path):
    """Has joined, and reads nothing any more."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(raw, service.hub)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    reader, writer = await asyncio.open_connection(sock=raw, ssl=context, limit=1024,
                                                   server_hostname="localhost")
    connection = Connection(reader, writer)
    connection.send(handshake(path))
    assert (await connection.response()).status == 101
    writer.transport.pause_reading()
    return connection


@pytest.mark.parametrize("policy", ["close", "skip"])
async def test_readers_that_do_not_read_are_bounded(processes, identity, policy):
    service = start(processes, tls_of(identity), progress_timeout="60s", channels={
        "a": {"publish": "anyone", "slow_reader": policy,
              "retain": {"bytes": "1MiB", "messages": 1000}}})
    readers = [await deaf(service, "/channels/a") for _ in range(20)]
    before = service.resident_memory()
    await flood(service, "/channels/a", 400, 64 * 1024)
    metrics = await service.metrics()
    assert metrics["ringcast_slow_readers_total"] >= 20
    # each has at most what is encrypted for it, and the log its retention
    assert SANITIZED or service.resident_memory() - before < 20 * 256 * 1024 + 16 * 1024 * 1024
    for reader in readers:
        reader.abort()


# ---- accounting ------------------------------------------------------------------------------------

MESSAGES, SIZE = 400, 16 * 1024  # more than sockets hold for who does not read
QUICK, SLOW = 12, 8


class Reader:
    """Speaks the subprotocol: what it is not sent it is told. A slow one has a narrow socket."""

    def __init__(self, slow):
        self.slow = slow
        self.offsets, self.missed = [], 0

    async def join(self, service, context):
        raw = socket.socket()
        if self.slow:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, service.hub)
        self.client = await connect(service, context, sock=raw, subprotocols=[SUBPROTOCOL],
                                    max_queue=1, ping_interval=None, compression=None)
        await self.client.send(json.dumps({"type": "subscribe", "channel": "a"}))
        assert json.loads(await receive(self.client))["type"] == "subscribed"

    async def read(self):
        while len(self.offsets) + self.missed < MESSAGES:
            received = json.loads(await receive(self.client))
            if received["type"] == "skipped":
                self.missed += received["missed"]
                continue
            assert received["offset"] == len(self.offsets) + self.missed + 1, received["offset"]
            assert received["text"] == f"{received['offset']:0{SIZE}}"
            self.offsets.append(received["offset"])


async def publish_numbers(service, first, last):
    async with await SecureConnection.open_tls(service.hub) as speaker:
        for number in range(first, last + 1):
            speaker.send(f"POST /channels/a HTTP/1.1\r\nHost: a\r\nContent-Length: {SIZE}\r\n\r\n"
                         f"{number:0{SIZE}}".encode())
            assert (await speaker.response()).status == 201


async def test_every_message_is_accounted_for_under_tls(processes, authority, identity):
    """Readers that read at once, and those that begin to when all has been said; in the middle the
    certificate is another one."""
    newer = authority.issue("localhost")
    config = {"workers": 2, "admin": {"listen": "localhost:0"}, "hub": {
        "listen": "127.0.0.1:0", "tls": tls_of(identity), "progress_timeout": "60s",
        "channels": {"a": {"publish": "anyone", "slow_reader": "skip",
                           "retain": {"bytes": "256KiB"}}}}}
    service = start_service(processes, config)
    readers = [Reader(number < SLOW) for number in range(SLOW + QUICK)]
    for reader in readers:
        await reader.join(service, trust(authority))
    reading = [asyncio.create_task(reader.read()) for reader in readers if not reader.slow]
    await publish_numbers(service, 1, MESSAGES // 2)
    async with await SecureConnection.open_tls(service.hub) as connection:
        assert connection.certificate() == der_of(identity)
    write_config(processes.folder, merged(config, {"hub": {"tls": tls_of(newer)}}))
    service.signal(signal.SIGHUP)
    await asyncio.to_thread(service.stdout.wait_until, lambda output: any(
        "config: reloaded" in line for line in output.lines()))
    async with await SecureConnection.open_tls(service.hub) as connection:
        assert connection.certificate() == der_of(newer)
    await publish_numbers(service, MESSAGES // 2 + 1, MESSAGES)
    await asyncio.gather(*reading, *(reader.read() for reader in readers if reader.slow))
    assert any(reader.missed > 0 for reader in readers if reader.slow)
    for reader in readers:
        await reader.client.close()

    async def nobody_is_left():
        return await service.metric('ringcast_channel_subscribers{channel="a"}') == 0

    await eventually(nobody_is_left)
    metrics = await service.metrics()
    named = {key: metrics[f'ringcast_channel_{key}_total{{channel="a"}}']
             for key in ("published", "delivered", "skipped", "own", "abandoned", "due")}
    assert named["published"] == MESSAGES and named["own"] == named["abandoned"] == 0
    assert named["due"] == MESSAGES * len(readers)
    assert named["delivered"] == sum(len(reader.offsets) for reader in readers)
    assert named["skipped"] == sum(reader.missed for reader in readers)
