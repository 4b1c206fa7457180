"""Many clients, fast and slow, that come and go: every delivery is accounted for."""

import asyncio
import contextlib
import random
import socket

import pytest

from support.process import SANITIZED, eventually
from support.service import start_service
from support.wire import (BINARY, TEXT, Connection, close_frame, frame, handshake, join,
                          leave, listen, listen_many, split_frames)

MIB = 1024 * 1024


def text_of(publisher, number, size=100):
    return f"{publisher:03} {number:06} ".encode().ljust(size, b".")


def without(stream, publisher):
    """What remains of (publisher, number) pairs."""
    return [entry for entry in stream if entry[0] != publisher]


def parsed(messages):
    """[(publisher, number), …] of messages, which may have a prefix."""
    texts = [message.rpartition(b"] ")[2] for message in messages]
    return [(int(text[:3]), int(text[4:10])) for text in texts]


async def all_gone(service):
    async def none_is_left():
        return await service.metric("ringcast_connections") == 0

    await eventually(none_is_left)


@pytest.mark.parametrize("workers", [2])
async def test_a_thousand_clients(processes, workers):
    """Four of them publish. All get the same in the same order, publishers all but their own."""
    publishers, each, size = 4, 50, 100
    service = start_service(processes, {"workers": workers})
    clients = await listen_many(service.hub, 1000)
    speakers = clients[:publishers]

    async def publish(number):
        for count in range(each):
            speakers[number].send(frame(TEXT, text_of(number, count, size)))
            await asyncio.sleep(0)

    wire_size = 2 + len("[127.0.0.1] ") + size
    await asyncio.gather(*(publish(number) for number in range(publishers)))
    whole = await clients[-1].bytes(wire_size * each * publishers)
    order = parsed(clients[-1].messages)
    for number in range(publishers):
        assert [entry for entry in order if entry[0] == number] == [
            (number, count) for count in range(each)]
    for client in clients[publishers:]:
        assert await client.bytes(len(whole)) == whole
    for number, speaker in enumerate(speakers):
        await speaker.bytes(wire_size * each * (publishers - 1))
        assert parsed(speaker.messages) == without(order, number)
    metrics = await service.metrics()
    assert metrics["ringcast_clients"] == 1000
    assert metrics["ringcast_messages_received_total"] == publishers * each
    assert metrics["ringcast_messages_published_total"] == publishers * each
    assert metrics["ringcast_deliveries_total"] == publishers * each * 999
    assert metrics["ringcast_sent_bytes_total"] == publishers * each * 999 * wire_size
    await leave(clients)
    for client in clients[publishers:]:
        assert len(client.data) == len(whole) + 4  # and the close frame
    await all_gone(service)


@pytest.mark.parametrize("workers", [1, 2, 4])
async def test_a_burst_is_delivered_whole(processes, workers):
    """Thousands of messages in one go, which readers get when all are in the log."""
    count, size = 20000, 40
    service = start_service(processes, {"workers": workers, "hub": {"channels": {
        "burst": {"publish": "anyone", "retain": {"messages": 100000}}}}})
    clients = await listen_many(service.hub, 20, "/channels/burst")
    clients[0].send(b"".join(frame(TEXT, text_of(0, number, size)) for number in range(count)))
    for client in clients[1:]:
        await client.bytes(count * (size + 2))
    assert parsed(clients[1].messages) == [(0, number) for number in range(count)]
    for client in clients[2:]:
        assert client.data == clients[1].data
    assert not clients[0].data
    await leave(clients)


async def test_clients_that_come_and_go(processes):
    """Half of the clients leave at any time, in order or not; the others miss nothing."""
    chance = random.Random(20)
    service = start_service(processes, {"workers": 2})
    stayers, leavers = await listen_many(service.hub, 50), await listen_many(service.hub, 200)
    rounds = 60

    def depart(client):
        way = chance.randrange(4)
        if way == 0:
            client.send(close_frame(1000))
        elif way == 1:
            client.send(frame(TEXT, b"cut short")[:7])
            client.transport.close()
        elif way == 2:
            client.transport.abort()
        else:
            client.transport.close()

    for number in range(rounds):
        stayers[number % 2].send(frame(TEXT, text_of(number % 2, number)))
        for _ in range(3):
            depart(leavers.pop())
        leavers.append(await listen(service.hub))
    for client in leavers:
        depart(client)
    size = (2 + len("[127.0.0.1] ") + 100) * rounds
    whole = await stayers[-1].bytes(size)
    assert sorted(number for _, number in parsed(stayers[-1].messages)) == list(range(rounds))
    for client in stayers[2:]:
        assert await client.bytes(size) == whole
    order = parsed(stayers[-1].messages)
    for number in (0, 1):
        await stayers[number].bytes(size // 2)
        assert parsed(stayers[number].messages) == without(order, number)

    async def only_stayers_are_left():
        return await service.metric("ringcast_clients") == len(stayers)

    await eventually(only_stayers_are_left)
    await leave(stayers)
    await all_gone(service)
    metrics = await service.metrics()
    assert metrics["ringcast_clients_total"] == 50 + 200 + rounds
    closes = sum(value for name, value in metrics.items() if "client_closes_total" in name)
    assert closes == 50 + 200 + rounds


# ---- slow readers ------------------------------------------------------------------------------------

class SlowReader:
    """A client with little room that reads nothing until it is told to."""

    @classmethod
    async def join(cls, address, path):
        self = cls()
        loop = asyncio.get_running_loop()
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        self.socket.setblocking(False)
        await loop.sock_connect(self.socket, address)
        await loop.sock_sendall(self.socket, handshake(path))
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += await loop.sock_recv(self.socket, 1)
        assert head.startswith(b"HTTP/1.1 101 ")
        return self

    async def read(self, last=None):
        """Everything until the end, or until the message `last`: frames, and whether it ended."""
        data, frames, at = bytearray(), [], 0
        while not frames or frames[-1][1] != last:
            try:
                piece = await asyncio.wait_for(
                    asyncio.get_running_loop().sock_recv(self.socket, MIB), 10)
            except ConnectionResetError:
                piece = b""
            if not piece:
                break
            data += piece
            more, at = split_frames(data, at)
            frames += more
        self.socket.close()
        return frames


LOG = 2 * MIB  # a retention of 1 MiB and its index
RECEIVE_BUFFERS = 4 * MIB  # a worker's; how many of them were ever touched is chance
SIZE, COUNT, BATCH = 16384, 768, 16  # 12 MiB, more than the kernel keeps for a connection


async def publish_beside_slow_readers(processes, policy):
    """Returns the service, the fast readers and the slow ones, when all is published and read."""
    service = start_service(processes, {"hub": {
        "slow_reader": policy, "ping_interval": 0, "channels": {
            "all": {"publish": "anyone", "retain": {"bytes": "1MiB"}}}}})
    path = "/channels/all"
    slow = [await SlowReader.join(service.hub, path) for _ in range(5)]
    speaker, *fast = await listen_many(service.hub, 4, path)
    memory = service.resident_memory()
    for batch in range(COUNT // BATCH):
        for number in range(batch * BATCH, (batch + 1) * BATCH):
            speaker.send(frame(BINARY, text_of(0, number, SIZE)))
        for reader in fast:
            await reader.bytes((SIZE + 4) * BATCH * (batch + 1))
    assert SANITIZED or service.resident_memory() - memory < LOG + RECEIVE_BUFFERS + 2 * MIB
    for reader in fast:
        assert parsed(reader.messages) == [(0, number) for number in range(COUNT)]
    return service, [speaker, *fast], slow


async def test_slow_readers_are_closed(processes):
    service, others, slow = await publish_beside_slow_readers(processes, "close")
    delivered = 0
    for reader in slow:
        frames = await reader.read()
        messages = [payload for opcode, payload in frames if opcode == BINARY]
        numbers = [number for _, number in parsed(messages)]
        assert numbers == list(range(len(numbers))) and len(numbers) < COUNT
        closes = [int.from_bytes(payload[:2], "big") for opcode, payload in frames if opcode == 8]
        assert closes in ([], [1013])  # none when a message was cut in the middle
        delivered += len(numbers)
    metrics = await service.metrics()
    assert metrics["ringcast_slow_readers_total"] == 5
    assert metrics["ringcast_log_bytes"] < 2 * MIB
    assert metrics["ringcast_deliveries_total"] >= COUNT * 3 + delivered
    await leave(others)
    await all_gone(service)
    metrics = await service.metrics()
    assert metrics['ringcast_client_closes_total{reason="slow_reader"}'] == 5


async def test_slow_readers_skip(processes):
    service, others, slow = await publish_beside_slow_readers(processes, "skip")
    end = text_of(0, COUNT, SIZE)
    reading = [asyncio.ensure_future(reader.read(last=end)) for reader in slow]
    others[0].send(frame(BINARY, end))
    delivered = 0
    for frames in await asyncio.gather(*reading):
        assert {opcode for opcode, _ in frames} == {BINARY}
        assert {len(payload) for _, payload in frames} == {SIZE}
        numbers = [number for _, number in parsed([payload for _, payload in frames])]
        assert numbers == sorted(set(numbers)) and numbers[-1] == COUNT
        assert len(numbers) < COUNT
        delivered += len(numbers)
    for reader in others[1:]:
        await reader.bytes((SIZE + 4) * (COUNT + 1))
    metrics = await service.metrics()
    assert metrics["ringcast_slow_readers_total"] >= 5
    assert metrics["ringcast_deliveries_total"] == (COUNT + 1) * 3 + delivered
    assert metrics["ringcast_deliveries_skipped_total"] == (COUNT + 1) * 5 - delivered
    await leave(others)
    await all_gone(service)


async def test_who_does_not_read_pongs_takes_no_memory(processes):
    """A flood of pings from one who reads nothing stops being read."""
    service = start_service(processes)
    reader = await SlowReader.join(service.hub, "/")
    memory = service.resident_memory()
    pings = frame(9, b"x" * 125) * 1000
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(flood(reader.socket, pings, 200), 2)
    assert SANITIZED or service.resident_memory() - memory < RECEIVE_BUFFERS + 2 * MIB
    listener, speaker = [await join(service.hub) for _ in range(2)]
    speaker.send(frame(TEXT, "others live on"))
    assert await listener.message() == b"[127.0.0.1] others live on"
    reader.socket.close()
    listener.writer.close()
    speaker.writer.close()


async def flood(connection, data, times):
    for _ in range(times):
        await asyncio.get_running_loop().sock_sendall(connection, data)


# ---- what is left behind -----------------------------------------------------------------------------

async def test_two_thousand_connections_leave_nothing(processes):
    """A third each closed in order, reset, and dropped within the handshake."""
    service = start_service(processes, {"workers": 2})
    descriptors = service.descriptors()

    async def come_and_go(number):
        if number % 3 == 0:
            client = await join(service.hub)
            client.send(frame(TEXT, "bye"), close_frame(1000))
            while (await client.frame()).opcode != 8:
                pass
            assert await client.end() == b""
            client.writer.close()
        elif number % 3 == 1:
            client = await listen(service.hub)
            client.send(frame(TEXT, "bye"), frame(BINARY, b"half of it")[:9])
            client.transport.abort()
        else:
            client = await Connection.open(service.hub)
            client.send(handshake()[:number % 100])
            await client.drain()
            client.abort()

    memory = 0
    for begin in range(0, 2000, 50):
        await asyncio.gather(*(come_and_go(number) for number in range(begin, begin + 50)))
        memory = service.resident_memory() if begin == 500 else memory
    await all_gone(service)
    await eventually(lambda: service.descriptors() <= descriptors)
    assert SANITIZED or service.resident_memory() - memory < 2 * MIB
    metrics = await service.metrics()
    assert metrics["ringcast_clients"] == 0
    assert metrics["ringcast_connections_accepted_total"] == 2000
    assert metrics["ringcast_clients_total"] == sum(
        value for name, value in metrics.items() if "client_closes_total" in name)


async def test_many_channels_come_and_go(processes):
    """Channels that nobody is in any more are forgotten when their messages are too old."""
    service = start_service(processes, {"workers": 2, "hub": {"channels": {
        "*": {"publish": "anyone", "retain": {"age": "1ms"}}}}})
    clients = await asyncio.gather(*(listen(service.hub, f"/channels/{number // 2}")
                                     for number in range(600)))
    for number, client in enumerate(clients):
        client.send(frame(TEXT, text_of(0, number)))
    for number, client in enumerate(clients):
        await client.bytes(102)
        assert parsed(client.messages) == [(0, number ^ 1)]
    assert await service.metric("ringcast_channels") == 300
    await leave(clients)
    await all_gone(service)
