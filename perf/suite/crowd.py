"""Many WebSocket clients in this process: raw sockets that count what comes and answer pings."""

import select
import socket
import time

HANDSHAKE = ("GET {path} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n")
DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n"
BATCH = 200  # handshakes at once


class Client:
    def __init__(self, address):
        self.socket = socket.create_connection(address)
        self.socket.setblocking(False)
        self.head = b""
        self.opened = False
        self.received = 0  # bytes behind the handshake


class Crowd:
    """Use it in a `with` statement."""

    def __init__(self, port, pongs=False):
        self.address = ("127.0.0.1", port)
        self.pongs = pongs
        self.epoll = select.epoll()
        self.clients = {}
        self.opened = 0
        self.received = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for client in self.clients.values():
            client.socket.close()
        self.epoll.close()

    def connect(self, count, path="/", more=""):
        """Adds that many, and waits until all are connected."""
        request = HANDSHAKE.format(path=path, more=more).encode()
        for _ in range(count):
            client = Client(self.address)
            client.socket.sendall(request)
            self.clients[client.socket.fileno()] = client
            self.epoll.register(client.socket.fileno(), select.EPOLLIN)
            if len(self.clients) - self.opened >= BATCH:
                self.wait_until(lambda: len(self.clients) - self.opened < BATCH)
        self.wait_until(lambda: self.opened == len(self.clients))

    def turn(self, seconds):
        for descriptor, _ in self.epoll.poll(seconds, 4096):
            self.take(self.clients[descriptor])

    def take(self, client):
        data = client.socket.recv(1 << 16)
        if not data:
            raise OSError("the server closed a connection")
        if not client.opened:
            client.head += data
            head, end, data = client.head.partition(b"\r\n\r\n")
            if not end:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                raise OSError(head.decode("latin-1").splitlines()[0])
            client.opened = True
            self.opened += 1
        if self.pongs and data[:1] == b"\x89":  # an idle client gets nothing else
            client.socket.sendall(b"\x8a" + bytes([0x80 | len(data) - 2]) + bytes(4) + data[2:])
            return
        client.received += len(data)
        self.received += len(data)

    def wait_until(self, condition, patience=60):
        end = time.monotonic() + patience
        while not condition():
            if time.monotonic() > end:
                raise OSError("what was waited for did not come")
            self.turn(0.1)

    def run(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.turn(0.1)
