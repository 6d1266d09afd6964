"""Login, refresh, logout, me, status, cookies, lockout (http-api 1.3, 3.3-3.7)."""
import datetime
import json
import re
import time

import pytest

from kalam_server import ROOT_PASSWORD, Client, claims_for, decode_token, make_token

LOGIN = "/v1/api/auth/login"
REFRESH = "/v1/api/auth/refresh"
LOGOUT = "/v1/api/auth/logout"
ME = "/v1/api/auth/me"


def assert_unauthorized(response, message="Invalid credentials", slug="unauthorized"):
    response.expect(401)
    body = response.json()
    assert body["error"] == slug
    assert body["message"] == message
    return body


def cookies(response):
    """name -> (value, attributes in lower case)."""
    found = {}
    for line in response.header_list("Set-Cookie"):
        first, *attributes = [part.strip() for part in line.split(";")]
        name, _, value = first.partition("=")
        found[name] = (value, {a.partition("=")[0].lower(): a.partition("=")[2] for a in attributes})
    return found


# --- login ---

def test_login_answers_what_clients_decode(server, alice):
    client = server.client()
    response = client.login("alice", "Alice-pass-1").expect(200)
    assert response.headers["Content-Type"].startswith("application/json")
    body = response.json()
    assert body["user"]["id"] == "alice"
    assert body["user"]["role"] == "user"
    assert body["user"]["email"] is None
    assert body["admin_ui_access"] is False
    for key in ("created_at", "updated_at"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00", body["user"][key]), body["user"][key]
    for key in ("expires_at", "refresh_expires_at"):
        assert body[key].endswith("+00:00")
        datetime.datetime.fromisoformat(body[key])
    lifetime = datetime.datetime.fromisoformat(body["expires_at"]) - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(hours=23, minutes=55) < lifetime <= datetime.timedelta(hours=24, minutes=1)
    refresh = datetime.datetime.fromisoformat(body["refresh_expires_at"]) - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(hours=167) < refresh <= datetime.timedelta(hours=168, minutes=1)


@pytest.mark.parametrize("name,password,role,admin", [
    ("root", ROOT_PASSWORD, "system", True), ("dba_dora", "Dora-pass-1", "dba", True), ("service_sam", "Sam-pass-12", "service", False)])
def test_login_role_and_admin_flag(server, callers, name, password, role, admin):
    body = server.client().login(name, password).expect(200).json()
    assert (body["user"]["role"], body["admin_ui_access"]) == (role, admin)


def test_username_is_an_alias(server, alice):
    server.client().request("POST", LOGIN, json_body={"username": "alice", "password": "Alice-pass-1"}).expect(200)


def test_tokens_have_the_documented_claims(server, alice):
    body = server.client().login("alice", "Alice-pass-1").expect(200).json()
    for key, kind, hours in (("access_token", "access", 24), ("refresh_token", "refresh", 168)):
        header, claims = decode_token(body[key])
        assert header["alg"] == "HS256" and header.get("typ") == "JWT"
        assert claims["sub"] == "alice" and claims["iss"] == "kalamdb"
        assert claims["role"] == "user" and claims["token_type"] == kind
        assert claims["exp"] - claims["iat"] == hours * 3600
        assert abs(claims["iat"] - time.time()) < 60


def test_wrong_password_unknown_user_and_blank_user_look_alike(server, alice):
    bodies = []
    for user, password in (("alice", "wrong-password"), ("nobody-here", "wrong-password"), ("", "x"), ("  ", "x"), ("a/../b", "x")):
        bodies.append(assert_unauthorized(server.client().login(user, password)))
    assert all(body == bodies[0] for body in bodies)
    server.client().login("alice", "Alice-pass-1").expect(200)  # clears the counter of failures


def test_the_user_id_is_case_sensitive(server, alice):
    assert_unauthorized(server.client().login("ALICE", "Alice-pass-1"))


@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b"null", b'"x"', b'{"user":"alice"}', b'{"password":"x"}', b'{"user":1,"password":"x"}',
    b'{"user":"alice","password":"x","extra":1}', b'{"user":null,"password":"x"}'])
def test_malformed_login_bodies_are_400(server, body):
    server.client().request("POST", LOGIN, body=body, headers={"Content-Type": "application/json"}).expect(400)


def test_login_limits_of_user_and_password(server):
    client = server.client()
    assert_unauthorized(client.login("u" * 128, "p" * 256))
    client.login("u" * 129, "p").expect(400)
    client.login("u", "p" * 257).expect(400)


def test_login_needs_json_content_type(server, alice):
    body = json.dumps({"user": "alice", "password": "Alice-pass-1"})
    response = server.client().request("POST", LOGIN, body=body, headers={"Content-Type": "text/plain"})
    assert 400 <= response.status < 500 and response.status != 401


def test_a_user_made_with_internal_or_oauth_has_no_password_login(server, root, unique):
    for clause in ("INTERNAL", """OAUTH '{"provider":"https://issuer.test","subject":"s1"}'"""):
        name = unique("nopass")
        root.run(f"CREATE USER {name} WITH {clause} ROLE user")
        assert_unauthorized(server.client().login(name, ""))
        assert_unauthorized(server.client().login(name, "anything"))


def test_passwords_of_72_bytes_and_unicode_work(server, root, unique):
    for password in ("x" * 72, "pässwörd-日本語", "with 'quote' and \"double\"", "semi;colon--x"):
        name = unique("pw")
        literal = password.replace("'", "''")
        root.run(f"CREATE USER {name} WITH PASSWORD '{literal}' ROLE user")
        server.client().login(name, password).expect(200)
        assert_unauthorized(server.client().login(name, password + "x" if len(password) < 72 else "y" + password[1:]))


# --- lockout ---

def test_five_failures_lock_the_account_and_tokens_keep_working(server, make_user):
    victim = make_user()
    client = server.client()
    for _ in range(5):
        assert_unauthorized(client.login(victim.user, "wrong"))
    response = client.login(victim.user, "Some-pass-1").expect(401)
    body = response.json()
    assert body["error"] == "account_locked"
    assert "15 minute" in body["message"]
    assert victim.value("SELECT 1") == 1
    assert client.login(victim.user, "wrong").json()["error"] == "account_locked"


def test_success_resets_the_failure_counter(server, make_user):
    victim = make_user()
    client = server.client()
    for _ in range(3):
        for _ in range(4):
            assert_unauthorized(client.login(victim.user, "wrong"))
        client.login(victim.user, "Some-pass-1").expect(200)


def test_lockout_survives_a_restart(make_server):
    server = make_server()
    server.root().run("CREATE USER vera WITH PASSWORD 'Vera-pass-1' ROLE user")
    client = server.client()
    for _ in range(5):
        assert_unauthorized(client.login("vera", "wrong"))
    server.restart(kill=True)
    assert server.client().login("vera", "Vera-pass-1").json()["error"] == "account_locked"


# --- cookies ---

def test_login_sets_both_cookies(server, alice):
    client = server.client()
    response = client.login("alice", "Alice-pass-1").expect(200)
    body = response.json()
    jar = cookies(response)
    assert set(jar) == {"kalamdb_auth", "kalamdb_refresh"}
    assert jar["kalamdb_auth"][0] == body["access_token"]
    assert jar["kalamdb_refresh"][0] == body["refresh_token"]
    for value, attributes in jar.values():
        assert "httponly" in attributes
        assert attributes["samesite"] == "Strict"
        assert attributes["path"] == "/"
        assert "expires" in attributes
        assert "secure" not in attributes, "the request came over plain HTTP"
        assert "domain" not in attributes


def test_me_honours_the_auth_cookie(server, alice):
    client = server.client()
    client.login("alice", "Alice-pass-1").expect(200)
    me = client.request("GET", ME, headers={"Cookie": f"other=1; kalamdb_auth={client.token}"}).expect(200).json()
    assert me["user"]["id"] == "alice"


def test_sql_does_not_honour_the_cookie(server, alice):
    response = server.client().request("POST", "/v1/api/sql", json_body={"sql": "SELECT 1"},
                                       headers={"Cookie": f"kalamdb_auth={alice.token}"})
    response.expect(401)


def test_the_auth_cookie_does_not_refresh(server, alice):
    assert_unauthorized(server.client().request("POST", REFRESH, headers={"Cookie": f"kalamdb_auth={alice.token}"}),
                        "No refresh token found")


# --- refresh ---

def test_refresh_with_bearer_gives_a_new_working_pair(server, alice):
    client = server.client()
    client.login("alice", "Alice-pass-1").expect(200)
    response = client.request("POST", REFRESH, headers=client.bearer(client.refresh_token)).expect(200)
    body = response.json()
    assert body["user"]["id"] == "alice" and "expires_at" in body and "refresh_expires_at" in body
    assert set(cookies(response)) == {"kalamdb_auth", "kalamdb_refresh"}
    assert client.value("SELECT 1", token=body["access_token"]) == 1
    assert client.value("SELECT 1") == 1, "the old access token stays valid until it expires"
    client.request("POST", REFRESH, headers=client.bearer(body["refresh_token"])).expect(200)


def test_refresh_cookie_wins_over_the_header(server, alice):
    client = server.client()
    client.login("alice", "Alice-pass-1").expect(200)
    good = {"Cookie": f"kalamdb_refresh={client.refresh_token}"}
    client.request("POST", REFRESH, headers=good).expect(200)
    stale = {"Cookie": "kalamdb_refresh=stale.token.here", **client.bearer(client.refresh_token)}
    client.request("POST", REFRESH, headers=stale).expect(401)


def test_refresh_refuses_what_is_no_refresh_token(server, alice):
    client = server.client()
    assert_unauthorized(client.request("POST", REFRESH), "No refresh token found")
    assert_unauthorized(client.request("POST", REFRESH, headers={"Authorization": "Basic YTpi"}), "Authorization header must use Bearer token")
    assert_unauthorized(client.request("POST", REFRESH, headers={"Authorization": "Bearer "}), "Bearer token missing")
    assert_unauthorized(client.request("POST", REFRESH, headers=alice.bearer()), "Refresh endpoint requires a refresh token")
    untyped = make_token(claims_for("alice", "user", token_type=...))
    assert_unauthorized(client.request("POST", REFRESH, headers=client.bearer(untyped)), "Refresh endpoint requires a refresh token")
    expired = make_token(claims_for("alice", "user", "refresh", lifetime=-3600))
    assert_unauthorized(client.request("POST", REFRESH, headers=client.bearer(expired)))
    forged = make_token(claims_for("alice", "user", "refresh"), secret="another-secret-0123456789-0123456789-01")
    assert_unauthorized(client.request("POST", REFRESH, headers=client.bearer(forged)))
    gone = make_token(claims_for("never-existed", "user", "refresh"))
    assert_unauthorized(client.request("POST", REFRESH, headers=client.bearer(gone)), "User no longer valid")
    other_role = make_token(claims_for("alice", "dba", "refresh"))
    assert_unauthorized(client.request("POST", REFRESH, headers=client.bearer(other_role)), "Token role does not match user role")


def test_refresh_of_a_dropped_user_is_refused(server, root, make_user):
    gone = make_user()
    root.run(f"DROP USER {gone.user}")
    assert_unauthorized(gone.request("POST", REFRESH, headers=gone.bearer(gone.refresh_token)), "User no longer valid")


# --- logout ---

def test_logout_empties_both_cookies_and_never_fails(server, alice):
    for headers in ({}, alice.bearer(), {"Authorization": "garbage"}):
        response = server.client().request("POST", LOGOUT, headers=headers).expect(200)
        assert response.json() == {"message": "Logged out successfully"}
        jar = cookies(response)
        assert set(jar) == {"kalamdb_auth", "kalamdb_refresh"}
        for value, attributes in jar.values():
            assert value == ""
            assert "1970" in attributes["expires"]
    assert alice.value("SELECT 1") == 1, "no server-side revocation"


# --- me ---

def test_me(server, alice, dba):
    body = alice.request("GET", ME, headers=alice.bearer()).expect(200).json()
    assert body["user"]["id"] == "alice" and body["user"]["role"] == "user" and body["admin_ui_access"] is False
    assert "email" in body["user"]
    assert dba.request("GET", ME, headers=dba.bearer()).expect(200).json()["admin_ui_access"] is True
    lower = {"Authorization": f"bearer {alice.token}"}
    alice.request("GET", ME, headers=lower).expect(200)


def test_me_without_a_good_token(server, alice):
    client = server.client()
    assert_unauthorized(client.request("GET", ME), "No auth token found")
    assert_unauthorized(client.request("GET", ME, headers={"Authorization": "Bearer "}), "Bearer token missing")
    assert_unauthorized(client.request("GET", ME, headers={"Authorization": "Basic YTpi"}), "Authorization header must use Bearer token")
    forged = make_token(claims_for("alice", "user"), secret="another-secret-0123456789-0123456789-01")
    assert_unauthorized(client.request("GET", ME, headers=client.bearer(forged)))
    refresh = make_token(claims_for("alice", "user", "refresh"))
    client.request("GET", ME, headers=client.bearer(refresh)).expect(401)


def test_email_is_shown(server, root, unique):
    name = unique("mail")
    root.run(f"CREATE USER {name} WITH PASSWORD 'Mail-pass-1' ROLE user EMAIL 'a@x.io'")
    body = server.client().login(name, "Mail-pass-1").expect(200).json()
    assert body["user"]["email"] == "a@x.io"
    root.run(f"ALTER USER {name} SET EMAIL 'b@x.io'")
    assert server.client().login(name, "Mail-pass-1").expect(200).json()["user"]["email"] == "b@x.io"


# --- rate limit of the auth routes ---

def test_auth_rate_limit_applies_to_loopback(make_server):
    server = make_server({"rate_limit": {"max_auth_requests_per_ip_per_sec": 1}})
    client = server.client()
    # One token a second: the limit is met as soon as two attempts fall into the same second, however slow the machine is.
    replies = (client.login("root", "wrong-password") for _ in range(100))
    limited = next((reply for reply in replies if reply.status == 429), None)
    assert limited is not None
    assert limited.json() == {"error": "rate_limited", "message": "Too many authentication attempts. Please retry shortly."}


def test_no_secret_in_the_log(make_server):
    server = make_server({"logging": {"level": "debug"}})
    root = server.root()
    root.run("CREATE USER lou WITH PASSWORD 'Very-Secret-Word-1' ROLE user")
    root.run("ALTER USER lou SET PASSWORD 'Other-Secret-Word-2'")
    root.sql("CREATE USER lou WITH PASSWORD 'Third-Secret-Word-3' ROLE user")
    root.sql("CREATE USER lou2 WITH PASSWORD 'Fourth-Secret-Word-4' ROLE nonsense")
    lou = Client(server.url)
    lou.login("lou", "Other-Secret-Word-2").expect(200)
    lou.login("lou", "Guessed-Secret-5")
    server.stop()
    server.start()
    logs = server.log_path.read_text(errors="replace")
    for path in server.data_dir.rglob("*.log"):
        if "rocksdb" not in str(path):
            logs += path.read_text(errors="replace")
    for secret in ("Very-Secret-Word-1", "Other-Secret-Word-2", "Third-Secret-Word-3", "Fourth-Secret-Word-4", "Guessed-Secret-5", lou.token,
                   server.root_password, server.config["auth"]["jwt_secret"]):
        assert secret not in logs
