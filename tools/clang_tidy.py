#!/usr/bin/env python3
"""clang-tidy over our sources, with a memory: a file that was clean stays clean until something it was checked with
changes (itself, a header of ours that it reaches, its compile command, .clang-tidy, the tool).

    tools/clang_tidy.py BUILD --ci        every .cc below src/ that is not a test, with the checks that cost little (CI_CHECKS)
    tools/clang_tidy.py BUILD --product   the same files with all checks
    tools/clang_tidy.py BUILD --all       tests, fuzz targets and benchmarks too
    tools/clang_tidy.py BUILD FILE...     the named files with all checks

BUILD is the build folder whose compile_commands.json says how each file is compiled; the memory is BUILD/tidy. Headers
of other packages count by the versions of their lock files and of the tool, not by content: after an upgrade of the
system's libraries, remove BUILD/tidy.
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOOL = "clang-tidy-19"
INCLUDE = re.compile(rb'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.MULTILINE)
SKIPPED = 77  # ctest shows the test as skipped
# They look at declarations only, so a file takes little longer than its parse (docs/decisions/0040-clang-tidy.md).
CI_CHECKS = ("--checks=-*,readability-identifier-naming,google-explicit-constructor,modernize-use-override,"
             "bugprone-virtual-near-miss,bugprone-forward-declaration-namespace,performance-noexcept-move-constructor")


def listed(product_only):
    patterns = ["src/*.cc"] if product_only else ["src/*.cc", "bench/*.cc", "fuzz/*.cc", "test/*.cc"]
    listing = subprocess.run(["git", "ls-files", "-coz", "--exclude-standard", "--", *patterns], cwd=ROOT,
                             capture_output=True, check=True).stdout.decode()
    names = sorted({name for name in listing.split("\0") if name and (ROOT / name).is_file()})
    return [name for name in names if not (product_only and name.endswith("_test.cc"))]


def checks_for(name, ci):
    if ci:
        return [CI_CHECKS]
    # Tests and tools say plainly what they mean; how fast they do it is not the point.
    product = name.startswith("src/") and not name.endswith("_test.cc")
    return [] if product else ["--checks=-performance-*"]


class Memory:
    def __init__(self, build):
        commands = json.loads((build / "compile_commands.json").read_text())
        self.commands = {entry["file"]: entry["command"] for entry in commands}
        self.folder = build / "tidy"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.texts = {}
        base = hashlib.sha256()
        base.update(subprocess.run([TOOL, "--version"], capture_output=True, check=True).stdout)
        base.update((ROOT / ".clang-tidy").read_bytes())
        for lock in sorted(ROOT.glob("third_party/*/package-lock.json")):
            base.update(lock.read_bytes())
        self.base = base.digest()

    def _read(self, path):
        """Digest of a file and the files of ours that it includes; found the way the compiler does, folder first."""
        if path not in self.texts:
            text = path.read_bytes()
            found = set()
            for include in INCLUDE.findall(text):
                for folder in (path.parent, ROOT / "src", ROOT / "test", ROOT / "test/powercut"):
                    candidate = folder / os.fsdecode(include)
                    if candidate.is_file():
                        found.add(pathlib.Path(os.path.normpath(candidate)))
                        break
            self.texts[path] = (hashlib.sha256(text).digest(), found)
        return self.texts[path]

    def mark(self, name, ci):
        """The file whose existence says that `name`, as it is now, was clean."""
        start = ROOT / name
        reached, waiting = set(), [start]
        while waiting:
            path = waiting.pop()
            if path not in reached:
                reached.add(path)
                waiting.extend(self._read(path)[1])
        key = hashlib.sha256(self.base)
        key.update(self.commands[str(start)].encode() + repr(checks_for(name, ci)).encode())
        for path in sorted(reached):
            key.update(str(path.relative_to(ROOT)).encode() + b"\0" + self._read(path)[0])
        return self.folder / (name.replace("/", "_") + "-" + key.hexdigest()[:32])


def check(build, name, ci):
    run = subprocess.run([TOOL, "-p", str(build), "--quiet", *checks_for(name, ci), name], cwd=ROOT, capture_output=True)
    if run.returncode == 0:
        return ""
    # stderr counts what was suppressed in system headers; it is of interest only when there is nothing else.
    return (run.stdout or run.stderr).decode("utf-8", "replace")


def main(arguments):
    if len(arguments) < 2:
        sys.exit(__doc__)
    build = pathlib.Path(arguments[0]).resolve()
    if shutil.which(TOOL) is None:
        print(f"clang_tidy: {TOOL} is not installed; ./dev tidy installs it")
        return SKIPPED
    memory = Memory(build)
    ci = arguments[1] == "--ci"
    if arguments[1] in ("--all", "--product", "--ci"):
        names = listed(arguments[1] != "--all")
    else:
        names = [os.path.relpath(pathlib.Path(name).resolve(), ROOT) for name in arguments[1:]]
    unknown = [name for name in names if str(ROOT / name) not in memory.commands]
    if unknown:
        print(f"clang_tidy: {build.name} does not compile {' '.join(unknown)}")
        return 1
    marks = {name: memory.mark(name, ci) for name in names}
    # What passed all checks passed those of CI.
    todo = [name for name in names if not marks[name].exists() and not (ci and memory.mark(name, False).exists())]
    faults = 0
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for name, findings in zip(todo, pool.map(lambda name: check(build, name, ci), todo)):
            if findings:
                faults += 1
                print(findings, end="", flush=True)
                continue
            for old in memory.folder.glob(name.replace("/", "_") + "-*"):
                old.unlink()
            marks[name].touch()
    print(f"clang_tidy: {len(names)} files, {len(todo)} checked, {faults} with findings")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
