#!/usr/bin/env python3
"""Runs clang-tidy on every file of a compilation database that has changed since it last passed.

Usage: check_tidy.py CLANG_TIDY BUILD_FOLDER CACHE_FOLDER

A pass is remembered as an empty file in CACHE_FOLDER, named after a hash of all that the answer
depends on: clang-tidy's version, .clang-tidy, the compile command, the file, and those of the
project's headers that it includes. Headers of the system are not part of it.
"""
import concurrent.futures
import functools
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.MULTILINE)
FINDING = re.compile(r"^(?=\S+:\d+:\d+: (?:error|warning): )", re.MULTILINE)
INCLUDE_FOLDER = re.compile(r"(?:^|\s)(?:-I|-isystem)\s*(\S+)")


@functools.lru_cache(maxsize=None)
def contents(path):
    return path.read_bytes()


def project_files(source, folders):
    """The file and every project header that it includes, directly or not."""
    seen, waiting = set(), [source]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        for header in INCLUDE.findall(contents(path).decode("utf-8", "replace")):
            for folder in (path.parent, *folders):
                candidate = (folder / header).resolve()
                if candidate.is_file():
                    waiting.append(candidate)
                    break
    return sorted(seen)


def cache_name(entry, settings):
    """A name that changes whenever clang-tidy's answer may."""
    source = pathlib.Path(entry["directory"], entry["file"]).resolve()
    folders = [pathlib.Path(entry["directory"], folder)
               for folder in INCLUDE_FOLDER.findall(entry["command"])]
    digest = hashlib.sha256(settings)
    digest.update(entry["command"].encode() + b"\0")
    for path in project_files(source, folders):
        digest.update(os.fsencode(path) + b"\0" + contents(path) + b"\0")
    return digest.hexdigest()


def tidy(program, build, entry, passed):
    """Checks one file; returns the list of what clang-tidy found."""
    run = subprocess.run([program, "-p", build, "--quiet",
                          "--extra-arg=-Wno-unknown-warning-option", entry["file"]],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if run.returncode == 0:
        passed.touch()
        return []
    findings = [finding.rstrip() for finding in FINDING.split(run.stdout) if finding.strip()]
    return findings or [f"{entry['file']}: {program} failed\n{run.stderr.strip()}"]


def main():
    program, build, cache = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    root = pathlib.Path.cwd().resolve()
    version = subprocess.run([program, "--version"], stdout=subprocess.PIPE, check=True).stdout
    settings = version + b"\0" + (root / ".clang-tidy").read_bytes()
    cache.mkdir(parents=True, exist_ok=True)

    # One entry a file: a source compiled into several programs is checked once. Sources of others
    # (llhttp's on Debian 12) and generated ones are not ours to check.
    entries = {}
    for entry in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
        path = pathlib.Path(entry["directory"], entry["file"]).resolve()
        if root in path.parents and build.resolve() not in path.parents:
            entries.setdefault(path, entry)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = []
        for path in sorted(entries):
            passed = cache / cache_name(entries[path], settings)
            if not passed.exists():
                runs.append(pool.submit(tidy, program, build, entries[path], passed))
        # What is found in a header is found once for each file that includes it: said once.
        findings = dict.fromkeys(finding for run in runs for finding in run.result())
    for finding in findings:
        print(finding)
    print(f"clang-tidy: {len(entries)} files, {len(runs)} checked anew, {len(findings)} findings")
    return 1 if findings or not entries else 0


if __name__ == "__main__":
    sys.exit(main())
