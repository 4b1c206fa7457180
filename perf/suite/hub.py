"""The hub section: one publisher, many readers, processor time a delivery."""

import json
import os
import subprocess

from suite import processes
from suite.report import Column, Scenario

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

COLUMNS = [
    Column("cpu_us_per_delivery", "CPU us/delivery", 2, compared=True),
    Column("deliveries_per_second", "deliveries/s", 0, compared=True),
    Column("latency_p50_us", "p50 ms", 2, 1e-3),
    Column("latency_p99_us", "p99 ms", 2, 1e-3),
    Column("rss_kb_peak", "peak MiB", 1, 1 / 1024, compared=True),
    Column("connection_kb", "KiB/client", 1),
    Column("lost", "lost"),
]

# Title, options of hub_load, and who takes part beside ringcast.
PEERS = ("websockets gather", "websockets broadcast")
FULL = [
    ("1000 readers, 64 B, one message at a time",
     {"readers": 1000, "size": 64, "messages": 400, "in-flight": 1}, PEERS),
    ("1000 readers, 64 B, 16 in flight",
     {"readers": 1000, "size": 64, "messages": 1000, "in-flight": 16}, PEERS),
    ("500 readers, 16 KiB, 16 in flight",
     {"readers": 500, "size": 16384, "messages": 800, "in-flight": 16}, PEERS),
    ("500 readers, 16 KiB, 16 in flight, and 100 that never read",
     {"readers": 500, "size": 16384, "messages": 2000, "in-flight": 16, "stuck": 100}, PEERS),
    ("10000 readers, 64 B, one message at a time",
     {"readers": 10000, "size": 64, "messages": 30, "in-flight": 1}, ()),
]
QUICK = [
    ("50 readers, 64 B, one message at a time",
     {"readers": 50, "size": 64, "messages": 40, "in-flight": 1}, PEERS),
    ("50 readers, 16 KiB, 16 in flight, and 10 that never read",
     {"readers": 50, "size": 16384, "messages": 160, "in-flight": 16, "stuck": 10}, PEERS),
]
# Slower servers get fewer messages, so that each run takes seconds; the figures are per delivery.
SHARE_OF_MESSAGES = {"ringcast": 1.0, "websockets broadcast": 0.3, "websockets gather": 0.3}


def start_ringcast(suite):
    port, admin = processes.free_port(), processes.free_port()
    path = os.path.join(suite.folder, "hub.json")
    config = {
        "workers": 1,
        "fetch": {"urls": []},
        "hub": {"listen": f"127.0.0.1:{port}"},
        "admin": {"listen": f"127.0.0.1:{admin}"},
    }
    with open(path, "w", encoding="utf-8") as file:
        json.dump(config, file)
    server = suite.processes.start([suite.ringcast, "serve", path], suite.processes.measured)
    processes.wait_until(lambda: processes.answers(f"http://127.0.0.1:{admin}/readyz"), server)
    return server, port


def start_peer(suite, script):
    port = processes.free_port()
    command = [suite.python, os.path.join(HERE, "peers", script), "--port", port]
    server = suite.processes.start(command, suite.processes.measured)
    processes.wait_until(lambda: processes.accepts(port), server)
    return server, port


STARTERS = {
    "ringcast": start_ringcast,
    "websockets gather": lambda suite: start_peer(suite, "websocket_gather.py"),
    "websockets broadcast": lambda suite: start_peer(suite, "websocket_broadcast.py"),
}


def run_load(suite, server, port, options):
    """Runs hub_load against a server. Returns its result, or raises Failed with what it said."""
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    command = [suite.program("hub_load"), "--url", f"ws://127.0.0.1:{port}/", "--pid", server.pid]
    load = suite.processes.start(command + words, suite.processes.counterpart,
                                 stdout=subprocess.PIPE)
    try:
        output, _ = load.communicate(timeout=suite.patience)
    except subprocess.TimeoutExpired:
        raise processes.Failed(f"hub_load was not done after {suite.patience} s") from None
    finally:
        suite.processes.stop(load)
    if load.returncode not in (0, 1):
        raise processes.Failed(processes.tail(load.log))
    return json.loads(output)


def judge(scenario, contestant, result):
    """Correctness before speed: says what went wrong. True if nothing did."""
    wrong = [f"{result[key]} {text}" for key, text in
             (("lost", "lost"), ("repeated", "repeated or out of order"),
              ("echoed", "echoed to the sender"), ("damaged", "damaged")) if result[key]]
    if not result["same_order"]:
        wrong.append("readers saw different orders")
    if result["stalled"]:
        scenario.note(contestant, "STALLED")
    elif wrong:
        scenario.note(contestant, "WRONG: " + ", ".join(wrong))
    return not wrong


def measure(suite, scenario, contestant, options):
    share = SHARE_OF_MESSAGES[contestant]
    options = dict(options, messages=max(10, int(options["messages"] * share)))
    server, port = STARTERS[contestant](suite)
    try:
        result = run_load(suite, server, port, options)
    finally:
        code = suite.processes.stop(server)
    clients = options["readers"] + options.get("stuck", 0) + 1
    result["connection_kb"] = (result["rss_kb_connected"] - result["rss_kb_before"]) / clients
    result["server_exit_code"] = code
    scenario.add(contestant, result)
    right = judge(scenario, contestant, result)
    if contestant == "ringcast" and (code != 0 or not right):
        suite.fail(f"hub: {scenario.title}: ringcast: exit code {code}, {scenario.notes}")


def run(suite):
    for title, options, peers in QUICK if suite.quick else FULL:
        scenario = suite.add(Scenario("hub", title, COLUMNS))
        for _ in range(suite.rounds):
            for contestant in suite.contestants(peers):
                suite.attempt(scenario, contestant, measure, options)
