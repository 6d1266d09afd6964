#!/usr/bin/env python3
"""Power cuts under load: kills a server whose files lose everything unsynced, and looks for lost or invented rows.

    run.py --server build/release/bin/kalamdb-server-powercut [--cycles 20] [--seed N] [--writers 10]
    run.py --server ... --canary      the disk lies about syncs: the test must notice

Each cycle: start the server (durability sync), let writers insert, update and delete rows of their own and one change tables, kill -9
at a random moment (sometimes already during the start), start again, compare. The log of what was acknowledged is kept here, outside
the server. Afterwards every row is what was acknowledged last, or what was under way at the kill; statements are there as a whole or
not at all; new sequences are greater than all before the cut. A topic follows one of the tables: its messages, applied in order, make
exactly the table's rows, so that there is no row without its message and no message without its row. Standard library only. Exit code 0: all as promised.
"""
import argparse
import http.client
import json
import os
import pathlib
import random
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from kalam_server import Server, ServerFailed  # noqa: E402

USERS = ("ann", "bob", "cat")
PASSWORD = "Power-cut-1"
CUT = (OSError, http.client.HTTPException)  # what a client sees of a killed server


class Broken(Exception):
    """A promise of the server was not kept."""


class State:
    """What one set of keys must look like: the acknowledged values and those of the one statement under way. None = no row."""

    def __init__(self):
        self.acked = {}
        self.pending = None  # {key: value} of one statement, which happens as a whole or not at all

    def begin(self, changes):
        self.pending = dict(changes)

    def acknowledge(self):
        self.acked.update(self.pending)
        self.pending = None

    def check(self, found, what):
        """Compares and goes on from what was found."""
        pending = self.pending or {}
        for key, value in found.items():
            if key not in self.acked and key not in pending:
                raise Broken(f"{what}: phantom row {key} = {value!r}")
        for key in self.acked.keys() - pending.keys():
            if found.get(key) != self.acked[key]:
                raise Broken(f"{what}: row {key} is {found.get(key)!r}, acknowledged was {self.acked[key]!r}")
        before = {key: self.acked.get(key) for key in pending}
        now = {key: found.get(key) for key in pending}
        if now not in (before, pending):
            raise Broken(f"{what}: the statement at the cut is there in part: {now!r}, before {before!r}, after {pending!r}")
        self.acked.update(now)
        self.pending = None


class Writer:
    """One connection that changes rows of its own, in one table."""

    def __init__(self, number, table, user, seed):
        self.number = number
        self.table = table
        self.user = user
        self.random = random.Random(seed)
        self.state = State()
        self.live = []  # keys of rows that are there
        self.seen = {}  # {key: (value, seq)} after the last cut
        self.next_key = 0
        self.statements = 0
        self.fault = None

    def new_key(self):
        self.next_key += 1
        return f"w{self.number:02}-{self.next_key:07}"

    def value(self):
        # Mostly small; now and then large enough that files are flushed and compacted within the run.
        size = self.random.choice((10, 40, 200, 200, 3000))
        return f"{self.random.getrandbits(64):016x}" * (1 + size // 16)

    def check(self, found, what):
        self.state.check(found, what)
        self.live = list(found)

    def step(self, client):
        live = self.live
        kind = self.random.random()
        if kind < 0.5 or len(live) < 10:
            rows = {self.new_key(): self.value() for _ in range(self.random.choice((1, 1, 1, 2, 20)))}
            texts = ", ".join(f"('{key}', '{value}')" for key, value in rows.items())
            self.execute(client, f"INSERT INTO {self.table} (id, v) VALUES {texts}", rows)
            live.extend(rows)
        elif kind < 0.75:
            key = self.random.choice(live)
            value = self.value()
            self.execute(client, f"UPDATE {self.table} SET v = $1 WHERE id = $2", {key: value}, [value, key])
        elif kind < 0.85:
            keys = self.random.sample(live, 3)
            names = ", ".join(f"'{key}'" for key in keys)
            value = self.value()
            self.execute(client, f"UPDATE {self.table} SET v = '{value}' WHERE id IN ({names})", dict.fromkeys(keys, value))
        else:
            at = self.random.randrange(len(live))
            self.execute(client, f"DELETE FROM {self.table} WHERE id = $1", {live[at]: None}, [live[at]])
            live[at] = live[-1]
            live.pop()

    def execute(self, client, sql, changes, params=None):
        self.state.begin(changes)
        reply = client.sql(sql, params)
        if not reply.ok or reply.results[0].get("row_count") != len(changes):
            raise Broken(f"{sql[:200]} answered {reply.status} {reply.text[:500]}")
        self.state.acknowledge()
        self.statements += 1


class Mover:
    """Moves rows to files and merges those, again and again: what stands where is no change that anybody sees."""

    def __init__(self, tables, seed):
        self.tables = tables
        self.random = random.Random(seed)
        self.moves = 0
        self.fault = None

    def step(self, client):
        verb = self.random.choice(("FLUSH", "FLUSH", "FLUSH", "COMPACT"))
        reply = client.sql(f"STORAGE {verb} TABLE {self.random.choice(self.tables)}")
        if not reply.ok and "already running" not in reply.text:
            raise Broken(f"{verb} answered {reply.status} {reply.text[:500]}")
        self.moves += reply.ok
        time.sleep(self.random.uniform(0.0, 0.1))  # rows come meanwhile; nothing waits for it


class TableWriter:
    """Creates, alters, fills and drops tables. A table is {columns, rows}; the pending state is the one after the statement under way."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.state = State()
        self.next_table = 0
        self.statements = 0
        self.fault = None

    def step(self, client):
        live = [name for name, table in self.state.acked.items() if table is not None]
        kind = self.random.random()
        if kind < 0.3 or not live:
            self.next_table += 1
            name = f"pc.ddl_{self.next_table}"
            self.execute(client, f"CREATE SHARED TABLE {name} (id BIGINT PRIMARY KEY, a TEXT)", name, (("id", "a"), ()))
            return
        name = self.random.choice(live)
        columns, rows = self.state.acked[name]
        if kind < 0.6:
            row = len(rows) + 1
            self.execute(client, f"INSERT INTO {name} (id, a) VALUES ({row}, 'row')", name, (columns, (*rows, row)))
        elif kind < 0.8:
            column = f"c{len(columns)}"
            self.execute(client, f"ALTER TABLE {name} ADD COLUMN {column} TEXT", name, ((*columns, column), rows))
        elif len(live) > 3:
            self.execute(client, f"DROP TABLE {name}", name, None)

    def execute(self, client, sql, name, after):
        self.state.begin({name: after})
        reply = client.sql(sql)
        if not reply.ok:
            raise Broken(f"{sql} answered {reply.status} {reply.text[:500]}")
        self.state.acknowledge()
        self.statements += 1

    def look(self, client):
        found = {}
        names = set(self.state.acked) | set(self.state.pending or ())
        for name in names:
            reply = client.sql(f"SELECT * FROM {name} ORDER BY id")
            if reply.ok:
                columns = tuple(c for c in reply.columns if not c.startswith("_"))
                found[name] = (columns, tuple(int(row[0]) for row in reply.rows))
            elif "not found" not in reply.message.lower() and "does not exist" not in reply.message.lower():
                raise Broken(f"{name} cannot be read: {reply.status} {reply.text[:500]}")
        return found


class Trial:
    """One database through many cuts."""

    def __init__(self, options, folder, seed):
        self.random = random.Random(seed)
        self.root_folder = pathlib.Path(folder)
        self.server = Server({"storage": {"durability": "sync", "write_buffer_bytes": 1 << 20}, "logging": {"level": "warn"}},
                             data_dir=self.root_folder, binary=options.server)
        if options.folder_exists:
            (self.root_folder / "data" / "rocksdb").mkdir(parents=True)
        self.writers = []
        for number in range(options.writers):
            # Half of them in one SHARED table, half in the USER tables of three users.
            user = "root" if number % 2 == 0 else USERS[number // 2 % len(USERS)]
            self.writers.append(Writer(number, "pc.common" if user == "root" else "pc.mine", user, seed * 1000 + number))
        self.tables = TableWriter(seed * 1000 + 999)
        self.mover = Mover(("pc.common", "pc.mine"), seed * 1000 + 998)
        self.tokens = {}
        self.last_seq = 0
        self.killed_starts = 0

    # --- the server ---

    def set_disk(self, lie):
        self.server.extra_env = {
            "KALAM_POWERCUT_ROOT": str(self.root_folder),
            "KALAM_POWERCUT_LIE": lie,
            "KALAM_POWERCUT_WRITEBACK": str(self.random.choice((0, 0, 25))),
            "KALAM_POWERCUT_SEED": str(self.random.getrandbits(31)),
            "KALAM_POWERCUT_SYNC_MICROS": str(self.random.choice((0, 300, 2000))),
        }

    def start(self, lie=""):
        self.set_disk(lie)
        try:
            if self.random.random() < 0.25:  # a cut during recovery
                self.server.spawn()
                time.sleep(self.random.uniform(0.0, 0.3))
                self.server.kill()
                self.killed_starts += 1
            self.server.start()
        except ServerFailed as failed:
            raise Broken(f"the server does not start after the cut: {failed}") from None

    def stop(self):
        try:
            self.server.stop()
        except ServerFailed as failed:
            raise Broken(f"the server does not stop as it should: {failed}") from None

    def client(self, user):
        client = self.server.client(timeout=30)
        client.token = self.tokens[user]  # stays valid over restarts
        return client

    def set_up(self):
        self.start()
        root = self.server.root()
        self.tokens["root"] = root.token
        root.run("CREATE NAMESPACE pc")
        root.run("CREATE SHARED TABLE pc.common (id TEXT PRIMARY KEY, v TEXT NOT NULL)")
        root.run("CREATE TOPIC pc.feed")
        for operation in ("INSERT", "UPDATE", "DELETE"):
            root.run(f"ALTER TOPIC pc.feed ADD SOURCE pc.common ON {operation} WITH (payload = 'full')")
        root.run("CREATE USER TABLE pc.mine (id TEXT PRIMARY KEY, v TEXT NOT NULL)")
        for user in USERS:
            root.run(f"CREATE USER '{user}' WITH PASSWORD '{PASSWORD}' ROLE user")
            self.tokens[user] = self.server.client(user, PASSWORD).token

    # --- load ---

    def drive(self, writer, user, stop):
        try:
            client = self.client(user)
            while not stop.is_set():
                writer.step(client)
        except CUT as lost:
            if not stop.is_set():
                writer.fault = f"lost its connection before the cut: {lost!r}"
        except (Broken, AssertionError) as broken:
            writer.fault = str(broken)
        except Exception as other:  # a fault of this script must not pass for a cut
            writer.fault = repr(other)

    def load_and_cut(self):
        stop = threading.Event()
        everyone = [(writer, writer.user) for writer in self.writers] + [(self.tables, "root"), (self.mover, "root")]
        threads = [threading.Thread(target=self.drive, args=(writer, user, stop)) for writer, user in everyone]
        for thread in threads:
            thread.start()
        time.sleep(self.random.uniform(0.2, 2.5))
        crashed = not self.server.alive()
        stop.set()  # before the kill: a writer that now loses its connection is not at fault
        output = self.server.output()
        self.server.process.kill()
        for thread in threads:
            thread.join()
        self.server.kill()
        if crashed:
            raise Broken(f"the server ended by itself:\n{output[-3000:]}")
        for writer, _ in everyone:
            if writer.fault is not None:
                raise Broken(writer.fault)

    # --- comparison ---

    def read_rows(self, user, table):
        """{key: (value, seq)}"""
        rows = self.client(user).rows(f"SELECT id, v, _seq FROM {table}")
        found = {key: (value, int(seq)) for key, value, seq in rows}
        if len(found) != len(rows):
            raise Broken(f"{table} of {user}: {len(rows) - len(found)} keys appear twice")
        return found

    def check_topic(self, found):
        root = self.client("root")
        rows, offset = {}, 0
        while messages := root.rows(f"CONSUME FROM pc.feed FROM {offset} LIMIT 1000"):
            for _, _, at, key, payload, _, _, operation in messages:
                if int(at) != offset:
                    raise Broken(f"message {offset} is missing, the next one is {at}")
                offset += 1
                row = json.loads(bytes(payload))
                if operation == "delete":
                    if rows.pop(key, None) is None:
                        raise Broken(f"message {at} deletes row {key}, which no message made")
                else:
                    rows[key] = (row["v"], int(row["_seq"]))
        for key in sorted(rows.keys() | found.keys()):
            if rows.get(key) != found.get(key):
                raise Broken(f"row {key} is {found.get(key)}, its last message said {rows.get(key)}")

    def verify(self):
        """Returns how many rows were compared."""
        compared = 0
        newest = self.last_seq
        try:
            for user, table in [("root", "pc.common")] + [(user, "pc.mine") for user in USERS]:
                found = self.read_rows(user, table)
                compared += len(found)
                if table == "pc.common":
                    self.check_topic(found)
                newest = max([newest] + [seq for _, seq in found.values()])
                owners = [w for w in self.writers if w.user == user]
                for writer in owners:
                    mine = {key: value for key, (value, _) in found.items() if key.startswith(f"w{writer.number:02}-")}
                    self.check_sequences(writer, found)
                    writer.check(mine, f"{table} of {user}")
                strangers = [k for k in found if not any(k.startswith(f"w{w.number:02}-") for w in owners)]
                if strangers:
                    raise Broken(f"{table} of {user}: rows of somebody else: {strangers[:3]}")
                count = int(self.client(user).value(f"SELECT COUNT(*) FROM {table}"))
                if count != len(found):
                    raise Broken(f"{table} of {user}: COUNT(*) is {count}, rows are {len(found)}")
            self.tables.state.check(self.tables.look(self.client("root")), "table")
        except CUT as lost:
            raise Broken(f"the server ended while it was read: {lost!r}\n{self.server.output()[-3000:]}") from None
        except AssertionError as refused:
            raise Broken(f"a read failed: {refused}") from None
        self.last_seq = newest
        return compared

    def check_sequences(self, writer, found):
        for key, before in writer.seen.items():
            if key in found and found[key][0] != before[0] and found[key][1] <= self.last_seq:
                raise Broken(f"row {key} was changed after a cut with an older sequence {found[key][1]} <= {self.last_seq}")
        writer.seen = {k: v for k, v in found.items() if k.startswith(f"w{writer.number:02}-")}

    def statements(self):
        return sum(w.statements for w in self.writers) + self.tables.statements


def run(options):
    with tempfile.TemporaryDirectory(prefix="kalam-powercut-", dir=options.dir) as folder:
        trial = Trial(options, folder, options.seed)
        cycle = 0
        try:
            trial.set_up()
            for cycle in range(1, options.cycles + 1):
                trial.load_and_cut()
                trial.start()
                rows = trial.verify()
                print(f"cycle {cycle}: {trial.statements()} statements acknowledged so far, {rows} rows compared", flush=True)
            begin = time.monotonic()
            trial.stop()  # an orderly end is followed by a power cut too
            print(f"stopped in order, in {time.monotonic() - begin:.1f} s", flush=True)
            trial.start()
            trial.verify()
        except Broken as broken:
            print(f"BROKEN in cycle {cycle} (seed {options.seed}): {broken}", flush=True)
            print(trial.server.output()[-3000:])
            return 1
        finally:
            trial.server.kill()
        print(f"powercut: {options.cycles} cycles, {trial.statements()} acknowledged statements, {trial.killed_starts} cuts during "
              f"a start; nothing lost, nothing invented")
        return 0


def run_canary(options):
    """With each lie the comparison must find a loss, or the start must fail. So must it with durability = "os", which promises less."""
    missed = []
    for lie in ("logs", "files", "folders", "os"):
        with tempfile.TemporaryDirectory(prefix="kalam-powercut-", dir=options.dir) as folder:
            trial = Trial(options, folder, options.seed)
            noticed = None
            try:
                trial.set_up()  # on an honest disk
                trial.load_and_cut()
                trial.start()
                trial.verify()
                trial.load_and_cut()
            except Broken as broken:
                print(f"BROKEN without any lie (seed {options.seed}): {broken}", flush=True)
                return 1
            finally:
                trial.server.kill()
            try:
                if lie == "os":
                    trial.server.config["storage"]["durability"] = "os"
                for _ in range(options.cycles):
                    trial.start("" if lie == "os" else lie)
                    trial.verify()
                    trial.load_and_cut()
                trial.start()
                trial.verify()
            except Broken as broken:
                noticed = str(broken).splitlines()[0][:120]
            finally:
                trial.server.kill()
        what = 'durability "os"' if lie == "os" else f"a disk that lies about {lie}"
        print(f"{what}: {'noticed: ' + noticed if noticed else 'NOT NOTICED'}", flush=True)
        if noticed is None:
            missed.append(lie)
    return 1 if missed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", default=os.environ.get("KALAM_SERVER_POWERCUT"), help="binary kalamdb-server-powercut")
    parser.add_argument("--cycles", type=int, default=20)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--writers", type=int, default=10)
    parser.add_argument("--dir", default=None, help="parent of the temporary folder")
    parser.add_argument("--folder-exists", action="store_true",
                        help="make the database folder beforehand: its own name is then durable whatever the server does")
    parser.add_argument("--canary", action="store_true", help="let the disk lie; the test must notice")
    options = parser.parse_args()
    if not options.server:
        parser.error("--server is needed")
    options.server = str(pathlib.Path(options.server).resolve())
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 31)
    print(f"seed {options.seed}", flush=True)
    return run_canary(options) if options.canary else run(options)


if __name__ == "__main__":
    sys.exit(main())
