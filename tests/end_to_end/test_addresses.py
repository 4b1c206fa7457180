"""Which addresses are connected to: in a network of our own, where a public one leads to us, too."""

import json
import os
import shutil
import subprocess
import urllib.parse

import pytest

from support.process import PEERS, PYTHON, RINGCAST
from support.service import write_config
from test_fetch import fetch, kinds, results
from support.origin import origin, page, response

PUBLIC = ["http://93.184.216.34:8080", "http://[2606:2800:220:1::1]:8080"]
PRIVATE = ["http://127.0.0.1:8080", "http://[::1]:8080", "http://10.1.2.3:8080",
           "http://[fd00::1]:8080", "http://localhost:8080", "http://[::ffff:10.1.2.3]:8080",
           "http://0.0.0.0:8080"]


def can_have_a_network():
    return shutil.which("ip", path="/usr/sbin:/sbin:/usr/bin:/bin") is not None and subprocess.run(
        ["unshare", "-rn", "true"], check=False, stderr=subprocess.DEVNULL).returncode == 0


needs_network = pytest.mark.skipif(not can_have_a_network(),
                                   reason="no network namespace of our own can be made here")


def to(source, *targets):
    """The URL at `source` that redirects to the first target, that to the next, and so on."""
    url = "/page"
    for place in reversed(targets):
        url = f"{place}{url}" if url == "/page" else f"{place}/to/{urllib.parse.quote(url, safe='')}"
    return f"{source}/to/{urllib.parse.quote(url, safe='')}"


async def fetch_outside(processes, urls, **settings):
    config = write_config(processes.folder, {"fetch": {"retries": 0, **settings}})
    process = processes.start("unshare", "-rn", PYTHON, os.path.join(PEERS, "outside.py"),
                              os.path.abspath(RINGCAST), "fetch", "--json", "-c", config, *urls)
    await process.exit()
    return [json.loads(line) for line in process.stdout.lines()]


def outcome(result):
    return result["title"] if result["error"] is None else result["error"]["kind"]


@needs_network
async def test_a_redirect_from_outside_stays_outside(processes):
    cases = {
        **{f"{place}/page": "inside" for place in PUBLIC + PRIVATE},
        **{to(source, target): "address" for source in PUBLIC for target in PRIVATE},
        **{to(PUBLIC[0], target): "inside" for target in PUBLIC},
        to(PRIVATE[0], PRIVATE[2]): "inside",
        to(PRIVATE[0], PUBLIC[0]): "inside",
        to(PRIVATE[2], PRIVATE[3], PRIVATE[0]): "inside",
        to(PRIVATE[0], PUBLIC[0], PRIVATE[2]): "address",
        to(PUBLIC[0], PUBLIC[1], PRIVATE[0]): "address",
    }
    found = await fetch_outside(processes, cases)
    assert {result["url"]: outcome(result) for result in found} == cases
    refused = next(result for result in found if outcome(result) == "address")
    assert refused["error"]["detail"] == "address is not public: 127.0.0.1 is loopback"


@needs_network
async def test_a_kept_connection_is_no_way_in(processes):
    """The private page was just fetched and its connection kept; the redirect must not use it."""
    urls = [f"{PRIVATE[2]}/page", to(PUBLIC[0], PRIVATE[2]), f"{PRIVATE[2]}/page"]
    found = await fetch_outside(processes, urls, concurrency=3, per_host=1)
    assert [outcome(result) for result in found] == ["inside", "address", "inside"]
    assert found[2]["reused"] is True


@needs_network
async def test_always_and_never(processes):
    urls = [to(PUBLIC[0], PRIVATE[0]), f"{PRIVATE[0]}/page", f"{PUBLIC[0]}/page"]
    found = await fetch_outside(processes, urls, private_addresses="always")
    assert [outcome(result) for result in found] == ["inside"] * 3
    found = await fetch_outside(processes, urls, private_addresses="never")
    assert [outcome(result) for result in found] == ["address", "address", "inside"]


async def test_never_refuses_this_machine(processes):
    async def handler(path, writer):
        writer.write(response(page("here")))
        return True

    async with origin(handler) as seen:
        process = await fetch(processes, seen.url(), config={"private_addresses": "never"})
        assert kinds(process) == ["address"] and seen.connections == 0
        process = await fetch(processes, seen.url())
        assert results(process)[0]["title"] == "here"
