"""SIGTERM: nothing that was accepted is lost, everybody is told, and it ends in time."""

import asyncio
import contextlib
import random
import signal
import time

import pytest
import websockets

from support.origin import for_ever, origin, page, response
from support.process import PATIENCE, SLOWNESS
from support.service import start_service, write_config
from support.wire import TEXT, Connection, frame, http_get, join, listen_many


async def stop(service, number=signal.SIGTERM):
    """Sends the signal; returns the seconds to the end, which must be in order."""
    started = time.monotonic()
    service.signal(number)
    assert await service.exit() == 0
    assert "service: stopped" in service.stdout.lines()[-1]
    return time.monotonic() - started


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_an_idle_service_ends_at_once(processes, workers, number):
    service = start_service(processes, {"workers": workers})
    assert await stop(service, number) < 1 * SLOWNESS


async def test_clients_are_told(processes):
    service = start_service(processes, {"workers": 2})
    library = [await websockets.connect(service.url()) for _ in range(5)]
    listeners = await listen_many(service.hub, 50)
    idle = [await Connection.open(service.hub) for _ in range(3)]
    assert await stop(service) < 2 * SLOWNESS
    for client in library:
        with pytest.raises(websockets.exceptions.ConnectionClosed):
            await asyncio.wait_for(client.recv(), PATIENCE)
        assert client.close_code == 1001
    for listener in listeners:
        await listener.end()
        assert listener.close_code == 1001
    for connection in idle:
        assert await connection.end() == b""
        connection.writer.close()


# ---- under load --------------------------------------------------------------------------------------

class Talker:
    """Says numbered things until its connection is closed."""

    def __init__(self, number, listener):
        self.number = number
        self.listener = listener

    async def talk(self):
        count = 0
        while self.listener.close_code is None and not self.listener.transport.is_closing():
            for _ in range(5):
                self.listener.send(frame(TEXT, f"{self.number} {count}"))
                count += 1
            await asyncio.sleep(0.001)


def heard(listener):
    """[(talker, count), …]"""
    texts = [message.decode().split() for message in listener.messages]
    return [(int(text[-2]), int(text[-1])) for text in texts]


def check_nothing_is_lost(talkers, listeners):
    """
    All got the same, in the same order; of each talker everything up to some point; and every
    talker all of that but its own. So whatever was accepted reached everybody, before the close.
    """
    order = heard(listeners[0])
    for listener in listeners:
        assert heard(listener) == order
    for talker in talkers:
        counts = [count for number, count in order if number == talker.number]
        assert counts == list(range(len(counts)))
        assert heard(talker.listener) == [entry for entry in order if entry[0] != talker.number]
    for listener in [*listeners, *(talker.listener for talker in talkers)]:
        assert listener.close_code == 1001
    return order


async def stop_under_load(processes, workers, delay):
    service = start_service(processes, {"workers": workers})
    listeners = await listen_many(service.hub, 20)
    talkers = [Talker(number, listener)
               for number, listener in enumerate(await listen_many(service.hub, 5))]
    talking = [asyncio.create_task(talker.talk()) for talker in talkers]
    await asyncio.sleep(delay)
    seconds = await stop(service)
    for listener in [*listeners, *(talker.listener for talker in talkers)]:
        await listener.end()
    await asyncio.gather(*talking)
    order = check_nothing_is_lost(talkers, listeners)
    assert seconds < 3 * SLOWNESS
    return len(order)


@pytest.mark.parametrize("workers", [1, 2, 4])
async def test_under_load(processes, workers):
    assert await stop_under_load(processes, workers, 0.3) > 100


@pytest.mark.parametrize("seed", range(20))
async def test_at_any_moment(processes, seed):
    chance = random.Random(seed)
    await stop_under_load(processes, chance.choice([1, 2, 3]), chance.uniform(0, 0.1))


async def test_while_clients_come(processes):
    """Handshakes under way are finished or refused, never left open."""
    service = start_service(processes, {"workers": 2})
    outcomes = []

    async def come():
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, AssertionError):
            while True:
                connection = await join(service.hub)
                outcomes.append(connection)

    coming = [asyncio.create_task(come()) for _ in range(10)]
    while len(outcomes) < 200:
        await asyncio.sleep(0)
    service.signal(signal.SIGTERM)
    await asyncio.gather(*coming)
    for connection in outcomes:
        with contextlib.suppress(ConnectionError):
            assert await connection.closed_with() == 1001
        connection.writer.close()
    assert await service.exit() == 0


async def test_while_it_starts(processes):
    """From the first line of output on, SIGTERM is an orderly end."""
    path = write_config(processes.folder, {"workers": 4, "hub": {"listen": "localhost:0"},
                                           "admin": {"listen": "localhost:0"}})
    for _ in range(5):
        service = processes.ringcast("serve", path)
        await service.line("listening")
        service.signal(signal.SIGTERM)
        assert await service.exit() == 0


# ---- time --------------------------------------------------------------------------------------------

async def test_who_does_not_answer_is_cut_off_in_time(processes):
    service = start_service(processes, {"shutdown_timeout": "500ms"})
    silent = [await join(service.hub) for _ in range(5)]
    seconds = await stop(service)
    assert 0.3 < seconds < 2 * SLOWNESS
    assert "clients are cut off" in service.stdout.text
    for connection in silent:
        assert (await connection.frame()).code == 1001
        assert await connection.end() == b""
        connection.writer.close()


async def test_a_second_signal_ends_it_at_once(processes):
    service = start_service(processes, {"shutdown_timeout": "1m"})
    silent = await join(service.hub)
    service.signal(signal.SIGTERM)
    await service.line("service: stopping")
    assert (await silent.frame()).code == 1001
    started = time.monotonic()
    service.signal(signal.SIGTERM)
    assert await service.exit() == 128 + signal.SIGTERM
    assert time.monotonic() - started < 1 * SLOWNESS
    assert "second signal" in service.stdout.text
    silent.writer.close()


async def test_drain_spreads_the_closes(processes):
    """Ten clients within 500 ms: one after the other, and the last ones hear of nothing before."""
    service = start_service(processes, {"drain": "500ms"})
    listeners = await listen_many(service.hub, 10)
    times = []

    async def note(listener):
        await listener.end()
        times.append(time.monotonic())

    noting = [asyncio.create_task(note(listener)) for listener in listeners]
    assert 0.4 < await stop(service) < 3 * SLOWNESS
    await asyncio.gather(*noting)
    assert all(listener.close_code == 1001 for listener in listeners)
    gaps = [later - earlier for earlier, later in zip(times, times[1:])]
    assert times[-1] - times[0] > 0.3
    assert max(gaps) < 0.3 * SLOWNESS


async def test_readiness_goes_first(processes):
    """While clients drain, the service says that it is not ready, and takes nobody new."""
    service = start_service(processes, {"drain": "3s"})
    listeners = await listen_many(service.hub, 3)
    service.signal(signal.SIGTERM)
    await service.line("service: stopping")
    answer = await http_get(service.admin, "/readyz")
    assert (answer.status, answer.body) == (503, b"shutting down\n")
    assert (await http_get(service.admin, "/healthz")).status == 200
    with pytest.raises(ConnectionError):
        await Connection.open(service.hub)
    for listener in listeners:
        listener.transport.close()
    assert await service.exit() == 0


# ---- fetches under way -------------------------------------------------------------------------------

async def test_a_fetch_under_way_is_finished_and_published(processes):
    hold = asyncio.Event()

    async def handler(path, writer):
        await hold.wait()
        writer.write(response(page("In time")))
        return True

    async with origin(handler) as seen:
        service = start_service(processes, {"fetch": {"urls": [seen.url()], "every": "1s"}})
        client = await websockets.connect(service.url("/channels/results"))
        while not seen.paths:
            await asyncio.sleep(0.001)
        service.signal(signal.SIGTERM)
        await service.line("service: stopping")
        hold.set()
        assert '"title":"In time"' in await asyncio.wait_for(client.recv(), PATIENCE)
        with pytest.raises(websockets.exceptions.ConnectionClosed):
            await asyncio.wait_for(client.recv(), PATIENCE)
        assert client.close_code == 1001
        assert await service.exit() == 0
    assert f"✅ {seen.url()} → In time" in service.stdout.lines()
    assert len(seen.paths) == 1


async def test_a_fetch_that_takes_too_long_is_cancelled(processes):
    async def handler(path, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this")
        await for_ever()

    async with origin(handler) as seen:
        service = start_service(processes, {
            "shutdown_timeout": "1s", "fetch": {"urls": [seen.url("/1"), seen.url("/2")]}})
        client = await websockets.connect(service.url("/channels/results"))
        while len(seen.paths) < 2:
            await asyncio.sleep(0.001)
        assert await stop(service) < 1.5 * SLOWNESS
        with pytest.raises(websockets.exceptions.ConnectionClosed):
            await asyncio.wait_for(client.recv(), PATIENCE)  # a cancelled fetch is no news
        assert client.close_code == 1001
    for path in ("/1", "/2"):
        assert f"❌ {seen.url(path)}: cancelled" in service.stdout.lines()


async def test_nothing_is_fetched_after_the_signal(processes):
    """A slow client holds the end up; the schedule has stopped all the same."""
    async def handler(path, writer):
        writer.write(response(page("x")))
        return True

    async with origin(handler) as seen:
        service = start_service(processes, {"shutdown_timeout": "2s", "fetch": {
            "urls": [seen.url()], "every": "1s", "jitter": 0}})
        await service.line("round ended")
        silent = await join(service.hub)
        rounds = len(seen.paths)
        assert await stop(service) > 1.2
        assert len(seen.paths) == rounds
        silent.writer.close()


# ---- a drain as long as there is time --------------------------------------------------------------

async def test_a_drain_as_long_as_the_time_to_stop_tells_everybody(processes):
    """The last client is told, and has time to answer, before anybody is cut off."""
    service = start_service(processes, {"workers": 2, "shutdown_timeout": "4s", "drain": "1h"})
    listeners = await listen_many(service.hub, 40)
    assert await stop(service) < 4 * SLOWNESS
    for listener in listeners:
        await listener.end()
        assert listener.close_code == 1001
    assert "cut off" not in service.stdout.text
