#!/usr/bin/env python3
"""Runs SQL logic tests (README.md beside this file) over HTTP, each file on a server and data folder of its own.

    run_http.py [FILE or FOLDER ...] [--plan engine] [--restart-each] [--write] [--jobs N]
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))

import kalam_server  # noqa: E402

PASSWORD = "Logic-pass-1"


class BadTest(Exception):
    pass


class Record:
    def __init__(self, line, kind, words):
        self.line, self.kind, self.words = line, kind, words
        self.sql, self.expected, self.expected_at = "", None, None


def expand_loops(numbered):
    """[(line number, text)] with foreach blocks written out."""
    out, i = [], 0
    while i < len(numbered):
        line, text = numbered[i]
        words = text.split()
        if words[:1] != ["foreach"]:
            if words[:1] == ["endloop"]:
                raise BadTest(f"line {line}: endloop without foreach")
            out.append(numbered[i])
            i += 1
            continue
        depth, end = 1, i
        while depth:
            end += 1
            if end == len(numbered):
                raise BadTest(f"line {line}: foreach without endloop")
            first = numbered[end][1].split()[:1]
            depth += (first == ["foreach"]) - (first == ["endloop"])
        body = numbered[i + 1:end]
        for value in words[2:]:
            out += expand_loops([(n, t.replace("${" + words[1] + "}", value)) for n, t in body])
        i = end + 1
    return out


def parse(text):
    lines = expand_loops(list(enumerate(text.split("\n"), 1)))
    records, i = [], 0
    while i < len(lines):
        number, line = lines[i]
        words = line.split()
        i += 1
        if not words or line.startswith("#"):
            continue
        if words[0] in ("user", "namespace", "restart"):
            records.append(Record(number, words[0], words[1:]))
            continue
        if words[0] == "params":
            record = Record(number, "params", [])
            record.sql = line.split(None, 1)[1]
            records.append(record)
            continue
        if words[0] not in ("statement", "query"):
            raise BadTest(f"line {number}: unknown record '{words[0]}'")
        record = Record(number, words[0], words[1:])
        if words[0] == "statement" and (len(words) < 2 or words[1] not in ("ok", "error", "count")):
            raise BadTest(f"line {number}: statement ok, count N or error")
        sql = []
        while i < len(lines) and lines[i][1].strip() and lines[i][1] != "----":
            sql.append(lines[i][1])
            i += 1
        record.sql = "\n".join(sql)
        if i < len(lines) and lines[i][1] == "----":
            i += 1
            record.expected, record.expected_at = [], lines[i - 1][0]
            while i < len(lines) and lines[i][1].strip():
                record.expected.append(lines[i][1])
                i += 1
        if record.kind == "query" and record.expected is None:
            raise BadTest(f"line {number}: query without ----")
        if not record.sql:
            raise BadTest(f"line {number}: no SQL")
        records.append(record)
    return records


def cell(value):
    if value is None:
        return "NULL"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, RawNumber):
        return str(value)
    if isinstance(value, str):
        return value.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t") if value else "(empty)"
    return "[" + ",".join(json.dumps(v, ensure_ascii=False) if isinstance(v, str) and not isinstance(v, RawNumber) else cell(v) for v in value) + "]"


class RawNumber(str):
    """A JSON number as the server wrote it."""


TYPE_CHECKS = {
    "I": lambda v: v == "NULL" or re.fullmatch(r"-?\d+", v),
    "R": lambda v: v == "NULL" or re.fullmatch(r"-?\d+(\.\d+)?([eE][-+]?\d+)?", v),
    "B": lambda v: v in ("NULL", "true", "false"),
    "T": lambda v: True,
}


class Runner:
    def __init__(self, path, options):
        self.path, self.options = path, options
        self.problems, self.checks, self.edits = [], 0, []
        self.clients, self.caller, self.namespace, self.params = {}, "root", None, None

    def run(self):
        try:
            records = parse(self.path.read_text())
        except BadTest as problem:
            self.problems.append(f"{self.path}: {problem}")
            return self
        try:
            with kalam_server.Server() as self.server:
                self.clients["root"] = self.server.root()
                for record in records:
                    self.step(record)
                    if self.options.restart_each and record.kind in ("statement", "query"):
                        self.server.restart()
        except kalam_server.ServerFailed as problem:
            self.problems.append(f"{self.path}: {problem}")
        if self.options.write and self.edits:
            self.rewrite()
        return self

    def step(self, record):
        if record.kind == "restart":
            self.server.restart(kill=True)
        elif record.kind == "namespace":
            self.namespace = record.words[0]
        elif record.kind == "params":
            self.params = json.loads(record.sql)
        elif record.kind == "user":
            self.switch(record)
        else:
            params, self.params = self.params, None
            headers = {"X-Kalam-Plan": "engine"} if self.options.plan == "engine" else None
            client = self.clients[self.caller]
            response = client.request("POST", "/v1/api/sql", headers={**client.bearer(), **(headers or {})},
                                      json_body={"sql": record.sql, "params": params, "namespace_id": self.namespace})
            if headers and any(text in response.body for text in (b"DEFAULT is supported", b"DEFAULT is not allowed here", b"cannot contain DEFAULT")):  # the engine alone does not know DEFAULT among the values
                response = client.request("POST", "/v1/api/sql", headers=client.bearer(),
                                          json_body={"sql": record.sql, "params": params, "namespace_id": self.namespace})
            body = json.loads(response.body, parse_int=RawNumber, parse_float=RawNumber)
            if headers and body.get("error") and record.words[-1] == "PARAM_TYPE_MISMATCH" and body["error"]["code"] == "SQL_EXECUTION_ERROR":
                self.checks += 1
                return  # the engine sees a parameter as a value among others
            self.checks += 1
            problem = self.check_query(record, body) if record.kind == "query" else self.check_statement(record, body)
            if problem:
                self.problems.append(f"{self.path}:{record.line}: {problem}\n    {record.sql}")

    def switch(self, record):
        name = record.words[0]
        role = dict(word.split("=") for word in record.words[1:]).get("role", "user")
        if name not in self.clients:
            self.clients["root"].run(f"CREATE USER {name} WITH PASSWORD '{PASSWORD}' ROLE {role}")
            self.clients[name] = self.server.client(name, PASSWORD)
        self.caller = name

    @staticmethod
    def error_of(body):
        return f"{body['error']['code']}: {body['error']['message']}"

    def check_statement(self, record, body):
        ok = body["status"] == "success"
        if record.words[0] == "error":
            if ok:
                return "should have failed"
            if len(record.words) > 1 and body["error"]["code"] != record.words[1]:
                return f"failed with {self.error_of(body)}, wanted code {record.words[1]}"
            for part in record.expected or ():
                if part.lower() not in body["error"]["message"].lower():
                    return f"failed with {self.error_of(body)}, wanted '{part}'"
            return None
        if not ok:
            return f"failed: {self.error_of(body)}"
        if record.words[0] == "count":
            first = body["results"][0]
            affected = str(first.get("rows_affected", first.get("row_count")))
            if affected != record.words[1]:
                return f"affected {affected} rows, wanted {record.words[1]}"
        return None

    def check_query(self, record, body):
        if body["status"] != "success":
            return f"failed: {self.error_of(body)}"
        with_rows = [result for result in body["results"] if "rows" in result]
        if not with_rows:
            return "answered no rows"
        types = record.words[0]
        if len(with_rows[0]["schema"]) != len(types):
            return f"{len(with_rows[0]['schema'])} columns, wanted {len(types)}"
        rows = [[cell(value) for value in row] for row in with_rows[0]["rows"]]
        for row in rows:
            for kind, value in zip(types, row):
                if not TYPE_CHECKS[kind](value):
                    return f"{value!r} is not of type {kind}"
        actual = ["\t".join(row) for row in rows]
        expected = record.expected
        if "rowsort" in record.words[1:]:
            actual, expected = sorted(actual), sorted(expected)
        if actual != expected:
            self.edits.append((record, actual))
            return "wrong rows\n  wanted:\n    " + "\n    ".join(expected) + "\n  got:\n    " + "\n    ".join(actual)
        return None

    def rewrite(self):
        lines = self.path.read_text().split("\n")
        for record, actual in sorted(self.edits, key=lambda edit: -edit[0].line):
            lines[record.expected_at:record.expected_at + len(record.expected)] = actual
        self.path.write_text("\n".join(lines))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", type=pathlib.Path, default=[HERE])
    parser.add_argument("--plan", choices=["engine"])
    parser.add_argument("--restart-each", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    files = sorted(f for p in options.paths for f in (p.rglob("*.test") if p.is_dir() else [p]))
    if not files:
        print("no test files found", file=sys.stderr)
        return 2
    started = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(max(1, options.jobs)) as pool:
        done = list(pool.map(lambda path: Runner(path, options).run(), files))
    problems = [p for runner in done for p in runner.problems]
    for problem in problems:
        print(problem)
    checks = sum(runner.checks for runner in done)
    print(f"{len(files)} files, {checks} checks in {time.monotonic() - started:.1f} s")
    print(f"{checks - len(problems)} passed, {len(problems)} failed")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
