"""Changes: their shapes, filters, projections, who sees what, transactions, DDL (realtime 3, 8 Changes and Isolation)."""
import itertools
import json

import pytest

numbers = itertools.count(1)


@pytest.fixture
def ns(live):
    name = f"chg_{next(numbers)}"
    live.client("root").run(f"CREATE NAMESPACE {name}")
    return name


def user_table(live, ns, columns, name="t"):
    live.client("root").run(f"CREATE USER TABLE {ns}.{name} ({columns})")
    return f"{ns}.{name}"


def watch(live, sql, user="alice", options=None, id="s1", **how):
    ws = live.socket(user, **how)
    ws.subscribe(id, sql, {} if options is None else options)
    ws.snapshot(id)
    return ws


def test_shapes(live, ns):
    table = user_table(live, ns, "id INT PRIMARY KEY, label TEXT, big BIGINT, note TEXT")
    ws = watch(live, f"SELECT * FROM {table}")
    alice = live.client("alice")
    alice.run(f"INSERT INTO {table} (id, label, big) VALUES (1, 'cup', 9007199254740993)")
    change = ws.expect("change")
    assert change["change_type"] == "insert" and "old_values" not in change
    first = change["rows"][0]
    assert first == {"id": 1, "label": "cup", "big": "9007199254740993", "note": None, "_seq": first["_seq"], "_deleted": False}

    alice.run(f"UPDATE {table} SET label = 'mug', big = 9007199254740995 WHERE id = 1")
    change = ws.expect("change")
    assert change["change_type"] == "update"
    second = change["rows"][0]
    assert second == {"id": 1, "_seq": second["_seq"], "label": "mug", "big": "9007199254740995"}, "no nulls, no _deleted"
    assert change["old_values"] == [{"id": 1, "_seq": first["_seq"], "label": "cup", "big": "9007199254740993"}]

    alice.run(f"UPDATE {table} SET label = NULL WHERE id = 1")
    change = ws.expect("change")
    third = change["rows"][0]
    assert "label" not in third and change["old_values"] == [{"id": 1, "_seq": second["_seq"], "label": "mug"}]

    alice.run(f"DELETE FROM {table} WHERE id = 1")
    change = ws.expect("change")
    assert change["change_type"] == "delete" and "rows" not in change
    gone = change["old_values"][0]
    assert gone["id"] == 1 and gone["_deleted"] is True and gone["big"] == "9007199254740995"
    assert int(first["_seq"]) < int(second["_seq"]) < int(third["_seq"]) < int(gone["_seq"]), "the tombstone's own sequence"


def test_an_update_that_changes_nothing_is_silent(live, ns):
    table = user_table(live, ns, "id INT PRIMARY KEY, label TEXT")
    ws = watch(live, f"SELECT * FROM {table}")
    alice = live.client("alice")
    alice.run(f"INSERT INTO {table} (id, label) VALUES (1, 'x')")
    ws.expect("change")
    alice.run(f"UPDATE {table} SET label = 'x' WHERE id = 1")
    assert ws.silent(0.4)


def test_one_row_per_change(live, ns):
    table = user_table(live, ns, "id INT PRIMARY KEY, label TEXT")
    ws = watch(live, f"SELECT * FROM {table}")
    live.client("alice").run(f"INSERT INTO {table} (id, label) VALUES " + ", ".join(f"({i}, 'x')" for i in range(50)))
    changes = [ws.expect("change") for _ in range(50)]
    assert all(len(change["rows"]) == 1 for change in changes)
    seqs = [int(change["rows"][0]["_seq"]) for change in changes]
    assert seqs == sorted(set(seqs))


def test_projection(live, ns):
    table = user_table(live, ns, "id INT PRIMARY KEY, a TEXT, b TEXT")
    ws = live.socket("alice")
    ws.subscribe("s1", f"SELECT a FROM {table}", {})
    ack, _ = ws.snapshot("s1")
    assert [column["name"] for column in ack["schema"]] == ["a"]
    alice = live.client("alice")
    alice.run(f"INSERT INTO {table} (id, a, b) VALUES (1, 'x', 'y')")
    assert set(ws.expect("change")["rows"][0]) - {"_deleted"} == {"a", "_seq"}
    alice.run(f"UPDATE {table} SET a = 'z' WHERE id = 1")
    change = ws.expect("change")
    assert set(change["rows"][0]) == {"id", "a", "_seq"} and set(change["old_values"][0]) == {"id", "a", "_seq"}
    for sql in (f"SELECT _seq FROM {table}", f"SELECT a, _deleted FROM {table}"):
        ws.subscribe("s2", sql, {})
        assert "cannot project system columns" in ws.expect("error", "s2")["message"]


def test_rows_that_leave_the_filter_are_deleted(live, ns):
    table = user_table(live, ns, "id INT PRIMARY KEY, done BOOLEAN")
    ws = watch(live, f"SELECT * FROM {table} WHERE done = false")
    alice = live.client("alice")
    alice.run(f"INSERT INTO {table} (id, done) VALUES (1, false), (2, true)")
    assert ws.expect("change")["rows"][0]["id"] == 1
    alice.run(f"UPDATE {table} SET done = true WHERE id = 1")
    change = ws.expect("change")
    assert change["change_type"] == "delete" and change["old_values"][0]["id"] == 1
    alice.run(f"UPDATE {table} SET done = false WHERE id = 2")
    assert ws.expect("change")["change_type"] == "update", "entering is an update, as clients know it"
    alice.run(f"DELETE FROM {table} WHERE id = 1")
    assert ws.silent(0.4), "it had left before"


@pytest.mark.parametrize("where, matching", [
    ("temp > 50 OR battery < 15", [1, 2]), ("temp BETWEEN 55 AND 65", [1]), ("name IN ('a', 'c')", [1, 3]), ("name LIKE 'b%'", [2]),
    ("battery IS NULL", [4]), ("temp + 1 = 61", [1]), ("upper(name) = 'A' AND NOT temp < 10", [1]), ("CAST(temp AS TEXT) = '20'", [2, 3]),
    ("owner = CURRENT_USER()", [3]),
])
def test_every_predicate_of_select(live, ns, where, matching):
    table = user_table(live, ns, "id INT PRIMARY KEY, name TEXT, temp DOUBLE, battery INT, owner TEXT")
    inserts = f"INSERT INTO {table} (id, name, temp, battery, owner) VALUES (1, 'a', 60, 90, 'x'), (2, 'b', 20, 10, 'y'), (3, 'c', 20, 90, 'alice'), (4, 'd', 5, NULL, 'z')"
    before = watch(live, f"SELECT * FROM {table} WHERE {where}")
    live.client("alice").run(inserts)
    ws = live.socket("alice")
    ws.subscribe("s1", f"SELECT * FROM {table} WHERE {where}", {})
    _, pages = ws.snapshot("s1")
    selected = [int(row[0]) for row in live.client("alice").rows(f"SELECT id FROM {table} WHERE {where} ORDER BY id")]
    if "CAST" not in where:
        assert selected == matching
    assert sorted(row["id"] for page in pages for row in page["rows"]) == selected, "snapshot"
    assert [before.expect("change")["rows"][0]["id"] for _ in selected] == selected, "changes"
    assert before.silent(0.3)


@pytest.mark.parametrize("sql, code", [
    ("SELECT * FROM {t} LIMIT 5", "INVALID_SQL"), ("SELECT count(*) FROM {t}", "INVALID_SQL"), ("SELECT * EXCLUDE (id) FROM {t}", "INVALID_SQL"), ("SELECT * FROM {t} a, {t} b", "INVALID_SQL"),
    ("SELECT DISTINCT id FROM {t}", "INVALID_SQL"), ("SELECT id FROM {t} GROUP BY id", "INVALID_SQL"), ("WITH x AS (SELECT 1) SELECT * FROM {t}", "INVALID_SQL"),
    ("INSERT INTO {t} (id) VALUES (1)", "INVALID_SQL"), ("SELECT * FROM {t}; SELECT 1", "INVALID_SQL"), ("", "INVALID_SQL"), ("nonsense", "INVALID_SQL"),
    ("SELECT * FROM {t} WHERE nope = 1", "INVALID_SQL"), ("SELECT * FROM {ns}.missing", "NOT_FOUND"), ("SELECT * FROM nowhere.t", "NOT_FOUND"),
])
def test_what_cannot_be_subscribed(live, ns, sql, code):
    table = user_table(live, ns, "id INT PRIMARY KEY")
    ws = live.socket("alice")
    ws.subscribe("s1", sql.format(t=table, ns=ns), {})
    error = ws.expect("error", "s1")
    assert error["code"] == code and error["message"]
    assert ws.silent(0.3), "exactly one error and nothing else"
    assert live.client("root").rows("SELECT subscription_id FROM system.live WHERE user_id = 'alice' AND subscription_id = 's1'") == []


def test_order_by_and_comments_are_taken(live, ns):
    table = user_table(live, ns, "id INT PRIMARY KEY, label TEXT")
    ws = watch(live, f"SELECT * FROM {table} ORDER BY label DESC")
    ws.subscribe("s2", f"SELECT * FROM {table} -- my marker", {})
    ws.snapshot("s2")
    queries = [row[0] for row in live.client("root").rows("SELECT query FROM system.live")]
    assert f"SELECT * FROM {table} -- my marker" in queries


def test_users_do_not_see_each_other(live, ns):
    table = user_table(live, ns, "id INT PRIMARY KEY, label TEXT")
    alice, bob, dora = (watch(live, f"SELECT * FROM {table}", user) for user in ("alice", "bob", "dba_dora"))
    second = watch(live, f"SELECT * FROM {table}", "alice")
    live.client("alice").run(f"INSERT INTO {table} (id, label) VALUES (1, 'of alice')")
    live.client("bob").run(f"INSERT INTO {table} (id, label) VALUES (1, 'of bob')")
    assert alice.expect("change")["rows"][0]["label"] == "of alice"
    assert second.expect("change")["rows"][0]["label"] == "of alice", "every socket of a user gets it"
    assert bob.expect("change")["rows"][0]["label"] == "of bob"
    for ws in (alice, bob, dora, second):
        assert ws.silent(0.3)


def test_namespaces_are_apart(live, ns):
    root = live.client("root")
    root.run(f"CREATE NAMESPACE {ns}_b")
    a = user_table(live, ns, "id INT PRIMARY KEY", "events")
    b = user_table(live, ns + "_b", "id INT PRIMARY KEY", "events")
    ws = watch(live, f"SELECT * FROM {a}")
    live.client("alice").run(f"INSERT INTO {b} (id) VALUES (1)")
    assert ws.silent(0.3)
    live.client("alice").run(f"INSERT INTO {a} (id) VALUES (2)")
    assert ws.expect("change")["rows"][0]["id"] == 2


def test_shared_tables(live, ns):
    root = live.client("root")
    root.run(f"CREATE SHARED TABLE {ns}.common (id INT PRIMARY KEY, label TEXT)")
    root.run(f"ALTER TABLE {ns}.common SET ACCESS LEVEL public")
    root.run(f"CREATE SHARED TABLE {ns}.secret (id INT PRIMARY KEY)")
    alice, bob, sam = (watch(live, f"SELECT * FROM {ns}.common", user) for user in ("alice", "bob", "service_sam"))
    root.run(f"INSERT INTO {ns}.common (id, label) VALUES (1, 'for all')")
    for ws in (alice, bob, sam):
        assert ws.expect("change")["rows"][0]["label"] == "for all"
    alice.subscribe("no", f"SELECT * FROM {ns}.secret", {})
    error = alice.expect("error", "no")
    assert error["code"] == "UNAUTHORIZED" and "secret" in error["message"]
    sam.subscribe("yes", f"SELECT * FROM {ns}.secret", {})
    assert sam.snapshot("yes")


def test_system_tables_are_refused_to_users(live):
    ws = live.socket("alice")
    ws.subscribe("s1", "SELECT * FROM system.users", {})
    assert ws.expect("error", "s1")["code"] in ("UNAUTHORIZED", "NOT_FOUND", "INVALID_SQL", "UNSUPPORTED")


def test_transactions_deliver_at_commit_together(live, ns):
    table = user_table(live, ns, "id INT PRIMARY KEY, label TEXT")
    ws = watch(live, f"SELECT * FROM {table}")
    alice = live.client("alice")
    alice.run(f"BEGIN; INSERT INTO {table} (id, label) VALUES (1, 'a'); UPDATE {table} SET label = 'b' WHERE id = 1; "
              f"INSERT INTO {table} (id, label) VALUES (2, 'c'); ROLLBACK")
    assert ws.silent(0.4), "a rollback says nothing"
    alice.run(f"BEGIN; INSERT INTO {table} (id, label) VALUES (1, 'a'); UPDATE {table} SET label = 'b' WHERE id = 1; "
              f"INSERT INTO {table} (id, label) VALUES (2, 'c'); COMMIT")
    seen = {}
    seqs = []
    while seen != {1: "b", 2: "c"}:
        change = ws.expect("change")
        row = change["rows"][0]
        seen[row["id"]] = row["label"]
        seqs.append(int(row["_seq"]))
    assert seqs == sorted(set(seqs))
    assert ws.silent(0.3)


def test_add_column_keeps_the_subscription(live, ns):
    table = user_table(live, ns, "id INT PRIMARY KEY, label TEXT")
    ws = watch(live, f"SELECT * FROM {table}")
    live.client("root").run(f"ALTER TABLE {table} ADD COLUMN extra TEXT")
    live.client("alice").run(f"INSERT INTO {table} (id, label, extra) VALUES (1, 'x', 'new')")
    assert ws.expect("change")["rows"][0]["extra"] == "new"


def test_drop_table_tells_its_subscribers(live, ns):
    table = user_table(live, ns, "id INT PRIMARY KEY")
    ws = watch(live, f"SELECT * FROM {table}")
    live.client("root").run(f"DROP TABLE {table}")
    error = ws.expect("error", "s1")
    assert error["code"] == "TABLE_DROPPED" and table in error["message"]
    ws.subscribe("s1", f"SELECT * FROM {table}", {})
    assert ws.expect("error", "s1")["code"] == "NOT_FOUND"


def test_every_type_is_encoded_as_in_sql_answers(live, ns):
    columns = ("id BIGINT PRIMARY KEY, b BOOLEAN, si SMALLINT, i INT, f FLOAT, d DOUBLE, t TEXT, ts TIMESTAMP, dt DATETIME, da DATE, ti TIME, "
               "j JSON, by BYTES, u UUID, de DECIMAL(10, 2)")
    table = user_table(live, ns, columns)
    ws = watch(live, f"SELECT * FROM {table}")
    packed = watch(live, f"SELECT * FROM {table}", packed=True)
    alice = live.client("alice")
    alice.run(f"INSERT INTO {table} VALUES (9007199254740993, true, -5, 7, 0.5, 1e300, 'h\u00e9 \"q\"', '2026-01-02 03:04:05.678901', "
                      f"'2026-01-02 03:04:05', '2026-01-02', '03:04:05', '{{\"a\": [1]}}', 'bytes', '0190b8c8-0000-7000-8000-000000000001', 12.34)")
    row = ws.expect("change")["rows"][0]
    again = live.socket("alice")
    again.subscribe("s2", f"SELECT * FROM {table}", {})
    _, pages = again.snapshot("s2")
    assert row == pages[0]["rows"][0], "materialised lists compare them"
    assert packed.expect("change")["rows"][0] == row
    answer = alice.run(f"SELECT *, _seq, _deleted FROM {table}")
    expected = dict(zip(answer.columns, answer.rows[0]))
    for name, value in row.items():
        assert value == expected[name], (name, value, expected[name])
    assert isinstance(row["id"], str) and isinstance(row["de"], str) and isinstance(row["j"], str)
    json.dumps(row)


def test_values_without_a_form_on_the_wire(live, ns):
    table = user_table(live, ns, "id INT PRIMARY KEY, d DOUBLE")
    ws = watch(live, f"SELECT * FROM {table}")
    fine = watch(live, f"SELECT id FROM {table}")
    live.client("alice").run(f"INSERT INTO {table} (id, d) VALUES (1, CAST('NaN' AS DOUBLE))")
    assert ws.expect("error", "s1")["code"] == "CONVERSION_ERROR"
    assert fine.expect("change", "s1")["rows"][0]["id"] == 1, "only those that select it"
    for options in ({}, {"from": 1}):
        ws.subscribe("s2", f"SELECT * FROM {table}", options)
        message = ws.expect("error", "s2")
        assert message["code"] == "CONVERSION_ERROR" and "NaN" in message["message"]
