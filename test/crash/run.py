#!/usr/bin/env python3
"""kill -9 again and again under concurrent writers, then compare what is left with what was acknowledged.

Each writer is a user of its own with a log (a model) of its acknowledged statements. The statement that was in flight at the kill may
have happened or not, but never by half; a transaction counts as one statement. After each restart the database must equal the model, with or without that statement:
no acknowledged write lost, nothing that nobody wrote, no failed start.

    run.py [--cycles 20] [--seed N] [--mode sync|os|both] [--writers 8] [--canary]

--canary spoils one expectation on purpose; the run succeeds only if that is noticed.
"""
import copy
import http.client
import random
import sys
import threading
import time

from kill_cycles import WAIT_SECONDS_MAX, Wrong, kalam_server
import kill_cycles

KEYS = 120
ACKNOWLEDGED_BEFORE_KILL = 40  # statements of all writers together, at least, in each cycle


class Step:
    """One statement: its SQL, what it does to the model, how many rows it affects (None: it must be refused)."""

    def __init__(self, sql, apply=None, affected=None, refused=False):
        self.sql, self.apply, self.affected, self.refused = sql, apply, affected, refused


class Model:
    """What one writer's tables must hold."""

    def __init__(self):
        self.mine = {}            # USER table crash.mine: id -> [v, n]
        self.columns = ["v"]      # SHARED table crash.own_<writer>
        self.own = {}             # id -> {column: value}
        self.extra = None         # name of a table that comes and goes
        self.space = None         # name of a namespace that comes and goes, with its tables
        self.space_tables = []
        self.next_column = 0
        self.next_table = 0
        self.next_space = 0


class Writer(threading.Thread):
    def __init__(self, run, number):
        super().__init__(daemon=True)
        self.run_, self.number, self.name = run, number, f"w{number}"
        self.rng = random.Random(f"{run.seed}:{run.mode}:{run.cycle}:{number}")
        self.model = run.models[number]
        self.in_flight, self.problem = [], None
        self.acknowledged = self.counted = self.maybe_counted = 0

    def run(self):
        client = self.run_.client(self.name)
        try:
            while not self.run_.killed.is_set():
                self.statement(client)
        except (OSError, http.client.HTTPException):
            if not self.run_.killed.is_set() and not self.run_.dying.is_set():
                self.problem = "the connection broke before the kill"
        except Wrong as problem:
            self.problem = str(problem)
        except AssertionError as problem:
            self.problem = f"strange answer: {problem}"

    # --- statements ---

    def statement(self, client):
        if self.rng.random() < 0.1:
            self.maybe_counted = 1
            reply = client.sql("UPDATE crash.counter SET n = n + 1 WHERE id = 1")
            self.check(reply, Step(reply.sql, affected=1))
            self.maybe_counted, self.counted = 0, self.counted + 1
            return
        pick = self.rng.random()
        steps = self.batch() if pick < 0.12 else [self.transaction()] if pick < 0.30 else [self.step(self.model)]
        self.in_flight = steps
        reply = client.sql("; ".join(step.sql for step in steps))
        if len(steps) == 1:
            self.check(reply, steps[0])
        elif not reply.ok:
            raise Wrong(f"refused: {reply}\n  {reply.sql[:500]}")
        for step in steps:
            if not step.refused:
                step.apply(self.model)
        self.in_flight = []
        self.acknowledged += 1

    def check(self, reply, step):
        if step.refused:
            if reply.ok or reply.status >= 500:
                raise Wrong(f"a duplicate key was not refused: {reply}\n  {step.sql[:500]}")
        elif not reply.ok:
            raise Wrong(f"refused: {reply}\n  {step.sql[:500]}")
        elif step.affected is not None and reply.affected != step.affected:
            raise Wrong(f"affected {reply.affected} rows, by the log {step.affected}: {step.sql[:500]}")

    def batch(self):
        """Some statements in one payload, each a commit of its own."""
        shadow, steps = copy.deepcopy(self.model), []
        for _ in range(self.rng.randint(2, 4)):
            step = self.step(shadow)
            if not step.refused:
                step.apply(shadow)
                steps.append(step)
        return steps or [self.step(self.model)]

    def transaction(self):
        """Some statements on private and shared rows between BEGIN and COMMIT: all of them or none."""
        shadow, steps = copy.deepcopy(self.model), []
        for _ in range(self.rng.randint(2, 6)):
            step = self.step(shadow, definitions=False)
            if not step.refused:
                step.apply(shadow)
                steps.append(step)
        sql = "; ".join(step.sql for step in steps)
        if self.rng.random() < 0.2:
            return Step(f"BEGIN; {sql}; ROLLBACK" if sql else "BEGIN; ROLLBACK", lambda m: None)
        return Step(f"BEGIN; {sql}; COMMIT" if sql else "BEGIN; COMMIT", lambda m: [step.apply(m) for step in steps])

    def step(self, model, definitions=True):
        pick = self.rng.random() * (1 if definitions else 0.9)
        if pick < 0.30:
            return self.insert(model, self.rng.choice([1, 1, 1, self.rng.randint(2, 20)]))
        if pick < 0.48:
            key, value = self.rng.randrange(KEYS), self.value()
            hit = key in model.mine
            return Step(f"UPDATE crash.mine SET v = '{value}' WHERE id = {key}", lambda m: m.mine.update({key: [value, m.mine[key][1]]} if hit else {}), int(hit))
        if pick < 0.58:
            low = self.rng.randrange(KEYS)
            hit = [k for k in model.mine if low <= k < low + 15]
            return Step(f"UPDATE crash.mine SET n = n + 1 WHERE id >= {low} AND id < {low + 15}", lambda m: [m.mine.update({k: [m.mine[k][0], m.mine[k][1] + 1]}) for k in hit], len(hit))
        if pick < 0.70:
            key = self.rng.randrange(KEYS)
            return Step(f"DELETE FROM crash.mine WHERE id = {key}", lambda m: m.mine.pop(key, None), int(key in model.mine))
        if pick < 0.78:
            low = self.rng.randrange(KEYS)
            hit = [k for k in model.mine if low <= k < low + 10]
            return Step(f"DELETE FROM crash.mine WHERE id BETWEEN {low} AND {low + 9}", lambda m: [m.mine.pop(k) for k in hit], len(hit))
        if pick < 0.90:
            return self.own_row(model)
        return self.definition(model)

    def value(self):
        return f"{self.name} {self.run_.cycle} {self.rng.randrange(1 << 40):x} " + "x" * self.rng.choice([0, 0, 5, 300])

    def insert(self, model, count):
        keys, value = self.rng.sample(range(KEYS), count), self.value()
        refused = any(k in model.mine for k in keys)
        rows = ", ".join(f"({k}, '{value}', {k})" for k in keys)
        return Step(f"INSERT INTO crash.mine VALUES {rows}", lambda m: m.mine.update({k: [value, k] for k in keys}), count, refused)

    def own_row(self, model):
        key = self.rng.randrange(KEYS)
        if key in model.own:
            column, value = self.rng.choice(model.columns), self.rng.randrange(1 << 30)
            changed = int(model.own[key][column] != value)
            return Step(f"UPDATE crash.own_{self.number} SET {column} = {value} WHERE id = {key}", lambda m: m.own[key].update({column: value}), changed)
        values = {column: self.rng.randrange(1 << 30) for column in model.columns}
        return Step(f"INSERT INTO crash.own_{self.number} (id, {', '.join(values)}) VALUES ({key}, {', '.join(map(str, values.values()))})",
                    lambda m: m.own.update({key: dict(values)}), 1)

    def definition(self, model):
        table, pick = f"crash.own_{self.number}", self.rng.random()
        if self.rng.random() < 0.4:
            return self.namespace(model)
        if pick < 0.45 and len(model.columns) < 8:
            name, default = f"c{model.next_column}", self.rng.randrange(1000)

            def add(m):
                m.next_column += 1
                m.columns.append(name)
                for row in m.own.values():
                    row[name] = default
            return Step(f"ALTER TABLE {table} ADD COLUMN {name} INT DEFAULT {default}", add, 1)
        if pick < 0.7 and len(model.columns) > 1:
            name = self.rng.choice(model.columns[1:])

            def drop(m):
                m.columns.remove(name)
                for row in m.own.values():
                    row.pop(name)
            return Step(f"ALTER TABLE {table} DROP COLUMN {name}", drop, 1)
        if model.extra is None:
            name = f"crash.x_{self.number}_{model.next_table}"

            def create(m):
                m.extra = name
                m.next_table += 1
            return Step(f"CREATE SHARED TABLE {name} (id INT PRIMARY KEY, v TEXT)", create, 1)

        def remove(m):
            m.extra = None
        return Step(f"DROP TABLE {model.extra}", remove, 1)

    def namespace(self, model):
        if model.space is None:
            name = f"space_{self.number}_{model.next_space}"

            def create(m):
                m.space, m.space_tables = name, []
                m.next_space += 1
            return Step(f"CREATE NAMESPACE {name}", create, 1)
        if len(model.space_tables) == 1 and self.rng.random() < 0.4:
            view, of = f"v{model.next_table}", model.space_tables[0]

            def show(m):
                m.space_tables.append(view)
                m.next_table += 1
            return Step(f"CREATE VIEW {model.space}.{view} AS SELECT id FROM {model.space}.{of}", show, 1)
        if len(model.space_tables) < 3 and self.rng.random() < 0.7:
            table = f"t{model.next_table}"

            def add(m):
                m.space_tables.append(table)
                m.next_table += 1
            return Step(f"CREATE USER TABLE {model.space}.{table} (id INT PRIMARY KEY)", add, 1)

        def remove(m):
            m.space, m.space_tables = None, []
        return Step(f"DROP NAMESPACE {model.space} CASCADE", remove, 1)

    # --- afterwards ---

    def candidates(self):
        """The states that are right: after the acknowledged statements, and after each statement of the payload in flight."""
        state = copy.deepcopy(self.model)
        yield state
        for step in self.in_flight:
            if step.refused:
                break
            state = copy.deepcopy(state)
            step.apply(state)
            yield state


class Run:
    """All cycles in one durability mode, on one data folder."""

    def __init__(self, seed, mode, options):
        self.seed, self.mode, self.cycle, self.canary = seed, mode, 0, options.canary
        self.rng = random.Random(f"{seed}:{mode}")
        self.models = [Model() for _ in range(options.writers)]
        self.counter, self.top_seq, self.acknowledged = 0, 0, 0
        self.server = kalam_server.Server({"storage": {"durability": mode}, "execution": {"handler_timeout_seconds": 60}})

    def client(self, name):
        # Administrators, so that they may define tables.
        return kalam_server.Client(self.server.url, token=kalam_server.make_token(kalam_server.claims_for(name, "dba")), timeout=WAIT_SECONDS_MAX)

    def prepare(self):
        self.server.start()
        root = self.server.root()
        root.run("CREATE NAMESPACE crash; CREATE USER TABLE crash.mine (id INT PRIMARY KEY, v TEXT, n INT); "
                 "CREATE SHARED TABLE crash.counter (id INT PRIMARY KEY, n BIGINT); INSERT INTO crash.counter VALUES (1, 0)")
        for number in range(len(self.models)):
            root.run(f"CREATE USER w{number} WITH PASSWORD 'Crash-pass-1' ROLE dba; CREATE SHARED TABLE crash.own_{number} (id INT PRIMARY KEY, v INT)")

    def one_cycle(self):
        self.cycle += 1
        self.killed, self.dying = threading.Event(), threading.Event()
        writers = [Writer(self, number) for number in range(len(self.models))]
        for writer in writers:
            writer.start()
        give_up = time.monotonic() + WAIT_SECONDS_MAX
        while sum(w.acknowledged for w in writers) < ACKNOWLEDGED_BEFORE_KILL:
            if time.monotonic() > give_up or not all(w.is_alive() for w in writers):
                break
            time.sleep(0.002)
        time.sleep(self.rng.random() * 0.7)  # the moment of the kill is the random input of this test
        self.dying.set()
        self.server.process.kill()
        self.server.process.wait()
        self.killed.set()
        for writer in writers:
            writer.join(WAIT_SECONDS_MAX)
            if writer.is_alive():
                raise Wrong(f"{writer.name} hangs after the kill")
        self.server.process = None
        for writer in writers:
            if writer.problem:
                raise Wrong(f"{writer.name}: {writer.problem}")
        if sum(w.acknowledged for w in writers) < ACKNOWLEDGED_BEFORE_KILL:
            raise Wrong("the writers made no progress")
        self.acknowledged += sum(w.acknowledged + w.counted for w in writers)
        self.restart()
        if self.canary and self.cycle == 2:
            self.spoil()
        self.compare(writers)

    def restart(self):
        while self.rng.random() < 0.25:  # a kill while starting
            self.server.spawn()
            time.sleep(self.rng.random() * 0.3)
            code = self.server.process.poll()
            if code is not None:
                raise Wrong(f"failed start, code {code}:\n{self.server.output()[-3000:]}")
            self.server.kill()
        try:
            self.server.start()
        except kalam_server.ServerFailed as problem:
            raise Wrong(f"failed start: {problem}") from None

    def spoil(self):
        model = max(self.models, key=lambda m: len(m.mine))
        key = sorted(model.mine)[0]
        model.mine[key] = ["what nobody wrote", 0]

    def compare(self, writers):
        root = self.client("w0")
        low, high = self.counter + sum(w.counted for w in writers), self.counter + sum(w.counted + w.maybe_counted for w in writers)
        value = int(root.value("SELECT n FROM crash.counter WHERE id = 1"))
        if not low <= value <= high:
            raise Wrong(f"the counter is {value}; acknowledged {low}, at most {high}")
        self.counter = value
        names = {row["table_name"] for row in root.run("SHOW TABLES IN crash").dicts}
        self.check_definitions(root)
        seqs = []
        for writer in writers:
            observed = self.observe(writer, names, seqs)
            for candidate in writer.candidates():
                if observed == self.shape(candidate):
                    self.models[writer.number] = candidate
                    break
            else:
                raise Wrong(f"{writer.name}: {self.difference(observed, writer)}")
        known = {"mine", "counter"} | {f"own_{n}" for n in range(len(writers))} | {m.extra.split(".")[1] for m in self.models if m.extra}
        if names != known:
            raise Wrong(f"tables that should not be there or are missing: {sorted(names ^ known)}")
        if len(seqs) != len(set(seqs)):
            raise Wrong("two rows have one _seq")
        fresh = self.fresh_seq(root)
        if fresh <= max(seqs, default=0) or fresh <= self.top_seq:
            raise Wrong(f"_seq went back: {fresh} after {max(self.top_seq, *seqs)}")
        self.top_seq = fresh

    def check_definitions(self, root):
        """Every table has its namespace, and every definition the audit entry of its own batch."""
        lost = root.rows("SELECT t.namespace_id, t.table_name FROM system.tables t WHERE t.namespace_id NOT IN (SELECT namespace_id FROM system.namespaces)")
        if lost:
            raise Wrong(f"tables without their namespace: {lost}")
        unknown = root.rows("SELECT t.namespace_id, t.table_name FROM system.tables t WHERE (t.namespace_id = 'crash' OR t.namespace_id LIKE 'space%') AND "
                            "t.namespace_id || '.' || t.table_name NOT IN (SELECT target FROM system.audit_log WHERE action IN ('CREATE_TABLE', 'CREATE_VIEW'))")
        if unknown:
            raise Wrong(f"tables without the audit entry of their creation: {unknown}")

    def fresh_seq(self, client):
        client.run("UPDATE crash.counter SET n = n + 1 WHERE id = 1")
        self.counter += 1
        return int(client.value("SELECT _seq FROM crash.counter WHERE id = 1"))

    def observe(self, writer, names, seqs):
        client = self.client(writer.name)
        mine = client.rows("SELECT id, v, n, _seq FROM crash.mine")
        if client.rows("SELECT COUNT(*), COUNT(DISTINCT id) FROM crash.mine") != [[str(len(mine))] * 2]:
            raise Wrong(f"{writer.name}: two ways of counting crash.mine disagree")
        own = client.run(f"SELECT * FROM crash.own_{writer.number}")
        columns = own.columns[1:-2]
        seqs += [int(row[3]) for row in mine] + [int(row[-2]) for row in own.rows]
        extra = [f"crash.{name}" for name in names if name.startswith(f"x_{writer.number}_")]
        for name in extra:
            if client.rows(f"SELECT * FROM {name}"):
                raise Wrong(f"{writer.name}: rows in the empty table {name}")
        spaces = [row[0] for row in client.rows(f"SELECT namespace_id FROM system.namespaces WHERE namespace_id LIKE 'space_{writer.number}_%'")]
        inside = sorted(row[0] for row in client.rows(f"SELECT table_name FROM system.tables WHERE namespace_id LIKE 'space_{writer.number}_%'"))
        return {"spaces": spaces, "inside": inside, "mine": {row[0]: row[1:3] for row in mine}, "columns": columns, "own": {row[0]: dict(zip(columns, row[1:-2])) for row in own.rows}, "extra": extra}

    @staticmethod
    def shape(model):
        return {"spaces": [model.space] if model.space else [], "inside": sorted(model.space_tables), "mine": model.mine, "columns": model.columns, "own": model.own, "extra": [model.extra] if model.extra else []}

    def difference(self, observed, writer):
        expected = self.shape(writer.model)
        parts = []
        for part in expected:
            if observed[part] == expected[part]:
                continue
            if isinstance(expected[part], dict):
                keys = set(observed[part]) | set(expected[part])
                parts += [f"{part}[{k}]: found {observed[part].get(k, 'nothing')!s:.80}, acknowledged {expected[part].get(k, 'nothing')!s:.80}"
                          for k in sorted(keys) if observed[part].get(k) != expected[part].get(k)][:8]
            else:
                parts.append(f"{part}: found {observed[part]}, acknowledged {expected[part]}")
        flight = "; ".join(step.sql for step in writer.in_flight)
        return "\n  ".join([f"the rows differ from the log, in flight was: {flight[:300] or 'nothing'}"] + parts)

    def summary(self):
        return f"{self.acknowledged} acknowledged statements by {len(self.models)} writers: nothing lost, nothing added, every start worked"


if __name__ == "__main__":
    sys.exit(kill_cycles.main(__doc__, Run, 20, lambda parser: parser.add_argument("--writers", type=int, default=8)))
