"""`ringcast fetch` on its way: redirects, retries, pauses, and what each result tells of them."""

import asyncio
import hashlib
import signal

import pytest

from support.origin import Nginx, for_ever, origin, page, response
from support.process import SLOWNESS, eventually
from test_fetch import TIMINGS, fetch, kinds, results


def redirect(location, status="302 Found", body=b"elsewhere"):
    return response(body, f"Location: {location}", status=status)


# ---- redirects -------------------------------------------------------------------------------------

async def test_redirects_of_nginx_are_followed(processes):
    nginx = await Nginx(processes, {"page.html": page("A page")}).wait_until_ready()
    process = await fetch(processes, nginx.url("moved"), nginx.url("found"), nginx.url("page.html"))
    assert process.code == 0
    found = results(process)
    assert [result["final_url"] for result in found] == [nginx.url("page.html")] * 3
    assert [result["url"] for result in found] == [nginx.url(path) for path in
                                                   ("moved", "found", "page.html")]
    assert [result["redirects"] for result in found] == [1, 1, 0]
    assert {result["title"] for result in found} == {"A page"}


async def test_a_chain_over_one_connection(processes):
    async def handler(path, writer):
        number = int(path[1:])
        writer.write(response(page("There")) if number == 5 else redirect(f"{number + 1}"))
        return True

    async with origin(handler) as seen:
        process = await fetch(processes, seen.url("/1"))
        result, = results(process)
        assert (result["redirects"], result["title"]) == (4, "There")
        assert result["final_url"] == seen.url("/5")
        assert seen.paths == ["/1", "/2", "/3", "/4", "/5"] and seen.connections == 1


@pytest.mark.parametrize("locations, limit, kind, detail", [
    (["/b", "/c", "/d"], 2, "redirect", "too many redirects (HTTP 302)"),
    (["/b"], 0, "redirect", "too many redirects (HTTP 302)"),
    (["/b", "/a"], 10, "redirect", "redirects lead in a circle (HTTP 302)"),
    (["/a"], 10, "redirect", "redirects lead in a circle (HTTP 302)"),
    (["ftp://127.0.0.1/"], 10, "redirect", "redirect to what is no http or https URL (HTTP 302)"),
    ([""], 10, "http_status", "HTTP 302 Found"),
    (["http://127.0.0.1:25/"], 10, "redirect", "redirect to a port of another protocol (HTTP 302)"),
    (["http://127.0.0.1:2/"], 10, "connect", "connection refused (127.0.0.1:2)"),
    (["http://name.invalid/"], 10, "dns", "name not found: name.invalid")], ids=str)
async def test_redirects_that_end_badly(processes, locations, limit, kind, detail):
    async def handler(path, writer):
        number = ord(path[1]) - ord("a")
        writer.write(redirect(locations[number]) if number < len(locations)
                     else response(page("There")))
        return True

    async with origin(handler) as seen:
        process = await fetch(processes, seen.url("/a"), config={"redirects": limit})
    assert results(process)[0]["error"] == {"kind": kind, "detail": detail}


async def test_a_redirect_without_location_is_a_status(processes):
    async def handler(path, writer):
        writer.write(response(b"", status="301 Moved Permanently"))
        return True

    async with origin(handler) as seen:
        process = await fetch(processes, seen.url())
    assert kinds(process) == ["http_status"]


async def test_a_long_page_of_a_redirect_is_not_read(processes):
    async def handler(path, writer):
        if path == "/there":
            writer.write(response(page("There")))
            return True
        writer.write(redirect("/there", body=b"x" * 60_000_000))
        return True

    async with origin(handler) as seen:
        process = await fetch(processes, seen.url("/"))
        assert kinds(process) == [None] and seen.connections == 2


# ---- retries ---------------------------------------------------------------------------------------

def failing_at_first(times, fail):
    """An origin where each path fails that often before it works."""
    asked = {}

    async def handler(path, writer):
        asked[path] = asked.get(path, 0) + 1
        if asked[path] <= times:
            return await fail(path, writer)
        writer.write(response(page(path)))
        return True

    return handler


async def abort(path, writer):
    writer.transport.abort()


async def cut(path, writer):
    writer.write(response(page("cut", 200_000))[:150_000])
    await writer.drain()


async def answer_500(path, writer):
    writer.write(response(b"sorry", status="500 Internal Server Error"))
    return True


@pytest.mark.parametrize("fail", [abort, cut, answer_500])
async def test_what_may_pass_is_tried_again(processes, fail):
    async with origin(failing_at_first(2, fail)) as seen:
        process = await fetch(processes, seen.url("/a"), config={"retries": 2})
        result, = results(process)
        assert (result["error"], result["attempts"]) == (None, 3)
        assert result["sha256"] == hashlib.sha256(page("/a")).hexdigest()
        assert result["bytes"] == result["wire_bytes"] == len(page("/a"))
        assert seen.paths == ["/a"] * 3


async def test_after_the_last_retry_its_failure_is_the_result(processes):
    async with origin(failing_at_first(3, answer_500)) as seen:
        process = await fetch(processes, seen.url("/a"), config={"retries": 2})
        result, = results(process)
        assert result["error"] == {"kind": "http_status", "detail": "HTTP 500 Internal Server Error"}
        assert (result["attempts"], len(seen.paths)) == (3, 3)


async def test_what_does_not_pass_is_not_tried_again(processes):
    async def handler(path, writer):
        writer.write(response(b"", status="404 Not Found") if path == "/404" else b"garbage\r\n\r\n")
        return False

    async with origin(handler) as seen:
        process = await fetch(processes, seen.url("/404"), seen.url("/garbage"), "http://a.invalid/",
                              config={"retries": 5})
        assert kinds(process) == ["http_status", "protocol", "dns"]
        assert {result["attempts"] for result in results(process)} == {1}
        assert len(seen.paths) == 2


async def test_a_timed_out_attempt_is_tried_again(processes):
    async with origin(failing_at_first(1, lambda path, writer: for_ever())) as seen:
        process = await fetch(processes, seen.url("/a"),
                              config={"retries": 1, "timeout": {"attempt": "200ms"}})
    assert kinds(process) == [None] and results(process)[0]["attempts"] == 2


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
async def test_retry_after_is_obeyed_and_the_origin_left_alone(processes, status):
    """While one fetch waits as it was told, no other begins."""
    times = []

    async def handler(path, writer):
        times.append(asyncio.get_running_loop().time())
        if len(times) == 1:
            writer.write(response(b"", "Retry-After: 1", status=status))
        else:
            writer.write(response(page(path)))
        return True

    async with origin(handler) as seen:
        process = await fetch(processes, *[seen.url(f"/{number}") for number in range(5)],
                              config={"retries": 1, "per_host": 1})
        assert kinds(process) == [None] * 5
        assert [result["attempts"] for result in results(process)] == [2, 1, 1, 1, 1]
        assert seen.paths[:2] == ["/0", "/0"]
    assert 1 <= times[1] - times[0] < 1 + 4 * SLOWNESS


async def test_a_wait_beyond_the_total_time_is_not_begun(processes):
    async def handler(path, writer):
        writer.write(response(b"", "Retry-After: 3600", status="503 Service Unavailable"))
        return True

    async with origin(handler) as seen:
        process = await fetch(processes, seen.url(), config={"retries": 5})
        assert kinds(process) == ["http_status"] and len(seen.paths) == 1
        assert results(process)[0]["ms"] < 30_000


async def test_other_origins_do_not_wait(processes):
    async def busy(path, writer):
        writer.write(response(b"", "Retry-After: 3600", status="429 Too Many Requests"))
        return True

    async def free(path, writer):
        writer.write(response(page(path)))
        return True

    async with origin(busy) as first, origin(free) as second:
        process = await fetch(processes, first.url(), second.url(), config={"retries": 3})
    assert kinds(process) == ["http_status", None]


async def test_ctrl_c_ends_a_pause(processes):
    async def handler(path, writer):
        writer.write(response(b"", "Retry-After: 30", status="503 Service Unavailable"))
        return True

    async with origin(handler) as seen:
        process = processes.ringcast("fetch", "--json", seen.url("/1"), seen.url("/2"))
        await eventually(lambda: len(seen.paths) == 2)
        process.signal(signal.SIGINT)
        assert await process.exit() == 130
    assert kinds(process) == ["cancelled"] * 2


# ---- what a result tells ---------------------------------------------------------------------------

async def test_timings(processes):
    async def handler(path, writer):
        await asyncio.sleep(0.2)
        writer.write(response(page("x")))
        return True

    async with origin(handler) as seen:
        process = await fetch(processes, seen.url("/1"), seen.url("/2"), "http://a.invalid/",
                              "no URL", config={"per_host": 1})
    first, second, unknown, none = results(process)
    assert list(first["timings"]) == TIMINGS
    assert first["timings"]["tls"] is None and first["timings"]["connect"] >= 0
    assert first["timings"]["ttfb"] >= 200 and first["timings"]["total"] == first["ms"]
    assert (first["reused"], second["reused"]) == (False, True)
    assert second["timings"]["dns"] is None and second["timings"]["connect"] is None
    assert set(list(unknown["timings"].values())[:-1]) == {None}
    assert (unknown["http"], first["http"]) == (None, "1.1")
    assert none["timings"]["total"] == 0 and none["attempts"] == 1
