"""The fetch section: the same pages of one origin, processor time a URL."""

import json
import os

from suite import processes
from suite.origin import TITLE, Nginx
from suite.report import Column, Scenario

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

COLUMNS = [
    Column("urls_per_second", "URLs/s", 0, compared=True),
    Column("cpu_us_per_url", "CPU us/URL", 1, compared=True),
    Column("rss_kb_peak", "peak MiB", 1, 1 / 1024, compared=True),
    Column("megabytes_per_second", "MB/s", 0, compared=True),
    Column("origin_busy", "origin busy %", 0, 100),
]

# Title, page, over TLS or not, and how many URLs; the second number is for --quick.
SCENARIOS = [
    ("1023-byte page, plain", "p1k", False, 20000, 300),
    ("16 KiB page, plain", "p16k", False, 10000, 200),
    ("1023-byte page, TLS", "p1k", True, 10000, 200),
    ("16 MiB page, plain", "p16m", False, 40, 4),
    ("16 MiB page, TLS", "p16m", True, 40, 4),
]
AIOHTTP = ("aiohttp gather", "aiohttp 64 workers")
CURL = ("curl --parallel",)


class Job:
    """The URLs of one scenario, in the forms that the contestants read."""

    def __init__(self, suite, nginx, page, tls, count):
        self.nginx, self.page, self.tls, self.count = nginx, page, tls, count
        self.urls = nginx.urls(page, count, tls)
        self.list = self.write(suite, "urls.txt", "".join(url + "\n" for url in self.urls))
        self.curl_config = self.write(suite, "curl.config", "".join(
            f'url = "{url}"\noutput = "/dev/null"\n' for url in self.urls))
        self.config = self.write(suite, "fetch.json", json.dumps({"fetch": {
            "concurrency": 100, "per_host": 100, "max_body": "64MiB",
            "authorities": nginx.certificate, "urls": self.urls}}))

    @staticmethod
    def write(suite, name, text):
        path = os.path.join(suite.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path


def ringcast_command(suite, job):
    options = ["--json", "--concurrency", "100", "--per-host", "100"]
    urls = ["-c", job.config] if job.tls else ["-"]
    return [suite.ringcast, "fetch", *options, *urls]


def aiohttp_command(suite, job, *options):
    trust = ["--ca", job.nginx.certificate] if job.tls else []
    return [suite.python, os.path.join(HERE, "peers", "aiohttp_fetch.py"), *trust, *options]


def curl_command(_suite, job):
    trust = ["--cacert", job.nginx.certificate] if job.tls else []
    return [os.path.join(HERE, "peers", "curl_parallel"), "--config", job.curl_config, *trust]


COMMANDS = {
    "ringcast": ringcast_command,
    "aiohttp gather": aiohttp_command,
    "aiohttp 64 workers": lambda suite, job: aiohttp_command(suite, job, "--workers", "64"),
    "curl --parallel": curl_command,
}


def run_measured(suite, command, urls, output):
    """Runs a fetcher with the file `urls` as its input. Returns what it used, see measure.c."""
    usage = os.path.join(suite.folder, "usage.json")
    with open(urls, "rb") as source, open(output, "wb") as target:
        process = suite.processes.start([suite.program("measure"), usage, *command],
                                        suite.processes.measured, stdin=source, stdout=target)
        if suite.processes.finish(process, suite.patience) != 0:
            raise processes.Failed(f"measure: {processes.tail(process.log)}")
    with open(usage, encoding="utf-8") as file:
        return json.load(file)


def first_fault_of_json(path, job):
    """What is wrong with the results in this file: every one is checked. None when nothing is."""
    with open(path, encoding="utf-8") as file:
        results = [json.loads(line) for line in file]
    if len(results) != job.count:
        return f"{len(results)} results for {job.count} URLs"
    right = {"status": 200, "title": TITLE, "sha256": job.nginx.digests[job.page],
             "bytes": job.nginx.SIZES[job.page]}
    for index, result in enumerate(results):
        wanted = dict(right, index=index, url=job.urls[index])
        for key, value in wanted.items():
            if result.get(key) != value:
                return (f"result {index}: {key} is {result.get(key)!r}, not {value!r}"
                        f" (error: {result.get('error')!r})")
    return None


def first_fault_of_curl(path, job):
    with open(path, encoding="utf-8") as file:
        lines = file.read().splitlines()
    wanted = f"200 {job.nginx.SIZES[job.page]}"
    right = sum(line == wanted for line in lines)
    return None if right == job.count else f"{right} of {job.count} URLs came back whole"


def measure(suite, scenario, contestant, job):
    output = os.path.join(suite.folder, "results.out")
    origin_before = processes.cpu_seconds(job.nginx.process)
    result = run_measured(suite, COMMANDS[contestant](suite, job), job.list, output)
    origin_used = processes.cpu_seconds(job.nginx.process) - origin_before
    check = first_fault_of_curl if contestant in CURL else first_fault_of_json
    fault = check(output, job)
    result["urls_per_second"] = job.count / result["seconds"]
    result["megabytes_per_second"] = \
        job.count * job.nginx.SIZES[job.page] / result["seconds"] / 1e6
    result["cpu_us_per_url"] = \
        (result["user_seconds"] + result["system_seconds"]) / job.count * 1e6
    result["origin_busy"] = origin_used / result["seconds"]
    scenario.add(contestant, result)
    if fault or result["exit_code"] != 0:
        scenario.note(contestant, f"WRONG: {fault or 'exit code'} ({result['exit_code']})")
        suite.fail(f"fetch: {scenario.title}: {contestant}: exit code {result['exit_code']}: "
                   f"{fault}")


def run(suite):
    with Nginx(suite) as nginx:
        for title, page, tls, count, quick_count in SCENARIOS:
            count = quick_count if suite.quick else count
            scenario = suite.add(Scenario("fetch", f"{count} URLs, {title}", COLUMNS))
            job = Job(suite, nginx, page, tls, count)
            for _ in range(suite.rounds):
                for contestant in suite.contestants(AIOHTTP + CURL):
                    suite.attempt(scenario, contestant, measure, job)
