"""Processes that are always stopped, and where they run.

Everything the suite starts is started here, ends with the `with` block at the latest, and dies with
the runner even if that is killed.
"""

import ctypes
import os
import resource
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

PR_SET_PDEATHSIG = 1
C_LIBRARY = ctypes.CDLL(None, use_errno=True)


class Failed(Exception):
    """A program did not do what it should; the text says which and how."""


def raise_descriptor_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def choose_processors():
    """The processor of whatever is measured, and that of its counterpart; None where there is one."""
    processors = sorted(os.sched_getaffinity(0))
    return (processors[0], processors[1]) if len(processors) > 1 else (None, None)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Processes:
    """Starts programs pinned to one of two processors. Use it in a `with` statement."""

    def __init__(self, folder):
        self.folder = folder
        self.measured, self.counterpart = choose_processors()
        self.running = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in list(reversed(self.running)):
            self.stop(process)

    def start(self, command, processor, **options):
        def prepare():
            C_LIBRARY.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if processor is not None:
                os.sched_setaffinity(0, {processor})

        name = os.path.basename(str(command[0]))
        log = open(os.path.join(self.folder, f"{name}.log"), "ab")
        with log:
            options.setdefault("stdin", subprocess.DEVNULL)
            options.setdefault("stdout", log)
            process = subprocess.Popen([str(word) for word in command], stderr=log,
                                       preexec_fn=prepare, start_new_session=True, **options)
        process.log = log.name
        self.running.append(process)
        return process

    def stop(self, process, patience=10):
        """Ends one process: SIGTERM, and SIGKILL when it does not listen. Returns its exit code."""
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(patience)
            except subprocess.TimeoutExpired:
                process.kill()
        code = process.wait()
        if process in self.running:
            self.running.remove(process)
        return code

    def finish(self, process, patience):
        """Waits for a process that ends by itself. Returns its exit code."""
        try:
            return process.wait(patience)
        except subprocess.TimeoutExpired:
            raise Failed(f"{process.args[0]} was not done after {patience} s") from None
        finally:
            self.stop(process)


def tail(path, size=2000):
    with open(path, "rb") as file:
        return file.read()[-size:].decode("utf-8", "replace").strip()


def wait_until(ready, process, patience=15):
    """Waits until ready() is true, as long as the process lives."""
    end = time.monotonic() + patience
    while not ready():
        if process.poll() is not None:
            raise Failed(f"{process.args[0]} ended with code {process.returncode}:\n"
                         f"{tail(process.log)}")
        if time.monotonic() > end:
            raise Failed(f"{process.args[0]} was not ready after {patience} s:\n"
                         f"{tail(process.log)}")
        time.sleep(0.02)


def accepts(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=1) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False


def cpu_seconds(process):
    """The processor time of a running process, user and system."""
    with open(f"/proc/{process.pid}/stat", encoding="utf-8") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
