"""Namespaces and tables: create, alter, drop, show, describe, names (sql.md 1.1, 1.3-1.5, 6)."""
import concurrent.futures
import os

import pytest


# --- namespaces ---

def test_namespace_life(root, unique):
    name = unique("life")
    assert root.run(f"CREATE NAMESPACE {name}").result["message"] == f"Namespace '{name}' created successfully"
    root.fails(f"CREATE NAMESPACE {name}", contains=f"Namespace '{name}' already exists")
    assert root.run(f"CREATE NAMESPACE IF NOT EXISTS {name}").result["message"] == f"Namespace '{name}' already exists"
    assert root.run(f"ALTER NAMESPACE {name} SET OPTIONS (owner = 'ada', tier = 2, live = true, ratio = 1.5)").result["message"] == \
        f"Namespace '{name}' altered successfully"
    assert name in [row["name"] for row in root.run("SHOW NAMESPACES").dicts]
    assert root.run(f"DROP NAMESPACE {name}").result["message"] == f"Namespace '{name}' dropped successfully"
    assert name not in [row["name"] for row in root.run("SHOW NAMESPACES").dicts]
    root.fails(f"DROP NAMESPACE {name}", status=404, contains=f"Namespace '{name}' not found")
    assert root.run(f"DROP NAMESPACE IF EXISTS {name}").result["message"] == f"Namespace '{name}' does not exist"


def test_show_namespaces_has_the_columns_of_system_namespaces(root, alice, ns):
    for client in (root, alice):
        reply = client.run("SHOW NAMESPACES")
        assert reply.columns == ["namespace_id", "name", "created_at", "options", "table_count"]
        assert {"default", "system"} <= {row["namespace_id"] for row in reply.dicts}


def test_namespace_options_merge(root, ns):
    import json
    root.run(f"ALTER NAMESPACE {ns} SET OPTIONS (a = 'x', b = 1)")
    root.run(f"ALTER NAMESPACE {ns} SET OPTIONS (b = 2, c = false)")
    row = [r for r in root.run("SHOW NAMESPACES").dicts if r["name"] == ns][0]
    assert json.loads(row["options"]) == {"a": "x", "b": 2, "c": False}
    for bad, part in (("SET OPTIONS", "parenthes"), ("SET OPTIONS (a)", "option"), ("SET OPTIONS (a = )", ""), ("SET NAME x", "Expected SET OPTIONS"), ("SET OPTIONS (a = maybe)", "value")):
        root.fails(f"ALTER NAMESPACE {ns} {bad}", status=400, contains=part)


def test_drop_namespace_refuses_a_non_empty_one_unless_cascade(root, ns):
    root.run(f"CREATE SHARED TABLE {ns}.a (id INT PRIMARY KEY); CREATE USER TABLE {ns}.b (id INT PRIMARY KEY); INSERT INTO {ns}.a VALUES (1)")
    root.fails(f"DROP NAMESPACE {ns}", status=400, contains=f"Cannot drop namespace '{ns}': namespace contains 2 table(s). Drop all tables first.")
    assert root.rows(f"SELECT id FROM {ns}.a") == [[1]]
    root.run(f"DROP NAMESPACE {ns} CASCADE")
    root.fails(f"SELECT id FROM {ns}.a", status=404)
    root.run(f"CREATE NAMESPACE {ns}; CREATE SHARED TABLE {ns}.a (id INT PRIMARY KEY)")
    assert root.rows(f"SELECT id FROM {ns}.a") == []


def test_table_count(root, ns):
    root.run(f"CREATE SHARED TABLE {ns}.a (id INT PRIMARY KEY); CREATE USER TABLE {ns}.b (id INT PRIMARY KEY)")
    assert [r["table_count"] for r in root.run("SHOW NAMESPACES").dicts if r["name"] == ns] == [2]


@pytest.mark.parametrize("name", ["system", "sys", "root", "kalamdb", "kalam", "main", "default", "sql", "admin", "internal", "information_schema", "pg_catalog",
                                  "datafusion", "SYSTEM", "Root"])
def test_reserved_namespaces(root, name):
    root.fails(f"CREATE NAMESPACE {name}", status=400, contains=f"Namespace '{name.lower()}' is reserved and cannot be used")


@pytest.mark.parametrize("name,part", [
    ("_x", "Name cannot start with underscore"), ("1x", "Name cannot start with a number"), ("select", "is a reserved SQL keyword"), ("table", "is a reserved SQL keyword"),
    ('"a b"', "Name cannot contain spaces"), ('"a-b"', "contains invalid characters"), ('"a.b"', ""), ('""', "empty"), ("x" * 65, "Name is too long (65 characters, max 64)"),
    ('"ünï"', "invalid characters"), ('"a/b"', ""), ('"a\'b"', "invalid characters")])
def test_name_rules(root, ns, name, part):
    root.fails(f"CREATE NAMESPACE {name}", status=400)
    for sql in (f"CREATE SHARED TABLE {ns}.{name} (id INT PRIMARY KEY)", f"CREATE SHARED TABLE {ns}.ok (id INT PRIMARY KEY, {name} TEXT)"):
        reply = root.fails(sql, status=400)
        if name.startswith('"') or name.startswith("_") or name.startswith("x"):
            assert part.lower() in reply.message.lower() or "alphanumeric" in reply.message, reply
    root.run(f"CREATE SHARED TABLE {ns}.ok (id INT PRIMARY KEY, v TEXT)")
    for sql in (f"ALTER TABLE {ns}.ok ADD COLUMN {name} TEXT", f"ALTER TABLE {ns}.ok RENAME COLUMN v TO {name}"):
        root.fails(sql, status=400)
    assert [r["column_name"] for r in root.run(f"DESCRIBE TABLE {ns}.ok").dicts][:2] == ["id", "v"]


@pytest.mark.parametrize("name", ["_seq", "_deleted", "_id", "_row_id", "_rowid", "_key", "_updated", "_created", "_timestamp", "_version", "_hash", "_anything"])
def test_reserved_columns(root, ns, name):
    root.fails(f"CREATE SHARED TABLE {ns}.t (id INT PRIMARY KEY, {name} TEXT)", status=400, contains="column" if name != "_anything" else "underscore")
    root.run(f"CREATE SHARED TABLE {ns}.t (id INT PRIMARY KEY, v TEXT)")
    root.fails(f"ALTER TABLE {ns}.t ADD COLUMN {name} TEXT", status=400)
    root.fails(f"ALTER TABLE {ns}.t RENAME COLUMN v TO {name}", status=400)


def test_ordinary_names_that_look_special(root, ns):
    columns = ["user", "key", "value", "name", "timestamp", "type", "status", "data", "event", "date", "user_id", "firstName", "id2", "level", "role", "comment", "text"]
    root.run(f"CREATE SHARED TABLE {ns}.special (id INT PRIMARY KEY, " + ", ".join(f"{c} TEXT" for c in columns) + ")")
    root.run(f"INSERT INTO {ns}.special (id, " + ", ".join(f'"{c}"' for c in columns) + ") VALUES (1, " + ", ".join(f"'{c}'" for c in columns) + ")")
    names = [c.lower() for c in columns]
    assert root.rows(f"SELECT " + ", ".join(f'"{c}"' for c in names) + f" FROM {ns}.special WHERE id = 1") == [columns]
    longest = "x" * 64
    root.run(f"CREATE SHARED TABLE {ns}.{longest} (id INT PRIMARY KEY, {longest} TEXT)")


def test_names_fold_to_lower_case(root, ns):
    root.run(f'CREATE SHARED TABLE {ns}.MixedCase (ID INT PRIMARY KEY, "firstName" TEXT, LastName TEXT)')
    assert [r["column_name"] for r in root.run(f"DESCRIBE TABLE {ns}.mixedcase").dicts][:3] == ["id", "firstname", "lastname"]
    root.run(f'INSERT INTO {ns}.MIXEDCASE (Id, FIRSTNAME, "lastname") VALUES (1, \'Ada\', \'L\')')
    for sql in (f"SELECT firstName FROM {ns}.mixedCase", f"SELECT FIRSTNAME FROM {ns.upper()}.MIXEDCASE", f'SELECT "firstname" FROM "{ns}"."mixedcase"',
                f'SELECT "firstName" FROM {ns}."MixedCase" WHERE ID = 1'):
        assert root.rows(sql) == [["Ada"]], sql
    root.fails(f"CREATE SHARED TABLE {ns}.mixedCASE (id INT PRIMARY KEY)", contains="already exists")
    root.fails(f"CREATE SHARED TABLE {ns}.d (id INT PRIMARY KEY, a TEXT, A TEXT)", contains="Duplicate column name")
    root.run(f"ALTER TABLE {ns}.MixedCase DROP COLUMN firstName")
    root.run(f"ALTER TABLE {ns}.mixedcase RENAME COLUMN LASTNAME TO SurName")
    assert root.run(f"SELECT * FROM {ns}.mixedcase").columns == ["id", "surname", "_seq", "_deleted"]


# --- CREATE TABLE ---

@pytest.mark.parametrize("create,kind", [
    ("CREATE USER TABLE {t} (id INT PRIMARY KEY)", "user"), ("CREATE SHARED TABLE {t} (id INT PRIMARY KEY)", "shared"), ("CREATE TABLE {t} (id INT PRIMARY KEY)", "shared"),
    ("CREATE TABLE {t} (id INT PRIMARY KEY) WITH (TYPE = 'USER')", "user"), ("create table {t} (id int primary key) with (type=shared)", "shared"),
    ("CREATE USER TABLE {t} (id INT PRIMARY KEY) WITH (TYPE = 'USER', STORAGE_ID = 'local', FLUSH_POLICY = 'rows:100,interval:60')", "user"),
    ("CREATE TABLE {t} (id INT, v TEXT, PRIMARY KEY (id)) WITH (ACCESS_LEVEL = 'public', DELETED_RETENTION_HOURS = 24)", "shared"),
    ("CREATE TABLE {t} (id INT, CONSTRAINT pk PRIMARY KEY (id),) WITH (TYPE='SHARED',)", "shared"), ("CREATE TABLE {t} (id INT PRIMARY KEY UNIQUE NOT NULL) USING kalam", "shared"),
    ("CREATE USER TABLE {t} (id INT PRIMARY KEY) FLUSH ROWS 100", "user"), ("CREATE SHARED TABLE {t} (id INT PRIMARY KEY) ACCESS LEVEL public", "shared"),
    ("CREATE TABLE {t} (id INT PRIMARY KEY) TABLE_TYPE user STORAGE local", "user"), ("CREATE SHARED TABLE {t} (id INT PRIMARY KEY, UNIQUE (id))", "shared")])
def test_both_dialects(root, ns, create, kind):
    reply = root.run(create.format(t=f"{ns}.d"))
    assert f"{kind} table {ns}.d created successfully" in reply.result["message"]
    assert reply.result["rows_affected"] == 1
    listed = [r for r in root.run(f"SHOW TABLES IN {ns}").dicts if r["table_name"] == "d"]
    assert [r["table_type"] for r in listed] == [kind]


@pytest.mark.parametrize("create,part", [
    ("CREATE USER TABLE {t} (id INT)", "User tables require a PRIMARY KEY column"), ("CREATE SHARED TABLE {t} (id INT)", "Shared tables require a PRIMARY KEY column"),
    ("CREATE USER TABLE {t} (id INT PRIMARY KEY) WITH (TYPE = 'SHARED')", "Conflicting table type"), ("CREATE TABLE {t} (id INT PRIMARY KEY) WITH (TYPE = 'ODD')", "Invalid TYPE option"),
    ("CREATE TABLE {t} (id INT PRIMARY KEY) WITH (COLOUR = 'red')", "Unknown table option 'COLOUR'"), ("CREATE TABLE {t} ()", "column"),
    ("CREATE TABLE {t} (a INT PRIMARY KEY, b INT PRIMARY KEY)", "Multiple PRIMARY KEY definitions found"), ("CREATE TABLE {t} (a INT, b INT, PRIMARY KEY (a, b))", "Composite PRIMARY KEYs are not supported"),
    ("CREATE TABLE {t} (a INT, PRIMARY KEY (zz))", "not found in column list"), ("CREATE TABLE {t} (a INT PRIMARY KEY, a TEXT)", "Duplicate column name 'a'"),
    ("CREATE TABLE {t} (id INT PRIMARY KEY) WITH (FLUSH_POLICY = 'x')", "FLUSH_POLICY"), ("CREATE TABLE {t} (id INT PRIMARY KEY) WITH (FLUSH_POLICY = 'rows:0')", "FLUSH_POLICY"),
    ("CREATE TABLE {t} (id INT PRIMARY KEY) WITH (FLUSH_POLICY = 'rows:1000000')", "Row limit must be less than 1,000,000"),
    ("CREATE TABLE {t} (id INT PRIMARY KEY) WITH (FLUSH_POLICY = 'interval:86400')", "Interval must be less than 86400"),
    ("CREATE TABLE {t} (id INT PRIMARY KEY) WITH (TTL_SECONDS = 5)", "TTL_SECONDS is only supported for STREAM tables"),
    ("CREATE SHARED TABLE {t} (id INT PRIMARY KEY) WITH (USE_USER_STORAGE = true)", "USE_USER_STORAGE is only supported for USER tables"),
    ("CREATE TABLE {t} (id INT PRIMARY KEY DEFAULT)", ""), ("CREATE TABLE {t} (id INT PRIMARY KEY, v INT DEFAULT 'abc')", "v"), ("CREATE TABLE a.b.c.d (id INT PRIMARY KEY)", ""),
    ("CREATE TABLE {t} (id INT PRIMARY KEY) WITH (STORAGE_ID = 'a b')", "STORAGE_ID")])
def test_refused_definitions(root, ns, create, part):
    root.fails(create.format(t=f"{ns}.d"), contains=part)
    assert [r for r in root.run(f"SHOW TABLES IN {ns}").dicts] == []


def test_if_not_exists_leaves_the_definition(root, ns):
    root.run(f"CREATE SHARED TABLE {ns}.t (id INT PRIMARY KEY, v TEXT); INSERT INTO {ns}.t VALUES (1, 'x')")
    root.fails(f"CREATE SHARED TABLE {ns}.t (id INT PRIMARY KEY)", contains=f"Table {ns}.t already exists")
    reply = root.run(f"CREATE USER TABLE IF NOT EXISTS {ns}.t (other TEXT PRIMARY KEY)")
    assert reply.result["rows_affected"] == 0 and "already exists" in reply.result["message"]
    assert root.rows(f"SELECT id, v FROM {ns}.t") == [[1, "x"]]


def test_create_needs_the_namespace_and_works_after_creating_it(root, unique):
    name = unique("late")
    root.fails(f"CREATE USER TABLE {name}.t (id INT PRIMARY KEY)", contains=["does not exist", f"Create it first with CREATE NAMESPACE {name}"])
    root.run(f"CREATE NAMESPACE {name}; CREATE USER TABLE {name}.t (id INT PRIMARY KEY)")


def test_a_user_creating_a_shared_table_in_the_namespace_of_their_name_gets_a_user_table(server, root, make_user):
    me = make_user("user")
    root.run(f"CREATE NAMESPACE {me.user}")
    assert "user table" in me.run(f"CREATE TABLE {me.user}.t (id INT PRIMARY KEY)").result["message"]


@pytest.mark.parametrize("kind,keys", [
    ("SMALLINT", ["-5", "0", "32767"]), ("INT", ["-5", "0", "7"]), ("BIGINT", ["-9223372036854775808", "0", "9223372036854775807"]), ("TEXT", ["''", "'a'", "'aa'", "'b'", "'ü'"]),
    ("BOOLEAN", ["false", "true"]), ("DOUBLE", ["-1e300", "-0.5", "0", "0.25", "1e300"]), ("FLOAT", ["-1.5", "0", "2.5"]), ("DATE", ["'1969-12-31'", "'2024-01-01'"]),
    ("TIMESTAMP", ["'1969-12-31 00:00:00'", "'2024-01-01 00:00:00.000001'"]), ("UUID", ["'00000000-0000-0000-0000-000000000001'", "'f0000000-0000-0000-0000-000000000000'"]),
    ("DECIMAL(10,2)", ["-10.5", "-0.01", "0", "3.14"])])
def test_primary_key_types_order_and_uniqueness(root, ns, kind, keys):
    reply = root.sql(f"CREATE SHARED TABLE {ns}.k (id {kind} PRIMARY KEY, n INT)")
    if not reply.ok and kind not in ("SMALLINT", "INT", "BIGINT", "TEXT", "BOOLEAN"):
        assert reply.status == 400
        pytest.skip(f"{kind} keys are refused: {reply.message}")
    reply.expect_ok()
    for number in reversed(range(len(keys))):
        root.run(f"INSERT INTO {ns}.k VALUES ({keys[number]}, {number})")
    for number, key in enumerate(keys):
        root.fails(f"INSERT INTO {ns}.k VALUES ({key}, 99)", contains="primary key")
        for headers in (None, {"X-Kalam-Plan": "engine"}):
            assert root.rows(f"SELECT n FROM {ns}.k WHERE id = {key}", headers=headers) == [[number]]
            assert root.rows(f"SELECT n FROM {ns}.k", headers=headers) == [[n] for n in range(len(keys))]
            assert root.rows(f"SELECT n FROM {ns}.k WHERE id > {key}", headers=headers) == [[n] for n in range(number + 1, len(keys))]
    root.fails(f"INSERT INTO {ns}.k VALUES (NULL, 1)", contains="id")
    assert root.run(f"DELETE FROM {ns}.k WHERE id = {keys[0]}").affected == 1


# --- SHOW, DESCRIBE, DROP ---

def test_describe(root, alice, ns):
    root.run(f"CREATE SHARED TABLE {ns}.t (id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), name TEXT NOT NULL DEFAULT 'x', d DECIMAL(10,2)) "
             "WITH (ACCESS_LEVEL = 'public')")
    reply = alice.run(f"DESCRIBE TABLE {ns}.t")
    assert reply.columns == ["column_name", "ordinal_position", "column_id", "data_type", "is_nullable", "is_primary_key", "column_default", "column_comment", "schema_version"]
    rows = {row["column_name"]: row for row in reply.dicts}
    assert list(rows) == ["id", "name", "d", "_seq", "_deleted"]
    assert rows["id"]["is_primary_key"] is True and rows["id"]["is_nullable"] is False and rows["id"]["column_default"] == "SNOWFLAKE_ID()"
    assert rows["name"]["is_nullable"] is False and rows["name"]["column_default"] == "'x'" and rows["d"]["data_type"] == "DECIMAL(10, 2)"
    assert rows["d"]["is_nullable"] is True and rows["_seq"]["data_type"] == "BIGINT"
    assert root.rows(f"DESC TABLE {ns}.t") == reply.rows == root.rows("DESCRIBE TABLE t", namespace=ns)


def test_show_tables(root, alice, ns):
    root.run(f"CREATE SHARED TABLE {ns}.b (id INT PRIMARY KEY); CREATE USER TABLE {ns}.a (id INT PRIMARY KEY); ALTER TABLE {ns}.a ADD COLUMN x INT")
    columns = ["table_id", "table_name", "namespace_id", "table_type", "created_at", "schema_version", "table_comment", "updated_at"]
    for sql in (f"SHOW TABLES IN {ns}", f"SHOW TABLES IN NAMESPACE {ns}"):
        reply = root.run(sql)
        assert reply.columns == columns
        assert sorted((r["table_name"], r["table_type"], r["schema_version"]) for r in reply.dicts) == [("a", "user", 2), ("b", "shared", 1)]
    everything = root.run("SHOW TABLES")
    assert everything.columns == columns
    assert {("a", ns), ("b", ns)} <= {(r["table_name"], r["namespace_id"]) for r in everything.dicts}
    alice.run("SHOW TABLES")
    root.fails("SHOW TABLES IN", contains="Namespace name required after IN")


def test_drop_table(root, ns):
    root.run(f"CREATE SHARED TABLE {ns}.t (id INT PRIMARY KEY); INSERT INTO {ns}.t VALUES (1)")
    reply = root.run(f"DROP TABLE {ns}.t")
    assert reply.result["message"].startswith(f"Table {ns}.t dropped successfully") and reply.result["rows_affected"] == 1
    root.fails(f"SELECT * FROM {ns}.t", status=404)
    root.fails(f"DROP TABLE {ns}.t", status=404)
    reply = root.run(f"DROP TABLE IF EXISTS {ns}.t")
    assert reply.result["message"] == f"Table {ns}.t does not exist (skipped)" and reply.result["rows_affected"] == 0
    for kind in ("USER", "SHARED"):
        root.run(f"CREATE SHARED TABLE {ns}.t (id INT PRIMARY KEY, v TEXT)")
        assert root.rows(f"SELECT * FROM {ns}.t") == []
        root.run(f"DROP {kind} TABLE {ns}.t")


def test_concurrent_ddl_on_one_table(server, root, ns):
    """Every ADD COLUMN that was acknowledged is there, each schema version once."""
    root.run(f"CREATE SHARED TABLE {ns}.t (id INT PRIMARY KEY)")

    def add(number):
        return server.root().run(f"ALTER TABLE {ns}.t ADD COLUMN c{number} INT DEFAULT {number}").result["message"]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        messages = list(pool.map(add, range(16)))
    assert len({m.rsplit("(version ", 1)[1] for m in messages}) == 16
    root.run(f"INSERT INTO {ns}.t (id) VALUES (1)")
    row = root.run(f"SELECT * FROM {ns}.t").dicts[0]
    assert {f"c{n}": n for n in range(16)}.items() <= row.items()


def test_create_table_races_with_create_namespace(server, unique):
    for _ in range(5):
        name = unique("race")
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            made = pool.submit(lambda: server.root().sql(f"CREATE NAMESPACE {name}"))
            table = pool.submit(lambda: server.root().sql(f"CREATE SHARED TABLE {name}.t (id INT PRIMARY KEY)"))
        assert made.result().ok
        if not table.result().ok:
            assert "Create it first" in table.result().message
            server.root().run(f"CREATE SHARED TABLE {name}.t (id INT PRIMARY KEY)")
        server.root().run(f"INSERT INTO {name}.t VALUES (1)")


def test_explain_is_for_administrators(root, dba, alice, service, ns):
    root.run(f"CREATE SHARED TABLE {ns}.t (id INT PRIMARY KEY)")
    for client in (root, dba):
        for sql in (f"EXPLAIN SELECT * FROM {ns}.t WHERE id = 1", f"EXPLAIN SELECT COUNT(*) FROM {ns}.t GROUP BY id"):
            reply = client.run(sql)
            assert reply.columns == ["plan_type", "plan"] and reply.rows
            assert "t" in str(reply.rows)
    for client in (alice, service):
        client.fails(f"EXPLAIN SELECT * FROM {ns}.t", status=403)


def test_explain_does_not_run_a_write(root, ns):
    root.run(f"CREATE SHARED TABLE {ns}.t (id INT PRIMARY KEY)")
    for sql in (f"EXPLAIN INSERT INTO {ns}.t VALUES (1)", f"EXPLAIN ANALYZE INSERT INTO {ns}.t VALUES (2)", f"EXPLAIN ANALYZE DELETE FROM {ns}.t WHERE true"):
        root.sql(sql)
    assert root.rows(f"SELECT * FROM {ns}.t") == []


def test_show_stats_counts_what_the_caller_has(root, alice, ns):
    root.run(f"CREATE USER TABLE {ns}.mine (id INT PRIMARY KEY, v TEXT); CREATE SHARED TABLE {ns}.ours (id INT PRIMARY KEY) WITH (ACCESS_LEVEL = 'public')")
    root.run(f"INSERT INTO {ns}.mine VALUES (1, 'a'), (2, 'b'), (3, 'c'); DELETE FROM {ns}.mine WHERE id = 3; INSERT INTO {ns}.ours VALUES (1), (2), (3); ALTER TABLE {ns}.ours ADD COLUMN n INT")
    alice.run(f"INSERT INTO {ns}.mine VALUES (9, 'hers')")
    names = ["table_name", "namespace", "schema_version", "logical_rows", "flushed_segments", "active_streams"]
    wanted = {(root, "mine"): ["mine", ns, "1", "2", "0", "0"], (alice, "mine"): ["mine", ns, "1", "1", "0", "0"], (alice, "ours"): ["ours", ns, "2", "3", "0", "0"]}
    for (client, table), values in wanted.items():
        reply = client.run(f"SHOW STATS FOR TABLE {ns}.{table}")
        assert reply.row_count == 1 and reply.columns == names + ["memory_bytes"]
        assert [reply.dicts[0][name] for name in names] == values
        assert int(reply.dicts[0]["memory_bytes"]) > 0


@pytest.mark.parametrize("constraint", ["v INT UNIQUE", "v INT CHECK (v > 0)", "v INT REFERENCES x (id) ON DELETE CASCADE", "v INT, CHECK (v > 0)", "v INT, FOREIGN KEY (v) REFERENCES x (id)"])
def test_constraints_without_effect_are_named(root, ns, constraint):
    message = root.run(f"CREATE SHARED TABLE {ns}.t (id INT PRIMARY KEY, {constraint})").result["message"]
    assert message == f"shared table {ns}.t created successfully. UNIQUE, CHECK and FOREIGN KEY constraints are not enforced"
    assert root.run(f"CREATE SHARED TABLE {ns}.plain (id INT PRIMARY KEY, v INT NOT NULL DEFAULT 5)").result["message"] == f"shared table {ns}.plain created successfully"


def test_a_relative_path_is_kept_as_the_absolute_one(root, unique, tmp_path):
    name = unique("relative")
    relative = os.path.relpath(tmp_path / "files")
    root.run(f"CREATE STORAGE {name} TYPE 'filesystem' PATH '{relative}'")
    assert root.rows(f"SELECT base_directory FROM system.storages WHERE storage_id = '{name}'") == [[str(tmp_path / "files")]]
    assert (tmp_path / "files").is_dir()
    root.run(f"DROP STORAGE {name}")
