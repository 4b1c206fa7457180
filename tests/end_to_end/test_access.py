"""Who may do what: origins, tokens and channels, at the real door."""

import asyncio
import inspect
import os
import time

import pytest
import websockets

from support.process import PATIENCE
from support.service import start_service, write_config
from support.tokens import SECRET, KeyPair, token, write_file
from support.wire import Connection, handshake

STATIC = "static-token-0123456789"

# what the library calls a client's own fields, which changed with its version
HEADERS = ("additional_headers" if "additional_headers" in
           inspect.signature(websockets.connect).parameters else "extra_headers")


async def receive(client):
    return await asyncio.wait_for(client.recv(), PATIENCE)


async def answer(service, path="/", **fields):
    """The response to a handshake."""
    async with await Connection.open(service.hub) as connection:
        connection.send(handshake(path, **fields))
        return await connection.response()


def start(processes, hub=None, **auth):
    write_file(processes.folder, "secret", SECRET + "\n")
    write_file(processes.folder, "tokens", f"# for the ticker\n{STATIC} ticker ticker:*\n")
    return start_service(processes, {"workers": 2, "hub": {
        "auth": {"jwt_secret_file": "secret", "tokens_file": "tokens", **auth},
        "channels": {"open": {"publish": "anyone"}, "room": {"publish": "token"},
                     "members": {"publish": "token", "subscribe": "token"},
                     "sealed": {"publish": "service", "subscribe": "service"}},
        **(hub or {})}})


async def closed_with(client):
    try:
        while True:
            await receive(client)
    except websockets.ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


# ---- origins ---------------------------------------------------------------------------------------

async def test_origins(processes):
    service = start(processes, {"origins": ["https://example.org", "https://*.example.net"],
                                "missing_origin": "refuse"})
    for origin, status in (("https://example.org", 101), ("https://a.example.net", 101),
                           ("https://example.org:81", 403), ("https://evil.org", 403),
                           ("null", 403), (None, 403)):
        assert (await answer(service, Origin=origin)).status == status, origin
    assert await service.metric("ringcast_handshakes_refused_for_origin_total") == 4
    assert await service.metric("ringcast_handshakes_refused_total") == 4


async def test_without_rules_every_origin_and_none_may_connect(processes):
    service = start_service(processes)
    for origin in ("https://any.where", "null", None):
        assert (await answer(service, Origin=origin)).status == 101


# ---- tokens ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("kind", ["HS256", "ES256", "EdDSA"])
async def test_each_algorithm_may_publish_where_its_token_says(processes, kind):
    pair = None if kind == "HS256" else KeyPair(processes.folder, kind)
    service = start(processes, jwt_public_key_files=[pair.public] if pair else [])
    sign = pair.token if pair else token
    listener = await websockets.connect(service.url("/channels/room"))
    proof = sign(sub="ann", publish=["ro*"], exp=time.time() + 600)
    speaker = await websockets.connect(
        service.url("/channels/room"), **{HEADERS: {"Authorization": f"Bearer {proof}"}})
    await speaker.send("by field")
    assert await receive(listener) == "by field"
    asking = await websockets.connect(service.url(f"/channels/room?token={proof}"))
    await asking.send("by query")
    assert await receive(listener) == "by query"
    await listener.send("by nobody")
    assert await closed_with(listener) == 1008
    for client in (speaker, asking):
        await client.close()


async def test_a_static_token(processes):
    service = start(processes)
    listener = await websockets.connect(service.url("/channels/ticker"))
    speaker = await websockets.connect(service.url(f"/channels/ticker?token={STATIC}"))
    await speaker.send("42")
    assert await receive(listener) == "42"
    stranger = await websockets.connect(service.url(f"/channels/room?token={STATIC}"))
    await stranger.send("not mine")
    assert await closed_with(stranger) == 1008
    await speaker.close()
    await listener.close()


async def test_channels_for_members_only(processes):
    service = start(processes)
    member = token(subscribe=["members"])
    for path, status in (("/channels/members", 401), (f"/channels/members?token={member}", 101),
                         (f"/channels/members?token={token(subscribe=['other'])}", 403),
                         (f"/channels/members?token={token(publish=['members'])}", 403),
                         (f"/channels/members?token={STATIC}", 403), ("/channels/sealed", 403),
                         (f"/channels/sealed?token={token(subscribe=['*'])}", 403)):
        response = await answer(service, path)
        assert response.status == status, path
        challenge = response.fields.get("www-authenticate", "")
        assert challenge.startswith("Bearer") == (status == 401)
    assert await service.metric("ringcast_handshakes_refused_for_channel_total") == 6


@pytest.mark.parametrize("bad", ["forged", "expired", "early", "audience", "none", "nonsense"])
async def test_a_bad_token_is_refused_even_where_none_is_needed(processes, bad):
    service = start(processes, jwt_audience="hub")
    now = time.time()
    bad_token = {
        "forged": lambda: token("another secret, as long as the real one", aud="hub"),
        "expired": lambda: token(aud="hub", exp=now - 60),
        "early": lambda: token(aud="hub", nbf=now + 120),
        "audience": lambda: token(aud=["elsewhere"]),
        "none": lambda: "eyJhbGciOiJub25lIn0.eyJhdWQiOiJodWIifQ.",
        "nonsense": lambda: "x" * 40,
    }[bad]()
    assert (await answer(service)).status == 101
    assert (await answer(service, f"/?token={token(aud='hub')}")).status == 101
    response = await answer(service, f"/?token={bad_token}")
    assert response.status == 401
    assert 'error="invalid_token"' in response.fields["www-authenticate"]
    assert (await answer(service, Authorization=f"Bearer {bad_token}")).status == 401
    assert await service.metric("ringcast_handshakes_refused_for_token_total") == 2


async def request(service, method, path, body=b"", proof=None):
    field = f"Authorization: Bearer {proof}\r\n" if proof else ""
    async with await Connection.open(service.hub) as connection:
        connection.send(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{field}"
                        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode(), body)
        return await connection.response()


async def test_publishing_over_http(processes):
    service = start(processes)
    listener = await websockets.connect(service.url("/channels/room"))
    for proof, status in ((None, 401), (token(publish=["other"]), 403), (STATIC, 403),
                          ("x" * 40, 401), (token(publish=["room"], exp=1), 401)):
        refused = await request(service, "POST", "/channels/room", b"no", proof)
        assert refused.status == status
        challenge = refused.fields.get("www-authenticate")
        assert (challenge is not None) == (status == 401)
        if proof is None:
            assert challenge == 'Bearer realm="ringcast"'
    sealed = await request(service, "POST", "/channels/sealed", b"no")
    assert sealed.status == 403 and "www-authenticate" not in sealed.fields
    good = await request(service, "POST", "/channels/room", b"yes", token(publish=["room"]))
    assert good.status // 100 == 2
    assert await receive(listener) == "yes"
    await listener.close()


async def test_reading_over_http(processes):
    service = start(processes)
    member = token(subscribe=["members"])
    assert (await request(service, "GET", "/channels/members")).status == 401
    assert (await request(service, "GET", "/channels/members",
                          proof=token(subscribe=["other"]))).status == 403
    assert (await request(service, "GET", "/channels/members", proof=member)).status == 200
    assert (await request(service, "GET", "/channels/members/events")).status == 401


async def test_nobody_without_a_token(processes):
    service = start(processes, anonymous=False)
    assert (await answer(service)).status == 401
    assert (await answer(service, "/channels/open")).status == 401
    assert (await answer(service, f"/?token={token()}")).status == 101
    assert (await answer(service, f"/?token={STATIC}")).status == 101


@pytest.mark.parametrize("ping_interval", ["0", "20s"])
async def test_a_token_that_ends_ends_its_connection(processes, ping_interval):
    service = start(processes, {"ping_interval": ping_interval})
    almost_over = token(exp=time.time() - 28.5)  # 30 seconds of leeway
    client = await websockets.connect(service.url(f"/?token={almost_over}"))
    assert await closed_with(client) == 1008
    closes = await service.metrics()
    assert closes['ringcast_client_closes_total{reason="token_expired"}'] == 1


async def test_tokens_are_not_logged(processes):
    write_file(processes.folder, "secret", SECRET)
    service = start_service(processes, {"log": {"level": "debug"}, "hub": {"auth": {
        "jwt_secret_file": "secret"}}})
    good, bad = token(sub="ann"), token("wrong, but long enough to be a secret")
    client = await websockets.connect(service.url(f"/?token={good}"))
    await client.close()
    await answer(service, f"/?token={bad}")
    await answer(service, Authorization=f"Bearer {bad}")
    assert service.stop() is None
    output = service.stdout.text + service.stderr.text
    assert good.split(".")[2] not in output and bad.split(".")[2] not in output


# ---- files that are wrong ----------------------------------------------------------------------------

@pytest.mark.parametrize("key, name, content, words", [
    ("jwt_secret_file", "nowhere", None, "not found"),
    ("jwt_secret_file", "short", "too short", "expected a secret of 32 to 1024 bytes"),
    ("jwt_public_key_files", "no.pem", "nothing", "expected a PEM public key"),
    ("tokens_file", "tokens", f"# ok\n{STATIC}\nshort x\n", "line 3: expected a token"),
    ("tokens_file", "tokens", "with+plus+0123456789 x\n", "line 1: expected a token"),
])
@pytest.mark.parametrize("command", ["serve", "check"])
async def test_files_that_cannot_be_used(processes, command, key, name, content, words):
    if content is not None:
        write_file(processes.folder, name, content)
    path = write_config(processes.folder, {"hub": {"listen": "localhost:0", "auth": {key: name}},
                                           "admin": {"listen": "localhost:0"}})
    process = await processes.run(command, path)
    assert process.code == 2
    assert f"{os.path.join(processes.folder, name)}: {words}" in process.stderr.text
    assert process.stdout.text == ""
