"""`ringcast serve` as a whole: what it fetches, publishes, prints, exports and refuses."""

import asyncio
import hashlib
import json
import os
import re
import socket

import pytest
import websockets

from support.origin import for_ever, free_port, origin, page, response
from support.process import PATIENCE, RINGCAST, eventually
from support.service import start_service, write_config
from support.wire import PING, TEXT, Connection, close_frame, frame, http_get, join

CONFIG_FILES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                            "data", "config")


async def receive(client):
    return await asyncio.wait_for(client.recv(), PATIENCE)


# ---- fetching and publishing -----------------------------------------------------------------------

async def test_its_own_page_is_fetched_and_printed(processes):
    """What config.json asks for: a page of the service itself."""
    port = free_port()
    service = start_service(processes, {
        "hub": {"listen": f"localhost:{port}"},
        "fetch": {"urls": [f"http://localhost:{port}/", "http://127.0.0.1:1/"], "every": "1h"}})
    await service.line(rf"^✅ http://localhost:{port}/ → ringcast$")
    await service.line(r"^❌ http://127.0.0.1:1/: connection refused \(127.0.0.1:1\)$")
    await service.line("fetch: round ended fetched=2 failed=1$")


async def test_results_are_published_when_they_change(processes):
    """Of three URLs one changes in the third round, one fails from then on, one stays as it is."""
    rounds = {}

    async def handler(path, writer):
        rounds[path] = rounds.get(path, 0) + 1
        third = rounds[path] >= 3
        if path == "/fails" and third:
            writer.write(response(b"", status="503 Service Unavailable"))
        else:
            writer.write(response(page("New" if path == "/changes" and third else "Old")))
        return True

    async with origin(handler) as seen:
        urls = [seen.url(path) for path in ("/changes", "/fails", "/stays")]
        service = start_service(processes, {"fetch": {
            "urls": [*urls, {"url": seen.url("/once"), "every": 0, "channel": "elsewhere"}],
            "every": "1s", "jitter": 0}})
        await service.line("fetch: round ended fetched=3")
        client = await websockets.connect(service.url("/channels/results"))
        published = [json.loads(await receive(client)) for _ in range(2)]
        await service.line("fetch: round ended fetched=3", 4)
        assert await service.metric("ringcast_messages_published_total") == 4 + 2
        await client.close()
    changed, failed = sorted(published, key=lambda result: result["url"])
    assert (changed["url"], changed["title"], changed["error"]) == (urls[0], "New", None)
    assert changed["sha256"] == hashlib.sha256(page("New")).hexdigest()
    assert (failed["url"], failed["status"], failed["error"]["kind"]) == (
        urls[1], 503, "http_status")
    assert rounds["/once"] == 1


async def test_each_url_has_its_channel(processes):
    hold = asyncio.Event()

    async def handler(path, writer):
        await hold.wait()
        writer.write(response(page(path)))
        return True

    async with origin(handler) as seen:
        service = start_service(processes, {"fetch": {"every": "1h", "channel": "pages", "urls": [
            seen.url("/a"), {"url": seen.url("/b"), "channel": "others"}]}})
        clients = [await websockets.connect(service.url(f"/channels/{name}"))
                   for name in ("pages", "others", "results")]
        hold.set()
        for client, title in zip(clients, ("/a", "/b")):
            assert json.loads(await receive(client))["title"] == title
        await service.line("round ended")
        for client in clients:
            await client.close()  # and nothing is left unread in the third
        assert await service.metric("ringcast_deliveries_total") == 2


async def test_a_round_waits_for_the_one_before(processes):
    """A page that takes longer than its interval is never fetched twice at a time."""
    now, most = 0, 0

    async def handler(path, writer):
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(1.3)
        now -= 1
        writer.write(response(page("Slow")))
        return True

    async with origin(handler) as seen:
        service = start_service(processes, {"fetch": {
            "urls": [seen.url()], "every": "1s", "jitter": 0}})
        await service.line("round ended", 2)
        assert most == 1


# ---- the admin listener ----------------------------------------------------------------------------

async def test_health_and_readiness(processes):
    service = start_service(processes, {"workers": 4})
    for path, text in (("/healthz", b"every loop answers\n"), ("/readyz", b"ready\n")):
        answer = await http_get(service.admin, path)
        assert (answer.status, answer.body) == (200, text)
        assert (await http_get(service.admin, path, "HEAD")).status == 200
    assert (await http_get(service.admin, "/nowhere")).status == 404
    refused = await http_get(service.admin, "/metrics", "DELETE")
    assert (refused.status, refused.fields["allow"]) == (405, "GET, HEAD")
    assert (await http_get(service.hub, "/metrics")).status == 404


SAMPLE = re.compile(r'^ringcast_[a-z_]+(\{[a-z]+="[^"\\]*"(,[a-z]+="[^"\\]*")*\})? -?[0-9.e+-]+$')


async def test_metrics_are_prometheus_text(processes):
    service = start_service(processes, {"workers": 2})
    answer = await http_get(service.admin, "/metrics")
    assert answer.fields["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    types, families = {}, []
    for line in answer.body.decode().splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in types, f"{name} is described twice"
            types[name] = kind
        elif not line.startswith("# HELP "):
            assert SAMPLE.match(line), line
            family = re.sub(r"_(bucket|sum|count)$", "", re.split(r"[{ ]", line)[0])
            family = family if family in types else re.split(r"[{ ]", line)[0]
            assert family in types, f"{line} has no type"
            families += [] if families[-1:] == [family] else [family]
    assert len(families) == len(set(families)), "a family's samples are not together"
    for name, kind in types.items():
        assert kind in ("counter", "gauge", "histogram")
        assert (kind == "counter") == name.endswith("_total"), name


async def test_metrics_tell_what_was_done(processes):
    service = start_service(processes, {"workers": 2})
    before = await service.metrics()
    clients = [await join(service.hub) for _ in range(5)]
    for number in range(10):
        clients[0].send(frame(TEXT, f"message {number}"))
    for client in clients[1:]:
        for number in range(10):
            assert await client.message() == f"[127.0.0.1] message {number}".encode()
    await http_get(service.hub, "/")
    await http_get(service.hub, "/nowhere")
    async with await Connection.open(service.hub) as stranger:
        stranger.send(b"hello\r\n\r\n")
        await stranger.response()
    metrics = await service.metrics()
    grown = {name: value - before[name] for name, value in metrics.items() if name in before}
    payload, wire = len("message 0"), len("[127.0.0.1] message 0") + 2
    for name, value in {
            "clients": 5, "clients_total": 5, "channels": 1, "messages_received_total": 10,
            "messages_published_total": 10, "deliveries_total": 40, "deliveries_skipped_total": 0,
            "received_payload_bytes_total": 10 * payload, "sent_bytes_total": 40 * wire,
            "http_bad_requests_total": 1, "handshakes_refused_total": 0,
            "connections_accepted_total": 8, "slow_readers_total": 0}.items():
        assert (name, grown[f"ringcast_{name}"]) == (name, value)
    assert 1 <= grown["ringcast_sends_total"] <= 40
    assert metrics["ringcast_log_bytes"] > 0
    assert metrics["ringcast_workers"] == 2
    assert metrics["ringcast_untaken_errors_total"] == 0
    for client in clients:
        client.send(close_frame(1000))
        assert await client.closed_with() == 1000
        client.writer.close()

    async def all_gone():
        return await service.metric("ringcast_connections") == 0

    await eventually(all_gone)
    metrics = await service.metrics()
    assert metrics["ringcast_clients"] == 0
    assert metrics['ringcast_client_closes_total{reason="peer_closed"}'] == 5
    assert sum(value for name, value in metrics.items() if "closes_total" in name) == 5


async def test_metrics_of_fetches(processes):
    async def handler(path, writer):
        if path == "/hangs":
            await for_ever()
        writer.write(response(page("x", 1000), status="200 OK" if path == "/good" else "500 No"))
        return True

    async with origin(handler) as seen:
        service = start_service(processes, {"fetch": {"every": "1h", "urls": [
            *[seen.url("/good")] * 7, *[seen.url("/bad")] * 3, "http://127.0.0.1:1/",
            seen.url("/hangs")]}})

        async def eleven_done():
            return await service.metric("ringcast_fetches_total") == 11

        await eventually(eleven_done)
        metrics = await service.metrics()
    failed = {name.split('"')[1]: value for name, value in metrics.items()
              if name.startswith("ringcast_fetches_failed_total") and value}
    assert failed == {"http_status": 3, "connect": 1}
    assert metrics["ringcast_fetches_succeeded_total"] == 7
    assert metrics["ringcast_fetches_active"] == 1
    assert metrics["ringcast_fetch_body_bytes_total"] == 10 * 1000
    assert metrics["ringcast_fetch_duration_seconds_count"] == 11
    assert metrics['ringcast_fetch_duration_seconds_bucket{le="+Inf"}'] == 11


# ---- log lines ---------------------------------------------------------------------------------------

TEXT_LINE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (error|warning|info|debug) "
                       r"[a-z_]+: [^=]+( [a-z_]+=(\S+|\".*\"))*$")


@pytest.mark.parametrize("kind", ["text", "json"])
async def test_log_lines(processes, kind):
    """Every line of output is a log line or a result, whole and in the form that was asked for."""
    async with origin(lambda path, writer: reply(writer)) as seen:
        service = processes.ringcast("serve", write_config(processes.folder, {
            "hub": {"listen": "localhost:0"}, "admin": {"listen": "localhost:0"},
            "log": {"format": kind, "level": "debug"},
            "fetch": {"urls": [seen.url("/\"quoted\"")], "every": "1h"}}))
        await service.line("round ended")
        assert service.stop() is None
    results = []
    for line in service.stdout.lines():
        if kind == "text":
            assert TEXT_LINE.match(line) or line.startswith("✅ "), line
        else:
            entry = json.loads(line)
            results += [entry] if "sha256" in entry else []
            assert "sha256" in entry or list(entry)[:4] == ["time", "level", "component", "event"]
    assert kind == "text" or results[0]["title"] == "Logged"
    assert service.stdout.lines()[-1].find("stopped") > 0
    assert service.stderr.text == ""


async def reply(writer):
    writer.write(response(page("Logged")))
    return True


# ---- what is refused ---------------------------------------------------------------------------------

@pytest.mark.parametrize("command", ["check", "serve", "fetch"])
async def test_config_errors_name_file_line_and_key(processes, command):
    path = os.path.join(CONFIG_FILES, "broken.json")
    with open(os.path.join(CONFIG_FILES, "broken.expected"), encoding="utf-8") as file:
        expected = file.read().replace("broken.json:", f"{path}:")
    process = await processes.run(command, *(["-c"] if command == "fetch" else []), path)
    assert process.code == 2
    assert process.stdout.text == ""
    assert process.stderr.text == expected


async def test_a_good_config(processes):
    path = write_config(processes.folder, {})
    process = await processes.run("check", path)
    assert (process.code, process.stdout.text, process.stderr.text) == (0, f"{path} is good\n", "")


async def test_the_environment_overrules_the_config(processes):
    path = write_config(processes.folder, {"hub": {"listen": "nonsense"}})
    assert (await processes.run("check", path)).code == 2
    path = write_config(processes.folder, {"log": {"level": "debug"}})
    process = await processes.run("check", path, environment={"RINGCAST_LOG_LEVEL": "loud"})
    assert process.code == 2
    assert process.stderr.text.startswith('RINGCAST_LOG_LEVEL: log.level: found "loud"')
    process = await processes.run("check", path, environment={"RINGCAST_LOG_LEVL": "info"})
    assert process.code == 2
    assert "did you mean RINGCAST_LOG_LEVEL?" in process.stderr.text
    service = processes.ringcast("serve", path, environment={
        "RINGCAST_HUB_LISTEN": "127.0.0.1:0", "RINGCAST_ADMIN_LISTEN": "127.0.0.1:0",
        "RINGCAST_WORKERS": "3"})
    await service.line("service: ready .*workers=3")


@pytest.mark.parametrize("arguments, words", [
    (["serve", "/nowhere/config.json"], "/nowhere/config.json: cannot be read"),
    (["serve", "a", "b"], "takes one CONFIG"), (["serve", "--fast"], "no option --fast"),
    (["brew"], 'no command "brew"'), ([], "usage:")], ids=str)
async def test_wrong_arguments(processes, arguments, words):
    process = await processes.run(*arguments)
    assert process.code == 2
    assert process.stdout.text == "" and words in process.stderr.text


@pytest.mark.parametrize("arguments", [["--help"], ["help"], ["--version"], ["serve", "--help"],
                                       ["fetch", "-h"], ["chat", "--help"], ["check", "--help"]])
async def test_help(processes, arguments):
    process = await processes.run(*arguments)
    assert process.code == 0
    assert "ringcast" in process.stdout.text and process.stderr.text == ""


@pytest.mark.parametrize("part", ["hub", "admin"])
async def test_an_address_in_use(processes, part):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"localhost:{other.getsockname()[1]}"
        listen = {"hub": {"listen": "localhost:0"}, "admin": {"listen": "localhost:0"}}
        listen[part] = {"listen": address}
        process = await processes.run("serve", write_config(processes.folder, listen))
    assert process.code == 1
    assert (f'error {part}: cannot listen address={address} error="address already in use"'
            in process.stdout.text)


async def test_a_second_instance_is_refused(processes):
    """Two on one port would share its clients, and each half would hear only itself."""
    first = start_service(processes, {"workers": 2})
    address = f"localhost:{first.hub[1]}"
    path = write_config(processes.folder, {"hub": {"listen": address},
                                           "admin": {"listen": "localhost:0"}}, "second.json")
    second = processes.ringcast("serve", path)
    await asyncio.to_thread(second.stdout.wait_until,
                            lambda output: output.ended or "service: ready" in output.text)
    assert "service: ready" not in second.stdout.text
    assert await second.exit() == 1
    assert "address already in use" in second.stdout.text


async def test_connections_above_the_limit_are_refused_and_others_live_on(processes):
    service = start_service(processes, {"hub": {"limits": {"connections": 10}}})
    clients = [await join(service.hub) for _ in range(10)]
    for _ in range(5):
        async with await Connection.open(service.hub) as connection:
            response_ = await connection.response()
            assert response_.status == 503
            assert await connection.end() == b""
    clients[0].send(frame(TEXT, "still here"))
    for client in clients[1:]:
        assert await client.message() == b"[127.0.0.1] still here"
    clients.pop().abort()
    await eventually(lambda: may_join(service))
    metrics = await service.metrics()
    assert metrics["ringcast_connections_refused_total"] >= 5
    for client in clients:
        client.writer.close()


async def may_join(service):
    try:
        connection = await join(service.hub)
    except (AssertionError, ConnectionError):
        return False
    connection.writer.close()
    return True


async def test_few_descriptors_are_a_shortage_not_an_end(processes):
    """With 60 descriptors for 200 connections the others wait, and all recovers; who was there
    before goes on talking meanwhile."""
    path = write_config(processes.folder, {
        "workers": 1, "hub": {"listen": "localhost:0", "limits": {"connections": 1000}},
        "admin": {"listen": "localhost:0"}})
    limited = processes.start("/bin/sh", "-c", 'ulimit -n 60; exec "$0" serve "$1"', RINGCAST, path)
    await limited.line("service: ready")
    match = await limited.line(r"hub: listening address=127.0.0.1:(\d+)")
    address = ("127.0.0.1", int(match[1]))
    match = await limited.line(r"admin: listening address=127.0.0.1:(\d+)")
    admin = await Connection.open(("127.0.0.1", int(match[1])))
    clients = [await join(address) for _ in range(3)]
    waiting = [await Connection.open(address) for _ in range(200)]

    async def accept_pauses():
        admin.send(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
        page = (await admin.response()).body.decode()
        return float(re.search(r"^ringcast_accept_pauses_total (\S+)$", page, re.MULTILINE)[1])

    await eventually(accept_pauses)
    for number in range(50):
        clients[0].send(frame(TEXT, str(number)), frame(PING, str(number)))
        assert (await clients[0].frame()).payload == str(number).encode()
        for client in clients[1:]:
            assert await client.message() == f"[127.0.0.1] {number}".encode()
    for connection in waiting:
        connection.abort()

    async def a_client_is_served():  # not yet, while those that went away are still being noticed
        try:
            client = await join(address)
        except (AssertionError, OSError, asyncio.IncompleteReadError):
            return False
        client.send(close_frame(1000))
        return await client.closed_with() == 1000

    await eventually(a_client_is_served)
    for client in clients:
        client.send(close_frame(1000))
        assert await client.closed_with() == 1000
    admin.writer.close()


async def test_with_little_of_everything_it_serves_and_loses_nothing(processes):
    """32 descriptors, 4 KiB that may be locked, more URLs at a time and more clients than that has
    room for: every result comes, in order, round after round, and who is there gets each message."""
    async def handler(path, writer):
        writer.write(response(page(path)))
        return True

    async with origin(handler) as seen:
        urls = [seen.url(f"/{number}") for number in range(40)]
        path = write_config(processes.folder, {
            "workers": 1, "hub": {"listen": "localhost:0"}, "admin": {"listen": "localhost:0"},
            "fetch": {"urls": urls, "every": "1s", "jitter": 0, "per_host": 6}})
        little = processes.start("/bin/sh", "-c", 'ulimit -n 32 && ulimit -l 4 && exec "$0" serve "$1"',
                                 RINGCAST, path)
        await little.line("service: ready")
        match = await little.line(r"hub: listening address=127.0.0.1:(\d+)")
        address = ("127.0.0.1", int(match[1]))
        clients = [await join(address) for _ in range(3)]
        others = [await Connection.open(address) for _ in range(60)]
        for number in range(20):
            clients[0].send(frame(TEXT, str(number).encode()))
            for client in clients[1:]:
                assert await client.message() == f"[127.0.0.1] {number}".encode()
        for connection in others:
            connection.abort()
        lines = []

        def three_rounds():
            lines[:] = [line for line in little.stdout.lines() if line[0] in "✅❌"]
            return len(lines) >= 3 * len(urls)

        await eventually(three_rounds)
        for start in range(0, 3 * len(urls), len(urls)):
            asked = [line.split()[1].rstrip(":") for line in lines[start:start + len(urls)]]
            assert asked == urls
        for client in clients:
            client.send(close_frame(1000))
            assert await client.closed_with() == 1000
