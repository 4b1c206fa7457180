"""The service's rounds: what is asked again, and what counts as a change."""

import json

from support.origin import origin, page, response
from support.process import eventually
from support.service import start_service


def printed(service):
    """The results that the service has printed, as JSON objects."""
    return [json.loads(line) for line in service.stdout.lines() if line.startswith('{"index"')]


def start(processes, urls):
    return start_service(processes, {
        "fetch": {"urls": urls, "every": "1s", "jitter": 0, "retries": 0},
        "log": {"format": "json"}})


async def test_validators_are_sent_back_and_a_304_is_no_change(processes):
    contents = {"/etag": b"A", "/date": b"B", "/none": b"C"}
    validators = {"/etag": 'ETag: W/"v1"', "/date": "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT"}

    async def handler(path, writer):
        fields = seen.requests[-1].fields
        if "if-none-match" in fields or "if-modified-since" in fields:
            writer.write(b"HTTP/1.1 304 Not Modified\r\n\r\n")
        else:
            writer.write(response(page(contents[path].decode()),
                                  *[validators[path]] * (path in validators)))
        return True

    async with origin(handler) as seen:
        service = start(processes, [seen.url(path) for path in contents])
        await eventually(lambda: len(printed(service)) >= 9)
        found = printed(service)[:9]
        asked = {path: [request.fields for request in seen.requests if request.path == path]
                 for path in contents}
    assert [fields.get("if-none-match") for fields in asked["/etag"]][:3] == [None] + ['W/"v1"'] * 2
    assert [fields.get("if-modified-since") for fields in asked["/date"]][:3] == \
        [None] + ["Sun, 06 Nov 1994 08:49:37 GMT"] * 2
    assert all("if-none-match" not in fields and "if-modified-since" not in fields
               for fields in asked["/none"])
    first, second = found[:3], found[3:6]
    assert [result["status"] for result in second] == [304, 304, 200]
    assert [result["unchanged"] for result in second] == [True, True, False]
    for before, after in zip(first, second):
        assert (after["title"], after["sha256"], after["error"]) == \
            (before["title"], before["sha256"], None)


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
    async def handler(path, writer):
        if path == "/moved":
            writer.write(response(b"", "Location: /here", 'ETag: "moved"', status="302 Found"))
        elif "if-none-match" in seen.requests[-1].fields:
            writer.write(b"HTTP/1.1 304 Not Modified\r\n\r\n")
        else:
            writer.write(response(page("here"), 'ETag: "here"'))
        return True

    async with origin(handler) as seen:
        service = start(processes, [seen.url("/moved")])
        await eventually(lambda: len(printed(service)) >= 2)
        told = [(request.path, request.fields.get("if-none-match")) for request in
                seen.requests[:4]]
        assert printed(service)[1]["unchanged"] and printed(service)[1]["title"] == "here"
    assert told == [("/moved", None), ("/here", None), ("/moved", None), ("/here", '"here"')]
