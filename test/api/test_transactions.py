"""Explicit transactions: BEGIN to COMMIT inside one request."""
import threading
import time

import pytest

import kalam_server
from test_cold import flush

ENGINE = {"X-Kalam-Plan": "engine"}
WAYS = [pytest.param(None, id="direct"), pytest.param(ENGINE, id="engine")]


def row_results(reply):
    return [result["rows"] for result in reply.expect_ok().results if "rows" in result]


def messages(reply):
    return [result.get("message", "") for result in reply.expect_ok().results]


@pytest.fixture
def table(root, ns):
    root.run(f"CREATE SHARED TABLE {ns}.t (id INT PRIMARY KEY, n INT, v TEXT)")
    root.run(f"INSERT INTO {ns}.t VALUES (1, 10, 'a'), (2, 20, 'b'), (3, 30, 'c')")
    return f"{ns}.t"


@pytest.mark.parametrize("way", WAYS)
def test_a_transaction_reads_its_own_writes(root, table, way):
    reply = root.sql(f"""BEGIN;
        INSERT INTO {table} VALUES (4, 40, 'd');
        UPDATE {table} SET n = n + 1 WHERE id = 1;
        UPDATE {table} SET n = n + 1 WHERE id = 1;
        DELETE FROM {table} WHERE id = 2;
        SELECT id, n, v FROM {table} ORDER BY id;
        SELECT n FROM {table} WHERE id = 1;
        SELECT id FROM {table} WHERE id = 2;
        SELECT id FROM {table} ORDER BY id DESC LIMIT 1;
        SELECT COUNT(*) FROM {table};
        SELECT SUM(n) FROM {table};
        SELECT a.id, b.id FROM {table} a JOIN {table} b ON a.n = b.n - 10 ORDER BY a.id;
        UPDATE {table} SET v = upper(v) WHERE n > 11;
        SELECT v FROM {table} WHERE id >= 3 ORDER BY id;
        COMMIT""", headers=way)
    assert row_results(reply) == [[[1, 12, "a"], [3, 30, "c"], [4, 40, "d"]], [[12]], [], [[4]], [["3"]], [["82"]], [[3, 4]], [["C"], ["D"]]]
    said = messages(reply)
    assert said[0].startswith("Transaction started (") and any(m.startswith("Transaction committed (") for m in said)
    assert said[0].split("(")[1] == next(m for m in said if "committed" in m).split("(")[1]
    counts = {r["message"]: r["rows_affected"] for r in reply.results if "row(s)" in r.get("message", "")}
    assert counts == {"Inserted 1 row(s)": 1, "Updated 5 row(s)": 5, "Deleted 1 row(s)": 1}
    assert root.rows(f"SELECT id, n, v FROM {table} ORDER BY id") == [[1, 12, "A"], [3, 30, "C"], [4, 40, "D"]]


@pytest.mark.parametrize("way", WAYS)
def test_rollback_leaves_nothing(root, table, way):
    before = root.rows(f"SELECT * FROM {table}")
    reply = root.run(f"BEGIN; INSERT INTO {table} VALUES (9, 9, 'x'); DELETE FROM {table} WHERE id > 0; SELECT COUNT(*) FROM {table}; ROLLBACK; SELECT COUNT(*) FROM {table}", headers=way)
    assert row_results(reply) == [[["0"]], [["3"]]]
    assert any(m.startswith("Transaction rolled back (") for m in messages(reply))
    assert root.rows(f"SELECT * FROM {table}") == before  # _seq too


@pytest.mark.parametrize("way", WAYS)
def test_a_failing_statement_rolls_back(root, table, way):
    reply = root.fails(f"BEGIN; INSERT INTO {table} VALUES (4, 40, 'd'); UPDATE {table} SET n = 0 WHERE id = 1; INSERT INTO {table} VALUES (2, 0, 'dup'); COMMIT",
                       headers=way, status=400, contains=["Statement 4 failed", "Primary key violation", "'2'"])
    assert reply.error["statement_index"] == 4
    assert root.rows(f"SELECT id, n FROM {table} ORDER BY id") == [[1, 10], [2, 20], [3, 30]]
    root.fails(f"BEGIN; DELETE FROM {table} WHERE id = 1; SELECT 1 / n::VARCHAR FROM {table}; COMMIT", headers=way)
    assert root.value(f"SELECT COUNT(*) FROM {table}") == "3"


def test_duplicates_inside_the_transaction(root, table):
    root.fails(f"BEGIN; INSERT INTO {table} VALUES (7, 1, ''); INSERT INTO {table} VALUES (7, 2, ''); COMMIT",
               contains="Primary key violation: value '7' appears multiple times in the transaction batch for column 'id'")
    root.run(f"BEGIN; DELETE FROM {table} WHERE id = 1; INSERT INTO {table} VALUES (1, 11, 'again'); COMMIT")
    assert root.rows(f"SELECT id, n FROM {table} WHERE id = 1") == [[1, 11]]


def test_a_missing_commit_rolls_back(root, table):
    reply = root.fails(f"BEGIN; DELETE FROM {table} WHERE id = 1", status=400, code="SQL_EXECUTION_ERROR",
                       contains="Request completed with an open explicit transaction; rolled back automatically")
    assert reply.message == "Request completed with an open explicit transaction; rolled back automatically"
    root.fails("BEGIN", contains="open explicit transaction")
    assert root.value(f"SELECT COUNT(*) FROM {table}") == "3"
    assert root.rows("SELECT * FROM system.transactions") == []


def test_several_blocks_and_statements_around_them(root, table):
    reply = root.run(f"INSERT INTO {table} VALUES (10, 1, ''); BEGIN; INSERT INTO {table} VALUES (11, 1, ''); COMMIT; START TRANSACTION; INSERT INTO {table} VALUES (12, 1, ''); "
                     f"ROLLBACK; BEGIN WORK; INSERT INTO {table} VALUES (13, 1, ''); COMMIT WORK; SELECT id FROM {table} WHERE id >= 10")
    assert row_results(reply) == [[[10], [11], [13]]]
    # What committed before a failure stays.
    root.fails(f"BEGIN; INSERT INTO {table} VALUES (14, 1, ''); COMMIT; INSERT INTO {table} VALUES (14, 1, '')")
    assert root.value(f"SELECT COUNT(*) FROM {table} WHERE id = 14") == "1"


def test_control_statements_out_of_place(root, table):
    for sql, verb in (("COMMIT", "COMMIT"), ("ROLLBACK", "ROLLBACK"), ("BEGIN; COMMIT; COMMIT", "COMMIT"), ("BEGIN; ROLLBACK; ROLLBACK", "ROLLBACK")):
        root.fails(sql, status=400, code="SQL_EXECUTION_ERROR", contains=f"{verb} requires an active explicit SQL transaction")
    reply = root.fails(f"BEGIN; INSERT INTO {table} VALUES (4, 4, ''); BEGIN; COMMIT", status=400, contains=["Conflict", "sql-req-", "already has an active transaction"])
    assert reply.error["statement_index"] == 3
    assert root.value(f"SELECT COUNT(*) FROM {table}") == "3"
    root.fails("EXECUTE AS USER 'bob' (BEGIN)", contains="cannot be wrapped")
    root.fails("BEGIN; SELECT 1; COMMIT; ROLLBACK TO SAVEPOINT x", status=501)
    assert len(root.run("BEGIN; COMMIT").results) == 2


@pytest.mark.parametrize("statement", ["CREATE NAMESPACE {ns}_x", "CREATE SHARED TABLE {ns}.x (id INT PRIMARY KEY)", "ALTER TABLE {ns}.t ADD COLUMN z INT", "DROP TABLE {ns}.t",
                                       "CREATE USER {ns}_u WITH PASSWORD 'Secret-123' ROLE user", "DROP USER IF EXISTS nobody_here", "ALTER NAMESPACE {ns} SET OPTIONS (a = 1)"])
def test_what_cannot_be_taken_back_is_refused(root, ns, table, statement):
    reply = root.fails(f"BEGIN; INSERT INTO {table} VALUES (4, 4, ''); {statement.format(ns=ns)}; COMMIT", status=400, contains="not allowed inside explicit transaction '")
    if statement.split()[1] in ("NAMESPACE", "SHARED", "TABLE"):
        assert "DDL is not allowed inside explicit transaction" in reply.message
    assert root.value(f"SELECT COUNT(*) FROM {table}") == "3"
    assert root.rows(f"SELECT * FROM system.users WHERE user_id = '{ns}_u'") == []


def test_system_tables_are_outside(root, table):
    root.fails("BEGIN; SELECT * FROM system.tables; COMMIT", status=400, contains="system tables are not supported inside explicit transactions")
    assert row_results(root.run("BEGIN; SHOW TABLES; SELECT 1; COMMIT"))[-1] == [[1]]


def test_user_tables_and_execute_as(root, alice, ns):
    root.run(f"CREATE USER TABLE {ns}.u (id INT PRIMARY KEY, v TEXT)")
    alice.run(f"BEGIN; INSERT INTO {ns}.u VALUES (1, 'alice'); COMMIT")
    reply = root.run(f"BEGIN; INSERT INTO {ns}.u VALUES (1, 'root'); EXECUTE AS USER '{alice.user}' (INSERT INTO {ns}.u VALUES (2, 'for alice')); "
                     f"EXECUTE AS USER '{alice.user}' (SELECT id, v FROM {ns}.u ORDER BY id); SELECT id, v FROM {ns}.u; COMMIT")
    assert row_results(reply) == [[[1, "alice"], [2, "for alice"]], [[1, "root"]]]
    assert alice.rows(f"SELECT id FROM {ns}.u ORDER BY id") == [[1], [2]]
    root.run(f"BEGIN; EXECUTE AS USER '{alice.user}' (DELETE FROM {ns}.u WHERE id = 1); ROLLBACK")
    assert alice.rows(f"SELECT id FROM {ns}.u ORDER BY id") == [[1], [2]]
    alice.fails(f"BEGIN; INSERT INTO {ns}.u VALUES (3, ''); INSERT INTO {ns}.missing VALUES (1); COMMIT")
    assert alice.value(f"SELECT COUNT(*) FROM {ns}.u") == "2"


@pytest.mark.parametrize("way", WAYS)
def test_rows_in_the_cold_tier(root, table, way):
    flush(root, table)
    reply = root.sql(f"""BEGIN;
        UPDATE {table} SET n = n + 5 WHERE id = 1;
        DELETE FROM {table} WHERE id = 2;
        INSERT INTO {table} VALUES (4, 40, 'd');
        DELETE FROM {table} WHERE id = 3;
        INSERT INTO {table} VALUES (3, 33, 'again');
        SELECT id, n, v FROM {table} ORDER BY id;
        SELECT COUNT(*) FROM {table};
        SELECT n FROM {table} WHERE id = 3;
        UPDATE {table} SET v = v || '!' WHERE n > 0;
        SELECT SUM(n) FROM {table};
        COMMIT""", headers=way)
    assert row_results(reply) == [[[1, 15, "a"], [3, 33, "again"], [4, 40, "d"]], [["3"]], [[33]], [["88"]]]
    assert root.rows(f"SELECT id, n, v FROM {table} ORDER BY id") == [[1, 15, "a!"], [3, 33, "again!"], [4, 40, "d!"]]
    flush(root, table)
    before = root.rows(f"SELECT id, n, v FROM {table} ORDER BY id")
    root.fails(f"BEGIN; DELETE FROM {table} WHERE id = 1; INSERT INTO {table} VALUES (3, 0, ''); COMMIT", headers=way, contains="value '3' already exists")
    root.run(f"BEGIN; DELETE FROM {table} WHERE id > 0; SELECT * FROM {table}; ROLLBACK", headers=way)
    assert root.rows(f"SELECT id, n, v FROM {table} ORDER BY id") == before


def test_parameters_do_not_go_with_a_batch(root, table):
    root.fails(f"BEGIN; INSERT INTO {table} VALUES ($1, 1, ''); COMMIT", [5], status=400, code="PARAMS_WITH_BATCH")


# Long enough to look at a request from outside, whatever else the machine does.
SLOW = "SELECT COUNT(*) FROM range(20000) a, range(20000) b WHERE a.range * b.range % 7 = 3"
PATIENT = {"execution": {"handler_timeout_seconds": 600}}


@pytest.fixture(scope="module")
def patient_server():
    with kalam_server.Server(PATIENT) as server:
        yield server


class Held:
    """A request that is still running: its transaction has begun, and a statement of it takes time."""

    def __init__(self, server, sql):
        self.client, self.reply = server.root(), None
        self.thread = threading.Thread(target=self._run, args=(sql,))
        self.thread.start()

    def _run(self, sql):
        self.reply = self.client.sql(sql)

    def join(self):
        self.thread.join(60)
        assert not self.thread.is_alive()
        return self.reply


def wait_for(condition):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
    raise AssertionError("it did not happen")


@pytest.fixture
def shared_table(patient_server):
    root = patient_server.root()
    root.run("DROP TABLE IF EXISTS default.t; CREATE SHARED TABLE default.t (id INT PRIMARY KEY, n INT, v TEXT)")
    root.run("INSERT INTO default.t VALUES (1, 10, 'a'), (2, 20, 'b'), (3, 30, 'c')")
    return "default.t"


def test_isolation_from_others_and_the_list_of_open_ones(patient_server, shared_table):
    server, root, table = patient_server, patient_server.root(), shared_table
    held = Held(server, f"BEGIN; INSERT INTO {table} VALUES (50, 1, 'mine'); UPDATE {table} SET v = 'mine' WHERE id = 1; {SLOW}; SELECT id, n, v FROM {table} ORDER BY id; COMMIT")
    opened = wait_for(lambda: [row for row in root.run("SELECT * FROM system.transactions").dicts if row["write_count"] == "2"])[0]
    assert opened["state"] == "open_write" and opened["origin"] == "SqlBatch" and opened["owner_id"].startswith("sql-req-")
    assert int(opened["write_bytes"]) > 0 and opened["touched_tables_count"] == "1" and int(opened["snapshot_commit_seq"]) > 0
    # Outside nothing is seen, and what others commit meanwhile is not seen inside.
    assert root.rows(f"SELECT id FROM {table} ORDER BY id") == [[1], [2], [3]]
    root.run(f"INSERT INTO {table} VALUES (60, 2, 'theirs'); UPDATE {table} SET n = 99 WHERE id IN (1, 2)")
    still_open = root.rows("SELECT * FROM system.transactions")
    reply = held.join()
    assert still_open, "the slow statement was not slow enough for this test"
    assert row_results(reply)[-1] == [[1, 10, "mine"], [2, 20, "b"], [3, 30, "c"], [50, 1, "mine"]]
    # Both commits hold; where they met, the later one wins.
    assert root.rows(f"SELECT id, n, v FROM {table} ORDER BY id") == [[1, 10, "mine"], [2, 99, "b"], [3, 30, "c"], [50, 1, "mine"], [60, 2, "theirs"]]
    assert root.rows("SELECT * FROM system.transactions") == []


def test_a_key_that_others_took_meanwhile_refuses_the_commit(patient_server, shared_table):
    server, root, table = patient_server, patient_server.root(), shared_table
    held = Held(server, f"BEGIN; INSERT INTO {table} VALUES (70, 1, 'mine'); UPDATE {table} SET v = 'mine' WHERE id = 1; {SLOW}; COMMIT")
    wait_for(lambda: [row for row in root.run("SELECT * FROM system.transactions").dicts if row["write_count"] == "2"])
    root.run(f"INSERT INTO {table} VALUES (70, 2, 'theirs')")
    reply = held.join()
    assert reply.status == 400 and "value '70' already exists in column 'id'" in reply.message and reply.error["statement_index"] == 5
    assert root.rows(f"SELECT id, v FROM {table} WHERE id IN (1, 70)") == [[1, "a"], [70, "theirs"]]


def test_increments_of_many_transactions(server, root, ns):
    root.run(f"CREATE SHARED TABLE {ns}.c (id INT PRIMARY KEY, n INT)")
    clients = [server.root() for _ in range(6)]
    failures = []

    def work(number, client):
        for i in range(20):
            key = number * 100 + i
            reply = client.sql(f"BEGIN; INSERT INTO {ns}.c VALUES ({key}, 1); INSERT INTO {ns}.c VALUES ({key + 10000}, 1); COMMIT")
            if not reply.ok:
                failures.append(reply.text)
            pairs = row_results(client.run(f"BEGIN; SELECT COUNT(*) FROM {ns}.c WHERE id < 10000; SELECT COUNT(*) FROM {ns}.c WHERE id >= 10000; COMMIT"))
            if pairs[0] != pairs[1]:
                failures.append(f"half a transaction was seen: {pairs}")

    threads = [threading.Thread(target=work, args=(number, client)) for number, client in enumerate(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert root.value(f"SELECT COUNT(*) FROM {ns}.c") == "240"


def test_switched_off():
    with kalam_server.Server({"transactions": {"enabled": False}}) as server:
        root = server.root()
        root.run("CREATE SHARED TABLE default.t (id INT PRIMARY KEY)")
        for sql in ("BEGIN", "COMMIT", "ROLLBACK", "START TRANSACTION", "BEGIN TRANSACTION"):
            reply = root.fails(sql, status=501, code="NOT_IMPLEMENTED_TRANSACTION", contains="Transaction support planned for Phase 11")
            assert "Phase 11" in reply.details
        root.fails("BEGIN; INSERT INTO default.t VALUES (1); COMMIT", status=501)
        assert root.rows("SELECT * FROM default.t") == []


def test_limits_and_conflict_rule():
    with kalam_server.Server({"transactions": {"max_buffer_bytes": 20_000, "conflicts": "first_commit_wins"}, **PATIENT}) as server:
        root = server.root()
        root.run("CREATE SHARED TABLE default.t (id INT PRIMARY KEY, v TEXT)")
        inserts = "; ".join(f"INSERT INTO default.t VALUES ({i}, '{'x' * 1000}')" for i in range(40))
        root.fails(f"BEGIN; {inserts}; COMMIT", status=400, contains=["exceeded buffer limit of 20000 bytes and was aborted", "transactions.max_buffer_bytes"])
        assert root.value("SELECT COUNT(*) FROM default.t") == "0"
        root.run("INSERT INTO default.t VALUES (1, 'a'), (2, 'b')")
        held = Held(server, f"BEGIN; UPDATE default.t SET v = 'mine' WHERE id IN (1, 2); {SLOW}; COMMIT")
        wait_for(lambda: [row for row in root.run("SELECT * FROM system.transactions").dicts if row["write_count"] == "2"])
        root.run("UPDATE default.t SET v = 'theirs' WHERE id = 2")
        reply = held.join()
        assert reply.status == 400 and "Conflict" in reply.message and "row '2'" in reply.message
        assert root.rows("SELECT id, v FROM default.t ORDER BY id") == [[1, "a"], [2, "theirs"]]


def test_a_statement_that_takes_too_long_rolls_back():
    with kalam_server.Server({"execution": {"handler_timeout_seconds": 1}}) as server:
        root = server.root()
        root.run("CREATE SHARED TABLE default.t (id INT PRIMARY KEY)")
        reply = root.sql("BEGIN; INSERT INTO default.t VALUES (1); SELECT COUNT(*) FROM range(1000000) a, range(1000000) b WHERE a.range * b.range % 7 = 3; COMMIT")
        assert (reply.status, reply.code) == (408, "TIMEOUT_HANDLER_EXECUTION") and reply.details["statement_type"] == "Select" and reply.details["timeout_seconds"] == 1
        assert root.rows("SELECT * FROM default.t") == [] and root.rows("SELECT * FROM system.transactions") == []


def test_a_client_that_goes_away_leaves_nothing(patient_server, shared_table):
    import socket
    root = patient_server.root()
    body = ('{"sql": "BEGIN; INSERT INTO %s VALUES (90, 1, \'gone\'); %s"}' % (shared_table, SLOW)).encode()
    with socket.create_connection(("127.0.0.1", patient_server.port), timeout=60) as connection:
        head = f"POST /v1/api/sql HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nAuthorization: Bearer {root.token}\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        wait_for(lambda: [row for row in root.run("SELECT * FROM system.transactions").dicts if row["write_count"] == "1"])
    wait_for(lambda: not root.rows("SELECT * FROM system.transactions"))
    assert root.rows(f"SELECT id FROM {shared_table} WHERE id = 90") == []
