#!/usr/bin/env python3
"""Writes src/fetch/character_reference_table.c: HTML's named character references, sorted.

The names are the WHATWG list as Python's standard library has it. The list is frozen, so the output is
committed; run this only to change its form:

    python3 cmake/generate_character_references.py > src/fetch/character_reference_table.c
"""

from html.entities import html5

HEAD = """\
/*
 * HTML's named character references, {count} of them (WHATWG HTML section 13.5), in byte order.
 * Written by cmake/generate_character_references.py.
 */
#include "character_reference_table.h"

/* clang-format off */
"""


def wrapped(items, indent="    ", width=98):
    line = indent
    for item in items:
        if len(line) + len(item) > width:
            yield line.rstrip()
            line = indent
        line += item + " "
    yield line.rstrip()


def main():
    names = sorted(html5)
    rows, offset = [], 0
    for name in names:
        points = [ord(character) for character in html5[name]] + [0]
        rows.append(f"{{0x{points[0]:X}, 0x{points[1]:X}, {offset}}},")
        offset += len(name)
    rows.append(f"{{0, 0, {offset}}},")
    assert offset < 1 << 16
    print(HEAD.format(count=len(names)))
    print("const char character_reference_names[] =")
    print("\n".join(wrapped([f'"{name}"' for name in names])) + ";\n")
    print(f"const struct character_reference_row character_reference_rows[{len(rows)}] = {{")
    print("\n".join(wrapped(rows)))
    print("};")
    print("/* clang-format on */")


main()
