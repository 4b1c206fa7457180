"""Where the hub listens: several addresses, IPv6, Unix sockets, and nowhere that is taken."""

import asyncio
import os
import signal
import socket

import pytest
import websockets

from support.process import PATIENCE, RINGCAST
from support.service import addresses, start_service, write_config
from support.wire import join


async def receive(client):
    return await asyncio.wait_for(client.recv(), PATIENCE)


@pytest.mark.parametrize("workers", [1, 3])
async def test_all_listeners_lead_to_one_hub(processes, workers):
    path = os.path.join(processes.folder, "hub.sock")
    service = start_service(processes, {"workers": workers, "hub": {
        "listen": ["localhost:0", f"unix:{path}", "127.0.0.2:0"]}})
    await service.line(f"hub: listening address=unix:{path}$")
    second = addresses(service, "hub")["127.0.0.2"]
    over4 = await websockets.connect(service.url())
    elsewhere = await websockets.connect(f"ws://127.0.0.2:{second}/")
    over_unix = [await websockets.unix_connect(path, "ws://localhost/") for _ in range(8)]
    clients = [over4, elsewhere, *over_unix]
    if service.hub6:
        clients.append(await websockets.connect(f"ws://[::1]:{service.hub6[1]}/"))
    for sender in clients:
        name = ("::1" if service.hub6 and sender is clients[-1] else
                "unix" if sender in over_unix else "127.0.0.1")
        if sender is elsewhere:
            name = "127.0.0.1"  # where it listens is not where its clients come from
        await sender.send("hello")
        for client in clients:
            if client is not sender:
                assert await receive(client) == f"[{name}] hello"
    for client in clients:
        await client.close()


async def test_a_unix_socket_goes_with_its_service(processes):
    path = os.path.join(processes.folder, "hub.sock")
    service = start_service(processes, {"hub": {"listen": ["localhost:0", f"unix:{path}"]}})
    assert os.path.exists(path)
    service.signal(signal.SIGTERM)
    assert await service.exit() == 0
    assert not os.path.exists(path)


async def test_what_a_killed_service_left_is_replaced(processes):
    path = os.path.join(processes.folder, "hub.sock")
    listen = {"hub": {"listen": ["localhost:0", f"unix:{path}"]}}
    first = start_service(processes, listen)
    first.kill()
    await first.exit()
    assert os.path.exists(path)
    start_service(processes, listen)
    client = await websockets.unix_connect(path, "ws://localhost/")
    await client.close()


@pytest.mark.parametrize("kind", ["live socket", "file"])
async def test_a_path_that_is_taken(processes, kind):
    path = os.path.join(processes.folder, "taken")
    with socket.socket(socket.AF_UNIX) as other:
        if kind == "file":
            with open(path, "w", encoding="ascii"):
                pass
        else:
            other.bind(path)
            other.listen()
        process = await processes.run("serve", write_config(processes.folder, {
            "hub": {"listen": ["localhost:0", f"unix:{path}"]},
            "admin": {"listen": "localhost:0"}}))
    assert process.code == 1
    assert f'cannot listen address=unix:{path} error="address already in use"' \
        in process.stdout.text
    assert os.path.exists(path)


async def test_of_many_that_start_at_once_one_serves(processes):
    """On one port and one path, each with several workers that share them among themselves."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
    path = os.path.join(processes.folder, "hub.sock")
    config = write_config(processes.folder, {
        "workers": 2, "hub": {"listen": [f"127.0.0.1:{port}", f"unix:{path}"]},
        "admin": {"listen": "localhost:0"}})
    started = [processes.start(RINGCAST, "serve", config) for _ in range(5)]
    for process in started:
        await asyncio.to_thread(process.stdout.wait_until,
                                lambda output: output.ended or "service: ready" in output.text)
    ready = [process for process in started if "service: ready" in process.stdout.text]
    assert len(ready) == 1
    for process in started:
        if process not in ready:
            assert await process.exit() == 1
            assert "address already in use" in process.stdout.text
    for _ in range(20):
        client = await join(("127.0.0.1", port))
        client.writer.close()


async def test_listeners_from_the_environment(processes):
    path = os.path.join(processes.folder, "hub.sock")
    config = write_config(processes.folder, {"admin": {"listen": "localhost:0"}})
    for value, lines in (("127.0.0.1:0", 1), (f'["127.0.0.1:0", "unix:{path}"]', 2)):
        service = processes.ringcast("serve", config, environment={"RINGCAST_HUB_LISTEN": value})
        await service.line("service: ready")
        assert sum("hub: listening" in line for line in service.stdout.lines()) == lines
        assert service.stop() is None


@pytest.mark.parametrize("listen, found", [
    ("[]", "hub.listen: found an array, expected 1 to 8 listeners"),
    ('["localhost:1", "localhost"]', 'hub.listen[1]: found "localhost", expected "HOST:PORT"'),
    ('["unix:here"]', 'hub.listen[0]: found "unix:here", expected "HOST:PORT"'),
    ('[["localhost:1"]]', "hub.listen[0]: found an array"),
])
async def test_what_cannot_be_listened_on(processes, listen, found):
    path = os.path.join(processes.folder, "config.json")
    with open(path, "w", encoding="ascii") as file:
        file.write(f'{{"hub": {{"listen": {listen}}}}}')
    process = await processes.run("check", path)
    assert process.code == 2
    assert found in process.stderr.text
