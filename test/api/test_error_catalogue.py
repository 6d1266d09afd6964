"""Every error code of the SQL endpoint: its HTTP status, its shape and its details. The list is compared with the server's own table."""
import pathlib
import re

import pytest

import kalam_server

SOURCE = pathlib.Path(__file__).resolve().parents[2] / "src/front"
JSON = {"Content-Type": "application/json"}


class Case:
    def __init__(self, code, status, sql, params=None, role="root", message=None, details=None, text_details=False):
        self.code, self.status, self.sql, self.params, self.role = code, status, sql, params, role
        self.message, self.details, self.text_details = message, details or {}, text_details


CASES = [
    Case("EMPTY_SQL", 400, " ; -- nothing", message="No SQL statements provided"),
    Case("BATCH_PARSE_ERROR", 400, "SELECT 'open", message="Failed to parse SQL batch: Unterminated quoted string in SQL batch"),
    Case("BATCH_PARSE_ERROR", 400, "SELECT 1 /* open", message="Unterminated block comment in SQL batch"),
    Case("INVALID_SQL", 400, "SAVEPOINT x", message="Unsupported statement type: SAVEPOINT"),
    Case("INVALID_SQL", 400, "SELECT '" + "x" * 1_048_576 + "'", message="SQL query too long: "),
    Case("INVALID_SQL_SYNTAX", 400, "SELECT 1 FROM WHERE", details={"line": 1, "column": int}),
    Case("INVALID_PARAMETER", 400, "SELECT $1", [[1]], message="Parameter $1 invalid: Array parameters not yet supported"),
    Case("PARAMS_WITH_BATCH", 400, "SELECT 1; SELECT $1", [1], message="Parameters not supported with multi-statement batches"),
    Case("PARAM_COUNT_MISMATCH", 400, "SELECT $1, $2", [1], message="Parameter count mismatch: expected 2 parameters, got 1", details={"expected": 2, "actual": 1, "placeholders": ["$1", "$2"]}),
    Case("PARAM_COUNT_EXCEEDED", 400, "SELECT 1", [0] * 51, message="Parameter count exceeded: maximum 50 parameters allowed, got 51", details={"max": 50, "actual": 51}),
    Case("PARAM_SIZE_EXCEEDED", 400, "SELECT $1, $2", [1, "x" * 600_000], message="Parameter size exceeded: parameter at index 1 is ", details={"index": 1, "size_bytes": int, "max_bytes": 524_288}),
    Case("PARAM_TYPE_MISMATCH", 400, "INSERT INTO {ns}.t (id) VALUES ($1)", ["abc"], details={"index": int, "placeholder": "$1", "expected_type": str, "actual_type": str, "column_name": "id"}),
    Case("PARAMS_NOT_SUPPORTED", 400, "CREATE NAMESPACE nope", [1], message="Parameters are not supported for CREATE NAMESPACE statements",
         details={"statement_type": "CreateNamespace", "supported_types": ["SELECT", "INSERT", "UPDATE", "DELETE"]}),
    Case("AUTH_INSUFFICIENT_ROLE", 403, "CREATE NAMESPACE nope", role="alice", message="Admin privileges (DBA or System role) required for namespace operations",
         details={"required_roles": ["dba", "system"], "actual_role": "user", "operation": "CREATE NAMESPACE"}),
    Case("PERMISSION_DENIED", 403, "SELECT * FROM {ns}.t", role="alice", message="Access denied: Role 'User' cannot access table"),
    Case("PERMISSION_DENIED", 403, "EXECUTE AS USER 'root' (SELECT 1)", role="alice", message="EXECUTE AS USER is not authorized"),
    Case("NOT_FOUND_TABLE", 404, "SELECT * FROM {ns}.absent", message="Table 'absent' not found in namespace '{ns}'", details={"table_name": "absent", "namespace": str, "operation": "SELECT"}),
    Case("NOT_FOUND_TABLE", 404, "DROP TABLE {ns}.absent", details={"table_name": "absent", "namespace": str, "operation": "DROP TABLE"}),
    Case("NOT_FOUND_NAMESPACE", 404, "DROP NAMESPACE absent_ns", message="Namespace 'absent_ns' not found", details={"namespace": "absent_ns", "operation": "DROP NAMESPACE"}),
    Case("NOT_FOUND_NAMESPACE", 404, "CREATE SHARED TABLE absent_ns.t (id INT PRIMARY KEY)", message="does not exist. Create it first with CREATE NAMESPACE absent_ns",
         details={"namespace": "absent_ns", "operation": "CREATE TABLE"}),
    Case("NOT_FOUND_STORAGE", 404, "CREATE SHARED TABLE {ns}.x (id INT PRIMARY KEY) WITH (STORAGE_ID = 'absent')", details={"storage_id": "absent", "operation": "CREATE TABLE"}),
    Case("NOT_FOUND_USER", 404, "DROP USER absent_user", message="User 'absent_user' not found", details={"username": "absent_user", "operation": "DROP USER"}),
    Case("SQL_EXECUTION_ERROR", 400, "INSERT INTO {ns}.t VALUES (1, 'again')", message="Statement 1 failed: Already exists: Primary key violation: value '1' already exists in column 'id'"),
    Case("SQL_EXECUTION_ERROR", 400, "CREATE NAMESPACE {ns}", message="Already exists"),
    Case("SQL_EXECUTION_ERROR", 400, "INSERT INTO {ns}.t VALUES (2, NULL)", message="NOT NULL"),
    Case("SQL_EXECUTION_ERROR", 400, "UPDATE {ns}.t SET v = 'x'", message="WHERE"),
    Case("SQL_EXECUTION_ERROR", 400, "SELECT CAST('abc' AS INT)"),
    Case("SQL_EXECUTION_ERROR", 400, "BEGIN; BEGIN", message="Statement 2 failed: Conflict"),
    Case("INVALID_INPUT", 400, "EXECUTE AS USER 'x' (SELECT 1; SELECT 2)", message="single SQL statement"),
    Case("NOT_IMPLEMENTED_FEATURE", 501, "ROLLBACK TO SAVEPOINT x", text_details=True),
]

# Where the other codes are tested, or why they are not.
ELSEWHERE = {
    "INVALID_CREDENTIALS": "below", "TOKEN_EXPIRED": "below", "RATE_LIMIT_EXCEEDED": "test_errors", "TIMEOUT_HANDLER_EXECUTION": "test_errors",
    "NOT_IMPLEMENTED_TRANSACTION": "test_transactions", "SERVICE_UNAVAILABLE": "below", "INTERNAL_HANDLER_ERROR": "below", "INTERNAL_STORAGE_ERROR": "test/powercut",
}


@pytest.fixture
def filled(root, ns):
    root.run(f"CREATE SHARED TABLE {ns}.t (id INT PRIMARY KEY, v TEXT NOT NULL DEFAULT ''); INSERT INTO {ns}.t VALUES (1, 'a')")
    return ns


def check_envelope(reply):
    """What every failure of the endpoint looks like to every client."""
    body = reply.body
    assert body["status"] == "error" and body["results"] == [] and body["took"] >= 0 and body["elapsed_ms"] >= 0
    error = body["error"]
    assert error["code"] and error["message"] and error["request_id"] == body["request_id"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", error["timestamp"])
    if reply.status >= 500:  # strict decoders take these bodies apart
        assert isinstance(error.get("details", ""), str)


@pytest.mark.parametrize("case", CASES, ids=[f"{c.code}-{n}" for n, c in enumerate(CASES)])
def test_code(callers, filled, case):
    reply = callers[case.role].sql(case.sql.replace("{ns}", filled), case.params)
    assert (reply.status, reply.code) == (case.status, case.code), reply.text[:600]
    check_envelope(reply)
    if case.message:
        assert case.message.replace("{ns}", filled) in reply.message
    for key, wanted in case.details.items():
        found = reply.details[key]
        assert isinstance(found, wanted) if isinstance(wanted, type) else found == wanted, f"{key}: {found!r}"
    if case.text_details:
        assert isinstance(reply.details, str) and reply.details


def test_the_table_is_complete():
    text = (SOURCE / "error_table.cc").read_text()
    codes = set(re.findall(r'ErrorCode::k\w+, "([A-Z_]+)", \d{3}', text)) | set(re.findall(r'return "([A-Z_]+)"', text))
    assert len(codes) > 20
    tested = {case.code for case in CASES} | set(ELSEWHERE)
    assert codes <= tested, f"codes without a test: {sorted(codes - tested)}"
    assert set(ELSEWHERE) <= codes and {case.code for case in CASES} <= codes


def test_a_failing_handler():
    """A fault point makes one handler fail as a bug would: 500, the words only for administrators, and the server goes on."""
    with kalam_server.Server(env={"KALAMDB_FAULTS": "handler:SHOW LIMITS;handler:DESCRIBE TABLE"}) as server:
        root = server.root()
        root.run("CREATE USER ann WITH PASSWORD 'Anns-passw0rd' ROLE user; CREATE USER TABLE default.t (id INT PRIMARY KEY)")
        ann = server.client("ann", "Anns-passw0rd")
        for client, words in ((root, "Fault point of handler SHOW LIMITS"), (ann, "SQL request failed")):
            reply = client.sql("SHOW LIMITS")
            assert (reply.status, reply.code) == (500, "INTERNAL_HANDLER_ERROR"), reply.text
            assert words in reply.message and ("Fault" in reply.text) == (client is root)
            check_envelope(reply)
        # Inside a request: what came before stays, nothing behind it runs, a transaction is rolled back.
        reply = ann.sql("INSERT INTO default.t VALUES (1); DESCRIBE TABLE default.t; INSERT INTO default.t VALUES (2)")
        assert (reply.status, reply.code) == (500, "INTERNAL_HANDLER_ERROR")
        assert ann.sql("BEGIN; INSERT INTO default.t VALUES (3); SHOW LIMITS; COMMIT").status == 500
        assert ann.rows("SELECT id FROM default.t") == [[1]]


def test_credentials(server, root, alice):
    client = server.client()
    no_header = client.sql("SELECT 1")
    assert (no_header.status, no_header.code, no_header.message) == (401, "MISSING_AUTHORIZATION", "Authentication required")
    for header in ("Basic cm9vdDpyb290", "Bearer nonsense", "Digest x", f"Bearer {alice.refresh_token}"):
        reply = client.sql("SELECT 1", headers={"Authorization": header})
        assert (reply.status, reply.code, reply.message) == (401, "INVALID_CREDENTIALS", "Invalid credentials"), header
        check_envelope(reply)
    expired = kalam_server.make_token({**kalam_server.claims_for("alice", "user"), "exp": 1_700_000_000})
    reply = client.sql("SELECT 1", token=expired)
    assert (reply.status, reply.code, reply.message) == (401, "TOKEN_EXPIRED", "Invalid credentials")
    check_envelope(reply)


@pytest.mark.parametrize("body,message", [(b"{", "Invalid JSON payload"), (b'{"params": []}', "Invalid JSON payload"), (b'{"sql": 5}', "Invalid JSON payload")])
def test_bodies_that_are_no_request(root, body, message):
    response = root.request("POST", "/v1/api/sql", body=body, headers={**root.bearer(), **JSON})
    assert response.status == 400 and response.json()["error"]["code"] == "INVALID_INPUT" and message in response.json()["error"]["message"]


def test_a_full_queue_is_service_unavailable():
    import concurrent.futures
    with kalam_server.Server({"performance": {"worker_max_blocking_threads": 1, "worker_queue_max": 1}, "rate_limit": {"max_queries_per_sec": 0}}) as server:
        slow = "SELECT COUNT(*) FROM range(3000) a, range(3000) b WHERE a.range * b.range % 7 = 3"
        clients = [server.root() for _ in range(12)]
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            replies = list(pool.map(lambda client: client.sql(slow), clients))
        refused = [reply for reply in replies if not reply.ok]
        assert refused and {(r.status, r.code) for r in refused} == {(503, "SERVICE_UNAVAILABLE")}
        assert "performance.worker_queue_max" in refused[0].message and refused[0].headers["Retry-After"] == "1"
        check_envelope(refused[0])


COUNTS = [
    ("CREATE NAMESPACE {ns}_c", "rows_affected", 1), ("CREATE NAMESPACE IF NOT EXISTS {ns}_c", "rows_affected", 0), ("ALTER NAMESPACE {ns}_c SET OPTIONS (a = 1)", "rows_affected", 1),
    ("DROP NAMESPACE {ns}_c", "rows_affected", 1), ("DROP NAMESPACE IF EXISTS {ns}_c", "rows_affected", 0), ("SHOW NAMESPACES", "row_count", None),
    ("CREATE SHARED TABLE {ns}.c (id INT PRIMARY KEY, n INT)", "rows_affected", 1), ("CREATE TABLE IF NOT EXISTS {ns}.c (id INT PRIMARY KEY)", "rows_affected", 0),
    ("INSERT INTO {ns}.c VALUES (1, 1), (2, 2), (3, 3)", "rows_affected", 3), ("UPDATE {ns}.c SET n = 1 WHERE id < 3", "rows_affected", 1), ("UPDATE {ns}.c SET n = 1 WHERE id = 99", "rows_affected", 0),
    ("DELETE FROM {ns}.c WHERE id = 3", "rows_affected", 1), ("DELETE FROM {ns}.c WHERE id = 3", "rows_affected", 0), ("SELECT * FROM {ns}.c", "row_count", 2),
    ("EXPLAIN SELECT * FROM {ns}.c", "row_count", None), ("ALTER TABLE {ns}.c ADD COLUMN z INT", "rows_affected", 1), ("SHOW TABLES IN {ns}", "row_count", None),
    ("DESCRIBE TABLE {ns}.c", "row_count", None), ("DROP TABLE {ns}.c", "rows_affected", 1), ("DROP TABLE IF EXISTS {ns}.c", "rows_affected", 0), ("USE {ns}", "rows_affected", None),
    ("CREATE USER {ns}_u WITH PASSWORD 'Some-pass-1' ROLE user", "rows_affected", 1), ("ALTER USER {ns}_u SET EMAIL 'a@b.c'", "rows_affected", 1), ("DROP USER {ns}_u", "rows_affected", 1),
    ("DROP USER IF EXISTS {ns}_u", "rows_affected", 0),
]


def test_counts_of_every_statement_kind(root, filled):
    for sql, key, wanted in COUNTS:
        result = root.run(sql.replace("{ns}", filled)).result
        assert "row_count" in result, sql
        if key == "row_count":
            assert "rows_affected" not in result and result["row_count"] == len(result["rows"]), sql
        if wanted is not None:
            assert result[key] == wanted, f"{sql}: {result}"
    results = root.run("BEGIN; COMMIT").results
    assert [result["rows_affected"] for result in results] == [0, 0] and [result["row_count"] for result in results] == [0, 0]
