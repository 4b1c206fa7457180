"""Clients that send their handshake a byte a second, and honest ones beside them."""

import selectors
import socket
import statistics
import time

from suite import hub, processes
from suite.report import Column

COLUMNS = [
    Column("gone_first", "first gone s", 2),
    Column("gone_last", "last gone s", 2),
    Column("honest_alone_ms", "honest p50 ms, alone", 2),
    Column("honest_p50_ms", "beside them", 2),
    Column("honest_p99_ms", "p99 ms", 2),
    Column("cpu_share", "CPU %", 1),
    Column("kib_each", "KiB each", 2),
]
TIMEOUT = 10  # hub.handshake_timeout, by default
SLACK = 1
HONEST_EVERY = 0.05
REQUEST = (b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")


def resident_kib(process):
    with open(f"/proc/{process.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4


def honest(port):
    """Milliseconds of one whole handshake."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), 5) as client:
        client.sendall(REQUEST)
        answer = client.recv(4096)
        if not answer.startswith(b"HTTP/1.1 101 "):
            raise ValueError(f"an honest client was answered {answer[:40]!r}")
    return (time.monotonic() - began) * 1000


class Trickler:
    def __init__(self, port, now):
        self.socket = socket.create_connection(("127.0.0.1", port), 5)
        self.socket.setblocking(False)
        self.began = now
        self.sent = 0
        self.gone = None

    def send(self):
        try:
            self.sent += self.socket.send(REQUEST[self.sent:self.sent + 1])
        except OSError:
            pass  # its end is read

    def end(self, selector):
        self.gone = time.monotonic() - self.began
        selector.unregister(self.socket)
        self.socket.close()


def connect_all(port, count, selector):
    tricklers = []
    for _ in range(count):
        trickler = Trickler(port, time.monotonic())
        selector.register(trickler.socket, selectors.EVENT_READ, trickler)
        tricklers.append(trickler)
    return tricklers


def run_beside(port, tricklers, selector):
    """Everybody's bytes, and an honest handshake now and then; returns how long those took."""
    took, start = [], time.monotonic()
    next_honest, next_round = start, start
    while any(trickler.gone is None for trickler in tricklers):
        now = time.monotonic()
        if now > start + TIMEOUT + 20:
            break
        if now >= next_round:
            for trickler in tricklers:
                if trickler.gone is None:
                    trickler.send()
            next_round += 1
        if now >= next_honest:
            took.append(honest(port))
            next_honest += HONEST_EVERY
        for key, _ in selector.select(0.005):
            key.data.end(selector)
    return took


def measure(suite, scenario, contestant, count):
    server, port = hub.STARTERS[contestant](suite)
    selector = selectors.DefaultSelector()
    try:
        alone = [honest(port) for _ in range(100)]
        memory = resident_kib(server)
        tricklers = connect_all(port, count, selector)
        before, began = processes.cpu_seconds(server), time.monotonic()
        memory = resident_kib(server) - memory
        took = run_beside(port, tricklers, selector)
        cpu, lasted = processes.cpu_seconds(server) - before, time.monotonic() - began
    finally:
        selector.close()
        suite.processes.stop(server)
    gone = [trickler.gone for trickler in tricklers if trickler.gone is not None]
    scenario.add(contestant, {
        "gone_first": min(gone, default=0), "gone_last": max(gone, default=0),
        "honest_alone_ms": statistics.median(alone), "honest_p50_ms": statistics.median(took),
        "honest_p99_ms": sorted(took)[len(took) * 99 // 100], "cpu_share": cpu / lasted * 100,
        "kib_each": memory / count})
    return len(gone) == count and max(gone) < TIMEOUT + SLACK
