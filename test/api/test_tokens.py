"""Which Bearer tokens POST /v1/api/sql accepts (http-api 3.5, 3.6)."""
import time

import pytest

from kalam_server import claims_for, make_token

SQL = "/v1/api/sql"


def ask(server, authorization):
    headers = {} if authorization is None else {"Authorization": authorization}
    return server.client().request("POST", SQL, json_body={"sql": "SELECT 1"}, headers=headers)


def assert_refused(response, code="INVALID_CREDENTIALS", message="Invalid credentials"):
    response.expect(401)
    body = response.json()
    assert body["status"] == "error" and body["results"] == [] and "took" in body
    assert body["error"]["code"] == code
    assert body["error"]["message"] == message
    assert "details" not in body["error"] or not body["error"]["details"]
    return body


def bearer(claims, **how):
    return "Bearer " + make_token(claims, **how)


def test_a_crafted_good_token_is_accepted(server, alice):
    ask(server, bearer(claims_for("alice", "user"))).expect(200)


def test_the_role_claim_is_optional_and_the_stored_role_counts(server, alice):
    token = make_token(claims_for("alice", ...))
    client = server.client()
    assert client.value("SELECT CURRENT_ROLE()", token=token) == "user"


def test_no_authorization_header(server):
    response = ask(server, None).expect(401)
    body = response.json()
    assert body["error"]["code"] in ("MISSING_AUTHORIZATION", "AUTH_REQUIRED")
    assert body["error"]["message"] == "Authentication required"
    assert body["status"] == "error" and body["results"] == [] and "took" in body


@pytest.mark.parametrize("header", [
    "Basic cm9vdDp4", "basic cm9vdDp4", "Digest x", "Bearer", "Bearer ", "garbage", "Bearer not-a-token", "Bearer a.b", "Bearer a.b.c", "Bearer ...",
    "Bearer a.b.c.d", "Bearer " + "x" * 9000, "Bearer eyJhbGciOiJIUzI1NiJ9.e30."])
def test_malformed_headers(server, header):
    assert_refused(ask(server, header))


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", "HS512", "HS384", "RS256", "ES256"])
def test_other_algorithms_are_refused(server, alice, alg):
    claims = claims_for("root", "system")
    for signature in (None, "", "AAAA"):
        assert_refused(ask(server, bearer(claims, header={"alg": alg, "typ": "JWT"}, signature=signature)))


def test_a_header_without_alg_is_refused(server, alice):
    assert_refused(ask(server, bearer(claims_for("alice", "user"), header={"typ": "JWT"})))


def test_empty_cut_and_swapped_signatures_are_refused(server, alice):
    good = make_token(claims_for("alice", "user"))
    head, body, signature = good.split(".")
    other = make_token(claims_for("root", "system")).split(".")
    for token in (f"{head}.{body}.", f"{head}.{body}.{signature[:-2]}", f"{head}.{body}.{signature[::-1]}", f"{head}.{other[1]}.{signature}",
                  f"{head}.{body}", good + "="):
        assert_refused(ask(server, f"Bearer {token}"))


@pytest.mark.parametrize("secret", ["", "CHANGE_ME_IN_PRODUCTION", "secret", "a-secret-only-for-tests-0123456789-abcdefghijklmno"])
def test_other_secrets_are_refused(server, alice, secret):
    assert_refused(ask(server, bearer(claims_for("alice", "user"), secret=secret)))


def test_a_refresh_token_is_no_access_token(server, alice):
    assert_refused(ask(server, bearer(claims_for("alice", "user", "refresh"))))
    assert_refused(ask(server, "Bearer " + alice.refresh_token))


@pytest.mark.parametrize("kind", [..., "", "ACCESS", "id", 1])
def test_the_token_type_must_be_access(server, alice, kind):
    assert_refused(ask(server, bearer(claims_for("alice", "user", kind))))


@pytest.mark.parametrize("role", ["service", "dba", "system", "anonymous", "USER", "root", "", 3])
def test_a_role_that_is_not_the_stored_one_is_refused(server, alice, role):
    assert_refused(ask(server, bearer(claims_for("alice", role))))


def test_a_token_of_the_past_role_is_refused_after_a_role_change(server, root, make_user):
    someone = make_user("user")
    someone.value("SELECT 1")
    root.run(f"ALTER USER {someone.user} SET ROLE service")
    assert_refused(ask(server, f"Bearer {someone.token}"))
    assert someone.value("SELECT CURRENT_ROLE()", token=make_token(claims_for(someone.user, "service"))) == "service"


def test_expired_tokens(server, alice):
    response = ask(server, bearer(claims_for("alice", "user", lifetime=-120)))
    assert_refused(response, "TOKEN_EXPIRED")
    ask(server, bearer(claims_for("alice", "user", lifetime=-30))).expect(200)  # 60 s of leeway


def test_an_expired_token_with_a_bad_signature_is_not_called_expired(server, alice):
    claims = claims_for("alice", "user", lifetime=-3600)
    assert_refused(ask(server, bearer(claims, secret="x" * 40)))


def test_an_accepted_token_is_refused_once_it_expires(server, alice):
    """The server remembers verified tokens; that must not outlive them."""
    now = int(time.time())
    claims = claims_for("alice", "user", exp=now - 58)  # two seconds of leeway left
    client = server.client()
    token = make_token(claims)
    assert client.sql("SELECT 1", token=token).ok
    give_up = time.monotonic() + 10
    while client.sql("SELECT 1", token=token).ok:
        assert time.monotonic() < give_up, "still accepted long after its end"
        time.sleep(0.1)


@pytest.mark.parametrize("change", [
    {"iss": "other"}, {"iss": ...}, {"iss": ""}, {"sub": ...}, {"sub": ""}, {"sub": 5}, {"exp": ...}, {"exp": "tomorrow"},
    {"iss": "https://accounts.example.com"}])
def test_missing_or_wrong_claims(server, alice, change):
    assert_refused(ask(server, bearer(claims_for("alice", "user", **change))))


def test_tokens_of_the_future(server, alice):
    now = int(time.time())
    assert_refused(ask(server, bearer(claims_for("alice", "user", iat=now + 3600))))
    assert_refused(ask(server, bearer(claims_for("alice", "user", nbf=now + 3600))))
    ask(server, bearer(claims_for("alice", "user", nbf=now - 10))).expect(200)


def test_extreme_numbers_in_claims_do_not_hurt(server, alice):
    for exp in (2 ** 63 - 1, 2 ** 64, 1e300, -1, 0, 2 ** 31):
        assert ask(server, bearer(claims_for("alice", "user", exp=exp))).status in (200, 401)
    server.assert_alive()


@pytest.mark.parametrize("sub", ["never-existed", "system", "anonymous", "a/../b", "ALICE"])
def test_unknown_subjects_are_refused(server, alice, sub):
    for role in ("user", "system", "anonymous"):
        assert_refused(ask(server, bearer(claims_for(sub, role))))


def test_a_dropped_user_is_refused_at_once(server, root, make_user):
    gone = make_user()
    gone.value("SELECT 1")
    root.run(f"DROP USER {gone.user}")
    assert_refused(ask(server, f"Bearer {gone.token}"))


def test_authentication_comes_before_the_body_is_looked_at(server):
    response = server.client().request("POST", SQL, body=b"{not json", headers={"Content-Type": "application/json"})
    response.expect(401)
