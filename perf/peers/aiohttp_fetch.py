#!/usr/bin/python3
"""A concurrent fetcher as tutorials write it: one session, gather() over all URLs.

Reads URLs from standard input, one a line, and prints one JSON object a line, in input order: index,
url, status, title, sha256, bytes, or index, url, error. With --workers N, N tasks take the URLs from
a queue instead, so that no more than N requests wait at a time.
"""

import argparse
import asyncio
import hashlib
import json
import re
import ssl
import sys

import aiohttp

TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)


async def fetch(session, index, url):
    try:
        async with session.get(url) as response:
            body = await response.read()
            title = TITLE.search(body.decode("utf-8", "replace"))
            return {"index": index, "url": url, "status": response.status,
                    "title": title.group(1).strip() if title else None,
                    "sha256": hashlib.sha256(body).hexdigest(), "bytes": len(body)}
    except (aiohttp.ClientError, asyncio.TimeoutError) as error:
        return {"index": index, "url": url, "error": f"{type(error).__name__}: {error}"}


async def fetch_all(session, urls):
    return await asyncio.gather(*(fetch(session, index, url) for index, url in enumerate(urls)))


async def fetch_with_workers(session, urls, count):
    results = [None] * len(urls)
    jobs = iter(enumerate(urls))

    async def work():
        for index, url in jobs:
            results[index] = await fetch(session, index, url)

    await asyncio.gather(*(work() for _ in range(count)))
    return results


async def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=0, help="tasks; 0 is one for each URL")
    parser.add_argument("--ca", help="file of the certificates to trust for https")
    arguments = parser.parse_args()
    urls = sys.stdin.read().split()
    trust = {"ssl": ssl.create_default_context(cafile=arguments.ca)} if arguments.ca else {}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(**trust)) as session:
        if arguments.workers:
            results = await fetch_with_workers(session, urls, arguments.workers)
        else:
            results = await fetch_all(session, urls)
    sys.stdout.write("".join(json.dumps(result) + "\n" for result in results))
    return 1 if any("error" in result for result in results) else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
