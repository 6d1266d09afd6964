"""Subscriptions over a real socket: snapshots, changes, isolation, statements around them (realtime 2, 3, 8)."""
import itertools
import threading

import pytest

_names = itertools.count(1)
COLUMNS = "id BIGINT PRIMARY KEY, room TEXT, n INT, body TEXT"


@pytest.fixture
def table(live):
    """A fresh public shared table; its full name."""
    root = live.client()
    root.run("CREATE NAMESPACE IF NOT EXISTS app")
    name = f"app.t{next(_names)}"
    root.run(f"CREATE SHARED TABLE {name} ({COLUMNS}) WITH (ACCESS_LEVEL = 'public')")
    return name


@pytest.fixture
def mine(live):
    """A fresh user table; its full name."""
    root = live.client()
    root.run("CREATE NAMESPACE IF NOT EXISTS app")
    name = f"app.m{next(_names)}"
    root.run(f"CREATE USER TABLE {name} ({COLUMNS})")
    return name


def insert(client, table, *rows):
    values = ", ".join(f"({id}, '{room}', {n}, 'b{id}')" for id, room, n in rows)
    client.run(f"INSERT INTO {table} (id, room, n, body) VALUES {values}")


def ids(pages):
    return [row["id"] for page in pages for row in page["rows"]]


def live_rows(live, id):
    return live.client().run(f"SELECT * FROM system.live WHERE subscription_id = '{id}'").dicts


@pytest.mark.parametrize("packed", [False, True])
def test_snapshot_then_changes(live, table, packed):
    root = live.client()
    insert(root, table, (1, "r", 1), (2, "r", 2), (3, "r", 3))
    ws = live.socket("alice", packed=packed)
    ws.subscribe("s", f"SELECT * FROM {table}", {})
    ack, pages = ws.snapshot("s")
    assert ack["total_rows"] == 0 and ack["batch_control"] == pages[0]["batch_control"]
    assert [c["name"] for c in ack["schema"]] == ["id", "room", "n", "body", "_seq", "_deleted"]
    assert ids(pages) == ["1", "2", "3"] and pages[0]["rows"][0]["_deleted"] is False
    insert(root, table, (4, "r", 4))
    change = ws.expect("change", "s")
    assert change["change_type"] == "insert" and change["rows"][0]["id"] == "4" and "old_values" not in change
    root.run(f"UPDATE {table} SET n = NULL WHERE id = 4")
    change = ws.expect("change", "s")
    assert change["change_type"] == "update"
    assert set(change["rows"][0]) == {"id", "_seq", "room", "body"} and change["old_values"][0]["n"] == 4
    root.run(f"DELETE FROM {table} WHERE id = 4")
    change = ws.expect("change", "s")
    assert change["change_type"] == "delete" and change["old_values"][0]["id"] == "4" and change["old_values"][0]["_deleted"] is True


def test_thirty_rows_in_pages_of_three_with_writers(live, table):
    root = live.client()
    insert(root, table, *[(i, "r", i) for i in range(30)])
    ws = live.socket("alice")
    ws.subscribe("s", f"SELECT * FROM {table}", {"batch_size": 3})
    writer = threading.Thread(target=lambda: [insert(live.client(), table, (i, "r", i)) for i in range(100, 120)])
    writer.start()
    ack, pages = ws.snapshot("s")
    seen = [int(i) for i in ids(pages)]
    writer.join()
    assert len(pages) >= 10 and pages[-1]["batch_control"]["batch_num"] >= 9
    while len(seen) < 50:
        seen.append(int(ws.expect("change", "s")["rows"][0]["id"]))
    assert sorted(seen) == list(range(30)) + list(range(100, 120))


def test_options(live, table):
    root = live.client()
    for i in range(1, 11):
        insert(root, table, (i, "r", i))
    ws = live.socket("alice")
    ws.subscribe("last", f"SELECT * FROM {table}", {"last_rows": 3})
    ack, pages = ws.snapshot("last")
    assert ids(pages) == ["8", "9", "10"] and len(pages) == 1
    from_seq = int(pages[0]["rows"][0]["_seq"])
    ws.subscribe("from", f"SELECT * FROM {table}", {"from": from_seq})
    assert ids(ws.snapshot("from")[1]) == ["9", "10"]
    ws.subscribe("many", f"SELECT * FROM {table}", {"last_rows": 7, "batch_size": 2})
    assert ids(ws.snapshot("many")[1]) == [str(i) for i in range(4, 11)]
    ws.subscribe("live", f"SELECT * FROM {table}")
    assert ws.expect("subscription_ack", "live")["batch_control"]["status"] == "ready"
    assert ws.silent(0.2)


def test_update_of_a_row_that_leaves(live, table):
    root = live.client()
    insert(root, table, (1, "a", 1))
    ws = live.socket("alice")
    ws.subscribe("s", f"SELECT * FROM {table} WHERE room = 'a' AND body LIKE 'b%'", {})
    assert ids(ws.snapshot("s")[1]) == ["1"]
    root.run(f"UPDATE {table} SET n = 7 WHERE id = 1")
    change = ws.expect("change", "s")
    assert change["change_type"] == "update" and change["old_values"][0]["n"] == 1
    root.run(f"UPDATE {table} SET room = 'b' WHERE id = 1")
    change = ws.expect("change", "s")
    assert change["change_type"] == "delete" and change["old_values"][0]["id"] == "1"


def test_two_users_and_two_sockets(live, mine):
    alice, alice2, bob = live.socket("alice"), live.socket("alice"), live.socket("bob")
    for ws in (alice, alice2, bob):
        ws.subscribe("s", f"SELECT * FROM {mine}", {})
        assert ids(ws.snapshot("s")[1]) == []
    insert(live.client("alice"), mine, (1, "r", 1))
    for ws in (alice, alice2):
        assert ws.expect("change", "s")["rows"][0]["id"] == "1"
    assert bob.silent(0.2)


def test_impersonated_write_reaches_the_owner(live, mine):
    alice = live.socket("alice")
    alice.subscribe("s", f"SELECT * FROM {mine}", {})
    alice.snapshot("s")
    live.client("service_sam").run(f"EXECUTE AS USER 'alice' (INSERT INTO {mine} (id, room, n, body) VALUES (5, 'r', 5, 'x'))")
    assert alice.expect("change", "s")["rows"][0]["id"] == "5"


@pytest.mark.parametrize("sql, code", [
    ("SELECT * FROM app.nowhere", "NOT_FOUND"),
    ("SELECT * FROM nowhere", "INVALID_SQL"),
    ("SELECT * FROM {t} LIMIT 1", "INVALID_SQL"),
    ("SELECT nope FROM {t}", "INVALID_SQL"),
    ("DELETE FROM {t} WHERE id = 1", "INVALID_SQL"),
    ("SELECT * FROM {t} a, {t} b", "INVALID_SQL"),
    ("nonsense", "INVALID_SQL"),
])
def test_refusals(live, table, sql, code):
    ws = live.socket("alice")
    ws.subscribe("bad", sql.format(t=table), {})
    error = ws.expect("error", "bad")
    assert error["code"] == code, error
    assert live_rows(live, "bad") == []
    assert ws.silent(0.1)


def test_private_table_is_for_services(live):
    root = live.client()
    root.run("CREATE NAMESPACE IF NOT EXISTS app")
    name = f"app.p{next(_names)}"
    root.run(f"CREATE SHARED TABLE {name} ({COLUMNS})")
    ws = live.socket("alice")
    ws.subscribe("s", f"SELECT * FROM {name}", {})
    assert ws.expect("error", "s")["code"] == "UNAUTHORIZED"
    service = live.socket("service_sam")
    service.subscribe("s", f"SELECT * FROM {name}", {})
    service.snapshot("s")


def test_system_live_and_unsubscribe(live, table):
    ws = live.socket("alice")
    sql = f"SELECT * FROM {table} WHERE n > 1 -- marker"
    ws.subscribe("watched", sql, {"batch_size": 5})
    ws.subscribe("other", f"SELECT * FROM {table}", {})
    ws.snapshot("watched")
    ws.snapshot("other")
    insert(live.client(), table, (1, "r", 5))
    ws.next_of("watched")
    ws.next_of("other")
    [row] = live_rows(live, "watched")
    assert list(row) == ["live_id", "connection_id", "subscription_id", "namespace_id", "table_name", "user_id", "query", "options", "status",
                         "created_at", "last_update", "changes", "node_id", "last_ping_at"]
    assert row["query"] == sql and row["user_id"] == "alice" and row["options"] == '{"batch_size":5}' and row["status"] == "active"
    assert row["live_id"] == f"alice-{row['connection_id']}-watched" and len(row["connection_id"]) == 32
    assert f"{row['namespace_id']}.{row['table_name']}" == table and row["changes"] == "1" and row["last_update"] >= row["created_at"]
    ws.unsubscribe("watched")
    ws.subscribe("barrier", f"SELECT * FROM {table}")
    ws.expect("subscription_ack", "barrier")
    assert live_rows(live, "watched") == []
    insert(live.client(), table, (2, "r", 5))
    assert {ws.recv()["subscription_id"] for _ in range(2)} == {"other", "barrier"}
    ws.close()
    assert live_rows(live, "other") == []


def test_kill_live_query(live, table):
    ws = live.socket("alice")
    ws.subscribe("victim", f"SELECT * FROM {table}", {})
    ws.snapshot("victim")
    [row] = live_rows(live, "victim")
    assert not live.client("bob").sql(f"KILL LIVE QUERY '{row['live_id']}'").ok
    assert live.client().run(f"KILL LIVE QUERY '{row['live_id']}'").ok
    assert ws.expect("error", "victim")["code"] == "SUBSCRIPTION_KILLED"
    assert live_rows(live, "victim") == []
    assert not live.client().sql(f"KILL LIVE QUERY '{row['live_id']}'").ok
    # Its owner may, too.
    ws.subscribe("own", f"SELECT * FROM {table}", {})
    ws.snapshot("own")
    [row] = live_rows(live, "own")
    assert live.client("bob").sql(f"KILL LIVE QUERY '{row['live_id']}'").status == 403
    assert live.client("alice").run(f"KILL LIVE QUERY '{row['live_id']}'").result["message"] == f"Live query killed: {row['live_id']}"
    assert ws.expect("error", "own")["code"] == "SUBSCRIPTION_KILLED" and live_rows(live, "own") == []


def test_ddl_while_subscribed(live, table):
    root = live.client()
    insert(root, table, (1, "r", 1))
    ws = live.socket("alice")
    ws.subscribe("s", f"SELECT * FROM {table} WHERE n >= 0", {})
    ws.snapshot("s")
    root.run(f"ALTER TABLE {table} ADD COLUMN extra TEXT DEFAULT 'e'")
    insert(root, table, (2, "r", 2))
    assert ws.expect("change", "s")["rows"][0]["extra"] == "e"
    root.run(f"ALTER TABLE {table} SET ACCESS LEVEL private")
    insert(root, table, (3, "r", 3))
    assert ws.expect("error", "s")["code"] == "UNAUTHORIZED"
    service = live.socket("service_sam")
    service.subscribe("s", f"SELECT * FROM {table}", {})
    service.snapshot("s")
    root.run(f"DROP TABLE {table}")
    assert service.expect("error", "s")["code"] == "TABLE_DROPPED"


def test_a_column_of_the_condition_goes(live, table):
    root = live.client()
    root.run(f"ALTER TABLE {table} ADD COLUMN extra TEXT")
    ws = live.socket("alice")
    ws.subscribe("s", f"SELECT * FROM {table} WHERE extra LIKE 'e%'", {})
    ws.snapshot("s")
    root.run(f"ALTER TABLE {table} DROP COLUMN extra")
    error = ws.expect("error", "s")
    assert error["code"] == "INVALID_SQL"
    assert f"Table '{table}' was altered" in error["message"] and "extra" in error["message"]


def test_drop_can_be_refused(make_live):
    live = make_live({"live": {"refuse_drop_with_subscribers": True}})
    root = live.client()
    root.run(f"CREATE NAMESPACE app; CREATE USER TABLE app.t ({COLUMNS})")
    ws = live.socket("alice")
    ws.subscribe("s", "SELECT * FROM app.t", {})
    ws.snapshot("s")
    reply = root.sql("DROP TABLE app.t")
    assert not reply.ok and "app.t" in reply.message and "live" in reply.message
    ws.unsubscribe("s")
    ws.subscribe("barrier", "SELECT nope FROM app.t")
    ws.expect("error", "barrier")
    root.run("DROP TABLE app.t")


def test_resume_over_a_restart_sees_rows_and_deletes(make_live, rng):
    live = make_live()
    root = live.client()
    root.run(f"CREATE NAMESPACE app; CREATE SHARED TABLE app.t ({COLUMNS}) WITH (ACCESS_LEVEL = 'public')")
    model, known, cursor = {}, {}, None
    for round in range(6):
        with_socket = live.socket("alice")
        with_socket.subscribe("s", "SELECT * FROM app.t WHERE room = 'a'", {} if cursor is None else {"from": cursor})
        for step in range(30):
            id = rng.randrange(12)
            if id not in model:
                model[id] = rng.choice("ab")
                root.run(f"INSERT INTO app.t (id, room, n) VALUES ({id}, '{model[id]}', {step})")
            elif rng.random() < 0.4:
                del model[id]
                root.run(f"DELETE FROM app.t WHERE id = {id}")
            else:
                model[id] = rng.choice("ab")
                root.run(f"UPDATE app.t SET room = '{model[id]}', n = {1000 * round + step} WHERE id = {id}")
        marker = 1000 + round
        root.run(f"INSERT INTO app.t (id, room, n) VALUES ({marker}, 'a', 0)")
        model[marker] = "a"
        while marker not in known:
            message = with_socket.recv()
            gone = message.get("change_type") == "delete"
            for row in message.get("old_values" if gone else "rows", []):
                assert cursor is None or int(row["_seq"]) > cursor
                cursor = int(row["_seq"])
                known.pop(int(row["id"]), None) if gone else known.__setitem__(int(row["id"]), row)
        assert set(known) == {id for id, room in model.items() if room == "a"}
        with_socket.abort()
        for id in rng.sample(sorted(model), 2):
            del model[id]
            root.run(f"DELETE FROM app.t WHERE id = {id}")
        live.server.restart(kill=rng.random() < 0.5)
        root = live.client()


def test_slow_reader_is_caught_up_and_others_do_not_notice(make_live):
    live = make_live({"websocket": {"outbox_bytes": 65536}})
    root = live.client()
    root.run(f"CREATE NAMESPACE app; CREATE SHARED TABLE app.t ({COLUMNS}) WITH (ACCESS_LEVEL = 'public')")
    slow = live.socket("alice", receive_buffer=4096, query="compress=false")
    fast = live.socket("bob")
    for ws in (slow, fast):
        ws.subscribe("s", "SELECT * FROM app.t", {})
        ws.snapshot("s")
    body, rows, per = "x" * 1000, 6000, 100
    for start in range(0, rows, per):
        values = ", ".join(f"({i}, 'r', {i}, '{body}')" for i in range(start, start + per))
        root.run(f"INSERT INTO app.t (id, room, n, body) VALUES {values}")
    for ws in (fast, slow):
        for i in range(rows):
            assert ws.expect("change", "s")["rows"][0]["id"] == str(i)


def flush(root, table):
    """Moves the table's rows into files and waits until the job is over."""
    job = root.run(f"STORAGE FLUSH TABLE {table}").result["message"].split("Job ID: ")[1].rstrip(".")
    for _ in range(600):
        [row] = root.run(f"SELECT status, message FROM system.jobs WHERE job_id = '{job}'").dicts
        if row["status"] in ("completed", "failed", "skipped", "cancelled"):
            assert row["status"] == "completed", row
            return
        threading.Event().wait(0.05)  # poll interval of a job's status
    raise AssertionError(f"{job} did not end")


def test_flush_is_no_event_and_cold_rows_are_in_snapshots_and_resumes(live, table):
    root = live.client()
    insert(root, table, *[(i, "ab"[i % 2], i) for i in range(20)])
    watching = live.socket("bob")
    watching.subscribe("w", f"SELECT * FROM {table}", {})
    _, pages = watching.snapshot("w")
    seqs = [int(row["_seq"]) for row in pages[0]["rows"]]
    flush(root, table)
    insert(root, table, (100, "a", 100))
    assert watching.expect("change", "w")["rows"][0]["id"] == "100"
    root.run(f"UPDATE {table} SET n = 55 WHERE id = 3")  # a row in a file
    change = watching.expect("change", "w")
    assert change["change_type"] == "update" and change["old_values"][0]["n"] == 3 and int(change["old_values"][0]["_seq"]) == seqs[3]
    root.run(f"DELETE FROM {table} WHERE id = 4")
    change = watching.expect("change", "w")
    assert change["change_type"] == "delete" and change["old_values"][0]["n"] == 4

    ws = live.socket("alice")
    ws.subscribe("all", f"SELECT * FROM {table}", {"batch_size": 6})
    _, pages = ws.snapshot("all")
    assert ids(pages) == [str(i) for i in range(20) if i not in (3, 4)] + ["100", "3"]
    ws.subscribe("some", f"SELECT * FROM {table} WHERE room = 'a' AND n > 5", {"last_rows": 4})
    assert ids(ws.snapshot("some")[1]) == ["14", "16", "18", "100"]
    ws.subscribe("from", f"SELECT * FROM {table}", {"from": seqs[17]})
    assert ids(ws.snapshot("from")[1]) == ["18", "19", "100", "3"]
    assert ws.expect("change", "from")["old_values"][0]["id"] == "4"
    flush(root, table)
    assert watching.silent(0.2)


TERMS = ["b", "b = false", "b IS NULL", "s = -2", "s > -2", "i <> 5", "i BETWEEN 2 AND 7", "l = 9007199254740993", "l <= 4", "t = 'it''s \\ \"ü\"'", "t > 'b'", "t IS NOT NULL",
         "d = '2024-02-29'", "d < '1970-01-01'", "c = '23:59:59.999999'", "c >= '12:00:00'", "ts = '2024-01-02 03:04:05.678901'", "ts > '1999-12-31'", "dt < '2024-01-02 03:04:05'",
         "u = '550e8400-e29b-41d4-a716-446655440000'", "late = 'x'", "late IS NULL", "i = 5 AND t = 'b' AND s IS NULL", "i IN (5, 6) AND d IS NOT NULL"]


def test_plain_terms_over_files(live):
    """Files are asked for the rows that plain terms let through: as SELECT, for each type, over NULLs and columns that a file does not have."""
    root, table = live.client(), f"app.f{next(_names)}"
    root.run(f'CREATE NAMESPACE IF NOT EXISTS app; CREATE SHARED TABLE {table} (id INT PRIMARY KEY, b BOOLEAN, s SMALLINT, i INT, l BIGINT, t TEXT, d DATE, c TIME, ts TIMESTAMP, dt DATETIME, u UUID) '
             "WITH (ACCESS_LEVEL = 'public')")
    root.run(f"INSERT INTO {table} VALUES (1, true, -2, 5, 9007199254740993, 'it''s \\ \"ü\"', '2024-02-29', '23:59:59.999999', '2024-01-02 03:04:05.678901', '2024-01-02 03:04:04', "
             "'550e8400-e29b-41d4-a716-446655440000'), (2, false, 3, 6, 4, 'a', '1969-12-31', '00:00:00', '1999-12-31', '2025-01-01', '00000000-0000-0000-0000-000000000000')")
    root.run(f"INSERT INTO {table} (id) VALUES (3)")
    root.run(f"INSERT INTO {table} (id, i, t) VALUES (4, 5, 'b')")
    flush(root, table)
    root.run(f"ALTER TABLE {table} ADD COLUMN late TEXT DEFAULT 'x'")
    root.run(f"INSERT INTO {table} (id, late, i) VALUES (5, NULL, 5), (6, 'y', 7)")
    flush(root, table)
    root.run(f"UPDATE {table} SET i = 6 WHERE id = 4")
    ws = live.socket("root")
    for term in TERMS:
        expected = sorted(row[0] for row in root.rows(f"SELECT id FROM {table} WHERE {term}"))
        ws.subscribe("s", f"SELECT * FROM {table} WHERE {term}", {})
        rows = [row for page in ws.snapshot("s")[1] for row in page["rows"]]
        assert sorted(row["id"] for row in rows) == expected, term
        seqs = [int(row["_seq"]) for row in rows]
        assert seqs == sorted(set(seqs)), term
        ws.subscribe("s", f"SELECT * FROM {table} WHERE {term}", {"last_rows": 1})
        last = [int(row["_seq"]) for page in ws.snapshot("s")[1] for row in page["rows"]]
        assert last == seqs[-1:], term
