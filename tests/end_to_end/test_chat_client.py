"""The chat clients, the Python program's and ours, each with both servers."""

import asyncio
import json
import re
import signal
import time

import pytest
import websockets

from support.certificates import Authority, server_context, tls_echo
from support.process import PATIENCE
from support.service import PythonServer, start_service
from support.tokens import SECRET, token, write_file
from support.wire import BINARY, Connection, frame, join

CLIENTS = ["python", "ringcast"]
SERVERS = ["python", "ringcast"]


def start_server(processes, kind):
    return start_service(processes) if kind == "ringcast" else PythonServer(processes)


def start_client(processes, kind, url):
    if kind == "ringcast":
        return processes.ringcast("chat", url, with_input=True)
    return processes.peer("chat_client.py", url, with_input=True)


async def receive(client):
    return await asyncio.wait_for(client.recv(), PATIENCE)


@pytest.mark.parametrize("leaving", ["exit\n", "QUIT\n", "", "the last words"],
                         ids=["exit", "quit", "end of input", "unfinished line"])
@pytest.mark.parametrize("server_kind", SERVERS)
@pytest.mark.parametrize("client_kind", CLIENTS)
async def test_a_conversation(processes, client_kind, server_kind, leaving):
    server = start_server(processes, server_kind)
    other = await websockets.connect(server.url())
    client = start_client(processes, client_kind, server.url())
    client.write("hello\nexit is not alone here\nGrüße 😀\n")
    for text in ("hello", "exit is not alone here", "Grüße 😀"):
        assert await receive(other) == f"[127.0.0.1] {text}"
    for text in ("one", "zwei, äöü", "three\nfour", "x" * 70000):
        await other.send(text)
    await client.line("x$")
    client.write("y" * 70000 + "\n")
    assert await receive(other) == "[127.0.0.1] " + "y" * 70000
    client.write(leaving)
    client.end_input()
    if leaving == "the last words":
        assert await receive(other) == "[127.0.0.1] the last words"
    assert await client.exit() == 0
    assert client.stderr.text == ""
    assert client.stdout.text == ("[127.0.0.1] one\n[127.0.0.1] zwei, äöü\n"
                                  f"[127.0.0.1] three\nfour\n[127.0.0.1] {'x' * 70000}\n")
    await other.close()


async def test_what_is_typed_before_the_connection_stands_is_not_lost(processes):
    service = start_service(processes)
    other = await websockets.connect(service.url())
    client = start_client(processes, "ringcast", service.url())
    client.write("".join(f"line {number}\n" for number in range(2000)) + "exit\nnot this\n")
    for number in range(2000):
        assert await receive(other) == f"[127.0.0.1] line {number}"
    assert await client.exit() == 0
    await other.send("nobody hears this")
    await other.close()
    assert await service.metric("ringcast_messages_received_total") == 2001


async def test_a_line_that_is_not_utf8_is_not_sent(processes):
    service = start_service(processes)
    other = await websockets.connect(service.url())
    client = start_client(processes, "ringcast", service.url())
    client.write(b"\xff\xfe\nwindows line\r\n\n")
    assert await receive(other) == "[127.0.0.1] windows line"
    client.end_input()
    assert await client.exit() == 1
    assert "not UTF-8" in client.stderr.text
    await other.close()


async def test_a_binary_message_is_printed_too(processes):
    service = start_service(processes)
    other = await join(service.hub)
    client = start_client(processes, "ringcast", service.url())
    client.write("here\n")
    assert await other.message() == b"[127.0.0.1] here"
    other.send(frame(BINARY, b"bytes"))
    await client.line(r"^\[127.0.0.1\] bytes$")
    client.end_input()
    assert await client.exit() == 0
    other.writer.close()


@pytest.mark.parametrize("kind", SERVERS)
async def test_a_server_that_stops_says_so(processes, kind):
    server = start_server(processes, kind)
    other = await websockets.connect(server.url())
    client = start_client(processes, "ringcast", server.url())
    client.write("here\n")
    await receive(other)
    (server if kind == "ringcast" else server.process).signal(signal.SIGTERM)
    assert await client.exit() == 0
    assert "closed the connection: 1001" in client.stderr.text


@pytest.mark.parametrize("kind", SERVERS)
async def test_a_server_that_dies_is_an_error(processes, kind):
    server = start_server(processes, kind)
    other = await websockets.connect(server.url())
    client = start_client(processes, "ringcast", server.url())
    client.write("here\n")
    await receive(other)
    (server if kind == "ringcast" else server.process).kill()
    assert await client.exit() == 1
    assert client.stderr.text.startswith("ringcast: connection")


async def test_ctrl_c_leaves_in_order(processes):
    service = start_service(processes)
    other = await websockets.connect(service.url())
    client = start_client(processes, "ringcast", service.url())
    client.write("here\n")
    await receive(other)
    client.signal(signal.SIGINT)
    assert await client.exit() == 130
    await other.close()
    closes = await service.metrics()
    assert closes['ringcast_client_closes_total{reason="peer_closed"}'] == 2


async def test_nobody_listens(processes):
    client = await processes.run("chat", "ws://127.0.0.1:1/", stdin="hello\n")
    assert client.code == 1
    assert client.stderr.text == "ringcast: connecting: connection refused\n"


async def test_there_is_no_such_channel(processes):
    service = start_service(processes)
    client = await processes.run("chat", service.url("/nowhere"), stdin="")
    assert client.code == 1
    assert "did not accept: HTTP 404" in client.stderr.text


@pytest.mark.parametrize("url", ["http://localhost/", "ws://", "localhost:8765", "ws://a b/"])
async def test_a_wrong_url_is_a_wrong_argument(processes, url):
    client = await processes.run("chat", url)
    assert client.code == 2
    assert client.stderr.text.startswith(f"ringcast: {url}: ")


@pytest.mark.parametrize("answer", [
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
    b"SSH-2.0-OpenSSH_9.2\r\n", b""], ids=["200", "wrong accept", "not http", "end"])
async def test_an_answer_that_is_no_handshake(processes, answer):
    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        client = await processes.run("chat", f"ws://127.0.0.1:{port}/", stdin="hello\n")
    assert client.code == 1
    assert client.stderr.text.startswith("ringcast: ")


async def test_a_self_signed_server_is_refused(processes, tmp_path):
    authority = Authority(tmp_path)
    async with tls_echo(authority.self_signed("localhost")) as port:
        client = await processes.run("chat", f"wss://localhost:{port}/", stdin="secret\n")
    assert client.code == 1
    assert "certificate" in client.stderr.text


async def test_input_that_ends_at_once_leaves_a_good_connection(processes):
    service = start_service(processes)
    client = await processes.run("chat", service.url(), stdin="")
    assert client.code == 0
    assert client.stdout.text + client.stderr.text == ""
    async with await Connection.open(service.hub):
        assert await service.metric("ringcast_clients_total") == 1


# ---- for scripts -----------------------------------------------------------------------------------

def open_room(processes, **hub):
    return start_service(processes, {"workers": 2, "hub": {
        "channels": {"room": {"publish": "anyone"}, "closed": {}}, **hub}})


async def test_everything_is_sent_before_it_leaves(processes):
    """Far more than is on the way at once; the last line is in the log when it has ended."""
    service = open_room(processes)
    lines = [f"line {number} {'x' * (number % 700)}" for number in range(20000)]
    client = await processes.run("chat", "--channel", "room", service.url(),
                                 stdin="\n".join(lines))
    assert (client.code, client.stdout.text, client.stderr.text) == (0, "", "")
    async with await Connection.open(service.hub) as http:
        http.send(b"GET /channels/room?since=19999 HTTP/1.1\r\nHost: a\r\n\r\n")
        history = json.loads((await http.response()).body)
    assert history["offset"] == len(lines)
    assert [message["text"] for message in history["messages"]] == lines[-1:]


async def test_json_for_scripts(processes):
    service = open_room(processes)
    async with websockets.connect(service.url("/channels/room")) as other:
        await other.send("said before")
        client = processes.ringcast("chat", "--json", "--history", "5", "--channel", "room",
                                    service.url(), with_input=True)
        await client.line_count(1)
        await other.send(b"\x00\xff")
        lines = [json.loads(line) for line in await client.line_count(2)]
    assert [line["offset"] for line in lines] == [1, 2]
    assert (lines[0]["text"], lines[1]["base64"], lines[0]["type"]) == (
        "said before", "AP8=", "message")
    client.end_input()
    assert await client.exit() == 0


async def test_json_from_a_server_that_knows_nothing_of_it(processes):
    server = PythonServer(processes)
    other = await websockets.connect(server.url())
    client = processes.ringcast("chat", "--json", server.url(), with_input=True)
    client.write("here\n")
    assert await receive(other) == "[127.0.0.1] here"
    await other.send('a "quoted" text')
    assert json.loads((await client.line_count(1))[0]) == {
        "type": "message", "text": '[127.0.0.1] a "quoted" text'}
    client.end_input()
    assert await client.exit() == 0
    await other.close()


async def test_lines_that_are_not_accepted(processes):
    service = open_room(processes)
    client = await processes.run("chat", "--channel", "closed", service.url(), stdin="one\ntwo\n")
    assert client.code == 1
    assert client.stderr.text == 2 * ("ringcast: a line was not accepted: "
                                      "publishing to this channel is not allowed\n")


async def test_a_token_opens_the_channel(processes, tmp_path):
    secret = write_file(tmp_path, "secret", SECRET)
    write_file(tmp_path, "token", token(publish=["closed"]) + "\n")
    service = open_room(processes, auth={"jwt_secret_file": secret})
    reader = await websockets.connect(service.url("/channels/closed"))
    client = await processes.run("chat", "--channel", "closed", "--token", f"@{tmp_path}/token",
                                 service.url(), stdin="hello\n")
    assert (client.code, client.stderr.text) == (0, "")
    assert await receive(reader) == "hello"
    client = await processes.run("chat", "--token", "not a token", service.url(), stdin="hello\n")
    assert client.code == 2
    client = await processes.run("chat", "--token", "wrong", service.url(), stdin="hello\n")
    assert client.code == 1 and "HTTP 401" in client.stderr.text
    await reader.close()


async def test_a_token_that_has_expired_is_read_again(processes, tmp_path):
    """From its file, when another one stands there; what waits is sent with that."""
    secret = write_file(tmp_path, "secret", SECRET)
    expires = time.time() - 27  # 30 seconds of leeway
    write_file(tmp_path, "token", token(publish=["closed"], exp=expires))
    service = open_room(processes, auth={"jwt_secret_file": secret})
    async with websockets.connect(service.url("/channels/closed")) as reader:
        client = processes.ringcast("chat", "--reconnect", "--channel", "closed", "--token",
                                    f"@{tmp_path}/token", service.url(), with_input=True)
        client.write("one\n")
        assert await receive(reader) == "one"
        write_file(tmp_path, "token", token(publish=["closed"]))
        await client.line("the token has expired; trying again in", output=client.stderr)
        client.write("two\n")
        assert await receive(reader) == "two"
        client.end_input()
        assert await client.exit() == 0


async def test_a_token_that_has_expired_is_the_end(processes, tmp_path):
    secret = write_file(tmp_path, "secret", SECRET)
    write_file(tmp_path, "token", token(publish=["closed"], exp=time.time() - 28))
    service = open_room(processes, auth={"jwt_secret_file": secret})
    client = processes.ringcast("chat", "--reconnect", "--channel", "closed", "--token",
                                f"@{tmp_path}/token", service.url(), with_input=True)
    assert await client.exit() == 1
    assert client.stderr.text == ("ringcast: the hub closed the connection: 1008 "
                                  "the token has expired\n")


async def test_lines_that_a_plain_server_never_took_are_told(processes):
    async def serve(connection, *_):
        await connection.recv()
        connection.transport.abort()

    async with websockets.serve(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        client = processes.ringcast("chat", f"ws://127.0.0.1:{port}/", with_input=True)
        await asyncio.to_thread(client.write, f"{'x' * 60000}\n" * 200)
        client.end_input()
        assert await client.exit() == 1
    told = re.search(r"^ringcast: (\d+) lines were not sent$", client.stderr.text, re.M)
    assert 1 < int(told[1]) < 200  # the first one was read whole


async def test_it_comes_back_when_told_to(processes):
    """What is said while there is no hub is said when there is one again."""
    service = open_room(processes)
    url, port = service.url(), service.hub[1]
    client = processes.ringcast("chat", "--reconnect", "--channel", "room", url, with_input=True)
    async with websockets.connect(service.url("/channels/room")) as other:
        client.write("one\n")
        assert await receive(other) == "one"
    service.signal(signal.SIGTERM)
    await client.line("trying again in", output=client.stderr)
    await asyncio.to_thread(service.wait_for_exit)
    client.write("two\n")
    client.end_input()
    again = start_service(processes, {"hub": {"listen": f"127.0.0.1:{port}",
                                              "channels": {"room": {"publish": "anyone"}}}})
    assert await client.exit() == 0
    async with await Connection.open(again.hub) as http:
        http.send(b"GET /channels/room?since=0 HTTP/1.1\r\nHost: a\r\n\r\n")
        messages = json.loads((await http.response()).body)["messages"]
    assert [message["text"] for message in messages] == ["two"]


async def test_wss(processes, tmp_path):
    """A server of another make, whose certificate is good."""
    authority = Authority(tmp_path)

    async def answer(connection, *_):
        async for message in connection:
            await connection.send(f"heard {message}")

    async with websockets.serve(answer, "localhost", 0,
                                ssl=server_context(authority.issue("localhost"))) as server:
        port = server.sockets[0].getsockname()[1]
        client = processes.ringcast("chat", "--ca", authority.certificate,
                                    f"wss://localhost:{port}/", with_input=True)
        client.write("hello\n")
        assert await client.line_count(1) == ["heard hello"]
        client.end_input()
        assert await client.exit() == 0
        assert client.stderr.text == ""


@pytest.mark.parametrize("arguments", [
    ["--channel", "no such/name"], ["--history", "-1"], ["--history", "1001"], ["--what"],
    ["--channel"], ["ws://localhost/", "ws://localhost/"], ["--token", "@/no/such/file"]])
async def test_wrong_arguments(processes, arguments):
    client = await processes.run("chat", *arguments)
    assert client.code == 2
    assert client.stderr.text.startswith("ringcast: ")
