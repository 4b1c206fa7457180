"""The timeouts section: how late each time-out of a fetch is, with many connections at once.

The other side sends one byte every 100 ms for ever. Lateness is what a result says it took beyond
the limit; where the other side can see it, also how much later than that it saw the end of the
connection, by its own clock: with what the kernel and that side itself needed for it, which is why
its bound is wider. Both are judged.
"""

import contextlib
import json
import os
import socket
import statistics
import subprocess

from suite import processes
from suite.origin import FailingOrigin
from suite.report import Column, Scenario

COLUMNS = [
    Column("limit_ms", "limit ms"),
    Column("late_p50_ms", "late p50 ms", 2),
    Column("late_worst_ms", "worst", 2),
    Column("seen_p50_ms", "by the other side: p50 ms", 2),
    Column("seen_worst_ms", "worst", 2),
    Column("beside", "pages fetched beside"),
]
LATE_MS = 50  # the most that is allowed, by the program's own account
# … and by the other side's: 1,000 ends at once pass the kernel and its epoll, beside the byte that it
# sends to each of the others every 100 ms; and it shares its core with the origin of a busy ring.
SEEN_MS = LATE_MS + 50
FOREVER = "1h"

# What is limited, and where it is reached; how the other side behaves; since when it sees the limit
# run; does the same process fetch pages meanwhile, as fast as it can?
ROWS = [
    ("total, within a body", "body", "lives_ms", False),
    ("total, on a busy ring", "body", "lives_ms", True),
    ("attempt, within a head", "head", "lives_ms", False),
    ("read, without an answer", "mute", "lives_ms", False),
    ("read, within a body", "stop", "silences_ms", False),
    ("read, on a busy ring", "stop", "silences_ms", True),
    ("connect, SYN unanswered", None, None, False),
    ("connect, TLS handshake", "handshake", "lives_ms", False),
    ("connect, on a busy ring", "handshake", "lives_ms", True),
    ("dns, never answered", None, None, False),
    ("dns, on a busy ring", None, None, True),
]
# Of the result's timings: what was over when the limit began to run.
BEFORE = {"total": (), "attempt": (), "dns": (), "connect": ("dns",),
          "read": ("dns", "connect", "tls")}


class Trickle:
    """perf/trickle.c, and what it has seen once it has ended."""

    def __init__(self, suite, way):
        self.suite = suite
        self.process = suite.processes.start([suite.program("trickle"), "--way", way],
                                             suite.processes.counterpart, stdout=subprocess.PIPE)
        self.port = json.loads(self.process.stdout.readline())["port"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.suite.processes.stop(self.process)
        self.process.stdout.close()

    def end(self):
        self.process.terminate()
        return json.loads(self.process.stdout.readline())


@contextlib.contextmanager
def full_backlog():
    """A listener that nobody accepts from, with no room for one more."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@contextlib.contextmanager
def silent_name_server():
    with socket.socket(type=socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        yield server.getsockname()[1]


def write_config(suite, part, limit_ms, count, names):
    limits = {name: FOREVER for name in ("total", "attempt", "connect", "dns", "read")}
    config = {"concurrency": count + 100, "per_host": count, "retries": 0,
              "timeout": {**limits, part: f"{limit_ms}ms"}}
    if names is not None:
        config["name_servers"] = f"127.0.0.1:{names}"
    path = os.path.join(suite.folder, "timeouts.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"fetch": config}, file)
    return path


def run_fetch(suite, config, urls):
    """The results by URL."""
    source, output = (os.path.join(suite.folder, f"timeouts.{end}") for end in ("txt", "out"))
    with open(source, "w", encoding="utf-8") as file:
        file.writelines(url + "\n" for url in urls)
    with open(source, "rb") as given, open(output, "wb") as taken:
        process = suite.processes.start(
            [suite.ringcast, "fetch", "-c", config, "--json", "--unordered", "-"],
            suite.processes.measured, stdin=given, stdout=taken)
        suite.processes.finish(process, suite.patience)
    with open(output, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def make_urls(part, way, port, count):
    scheme = "https" if way == "handshake" else "http"
    host = "n{}.test" if part == "dns" else "127.0.0.1"
    return [f"{scheme}://{host.format(number)}:{port}/{number}" for number in range(count)]


def own_lateness(result, part, limit_ms):
    before = sum(result["timings"][name] or 0 for name in BEFORE[part])
    return result["ms"] - before - limit_ms


def check(results, count, fast):
    """The slow ones; all of them must have timed out, and all others must be well."""
    slow = [result for result in results if result["index"] < count]
    wrong = [result for result in results
             if (result["error"] or {}).get("kind") != ("timeout" if result["index"] < count else None)]
    if len(results) != count + fast or wrong:
        raise processes.Failed(f"{len(results)} results, {len(wrong)} are wrong: {wrong[:1]}")
    return slow


def measure(suite, scenario, row, way, seen, busy):
    part = row.partition(",")[0]
    count, limit_ms = (100, 500) if suite.quick else (1000, 3000)
    fast = (2000 if suite.quick else 250000) if busy else 0
    with contextlib.ExitStack() as stack:
        other = stack.enter_context(Trickle(suite, way)) if way else None
        names = stack.enter_context(silent_name_server()) if part == "dns" else None
        port = other.port if other else stack.enter_context(full_backlog())
        urls = make_urls(part, way, port, count)
        if busy:
            origin = stack.enter_context(FailingOrigin(suite, 0))
            urls += [origin.url(number) for number in range(fast)]
        results = run_fetch(suite, write_config(suite, part, limit_ms, count, names), urls)
        observed = other.end() if other else None
    own = [own_lateness(result, part, limit_ms) for result in check(results, count, fast)]
    figures = {"limit_ms": limit_ms, "beside": fast}
    wrong = []
    if observed:
        theirs = [figure - limit_ms for figure in observed[seen]]
        figures.update(seen_p50_ms=statistics.median(theirs), seen_worst_ms=max(theirs))
        if max(theirs) > SEEN_MS:
            wrong.append(f"the other side saw it {max(theirs):.1f} ms late")
    if seen != "silences_ms":  # within a body only the other side knows when silence began
        figures.update(late_p50_ms=statistics.median(own), late_worst_ms=max(own))
        if max(own) > LATE_MS:
            wrong.append(f"{max(own):.1f} ms late")
    scenario.add(row, figures)
    for words in wrong:
        scenario.note(row, f"WRONG: {words}")
        suite.fail(f"timeouts: {row}: {words}")


def run(suite):
    title = "100 fetches at once" if suite.quick else "1,000 fetches at once"
    scenario = suite.add(Scenario("timeouts", title, COLUMNS))
    for row, *details in ROWS if suite.contestants(()) else ():
        for _ in range(suite.rounds):
            suite.attempt(scenario, row, measure, *details)
