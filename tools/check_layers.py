#!/usr/bin/env python3
"""Checks the include direction between the folders of src/ (docs: architecture, modules).

A folder may include itself, `base`, and what its row names. Link order cannot see a direct upward include,
this can. A new edge is a change of the table below, so it shows in a review.
"""
import pathlib
import re
import sys

BASE = {"base"}
OPEN = {"base", "observe", "config", "model"}  # open to every level from 2 up

LEVELS = {
    "base": 0,
    "observe": 1, "config": 1, "model": 1, "wire": 1,
    "hot": 2, "engine": 2,
    "catalog": 3, "cold": 3,
    "auth": 4, "tables": 4,
    "live": 5, "topics": 5,
    "jobs": 6,
    "system": 7,
    "sql": 8,
    "front": 9,
    "server": 10,
    "cli": 10,
}  # fmt: skip


def below(level):
    return {name for name, own in LEVELS.items() if own < level}


# folder -> what it may include; "tables/change.h" opens one header of a folder only.
MAY_INCLUDE = {
    "base": set(),
    "observe": BASE,
    "config": BASE,
    "model": BASE,
    "wire": BASE | {"model"},
    "hot": OPEN,
    "engine": OPEN | {"wire"},
    "catalog": OPEN | {"hot"},
    "cold": OPEN | {"hot", "engine"},
    "auth": OPEN | {"hot", "catalog"},
    "tables": OPEN | {"hot", "cold", "engine", "catalog"},
    "live": OPEN | {"wire", "hot", "engine", "catalog", "cold", "auth", "tables"},
    "topics": OPEN | {"wire", "hot", "engine", "catalog", "tables"},
    "jobs": OPEN | {"wire", "hot", "cold", "catalog", "auth", "tables", "topics", "live"},
    "system": below(7),
    "sql": below(8),
    "front": OPEN | {"wire", "auth", "sql", "live", "topics"},
    "server": set(LEVELS) - {"cli"},
    "cli": BASE | {"wire", "model"},
}

# Libraries that stand behind one folder: include prefix -> folders that may name it.
OUTSIDE = {
    "duckdb": {"engine"},
    "yyjson": {"engine"},
    "rocksdb/": {"hot"},
    "boost/beast": {"front", "cli"},
    "jwt/": {"auth"},
    "curl/": {"cold", "cli"},
    "prometheus/": {"observe"},
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def check(src):
    for path in sorted(src.rglob("*")):
        if path.suffix not in (".h", ".cc") or len(path.relative_to(src).parts) < 2:
            continue
        module = path.relative_to(src).parts[0]
        if module not in LEVELS:
            yield f"{path}:1: folder {module} has no row in tools/check_layers.py"
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            quote, target = match.groups()
            where = f"{path}:{number}:"
            for prefix, owners in OUTSIDE.items():
                if target.startswith(prefix) and module not in owners:
                    yield f"{where} {module} may not include {target}; only {', '.join(sorted(owners))} may"
            if quote == "<":
                continue
            other = target.split("/")[0]
            if "/" not in target:
                if not target.startswith("duckdb"):
                    yield f'{where} include "{target}" by its path from src/'
            elif other in LEVELS and other != module:
                allowed = MAY_INCLUDE[module]
                if other not in allowed and target not in allowed:
                    yield f"{where} {module} may not include {target}"


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    faults = [fault.replace(f"{root}/", "") for fault in check(root / "src")]
    print("\n".join(faults) if faults else "layers: fine")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
