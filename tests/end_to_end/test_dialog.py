"""The JSON subprotocol, with python3-websockets: docs/protocol.md, command by command."""

import asyncio
import base64
import json
import signal

import pytest
import websockets

from support.dialog import SUBPROTOCOL, connect
from support.process import PATIENCE
from support.service import start_service
from support.wire import TEXT, frame, join


@pytest.fixture(scope="module")
def service(shared_processes):
    return start_service(shared_processes, {"workers": 2, "hub": {"channels": {
        "*": {"publish": "anyone", "retain": {"messages": 50}},
        "closed": {"publish": "token"}, "echo": {"publish": "anyone", "echo": True}}}})


def fresh_name(numbers=iter(range(10 ** 9))):
    """Homes on either worker."""
    return f"dialog-{next(numbers)}"


async def test_subscribe_publish_and_hear(service):
    name = fresh_name()
    async with connect(service) as a, connect(service, compression=None) as b:
        for client in (a, b):
            reply = await client.command("subscribe", channel=name)
            assert reply["type"] == "subscribed" and reply["offset"] == 0
            assert "recovered" not in reply
        for i, text in enumerate(["hello", "", "\"quoted\" \\ € \U0001f600 \u0000\n", "x" * 5000]):
            reply = await a.command("publish", channel=name, text=text)
            assert (reply["type"], reply["offset"]) == ("published", i + 1)
            assert await b.message() == {"type": "message", "channel": name, "offset": i + 1,
                                         "text": text}
        assert a.messages == []  # never back to its sender
        await b.command("publish", channel=name, base64=base64.b64encode(b"\xff\0").decode())
        assert (await a.message())["base64"] == "/wA="


async def test_both_kinds_of_clients_in_one_channel(service):
    name = fresh_name()
    async with connect(service) as dialog, \
            websockets.connect(service.url(f"/channels/{name}")) as plain:
        await dialog.command("subscribe", channel=name)
        await plain.send("from plain")
        assert (await dialog.message())["text"] == "from plain"
        await plain.send(b"\x01\x02")
        assert (await dialog.message())["base64"] == "AQI="
        await dialog.command("publish", channel=name, text="from a dialog")
        assert await asyncio.wait_for(plain.recv(), PATIENCE) == "from a dialog"
        await dialog.command("publish", channel=name, base64="AQI=")
        assert await asyncio.wait_for(plain.recv(), PATIENCE) == b"\x01\x02"


async def test_publishing_without_being_there(service):
    name = fresh_name()
    async with connect(service) as a, connect(service) as b:
        await b.command("subscribe", channel=name)
        assert (await a.command("publish", channel=name, text="out of the blue"))["offset"] == 1
        assert (await b.message())["text"] == "out of the blue"


async def test_echo_comes_back(service):
    async with connect(service) as client:
        await client.command("subscribe", channel="echo")
        reply = await client.command("publish", channel="echo", text="hello")
        message = await client.message()
        assert (message["text"], message["offset"]) == ("hello", reply["offset"])


async def test_recovery_is_all_or_nothing(service):
    name = fresh_name()
    async with connect(service) as writer:
        async with connect(service) as reader:
            begin = await reader.command("subscribe", channel=name)
        for i in range(50):
            await writer.command("publish", channel=name, text=str(i))
        async with connect(service) as reader:
            reply = await reader.command("subscribe", channel=name, epoch=begin["epoch"],
                                         offset=begin["offset"])
            assert reply["recovered"] is True and reply["offset"] == 0
            assert [(await reader.message())["offset"] for _ in range(50)] == list(range(1, 51))
        await writer.command("publish", channel=name, text="one more, so the first is gone")
        for epoch, offset in ((begin["epoch"], 0), (begin["epoch"], 99), ("0" * 16, 40)):
            async with connect(service) as reader:
                reply = await reader.command("subscribe", channel=name, epoch=epoch, offset=offset)
                assert reply["recovered"] is False and reply["offset"] == 51
                assert reply["epoch"] == begin["epoch"]
        async with connect(service) as reader:
            reply = await reader.command("subscribe", channel=name, epoch=begin["epoch"], offset=51)
            assert reply["recovered"] is True


async def test_the_last_few_messages(service):
    name = fresh_name()
    async with connect(service) as writer, connect(service) as reader:
        for i in range(10):
            await writer.command("publish", channel=name, text=str(i))
        assert (await reader.command("subscribe", channel=name, last=3))["offset"] == 7
        assert [(await reader.message())["text"] for _ in range(3)] == ["7", "8", "9"]
        await writer.command("publish", channel=name, text="live")
        assert (await reader.message())["text"] == "live"


async def test_history_and_state(service):
    name = fresh_name()
    async with connect(service) as client:
        await client.command("subscribe", channel=name)
        for i in range(60):
            await client.command("publish", channel=name, text=str(i))
        history = await client.command("history", channel=name, offset=55)
        assert history["complete"] is True and history["offset"] == 60
        assert [message["text"] for message in history["messages"]] == ["55", "56", "57", "58", "59"]
        history = await client.command("history", channel=name, offset=3, limit=2)
        assert history["complete"] is False  # 4 to 10 are gone
        assert [message["offset"] for message in history["messages"]] == [11, 12]
        history = await client.command("history", channel=name, epoch="f" * 16, offset=58)
        assert history["complete"] is False and len(history["messages"]) == 50
        state = await client.command("state", channel=name)
        assert state["subscribers"] == 1 and state["retained"]["messages"] == 50
        assert (state["offset"], state["own"], state["delivered"]) == (60, 60, 0)


async def test_asking_makes_no_channel(service):
    name = fresh_name()
    async with connect(service) as client:
        for command in ("history", "state") * 2:
            answer = await client.command(command, channel=name)
            assert (answer["type"], answer["code"]) == ("error", "no_channel")


async def test_many_channels_are_served_fairly(service):
    """A flood in one channel does not keep the others waiting for its end."""
    flood, quiet = fresh_name(), [fresh_name() for _ in range(20)]
    async with connect(service, max_queue=1) as reader, connect(service) as writer:
        for name in [flood, *quiet]:
            await reader.command("subscribe", channel=name)
        big = "x" * 100000
        for _ in range(30):
            await writer.command("publish", channel=flood, text=big)
        for name in quiet:
            await writer.command("publish", channel=name, text="short")
        heard = [(await reader.message())["channel"] for _ in range(30 + len(quiet))]
        assert sorted(heard) == sorted([flood] * 30 + quiet)


async def test_unsubscribe_and_come_back(service):
    name = fresh_name()
    async with connect(service) as client, connect(service) as other:
        await client.command("subscribe", channel=name)
        assert (await client.command("unsubscribe", channel=name))["type"] == "unsubscribed"
        await other.command("publish", channel=name, text="missed")
        assert (await client.command("ping"))["type"] == "pong"
        assert client.messages == []
        assert (await client.command("subscribe", channel=name))["offset"] == 1
        await other.command("publish", channel=name, text="heard")
        assert (await client.message())["text"] == "heard"


ERRORS = [
    ("not_allowed", {"type": "publish", "channel": "closed", "text": "x"}),
    ("bad_channel", {"type": "subscribe", "channel": "a b"}),
    ("bad_channel", {"type": "subscribe"}),
    ("bad_command", {"type": "dance"}),
    ("bad_command", {"type": "publish", "channel": "a"}),
    ("bad_command", {"type": "publish", "channel": "a", "text": "x", "base64": ""}),
    ("bad_command", {"type": "publish", "channel": "a", "base64": "?"}),
    ("bad_command", {"type": "subscribe", "channel": "a", "offset": 3}),
    ("bad_command", {"type": "subscribe", "channel": "a", "epoch": "xyz", "offset": 3}),
    ("not_subscribed", {"type": "unsubscribe", "channel": "never"}),
]


@pytest.mark.parametrize("code, command", ERRORS)
async def test_errors_are_messages(service, code, command):
    async with connect(service) as client:
        reply = await client.command(**command)
        assert (reply["type"], reply["code"]) == ("error", code)
        assert reply["text"]
        assert (await client.command("ping"))["type"] == "pong"


NOT_COMMANDS = ["", "x", "[]", "{", "{}", "{\"type\":\"ping\"} x", "{\"type\":}", "{\"type\":\"ping\",}",
                "{\"type\":\"ping\" \"id\":1}", "{\"type\":\"\\ud800\"}", "{\"type\":\"\\x\"}",
                "{\"type\":\"ping\",\"id\":-1}", "{\"type\":\"ping\",\"id\":1.5}",
                "{\"type\":\"ping\",\"x\":{}}", "{\"type\":\"ping\",\"x\":yes}", "{\"type\":\"a\nb\"}"]


async def test_what_is_no_command(service):
    async with connect(service) as client:
        for text in NOT_COMMANDS + [b"\x00binary"]:
            await client.socket.send(text)
            reply = await client.receive()
            assert (reply["type"], reply["code"]) == ("error", "bad_command"), text
        reply = await client.command("ping", unknown="ignored", flag=True, none=None, number=-1.5e3)
        assert reply["type"] == "pong"


async def test_subscriptions_are_limited(service):
    async with connect(service) as client:
        replies = [await client.command("subscribe", channel=f"limit-{i}") for i in range(129)]
        assert [reply["type"] for reply in replies] == ["subscribed"] * 128 + ["error"]
        assert replies[-1]["code"] == "limit"


async def test_commands_without_waiting(service):
    """A hundred publishes at once: each has its reply, in order, and others hear them in order."""
    name = fresh_name()
    async with connect(service) as writer, connect(service) as reader:
        await writer.command("subscribe", channel=name)
        await reader.command("subscribe", channel=name)
        for i in range(100):
            await writer.socket.send(json.dumps({"type": "publish", "id": i, "channel": name,
                                                 "text": str(i)}))
        replies = [await writer.receive() for _ in range(100)]
        assert [reply["id"] for reply in replies] == list(range(100))
        assert [reply["offset"] for reply in replies] == list(range(1, 101))
        assert [(await reader.message())["text"] for _ in range(100)] == [str(i) for i in range(100)]


async def test_gone_while_answers_are_under_way(service):
    """Whatever is under way when a client vanishes, the service goes on."""
    for round_ in range(20):
        connection = await join(service.hub, Sec_WebSocket_Protocol=SUBPROTOCOL)
        commands = [{"type": "subscribe", "channel": f"gone-{i}", "last": 10} for i in range(10)]
        commands += [{"type": "publish", "channel": f"gone-{i}", "text": "x"} for i in range(10)]
        commands += [{"type": "unsubscribe", "channel": f"gone-{i}"} for i in range(5)]
        connection.send(*(frame(TEXT, json.dumps(command)) for command in commands))
        await connection.drain()
        if round_ % 2:
            await connection.frame()
        connection.abort()
    async with connect(service) as client:
        assert (await client.command("state", channel="gone-1"))["offset"] > 0


async def test_who_reads_slowly_is_told_what_it_missed(shared_processes):
    service = start_service(shared_processes, {"hub": {"channels": {"*": {
        "publish": "anyone", "slow_reader": "skip", "retain": {"bytes": "256KiB"}}}}})
    async with connect(service, compression=None) as writer:
        connection = await join(service.hub, Sec_WebSocket_Protocol=SUBPROTOCOL)
        connection.send(frame(TEXT, json.dumps({"type": "subscribe", "channel": "a"})))
        assert json.loads(await connection.message())["type"] == "subscribed"
        for i in range(400):
            await writer.command("publish", channel="a", text=str(i) + "x" * 50000)
        got, missed, expected = 0, 0, 1
        while expected <= 400:
            message = json.loads(await connection.message())
            if message["type"] == "skipped":
                missed += message["missed"]
                expected += message["missed"]
                assert message["offset"] == expected - 1
            else:
                assert message["offset"] == expected
                expected += 1
                got += 1
        assert missed > 0 and got + missed == 400
        connection.abort()


async def test_shutdown_closes_with_1001(processes):
    service = start_service(processes, {})
    async with connect(service) as client:
        await client.command("subscribe", channel="chat")
        service.signal(signal.SIGTERM)
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await client.receive()
        assert closed.value.code == 1001
        assert await service.exit() == 0
