"""The targets section: ringcast alone, against what it is to show. One scenario each, by name."""

import json
import os
import subprocess
import time
import urllib.request

from suite import hub, processes
from suite.crowd import DEFLATE, Crowd
from suite.report import Column, Scenario
from suite.tricklers import Tricklers

FRAME_EXTRA = 16  # of a frame of the hub on the default channel: header and "[127.0.0.1] "
MIB = 1024
RETENTION_KB = 16 * MIB


def start(suite, workers=1, **changes):
    """The hub, its port, and its admin port. With several workers it is not pinned."""
    port, admin = processes.free_port(), processes.free_port()
    path = os.path.join(suite.folder, "targets.json")
    config = {"workers": workers, "admin": {"listen": f"127.0.0.1:{admin}"},
              "hub": {"listen": f"127.0.0.1:{port}", "channels": {"c": {"publish": "anyone"}},
                      **changes}}
    with open(path, "w", encoding="utf-8") as file:
        json.dump(config, file)
    server = suite.processes.start([suite.ringcast, "serve", path],
                                   suite.processes.measured if workers == 1 else None)
    processes.wait_until(lambda: processes.answers(f"http://127.0.0.1:{admin}/readyz"), server)
    return server, port, admin


def load(suite, workers=1, **options):
    server, port, admin = start(suite, workers)
    try:
        names = {name.replace("_", "-"): value for name, value in options.items()}
        result = hub.run_load(suite, server, port, names)
        with urllib.request.urlopen(f"http://127.0.0.1:{admin}/metrics") as response:
            samples = dict(line.rsplit(" ", 1) for line in response.read().decode().splitlines()
                           if not line.startswith("#"))
    finally:
        suite.processes.stop(server)
    if result["lost"] or result["repeated"] or result["damaged"] or not result["same_order"]:
        raise processes.Failed(f"not every message arrived once and in order: {result}")
    result["per_send"] = (float(samples["ringcast_deliveries_total"])
                          / float(samples["ringcast_sends_total"]))
    result["user_share"] = result["user_ms"] / max(1, result["user_ms"] + result["system_ms"])
    return result


def floor(suite, readers, size, messages):
    output = subprocess.run([suite.program("floor"), str(readers), str(size), str(messages)],
                            check=True, capture_output=True, timeout=suite.patience).stdout
    return json.loads(output)["cpu_us_per_delivery"]


def rss_kb(process):
    with open(f"/proc/{process.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def publish(port, lines):
    """Publishes each line; returns the place of the last one."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/channels/c", data=b"\n".join(lines),
        headers={"Content-Type": "application/x-ndjson"})
    with urllib.request.urlopen(request) as response:
        return json.loads(response.read())


# ---- the scenarios: each returns its figures ------------------------------------------------------

def against_floor(suite, in_flight):
    """The floor sends the same ranges: as many bytes at once as the hub did on average."""
    readers, messages = (100, 60) if suite.quick else (1000, 1000 if in_flight > 1 else 400)
    result = load(suite, readers=readers, size=64, messages=messages, in_flight=in_flight)
    ranges = max(1, round(result["per_send"]))
    below = floor(suite, readers, (64 + FRAME_EXTRA) * ranges, max(20, messages // ranges)) / ranges
    return {"cpu_us": result["cpu_us_per_delivery"], "base_us": below,
            "ratio": result["cpu_us_per_delivery"] / below, "user": result["user_share"] * 100}


def stuck_readers(suite):
    options = {"readers": 50 if suite.quick else 500, "size": 16384, "in_flight": 16,
               "messages": 200 if suite.quick else 2000}
    alone = load(suite, **options)
    beside = load(suite, stuck=10 if suite.quick else 100, **options)
    return {"cpu_us": beside["cpu_us_per_delivery"], "base_us": alone["cpu_us_per_delivery"],
            "ratio": beside["cpu_us_per_delivery"] / alone["cpu_us_per_delivery"],
            "memory_mib": (beside["rss_kb_peak"] - beside["rss_kb_connected"] - RETENTION_KB) / MIB}


def crowd_cost(suite, readers, messages, more):
    """Processor time of a delivery of a JSON text of 1 KiB, and the bytes of one."""
    text = json.dumps({"number": 12345, "items": [{"id": i, "name": f"item {i}", "price": i * 1.25}
                                                   for i in range(21)]}).encode()[:1024]
    server, port, _ = start(suite, ping_interval=0)
    try:
        with Crowd(port) as crowd:
            crowd.connect(readers, "/channels/c", more)
            publish(port, [text])
            crowd.wait_until(lambda: all(client.received for client in crowd.clients.values()))
            crowd.run(0.2)
            each = crowd.received // readers
            before = processes.cpu_seconds(server)
            for number in range(messages):
                publish(port, [text])
                wanted = (number + 2) * each * readers
                crowd.wait_until(lambda wanted=wanted: crowd.received >= wanted)
            return (processes.cpu_seconds(server) - before) / readers / messages * 1e6, each
    finally:
        suite.processes.stop(server)


def deflated(suite):
    readers, messages = (100, 30) if suite.quick else (1000, 150)
    plain, plain_size = crowd_cost(suite, readers, messages, "")
    compressed, compressed_size = crowd_cost(suite, readers, messages, DEFLATE)
    if compressed_size * 2 > plain_size:
        raise processes.Failed("nothing was compressed")
    return {"cpu_us": compressed, "base_us": plain, "ratio": compressed / plain}


def idle(suite):
    count, seconds = (500, 3) if suite.quick else (10000, 60)
    server, port, _ = start(suite)
    try:
        with Crowd(port, pongs=True) as crowd:
            crowd.connect(count // 2)  # these touch what all share: receive buffers, queues, tables
            crowd.run(1)
            before = rss_kb(server)
            crowd.connect(count // 2)
            crowd.run(1)
            memory = (rss_kb(server) - before) * 1024 / (count // 2)
            cpu = processes.cpu_seconds(server)
            crowd.run(seconds)
            share = (processes.cpu_seconds(server) - cpu) / seconds
        return {"bytes_each": memory, "core": share * 100}
    finally:
        suite.processes.stop(server)


def recover(suite):
    """All come back at once, and each is to have what it missed."""
    count, missed = (500, 20) if suite.quick else (10000, 100)
    server, port, _ = start(suite, ping_interval=0)
    try:
        place = publish(port, [b"the last that they know"])
        publish(port, [f"message {number:04d} {'x' * 50}".encode() for number in range(missed)])
        each = missed * (2 + 13 + 50)
        before, began = processes.cpu_seconds(server), time.monotonic()
        with Crowd(port) as crowd:
            crowd.connect(count, f"/channels/c?since={place['epoch']}:{place['offset']}")
            crowd.wait_until(lambda: crowd.received >= count * each)
            seconds = time.monotonic() - began
            if any(client.received != each for client in crowd.clients.values()):
                raise processes.Failed("somebody did not get exactly what it missed")
        return {"cpu_seconds": processes.cpu_seconds(server) - before, "seconds": seconds}
    finally:
        suite.processes.stop(server)


def two_workers(suite):
    options = {"readers": 100 if suite.quick else 1000, "size": 64, "in_flight": 16,
               "messages": 60 if suite.quick else 1000}
    one, two = load(suite, **options), load(suite, workers=2, **options)
    return {"deliveries_per_second": two["deliveries_per_second"],
            "one_worker": one["deliveries_per_second"],
            "ratio": two["deliveries_per_second"] / one["deliveries_per_second"]}


def honest_connect(port):
    """Milliseconds until a client is in."""
    began = time.monotonic()
    with Crowd(port) as crowd:
        crowd.connect(1)
    return (time.monotonic() - began) * 1000


def trickling(suite):
    """Handshakes that send a byte a second; honest clients connect one after the other meanwhile."""
    count, limit = (200, 3) if suite.quick else (5000, 10)
    server, port, _ = start(suite, handshake_timeout=f"{limit}s")
    try:
        alone = sorted(honest_connect(port) for _ in range(100))
        with Tricklers(port, count) as tricklers:
            beside = []
            while tricklers.open_count() > 0:
                if tricklers.oldest_seconds() > 2 * limit:
                    raise processes.Failed(f"{tricklers.open_count()} are still there")
                tricklers.turn()
                beside.append(honest_connect(port))
        beside.sort()
        return {"late": tricklers.longest - limit, "alone_ms": alone[len(alone) // 2],
                "beside_ms": beside[len(beside) // 2], "p99_ms": beside[len(beside) * 99 // 100],
                "honest": len(beside)}
    finally:
        suite.processes.stop(server)


COMPARED = [Column("cpu_us", "CPU us/delivery", 2), Column("base_us", "base", 2),
            Column("ratio", "ratio", 3)]
SCENARIOS = {
    "floor-1": ("1000 readers, 64 B, one at a time, base: the floor; at most 1.10, user 5 %",
                COMPARED + [Column("user", "user %", 1)], lambda suite: against_floor(suite, 1)),
    "floor-16": ("1000 readers, 64 B, 16 in flight, base: the floor; at most 1.15",
                 COMPARED + [Column("user", "user %", 1)], lambda suite: against_floor(suite, 16)),
    "stuck": ("500 readers of 16 KiB and 100 that never read, base: without them; at most 1.2, 8 MiB",
              COMPARED + [Column("memory_mib", "MiB beyond retention", 1)], stuck_readers),
    "deflate": ("1000 readers with permessage-deflate, 1 KiB, base: plain; at most 1.3",
                COMPARED, deflated),
    "idle": ("10000 idle connections; at most 512 bytes and 1 % of a core",
             [Column("bytes_each", "bytes each", 0), Column("core", "% of a core", 2)], idle),
    "recover": ("10000 come back and recover 100 messages each; under 2 s of a core",
                [Column("cpu_seconds", "CPU s", 2), Column("seconds", "s by the clock", 2)],
                recover),
    "handshakes": ("5000 handshakes of a byte a second; gone within the 10 s, honest ones unaffected",
                   [Column("late", "s beyond the limit", 2), Column("honest", "honest clients"),
                    Column("alone_ms", "p50 ms alone", 2), Column("beside_ms", "p50 ms beside", 2),
                    Column("p99_ms", "p99 ms beside", 2)], trickling),
    "workers": ("2 workers on the load generator's two cores, base: 1 worker; as it is",
                [Column("deliveries_per_second", "deliveries/s"),
                 Column("one_worker", "1 worker"), Column("ratio", "ratio", 2)], two_workers),
}


def measure(suite, scenario, contestant, run_scenario):
    scenario.add(contestant, run_scenario(suite))


def run(suite):
    for name, (title, columns, run_scenario) in SCENARIOS.items():
        if suite.scenario_names and name not in suite.scenario_names:
            continue
        scenario = suite.add(Scenario("targets", f"{name}: {title}", columns))
        for _ in range(suite.rounds):
            for contestant in suite.contestants(()):
                suite.attempt(scenario, contestant, measure, run_scenario)
