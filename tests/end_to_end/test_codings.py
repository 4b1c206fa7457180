"""Content codings of bodies: nginx's gzip, every coding by hand, damaged ones, and bombs."""

import contextlib
import functools
import hashlib
import os
import random
import zlib

import pytest

from support.codings import ENCODERS, brotli, gzip, raw_deflate, zstd
from support.origin import Nginx, origin, page, response
from support.process import SANITIZED
from test_fetch import CHUNKED, PAGES, by_name, chunks, fetch, kinds, results

MIB = 1 << 20
BODY = page("Encoded", 100_000)
SMALL = page("Small", 600)


def coded(body, *codings, framing=response):
    """A response whose body has these codings, in the order in which they are applied."""
    for coding in codings:
        body = ENCODERS[coding](body)
    return framing(body, f"Content-Encoding: {', '.join(codings)}")


def chunked(body, field):
    return (CHUNKED.replace(b"\r\n\r\n", f"\r\n{field}\r\n\r\n".encode())
            + chunks(body, 1000) + b"0\r\n\r\n")


async def test_gzip_of_nginx(processes):
    nginx = await Nginx(processes, PAGES).wait_until_ready()
    names = ["page.html", "large.html", "binary.bin", "meta.html", "mark.html", "none.html"]
    process = await fetch(processes, *[nginx.url(prefix + name) for name in names
                                       for prefix in ("", "gzip/")])
    assert process.code == 0
    lines = results(process)
    for name, plain, packed in zip(names, lines[::2], lines[1::2], strict=True):
        assert packed["sha256"] == plain["sha256"] == hashlib.sha256(PAGES[name]).hexdigest()
        assert packed["title"] == plain["title"]
        assert packed["bytes"] == plain["bytes"] == plain["wire_bytes"] == len(PAGES[name])
        assert packed["wire_bytes"] != packed["bytes"]
    assert lines[3]["wire_bytes"] < lines[3]["bytes"] / 100


async def test_what_is_asked_for(processes):
    async def handler(path, writer):
        writer.write(response(BODY))
        return True

    async with origin(handler) as seen:
        assert (await fetch(processes, seen.url())).code == 0
    assert seen.requests[0].fields["accept-encoding"] == "gzip, deflate, br, zstd"


GOOD = {
    **{coding: coded(BODY, coding) for coding in ENCODERS},
    **{f"small {coding}": coded(SMALL, coding) for coding in ENCODERS},
    **{f"{coding} in chunks": coded(BODY, coding, framing=chunked) for coding in ENCODERS},
    **{f"{first} in {second}": coded(BODY, first, second)
       for first in ENCODERS for second in ENCODERS},
    "raw deflate": response(raw_deflate(BODY), "Content-Encoding: deflate"),
    "two members": response(gzip(BODY[:500]) + gzip(BODY[500:]), "Content-Encoding: gzip"),
    "two frames": response(zstd(BODY[:500]) + zstd(BODY[500:]), "Content-Encoding: zstd"),
    "two fields": response(brotli(gzip(BODY)), "Content-Encoding: gzip", "Content-Encoding: br"),
    "x-gzip and identity": response(gzip(BODY), "Content-Encoding: identity, x-gzip"),
    "small that swells": coded(page("Swells", 3 * MIB), "gzip"),
    "nothing": response(b"", "Content-Encoding: gzip"),
}

BAD = {
    "unknown": response(BODY, "Content-Encoding: compress"),
    "one of two is unknown": response(gzip(BODY), "Content-Encoding: gzip, dcb"),
    "three": coded(BODY, "gzip", "gzip", "gzip"),
    **{f"{coding}: not even coded": response(BODY, f"Content-Encoding: {coding}")
       for coding in ENCODERS},
    **{f"{coding} cut short": response(encode(BODY)[:-1], f"Content-Encoding: {coding}")
       for coding, encode in ENCODERS.items()},
    **{f"small {coding} cut short": response(encode(SMALL)[:-1], f"Content-Encoding: {coding}")
       for coding, encode in ENCODERS.items()},
    **{f"bytes behind {coding}": response(encode(BODY) + b"more bytes",
                                          f"Content-Encoding: {coding}")
       for coding, encode in ENCODERS.items()},
    "wrong checksum": response(gzip(BODY)[:-8] + bytes(8), "Content-Encoding: gzip"),
}


def expected_body(name):
    return {"nothing": b"", "small that swells": page("Swells", 3 * MIB)}.get(
        name, SMALL if name.startswith("small") else BODY)


@contextlib.contextmanager
def on_one_processor():
    """What is started here has one processor, so with `auto` it hashes every body on the loop."""
    processors = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(processors)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, processors)


async def test_every_coding_gives_the_same_body_on_one_processor(processes):
    with on_one_processor():
        await test_every_coding_gives_the_same_body(processes, "auto")


@pytest.mark.parametrize("inline_below", ["0", "auto", "1MiB"])
async def test_every_coding_gives_the_same_body(processes, inline_below):
    environment = {"RINGCAST_HASH_INLINE_BELOW": inline_below}
    async with by_name(GOOD.values()) as seen:
        process = await fetch(processes, *[seen.url(f"/{n}") for n in range(len(GOOD))],
                              environment=environment)
    assert dict(zip(GOOD, kinds(process))) == dict.fromkeys(GOOD)
    for name, result in zip(GOOD, results(process)):
        body = expected_body(name)
        assert result["sha256"] == hashlib.sha256(body).hexdigest(), name
        assert result["bytes"] == len(body)
        wire = GOOD[name].partition(b"\r\n\r\n")[2]
        assert "chunks" in name or result["wire_bytes"] == len(wire)
        assert (result["title"] is None) == (name == "nothing")


@pytest.mark.parametrize("inline_below", ["0", "1MiB"])
async def test_no_digest_of_what_cannot_be_decoded(processes, inline_below):
    environment = {"RINGCAST_HASH_INLINE_BELOW": inline_below}
    async with by_name(BAD.values()) as seen:
        process = await fetch(processes, *[seen.url(f"/{n}") for n in range(len(BAD))],
                              environment=environment)
    assert dict(zip(BAD, kinds(process))) == dict.fromkeys(BAD, "encoding")


async def test_a_connection_serves_on_behind_an_encoded_body(processes):
    async def handler(path, writer):
        writer.write(coded(page(path, 50_000), "br"))
        return True

    async with origin(handler) as seen:
        process = await fetch(processes, "--per-host", "1",
                              *[seen.url(f"/{number}") for number in range(10)])
        assert [result["title"] for result in results(process)] == [f"/{n}" for n in range(10)]
        assert seen.connections == 1


async def test_just_as_large_as_allowed_when_decoded(processes):
    answers = [coded(page("x", size), coding) for coding in ENCODERS for size in (65536, 65537)]
    async with by_name(answers) as seen:
        process = await fetch(processes, *[seen.url(f"/{n}") for n in range(len(answers))],
                              config={"max_body": "64KiB"})
    assert kinds(process) == [None, "too_large"] * len(ENCODERS)


# ---- bombs -----------------------------------------------------------------------------------------

CAP = 8 * MIB
ZEROS = bytes(64 * MIB)


@functools.cache
def bombs():
    """By name: the body and its codings. Each is larger than the cap, or is nothing and endless."""
    packed = gzip(ZEROS)
    skippable = bytes.fromhex("502a4d18") + len(ZEROS).to_bytes(4, "little")
    return {
        "gzip": (packed, "gzip"),
        "deflate": (zlib.compress(ZEROS, 9), "deflate"),
        "br": (brotli(ZEROS), "br"),
        "zstd": (zstd(ZEROS), "zstd"),
        "stacked": (gzip(packed), "gzip, gzip"),
        "stacked-br": (brotli(packed), "gzip, br"),
        "members": (gzip(bytes(MIB)) * 64, "gzip"),
        "between": (gzip(skippable + ZEROS), "zstd, gzip"),
        "empty-members": (gzip(b"") * (CAP // 10), "gzip"),
    }


@functools.cache
def windows():
    """Two codings that refer back far, both over much that cannot be compressed: two windows."""
    noise = random.Random(1).randbytes(7 * MIB)
    once = {"br": brotli(noise), "zstd": zstd(noise)}
    return {f"{inner}-{outer}": (ENCODERS[outer](once[inner]), f"{inner}, {outer}")
            for inner in once for outer in once}


async def peaks(processes, answers, paths):
    """What each of them adds to the memory at most, one after the other, and the results."""
    grown, before = [], 0

    async def handler(path, writer):
        nonlocal before
        if before:
            grown.append(process.peak_memory() - before)
        before = process.resident_memory()
        process.reset_peak_memory()
        writer.write(answers[path])
        return False

    async with origin(handler) as seen:
        process = processes.ringcast("fetch", "--json", "--concurrency", "1", "-", with_input=True,
                                     environment={"RINGCAST_FETCH_MAX_BODY": str(CAP)})
        process.write("\n".join(seen.url(path) for path in (*paths, paths[0])))
        process.end_input()
        assert await process.exit() == 1
    over = {path: more for path, more in zip(paths, grown, strict=True) if more > CAP + MIB}
    assert SANITIZED or not over
    return kinds(process)[:-1]


async def test_bombs_cost_no_more_than_the_cap(processes):
    """One after the other, since any one may: the peak of memory from each request to the next."""
    bad = {f"/{name}": response(body, f"Content-Encoding: {coding}")
           for name, (body, coding) in bombs().items()}
    good = {f"/good/{coding}": coded(page("Good", 6 * MIB), coding) for coding in ENCODERS}
    found = await peaks(processes, {**bad, **good}, [*good, *bad, *good])
    assert found == [None] * len(good) + ["too_large"] * len(bad) + [None] * len(good)


async def test_two_windows_cost_no_more_than_one(processes):
    answers = {f"/{name}": response(body, f"Content-Encoding: {codings}")
               for name, (body, codings) in windows().items()}
    plain = {"/plain": response(bytes(7 * MIB))}  # what comes over the wire needs some memory, too
    found = await peaks(processes, {**plain, **answers}, [*plain, *answers])
    assert found == [None] + ["too_large"] * len(answers)


async def test_one_window_over_what_has_none_is_as_large_as_ever(processes):
    answers = [coded(page("Here", size), *codings) for codings, size in
               ((("br", "gzip"), 7 * MIB), (("gzip", "br"), 7 * MIB), (("zstd", "deflate"), 7 * MIB),
                (("br", "zstd"), 3 * MIB), (("zstd", "zstd"), 3 * MIB))]
    async with by_name(answers) as seen:
        process = await fetch(processes, *[seen.url(f"/{n}") for n in range(len(answers))],
                              config={"max_body": "8MiB"})
    assert kinds(process) == [None] * len(answers)


async def test_others_are_not_disturbed_by_bombs(processes):
    body = response(bombs()["gzip"][0], "Content-Encoding: gzip")

    async def handler(path, writer):
        writer.write(body if path == "/bomb" else coded(page(path, 20_000), "gzip"))
        return path != "/bomb"

    async with origin(handler) as seen:
        paths = [f"/{number}" if number % 10 else "/bomb" for number in range(100)]
        process = await fetch(processes, *[seen.url(path) for path in paths],
                              config={"max_body": "1MiB"})
    for path, result in zip(paths, results(process)):
        if path == "/bomb":
            assert result["error"]["kind"] == "too_large"
        else:
            assert (result["title"], result["error"]) == (path, None)
