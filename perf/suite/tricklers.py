"""Connections that say the request for a WebSocket a byte a second, until the server ends them."""

import select
import socket
import time

from suite.crowd import HANDSHAKE


class Tricklers:
    """Use it in a `with` statement. `longest` is what the oldest one had, in seconds."""

    def __init__(self, port, count):
        self.request = HANDSHAKE.format(path="/", more="").encode()
        self.epoll = select.epoll()
        self.sockets, self.began = {}, {}
        self.longest = 0
        self.said = 0
        self.next_byte = time.monotonic()
        for _ in range(count):
            one = socket.create_connection(("127.0.0.1", port))
            one.setblocking(False)
            self.sockets[one.fileno()] = one
            self.began[one.fileno()] = time.monotonic()
            self.epoll.register(one.fileno(), select.EPOLLIN)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for one in self.sockets.values():
            one.close()
        self.epoll.close()

    def open_count(self):
        return len(self.sockets)

    def oldest_seconds(self):
        return time.monotonic() - min(self.began[number] for number in self.sockets)

    def turn(self):
        """All say a byte, if it is time; who was ended is gone."""
        if time.monotonic() >= self.next_byte:
            self.next_byte += 1
            byte = self.request[self.said:self.said + 1]
            self.said += 1
            for one in self.sockets.values():
                try:
                    one.send(byte)
                except OSError:
                    pass  # it is told below
        for descriptor, _ in self.epoll.poll(0.01, 4096):
            self.take(descriptor)

    def take(self, descriptor):
        try:
            if self.sockets[descriptor].recv(4096):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self.longest = max(self.longest, time.monotonic() - self.began[descriptor])
        self.epoll.unregister(descriptor)
        self.sockets.pop(descriptor).close()
