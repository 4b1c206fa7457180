"""The service's rounds: what is asked again, and what counts as a change."""

from support.origin import origin, page, response
from support.process import eventually
from support.service import start_service


def printed(service):
    """The lines of results that the service has printed."""
    return [line for line in service.stdout.lines() if line[0] in "✅❌"]


def start(processes, urls):
    return start_service(processes, {
        "fetch": {"urls": urls, "every": "1s", "jitter": 0, "retries": 0, "per_host": 1}})


async def test_validators_are_sent_back_and_a_304_is_no_change(processes):
    contents = {"/etag": b"A", "/date": b"B", "/none": b"C"}
    validators = {"/etag": ['ETag: W/"v1"'],
                  "/date": ["Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT"]}

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
    assert [fields.get("if-modified-since") for fields in asked["/date"]][:3] == \
        [None] + ["Sun, 06 Nov 1994 08:49:37 GMT"] * 2
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
        assert printed(service)[:2] == [f"✅ {seen.url('/moved')} → here"] * 2
    assert told == [("/moved", None), ("/here", None), ("/moved", None), ("/here", '"here"')]
