"""Rights that are lost while a socket is idle: the change itself tells it, no request and no row is needed."""
import kalam_ws
import pytest


@pytest.fixture
def rights(make_live):
    made = make_live()
    made.client().run("CREATE NAMESPACE r; CREATE SHARED TABLE r.t (id INT PRIMARY KEY) WITH (ACCESS_LEVEL = 'private');"
                      "CREATE USER TABLE r.mine (id INT PRIMARY KEY)")
    return made


def subscribed(live, user, table="r.t"):
    ws = live.socket(user)
    ws.subscribe("s", f"SELECT * FROM {table}", {})
    ws.snapshot("s")
    return ws


def test_a_lower_role_ends_what_it_may_not_see(rights):
    ws = subscribed(rights, "service_sam")
    ws.subscribe("own", "SELECT * FROM r.mine", {})
    ws.snapshot("own")
    rights.client().run("ALTER USER service_sam SET ROLE user")
    error = ws.expect("error", "s")
    assert error["code"] == "UNAUTHORIZED" and "r.t" in error["message"]
    rights.client().run("EXECUTE AS USER 'service_sam' (INSERT INTO r.mine VALUES (1))")
    assert ws.expect("change", "own")["rows"][0]["id"] == 1  # the own rows stay


def test_a_stricter_access_level_ends_subscriptions(rights):
    ws = subscribed(rights, "service_sam")
    rights.client().run("ALTER TABLE r.t SET ACCESS LEVEL dba")
    assert ws.expect("error", "s")["code"] == "UNAUTHORIZED"
    assert ws.silent(0.3)  # the socket stays
    ws.subscribe("again", "SELECT * FROM r.t", {})
    assert ws.expect("error", "again")["code"] == "UNAUTHORIZED"


@pytest.mark.parametrize("table", ["r.t", "r.mine", None])
def test_a_dropped_user_loses_the_socket(rights, table):
    ws = subscribed(rights, "service_sam", table) if table else rights.socket("service_sam")
    rights.client().run("DROP USER service_sam")
    if table:
        error = ws.expect("error", "s")
        assert (error["code"], error["message"]) == ("UNAUTHORIZED", "The user was dropped")
    with pytest.raises(kalam_ws.Closed) as closed:
        ws.recv()
    assert (closed.value.code, closed.value.reason) == (1008, "The user was dropped")
    late = kalam_ws.LiveSocket(rights.server)
    rights.sockets.append(late)
    late.authenticate(rights.tokens["service_sam"])
    assert late.expect("auth_error")["message"] == "Invalid credentials"


def test_a_lock_after_wrong_passwords_stops_logins_not_sockets(rights):
    ws = subscribed(rights, "alice", "r.mine")
    for _ in range(5):
        with pytest.raises(Exception):
            rights.server.client("alice", "wrong-pass-1")
    with pytest.raises(Exception):
        rights.server.client("alice", "Alice-pass-1")
    rights.client("alice").run("INSERT INTO r.mine VALUES (1)")
    assert ws.expect("change", "s")["change_type"] == "insert"
