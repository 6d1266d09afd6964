#!/usr/bin/env python3
"""Direct plans against the engine: thousands of generated statements, each run both ways; the full answers must be equal.

A SELECT runs twice on the same table. An INSERT, UPDATE, DELETE or transaction runs on twin tables, one per way, whose contents
(deleted rows included) are compared afterwards. The engine is forced by the request header `X-Kalam-Plan: engine`, which administrators may send.

    differential.py [--count 4000] [--seed N] [--url http://127.0.0.1:8080 --password ROOT_PASSWORD]
"""
import collections
import json
import random
import sys
import time

from generated_run import kalam_server
import generated_run

ENGINE = {"X-Kalam-Plan": "engine"}
KEY_TYPES = ["INT", "BIGINT", "SMALLINT", "TEXT", "BOOLEAN", "DATE", "TIMESTAMP", "UUID", "DECIMAL(10,2)", "DOUBLE"]
COLUMNS = [("b", "BOOLEAN"), ("s", "SMALLINT"), ("i", "INT"), ("l", "BIGINT"), ("f", "FLOAT"), ("d", "DOUBLE"), ("m", "DECIMAL(12,3)"), ("t", "TEXT"), ("da", "DATE"),
           ("ts", "TIMESTAMP"), ("dt", "DATETIME"), ("ti", "TIME"), ("u", "UUID"), ("y", "BYTES"), ("j", "JSON")]
UUIDS = ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "550E8400-e29b-41d4-a716-446655440000", "7fffffff-ffff-ffff-ffff-ffffffffffff",
         "80000000-0000-0000-0000-000000000000"]
# SQL literals that fit the type. Text in quotes, the rest as numbers and words.
GOOD = {
    "BOOLEAN": ["true", "false", "'true'", "'f'", "'1'", "1", "0"],
    "SMALLINT": ["0", "1", "-1", "5", "'5'", "32767", "-32768", "7.0", "'-3'", "12"],
    "INT": ["0", "1", "-1", "5", "'5'", "2147483647", "-2147483648", "3.0", "'42'", "42", "7"],
    "BIGINT": ["0", "1", "-1", "5", "'5'", "9223372036854775807", "-9223372036854775808", "9007199254740993", "3.0", "'-9223372036854775808'", "42"],
    "FLOAT": ["0", "0.5", "-0.5", "1e30", "'2.5'", "3", "16777217", "-0.0", "0.1"],
    "DOUBLE": ["0", "0.5", "-0.5", "1e300", "'2.5'", "3", "0.1", "-0.0", "5e-324", "9007199254740993"],
    "DECIMAL(10,2)": ["0", "1.25", "-1.25", "0.01", "'3.5'", "99999999.99", "7", "1.0", "-0.01"],
    "DECIMAL(12,3)": ["0", "1.25", "-1.255", "0.001", "'3.5'", "999999999.999", "7", "1.0", "-0.001", "1.0005"],
    "TEXT": ["''", "'a'", "'A'", "'abc'", "'it''s'", "'ü'", "'5'", "'z'", "' a'", "'%'", "5", "1.50", "'aa'"],
    "DATE": ["'1970-01-01'", "'2024-02-29'", "'1969-12-31'", "DATE '2000-01-01'", "'2024-01-02'", "'0001-01-01'", "'9999-12-31'"],
    "TIMESTAMP": ["'1970-01-01 00:00:00'", "'2024-01-02 03:04:05.678901'", "'1969-12-31 23:59:59.999999'", "TIMESTAMP '2000-01-01 00:00:00'", "'2024-01-02'", "'2024-01-02T03:04:05'"],
    "DATETIME": ["'1970-01-01 00:00:00'", "'2024-01-02T03:04:05Z'", "'2024-01-02 03:04:05.678901'", "'2024-01-02'", "'2024-01-02T05:04:05+02:00'"],
    "TIME": ["'00:00:00'", "'12:34:56.789'", "'23:59:59.999999'", "TIME '01:02:03'"],
    "UUID": [f"'{u}'" for u in UUIDS],
    "BYTES": ["''", "'abc'", r"'\x00\xFF'", "'z'"],
    "JSON": ["""'{"a": 1}'""", "'null'", "'[1, 2]'", """'"x"'""", "'5'"],
}
# Literals at or beyond the edge of a type, or of another type.
ODD = ["'abc'", "''", "99999999999999999999", "-99999999999999999999", "2.5", "1e400", "2147483648", "32768", "9223372036854775808", "true", "'2024-13-01'", "1e5", "NULL", "-0", "0.0",
       "'NaN'", "'-Infinity'",
       "170141183460469231731687303715884105728", "'1e5'", "' 5 '", "'+5'", "'5.0'", "0x10", "1_000", "'٥'", ".5", "5.", "'0x10'", "- 5", "+5"]
PARAMETERS = [5, "5", -1, 0, 1, 2.5, 3.0, True, False, None, "abc", "", 9223372036854775807, -9223372036854775808, 1e300, "2024-01-02", "2024-01-02 03:04:05", UUIDS[0], "1.25", "it's", 2147483648,
              32768, "-0", " 7", "true", 0.1]
FLOATING = ("FLOAT", "DOUBLE")
NOT_FINITE = ("inf", "-inf", "nan")
OPERATORS = ["=", "=", "=", "<>", "!=", "<", "<=", ">", ">="]


class Table:
    def __init__(self, name, key_type, shared):
        self.key_type, self.shared = key_type, shared
        self.direct, self.engine = f"diff.{name}_a", f"diff.{name}_b"
        self.types = {"id": key_type, **dict(COLUMNS)}


class Generator:
    """Statements as (SQL with {t} for the table, parameters or None, how to compare)."""

    def __init__(self, rng):
        self.rng = rng
        self.odd = 0.05  # share of literals that do not fit

    def literal(self, kind):
        if self.rng.random() < self.odd:
            return self.rng.choice(ODD)
        if self.rng.random() < 0.06:
            return "NULL"
        return self.rng.choice(GOOD[kind])

    def operand(self, kind, params):
        if params is not None and self.rng.random() < 0.5:
            if self.rng.random() < 0.6:  # a value that fits, sent as clients do
                text = self.rng.choice(GOOD[kind])
                params.append(text[1:-1].replace("''", "'") if text.startswith("'") else self.as_json(text))
            else:
                params.append(self.rng.choice(PARAMETERS))
            return f"${len(params)}"
        return self.literal(kind)

    @staticmethod
    def as_json(text):
        if " '" in text:
            return text.split("'")[1]
        return json.loads(text)

    def column(self, table, key=0.5):
        return "id" if self.rng.random() < key else self.rng.choice(COLUMNS)[0]

    def predicate(self, table, params):
        column = self.column(table)
        kind, pick = table.types[column], self.rng.random()
        value = lambda: self.operand(kind, params)
        if pick < 0.60:
            return f"{column} {self.rng.choice(OPERATORS)} {value()}"
        if pick < 0.66:
            return f"{value()} {self.rng.choice(OPERATORS)} {column}"
        if pick < 0.76:
            return f"{column} {self.rng.choice(['', 'NOT ']) if self.rng.random() < 0.2 else ''}BETWEEN {value()} AND {value()}"
        if pick < 0.84:
            return f"{column} {'NOT ' if self.rng.random() < 0.2 else ''}IN ({', '.join(value() for _ in range(self.rng.randint(1, 4)))})"
        if pick < 0.93:
            return f"{column} IS {self.rng.choice(['', 'NOT '])}NULL"
        if pick < 0.96:
            return self.rng.choice(["_deleted = true", "_deleted = false", "_deleted", "_seq > 0", "_seq = 5"])
        return self.rng.choice([f"{column} = {column}", "true", "1 = 1", "false", f"id = {value()} OR {column} IS NULL", f"NOT {column} = {value()}"])

    def where(self, table, params, chance=0.85):
        if self.rng.random() > chance:
            return ""
        count = self.rng.choice([1, 1, 1, 2, 2, 3])
        return " WHERE " + " AND ".join(self.predicate(table, params) for _ in range(count))

    def select(self, table):
        params = [] if self.rng.random() < 0.3 else None
        where = self.where(table, params)
        if self.rng.random() < 0.15:
            alias = self.rng.choice(["", " AS n", ' AS "N x"'])
            return f"SELECT COUNT(*){alias} FROM {{t}}{where}", params, "exact"
        pick = self.rng.random()
        if pick < 0.3:
            items, has_key = "*", True
        else:
            names = self.rng.sample([c for c, _ in COLUMNS], self.rng.randint(0, 4))
            has_key = not names or self.rng.random() < 0.75
            if has_key:
                names.insert(self.rng.randint(0, len(names)), "id")
            if self.rng.random() < 0.1:
                names.append(self.rng.choice(["_deleted", names[0]]))
            items = ", ".join(f"{n} AS x{k}" if self.rng.random() < 0.1 else self.rng.choice([n, n, n, n.upper(), f'"{n}"']) for k, n in enumerate(names))
        compare, tail = ("exact" if has_key else "any order"), ""
        if self.rng.random() < 0.35:
            tail = f" ORDER BY id{self.rng.choice(['', ' ASC', ' DESC', ' DESC'])}"
            compare = "exact"
        elif self.rng.random() < 0.12:
            tail = f" ORDER BY {self.rng.choice(COLUMNS)[0]}{self.rng.choice(['', ' DESC'])}"
            compare = "any order"
        if compare == "exact":
            if self.rng.random() < 0.35:
                tail += f" LIMIT {self.bound(params)}"
            if self.rng.random() < 0.15:
                tail += f" OFFSET {self.bound(params)}"
        return f"SELECT {items} FROM {{t}}{where}{tail}", params, compare

    def bound(self, params):
        value = self.rng.choice([0, 1, 2, 3, 5, 100, 4611686018427387904])
        if params is not None and self.rng.random() < 0.5:
            params.append(value)
            return f"${len(params)}"
        return self.rng.choice([str(value)] * 9 + ["-1", "2.5", "'3'", "NULL", "ALL"])

    def insert(self, table):
        params = [] if self.rng.random() < 0.3 else None
        names = ["id"] + self.rng.sample([c for c, _ in COLUMNS], self.rng.randint(0, 5))
        self.rng.shuffle(names)
        if self.rng.random() < 0.04:
            names.remove("id")
        if not names or self.rng.random() < 0.1:
            names = ["id"] + [c for c, _ in COLUMNS]
            listed = ""
        else:
            listed = f" ({', '.join(names)})"
        rows = []
        for _ in range(self.rng.choice([1, 1, 1, 2, 3])):
            cells = ["DEFAULT" if n != "id" and self.rng.random() < 0.04 else self.operand(table.types[n], params) if self.rng.random() < 0.9 else self.literal(table.types[n]) for n in names]
            rows.append(f"({', '.join(cells)})")
        if self.rng.random() < 0.06:
            return f"INSERT INTO {{t}}{listed} SELECT {', '.join(names)} FROM {{t}}{self.where(table, params, 1)}", params, "exact"
        return f"INSERT INTO {{t}}{listed} VALUES {', '.join(rows)}", params, "exact"

    def update(self, table):
        params = [] if self.rng.random() < 0.3 else None
        sets = []
        for name in self.rng.sample([c for c, _ in COLUMNS], self.rng.randint(1, 3)):
            kind, pick = table.types[name], self.rng.random()
            if kind in ("SMALLINT", "INT", "BIGINT", "DOUBLE", "FLOAT", "DECIMAL(12,3)") and pick < 0.35:
                sets.append(f"{name} = {self.rng.choice([name, name, self.rng.choice(['s', 'i', 'l', 'd', 'm'])])} {self.rng.choice('+-')} {self.operand(kind, params)}")
            elif pick < 0.42:
                sets.append(f"{name} = {self.rng.choice([name, 'DEFAULT', self.rng.choice(COLUMNS)[0]])}")
            else:
                sets.append(f"{name} = {self.operand(kind, params)}")
        if self.rng.random() < 0.02:
            sets.append("id = " + self.literal(table.key_type))
        where = self.where(table, params, 0.97)
        return f"UPDATE {{t}} SET {', '.join(sets)}{where}", params, "exact"

    def delete(self, table):
        params = [] if self.rng.random() < 0.3 else None
        return f"DELETE FROM {{t}}{self.where(table, params, 0.97)}", params, "exact"

    def transaction(self, table):
        """Writes and reads between BEGIN and COMMIT; the reads see what the writes before them did. Without _seq, which twins do not share."""
        self.odd, parts, compare = 0, [], "exact"
        while len(parts) < self.rng.randint(1, 4):
            kind, sql, params, how = self.statement(table)
            if params or "_seq" in sql or (kind == "select" and "*" in sql.replace("COUNT(*)", "")):
                continue
            parts.append(sql)
            compare = how if how != "exact" else compare
        self.odd = 0.05
        parts.append(f"SELECT {', '.join(table.types)} FROM {{t}} ORDER BY id")
        return f"BEGIN; {'; '.join(parts)}; {self.rng.choice(['COMMIT', 'COMMIT', 'COMMIT', 'ROLLBACK'])}", None, compare

    def statement(self, table):
        kind = self.rng.choices(["select", "insert", "update", "delete"], [55, 20, 15, 10])[0]
        return (kind, *getattr(self, kind)(table))


def broken(reply):
    return reply.status >= 500 and reply.status != 501


def not_by_the_engine(reply):
    """The engine alone refuses DEFAULT among the values; only the direct plan knows it."""
    return not reply.ok and any(text in reply.message for text in ("DEFAULT is supported", "DEFAULT is not allowed here", "cannot contain DEFAULT"))


def looked_at_no_row(direct, engine):
    """One way refused a value that does not convert, the other met no row for which it would have had to convert it."""
    failed, passed = (engine, direct) if direct.ok else (direct, engine)
    return (not failed.ok and failed.code in ("PARAM_TYPE_MISMATCH", "SQL_EXECUTION_ERROR") and passed.ok
            and all(result.get("rows_affected", result["row_count"]) == 0 or result.get("rows") == [["0"]] for result in passed.results))


def shown(reply):
    if not isinstance(reply, kalam_server.SqlReply):
        return f"{reply!s:.700}"
    if not reply.ok:
        return f"HTTP {reply.status} {reply.code}: {reply.message:.300}"
    return f"{json.dumps(reply.results, ensure_ascii=False):.900}"


def outcome(reply, compare):
    """What must be equal: results without the identity of the run, or the error's code and status."""
    if broken(reply):
        return ("SERVER ERROR", reply.status, reply.text)
    if not reply.ok:
        # The engine sees a parameter as a value among others, so it cannot blame it.
        code = "SQL_EXECUTION_ERROR" if reply.code == "PARAM_TYPE_MISMATCH" else reply.code
        return ("error", reply.status, code)
    results = []
    for result in reply.results:
        if result.get("message", "").startswith("Transaction "):
            continue  # its id
        result = dict(result)
        if compare == "any order" and "rows" in result:
            # 0.0 and -0.0 are equal, and the engine's sorts do not keep them apart.
            rows = [[cell + 0.0 if isinstance(cell, float) else cell for cell in row] for row in result["rows"]]
            result["rows"] = sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))
        results.append(result)
    return ("ok", 200, results)


class Comparison:
    def __init__(self, client, rng):
        self.client, self.rng, self.generator = client, rng, Generator(rng)
        self.tables, self.mismatches, self.tally = [], [], collections.Counter()

    def set_up(self):
        self.client.run("CREATE NAMESPACE IF NOT EXISTS diff")
        columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS).replace("i INT", "i INT DEFAULT 7").replace("t TEXT", "t TEXT DEFAULT 'dflt'")
        for number, key_type in enumerate(KEY_TYPES):
            table = Table(f"k{number}", key_type, shared=number % 2 == 0)
            for name in (table.direct, table.engine):
                self.client.run(f"DROP TABLE IF EXISTS {name}")
                reply = self.client.sql(f"CREATE {'SHARED' if table.shared else 'USER'} TABLE {name} (id {key_type} PRIMARY KEY, {columns})")
            if reply.ok:
                self.tables.append(table)
            else:
                print(f"no table with a {key_type} key: {reply.message}")
        for table in self.tables:
            for _ in range(25):
                self.write(table, "insert", *self.generator.insert(table))

    def note(self, table, kind, sql, params, first, second, what="answers differ"):
        self.mismatches.append(f"{kind} on a table with {table.key_type} key: {what}\n  SQL:    {sql.replace('{t}', table.direct)}\n  params: {json.dumps(params)}\n"
                               f"  direct: {shown(first)}\n  engine: {shown(second)}")

    def read(self, table, kind, sql, params, compare):
        text = sql.replace("{t}", table.direct)
        direct = self.client.sql(text, params or None)
        engine = self.client.sql(text, params or None, headers=ENGINE)
        self.tally["refused" if not direct.ok else "read"] += 1
        self.judge(table, kind, sql, params, compare, direct, engine)

    def judge(self, table, kind, sql, params, compare, direct, engine):
        if outcome(direct, compare) == outcome(engine, compare) and not broken(direct):
            return
        if looked_at_no_row(direct, engine):
            self.tally["refused by one, no row for the other"] += 1
        else:
            self.note(table, kind, sql, params, direct, engine)

    def content(self, table, name):
        """All rows, deleted ones too. Floating point goes as text, since NaN and infinity have no JSON form."""
        cells = ", ".join(f"CAST({c} AS TEXT)" if kind in FLOATING else c for c, kind in table.types.items())
        return sorted(self.client.run(f"SELECT {cells}, _deleted FROM {name} WHERE _deleted IN (true, false)").rows, key=json.dumps)

    def drop_unreadable(self, table):
        """Literals like 1e400 store infinity. A row that holds it makes every SELECT of its column fail, so later statements would compare errors alone."""
        for name in (table.direct, table.engine):
            self.client.run(f"DELETE FROM {name} WHERE " + " OR ".join(f"NOT isfinite({c})" for c, kind in table.types.items() if kind in FLOATING))

    def write(self, table, kind, sql, params, compare):
        direct = self.client.sql(sql.replace("{t}", table.direct), params or None)
        engine = self.client.sql(sql.replace("{t}", table.engine), params or None, headers=ENGINE)
        if not_by_the_engine(engine):
            self.tally["direct only"] += 1
            engine = self.client.sql(sql.replace("{t}", table.engine), params or None)
        self.tally["refused" if not direct.ok else "written"] += 1
        self.judge(table, kind, sql, params, compare, direct, engine)
        left, right = self.content(table, table.direct), self.content(table, table.engine)
        if left != right:
            only = ([row for row in left if row not in right], [row for row in right if row not in left])
            self.note(table, kind, sql, params, only[0], only[1], "the tables differ afterwards (rows only in one of them)")
            self.level(table)
        elif any(cell in NOT_FINITE for row in left if not row[-1] for cell in row):
            self.tally["stored NaN or infinity"] += 1
            self.read(table, "select", "SELECT * FROM {t}", None, "exact")
            self.drop_unreadable(table)

    def level(self, table):
        """Makes the twins equal again, so that one defect is reported once."""
        for name in (table.direct, table.engine):
            definition = self.client.run(f"DESCRIBE TABLE {name}").dicts
            columns = ", ".join(f"{c['column_name']} {c['data_type']}" + (" PRIMARY KEY" if c["is_primary_key"] else "") + (f" DEFAULT {c['column_default']}" if c["column_default"] else "")
                                for c in definition if not c["column_name"].startswith("_"))
            self.client.run(f"DROP TABLE {name}; CREATE {'SHARED' if table.shared else 'USER'} TABLE {name} ({columns})")
        for _ in range(10):
            sql, params, _ = self.generator.insert(table)
            for name in (table.direct, table.engine):
                self.client.sql(sql.replace("{t}", name), params or None)

    def run(self, count, mismatches_max):
        self.set_up()
        started = time.monotonic()
        for number in range(count):
            table = self.rng.choice(self.tables)
            if self.rng.random() < 0.1:
                self.write(table, "transaction", *self.generator.transaction(table))
                self.tally["transactions"] += 1
                continue
            kind, sql, params, compare = self.generator.statement(table)
            (self.read if kind == "select" else self.write)(table, kind, sql, params, compare)
            if len(self.mismatches) >= mismatches_max:
                break
        print(f"{number + 1} statements both ways in {time.monotonic() - started:.1f} s: {dict(self.tally)}")


def test(client, options, seed):
    comparison = Comparison(client, random.Random(seed))
    comparison.run(options.count, options.mismatches)
    for mismatch in comparison.mismatches:
        print(mismatch)
    print(f"{len(comparison.mismatches)} mismatches (seed {seed})")
    return 1 if comparison.mismatches else 0


if __name__ == "__main__":
    sys.exit(generated_run.main(__doc__, 4000, test, lambda parser: parser.add_argument("--mismatches", type=int, default=25, help="stop after so many")))
