"""A name server for tests, on a free port of 127.0.0.1."""

import asyncio
import contextlib
import socket

TYPE_A = 1
HEADER = 12


class NameServer(asyncio.DatagramProtocol):
    """Every name is 127.0.0.1, but those that begin with "silent": they are never answered for."""

    def __init__(self):
        self.asked = set()
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        name, end = self.name(data)
        self.asked.add(name)
        if name.startswith("silent"):
            return
        is_address = data[end - 4:end - 2] == TYPE_A.to_bytes(2, "big")
        answer = (b"\xc0\x0c" + data[end - 4:end] + (60).to_bytes(4, "big") + b"\x00\x04"
                  + socket.inet_aton("127.0.0.1")) if is_address else b""
        counts = bytes([0, 1, 0, int(is_address), 0, 0, 0, 0])
        self.transport.sendto(data[:2] + b"\x81\x80" + counts + data[HEADER:end] + answer, addr)

    @staticmethod
    def name(query):
        """The name that is asked for, and where the question ends."""
        labels, at = [], HEADER
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += query[at] + 1
        return ".".join(labels), at + 5


@contextlib.asynccontextmanager
async def name_server():
    """The server, and how `fetch.name_servers` calls it."""
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(
        NameServer, local_addr=("127.0.0.1", 0))
    server.address = f"127.0.0.1:{transport.get_extra_info('sockname')[1]}"
    try:
        yield server
    finally:
        transport.close()
