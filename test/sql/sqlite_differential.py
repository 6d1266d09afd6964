#!/usr/bin/env python3
"""The server against SQLite: generated SELECT and DML statements on the same data must give the same rows.

SQLite is another implementation of SQL by other people, so what both agree on is unlikely to be a shared mistake. Constructs for which
the two dialects define different results are not generated; each is named here, so that nobody has to find out again:

- `/` between integers, `%` of negative numbers, overflow (SQLite turns to floating point), casts of text that is no number, ROUND of halves;
- SUM and AVG of nothing but NULL are alike, but SUM of integers is text here (128 bits) and AVG is compared as a number;
- LIKE (SQLite ignores case), comparisons between types, text as a truth value, GLOB, ORDER BY without a tie breaker, NULL order (given explicitly);
- GROUP BY with columns that are neither grouped nor aggregated, DISTINCT with ORDER BY of something else, LIMIT without ORDER BY of a key.

    sqlite_differential.py [--count 5000] [--seed N] [--url http://127.0.0.1:8080 --password ROOT_PASSWORD]
"""
import collections
import random
import sqlite3
import sys
import time
from decimal import Decimal

from generated_run import kalam_server
import generated_run

# name -> (column, type here, type there); `id` is the key of every table.
TABLES = {
    "t": [("a", "BIGINT"), ("b", "BIGINT"), ("r", "DOUBLE"), ("s", "TEXT"), ("p", "BIGINT")],
    "u": [("t_id", "BIGINT"), ("x", "BIGINT"), ("label", "TEXT")],
    "w": [("a", "BIGINT"), ("s", "TEXT")],
}
TEXTS = ["", "a", "b", "ab", "abc", "zeta", "Zeta", "it's", "50%", "a_b", "ü", "日本", "x y", "0", "12"]
NUMBERS = [0, 1, 2, 3, 5, 7, 10, -1, -2, -5, 42, 100, 1000, -1000, 65535]
REALS = [0.0, 0.5, 1.5, -0.25, 2.0, 100.125, -3.5, 1e6]


class Generator:
    def __init__(self, rng):
        self.rng = rng
        self.next_id = collections.Counter()

    def pick(self, *choices):
        return self.rng.choice(choices)

    def chance(self, probability):
        return self.rng.random() < probability

    # --- values ---

    def number(self):
        return self.rng.choice(NUMBERS) if self.chance(0.7) else self.rng.randint(-2000, 2000)

    @staticmethod
    def literal(value):
        if value is None:
            return "NULL"
        return kalam_server.quote(value) if isinstance(value, str) else repr(value)

    def value(self, kind):
        if self.chance(0.15):
            return None
        return {"BIGINT": self.number, "DOUBLE": lambda: self.rng.choice(REALS), "TEXT": lambda: self.rng.choice(TEXTS)}[kind]()

    # --- expressions; `columns` is a list of (reference, type) ---

    def of(self, columns, kind):
        fitting = [name for name, own in columns if own == kind]
        return self.rng.choice(fitting) if fitting else None

    def integer(self, columns, depth=0):
        pick = self.rng.random()
        column = self.of(columns, "BIGINT")
        if depth > 2 or pick < 0.35:
            return column if column and self.chance(0.75) else f"({self.number()})"
        inner = lambda: self.integer(columns, depth + 1)
        if pick < 0.55:
            return f"({inner()} {self.pick('+', '-')} {inner()})"
        if pick < 0.60:
            return f"({column or 3} * {self.rng.randint(-3, 3)})"
        if pick < 0.68:
            return f"ABS({inner()})"
        if pick < 0.76:
            return f"COALESCE({inner()}, {self.number()})"
        if pick < 0.82:
            return f"NULLIF({inner()}, {self.number()})"
        if pick < 0.92:
            return f"CASE WHEN {self.condition(columns, depth + 1)} THEN {inner()} ELSE {inner()} END"
        return f"LENGTH({self.text(columns, depth + 1)})"

    def text(self, columns, depth=0):
        pick = self.rng.random()
        column = self.of(columns, "TEXT")
        if depth > 2 or pick < 0.45:
            return column if column and self.chance(0.8) else self.literal(self.rng.choice(TEXTS))
        inner = lambda: self.text(columns, depth + 1)
        if pick < 0.60:
            return f"({inner()} || {inner()})"
        if pick < 0.70:
            return f"COALESCE({inner()}, 'none')"
        if pick < 0.80:
            return f"REPLACE({inner()}, 'a', {self.pick(chr(39) + 'o' + chr(39), chr(39) * 2)})"
        if pick < 0.90:
            return f"SUBSTR({inner()}, {self.rng.randint(1, 3)}, {self.rng.randint(0, 3)})"
        return f"CASE WHEN {self.condition(columns, depth + 1)} THEN {inner()} END"

    def real(self, columns):
        column = self.of(columns, "DOUBLE")
        if column is None or self.chance(0.2):
            return self.literal(self.rng.choice(REALS))
        return self.pick(column, f"({column} + 1.5)", f"ABS({column})", f"COALESCE({column}, 0.5)")

    def comparison(self, columns, depth):
        kind = self.pick("BIGINT", "BIGINT", "TEXT", "DOUBLE")
        make = {"BIGINT": lambda: self.integer(columns, depth + 1), "TEXT": lambda: self.text(columns, depth + 1), "DOUBLE": lambda: self.real(columns)}[kind]
        pick = self.rng.random()
        if pick < 0.6:
            return f"{make()} {self.pick('=', '<>', '<', '<=', '>', '>=')} {make()}"
        if pick < 0.72:
            return f"{make()} {self.pick('', 'NOT ')}BETWEEN {make()} AND {make()}"
        if pick < 0.86:
            values = ", ".join(self.literal(self.value(kind)) for _ in range(self.rng.randint(1, 4)))
            return f"{make()} {self.pick('', 'NOT ')}IN ({values})"
        return f"{make()} IS {self.pick('', 'NOT ')}NULL"

    def condition(self, columns, depth=0):
        pick = self.rng.random()
        if depth > 2 or pick < 0.6:
            return f"({self.comparison(columns, depth)})"
        if pick < 0.75:
            return f"({self.condition(columns, depth + 1)} AND {self.condition(columns, depth + 1)})"
        if pick < 0.9:
            return f"({self.condition(columns, depth + 1)} OR {self.condition(columns, depth + 1)})"
        return f"(NOT {self.condition(columns, depth + 1)})"

    # --- queries ---

    def columns_of(self, table, alias):
        return [(f"{alias}.id", "BIGINT")] + [(f"{alias}.{name}", kind) for name, kind in TABLES[table]]

    def source(self):
        """FROM clause and what can be named in it."""
        pick = self.rng.random()
        first = self.rng.choice(list(TABLES))
        if pick < 0.55:
            return f"{{{first}}} AS k", self.columns_of(first, "k"), ["k.id"]
        second = self.rng.choice(list(TABLES))
        columns = self.columns_of(first, "k") + self.columns_of(second, "m")
        on = self.pick("k.id = m.id", "k.id = m.id", f"k.{TABLES[first][0][0]} = m.{TABLES[second][0][0]}")
        join = self.pick("JOIN", "LEFT JOIN", "INNER JOIN")
        return f"{{{first}}} AS k {join} {{{second}}} AS m ON {on}", columns, ["k.id", "m.id"]

    def filters(self, columns):
        if self.chance(0.25):
            return ""
        if self.chance(0.12):
            other = self.rng.choice(list(TABLES))
            inner = f"SELECT i.id FROM {{{other}}} AS i WHERE {self.condition(self.columns_of(other, 'i'))}"
            return f" WHERE {columns[0][0]} {self.pick('IN', 'NOT IN')} ({inner})"
        if self.chance(0.12):
            other = self.rng.choice(list(TABLES))
            return f" WHERE {self.pick('', 'NOT ')}EXISTS (SELECT 1 FROM {{{other}}} AS i WHERE i.id = {columns[0][0]} AND {self.condition(self.columns_of(other, 'i'))})"
        return f" WHERE {self.condition(columns)}"

    def item(self, columns):
        return self.pick(lambda: self.integer(columns), lambda: self.text(columns), lambda: self.real(columns), lambda: f"CASE WHEN {self.condition(columns)} THEN 1 ELSE 0 END")()

    def plain_select(self):
        source, columns, keys = self.source()
        items = [self.item(columns) for _ in range(self.rng.randint(1, 4))]
        sql = f"SELECT {', '.join(keys + items)} FROM {source}{self.filters(columns)}"
        if self.chance(0.4):
            # The keys make the order total; NULLs of an outer join have their place written out.
            order = ", ".join(f"{key} {self.pick('ASC', 'DESC')} NULLS {self.pick('FIRST', 'LAST')}" for key in keys)
            sql += f" ORDER BY {order}"
            if self.chance(0.6):
                sql += f" LIMIT {self.rng.randint(0, 20)}"
                if self.chance(0.5):
                    sql += f" OFFSET {self.rng.randint(0, 10)}"
            return sql, True
        return sql, False

    def aggregate(self, columns):
        number, text = self.of(columns, "BIGINT"), self.of(columns, "TEXT")
        return self.pick("COUNT(*)", f"COUNT({number})", f"COUNT(DISTINCT {number})", f"SUM({number})", f"MIN({number})", f"MAX({number})", f"AVG({number})",
                         f"MIN({text})", f"MAX({text})", f"SUM(CASE WHEN {self.comparison(columns, 2)} THEN 1 ELSE 0 END)")

    def group_select(self):
        source, columns, _ = self.source()
        groups = [self.pick(self.of(columns, "BIGINT"), self.of(columns, "TEXT")) for _ in range(self.rng.randint(0, 2))]
        items = groups + [self.aggregate(columns) for _ in range(self.rng.randint(1, 3))]
        sql = f"SELECT {', '.join(items)} FROM {source}{self.filters(columns)}"
        if groups:
            sql += f" GROUP BY {', '.join(groups)}"
            if self.chance(0.3):
                sql += f" HAVING COUNT(*) {self.pick('>', '=', '<')} {self.rng.randint(1, 3)}"
        return sql, False

    def set_select(self):
        def part():
            table = self.rng.choice(list(TABLES))
            columns = self.columns_of(table, "k")
            return f"SELECT {self.integer(columns)}, {self.text(columns)} FROM {{{table}}} AS k{self.filters(columns)}"

        return f"{part()} {self.pick('UNION', 'UNION ALL', 'INTERSECT', 'EXCEPT')} {part()}", False

    def window_select(self):
        table = self.rng.choice(list(TABLES))
        columns = self.columns_of(table, "k")
        part = self.pick("", f"PARTITION BY {self.of(columns, 'BIGINT')} ")
        call = self.pick("ROW_NUMBER()", "COUNT(*)", f"SUM({self.of(columns, 'BIGINT')})", f"MAX({self.of(columns, 'BIGINT')})")
        return f"SELECT k.id, {call} OVER ({part}ORDER BY k.id) FROM {{{table}}} AS k{self.filters(columns)}", False

    def cte_select(self):
        table = self.rng.choice(list(TABLES))
        columns = self.columns_of(table, "k")
        inner = f"SELECT k.id AS id, {self.integer(columns)} AS n FROM {{{table}}} AS k{self.filters(columns)}"
        outer = [("c.id", "BIGINT"), ("c.n", "BIGINT")]
        return f"WITH c AS ({inner}) SELECT {self.pick('c.id, c.n', 'COUNT(*), SUM(c.n)', 'DISTINCT c.n')} FROM c WHERE {self.condition(outer)}", False

    def select(self):
        pick = self.rng.random()
        if pick < 0.5:
            return self.plain_select()
        if pick < 0.72:
            return self.group_select()
        if pick < 0.82:
            return self.set_select()
        if pick < 0.91:
            return self.window_select()
        return self.cte_select()

    # --- changes ---

    def row(self, table):
        if self.chance(0.9):
            self.next_id[table] += 1
            key = self.next_id[table]
        else:
            key = self.rng.randint(1, max(1, self.next_id[table]))  # perhaps a duplicate: both refuse it
        return [key] + [self.value(kind) for _, kind in TABLES[table]]

    def insert(self, table=None, rows=None):
        table = table or self.rng.choice(list(TABLES))
        names = ["id"] + [name for name, _ in TABLES[table]]
        values = ", ".join("(" + ", ".join(map(self.literal, self.row(table))) + ")" for _ in range(rows or self.rng.randint(1, 4)))
        return f"INSERT INTO {{{table}}} ({', '.join(names)}) VALUES {values}"

    def insert_select(self):
        source, target = "t", "w"
        columns = self.columns_of(source, "k")
        base = self.next_id[target]
        self.next_id[target] += 10_000
        return (f"INSERT INTO {{{target}}} (id, a, s) SELECT k.id + {base}, {self.integer(columns)}, {self.text(columns)} FROM {{{source}}} AS k "
                f"WHERE k.id < 40 AND {self.condition(columns)}")

    def bare(self, table):
        return [("id", "BIGINT")] + list(TABLES[table])

    def where_key(self, table):
        if self.chance(0.5):
            return f"id = {self.rng.randint(1, max(1, self.next_id[table]))}"
        return self.condition(self.bare(table))

    def update(self):
        table = self.rng.choice(list(TABLES))
        columns = self.bare(table)
        chosen = self.rng.sample(TABLES[table], self.rng.randint(1, 2))
        make = {"BIGINT": lambda: self.integer(columns), "TEXT": lambda: self.text(columns), "DOUBLE": lambda: self.real(columns)}
        sets = ", ".join(f"{name} = {make[kind]()}" for name, kind in chosen)
        return f"UPDATE {{{table}}} SET {sets} WHERE {self.where_key(table)}"

    def delete(self):
        table = self.rng.choice(list(TABLES))
        # Narrow ones, or the tables run empty.
        return f"DELETE FROM {{{table}}} WHERE id BETWEEN {self.rng.randint(1, max(1, self.next_id[table]))} AND {self.rng.randint(1, max(1, self.next_id[table]))} AND {self.where_key(table)}"

    def change(self):
        pick = self.rng.random()
        if pick < 0.5:
            return self.insert()
        if pick < 0.53:
            return self.insert_select()
        return self.update() if pick < 0.8 else self.delete()


def settle(cell):
    """A cell as both sides write it: whole numbers and decimals arrive as text here, as numbers there."""
    if isinstance(cell, str):
        try:
            return ("number", float(Decimal(cell))) if cell and (cell.lstrip("-").replace(".", "", 1).isascii() and cell.lstrip("-").replace(".", "", 1).isdigit()) else ("text", cell)
        except ArithmeticError:
            return ("text", cell)
    if cell is None:
        return ("null", 0)
    return ("number", round(float(cell), 9))


def settle_rows(rows, ordered):
    settled = [tuple((kind, round(value, 9) if kind == "number" else value) for kind, value in map(settle, row)) for row in rows]
    return settled if ordered else sorted(settled, key=repr)


class Test:
    def __init__(self, client, seed):
        self.client, self.rng = client, random.Random(seed)
        self.generator = Generator(self.rng)
        self.lite = sqlite3.connect(":memory:")
        self.counts = collections.Counter()

    def here(self, sql):
        return sql.format(**{name: f"lite.{name}" for name in TABLES})

    @staticmethod
    def there(sql):
        return sql.format(**{name: name for name in TABLES})

    def create(self):
        self.client.run("DROP NAMESPACE IF EXISTS lite CASCADE; CREATE NAMESPACE lite")
        self.generator.next_id.clear()
        for name, columns in TABLES.items():
            typed = ", ".join(f"{column} {kind}" for column, kind in columns)
            self.client.run(f"CREATE SHARED TABLE lite.{name} (id BIGINT PRIMARY KEY, {typed})")
            there = typed.replace("DOUBLE", "REAL").replace("BIGINT", "INTEGER")
            self.lite.execute(f"DROP TABLE IF EXISTS {name}")
            self.lite.execute(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, {there})")
            for _ in range(5):
                self.compare_change(self.generator.insert(name, 8))

    def complain(self, sql, here, there):
        raise AssertionError(f"they differ\n  {self.here(sql)}\n  here:   {here!r}\n  SQLite: {there!r}")

    def compare_change(self, sql):
        reply = self.client.sql(self.here(sql))
        try:
            done = self.lite.execute(self.there(sql)).rowcount
        except sqlite3.IntegrityError as error:
            self.lite.rollback()
            self.counts["refused"] += 1
            if reply.ok or "already exists" not in reply.message and "multiple times" not in reply.message:
                self.complain(sql, reply, error)
            return
        self.lite.commit()
        reply.expect_ok()
        self.counts[sql.split()[0]] += 1
        # An update to the same values does not count here.
        if not sql.startswith("UPDATE") and reply.affected != done:
            self.complain(sql, reply.affected, done)

    def compare_select(self, sql, ordered):
        reply = self.client.run(self.here(sql))
        here = settle_rows(reply.rows, ordered)
        there = settle_rows(self.lite.execute(self.there(sql)).fetchall(), ordered)
        self.counts["SELECT"] += 1
        if here != there:
            self.complain(sql, here[:20], there[:20])

    def compare_tables(self):
        for name in TABLES:
            self.compare_select(f"SELECT {', '.join(['id'] + [c for c, _ in TABLES[name]])} FROM {{{name}}} ORDER BY id", True)

    def run(self, count):
        # Joins of values that repeat grow with the square of the rows, so tables are made anew before they are large.
        fresh_every = 250
        for done in range(count):
            if done % fresh_every == 0:
                if done:
                    self.compare_tables()
                self.create()
            if self.rng.random() < 0.3:
                self.compare_change(self.generator.change())
            else:
                self.compare_select(*self.generator.select())
        self.compare_tables()


def test(client, options, seed):
    started = time.monotonic()
    comparison = Test(client, seed)
    try:
        comparison.run(options.count)
    except AssertionError as error:
        print(f"FAILED: {error}")
        return 1
    counts = ", ".join(f"{name} {n}" for name, n in sorted(comparison.counts.items()))
    print(f"{sum(comparison.counts.values())} statements in {time.monotonic() - started:.1f} s: {counts}")
    return 0


if __name__ == "__main__":
    sys.exit(generated_run.main(__doc__, 5000, test))
