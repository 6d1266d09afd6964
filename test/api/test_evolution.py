"""ALTER TABLE with rows of older schema versions (sql.md 1.4; the added column's default applies to old rows)."""
import pytest

ENGINE = {"X-Kalam-Plan": "engine"}


@pytest.fixture(params=["SHARED", "USER"])
def table(root, ns, request):
    root.run(f"CREATE {request.param} TABLE {ns}.t (id INT PRIMARY KEY, a TEXT, n INT); INSERT INTO {ns}.t VALUES (1, 'one', 10), (2, 'two', NULL)")
    return f"{ns}.t"


def both(root, sql):
    direct = root.run(sql)
    engine = root.run(sql, headers=ENGINE)
    assert direct.rows == engine.rows and direct.result["schema"] == engine.result["schema"]
    return direct.rows


def alter(root, table, op, text=None):
    reply = root.run(f"ALTER TABLE {table} {op}")
    if text is not None:
        assert reply.result["message"].startswith(f"Table {table} altered successfully: {text} (version "), reply.result
    assert reply.result["rows_affected"] == 1
    return reply


def test_an_added_column_reads_null_in_old_rows(root, table):
    alter(root, table, "ADD COLUMN b TEXT", "ADD COLUMN b TEXT")
    root.run(f"INSERT INTO {table} VALUES (3, 'three', 30, 'new')")
    assert both(root, f"SELECT id, b FROM {table}") == [[1, None], [2, None], [3, "new"]]
    assert both(root, f"SELECT id FROM {table} WHERE b IS NULL") == [[1], [2]]
    assert both(root, f"SELECT b FROM {table} WHERE id = 1") == [[None]]


def test_the_default_of_an_added_column_applies_to_old_rows(root, table):
    alter(root, table, "ADD COLUMN b INT NOT NULL DEFAULT 7")
    alter(root, table, "ADD COLUMN c TEXT DEFAULT 'x''y'")
    root.run(f"INSERT INTO {table} (id, b) VALUES (3, 8); INSERT INTO {table} (id, c) VALUES (4, NULL)")
    assert both(root, f"SELECT id, b, c FROM {table}") == [[1, 7, "x'y"], [2, 7, "x'y"], [3, 8, "x'y"], [4, 7, None]]
    assert both(root, f"SELECT COUNT(*) FROM {table} WHERE b = 7") == [["3"]]
    assert both(root, f"SELECT b, c FROM {table} WHERE id = 2") == [[7, "x'y"]]
    assert root.run(f"UPDATE {table} SET b = b + 1 WHERE id = 1").affected == 1
    assert root.run(f"UPDATE {table} SET b = 7 WHERE id = 2").affected == 0, "it is 7 already"
    assert both(root, f"SELECT b, c, a, n FROM {table} WHERE id = 1") == [[8, "x'y", "one", 10]]


def test_a_later_change_of_the_default_does_not_touch_rows(root, table):
    alter(root, table, "ADD COLUMN b INT DEFAULT 7")
    alter(root, table, "ALTER COLUMN b SET DEFAULT 9", "ALTER COLUMN b SET DEFAULT 9")
    root.run(f"INSERT INTO {table} (id) VALUES (3)")
    alter(root, table, "ALTER COLUMN b DROP DEFAULT", "ALTER COLUMN b DROP DEFAULT")
    root.run(f"INSERT INTO {table} (id) VALUES (4)")
    assert both(root, f"SELECT id, b FROM {table}") == [[1, 7], [2, 7], [3, 9], [4, None]]


def test_drop_and_add_again_is_a_new_column(root, table):
    alter(root, table, "DROP COLUMN a", "DROP COLUMN a")
    root.fails(f"SELECT a FROM {table}", status=400, contains="a")
    assert root.run(f"SELECT * FROM {table}").columns == ["id", "n", "_seq", "_deleted"]
    root.run(f"INSERT INTO {table} VALUES (3, 30)")
    alter(root, table, "ADD COLUMN a TEXT")
    assert both(root, f"SELECT id, a FROM {table}") == [[1, None], [2, None], [3, None]]
    root.run(f"UPDATE {table} SET a = 'again' WHERE id = 1")
    assert both(root, f"SELECT id, a, n FROM {table} WHERE id < 3") == [[1, "again", 10], [2, None, None]]


def test_drop_and_add_with_another_type(root, table):
    alter(root, table, "DROP COLUMN n")
    alter(root, table, "ADD COLUMN n TEXT DEFAULT 'd'")
    assert both(root, f"SELECT id, n FROM {table}") == [[1, "d"], [2, "d"]]


def test_column_ids_are_never_used_again(root, table):
    ids = {row["column_name"]: row["column_id"] for row in root.run(f"DESCRIBE TABLE {table}").dicts}
    alter(root, table, "DROP COLUMN n")
    alter(root, table, "ADD COLUMN n INT")
    alter(root, table, "RENAME COLUMN a TO z", "RENAME COLUMN a TO z")
    after = {row["column_name"]: row["column_id"] for row in root.run(f"DESCRIBE TABLE {table}").dicts}
    assert after["id"] == ids["id"] and after["z"] == ids["a"]
    assert int(after["n"]) > max(int(ids[c]) for c in ("id", "a", "n"))


def test_rename_keeps_the_values(root, table):
    alter(root, table, "RENAME COLUMN a TO title")
    root.run(f"INSERT INTO {table} (id, title) VALUES (3, 'three')")
    assert both(root, f"SELECT id, title FROM {table}") == [[1, "one"], [2, "two"], [3, "three"]]
    root.fails(f"SELECT a FROM {table}", status=400)
    alter(root, table, "ADD COLUMN a TEXT")
    assert both(root, f"SELECT id, a, title FROM {table} WHERE id = 1") == [[1, None, "one"]]
    assert root.run(f"UPDATE {table} SET title = 'uno' WHERE title = 'one'").affected == 1


def test_rename_the_primary_key(root, table):
    alter(root, table, "RENAME COLUMN id TO code")
    root.fails(f"INSERT INTO {table} (code) VALUES (1)", contains="primary key")
    assert both(root, f"SELECT code, a FROM {table} WHERE code = 2") == [[2, "two"]]
    root.run(f"INSERT INTO {table} (code) VALUES (3); DELETE FROM {table} WHERE code = 1")
    assert both(root, f"SELECT code FROM {table}") == [[2], [3]]


def test_swap_two_names(root, table):
    alter(root, table, "ADD COLUMN b TEXT DEFAULT 'bee'")
    for op in ("RENAME COLUMN a TO tmp", "RENAME COLUMN b TO a", "RENAME COLUMN tmp TO b"):
        alter(root, table, op)
    assert both(root, f"SELECT id, a, b FROM {table}") == [[1, "bee", "one"], [2, "bee", "two"]]


@pytest.mark.parametrize("old,new,values,read", [
    ("SMALLINT", "INT", ["-32768", "7"], [-32768, 7]), ("SMALLINT", "BIGINT", ["5"], ["5"]), ("INT", "BIGINT", ["-2147483648", "9"], ["-2147483648", "9"]), ("INT", "DOUBLE", ["3"], [3.0]),
    ("FLOAT", "DOUBLE", ["0.5"], [0.5]), ("DECIMAL(10,2)", "DECIMAL(20,2)", ["12.34"], ["12.34"])])
def test_widening(root, ns, old, new, values, read):
    root.run(f"CREATE SHARED TABLE {ns}.w (id INT PRIMARY KEY, v {old})")
    for number, value in enumerate(values):
        root.run(f"INSERT INTO {ns}.w VALUES ({number}, {value})")
    alter(root, f"{ns}.w", f"MODIFY COLUMN v {new}")
    root.run(f"INSERT INTO {ns}.w VALUES (100, NULL)")
    assert both(root, f"SELECT v FROM {ns}.w") == [[v] for v in read] + [[None]]
    assert both(root, f"SELECT v FROM {ns}.w WHERE id = 0") == [[read[0]]]
    assert both(root, f"SELECT id FROM {ns}.w WHERE v = {values[0]}") == [[0]]
    root.run(f"UPDATE {ns}.w SET v = v + 1 WHERE id = 0")


@pytest.mark.parametrize("old,new", [("TEXT", "INT"), ("BIGINT", "INT"), ("INT", "SMALLINT"), ("DOUBLE", "INT"), ("INT", "BOOLEAN"), ("DATE", "TIME"), ("DECIMAL(10,2)", "DECIMAL(5,2)"),
                                     ("DECIMAL(10,2)", "DECIMAL(10,4)"), ("TEXT", "UUID")])
def test_incompatible_types_are_refused(root, ns, old, new):
    root.run(f"CREATE SHARED TABLE {ns}.w (id INT PRIMARY KEY, v {old}); INSERT INTO {ns}.w VALUES (1, NULL)")
    root.fails(f"ALTER TABLE {ns}.w MODIFY COLUMN v {new}", status=400)
    assert both(root, f"SELECT v FROM {ns}.w") == [[None]]


def test_not_null(root, table):
    root.fails(f"ALTER TABLE {table} ALTER COLUMN n SET NOT NULL", status=400)  # row 2 has a NULL
    root.run(f"UPDATE {table} SET n = 20 WHERE id = 2")
    alter(root, table, "ALTER COLUMN n SET NOT NULL", "ALTER COLUMN n SET NOT NULL")
    root.fails(f"INSERT INTO {table} VALUES (3, 'x', NULL)", contains=["NOT NULL", "'n'"])
    root.fails(f"UPDATE {table} SET n = NULL WHERE id = 1", contains="NOT NULL")
    alter(root, table, "ALTER COLUMN n DROP NOT NULL", "ALTER COLUMN n DROP NOT NULL")
    root.run(f"INSERT INTO {table} VALUES (3, 'x', NULL)")
    root.fails(f"ALTER TABLE {table} ALTER COLUMN id DROP NOT NULL", contains="PRIMARY KEY")


def test_modify_with_not_null(root, table):
    root.run(f"DELETE FROM {table} WHERE n IS NULL")
    alter(root, table, "MODIFY COLUMN n BIGINT NOT NULL")
    root.fails(f"INSERT INTO {table} VALUES (3, 'x', NULL)", contains="NOT NULL")
    assert both(root, f"SELECT n FROM {table}") == [["10"]]


def test_add_not_null_without_default_needs_an_empty_table(root, table, ns):
    reply = root.fails(f"ALTER TABLE {table} ADD COLUMN b INT NOT NULL", status=400)
    assert any(word in reply.message.lower() for word in ("not null", "default", "required"))
    root.run(f"CREATE SHARED TABLE {ns}.empty (id INT PRIMARY KEY)")
    alter(root, f"{ns}.empty", "ADD COLUMN b INT NOT NULL")
    root.fails(f"INSERT INTO {ns}.empty (id) VALUES (1)", contains="'b'")


@pytest.mark.parametrize("op,part", [
    ("ADD COLUMN a TEXT", "Column 'a' already exists"), ("ADD COLUMN A TEXT", "already exists"), ("ADD COLUMN _seq INT", "_seq"), ("DROP COLUMN nope", "Column 'nope' does not exist"),
    ("DROP COLUMN _seq", "system column"), ("DROP COLUMN _deleted", "system column"), ("DROP COLUMN id", "primary key"), ("MODIFY COLUMN nope INT", "Column 'nope' does not exist"),
    ("MODIFY COLUMN _seq TEXT", "system column"), ("RENAME COLUMN nope TO x", "Column 'nope' does not exist"), ("RENAME COLUMN a TO n", "Column 'n' already exists"),
    ("RENAME COLUMN _seq TO x", "_seq"), ("RENAME COLUMN a TO _seq", "_seq"), ("ALTER COLUMN nope SET DEFAULT 1", "Column 'nope' does not exist"), ("ALTER COLUMN n SET DEFAULT 'abc'", "n"),
    ("ALTER COLUMN n TYPE BIGINT", "Unsupported ALTER COLUMN operation"), ("ADD COLUMN x INT, ADD COLUMN y INT", "Only one ALTER TABLE operation"),
    ("ADD COLUMN x INT FIRST", "Column position modifiers"), ("DROP COLUMN a CASCADE", "CASCADE/RESTRICT is not supported"), ("RENAME TO other", "Unsupported ALTER TABLE operation"),
    ("ADD COLUMN b INT PRIMARY KEY", ""), ("ADD COLUMN b NONSENSE", "Unsupported"), ("ADD COLUMN b INT DEFAULT 'abc'", "b")])
def test_refused_changes_leave_the_table_alone(root, table, op, part):
    before = root.rows(f"DESCRIBE TABLE {table}")
    root.fails(f"ALTER TABLE {table} {op}", status=400, contains=part)
    assert root.rows(f"DESCRIBE TABLE {table}") == before
    assert both(root, f"SELECT id, a, n FROM {table}") == [[1, "one", 10], [2, "two", None]]


def test_no_change_makes_no_version(root, table):
    reply = root.run(f"ALTER TABLE {table} MODIFY COLUMN n INT")
    assert "unchanged" in reply.result["message"] and "no changes needed" in reply.result["message"]
    namespace, name = table.split(".")
    assert [r["schema_version"] for r in root.run(f"SHOW TABLES IN {namespace}").dicts if r["table_name"] == name] == [1]


def test_the_type_word_is_accepted(root, ns):
    root.run(f"CREATE USER TABLE {ns}.u (id INT PRIMARY KEY); ALTER USER TABLE {ns}.u ADD COLUMN a INT; ALTER TABLE {ns}.u ADD b INT; ALTER TABLE {ns}.u DROP b")
    assert root.run(f"SELECT * FROM {ns}.u").columns == ["id", "a", "_seq", "_deleted"]


def test_many_versions(root, table):
    """Rows of twenty versions read together."""
    expected = {1: ["one", 10], 2: ["two", None]}
    for number in range(3, 23):
        root.run(f"ALTER TABLE {table} ADD COLUMN c{number} INT DEFAULT {number}; INSERT INTO {table} (id, a, c{number}) VALUES ({number}, 'v{number}', {number * 100})")
        if number % 3 == 0:
            root.run(f"ALTER TABLE {table} DROP COLUMN c{number}")
    kept = [number for number in range(3, 23) if number % 3]
    rows = both(root, f"SELECT id, a, n, {', '.join(f'c{k}' for k in kept)} FROM {table}")
    for row in rows:
        identity = row[0]
        title, count = expected.get(identity, [f"v{identity}", None])
        assert row == [identity, title, count] + [k * 100 if k == identity else k for k in kept]
    assert len(rows) == 22


def test_prepared_plans_see_the_new_schema(root, table):
    sql = f"SELECT * FROM {table} WHERE id = $1"
    insert = f"INSERT INTO {table} VALUES ($1, $2, $3)"
    assert root.run(sql, [1]).columns == ["id", "a", "n", "_seq", "_deleted"]
    root.run(insert, [5, "five", 5])
    alter(root, table, "ADD COLUMN b INT DEFAULT 1")
    assert root.run(sql, [1]).dicts[0]["b"] == 1
    reply = root.sql(insert, [6, "six", 6])
    assert not reply.ok or root.run(sql, [6]).dicts[0]["b"] == 1
    alter(root, table, "DROP COLUMN a")
    assert root.run(sql, [1]).columns == ["id", "n", "b", "_seq", "_deleted"]
    root.fails(f"UPDATE {table} SET a = 'x' WHERE id = 1", status=400)


def test_alter_while_writing(server, root, table):
    """Writers never see an error but a clear one, and no row is torn: value c always matches id."""
    import threading
    stop, problems, written = threading.Event(), [], []

    def write(worker):
        client = server.root()
        number = 1000 * (worker + 1)
        while not stop.is_set():
            number += 1
            reply = client.sql(f"INSERT INTO {table} (id, a, n) VALUES ($1, $2, $3)", [number, f"a{number}", number])
            if reply.ok:
                written.append(number)
            elif reply.status >= 500:
                problems.append(reply.text)

    threads = [threading.Thread(target=write, args=(w,)) for w in range(4)]
    for thread in threads:
        thread.start()
    for number in range(30):
        root.run(f"ALTER TABLE {table} ADD COLUMN x{number} INT DEFAULT {number}")
        if number % 2:
            root.run(f"ALTER TABLE {table} DROP COLUMN x{number}")
    stop.set()
    for thread in threads:
        thread.join()
    assert not problems, problems[:3]
    rows = {row[0]: row[1:] for row in both(root, f"SELECT id, a, n, x28 FROM {table} WHERE id > 1000")}
    assert set(rows) == set(written)
    assert all(values == [f"a{key}", key, 28] for key, values in rows.items())


def test_widening_a_column_that_has_a_default(root, table):
    """The default is a constant that fits the wider type, so nothing stands in the way."""
    alter(root, table, "ADD COLUMN b INT DEFAULT 7")
    alter(root, table, "MODIFY COLUMN b BIGINT")
    root.run(f"INSERT INTO {table} (id) VALUES (3)")
    assert both(root, f"SELECT b FROM {table}") == [["7"], ["7"], ["7"]]


# --- columns that become NOT NULL while others write ---

def write_nulls(server, table, start, stop, columns="id", value="{}"):
    """Inserts rows without a value for `a` as fast as it can; the count of those that were accepted."""
    client, number, accepted = server.client("root", server.root_password), 10_000, 0
    client.run("SELECT 1")
    start.wait()
    while not stop.is_set():
        number += 1
        accepted += client.sql(f"INSERT INTO {table} ({columns}) VALUES ({value.format(number)})").ok
    return accepted


@pytest.mark.parametrize("op", ["ALTER COLUMN a SET NOT NULL", "MODIFY COLUMN a TEXT NOT NULL"])
def test_set_not_null_beside_writers_of_null(server, root, ns, op):
    """Whoever wins: a column that is NOT NULL holds no NULL."""
    import concurrent.futures
    import threading
    for round_number in range(8):
        table = f"{ns}.n{round_number}"
        root.run(f"CREATE SHARED TABLE {table} (id BIGINT PRIMARY KEY, a TEXT)")
        root.run(f"INSERT INTO {table} SELECT range, 'x' FROM range(5000)")
        start, stop = threading.Barrier(3), threading.Event()
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            writers = [pool.submit(write_nulls, server, table, start, stop, "id", f"{{}}{i}") for i in range(2)]
            start.wait()
            reply = root.sql(f"ALTER TABLE {table} {op}")
            stop.set()
            [writer.result() for writer in writers]
        nulls = int(root.value(f"SELECT COUNT(*) FROM {table} WHERE a IS NULL"))
        nullable = root.run(f"DESCRIBE TABLE {table}").dicts[1]["is_nullable"]
        if reply.ok:
            assert nulls == 0 and not nullable, f"{nulls} NULL values in a NOT NULL column"
            root.fails(f"INSERT INTO {table} (id) VALUES (-1)", contains="NOT NULL")
        else:
            assert "holds NULL values" in reply.message and nullable
            root.run(f"INSERT INTO {table} (id) VALUES (-1)")
            root.run(f"UPDATE {table} SET a = 'y' WHERE a IS NULL; ALTER TABLE {table} {op}")


def test_add_not_null_column_beside_writers(server, root, ns):
    import concurrent.futures
    import threading
    for round_number in range(6):
        table = f"{ns}.e{round_number}"
        root.run(f"CREATE SHARED TABLE {table} (id BIGINT PRIMARY KEY)")
        start, stop = threading.Barrier(2), threading.Event()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            writer = pool.submit(write_nulls, server, table, start, stop)
            start.wait()
            reply = root.sql(f"ALTER TABLE {table} ADD COLUMN a TEXT NOT NULL")
            stop.set()
            writer.result()
        if reply.ok:
            assert int(root.value(f"SELECT COUNT(*) FROM {table} WHERE a IS NULL")) == 0
        else:
            assert root.run(f"SELECT * FROM {table} LIMIT 1").columns == ["id", "_seq", "_deleted"]
