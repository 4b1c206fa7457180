"""SIGHUP: another config for a service that runs, all of it or none."""

import asyncio
import json
import os
import shutil
import signal
import ssl
import zlib

import pytest
import websockets

from support.certificates import Authority
from support.dialog import connect
from support.origin import for_ever, origin, page, response
from support.process import PATIENCE, eventually
from support.service import merged, start_service, write_config
from support.tokens import SECRET, token, write_file
from support.wire import (CLOSE, PING, PONG, TEXT, Connection, close_frame, frame, handshake,
                          http_get, join, leave, listen)

BASE = {"workers": 2, "shutdown_timeout": "5s", "hub": {"listen": "localhost:0"},
        "admin": {"listen": "localhost:0"}}


class Reloader:
    """A service, and the file of its config."""

    def __init__(self, processes, config):
        self.folder = processes.folder
        self.config = merged(BASE, config)
        self.service = start_service(processes, self.config)
        self.reloads = 0

    async def reload(self, changes):
        """The lines of the log that the reload has left."""
        self.config = merged(self.config, changes)
        write_config(self.folder, self.config)
        return await self.hang_up(r"config: reloaded")

    async def hang_up(self, until):
        before = len(self.service.stdout.lines())
        self.reloads += 1
        self.service.signal(signal.SIGHUP)
        await asyncio.to_thread(self.service.stdout.wait_until, lambda output: any(
            until.removeprefix("config: ") in line for line in output.lines()[before:]))
        return self.service.stdout.lines()[before:]


def has(lines, *words):
    return any(all(word in line for word in words) for line in lines)


async def status_of(service, path="/", **fields):
    async with await Connection.open(service.hub) as connection:
        connection.send(handshake(path, **fields))
        return (await connection.response()).status


async def test_messages_stay_as_large_as_a_connection_began_with(processes):
    """Compressed or not, whether the limit falls or rises."""
    def deflated(size):
        compressor = zlib.compressobj(wbits=-15)
        data = compressor.compress(bytes(size)) + compressor.flush(zlib.Z_SYNC_FLUSH)
        return frame(TEXT, data[:-4], reserved=4)

    async def closed_with_1009(client):
        received = await client.frame()
        return received.opcode == CLOSE and received.code == 1009

    agreed = {"Sec_WebSocket_Extensions": "permessage-deflate"}
    running = Reloader(processes, {"hub": {
        "max_message": 1000, "channels": {"*": {"publish": "anyone"}}}})
    hub = running.service.hub
    early = [await join(hub, f"/channels/early{number}", **agreed) for number in range(2)]
    await running.reload({"hub": {"max_message": 100}})
    late = [await join(hub, f"/channels/late{number}", **agreed) for number in range(2)]
    for client, size in ((early[0], 1000), (late[0], 100)):
        client.send(deflated(size), frame(TEXT, bytes(size)), frame(PING, b"in order"))
        assert (await client.frame()).opcode == PONG
    await running.reload({"hub": {"max_message": 10000}})
    early[0].send(deflated(1001))
    early[1].send(frame(TEXT, bytes(1001)))
    late[0].send(deflated(101))
    late[1].send(frame(TEXT, bytes(101)))
    for client in early + late:
        assert await closed_with_1009(client)
        client.abort()


async def test_what_can_change_changes_and_clients_stay(processes):
    running = Reloader(processes, {})
    service = running.service
    listener = await listen(service.hub)
    speaker = await join(service.hub)
    assert await status_of(service, Origin="https://evil.test") == 101
    lines = await running.reload({"hub": {
        "origins": ["https://good.test"], "limits": {"messages_per_second": 1},
        "channels": {"chat": {"prefix": False}}}})
    assert has(lines, "changed", "key=hub.origins")
    assert has(lines, "changed", "key=hub.limits.messages_per_second")
    assert has(lines, "changed", "key=hub.channels")
    assert not has(lines, "restart")
    assert await status_of(service, Origin="https://evil.test") == 403
    assert await status_of(service, Origin="https://good.test") == 101
    speaker.send(frame(TEXT, "no prefix now"))
    assert await listener.bytes(15) == b"\x81\x0dno prefix now"
    speaker.send(frame(TEXT, "x") * 20)
    code = None
    while code is None:
        received = await speaker.frame()
        code = received.code if received.opcode == 8 else None
    assert code == 1008
    speaker.abort()
    await leave([listener])


async def test_what_cannot_change_is_said_and_stays(processes):
    running = Reloader(processes, {"fetch": {"retries": 1}})
    lines = await running.reload({"workers": 1, "hub": {"listen": "localhost:1"},
                                  "fetch": {"retries": 2}, "drain": "1s"})
    for key in ("workers", "hub.listen", "fetch.retries"):
        assert has(lines, "needs a restart", f"key={key}"), lines
    assert has(lines, "config: changed", "key=drain")
    assert await status_of(running.service) == 101
    assert await running.service.metric("ringcast_workers") == 2
    lines = await running.reload({})  # the difference is still there
    assert has(lines, "needs a restart", "key=workers")


@pytest.mark.parametrize("text, found", [
    ("{", "expected"),
    ('{"hub": {"ping_interval": "20", "max_message": 100}}',
     'hub.ping_interval: found \\"20\\", expected a duration'),
    ('{"hub": {"lisen": 1}}', "unknown key"),
    ('{"hub": {"max_message": 100, "auth": {"tokens_file": "nowhere"}}}', "nowhere"),
    ('{"hub": {"max_message": 100, "tls": {"certificate": "nowhere.pem", "key": "k"}}}',
     "nowhere.pem"),
    (None, "cannot be read"),
])
async def test_a_bad_config_changes_nothing(processes, text, found):
    running = Reloader(processes, {})
    client = await join(running.service.hub)
    path = os.path.join(processes.folder, "config.json")
    if text is None:
        os.unlink(path)
    else:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    lines = await running.hang_up("refused")
    assert has(lines, "nothing is changed", found.replace('\\"', '"')) or has(
        lines, "nothing is changed", found), lines
    client.send(frame(TEXT, "x" * 1000))  # more than the refused config would allow
    client.send(close_frame(1000))
    assert await client.closed_with() == 1000


async def test_tokens_and_keys_are_read_again(processes):
    write_file(processes.folder, "secret", SECRET + "\n")
    running = Reloader(processes, {"hub": {
        "auth": {"jwt_secret_file": "secret"}, "channels": {"room": {"subscribe": "token"}}}})
    old, path = token(subscribe=["room"]), "/channels/room"
    assert await status_of(running.service, f"{path}?token={old}") == 101
    write_file(processes.folder, "secret", "another secret, of more than 32 bytes\n")
    await running.reload({})
    assert await status_of(running.service, f"{path}?token={old}") == 401


async def test_other_pings_reach_who_is_idle(processes):
    """Also who has never been pinged, and has nothing else that would come."""
    running = Reloader(processes, {"hub": {"ping_interval": 0, "ping_timeout": "30s"}})
    clients = [await join(running.service.hub) for _ in range(8)]
    await running.reload({"hub": {"ping_interval": "1h"}})
    await running.reload({"hub": {"ping_interval": "200ms"}})
    for client in clients:
        ping = await client.frame()
        assert ping.opcode == PING
        client.send(frame(PONG, ping.payload))
        assert (await client.frame()).opcode == PING
        client.send(frame(PONG))
    await running.reload({"hub": {"ping_interval": 0}})
    await asyncio.gather(*map(answered, clients))
    await asyncio.gather(*(silent_for(client, 3 * 0.2) for client in clients))
    for client in clients:
        client.send(close_frame(1000))
        assert await client.closed_with() == 1000


async def answered(client):
    """Answers the pings that were on their way, and one that the answer to its own overtook."""
    client.send(frame(PING, "last"))
    while (received := await client.frame()).opcode == PING:
        client.send(frame(PONG, received.payload))
    assert (received.opcode, received.payload) == (PONG, b"last")


async def silent_for(client, seconds):
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.reader.read(1), seconds)


async def members_of(watcher, name, count):
    answer = await watcher.command("presence", channel=name)
    while answer["count"] != count:  # who is at home on another worker enters by letter
        answer = await watcher.command("presence", channel=name)
    return answer["members"]


@pytest.mark.parametrize("name", ["one", "two", "three"])  # homes on either worker
async def test_presence_of_who_is_there_already(processes, name):
    """Who is in the channel when its presence becomes known is a member of it, and once."""
    running = Reloader(processes, {"hub": {"channels": {"*": {"publish": "anyone"}}}})
    url = running.service.url(f"/channels/{name}")
    with_presence = {"hub": {"channels": {"*": {"publish": "anyone", "presence": True}}}}
    async with connect(running.service) as member, connect(running.service) as watcher:
        await member.command("subscribe", channel=name)
        async with websockets.connect(url), websockets.connect(url), \
                await Connection.open(running.service.hub) as events:
            events.send(f"GET /channels/{name}/events HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            assert await events.exactly(12) == b"HTTP/1.1 200"
            assert (await watcher.command("presence", channel=name))["code"] == "no_presence"
            await running.reload(with_presence)
            members = await members_of(watcher, name, 4)
            assert len({found["client"] for found in members}) == 4
            await running.reload({**with_presence, "log": {"level": "debug"}})
            await members_of(watcher, name, 4)
            assert (await watcher.command("watch", channel=name))["type"] == "watching"
            await running.reload({"hub": {"channels": {"*": {"presence": False}}}})
            left = [await watcher.message() for _ in range(4)]
            assert [found["type"] for found in left] == ["leave"] * 4
            assert {found["client"] for found in left} == {found["client"] for found in members}
            assert (await watcher.command("presence", channel=name))["code"] == "no_presence"
            await running.reload(with_presence)
            joined = [await watcher.message() for _ in range(4)]
            assert [found["type"] for found in joined] == ["join"] * 4
        left = [await watcher.message() for _ in range(3)]
        assert [found["count"] for found in left] == [3, 2, 1]
        await member.command("unsubscribe", channel=name)
        assert (await watcher.message())["count"] == 0


async def test_limits_on_connections(processes):
    running = Reloader(processes, {"hub": {"limits": {"connections": 3}}})
    clients = [await listen(running.service.hub) for _ in range(3)]
    assert await refused(running.service)
    await running.reload({"hub": {"limits": {"connections": 4, "per_address": 100}}})
    clients.append(await listen(running.service.hub))
    assert await refused(running.service)
    await running.reload({"hub": {"limits": {"connections": 1}}})  # who is there stays
    assert await running.service.metric("ringcast_clients") == 4
    await leave(clients)


# ---- other URLs ------------------------------------------------------------------------------------

def printed(service):
    """The lines of results that the service has printed."""
    return [line for line in service.stdout.lines() if line[0] in "✅❌"]


async def tagged_page(seen, path, writer):
    """Each page has a validator, and is unchanged for who has it."""
    if seen.requests[-1].fields.get("if-none-match") == f'"{path}"':
        writer.write(b"HTTP/1.1 304 Not Modified\r\n\r\n")
    else:
        writer.write(response(page(path), f'ETag: "{path}"'))
    return True


async def test_urls_come_and_go_and_those_that_stay_are_known(processes):
    async def handler(path, writer):
        return await tagged_page(seen, path, writer)

    async with origin(handler) as seen:
        running = Reloader(processes, {"fetch": {
            "urls": [seen.url("/stays"), seen.url("/goes")], "every": "1h", "channel": "found"}})
        service = running.service
        await eventually(lambda: len(printed(service)) == 2)
        lines = await running.reload({"fetch": {"urls": [seen.url("/comes"), seen.url("/stays")]}})
        assert has(lines, "config: changed", "key=fetch.urls")
        assert not has(lines, "restart")
        await eventually(lambda: len(printed(service)) == 4)
        assert printed(service)[2:] == [f"✅ {seen.url(path)} → {path}"
                                        for path in ("/comes", "/stays")]
        asked = [(request.path, request.fields.get("if-none-match")) for request in seen.requests]
        assert sorted(asked[:2]) == [("/goes", None), ("/stays", None)]
        assert sorted(asked[2:]) == [("/comes", None), ("/stays", '"/stays"')]
        results = json.loads((await http_get(service.hub, "/results")).body)["results"]
        assert [result["title"] for result in results] == ["/comes", "/stays"]
        # what is known already is no change, so it is not published again
        published = await http_get(service.hub, "/channels/found?since=0")
        titles = [json.loads(message["text"])["title"]
                  for message in json.loads(published.body)["messages"]]
        assert sorted(titles) == ["/comes", "/goes", "/stays"]
        await running.reload({"fetch": {"urls": []}})
        await running.reload({"fetch": {"urls": [seen.url("/again")]}})
        await eventually(lambda: len(printed(service)) == 5)
        assert printed(service)[4] == f"✅ {seen.url('/again')} → /again"


async def test_results_of_urls_that_stay_are_there_at_once(processes):
    """In their new places, while each is being fetched again; and one that comes late of the list
    before is in its new place too."""
    async def handler(path, writer):
        if path in held:
            await held[path].wait()
        writer.write(response(page(path)))
        return True

    async def results():
        found = json.loads((await http_get(service.hub, "/results")).body)["results"]
        return [(result["index"], result["title"]) for result in found]

    async def are(*expected):
        async def hold():
            return await results() == list(expected)
        await eventually(hold)

    held = {"/late": asyncio.Event()}
    async with origin(handler) as seen:
        running = Reloader(processes, {"fetch": {
            "urls": [seen.url("/late"), seen.url("/stays"), seen.url("/goes")], "every": "1h"}})
        service = running.service
        await are((1, "/stays"), (2, "/goes"))
        held.update({path: asyncio.Event() for path in ("/comes", "/stays")})
        await running.reload({"fetch": {
            "urls": [seen.url("/comes"), seen.url("/late"), seen.url("/stays")]}})
        assert await results() == [(2, "/stays")]
        held["/late"].set()
        await are((1, "/late"), (2, "/stays"))
        for event in held.values():
            event.set()
        await are((0, "/comes"), (1, "/late"), (2, "/stays"))


async def test_what_was_learnt_while_other_urls_waited_is_in_the_state_file(processes, tmp_path):
    """The service ends before the new list has begun; the old one's last result is not lost."""
    async def handler(path, writer):
        if path in held:
            await held[path].wait()
        writer.write(response(page(path)))
        return True

    held = {"/late": asyncio.Event(), "/hangs": asyncio.Event()}
    state = tmp_path / "state"
    async with origin(handler) as seen:
        urls = [seen.url("/late"), seen.url("/hangs")]
        running = Reloader(processes, {"shutdown_timeout": "2s", "fetch": {
            "urls": urls, "every": "1h", "state_file": str(state)}})
        await eventually(lambda: len(seen.requests) == 2)
        await running.reload({"fetch": {"urls": [*urls, seen.url("/new")]}})
        running.service.signal(signal.SIGTERM)
        held["/late"].set()
        assert await asyncio.to_thread(running.service.wait_for_exit) == 0
        known = [json.loads(line) for line in state.read_text().splitlines()]
        assert [(line["url"], line.get("title")) for line in known] == [
            (urls[0], "/late"), (urls[1], None)]


async def test_urls_that_come_back_are_known_by_the_state_file(processes, tmp_path):
    """Also where no schedule is there to be asked: the service began with no URLs at all."""
    async def handler(path, writer):
        return await tagged_page(seen, path, writer)

    state = tmp_path / "state"
    async with origin(handler) as seen:
        fetch = {"urls": [seen.url("/one")], "every": "1h", "state_file": str(state)}
        first = Reloader(processes, {"fetch": fetch})
        await eventually(lambda: state.exists() and b"/one" in state.read_bytes())
        first.service.kill()
        await first.service.exit()
        second = Reloader(processes, {"fetch": {**fetch, "urls": []}})
        await second.reload({"fetch": {"urls": fetch["urls"]}})
        await eventually(lambda: len(seen.requests) == 2)
        # through an empty list, too
        await second.reload({"fetch": {"urls": []}})
        await second.reload({"fetch": {"urls": fetch["urls"]}})
        await eventually(lambda: len(seen.requests) == 3)
        assert [request.fields.get("if-none-match") for request in seen.requests] == [
            None, '"/one"', '"/one"']


async def test_the_same_urls_are_left_alone(processes):
    async def handler(path, writer):
        return await tagged_page(seen, path, writer)

    async with origin(handler) as seen:
        running = Reloader(processes, {"fetch": {"urls": [seen.url("/one")], "every": "1h"}})
        await eventually(lambda: len(printed(running.service)) == 1)
        await running.reload({"hub": {"ping_interval": "5s"}})
        assert not has(await running.reload({}), "fetch")
        await running.reload({"fetch": {"every": "2h"}})  # another pace begins with a round
        await eventually(lambda: len(printed(running.service)) == 2)
        assert len(seen.requests) == 2


async def test_a_fetch_under_way_does_not_hold_up_others_for_long(processes):
    """And reloads that come meanwhile end in the last of them."""
    async def handler(path, writer):
        if path == "/hangs":
            hanging.set()
            await for_ever()
        writer.write(response(page(path)))
        return True

    hanging = asyncio.Event()
    async with origin(handler) as seen:
        running = Reloader(processes, {"fetch": {"urls": [seen.url("/hangs")]}})
        await asyncio.wait_for(hanging.wait(), PATIENCE)
        for path in ("/never", "/neither", "/last"):
            await running.reload({"fetch": {"urls": [seen.url(path)]}})
        await eventually(lambda: len(printed(running.service)) == 2)
        found = printed(running.service)
        assert found[0].startswith(f"❌ {seen.url('/hangs')}: ")
        assert found[1] == f"✅ {seen.url('/last')} → /last"
        assert [request.path for request in seen.requests] == ["/hangs", "/last"]


async def test_an_end_while_other_urls_wait(processes):
    async def handler(path, writer):
        hanging.set()
        await for_ever()

    hanging = asyncio.Event()
    async with origin(handler) as seen:
        running = Reloader(processes, {"fetch": {"urls": [seen.url("/hangs")]}})
        await asyncio.wait_for(hanging.wait(), PATIENCE)
        await running.reload({"fetch": {"urls": [seen.url("/never")]}})
        running.service.signal(signal.SIGTERM)
        assert await asyncio.to_thread(running.service.wait_for_exit) == 0
        assert [request.path for request in seen.requests] == ["/hangs"]


# ---- certificates ----------------------------------------------------------------------------------

async def refused(service):
    async with await Connection.open(service.hub) as connection:
        return (await connection.response()).status == 503


def certificate_at(address, name):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    async def ask():
        _, writer = await asyncio.wait_for(asyncio.open_connection(
            *address, ssl=context, server_hostname=name), PATIENCE)
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        return der

    return ask()


async def test_certificates_are_changed_under_living_connections(processes):
    authority = Authority(processes.folder)
    first, second, third = (authority.issue(name) for name in (
        "localhost", "localhost", "other.test"))
    files = {name: os.path.join(processes.folder, name) for name in ("hub.pem", "hub.key")}

    def install(identity):
        shutil.copy(identity.certificate, files["hub.pem"])
        shutil.copy(identity.key, files["hub.key"])

    def der(identity):
        with open(identity.certificate, encoding="ascii") as file:
            return ssl.PEM_cert_to_DER_cert(file.read())

    install(first)
    running = Reloader(processes, {"hub": {
        "listen": "127.0.0.1:0", "tls": {"certificate": "hub.pem", "key": "hub.key"}}})
    service = running.service
    trust = ssl.create_default_context(cafile=authority.certificate)
    url = f"wss://127.0.0.1:{service.hub[1]}/"
    async with websockets.connect(url, ssl=trust, server_hostname="localhost") as old:
        assert await certificate_at(service.hub, "localhost") == der(first)
        install(second)
        more = [{"certificate": third.certificate, "key": third.key}]
        await running.reload({"hub": {"tls": {"more": more}}})
        assert await certificate_at(service.hub, "localhost") == der(second)
        assert await certificate_at(service.hub, "other.test") == der(third)
        async with websockets.connect(url, ssl=trust, server_hostname="localhost") as new:
            await new.send("hello")
            assert await asyncio.wait_for(old.recv(), PATIENCE) == "[127.0.0.1] hello"
            await old.send("still here")
            assert await asyncio.wait_for(new.recv(), PATIENCE) == "[127.0.0.1] still here"
        shutil.copy(first.key, files["hub.key"])  # not of this certificate
        assert has(await running.hang_up("refused"), "hub.key")
        assert await certificate_at(service.hub, "localhost") == der(second)


async def test_many_reloads_under_load(processes):
    running = Reloader(processes, {"hub": {"channels": {"a": {"publish": "anyone"}}}})
    listener = await listen(running.service.hub, "/channels/a")
    speaker = await listen(running.service.hub, "/channels/a")
    count = 0
    for round_number in range(20):
        for _ in range(200):
            speaker.send(frame(TEXT, f"{count:06}"))
            count += 1
        await running.reload({"hub": {"max_message": 1000 + round_number, "channels": {
            "a": {"retain": {"messages": 100000 + round_number}}}}})
    await listener.bytes(8 * count)
    assert listener.messages == [f"{number:06}".encode() for number in range(count)]
    await leave([listener, speaker])
