"""Cookies of a session: kept when asked for, sent where they belong, and nowhere else; beside the
jars of curl and aiohttp."""

import asyncio
import contextlib
import shutil

import aiohttp
import pytest
from aiohttp import web

from support.certificates import Authority, server_context
from support.origin import listening, origin, page, response
from test_fetch import fetch, kinds, results


@contextlib.asynccontextmanager
async def serving(routes):
    """An aiohttp server with {path: handler}; gives its URL."""
    application = web.Application()
    for path, handler in routes.items():
        application.router.add_get(path, handler)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def login_routes(seen):
    """A page that sends whoever has no cookie through a login and back, as such pages do."""
    async def home(request):
        seen.append(dict(request.cookies))
        if request.cookies.get("session") != "s3cret":
            raise web.HTTPFound("/login")
        return web.Response(text="<title>Welcome</title>", content_type="text/html")

    async def login(request):
        answer = web.HTTPFound("/home")
        answer.set_cookie("session", "s3cret", httponly=True, samesite="Strict", max_age=60)
        answer.set_cookie("theme", "dark", path="/other")
        raise answer

    return {"/home": home, "/login": login}


async def test_a_login_leads_back_to_where_it_began(processes):
    seen = []
    async with serving(login_routes(seen)) as url:
        process = await fetch(processes, "--cookies", f"{url}/home", config={"cookies": False})
        result, = results(process)
        assert (result["title"], result["redirects"]) == ("Welcome", 2)
        assert seen == [{}, {"session": "s3cret"}]


async def test_by_config(processes):
    seen = []
    async with serving(login_routes(seen)) as url:
        process = await fetch(processes, f"{url}/home", f"{url}/home",
                              config={"cookies": True, "per_host": 1})
        assert [result["title"] for result in results(process)] == ["Welcome"] * 2
        assert seen == [{}, {"session": "s3cret"}, {"session": "s3cret"}]


async def test_none_unless_asked_for(processes):
    seen = []
    async with serving(login_routes(seen)) as url:
        process = await fetch(processes, f"{url}/home")
        assert kinds(process) == ["redirect"]
        assert seen == [{}]


async def test_a_circle_ends_all_the_same(processes):
    async def handler(path, writer):
        number = len(seen.paths)
        writer.write(response(b"", "Location: /", f"Set-Cookie: n={number}", status="302 Found"))
        return True

    async with origin(handler) as seen:
        process = await fetch(processes, "--cookies", seen.url(), config={"redirects": 7})
        assert results(process)[0]["error"]["detail"] == "too many redirects (HTTP 302)"
        assert [request.fields.get("cookie") for request in seen.requests] == \
            [None] + [f"n={number}" for number in range(1, 8)]


async def test_other_ports_hosts_and_named_cookies(processes):
    """A host's cookies are for all its ports (RFC 6265bis, section 8.5), and for no other host."""
    async def there(path, writer):
        writer.write(response(page("There")))
        return True

    async with origin(there) as second:
        async def here(path, writer):
            host = "127.0.0.1" if path == "/same" else "localhost"
            writer.write(response(b"", f"Location: http://{host}:{second.port}/",
                                  "Set-Cookie: secret=1; Path=/", status="302 Found"))
            return True

        async with origin(here) as first:
            for path in ("/same", "/other"):
                process = await fetch(processes, "--cookies", first.url(path))
                assert process.code == 0
            assert [request.fields.get("cookie") for request in second.requests] == \
                ["secret=1", None]
            process = await fetch(processes, "--cookies", "-H", "Cookie: mine=2",
                                  first.url("/other"))
            assert process.code == 0
            assert first.requests[-1].fields["cookie"] == "mine=2"
            assert "cookie" not in second.requests[-1].fields


async def test_secure_cookies_need_a_verified_connection(processes, tmp_path):
    authority = Authority(tmp_path)
    identity = authority.issue("localhost")
    seen = []

    async def handler(request):
        seen.append(request.headers.get("Cookie"))
        answer = web.Response(text="x")
        answer.headers.add("Set-Cookie", "open=1; Path=/")
        answer.headers.add("Set-Cookie", "__Host-closed=2; Secure; Path=/")
        return answer

    application = web.Application()
    application.router.add_get("/", handler)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server_context(identity)).start()
    url = f"https://localhost:{runner.addresses[0][1]}/"
    try:
        for trust in ({"ca": authority.certificate}, {"insecure": True}):
            urls = [{"url": url, **trust}] * 2
            process = await fetch(processes, config={"cookies": True, "per_host": 1, "urls": urls})
            assert process.code == 0, process.everything()
    finally:
        await runner.cleanup()
    assert seen == [None, "open=1; __Host-closed=2", None, "open=1"]


# ---- beside other jars -----------------------------------------------------------------------------

# A way over several hosts: at each URL, what is set there.
WAYS = {
    "hosts": [("http://www.example.org/a/b", ["host=1", "all=2; Domain=example.org",
                                              "deep=3; Path=/a", "root=4; Path=/"]),
              ("http://www.example.org/a/c", []), ("http://www.example.org/ab", []),
              ("http://example.org/a/b", ["up=5; Domain=.example.org; Path=/a"]),
              ("http://other.example.org/a/", ["wrong=6; Domain=www.example.org"]),
              ("http://badexample.org/", ["x=7"]), ("http://www.example.org/a/b/c", []),
              ("http://www.example.com/a/b", [])],
    "replaced": [("http://example.org/1", ["a=1; Path=/", "b=1; Path=/", "c=1; Path=/"]),
                 ("http://example.org/2", ["a=2; Path=/", "b=; Path=/; Max-Age=0",
                                           "c=x; Path=/; Expires=Thu, 01-Jan-1970 00:00:01 GMT"]),
                 ("http://example.org/3", ["a=3; Path=/3x; Max-Age=1000",
                                           "b=4; Path=/; Max-Age=1000; "
                                           "Expires=Thu, 01 Jan 1970 00:00:01 GMT"]),
                 ("http://example.org/4", [])],
    "forms": [("http://example.org/", ["a=b=c", "g=\"h\"", "empty=", "j=k;Path=/;HttpOnly;SameSite=None"]),
              ("http://example.org/next", [])],
    "cases": [("http://example.org/", ["I=upper", "i=lower"]), ("http://example.org/next", [])],
    "blanks": [("http://example.org/", ["d=e f"]), ("http://example.org/next", [])],
    "secure": [("http://example.org/", ["a=1; Secure", "__Secure-b=2; Secure", "c=3"]),
               ("http://example.org/next", [])],
    "addresses": [("http://192.0.2.1/", ["a=1"]), ("http://192.0.2.2/", []),
                  ("http://192.0.2.1/x", [])],
    "suffixes": [("http://www.example.co.uk/", ["a=1; Domain=co.uk", "b=2; Domain=example.co.uk",
                                                "c=3; Domain=uk"]),
                 ("http://other.co.uk/", []), ("http://x.example.co.uk/", []),
                 ("http://me.github.io/", ["d=4; Domain=github.io", "e=5"]),
                 ("http://you.github.io/", [])],
}


@contextlib.asynccontextmanager
async def the_world(way):
    """A proxy that is every host of the way; the cookies that each request came with."""
    came = []

    async def serve(reader, writer):
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                target = head.split(" ")[1]
                cookies = [line.split(": ", 1)[1] for line in head.split("\r\n")
                           if line.lower().startswith("cookie: ")]
                came.append((target, sorted("; ".join(cookies).split("; "))))
                at = [url for url, _ in way].index(target)
                fields = [f"Set-Cookie: {cookie}" for cookie in way[at][1]]
                if at + 1 < len(way):
                    fields.append(f"Location: {way[at + 1][0]}")
                writer.write(response(b"", *fields,
                                      status="302 Found" if at + 1 < len(way) else "200 OK"))

    async with listening(serve) as port:
        yield f"http://127.0.0.1:{port}", came


async def with_ringcast(processes, url, proxy):
    process = await fetch(processes, "--cookies", "--proxy", proxy, url,
                          config={"redirects": 50, "private_addresses": "always"})
    assert process.code == 0, process.everything()


async def with_curl(processes, url, proxy):
    process = await asyncio.create_subprocess_exec(
        "curl", "-sSL", "-o", "/dev/null", "--noproxy", "", "-b", "", "-x", proxy, url)
    assert await process.wait() == 0


async def with_aiohttp(processes, url, proxy):
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(quote_cookie=False)) as session:
        async with session.get(url, proxy=proxy, max_redirects=50) as answer:
            assert answer.status == 200


async def cookies_on(way, run, processes):
    async with the_world(way) as (proxy, came):
        await run(processes, way[0][0], proxy)
        return came


# What a peer is known not to do: letters of both cases (some versions of curl), blanks in a value,
# cookies of addresses, public suffixes (aiohttp).
CURL_DOES = [name for name in WAYS if name != "cases"]
AIOHTTP_DOES = [name for name in WAYS if name not in ("blanks", "addresses", "suffixes")]


@pytest.mark.parametrize("name", CURL_DOES)
async def test_as_curl_does(processes, name):
    if shutil.which("curl") is None:
        pytest.skip("no curl")
    ours = await cookies_on(WAYS[name], with_ringcast, processes)
    assert len(ours) == len(WAYS[name])
    assert ours == await cookies_on(WAYS[name], with_curl, processes)


@pytest.mark.parametrize("name", AIOHTTP_DOES)
async def test_as_aiohttp_does(processes, name):
    assert await cookies_on(WAYS[name], with_ringcast, processes) == \
        await cookies_on(WAYS[name], with_aiohttp, processes)
