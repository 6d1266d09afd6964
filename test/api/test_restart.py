"""Everything acknowledged is there after a stop and after kill -9: definitions, versions, rows, users, levels, sequences."""
import pytest

ENGINE = {"X-Kalam-Plan": "engine"}


@pytest.fixture(params=["stop", "kill"])
def again(request, make_server):
    """(server, restart): the restart is a graceful stop or a kill -9."""
    server = make_server({"storage": {"durability": "sync"}})
    return server, lambda: server.restart(kill=request.param == "kill")


def test_rows_of_every_type(again):
    server, restart = again
    root = server.root()
    columns = ("b BOOLEAN, s SMALLINT, i INT, l BIGINT, f FLOAT, d DOUBLE, m DECIMAL(20,3), t TEXT, y BYTES, j JSON, ts TIMESTAMP, dt DATETIME, da DATE, ti TIME, u UUID")
    root.run(f"CREATE NAMESPACE app; CREATE SHARED TABLE app.t (id INT PRIMARY KEY, {columns}); CREATE USER TABLE app.u (id TEXT PRIMARY KEY, {columns})")
    values = ("true, -5, 2147483647, -9223372036854775808, 0.5, 1e300, -0.005, 'ünï\n''quoted''', from_hex('00FF'), '{\"a\": [1]}', '2024-01-02 03:04:05.678901', "
              "'2024-01-02T03:04:05Z', '1969-12-31', '23:59:59.999999', '550e8400-e29b-41d4-a716-446655440000'")
    nulls = ", ".join(["NULL"] * 15)
    for table, keys in (("app.t", ("1", "2")), ("app.u", ("''", "'k'"))):
        root.run(f"INSERT INTO {table} VALUES ({keys[0]}, {values}), ({keys[1]}, {nulls})")
    before = [root.rows(f"SELECT * FROM {t}") for t in ("app.t", "app.u")]
    restart()
    root = server.root()
    for headers in (None, ENGINE):
        assert [root.rows(f"SELECT * FROM {t}", headers=headers) for t in ("app.t", "app.u")] == before


def test_definitions_and_schema_versions(again):
    server, restart = again
    root = server.root()
    root.run("CREATE NAMESPACE app; CREATE NAMESPACE gone; ALTER NAMESPACE app SET OPTIONS (tier = 'gold', n = 3); DROP NAMESPACE gone")
    root.run("CREATE SHARED TABLE app.t (id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), a TEXT NOT NULL DEFAULT 'x', n INT) WITH (ACCESS_LEVEL = 'restricted', FLUSH_POLICY = 'rows:500'); "
             "CREATE USER TABLE app.dropped (id INT PRIMARY KEY); INSERT INTO app.dropped VALUES (1); DROP TABLE app.dropped; "
             "INSERT INTO app.t (id, n) VALUES (1, 1); ALTER TABLE app.t ADD COLUMN late INT DEFAULT 9; INSERT INTO app.t (id, n, late) VALUES (2, 2, 20); "
             "ALTER TABLE app.t DROP COLUMN n; ALTER TABLE app.t RENAME COLUMN a TO title; INSERT INTO app.t (id, title) VALUES (3, 'y'); ALTER TABLE app.t ADD COLUMN n TEXT; "
             "ALTER TABLE app.t ADD COLUMN w SMALLINT; UPDATE app.t SET w = 5 WHERE id = 2; ALTER TABLE app.t MODIFY COLUMN w BIGINT; ALTER TABLE app.t SET ACCESS LEVEL public")
    questions = ["SHOW NAMESPACES", "SHOW TABLES", "DESCRIBE TABLE app.t", "SELECT * FROM app.t", "SELECT id, late, n, w FROM app.t WHERE late = 9 OR w = 5"]
    before = [root.rows(q) for q in questions]
    assert [row[:4] for row in before[3]] == [["1", "x", 9, None], ["2", "x", 20, None], ["3", "y", 9, None]]
    restart()
    root = server.root()
    assert [root.rows(q) for q in questions] == before
    root.fails("SELECT * FROM app.dropped", status=404)
    root.run("CREATE USER TABLE app.dropped (id INT PRIMARY KEY)")
    assert root.rows("SELECT * FROM app.dropped") == [], "rows of the dropped table stay gone"
    ids = {row[0] for row in root.rows("SHOW TABLES")}
    assert len(ids) == len(root.rows("SHOW TABLES")), "table ids are unique after a restart"
    root.run("ALTER TABLE app.t ADD COLUMN more INT DEFAULT 1")
    described = root.run("DESCRIBE TABLE app.t").dicts
    column_ids = [row["column_id"] for row in described if not row["column_name"].startswith("_")]
    assert len(set(column_ids)) == len(column_ids)
    assert root.rows("SELECT id, more FROM app.t") == [["1", 1], ["2", 1], ["3", 1]]


def test_writes_and_deletes(again):
    server, restart = again
    root = server.root()
    root.run("CREATE NAMESPACE app; CREATE SHARED TABLE app.t (id INT PRIMARY KEY, v TEXT); INSERT INTO app.t VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd'); "
             "UPDATE app.t SET v = 'B' WHERE id = 2; DELETE FROM app.t WHERE id IN (3, 4); INSERT INTO app.t VALUES (4, 'again')")
    restart()
    root = server.root()
    assert root.rows("SELECT id, v FROM app.t") == [[1, "a"], [2, "B"], [4, "again"]]
    assert root.rows("SELECT id, v FROM app.t WHERE _deleted = true") == [[3, "c"]]
    root.fails("INSERT INTO app.t VALUES (4, 'dup')", contains="primary key")
    root.run("INSERT INTO app.t VALUES (3, 'back')")
    restart()
    assert server.root().rows("SELECT id, v FROM app.t") == [[1, "a"], [2, "B"], [3, "back"], [4, "again"]]


def test_sequences_never_go_back(again):
    server, restart = again
    server.root().run("CREATE NAMESPACE app; CREATE SHARED TABLE app.t (id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), v INT)")
    seen = []
    for round_number in range(4):
        root = server.root()
        for number in range(50):
            root.run(f"INSERT INTO app.t (v) VALUES ({round_number * 50 + number})")
        rows = root.rows("SELECT id, _seq FROM app.t ORDER BY v")
        assert rows[:len(seen)] == seen
        seen = rows
        restart()
    assert [int(s) for _, s in seen] == sorted({int(s) for _, s in seen})
    assert [int(i) for i, _ in seen] == sorted({int(i) for i, _ in seen})


def test_users_roles_and_passwords(again):
    server, restart = again
    root = server.root()
    for name, role in (("ann", "user"), ("ben", "service"), ("cat", "dba"), ("gone", "dba")):
        root.run(f"CREATE USER {name} WITH PASSWORD 'First-pass-1' ROLE {role} EMAIL '{name}@x.io'")
    root.run("ALTER USER ann SET PASSWORD 'Second-pass-2'; ALTER USER ben SET ROLE dba; DROP USER gone; CREATE NAMESPACE app; CREATE USER TABLE app.u (id INT PRIMARY KEY, v TEXT)")
    ann = server.client("ann", "Second-pass-2")
    ann.run("INSERT INTO app.u VALUES (1, 'of ann')")
    token = ann.token
    restart()
    ann = server.client("ann", "Second-pass-2")
    assert ann.rows("SELECT v FROM app.u") == [["of ann"]] and ann.rows("SELECT v FROM app.u", token=token) == [["of ann"]]
    assert server.client().login("ann", "First-pass-1").status == 401 and server.client().login("gone", "First-pass-1").status == 401
    body = server.client().login("ben", "First-pass-1").expect(200).json()
    assert body["user"]["role"] == "dba" and body["user"]["email"] == "ben@x.io"
    assert server.client("cat", "First-pass-1").rows("SELECT v FROM app.u") == []
    server.root().fails("CREATE USER gone WITH PASSWORD 'x' ROLE user", contains="already exists")


def test_isolation_after_a_restart(again):
    server, restart = again
    root = server.root()
    root.run("CREATE NAMESPACE app; CREATE USER TABLE app.u (id INT PRIMARY KEY, v TEXT)")
    names = ["root", "ann", "ben"]
    for name in names[1:]:
        root.run(f"CREATE USER {name} WITH PASSWORD 'Some-pass-1' ROLE dba")
    clients = {name: server.client(name, server.root_password if name == "root" else "Some-pass-1") for name in names}
    for name in names:
        clients[name].run(f"INSERT INTO app.u VALUES (1, '{name}'), (2, '{name}')")
    clients["ann"].run("DELETE FROM app.u WHERE id = 2")
    restart()
    for name in names:
        client = server.client(name, server.root_password if name == "root" else "Some-pass-1")
        assert client.rows("SELECT v FROM app.u") == [[name]] * (1 if name == "ann" else 2)


def test_a_generated_secret_keeps_tokens_valid(make_server):
    """Without auth.jwt_secret the server makes one and keeps it with the data."""
    server = make_server({"auth": {"jwt_secret": "CHANGE_ME_IN_PRODUCTION"}})
    root = server.root()
    assert root.value("SELECT 1") == 1
    server.restart(kill=True)
    assert server.client().value("SELECT 1", token=root.token) == 1
    from kalam_server import claims_for, make_token
    forged = make_token(claims_for("root", "system"), secret="CHANGE_ME_IN_PRODUCTION")
    assert server.client().sql("SELECT 1", token=forged).status == 401


def test_many_restarts(make_server):
    server = make_server()
    server.root().run("CREATE NAMESPACE app; CREATE SHARED TABLE app.t (id INT PRIMARY KEY)")
    for number in range(8):
        server.root().run(f"INSERT INTO app.t VALUES ({number})")
        server.restart(kill=number % 2 == 0)
    assert server.root().rows("SELECT id FROM app.t") == [[n] for n in range(8)]


def test_a_large_table_is_complete_after_kill(make_server):
    server = make_server()
    root = server.root()
    root.run("CREATE NAMESPACE app; CREATE SHARED TABLE app.t (id INT PRIMARY KEY, v TEXT)")
    for start in range(0, 50_000, 1000):
        root.run("INSERT INTO app.t VALUES " + ", ".join(f"({n}, '{'x' * 100}{n}')" for n in range(start, start + 1000)))
    root.run("DELETE FROM app.t WHERE id >= 10000 AND id < 20000")
    server.restart(kill=True)
    root = server.root()
    assert root.rows("SELECT COUNT(*), SUM(id)::BIGINT, SUM(length(v))::BIGINT FROM app.t") == [
        ["40000", str(sum(range(50_000)) - sum(range(10_000, 20_000))), str(sum(100 + len(str(n)) for n in range(50_000) if not 10_000 <= n < 20_000))]]
    assert root.value("SELECT COUNT(*) FROM app.t") == "40000"
