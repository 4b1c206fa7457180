"""`ringcast fetch --save`: bodies in files, whole or not at all."""

import gzip
import hashlib
import json
import os

from support.origin import origin, page, response

LARGE = page("Large", 700_000)
ZIPPED = gzip.compress(LARGE)
ANSWERS = {
    "/small.html": response(page("Small")), "/large": response(LARGE), "/empty": response(b""),
    "/zipped": response(ZIPPED, "Content-Encoding: gzip"),
    "/short": response(LARGE, length=len(LARGE) + 1),
    "/broken": response(ZIPPED[:-100], "Content-Encoding: gzip"),
    "/missing": response(b"no such page", status="404 Not Found"),
    "/moved": response(b"", "Location: /small.html", status="302 Found"),
}
BODIES = {"/small.html": page("Small"), "/large": LARGE, "/empty": b"", "/zipped": LARGE,
          "/moved": page("Small")}


async def answer(path, writer):
    writer.write(ANSWERS[path])
    return path not in ("/short", "/broken")


async def test_bodies_are_kept_and_only_whole_ones(processes):
    folder = os.path.join(processes.folder, "bodies")
    async with origin(answer) as seen:
        process = await processes.run("fetch", "--json", "--retries", "1", "--save", folder,
                                      *[seen.url(path) for path in ANSWERS])
    found = dict(zip(ANSWERS, map(json.loads, process.stdout.lines())))
    for path, body in BODIES.items():
        assert found[path]["error"] is None
        with open(found[path]["saved"], "rb") as file:
            assert file.read() == body
        assert found[path]["sha256"] == hashlib.sha256(body).hexdigest()
    assert all("saved" not in found[path] for path in ANSWERS if path not in BODIES)
    assert sorted(os.listdir(folder)) == sorted(
        os.path.basename(found[path]["saved"]) for path in BODIES)
    assert os.path.basename(found["/small.html"]["saved"]) == \
        f"000000-127.0.0.1_{seen.port}_small.html"


async def test_what_cannot_be_written_is_an_error_of_that_url(processes):
    folder = os.path.join(processes.folder, "bodies")
    async with origin(answer) as seen:
        os.makedirs(os.path.join(folder, f"000000-127.0.0.1_{seen.port}_large"))
        os.makedirs(os.path.join(folder, f"000001-127.0.0.1_{seen.port}_small.html.part"))
        process = await processes.run("fetch", "--json", "--save", folder, seen.url("/large"),
                                      seen.url("/small.html"), seen.url("/empty"))
    found = [json.loads(line) for line in process.stdout.lines()]
    assert [result["error"] and result["error"]["kind"] for result in found] == \
        ["save", "save", None]
    assert found[0]["error"]["detail"] == "body could not be saved: Is a directory"
    assert found[0]["sha256"] is None and found[0]["title"] is None


async def test_a_folder_that_cannot_be_made(processes):
    process = await processes.run("fetch", "--save", "/nowhere/bodies", "http://127.0.0.1:1/")
    assert process.code == 2 and process.stdout.text == ""
    assert process.stderr.text == "ringcast: /nowhere/bodies: No such file or directory\n"
