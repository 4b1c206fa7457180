"""
RFC 9112 section 6 over real connections: a message whose end two readers could place differently
ends its connection, which is never used again. Responses on our side as a client, plain and under
TLS; requests on our side as a server.
"""

import asyncio
import contextlib

import pytest

from support.certificates import Authority, tls_server
from support.origin import Request, origin, page, response
from support.service import start_service
from support.wire import Connection
from test_fetch import fetch, kinds, results

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n"

POISON = {
    "length and chunks": CHUNKED + b"Content-Length: 15\r\n\r\n" + CHUNKS,
    "chunks and length": OK + b"Content-Length: 15\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS,
    "unequal lengths": OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "list of lengths": OK + b"Content-Length: 5, 5\r\n\r\nhello",
    "signed length": OK + b"Content-Length: +5\r\n\r\nhello",
    "hexadecimal length": OK + b"Content-Length: 0x5\r\n\r\nhello",
    "chunked twice": OK + b"Transfer-Encoding: chunked, chunked\r\n\r\n" + CHUNKS,
    "gzip, chunked": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + CHUNKS,
    "chunked in HTTP/1.0": CHUNKED.replace(b"1.1", b"1.0") + b"\r\n" + CHUNKS,
    "bare LF in the head": OK.replace(b"\r\n", b"\n") + b"Content-Length: 5\r\n\r\nhello",
    "bare CR in a field": OK + b"A: b\rContent-Length: 9\r\nContent-Length: 5\r\n\r\nhello",
    "NUL in a field": OK + b"A: b\0c\r\nContent-Length: 5\r\n\r\nhello",
    "folded field": OK + b"A: b\r\n Content-Length: 9\r\nContent-Length: 5\r\n\r\nhello",
    "blank before the colon": OK + b"Content-Length : 5\r\n\r\nhello",
    "chunk size with a blank": CHUNKED + b"\r\n5 \r\nhello\r\n0\r\n\r\n",
    "chunk size with 0x": CHUNKED + b"\r\n0x5\r\nhello\r\n0\r\n\r\n",
    "chunk size with a sign": CHUNKED + b"\r\n+5\r\nhello\r\n0\r\n\r\n",
    "chunk size beyond 64 bits": CHUNKED + b"\r\n10000000000000005\r\nhello\r\n0\r\n\r\n",
    "chunk without its CR LF": CHUNKED + b"\r\n5\r\nhelloXX0\r\n\r\n",
    "chunk line ended by LF": CHUNKED + b"\r\n5\nhello\r\n0\r\n\r\n",
    "trailer with a bare LF": CHUNKED + b"\r\n5\r\nhello\r\n0\r\nA: b\n\r\n",
}

# behind each of these stands what nobody asked for
SURPLUS = {
    "another response": response(page("first")) + response(page("smuggled")),
    "a few bytes": response(page("first")) + b"\r\n",
    "behind chunks": OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"5\r\nhello\r\n0\r\n\r\n" +
                     response(page("smuggled")),
    "behind a 204": b"HTTP/1.1 204 No Content\r\n\r\n" + b"hello",
}


def first_then_good(first):
    """Answers: to /first those bytes, to anything else a good page. The connection stays open."""
    async def handler(path, writer):
        writer.write(first if path == "/first" else response(page(path)))
        return True

    return origin(handler)


@pytest.mark.parametrize("name", POISON)
async def test_an_ambiguous_response_ends_its_connection(processes, name):
    async with first_then_good(POISON[name]) as seen:
        process = await fetch(processes, "--per-host", "1", seen.url("/first"), seen.url("/next"))
        assert kinds(process) == ["protocol", None]
        assert results(process)[0]["sha256"] is None
        assert results(process)[1]["title"] == "/next"
        assert [request.connection for request in seen.requests] == [1, 2]


@pytest.mark.parametrize("name", SURPLUS)
async def test_a_connection_with_surplus_bytes_is_not_used_again(processes, name):
    async with first_then_good(SURPLUS[name]) as seen:
        process = await fetch(processes, "--per-host", "1", seen.url("/first"), seen.url("/next"))
        assert kinds(process) == [None, None]
        assert results(process)[1]["title"] == "/next"
        assert [request.connection for request in seen.requests] == [1, 2]


async def test_bytes_on_an_idle_connection_end_it(processes):
    """They come later, while the connection waits in the pool: another origin's answer is late."""
    asked = asyncio.Event()

    async def unasked(path, writer):
        writer.write(response(page(path)))
        await writer.drain()
        if path == "/first":
            await asked.wait()
            writer.write(response(page("smuggled")))
        return True

    async def slow(path, writer):
        asked.set()
        await asyncio.sleep(0.2)
        writer.write(response(page(path)))
        return True

    async with origin(unasked) as seen, origin(slow) as other:
        process = await fetch(processes, "--concurrency", "1", seen.url("/first"),
                              other.url("/other"), seen.url("/next"))
        assert [result["title"] for result in results(process)] == ["/first", "/other", "/next"]
        assert [request.connection for request in seen.requests] == [1, 2]


@pytest.mark.parametrize("name", ["length and chunks", "bare LF in the head", "chunked twice"])
async def test_the_same_under_tls(processes, tmp_path, name):
    authority = Authority(tmp_path)
    connections = []

    async def serve(reader, writer):
        connections.append(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                request = Request(await reader.readuntil(b"\r\n\r\n"), len(connections))
                writer.write(POISON[name] if request.path == "/first"
                             else response(page(request.path)))

    async with tls_server(authority.issue("localhost"), serve) as port:
        urls = [f"https://localhost:{port}/{path}" for path in ("first", "next")]
        process = await fetch(processes, "--per-host", "1", *urls,
                              config={"authorities": authority.certificate})
    assert kinds(process) == ["protocol", None]
    assert results(process)[1]["title"] == "/next"
    assert len(connections) == 2


# ---- as a server -----------------------------------------------------------------------------------

POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
SMUGGLED = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"

REQUESTS = {
    "length and chunks": POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "unequal lengths": POST + b"Content-Length: 0\r\nContent-Length: 36\r\n\r\n",
    "equal lengths": POST + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
    "list of lengths": POST + b"Content-Length: 0, 0\r\n\r\n",
    "unknown coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n",
    "chunked twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked in HTTP/1.0": POST.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bare LF": POST + b"A: b\nContent-Length: 0\r\n\r\n",
    "bare CR": POST + b"A: b\rContent-Length: 36\r\n\r\n",
    "NUL": POST + b"A: \0b\r\n\r\n",
    "folded field": POST + b"A: b\r\n Content-Length: 36\r\n\r\n",
    "blank before the colon": POST + b"Transfer-Encoding : chunked\r\n\r\n",
    "bad chunk size": POST + b"Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
    "chunk line ended by LF": POST + b"Transfer-Encoding: chunked\r\n\r\n0\n\r\n",
}


@pytest.fixture(scope="module")
def service(shared_processes):
    return start_service(shared_processes, {})


@pytest.mark.parametrize("port", ["admin", "hub"])
@pytest.mark.parametrize("name", REQUESTS)
async def test_nothing_is_smuggled_behind_an_ambiguous_request(service, name, port):
    """One refusal, and the end: what stands behind is no request."""
    async with await Connection.open(getattr(service, port)) as connection:
        connection.send(REQUESTS[name] + SMUGGLED)
        answer = await connection.response()
        assert (answer.status, answer.fields["connection"]) == (400, "close")
        assert await connection.end() == b""
