"""The contract of results: a thousand URLs, 37 ways to fail among them, and a record for each."""

import hashlib
import random

import pytest

from support.certificates import Authority, tls_server
from support.names import name_server
from support.origin import listening, origin, page, response
from test_codings import coded
from test_fetch import BAD, fetch, full_backlog, kinds, results
from test_framing import POISON

COUNT = 1000
GOOD = page("Good", 3000)
MOVED = "302 Found"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


def answers():
    """By path: the kind of the failure, and what is answered."""
    framing = ["unequal lengths", "bare LF in the head", "NUL in a field", "folded field",
               "chunk size with 0x", "chunked twice"]
    ways = {name.replace(" ", "-"): row for name, row in BAD.items()}
    ways |= {name.replace(" ", "-"): ("protocol", POISON[name]) for name in framing}
    ways |= {f"status-{status}": ("http_status", response(b"no", status=f"{status} No"))
             for status in (304, 400, 404, 410, 500, 503)}
    ways["to-itself"] = ("redirect", response(b"", "Location: /to-itself", status=MOVED))
    ways["to-ftp"] = ("redirect", response(b"", "Location: ftp://x/", status=MOVED))
    ways["damaged-gzip"] = ("encoding", response(b"\x1f\x8bno", "Content-Encoding: gzip"))
    ways["cut-gzip"] = ("truncated", coded(GOOD, "gzip")[:-1])
    return ways


async def refuse_tls(reader, writer):
    await reader.read(10)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    writer.close()


async def test_a_thousand_urls_and_every_way_to_fail(processes, authority):
    ways = answers()

    async def handler(path, writer):
        kind, answer = ways.get(path[1:].partition("?")[0], (None, response(GOOD)))
        if path.startswith("/silent"):
            return True
        writer.write(answer)
        return kind is None

    async def secure(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(response(GOOD))
        writer.close()

    async with origin(handler) as seen, name_server() as names, listening(refuse_tls) as no_tls, \
            tls_server(authority.issue("DNS:other.test"), secure) as tls:
        with full_backlog() as unanswered:
            others = {
                "no URL": "url", "ftp://example.org/": "url", "http://a:b@c/": "url",
                "http://127.0.0.1:1/": "connect",
                f"http://127.0.0.1:{unanswered}/": "timeout", seen.url("/silent"): "timeout",
                "http://silent.test/": "timeout", f"https://127.0.0.1:{no_tls}/": "tls",
                f"https://localhost:{tls}/": "tls_unknown_root",
            }
            bad = {**others, **{seen.url(f"/{name}"): kind for name, (kind, _) in ways.items()}}
            assert len(bad) >= 37
            urls = [(url, kind) for url, kind in bad.items()]
            urls += [(seen.url(f"/{number}"), None) for number in range(COUNT - 3 * len(bad))]
            urls += 2 * list(bad.items())  # the same again: each has a record of its own
            random.Random(1).shuffle(urls)
            process = await fetch(
                processes, "-", stdin="\n".join(url for url, _ in urls),
                config={"max_body": "1MiB", "per_host": 50, "name_servers": names.address,
                        "timeout": {"connect": "5s", "dns": "5s", "read": "5s"}})
    assert process.code == 1
    assert [result["url"] for result in results(process)] == [url for url, _ in urls]
    assert kinds(process) == [kind for _, kind in urls]
    digest = hashlib.sha256(GOOD).hexdigest()
    assert {(result["title"], result["sha256"]) for result in results(process)
            if result["error"] is None} == {("Good", digest)}
