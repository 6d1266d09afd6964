"""CREATE / ALTER / DROP USER (sql.md 1.8, http-api 3.13)."""
import pytest

from kalam_server import claims_for, make_token


def test_create_alter_drop(server, root, unique):
    name = unique("person")
    assert root.run(f"CREATE USER {name} WITH PASSWORD 'First-pass-1' ROLE user").result["message"] == f"User '{name}' created"
    server.client(name, "First-pass-1")
    assert root.run(f"ALTER USER {name} SET PASSWORD 'Second-pass-2'").result["message"] == f"User '{name}' updated"
    server.client().login(name, "First-pass-1").expect(401)
    client = server.client(name, "Second-pass-2")
    assert root.run(f"DROP USER {name}").result["message"] == f"User '{name}' dropped (soft delete)"
    server.client().login(name, "Second-pass-2").expect(401)
    assert client.sql("SELECT 1").status == 401
    root.fails(f"CREATE USER {name} WITH PASSWORD 'x' ROLE user", contains=f"User '{name}' already exists")
    root.fails(f"DROP USER {name}", status=404, contains=f"User '{name}' not found")
    assert root.run(f"DROP USER IF EXISTS {name}").result["message"] == f"User '{name}' does not exist (skipped)"


def test_dba_manages_users_too(server, dba, unique):
    name = unique("person")
    dba.run(f"CREATE USER '{name}' WITH PASSWORD 'First-pass-1' ROLE 'service' EMAIL 'p@x.io'")
    assert server.client(name, "First-pass-1").value("SELECT CURRENT_ROLE()") == "service"
    dba.run(f"DROP USER \"{name}\"")


@pytest.mark.parametrize("spelling,role", [
    ("user", "user"), ("viewer", "user"), ("READONLY", "user"), ("service", "service"), ("developer", "service"), ("Analyst", "service"), ("dba", "dba"), ("admin", "dba"),
    ("'dba'", "dba"), ("system", "system"), ("SYSTEM", "system")])
def test_role_names(server, root, unique, spelling, role):
    name = unique("roled")
    root.run(f"CREATE USER {name} WITH PASSWORD 'Roled-pass-1' ROLE {spelling}")
    assert server.client().login(name, "Roled-pass-1").expect(200).json()["user"]["role"] == role


@pytest.mark.parametrize("sql,part", [
    ("CREATE USER", "Expected username after CREATE USER"), ("CREATE USER x", "Expected WITH after username"), ("CREATE USER x WITH", "Expected PASSWORD, OAUTH, or INTERNAL after WITH"),
    ("CREATE USER x WITH PASSWORD 'p' ROLE king", "Invalid role 'king'"),
    ("CREATE USER x WITH PASSWORD 'p' ROLE anonymous", "Invalid role"), ("CREATE USER x WITH PASSWORD '' ROLE user", "Password required for WITH PASSWORD"),
    ("ALTER USER x SET", "Expected PASSWORD, ROLE, or EMAIL after SET"), ("CREATE USER x WITH OAUTH ROLE user", "OAuth user requires JSON payload"),
    ("CREATE USER x WITH OAUTH '{}' ROLE user", "'provider' field"), ("CREATE USER x WITH OAUTH '{\"provider\":\"p\"}' ROLE user", "'subject' field"),
    ("CREATE USER x WITH OAUTH 'nonsense' ROLE user", "Invalid OAuth JSON")])
def test_broken_statements(root, sql, part):
    root.fails(sql, status=400, contains=part)
    root.fails("DROP USER x", status=404)


@pytest.mark.parametrize("name", ["", "a/b", "a\\b", "a..b", "x" * 129])
def test_impossible_user_ids(root, name):
    root.fails(f"CREATE USER '{name}' WITH PASSWORD 'Some-pass-1' ROLE user")
    root.fails(f"DROP USER '{name}'")


def test_the_role_is_user_unless_given(server, root, unique):
    name = unique("norole")
    root.run(f"CREATE USER {name} WITH PASSWORD 'Some-pass-1'")
    assert server.client().login(name, "Some-pass-1").expect(200).json()["user"]["role"] == "user"


def test_duplicates(root, unique):
    name = unique("twice")
    root.run(f"CREATE USER {name} WITH PASSWORD 'Some-pass-1' ROLE user")
    root.fails(f"CREATE USER {name} WITH PASSWORD 'Other-pass-1' ROLE dba", contains=f"User '{name}' already exists")
    root.fails("CREATE USER root WITH PASSWORD 'Other-pass-1' ROLE dba", contains="already exists")


def test_users_change_their_own_password_and_only_that(server, make_user):
    me = make_user("user")
    assert me.run(f"ALTER USER {me.user} SET PASSWORD 'Mine-now-12'").result["message"] == f"User '{me.user}' updated"
    server.client().login(me.user, "Some-pass-1").expect(401)
    server.client(me.user, "Mine-now-12")
    me.fails(f"ALTER USER {me.user} SET ROLE dba", status=403)
    me.fails(f"ALTER USER {me.user} SET ROLE user", status=403)
    assert server.client().login(me.user, "Mine-now-12").json()["user"]["role"] == "user"


def test_nobody_below_dba_changes_others(server, make_user, alice, service):
    for client in (alice, service):
        other = make_user("user")
        for change in ("PASSWORD 'Stolen-pass-1'", "ROLE dba", "EMAIL 'x@y.z'"):
            client.fails(f"ALTER USER {other.user} SET {change}", status=403)
        client.fails("ALTER USER root SET PASSWORD 'Stolen-pass-1'", status=403)
        client.fails(f"DROP USER {other.user}", status=403)
        client.fails("CREATE USER sneaky WITH PASSWORD 'Stolen-pass-1' ROLE system", status=403)
        server.client(other.user, "Some-pass-1")
    server.client().login("root", server.root_password).expect(200)


def test_a_denial_does_not_tell_whether_the_user_exists(alice, make_user):
    other = make_user("user")
    known = alice.fails(f"ALTER USER {other.user} SET PASSWORD 'x'", status=403).message
    unknown = alice.fails("ALTER USER nobody_such SET PASSWORD 'x'", status=403).message
    assert known.replace(other.user, "U") == unknown.replace("nobody_such", "U")


def test_a_dba_cannot_make_system_users(dba, root, make_user, unique):
    dba.fails(f"CREATE USER {unique('s')} WITH PASSWORD 'Some-pass-1' ROLE system", status=403)
    other = make_user("user")
    dba.fails(f"ALTER USER {other.user} SET ROLE system", status=403, contains="DBA cannot grant System role")
    root.run(f"ALTER USER {other.user} SET ROLE system")


def test_a_role_change_takes_effect_on_the_next_request(server, root, make_user, ns):
    root.run(f"CREATE SHARED TABLE {ns}.closed (id INT PRIMARY KEY); INSERT INTO {ns}.closed VALUES (1)")
    someone = make_user("user")
    someone.fails(f"SELECT * FROM {ns}.closed", status=403)
    root.run(f"ALTER USER {someone.user} SET ROLE service")
    assert someone.sql("SELECT 1").status == 401, "the token names the old role"
    token = make_token(claims_for(someone.user, "service"))
    assert someone.rows(f"SELECT id FROM {ns}.closed", token=token) == [[1]]
    root.run(f"ALTER USER {someone.user} SET ROLE user")
    assert someone.sql(f"SELECT id FROM {ns}.closed", token=token).status == 401
    someone.fails(f"SELECT id FROM {ns}.closed", status=403)


def test_complexity_is_enforced_when_configured(make_server):
    server = make_server({"auth": {"enforce_password_complexity": True}})
    root = server.root()
    for password, part in (("Ab1!", "at least 8"), ("abcdefg1!", "uppercase letter"), ("ABCDEFG1!", "lowercase letter"), ("Abcdefgh!", "digit"), ("Abcdefgh1", "special character"),
                           ("password", "common")):
        root.fails(f"CREATE USER weak WITH PASSWORD '{password}' ROLE user", status=400, contains=["Weak password", part])
    root.run("CREATE USER strong WITH PASSWORD 'Abcdefg1!' ROLE user")
    root.fails("ALTER USER strong SET PASSWORD 'weak'", status=400, contains="Weak password")
    server.client("strong", "Abcdefg1!")


def test_short_passwords_are_allowed_otherwise(server, root, unique):
    name = unique("short")
    root.run(f"CREATE USER {name} WITH PASSWORD 'x' ROLE user")
    server.client(name, "x")


def test_concurrent_creation_makes_one_user(server, unique):
    import concurrent.futures
    name = unique("raced")

    def attempt(number):
        return server.root().sql(f"CREATE USER {name} WITH PASSWORD 'Pass-{number}-pass' ROLE user").ok

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        made = list(pool.map(attempt, range(8)))
    assert made.count(True) == 1
    assert server.client().login(name, f"Pass-{made.index(True)}-pass").status == 200
