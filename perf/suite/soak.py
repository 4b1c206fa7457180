"""The soak section: what long use leaves behind. Checks, rather than compares.

churn: 100,000 connections to the hub that end properly, with a reset, or in the middle of their
handshake; it must hold no more descriptors than before, and no memory that grows with their number.
failures: 100,000 URLs (or --urls NUMBER) of an origin that fails 5 of 100 requests in six ways; every single result is
checked, and memory must not grow with the number of failures.
trickle: 5,000 clients send their handshake a byte a second; all must be gone when the time for a
handshake is over, and honest clients must come in meanwhile.
"""

import hashlib
import json
import os
import urllib.request

from suite import fetch, hub, trickle
from suite.origin import FailingOrigin
from suite.report import Column, Scenario

CHURN_COLUMNS = [
    Column("connections_per_second", "connections/s"),
    Column("cpu_us_per_connection", "CPU us/connection", 1),
    Column("descriptors_before", "descriptors before"),
    Column("descriptors_after", "after"),
    Column("rss_kb_warm", "MiB after 10 %", 2, 1 / 1024),
    Column("rss_kb_after", "after all", 2, 1 / 1024),
]
FAILURES_COLUMNS = [
    Column("urls_per_second", "URLs/s"),
    Column("cpu_us_per_url", "CPU us/URL", 1),
    Column("failed", "failed"),
    Column("rss_kb_tenth", "peak MiB of 10 %", 1, 1 / 1024),
    Column("rss_kb_peak", "of all", 1, 1 / 1024),
]
FAIL_PERCENT = 5
GROWTH_ALLOWED_KB = 2048


def measure_churn(suite, scenario, contestant, connections):
    server, port = hub.STARTERS[contestant](suite)
    try:
        result = hub.run_load(suite, server, port,
                              {"churn": connections, "concurrent": 50, "ending": "mixed"})
    finally:
        suite.processes.stop(server)
    scenario.add(contestant, result)
    growth = result["rss_kb_after"] - result["rss_kb_warm"]
    if result["failed"] or result["stalled"]:
        complain(suite, scenario, contestant, f"{result['failed']} connections failed")
    if result["descriptors_after"] > result["descriptors_before"]:
        complain(suite, scenario, contestant, "descriptors were kept")
    if growth > GROWTH_ALLOWED_KB and not suite.quick:
        complain(suite, scenario, contestant, f"grew by {growth} KiB")


def complain(suite, scenario, contestant, text):
    scenario.note(contestant, f"WRONG: {text}")
    suite.fail(f"soak: {scenario.title}: {contestant}: {text}")


class Pages:
    """What the failing origin's pages must look like: they differ in their number only."""

    def __init__(self, origin):
        with urllib.request.urlopen(origin.url(FAIL_PERCENT)) as response:
            self.template = response.read()
        self.size = len(self.template)

    @staticmethod
    def title(number):
        return f"Page {number:010d}"

    def digest(self, number):
        page = self.template.replace(self.title(FAIL_PERCENT).encode(),
                                     self.title(number).encode())
        return hashlib.sha256(page).hexdigest()


def fault_of(origin, pages, number, result):
    """What is wrong with one result; None when it is as it must be."""
    way = origin.way(number)
    if result.get("index") != number or result.get("url") != origin.url(number):
        return "not in input order"
    if way is None:
        wanted = (200, pages.title(number), pages.digest(number), pages.size)
        found = tuple(result.get(key) for key in ("status", "title", "sha256", "bytes"))
        return None if found == wanted else f"{result} instead of {wanted}"
    if way == "status":
        return None if result.get("status") == 500 or result.get("error") else "not a failure"
    if not result.get("error"):
        return f"{way} was not noticed"
    return "a digest of a broken body" if result.get("sha256") or result.get("title") else None


def fetch_numbers(suite, contestant, origin, count, output):
    path = os.path.join(suite.folder, "soak.txt")
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(origin.url(number) + "\n" for number in range(count))
    command = {"ringcast": [suite.ringcast, "fetch", "--json", "--concurrency", "100",
                            "--per-host", "100", "-"],
               "aiohttp 64 workers": [suite.python,
                                      os.path.join(fetch.HERE, "peers", "aiohttp_fetch.py"),
                                      "--workers", "64"]}[contestant]
    return fetch.run_measured(suite, command, path, output)


def check_results(origin, path):
    """How many results there are, how many of them are failures, and what is wrong with some."""
    pages, count, failed, faults = Pages(origin), 0, 0, []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file):
            found = json.loads(line)
            count, failed = count + 1, failed + bool(found.get("error"))
            fault = fault_of(origin, pages, number, found)
            if fault:
                faults.append(f"{number}: {fault}")
    return count, failed, faults


def measure_failures(suite, scenario, contestant, count):
    output = os.path.join(suite.folder, "soak.out")
    with FailingOrigin(suite, FAIL_PERCENT) as origin:
        tenth = fetch_numbers(suite, contestant, origin, count // 10, output)
        result = fetch_numbers(suite, contestant, origin, count, output)
        found, failed, faults = check_results(origin, output)
    growth = result["rss_kb_peak"] - tenth["rss_kb_peak"]
    result["urls_per_second"] = count / result["seconds"]
    result["cpu_us_per_url"] = (result["user_seconds"] + result["system_seconds"]) / count * 1e6
    result["failed"] = failed
    result["rss_kb_tenth"] = tenth["rss_kb_peak"]
    scenario.add(contestant, result)
    if growth > GROWTH_ALLOWED_KB and contestant == "ringcast" and not suite.quick:
        complain(suite, scenario, contestant, f"grew by {growth} KiB")
    if found != count:
        complain(suite, scenario, contestant, f"{found} results for {count} URLs")
    if result["exit_code"] != 1:
        complain(suite, scenario, contestant, f"exit code {result['exit_code']}, not 1")
    if faults:
        complain(suite, scenario, contestant, f"{len(faults)} wrong results, first {faults[0]}")


def measure_trickle(suite, scenario, contestant, count):
    if not trickle.measure(suite, scenario, contestant, count):
        complain(suite, scenario, contestant, "some were not gone in time")


def measure_all_failures(suite, urls):
    title = f"{urls} URLs, {FAIL_PERCENT} of 100 fail"
    failures = suite.add(Scenario("soak", title, FAILURES_COLUMNS))
    for contestant in suite.contestants(("aiohttp 64 workers",))[:1]:
        suite.attempt(failures, contestant, measure_failures, urls)


def run(suite):
    slow = 200 if suite.quick else 5000
    if suite.urls is not None:
        measure_all_failures(suite, suite.urls)
        return
    trickling = suite.add(Scenario("soak", f"{slow} handshakes of a byte a second",
                                   trickle.COLUMNS))
    for contestant in suite.contestants(())[:1]:
        suite.attempt(trickling, contestant, measure_trickle, slow)
    connections, urls = (600, 1000) if suite.quick else (100000, 100000)
    churn = suite.add(Scenario("soak", f"{connections} short connections", CHURN_COLUMNS))
    for contestant in suite.contestants(("websockets broadcast",))[:1]:
        suite.attempt(churn, contestant, measure_churn, connections)
    measure_all_failures(suite, urls)
