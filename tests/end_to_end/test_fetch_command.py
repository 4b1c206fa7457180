"""`ringcast fetch` for people and programs: what it reads, what it prints, and how it is stopped."""

import asyncio
import base64
import csv
import io
import json
import os
import signal

import pytest

from support.origin import for_ever, origin, page, response
from support.process import SANITIZED, eventually
from support.service import write_config
from test_fetch import fetch, kinds, results


async def answer(path, writer):
    """A page named after its path; /bad… fails, /never… has no answer."""
    if path.startswith("/never"):
        await for_ever()
    bad = path.startswith("/bad")
    writer.write(response(page(path), status="404 Not Found" if bad else "200 OK"))
    return True


def lines_file(processes, name, lines):
    path = os.path.join(processes.folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write("".join(line + "\n" for line in lines))
    return path


# ---- where URLs come from --------------------------------------------------------------------------

async def test_urls_from_arguments_files_and_standard_input_in_their_order(processes):
    async with origin(answer) as seen:
        first = lines_file(processes, "first", ["# first", seen.url("/2"), "", seen.url("/3")])
        second = lines_file(processes, "second", [seen.url("/6")])
        process = await fetch(processes, seen.url("/1"), "@" + first, "-", "@" + second,
                              seen.url("/7"), stdin=f"{seen.url('/4')}\n{seen.url('/5')}\n")
    assert [result["title"] for result in results(process)] == [f"/{n}" for n in range(1, 8)]
    assert process.code == 0


async def test_a_file_that_cannot_be_read(processes):
    async with origin(answer) as seen:
        process = await fetch(processes, seen.url("/1"), "@/nowhere/urls", seen.url("/2"))
    assert process.code == 2
    assert [result["title"] for result in results(process)] == ["/1"]
    assert process.stderr.text == "ringcast: /nowhere/urls: not found\n"


async def test_results_come_while_urls_are_still_written(processes):
    async with origin(answer) as seen:
        process = processes.ringcast("fetch", "--json", "-", with_input=True)
        for number in range(3):
            process.write(seen.url(f"/{number}") + "\n")
            await process.line(f'"title":"/{number}"')
        process.end_input()
        assert await process.exit() == 0
    assert len(results(process)) == 3


async def test_unordered_results_come_as_they_are_there(processes):
    async with origin(answer) as seen:
        process = processes.ringcast("fetch", "--json", "--unordered", seen.url("/never"),
                                     seen.url("/1"), seen.url("/bad"))
        await process.line_count(2)
        process.signal(signal.SIGINT)
        assert await process.exit() == 130
    found = [json.loads(line) for line in process.stdout.lines()]
    assert sorted(result["index"] for result in found[:2]) == [1, 2]
    assert (found[2]["index"], found[2]["error"]["kind"]) == (0, "cancelled")


async def test_memory_does_not_depend_on_the_number_of_urls(processes):
    async with origin(answer) as seen:
        process = processes.ringcast("fetch", "--json", "-", with_input=True)
        for _ in range(20):
            await asyncio.to_thread(
                process.write, "".join(seen.url(f"/{n}") + "\n" for n in range(250)))
        await process.line_count(2500)
        memory = process.resident_memory()
        await process.line_count(5000)
        grown = process.resident_memory() - memory
        process.end_input()
        assert await process.exit() == 0
    assert SANITIZED or (grown < 500_000 and memory < 24 * 1024 * 1024)


# ---- what is asked ---------------------------------------------------------------------------------

async def test_method_fields_and_body(processes):
    body = os.path.join(processes.folder, "body")
    with open(body, "wb") as file:
        file.write(b"\0binary\r\n")
    async with origin(answer) as seen:
        await fetch(processes, "-X", "PUT", "-H", "X-One: 1", "-H", "User-Agent:  me ", "--data",
                    "text", seen.url("/1"))
        await fetch(processes, "--data", "@" + body, seen.url("/2"))
        await fetch(processes, "-X", "HEAD", seen.url("/3"))
        await fetch(processes, "-X", "POST", seen.url("/4"))
        await fetch(processes, seen.url("/5"))
        put, post, head, empty, get = seen.requests
    assert (put.method, put.body, put.fields["x-one"]) == ("PUT", b"text", "1")
    assert put.fields["user-agent"] == "me" and "accept" in put.fields
    assert (post.method, post.body) == ("POST", b"\0binary\r\n")
    assert head.method == "HEAD" and "content-length" not in head.fields
    assert (empty.method, empty.fields["content-length"]) == ("POST", "0")
    assert get.method == "GET" and "content-length" not in get.fields
    assert get.fields["user-agent"].startswith("ringcast/")


async def test_head_gives_no_digest(processes):
    async def handler(path, writer):
        writer.write(response(b"", length=1234))
        return True

    async with origin(handler) as seen:
        process = await processes.run("fetch", "--json", "-X", "HEAD", seen.url("/1"), seen.url("/2"))
    found = [json.loads(line) for line in process.stdout.lines()]
    assert [result["status"] for result in found] == [200, 200]
    assert [(result["sha256"], result["bytes"], result["error"]) for result in found] == \
        [(None, 0, None)] * 2


async def test_requests_of_a_config(processes):
    secret = os.path.join(processes.folder, "secret")
    with open(secret, "w", encoding="ascii") as file:
        file.write("tok.en\n")
    async with origin(answer) as seen:
        config = {"urls": [
            {"url": seen.url("/1"), "method": "PATCH", "body": "ä", "headers": {"X-A": "b"}},
            {"url": seen.url("/2"), "basic": "me:pass word"},
            {"url": seen.url("/3"), "bearer": {"file": "secret"}}], "per_host": 1}
        process = await fetch(processes, config=config)
        assert process.code == 0
        first, second, third = seen.requests
    assert (first.method, first.body, first.fields["x-a"]) == ("PATCH", "ä".encode(), "b")
    assert second.fields["authorization"] == \
        "Basic " + base64.b64encode(b"me:pass word").decode()
    assert third.fields["authorization"] == "Bearer tok.en"


async def test_credentials_stay_with_their_origin_and_out_of_what_is_printed(processes):
    async def first(path, writer):
        where = {"/same": "/end", "/other": second.url("/away")}.get(path)
        writer.write(response(page(path)) if where is None else
                     response(b"", f"Location: {where}", status="302 Found"))
        return True

    async def back(path, writer):
        location = f"Location: {seen.url('/end')}" if path == "/away" else ""
        writer.write(response(b"", location, status="307 Temporary Redirect"))
        return True

    async with origin(first) as seen, origin(back) as second:
        process = await fetch(processes, "--basic", "me:secret", "-H", "X-Key: s3cret", "-H",
                              "Accept-Language: de", seen.url("/same"), seen.url("/other"),
                              config={"per_host": 1})
        assert kinds(process) == [None, None]
        value = "Basic " + base64.b64encode(b"me:secret").decode()
        told = [(request.path, request.fields.get("authorization"), request.fields.get("x-key"))
                for request in seen.requests]
        assert sorted(told, key=str) == sorted(
            [("/same", value, "s3cret"), ("/end", value, "s3cret"), ("/other", value, "s3cret"),
             ("/end", None, None)], key=str)
        away, = second.requests
        assert "authorization" not in away.fields and "x-key" not in away.fields
        assert away.fields["accept-language"] == "de"
    printed = process.stdout.text + process.stderr.text
    assert not any(secret in printed for secret in ("secret", "s3cret", value))


@pytest.mark.parametrize("arguments", [
    ("-X", "CONNECT"), ("-X", "a b"), ("-H", "no colon"), ("-H", "Host: x"), ("-H", "A: b\r\nC: d"),
    ("--basic", "nocolon"), ("--bearer", "a b"), ("--bearer", "@/nowhere"), ("--data", "@/nowhere"),
    ("--retries", "11"), ("--redirects", "51"), ("--timeout", "1ms"), ("--resume", "/nowhere/file"),
    ("--ca",)], ids=str)
async def test_wrong_options(processes, arguments):
    process = await processes.run("fetch", *arguments, "http://127.0.0.1:1/")
    assert process.code == 2
    assert process.stdout.text == "" and process.stderr.text.startswith("ringcast: ")


# ---- what is printed -------------------------------------------------------------------------------

async def test_csv(processes):
    async def handler(path, writer):
        writer.write(response(page('a "quoted", title'), status="200 OK" if path == "/1" else "404 x"))
        return True

    async with origin(handler) as seen:
        process = await processes.run("fetch", "--csv", seen.url("/1"), seen.url("/2"), "a,b")
    rows = list(csv.DictReader(io.StringIO(process.stdout.text)))
    assert [row["index"] for row in rows] == ["0", "1", "2"]
    assert (rows[0]["title"], rows[0]["status"], rows[0]["error_kind"]) == \
        ('a "quoted", title', "200", "")
    assert len(rows[0]["sha256"]) == 64 and rows[1]["sha256"] == ""
    assert (rows[1]["error_kind"], rows[1]["error_detail"]) == ("http_status", "HTTP 404 Not Found")
    assert (rows[2]["url"], rows[2]["status"], rows[2]["error_kind"]) == ("a,b", "", "url")


async def test_text_json_and_what_suits_the_output(processes):
    async with origin(answer) as seen:
        text = await processes.run("fetch", "--json", "--text", seen.url("/1"))
        pipe = await processes.run("fetch", "--auto", seen.url("/1"))
    assert text.stdout.text == f"✅ {seen.url('/1')} → /1\n"
    assert json.loads(pipe.stdout.text)["title"] == "/1"


async def test_the_progress_line_on_a_terminal(processes):
    controlling, terminal = os.openpty()
    async with origin(answer) as seen:
        process = processes.ringcast("fetch", "--retries", "0", seen.url("/1"), seen.url("/bad"),
                                     seen.url("/never"), stderr=terminal)
        os.close(terminal)
        shown = ""
        while "2 of 3 done, 1 failed" not in shown:
            shown += (await asyncio.to_thread(os.read, controlling, 1000)).decode()
        process.signal(signal.SIGINT)
        process.signal(signal.SIGINT)
        await process.exit()
    os.close(controlling)


# ---- stopping and going on -------------------------------------------------------------------------

async def test_the_first_signal_lets_what_has_begun_finish(processes):
    go_on = asyncio.Event()

    async def handler(path, writer):
        await go_on.wait()
        writer.write(response(page(path)))
        return True

    async with origin(handler) as seen:
        process = processes.ringcast("fetch", "--json", "--concurrency", "2",
                                     *[seen.url(f"/{n}") for n in range(6)])
        await eventually(lambda: len(seen.paths) == 2)
        process.signal(signal.SIGINT)
        await asyncio.sleep(0.2)
        go_on.set()
        assert await process.exit() == 130
        assert sorted(seen.paths) == ["/0", "/1"]
    assert kinds(process) == [None, None] + ["cancelled"] * 4


async def test_the_second_signal_ends_it_at_once(processes):
    async with origin(answer) as seen:
        process = processes.ringcast("fetch", "--json", seen.url("/never"))
        await eventually(lambda: seen.paths)
        process.signal(signal.SIGINT)
        await asyncio.sleep(0.1)
        process.signal(signal.SIGINT)
        assert await process.exit() == 130
    assert process.stdout.text == ""


async def test_a_signal_while_standard_input_is_awaited(processes):
    async with origin(answer) as seen:
        process = processes.ringcast("fetch", "--json", "-", with_input=True)
        process.write(seen.url("/1") + "\n")
        await process.line_count(1)
        process.signal(signal.SIGINT)
        assert await process.exit() == 130
    assert kinds(process) == [None]


async def test_resume_goes_on_where_it_was_ended(processes):
    """Even by SIGKILL: what is noted as a success is not fetched again."""
    done = os.path.join(processes.folder, "done")

    def noted():
        with open(done, encoding="utf-8") as file:
            return file.read()

    async with origin(answer) as seen:
        paths = ["/0", "/bad/1", "/2", "/never/3", "/4"]
        urls = lines_file(processes, "urls", [seen.url(path) for path in paths])
        process = processes.ringcast("fetch", "--json", "--resume", done, "@" + urls)
        await process.line_count(3)
        await eventually(lambda: len(seen.paths) == 5 and noted().count("\n") == 2)
        process.kill()
        await process.exit()
        assert noted() == f"0 {seen.url('/0')}\n2 {seen.url('/2')}\n"
        seen.paths.clear()
        process = processes.ringcast("fetch", "--json", "--unordered", "--resume", done, "@" + urls)
        await process.line_count(2)
        process.signal(signal.SIGINT)
        assert await process.exit() == 130
        assert sorted(seen.paths) == ["/4", "/bad/1", "/never/3"]
        found = {line["index"]: line for line in map(json.loads, process.stdout.lines())}
        assert sorted(found) == [1, 3, 4] and found[4]["error"] is None
        lines_file(processes, "urls", [seen.url(path) for path in paths if "never" not in path])
        seen.paths.clear()
        await processes.run("fetch", "--resume", done, "@" + urls)
        assert sorted(seen.paths) == ["/4", "/bad/1"]  # that one has moved to another place


async def test_resume_with_nothing_left(processes):
    done = os.path.join(processes.folder, "done")
    async with origin(answer) as seen:
        urls = [seen.url(f"/{n}") for n in range(50)]
        first = await processes.run("fetch", "--json", "--resume", done, *urls)
        second = await processes.run("fetch", "--json", "--resume", done, *urls)
    assert (first.code, len(first.stdout.lines())) == (0, 50)
    assert (second.code, second.stdout.text) == (0, "")


# ---- group mode ------------------------------------------------------------------------------------

async def test_two_hundred_in_flight_end_with_the_first_failure(processes):
    """The cancelled ones are awaited: each has its line, and its connection is closed."""
    release = asyncio.Event()

    async def handler(path, writer):
        if path == "/bad":
            await release.wait()
            writer.write(response(b"", status="404 Not Found"))
            return True
        await for_ever()

    async with origin(handler) as seen:
        config = write_config(processes.folder, {"fetch": {"per_host": 300, "concurrency": 300}})
        urls = [seen.url(f"/{n}") for n in range(200)]
        urls.insert(77, seen.url("/bad"))
        process = processes.ringcast("fetch", "--json", "--fail-fast", "-c", config, *urls)
        await eventually(lambda: len(seen.paths) == 201)
        release.set()
        assert await process.exit() == 1
    assert process.stderr.text.startswith("ringcast: stopped at the first failure: " + urls[77])
    assert kinds(process) == [
        "http_status" if n == 77 else "cancelled" for n in range(201)]
