#!/usr/bin/env python3
"""Fails unless every #include in src/ and include/ keeps to the layers that CMakeLists.txt declares.

Usage: check_layers.py [ROOT]

- A layer includes its own headers and those of the layers below it: the DEPENDS of its
  ringcast_layer() line, and what stands below those in turn.
- DEPENDS names layers declared earlier, so there are no cycles.
- A header without a folder ("x.h") is private: it lies in the includer's own folder of src/.
- A third-party header is included from one folder of src/ only (but for SHARED), and from no public
  header.
"""
import pathlib
import re
import sys

DECLARATION = re.compile(r"^\s*ringcast_layer\(([^)]*)\)", re.MULTILINE)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^">]+)[">]', re.MULTILINE)

# Headers that do not come with the C library or the kernel: the pattern, and what is counted as one.
# nettle's headers are independent algorithms, so each of them counts alone.
THIRD_PARTY = [
    (re.compile(r"^liburing(\.h|/)"), "liburing"),
    (re.compile(r"^ares(\.h|_)"), "c-ares"),
    (re.compile(r"^wolfssl/"), "wolfSSL"),
    (re.compile(r"^nettle/"), None),
    (re.compile(r"^gmp\.h"), "GMP"),
    (re.compile(r"^idn2\.h"), "libidn2"),
    (re.compile(r"^libpsl\.h"), "libpsl"),
    (re.compile(r"^llhttp\.h"), "llhttp"),
    (re.compile(r"^(cjson/)?cJSON\.h"), "cJSON"),
    (re.compile(r"^(zlib|zconf)\.h"), "zlib"),
    (re.compile(r"^brotli/"), "brotli"),
    (re.compile(r"^(zstd|zdict)"), "zstd"),
    (re.compile(r"^hiredis/"), "hiredis"),
    (re.compile(r"^iconv\.h"), "iconv"),
]
# Used by two layers for two things: coding unwraps HTTP bodies, ws deflates single messages.
SHARED = {"zlib"}


def declared_layers(text):
    """The layers of CMakeLists.txt in their order: name -> list of DEPENDS."""
    layers = {}
    text = re.sub(r"#.*", "", text)
    for declaration in DECLARATION.findall(text):
        words = declaration.split()
        depends, taking = [], False
        for word in words[1:]:
            if word in ("DEPENDS", "LIBRARIES"):
                taking = word == "DEPENDS"
            elif taking:
                depends.append(word)
        layers[words[0]] = depends
    return layers


def closure(layers, faults):
    """name -> the set of layers that it may include, itself among them."""
    allowed = {}
    for name, depends in layers.items():
        allowed[name] = {name}
        for below in depends:
            if below in allowed:
                allowed[name] |= allowed[below]
            else:
                faults.append(f"CMakeLists.txt: {name} DEPENDS {below}, which is not declared above it")
    return allowed


def without_comments(text):
    """The text with block comments blanked, so that line numbers stay."""
    return re.sub(r"/\*.*?\*/", lambda match: re.sub(r"[^\n]", " ", match.group()), text,
                  flags=re.DOTALL)


def includes(path):
    text = without_comments(path.read_text(encoding="utf-8"))
    for match in INCLUDE.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match.group(1), match.group(2)


def third_party(header):
    for pattern, library in THIRD_PARTY:
        if pattern.match(header):
            return library or header
    return None


def layer_folders(root, layers, faults):
    """Each (layer, folder) under src/ and include/; a folder that no layer declares is a fault."""
    for tree in ("src", "include"):
        for folder in sorted(path for path in (root / tree).iterdir() if path.is_dir()):
            if folder.name in layers:
                yield folder.name, folder
            elif any(folder.rglob("*.[ch]")):
                faults.append(f"{tree}/{folder.name}: no ringcast_layer({folder.name}) "
                              "in CMakeLists.txt")


def own_header_fault(root, layers, allowed, layer, header):
    """What is wrong with a layer's #include "header", or None."""
    above, slash, _ = header.partition("/")
    if (root / "src" / layer / header).is_file():
        return None
    if not slash:
        return f"{header} is not in src/{layer}"
    if above not in layers:
        return f"{above} is no layer"
    if above not in allowed[layer]:
        return f"{layer} does not stand on {above}"
    return None


def check(root):
    faults = []
    layers = declared_layers((root / "CMakeLists.txt").read_text(encoding="utf-8"))
    if not layers:
        return ["CMakeLists.txt: no ringcast_layer() found"], 0
    allowed = closure(layers, faults)
    users = {}
    count = 0
    for layer, folder in layer_folders(root, layers, faults):
        for path in sorted(folder.rglob("*.[ch]")):
            count += 1
            place = path.relative_to(root)
            for line, kind, header in includes(path):
                library = third_party(header)
                if library:
                    users.setdefault(library, {}).setdefault(layer, f"{place}:{line}")
                    if place.parts[0] == "include":
                        faults.append(f"{place}:{line}: a public header includes <{header}>")
                elif kind == '"':
                    fault = own_header_fault(root, layers, allowed, layer, header)
                    if fault:
                        faults.append(f'{place}:{line}: #include "{header}": {fault}')
                elif header.partition("/")[0] in layers and (root / "include" / header).is_file():
                    faults.append(f'{place}:{line}: <{header}> is ours: write "{header}"')
    for library, places in sorted(users.items()):
        if len(places) > 1 and library not in SHARED:
            faults.append(f"{library} is included from more than one layer: "
                          + ", ".join(sorted(places.values())))
    return faults, count


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    faults, count = check(root)
    for fault in faults:
        print(fault)
    if faults or count == 0:
        print(f"layers: {len(faults)} faults in {count} files")
        return 1
    print(f"layers: {count} files keep to them")
    return 0


if __name__ == "__main__":
    sys.exit(main())
