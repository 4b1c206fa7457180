#!/usr/bin/python3
"""
The fetcher that ringcast took over from: one aiohttp session, gather() over all URLs, results in
input order. It is written as the asyncio tutorials write it.

    fetcher.py URL...          ✅ URL → title, or ❌ URL: error
    fetcher.py --json URL...   one JSON object a line: url, title, sha256, or url, error
"""

import asyncio
import hashlib
import json
import re
import sys

import aiohttp

TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)


async def fetch(session, url):
    async with session.get(url) as response:
        response.raise_for_status()
        body = await response.read()
        title = TITLE.search(body.decode(response.get_encoding()))
        return title.group(1).strip() if title else None, hashlib.sha256(body).hexdigest()


async def main(as_json, urls):
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        results = await asyncio.gather(*(fetch(session, url) for url in urls),
                                       return_exceptions=True)
    for url, result in zip(urls, results):
        failed = isinstance(result, BaseException)
        if as_json and failed:
            print(json.dumps({"url": url, "error": repr(result)}))
        elif as_json:
            print(json.dumps({"url": url, "title": result[0], "sha256": result[1]}))
        elif failed:
            print(f"❌ {url}: {result}")
        else:
            print(f"✅ {url} → {result[0]}")


if __name__ == "__main__":
    AS_JSON = sys.argv[1:2] == ["--json"]
    asyncio.run(main(AS_JSON, sys.argv[2:] if AS_JSON else sys.argv[1:]))
