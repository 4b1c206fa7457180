"""Programs under test and their peers: started, watched, stopped by pid, and judged by their end."""

import asyncio
import contextlib
import ctypes
import os
import re
import signal
import subprocess
import threading
import time

RINGCAST = os.environ.get("RINGCAST", "build/release/ringcast")
PYTHON = "/usr/bin/python3"  # the system's, which has Debian's packages
PEERS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "peers")

SANITIZER_EXIT = 86
SANITIZER_REPORT = re.compile(
    r"ERROR: AddressSanitizer|LeakSanitizer|runtime error:|ThreadSanitizer|Assertion .* failed")


def is_sanitized():
    with open(RINGCAST, "rb") as file:
        return b"__asan_init" in file.read()


SANITIZED = is_sanitized()
SLOWNESS = 3 if SANITIZED else 1
PATIENCE = 10 * SLOWNESS  # seconds that anything may take before it counts as never

ENVIRONMENT = {
    "PATH": os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin",
    "HOME": os.environ.get("HOME", "/"),
    "LANG": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "ASAN_OPTIONS": f"detect_leaks=1:exitcode={SANITIZER_EXIT}",
    "UBSAN_OPTIONS": f"print_stacktrace=1:exitcode={SANITIZER_EXIT}",
}

PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent():
    """Even if this program is killed, nothing that it started stays behind."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Output:
    """What a program writes, collected by a thread of its own."""

    def __init__(self, stream):
        self.stream = stream
        self.descriptor = stream.fileno()
        self.data = b""
        self.ended = False
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        while piece := os.read(self.descriptor, 65536):
            with self.changed:
                self.data += piece
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    @property
    def text(self):
        return self.data.decode("utf-8", "replace")

    def lines(self):
        """The whole lines so far; at the end also what stands behind the last line end."""
        lines = self.text.split("\n")
        return lines if self.ended and lines[-1] else lines[:-1]

    def wait_until(self, condition, timeout=None):
        """Waits until condition(self) says something true, and returns that."""
        answer = None

        def holds():
            nonlocal answer
            answer = condition(self)
            return answer or self.ended

        with self.changed:
            self.changed.wait_for(holds, PATIENCE if timeout is None else timeout)
        assert answer, f"what was waited for did not come; there is:\n{self.text}"
        return answer


class Process:
    """
    A running program. Threads read its output, unless `stdout` is a file that takes it; every wait
    has an end.
    """

    def __init__(self, arguments, folder, environment=None, with_input=False, stdout=None,
                 stderr=None):
        self.arguments = [str(argument) for argument in arguments]
        self.is_ringcast = self.arguments[0] == RINGCAST
        self.was_killed = False
        self.popen = subprocess.Popen(
            self.arguments, cwd=folder, env={**ENVIRONMENT, **(environment or {})},
            stdin=subprocess.PIPE if with_input else subprocess.DEVNULL,
            stdout=stdout or subprocess.PIPE, stderr=stderr or subprocess.PIPE,
            preexec_fn=die_with_parent)
        self.stdout = Output(self.popen.stdout or open(os.devnull, "rb"))
        self.stderr = Output(self.popen.stderr or open(os.devnull, "rb"))

    @property
    def pid(self):
        return self.popen.pid

    @property
    def code(self):
        """The exit code; None while it runs."""
        return self.popen.poll()

    def write(self, data):
        """The program may end without reading it: how it ended is for the test to judge."""
        with contextlib.suppress(BrokenPipeError):
            self.popen.stdin.write(data.encode() if isinstance(data, str) else data)
            self.popen.stdin.flush()

    def end_input(self):
        with contextlib.suppress(BrokenPipeError):
            self.popen.stdin.close()

    def signal(self, number):
        if self.popen.poll() is None:
            self.popen.send_signal(number)

    def kill(self):
        self.was_killed = True
        self.signal(signal.SIGKILL)

    def wait_for_line(self, pattern, count=1, output=None):
        """The match in the count-th line of standard output that has one."""
        def find(output):
            found = [match for line in output.lines() if (match := re.search(pattern, line))]
            return found[count - 1] if len(found) >= count else None

        return (output or self.stdout).wait_until(find)

    async def line(self, pattern, count=1, output=None):
        return await asyncio.to_thread(self.wait_for_line, pattern, count, output)

    async def line_count(self, count):
        """Waits for that many lines and returns all that are there."""
        await asyncio.to_thread(self.stdout.wait_until, lambda output: len(output.lines()) >= count)
        return self.stdout.lines()

    def wait_for_exit(self, timeout=None):
        code = self.popen.wait(PATIENCE if timeout is None else timeout)
        self.stdout.thread.join(PATIENCE)
        self.stderr.thread.join(PATIENCE)
        return code

    async def exit(self, timeout=None):
        """Waits for the end and returns the exit code."""
        return await asyncio.to_thread(self.wait_for_exit, timeout)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def resident_memory(self):
        with open(f"/proc/{self.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def reset_peak_memory(self):
        with open(f"/proc/{self.pid}/clear_refs", "w", encoding="ascii") as file:
            file.write("5")

    def peak_memory(self):
        """The most that was resident since the start or the last reset."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            return int(re.search(r"VmHWM:\s*(\d+) kB", file.read())[1]) * 1024

    def everything(self):
        return (f"$ {' '.join(self.arguments)}\n{self.stdout.text}{self.stderr.text}"
                f"(exit code {self.popen.returncode})")

    def complaint(self):
        """What is wrong with how it ended, or None."""
        if match := SANITIZER_REPORT.search(self.stdout.text + self.stderr.text):
            return f"it reports {match[0]!r}"
        if self.is_ringcast and self.code == SANITIZER_EXIT:
            return "a sanitizer ended it"
        if self.is_ringcast and self.code < 0 and not self.was_killed:
            return f"signal {-self.code} ended it"
        return None

    def stop(self):
        """Stops it if it still runs. Returns what was wrong, or None."""
        still_running = self.code is None
        self.signal(signal.SIGTERM)
        complaint = None
        try:
            self.wait_for_exit()
        except subprocess.TimeoutExpired:
            self.kill()
            self.wait_for_exit()
            complaint = "it did not stop on SIGTERM"
        if complaint is None and still_running and self.is_ringcast and self.code != 0:
            complaint = f"exit code {self.code} after SIGTERM"
        for stream in (self.popen.stdin, self.stdout.stream, self.stderr.stream):
            if stream is not None and not stream.closed:
                close_quietly(stream)
        return self.complaint() or complaint


def close_quietly(stream):
    try:
        stream.close()
    except BrokenPipeError:
        pass


class Processes:
    """The programs of one test. Leaving it stops them all and fails if one ended badly."""

    def __init__(self, folder):
        self.folder = folder
        self.started = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        complaints = []
        for process in reversed(self.started):
            complaint = process.stop()
            if complaint is not None:
                complaints.append(f"{complaint}:\n{process.everything()}")
        assert not complaints, "\n\n".join(complaints)

    def add(self, process):
        self.started.append(process)
        return process

    def start(self, *arguments, **options):
        return self.add(Process(arguments, self.folder, **options))

    def ringcast(self, *arguments, **options):
        return self.start(RINGCAST, *arguments, **options)

    def peer(self, name, *arguments, **options):
        """A program of peers/."""
        return self.start(PYTHON, os.path.join(PEERS, name), *arguments, **options)

    async def run(self, *arguments, stdin=None, environment=None):
        """Runs ringcast to its end."""
        process = self.ringcast(*arguments, environment=environment, with_input=stdin is not None)
        if stdin is not None:
            await asyncio.to_thread(process.write, stdin)
            process.end_input()
        await process.exit()
        return process


async def eventually(condition, timeout=None):
    """Waits until condition() holds, where nothing else tells; returns what it said."""
    deadline = time.monotonic() + (PATIENCE if timeout is None else timeout)
    while True:
        answer = condition()
        if inspect_awaitable(answer):
            answer = await answer
        if answer:
            return answer
        assert time.monotonic() < deadline, "what was waited for did not come"
        await asyncio.sleep(0.01)


def inspect_awaitable(value):
    return hasattr(value, "__await__")
