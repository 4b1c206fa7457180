"""
RFC 6455 and RFC 7692, case by case, against an echo channel: every way to fragment, every opcode and
reserved bit, every close code, texts that are not UTF-8, limits, and compression in both directions.
"""

import asyncio
import random
import struct
import zlib

import pytest
import websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from support.process import PATIENCE
from support.service import start_service
from support.wire import (BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, close_frame, frame, join)

MAX_MESSAGE = 1 << 20


@pytest.fixture(scope="module")
def service(shared_processes):
    return start_service(shared_processes, {"workers": 2, "hub": {
        "max_message": MAX_MESSAGE, "close_timeout": "60s", "ping_interval": 0,
        "channels": {"*": {"publish": "anyone", "echo": True}}}})


def fresh_channel(numbers=iter(range(10 ** 9))):
    """Each case has a channel for itself, at home on either worker."""
    return f"/channels/case-{next(numbers)}"


async def converse(service, *pieces, **changes):
    connection = await join(service.hub, fresh_channel(), **changes)
    connection.send(*pieces)
    return connection


async def expect_failure(service, code, *pieces, **changes):
    """The server says why it closes, and then ends the connection in order."""
    connection = await converse(service, *pieces, **changes)
    closing = await connection.frame()
    while closing.opcode != CLOSE:
        closing = await connection.frame()
    assert closing.code == code, closing
    assert closing.final and closing.reserved == 0 and len(closing.payload) <= 125
    closing.payload[2:].decode()
    assert await connection.end() == b""
    connection.writer.close()


async def leave(connection):
    connection.send(close_frame(1000))
    assert (await connection.frame()).code == 1000
    assert await connection.end() == b""
    connection.writer.close()


# ---- messages and their lengths --------------------------------------------------------------------

LENGTHS = [0, 1, 125, 126, 127, 128, 65535, 65536, 65537, 131072, MAX_MESSAGE]


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("size", LENGTHS)
async def test_message_of_any_length(service, opcode, size):
    payload = b"*" * size
    connection = await converse(service, frame(opcode, payload))
    echo = await connection.frame()
    assert (echo.final, echo.reserved, echo.opcode, echo.payload) == (True, 0, opcode, payload)
    await leave(connection)


@pytest.mark.parametrize("chop", [1, 997, 4096])
async def test_bytes_in_any_pieces(service, chop):
    payload = bytes(random.Random(chop).randbytes(3000 if chop == 1 else 200000))
    data = frame(BINARY, payload) + frame(TEXT, "second")
    connection = await converse(service)
    for start in range(0, len(data), chop):
        connection.send(data[start:start + chop])
        await asyncio.sleep(0)
    assert await connection.message() == payload
    assert await connection.message() == b"second"
    await leave(connection)


async def test_a_thousand_messages_in_order(service):
    connection = await converse(service, *(frame(TEXT, f"{i}") for i in range(1000)))
    for i in range(1000):
        assert await connection.message() == str(i).encode()
    await leave(connection)


LONG_FORMS = [b"\x81\xfe\x00\x05" + b"\0\0\0\0hello",               # 2 bytes for 5
              b"\x81\xff" + struct.pack("!Q", 200) + b"\0\0\0\0",  # 8 bytes for 200
              b"\x81\xff" + struct.pack("!Q", 1 << 63) + b"\0\0\0\0"]


@pytest.mark.parametrize("form", LONG_FORMS, ids=["2 bytes", "8 bytes", "the top bit"])
async def test_length_not_in_its_shortest_form(service, form):
    await expect_failure(service, 1002, form)


async def test_declared_length_is_judged_before_it_arrives(service):
    await expect_failure(service, 1009, frame(BINARY, b"", length=MAX_MESSAGE + 1))
    await expect_failure(service, 1009, frame(BINARY, b"", length=(1 << 63) - 1))


async def test_frames_without_a_mask(service):
    for opcode in (TEXT, BINARY, PING, CLOSE):
        await expect_failure(service, 1002, frame(opcode, b"", mask=b""))


@pytest.mark.parametrize("mask", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x01\x02\x03\x04"])
async def test_any_mask(service, mask):
    connection = await converse(service, frame(TEXT, "masked" * 50, mask=mask))
    assert await connection.message() == b"masked" * 50
    await leave(connection)


# ---- fragments -------------------------------------------------------------------------------------

def fragments(opcode, *pieces):
    last = len(pieces) - 1
    return b"".join(frame(opcode if i == 0 else CONTINUATION, piece, final=i == last)
                    for i, piece in enumerate(pieces))


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("pieces", [
    ["", ""], ["", "", ""], ["a", ""], ["", "a"], ["frag", "ment"], ["a"] * 200,
    ["x" * 70000, "y" * 70000], ["", "middle", ""],
], ids=["empty twice", "empty thrice", "empty end", "empty start", "two", "many", "large", "middle"])
async def test_fragments_become_one_message(service, opcode, pieces):
    connection = await converse(service, fragments(opcode, *pieces))
    echo = await connection.frame()
    assert echo.final and echo.opcode == opcode
    assert echo.payload == "".join(pieces).encode()
    await leave(connection)


async def test_control_frames_between_fragments(service):
    connection = await converse(
        service, frame(TEXT, "one ", final=False), frame(PING, b"1"),
        frame(CONTINUATION, "two ", final=False), frame(PONG, b"unasked"), frame(PING, b"2"),
        frame(CONTINUATION, "three"))
    assert (await connection.frame()).payload == b"1"
    assert (await connection.frame()).payload == b"2"
    assert await connection.message() == b"one two three"
    await leave(connection)


BROKEN_FRAGMENTS = {
    "continuation of nothing": frame(CONTINUATION, "x"),
    "unfinished continuation of nothing": frame(CONTINUATION, "x", final=False),
    "continuation behind a message": frame(TEXT, "whole") + frame(CONTINUATION, "x"),
    "text within a message": frame(TEXT, "x", final=False) + frame(TEXT, "y"),
    "binary within a message": frame(TEXT, "x", final=False) + frame(BINARY, "y"),
    "fragmented text within a message": frame(BINARY, "x", final=False) +
                                        frame(TEXT, "y", final=False),
    "fragmented ping": frame(PING, "x", final=False),
    "fragmented pong": frame(PONG, "x", final=False),
    "fragmented close": frame(CLOSE, b"\x03\xe8", final=False),
}


@pytest.mark.parametrize("pieces", BROKEN_FRAGMENTS.values(), ids=BROKEN_FRAGMENTS.keys())
async def test_fragments_out_of_order(service, pieces):
    await expect_failure(service, 1002, pieces)


async def test_fragments_over_the_limit_together(service):
    half = b"x" * (MAX_MESSAGE // 2)
    await expect_failure(service, 1009, frame(BINARY, half, final=False),
                         frame(CONTINUATION, half, final=False), frame(CONTINUATION, b"x"))


# ---- reserved bits and opcodes ---------------------------------------------------------------------

@pytest.mark.parametrize("reserved", range(1, 8))
@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, PONG, CLOSE])
async def test_reserved_bits(service, reserved, opcode):
    await expect_failure(service, 1002, frame(opcode, b"", reserved=reserved))


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
async def test_reserved_opcodes(service, opcode):
    for payload in (b"", b"x"):
        await expect_failure(service, 1002, frame(opcode, payload))
    await expect_failure(service, 1002, frame(TEXT, "x", final=False), frame(opcode, b""))


# ---- pings and pongs -------------------------------------------------------------------------------

@pytest.mark.parametrize("payload", [b"", b"hello", bytes(range(125)), b"\xff" * 125])
async def test_pong_repeats_the_ping(service, payload):
    connection = await converse(service, frame(PING, payload))
    pong = await connection.frame()
    assert (pong.opcode, pong.final, pong.payload) == (PONG, True, payload)
    await leave(connection)


async def test_unasked_pongs_are_ignored(service):
    connection = await converse(service, frame(PONG), frame(PONG, b"x" * 125), frame(TEXT, "on"))
    assert await connection.message() == b"on"
    await leave(connection)


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
async def test_control_frames_over_125_bytes(service, opcode):
    for size in (126, 65536):
        await expect_failure(service, 1002, frame(opcode, b"\x03\xe8" + b"x" * (size - 2)))


async def test_a_hundred_pings(service):
    connection = await converse(service, *(frame(PING, str(i).encode()) for i in range(100)))
    for i in range(100):
        assert (await connection.frame()).payload == str(i).encode()
    await leave(connection)


# ---- UTF-8 -----------------------------------------------------------------------------------------

GOOD_TEXTS = ["κόσμε", "Hello-µ@ßöäüàá-UTF-8!!", "\0", "\U00010000", "\U0010ffff", "\ufffe\uffff",
              "\ud7ff\ue000", "日本語" * 1000]


@pytest.mark.parametrize("text", GOOD_TEXTS)
async def test_text_cut_between_any_bytes(service, text):
    data = text.encode()[:60]
    data = data.decode(errors="ignore").encode()
    connection = await converse(service, frame(TEXT, text),
                                fragments(TEXT, *(data[i:i + 1] for i in range(len(data)))))
    assert await connection.message() == text.encode()
    assert await connection.message() == data
    await leave(connection)


BAD_TEXTS = [b"\x80", b"\xbf", b"\xc0\x80", b"\xc1\xbf", b"\xc2", b"\xe0\x80\x80", b"\xe0\x9f\xbf",
             b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xe2\x82", b"\xf0\x80\x80\x80", b"\xf0\x8f\xbf\xbf",
             b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xfe", b"\xff",
             b"\xed\xa0\xbd\xed\xb8\x80", b"hello \xce\xba\xe1\xbd\xb9\xcf\x83\xed\xa0\x80edited"]


@pytest.mark.parametrize("text", BAD_TEXTS, ids=[text.hex() for text in BAD_TEXTS])
async def test_text_that_is_not_utf8(service, text):
    await expect_failure(service, 1007, frame(TEXT, text))
    await expect_failure(service, 1007, frame(TEXT, b"ok", final=False), frame(CONTINUATION, text))


async def test_bad_text_fails_at_its_first_bad_byte(service):
    """Neither the rest of the frame nor the rest of the message is waited for."""
    await expect_failure(service, 1007, frame(TEXT, b"ok \xf4\x90", length=100))
    await expect_failure(service, 1007, frame(TEXT, b"\xce\xba", final=False),
                         frame(CONTINUATION, b"\xf4\x90", final=False))
    await expect_failure(service, 1007, frame(TEXT, b"\xed", final=False),
                         frame(CONTINUATION, b"\xa0", final=False))


async def test_binary_may_be_anything(service):
    connection = await converse(service, *(frame(BINARY, text) for text in BAD_TEXTS))
    for text in BAD_TEXTS:
        assert await connection.message() == text
    await leave(connection)


# ---- closing ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013,
                                  1014, 3000, 3999, 4000, 4999])
async def test_close_codes_that_are_answered(service, code):
    connection = await converse(service, close_frame(code, "reason"))
    assert (await connection.frame()).code == code
    assert await connection.end() == b""
    connection.writer.close()


@pytest.mark.parametrize("code", [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000,
                                  65535])
async def test_close_codes_that_no_frame_may_carry(service, code):
    await expect_failure(service, 1002, close_frame(code))


async def test_close_frames_with_odd_payloads(service):
    connection = await converse(service, frame(CLOSE))
    assert (await connection.frame()).payload == b""
    assert await connection.end() == b""
    connection.writer.close()
    await expect_failure(service, 1002, frame(CLOSE, b"\x03"))
    await expect_failure(service, 1007, frame(CLOSE, b"\x03\xe8\xff"))
    connection = await converse(service, close_frame(1000, "r" * 123))
    assert (await connection.frame()).code == 1000
    connection.writer.close()


async def test_nothing_is_read_behind_a_close(service):
    connection = await converse(service, close_frame(1000), frame(TEXT, "late"), frame(PING, "late"),
                                b"\xff" * 1000)
    assert (await connection.frame()).code == 1000
    assert await connection.end() == b""
    connection.writer.close()


async def test_a_close_within_a_fragmented_message(service):
    connection = await converse(service, frame(TEXT, "x", final=False), close_frame(1000))
    assert (await connection.frame()).code == 1000
    assert await connection.end() == b""
    connection.writer.close()


# ---- permessage-deflate: negotiation ---------------------------------------------------------------

OFFERS = [
    ("permessage-deflate", "permessage-deflate; server_no_context_takeover"),
    ("permessage-deflate; client_max_window_bits",
     "permessage-deflate; server_no_context_takeover; client_max_window_bits=12"),
    ("permessage-deflate; client_no_context_takeover; server_max_window_bits=8",
     "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
     "server_max_window_bits=8"),
    ("permessage-deflate; server_max_window_bits=99, permessage-deflate; client_max_window_bits=10",
     "permessage-deflate; server_no_context_takeover; client_max_window_bits=10"),
    ("permessage-deflate; nonsense", None),
    ("permessage-deflate; server_max_window_bits", None),
    ("permessage-bzip2", None),
]


@pytest.mark.parametrize("offer, answer", OFFERS)
async def test_offers(service, offer, answer):
    from support.wire import Connection, handshake
    async with await Connection.open(service.hub) as connection:
        connection.send(handshake(fresh_channel(), Sec_WebSocket_Extensions=offer))
        response = await connection.response()
        assert response.status == 101
        assert response.fields.get("sec-websocket-extensions") == answer


# ---- permessage-deflate: messages ------------------------------------------------------------------

TAIL = b"\x00\x00\xff\xff"


class Deflate:
    """A client's side of the extension, by zlib."""

    def __init__(self, bits=15, takeover=True, level=6):
        self.new = lambda: zlib.compressobj(level, wbits=-bits)
        self.takeover = takeover
        self.compressor = self.new()

    def __call__(self, payload):
        if not self.takeover:
            self.compressor = self.new()
        data = self.compressor.compress(payload) + self.compressor.flush(zlib.Z_SYNC_FLUSH)
        assert data.endswith(TAIL)
        return data[:-4]


def inflated(echo, bits=12):
    """Every message by itself, within the window that was agreed."""
    if not echo.reserved:
        return echo.payload
    assert echo.reserved == 4
    return zlib.decompressobj(wbits=-bits).decompress(echo.payload + TAIL)


EXTENSION = {"Sec_WebSocket_Extensions": "permessage-deflate"}
TEXTS = [b"", b"x", b"Hello" * 20, bytes(random.Random(7).choices(b"etaoin shrdlu", k=100000)),
         b"\xe2\x82\xac" * 40000]


@pytest.mark.parametrize("bits, takeover", [(15, True), (15, False), (9, True), (9, False)])
async def test_compressed_messages_both_ways(service, bits, takeover):
    offer = f"permessage-deflate; client_max_window_bits={bits}"
    if not takeover:
        offer += "; client_no_context_takeover"
    deflate = Deflate(min(bits, 12), takeover)
    connection = await converse(service, Sec_WebSocket_Extensions=offer)
    for text in TEXTS * 3:
        connection.send(frame(TEXT, deflate(text), reserved=4))
        echo = await connection.frame()
        assert echo.opcode == TEXT and inflated(echo) == text
        assert len(echo.payload) < max(len(text), 33)
    await leave(connection)


async def test_a_wide_window_is_kept_where_none_was_agreed(service):
    """Without client_max_window_bits the client may refer back 32 KiB."""
    noise = random.Random(1).randbytes(30000)
    deflate = Deflate(15)
    connection = await converse(service, **EXTENSION)
    for _ in range(4):
        compressed = deflate(noise)
        connection.send(frame(BINARY, compressed, reserved=4))
        assert inflated(await connection.frame()) == noise
    assert len(compressed) < 1000
    await leave(connection)


async def test_compressed_fragments_and_control_frames_between(service):
    compressed = Deflate()(TEXTS[3])
    third = len(compressed) // 3
    connection = await converse(
        service, frame(TEXT, compressed[:third], final=False, reserved=4), frame(PING, b"1"),
        frame(CONTINUATION, compressed[third:2 * third], final=False),
        frame(CONTINUATION, compressed[2 * third:]), **EXTENSION)
    assert (await connection.frame()).payload == b"1"
    assert inflated(await connection.frame()) == TEXTS[3]
    await leave(connection)


async def test_plain_messages_remain_allowed(service):
    connection = await converse(service, frame(TEXT, "plain"),
                                frame(TEXT, Deflate()(b"compressed"), reserved=4),
                                frame(BINARY, b"\xff"), **EXTENSION)
    for expected in (b"plain", b"compressed", b"\xff"):
        assert inflated(await connection.frame()) == expected
    await leave(connection)


async def test_examples_of_the_rfc(service):
    examples = [b"\xf2\x48\xcd\xc9\xc9\x07\x00", b"\xf2\x00\x11\x00\x00",
                b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00",
                b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"]
    connection = await converse(service, *(frame(TEXT, example, reserved=4) for example in examples),
                                **EXTENSION)
    for _ in examples:
        assert inflated(await connection.frame()) == b"Hello"
    await leave(connection)


async def test_a_narrow_server_window_is_kept(service):
    """It is never compressed for who allows less than our window, which the extension allows."""
    connection = await converse(service, frame(TEXT, TEXTS[3]), Sec_WebSocket_Extensions=
                                "permessage-deflate; server_max_window_bits=9")
    echo = await connection.frame()
    assert echo.reserved == 0 and echo.payload == TEXTS[3]
    await leave(connection)


BAD_COMPRESSED = {
    "not deflated": (1002, frame(TEXT, b"\xff\xff\xff\xff", reserved=4)),
    "cut short": (1002, frame(TEXT, Deflate()(b"Hello" * 100)[:-2], reserved=4)),
    "not UTF-8 inside": (1007, frame(TEXT, Deflate()(b"ok \xff"), reserved=4)),
    "cut UTF-8 inside": (1007, frame(TEXT, Deflate()(b"ok \xe2\x82"), reserved=4)),
    "too large inside": (1009, frame(BINARY, Deflate()(b"x" * (MAX_MESSAGE + 1)), reserved=4)),
    "RSV1 in a continuation": (1002, frame(TEXT, b"x", final=False, reserved=4) +
                               frame(CONTINUATION, b"x", reserved=4)),
    "RSV1 in a ping": (1002, frame(PING, b"x", reserved=4)),
    "RSV2": (1002, frame(TEXT, b"x", reserved=2)),
    "RSV1 and RSV3": (1002, frame(TEXT, b"x", reserved=5)),
}


@pytest.mark.parametrize("code, pieces", BAD_COMPRESSED.values(), ids=BAD_COMPRESSED.keys())
async def test_compressed_messages_that_are_refused(service, code, pieces):
    await expect_failure(service, code, pieces, **EXTENSION)


# ---- a real client ---------------------------------------------------------------------------------

SIZES = [16, 64, 256, 1024, 4096, 8192, 16384, 32768, 65536, 131072]


def extensions_of(client):
    """What was agreed; newer versions of the library keep it in the protocol."""
    return (client if hasattr(client, "extensions") else client.protocol).extensions


@pytest.mark.parametrize("factory", [
    ClientPerMessageDeflateFactory(),
    ClientPerMessageDeflateFactory(client_max_window_bits=True),
    ClientPerMessageDeflateFactory(server_max_window_bits=9, client_max_window_bits=9),
    ClientPerMessageDeflateFactory(server_max_window_bits=15, client_max_window_bits=15),
    ClientPerMessageDeflateFactory(server_no_context_takeover=True,
                                   client_no_context_takeover=True),
], ids=["plain", "bits", "narrow", "wide", "no takeover"])
async def test_python_websockets_compressed(service, factory):
    async with websockets.connect(service.url(fresh_channel()), compression=None,
                                  extensions=[factory], max_size=None) as client:
        assert [extension.name for extension in extensions_of(client)] == ["permessage-deflate"]
        for size in SIZES:
            for text in ("{\"key\": \"value\"}" * (size // 16), random.Random(size).randbytes(size)):
                await client.send(text)
                assert await asyncio.wait_for(client.recv(), PATIENCE) == text


async def test_python_websockets_compressed_and_plain_hear_the_same(service):
    path = fresh_channel()
    async with websockets.connect(service.url(path)) as compressed, \
            websockets.connect(service.url(path), compression=None) as plain:
        for i in range(50):
            text = f"message {i} " * (i + 1)
            await (plain if i % 2 else compressed).send(text)
            assert await asyncio.wait_for(compressed.recv(), PATIENCE) == text
            assert await asyncio.wait_for(plain.recv(), PATIENCE) == text


async def test_compression_can_be_switched_off(shared_processes):
    service = start_service(shared_processes, {"hub": {"compression": False}})
    async with websockets.connect(service.url()) as client:
        assert list(extensions_of(client)) == []
