"""HTTP and WebSocket by hand, a byte at a time where a test wants that."""

import asyncio
import base64
import hashlib
import struct
from dataclasses import dataclass

from support.process import PATIENCE

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MASK = b"\x37\xfa\x21\x3d"
KEY = base64.b64encode(b"sixteen bytes...").decode()
ACCEPT = base64.b64encode(
    hashlib.sha1(KEY.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()


def masked(payload, mask=MASK):
    """XOR with the repeated mask, by way of one large number."""
    size = len(payload)
    pattern = (mask * (size // 4 + 1))[:size]
    number = int.from_bytes(payload, "big") ^ int.from_bytes(pattern, "big")
    return number.to_bytes(size, "big")


def frame(opcode, payload=b"", *, final=True, reserved=0, mask=MASK, length=None):
    """One frame as a client sends it. `length` says another length than the payload has."""
    payload = payload.encode() if isinstance(payload, str) else payload
    size = len(payload) if length is None else length
    first = (0x80 if final else 0) | reserved << 4 | opcode
    bit = 0x80 if mask else 0
    if size <= 125:
        head = struct.pack("!BB", first, bit | size)
    elif size <= 0xFFFF:
        head = struct.pack("!BBH", first, bit | 126, size)
    else:
        head = struct.pack("!BBQ", first, bit | 127, size)
    return head + (mask + masked(payload, mask) if mask else payload)


def close_frame(code, reason=""):
    return frame(CLOSE, struct.pack("!H", code) + reason.encode())


def handshake(path="/", **changes):
    """An upgrade request. changes: field names with `_` for `-`; None leaves a field out."""
    fields = {"Host": "localhost", "Upgrade": "websocket", "Connection": "Upgrade",
              "Sec-WebSocket-Key": KEY, "Sec-WebSocket-Version": "13"}
    fields.update({name.replace("_", "-"): value for name, value in changes.items()})
    lines = [f"{name}: {value}\r\n" for name, value in fields.items() if value is not None]
    return f"GET {path} HTTP/1.1\r\n{''.join(lines)}\r\n".encode()


@dataclass
class Response:
    status: int
    fields: dict  # names in lower case
    body: bytes


@dataclass
class Frame:
    final: bool
    reserved: int
    opcode: int
    payload: bytes
    raw: bytes

    @property
    def code(self):
        """A close frame's code; None for an empty one."""
        return struct.unpack("!H", self.payload[:2])[0] if self.payload else None


def frame_bounds(data, at):
    """Where the payload of the frame at `at` begins and ends; None if its header is not whole."""
    size, begin = data[at + 1] & 0x7F, at + 2
    if size == 126:
        size, begin = int.from_bytes(data[at + 2:at + 4], "big"), at + 4
    elif size == 127:
        size, begin = int.from_bytes(data[at + 2:at + 10], "big"), at + 10
    return (begin, begin + size) if begin <= len(data) else None


def split_frames(data, at=0):
    """All whole frames from `at` on: (opcode, payload) each, and where what is left over begins."""
    frames = []
    while len(data) - at >= 2:
        bounds = frame_bounds(data, at)
        if bounds is None or bounds[1] > len(data):
            break
        frames.append((data[at] & 0x0F, bytes(data[bounds[0]:bounds[1]])))
        at = bounds[1]
    return frames, at


class Connection:
    """A TCP connection with a deadline on every wait."""

    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, address):
        return cls(*await asyncio.wait_for(asyncio.open_connection(*address), PATIENCE))

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self.writer.close()

    def send(self, *pieces):
        self.writer.write(b"".join(pieces))

    async def drain(self):
        await asyncio.wait_for(self.writer.drain(), PATIENCE)

    def end_sending(self):
        self.writer.write_eof()

    def abort(self):
        self.writer.transport.abort()

    async def exactly(self, size):
        return await asyncio.wait_for(self.reader.readexactly(size), PATIENCE)

    async def response(self, to="GET"):
        """The next HTTP response; the one to a HEAD has no body, whatever its length says."""
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), PATIENCE)
        status_line, *lines = head.decode("latin-1").split("\r\n")[:-2]
        fields = {name.lower(): value.strip() for name, _, value in
                  (line.partition(":") for line in lines)}
        assert status_line.startswith("HTTP/1.1 "), status_line
        length = 0 if to == "HEAD" else int(fields.get("content-length", 0))
        return Response(int(status_line.split()[1]), fields, await self.exactly(length))

    async def frame(self):
        """The next frame, which must not be masked (RFC 6455 section 5.1)."""
        raw = await self.exactly(2)
        assert raw[1] & 0x80 == 0, "a server's frame is masked"
        size = raw[1]
        if size >= 126:
            extra = await self.exactly(2 if size == 126 else 8)
            raw, size = raw + extra, int.from_bytes(extra, "big")
        payload = await self.exactly(size)
        return Frame(bool(raw[0] & 0x80), raw[0] >> 4 & 7, raw[0] & 0x0F, payload, raw + payload)

    async def message(self):
        """The payload of the next frame, which must be a text or binary message of one frame."""
        frame = await self.frame()
        assert frame.final and frame.reserved == 0 and frame.opcode in (TEXT, BINARY), frame
        return frame.payload

    async def end(self):
        """What still comes until the peer ends its side, in order."""
        return await asyncio.wait_for(self.reader.read(), PATIENCE)

    async def closed_with(self):
        """The next frame must be a close, answered here, and then the end. Returns the code."""
        closing = await self.frame()
        assert closing.opcode == CLOSE, closing
        self.send(frame(CLOSE, closing.payload[:2]))
        assert await self.end() == b""
        self.writer.close()
        return closing.code


async def join(address, path="/", behind=b"", **changes):
    """A WebSocket connection, after its handshake. `behind` is sent in the same segment."""
    connection = await Connection.open(address)
    connection.send(handshake(path, **changes), behind)
    response = await connection.response()
    assert response.status == 101, (response.status, response.body)
    assert response.fields["sec-websocket-accept"] == ACCEPT
    return connection


class Listener(asyncio.Protocol):
    """
    One of many WebSocket clients: keeps every byte that comes behind the handshake, answers pings
    and the close frame, and does nothing else, so that a thousand of them cost little.
    """

    def __init__(self, path="/"):
        self.path = path
        self.data = bytearray()
        self.seen = 0  # up to where frames were looked at
        self.size_wanted = 0
        self.joined = asyncio.get_running_loop().create_future()
        self.enough = None
        self.close_code = None
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport = transport
        transport.write(handshake(self.path))

    def data_received(self, data):
        self.data += data
        if not self.joined.done():
            self.finish_handshake()
        self.look_for_control_frames()
        if self.enough is not None and len(self.data) >= self.size_wanted:
            self.enough.set_result(None)
            self.enough = None

    def finish_handshake(self):
        head, end, rest = bytes(self.data).partition(b"\r\n\r\n")
        if not end:
            return
        self.data = bytearray(rest)
        if head.startswith(b"HTTP/1.1 101 "):
            self.joined.set_result(None)
        else:
            self.joined.set_exception(AssertionError(head.decode("latin-1")))

    def look_for_control_frames(self):
        data = self.data
        while self.close_code is None and len(data) - self.seen >= 2:
            bounds = frame_bounds(data, self.seen)
            if bounds is None or bounds[1] > len(data):
                return
            opcode = data[self.seen] & 0x0F
            self.seen = bounds[1]
            if opcode >= CLOSE:
                self.answer(opcode, bytes(data[bounds[0]:bounds[1]]))

    def answer(self, opcode, payload):
        if opcode == PING:
            self.transport.write(frame(PONG, payload))
        elif opcode == CLOSE:
            self.close_code = int.from_bytes(payload[:2], "big")
            self.transport.write(frame(CLOSE, payload[:2]))
            self.transport.close()

    def connection_lost(self, error):
        if not self.joined.done():
            self.joined.set_exception(error or ConnectionError("ended before the handshake"))
        for future in (self.ended, self.enough):
            if future is not None and not future.done():
                future.set_result(error)

    async def bytes(self, size):
        """Waits for that many bytes behind the handshake and returns them."""
        if len(self.data) < size:
            self.size_wanted = size
            self.enough = asyncio.get_running_loop().create_future()
            await asyncio.wait_for(self.enough, PATIENCE)
        return bytes(self.data[:size])

    @property
    def messages(self):
        """Payloads of the data messages so far."""
        return [payload for opcode, payload in split_frames(self.data)[0]
                if opcode in (TEXT, BINARY)]

    def send(self, *pieces):
        self.transport.write(b"".join(pieces))

    async def end(self):
        await asyncio.wait_for(self.ended, PATIENCE)


async def listen(address, path="/"):
    loop = asyncio.get_running_loop()
    _, listener = await loop.create_connection(lambda: Listener(path), *address)
    await asyncio.wait_for(listener.joined, PATIENCE)
    return listener


async def listen_many(address, count, path="/", at_once=100):
    """That many listeners, a hundred handshakes at a time."""
    listeners = []
    while len(listeners) < count:
        batch = min(at_once, count - len(listeners))
        listeners += await asyncio.gather(*(listen(address, path) for _ in range(batch)))
    return listeners


async def leave(listeners):
    """All say goodbye, and all are answered."""
    for listener in listeners:
        listener.send(close_frame(1000))
    for listener in listeners:
        await listener.end()
        assert listener.close_code == 1000


async def http_get(address, path, method="GET"):
    async with await Connection.open(address) as connection:
        connection.send(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n"
                        "Connection: close\r\n\r\n".encode())
        return await connection.response(method)
