"""Who may do what: one table of every statement and the lowest role that may run it, walked over HTTP with every role, table type and access level.

A row is (statement, lowest role, what stands before it, what stands after it). Texts may use {ns} (a fresh namespace), {n} (a fresh number), {me} (the caller).
A statement kind of the handler table that has no row fails test_every_kind_of_the_handler_table_has_a_row.
"""
import itertools
import pathlib
import re

import pytest

ROLES = ["user", "service", "dba", "system"]
CALLERS = {"user": "alice", "service": "service_sam", "dba": "dba_dora", "system": "root"}
NOT_BUILT = ("INVALID_SQL", "INVALID_SQL_SYNTAX", "NOT_IMPLEMENTED_FEATURE")
SOURCES = pathlib.Path(__file__).resolve().parents[2] / "src/sql"
REFUSED = ("AUTH_INSUFFICIENT_ROLE", "PERMISSION_DENIED")

STATEMENTS = [
    # namespaces
    ("CREATE NAMESPACE {ns}_x{n}", "dba", "", "DROP NAMESPACE IF EXISTS {ns}_x{n}"),
    ("CREATE NAMESPACE IF NOT EXISTS {ns}", "dba", "", ""),
    ("ALTER NAMESPACE {ns} SET OPTIONS (a = 1)", "dba", "", ""),
    ("DROP NAMESPACE {ns}_x{n}", "dba", "CREATE NAMESPACE {ns}_x{n}", "DROP NAMESPACE IF EXISTS {ns}_x{n}"),
    ("DROP NAMESPACE IF EXISTS {ns}_absent", "dba", "", ""),
    ("SHOW NAMESPACES", "user", "", ""),
    ("USE NAMESPACE {ns}", "user", "", ""),
    ("USE {ns}", "user", "", ""),
    # storages
    ("CREATE STORAGE st{n} TYPE 'filesystem' NAME 'x' BASE_DIRECTORY 'st{n}' SHARED_TABLES_TEMPLATE '{{namespace}}/{{tableName}}' "
     "USER_TABLES_TEMPLATE '{{namespace}}/{{tableName}}/{{userId}}'", "dba", "", "DROP STORAGE IF EXISTS st{n}"),
    ("ALTER STORAGE local SET NAME 'Local Filesystem'", "dba", "", ""),
    ("DROP STORAGE IF EXISTS absent{n}", "dba", "", ""),
    ("STORAGE CHECK local", "dba", "", ""),
    ("SHOW STORAGES", "user", "", ""),
    # tables
    ("CREATE USER TABLE {ns}.u{n} (id INT PRIMARY KEY)", "user", "", "DROP TABLE IF EXISTS {ns}.u{n}"),
    ("CREATE STREAM TABLE {ns}.st{n} (id INT PRIMARY KEY) WITH (TTL_SECONDS = 60)", "user", "", "DROP TABLE IF EXISTS {ns}.st{n}"),
    ("CREATE SHARED TABLE {ns}.s{n} (id INT PRIMARY KEY)", "service", "", "DROP TABLE IF EXISTS {ns}.s{n}"),
    ("CREATE TABLE {ns}.d{n} (id INT PRIMARY KEY)", "service", "", "DROP TABLE IF EXISTS {ns}.d{n}"),
    ("ALTER TABLE {ns}.user_t ADD COLUMN c{n} INT", "user", "", ""),
    ("ALTER TABLE {ns}.private_t ADD COLUMN c{n} INT", "service", "", ""),
    ("ALTER TABLE {ns}.private_t SET ACCESS LEVEL private", "service", "", ""),
    ("DROP TABLE {ns}.u{n}", "dba", "CREATE USER TABLE {ns}.u{n} (id INT PRIMARY KEY)", "DROP TABLE IF EXISTS {ns}.u{n}"),
    ("DROP TABLE {ns}.s{n}", "dba", "CREATE SHARED TABLE {ns}.s{n} (id INT PRIMARY KEY)", "DROP TABLE IF EXISTS {ns}.s{n}"),
    ("DROP TABLE IF EXISTS {ns}.absent", "dba", "", ""),
    ("CREATE VIEW {ns}.v{n} AS SELECT 1 AS x", "dba", "", "DROP VIEW IF EXISTS {ns}.v{n}"),
    ("CREATE OR REPLACE VIEW {ns}.v{n} AS SELECT id FROM {ns}.user_t", "dba", "", "DROP VIEW IF EXISTS {ns}.v{n}"),
    ("DROP VIEW {ns}.v{n}", "dba", "CREATE VIEW {ns}.v{n} AS SELECT 1 AS x", "DROP VIEW IF EXISTS {ns}.v{n}"),
    ("DROP VIEW IF EXISTS {ns}.absent", "dba", "", ""),
    ("SHOW TABLES", "user", "", ""),
    ("SHOW TABLES IN {ns}", "user", "", ""),
    ("DESCRIBE TABLE {ns}.user_t", "user", "", ""),
    ("SHOW STATS FOR TABLE {ns}.user_t", "user", "", ""),
    # flush and jobs
    ("STORAGE FLUSH TABLE {ns}.private_t", "service", "", ""),
    ("FLUSH TABLE {ns}.private_t", "service", "", ""),
    ("STORAGE FLUSH ALL IN {ns}", "service", "", ""),
    ("FLUSH ALL TABLES IN {ns}", "service", "", ""),
    ("STORAGE COMPACT TABLE {ns}.private_t", "service", "", ""),
    ("STORAGE COMPACT ALL IN {ns}", "service", "", ""),
    ("SHOW MANIFEST", "dba", "", ""),
    ("EXPORT USER DATA", "user", "", ""),
    ("SHOW EXPORT", "user", "", ""),
    # live queries
    ("SUBSCRIBE TO {ns}.user_t", "user", "", ""),
    ("KILL LIVE QUERY {me}-c-s", "user", "", ""),
    ("KILL LIVE QUERY somebody-c-s", "dba", "", ""),
    # users
    ("CREATE USER n{n} WITH PASSWORD 'Secret-pass-1' ROLE user", "dba", "", ""),
    ("CREATE USER n{n} WITH PASSWORD 'Secret-pass-1' ROLE dba", "dba", "", ""),
    ("CREATE USER n{n} WITH PASSWORD 'Secret-pass-1' ROLE system", "system", "", ""),
    ("ALTER USER n{n} SET PASSWORD 'Other-pass-1'", "dba", "CREATE USER n{n} WITH PASSWORD 'Secret-pass-1' ROLE user", ""),
    ("ALTER USER n{n} SET ROLE service", "dba", "CREATE USER n{n} WITH PASSWORD 'Secret-pass-1' ROLE user", ""),
    ("ALTER USER n{n} SET ROLE system", "system", "CREATE USER n{n} WITH PASSWORD 'Secret-pass-1' ROLE user", ""),
    ("ALTER USER n{n} SET EMAIL 'a@b.c'", "dba", "CREATE USER n{n} WITH PASSWORD 'Secret-pass-1' ROLE user", ""),
    ("ALTER USER {me} SET EMAIL 'me@example.com'", "user", "", ""),
    ("DROP USER n{n}", "dba", "CREATE USER n{n} WITH PASSWORD 'Secret-pass-1' ROLE user", ""),
    ("DROP USER IF EXISTS absent{n}", "dba", "", ""),
    # engine
    ("EXPLAIN SELECT 1", "dba", "", ""),
    ("SHOW ALL", "dba", "", ""),
    ("SHOW COLUMNS FROM {ns}.user_t", "dba", "", ""),
    ("SET x TO 1", "dba", "", ""),
    ("DESCRIBE {ns}.user_t", "dba", "", ""),
    ("SHOW LIMITS", "user", "", ""),
    ("SELECT 1", "user", "", ""),
    ("INSERT INTO {ns}.user_t VALUES ({n}, 'x')", "user", "", ""),
    ("INSERT INTO {ns}.private_t VALUES ({n}, 'x')", "service", "", ""),
    ("UPDATE {ns}.user_t SET v = 'x' WHERE id = {n}", "user", "", ""),
    ("DELETE FROM {ns}.user_t WHERE id = {n}", "user", "", ""),
    # transactions
    ("BEGIN; COMMIT", "user", "", ""),
    ("BEGIN; ROLLBACK", "user", "", ""),
    # topics
    ("CREATE TOPIC {ns}.topic{n}", "dba", "", ""),
    ("ALTER TOPIC {ns}.absent ADD SOURCE {ns}.private_t ON INSERT", "dba", "", ""),
    ("CLEAR TOPIC {ns}.absent", "dba", "", ""),
    ("DROP TOPIC {ns}.absent", "dba", "", ""),
    ("CONSUME FROM {ns}.absent LIMIT 1", "service", "", ""),
    ("ACK {ns}.absent GROUP 'g' UPTO OFFSET 0", "service", "", ""),
    # cluster, backup
    ("CLUSTER REBALANCE", "dba", "", ""),
    ("BACKUP DATABASE TO '/nowhere/..'", "dba", "", ""),
    ("RESTORE DATABASE FROM '/nowhere/at/all'", "dba", "", ""),
    ("KILL JOB 'FL-000000000000'", "dba", "", ""),
]

SYSTEM_TABLES = ["namespaces", "tables", "schemas", "columns", "users", "settings", "transactions", "audit_log"]
LEVELS = {"public": ("user", "service"), "private": ("service", "service"), "restricted": ("service", "service"), "dba": ("dba", "dba")}
ENGINE = {"X-Kalam-Plan": "engine"}


def may(role, lowest):
    return ROLES.index(role) >= ROLES.index(lowest)


@pytest.fixture
def tables(root, ns):
    for level in LEVELS:
        root.run(f"CREATE SHARED TABLE {ns}.{level}_t (id INT PRIMARY KEY, v TEXT) WITH (ACCESS_LEVEL = '{level}'); INSERT INTO {ns}.{level}_t VALUES (1, 'canary')")
    root.run(f"CREATE USER TABLE {ns}.user_t (id INT PRIMARY KEY, v TEXT); INSERT INTO {ns}.user_t VALUES (1, 'canary')")
    return ns


numbers = itertools.count(1)


def attempt(callers, root, row, role, ns):
    statement, lowest, before, after = row
    caller = CALLERS[role]
    names = {"ns": ns, "n": next(numbers), "me": caller}
    if before:
        root.run(before.format(**names))
    try:
        return callers[caller].sql(statement.format(**names))
    finally:
        if after:
            root.sql(after.format(**names))


def known_kinds():
    """name of each row of the handler table -> what details.statement_type calls it."""
    rows = re.findall(r'\{StatementKind::(k\w+),\s*"([^"]+)",\s*Access::', (SOURCES / "handlers.cc").read_text())
    types = dict(re.findall(r'\{StatementKind::(k\w+), "[^"]+", "([^"]+)"\}', (SOURCES / "parse/parse.cc").read_text()))
    assert len(rows) == len(types) > 40
    return {name: types[kind] for kind, name in rows}


def test_every_kind_of_the_handler_table_has_a_row(root, tables):
    """A value that the statement cannot take makes the server name its kind without running it. The five kinds that take values begin with their name."""
    missing = known_kinds()
    types = {kind: name for name, kind in missing.items()}
    for row in STATEMENTS:
        for statement in row[0].format(ns=tables, n=next(numbers), me="root").split("; "):
            word = statement.split()[0]
            if word in ("SELECT", "INSERT", "UPDATE", "DELETE", "EXPLAIN"):
                missing.pop(word, None)
                continue
            reply = root.sql(statement, ["x"])
            assert reply.code == "PARAMS_NOT_SUPPORTED", f"{statement}: {reply.text[:300]}"
            missing.pop(types[reply.details["statement_type"]], None)
    assert not missing, f"add a row to STATEMENTS for each of {sorted(missing)}"


@pytest.mark.parametrize("row", STATEMENTS, ids=[row[0][:60] for row in STATEMENTS])
def test_statement(callers, root, tables, row):
    built = attempt(callers, root, row, "system", tables)
    assert built.code not in NOT_BUILT and built.code not in REFUSED, built.text
    for role in ROLES:
        reply = attempt(callers, root, row, role, tables)
        if may(role, row[1]):
            assert reply.status != 403 and reply.code not in REFUSED, f"{role}: {reply.text[:500]}"
        else:
            assert reply.status == 403 and reply.code in REFUSED, f"{role} may run it: {reply.status} {reply.text[:500]}"
            assert any(word in reply.message.lower() for word in ("privileges", "role", "only admins"))
            if reply.code == "AUTH_INSUFFICIENT_ROLE":
                assert reply.details["actual_role"] == role and row[1] in reply.details["required_roles"] and reply.details["operation"]


@pytest.mark.parametrize("row", [row for row in STATEMENTS if row[1] != "user" and not row[0].startswith("KILL")],
                         ids=[row[0][:60] for row in STATEMENTS if row[1] != "user" and not row[0].startswith("KILL")])
def test_a_batch_with_a_forbidden_statement_has_no_effect(callers, root, tables, row):
    alice = callers["alice"]
    statement = row[0].format(ns=tables, n=next(numbers), me="alice")
    reply = alice.sql(f"INSERT INTO {tables}.user_t VALUES (77, 'x'); {statement}")
    assert reply.status == 403, reply.text[:500]
    assert alice.rows(f"SELECT id FROM {tables}.user_t WHERE id = 77") == []


KINDS_OF_TABLES = ["user", "stream", *LEVELS, "view of user", *(f"view of {level}" for level in LEVELS)]
# Whatever names a table, with the lowest role for (user and stream tables, shared tables); a level can ask for more. None: refused for everybody.
ON_TABLES = [
    ("SELECT * FROM {t}", "user", "read"), ("SELECT count(*) FROM (SELECT 1 FROM {t}) x", "user", "read"), ("WITH x AS (SELECT * FROM {t}) SELECT * FROM x", "user", "read"),
    ("SELECT 1 WHERE EXISTS (SELECT 1 FROM {t})", "user", "read"), ("INSERT INTO {own} SELECT id + {n} * 1000, v FROM {t}", "user", "read"),
    ("UPDATE {own} SET v = (SELECT max(v) FROM {t}) WHERE id = 1", "user", "read"), ("DELETE FROM {own} WHERE id IN (SELECT id + 5000 FROM {t})", "user", "read"),
    ("BEGIN; SELECT * FROM {t}; ROLLBACK", "user", "read"),
    ("DESCRIBE TABLE {t}", "user", "read"), ("SHOW STATS FOR TABLE {t}", "user", "read"), ("SUBSCRIBE TO {t}", "user", "read"), ("SHOW COLUMNS FROM {t}", "dba", "read"),
    ("INSERT INTO {t} VALUES ({n}, 'x')", "user", "write"), ("UPDATE {t} SET v = 'x' WHERE id = {n}", "user", "write"), ("DELETE FROM {t} WHERE id = {n}", "user", "write"),
    ("STORAGE FLUSH TABLE {t}", "service", "none"), ("STORAGE COMPACT TABLE {t}", "service", "none"), ("ALTER TABLE {t} ADD COLUMN c{n} INT", "alter", "none"),
    ("DROP TABLE {t}", "dba", "none"),
]


def lowest_role(kind, lowest, access):
    level = kind.removeprefix("view of ")
    if lowest == "alter":
        if kind in ("user", "stream") or kind.startswith("view"):
            return "user"
        return LEVELS[kind][True]  # a SHARED table is altered by those who may write it
    if level in LEVELS and access in ("read", "write"):
        return max(lowest, LEVELS[level][access == "write"], key=ROLES.index)
    return lowest


@pytest.mark.parametrize("kind", KINDS_OF_TABLES)
@pytest.mark.parametrize("role", ROLES)
def test_statements_on_tables(callers, root, tables, role, kind):
    """Refused means 403 and nothing of the table in the answer; allowed means anything but that: a view may still not be a thing to write to."""
    client, name = callers[CALLERS[role]], f"{tables}.t_{kind.replace(' ', '_')}_{next(numbers)}"
    what = kind.removeprefix("view of ")
    if kind == "stream":
        root.run(f"CREATE STREAM TABLE {name} (id INT, v TEXT) WITH (TTL_SECONDS = 600)")
    elif kind.startswith("view"):
        root.run(f"CREATE VIEW {name} AS SELECT id, v FROM {tables}.{what}_t")
    for (text, lowest, access), headers in itertools.product(ON_TABLES, (None, ENGINE)):
        t = name if kind == "stream" or kind.startswith("view") else f"{tables}.{what}_t"
        if text.startswith("DROP") and t != name:
            t, before = f"{tables}.gone", "CREATE " + ("USER" if kind == "user" else "SHARED") + f" TABLE IF NOT EXISTS {tables}.gone (id INT PRIMARY KEY, v TEXT)"
            root.run(before)
        if headers and not may(role, "dba"):
            continue  # only administrators choose the way
        sql = text.format(t=t, own=f"{tables}.user_t", n=next(numbers) + 10000)
        reply = client.sql(sql, headers=headers)
        needed = lowest_role(kind, lowest, access)
        if kind.startswith("view") and (access == "write" or text.startswith(("SHOW STATS", "SUBSCRIBE", "STORAGE", "DROP", "ALTER"))):
            assert not reply.ok and "canary" not in reply.text, f"{sql}: {reply.text[:300]}"
        elif may(role, needed):
            assert reply.code not in REFUSED and reply.status != 403, f"{role} {kind} {sql}: {reply.text[:300]}"
            assert reply.ok or kind == "stream" or "Job already running" in reply.message, f"{role} {kind} {sql}: {reply.text[:300]}"
        else:
            assert reply.status == 403 and reply.code in REFUSED and "canary" not in reply.text, f"{role} {kind} {sql}: {reply.status} {reply.text[:300]}"
        if kind == "stream" and text.startswith("DROP") and reply.ok:
            root.run(f"CREATE STREAM TABLE {name} (id INT, v TEXT) WITH (TTL_SECONDS = 600)")


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("role", ROLES)
def test_shared_tables(callers, tables, level, role):
    client, table = callers[CALLERS[role]], f"{tables}.{level}_t"
    read, write = (may(role, lowest) for lowest in LEVELS[level])
    statements = [(f"SELECT v FROM {table} WHERE id = 1", read), (f"SELECT COUNT(*) FROM {table}", read), (f"SELECT max(v) FROM {table} GROUP BY id", read),
                  (f"INSERT INTO {table} VALUES ({100 + ROLES.index(role)}, 'x')", write), (f"UPDATE {table} SET v = 'y' WHERE id = {100 + ROLES.index(role)}", write),
                  (f"DELETE FROM {table} WHERE id = {100 + ROLES.index(role)}", write), (f"BEGIN; DELETE FROM {table} WHERE id = 100; ROLLBACK", write)]
    for headers, (sql, allowed) in itertools.product((None, ENGINE), statements):
        reply = client.sql(sql, headers=headers)
        if allowed:
            assert reply.ok, f"{sql}: {reply.text[:500]}"
        else:
            assert reply.status == 403 and reply.code == "PERMISSION_DENIED" and "canary" not in reply.text, f"{sql}: {reply.text[:500]}"
            assert f"Role '{role.capitalize()}' cannot access table '{table}'" in reply.message


@pytest.mark.parametrize("role", ROLES)
def test_user_tables_hold_own_rows_for_every_role(callers, tables, role):
    client, table = callers[CALLERS[role]], f"{tables}.user_t"
    client.run(f"DELETE FROM {table} WHERE id >= 0")
    client.run(f"INSERT INTO {table} VALUES (1, '{role}')")
    for headers in (None, ENGINE):
        assert client.rows(f"SELECT id, v FROM {table}", headers=headers) == [[1, role]]
        assert client.rows(f"SELECT COUNT(*) FROM {table} WHERE v = '{role}' AND id > 0", headers=headers) == [["1"]]


@pytest.mark.parametrize("role", ROLES)
def test_system_tables(callers, role):
    client = callers[CALLERS[role]]
    for name in SYSTEM_TABLES:
        reply = client.sql(f"SELECT * FROM system.{name} LIMIT 5")
        if may(role, "dba"):
            assert reply.ok, reply.text[:300]
        else:
            assert reply.status == 403 and reply.code == "PERMISSION_DENIED"
            assert f"Access denied: Role '{role.capitalize()}' cannot access table 'system.{name}'. System tables require 'dba' or 'system' role." in reply.message
        for sql in (f"DELETE FROM system.{name} WHERE 1 = 1", f"INSERT INTO system.{name} SELECT * FROM system.{name}"):
            assert client.sql(sql).status in (400, 403)
    for name in ("tables", "columns", "schemata"):
        assert client.sql(f"SELECT * FROM information_schema.{name} LIMIT 5").ok


IMPERSONATION = {"user": [], "service": ["user", "service"], "dba": ["user", "service", "dba"], "system": ["user", "service", "dba", "system"]}


@pytest.mark.parametrize("actor,target", list(itertools.product(ROLES, ROLES + ["nobody"])))
def test_execute_as_user(callers, make_user, tables, actor, target):
    client = callers[CALLERS[actor]]
    name = "nobody_at_all" if target == "nobody" else make_user(target).user if target != "system" else "root"
    reply = client.sql(f"EXECUTE AS USER '{name}' (SELECT CURRENT_USER() AS u, CURRENT_ROLE() AS r)")
    allowed = ("user" if target == "nobody" else target) in IMPERSONATION[actor] or name == CALLERS[actor]
    if not allowed:
        title = "User" if target == "nobody" else target.capitalize() if target != "dba" else "Dba"
        assert reply.status == 403 and reply.code == "PERMISSION_DENIED"
        assert f"actor '{CALLERS[actor]}' with role {actor.capitalize()} cannot target '{name}' with role {title}" in reply.message
        return
    assert reply.ok, reply.text
    assert reply.rows == [[name, "user"]] and reply.result["as_user"] == name
    # Inside it is a user without rights of its own, whoever the actor is.
    assert client.sql(f"EXECUTE AS USER '{name}' (SELECT * FROM {tables}.private_t)").status == 403
    assert client.sql(f"EXECUTE AS USER '{name}' (SELECT * FROM system.users)").status == 403
    refused = client.sql(f"EXECUTE AS USER '{name}' (INSERT INTO {tables}.public_t VALUES (5, 'x'))")
    assert refused.status == 400 and "SHARED tables" in refused.message


@pytest.mark.parametrize("role", ROLES)
def test_execute_as_oneself(callers, tables, role):
    client, name = callers[CALLERS[role]], CALLERS[role]
    assert client.rows(f"EXECUTE AS USER '{name}' (SELECT CURRENT_ROLE())") == [["user"]]


def test_a_role_change_is_effective_on_the_next_request(server, root, make_user, tables):
    client = make_user("user")
    name = client.user
    assert client.sql(f"SELECT * FROM {tables}.private_t").status == 403
    root.run(f"ALTER USER {name} SET ROLE service")
    # A token says for which role it was given; the old one ends with the role.
    assert client.sql("SELECT 1").status == 401
    assert client.login(name, "Some-pass-1").status == 200
    assert client.rows(f"SELECT v FROM {tables}.private_t WHERE id = 1") == [["canary"]]
    root.run(f"ALTER USER {name} SET ROLE user")
    assert client.sql(f"SELECT * FROM {tables}.private_t").status == 401
    assert client.login(name, "Some-pass-1").status == 200
    assert client.sql(f"SELECT * FROM {tables}.private_t").status == 403
    root.run(f"DROP USER {name}")
    assert client.sql("SELECT 1").status == 401


def test_callers_without_a_login(server, tables):
    client = server.client()
    for sql in ("SELECT 1", f"SELECT * FROM {tables}.public_t", f"INSERT INTO {tables}.public_t VALUES (9, 'x')", "CREATE NAMESPACE nope", "SHOW TABLES", "BEGIN; COMMIT"):
        reply = client.sql(sql)
        assert reply.status == 401 and reply.code == "MISSING_AUTHORIZATION" and "canary" not in reply.text
