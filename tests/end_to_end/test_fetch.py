"""`ringcast fetch`: against nginx beside the aiohttp peer, and against origins that misbehave."""

import asyncio
import contextlib
import hashlib
import json
import os
import signal
import socket

import pytest

from support.origin import Nginx, for_ever, origin, page, response
from support.process import SANITIZED, eventually
from support.service import write_config

FIELDS = {"index": int, "url": str, "final_url": str, "status": int, "title": str, "sha256": str,
          "bytes": int, "ms": float, "error": dict, "http": str, "wire_bytes": int, "attempts": int,
          "redirects": int, "reused": bool, "unchanged": bool, "warnings": list, "timings": dict}
TIMINGS = ["dns", "connect", "tls", "ttfb", "total"]

TITLES = {
    "utf-8": "Grüße aus Zürich, 世界 😀", "iso-8859-1": "Äpfel für 5 kr", "windows-1252": "€ – “so”",
    "windows-1251": "Привет, мир", "koi8-r": "Привет ещё раз", "shift_jis": "日本語の題名",
    "euc-jp": "日本語の題名", "gbk": "中文标题", "big5": "中文標題", "euc-kr": "한국어 제목",
}

PAGES = {
    "page.html": page("A page"), "large.html": page("Large", 3_000_000),
    "none.html": b"<html>nothing to see</html>", "empty.html": b"",
    "binary.bin": bytes(range(256)) * 40,
    "entities.html": page("Fish &amp; Chips &lt;&#8364;5&gt; &eacute;"),
    "spaces.html": page("\n  many \t words \n here  "),
    "meta.html": b'<html><head><meta charset="windows-1251"><title>' +
                 "Заголовок".encode("windows-1251") + b"</title>",
    "mark.html": b"\xff\xfe" + "<title>Sechzehn Bit</title>".encode("utf-16-le"),
    **{f"charset/{name}/index.html":
       b"<html><title>" + title.encode(name) + b"</title>" for name, title in TITLES.items()},
}


def results(process):
    """The JSON lines, each checked for its fields and their types."""
    lines = [json.loads(line) for line in process.stdout.lines()]
    for number, result in enumerate(lines):
        assert list(result) == list(FIELDS)
        assert result["index"] == number
        for name, kind in FIELDS.items():
            assert result[name] is None or isinstance(result[name], kind), (name, result)
        failed = result["error"] is not None
        assert failed == (result["sha256"] is None)
        assert failed or (result["status"] // 100 == 2 and len(result["sha256"]) == 64)
        if failed:
            assert result["title"] is None and list(result["error"]) == ["kind", "detail"]
            assert result["error"]["detail"]
    return lines


def kinds(process):
    return [result["error"] and result["error"]["kind"] for result in results(process)]


async def fetch(processes, *arguments, config=None, **options):
    """Runs `ringcast fetch --json`, with a config; what fails once is not tried again unless it says
    so."""
    config = {"retries": 0, **(config or {})}
    arguments = ("-c", write_config(processes.folder, {"fetch": config}), *arguments)
    return await processes.run("fetch", "--json", *arguments, **options)


# ---- nginx, beside aiohttp -------------------------------------------------------------------------

async def test_same_titles_and_digests_as_aiohttp(processes):
    nginx = await Nginx(processes, PAGES).wait_until_ready()
    plain = ["page.html", "large.html", "none.html", "empty.html", "charset/utf-8/index.html",
             "charset/koi8-r/index.html", "charset/shift_jis/index.html"]
    failing = ["status/404", "status/500", "absent.html"]
    urls = [nginx.url(path) for path in (plain + failing) * 3]
    ours = await fetch(processes, *urls)
    theirs = processes.peer("fetcher.py", "--json", *urls)
    assert await theirs.exit() == 0, theirs.everything()
    assert ours.code == 1
    for result, line in zip(results(ours), theirs.stdout.lines(), strict=True):
        expected = json.loads(line)
        assert result["url"] == expected["url"]
        assert result["title"] == expected.get("title")
        assert result["sha256"] == expected.get("sha256")


async def test_same_lines_as_aiohttp(processes):
    nginx = await Nginx(processes, PAGES).wait_until_ready()
    urls = [nginx.url(path) for path in ("page.html", "charset/gbk/index.html", "status/404")]
    ours = await processes.run("fetch", *urls)
    theirs = processes.peer("fetcher.py", *urls)
    await theirs.exit()
    assert ours.stdout.lines() == [f"✅ {urls[0]} → A page", f"✅ {urls[1]} → 中文标题",
                                   f"❌ {urls[2]}: HTTP 404 Not Found"]
    assert ours.stdout.lines()[:2] == theirs.stdout.lines()[:2]
    assert theirs.stdout.lines()[2].startswith(f"❌ {urls[2]}: ")
    assert ours.stderr.text == ""


async def test_titles_in_many_charsets(processes):
    nginx = await Nginx(processes, PAGES).wait_until_ready()
    expected = {f"charset/{name}/index.html": title for name, title in TITLES.items()}
    expected.update({"meta.html": "Заголовок", "mark.html": "Sechzehn Bit", "none.html": None,
                     "entities.html": "Fish & Chips <€5> é", "empty.html": None,
                     "spaces.html": "many words here"})
    process = await fetch(processes, *[nginx.url(path) for path in expected])
    assert process.code == 0
    for result, (path, title) in zip(results(process), expected.items(), strict=True):
        assert (path, result["title"]) == (path, title)
        assert result["sha256"] == hashlib.sha256(PAGES[path]).hexdigest()
        assert result["bytes"] == len(PAGES[path])
        assert result["final_url"] == nginx.url(path)


async def test_a_title_is_only_looked_for_in_html(processes):
    async def handler(path, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 20\r\n\r\n"
                     b"<title>no</title>...")
        return True

    async with origin(handler) as seen:
        process = await fetch(processes, seen.url())
    assert results(process)[0]["title"] is None
    assert process.code == 0


async def test_thirty_urls_in_input_order(processes):
    """Late, early, failing and good ones, mixed: the order is that of the input."""
    async def handler(path, writer):
        number = int(path[1:])
        await asyncio.sleep((number * 7 % 10) / 200)
        if number % 5 == 0:
            writer.write(response(b"", status="500 Internal Server Error"))
        elif number % 7 == 0:
            writer.transport.abort()
        elif number % 11 == 0:
            writer.write(response(b"cut", length=1000))
            return False
        else:
            writer.write(response(page(f"Page {number}")))
        return True

    async with origin(handler) as seen:
        urls = [seen.url(f"/{number}") for number in range(28)] + ["no URL", "http://name.invalid/"]
        process = await fetch(processes, "-", stdin="\n".join(urls), config={"per_host": 30})
    assert process.code == 1
    lines = results(process)
    assert [result["url"] for result in lines] == urls
    for number, result in enumerate(lines[:28]):
        kind = result["error"] and result["error"]["kind"]
        if number % 5 == 0:
            assert (kind, result["status"]) == ("http_status", 500)
        elif number % 7 == 0:
            assert kind in ("connect", "truncated")
        elif number % 11 == 0:
            assert (kind, result["status"], result["bytes"]) == ("truncated", 200, 3)
        else:
            assert (kind, result["title"]) == (None, f"Page {number}")
    assert [result["error"]["kind"] for result in lines[28:]] == ["url", "dns"]


async def test_connections_are_used_again(processes):
    nginx = await Nginx(processes, PAGES).wait_until_ready()
    urls = [nginx.url(f"page.html?{number}") for number in range(200)]
    process = await fetch(processes, "--per-host", "4", *urls)
    assert process.code == 0
    exchanges = nginx.exchanges()
    assert sorted(path for _, _, path in exchanges) == sorted(
        f"/page.html?{number}" for number in range(200))
    assert len({connection for connection, _, _ in exchanges}) <= 4


async def test_a_connection_that_its_origin_has_closed_is_replaced(processes):
    """The origin ends each kept connection when the second request comes: that is nobody's error."""
    async def handler(path, writer):
        writer.write(response(page(path)))
        await writer.drain()
        writer.close()  # without having said so
        return False

    async with origin(handler) as seen:
        process = await fetch(processes, "--per-host", "1",
                              *[seen.url(f"/{number}") for number in range(20)])
        assert process.code == 0
        assert [result["title"] for result in results(process)] == [f"/{n}" for n in range(20)]
        assert [path for path in dict.fromkeys(seen.paths)] == [f"/{n}" for n in range(20)]


async def test_limits_of_concurrency_are_kept(processes):
    most = {"/a": 0, "all": 0}
    now = {"/a": 0, "all": 0}

    async def handler(path, writer):
        now["all"] += 1
        most["all"] = max(most["all"], now["all"])
        await asyncio.sleep(0.005)
        writer.write(response(page("x")))
        now["all"] -= 1
        return True

    async with origin(handler) as seen:
        urls = [seen.url(f"/{number}") for number in range(40)]
        process = await fetch(processes, "--per-host", "3", *urls)
        assert process.code == 0
        assert most["all"] == 3 and seen.connections == 3
        most["all"] = 0
        others = [url.replace("127.0.0.1", host) for url in urls for host in
                  ("127.0.0.1", "localhost", "a.localhost")]
        process = await fetch(processes, "--concurrency", "5", "--per-host", "4", *others)
        assert process.code == 0
        assert most["all"] == 5


# ---- bodies and their framing ----------------------------------------------------------------------

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/html\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"
BODY = page("In parts", 2000)


def chunks(body, size):
    return b"".join(b"%x;a=1\r\n%s\r\n" % (len(body[at:at + size]), body[at:at + size])
                    for at in range(0, len(body), size))


GOOD = {
    "length": response(BODY),
    "chunked": CHUNKED + chunks(BODY, 99) + b"0\r\nTrailer: field\r\n\r\n",
    "until close": UNTIL_CLOSE + BODY,
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n" + BODY,
    "same length twice": response(BODY, f"Content-Length: {len(BODY)}"),
    "after 103": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + response(BODY),
    "after eight 102": b"HTTP/1.1 102 Processing\r\n\r\n" * 8 + response(BODY),
    "more behind the body": response(BODY) + b"HTTP/1.1 200 OK\r\n",
}

BAD = {
    "no response": ("truncated", b""),
    "half a head": ("truncated", b"HTTP/1.1 200 OK\r\nContent-"),
    "short body": ("truncated", response(BODY, length=len(BODY) + 1)),
    "chunks without an end": ("truncated", CHUNKED + chunks(BODY, 99)),
    "half a chunk": ("truncated", CHUNKED + b"64\r\nshort"),
    "not HTTP": ("protocol", b"220 mail.example ESMTP\r\n"),
    "two lengths": ("protocol", response(BODY, "Content-Length: 7")),
    "length and chunks": ("protocol", CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Length: 3\r\n\r\n")
                          + chunks(BODY, 99) + b"0\r\n\r\n"),
    "chunk size is no number": ("protocol", CHUNKED + b"zz\r\n"),
    "negative length": ("protocol", response(BODY, length=-1)),
    "immense chunk": ("protocol", CHUNKED + b"f" * 17 + b"\r\n"),
    "head without end": ("protocol", b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20000),
    "nine interim responses": ("protocol", b"HTTP/1.1 102 Processing\r\n\r\n" * 9 + response(BODY)),
    "coding nobody asked for": ("encoding", response(BODY, "Content-Encoding: compress")),
    "too large by its length": ("too_large", response(BODY, length=5_000_000)),
    "too large in chunks": ("too_large", CHUNKED + chunks(b"x" * 2_000_000, 65536) + b"0\r\n\r\n"),
    "too large until close": ("too_large", UNTIL_CLOSE + b"x" * 2_000_000),
}


def by_name(answers):
    """Answers by the number in the path, and ends: each a byte stream of its own."""
    streams = list(answers)

    async def handler(path, writer):
        writer.write(streams[int(path[1:])])
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        return False

    return origin(handler)


async def test_every_framing_gives_the_same_body(processes):
    async with by_name(GOOD.values()) as seen:
        process = await fetch(processes, *[seen.url(f"/{n}") for n in range(len(GOOD))])
    assert kinds(process) == [None] * len(GOOD)
    assert process.code == 0
    assert {result["sha256"] for result in results(process)} == {hashlib.sha256(BODY).hexdigest()}
    assert {result["title"] for result in results(process)} == {"In parts"}


async def test_no_digest_of_what_is_not_whole(processes):
    async with by_name([answer for _, answer in BAD.values()]) as seen:
        process = await fetch(processes, *[seen.url(f"/{n}") for n in range(len(BAD))],
                              config={"max_body": "1MiB"})
    assert process.code == 1
    found = dict(zip(BAD, kinds(process)))
    assert found == {name: kind for name, (kind, _) in BAD.items()}


async def test_the_same_a_byte_at_a_time(processes):
    """However the answer is split: the same kinds of errors, the same digests."""
    streams = [*[(None, answer) for answer in GOOD.values()],
               *[row for row in BAD.values() if len(row[1]) < 5000]]

    async def handler(path, writer):
        for byte in streams[int(path[1:])][1]:
            writer.write(bytes([byte]))
            if writer.is_closing():
                return False
            await asyncio.sleep(0)
        return False

    async with origin(handler) as seen:
        process = await fetch(processes, *[seen.url(f"/{n}") for n in range(len(streams))],
                              config={"max_body": "1MiB", "per_host": 50})
    assert kinds(process) == [kind for kind, _ in streams]


async def test_a_body_just_as_large_as_allowed(processes):
    body = page("Largest", 65536)
    answers = [response(body), CHUNKED + chunks(body, 1000) + b"0\r\n\r\n", UNTIL_CLOSE + body,
               response(body + b"x"), CHUNKED + chunks(body + b"x", 1000) + b"0\r\n\r\n",
               UNTIL_CLOSE + body + b"x"]
    async with by_name(answers) as seen:
        process = await fetch(processes, *[seen.url(f"/{n}") for n in range(6)],
                              config={"max_body": "64KiB"})
    assert kinds(process) == [None] * 3 + ["too_large"] * 3


async def test_statuses(processes):
    nginx = await Nginx(processes, PAGES).wait_until_ready()
    paths = ["status/204", "status/404", "status/500", "status/503"]
    process = await fetch(processes, *[nginx.url(path) for path in paths])
    assert [result["status"] for result in results(process)] == [204, 404, 500, 503]
    assert kinds(process) == [None] + ["http_status"] * 3
    assert results(process)[1]["error"]["detail"] == "HTTP 404 Not Found"


# ---- what can go wrong before the response -------------------------------------------------------

async def test_urls_that_are_none(processes):
    urls = ["ftp://localhost/", "http://", "http://local host/", "http://localhost:99999/", "",
            "http://user:secret@localhost/"]
    process = await fetch(processes, *urls)
    assert kinds(process) == ["url"] * len(urls)
    assert [result["url"] for result in results(process)] == urls
    assert process.code == 1


async def test_names_and_addresses_that_lead_nowhere(processes):
    process = await fetch(processes, "http://name.invalid/", "http://127.0.0.1:1/")
    assert kinds(process) == ["dns", "connect"]
    assert "name.invalid" in results(process)[0]["error"]["detail"]
    assert "127.0.0.1:1" in results(process)[1]["error"]["detail"]


@contextlib.contextmanager
def full_backlog():
    """A listener that nobody accepts from, with no room for one more: connecting gets no answer."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@pytest.mark.parametrize("part, detail", [
    ("connect", "connecting timed out after 0.2 s"),
    ("read", "waiting for the response timed out after 0.2 s"),
    ("attempt", "the request timed out after 0.2 s"),
    ("total", "the fetch timed out after 0.2 s")])
async def test_time_outs(processes, part, detail):
    async def handler(path, writer):
        await for_ever()

    async with origin(handler) as seen:
        with full_backlog() as port:
            url = f"http://127.0.0.1:{port}/" if part == "connect" else seen.url()
            process = await fetch(processes, url, config={"timeout": {part: "200ms"}})
    assert kinds(process) == ["timeout"]
    assert results(process)[0]["error"]["detail"] == detail
    assert 200 <= results(process)[0]["ms"] < 5000


async def test_silence_within_a_body_times_out_and_slowness_does_not(processes):
    async def handler(path, writer):
        writer.write(response(BODY)[:-20])
        for byte in BODY[-20:]:
            if path == "/silent":
                await for_ever()
            await asyncio.sleep(0.03)
            writer.write(bytes([byte]))
        return True

    async with origin(handler) as seen:
        process = await fetch(processes, seen.url("/silent"), seen.url("/slow"),
                              config={"timeout": {"read": "400ms"}})
    assert kinds(process) == ["timeout", None]
    assert results(process)[0]["bytes"] == len(BODY) - 20
    assert results(process)[1]["ms"] >= 600


# ---- the command ---------------------------------------------------------------------------------

async def test_fail_fast_cancels_the_rest_and_names_the_cause(processes):
    async def handler(path, writer):
        if path == "/bad":
            writer.write(response(b"", status="404 Not Found"))
            return True
        if path == "/good":
            writer.write(response(page("Good")))
            return True
        await for_ever()

    async with origin(handler) as seen:
        urls = [seen.url(path) for path in ("/slow/1", "/bad", "/slow/2")]
        process = await fetch(processes, "--fail-fast", *urls)
        assert process.code == 1
        assert kinds(process) == ["cancelled", "http_status", "cancelled"]
        assert process.stderr.text == ("ringcast: stopped at the first failure: "
                                       f"{urls[1]}: HTTP 404 Not Found\n")
        process = await fetch(processes, "--fail-fast", *[seen.url("/good")] * 5)
        assert (process.code, process.stderr.text) == (0, "")


async def test_without_fail_fast_no_failure_stops_the_rest(processes):
    async def handler(path, writer):
        writer.write(response(page("Good"), status="200 OK" if path == "/good" else "500 Bad"))
        return True

    async with origin(handler) as seen:
        process = await fetch(processes, seen.url("/bad"), seen.url("/good"))
    assert kinds(process) == ["http_status", None]
    assert (process.code, process.stderr.text) == (1, "")


async def test_fail_fast_with_more_urls_than_fit_at_once(processes):
    """Those that never began have their line, too."""
    process = await fetch(processes, "--fail-fast", "--concurrency", "2", "-",
                          stdin="http://127.0.0.1:1/\n" * 500)
    found = kinds(process)
    assert len(found) == 500
    assert found[0] == "connect" and set(found[2:]) == {"cancelled"}


async def test_urls_from_standard_input(processes):
    async def handler(path, writer):
        writer.write(response(page(path)))
        return True

    async with origin(handler) as seen:
        text = f"# a comment\n\n{seen.url('/1')}\r\n  {seen.url('/2')}  \n{seen.url('/3')}"
        process = await fetch(processes, seen.url("/0"), "-", seen.url("/4"), stdin=text)
        assert [result["title"] for result in results(process)] == [f"/{n}" for n in range(5)]
        assert process.code == 0
    empty = await fetch(processes, "-", stdin="")
    assert (empty.code, empty.stdout.text) == (0, "")


async def test_urls_and_limits_from_a_config(processes):
    async def handler(path, writer):
        writer.write(response(page(path, 5000)))
        return True

    async with origin(handler) as seen:
        config = {"urls": [seen.url("/1"), {"url": seen.url("/2"), "every": "1h"}],
                  "max_body": 4096}
        process = await fetch(processes, config=config)
        assert kinds(process) == ["too_large", "too_large"]
        process = await fetch(processes, seen.url("/3"), config={**config, "max_body": 5000})
        assert [result["title"] for result in results(process)] == ["/3"]
        environment = {"RINGCAST_FETCH_MAX_BODY": "100"}
        process = await fetch(processes, seen.url("/4"), environment=environment)
        assert kinds(process) == ["too_large"]


@pytest.mark.parametrize("arguments", [
    (), ("--jsn", "http://localhost/"), ("--concurrency", "0", "http://localhost/"),
    ("--per-host",), ("-c",), ("-c", "/nowhere/config.json")], ids=str)
async def test_wrong_arguments(processes, arguments):
    process = await processes.run("fetch", *arguments)
    assert process.code == 2
    assert process.stdout.text == "" and process.stderr.text


async def test_ctrl_c_prints_what_there_is(processes):
    async def handler(path, writer):
        if path == "/never":
            await for_ever()
        writer.write(response(page(path)))
        return True

    async with origin(handler) as seen:
        urls = [seen.url(path) for path in ("/1", "/2", "/3", "/never", "/never", "/4")]
        process = processes.ringcast("fetch", "--json", *urls)
        await process.line_count(3)
        await process.line('"title":"/3"')
        await eventually(lambda: "/4" in seen.paths)
        process.signal(signal.SIGINT)
        assert await process.exit() == 130
    found = kinds(process)
    assert found[:5] == [None] * 3 + ["cancelled"] * 2 and found[5] in (None, "cancelled")


async def test_ctrl_c_while_connecting(processes):
    async with origin(lambda *_: for_ever()) as seen:
        with full_backlog() as port:
            urls = [seen.url(), *[f"http://127.0.0.1:{port}/"] * 10]
            process = processes.ringcast("fetch", "--json", *urls)
            await eventually(lambda: seen.paths)
            process.signal(signal.SIGINT)
            assert await process.exit() == 130
    assert kinds(process) == ["cancelled"] * 11


async def test_a_reader_that_goes_away_stops_the_rest(processes):
    """As `ringcast fetch … | head -1` does."""
    async def handler(path, writer):
        writer.write(response(page(path)))
        return True

    async with origin(handler) as seen:
        reading, writing = os.pipe()
        process = processes.ringcast("fetch", "-", with_input=True, stdout=writing)
        os.close(reading)
        os.close(writing)
        process.write("\n".join(seen.url(f"/{n}") for n in range(3000)))
        process.end_input()
        assert await process.exit() == 1
        assert len(seen.paths) < 3000


async def test_two_thousand_fetches_leave_nothing(processes):
    """5 % fail, in four ways. Descriptors and memory stay where they are."""
    async def handler(path, writer):
        number = int(path[1:])
        way = number // 20 % 4 if number % 20 == 0 else None
        if way is None:
            writer.write(response(page(path, 3000)))
        elif way == 0:
            writer.write(response(b"no", status="500 No"))
        elif way == 1:
            writer.transport.abort()
        elif way == 2:
            writer.write(response(b"cut", length=99))
            return False
        else:
            writer.write(b"garbage\r\n\r\n")
            return False
        return True

    async with origin(handler) as seen:
        urls = "\n".join(seen.url(f"/{number}") for number in range(2000))
        process = processes.ringcast("fetch", "--json", "--per-host", "20", "-", with_input=True)
        process.write(urls)
        process.end_input()
        await process.line_count(500)
        memory = process.resident_memory()
        descriptors = process.descriptors()
        await process.line_count(1500)
        grown, more = process.resident_memory() - memory, process.descriptors() - descriptors
        assert await process.exit() == 1
    found = kinds(process)
    assert len(found) == 2000
    assert [kind for kind in found[::20] if kind is None] == []
    assert {kind for number, kind in enumerate(found) if number % 20} == {None}
    assert descriptors < 60 and more < 25
    assert SANITIZED or grown < 2_000_000
