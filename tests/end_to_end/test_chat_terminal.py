"""`ringcast chat` at a terminal: the line editor, what arrives meanwhile, and every way out."""

import asyncio
import os
import signal

import pytest
import websockets

from support.process import PATIENCE, eventually
from support.service import PythonServer, start_service
from support.terminal import Terminal

LEFT, UP = "\x1b[D", "\x1b[A"


@pytest.fixture
def terminal():
    """Opens a terminal for `ringcast chat ARGUMENTS…`."""
    opened = []

    def open_terminal(*arguments, **options):
        opened.append(Terminal("chat", *arguments, **options))
        return opened[-1]

    yield open_terminal
    for one in opened:
        one.close()


async def receive(client):
    return await asyncio.wait_for(client.recv(), PATIENCE)


@pytest.mark.parametrize("kind", ["ringcast", "python"])
async def test_what_is_typed_stays_whole_when_messages_arrive(processes, terminal, kind):
    server = start_service(processes) if kind == "ringcast" else PythonServer(processes)
    other = await websockets.connect(server.url())
    chat = terminal(server.url())
    await chat.shows("ringcast: connected; 'exit' leaves", ">")
    chat.press("half a lune" + LEFT * 2 + "\x7f" + "i")
    await chat.shows("> half a line")
    for number in range(3):
        await other.send(f"message {number}")
    await chat.shows("[127.0.0.1] message 0", "[127.0.0.1] message 1", "[127.0.0.1] message 2",
                     "> half a line")
    chat.press("\x05, whole: äöü 😀\r")
    assert await receive(other) == "[127.0.0.1] half a line, whole: äöü 😀"
    await chat.shows("> half a line, whole: äöü 😀", ">")
    chat.press(UP)
    await chat.shows("> half a line, whole: äöü 😀")
    chat.press("\x15exit\r")
    assert await chat.exit() == 0
    assert chat.settings() == chat.before
    await other.close()


async def test_messages_cannot_play_tricks_with_the_terminal(processes, terminal):
    service = start_service(processes)
    other = await websockets.connect(service.url())
    chat = terminal(service.url())
    await chat.shows("ringcast: connected; 'exit' leaves", ">")
    await other.send("\x1b[2Jgone\x07")
    await chat.shows("[127.0.0.1] ^[[2Jgone^G", ">")
    chat.press("\x04")
    assert await chat.exit() == 0
    await other.close()


async def test_neither_can_the_reason_for_which_a_hub_closes(terminal):
    async def leave(connection):
        await connection.close(1008, "\x1b[2Jno\x9b")

    async with websockets.serve(leave, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        chat = terminal(f"ws://127.0.0.1:{port}", "--no-reconnect")
        await chat.wait_until(lambda rows: any("^[[2Jno" in row for row in rows))
        assert await chat.exit() == 1


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 130),
                                          (signal.SIGHUP, 130), (signal.SIGQUIT, -signal.SIGQUIT),
                                          (signal.SIGABRT, -signal.SIGABRT)])
async def test_the_terminal_is_what_it_was_after_any_signal(processes, terminal, number, code):
    service = start_service(processes)
    chat = terminal(service.url())
    await chat.shows("ringcast: connected; 'exit' leaves", ">")
    assert chat.settings() != chat.before
    chat.press("half")
    await chat.shows("> half")
    chat.process.send_signal(number)
    assert await chat.exit() == code
    assert chat.settings() == chat.before


async def test_nobody_listens(terminal):
    chat = terminal("ws://127.0.0.1:1/")
    assert await chat.exit() == 1
    assert chat.settings() == chat.before
    assert "ringcast: connecting: connection refused" in chat.screen.rows


async def test_history_on_joining(processes, terminal):
    service = start_service(processes, {"hub": {"channels": {"room": {"publish": "anyone"}}}})
    async with websockets.connect(service.url("/channels/room")) as other:
        for number in range(30):
            await other.send(f"message {number}")
    chat = terminal("--channel", "room", "--history", "3", service.url())
    await chat.shows("ringcast: connected; 'exit' leaves", "message 27", "message 28",
                     "message 29", ">")
    chat.press("\x04")
    assert await chat.exit() == 0


async def test_ctrl_z_gives_the_terminal_back(processes, terminal):
    service = start_service(processes)
    chat = terminal(service.url())
    await chat.shows("ringcast: connected; 'exit' leaves", ">")
    chat.press("half a line\x1a")

    def state():
        with open(f"/proc/{chat.process.pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0]
    await eventually(lambda: state() == "T")
    assert chat.settings() == chat.before
    chat.process.send_signal(signal.SIGCONT)
    await eventually(lambda: chat.settings() != chat.before)
    chat.press("!")
    await chat.shows("> half a line!")
    chat.process.send_signal(signal.SIGTERM)
    assert await chat.exit() == 130


async def test_it_comes_back_and_goes_on_where_it_was(processes, terminal):
    """The hub goes on, but the connection breaks: what was said meanwhile follows."""
    service = start_service(processes, {"hub": {"channels": {"room": {"publish": "anyone"}}}})
    other = await websockets.connect(service.url("/channels/room"))
    gate = await Gate.open(service.hub)
    chat = terminal("--channel", "room", f"ws://127.0.0.1:{gate.port}/")
    await chat.shows("ringcast: connected; 'exit' leaves", ">")
    await other.send("before")
    await chat.shows("before", ">")
    chat.press("mine\r")
    assert await receive(other) == "mine"
    await other.send("heard")  # behind the confirmation of the line
    await chat.shows("> mine", "heard", ">")
    gate.shut()
    await chat.wait_until(lambda rows: "trying again" in " ".join(rows))
    await other.send("meanwhile")
    chat.press("typed meanwhile\r")
    await gate.let_in()
    assert await receive(other) == "typed meanwhile"
    await chat.wait_until(lambda rows: "meanwhile" in rows and "ringcast: connected again" in rows)
    assert [row for row in chat.screen.rows if row in ("before", "mine", "heard", "meanwhile")] == [
        "before", "heard", "meanwhile"]  # each once, and the own one not again
    chat.press("exit\r")
    assert await chat.exit() == 0
    await other.close()
    gate.close()


async def test_a_line_is_drawn_anew_when_the_terminal_gets_another_width(processes, terminal):
    service = start_service(processes)
    chat = terminal(service.url())
    await chat.shows("ringcast: connected; 'exit' leaves", ">")
    line = "twenty-eight characters here"
    chat.press(line)
    await chat.shows("> " + line)
    chat.resize(20)
    chat.process.send_signal(signal.SIGWINCH)  # it is not this terminal's foreground job
    await chat.wait_until(lambda rows: rows[-1].rstrip().startswith("> ")
                          and len(rows[-1].rstrip()) < 20 and rows[-1].rstrip().endswith("here"))
    chat.resize(80)
    chat.process.send_signal(signal.SIGWINCH)
    chat.press("\x01")
    await chat.shows("> " + line)
    chat.press("\x15\x05\x04" + "\x15\x04")
    assert await chat.exit() == 0


async def test_what_is_pasted_arrives_whole_and_what_is_too_long_is_told(processes, terminal):
    """64 KiB are a line; more are told of, and wide characters are whole everywhere."""
    service = start_service(processes)
    other = await websockets.connect(service.url(), max_size=None)
    chat = terminal(service.url(), columns=9)
    await chat.wait_until(lambda rows: rows[-1].startswith(">"))
    line = ("漢字かな" * 5462)[:21845]  # of three bytes each
    await paste(chat, line + "!")
    assert await enter(chat, other) == f"[127.0.0.1] {line}!"
    await paste(chat, line + "!?")
    await chat.wait_until(lambda rows: any("the line is full: 64 KiB" in row for row in rows))
    assert await enter(chat, other) == f"[127.0.0.1] {line}!"
    chat.press("\x04")
    assert await chat.exit() == 0
    await other.close()


async def enter(chat, other):
    """What the other receives; the terminal is read meanwhile, for it shows all of it."""
    chat.press("\r")
    received = asyncio.ensure_future(receive(other))
    await chat.wait_until(lambda _: received.done())
    return received.result()


async def paste(chat, text):
    """As fast as the terminal takes it."""
    rest = text.encode()
    while rest:
        try:
            rest = rest[os.write(chat.master, rest[:4096]):]
        except BlockingIOError:
            await asyncio.sleep(0.001)
        chat.look()


@pytest.mark.parametrize("kind", [None, "", "dumb"])
async def test_a_terminal_of_no_known_kind_gets_lines_alone(processes, terminal, kind):
    service = start_service(processes)
    other = await websockets.connect(service.url())
    chat = terminal(service.url(), kind=kind)
    chat.press("hello\n")
    assert await receive(other) == "[127.0.0.1] hello"
    await other.send("\x1b[2Jhow are you?")
    await chat.wait_until(lambda rows: "[127.0.0.1] ^[[2Jhow are you?" in rows)
    assert chat.settings() == chat.before
    chat.press("\x04")
    assert await chat.exit() == 0
    await other.close()


async def test_typed_at_a_terminal_for_a_program(processes, terminal, tmp_path):
    """Standard output is a file: it gets the messages as they are, and nothing else."""
    service = start_service(processes)
    other = await websockets.connect(service.url())
    with open(tmp_path / "out", "wb") as output:
        chat = terminal(service.url(), output=output)
        chat.press("hello\n")
        assert await receive(other) == "[127.0.0.1] hello"
        await other.send("\x1b[2J")
        await eventually(lambda: (tmp_path / "out").read_bytes() == b"[127.0.0.1] \x1b[2J\n")
        chat.press("\x04")
        assert await chat.exit() == 0
    await other.close()


async def test_a_line_that_was_begun_stays_to_be_seen(processes, terminal):
    service = start_service(processes)
    chat = terminal(service.url(), "--no-reconnect")
    await chat.shows("ringcast: connected; 'exit' leaves", ">")
    chat.press("half a line")
    await chat.shows("> half a line")
    service.kill()
    assert await chat.exit() == 1
    assert any(row.rstrip() == "> half a line" for row in chat.screen.rows)


class Gate:
    """A way to the hub that can be shut."""

    def __init__(self, address):
        self.address = address
        self.writers = []
        self.is_open = True

    @classmethod
    async def open(cls, address):
        gate = cls(address)
        gate.server = await asyncio.start_server(gate.serve, "127.0.0.1", 0)
        gate.port = gate.server.sockets[0].getsockname()[1]
        return gate

    async def serve(self, reader, writer):
        if not self.is_open:
            writer.transport.abort()
            return
        hub_reader, hub_writer = await asyncio.open_connection(*self.address)
        self.writers += [writer, hub_writer]
        await asyncio.gather(self.pump(reader, hub_writer), self.pump(hub_reader, writer))

    async def pump(self, reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        writer.close()

    def shut(self):
        self.is_open = False
        for writer in self.writers:
            writer.transport.abort()
        self.writers = []

    async def let_in(self):
        self.is_open = True

    def close(self):
        self.shut()
        self.server.close()
