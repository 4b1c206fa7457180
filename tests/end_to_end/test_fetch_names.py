"""Names: who is asked for them, and those that never answer."""

import asyncio

import pytest

from support.names import name_server
from support.origin import origin, page, response
from support.service import start_service
from test_fetch import fetch, kinds, results

SILENT, GOOD = 100, 400


async def answer(path, writer):
    writer.write(response(page("Here")))
    return True


@pytest.mark.parametrize("order", ["silent first", "every fifth"])
async def test_names_that_never_answer_hold_nobody_up(processes, order):
    """More of them than there are slots at once; all others are done before one has timed out."""
    silent = [f"silent{number}.test" for number in range(SILENT)]
    good = [f"good{number}.test" for number in range(GOOD)]
    hosts = silent + good if order == "silent first" else [
        silent[number // 5] if number % 5 == 0 else good[number - number // 5 - 1]
        for number in range(SILENT + GOOD)]
    async with origin(answer) as seen, name_server() as names:
        process = await fetch(
            processes, *[f"http://{host}:{seen.port}/" for host in hosts],
            config={"name_servers": names.address, "concurrency": 50, "timeout": {"dns": "4s"}})
        assert set(hosts) == names.asked
    assert kinds(process) == ["timeout" if host in silent else None for host in hosts]
    for host, result in zip(hosts, results(process)):
        if host in silent:
            assert result["error"]["detail"] == "looking up the name timed out after 4 s"
            assert result["status"] is None
        else:
            assert result["title"] == "Here"


async def test_the_others_are_done_before_one_has_timed_out(processes):
    async with origin(answer) as seen, name_server() as names:
        hosts = [f"silent{number}.test" for number in range(SILENT)] + \
                [f"good{number}.test" for number in range(GOOD)]
        process = processes.ringcast(
            "fetch", "--json", "--unordered", "--concurrency", str(SILENT),
            *[f"http://{host}:{seen.port}/" for host in hosts],
            environment={"RINGCAST_FETCH_NAME_SERVERS": names.address,
                         "RINGCAST_FETCH_RETRIES": "0"})
        lines = await process.line_count(GOOD)
        assert len(lines) == GOOD and all('"error":null' in line for line in lines)
        assert await process.exit() == 1
        assert sum('"kind":"timeout"' in line for line in process.stdout.lines()) == SILENT


async def test_the_service_asks_them_too(processes):
    async with origin(answer) as seen, name_server() as names:
        service = start_service(processes, {"fetch": {
            "name_servers": ["127.0.0.1:1", names.address], "every": 0,
            "urls": [f"http://one.test:{seen.port}/"]}})
        await service.line("Here")
    assert "one.test" in names.asked


async def test_a_name_is_asked_for_once(processes):
    async with origin(answer) as seen, name_server() as names:
        queries = set()  # one that is sent again, since an answer was slow, keeps its id
        received = names.datagram_received
        names.datagram_received = lambda data, addr: (queries.add((*names.name(data), data[:2])),
                                                      received(data, addr))
        process = await fetch(processes, *[f"http://one.test:{seen.port}/{n}" for n in range(50)],
                              config={"name_servers": [names.address]})
    assert kinds(process) == [None] * 50
    assert names.asked == {"one.test"}
    assert len(queries) == 2  # for its IPv4 and its IPv6 addresses
