"""The chat, with the Python program's library as client: beside its server, byte for byte."""

import asyncio

import pytest
import websockets

from support.process import PATIENCE
from support.service import PythonServer, start_service
from support.wire import BINARY, TEXT, Connection, close_frame, frame, handshake, join

MESSAGES = [
    "hello", "", "Grüße, 世界, 😀", "two\nlines\r\n", "\x00 and \x7f", '{"type": "join"}', " ",
    b"", b"\x00\x01\xff\xfe", b"not UTF-8: \xc3\x28", "[127.0.0.1] who says so?",
    # with "[127.0.0.1] " or "[::1] " in front: around each place where the length field grows
    "a" * 112, "b" * 113, "c" * 114, "d" * 119, "e" * 120, "f" * 65523, "g" * 65524, "h" * 65530,
    "i" * 65536, b"\x80" * 65536, "😀" * 16384, "the last",
]


async def receive(client):
    return await asyncio.wait_for(client.recv(), PATIENCE)


async def closing(client):
    """The code that the server closes the client with; nothing may come before."""
    with pytest.raises(websockets.exceptions.ConnectionClosed):
        await receive(client)
    return client.close_code


def urls(server, six):
    """Three clients over IPv4, or one of them over IPv6."""
    last = f"ws://[::1]:{server.hub6[1]}/" if six else server.url()
    return [server.url(), server.url(), last]


async def converse(server, six, **options):
    """
    Each client in turn says something, and the next speaks when all others have heard it. Returns
    what each has got, in order. An echo would come before what the next says, so it would be seen.
    """
    clients = [await websockets.connect(url, ping_interval=None, **options)
               for url in urls(server, six)]
    heard = [[] for _ in clients]
    for number, message in enumerate(MESSAGES + ["end"] * len(clients)):
        sender = clients[number % len(clients)]
        await sender.send(message)
        for client, received in zip(clients, heard):
            if client is not sender:
                received.append(await receive(client))
    for client in clients:
        await client.close()
        assert client.close_code == 1000
    return heard


def prefixed(message, sender, six):
    prefix = "[::1] " if six and sender == 2 else "[127.0.0.1] "
    return prefix + message if isinstance(message, str) else prefix.encode() + message


@pytest.mark.parametrize("compression", [None, "deflate"])
@pytest.mark.parametrize("six", [False, True], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("workers", [1, 2, 4])
async def test_same_conversation_as_the_python_server(processes, workers, six, compression):
    ours, theirs = start_service(processes, {"workers": workers}), PythonServer(processes)
    if six and (ours.hub6 is None or theirs.hub6 is None):
        pytest.skip("this machine has no IPv6")
    heard = await converse(ours, six, compression=compression)
    assert heard == await converse(theirs, six, compression=compression)
    assert heard[0] == [prefixed(message, number % 3, six)
                        for number, message in enumerate(MESSAGES + ["end"] * 3) if number % 3]


async def frames_of(server):
    """The bytes of every frame that a listener gets while somebody else says everything."""
    listener, speaker = await join(server.hub), await join(server.hub)
    frames = []
    for message in MESSAGES:
        speaker.send(frame(TEXT if isinstance(message, str) else BINARY, message))
        frames.append((await listener.frame()).raw)
    for connection in (listener, speaker):
        connection.send(close_frame(1000))
        frames.append((await connection.frame()).raw)
        assert await connection.end() == b""
        connection.writer.close()
    return frames


async def test_same_bytes_on_the_wire_as_the_python_server(processes):
    ours, theirs = start_service(processes), PythonServer(processes)
    assert await frames_of(ours) == await frames_of(theirs)


@pytest.mark.parametrize("workers", [1, 2, 4])
async def test_all_see_one_order_and_nobody_an_echo(processes, workers):
    """Everybody talks at once: without own messages, each has seen the same."""
    talkers, each = 8, 100
    service = start_service(processes, {"workers": workers})
    clients = [await websockets.connect(service.url(), ping_interval=None, max_queue=None)
               for _ in range(talkers + 2)]

    async def talk(number):
        for count in range(each):
            await clients[number].send(f"{number} {count}")
            if count % 10 == 0:
                await asyncio.sleep(0)

    async def hear(number):
        own = each if number < talkers else 0
        return [await receive(clients[number]) for _ in range(talkers * each - own)]

    heard = (await asyncio.gather(*(hear(number) for number in range(talkers + 2)),
                                  *(talk(number) for number in range(talkers))))[:talkers + 2]
    order = heard[-1]
    for number, received in enumerate(heard):
        assert received == [text for text in order if text.split()[1] != str(number)]
    for number in range(talkers):
        assert ([text for text in order if text.split()[1] == str(number)] ==
                [f"[127.0.0.1] {number} {count}" for count in range(each)])
    metrics = await service.metrics()
    assert metrics["ringcast_messages_published_total"] == talkers * each
    assert metrics["ringcast_deliveries_total"] == talkers * each * (talkers + 1)
    for client in clients:
        await client.close()


async def test_channels_are_apart(processes):
    service = start_service(processes, {"workers": 2, "hub": {"channels": {
        "*": {"publish": "anyone"}, "prefixed": {"publish": "anyone", "prefix": True}}}})
    paths = ["/", "/channels/a", "/channels/b", "/channels/prefixed", "/channels/chat",
             "/channels/a?name=1"]
    clients = {path: [await websockets.connect(service.url(path)) for _ in range(2)]
               for path in paths}
    for path in paths:
        await clients[path][0].send(f"to {path}")
    expected = {
        "/": ["[127.0.0.1] to /", "[127.0.0.1] to /channels/chat"],
        "/channels/chat": ["[127.0.0.1] to /", "[127.0.0.1] to /channels/chat"],
        "/channels/a": ["to /channels/a", "to /channels/a?name=1"],
        "/channels/a?name=1": ["to /channels/a", "to /channels/a?name=1"],
        "/channels/b": ["to /channels/b"],
        "/channels/prefixed": ["[127.0.0.1] to /channels/prefixed"],
    }
    for path in paths:
        heard = [await receive(clients[path][1]) for _ in expected[path]]
        assert sorted(heard) == sorted(expected[path])
        await clients[path][1].close()
    assert await service.metric("ringcast_channels") == 4
    for path in paths:
        await clients[path][0].close()


async def test_publishing_without_the_right_is_refused(processes):
    service = start_service(processes, {"hub": {"channels": {"open": {"publish": "anyone"}}}})
    listener = await websockets.connect(service.url("/channels/news"))
    intruder = await websockets.connect(service.url("/channels/news"))
    await intruder.send("not mine to say")
    assert await closing(intruder) == 1008
    other = await websockets.connect(service.url("/channels/open"))
    speaker = await websockets.connect(service.url("/channels/open"))
    await speaker.send("mine to say")
    assert await receive(other) == "mine to say"
    metrics = await service.metrics()
    assert metrics["ringcast_messages_published_total"] == 1
    assert metrics['ringcast_client_closes_total{reason="publish_not_allowed"}'] == 1
    for client in (listener, other, speaker):
        await client.close()
        assert client.close_code == 1000


@pytest.mark.parametrize("compression", [True, False])
async def test_an_offered_compression_is_taken_where_it_is_allowed(processes, compression):
    service = start_service(processes, {"hub": {"compression": compression}})
    async with await Connection.open(service.hub) as connection:
        connection.send(handshake(
            Sec_WebSocket_Extensions="permessage-deflate; client_max_window_bits, x-other; a=1",
            Sec_WebSocket_Protocol="chat, superchat"))
        response = await connection.response()
        assert response.status == 101
        taken = response.fields.get("sec-websocket-extensions", "")
        assert taken.startswith("permessage-deflate") == compression and "x-other" not in taken
        assert "sec-websocket-protocol" not in response.fields
        connection.send(close_frame(1000))
        assert (await connection.frame()).code == 1000


async def test_who_comes_late_hears_only_what_comes_then(processes):
    service = start_service(processes, {"workers": 2})
    speaker, early = [await websockets.connect(service.url()) for _ in range(2)]
    await speaker.send("before")
    assert await receive(early) == "[127.0.0.1] before"
    late = await websockets.connect(service.url())
    await speaker.send("after")
    assert await receive(late) == "[127.0.0.1] after"
    assert await receive(early) == "[127.0.0.1] after"
    for client in (speaker, early, late):
        await client.close()
