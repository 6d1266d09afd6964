"""The contract's errors (sql.md 7.3), redaction for callers without admin rights (5.5, http-api 2.10), timeouts and limits (6.3)."""
import concurrent.futures
import time

import pytest

from conftest import burst

SQL = "/v1/api/sql"
SLOW = "SELECT COUNT(*) FROM {t} a, {t} b, {t} c, {t} d WHERE a.id + b.id + c.id + d.id = -1"


# --- syntax ---

@pytest.mark.parametrize("sql,line,column", [
    ("SELEC 1", 1, 1), ("SELECT 1 FROM WHERE", 1, 15), ("SELECT 1,\n  2 +\n  FROM x", 3, 3), ("SELECT * FRM t", 1, 14), ("INSERT INTO t VALUES (1", 1, 24),
    ("UPDATE t SET WHERE id = 1", 1, 14), ("DELETE t", 1, 8), ("SELECT (1", 1, 10), ("WITH a AS SELECT 1", 1, 11)])
def test_syntax_errors_name_the_position(root, sql, line, column):
    reply = root.fails(sql, status=400)
    if sql.startswith("SELEC "):
        assert reply.code in ("INVALID_SQL", "INVALID_SQL_SYNTAX")
        return
    assert reply.code == "INVALID_SQL_SYNTAX", reply
    assert reply.details["line"] == line, reply
    assert abs(reply.details["column"] - column) <= 1, reply
    assert f"line {reply.details['line']}, column {reply.details['column']}" in reply.message


def test_the_position_counts_from_the_start_of_the_payload_or_the_statement(root):
    """In a batch the failing statement is named; the position lies inside it or inside the payload, and is never 0."""
    reply = root.fails("SELECT 1;\nSELECT 1 FROM WHERE", status=400, code="INVALID_SQL_SYNTAX")
    assert reply.details["line"] in (1, 2) and reply.details["column"] >= 1


@pytest.mark.parametrize("sql", ["FROBNICATE", "GRANT SELECT ON t TO u", "TRUNCATE t", "VACUUM", "CREATE INDEX i ON t (a)", "SAVEPOINT a", "MERGE INTO t USING s ON true",
                                 "PREPARE a AS SELECT 1", "EXECUTE a", "CREATE SCHEMA s", "CREATE DATABASE d", "CREATE SEQUENCE s", "CREATE MACRO m() AS 1",
                                 "CREATE TYPE t AS ENUM ('a')", "CREATE TEMP TABLE t (id INT PRIMARY KEY)", "CREATE TABLE t AS SELECT 1", "SHOW CREATE TABLE t",
                                 "42", "()", "'text'"])
def test_statements_that_do_not_exist(root, sql):
    root.fails(sql, code=("INVALID_SQL", "INVALID_SQL_SYNTAX", "NOT_IMPLEMENTED_FEATURE"))


@pytest.mark.parametrize("sql", ["CREATE TABLE", "CREATE NAMESPACE", "DROP TABLE", "ALTER TABLE t", "CREATE USER x", "CREATE SHARED TABLE t (id INT PRIMARY KEY",
                                 "CREATE SHARED TABLE t", "SHOW", "DESCRIBE", "ALTER USER u SET", "DROP USER", "USE", "CREATE NAMESPACE a b c", "SHOW TABLES IN",
                                 "SHOW NAMESPACES NOW"])
def test_broken_kalam_statements(root, sql):
    root.fails(sql, status=400, code=("INVALID_SQL", "INVALID_SQL_SYNTAX"))


# --- not found ---

def test_missing_tables(root, ns):
    for sql, operation in ((f"SELECT * FROM {ns}.nope", "SELECT"), (f"SELECT * FROM {ns}.nope WHERE id = 1", "SELECT"), (f"INSERT INTO {ns}.nope VALUES (1)", "INSERT"),
                           (f"UPDATE {ns}.nope SET a = 1 WHERE b = 1", "UPDATE"), (f"DELETE FROM {ns}.nope WHERE a = 1", "DELETE"), (f"DROP TABLE {ns}.nope", "DROP TABLE"),
                           (f"ALTER TABLE {ns}.nope ADD COLUMN a INT", "ALTER TABLE"), (f"DESCRIBE TABLE {ns}.nope", "DESCRIBE TABLE"),
                           (f"WITH c AS (SELECT * FROM {ns}.nope) SELECT 1 FROM c", "SELECT"), (f"SELECT (SELECT COUNT(*) FROM {ns}.nope)", "SELECT")):
        reply = root.fails(sql, status=404, code="NOT_FOUND_TABLE", contains=f"Table 'nope' not found in namespace '{ns}'")
        assert reply.details["table_name"] == "nope" and reply.details["namespace"] == ns, sql


def test_missing_namespaces(root):
    for sql in ("DROP NAMESPACE no_such_ns", "ALTER NAMESPACE no_such_ns SET OPTIONS (a = 1)"):
        reply = root.fails(sql, status=404, code="NOT_FOUND_NAMESPACE", contains="Namespace 'no_such_ns' not found")
        assert reply.details["namespace"] == "no_such_ns"
    root.fails("CREATE SHARED TABLE no_such_ns.t (id INT PRIMARY KEY)", status=404, code="NOT_FOUND_NAMESPACE",
               contains=["does not exist", "Create it first with CREATE NAMESPACE no_such_ns"])


def test_missing_users(root):
    for sql in ("DROP USER no_such_user", "ALTER USER no_such_user SET ROLE dba", "ALTER USER no_such_user SET PASSWORD 'x'"):
        reply = root.fails(sql, status=404, code="NOT_FOUND_USER", contains="User 'no_such_user' not found")
        assert reply.details["username"] == "no_such_user"


def test_missing_storage(root, ns):
    root.fails(f"CREATE SHARED TABLE {ns}.t (id INT PRIMARY KEY) WITH (STORAGE_ID = 'nowhere')", status=404, code="NOT_FOUND_STORAGE", contains="nowhere")


def test_missing_columns_and_functions(root, ns):
    root.run(f"CREATE SHARED TABLE {ns}.t (id INT PRIMARY KEY, v TEXT)")
    for sql in (f"SELECT nope FROM {ns}.t", f"SELECT id FROM {ns}.t WHERE nope = 1", f"INSERT INTO {ns}.t (id, nope) VALUES (1, 2)",
                f"UPDATE {ns}.t SET nope = 1 WHERE id = 1", f"UPDATE {ns}.t SET v = nope WHERE id = 1", f"DELETE FROM {ns}.t WHERE nope = 1",
                f"SELECT id FROM {ns}.t ORDER BY nope", f"SELECT t.nope FROM {ns}.t t"):
        root.fails(sql, status=400, contains="nope")
    root.fails("SELECT no_such_function(1)", status=400, contains="no_such_function")


# --- authorisation ---

@pytest.mark.parametrize("sql,operation", [
    ("CREATE NAMESPACE x1", "namespace"), ("ALTER NAMESPACE default SET OPTIONS (a = 1)", "namespace"), ("DROP NAMESPACE default", "namespace"),
    ("CREATE USER x1 WITH PASSWORD 'x' ROLE user", "user"), ("DROP USER bob", "user"), ("ALTER USER bob SET PASSWORD 'x'", "user"), ("EXPLAIN SELECT 1", "explain"),
    ("DROP TABLE IF EXISTS x1", "table")])
def test_statements_above_the_role(alice, service, sql, operation):
    for client, role in ((alice, "User"), (service, "Service")):
        reply = client.fails(sql, status=403)
        assert reply.code in ("AUTH_INSUFFICIENT_ROLE", "PERMISSION_DENIED"), reply
        text = reply.message.lower()
        assert any(word in text for word in ("privilege", "permission", "denied", "not allowed", "not authorized", "insufficient role", "only admins")), reply.message


def test_the_contract_of_an_insufficient_role(alice):
    reply = alice.fails("CREATE NAMESPACE x1", status=403, code="AUTH_INSUFFICIENT_ROLE")
    assert reply.details["actual_role"].lower() == "user"
    assert {role.lower() for role in reply.details["required_roles"]} == {"dba", "system"}
    assert "operation" in reply.details


def test_create_shared_table_needs_service(alice, service, ns):
    alice.fails(f"CREATE SHARED TABLE {ns}.s1 (id INT PRIMARY KEY)", status=403, contains="Insufficient")
    alice.fails(f"CREATE TABLE {ns}.s1 (id INT PRIMARY KEY)", status=403)
    service.run(f"CREATE SHARED TABLE {ns}.s1 (id INT PRIMARY KEY)")
    alice.run(f"CREATE USER TABLE {ns}.u1 (id INT PRIMARY KEY)")
    alice.fails(f"ALTER TABLE {ns}.s1 ADD COLUMN a INT", status=403, contains="Insufficient privileges to alter table")
    alice.run(f"ALTER TABLE {ns}.u1 ADD COLUMN a INT")
    service.run(f"ALTER TABLE {ns}.s1 ADD COLUMN a INT")
    for client in (alice, service):
        client.fails(f"DROP TABLE {ns}.u1", status=403, contains="Insufficient privileges to drop this table")


# --- redaction ---

def test_a_missing_table_is_not_named_to_users(alice, service, root, ns):
    for client in (alice, service):
        for sql in (f"SELECT * FROM {ns}.secret_plan", f"SELECT * FROM {ns}.secret_plan WHERE id = 1", f"INSERT INTO {ns}.secret_plan VALUES (1)",
                    f"DELETE FROM {ns}.secret_plan WHERE id = 1", f"UPDATE {ns}.secret_plan SET a = 1 WHERE id = 1",
                    f"SELECT 1 UNION SELECT id FROM {ns}.secret_plan"):
            reply = client.fails(sql)
            assert reply.message == "SQL statement failed", sql
            assert "secret_plan" not in reply.text and ns not in reply.text
    assert "secret_plan" in root.fails(f"SELECT * FROM {ns}.secret_plan").text


def test_a_table_one_may_not_see_and_a_table_that_is_not_there(alice, root, ns):
    """A private shared table answers 403 by name (http-api 3.11); that is the protocol's rule and leaks no rows."""
    root.run(f"CREATE SHARED TABLE {ns}.closed (id INT PRIMARY KEY, secret_column TEXT); INSERT INTO {ns}.closed VALUES (1, 'canary-1')")
    reply = alice.fails(f"SELECT secret_column FROM {ns}.closed", status=403, code="PERMISSION_DENIED")
    assert "canary-1" not in reply.text
    reply = alice.fails(f"SELECT no_column FROM {ns}.closed", status=403)
    assert "secret_column" not in reply.text


def test_public_texts(alice):
    assert alice.fails("SELECT 'open").message == "Failed to parse SQL batch"
    for sql in ("FROBNICATE", "CREATE USER TABLE t", "SELECT * FROM read_csv('/etc/passwd')"):
        reply = alice.fails(sql)
        if reply.code != "INVALID_SQL_SYNTAX":  # that one quotes only what the caller sent
            assert reply.message in ("SQL statement is invalid or not allowed", "SQL statement failed"), reply
            assert not reply.details
        assert "root:" not in reply.text


def test_what_users_may_see(alice, root, ns):
    root.run(f"CREATE USER TABLE {ns}.u (id INT PRIMARY KEY, v TEXT NOT NULL)")
    alice.run(f"INSERT INTO {ns}.u VALUES (1, 'a')")
    alice.fails(f"INSERT INTO {ns}.u VALUES (1, 'a')", contains="primary key")
    alice.fails(f"INSERT INTO {ns}.u VALUES (2, NULL)", contains=["NOT NULL", "'v'"])
    alice.fails(f"SELECT nope FROM {ns}.u", contains="nope")
    alice.fails("SELECT $1", [1, 2], contains="expected 1 parameters, got 2")
    alice.fails("SELECT $1", [[1]], contains="Array parameters not yet supported")
    alice.fails("BEGIN", contains="open explicit transaction")
    alice.fails(f"UPDATE {ns}.u SET v = 'x'", contains="WHERE")


def test_details_with_the_statement_are_for_administrators(alice, root, ns):
    root.run(f"CREATE USER TABLE {ns}.u (id INT PRIMARY KEY); INSERT INTO {ns}.u VALUES (1)")
    alice.run(f"INSERT INTO {ns}.u VALUES (1)")
    statement = f"INSERT INTO {ns}.u VALUES (1)"
    assert statement in root.fails(f"SELECT 1; {statement}").text
    assert statement not in alice.fails(f"SELECT 1; {statement}").text


def test_no_password_in_an_error(root):
    for sql in ("CREATE USER root WITH PASSWORD 'Hidden-Word-1' ROLE user", "ALTER USER nobody_there SET PASSWORD 'Hidden-Word-1'",
                "CREATE USER x WITH PASSWORD 'Hidden-Word-1' ROLE nonsense", "SELECT 1; CREATE USER root WITH PASSWORD 'Hidden-Word-1' ROLE user"):
        assert "Hidden-Word-1" not in root.fails(sql).text


def test_run_time_errors_of_the_engine_are_client_errors(root, alice):
    for sql in ("SELECT 1 / 0 FROM (SELECT 'abc'::INT)", "SELECT 'abc'::INT", "SELECT 9223372036854775807 + 1", "SELECT CAST('x' AS DATE)",
                "SELECT (SELECT x FROM (VALUES (1), (2)) v(x)) + 'a'::INT", "SELECT error('boom')"):
        root.fails(sql, status=400)
        assert alice.fails(sql).details in (None, "", {}), sql


# --- timeouts and limits ---

@pytest.fixture(scope="module")
def strict_server():
    import kalam_server
    config = {"execution": {"handler_timeout_seconds": 1}, "limits": {"max_insert_rows": 5, "max_response_bytes": 200_000, "max_columns_per_table": 8},
              "rate_limit": {"request_body_limit_bytes": 3_000_000}}
    with kalam_server.Server(config) as server:
        root = server.root()
        root.run("CREATE NAMESPACE app; CREATE SHARED TABLE app.t (id INT PRIMARY KEY, v TEXT); CREATE SHARED TABLE app.u (id INT PRIMARY KEY, v TEXT)")
        for start in range(0, 500, 5):
            root.run("INSERT INTO app.t (id, v) VALUES " + ", ".join(f"({n}, '{'x' * 500}')" for n in range(start, start + 5)))
        yield server
        server.assert_alive()


def test_a_heavy_query_times_out(strict_server):
    root = strict_server.root()
    started = time.monotonic()
    reply = root.fails(SLOW.format(t="app.t"), status=408, code=("TIMEOUT_HANDLER_EXECUTION", "TIMEOUT_QUERY_PLANNING"))
    assert time.monotonic() - started < 10
    assert reply.code == "TIMEOUT_HANDLER_EXECUTION" and "1s" in reply.message
    assert reply.details["timeout_seconds"] == 1 and reply.details["elapsed_ms"] >= 900 and "statement_type" in reply.details
    assert reply.results == []
    assert root.value("SELECT COUNT(*) FROM app.t") == "500"


def test_heavy_writes_time_out_and_write_nothing(strict_server):
    root = strict_server.root()
    root.fails(f"INSERT INTO app.u SELECT id, ({SLOW.format(t='app.t')})::TEXT FROM app.t WHERE id < 3", status=408)
    root.fails(f"UPDATE app.t SET v = 'gone' WHERE id = ({SLOW.format(t='app.t')})", status=408)
    root.fails(f"DELETE FROM app.t WHERE id = ({SLOW.format(t='app.t')})", status=408)
    assert root.rows("SELECT COUNT(*), COUNT(*) FILTER (v = 'gone') FROM app.t") == [["500", "0"]]
    assert root.value("SELECT COUNT(*) FROM app.u") == "0"


def test_other_callers_are_served_while_heavy_queries_run(strict_server):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        heavy = [pool.submit(lambda: strict_server.root().sql(SLOW.format(t="app.t"))) for _ in range(6)]
        client = strict_server.root()
        answered = 0
        while not all(f.done() for f in heavy):
            started = time.monotonic()
            assert client.rows("SELECT id FROM app.t WHERE id = 7") == [[7]]
            assert time.monotonic() - started < 5
            answered += 1
    assert answered > 10
    assert {f.result().status for f in heavy} <= {408, 503}


def test_the_timeout_bounds_the_whole_statement_even_when_it_waits_in_the_queue(strict_server):
    clients = [strict_server.root() for _ in range(8)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        started = time.monotonic()
        statuses = {reply.status for reply in pool.map(lambda c: c.sql(SLOW.format(t="app.t")), clients)}
    assert statuses <= {408, 503}
    assert time.monotonic() - started < 15


def test_rows_per_insert(strict_server):
    root = strict_server.root()
    root.run("DELETE FROM app.u WHERE true; INSERT INTO app.u (id) VALUES (1), (2), (3), (4), (5)")
    root.fails("INSERT INTO app.u (id) VALUES (11), (12), (13), (14), (15), (16)", contains=["5", "max_insert_rows"])
    root.fails("INSERT INTO app.u (id) SELECT id + 100 FROM app.t WHERE id < 6", contains="max_insert_rows")
    assert root.value("SELECT COUNT(*) FROM app.u") == "5"


def test_columns_per_table(strict_server):
    root = strict_server.root()
    wide = ", ".join(f"c{n} INT" for n in range(7))
    root.run(f"CREATE SHARED TABLE app.wide (id INT PRIMARY KEY, {wide})")
    root.fails("ALTER TABLE app.wide ADD COLUMN more INT", contains="column")
    root.fails(f"CREATE SHARED TABLE app.wider (id INT PRIMARY KEY, {wide}, more INT)", contains="column")


def test_response_size(strict_server):
    root = strict_server.root()
    for headers in (None, {"X-Kalam-Plan": "engine"}):
        root.fails("SELECT * FROM app.t", contains="max_response_bytes", headers=headers)
        assert len(root.rows("SELECT id FROM app.t", headers=headers)) == 500
        assert len(root.rows("SELECT * FROM app.t LIMIT 100", headers=headers)) == 100


def test_request_body_limit(strict_server):
    root = strict_server.root()
    body = b'{"sql":"SELECT 1", "x":"' + b"y" * 3_000_001 + b'"}'
    headers = {**root.bearer(), "Content-Type": "application/json"}
    try:
        response = root.request("POST", SQL, body=body, headers=headers)
    except (ConnectionError, OSError):
        response = None  # refused while we were still sending
    if response is not None:
        response.expect(413)
        parsed = response.json()
        assert parsed["error"] == "BODY_TOO_LARGE" and parsed["max_bytes"] == 3_000_000 and parsed["size_bytes"] == len(body)
    assert root.value("SELECT 1") == 1


def test_request_body_limit_holds_for_chunked_bodies(strict_server):
    import http.client
    root = strict_server.root()
    connection = http.client.HTTPConnection("127.0.0.1", strict_server.port, timeout=30)
    chunks = (b" " * 100_000 for _ in range(50))
    try:
        connection.request("POST", SQL, body=chunks, headers={**root.bearer(), "Content-Type": "application/json"}, encode_chunked=False)
        status = connection.getresponse().status
    except (ConnectionError, OSError, http.client.HTTPException):
        status = 413  # refused while we were still sending
    finally:
        connection.close()
    assert status == 413
    strict_server.assert_alive()


def test_row_caps_are_settings_and_say_so(make_server):
    server = make_server({"limits": {"default_query_limit": 3, "max_query_limit": 5}})
    root = server.root()
    root.run("CREATE NAMESPACE app; CREATE SHARED TABLE app.t (id INT PRIMARY KEY)")
    root.run("INSERT INTO app.t VALUES " + ", ".join(f"({n})" for n in range(10)))
    for headers in (None, {"X-Kalam-Plan": "engine"}):
        for sql, count, cut in (("SELECT id FROM app.t", 3, True), ("SELECT id FROM app.t LIMIT 4", 4, False), ("SELECT id FROM app.t LIMIT 8", 5, True),
                                ("SELECT id FROM app.t WHERE id < 2", 2, False), ("SELECT id FROM app.t WHERE id < 3", 3, False)):
            result = root.run(sql, headers=headers).result
            assert (result["row_count"], result.get("truncated", False)) == (count, cut), (sql, headers)
    assert root.run("INSERT INTO app.t SELECT id + 100 FROM app.t").affected == 10, "a cap on answers does not cut writes"
    assert root.value("SELECT COUNT(*) FROM app.t") == "20"


def test_no_row_cap_by_default(root, ns):
    root.run(f"CREATE SHARED TABLE {ns}.many (id INT PRIMARY KEY)")
    root.run(f"INSERT INTO {ns}.many VALUES " + ", ".join(f"({n})" for n in range(2500)))
    for headers in (None, {"X-Kalam-Plan": "engine"}):
        reply = root.run(f"SELECT id FROM {ns}.many", headers=headers)
        assert [row[0] for row in reply.rows] == list(range(2500)) and "truncated" not in reply.result


def test_queries_per_second_of_a_user(make_server):
    server = make_server({"rate_limit": {"max_queries_per_sec": 5}})
    root = server.root()
    replies = burst(server, lambda client: client.sql("SELECT 1", token=root.token))
    limited = [reply for reply in replies if reply.status == 429]
    assert limited and any(reply.ok for reply in replies)
    assert limited[0].code == "RATE_LIMIT_EXCEEDED" and limited[0].message == "Too many queries per second. Please slow down."
    give_up = time.monotonic() + 10
    while not root.sql("SELECT 1").ok:
        assert time.monotonic() < give_up, "the bucket refills"
        time.sleep(0.05)


def test_the_connection_guard_exempts_loopback_but_not_forwarded_clients(make_server):
    server = make_server({"rate_limit": {"max_requests_per_ip_per_sec": 5, "enable_connection_protection": True}})
    client = server.client()
    assert {client.request("GET", "/health").status for _ in range(30)} == {200}
    remote = {"X-Forwarded-For": "203.0.113.50"}
    responses = burst(server, lambda client: client.request("POST", "/v1/api/auth/logout", headers=remote))
    limited = {r.json()["error"]: r for r in responses if r.status == 429}
    assert set(limited) == {"RATE_LIMIT_EXCEEDED", "IP_BANNED"}
    assert limited["RATE_LIMIT_EXCEEDED"].headers["Retry-After"] == "1" and limited["IP_BANNED"].headers["Retry-After"] == "300"
    client.request("GET", "/health").expect(200)
