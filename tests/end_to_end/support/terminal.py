"""A terminal: a program of ringcast at a pty, keys to it, and what its screen shows."""

import asyncio
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import time

from support.process import ENVIRONMENT, PATIENCE, RINGCAST, die_with_parent

SEQUENCE = re.compile(rb"\x1b\[(\d*)([A-Za-z])")


class Screen:
    """Rows of characters, as far as the line editor uses a terminal."""

    def __init__(self):
        self.rows = [""]
        self.column = 0

    def take(self, data):
        """Takes what is whole; returns the rest."""
        text = data.decode("utf-8", "ignore")
        at = 0
        while at < len(text):
            if text[at] == "\x1b":
                match = re.compile(r"\x1b\[(\d*)([A-Za-z])").match(text, at)
                if match is None:
                    return text[at:].encode()
                self.control(match[2], int(match[1] or "1"))
                at = match.end()
                continue
            self.put(text[at])
            at += 1
        return b""

    def put(self, character):
        if character == "\n":
            self.rows.append("")
        elif character == "\r":
            self.column = 0
        else:
            row = self.rows[-1].ljust(self.column)
            self.rows[-1] = row[:self.column] + character + row[self.column + 1:]
            self.column += 1

    def control(self, letter, number):
        if letter == "K":
            self.rows[-1] = self.rows[-1][:self.column]
        elif letter == "C":
            self.column += number


class Terminal:
    """Ends with its program; `before` and `settings()` are what stty would tell."""

    def __init__(self, *arguments, columns=80, kind="xterm", output=None):
        """Of a `kind`, None for an unknown one; standard output may go elsewhere."""
        self.master, slave = pty.openpty()
        self.slave = slave
        self.resize(columns)
        self.before = self.settings()
        self.screen = Screen()
        self.rest = b""
        self.process = subprocess.Popen(
            [RINGCAST, *arguments], stdin=slave, stdout=output or slave, stderr=slave,
            env={name: value for name, value in {**ENVIRONMENT, "TERM": kind}.items()
                 if value is not None}, preexec_fn=die_with_parent)
        os.set_blocking(self.master, False)

    def settings(self):
        return termios.tcgetattr(self.slave)

    def resize(self, columns):
        size = struct.pack("HHHH", 24, columns, 0, 0)
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, size)

    def press(self, keys):
        os.write(self.master, keys.encode() if isinstance(keys, str) else keys)

    def look(self):
        try:
            self.rest = self.screen.take(self.rest + os.read(self.master, 65536))
        except BlockingIOError:
            pass
        return self.screen.rows

    async def wait_until(self, condition):
        deadline = time.monotonic() + PATIENCE
        while not condition(self.look()):
            assert time.monotonic() < deadline, "\n".join(self.screen.rows)
            await asyncio.sleep(0.01)

    async def shows(self, *rows):
        """Waits until the last rows are these; they may have blanks at the end."""
        await self.wait_until(lambda there: [row.rstrip() for row in there[-len(rows):]]
                              == list(rows))

    async def exit(self):
        async def ended():
            while self.process.poll() is None:
                self.look()
                await asyncio.sleep(0.01)
        await asyncio.wait_for(ended(), PATIENCE)
        self.look()
        return self.process.returncode

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)
