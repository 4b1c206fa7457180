"""Who is in a channel: joins, leaves, counts and lists, over several workers."""

import asyncio
import json
import socket

import pytest
import websockets

from support.dialog import SUBPROTOCOL, connect
from support.process import eventually
from support.service import start_service
from support.tokens import SECRET, token, write_file
from support.wire import TEXT, Connection, frame, handshake, join


@pytest.fixture(scope="module")
def service(shared_processes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("presence")
    return start_service(shared_processes, {"workers": 2, "hub": {
        "auth": {"jwt_secret_file": write_file(folder, "secret", SECRET)},
        "channels": {"*": {"publish": "anyone", "presence": True},
                     "closed": {"subscribe": "token", "presence": True},
                     "unknown": {"publish": "anyone"}}}})


def fresh_name(numbers=iter(range(10 ** 9))):
    """Homes on either worker."""
    return f"presence-{next(numbers)}"


async def event(dialog, type):
    received = await dialog.message()
    assert received["type"] == type, received
    return received


async def members_of(dialog, name):
    answer = await dialog.command("presence", channel=name)
    assert answer["type"] == "presence" and answer["complete"] is True
    assert answer["count"] == len(answer["members"])
    return answer["members"]


@pytest.mark.parametrize("_", range(4))  # the workers of the watcher, the member and the home vary
async def test_who_comes_and_goes(service, _):
    name = fresh_name()
    async with connect(service) as watcher:
        assert (await watcher.command("watch", channel=name))["type"] == "watching"
        assert await members_of(watcher, name) == []
        async with connect(service) as member:
            own = (await member.command("subscribe", channel=name))["client"]
            assert await event(watcher, "join") == {"type": "join", "channel": name, "client": own,
                                                    "count": 1}
            assert await members_of(watcher, name) == [{"client": own}]
            async with websockets.connect(service.url(f"/channels/{name}")):
                plain = (await event(watcher, "join"))["client"]
                assert [found["client"] for found in await members_of(member, name)] == [own, plain]
            left = await event(watcher, "leave")
            assert (left["client"], left["count"]) == (plain, 1)
            await member.command("unsubscribe", channel=name)
            assert (await event(watcher, "leave"))["client"] == own
            assert (await member.command("subscribe", channel=name))["client"] == own
            assert (await event(watcher, "join"))["client"] == own
        assert (await event(watcher, "leave"))["count"] == 0
        assert await members_of(watcher, name) == []
        assert (await watcher.command("unwatch", channel=name))["type"] == "unwatched"
        async with connect(service) as member:
            await member.command("subscribe", channel=name)
        await watcher.command("ping")
        assert watcher.messages == []


async def test_one_client_in_several_channels_is_the_same(service):
    one, other = fresh_name(), fresh_name()
    async with connect(service) as client, connect(service) as second:
        own = (await client.command("subscribe", channel=one))["client"]
        assert (await client.command("subscribe", channel=other))["client"] == own
        assert (await second.command("subscribe", channel=one))["client"] != own
        assert await members_of(client, other) == [{"client": own}]


async def test_events_readers_are_members_and_a_token_says_who(service):
    name, who = fresh_name(), 'änn "x"'
    async with connect(service) as watcher:
        await watcher.command("watch", channel=name)
        async with await Connection.open(service.hub) as http:
            path = f"/channels/{name}/events?token={token(sub=who)}"
            http.send(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            came = await event(watcher, "join")
            assert came["user"] == who
            assert await members_of(watcher, name) == [{key: came[key] for key in ("client", "user")}]
            http.abort()
        assert (await event(watcher, "leave"))["user"] == who


async def test_the_state_tells_the_count(service):
    name = fresh_name()
    async with connect(service) as first, connect(service) as second:
        for number, client in enumerate((first, second), 1):
            await client.command("subscribe", channel=name)
            assert (await first.command("state", channel=name))["members"] == number
        async with await Connection.open(service.hub) as http:
            http.send(f"GET /channels/{name} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            assert json.loads((await http.response()).body)["members"] == 2


async def test_what_is_refused(service):
    async with connect(service) as client:
        async def code(command, **members):
            answer = await client.command(command, **members)
            assert answer["type"] == "error"
            return answer["code"]
        assert await code("watch", channel="unknown") == "no_presence"
        assert await code("presence", channel="unknown") == "no_presence"
        for command in ("watch", "presence", "history", "state"):
            assert await code(command, channel="closed") == "not_allowed"
        assert await code("unwatch", channel="a") == "not_subscribed"
        assert await code("presence", channel=fresh_name()) == "no_channel"
        name = fresh_name()
        await client.command("watch", channel=name)
        assert await code("watch", channel=name) == "already_subscribed"
        assert "client" not in await client.command("subscribe", channel="unknown")
        assert "members" not in await client.command("state", channel="unknown")


async def test_events_of_presence_are_no_messages(service):
    """Neither in the history nor in what is delivered."""
    name = fresh_name()
    async with connect(service) as watcher, connect(service) as reader:
        await watcher.command("watch", channel=name)
        await watcher.command("subscribe", channel=name)
        await reader.command("subscribe", channel=name)
        for _ in range(2):
            assert (await event(watcher, "join"))["channel"] == name
        await reader.command("publish", channel=name, text="hello")
        assert (await event(watcher, "message"))["text"] == "hello"
        state = await reader.command("state", channel=name)
        assert (state["offset"], state["subscribers"], state["own"]) == (1, 2, 1)
        async def delivered():
            return (await reader.command("state", channel=name))["delivered"] == 1
        await eventually(delivered)


async def test_many_come_and_go_and_the_counts_add_up(service):
    """Each watcher can keep its own list by the events alone, and it is the hub's."""
    name, clients = fresh_name(), 100
    async with connect(service) as watcher, connect(service) as second:
        for dialog in (watcher, second):
            await dialog.command("watch", channel=name)
        joined = await asyncio.gather(*(join(service.hub, f"/channels/{name}")
                                        for _ in range(clients)))
        for connection in joined[::2]:
            connection.abort()
        for dialog in (watcher, second):
            there, events = set(), 0
            while events < clients + clients // 2:
                received = await dialog.message()
                (there.add if received["type"] == "join" else there.remove)(received["client"])
                assert received["count"] == len(there)
                events += 1
            assert {found["client"] for found in await members_of(dialog, name)} == there
            answer = await dialog.command("presence", channel=name, limit=7)
            assert (answer["complete"], answer["count"], len(answer["members"])) == (False, 50, 7)
    for connection in joined:
        connection.abort()


async def connect_narrowly(service):
    """A client of the subprotocol of whose bytes little is on the way when it does not read."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.setblocking(False)
    await asyncio.get_running_loop().sock_connect(narrow, service.hub)
    connection = Connection(*await asyncio.open_connection(sock=narrow, limit=4096))
    connection.send(handshake("/", Sec_WebSocket_Protocol=SUBPROTOCOL))
    assert (await connection.response()).status == 101
    return connection


async def test_a_slow_watcher_is_told_what_it_missed(service):
    """It reads nothing while somebody with a long name comes and goes; then it is told, and asks."""
    name, comings = fresh_name(), 1500
    watcher = await connect_narrowly(service)
    watcher.send(frame(TEXT, json.dumps({"type": "watch", "channel": name})))
    assert json.loads(await watcher.message())["type"] == "watching"
    path = f"/?token={token(sub='x' * 2000)}"
    async with connect(service, path) as other:
        for _ in range(comings):
            await other.command("subscribe", channel=name)
            await other.command("unsubscribe", channel=name)
    missed = events = 0
    while events + missed < 2 * comings:
        received = json.loads(await watcher.message())
        if received["type"] == "presence_skipped":
            missed += received["missed"]
        else:
            assert received["type"] in ("join", "leave")
            events += 1
    assert missed > 0
    watcher.send(frame(TEXT, json.dumps({"type": "presence", "channel": name})))
    assert json.loads(await watcher.message())["members"] == []
    watcher.abort()
