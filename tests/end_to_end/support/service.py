"""`ringcast serve` on free ports, and the Python program's server beside it."""

import json
import os
import re

from support.process import RINGCAST, Process
from support.wire import http_get

LISTENING = r"(hub|admin): listening address=(\S+):(\d+)"


def merged(base, changes):
    """The changes over the base, object by object."""
    result = dict(base)
    for key, value in changes.items():
        inner = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if inner else value
    return result


def write_config(folder, config, name="config.json"):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(config, file, indent=1)
    return path


def addresses(process, component):
    """Where it listens: {"127.0.0.1": port, "::1": port}."""
    found = {}
    for line in process.stdout.lines():
        match = re.search(LISTENING, line)
        if match is not None and match[1] == component:
            found[match[2].strip("[]")] = int(match[3])
    return found


class Service(Process):
    """A running service. `hub` and `admin` are (host, port) over IPv4, `hub6` over IPv6 or None."""

    def __init__(self, folder, config):
        defaults = {"workers": 1, "shutdown_timeout": "5s", "hub": {"listen": "localhost:0"},
                    "admin": {"listen": "localhost:0"}}
        path = write_config(folder, merged(defaults, config))
        super().__init__([RINGCAST, "serve", path], folder)

    def wait_until_ready(self):
        self.wait_for_line("service: ready")
        found = addresses(self, "hub")
        self.hub = ("127.0.0.1", found["127.0.0.1"])
        self.hub6 = ("::1", found["::1"]) if "::1" in found else None
        self.admin = ("127.0.0.1", addresses(self, "admin")["127.0.0.1"])
        return self

    def url(self, path="/"):
        return f"ws://127.0.0.1:{self.hub[1]}{path}"

    async def metrics(self):
        """Every sample of /metrics: {'ringcast_clients': 3.0, …}, labels as they are written."""
        response = await http_get(self.admin, "/metrics")
        assert response.status == 200
        samples = {}
        for line in response.body.decode().splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                assert name not in samples, f"{name} is there twice"
                samples[name] = float(value)
        return samples

    async def metric(self, name):
        return (await self.metrics())[name]


def start_service(processes, config=None):
    """Starts `ringcast serve` with the config over the tests' defaults, and waits for it."""
    return processes.add(Service(processes.folder, config or {})).wait_until_ready()


class PythonServer:
    """The Python program's chat server."""

    def __init__(self, processes):
        self.process = processes.peer("chat_server.py")
        self.process.wait_for_line("ready")
        found = addresses(self.process, "hub")
        self.hub = ("127.0.0.1", found["127.0.0.1"])
        self.hub6 = ("::1", found["::1"]) if "::1" in found else None

    def url(self, path="/"):
        return f"ws://127.0.0.1:{self.hub[1]}{path}"
