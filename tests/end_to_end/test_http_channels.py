"""Channels over plain HTTP: publishing, asking, and Server-Sent Events."""

import asyncio
import json
import signal
import zlib

import pytest
import websockets

from support.process import PATIENCE, eventually
from support.service import start_service
from support.wire import Connection, handshake, join


@pytest.fixture(scope="module")
def service(shared_processes):
    return start_service(shared_processes, {"workers": 2, "hub": {
        "ping_interval": "200ms", "ping_timeout": "20s",
        "channels": {"*": {"publish": "anyone", "retain": {"messages": 50}},
                     "closed": {"publish": "token"}}}})


def fresh_name(numbers=iter(range(10 ** 9))):
    return f"http-{next(numbers)}"


def request(method, path, body=b"", **fields):
    lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items()]
    return (f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
            f"{''.join(lines)}\r\n").encode() + body


async def ask(connection, method, path, body=b"", **fields):
    """One request on a kept-alive connection: the status, and the JSON of its response."""
    connection.send(request(method, path, body, **fields))
    response = await connection.response()
    assert response.fields["content-type"] == "application/json"
    return response.status, json.loads(response.body)


async def test_publish_and_ask_on_one_connection(service):
    name = fresh_name()
    reader = await join(service.hub, f"/channels/{name}")
    async with await Connection.open(service.hub) as http:
        status, published = await ask(http, "POST", f"/channels/{name}", "héllo".encode())
        assert (status, published["offset"], published["count"]) == (201, 1, 1)
        assert await reader.message() == "héllo".encode()
        status, published = await ask(http, "POST", f"/channels/{name}", b"\xff\x00",
                                      Content_Type="application/octet-stream")
        assert (status, published["offset"]) == (201, 2)
        assert (await reader.frame()).payload == b"\xff\x00"
        status, state = await ask(http, "GET", f"/channels/{name}")
        assert status == 200 and state["epoch"] == published["epoch"]
        assert (state["offset"], state["subscribers"], state["delivered"]) == (2, 1, 2)
        assert state["retained"]["messages"] == 2
    reader.abort()


async def test_lines_are_messages(service):
    name = fresh_name()
    reader = await join(service.hub, f"/channels/{name}")
    async with await Connection.open(service.hub) as http:
        body = b"{\"a\":1}\n\n{\"a\":2}\r\nlast"
        status, published = await ask(http, "POST", f"/channels/{name}", body,
                                      Content_Type="application/x-ndjson")
        assert (status, published["offset"], published["count"]) == (201, 3, 3)
    for expected in (b"{\"a\":1}", b"{\"a\":2}", b"last"):
        assert await reader.message() == expected
    reader.abort()


async def test_a_key_publishes_once(service):
    name = fresh_name()
    async with await Connection.open(service.hub) as http:
        first = await ask(http, "POST", f"/channels/{name}", b"x", Idempotency_Key="abc")
        again = await ask(http, "POST", f"/channels/{name}", b"x", Idempotency_Key="abc")
        other = await ask(http, "POST", f"/channels/{name}", b"x", Idempotency_Key="abd")
        assert (first[0], first[1]["repeated"]) == (201, False)
        assert again == (200, {**first[1], "repeated": True})
        assert (other[0], other[1]["offset"]) == (201, 2)


async def test_pipelined_requests_keep_their_order(service):
    name = fresh_name()
    async with await Connection.open(service.hub) as http:
        http.send(*(request("POST", f"/channels/{name}", str(i).encode()) for i in range(50)))
        for i in range(50):
            response = await http.response()
            assert (response.status, json.loads(response.body)["offset"]) == (201, i + 1)
        status, history = await ask(http, "GET", f"/channels/{name}?since=0")
        assert status == 200 and history["complete"] is True
        assert [message["text"] for message in history["messages"]] == [str(i) for i in range(50)]


async def test_history(service):
    name = fresh_name()
    async with await Connection.open(service.hub) as http:
        for i in range(60):
            await ask(http, "POST", f"/channels/{name}", str(i).encode())
        _, history = await ask(http, "GET", f"/channels/{name}?since=57")
        assert [message["offset"] for message in history["messages"]] == [58, 59, 60]
        _, later = await ask(http, "GET", f"/channels/{name}?since={history['epoch']}:58&limit=1")
        assert later["complete"] and [m["offset"] for m in later["messages"]] == [59]
        _, lost = await ask(http, "GET", f"/channels/{name}?since={'0' * 16}:58")
        assert not lost["complete"] and len(lost["messages"]) == 50
        _, gone = await ask(http, "GET", f"/channels/{name}?since=2")
        assert not gone["complete"] and gone["messages"][0]["offset"] == 11


REFUSED = [
    (400, "POST", "/channels/a", b"\xff", {}),
    (400, "POST", "/channels/a", b"x", {"Idempotency_Key": "k" * 129}),
    (400, "POST", "/channels/a", b"x", {"Idempotency_Key": "a\r\nIdempotency-Key: b"}),
    (415, "POST", "/channels/a", b"x", {"Content_Encoding": "gzip"}),
    (415, "POST", "/channels/a", b"x", {"Content_Encoding": "identity, br"}),
    (415, "POST", "/channels/a", b"x", {"Content_Encoding": "identity\r\nContent-Encoding: gzip"}),
    (400, "GET", "/channels/a?since=x", b"", {}),
    (400, "GET", "/channels/a?since=0&limit=-1", b"", {}),
    (401, "POST", "/channels/closed", b"x", {}),
    (405, "PUT", "/channels/a", b"x", {}),
    (405, "DELETE", "/channels/a", b"", {}),
]


@pytest.mark.parametrize("status, method, path, body, fields", REFUSED)
async def test_what_is_refused_leaves_the_connection(service, status, method, path, body, fields):
    async with await Connection.open(service.hub) as http:
        assert (await ask(http, method, path, body, **fields))[0] == status
        assert (await ask(http, "POST", "/channels/a", b"x"))[0] == 201


async def test_a_body_in_a_coding_is_told_which_would_be_taken(service):
    async with await Connection.open(service.hub) as http:
        http.send(request("POST", "/channels/a", b"x", Content_Encoding="gzip"))
        refused = await http.response()
        assert (refused.status, refused.fields["accept-encoding"]) == (415, "identity")
        for none in ("identity", "Identity\r\nContent-Encoding: identity"):
            assert (await ask(http, "POST", "/channels/a", b"x", Content_Encoding=none))[0] == 201


async def test_a_head_request_gets_the_fields_and_an_absolute_target_is_one(service):
    async with await Connection.open(service.hub) as http:
        assert (await ask(http, "POST", "http://localhost/channels/absolute", b"x"))[0] == 201
        http.send(request("HEAD", "/channels/absolute"), request("GET", "/channels/absolute"))
        head = await http.response("HEAD")
        full = await http.response()
        assert (head.status, head.fields["content-length"]) == (200, str(len(full.body)))
        assert json.loads(full.body)["offset"] == 1
        http.send(handshake("http://localhost/channels/absolute?last=1"))
        assert (await http.response()).status == 101
        assert await http.message() == b"x"


async def test_an_absolute_target_may_have_a_query_and_no_path(service):
    async with await Connection.open(service.hub) as http:
        assert (await ask(http, "POST", "/channels/chat", b"before"))[0] == 201
        http.send(handshake("http://localhost?last=1"))
        assert (await http.response()).status == 101
        assert (await http.message()).endswith(b"before")


async def test_no_lines_are_nothing_new(service):
    async with await Connection.open(service.hub) as http:
        status, answer = await ask(http, "POST", f"/channels/{fresh_name()}", b"\n\n",
                                   Content_Type="application/x-ndjson")
        assert (status, answer["count"]) == (200, 0)


async def test_a_method_that_streams_do_not_have_says_which_they_have(service):
    async with await Connection.open(service.hub) as http:
        http.send(request("POST", "/channels/a/events", b"x"))
        refused = await http.response()
        assert (refused.status, refused.fields["allow"]) == (405, "GET, HEAD")


async def test_gone_before_the_answer(service):
    for i in range(50):
        connection = await Connection.open(service.hub)
        connection.send(request("POST", f"/channels/{fresh_name()}", b"x" * 1000))
        await connection.drain()
        connection.abort()
    async with await Connection.open(service.hub) as http:
        assert (await ask(http, "POST", "/channels/a", b"x"))[0] == 201


async def test_asking_makes_no_channel(service):
    name = fresh_name()
    async with await Connection.open(service.hub) as http:
        for path in (f"/channels/{name}", f"/channels/{name}?since=0") * 2:
            status, answer = await ask(http, "GET", path)
            assert (status, answer) == (404, {"error": "there is no such channel"})
        status, state = await ask(http, "GET", "/channels/closed")  # the config names it
        assert (status, state["offset"], state["subscribers"]) == (200, 0, 0)
        assert (await ask(http, "POST", f"/channels/{name}", b"x"))[0] == 201
        assert (await ask(http, "GET", f"/channels/{name}"))[0] == 200


# ---- Server-Sent Events ----------------------------------------------------------------------------

class Events:
    """An EventSource."""

    def __init__(self, connection):
        self.connection = connection
        self.last_id = None
        self.inflater, self.text, self.received = None, b"", 0

    @classmethod
    async def open(cls, service, path, **fields):
        connection = await Connection.open(service.hub)
        connection.send(request("GET", path, **fields))
        response = await connection.response()
        assert response.status == 200
        assert response.fields["content-type"] == "text/event-stream"
        assert "content-length" not in response.fields
        events = cls(connection)
        if response.fields.get("content-encoding") == "gzip":
            events.inflater = zlib.decompressobj(31)
        return events

    async def line(self):
        """The next line. Compressed ones are those that can be read from what has arrived."""
        if self.inflater is None:
            return await asyncio.wait_for(self.connection.reader.readline(), PATIENCE)
        while b"\n" not in self.text:
            data = await asyncio.wait_for(self.connection.reader.read(65536), PATIENCE)
            assert data
            self.received += len(data)
            self.text += self.inflater.decompress(data)
        line, _, self.text = self.text.partition(b"\n")
        return line + b"\n"

    async def event(self):
        """(type, data) of the next event; comments are passed over."""
        kind, data = "message", None
        while True:
            line = (await self.line()).decode()
            name, _, value = line.rstrip("\n").partition(": ")
            if name == "event":
                kind = value
            elif name == "id":
                self.last_id = value
            elif name == "data":
                data = json.loads(value)
            elif line == "\n" and data is not None:
                return kind, data
            else:
                assert line in (":\n", "\n"), line


@pytest.mark.parametrize("accepted, compressed", [
    ("gzip", True), ("deflate, gzip;q=0.5, br", True), ("GZIP", True), ("identity", False),
    ("gzip;q=0", False), ("gzip; q=0.000, *", False), ("br", False)])
async def test_who_gets_compressed_events(service, accepted, compressed):
    events = await Events.open(service, f"/channels/{fresh_name()}/events",
                               Accept_Encoding=accepted)
    assert (events.inflater is not None) == compressed
    assert (await events.event())[0] == "subscribed"
    events.connection.abort()


async def test_compressed_events_can_be_read_as_they_arrive(service):
    """Each one at once, in one stream; also the past, comments, and what is not compressed."""
    name = fresh_name()
    path = f"/channels/{name}/events"
    texts = ["short", "a text that repeats itself " * 100, "x" * 60000, "€" * 300]
    async with await Connection.open(service.hub) as http:
        await ask(http, "POST", f"/channels/{name}", b"before " * 1000)
        plain = await Events.open(service, path)
        events = await Events.open(service, path + "?last=1", Accept_Encoding="gzip")
        late = await Events.open(service, path, Accept_Encoding="gzip")
        for one in (plain, events, late):
            assert (await one.event())[0] == "subscribed"
        assert (await events.event())[1]["text"] == "before " * 1000
        before = events.received
        for text in texts:
            await ask(http, "POST", f"/channels/{name}", text.encode())
            for one in (plain, events, late):
                assert (await one.event())[1]["text"] == text
        assert events.received - before < sum(map(len, texts)) / 20
        await asyncio.sleep(0.5)  # comments come in between: ping_interval is 200 ms
        await ask(http, "POST", f"/channels/{name}", b"after")
        assert (await events.event())[1]["text"] == "after"
        place = events.last_id
        events.connection.abort()
        await ask(http, "POST", f"/channels/{name}", b"meanwhile")
        again = await Events.open(service, path, Accept_Encoding="gzip", Last_Event_ID=place)
        assert (await again.event())[1]["recovered"] is True
        assert (await again.event())[1]["text"] == "meanwhile"
        for one in (plain, late, again):
            one.connection.abort()


async def test_much_of_the_past_in_a_compressed_stream(service):
    """More than is compressed at once."""
    name = fresh_name()
    async with await Connection.open(service.hub) as http:
        for number in range(40):
            await ask(http, "POST", f"/channels/{name}", f"{number} ".encode() + b"x" * 70000)
        events = await Events.open(service, f"/channels/{name}/events?last=40",
                                   Accept_Encoding="gzip")
        assert (await events.event())[0] == "subscribed"
        for number in range(40):
            assert (await events.event())[1]["text"].startswith(f"{number} x")
        await ask(http, "POST", f"/channels/{name}", b"now")
        assert (await events.event())[1]["text"] == "now"
        events.connection.abort()


async def test_events_and_coming_back(service):
    name = fresh_name()
    path = f"/channels/{name}/events"
    async with await Connection.open(service.hub) as http:
        events = await Events.open(service, path)
        kind, subscribed = await events.event()
        assert (kind, subscribed["offset"], subscribed["recovered"]) == ("subscribed", 0, False)
        await ask(http, "POST", f"/channels/{name}", "one\ntwo €".encode())
        kind, message = await events.event()
        assert (kind, message["text"], message["offset"]) == ("message", "one\ntwo €", 1)
        assert events.last_id == f"{subscribed['epoch']}:1"
        events.connection.abort()
        for i in range(5):
            await ask(http, "POST", f"/channels/{name}", str(i).encode())
        events = await Events.open(service, path, Last_Event_ID=events.last_id)
        assert (await events.event())[1]["recovered"] is True
        assert [(await events.event())[1]["text"] for _ in range(5)] == list("01234")
        other = await Events.open(service, path + "?last=2")
        assert (await other.event())[1]["offset"] == 4
        assert [(await other.event())[1]["text"] for _ in range(2)] == list("34")
        lost = await Events.open(service, path, Last_Event_ID="0" * 16 + ":1")
        assert (await lost.event())[1]["recovered"] is False
        await ask(http, "POST", f"/channels/{name}", b"live")
        for reader in (events, other, lost):
            assert (await reader.event())[1]["text"] == "live"
            reader.connection.abort()


@pytest.mark.parametrize("fields", [{}, {"Accept_Encoding": "gzip"}])
async def test_the_head_of_a_stream_alone(service, fields):
    """That of a GET but for the connection, which stays, and nobody has joined anything."""
    path = f"/channels/{fresh_name()}/events"
    async with await Connection.open(service.hub) as http:
        http.send(request("HEAD", path, **fields), request("HEAD", f"{path}?last=1", **fields))
        heads = [await http.response("HEAD") for _ in range(2)]
        assert (await ask(http, "GET", path.removesuffix("/events")))[0] == 404
        http.send(request("GET", path, **fields))
        stream = await http.response()
        assert stream.fields["connection"] == "close"
        del stream.fields["connection"]
        for head in heads:
            assert head.status == stream.status == 200
            assert {**head.fields, "date": ""} == {**stream.fields, "date": ""}
        http.abort()
    async with await Connection.open(service.hub) as http:
        http.send(request("HEAD", f"{path}?last=x"))
        assert (await http.response("HEAD")).status == 400


async def test_an_idle_stream_is_kept_alive(service):
    events = await Events.open(service, f"/channels/{fresh_name()}/events")
    await events.event()
    for _ in range(3):
        assert await events.connection.exactly(3) == b":\n\n"
    events.connection.abort()


async def test_bad_event_requests(service):
    for status, data in ((405, request("POST", "/channels/a/events")),
                         (400, request("GET", "/channels/a/events", Last_Event_ID="x")),
                         (400, request("GET", "/channels/a/events?last=x")),
                         (404, request("GET", "/channels/a/other"))):
        async with await Connection.open(service.hub) as connection:
            connection.send(data)
            assert (await connection.response()).status == status


async def test_a_plain_client_may_begin_in_the_past_too(service):
    name = fresh_name()
    async with await Connection.open(service.hub) as http:
        _, first = await ask(http, "POST", f"/channels/{name}", b"one")
        await ask(http, "POST", f"/channels/{name}", b"two")
        for query in ("last=1", f"since={first['epoch']}:1"):
            async with websockets.connect(service.url(f"/channels/{name}?{query}")) as client:
                assert await asyncio.wait_for(client.recv(), PATIENCE) == "two"


async def test_streams_end_at_shutdown(processes):
    service = start_service(processes, {})
    events = await Events.open(service, "/channels/chat/events")
    assert (await events.event())[0] == "subscribed"
    service.signal(signal.SIGTERM)
    kind, closing = await events.event()
    assert (kind, closing["reason"]) == ("closing", "going_away")
    assert await events.connection.end() == b""
    events.connection.writer.close()
    assert await service.exit() == 0


# ---- the page --------------------------------------------------------------------------------------

async def get(service, path):
    async with await Connection.open(service.hub) as connection:
        connection.send(request("GET", path))
        return await connection.response()


async def test_the_page_and_its_scripts(service):
    page = await get(service, "/")
    assert page.fields["content-type"] == "text/html; charset=utf-8"
    assert "script-src 'self'" in page.fields["content-security-policy"]
    for name in ("ringcast.js", "page.js"):
        assert f'src="{name}"' in page.body.decode()
        script = await get(service, f"/{name}")
        assert (script.status, script.fields["content-type"]) == (
            200, "text/javascript; charset=utf-8")
        assert b'"use strict"' in script.body


async def test_results_are_the_latest_of_each_url(processes):
    service = start_service(processes, {"fetch": {"urls": [
        "http://127.0.0.1:1/", {"url": "http://127.0.0.1:1/other", "channel": "pages"}],
        "every": 0, "retries": 0}})

    async def both_are_there():
        answer = json.loads((await get(service, "/results")).body)
        return answer if len(answer["results"]) == 2 else None

    answer = await eventually(both_are_there)
    assert answer["channels"] == ["results", "pages"]
    assert [result["url"] for result in answer["results"]] == ["http://127.0.0.1:1/",
                                                              "http://127.0.0.1:1/other"]
    assert all(result["error"]["kind"] == "connect" for result in answer["results"])
