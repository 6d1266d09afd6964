#!/usr/bin/env python3
"""kill -9 again and again under writers, flushes, compactions and live queries that resume, then compare with the table.

Subscribers keep rows by key and their cursor, as clients do; they drop their sockets at random points and resume with `from`, also over the kill.
  - `_seq` ascends over pages and changes and over all resumes, so nothing comes twice;
  - after each restart a marker is written; when it has come, each subscriber has exactly the rows that SELECT with its condition gives;
  - rows that are only inserted came to each subscriber exactly once, whether in a page or as a change;
  - a row that never fitted a condition over columns which nobody changes is not mentioned, wherever it stands.

    live.py [--cycles 12] [--seed N] [--mode sync|os|both] [--canary]
"""
import http.client
import json
import random
import sys
import threading
import time

from kill_cycles import WAIT_SECONDS_MAX, Wrong, kalam_server
import kalam_ws
import kill_cycles

WRITERS, KEYS_PER_WRITER = 3, 12
FIRST_BLUE, BLUE_ROWS = 500, 12  # rows that are never red and never deleted
FIRST_APPENDED, FIRST_MARKER = 1_000, 1_000_000_000
WRITTEN_BEFORE_KILL = 40
BROKEN = (OSError, http.client.HTTPException, kalam_ws.Closed, kalam_ws.Refused)
TABLE = "crash.rows"
# `color` is never updated: 'red' and 'blue' rows keep apart for ever.
CONDITIONS = ["", "room = 'a'", "n % 2 = 1 OR room = 'b'", "color = 'red'", "color = 'red' AND n >= 3"]


class Worker(threading.Thread):
    def __init__(self, run, number):
        super().__init__(daemon=True)
        self.run_, self.number, self.problem = run, number, None
        self.rng = random.Random(f"{run.seed}:{run.mode}:{run.cycle}:{type(self).__name__}:{number}")

    def run(self):
        try:
            self.work()
        except BROKEN as problem:
            if not self.run_.dying.is_set():
                self.problem = f"the connection broke before the kill: {problem!r}"
        except Exception as problem:  # the thread's root: the run ends with it
            self.problem = str(problem) if isinstance(problem, Wrong) else repr(problem)


class Writer(Worker):
    """Changes keys of its own, and appends rows that nobody changes."""

    def work(self):
        client = self.run_.client()
        while not self.run_.dying.is_set():
            reply = client.sql(self.statement())
            if reply.ok:
                self.run_.written += 1
            elif reply.code != "PRIMARY_KEY_VIOLATION" and "Primary key" not in reply.message and "onflict" not in reply.message:
                raise Wrong(f"a write failed: {reply}")

    def statement(self):
        rng = self.rng
        key = self.number * KEYS_PER_WRITER + rng.randrange(KEYS_PER_WRITER)
        own = f"id >= {self.number * KEYS_PER_WRITER} AND id < {(self.number + 1) * KEYS_PER_WRITER}"
        row = f"'{rng.choice('ab')}', {rng.randrange(10)}, '{'red' if key % 2 else 'blue'}'"
        kind = rng.randrange(8)
        if kind == 0:
            first = self.run_.next_appended[self.number]
            ids = [first + i * WRITERS for i in range(rng.choice([1, 1, 6]))]
            self.run_.next_appended[self.number] = ids[-1] + WRITERS
            return f"INSERT INTO {TABLE} (id, room, n, color) VALUES " + ", ".join(f"({id}, {row})" for id in ids)
        if kind <= 2:
            return f"INSERT INTO {TABLE} (id, room, n, color) VALUES ({key}, {row})"
        if kind == 3:
            return f"DELETE FROM {TABLE} WHERE id = {key}"
        if kind == 4:
            return f"UPDATE {TABLE} SET n = n + 1 WHERE {own} AND n % 3 = {rng.randrange(3)} AND n < 40"
        if kind == 5 and rng.random() < 0.5:
            return f"UPDATE {TABLE} SET n = {rng.randrange(10)}, room = '{rng.choice('ab')}' WHERE id = {FIRST_BLUE + rng.randrange(BLUE_ROWS)}"
        if kind == 5:
            return f"UPDATE {TABLE} SET room = '{rng.choice('ab')}' WHERE id = {key}"
        return f"UPDATE {TABLE} SET n = {rng.randrange(10)} WHERE id = {key}"


class Mover(Worker):
    """Rows go into files, and from file to file."""

    def work(self):
        client = self.run_.client()
        while not self.run_.dying.is_set():
            reply = client.sql(f"STORAGE {self.rng.choice(['FLUSH', 'FLUSH', 'COMPACT'])} TABLE {TABLE}")
            self.run_.moves += reply.ok  # refused while one runs
            time.sleep(0.05 + self.rng.random() * 0.1)


class Subscriber(Worker):
    """Reads until the kill, with breaks of the connection; what it knows outlives it in `known`."""

    def work(self):
        while not self.run_.dying.is_set():
            self.follow(self.rng.randrange(1, 60), lambda: self.run_.dying.is_set())

    def follow(self, messages, done):
        known = self.run_.known[self.number]
        socket = self.run_.socket(packed=self.number % 2 == 1)
        try:
            options = {"batch_size": self.rng.randrange(1, 30)} if self.rng.random() < 0.5 else {}
            if known.cursor:
                options["from"] = known.cursor
            where = CONDITIONS[self.number]
            socket.subscribe("s", f"SELECT * FROM {TABLE}" + (f" WHERE {where}" if where else ""), options)
            while messages > 0 and not done():
                try:
                    message = socket.recv(0.2)
                except TimeoutError:
                    continue
                messages -= 1
                known.take(message)
                control = message.get("batch_control")
                if message["type"] == "initial_data_batch" and control["has_more"] and self.rng.random() < 0.7:
                    socket.next_batch("s", control["last_seq_id"])
        finally:
            socket.abort()


class Known:
    """What a client has, by the rules of existing clients."""

    def __init__(self, condition):
        self.condition, self.rows, self.cursor, self.appended = condition, {}, 0, {}

    def take(self, message):
        if message["type"] == "subscription_ack":
            return
        if message["type"] == "error":
            raise Wrong(f"'{self.condition}': {json.dumps(message)}")
        gone = message.get("change_type") == "delete"
        for row in message["old_values"] if gone else message["rows"]:
            seq, id = int(row["_seq"]), int(row["id"])
            if seq <= self.cursor:
                raise Wrong(f"'{self.condition}': {seq} came after {self.cursor}: {json.dumps(message)[:500]}")
            self.cursor = seq
            if self.condition.startswith("color = 'red'") and FIRST_BLUE <= id < FIRST_BLUE + BLUE_ROWS:
                raise Wrong(f"'{self.condition}': row {id} was never red: {json.dumps(message)[:500]}")
            if gone:
                self.rows.pop(id, None)
                continue
            self.rows[id] = (row["room"], row["n"], row["color"])
            if FIRST_APPENDED <= id < FIRST_MARKER:
                if id in self.appended:
                    raise Wrong(f"'{self.condition}': row {id} came twice")
                self.appended[id] = seq


class Run:
    def __init__(self, seed, mode, options):
        self.seed, self.mode, self.canary = seed, mode, options.canary
        self.server = kalam_server.Server({"storage": {"durability": mode}})
        self.cycle, self.written, self.moves = 0, 0, 0
        self.next_appended = [FIRST_APPENDED + i for i in range(WRITERS)]
        self.known = [Known(condition) for condition in CONDITIONS]
        self.dying = threading.Event()
        self.rng = random.Random(f"{seed}:{mode}")

    def client(self):
        client = self.server.client()
        client.token = self.token
        return client

    def socket(self, packed=False):
        return kalam_ws.LiveSocket(self.server, token=self.token, packed=packed)

    def prepare(self):
        self.server.start()
        root = self.server.root()
        self.token = root.token
        root.run(f"CREATE NAMESPACE crash; CREATE SHARED TABLE {TABLE} (id BIGINT PRIMARY KEY, room TEXT, n INT, color TEXT)")
        root.run(f"INSERT INTO {TABLE} (id, room, n, color) VALUES " + ", ".join(f"({FIRST_BLUE + i}, 'a', 1, 'blue')" for i in range(BLUE_ROWS)))

    def one_cycle(self):
        self.cycle += 1
        self.dying = threading.Event()
        workers = [Writer(self, i) for i in range(WRITERS)] + [Mover(self, 0)] + [Subscriber(self, i) for i in range(len(CONDITIONS))]
        kill_cycles.kill_under(self, workers, lambda: self.written, WRITTEN_BEFORE_KILL, 0.7, lambda worker: not worker.problem, "writers")
        self.server.start()
        self.compare()

    def compare(self):
        client = self.client()
        marker = FIRST_MARKER + self.cycle
        client.run(f"INSERT INTO {TABLE} (id, room, n, color) VALUES ({marker}, 'b', 3, 'red')")
        client.run(f"UPDATE {TABLE} SET room = 'a' WHERE id = {marker}")  # fits every condition
        readers = [Subscriber(self, i) for i in range(len(CONDITIONS))]
        for reader in readers:
            known = self.known[reader.number]
            give_up = time.monotonic() + WAIT_SECONDS_MAX
            while known.rows.get(marker, ("",))[0] != "a":
                if time.monotonic() > give_up:
                    raise Wrong(f"'{known.condition}': the marker {marker} did not come")
                reader.follow(1_000_000, lambda: known.rows.get(marker, ("",))[0] == "a" or time.monotonic() > give_up)
            if self.canary and self.cycle == 2:
                known.rows.popitem()
            where = f" WHERE {known.condition}" if known.condition else ""
            rows = {int(id): (room, int(n), color) for id, room, n, color in client.rows(f"SELECT id, room, n, color FROM {TABLE}{where} LIMIT 1000000")}
            if rows != known.rows:
                different = [(id, rows.get(id), known.rows.get(id)) for id in sorted(rows.keys() | known.rows.keys()) if rows.get(id) != known.rows.get(id)]
                raise Wrong(f"'{known.condition}': row, table, subscriber: {different[:10]}")
            appended = {id for id in rows if FIRST_APPENDED <= id < FIRST_MARKER}
            if appended != known.appended.keys():
                raise Wrong(f"'{known.condition}': appended rows that did not come: {sorted(appended ^ known.appended.keys())[:10]}")

    def summary(self):
        if self.moves < self.cycle:
            raise Wrong(f"only {self.moves} flushes and compactions")
        return f"{self.written} writes, {self.moves} flushes and compactions: {len(CONDITIONS)} subscribers had exactly the table each time"


if __name__ == "__main__":
    sys.exit(kill_cycles.main(__doc__, Run, 12))
