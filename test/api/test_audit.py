"""The audit log: what is noted, with what, and what never."""
import json

import pytest

import kalam_server

SECRET = "Hush-hush-4711"


def entries(root, **where):
    rows = root.run("SELECT * FROM system.audit_log ORDER BY timestamp, audit_id").dicts
    return [row for row in rows if all(row[key] == value for key, value in where.items())]


def one(root, **where):
    found = entries(root, **where)
    assert len(found) == 1, f"{where}: {found}"
    return found[0]


def test_ddl(root, dba, ns):
    dba.run(f"CREATE USER TABLE {ns}.t (id INT PRIMARY KEY)", headers={"X-Request-ID": f"req-{ns}"})
    dba.run(f"ALTER TABLE {ns}.t ADD COLUMN n INT; DROP TABLE {ns}.t; ALTER NAMESPACE {ns} SET OPTIONS (a = 1)")
    created = one(root, action="CREATE_TABLE", target=f"{ns}.t")
    assert created["actor_user_id"] == "dba_dora" and created["ip_address"] == "127.0.0.1" and created["request_id"] == f"req-{ns}"
    assert created["audit_id"].startswith(f"audit_{created['timestamp'] // 1000}_") and created["subject_user_id"] is None
    assert one(root, action="ALTER_TABLE", target=f"{ns}.t")["details"] == "ADD COLUMN n INT"
    assert one(root, action="DROP_TABLE", target=f"{ns}.t")["details"] is None
    assert "a" in one(root, action="ALTER_NAMESPACE", target=ns)["details"]
    assert one(root, action="CREATE_NAMESPACE", target=ns)["actor_user_id"] == "root"
    root.run(f"CREATE SHARED TABLE {ns}.s (id INT PRIMARY KEY); ALTER TABLE {ns}.s SET ACCESS LEVEL public; DROP NAMESPACE {ns} CASCADE")
    assert one(root, action="ALTER_TABLE", target=f"{ns}.s")["details"] == "SET ACCESS LEVEL Public"
    assert one(root, action="DROP_NAMESPACE", target=ns)["details"] == "CASCADE"


def test_what_changes_nothing_is_not_noted(root, alice, ns):
    root.run(f"CREATE SHARED TABLE {ns}.t (id INT PRIMARY KEY)")
    before = len(entries(root))
    root.run(f"CREATE NAMESPACE IF NOT EXISTS {ns}; CREATE TABLE IF NOT EXISTS {ns}.t (id INT PRIMARY KEY); DROP TABLE IF EXISTS {ns}.absent; DROP USER IF EXISTS absent_user")
    root.fails(f"CREATE SHARED TABLE {ns}.t (id INT PRIMARY KEY)")
    root.fails(f"ALTER TABLE {ns}.t DROP COLUMN id")
    alice.fails(f"CREATE NAMESPACE {ns}_more", status=403)
    root.run(f"SELECT * FROM {ns}.t; INSERT INTO {ns}.t VALUES (1); SHOW TABLES")
    assert len(entries(root)) == before


def test_users(root, server, unique):
    name = unique("audited")
    root.run(f"CREATE USER {name} WITH PASSWORD '{SECRET}' ROLE user EMAIL 'x@example.com'")
    root.run(f"ALTER USER {name} SET PASSWORD '{SECRET}-2'; ALTER USER {name} SET ROLE dba; DROP USER {name}")
    assert "Role: User" in one(root, action="CREATE_USER", target=name)["details"]
    assert [entry["details"] for entry in entries(root, action="ALTER_USER", target=name)] == ["SetPassword([REDACTED])", "SetRole(Dba)"]
    assert one(root, action="DROP_USER", target=name)["details"] is None
    assert SECRET not in json.dumps(entries(root))


def test_logins_of_administrators(root, server, unique):
    boss, peon = unique("boss"), unique("peon")
    root.run(f"CREATE USER {boss} WITH PASSWORD '{SECRET}' ROLE dba; CREATE USER {peon} WITH PASSWORD '{SECRET}' ROLE user")
    for name in (boss, peon, "nobody_here"):
        assert server.client().login(name, "wrong-password").status == 401
    for name in (boss, peon):
        client = server.client()
        assert client.login(name, SECRET).status == 200
        assert client.request("POST", "/v1/api/auth/refresh", headers={"Authorization": f"Bearer {client.refresh_token}"}).status == 200
    entry = one(root, action="LOGIN", target=f"user:{boss}")
    assert entry["actor_user_id"] == boss and entry["details"] is None and entry["ip_address"] == "127.0.0.1" and entry["request_id"]
    assert one(root, action="LOGIN_FAILED", target=f"user:{boss}")["ip_address"] == "127.0.0.1"
    assert entries(root, target=f"user:{peon}") == [] and entries(root, target="user:nobody_here") == []
    assert SECRET not in json.dumps(entries(root))


@pytest.mark.parametrize("way", [None, {"X-Kalam-Plan": "engine"}])
def test_impersonation(root, service, alice, ns, unique, way):
    root.run(f"CREATE USER TABLE {ns}.u (id INT PRIMARY KEY)")
    target = unique("subject")
    service.run(f"EXECUTE AS USER '{target}' (INSERT INTO {ns}.u VALUES (1))", headers=way)
    service.run(f"EXECUTE AS USER '{target}' (SELECT * FROM {ns}.u WHERE id = 1)", headers=way)
    service.run(f"EXECUTE AS USER '{target}' (SELECT COUNT(*) FROM {ns}.u)", headers=way)
    service.run(f"BEGIN; EXECUTE AS USER '{target}' (DELETE FROM {ns}.u WHERE id = 1); ROLLBACK", headers=way)
    found = entries(root, action="EXECUTE_AS_USER", subject_user_id=target)
    assert [json.loads(entry["details"]) for entry in found] == [{"success": True, "actor_role": "service", "statement": kind} for kind in ("INSERT", "SELECT", "SELECT", "DELETE")]
    assert {entry["actor_user_id"] for entry in found} == {"service_sam"}
    alice.fails(f"EXECUTE AS USER '{target}' (SELECT 1)", status=403)
    denied = one(root, action="EXECUTE_AS_USER_DENIED", subject_user_id=target)
    assert denied["actor_user_id"] == "alice" and json.loads(denied["details"]) == {"success": False, "actor_role": "user", "reason": "role_not_allowed"}
    before = len(entries(root, subject_user_id="alice"))
    alice.run("EXECUTE AS USER 'alice' (SELECT 1)")
    assert len(entries(root, subject_user_id="alice")) == before


def test_rows_when_configured():
    with kalam_server.Server({"audit": {"dml": True}}) as server:
        root = server.root()
        root.run("CREATE SHARED TABLE default.t (id INT PRIMARY KEY, v TEXT)")
        for way in (None, {"X-Kalam-Plan": "engine"}):
            root.run(f"INSERT INTO default.t VALUES (1, '{SECRET}'), (2, 'b')", headers=way)
            root.run("UPDATE default.t SET v = 'same' WHERE id = 1", headers=way)
            root.run("UPDATE default.t SET v = 'same' WHERE id = 1", headers=way)  # nothing changes
            root.run("DELETE FROM default.t WHERE id > 0", headers=way)
        root.run("BEGIN; INSERT INTO default.t VALUES (5, ''); UPDATE default.t SET v = 'x' WHERE id = 5; COMMIT")
        root.run("BEGIN; INSERT INTO default.t VALUES (6, ''); ROLLBACK")
        root.fails("INSERT INTO default.t VALUES (5, '')")
        found = [(e["action"], json.loads(e["details"])["rows_affected"]) for e in entries(root, target="default.t") if e["action"] in ("INSERT", "UPDATE", "DELETE")]
        changes = [entry for entry in found if entry[1] > 0]
        assert changes == [("INSERT", 2), ("UPDATE", 1), ("DELETE", 2)] * 2 + [("INSERT", 1), ("UPDATE", 1)]
        assert SECRET not in json.dumps(entries(root))
        server.restart()
        assert len([e for e in entries(server.root(), target="default.t") if e["action"] == "CREATE_TABLE"]) == 1


def test_switched_off_and_bounded():
    with kalam_server.Server({"audit": {"enabled": False}}) as server:
        root = server.root()
        root.run("CREATE NAMESPACE quiet")
        assert entries(root) == []
    with kalam_server.Server({"audit": {"max_entries": 100}}) as server:
        root = server.root()
        for number in range(10):
            root.run("; ".join(f"CREATE NAMESPACE n{number}_{i}" for i in range(30)))
        count = len(entries(root))
        assert 100 <= count <= 125 and entries(root)[-1]["target"] == "n9_29"


def test_only_administrators_read_it(alice, service, root):
    for client in (alice, service):
        client.fails("SELECT * FROM system.audit_log", status=403)
    for sql in ("DELETE FROM system.audit_log WHERE 1 = 1", "UPDATE system.audit_log SET actor_user_id = 'x' WHERE 1 = 1"):
        root.fails(sql, status=400)


def test_the_setup_of_a_server(make_server):
    server = make_server(root_password=None)
    client = server.client()
    response = client.request("POST", "/v1/api/auth/setup", json_body={"user": "first", "password": "First-pass-1", "root_password": SECRET, "email": None})
    assert response.status == 200, response.body
    assert client.login("first", "First-pass-1").status == 200
    found = entries(client)
    assert [(e["action"], e["target"], e["actor_user_id"]) for e in found] == [("ALTER_USER", "root", "root"), ("CREATE_USER", "first", "root"), ("LOGIN", "user:first", "first")]
    assert SECRET not in json.dumps(found)


def test_storages_topics_and_jobs(root, ns, unique):
    storage = unique("storage")
    root.run(f"CREATE STORAGE {storage} TYPE 'filesystem' NAME 'x' BASE_DIRECTORY '{storage}'")
    root.run(f"ALTER STORAGE {storage} SET NAME 'y'; DROP STORAGE {storage}")
    assert [e["action"] for e in entries(root, target=storage)] == ["CREATE_STORAGE", "ALTER_STORAGE", "DROP_STORAGE"]
    root.run(f"CREATE SHARED TABLE {ns}.t (id INT PRIMARY KEY); CREATE TOPIC {ns}.events")
    root.run(f"ALTER TOPIC {ns}.events ADD SOURCE {ns}.t ON INSERT; CLEAR TOPIC {ns}.events; DROP TOPIC {ns}.events")
    assert [e["action"] for e in entries(root, target=f"{ns}.events")] == ["CREATE_TOPIC", "ALTER_TOPIC", "CLEAR_TOPIC", "DROP_TOPIC"]
