#!/usr/bin/env python3
"""Small rules about files: length, blanks, names, and nothing that ties the tree to one machine."""
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

MAX_LINES = 800  # of a source file; aim for 400
SOURCE = {".cc", ".h", ".py", ".sh", ".js", ".ts", ".cmake"}
TEXT = SOURCE | {".md", ".json", ".yaml", ".yml", ".toml", ".html", ".css", ".txt", ".supp"}
BANNED_STEMS = re.compile(r"(^|_)(utils?|helpers?|common|manager|misc)(_|$)", re.IGNORECASE)

# Written in pieces, so that this file passes its own check.
MACHINE = re.compile(r"(?<![\w./-])/(?:wo" + r"rk|ro" + r"ot|ho" + r"me/\w+)/")
REGISTRY = re.compile(r"https?" + r"://[\w.-]*(?:regis" + r"try|artifact|nexus|mirror|pypi|crates)[\w.-]*")

# Text that is data: fuzz inputs hold anything, logic tests separate columns by tabs.
DATA = ("fuzz/corpus/", "test/data/")


def listed_files():
    listing = subprocess.run(["git", "ls-files", "-coz", "--exclude-standard"],
                             cwd=ROOT, capture_output=True, check=True).stdout
    for name in sorted(set(listing.decode().split("\0"))):
        if name and (ROOT / name).is_file() and not (ROOT / name).is_symlink():
            yield name


def is_text(name):
    path = pathlib.PurePath(name)
    return path.suffix in TEXT or name in ("dev", ".ci/run", ".clang-format", ".clang-tidy", ".gitignore")


def check_name(name):
    path = pathlib.PurePath(name)
    if path.suffix in SOURCE and BANNED_STEMS.search(path.stem):
        yield f"{name}:1: name the file after what it holds, not utils, helpers, common or manager"
    if name.startswith("src/") and path.suffix in (".cc", ".h") and not re.fullmatch(r"[a-z0-9_]+", path.stem):
        yield f"{name}:1: file names are snake_case"


def check_text(name, text):
    path = pathlib.PurePath(name)
    lines = text.split("\n")
    if path.suffix in SOURCE and len(lines) - 1 > MAX_LINES:
        yield f"{name}:{MAX_LINES}: {len(lines) - 1} lines; split the file (limit {MAX_LINES})"
    if text and not text.endswith("\n"):
        yield f"{name}:{len(lines)}: no newline at the end"
    if text.endswith("\n\n"):
        yield f"{name}:{len(lines) - 1}: blank line at the end"
    for number, line in enumerate(lines, 1):
        where = f"{name}:{number}:"
        if "\t" in line:
            yield f"{where} tab"
        if line != line.rstrip():
            yield f"{where} blank at the end of the line"
        if name.startswith("src/") and re.search(r"\b(TODO|FIXME|XXX)\b", line):
            yield f"{where} finish it or open an issue: no TODO in src"


def check_machine(name, text):
    for number, line in enumerate(text.split("\n"), 1):
        if MACHINE.search(line):
            yield f"{name}:{number}: path of one machine"
        if REGISTRY.search(line):
            yield f"{name}:{number}: address of a package registry"


def check_lock(name, text):
    for path, entry in json.loads(text)["packages"].items():
        if "resolved" in entry:
            yield f'{name}:1: {path} has a "resolved" address; run ./dev lock'
        if path and "integrity" not in entry:
            yield f"{name}:1: {path} has no integrity hash; run ./dev lock"


def check(name):
    if name.startswith(DATA):
        return
    yield from check_name(name)
    try:
        text = (ROOT / name).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        if is_text(name):
            yield f"{name}:1: not UTF-8"
        return
    yield from check_machine(name, text)
    if name.endswith("package-lock.json"):
        yield from check_lock(name, text)
    elif is_text(name):
        yield from check_text(name, text)


def main():
    faults = [fault for name in listed_files() for fault in check(name)]
    print("\n".join(faults) if faults else "tidy: fine")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
