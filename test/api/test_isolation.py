"""A USER table shows each caller only its own rows, in every statement and for every role (issue item 5, sql.md 5.1)."""
import concurrent.futures
import itertools

import pytest

CALLERS = ["alice", "bob", "service_sam", "dba_dora", "root"]
ENGINE = {"X-Kalam-Plan": "engine"}


@pytest.fixture
def notes(root, ns):
    root.run(f"CREATE USER TABLE {ns}.notes (id BIGINT PRIMARY KEY, owner TEXT, body TEXT, n INT)")
    return f"{ns}.notes"


@pytest.fixture
def filled(callers, notes):
    """Every caller has the same keys 1..5 with rows that name the owner."""
    for name in CALLERS:
        values = ", ".join(f"({n}, '{name}', 'secret of {name} {n}', {n})" for n in range(1, 6))
        callers[name].run(f"INSERT INTO {notes} VALUES {values}")
    return notes


def own_rows(name):
    return [[str(n), name, f"secret of {name} {n}", n] for n in range(1, 6)]


@pytest.mark.parametrize("name", CALLERS)
@pytest.mark.parametrize("query", [
    "SELECT id, owner, body, n FROM {t}", "SELECT id, owner, body, n FROM {t} WHERE id BETWEEN 1 AND 5", "SELECT id, owner, body, n FROM {t} WHERE id IN (1, 2, 3, 4, 5)",
    "SELECT id, owner, body, n FROM {t} ORDER BY id LIMIT 100", "SELECT x.id, x.owner, x.body, x.n FROM {t} x WHERE lower(x.body) LIKE 'secret%'",
    "WITH w AS (SELECT * FROM {t}) SELECT id, owner, body, n FROM w ORDER BY id", "SELECT id, owner, body, n FROM (SELECT * FROM {t} UNION SELECT * FROM {t}) ORDER BY id",
    "SELECT a.id, b.owner, a.body, b.n FROM {t} a JOIN {t} b ON a.id = b.id ORDER BY a.id", "SELECT id, owner, body, n FROM {t} WHERE id >= 1 AND _deleted = false",
    "SELECT id, owner, body, n FROM {t} WHERE EXISTS (SELECT 1 FROM {t} o WHERE o.id = {t}.id) ORDER BY id"])
def test_reads(callers, filled, name, query):
    sql = query.replace("{t}.id", "notes.id").format(t=filled)
    assert callers[name].rows(sql) == own_rows(name)
    if name in ("dba_dora", "root"):
        assert callers[name].rows(sql, headers=ENGINE) == own_rows(name)


@pytest.mark.parametrize("name", CALLERS)
def test_counts_aggregates_and_point_reads(callers, filled, name):
    client = callers[name]
    assert client.value(f"SELECT COUNT(*) FROM {filled}") == "5"
    assert client.value(f"SELECT COUNT(*) FROM {filled} WHERE id > 0") == "5"
    assert client.rows(f"SELECT owner, SUM(n) FROM {filled} GROUP BY owner") == [[name, "15"]]
    assert client.rows(f"SELECT DISTINCT owner FROM {filled}") == [[name]]
    assert client.rows(f"SELECT body FROM {filled} WHERE id = 3") == [[f"secret of {name} 3"]]
    assert client.rows(f"SELECT body FROM {filled} WHERE id = $1", [3]) == [[f"secret of {name} 3"]]
    assert client.rows(f"SELECT max(body) FROM {filled} WHERE owner <> '{name}'") == [[None]]


def test_writes_touch_own_rows_only(callers, filled):
    alice = callers["alice"]
    assert alice.run(f"UPDATE {filled} SET body = 'changed' WHERE id = 1").affected == 1
    assert alice.run(f"UPDATE {filled} SET body = 'changed' WHERE owner = 'bob'").affected == 0
    assert alice.run(f"UPDATE {filled} SET n = n + 1 WHERE true").affected == 5
    assert alice.run(f"DELETE FROM {filled} WHERE owner <> 'alice'").affected == 0
    assert alice.run(f"DELETE FROM {filled} WHERE id = 2").affected == 1
    assert alice.run(f"DELETE FROM {filled} WHERE n > 0").affected == 4
    for name in CALLERS[1:]:
        assert callers[name].rows(f"SELECT id, owner, body, n FROM {filled}") == own_rows(name)
    assert alice.rows(f"SELECT * FROM {filled}") == []
    assert [row[0] for row in alice.rows(f"SELECT owner FROM {filled} WHERE _deleted = true")] == ["alice"] * 5
    assert callers["bob"].rows(f"SELECT * FROM {filled} WHERE _deleted = true") == []


@pytest.mark.parametrize("name", ["service_sam", "dba_dora", "root"])
def test_powerful_roles_have_no_implicit_view_of_others(callers, filled, name):
    client = callers[name]
    assert client.run(f"DELETE FROM {filled} WHERE owner = 'alice'").affected == 0
    assert client.run(f"UPDATE {filled} SET body = 'x' WHERE owner = 'alice'").affected == 0
    assert client.run(f"DELETE FROM {filled} WHERE true").affected == 5
    assert callers["alice"].rows(f"SELECT id, owner, body, n FROM {filled}") == own_rows("alice")


def test_the_same_key_of_two_users(callers, notes):
    alice, bob = callers["alice"], callers["bob"]
    alice.run(f"INSERT INTO {notes} (id, body) VALUES (1, 'a')")
    bob.run(f"INSERT INTO {notes} (id, body) VALUES (1, 'b')")
    alice.fails(f"INSERT INTO {notes} (id) VALUES (1)", contains="primary key")
    assert alice.run(f"DELETE FROM {notes} WHERE id = 1").affected == 1
    assert bob.rows(f"SELECT body FROM {notes}") == [["b"]]
    alice.run(f"INSERT INTO {notes} (id, body) VALUES (1, 'a2')")
    assert alice.rows(f"SELECT body FROM {notes}") == [["a2"]]


def test_insert_select_reads_own_rows(callers, filled, ns, root):
    root.run(f"CREATE USER TABLE {ns}.copy (id BIGINT PRIMARY KEY, body TEXT)")
    assert callers["bob"].run(f"INSERT INTO {ns}.copy SELECT id, body FROM {filled}").affected == 5
    assert {row[0] for row in callers["bob"].rows(f"SELECT body FROM {ns}.copy")} == {f"secret of bob {n}" for n in range(1, 6)}
    assert callers["alice"].rows(f"SELECT * FROM {ns}.copy") == []


def test_update_from_a_subquery_reads_own_rows(callers, filled):
    bob = callers["bob"]
    bob.run(f"UPDATE {filled} SET body = (SELECT max(owner) FROM {filled}) WHERE id = 1")
    assert bob.rows(f"SELECT body FROM {filled} WHERE id = 1") == [["bob"]]
    assert bob.run(f"DELETE FROM {filled} WHERE id IN (SELECT id FROM {filled} WHERE owner = 'alice')").affected == 0


def test_joins_of_user_and_shared_tables(callers, filled, ns, root):
    root.run(f"CREATE SHARED TABLE {ns}.names (n INT PRIMARY KEY, word TEXT) WITH (ACCESS_LEVEL = 'public'); "
             f"INSERT INTO {ns}.names VALUES (1, 'one'), (2, 'two'), (9, 'nine')")
    for name in ("alice", "bob"):
        assert callers[name].rows(f"SELECT owner, word FROM {filled} f JOIN {ns}.names s ON s.n = f.n ORDER BY f.id") == [[name, "one"], [name, "two"]]
        assert callers[name].value(f"SELECT COUNT(*) FROM {ns}.names s LEFT JOIN {filled} f ON s.n = f.n WHERE f.id IS NULL") == "1"


def test_scopes_that_look_alike_do_not_mix(server, root, ns):
    """User ids with separators, prefixes of each other, and bytes at both ends of the order."""
    root.run(f"CREATE USER TABLE {ns}.s (id TEXT PRIMARY KEY, v TEXT)")
    names = ["u", "u1", "u10", "u:1", "u|1", "u\x01", "uü", "U", "u ", "u'q", "u%", "u_", "u.1", "😀"]
    clients = {}
    for number, name in enumerate(names):
        literal = name.replace("'", "''")
        root.run(f"CREATE USER '{literal}' WITH PASSWORD 'Scope-pass-1' ROLE user")
        clients[name] = server.client(name, "Scope-pass-1")
        clients[name].run(f"INSERT INTO {ns}.s VALUES ('k', $1), ('', $1), ('1', $1)", [f"of {number}"])
    for number, name in enumerate(names):
        assert clients[name].rows(f"SELECT id, v FROM {ns}.s") == [["", f"of {number}"], ["1", f"of {number}"], ["k", f"of {number}"]], name
        assert clients[name].value("SELECT CURRENT_USER()") == name
        assert clients[name].value(f"SELECT COUNT(*) FROM {ns}.s WHERE id >= ''") == "3"
    assert clients["u"].run(f"DELETE FROM {ns}.s WHERE true").affected == 3
    for name in names[1:]:
        assert clients[name].value(f"SELECT COUNT(*) FROM {ns}.s") == "3", name


def test_dropping_and_recreating_a_table_shows_no_old_rows(callers, filled, root):
    root.run(f"DROP TABLE {filled}; CREATE USER TABLE {filled} (id BIGINT PRIMARY KEY, owner TEXT, body TEXT, n INT)")
    for name in CALLERS:
        assert callers[name].rows(f"SELECT * FROM {filled}") == []
        assert callers[name].rows(f"SELECT * FROM {filled} WHERE _deleted = true") == []


def test_cached_plans_do_not_carry_an_identity(callers, filled):
    """The same text from different callers and roles, interleaved: plan cache and prepared statements are shared, rows are not."""
    queries = [f"SELECT body FROM {filled} WHERE id = 4", f"SELECT body FROM {filled} WHERE id + 0 = 4", f"SELECT CURRENT_USER(), owner FROM {filled} WHERE id = 4",
               f"SELECT owner FROM {filled} WHERE owner = CURRENT_USER() AND id = 4"]
    for _ in range(5):
        for query, name in itertools.product(queries, CALLERS):
            assert callers[name].rows(query)[0][-1] in (name, f"secret of {name} 4")


def test_isolation_under_concurrency(server, filled):
    import conftest
    passwords = {**conftest.PASSWORDS, "root": server.root_password}

    def work(name):
        client = server.client(name, passwords[name])
        for round_number in range(60):
            assert {row[0] for row in client.rows(f"SELECT owner FROM {filled}")} == {name}
            assert client.rows(f"SELECT owner FROM {filled} WHERE id = {1 + round_number % 5}") == [[name]]
            assert client.rows(f"SELECT owner, COUNT(*) FROM {filled} GROUP BY owner") == [[name, "5"]]
            assert client.run(f"UPDATE {filled} SET n = n + 1 WHERE id = 1").affected == 1
        return int(client.value(f"SELECT n FROM {filled} WHERE id = 1"))

    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        counters = list(pool.map(work, CALLERS * 2))
    assert max(counters) == 121
    assert {name: server.client(name, passwords[name]).value(f"SELECT n FROM {filled} WHERE id = 1") for name in CALLERS} == dict.fromkeys(CALLERS, 121)
