"""Every limit of hub.limits: what happens at it, one beyond it, and that it is counted."""

import asyncio
import json
import random
import zlib

import pytest

from support.process import eventually
from support.service import start_service
from support.wire import (BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Connection, close_frame,
                          frame, handshake, http_get, join, leave, listen, listen_many)


def start(processes, workers=2, **limits):
    return start_service(processes, {"workers": workers, "hub": {
        "limits": limits, "channels": {"*": {"publish": "anyone"}}}})


async def closed_with(connection):
    """The code of the close frame, behind whatever else came first."""
    while (received := await connection.frame()).opcode != CLOSE:
        pass
    connection.send(frame(CLOSE, received.payload[:2]))
    assert await connection.end() == b""
    connection.writer.close()
    return received.code


def post(path, body=b"", **fields):
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    return (f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
            f"{lines}\r\n").encode() + body


# ---- connections -----------------------------------------------------------------------------------

async def test_connections_in_all_over_all_workers(processes):
    service = start(processes, connections=10)
    clients = await listen_many(service.hub, 10)
    async with await Connection.open(service.hub) as late:  # a request could meet a reset
        refused = await late.response()
    assert (refused.status, refused.fields["retry-after"]) == (503, "1")
    assert await service.metric("ringcast_connections_refused_total") == 1
    await leave(clients[:1])

    async def has_room():
        return await service.metric("ringcast_connections") == 9

    await eventually(has_room)
    await leave(clients[1:] + [await listen(service.hub)])


async def test_connections_from_one_address(processes):
    service = start(processes, per_address=3)
    clients = await listen_many(service.hub, 3)
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await http_get(service.hub, "/")
    assert await service.metric("ringcast_connections_refused_for_address_total") == 1
    if service.hub6 is not None:  # another address
        await leave([await listen(service.hub6)])
    await leave(clients[:1])

    async def has_room():
        return await service.metric("ringcast_connections") == 2

    await eventually(has_room)
    await leave(clients[1:] + [await listen(service.hub)])


async def test_accepts_a_second(processes):
    service = start(processes, workers=1, accepts_per_second=1)
    clients = [await listen(service.hub)]
    async with await Connection.open(service.hub) as late:  # a request could meet a reset
        refused = await late.response()
    assert (refused.status, refused.fields["retry-after"]) == (503, "1")
    assert await service.metric("ringcast_connections_refused_for_rate_total") >= 1
    assert await service.metric("ringcast_connections_refused_total") == 0

    async def comes_in():
        try:
            return await listen(service.hub)
        except AssertionError:
            return None

    clients.append(await eventually(comes_in))
    await leave(clients)


async def one_was_closed_for(service, reason):
    """A connection is counted when it is gone, behind the close frame that tells its client."""
    async def is_counted():
        return await service.metric(f'ringcast_client_closes_total{{reason="{reason}"}}') == 1

    await eventually(is_counted)


# ---- what a client sends ---------------------------------------------------------------------------

async def test_messages_a_second(processes):
    """Five seconds' worth may come at once, and all of it is delivered; others notice nothing."""
    service = start(processes, messages_per_second=10)
    listener = await listen(service.hub, "/channels/a")
    speaker = await join(service.hub, "/channels/a")
    speaker.send(frame(TEXT, "x") * 500)
    assert await closed_with(speaker) == 1008
    got = len(await listener.bytes(50 * 3)) // 3
    assert got == 50
    await one_was_closed_for(service, "message_rate")
    metrics = await service.metrics()
    assert 50 <= metrics["ringcast_messages_published_total"] < 60
    other = await join(service.hub, "/channels/a")
    other.send(frame(TEXT, "y"))
    await eventually(lambda: b"y" in listener.messages)
    other.send(close_frame(1000))
    assert await closed_with(other) == 1000
    await leave([listener])


async def test_commands_are_messages_too(processes):
    service = start(processes, messages_per_second=1)
    client = await join(service.hub, Sec_WebSocket_Protocol="ringcast.v1.json")
    client.send(frame(TEXT, '{"type":"ping"}') * 20)
    for _ in range(5):
        assert json.loads(await client.message()) == {"type": "pong"}
    assert await client.closed_with() == 1008


async def test_bytes_a_second(processes):
    """One message of any allowed size may come at once."""
    service = start_service(processes, {"hub": {
        "max_message": "256KiB", "limits": {"bytes_per_second": "4KiB"}}})
    client = await join(service.hub)
    client.send(frame(TEXT, "x" * (256 * 1024)), frame(PING, "still here"))
    assert (await client.frame()).payload == b"still here"
    client.send(frame(TEXT, "x" * (200 * 1024)))
    assert await closed_with(client) == 1008
    await one_was_closed_for(service, "message_rate")


async def test_many_small_messages_in_one_piece_are_bytes_too(processes):
    """No more goes through at once than a second's bytes and one message, however it is cut."""
    service = start_service(processes, {"hub": {
        "max_message": 100, "limits": {"bytes_per_second": "1KiB"}}})
    listener, client = await listen(service.hub), await join(service.hub)
    client.send(frame(TEXT, "x" * 100) * 10)
    await eventually(lambda: len(listener.messages) == 10)
    flood = await join(service.hub)
    flood.send(frame(TEXT, "y" * 100) * 20)
    assert await closed_with(flood) == 1008
    assert len(listener.messages) == 10
    client.send(close_frame(1000))
    assert await closed_with(client) == 1000
    await leave([listener])


async def test_publishing_requests_that_are_too_much_ever_or_now(processes):
    service = start(processes, bytes_per_second="1KiB", messages_per_second=1000)
    async with await Connection.open(service.hub) as http:
        lines = {"Content_Type": "application/x-ndjson"}
        http.send(post("/channels/a", b"1\n" * 5001, **lines))
        refused = await http.response()
        assert refused.status == 413 and "at once" in json.loads(refused.body)["error"]
        http.send(post("/channels/a", b"x" * 1048576))  # a message, and a second's worth is left
        assert (await http.response()).status == 201
        http.send(post("/channels/a", b"x" * 102400))
        refused = await http.response()
        assert refused.status == 429 and 50 < int(refused.fields["retry-after"]) <= 100
        http.send(post("/channels/a", b"what was refused has cost nothing"))
        assert (await http.response()).status == 201
    assert await service.metric("ringcast_publish_requests_refused_for_rate_total") == 2


async def test_publishing_requests_count_each_line(processes):
    """That is a message: not the empty ones, nor those of what is refused for another reason."""
    service = start(processes, messages_per_second=2)
    lines = {"Content_Type": "application/x-ndjson"}
    async with await Connection.open(service.hub) as http:
        http.send(post("/channels/a", b"1\n" * 9 + b"\xff", **lines),
                  post("/channels/a", b"1\n" * 10, Idempotency_Key="k" * 129, **lines))
        assert [(await http.response()).status for _ in range(2)] == [400, 400]
        http.send(post("/channels/a", b"1\n\n\r\n" * 9 + b"2", **lines))
        assert (await http.response()).status == 201
        http.send(post("/channels/a", b"one more"))
        refused = await http.response()
        assert (refused.status, refused.fields["retry-after"]) == (429, "1")
        assert "error" in json.loads(refused.body)

        async def is_taken():
            http.send(post("/channels/a", b"later"))
            return (await http.response()).status == 201

        await eventually(is_taken)
    assert await service.metric("ringcast_publish_requests_refused_for_rate_total") >= 1


async def test_control_frames_a_second(processes):
    service = start(processes, controls_per_second=2)
    client = await join(service.hub)
    client.send(frame(PING, "a") * 10)
    for _ in range(10):
        assert (await client.frame()).opcode == PONG
    client.send(frame(PONG, "nobody asked"))
    assert await closed_with(client) == 1008
    await one_was_closed_for(service, "control_rate")


async def test_pongs_that_were_asked_for_do_not_count(processes):
    service = start_service(processes, {"hub": {
        "ping_interval": "10ms", "limits": {"controls_per_second": 1}}})
    client = await listen(service.hub)

    async def pings():
        return await service.metric("ringcast_pings_total") >= 20

    await eventually(pings)
    await leave([client])


async def test_the_size_of_a_frame(processes):
    service = start(processes, frame=100)
    client = await join(service.hub)
    client.send(frame(TEXT, "x" * 100, final=False), frame(CONTINUATION, "y" * 100))
    client.send(frame(PING, "p"))
    assert (await client.frame()).opcode == PONG
    client.send(frame(TEXT, "x" * 101))
    assert await closed_with(client) == 1009
    await one_was_closed_for(service, "too_big")


async def test_the_size_of_a_message_plain_and_inflated(processes):
    """It is that of all its frames together, and of what it inflates to."""
    service = start_service(processes, {"hub": {"max_message": 1000}})
    whole, over = "x" * 1000, "x" * 1001
    for size, opens in ((whole, True), (over, False)):
        for pieces in ([frame(TEXT, size)],
                       [frame(TEXT, size[:500], final=False), frame(CONTINUATION, size[500:])],
                       [frame(TEXT, deflated(size.encode()), reserved=4)]):
            client = await join(service.hub, Sec_WebSocket_Extensions="permessage-deflate")
            client.send(*pieces, frame(PING, "still here"))
            if opens:
                assert (await client.frame()).payload == b"still here"
                client.send(close_frame(1000))
            assert await closed_with(client) == (1000 if opens else 1009)
    metrics = await service.metrics()
    assert metrics['ringcast_client_closes_total{reason="too_big"}'] == 3


def deflated(data):
    compressor = zlib.compressobj(wbits=-15)
    return (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


async def test_how_much_a_message_may_grow_inflated(processes):
    """Refused for its proportion alone, 90: it is far below the largest message."""
    service = start_service(processes, {"hub": {
        "max_message": "16MiB", "limits": {"inflate_ratio": 50}}})
    dense = random.Random(1).randbytes(20 << 10)
    bomb = deflated(dense + bytes((2 << 20) - len(dense)))
    assert 60 < (2 << 20) / len(bomb) < 100
    clients = [await join(service.hub, Sec_WebSocket_Extensions="permessage-deflate")
               for _ in range(2)]
    clients[0].send(frame(BINARY, bomb, reserved=4))
    assert await closed_with(clients[0]) == 1009
    await one_was_closed_for(service, "too_big")
    assert await service.metric("ringcast_messages_refused_for_inflate_ratio_total") == 1
    clients[1].send(frame(BINARY, bytes(2 << 20)), frame(PING, b"as it is it may be larger"))
    assert (await clients[1].frame()).opcode == PONG
    clients[1].send(close_frame(1000))
    assert await closed_with(clients[1]) == 1000
    wider = start_service(processes, {"hub": {
        "max_message": "16MiB", "limits": {"inflate_ratio": 100}}})
    client = await join(wider.hub, Sec_WebSocket_Extensions="permessage-deflate")
    client.send(frame(BINARY, bomb, reserved=4), close_frame(1000))
    assert await closed_with(client) == 1000


async def test_subscriptions_of_a_connection(processes):
    service = start(processes, subscriptions=3)
    client = await join(service.hub, Sec_WebSocket_Protocol="ringcast.v1.json")
    for number in range(4):
        client.send(frame(TEXT, json.dumps(
            {"type": "subscribe", "id": number, "channel": f"c{number}"})))
    replies = [json.loads(await client.message()) for _ in range(4)]
    assert sorted(reply["type"] for reply in replies) == ["error"] + ["subscribed"] * 3
    assert [reply["code"] for reply in replies if reply["type"] == "error"] == ["limit"]
    assert await service.metric("ringcast_subscriptions_refused_for_limit_total") == 1
    client.send(close_frame(1000))
    assert await closed_with(client) == 1000


# ---- requests --------------------------------------------------------------------------------------

async def test_the_fields_of_a_request(processes):
    service = start(processes, headers=20)
    fields = {f"X-{number}": "y" for number in range(15)}
    async with await Connection.open(service.hub) as http:
        http.send(handshake(**fields))
        assert (await http.response()).status == 101
    async with await Connection.open(service.hub) as http:
        http.send(handshake(**fields, Too="many"))
        assert (await http.response()).status == 431
    assert await service.metric("ringcast_http_bad_requests_total") == 1


async def test_the_bytes_of_a_request_s_head(processes):
    """All of it may have so many, and one line half of that, ends of lines included."""
    service = start(processes, header_bytes="2KiB")
    room = 2048 - len(handshake(A="a" * 900, B=""))
    line = 1024 - len("A: \r\n")
    path = "/?" + "x" * (1024 - len("GET /? HTTP/1.1\r\n"))
    for status, request in ((101, handshake(A="a" * 900, B="b" * room)),
                            (431, handshake(A="a" * 900, B="b" * (room + 1))),
                            (101, handshake(A="a" * line)), (431, handshake(A="a" * (line + 1))),
                            (101, handshake(path)), (414, handshake(path + "x"))):
        async with await Connection.open(service.hub) as http:
            http.send(request)
            assert (await http.response()).status == status
    assert await service.metric("ringcast_http_bad_requests_total") == 3


async def test_channel_names(processes):
    service = start(processes, channel_name=8, channels=3)
    async with await Connection.open(service.hub) as http:
        http.send(post("/channels/12345678", b"x"))
        assert (await http.response()).status == 201
        http.send(post("/channels/123456789", b"x"))
        assert (await http.response()).status == 404
    async with await Connection.open(service.hub) as http:
        http.send(handshake("/channels/123456789"))
        assert (await http.response()).status == 404
    client = await join(service.hub, Sec_WebSocket_Protocol="ringcast.v1.json")
    client.send(frame(TEXT, '{"type":"subscribe","channel":"123456789"}'))
    assert json.loads(await client.message())["code"] == "bad_channel"
    assert await service.metric("ringcast_channel_names_refused_for_limit_total") == 3
    client.send(close_frame(1000))
    assert await closed_with(client) == 1000


async def test_channels_in_all(processes):
    service = start(processes, channels=3)
    clients = [await listen(service.hub, f"/channels/c{number}") for number in range(3)]
    async with await Connection.open(service.hub) as http:
        http.send(handshake("/channels/c3"))
        assert (await http.response()).status == 503
    assert await service.metric("ringcast_channels_refused_for_limit_total") == 1
    await leave(clients + [await listen(service.hub)])  # chat is named by the config


# ---- handshakes that trickle -----------------------------------------------------------------------

async def test_handshakes_that_trickle_are_gone_in_time_and_others_come_in(processes):
    """Each sends a byte now and then, which gains it nothing; honest clients notice nothing."""
    service = start_service(processes, {"workers": 2, "hub": {"handshake_timeout": "1s"}})
    count, request = 200, handshake()

    async def trickle():
        async with await Connection.open(service.hub) as connection:
            ended = asyncio.ensure_future(connection.end())
            for byte in request[:-1]:
                if ended.done():
                    break
                connection.send(bytes([byte]))
                await asyncio.wait([ended], timeout=0.1)
            return await ended

    tricklers = [asyncio.ensure_future(trickle()) for _ in range(count)]
    served = 0
    while not all(trickler.done() for trickler in tricklers):
        await leave([await listen(service.hub)])
        served += 1
    assert served > 0
    for answer in await asyncio.gather(*tricklers):
        assert answer.startswith(b"HTTP/1.1 408 ")
    assert await service.metric("ringcast_http_head_timeouts_total") == count
    assert await service.metric("ringcast_clients_total") == served

    async def none_is_left():
        return await service.metric("ringcast_connections") == 0

    await eventually(none_is_left)
