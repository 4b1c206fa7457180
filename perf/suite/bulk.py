"""The bulk section: one large body after another over TLS, and which thread bounds it.

The fetcher may use every processor, so hashing runs beside the loop; nginx, on its own, takes part
of one of them. What a thread could carry with a processor for itself is therefore told beside the
clock: the bytes divided by the processor time of that thread.
"""

import os
import time

from suite import fetch, processes
from suite.origin import Nginx
from suite.report import Column, Scenario

PAGE, COUNT, QUICK_COUNT = "p64m", 16, 2
PEERS = ("curl",)

COLUMNS = [
    Column("megabytes_per_second", "MB/s", compared=True),
    Column("loop", "MB per CPU s: loop"),
    Column("pool", "pool"),
    Column("origin", "origin"),
]


def thread_seconds(process, seen):
    """Notes the processor time of each thread of a running process, by its number."""
    tasks = f"/proc/{process.pid}/task"
    try:
        for thread in os.listdir(tasks):
            with open(f"{tasks}/{thread}/schedstat", encoding="ascii") as file:
                seen[int(thread)] = int(file.read().split()[0]) / 1e9
    except OSError:
        pass  # it has ended


def run_watched(suite, command, output):
    """Runs a fetcher on any processor. Returns the seconds it took and those of its threads."""
    seen = {}
    begin = time.monotonic()
    with open(output, "wb") as target:
        process = suite.processes.start(command, None, stdout=target)
        while process.poll() is None:
            if time.monotonic() - begin > suite.patience:
                break
            thread_seconds(process, seen)
            time.sleep(0.005)
        seconds = time.monotonic() - begin
        if suite.processes.finish(process, suite.patience) != 0:
            raise processes.Failed(f"{command[0]}: {processes.tail(process.log)}")
    loop = seen.pop(process.pid, 0)
    return seconds, loop, sum(seen.values())


def command_of(suite, job, contestant):
    if contestant == "ringcast":
        return [suite.ringcast, "fetch", "--json", "--concurrency", "1", "-c", job.config]
    return ["curl", "--silent", "--show-error", "--cacert", job.nginx.certificate, "--write-out",
            "%{http_code} %{size_download}\n", "--config", job.curl_config]


def measure(suite, scenario, contestant, job):
    output = os.path.join(suite.folder, "results.out")
    before = processes.cpu_seconds(job.nginx.process)
    seconds, loop, pool = run_watched(suite, command_of(suite, job, contestant), output)
    origin = processes.cpu_seconds(job.nginx.process) - before
    megabytes = job.count * job.nginx.SIZES[job.page] / 1e6
    result = {"megabytes_per_second": megabytes / seconds}
    for name, used in (("loop", loop), ("pool", pool), ("origin", origin)):
        if used > 0:
            result[name] = megabytes / used
    scenario.add(contestant, result)
    check = fetch.first_fault_of_json if contestant == "ringcast" else fetch.first_fault_of_curl
    fault = check(output, job)
    if fault:
        scenario.note(contestant, f"WRONG: {fault}")
        suite.fail(f"bulk: {contestant}: {fault}")


def run(suite):
    count = QUICK_COUNT if suite.quick else COUNT
    with Nginx(suite) as nginx:
        job = fetch.Job(suite, nginx, PAGE, True, count)
        scenario = suite.add(Scenario("bulk", f"{count} bodies of 64 MiB, TLS, one at a time",
                                      COLUMNS))
        for _ in range(suite.rounds):
            for contestant in suite.contestants(PEERS):
                suite.attempt(scenario, contestant, measure, job)
