"""SHARED access levels, EXECUTE AS USER, users as SQL objects (sql.md 1.8, 1.10, 5.2-5.4)."""
import itertools

import pytest

LEVELS = ["public", "private", "restricted", "dba"]
READ = {"public": {"alice", "service_sam", "dba_dora", "root"}, "private": {"service_sam", "dba_dora", "root"},
        "restricted": {"service_sam", "dba_dora", "root"}, "dba": {"dba_dora", "root"}}
WRITE = {**READ, "public": {"service_sam", "dba_dora", "root"}}
WHO = ["alice", "service_sam", "dba_dora", "root"]


@pytest.fixture
def leveled(root, ns):
    for level in LEVELS:
        root.run(f"CREATE SHARED TABLE {ns}.{level}_t (id INT PRIMARY KEY, v TEXT) WITH (ACCESS_LEVEL = '{level}'); "
                 f"INSERT INTO {ns}.{level}_t VALUES (1, 'canary')")
    return ns


@pytest.mark.parametrize("level,name", itertools.product(LEVELS, WHO))
def test_reading(callers, leveled, level, name):
    table = f"{leveled}.{level}_t"
    for sql in (f"SELECT v FROM {table} WHERE id = 1", f"SELECT v FROM {table}", f"SELECT max(v) FROM {table}", f"WITH w AS (SELECT v FROM {table}) SELECT * FROM w",
                f"SELECT (SELECT v FROM {table} LIMIT 1)", f"SELECT x.v FROM (VALUES (1)) q(i) JOIN {table} x ON x.id = q.i"):
        if name in READ[level]:
            assert callers[name].rows(sql) == [["canary"]]
        else:
            reply = callers[name].fails(sql, status=403, code="PERMISSION_DENIED", contains=[f"cannot access table '{table}'", f"(access_level={level.title()})"])
            assert "canary" not in reply.text
    if name not in READ[level]:
        callers[name].fails(f"SELECT COUNT(*) FROM {table}", status=403)
        callers[name].fails(f"SELECT 1 WHERE EXISTS (SELECT 1 FROM {table})", status=403)


@pytest.mark.parametrize("level,name", itertools.product(LEVELS, WHO))
def test_writing(callers, leveled, level, name):
    table = f"{leveled}.{level}_t"
    client = callers[name]
    statements = [f"INSERT INTO {table} VALUES (2, 'new')", f"UPDATE {table} SET v = 'changed' WHERE id = 2", f"UPDATE {table} SET v = v || '!' WHERE id > 1",
                  f"INSERT INTO {table} SELECT id + 10, v FROM {table} WHERE id = 2", f"DELETE FROM {table} WHERE id = 2", f"DELETE FROM {table} WHERE id > 5"]
    for sql in statements:
        if name in WRITE[level]:
            assert client.run(sql).affected == 1
        else:
            client.fails(sql, status=403, code="PERMISSION_DENIED", contains="denied")
    assert callers["root"].rows(f"SELECT id, v FROM {table}") == [[1, "canary"]]


def test_a_write_needs_more_than_a_read(callers, leveled):
    reply = callers["alice"].fails(f"INSERT INTO {leveled}.public_t VALUES (9, 'x')", status=403)
    assert "Shared table write denied (access_level=Public)" in reply.message


def test_dml_sources_are_checked_too(callers, root, leveled):
    root.run(f"CREATE USER TABLE {leveled}.mine (id INT PRIMARY KEY, v TEXT)")
    alice = callers["alice"]
    alice.run(f"INSERT INTO {leveled}.mine SELECT id, v FROM {leveled}.public_t")
    for sql in (f"INSERT INTO {leveled}.mine SELECT id + 1, v FROM {leveled}.private_t", f"UPDATE {leveled}.mine SET v = (SELECT v FROM {leveled}.dba_t) WHERE id = 1",
                f"DELETE FROM {leveled}.mine WHERE v IN (SELECT v FROM {leveled}.restricted_t)", f"INSERT INTO {leveled}.mine VALUES (5, (SELECT v FROM {leveled}.private_t))"):
        alice.fails(sql, status=403)
    assert alice.rows(f"SELECT id, v FROM {leveled}.mine") == [[1, "canary"]]


def test_private_is_the_default(callers, root, ns):
    root.run(f"CREATE SHARED TABLE {ns}.d (id INT PRIMARY KEY)")
    callers["alice"].fails(f"SELECT * FROM {ns}.d", status=403, contains="(access_level=Private)")
    callers["service_sam"].run(f"SELECT * FROM {ns}.d")


def test_changing_the_level(callers, root, leveled):
    table = f"{leveled}.private_t"
    alice, service = callers["alice"], callers["service_sam"]
    alice.fails(f"SELECT v FROM {table} WHERE id = 1", status=403)
    alice.fails(f"ALTER TABLE {table} SET ACCESS LEVEL public", status=403)
    reply = service.run(f"ALTER TABLE {table} SET ACCESS LEVEL public")
    assert "SET ACCESS LEVEL Public" in reply.result["message"]
    assert alice.rows(f"SELECT v FROM {table} WHERE id = 1") == [["canary"]]
    root.run(f"ALTER TABLE {table} SET TBLPROPERTIES (ACCESS_LEVEL = 'dba')")
    service.fails(f"SELECT v FROM {table} WHERE id = 1", status=403)
    alice.fails(f"SELECT v FROM {table} WHERE id = 1", status=403)


def test_levels_are_for_shared_tables(root, ns):
    root.fails(f"CREATE USER TABLE {ns}.u (id INT PRIMARY KEY) WITH (ACCESS_LEVEL = 'public')", contains="SHARED tables")
    root.run(f"CREATE USER TABLE {ns}.u (id INT PRIMARY KEY)")
    root.fails(f"ALTER TABLE {ns}.u SET ACCESS LEVEL public", contains="SHARED tables")
    root.fails(f"CREATE SHARED TABLE {ns}.s (id INT PRIMARY KEY) WITH (ACCESS_LEVEL = 'open')", contains="Invalid ACCESS_LEVEL")


def test_system_tables_are_closed(callers):
    for table in ("system.users", "system.schemas", "system.namespaces", "system.jobs", "system.storages", "SYSTEM.USERS", '"system"."users"'):
        for name in ("alice", "service_sam"):
            reply = callers[name].fails(f"SELECT * FROM {table}")
            assert reply.status in (403, 404), reply
            assert "password" not in reply.text.lower() and "$2b$" not in reply.text
        for sql in (f"INSERT INTO {table} VALUES (1)", f"UPDATE {table} SET role = 'dba' WHERE true", f"DELETE FROM {table} WHERE true", f"DROP TABLE {table}",
                    f"ALTER TABLE {table} ADD COLUMN x INT"):
            for name in WHO:
                callers[name].fails(sql)
    callers["root"].fails("CREATE SHARED TABLE system.mine (id INT PRIMARY KEY)")
    callers["root"].fails("CREATE USER TABLE information_schema.mine (id INT PRIMARY KEY)")


# --- EXECUTE AS USER ---

RANK = {"user": 1, "service": 2, "dba": 3, "system": 4}
MAY = {"user": set(), "service": {"service", "user"}, "dba": {"dba", "service", "user"}, "system": {"system", "dba", "service", "user"}}


@pytest.fixture(scope="module")
def people(shared_server, callers):
    """Two users of each role: actors and targets."""
    root = callers["root"]
    found = {}
    for role in RANK:
        for part in ("actor", "target"):
            name = f"{part}_{role}"
            root.run(f"CREATE USER {name} WITH PASSWORD 'People-pass-1' ROLE {role}")
            found[name] = shared_server.client(name, "People-pass-1")
    return found


@pytest.fixture
def diary(root, people, ns):
    root.run(f"CREATE USER TABLE {ns}.diary (id INT PRIMARY KEY, v TEXT); CREATE SHARED TABLE {ns}.closed (id INT PRIMARY KEY); "
             f"CREATE SHARED TABLE {ns}.opened (id INT PRIMARY KEY) WITH (ACCESS_LEVEL = 'public'); INSERT INTO {ns}.opened VALUES (1)")
    for role in RANK:
        people[f"target_{role}"].run(f"INSERT INTO {ns}.diary VALUES (1, 'of {role}')")
    return f"{ns}.diary"


@pytest.mark.parametrize("actor,target", itertools.product(RANK, RANK))
def test_who_may_act_as_whom(people, diary, actor, target):
    client = people[f"actor_{actor}"]
    sql = f"EXECUTE AS USER target_{target} (SELECT v FROM {diary})"
    if target in MAY[actor]:
        reply = client.run(sql)
        assert reply.rows == [[f"of {target}"]] and reply.result["as_user"] == f"target_{target}"
    else:
        reply = client.fails(sql, status=403, code="PERMISSION_DENIED")
        assert f"EXECUTE AS USER is not authorized: actor 'actor_{actor}' with role {actor.title()} cannot target 'target_{target}'" in reply.message
        assert f"of {target}" not in reply.text


@pytest.mark.parametrize("role", RANK)
def test_everyone_may_act_as_themselves_with_the_rights_of_a_user(people, diary, role):
    client = people[f"actor_{role}"]
    client.run(f"EXECUTE AS USER actor_{role} (INSERT INTO {diary} VALUES (7, 'self'))")
    assert client.rows(f"SELECT v FROM {diary} WHERE id = 7") == [["self"]]
    assert client.rows(f"EXECUTE AS USER 'actor_{role}' (SELECT CURRENT_USER(), CURRENT_ROLE())") == [[f"actor_{role}", "user"]]
    closed = diary.replace("diary", "closed")
    client.fails(f"EXECUTE AS USER actor_{role} (SELECT * FROM {closed})", status=403)
    client.run(f"DELETE FROM {diary} WHERE id = 7")


def test_writes_land_in_the_target_scope(people, diary):
    service, target = people["actor_service"], people["target_user"]
    reply = service.run(f"EXECUTE AS USER target_user (INSERT INTO {diary} VALUES (2, 'by service'))")
    assert reply.result == {"row_count": 1, "rows_affected": 1, "message": "Inserted 1 row(s)", "as_user": "target_user"}
    service.run(f"EXECUTE AS USER 'target_user' (UPDATE {diary} SET v = 'changed' WHERE id = 2);")
    assert target.rows(f"SELECT id, v FROM {diary}") == [[1, "of user"], [2, "changed"]]
    service.run(f"EXECUTE AS USER target_user (DELETE FROM {diary} WHERE id = 2)")
    assert target.rows(f"SELECT id FROM {diary}") == [[1]]
    assert service.rows(f"SELECT * FROM {diary}") == []


def test_unknown_targets_count_as_users(people, diary):
    for name in ("ghost_1", "it''s me"):
        people["actor_service"].run(f"EXECUTE AS USER '{name}' (INSERT INTO {diary} VALUES (1, 'ghost'))")
        assert people["actor_dba"].rows(f"EXECUTE AS USER '{name}' (SELECT v FROM {diary})") == [["ghost"]]
        people["actor_user"].fails(f"EXECUTE AS USER '{name}' (SELECT v FROM {diary})", status=403)


def test_a_dropped_privileged_target_keeps_its_role(server, root, make_user, people, diary):
    gone = make_user("dba")
    root.run(f"DROP USER {gone.user}")
    people["actor_service"].fails(f"EXECUTE AS USER {gone.user} (SELECT v FROM {diary})", status=403)


def test_shared_tables_under_execute_as(people, diary):
    shared = diary.replace("diary", "opened")
    system = people["actor_system"]
    for statement in (f"INSERT INTO {shared} VALUES (5)", f"UPDATE {shared} SET id = 6 WHERE id = 5", f"DELETE FROM {shared} WHERE id = 1"):
        reply = system.fails(f"EXECUTE AS USER target_user ({statement})")
        assert reply.status in (400, 403) and ("SHARED tables" in reply.message or "cannot modify primary key" in reply.message), reply
    assert system.rows(f"EXECUTE AS USER target_user (SELECT id FROM {shared})") == [[1]]
    system.fails(f"EXECUTE AS USER target_user (SELECT * FROM {diary.replace('diary', 'closed')})", status=403)


@pytest.mark.parametrize("sql,part", [
    ("EXECUTE AS USER '' (SELECT 1)", "username cannot be empty"), ("EXECUTE AS USER root SELECT 1", "must wrap SQL in parentheses"),
    ("EXECUTE AS USER root (SELECT 1", "missing closing ')'"), ("EXECUTE AS USER root ()", "non-empty inner SQL statement"),
    ("EXECUTE AS USER root (  )", "non-empty inner SQL statement"), ("EXECUTE AS USER root (SELECT 1; SELECT 2)", "single SQL statement"),
    ("EXECUTE AS USER root (SELECT 1) SELECT 2", "one")])
def test_envelope_errors(root, sql, part):
    reply = root.fails(sql, status=400, code=("INVALID_INPUT", "BATCH_PARSE_ERROR"))
    assert part in reply.message or "EXECUTE AS USER" in reply.message


def test_parentheses_and_quotes_inside(people, diary):
    service = people["actor_service"]
    assert service.rows("EXECUTE AS USER target_user (SELECT ')', '(', (1 + 2), ';')") == [[")", "(", 3, ";"]]
    assert service.rows("EXECUTE AS USER target_user (SELECT $1)", ["x"]) == [["x"]]
    assert service.rows("execute as user target_user(SELECT CURRENT_USER())") == [["target_user"]]


def test_statements_inside_are_classified_with_the_callers_role(people, diary, unique):
    people["actor_user"].fails("EXECUTE AS USER actor_user (CREATE NAMESPACE x_y)", status=403)
    people["actor_service"].fails("EXECUTE AS USER target_user (DROP USER root)", status=403)
    people["actor_dba"].fails("EXECUTE AS USER target_user (EXECUTE AS USER target_service (SELECT 1))")


def test_execute_as_in_a_batch(people, diary):
    reply = people["actor_service"].run(f"EXECUTE AS USER target_user (SELECT v FROM {diary}); SELECT COUNT(*) FROM {diary}; "
                                        f"EXECUTE AS USER target_service (SELECT v FROM {diary})")
    assert [r["rows"] for r in reply.results] == [[["of user"]], [["0"]], [["of service"]]]
    assert [r["as_user"] for r in reply.results] == ["target_user", "actor_service", "target_service"]
