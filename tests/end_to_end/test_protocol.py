"""WebSocket and HTTP by hand: what is refused and how, at the first byte that is wrong."""

import asyncio
import struct

import pytest

from support.process import eventually
from support.service import start_service
from support.wire import (BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Connection, close_frame,
                          frame, handshake, http_get, join)

MAX_MESSAGE = 65536


@pytest.fixture(scope="module")
def service(shared_processes):
    """
    One service for the whole file: nothing that a test does may harm the next. It would wait long
    for a peer's answer, so whatever ends quickly did not need one.
    """
    return start_service(shared_processes, {
        "workers": 2, "hub": {"max_message": MAX_MESSAGE, "close_timeout": "60s",
                              "channels": {"*": {"publish": "anyone"}}}})


@pytest.fixture(scope="module")
def impatient(shared_processes):
    """One with short times."""
    return start_service(shared_processes, {"hub": {
        "handshake_timeout": "300ms", "ping_interval": "200ms", "ping_timeout": "300ms",
        "close_timeout": "300ms"}})


# ---- handshakes ------------------------------------------------------------------------------------

GOOD = handshake().decode()

REFUSED = [
    (400, "no key", handshake(Sec_WebSocket_Key=None)),
    (400, "short key", handshake(Sec_WebSocket_Key="c2hvcnQ=")),
    (400, "key not base64", handshake(Sec_WebSocket_Key="!" * 24)),
    (400, "no connection", handshake(Connection=None)),
    (400, "connection without upgrade", handshake(Connection="keep-alive")),
    (400, "no host", handshake(Host=None)),
    (400, "two hosts", handshake().replace(b"Host: localhost", b"Host: a\r\nHost: b")),
    (400, "with a body", handshake(Content_Length="5") + b"hello"),
    (400, "HTTP/1.0", handshake().replace(b"HTTP/1.1", b"HTTP/1.0")),
    (400, "malformed extensions", handshake(Sec_WebSocket_Extensions="a;;b=")),
    (400, "two versions",
     handshake().replace(b"Version: 13", b"Version: 13\r\nSec-WebSocket-Version: 13")),
    (404, "unknown path", handshake("/nowhere")),
    (404, "channel without a name", handshake("/channels/")),
    (404, "channel with a bad name", handshake("/channels/a%20b")),
    (404, "channel name too long", handshake("/channels/" + "a" * 256)),
    (405, "not GET", handshake().replace(b"GET", b"POST")),
    (426, "version 8", handshake(Sec_WebSocket_Version="8")),
    (426, "no version", handshake(Sec_WebSocket_Version=None)),

    (404, "unknown page", b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n"),
    (405, "page not read", b"DELETE / HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, "not HTTP", b"hello\r\n\r\n"),
    (400, "bare line feeds", b"GET / HTTP/1.1\nHost: a\n\n"),
    (400, "blank before the colon", b"GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
    (400, "folded field", b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n"),
    (400, "two lengths",
     b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
    (400, "length and chunks", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
                               b"Transfer-Encoding: chunked\r\n\r\n"),
    (413, "body too large", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n" +
                            b"x" * 70000),
    (414, "long target", b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n"),
    (414, "a line without end", b"a" * 9000),
    (431, "long field", b"GET / HTTP/1.1\r\nA: " + b"a" * 9000),
    (431, "many fields", b"GET / HTTP/1.1\r\n" + b"A: a\r\n" * 200),
    (431, "large head", b"GET / HTTP/1.1\r\n" + (b"A: " + b"a" * 1000 + b"\r\n") * 20),
    (501, "unknown method", b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n"),
    (505, "another version", handshake().replace(b"HTTP/1.1", b"HTTP/3.0")),
]


@pytest.mark.parametrize("status, request_bytes", [row[::2] for row in REFUSED],
                         ids=[row[1] for row in REFUSED])
async def test_refused_request(service, status, request_bytes):
    async with await Connection.open(service.hub) as connection:
        connection.send(request_bytes)
        response = await connection.response()
        assert response.status == status
        assert response.fields["connection"] == "close"
        assert "date" in response.fields
        if status == 426 and b"Upgrade: websocket" in request_bytes:
            assert response.fields["sec-websocket-version"] == "13"
        if status == 405:
            upgrade = b"Upgrade: websocket" in request_bytes
            assert response.fields["allow"] == ("GET" if upgrade else "GET, HEAD")
        assert await connection.end() == b""


async def test_the_same_refusals_a_byte_at_a_time(service):
    """No split of the input changes the answer."""
    async def refuse(status, request_bytes):
        async with await Connection.open(service.hub) as connection:
            for byte in request_bytes:
                connection.send(bytes([byte]))
                await asyncio.sleep(0)
            assert (await connection.response()).status == status

    await asyncio.gather(*(refuse(row[0], row[2]) for row in REFUSED if len(row[2]) < 400))


@pytest.mark.parametrize("changes", [
    {"Connection": "keep-alive, Upgrade"}, {"Upgrade": "WebSocket"}, {"Host": "any.example:99"},
    {"Origin": "https://elsewhere.example"}, {"Content-Length": "0"}], ids=str)
async def test_accepted_handshake(service, changes):
    connection = await join(service.hub, **changes)
    connection.send(close_frame(1000))
    assert await connection.closed_with() == 1000


async def test_a_handshake_split_anywhere(service):
    async def split(at):
        async with await Connection.open(service.hub) as connection:
            connection.send(handshake()[:at])
            await asyncio.sleep(0.001)
            connection.send(handshake()[at:])
            assert (await connection.response()).status == 101
            connection.send(close_frame(1000))
            assert (await connection.frame()).code == 1000

    await asyncio.gather(*(split(at) for at in range(1, len(handshake()))))


async def test_frames_behind_the_handshake_are_taken(service):
    listener = await join(service.hub, "/channels/behind")
    speaker = await join(service.hub, "/channels/behind",
                         behind=frame(TEXT, "early") + frame(PING, "and a ping"))
    assert await listener.message() == b"early"
    assert (await speaker.frame()).payload == b"and a ping"
    speaker.send(close_frame(1000))
    assert await speaker.closed_with() == 1000
    listener.writer.close()


# ---- frames ----------------------------------------------------------------------------------------

BAD_FRAMES = [
    (1002, "not masked", frame(TEXT, "hello", mask=None)),
    (1002, "empty, not masked", frame(TEXT, "", mask=None)),
    (1002, "reserved bit 1", frame(TEXT, "hello", reserved=4)),
    (1002, "reserved bit 2", frame(TEXT, "hello", reserved=2)),
    (1002, "reserved bit 3", frame(BINARY, "hello", reserved=1)),
    (1002, "reserved bit of a ping", frame(PING, "", reserved=4)),
    *[(1002, f"opcode {opcode}", frame(opcode, "")) for opcode in (3, 4, 5, 6, 7, 11, 12, 15)],
    (1002, "fragmented ping", frame(PING, "a", final=False)),
    (1002, "fragmented close", frame(CLOSE, b"\x03\xe8", final=False)),
    (1002, "ping of 126", frame(PING, "a" * 126)),
    (1002, "pong of 126", frame(PONG, "a" * 126)),
    (1002, "close of 126", frame(CLOSE, b"\x03\xe8" + b"a" * 124)),
    (1002, "continuation of nothing", frame(CONTINUATION, "a")),
    (1002, "message in a message", frame(TEXT, "a", final=False) + frame(TEXT, "b")),
    (1002, "binary in a text", frame(TEXT, "a", final=False) + frame(BINARY, "b")),
    (1002, "length 5 in 2 bytes", b"\x81\xfe\x00\x05" + b"\0" * 9),
    (1002, "length 300 in 8 bytes", b"\x82\xff" + (300).to_bytes(8, "big") + b"\0" * 4),
    (1002, "length with the top bit", b"\x82\xff" + b"\xff" * 8 + b"\0" * 4),
    (1002, "close of one byte", frame(CLOSE, b"\x03")),
    *[(1002, f"close with {code}", close_frame(code)) for code in
      (0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535)],
    (1007, "close with a reason that is not UTF-8", frame(CLOSE, b"\x03\xe8\xff")),
    (1007, "text that is not UTF-8", frame(TEXT, b"\xff")),
    (1007, "overlong", frame(TEXT, b"\xc0\xaf")),
    (1007, "surrogate", frame(TEXT, b"\xed\xa0\x80")),
    (1007, "beyond U+10FFFF", frame(TEXT, b"\xf4\x90\x80\x80")),
    (1007, "cut at the end", frame(TEXT, b"abc\xe2\x82")),
    (1007, "cut at the end of the last fragment",
     frame(TEXT, b"abc", final=False) + frame(CONTINUATION, b"\xf0\x9f")),
    (1007, "bad across fragments",
     frame(TEXT, b"\xe2\x82", final=False) + frame(CONTINUATION, b"abc", final=False)),
    (1009, "one byte too many", frame(BINARY, b"a" * (MAX_MESSAGE + 1))),
    (1009, "too many in fragments", frame(BINARY, b"a" * 40000, final=False) +
     frame(CONTINUATION, b"a" * 25537)),
]

AT_ONCE = [  # nothing more may be needed: the rest of the frame never comes
    (1002, "unmasked header", b"\x81\x05"),
    (1002, "header of a bad opcode", b"\x83"),
    (1002, "header of a long ping", b"\x89\xfe"),
    (1007, "bad byte at the start of a long text",
     frame(TEXT, b"\xff" + b"a" * 1000)[:9]),
    (1007, "bad byte within a long text", frame(TEXT, b"good\xc3\x28" + b"a" * 60000)[:20]),
    (1009, "header of a large message", frame(BINARY, b"", length=MAX_MESSAGE + 1)[:14]),
    (1009, "header of an immense message", frame(BINARY, b"", length=2 ** 62)[:14]),
    (1009, "header of a fragment too many",
     frame(BINARY, b"a" * 40000, final=False) + frame(CONTINUATION, b"a" * 25537)[:8]),
]


@pytest.mark.parametrize("code, data", [row[::2] for row in BAD_FRAMES + AT_ONCE],
                         ids=[row[1] for row in BAD_FRAMES + AT_ONCE])
async def test_bad_frame(service, code, data):
    connection = await join(service.hub, "/channels/bad")
    listener = await join(service.hub, "/channels/bad")
    connection.send(data)
    assert await connection.closed_with() == code
    listener.send(close_frame(1000))
    assert await listener.closed_with() == 1000  # and nothing came before


async def test_the_same_bad_frames_a_byte_at_a_time(service):
    async def refuse(code, data):
        connection = await join(service.hub, "/channels/bad")
        for byte in data:
            connection.send(bytes([byte]))
            await asyncio.sleep(0)
        assert await connection.closed_with() == code

    await asyncio.gather(*(refuse(row[0], row[2]) for row in BAD_FRAMES + AT_ONCE
                           if len(row[2]) < 400))


async def test_the_largest_message_passes(service):
    listener, speaker = [await join(service.hub, "/channels/large") for _ in range(2)]
    speaker.send(frame(BINARY, b"a" * MAX_MESSAGE))
    assert await listener.message() == b"a" * MAX_MESSAGE
    listener.writer.close()
    speaker.writer.close()


async def test_fragments_with_pings_between(service):
    listener, speaker = [await join(service.hub, "/channels/fragments") for _ in range(2)]
    text = "Grüße 😀".encode()
    speaker.send(frame(TEXT, b"", final=False), frame(PING, "one"))
    for at in range(len(text)):  # characters are split, too
        speaker.send(frame(CONTINUATION, text[at:at + 1], final=False), frame(PONG, "nobody asked"))
    speaker.send(frame(PING, "two"), frame(CONTINUATION, b""))
    assert [(await speaker.frame()).payload for _ in range(2)] == [b"one", b"two"]
    received = await listener.frame()
    assert (received.final, received.opcode, received.payload) == (True, TEXT, text)
    listener.writer.close()
    speaker.writer.close()


async def test_pings_are_answered_with_their_payload(service):
    connection = await join(service.hub)
    for payload in (b"", b"\x00\xff", b"p" * 125):
        connection.send(frame(PING, payload))
        pong = await connection.frame()
        assert (pong.opcode, pong.payload, pong.final) == (PONG, payload, True)
    connection.writer.close()


async def test_a_flood_of_pings_is_answered_in_order(service):
    connection = await join(service.hub)
    for number in range(5000):
        connection.send(frame(PING, struct.pack("!I", number)))
    for number in range(5000):
        assert (await connection.frame()).payload == struct.pack("!I", number)
    connection.writer.close()


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013,
                                  1014, 3000, 3999, 4000, 4999])
async def test_a_close_is_answered_with_its_code(service, code):
    connection = await join(service.hub)
    connection.send(close_frame(code, "because"))
    assert await connection.closed_with() == code


async def test_an_empty_close_is_answered_with_an_empty_one(service):
    connection = await join(service.hub)
    connection.send(frame(CLOSE))
    closing = await connection.frame()
    assert (closing.opcode, closing.payload) == (CLOSE, b"")
    assert await connection.end() == b""
    connection.writer.close()


async def test_what_comes_behind_a_close_is_ignored(service):
    listener, speaker = [await join(service.hub, "/channels/behind-close") for _ in range(2)]
    speaker.send(frame(TEXT, "before"), close_frame(1000), frame(TEXT, "behind"), b"\xff\xff\xff")
    assert await speaker.closed_with() == 1000
    assert await listener.message() == b"before"
    listener.send(close_frame(1000))
    assert await listener.closed_with() == 1000


async def test_a_half_closed_speaker_is_still_heard(service):
    listener, speaker = [await join(service.hub, "/channels/half") for _ in range(2)]
    speaker.send(frame(TEXT, "my last words"))
    speaker.end_sending()
    assert await listener.message() == b"my last words"
    assert await speaker.end() == b""
    listener.writer.close()
    speaker.writer.close()


async def test_a_reset_is_survived(service):
    before = await service.metric("ringcast_clients_total")
    for _ in range(20):
        connection = await join(service.hub, "/channels/reset")
        connection.send(frame(TEXT, b"x" * 1000), frame(TEXT, b"half")[:5])
        connection.abort()

    async def all_gone():
        metrics = await service.metrics()
        return metrics["ringcast_clients"] == 0 and metrics["ringcast_clients_total"] == before + 20

    await eventually(all_gone)


# ---- time ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nHost:"], ids=["silent", "half a head"])
async def test_a_slow_handshake_is_ended(impatient, begun):
    async with await Connection.open(impatient.hub) as connection:
        connection.send(begun)
        if begun:
            assert (await connection.response()).status == 408
        assert await connection.end() == b""


async def test_a_dripping_handshake_is_ended(impatient):
    """The time counts for the whole head, not for each byte of it."""
    async def drip(connection):
        for byte in b"GET / HTTP/1.1\r\nA: " + b"a" * 8000:
            connection.send(bytes([byte]))
            await asyncio.sleep(0.01)

    async with await Connection.open(impatient.hub) as connection:
        dripping = asyncio.create_task(drip(connection))
        assert (await connection.response()).status == 408
        assert not dripping.done()
        dripping.cancel()


async def test_no_pong_ends_the_connection(impatient):
    connection = await join(impatient.hub)
    assert (await connection.frame()).opcode == PING
    assert await connection.closed_with() == 1011


async def test_pongs_keep_the_connection(impatient):
    connection = await join(impatient.hub)
    for _ in range(5):
        ping = await connection.frame()
        assert ping.opcode == PING
        connection.send(frame(PONG, ping.payload))
    connection.send(close_frame(1000))
    while (closing := await connection.frame()).opcode == PING:
        pass
    assert (closing.opcode, closing.code) == (CLOSE, 1000)
    connection.writer.close()


async def test_who_never_answers_a_close_is_cut_off(impatient):
    connection = await join(impatient.hub, "/channels/news")
    connection.send(frame(TEXT, "not mine to say"))
    assert (await connection.frame()).code == 1008
    assert await connection.end() == b""
    assert await impatient.metric(
        'ringcast_client_closes_total{reason="publish_not_allowed"}') == 1
    connection.writer.close()


# ---- plain HTTP ------------------------------------------------------------------------------------

PAGE = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def test_the_page(service):
    response = await http_get(service.hub, "/")
    assert response.status == 200
    assert response.fields["content-type"] == "text/html; charset=utf-8"
    assert b"<title>ringcast</title>" in response.body


async def test_head_has_the_fields_of_get_and_no_body(service):
    page = await http_get(service.hub, "/")
    async with await Connection.open(service.hub) as connection:
        connection.send(PAGE.replace(b"GET", b"HEAD"), PAGE)
        head, get = await connection.response("HEAD"), await connection.response()
    assert head.status == 200
    assert head.fields["content-length"] == str(len(page.body))
    assert get.body == page.body


async def test_many_requests_on_one_connection(service):
    async with await Connection.open(service.hub) as connection:
        for _ in range(50):
            connection.send(PAGE)
            response = await connection.response()
            assert response.status == 200
            assert response.fields.get("connection", "keep-alive") != "close"


async def test_pipelined_requests_are_answered_in_order(service):
    async with await Connection.open(service.hub) as connection:
        connection.send(*[PAGE, PAGE.replace(b"GET", b"HEAD"),
                          b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"])
        assert (await connection.response()).status == 200
        assert (await connection.response("HEAD")).status == 200
        assert (await connection.response()).status == 405


async def test_fifty_pipelined_requests_and_an_upgrade(service):
    async with await Connection.open(service.hub) as connection:
        connection.send(PAGE * 50, handshake(), frame(PING, "here"))
        for _ in range(50):
            assert (await connection.response()).status == 200
        assert (await connection.response()).status == 101
        assert (await connection.frame()).payload == b"here"


@pytest.mark.parametrize("request_bytes", [
    b"GET / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"],
    ids=["HTTP/1.0", "Connection: close"])
async def test_a_connection_that_is_not_kept(service, request_bytes):
    async with await Connection.open(service.hub) as connection:
        connection.send(request_bytes)
        assert (await connection.response()).status == 200
        assert await connection.end() == b""


async def test_a_request_whose_sender_has_ended_its_side_is_answered(service):
    async with await Connection.open(service.hub) as connection:
        connection.send(PAGE)
        connection.end_sending()
        assert (await connection.response()).status == 200
        assert await connection.end() == b""
