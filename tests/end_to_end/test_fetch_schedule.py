"""The service's rounds: what is asked again, and what counts as a change."""

import asyncio
import json

from support.origin import origin, page, response
from support.process import eventually
from support.service import start_service
from support.wire import http_get


def printed(service):
    """The lines of results that the service has printed."""
    return [line for line in service.stdout.lines() if line[0] in "✅❌"]


def start(processes, urls):
    return start_service(processes, {
        "fetch": {"urls": urls, "every": "1s", "jitter": 0, "retries": 0, "per_host": 1}})


async def test_validators_are_sent_back_and_a_304_is_no_change(processes):
    contents = {"/etag": b"A", "/date": b"B", "/none": b"C"}
    day = "Sun, 06 Nov 1994 08:49:37 GMT"
    validators = {"/etag": ['ETag: W/"v1"', f"Last-Modified: {day}"],
                  "/date": [f"Last-Modified: {day}"]}

    async def handler(path, writer):
        fields = seen.requests[-1].fields
        if "if-none-match" in fields or "if-modified-since" in fields:
            writer.write(b"HTTP/1.1 304 Not Modified\r\n\r\n")
        else:
            writer.write(response(page(contents[path].decode()),
                                  *validators.get(path, [])))
        return True

    async with origin(handler) as seen:
        service = start(processes, [seen.url(path) for path in contents])
        await eventually(lambda: len(printed(service)) >= 9)
        found = printed(service)[:9]
        asked = {path: [request.fields for request in seen.requests if request.path == path]
                 for path in contents}
    assert [fields.get("if-none-match") for fields in asked["/etag"]][:3] == [None] + ['W/"v1"'] * 2
    for path in ("/etag", "/date"):
        assert [fields.get("if-modified-since") for fields in asked[path]][:3] == [None, day, day]
    assert all("if-none-match" not in fields for fields in asked["/date"])
    assert all("if-none-match" not in fields and "if-modified-since" not in fields
               for fields in asked["/none"])
    lines = [f"✅ {seen.url(path)} → {contents[path].decode()}" for path in contents]
    assert found == lines * 3  # a 304 has no title: that is the one of the content we have


async def test_a_failure_or_a_content_without_validators_forgets_them(processes):
    answers = [response(page("one"), 'ETag: "1"'), response(b"", status="500 No"),
               response(page("two"), 'ETag: "2"'), response(page("three")), response(page("four"))]

    async def handler(path, writer):
        writer.write(answers[min(len(seen.requests), len(answers)) - 1])
        return True

    async with origin(handler) as seen:
        service = start(processes, [seen.url()])
        await eventually(lambda: len(seen.requests) >= 5)
        sent = [request.fields.get("if-none-match") for request in seen.requests[:5]]
    assert sent == [None, '"1"', None, '"2"', None]
    assert service.code is None


async def test_validators_are_only_for_the_url_that_gave_them(processes):
    """Its redirect leads elsewhere in the third round: a 304 from there is no answer to anything."""
    async def handler(path, writer):
        if path == "/moved":
            to = "/here" if seen.paths.count(path) < 3 else "/there"
            writer.write(response(b"", f"Location: {to}", 'ETag: "moved"', status="302 Found"))
        elif path == "/there" or "if-none-match" in seen.requests[-1].fields:
            writer.write(b"HTTP/1.1 304 Not Modified\r\n\r\n")
        else:
            writer.write(response(page("here"), 'ETag: "here"'))
        return True

    async with origin(handler) as seen:
        service = start(processes, [seen.url("/moved")])
        await eventually(lambda: len(printed(service)) >= 3)
        told = [(request.path, request.fields.get("if-none-match")) for request in
                seen.requests[:6]]
        assert printed(service)[:3] == [f"✅ {seen.url('/moved')} → here"] * 2 + [
            f"❌ {seen.url('/moved')}: HTTP 304 Not Modified"]
    assert told == [("/moved", None), ("/here", None), ("/moved", None), ("/here", '"here"'),
                    ("/moved", None), ("/there", None)]


async def test_conditions_of_the_config_go_in_place_of_validators(processes):
    """They are not about the content that we have: a 304 to them is none to us."""
    async def handler(path, writer):
        writer.write(response(page("here"), 'ETag: "ours"') if len(seen.requests) == 1 else
                     b"HTTP/1.1 304 Not Modified\r\n\r\n")
        return True

    async with origin(handler) as seen:
        service = start(processes, [{"url": seen.url(), "headers": {"If-None-Match": '"own"'}}])
        await eventually(lambda: len(printed(service)) >= 2)
        assert printed(service)[:2] == [
            f"✅ {seen.url()} → here", f"❌ {seen.url()}: HTTP 304 Not Modified"]
        assert [request.fields["if-none-match"] for request in seen.requests[:2]] == ['"own"'] * 2


async def test_one_that_hangs_delays_nobody(processes):
    """Who listens hears of the others at once; what is printed waits for its turn."""
    async def handler(path, writer):
        if path == "/0":
            await released.wait()
        writer.write(response(page(path)))
        return True

    released = asyncio.Event()
    async with origin(handler) as seen:
        urls = [seen.url(f"/{number}") for number in range(20)]
        service = start_service(processes, {"fetch": {"urls": urls, "every": "1h"}})

        async def published():
            body = (await http_get(service.hub, "/channels/results?since=0")).body
            return [json.loads(message["text"]) for message in json.loads(body)["messages"]]

        async def others_are_there():
            return len(await published()) == len(urls) - 1

        await eventually(others_are_there)
        assert {result["url"] for result in await published()} == set(urls[1:])
        results = json.loads((await http_get(service.hub, "/results")).body)["results"]
        assert [result["url"] for result in results] == urls[1:]
        assert printed(service) == []
        released.set()
        await eventually(lambda: len(printed(service)) == len(urls))
        assert printed(service) == [f"✅ {url} → /{number}" for number, url in enumerate(urls)]
        assert (await published())[-1]["index"] == 0


# ---- URLs that keep failing, and restarts ----------------------------------------------------------

async def test_a_url_that_keeps_failing_is_left_out_of_rounds(processes):
    async def handler(path, writer):
        writer.write(response(page("good")) if path == "/good" else
                     response(b"", status="404 Not Found"))
        return True

    async with origin(handler) as seen:
        service = start(processes, [seen.url("/bad"), seen.url("/good")])
        await eventually(lambda: seen.paths.count("/good") >= 7)
        failures = seen.paths.count("/bad")
        assert service.code is None
    # the first two, one after two or three more rounds, then none for at least three
    assert 3 <= failures <= 4


def start_with_state(processes, urls, path):
    return start_service(processes, {
        "fetch": {"urls": urls, "every": "1s", "jitter": 0, "retries": 0, "per_host": 1,
                  "state_file": str(path)}})


async def test_what_is_known_survives_a_kill(processes, tmp_path):
    contents = {"/same": b"one", "/changing": b"first", "/failing": None}

    async def handler(path, writer):
        tag = f'"{hash(contents[path])}"'
        if contents[path] is None:
            writer.write(response(b"", status="404 Not Found"))
        elif seen.requests[-1].fields.get("if-none-match") == tag:
            writer.write(b"HTTP/1.1 304 Not Modified\r\n\r\n")
        else:
            writer.write(response(page(contents[path].decode()), f"ETag: {tag}"))
        return True

    state = tmp_path / "state"
    async with origin(handler) as seen:
        urls = [seen.url(path) for path in contents]
        service = start_with_state(processes, urls, state)
        await eventually(lambda: state.exists() and state.read_bytes().count(b"failures") == 1
                         and len(printed(service)) >= 6)
        service.kill()
        await service.exit()
        assert {json.loads(line)["url"]: json.loads(line).get("title")
                for line in state.read_text().splitlines()} == \
            {urls[0]: "one", urls[1]: "first", urls[2]: None}
        contents["/changing"] = b"second"
        asked = len(seen.requests)
        service = start_with_state(processes, urls, state)
        await eventually(lambda: len(printed(service)) >= 2)
        assert printed(service)[:2] == [f"✅ {urls[0]} → one", f"✅ {urls[1]} → second"]
        again = [request for request in seen.requests[asked:]][:2]
        assert all("if-none-match" in request.fields for request in again)
        assert "/failing" not in [request.path for request in again]


async def test_a_state_file_that_is_damaged_is_no_reason_to_fail(processes, tmp_path):
    async def handler(path, writer):
        writer.write(response(page("here")))
        return True

    state = tmp_path / "state"
    state.write_bytes(b'{"request":"0123456789abcdef","url":"http://gone.example/"}\n\x00\xff{{{\n[')
    async with origin(handler) as seen:
        service = start_with_state(processes, [seen.url()], state)
        await eventually(lambda: state.read_bytes().count(b'"title":"here"') == 1)
        assert "lines of the state file are not understood" in service.everything()
        assert state.read_text().count("\n") == 1
