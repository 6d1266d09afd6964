#!/usr/bin/env python3
"""Checks docs/acceptance.md: every id of the list has a row, and every test that a row names exists and is run by ctest.

A test is named `file` or `file::name`. Python and logic-test files run when they lie in a folder that ctest runs; a C++ test file must be named in a CMakeLists.txt.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCUMENT = "docs/acceptance.md"
OWNERS = {"jobs", "live", "flush", "storages"}  # work that shows an id elsewhere: its row may stand without a test
STATES = {"shown", "open"} | OWNERS

# (prefix, first, last) of the numbered ids; letters and second series are written out.
NUMBERED = [("T", 1, 160)]
WRITTEN_OUT = [f"T071{c}" for c in "abcdefghijk"] + [f"I{n}" for n in range(132, 140)] + [f"E{n}" for n in range(1, 13)]
COVERED_BY_LETTERS = {146: "abc", 147: "abcd", 148: "abcde", 149: "abcde", 150: "abcd", 151: "abcd", 152: "abcd"}


def wanted_ids():
    ids = set(WRITTEN_OUT)
    for prefix, first, last in NUMBERED:
        for n in range(first, last + 1):
            letters = COVERED_BY_LETTERS.get(n, "")
            ids |= {f"{prefix}{n:03}{c}" for c in letters} if letters else {f"{prefix}{n:03}"}
    return ids


def rows():
    """(line, id, state, tests) of each row of the tables; an id may be a range T001-T009 or T146a-T146c."""
    for number, line in enumerate((ROOT / DOCUMENT).read_text().splitlines(), 1):
        if not line.startswith("| ") or line.startswith("| Id ") or set(line) <= set("|- "):
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) != 4:
            yield number, "", f"{len(cells)} cells, 4 wanted", []
            continue
        yield number, cells[0], cells[2], re.findall(r"`([^`]+)`", cells[3])


def spelled_out(text):
    """The ids of one cell: `T003`, `T001-T009`, `T146a-T146c`, joined by commas."""
    for part in text.split(", "):
        whole = re.fullmatch(r"([TIE])(\d+)([a-z]?)-\1(\d+)([a-z]?)", part)
        if not whole:
            yield part
        elif whole.group(3):
            for code in range(ord(whole.group(3)), ord(whole.group(5)) + 1):
                yield f"{whole.group(1)}{whole.group(2)}{chr(code)}"
        else:
            width = len(whole.group(2))
            for n in range(int(whole.group(2)), int(whole.group(4)) + 1):
                yield f"{whole.group(1)}{n:0{width}}"


def names_in(path):
    text = path.read_text()
    if path.suffix == ".py":
        return set(re.findall(r"^\s*def (test_\w+)", text, re.M))
    if path.suffix == ".cc":
        found = {f"{suite}.{name}" for suite, name in re.findall(r"\bTEST(?:_[FP])?\(\s*(\w+),\s*(\w+)\)", text)}
        return found | set(re.findall(r"\bBENCHMARK\((\w+)\)", text))
    return set()


def is_run(path):
    name = path.relative_to(ROOT).as_posix()
    if name.startswith(("test/api/", "test/live/")):
        return path.name.startswith("test_")
    if name.startswith("docs/"):
        return True  # a document shows itself
    if name.startswith("test/sql/") and path.suffix == ".test":
        return True
    lists = [path.parent / "CMakeLists.txt", ROOT / "test/CMakeLists.txt", ROOT / "cmake/Lint.cmake", ROOT / "CMakeLists.txt"]
    return any(f.exists() and path.name in f.read_text() for f in lists)


def complaints():
    seen = {}
    for line, ids, state, tests in rows():
        where = f"{DOCUMENT}:{line}"
        if state not in STATES:
            yield f"{where}: state '{state}'; wanted one of {', '.join(sorted(STATES))}"
        for one in spelled_out(ids):
            if one in seen:
                yield f"{where}: {one} has a row already, in line {seen[one]}"
            seen[one] = line
        if state == "shown" and not tests:
            yield f"{where}: 'shown' needs the test that shows it"
        for test in tests:
            file, _, name = test.partition("::")
            path = ROOT / file
            if not path.is_file():
                yield f"{where}: there is no file {file}"
            elif name and name not in names_in(path):
                yield f"{where}: {file} has no test {name}"
            elif not is_run(path):
                yield f"{where}: {file} is not run by ctest"
    missing = wanted_ids() - set(seen)
    if missing:
        yield f"{DOCUMENT}:1: without a row: {', '.join(sorted(missing))}"
    for one in sorted(set(seen) - wanted_ids()):
        yield f"{DOCUMENT}:{seen[one]}: '{one}' is no id of the list"


def main():
    wrong = list(complaints())
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
