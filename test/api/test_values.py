"""Every column type: DDL spelling, accepted input, JSON encoding, through both ways of reading (http-api 2.6, 2.7; sql.md 2)."""
import datetime
import json
import uuid

import pytest

ENGINE = {"X-Kalam-Plan": "engine"}

DAY = 86_400_000_000
TS = int(datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc).timestamp()) * 1_000_000

# declared type, data_type in the schema, SQL name in DESCRIBE, [(SQL literal, JSON value)]
TYPES = [
    ("BOOLEAN", "Boolean", "BOOLEAN", [("true", True), ("false", False), ("'true'", True), ("'f'", False)]),
    ("SMALLINT", "SmallInt", "SMALLINT", [("-32768", -32768), ("32767", 32767), ("0", 0), ("'12'", 12)]),
    ("INT", "Int", "INT", [("-2147483648", -2147483648), ("2147483647", 2147483647), ("'7'", 7), ("1 + 1", 2)]),
    ("BIGINT", "BigInt", "BIGINT", [("0", "0"), ("-9223372036854775808", "-9223372036854775808"), ("9223372036854775807", "9223372036854775807"),
                                    ("9007199254740993", "9007199254740993"), ("'-5'", "-5")]),
    ("FLOAT", "Float", "FLOAT", [("0.1", 0.10000000149011612), ("-2.5", -2.5), ("3", 3.0), ("1e30", 1.0000000150474662e+30), ("'0.5'", 0.5)]),
    ("DOUBLE", "Double", "DOUBLE", [("0.1", 0.1), ("-1e308", -1e308), ("5e-324", 5e-324), ("3", 3.0), ("123456789.123456789", 123456789.12345679)]),
    ("DECIMAL(10,2)", {"Decimal": {"precision": 10, "scale": 2}}, "DECIMAL(10, 2)",
     [("200.75", "200.75"), ("0", "0.00"), ("-0.05", "-0.05"), ("-12.5", "-12.50"), ("99999999.99", "99999999.99"), ("'1.5'", "1.50"), ("7", "7.00")]),
    ("DECIMAL(5)", {"Decimal": {"precision": 5, "scale": 0}}, "DECIMAL(5, 0)", [("200", "200"), ("-99999", "-99999")]),
    ("DECIMAL", {"Decimal": {"precision": 38, "scale": 10}}, "DECIMAL(38, 10)", [("1.5", "1.5000000000")]),
    ("DECIMAL(38,10)", {"Decimal": {"precision": 38, "scale": 10}}, "DECIMAL(38, 10)",
     [("'1234567890123456789012345678.0123456789'", "1234567890123456789012345678.0123456789"), ("'-0.0000000001'", "-0.0000000001")]),
    ("TEXT", "Text", "TEXT", [("''", ""), ("'it''s'", "it's"), ("'ünï 日本 😀'", "ünï 日本 😀"), ("'\"q\" \\ / \t'", '"q" \\ / \t'), ("5", "5")]),
    ("JSON", "Json", "JSON", [("""'{"a": [1, 2]}'""", '{"a": [1, 2]}'), ("'null'", "null"), ("""'"x"'""", '"x"')]),
    ("BYTES", "Bytes", "BYTES", [("'abc'", [97, 98, 99]), ("''", []), ("from_hex('00FF0A')", [0, 255, 10]), (r"'\x00\xFF'::BLOB", [0, 255]), (r"'\x41'", [92, 120, 52, 49])]),
    ("TIMESTAMP", "Timestamp", "TIMESTAMP", [("'2024-01-02 03:04:05'", TS), ("'2024-01-02T03:04:05.678901'", TS + 678901), ("'1969-12-31 23:59:59.5'", -500000),
                                             ("TIMESTAMP '1970-01-01 00:00:00'", 0)]),
    ("DATETIME", "DateTime", "DATETIME", [("'2024-01-02 03:04:05'", TS), ("'2024-01-02T03:04:05Z'", TS), ("'2024-01-02T05:04:05+02:00'", TS)]),
    ("DATE", "Date", "DATE", [("'1970-01-01'", 0), ("'2024-01-02'", TS // DAY), ("'1969-12-31'", -1), ("DATE '2000-02-29'", 11016)]),
    ("TIME", "Time", "TIME", [("'00:00:00'", 0), ("'12:34:56.789'", 45296789000), ("'23:59:59.999999'", DAY - 1)]),
    ("UUID", "Uuid", "UUID", [("'550E8400-E29B-41D4-A716-446655440000'", "550e8400-e29b-41d4-a716-446655440000"),
                              ("'00000000-0000-0000-0000-000000000000'", "00000000-0000-0000-0000-000000000000"),
                              ("'ffffffff-ffff-ffff-ffff-ffffffffffff'", "ffffffff-ffff-ffff-ffff-ffffffffffff")]),
]
CASES = [(declared, shown, literal, value) for declared, shown, _, values in TYPES for literal, value in values]


@pytest.fixture(scope="module")
def tables(shared_server, callers):
    """One table per type: (id INT PRIMARY KEY, v <type>)."""
    root = callers["root"]
    root.run("CREATE NAMESPACE value_types")
    names = {}
    for number, (declared, _, _, _) in enumerate(TYPES):
        names[declared] = f"value_types.t{number}"
        root.run(f"CREATE SHARED TABLE {names[declared]} (id INT PRIMARY KEY, v {declared})")
    return names


@pytest.mark.parametrize("declared,shown,literal,value", CASES, ids=[f"{c[0]}-{c[2]}" for c in CASES])
def test_literal_to_json(root, tables, declared, shown, literal, value):
    table = tables[declared]
    root.run(f"DELETE FROM {table} WHERE true; INSERT INTO {table} VALUES (1, {literal}); INSERT INTO {table} (v, id) VALUES ({literal}, 2)")
    root.run(f"INSERT INTO {table} VALUES (3, NULL); UPDATE {table} SET v = {literal} WHERE id = 3")
    root.run(f"INSERT INTO {table} SELECT 4, v FROM {table} WHERE id = 1")
    for headers in (None, ENGINE):
        for where in ("id = 1", "id = 2", "id = 3", "id = 4", "id BETWEEN 1 AND 1"):
            reply = root.run(f"SELECT v FROM {table} WHERE {where}", headers=headers)
            assert reply.result["schema"] == [{"name": "v", "data_type": shown, "index": 0}]
            assert reply.rows == [[value]]
            assert type(reply.rows[0][0]) is type(value) or isinstance(value, float)
        assert root.value(f"SELECT COUNT(*) FROM {table} WHERE v IS NOT NULL", headers=headers) == "4"


@pytest.mark.parametrize("declared", [t[0] for t in TYPES])
def test_null_of_every_type(root, tables, declared):
    table = tables[declared]
    root.run(f"DELETE FROM {table} WHERE true; INSERT INTO {table} (id) VALUES (1); INSERT INTO {table} VALUES (2, NULL)")
    root.run(f"INSERT INTO {table} VALUES (3, $1)", [None])
    for headers in (None, ENGINE):
        assert root.rows(f"SELECT v FROM {table} ORDER BY id", headers=headers) == [[None]] * 3
        assert root.value(f"SELECT COUNT(*) FROM {table} WHERE v IS NULL", headers=headers) == "3"


@pytest.mark.parametrize("declared,shown,sql_name,values", TYPES, ids=[t[0] for t in TYPES])
def test_describe_names_the_type(root, tables, declared, shown, sql_name, values):
    described = {row["column_name"]: row for row in root.run(f"DESCRIBE TABLE {tables[declared]}").dicts}
    assert described["v"]["data_type"] == sql_name


@pytest.mark.parametrize("spelling,shown", [
    ("BOOL", "Boolean"), ("INT2", "SmallInt"), ("INTEGER", "Int"), ("INT4", "Int"), ("MEDIUMINT", "Int"), ("INT8", "BigInt"), ("INT64", "BigInt"),
    ("REAL", "Float"), ("FLOAT4", "Float"), ("DOUBLE PRECISION", "Double"), ("FLOAT8", "Double"), ("FLOAT64", "Double"), ("VARCHAR", "Text"),
    ("VARCHAR(20)", "Text"), ("CHAR(3)", "Text"), ("CHARACTER VARYING", "Text"), ("character varying(5)", "Text"), ("STRING", "Text"), ("CLOB", "Text"),
    ("NVARCHAR", "Text"), ("BINARY", "Bytes"), ("VARBINARY", "Bytes"), ("BLOB", "Bytes"), ("BYTEA", "Bytes"), ("JSONB", "Json"), ("TIMESTAMP(6)", "Timestamp"),
    ("TIMESTAMP WITHOUT TIME ZONE", "Timestamp"), ("timestamp with time zone", "Timestamp"), ("text", "Text"), ("Numeric(4,1)", {"Decimal": {"precision": 4, "scale": 1}})])
def test_type_spellings(root, ns, spelling, shown):
    root.run(f"CREATE SHARED TABLE {ns}.s (id INT PRIMARY KEY, v {spelling})")
    assert root.run(f"SELECT v FROM {ns}.s").result["schema"][0]["data_type"] == shown


@pytest.mark.parametrize("bad,part", [
    ("TINYINT", "Unsupported"), ("NONSENSE", "Unsupported"), ("INT UNSIGNED", ""), ("DECIMAL(39,2)", "DECIMAL precision must be between 1 and 38"),
    ("DECIMAL(0)", "DECIMAL precision must be between 1 and 38"), ("DECIMAL(5,6)", "DECIMAL scale (6) cannot exceed precision (5)"),
    ("EMBEDDING", "EMBEDDING type requires exactly one dimension parameter"), ("EMBEDDING(0)", "EMBEDDING dimension must be"),
    ("EMBEDDING(8193)", "EMBEDDING dimension must be at most 8192")])
def test_refused_types(root, ns, bad, part):
    root.fails(f"CREATE SHARED TABLE {ns}.s (id INT PRIMARY KEY, v {bad})", status=400, contains=part)
    root.fails(f"SELECT * FROM {ns}.s", status=404)


def test_embedding_and_file_work_or_say_not_supported_yet(root, ns):
    for spelling in ("EMBEDDING(3)", "FILE"):
        reply = root.sql(f"CREATE SHARED TABLE {ns}.e (id INT PRIMARY KEY, v {spelling})")
        if not reply.ok:
            assert "not supported yet" in reply.message.lower()
            continue
        if spelling.startswith("EMBEDDING"):
            root.run(f"INSERT INTO {ns}.e VALUES (1, '[1.0,0.5,-2]'), (2, NULL)")
            assert root.rows(f"SELECT v FROM {ns}.e") == [[[1.0, 0.5, -2.0]], [None]]
            root.fails(f"INSERT INTO {ns}.e VALUES (3, '[1,2]')", contains="dimension mismatch")
        root.run(f"DROP TABLE {ns}.e")


@pytest.mark.parametrize("declared,literal", [
    ("BOOLEAN", "'maybe'"), ("SMALLINT", "32768"), ("SMALLINT", "-32769"), ("SMALLINT", "'x'"), ("INT", "2147483648"), ("INT", "'1.x'"), ("INT", "''"),
    ("BIGINT", "9223372036854775808"), ("BIGINT", "'abc'"), ("DOUBLE", "'abc'"), ("DECIMAL(10,2)", "100000000"), ("DECIMAL(10,2)", "'x'"),
    ("DATE", "'2024-02-30'"), ("DATE", "'yesterday'"), ("TIME", "'25:00:00'"), ("TIMESTAMP", "'not a time'"), ("UUID", "'not-a-uuid'"), ("UUID", "''")])
def test_values_that_do_not_fit_write_nothing(root, tables, declared, literal):
    table = tables[declared]
    root.run(f"DELETE FROM {table} WHERE true; INSERT INTO {table} VALUES (1, NULL)")
    reply = root.fails(f"INSERT INTO {table} VALUES (2, NULL), (3, {literal})", status=400)
    assert "'v'" in reply.message or " v " in reply.message or "v:" in reply.message, f"the message names the column: {reply.message}"
    root.fails(f"UPDATE {table} SET v = {literal} WHERE id = 1", status=400)
    for headers in (None, ENGINE):
        assert root.rows(f"SELECT id, v FROM {table}", headers=headers) == [[1, None]]


def test_computed_values(root):
    reply = root.run("SELECT 1 AS i, 2147483648 AS b, 1.5 AS d, 1.5::DOUBLE AS f, 'x' AS t, true AS o, NULL AS n, DATE '2024-01-02' AS da, "
                     "TIMESTAMP '2024-01-02 03:04:05' AS ts, TIME '00:00:01' AS ti, 1::UTINYINT AS u8, 5::UBIGINT AS u64, "
                     "'550e8400-e29b-41d4-a716-446655440000'::UUID AS u, 1::HUGEINT AS h, 0.1::FLOAT AS f4, 3::TINYINT AS t8")
    row = dict(zip(reply.columns, reply.rows[0]))
    assert row == {"i": 1, "b": "2147483648", "d": "1.5", "f": 1.5, "t": "x", "o": True, "n": None, "da": TS // DAY, "ts": TS, "ti": 1_000_000, "u8": 1,
                   "u64": "5", "u": "550e8400-e29b-41d4-a716-446655440000", "h": "1", "f4": 0.10000000149011612, "t8": 3}


def test_sums_stay_exact(root, ns):
    root.run(f"CREATE SHARED TABLE {ns}.s (id INT PRIMARY KEY, b BIGINT, i INT, d DECIMAL(20,2))")
    root.run(f"INSERT INTO {ns}.s VALUES (1, 9223372036854775807, 2147483647, 0.01), (2, 9223372036854775807, 2147483647, 0.02)")
    assert root.rows(f"SELECT SUM(b), SUM(i), SUM(d), COUNT(*), AVG(i) FROM {ns}.s") == [["18446744073709551614", "4294967294", "0.03", "2", 2147483647.0]]


def test_lists_are_arrays_and_objects_are_json_text(root):
    reply = root.run("SELECT [1, 2, NULL] AS l, ['a'] AS t, [9223372036854775807] AS b, [[1], [2]] AS n")
    assert reply.rows == [[[1, 2, None], ["a"], ["9223372036854775807"], [[1], [2]]]]
    assert root.rows("SELECT [{'a': 1, 'b': [NULL]}], ARRAY[MAP {'k': 1.5}]") == [[[{"a": 1, "b": [None]}], [{"k": 1.5}]]]
    assert root.run("SELECT (SELECT COUNT(*) FROM system.users), EXTRACT(year FROM DATE '2024-01-01'), TRUE").columns == [
        '(SELECT count(*) FROM "system".users)', "date_part('year', CAST('2024-01-01' AS DATE))", "true"]
    for nested in ("{'a': 1}", "MAP {'a': 1}"):
        reply = root.run(f"SELECT {nested} AS x")
        assert reply.rows == [['{"a":1}']] and reply.result["schema"][0]["data_type"] == "Json"
    reply = root.sql("SELECT INTERVAL 1 DAY AS x")
    assert not reply.ok and reply.body["error"]["message"]


@pytest.mark.parametrize("value", ["'NaN'", "'Infinity'", "'-Infinity'"])
def test_nan_and_infinity_are_an_error_not_broken_json(root, ns, value):
    reply = root.sql(f"SELECT {value}::DOUBLE AS x")
    assert not reply.ok and reply.code
    root.run(f"CREATE SHARED TABLE {ns}.f (id INT PRIMARY KEY, v DOUBLE)")
    reply = root.sql(f"INSERT INTO {ns}.f VALUES (1, {value})")
    if reply.ok:
        assert not root.sql(f"SELECT v FROM {ns}.f WHERE id = 1").ok
        assert not root.sql(f"SELECT v FROM {ns}.f WHERE id = 1", headers=ENGINE).ok
        assert root.rows(f"SELECT id FROM {ns}.f") == [[1]]


def test_control_characters_and_long_text(root, ns):
    root.run(f"CREATE SHARED TABLE {ns}.x (id INT PRIMARY KEY, v TEXT)")
    texts = ["".join(chr(c) for c in range(1, 32)), "\x7f\u2028\u2029\ufeff", "y" * 200_000, "\\", '"', "a\u0000b", "\U0010ffff", "</script>"]
    for number, text in enumerate(texts):
        root.run(f"INSERT INTO {ns}.x VALUES ($1, $2)", [number, text])
    for headers in (None, ENGINE):
        assert [row[0] for row in root.rows(f"SELECT v FROM {ns}.x ORDER BY id", headers=headers)] == texts
        assert root.value(f"SELECT v FROM {ns}.x WHERE id = 3", headers=headers) == "\\"


# --- defaults and generated values ---

def test_literal_defaults(root, ns):
    root.run(f"CREATE SHARED TABLE {ns}.d (id INT PRIMARY KEY, a INT DEFAULT 5, b TEXT DEFAULT 'x''y', c BOOLEAN DEFAULT TRUE, d DOUBLE DEFAULT -1.5, "
             "e TEXT DEFAULT NULL, f DECIMAL(6,2) DEFAULT 1.25, g DATE DEFAULT '2024-01-02', h BIGINT NOT NULL DEFAULT 9007199254740993)")
    root.run(f"INSERT INTO {ns}.d (id) VALUES (1); INSERT INTO {ns}.d (id, a, b) VALUES (2, NULL, DEFAULT)")
    assert root.rows(f"SELECT a, b, c, d, e, f, g, h FROM {ns}.d") == [
        [5, "x'y", True, -1.5, None, "1.25", TS // DAY, "9007199254740993"], [None, "x'y", True, -1.5, None, "1.25", TS // DAY, "9007199254740993"]]
    defaults = {row["column_name"]: row["column_default"] for row in root.run(f"DESCRIBE TABLE {ns}.d").dicts}
    assert defaults["a"] == "5" and defaults["c"] == "TRUE" and defaults["id"] is None


def test_generated_defaults(alice, root, ns):
    root.run(f"CREATE USER TABLE {ns}.g (id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), u TEXT DEFAULT UUID_V7(), l TEXT DEFAULT ULID(), "
             "w TEXT DEFAULT CURRENT_USER(), n TIMESTAMP DEFAULT NOW(), c TIMESTAMP DEFAULT CURRENT_TIMESTAMP, x INT)")
    before = datetime.datetime.now(datetime.timezone.utc).timestamp() * 1e6
    alice.run(f"INSERT INTO {ns}.g (x) VALUES (1), (2), (3); INSERT INTO {ns}.g (x) VALUES (4)")
    alice.run(f"INSERT INTO {ns}.g (x) SELECT x + 10 FROM {ns}.g")
    after = datetime.datetime.now(datetime.timezone.utc).timestamp() * 1e6
    rows = alice.run(f"SELECT * FROM {ns}.g ORDER BY id").dicts
    assert len(rows) == 8
    for column, length in (("id", None), ("u", 36), ("l", 26)):
        values = [row[column] for row in rows]
        assert len(set(values)) == 8, f"{column} must differ in every row"
        assert length is None or all(len(v) == length for v in values)
    assert [row["x"] for row in rows][:4] == [1, 2, 3, 4], "ids ascend in row order"
    for row in rows:
        assert uuid.UUID(row["u"]).version == 7
        assert set(row["l"]) <= set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
        assert row["w"] == "alice"
        assert before - 2e6 <= row["n"] <= after + 2e6 and row["n"] == row["c"]
        assert before - 2e6 <= ((int(row["id"]) >> 22) + 1_704_067_200_000) * 1000 <= after + 2e6, "snowflake layout"


@pytest.mark.parametrize("column", ["BIGINT PRIMARY KEY AUTO_INCREMENT", "BIGSERIAL PRIMARY KEY", "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY"])
def test_auto_increment_spellings(root, ns, column):
    root.run(f"CREATE SHARED TABLE {ns}.ai (id {column}, v TEXT)")
    root.run(f"INSERT INTO {ns}.ai (v) VALUES ('a'), ('b'); INSERT INTO {ns}.ai (v) VALUES ('c')")
    rows = root.rows(f"SELECT id, v FROM {ns}.ai")
    assert [v for _, v in rows] == ["a", "b", "c"] and len({i for i, _ in rows}) == 3
    root.run(f"INSERT INTO {ns}.ai VALUES (5, 'five')")
    root.fails(f"INSERT INTO {ns}.ai VALUES (5, 'again')", contains="primary key")


def test_functions_in_queries(alice):
    row = alice.rows("SELECT SNOWFLAKE_ID(), UUID_V7(), ULID(), CURRENT_USER(), CURRENT_USER, CURRENT_ROLE(), NOW() = CURRENT_TIMESTAMP")[0]
    assert int(row[0]) > 0 and len(row[1]) == 36 and len(row[2]) == 26 and row[3:] == ["alice", "alice", "user", True]
    assert len({r[0] for r in alice.rows("SELECT UUID_V7() FROM (VALUES (1), (2), (3)) v(x)")}) == 3, "one per row"
    assert len({r[0] for r in alice.rows("SELECT SNOWFLAKE_ID() FROM (VALUES (1), (2), (3)) v(x)")}) == 3


def test_functions_as_inserted_values(alice, root, ns):
    root.run(f"CREATE USER TABLE {ns}.f (id BIGINT PRIMARY KEY, u TEXT, w TEXT, t TIMESTAMP)")
    alice.run(f"INSERT INTO {ns}.f VALUES (SNOWFLAKE_ID(), UUID_V7(), CURRENT_USER(), NOW()), (SNOWFLAKE_ID(), UUID_V7(), CURRENT_USER(), NOW())")
    rows = alice.rows(f"SELECT id, u, w, t FROM {ns}.f")
    assert rows[0][0] != rows[1][0] and rows[0][1] != rows[1][1] and rows[0][2] == "alice" and rows[0][3] == rows[1][3]
    alice.run(f"UPDATE {ns}.f SET w = CURRENT_ROLE(), u = ULID() WHERE id = {rows[0][0]}")
    assert alice.rows(f"SELECT w, length(u) FROM {ns}.f WHERE id = {rows[0][0]}") == [["user", "26"]]


# --- system columns ---

def test_select_star_ends_with_the_system_columns(root, ns):
    root.run(f"CREATE SHARED TABLE {ns}.y (id INT PRIMARY KEY, v TEXT); INSERT INTO {ns}.y VALUES (1, 'a'), (2, 'b')")
    for headers in (None, ENGINE):
        reply = root.run(f"SELECT * FROM {ns}.y", headers=headers)
        assert reply.columns == ["id", "v", "_seq", "_deleted"]
        assert [c["data_type"] for c in reply.result["schema"]] == ["Int", "Text", "BigInt", "Boolean"]
        assert [row[3] for row in reply.rows] == [False, False]
        assert int(reply.rows[0][2]) < int(reply.rows[1][2]), "_seq ascends in the order of the rows of one statement"


def test_seq_ascends_with_every_change(root, ns):
    root.run(f"CREATE SHARED TABLE {ns}.q (id INT PRIMARY KEY, v INT)")
    seen = []
    for statement in ("INSERT INTO {t} VALUES (1, 1)", "UPDATE {t} SET v = 2 WHERE id = 1", "UPDATE {t} SET v = v + 1 WHERE v > 0",
                      "INSERT INTO {t} VALUES (2, 0)"):
        root.run(statement.format(t=f"{ns}.q"))
        seen.append(int(root.value(f"SELECT MAX(_seq) FROM {ns}.q")))
    assert seen == sorted(set(seen))
    assert root.rows(f"SELECT id FROM {ns}.q WHERE _seq > {seen[2]}") == [[2]]
    assert root.rows(f"SELECT id FROM {ns}.q WHERE _seq = {seen[2]}") == [[1]]


def test_system_columns_cannot_be_written(root, ns):
    root.run(f"CREATE SHARED TABLE {ns}.w (id INT PRIMARY KEY, v INT); INSERT INTO {ns}.w VALUES (1, 1)")
    for statement in (f"INSERT INTO {ns}.w (id, _seq) VALUES (2, 5)", f"INSERT INTO {ns}.w (id, _deleted) VALUES (2, true)",
                      f"UPDATE {ns}.w SET _seq = 5 WHERE id = 1", f"UPDATE {ns}.w SET _deleted = true WHERE id = 1",
                      f"INSERT INTO {ns}.w VALUES (2, 2, 5, false)"):
        root.fails(statement, status=400)
    assert root.value(f"SELECT COUNT(*) FROM {ns}.w") == "1"


# --- JSON columns ---

def test_json_operators(root, ns):
    root.run(f"CREATE SHARED TABLE {ns}.j (id INT PRIMARY KEY, doc JSON)")
    document = {"name": "Ada", "tags": ["x", "y"], "deep": {"n": 5}, "none": None}
    root.run(f"INSERT INTO {ns}.j VALUES (1, $1), (2, '{{}}')", [json.dumps(document)])
    assert root.rows(f"SELECT doc->>'name', doc->'tags', doc->'deep'->>'n', doc->>'absent' FROM {ns}.j WHERE id = 1") == [["Ada", '["x","y"]', "5", None]]
    assert root.rows(f"SELECT id FROM {ns}.j WHERE doc->>'name' = 'Ada'") == [[1]]
    assert root.rows(f"SELECT id FROM {ns}.j WHERE (doc->'deep'->>'n')::INT > 4") == [[1]]
    assert json.loads(root.value(f"SELECT doc FROM {ns}.j WHERE id = 1")) == document
    large = json.dumps({"k": ["v" * 100] * 1000})
    root.run(f"INSERT INTO {ns}.j VALUES (3, $1)", [large])
    assert root.value(f"SELECT doc FROM {ns}.j WHERE id = 3") == large
