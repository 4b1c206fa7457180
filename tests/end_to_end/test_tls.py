"""HTTPS: who proves to be who they should be is fetched from, nobody else, and nothing is cut short."""

import asyncio
import contextlib
import hashlib
import json
import re
import socket
import ssl
import threading

import pytest

from support.certificates import Authority, server_context, tls_server
from support.origin import Nginx, free_port, listening, page, response
from support.process import eventually
from support.service import write_config

BODY = page("Over TLS", 50_000)
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("stranger"), "somebody else")


async def fetch(processes, authority, *urls, **settings):
    """
    The results of `ringcast fetch`, which trusts that authority alone; of URLs, or of what the
    config may have in their place.
    """
    config = {"fetch": {"authorities": authority.certificate, "retries": 0, "urls": urls,
                        **settings}}
    process = await processes.run("fetch", "--json", "-c", write_config(processes.folder, config))
    found = [json.loads(line) for line in process.stdout.lines()]
    assert len(found) == len(urls), process.everything()
    assert process.code == (1 if any(result["error"] for result in found) else 0)
    return found


async def answer(reader, writer):
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(response(BODY))


def refused(result, kind, words):
    assert result["error"]["kind"] == kind, result
    assert re.search(words, result["error"]["detail"]), result
    assert (result["status"], result["title"], result["sha256"], result["bytes"]) == (
        None, None, None, 0)


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "deep.localhost", "LOCALHOST"])
async def test_the_right_certificate(processes, authority, name):
    async with tls_server(authority.issue(name.lower()), answer) as port:
        result, = await fetch(processes, authority, f"https://{name}:{port}/")
    assert result["error"] is None
    assert (result["title"], result["sha256"]) == ("Over TLS", hashlib.sha256(BODY).hexdigest())


async def test_nginx_beside_aiohttp(processes, authority):
    """The wrong name is refused by both; the right one gives both the same."""
    nginx = await Nginx(processes, {"page.html": BODY},
                        authority.issue("localhost")).wait_until_ready()
    good, bad = [f"https://{host}:{nginx.tls_port}/page.html" for host in ("localhost", "127.0.0.1")]
    ours = await fetch(processes, authority, *[good] * 20, bad)
    refused(ours[-1], "tls_wrong_address", "another address")
    theirs = processes.peer("fetcher.py", "--json", *[good] * 20, bad,
                            environment={"SSL_CERT_FILE": authority.certificate})
    assert await theirs.exit() == 0
    for result, line in zip(ours, theirs.stdout.lines(), strict=True):
        expected = json.loads(line)
        assert result["title"] == expected.get("title")
        assert result["sha256"] == expected.get("sha256")


async def test_a_certificate_for_another_name(processes, authority):
    async with tls_server(authority.issue("elsewhere.example"), answer) as port:
        name, address = await fetch(processes, authority, f"https://localhost:{port}/",
                                    f"https://127.0.0.1:{port}/")
    refused(name, "tls_wrong_name", "another name: it names elsewhere.example")
    refused(address, "tls_wrong_address", "another address")


async def test_a_self_signed_certificate(processes, authority):
    async with tls_server(authority.self_signed("localhost"), answer) as port:
        result, = await fetch(processes, authority, f"https://localhost:{port}/")
    refused(result, "tls_self_signed", "self-signed")


async def test_an_expired_certificate(processes, authority):
    async with tls_server(authority.issue("localhost", days=(-3, -1)), answer) as port:
        result, = await fetch(processes, authority, f"https://localhost:{port}/")
    refused(result, "tls_expired", "expired")


async def test_a_certificate_of_the_future(processes, authority):
    async with tls_server(authority.issue("localhost", days=(2, 4)), answer) as port:
        result, = await fetch(processes, authority, f"https://localhost:{port}/")
    refused(result, "tls_not_yet_valid", "not valid yet")


async def test_an_unknown_authority(processes, authority, stranger):
    async with tls_server(stranger.issue("localhost"), answer) as port:
        result, = await fetch(processes, authority, f"https://localhost:{port}/")
        refused(result, "tls_unknown_root", "trusted authority")
        result, = await fetch(processes, stranger, f"https://localhost:{port}/")
        assert result["error"] is None


async def test_without_a_config_the_system_is_asked(processes, authority):
    async with tls_server(authority.issue("localhost"), answer) as port:
        process = await processes.run("fetch", "--json", f"https://localhost:{port}/")
    refused(json.loads(process.stdout.text), "tls_unknown_root", "trusted authority")
    assert process.code == 1


async def test_a_file_without_authorities_trusts_nobody(processes, authority, tmp_path):
    (tmp_path / "empty.pem").write_text("nothing")
    path = write_config(processes.folder, {"fetch": {"authorities": "empty.pem"}})
    async with tls_server(authority.issue("localhost"), answer) as port:
        process = await processes.run("fetch", "-c", path, f"https://localhost:{port}/")
    assert process.code == 1
    assert "empty.pem" in process.stdout.text


async def start_openssl_server(processes, identity, *options):
    """`openssl s_server`, whose page tells about the connection. Returns it and its URL."""
    port = free_port()
    server = processes.start("openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-www",
                             "-cert", identity.certificate, "-key", identity.key, *options)
    await server.line("ACCEPT")
    return server, f"https://localhost:{port}/"


async def test_only_current_versions_are_spoken(processes, authority):
    identity = authority.issue("localhost")
    urls = [(await start_openssl_server(processes, identity, *options))[1] for options in (
        ("-tls1_1", "-cipher", "ALL:@SECLEVEL=0"), ("-tls1_2",), ("-tls1_3",))]
    old, *current = await fetch(processes, authority, *urls)
    refused(old, "tls_old_protocol", "no TLS newer than 1.1")
    assert [result["error"] for result in current] == [None, None]


WEAK = {
    "weak key": ({"key_type": ("rsa:1024",)}, "tls_weak_key", "weak key"),
    "SHA-1": ({"digest": "sha1"}, "tls_weak_key", "SHA-1"),
    "expired": ({"days": (-3, -1)}, "tls_expired", "expired"),
    "future": ({"days": (2, 4)}, "tls_not_yet_valid", "not valid yet"),
    "good RSA": ({"key_type": ("rsa:2048",)}, None, None),
}


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
async def test_certificates_shown_by_openssl(processes, authority, version):
    urls = []
    for options, _, _ in WEAK.values():
        _, url = await start_openssl_server(processes, authority.issue("localhost", **options),
                                            version, "-cipher", "ALL:@SECLEVEL=0")
        urls.append(url)
    found = await fetch(processes, authority, *urls)
    for result, (_, kind, words) in zip(found, WEAK.values(), strict=True):
        if kind is None:
            assert result["error"] is None
        else:
            refused(result, kind, words)


async def test_a_server_that_does_not_speak_tls(processes, authority):
    async def plain(reader, writer):
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with listening(plain) as port:
        result, = await fetch(processes, authority, f"https://localhost:{port}/")
    assert result["error"]["kind"] == "tls" and result["sha256"] is None


async def test_a_handshake_that_never_ends_times_out(processes, authority):
    async def silent(reader, writer):
        await reader.read()
        writer.close()

    async with listening(silent) as port:
        result, = await fetch(processes, authority, f"https://localhost:{port}/",
                              timeout={"connect": "200ms"})
    assert result["error"]["kind"] == "timeout"


# ---- each URL by its own rules ---------------------------------------------------------------------

async def test_each_url_has_its_own_trust(processes, authority, stranger):
    """One origin over kept connections: what one URL allows, and has, is no other's."""
    async with tls_server(stranger.issue("localhost"), answer) as port:
        url = f"https://localhost:{port}/"
        urls = [{"url": url, **trust} for trust in (
            {}, {"ca": stranger.certificate}, {"insecure": True})] * 2
        found = await fetch(processes, authority, *urls, per_host=1)
    for strict, trusting, careless in (found[:3], found[3:]):
        refused(strict, "tls_unknown_root", "trusted authority")
        assert (trusting["error"], trusting["warnings"]) == (None, [])
        assert (careless["error"], careless["warnings"]) == (None, ["unverified"])


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
async def test_a_client_s_certificate_is_shown_to_who_asks(processes, authority, stranger, version):
    _, url = await start_openssl_server(
        processes, authority.issue("localhost"), version, "-Verify", "1", "-verify_return_error",
        "-CAfile", authority.certificate)
    clients = [authority.issue("client"), None, stranger.issue("client"),
               authority.issue("client", key_type=("rsa:2048",))]
    known, nobody, unknown, rsa = await fetch(processes, authority, *[
        {"url": url, "certificate": client.certificate, "key": client.key} if client else url
        for client in clients])
    assert (known["error"], known["status"]) == (None, 200)
    assert (rsa["error"], rsa["status"]) == (None, 200)
    assert (nobody["error"]["kind"], unknown["error"]["kind"]) == ("tls", "tls")


async def test_it_stays_behind_when_a_redirect_leads_elsewhere(processes, authority):
    """As other credentials do. That a certificate was not looked at is said all the same."""
    def shown(writer):
        return writer.get_extra_info("peercert") is not None

    async def first(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        seen.append(("first", shown(writer)))
        to = f"http://localhost:{plain}/" if b" /down " in head else f"https://localhost:{other}/"
        if b" /near " in head:
            to = "/"
        writer.write(response(b"", f"Location: {to}", "Connection: close", status="302 Found")
                     if b" / " not in head else response(BODY, "Connection: close"))
        writer.close()

    async def second(reader, writer):
        seen.append(("second", shown(writer)))
        await answer(reader, writer)

    def asking():
        context = server_context(identity)
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(authority.certificate)
        return context

    seen = []
    identity, client = authority.issue("localhost"), authority.issue("client")
    async with tls_server(identity, second, asking()) as other, listening(answer) as plain, \
            tls_server(identity, first, asking()) as port:
        mine = {"certificate": client.certificate, "key": client.key}
        urls = [{"url": f"https://localhost:{port}/near", **mine},
                {"url": f"https://localhost:{port}/far", **mine},
                {"url": f"https://localhost:{port}/down", **mine, "insecure": True}]
        near, far, down = await fetch(processes, authority, *urls)
    assert [result["error"] for result in (near, far, down)] == [None] * 3
    assert sorted(seen) == [("first", True)] * 4 + [("second", False)]
    assert (far["warnings"], down["warnings"]) == ([], ["unverified", "downgraded"])


# ---- ends ------------------------------------------------------------------------------------------

def serve_once(listener, context, data, say_goodbye):
    """One response over TLS, and then the end of TCP, with close_notify before it or without."""
    connection, _ = listener.accept()
    with connection, context.wrap_socket(connection, server_side=True) as secure:
        while b"\r\n\r\n" not in secure.recv(65536):
            pass
        secure.sendall(data)
        with contextlib.suppress(OSError):
            if say_goodbye:
                secure.unwrap()
            secure.shutdown(socket.SHUT_WR)
            secure.recv(1)


@contextlib.contextmanager
def ending_server(identity, data, say_goodbye):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        thread = threading.Thread(daemon=True, target=serve_once, args=(
            listener, server_context(identity), data, say_goodbye))
        thread.start()
        yield listener.getsockname()[1]
        thread.join(5)


@pytest.mark.parametrize("say_goodbye", [True, False], ids=["close_notify", "cut off"])
async def test_a_body_until_close_needs_close_notify(processes, authority, say_goodbye):
    """Without it nobody knows whether that was all (RFC 8446 section 6.1)."""
    with ending_server(authority.issue("localhost"), UNTIL_CLOSE + BODY, say_goodbye) as port:
        result, = await fetch(processes, authority, f"https://localhost:{port}/")
    if say_goodbye:
        assert result["sha256"] == hashlib.sha256(BODY).hexdigest()
    else:
        assert result["error"]["kind"] == "tls_truncated"
        assert (result["title"], result["sha256"], result["bytes"]) == (None, None, len(BODY))


async def test_a_body_of_known_length_does_not(processes, authority):
    with ending_server(authority.issue("localhost"), response(BODY), False) as port:
        result, = await fetch(processes, authority, f"https://localhost:{port}/")
    assert result["sha256"] == hashlib.sha256(BODY).hexdigest()


@pytest.mark.parametrize("say_goodbye", [True, False], ids=["close_notify", "cut off"])
async def test_a_short_body_is_an_error_either_way(processes, authority, say_goodbye):
    with ending_server(authority.issue("localhost"), response(BODY, length=len(BODY) + 1),
                       say_goodbye) as port:
        result, = await fetch(processes, authority, f"https://localhost:{port}/")
    assert result["error"]["kind"] == ("truncated" if say_goodbye else "tls_truncated")
    assert result["sha256"] is None


async def test_openssl_itself(processes, authority):
    """Its page ends with the connection, in order."""
    server, url = await start_openssl_server(processes, authority.issue("localhost"))
    good, = await fetch(processes, authority, url)
    assert good["error"] is None and good["status"] == 200 and good["bytes"] > 100
    server.kill()
    await server.exit()
    dead, = await fetch(processes, authority, url)
    assert dead["error"]["kind"] == "connect"


async def test_many_connections_at_once(processes, authority):
    """Session tickets, interleaved records and large bodies change nothing."""
    large = page("Large", 1_000_000)
    nginx = await Nginx(processes, {"large.html": large, "page.html": BODY},
                        authority.issue("localhost")).wait_until_ready()
    urls = [f"https://localhost:{nginx.tls_port}/{name}.html?{number}"
            for number in range(20) for name in ("large", "page")]
    results = await fetch(processes, authority, *urls, per_host=10)
    digests = [hashlib.sha256(content).hexdigest() for content in (large, BODY)]
    assert [result["sha256"] for result in results] == digests * 20
    await eventually(lambda: len(nginx.exchanges()) == 40)
    assert len({connection for connection, _, _ in nginx.exchanges()}) <= 10
