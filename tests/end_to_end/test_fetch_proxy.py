"""Fetching through a proxy: absolute form for http, a tunnel for https, and who is asked directly."""

import asyncio
import base64
import contextlib

import pytest

from support.certificates import Authority
from support.origin import Nginx, listening, origin, page, response
from test_fetch import fetch, kinds, results


class Proxy:
    """What a proxy was asked, and how it answers CONNECT."""

    def __init__(self):
        self.heads = []
        self.port = 0
        self.answer = b"HTTP/1.1 200 Connection established\r\n\r\n"

    @property
    def asked(self):
        return [head.split(b"\r\n")[0].decode() for head in self.heads]


async def pump(reader, writer):
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def proxy():
    """A proxy of this machine that passes on CONNECT, and answers all else with what it was asked."""
    seen = Proxy()

    async def serve(reader, writer):
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                seen.heads.append(head)
                method, target, _ = head.decode().split(" ", 2)
                if method != "CONNECT":
                    writer.write(response(page(target)))
                    continue
                writer.write(seen.answer)
                if b" 200 " not in seen.answer:
                    continue
                port = int(target.rpartition(":")[2])
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
                await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
                return
        writer.close()

    async with listening(serve) as seen.port:
        yield seen


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


async def test_http_is_asked_in_absolute_form(processes):
    async with proxy() as seen:
        process = await fetch(processes, "--proxy", f"http://me:pass@127.0.0.1:{seen.port}",
                              "http://one.invalid/a?b#c", "http://one.invalid:81/",
                              config={"per_host": 1})
    assert [result["title"] for result in results(process)] == \
        ["http://one.invalid/a?b", "http://one.invalid:81/"]
    assert seen.asked == ["GET http://one.invalid/a?b HTTP/1.1", "GET http://one.invalid:81/ HTTP/1.1"]
    credentials = b"Proxy-Authorization: Basic " + base64.b64encode(b"me:pass") + b"\r\n"
    assert all(credentials in head for head in seen.heads)
    assert b"Host: one.invalid:81\r\n" in seen.heads[1]


async def test_https_goes_through_a_tunnel(processes, authority):
    nginx = await Nginx(processes, {"page.html": page("Far")},
                        authority.issue("localhost")).wait_until_ready()
    url = f"https://localhost:{nginx.tls_port}/page.html"
    async with proxy() as seen:
        process = await fetch(processes, "--proxy", f"http://me:pass@127.0.0.1:{seen.port}",
                              *[f"{url}?{number}" for number in range(5)],
                              "https://localhost:1/",
                              config={"authorities": authority.certificate, "per_host": 1})
        assert kinds(process)[:5] == [None] * 5
        assert kinds(process)[5] in ("tls_truncated", "connect")  # it may be reset, too
        assert {result["title"] for result in results(process)[:5]} == {"Far"}
        assert results(process)[0]["timings"]["tls"] > 0
        assert seen.asked == [f"CONNECT localhost:{nginx.tls_port} HTTP/1.1",
                              "CONNECT localhost:1 HTTP/1.1"]
        assert b"Proxy-Authorization: Basic " in seen.heads[0]
    assert len(nginx.exchanges()) == 5


async def test_a_certificate_is_judged_through_a_tunnel_too(processes, authority, tmp_path_factory):
    stranger = Authority(tmp_path_factory.mktemp("stranger"), "somebody else")
    nginx = await Nginx(processes, {"page.html": page("Far")},
                        stranger.issue("localhost")).wait_until_ready()
    async with proxy() as seen:
        process = await fetch(processes, "--proxy", f"http://127.0.0.1:{seen.port}",
                              f"https://localhost:{nginx.tls_port}/page.html",
                              config={"authorities": authority.certificate})
    assert kinds(process)[0].startswith("tls")


@pytest.mark.parametrize("answer, kind, detail", [
    (b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", "proxy",
     "the proxy refuses: HTTP 407 Proxy Authentication Required"),
    (b"HTTP/1.1 503 No\r\nContent-Length: 4\r\n\r\nlate", "proxy",
     "the proxy refuses: HTTP 503 Service Unavailable"),
    (b"HTTP/1.1 200 OK\r\n\r\nsurplus", "protocol", None),
    (b"garbage\r\n\r\n", "protocol", None)], ids=str)
async def test_a_proxy_that_does_not_open_the_way(processes, answer, kind, detail):
    async with proxy() as seen:
        seen.answer = answer
        process = await fetch(processes, "--proxy", f"http://127.0.0.1:{seen.port}",
                              "https://one.invalid/")
    result, = results(process)
    assert result["error"]["kind"] == kind and detail in (None, result["error"]["detail"])
    assert result["status"] is None


async def test_who_is_asked_directly(processes):
    async def handler(path, writer):
        writer.write(response(page("direct")))
        return True

    async with proxy() as seen, origin(handler) as near:
        process = await fetch(processes, "--proxy", f"http://127.0.0.1:{seen.port}", "--no-proxy",
                              "127.0.0.0/8,below.invalid", near.url(), "http://one.invalid/",
                              "http://a.below.invalid/")
        assert [result["title"] for result in results(process)] == \
            ["direct", "http://one.invalid/", None]
        assert kinds(process)[2] == "dns"


async def test_the_environment_counts_only_when_asked_for(processes):
    async with proxy() as seen:
        environment = {"http_proxy": f"http://127.0.0.1:{seen.port}", "NO_PROXY": "near.invalid"}
        process = await fetch(processes, "http://one.invalid/", environment=environment)
        assert kinds(process) == ["dns"]
        process = await fetch(processes, "--proxy", "environment", "http://one.invalid/",
                              "http://near.invalid/", "https://one.invalid/",
                              environment=environment)
        assert kinds(process) == [None, "dns", "dns"]


async def test_a_proxy_that_is_not_there(processes):
    process = await fetch(processes, "--proxy", "http://127.0.0.1:1", "http://one.invalid/",
                          "https://one.invalid/")
    assert kinds(process) == ["connect", "connect"]
    assert "127.0.0.1:1" in results(process)[0]["error"]["detail"]


@pytest.mark.parametrize("value", ["https://secret@p/", "socks5://secret", "secret"])
async def test_what_is_no_proxy_is_not_shown(processes, value):
    process = await processes.run("fetch", "--proxy", value, "http://127.0.0.1:1/")
    assert process.code == 2 and "secret" not in process.stderr.text
