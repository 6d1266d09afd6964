"""Request, answer, batches and namespaces of POST /v1/api/sql (http-api 2.1-2.8, sql.md 1.0, 3.6)."""
import re
import uuid

import pytest

SQL = "/v1/api/sql"
DATA_TYPES = {"Boolean", "SmallInt", "Int", "BigInt", "Float", "Double", "Text", "Timestamp", "Date", "DateTime", "Time", "Json", "Bytes", "Uuid",
              "File"}


def assert_envelope(body):
    """What closed-enum clients decode, on every answer."""
    assert body["status"] in ("success", "error")
    assert isinstance(body["results"], list)
    assert isinstance(body["took"], (int, float)) and body["took"] >= 0
    assert isinstance(body["elapsed_ms"], (int, float)) and body["elapsed_ms"] >= 0
    uuid.UUID(body["request_id"])
    if body["status"] == "error":
        assert body["results"] == []
        assert isinstance(body["error"]["code"], str) and body["error"]["message"]
    else:
        assert body.get("error") is None
    for result in body["results"]:
        assert isinstance(result["row_count"], int) and isinstance(result["as_user"], str)
        if "rows" in result:
            assert result["row_count"] == len(result["rows"])
            assert "message" not in result
            for index, column in enumerate(result["schema"]):
                assert column["index"] == index and isinstance(column["name"], str)
                kind = column["data_type"]
                assert kind in DATA_TYPES or set(kind) <= {"Decimal", "Embedding"}
                assert set(column) <= {"name", "data_type", "index", "flags"}
                assert column.get("flags") != []
                assert [f for f in ("pk", "nn", "uq") if f in column.get("flags", [])] == column.get("flags", [])
            for row in result["rows"]:
                assert isinstance(row, list) and len(row) == len(result["schema"])
        else:
            assert "schema" not in result
            assert isinstance(result["message"], str)
            assert isinstance(result["rows_affected"], int)


@pytest.fixture
def table(root, ns):
    root.run(f"CREATE SHARED TABLE {ns}.t (id BIGINT PRIMARY KEY, title TEXT, n INT NOT NULL DEFAULT 7) WITH (ACCESS_LEVEL = 'public')")
    return f"{ns}.t"


def test_rows(root, table):
    root.run(f"INSERT INTO {table} (id, title) VALUES (43, NULL), (42, 'hello')")
    reply = root.run(f"SELECT id, title, n FROM {table}")
    assert_envelope(reply.body)
    assert reply.headers["Content-Type"].startswith("application/json")
    result = reply.result
    assert result["schema"] == [
        {"name": "id", "data_type": "BigInt", "index": 0, "flags": ["pk", "nn", "uq"]}, {"name": "title", "data_type": "Text", "index": 1},
        {"name": "n", "data_type": "Int", "index": 2, "flags": ["nn"]}]
    assert result["rows"] == [["42", "hello", 7], ["43", None, 7]]
    assert result["row_count"] == 2 and result["as_user"] == "root"


def test_no_rows_still_have_a_schema(root, table):
    for query in (f"SELECT id, title FROM {table} WHERE id = 1", f"SELECT id, title FROM {table} WHERE length(title) = 1"):
        result = root.run(query).result
        assert [c["name"] for c in result["schema"]] == ["id", "title"]
        assert result["rows"] == [] and result["row_count"] == 0


def test_computed_columns_have_no_flags(root, table):
    schema = root.run(f"SELECT id + 1 AS a, upper(title) AS b, 1 AS c, 'x' AS d, true AS e, COUNT(*) AS f FROM {table} GROUP BY ALL").result["schema"]
    assert all("flags" not in column for column in schema)
    assert [c["data_type"] for c in schema] == ["BigInt", "Text", "Int", "Text", "Boolean", "BigInt"]


def test_column_labels(root, table):
    assert root.run(f"SELECT id AS \"The Id\", title nice, n FROM {table}").columns == ["The Id", "nice", "n"]
    assert root.run(f"SELECT id, id FROM {table}").columns == ["id", "id"]


@pytest.mark.parametrize("kind,sql,count", [
    ("Inserted", "INSERT INTO {t} (id) VALUES (1), (2), (3)", 3), ("Updated", "UPDATE {t} SET title = 'x' WHERE id >= 0", 2),
    ("Deleted", "DELETE FROM {t} WHERE id > 0", 2)])
def test_dml_result(root, table, kind, sql, count):
    root.run(f"INSERT INTO {table} (id) VALUES (10), (11)")
    reply = root.run(sql.format(t=table))
    assert_envelope(reply.body)
    assert reply.result == {"row_count": count, "rows_affected": count, "message": f"{kind} {count} row(s)", "as_user": "root"}


def test_message_results_count_one_object(root, unique):
    name = unique("ns")
    reply = root.run(f"CREATE NAMESPACE {name}")
    assert_envelope(reply.body)
    assert reply.result["row_count"] == 0
    assert reply.result["rows_affected"] == 1
    assert reply.result["message"] == f"Namespace '{name}' created successfully"
    again = root.run(f"CREATE NAMESPACE IF NOT EXISTS {name}")
    assert again.result["rows_affected"] == 0
    assert again.result["message"] == f"Namespace '{name}' already exists"


def test_every_answer_has_request_id_and_elapsed(root, alice, table):
    for client, sql in ((root, "SELECT 1"), (root, "SHOW NAMESPACES"), (root, f"INSERT INTO {table} (id) VALUES (5)"), (root, "SELEC 1"), (root, ""),
                        (alice, "CREATE NAMESPACE x_y"), (root, "SELECT * FROM no_such_table"), (root, "SELECT 'open"), (root, "SELECT $1")):
        assert_envelope(client.sql(sql).body)
    refused = root.request("POST", SQL, json_body={"sql": "SELECT 1"}).expect(401).json()
    assert_envelope(refused)
    assert_envelope(root.request("POST", SQL, body=b"{", headers={**root.bearer(), "Content-Type": "application/json"}).json())


def test_request_ids_differ(root):
    assert len({root.run("SELECT 1").body["request_id"] for _ in range(20)}) == 20


def test_errors_carry_request_id_and_time(root):
    body = root.sql("SELECT * FROM no_such_table").body
    assert body["error"]["request_id"] == body["request_id"]
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", body["error"]["timestamp"])


# --- the request ---

@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b"null", b'"SELECT 1"', b"{}", b'{"sql":null}', b'{"sql":5}', b'{"sql":["SELECT 1"]}', b'{"sql":"SELECT 1","params":5}',
    b'{"sql":"SELECT 1","params":{"a":1}}', b'{"sql":"SELECT 1","params":"x"}', b'{"sql":"SELECT 1","namespace_id":5}', b'{"sql":"SELECT 1"} x',
    b'{"sql":"SELECT 1",}', b"{'sql':'SELECT 1'}", b'{"sql":"SELECT \xff1"}', b'{"sql":"SELECT 1"', b'\xef\xbb', b'{"query":"SELECT 1"}'])
def test_bad_payloads(root, body):
    response = root.request("POST", SQL, body=body, headers={**root.bearer(), "Content-Type": "application/json"}).expect(400)
    parsed = response.json()
    assert_envelope(parsed)
    assert parsed["error"]["code"] == "INVALID_INPUT"
    assert parsed["error"]["message"].startswith("Invalid JSON payload")


def test_deeply_nested_json_is_refused(root):
    for body in (b'{"sql":"SELECT 1","x":' + b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000):
        response = root.request("POST", SQL, body=body, headers={**root.bearer(), "Content-Type": "application/json"})
        response.expect(400)
    root.value("SELECT 1")


def test_content_type_must_be_json(root):
    for kind in ("text/plain", "application/x-www-form-urlencoded", None):
        response = root.request("POST", SQL, body=b'{"sql":"SELECT 1"}', headers={**root.bearer(), "Content-Type": kind})
        assert response.status == 400 and response.json()["error"]["code"] == "INVALID_INPUT"
    for kind in ("application/json", "application/json; charset=utf-8", "Application/JSON"):
        root.request("POST", SQL, body=b'{"sql":"SELECT 1"}', headers={**root.bearer(), "Content-Type": kind}).expect(200)


def test_unknown_fields_are_ignored_and_nulls_accepted(root):
    assert root.run("SELECT 1", shiny=True, options={"a": [1, 2]}).rows == [[1]]
    body = b'{"sql":"SELECT 1","params":null,"namespace_id":null}'
    root.request("POST", SQL, body=body, headers={**root.bearer(), "Content-Type": "application/json"}).expect(200)


def test_json_escapes_in_sql(root):
    body = rb'{"sql":"SELECT \u0027\u00e4\ud83d\ude00\\n\u0027 AS x"}'
    response = root.request("POST", SQL, body=body, headers={**root.bearer(), "Content-Type": "application/json"}).expect(200)
    assert response.json()["results"][0]["rows"] == [["ä😀\\n"]]


def test_spaces_around_the_payload(root):
    response = root.request("POST", SQL, body=b' \r\n{"sql" : "SELECT 1"}\n ', headers={**root.bearer(), "Content-Type": "application/json"})
    response.expect(200)


@pytest.mark.parametrize("sql", ["", " ", ";", ";;;", "-- only a comment", "/* only */ ; -- x\n", "\n\t"])
def test_empty_sql(root, sql):
    root.fails(sql, status=400, code="EMPTY_SQL", contains="No SQL statements provided")


def test_the_length_of_sql(root):
    exact = "SELECT 1 -- " + "x" * (1048576 - 12)
    assert len(exact) == 1048576
    assert root.run(exact).rows == [[1]]
    root.fails(exact + "x", status=400, code="INVALID_SQL", contains="SQL query too long: 1048577 bytes (maximum 1048576 bytes)")


def test_one_trailing_semicolon_and_comments(root):
    for sql in ("SELECT 1;", "SELECT 1 ; ", "/* a */ SELECT /* b */ 1 -- c", "-- first\nSELECT 1;\n-- last", "SELECT 1;;"):
        assert root.run(sql).rows == [[1]]


def test_semicolons_and_markers_inside_literals(root):
    assert root.run("SELECT ';', '--', '/*', \"a;b\" FROM (SELECT 1 AS \"a;b\")").rows == [[";", "--", "/*", 1]]
    assert root.run("SELECT 'it''s; ok'").rows == [["it's; ok"]]
    assert root.run("SELECT 'a' -- it's\n, 'b' /* it's; */ ;").rows == [["a", "b"]]


@pytest.mark.parametrize("sql,part", [
    ("SELECT 'abc", "Unterminated quoted string in SQL batch"), ('SELECT "abc', "Unterminated quoted string in SQL batch"),
    ("SELECT 1 /* abc", "Unterminated block comment in SQL batch")])
def test_unterminated_text(root, sql, part):
    root.fails(sql, status=400, code="BATCH_PARSE_ERROR", contains=["Failed to parse SQL batch", part])


# --- batches ---

def test_row_results_keep_their_order(root):
    reply = root.run("SELECT 1 AS a; SELECT 2 AS b; SELECT 3 AS c")
    assert_envelope(reply.body)
    assert [r["rows"] for r in reply.results] == [[[1]], [[2]], [[3]]]


def test_dml_of_a_batch_is_summed_at_the_end(root, table):
    reply = root.run(f"DELETE FROM {table} WHERE id = 999; INSERT INTO {table} (id) VALUES (1), (2); SELECT COUNT(*) FROM {table}; "
                     f"UPDATE {table} SET n = 1 WHERE id = 1; INSERT INTO {table} (id) VALUES (3); SELECT COUNT(*) FROM {table}; "
                     f"DELETE FROM {table} WHERE id = 2")
    assert_envelope(reply.body)
    assert [r.get("rows") for r in reply.results[:2]] == [[["2"]], [["3"]]]
    assert reply.results[2:] == [
        {"row_count": 3, "rows_affected": 3, "message": "Inserted 3 row(s)", "as_user": "root"},
        {"row_count": 1, "rows_affected": 1, "message": "Updated 1 row(s)", "as_user": "root"},
        {"row_count": 1, "rows_affected": 1, "message": "Deleted 1 row(s)", "as_user": "root"}]


def test_a_batch_of_dml_without_effect_still_has_an_entry_per_kind(root, table):
    reply = root.run(f"UPDATE {table} SET n = 1 WHERE id = -1; DELETE FROM {table} WHERE id = -1")
    assert [r["message"] for r in reply.results] == ["Updated 0 row(s)", "Deleted 0 row(s)"]


def test_a_single_dml_is_not_a_batch(root, table):
    assert root.run(f"; INSERT INTO {table} (id) VALUES (1);;").result["message"] == "Inserted 1 row(s)"


def test_ddl_in_a_batch_keeps_its_message(root, ns):
    reply = root.run(f"CREATE SHARED TABLE {ns}.b (id INT PRIMARY KEY); INSERT INTO {ns}.b VALUES (1); SELECT * FROM {ns}.b")
    assert len(reply.results) == 3
    assert "created" in reply.results[0]["message"]
    assert reply.results[2]["message"] == "Inserted 1 row(s)"


def test_a_message_that_says_inserted_is_not_folded(root, unique):
    name = unique("inserted_ns")
    reply = root.run(f"CREATE NAMESPACE {name}; SELECT 'Inserted 5 row(s)' AS message")
    assert len(reply.results) == 2


def test_the_first_failure_ends_the_batch_and_names_its_index(root, table):
    reply = root.fails(f"INSERT INTO {table} (id) VALUES (1); INSERT INTO {table} (id) VALUES (1); INSERT INTO {table} (id) VALUES (2)",
                       contains=["Statement 2 failed: ", "primary key"])
    assert_envelope(reply.body)
    assert root.rows(f"SELECT id FROM {table}") == [["1"]], "the statement before it stays, the one after it does not run"


def test_a_single_failing_statement_is_number_one(root, table):
    root.run(f"INSERT INTO {table} (id) VALUES (1)")
    root.fails(f"INSERT INTO {table} (id) VALUES (1)", contains="Statement 1 failed: ")


def test_all_statements_are_authorised_before_the_first_runs(alice, root, ns):
    root.run(f"CREATE USER TABLE {ns}.mine (id INT PRIMARY KEY); CREATE SHARED TABLE {ns}.closed (id INT PRIMARY KEY)")
    for second in ("CREATE USER evil WITH PASSWORD 'x' ROLE dba", "CREATE NAMESPACE evil_ns", f"DROP TABLE {ns}.mine", f"SELECT * FROM {ns}.closed",
                   f"INSERT INTO {ns}.closed VALUES (1)", f"DROP NAMESPACE {ns} CASCADE", "EXPLAIN SELECT 1",
                   f"EXECUTE AS USER root (SELECT * FROM {ns}.mine)", "ALTER USER root SET PASSWORD 'x'"):
        alice.fails(f"INSERT INTO {ns}.mine VALUES (1); {second}", status=403)
        assert alice.rows(f"SELECT * FROM {ns}.mine") == [], second


def test_an_unparsable_ddl_refuses_the_whole_batch(root, table):
    root.fails(f"INSERT INTO {table} (id) VALUES (1); CREATE TABLE", status=400)
    root.fails(f"INSERT INTO {table} (id) VALUES (1); FROBNICATE THE DATABASE", status=400)
    assert root.rows(f"SELECT * FROM {table}") == []


def test_a_long_batch(root, table):
    reply = root.run(";".join(f"INSERT INTO {table} (id) VALUES ({n})" for n in range(300)))
    assert reply.results == [{"row_count": 300, "rows_affected": 300, "message": "Inserted 300 row(s)", "as_user": "root"}]


# --- namespaces ---

def test_namespace_and_namespace_id_are_both_honoured(root, ns):
    root.run("CREATE SHARED TABLE things (id INT PRIMARY KEY)", namespace=ns)
    body = {"sql": "INSERT INTO things VALUES (1)", "namespace": ns}
    root.request("POST", SQL, json_body=body, headers=root.bearer()).expect(200)
    root.run("INSERT INTO things VALUES (2)", namespace=ns)
    body = {"sql": "SELECT id FROM things", "namespace": ns, "namespace_id": ns}
    assert root.request("POST", SQL, json_body=body, headers=root.bearer()).expect(200).json()["results"][0]["rows"] == [[1], [2]]
    assert root.rows(f"SELECT id FROM {ns}.things") == [[1], [2]]
    root.run("DELETE FROM things WHERE id = 1", namespace=ns)
    assert root.rows("SELECT id FROM things", namespace=ns.upper()) == [[2]]
    root.run("DROP TABLE things", namespace=ns)
    root.fails(f"SELECT * FROM {ns}.things", status=404)


def test_two_different_namespaces_are_refused(root, ns):
    body = {"sql": "SELECT 1", "namespace": ns, "namespace_id": "default"}
    assert root.request("POST", SQL, json_body=body, headers=root.bearer()).expect(400).json()["error"]["code"] == "INVALID_INPUT"


def test_without_a_namespace_names_resolve_in_default(root, unique):
    name = unique("plain")
    root.run(f"CREATE SHARED TABLE {name} (id INT PRIMARY KEY); INSERT INTO {name} VALUES (1)")
    assert root.rows(f"SELECT * FROM default.{name}") and root.rows(f"SELECT * FROM {name}", namespace="default")
    root.run(f"DROP TABLE {name}")


def test_ddl_resolves_in_the_request_namespace(root, ns):
    root.run("CREATE SHARED TABLE a (id INT PRIMARY KEY); ALTER TABLE a ADD COLUMN x TEXT; INSERT INTO a VALUES (1, 'q')", namespace=ns)
    assert [r[0] for r in root.rows("DESCRIBE TABLE a", namespace=ns)][:2] == ["id", "x"]
    assert root.rows("SELECT id, x FROM a", namespace=ns) == [[1, "q"]]


@pytest.mark.parametrize("name", ["a/b", "..", "a\\b", "a'b", 'a"b', "a b", "x" * 200, "nul\u0000x", "a;b", "日本"])
def test_an_impossible_namespace_is_refused_or_unknown(root, name):
    root.fails("SELECT * FROM t", namespace=name)
    root.fails("CREATE SHARED TABLE t (id INT PRIMARY KEY)", namespace=name)


def test_an_unknown_namespace(root):
    root.fails("SELECT * FROM t", namespace="no_such_ns", status=404, code=("NOT_FOUND_TABLE", "NOT_FOUND_NAMESPACE"))
    root.run("SELECT 1", namespace="no_such_ns")


def test_use_changes_the_namespace_for_the_rest_of_the_batch(root, ns):
    for spelling in (f"USE {ns}", f"USE NAMESPACE {ns}", f"SET NAMESPACE {ns}", f"USE '{ns}'", f'USE "{ns}"'):
        reply = root.run(f"{spelling}; CREATE SHARED TABLE u (id INT PRIMARY KEY); INSERT INTO u VALUES (1); SELECT * FROM {ns}.u; DROP TABLE u")
        assert reply.results[0]["message"] == f"Namespace switched to '{ns}'"
        assert reply.rows[0][0] == 1
    root.fails("SELECT * FROM u")
    root.fails("USE no_such_ns", contains="Namespace 'no_such_ns' does not exist")


def test_three_part_names(root, table):
    root.run(f"INSERT INTO kalam.{table} (id) VALUES (9)")
    assert root.rows(f"SELECT id FROM kalam.{table}") == [["9"]]
    root.fails(f"SELECT id FROM memory.{table}")
    root.fails(f"SELECT id FROM other.kalam.{table}")
