"""INSERT, UPDATE, DELETE (sql.md 3): counts, atomicity, keys, NOT NULL, deleted rows, concurrent writers."""
import concurrent.futures
import threading

import pytest

ENGINE = {"X-Kalam-Plan": "engine"}
BOTH_PLANS = pytest.mark.parametrize("headers", [None, ENGINE], ids=["direct", "engine"])


@pytest.fixture(params=["SHARED", "USER"])
def table(root, ns, request):
    root.run(f"CREATE {request.param} TABLE {ns}.t (id INT PRIMARY KEY, v TEXT NOT NULL DEFAULT 'd', n INT)")
    return f"{ns}.t"


def content(root, table):
    rows = root.rows(f"SELECT id, v, n FROM {table}")
    assert rows == root.rows(f"SELECT id, v, n FROM {table}", headers=ENGINE)
    return rows


# --- INSERT ---

@BOTH_PLANS
@pytest.mark.parametrize("sql,count,rows", [
    ("INSERT INTO {t} VALUES (1, 'a', 10)", 1, [[1, "a", 10]]), ("INSERT INTO {t} (n, id) VALUES (10, 1)", 1, [[1, "d", 10]]),
    ("INSERT INTO {t} (id) VALUES (3), (1), (2)", 3, [[1, "d", None], [2, "d", None], [3, "d", None]]), ("INSERT INTO {t} (id, v) VALUES (1, DEFAULT)", 1, [[1, "d", None]]),
    ("INSERT INTO {t} SELECT 1, 'x', 2", 1, [[1, "x", 2]]), ("INSERT INTO {t} (id) SELECT x FROM (VALUES (1), (2)) q(x)", 2, [[1, "d", None], [2, "d", None]]),
    ("INSERT INTO {t} (id, n) VALUES (1 + 1, 2 * 3)", 1, [[2, "d", 6]]), ("INSERT INTO {t} (id, n) VALUES (-5, -6)", 1, [[-5, "d", -6]]),
    ("INSERT INTO {t} (id, v) VALUES ('7', 8)", 1, [[7, "8", None]]), ("INSERT INTO {t} WITH q AS (SELECT 5 AS a) SELECT a, 'q', a FROM q", 1, [[5, "q", 5]]),
    ("INSERT INTO {t} SELECT id, v, n FROM {t}", 0, []), ("INSERT INTO {t} (id, v, n) VALUES (1, 'it''s', NULL)", 1, [[1, "it's", None]]),
    ('INSERT INTO {t} ("id", "v") VALUES (1, \'q\')', 1, [[1, "q", None]]), ("insert into {t} values (1, upper('abc'), length('four'))", 1, [[1, "ABC", 4]])])
def test_insert_forms(root, table, headers, sql, count, rows):
    reply = root.run(sql.format(t=table), headers=headers)
    assert reply.result["message"] == f"Inserted {count} row(s)" and reply.affected == count
    assert content(root, table) == rows


@BOTH_PLANS
@pytest.mark.parametrize("sql,part", [
    ("INSERT INTO {t} (id, nope) VALUES (9, 1)", "nope"), ("INSERT INTO {t} (id, v) VALUES (9)", ""), ("INSERT INTO {t} VALUES (9)", ""), ("INSERT INTO {t} VALUES (9, 'a', 1, 2)", ""),
    ("INSERT INTO {t} (id, id) VALUES (9, 9)", "id"), ("INSERT INTO {t} (v) VALUES ('no key')", "id"), ("INSERT INTO {t} VALUES (NULL, 'x', 1)", "id"), ("INSERT INTO {t} VALUES ('abc', 'x', 1)", ""),
    ("INSERT INTO {t} VALUES (9, NULL, 1)", "'v' cannot be NULL (row 1)"), ("INSERT INTO {t} VALUES (8, 'a', 1), (9, NULL, 1)", "'v' cannot be NULL (row 2)"),
    ("INSERT INTO {t} VALUES (8, 'a', 1), (1, 'dup', 1)", "value '1' already exists in column 'id'"),
    ("INSERT INTO {t} VALUES (8, 'a', 1), (9, 'b', 1), (8, 'c', 1)", "value '8' appears multiple times in the insert batch for column 'id'"),
    ("INSERT INTO {t} VALUES (9, 'a', 3000000000)", ""), ("INSERT INTO {t} VALUES (9, 'a', 'x')", ""), ("INSERT INTO {t} SELECT x, NULL, 1 FROM (VALUES (8), (9)) q(x)", "'v'"),
    ("INSERT INTO {t} SELECT x, 'q', 1 FROM (VALUES (8), (8)) q(x)", "'8'"), ("INSERT INTO {t} SELECT 1, 'q', 1", "'1'"), ("INSERT INTO {t} SELECT id, v FROM {t}", ""), ("INSERT INTO {t} SELECT * FROM {t}", "values")])
def test_a_refused_insert_writes_nothing(root, table, headers, sql, part):
    root.run(f"INSERT INTO {table} VALUES (1, 'keep', 1)")
    reply = root.fails(sql.format(t=table), status=400, contains=part, headers=headers)
    if "value '" in part:
        assert "Primary key violation" in reply.message
    assert content(root, table) == [[1, "keep", 1]]


@pytest.mark.parametrize("sql", [
    "INSERT INTO {t} VALUES (1, 'x', 1) ON CONFLICT DO NOTHING", "INSERT INTO {t} VALUES (1, 'x', 1) ON CONFLICT (id) DO UPDATE SET v = 'y'", "INSERT OR REPLACE INTO {t} VALUES (1, 'x', 1)",
    "REPLACE INTO {t} VALUES (1, 'x', 1)", "INSERT OR IGNORE INTO {t} VALUES (1, 'x', 1)", "INSERT OVERWRITE {t} VALUES (1, 'x', 1)"])
def test_upserts_are_refused(root, table, sql):
    root.run(f"INSERT INTO {table} VALUES (1, 'keep', 1)")
    root.fails(sql.format(t=table))
    assert content(root, table) == [[1, "keep", 1]]


def test_returning_is_refused_or_ignored_but_never_wrong(root, table):
    reply = root.sql(f"INSERT INTO {table} VALUES (1, 'x', 1) RETURNING id")
    assert content(root, table) == ([[1, "x", 1]] if reply.ok else [])


def test_not_null_without_default_must_be_given(root, ns):
    root.run(f"CREATE SHARED TABLE {ns}.nn (id INT PRIMARY KEY, must TEXT NOT NULL, n INT NOT NULL)")
    for headers in (None, ENGINE):
        root.fails(f"INSERT INTO {ns}.nn (id, n) VALUES (1, 1)", status=400, contains=["must", "row 1"], headers=headers)
        root.fails(f"INSERT INTO {ns}.nn (id, must, n) VALUES (1, 'a', 1), (2, 'b', NULL)", contains=["'n'", "row 2"], headers=headers)
    assert root.rows(f"SELECT * FROM {ns}.nn") == []


def test_a_large_insert_is_atomic(root, table):
    rows = ", ".join(f"({n}, 'row {n}', {n})" for n in range(5000))
    assert root.run(f"INSERT INTO {table} VALUES {rows}").affected == 5000
    root.fails(f"INSERT INTO {table} VALUES " + ", ".join(f"({n}, 'x', 1)" for n in range(9999, 4998, -1)), contains="'4999'")
    assert root.value(f"SELECT COUNT(*) FROM {table}") == "5000"


# --- UPDATE ---

@BOTH_PLANS
@pytest.mark.parametrize("sql,count,rows", [
    ("UPDATE {t} SET v = 'z' WHERE id = 1", 1, [[1, "z", 10], [2, "b", 20], [3, "c", None]]), ("UPDATE {t} SET v = 'a' WHERE id = 1", 0, [[1, "a", 10], [2, "b", 20], [3, "c", None]]),
    ("UPDATE {t} SET v = 'z' WHERE id = 99", 0, [[1, "a", 10], [2, "b", 20], [3, "c", None]]), ("UPDATE {t} SET n = n + 1 WHERE id = 1", 1, [[1, "a", 11], [2, "b", 20], [3, "c", None]]),
    ("UPDATE {t} SET n = n + 1 WHERE id = 3", 0, [[1, "a", 10], [2, "b", 20], [3, "c", None]]), ("UPDATE {t} SET n = n - 5 WHERE id IN (1, 2)", 2, [[1, "a", 5], [2, "b", 15], [3, "c", None]]),
    ("UPDATE {t} SET v = v || '!', n = length(v) WHERE n IS NOT NULL", 2, [[1, "a!", 1], [2, "b!", 1], [3, "c", None]]),
    ("UPDATE {t} SET n = NULL WHERE true", 2, [[1, "a", None], [2, "b", None], [3, "c", None]]), ("UPDATE {t} SET v = DEFAULT WHERE id = 2", 1, [[1, "a", 10], [2, "d", 20], [3, "c", None]]),
    ("UPDATE {t} SET n = (SELECT MAX(n) FROM {t}) WHERE id = 3", 1, [[1, "a", 10], [2, "b", 20], [3, "c", 20]]), ("UPDATE {t} SET n = id, v = n::TEXT WHERE id < 3", 2, [[1, "10", 1], [2, "20", 2], [3, "c", None]]),
    ("UPDATE {t} SET n = 5 WHERE id = '2'", 1, [[1, "a", 10], [2, "b", 5], [3, "c", None]]), ("UPDATE {t} SET v = 'q' WHERE id BETWEEN 2 AND 3 AND v <> 'c'", 1, [[1, "a", 10], [2, "q", 20], [3, "c", None]]),
    ("UPDATE {t} SET v = 'q' WHERE n = 10 OR id = 3", 2, [[1, "q", 10], [2, "b", 20], [3, "q", None]]), ("UPDATE {t} SET v = 'q' WHERE n = NULL", 0, [[1, "a", 10], [2, "b", 20], [3, "c", None]])])
def test_update_forms(root, table, headers, sql, count, rows):
    root.run(f"INSERT INTO {table} VALUES (1, 'a', 10), (2, 'b', 20), (3, 'c', NULL)")
    reply = root.run(sql.format(t=table), headers=headers)
    assert reply.result["message"] == f"Updated {count} row(s)" and reply.affected == count and reply.row_count == count
    assert content(root, table) == rows


@BOTH_PLANS
@pytest.mark.parametrize("sql,part", [
    ("UPDATE {t} SET v = 'x'", "UPDATE requires a WHERE clause"), ("UPDATE {t} SET id = 5 WHERE id = 1", "UPDATE cannot modify primary key column 'id'"), ("UPDATE {t} SET nope = 1 WHERE id = 1", "nope"),
    ("UPDATE {t} SET v = NULL WHERE id = 1", "'v'"), ("UPDATE {t} SET n = 'abc' WHERE id = 1", ""), ("UPDATE {t} SET n = 3000000000 WHERE id = 1", ""), ("UPDATE {t} SET n = n + 2147483647 WHERE id > 0", ""),
    ("UPDATE {t} SET v = 'x' WHERE nope = 1", "nope"), ("UPDATE {t} SET v = 'x' WHERE id = 'abc'", ""), ("UPDATE {t} SET v = 'x', v = 'y' WHERE id = 1", "v"),
    ("UPDATE {t} SET v = CASE WHEN id = 2 THEN NULL ELSE 'x' END WHERE true", "'v'"), ("UPDATE {t} SET n = 1 / 0 + 'a'::INT WHERE id = 1", "")])
def test_a_refused_update_writes_nothing(root, table, headers, sql, part):
    root.run(f"INSERT INTO {table} VALUES (1, 'a', 10), (2, 'b', 20)")
    root.fails(sql.format(t=table), status=400, contains=part, headers=headers)
    assert content(root, table) == [[1, "a", 10], [2, "b", 20]]


def test_an_unchanged_update_keeps_the_version(root, table):
    root.run(f"INSERT INTO {table} VALUES (1, 'a', 10)")
    seq = root.value(f"SELECT _seq FROM {table} WHERE id = 1")
    for sql in ("v = 'a'", "n = 10", "v = 'a', n = n + 0", "n = '10'"):
        assert root.run(f"UPDATE {table} SET {sql} WHERE id = 1").affected == 0
        assert root.value(f"SELECT _seq FROM {table} WHERE id = 1") == seq
    assert root.run(f"UPDATE {table} SET v = 'b' WHERE id = 1").affected == 1
    assert int(root.value(f"SELECT _seq FROM {table} WHERE id = 1")) > int(seq)


def test_update_from_and_aliases(root, table, ns):
    root.run(f"INSERT INTO {table} VALUES (1, 'a', 10), (2, 'b', 20); CREATE SHARED TABLE {ns}.s (id INT PRIMARY KEY, w TEXT); INSERT INTO {ns}.s VALUES (2, 'from s')")
    reply = root.sql(f"UPDATE {table} SET v = s.w FROM {ns}.s s WHERE s.id = t.id")
    assert content(root, table) == ([[1, "a", 10], [2, "from s", 20]] if reply.ok else [[1, "a", 10], [2, "b", 20]])
    assert root.run(f"UPDATE {table} SET v = (SELECT w FROM {ns}.s WHERE s.id = 2) WHERE id = 1").affected == 1


# --- DELETE ---

@BOTH_PLANS
@pytest.mark.parametrize("sql,count,left", [
    ("DELETE FROM {t} WHERE id = 1", 1, [2, 3, 4]), ("DELETE FROM {t} WHERE id = 99", 0, [1, 2, 3, 4]), ("DELETE FROM {t} WHERE id = '2'", 1, [1, 3, 4]), ("DELETE FROM {t} WHERE true", 4, []),
    ("DELETE FROM {t} WHERE id BETWEEN 2 AND 3", 2, [1, 4]), ("DELETE FROM {t} WHERE n IS NULL", 1, [1, 2, 4]), ("DELETE FROM {t} WHERE id IN (SELECT id FROM {t} WHERE n > 10)", 2, [1, 3]),
    ("DELETE FROM {t} WHERE id > 1 AND id < 4 AND v = 'b'", 1, [1, 3, 4]), ("DELETE FROM {t} WHERE lower(v) = 'a' OR id = 4", 2, [2, 3])])
def test_delete_forms(root, table, headers, sql, count, left):
    root.run(f"INSERT INTO {table} VALUES (1, 'a', 10), (2, 'b', 20), (3, 'c', NULL), (4, 'd', 40)")
    reply = root.run(sql.format(t=table), headers=headers)
    assert reply.result["message"] == f"Deleted {count} row(s)" and reply.affected == count
    assert [row[0] for row in content(root, table)] == left
    assert root.run(sql.format(t=table), headers=headers).affected == 0, "deleting again counts nothing"


def test_delete_needs_where(root, table):
    root.run(f"INSERT INTO {table} (id) VALUES (1)")
    root.fails(f"DELETE FROM {table}", status=400, contains="DELETE requires a WHERE clause")
    root.fails(f"TRUNCATE {table}", status=400)
    assert root.value(f"SELECT COUNT(*) FROM {table}") == "1"


def test_deleted_rows_are_seen_only_when_asked_for(root, table):
    root.run(f"INSERT INTO {table} VALUES (1, 'a', 10), (2, 'b', 20), (3, 'c', 30); DELETE FROM {table} WHERE id = 2")
    for headers in (None, ENGINE):
        assert root.rows(f"SELECT id FROM {table}", headers=headers) == [[1], [3]]
        assert root.rows(f"SELECT COUNT(*) FROM {table}", headers=headers) == [["2"]]
        assert root.rows(f"SELECT id FROM {table} WHERE id = 2", headers=headers) == []
        assert root.rows(f"SELECT id, v, n, _deleted FROM {table} WHERE _deleted = true", headers=headers) == [[2, "b", 20, True]]
        assert root.rows(f"SELECT id, v FROM {table} WHERE _deleted", headers=headers) == [[2, "b"]]
        assert root.rows(f"SELECT id, v FROM {table} WHERE id = 2 AND _deleted = true", headers=headers) == [[2, "b"]]
        assert root.rows(f"SELECT id FROM {table} WHERE _deleted = false", headers=headers) == [[1], [3]]
        assert root.rows(f"SELECT id FROM {table} WHERE _deleted IN (true, false)", headers=headers) == [[1], [2], [3]]
        assert root.rows(f"SELECT a.id FROM {table} a JOIN {table} b ON a.id = b.id", headers=headers) == [[1], [3]]
    assert root.run(f"UPDATE {table} SET v = 'ghost' WHERE id = 2").affected == 0
    assert root.run(f"UPDATE {table} SET v = 'ghost' WHERE v = 'b'").affected == 0


@BOTH_PLANS
def test_a_deleted_key_can_be_used_again(root, table, headers):
    for round_number in range(3):
        assert root.run(f"INSERT INTO {table} VALUES (1, 'round {round_number}', NULL)", headers=headers).affected == 1
        root.fails(f"INSERT INTO {table} VALUES (1, 'dup', 1)", contains="primary key", headers=headers)
        assert content(root, table) == [[1, f"round {round_number}", None]]
        assert root.rows(f"SELECT * FROM {table} WHERE _deleted = true") == []
        assert root.run(f"DELETE FROM {table} WHERE id = 1", headers=headers).affected == 1
        assert content(root, table) == []


# --- concurrency ---

def race(server, count, work):
    barrier = threading.Barrier(count)

    def start(number):
        client = server.root()
        barrier.wait()
        return work(client, number)

    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(start, range(count)))


@pytest.mark.parametrize("change", ["n = n + 1", "n = n + length('x')"], ids=["direct", "engine"])
def test_no_update_is_lost(server, root, ns, change):
    root.run(f"CREATE SHARED TABLE {ns}.c (id INT PRIMARY KEY, n INT); INSERT INTO {ns}.c VALUES (1, 0)")
    done = race(server, 8, lambda client, _: sum(client.run(f"UPDATE {ns}.c SET {change} WHERE id = 1").affected for _ in range(40)))
    assert done == [40] * 8
    assert root.value(f"SELECT n FROM {ns}.c WHERE id = 1") == 320


def test_one_of_many_inserts_of_a_key_wins(server, root, ns):
    root.run(f"CREATE SHARED TABLE {ns}.c (id INT PRIMARY KEY, who INT)")
    for key in range(10):
        winners = race(server, 8, lambda client, n, key=key: client.sql(f"INSERT INTO {ns}.c VALUES ({key}, {n})").ok)
        assert winners.count(True) == 1
        assert root.value(f"SELECT who FROM {ns}.c WHERE id = {key}") == winners.index(True)


def test_one_of_many_deletes_counts(server, root, ns):
    root.run(f"CREATE SHARED TABLE {ns}.c (id INT PRIMARY KEY); INSERT INTO {ns}.c VALUES (1), (2), (3)")
    assert sum(race(server, 8, lambda client, _: client.run(f"DELETE FROM {ns}.c WHERE id = 2").affected)) == 1
    assert sum(race(server, 8, lambda client, _: client.run(f"DELETE FROM {ns}.c WHERE id + 0 = 3").affected)) == 1


def test_multi_row_statements_are_seen_whole(server, root, ns):
    """Ten rows always share one value; no reader sees two values, whichever way it reads."""
    root.run(f"CREATE SHARED TABLE {ns}.c (id INT PRIMARY KEY, n INT); INSERT INTO {ns}.c VALUES " + ", ".join(f"({k}, 0)" for k in range(10)))
    stop = threading.Event()

    def work(client, number):
        if number < 3:
            try:
                for step in range(60):
                    client.run(f"UPDATE {ns}.c SET n = {1 + step * 3 + number} WHERE true")
            finally:
                stop.set()
            return None
        seen = 0
        while not stop.is_set():
            headers = ENGINE if number % 2 else None
            values = {row[0] for row in client.rows(f"SELECT n FROM {ns}.c", headers=headers)}
            assert len(values) == 1, values
            seen += 1
        return seen

    assert all(seen is None or seen > 0 for seen in race(server, 6, work))


def test_transfers_keep_the_sum(server, root, ns, rng):
    """Two-row updates from many writers: no lost update, no half statement."""
    root.run(f"CREATE SHARED TABLE {ns}.c (id INT PRIMARY KEY, n INT); INSERT INTO {ns}.c VALUES " + ", ".join(f"({k}, 100)" for k in range(6)))
    pairs = [[rng.sample(range(6), 2) for _ in range(30)] for _ in range(6)]

    def work(client, number):
        for source, target in pairs[number]:
            reply = client.run(f"UPDATE {ns}.c SET n = CASE WHEN id = {source} THEN n - 1 ELSE n + 1 END WHERE id IN ({source}, {target})")
            assert reply.affected == 2
            assert client.value(f"SELECT SUM(n)::INT FROM {ns}.c") == 600

    race(server, 6, work)
    assert root.value(f"SELECT SUM(n)::INT FROM {ns}.c") == 600


def test_a_client_reads_its_own_writes(server, root, ns):
    root.run(f"CREATE USER TABLE {ns}.c (id INT PRIMARY KEY, n INT)")

    def work(client, number):
        for step in range(50):
            key = number * 1000 + step
            client.run(f"INSERT INTO {ns}.c VALUES ({key}, {step})")
            assert client.value(f"SELECT n FROM {ns}.c WHERE id = {key}") == step
            assert client.value(f"SELECT COUNT(*) FROM {ns}.c WHERE id >= {number * 1000} AND id < {number * 1000 + 1000}") == str(step + 1)

    race(server, 6, work)


def test_mixed_random_writes_match_a_model(root, ns, rng):
    """A few hundred random statements against a dictionary."""
    root.run(f"CREATE SHARED TABLE {ns}.m (id INT PRIMARY KEY, v TEXT, n INT)")
    model = {}
    for step in range(400):
        key, low, value = rng.randrange(12), rng.randrange(12), f"v{step}"
        high = low + rng.randrange(4)
        headers = rng.choice([None, ENGINE])
        action = rng.randrange(6)
        if action == 0:
            reply = root.sql(f"INSERT INTO {ns}.m VALUES ({key}, '{value}', {step})", headers=headers)
            assert reply.ok == (key not in model)
            model.setdefault(key, [value, step])
        elif action == 1:
            keys = rng.sample(range(12), 3)
            reply = root.sql(f"INSERT INTO {ns}.m (id, v) VALUES " + ", ".join(f"({k}, '{value}')" for k in keys), headers=headers)
            assert reply.ok == (not set(keys) & set(model))
            if reply.ok:
                model.update({k: [value, None] for k in keys})
        elif action == 2:
            assert root.run(f"UPDATE {ns}.m SET v = '{value}' WHERE id = {key}", headers=headers).affected == (key in model)
            if key in model:
                model[key] = [value, model[key][1]]
        elif action == 3:
            hit = [k for k in model if low <= k <= high and model[k][1] is not None]
            assert root.run(f"UPDATE {ns}.m SET n = n + 1 WHERE id BETWEEN {low} AND {high}", headers=headers).affected == len(hit)
            for k in hit:
                model[k] = [model[k][0], model[k][1] + 1]
        elif action == 4:
            assert root.run(f"DELETE FROM {ns}.m WHERE id = {key}", headers=headers).affected == (model.pop(key, None) is not None)
        else:
            hit = [k for k in model if low <= k <= high]
            assert root.run(f"DELETE FROM {ns}.m WHERE id >= {low} AND id <= {high}", headers=headers).affected == len(hit)
            for k in hit:
                del model[k]
        if step % 20 == 19:
            assert content(root, f"{ns}.m") == [[k, *model[k]] for k in sorted(model)]
