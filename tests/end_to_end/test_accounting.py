"""
A thousand clients, some that read nothing, some that vanish, in channels of every policy: each
message that a subscription was due, by the offsets at its beginning and end, was delivered, skipped
and counted, or still ahead when the subscription ended. Who stays to the end has them all, in order,
or no more are missing than were counted, or was closed with 1013.
"""

import asyncio
import json
import random
import socket
import zlib

import pytest

from support.dialog import SUBPROTOCOL
from support.process import PATIENCE, eventually
from support.service import start_service
from support.wire import (TEXT, Connection, frame, frame_bounds, handshake, http_get, leave,
                          listen)
from test_reload import Reloader

CLIENTS, SLOW = 1000, 30
MESSAGES, SIZE = 400, 1000
BIG_MESSAGES, BIG_SIZE = 150, 60000  # more than sockets hold
FILLER = bytes(97 + byte % 26 for byte in random.Random(5).randbytes(BIG_SIZE))  # hardly shrinks
POLICIES = ["close", "skip", "latest"]


async def state_of(service, name):
    return json.loads((await http_get(service.hub, f"/channels/{name}")).body)


async def connect_narrow(service):
    """With a small window, so that little is on its way to it."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.setblocking(False)
    await asyncio.get_running_loop().sock_connect(narrow, service.hub)
    return Connection(*await asyncio.open_connection(sock=narrow, limit=4096))


async def join_without_reading(service, path, **changes):
    connection = await connect_narrow(service)
    connection.send(handshake(path, **changes))
    assert (await connection.response()).status == 101
    return connection


async def publish_all(service, name, count, size, first=0):
    """Each begins with its number."""
    async with await Connection.open(service.hub) as http:
        for number in range(first, first + count, 10):
            body = b"".join(b"%06d%s\n" % (number + i, FILLER[:size - 6]) for i in range(10))
            http.send(f"POST /channels/{name} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n"
                      "Content-Type: application/x-ndjson\r\n\r\n".encode(), body)
            assert (await http.response()).status == 201


def numbers_of(listener):
    """Of the messages that it has whole."""
    at, numbers = 0, []
    while len(listener.data) - at >= 2 and (bounds := frame_bounds(listener.data, at)) is not None:
        if bounds[1] > len(listener.data):
            break
        if listener.data[at] & 0x0F == TEXT:
            numbers.append(int(listener.data[bounds[0]:bounds[0] + 6]))
        at = bounds[1]
    return numbers


async def missed_by(staying, total):
    """Waits until each has the last message or was told; returns how many are missing without that."""
    missed = 0
    for listener in staying:
        last = b"%06d" % (total - 1)
        await eventually(lambda listener=listener, last=last: listener.close_code is not None
                         or listener.data.rfind(last, -BIG_SIZE - 10) >= 0)
        numbers = numbers_of(listener)
        assert numbers == sorted(set(numbers))
        assert listener.close_code in (None, 1013)
        missed += numbers[-1] + 1 - len(numbers)
        assert listener.close_code is not None or numbers[-1] == total - 1
    return missed


async def test_every_message_is_accounted_for(shared_processes):
    service = start_service(shared_processes, {"workers": 2, "shutdown_timeout": "20s", "hub": {
        "close_timeout": "2s", "ping_interval": 0, "channels": {
            policy: {"publish": "anyone", "slow_reader": policy, "retain": {"bytes": "128KiB"}}
            for policy in POLICIES}}})
    numbers = random.Random(5)
    listeners, slow = {policy: [] for policy in POLICIES}, {policy: [] for policy in POLICIES}
    for i in range(CLIENTS):
        policy = POLICIES[i % 3]
        if i < SLOW:
            slow[policy].append(await join_without_reading(service, f"/channels/{policy}"))
        else:
            listeners[policy].append(await listen(service.hub, f"/channels/{policy}"))

    async def vanish(policy):
        for listener in numbers.sample(listeners[policy][10:], len(listeners[policy]) // 4):
            await asyncio.sleep(0.005)
            listener.transport.abort()

    joined = {policy: (await state_of(service, policy))["subscribers"] for policy in POLICIES}
    assert sum(joined.values()) == CLIENTS
    await asyncio.gather(*(publish_all(service, policy, MESSAGES, SIZE) for policy in POLICIES),
                         *(vanish(policy) for policy in POLICIES))
    for policy in POLICIES:  # the few that stay are sent much
        for listener in listeners[policy][10:]:
            listener.transport.abort()
    await asyncio.gather(*(publish_all(service, policy, BIG_MESSAGES, BIG_SIZE, MESSAGES)
                           for policy in POLICIES))
    missed = {policy: await missed_by(listeners[policy][:10], MESSAGES + BIG_MESSAGES)
              for policy in POLICIES}
    for policy in POLICIES:
        for client in listeners[policy]:
            client.transport.abort()
        for client in slow[policy]:
            client.abort()

    for policy in POLICIES:
        async def nobody_is_left(policy=policy):
            return (await state_of(service, policy))["subscribers"] == 0
        await eventually(nobody_is_left)
        state = await state_of(service, policy)
        assert state["offset"] == MESSAGES + BIG_MESSAGES
        assert state["delivered"] + state["skipped"] + state["abandoned"] == state["due"], state
        assert state["own"] == 0
        assert missed[policy] <= (0 if policy == "close" else state["skipped"])
        assert MESSAGES * joined[policy] * 2 // 3 <= state["due"]
        assert state["due"] <= state["offset"] * joined[policy]
        assert state["delivered"] > 0 and state["skipped"] + state["abandoned"] > 0, state
    metrics = await service.metrics()
    assert metrics["ringcast_slow_readers_total"] > 0
    states = [await state_of(service, policy) for policy in POLICIES]
    assert metrics["ringcast_deliveries_total"] == sum(state["delivered"] for state in states)
    assert metrics["ringcast_deliveries_skipped_total"] == sum(state["skipped"] for state in states)
    for policy, state in zip(POLICIES, states):
        assert channel_metrics(metrics, policy) == {"published": state["offset"], **{
            key: state[key] for key in ("subscribers", "delivered", "skipped", "own", "abandoned",
                                        "due")}}


def channel_metrics(metrics, name):
    """{'published': 3.0, …} of one channel."""
    suffix = f'{{channel="{name}"}}'
    return {key.removeprefix("ringcast_channel_").removesuffix(suffix).removesuffix("_total"): value
            for key, value in metrics.items()
            if key.startswith("ringcast_channel_") and key.endswith(suffix)}


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("policy", POLICIES)
async def test_published_times_subscribers(shared_processes, policy, workers):
    """Who is there from the first message to the last: each message has one fate for each."""
    service = start_service(shared_processes, {"workers": workers, "hub": {
        "close_timeout": "2s", "ping_interval": 0, "channels": {
            "c": {"publish": "anyone", "slow_reader": policy, "retain": {"bytes": "128KiB"}}}}})
    readers = [await listen(service.hub, "/channels/c") for _ in range(20)]
    stuck = [await join_without_reading(service, "/channels/c") for _ in range(5)]
    await publish_all(service, "c", BIG_MESSAGES, BIG_SIZE)
    for reader in readers:
        reader.transport.abort()
    for client in stuck:
        client.abort()

    async def nobody_is_left():
        return (await state_of(service, "c"))["subscribers"] == 0
    await eventually(nobody_is_left)
    found = channel_metrics(await service.metrics(), "c")
    fates = found["delivered"] + found["skipped"] + found["own"] + found["abandoned"]
    assert found["published"] == BIG_MESSAGES and found["due"] == fates
    if policy == "close":  # who is closed is due nothing any more
        assert found["due"] < BIG_MESSAGES * 25
        assert (await service.metrics())['ringcast_client_closes_total{reason="slow_reader"}'] >= 5
    else:
        assert found["due"] == BIG_MESSAGES * 25 and found["skipped"] > 0


async def dialog_of(service):
    """What a client of the subprotocol is told of the channel, message by message."""
    async with await join_without_reading(
            service, "/", Sec_WebSocket_Protocol=SUBPROTOCOL) as connection:
        connection.send(frame(TEXT, '{"type":"subscribe","channel":"c"}'))
        while True:
            yield json.loads(await connection.message())


async def events_of(service, coding):
    """The same by Server-Sent Events, whose names are those of what they bring."""
    inflater, text = zlib.decompressobj(31), b""
    async with await connect_narrow(service) as connection:
        connection.send(f"GET /channels/c/events HTTP/1.1\r\nHost: a\r\n"
                        f"Accept-Encoding: {coding}\r\n\r\n".encode())
        head = await connection.response()
        assert (head.status, head.fields.get("content-encoding", "identity")) == (200, coding)
        while True:
            while b"\n\n" not in text:
                data = await asyncio.wait_for(connection.reader.read(65536), PATIENCE)
                assert data
                text += inflater.decompress(data) if coding == "gzip" else data
            event, _, text = text.partition(b"\n\n")
            fields = dict(line.split(b": ", 1) for line in event.split(b"\n"))
            told = json.loads(fields[b"data"])
            assert fields.get(b"event", b"message").decode() == told["type"]
            yield told


class Told:
    """Reads only when it is told to, and is then told of everything that it does not get."""

    def __init__(self, source):
        self.source, self.missed, self.got = source, 0, 0

    async def join(self):
        subscribed = await anext(self.source)
        assert subscribed["type"] == "subscribed"
        self.offset = subscribed["offset"]
        return self

    async def read(self, last):
        while self.offset < last:
            told = await anext(self.source)
            if told["type"] == "skipped":
                self.offset += told["missed"]
                self.missed += told["missed"]
            else:
                self.offset += 1
                self.got += 1
            assert told["type"] in ("message", "skipped") and told["offset"] == self.offset
        assert self.offset == last


async def test_reloads_other_policies_and_late_joiners_lose_nothing(processes):
    """Each subscription is due exactly what was published while it lasted, whatever changes; who is
    told of gaps is told of all of them."""
    reloader = Reloader(processes, {"hub": {"ping_interval": 0, "channels": {
        "c": {"publish": "anyone", "slow_reader": "skip", "retain": {"bytes": "128KiB"}}}}})
    service, published, readers, stuck, told, due = reloader.service, 0, [], [], [], 0

    async def subscribers(count):
        async def are_there():
            return (await state_of(service, "c"))["subscribers"] == count
        await eventually(are_there)

    async def go_on(coming, stuck_coming, count, size=BIG_SIZE, told_coming=()):
        nonlocal published, due
        readers.extend([await listen(service.hub, "/channels/c") for _ in range(coming)])
        stuck.extend([await join_without_reading(service, "/channels/c")
                      for _ in range(stuck_coming)])
        told.extend([await Told(source).join() for source in told_coming])
        await publish_all(service, "c", count, size)
        published += count
        due += count * (len(readers) + len(stuck) + len(told))

    await go_on(4, 2, 60, told_coming=[dialog_of(service), events_of(service, "identity"),
                                       events_of(service, "gzip")])
    await reloader.reload({"hub": {"channels": {"c": {"slow_reader": "latest"}}}})
    await go_on(4, 1, 60, told_coming=[dialog_of(service), events_of(service, "identity")])
    await reloader.reload({"hub": {"channels": {"c": {"slow_reader": "skip",
                                                      "retain": {"bytes": "64KiB"}}}}})
    await go_on(2, 0, 60)
    for client in stuck:
        client.abort()
    await asyncio.gather(*(client.read(published) for client in told))
    assert all(client.missed > 0 for client in told)
    await subscribers(len(readers) + len(told))
    stuck.clear()
    await reloader.reload({"hub": {"channels": {"c": {"slow_reader": "close",
                                                      "retain": {"bytes": "16MiB"}}}}})
    await go_on(2, 0, 20, 100)
    readers[0].send(frame(TEXT, "what it says itself"))
    published, due = published + 1, due + len(readers) + len(told)

    async def is_published():
        return (await state_of(service, "c"))["offset"] == published
    await eventually(is_published)
    for client in told:
        await client.read(published)
        await client.source.aclose()
    await leave(readers)
    await subscribers(0)
    found = channel_metrics(await service.metrics(), "c")
    assert (found["published"], found["due"], found["own"]) == (published, due, 1)
    assert found["delivered"] + found["skipped"] + found["own"] + found["abandoned"] == due
    assert found["skipped"] >= sum(client.missed for client in told)
    assert found["delivered"] >= 12 * 20 + sum(client.got for client in told)


async def test_the_page_does_not_grow_with_made_up_names(shared_processes):
    service = start_service(shared_processes, {
        "hub": {"channels": {"named": {}, "*": {"publish": "anyone"}}},
        "admin": {"channel_metrics": 2}})
    for i in range(5):
        await publish_all(service, f"made-up-{i}", 10, 3)
    metrics = await service.metrics()
    published = {key: value for key, value in metrics.items()
                 if key.startswith("ringcast_channel_published_total")}
    assert published.pop('ringcast_channel_published_total{channel="(other)"}') == 30
    assert published == {f'ringcast_channel_published_total{{channel="made-up-{i}"}}': 10
                         for i in range(2)}
