"""Root bootstrap, the setup flow, the loopback rules (http-api 1.3, 3.2, 3.8, 3.9)."""
import json
import pathlib
import re
import subprocess

import pytest

from kalam_server import SOURCE_ROOT, Client

SETUP = "/v1/api/auth/setup"
STATUS = "/v1/api/auth/status"
GOOD = {"user": "admin_ada", "password": "Ada-pass-12", "root_password": "Root-pass-99"}


@pytest.fixture
def fresh(make_server):
    return make_server(root_password=None)


def do_setup(server, headers=None, **changes):
    body = {key: value for key, value in {**GOOD, **changes}.items() if value is not ...}
    return server.client().request("POST", SETUP, json_body=body, headers=headers)


def assert_error(response, status, slug, *parts):
    response.expect(status)
    body = response.json()
    assert body["error"] == slug
    for part in parts:
        assert part in body["message"], body


def test_the_whole_setup_flow(fresh):
    client = fresh.client()
    status = client.request("GET", STATUS).expect(200).json()
    assert status["needs_setup"] is True and isinstance(status["message"], str)
    assert_error(client.login("root", ""), 428, "setup_required", "Server requires initial setup. Root password is not configured.")
    client.login("root", "anything").expect(401)
    client.login("admin_ada", "").expect(401)

    done = do_setup(fresh, email="ops@x.io").expect(200)
    body = done.json()
    assert body["user"]["id"] == "admin_ada" and body["user"]["role"] == "dba" and body["user"]["email"] == "ops@x.io"
    assert body["message"].startswith("Server setup complete.")
    assert "access_token" not in body and not done.header_list("Set-Cookie")

    assert client.request("GET", STATUS).expect(200).json()["needs_setup"] is False
    assert_error(do_setup(fresh), 409, "already_configured", "Server has already been configured. Root password is set.")
    assert client.login("admin_ada", "Ada-pass-12").expect(200).json()["user"]["role"] == "dba"
    assert client.login("root", "Root-pass-99").expect(200).json()["user"]["role"] == "system"
    client.login("root", "").expect(401)

    fresh.restart(kill=True)
    client = fresh.client()
    assert client.request("GET", STATUS).expect(200).json()["needs_setup"] is False
    client.login("admin_ada", "Ada-pass-12").expect(200)
    client.login("root", "Root-pass-99").expect(200)


def test_setup_refuses_weak_passwords_in_order(fresh):
    assert_error(do_setup(fresh, password="short"), 400, "weak_password", "DBA user password: Weak password: ", "at least 8 characters")
    assert_error(do_setup(fresh, password="x" * 73), 400, "weak_password", "DBA user password", "at most 72")
    assert_error(do_setup(fresh, password="password"), 400, "weak_password", "too common")
    assert_error(do_setup(fresh, root_password="qwerty"), 400, "weak_password", "Root password: Weak password: ")
    assert_error(do_setup(fresh, password="short", root_password="short"), 400, "weak_password", "DBA user password")
    assert_error(do_setup(fresh, root_password="x" * 73), 400, "weak_password", "Root password")
    assert fresh.client().request("GET", STATUS).json()["needs_setup"] is True


@pytest.mark.parametrize("user", ["", "a/b", "a\\b", "a..b", "root", "nul\u0000nul"])
def test_setup_refuses_bad_user_ids(fresh, user):
    assert_error(do_setup(fresh, user=user), 400, "invalid_user")
    assert fresh.client().request("GET", STATUS).json()["needs_setup"] is True


def test_setup_refuses_malformed_bodies(fresh):
    client = fresh.client()
    for body in (b"", b"{", b"[]", b'{"user":"a"}'):
        client.request("POST", SETUP, body=body, headers={"Content-Type": "application/json"}).expect(400)
    do_setup(fresh, extra=1).expect(400)
    do_setup(fresh, user="u" * 129).expect(400)
    do_setup(fresh, password="p" * 257).expect(400)
    do_setup(fresh, root_password=...).expect(400)
    body = {"username": "zoe", "password": "Zoe-pass-12", "root_password": "Root-pass-99", "email": None}
    client.request("POST", SETUP, json_body=body).expect(200)
    client.login("zoe", "Zoe-pass-12").expect(200)


def test_a_root_password_from_the_config_closes_setup(make_server):
    server = make_server(root_password="From-config-1")
    client = server.client()
    assert client.request("GET", STATUS).json()["needs_setup"] is False
    assert_error(do_setup(server), 409, "already_configured")
    client.login("root", "From-config-1").expect(200)


def test_the_environment_wins_over_the_config_and_only_on_the_first_start(make_server):
    server = make_server({"auth": {"root_password": "From-config-1"}}, root_password=None, env={"KALAMDB_ROOT_PASSWORD": "From-env-12"})
    server.client().login("root", "From-env-12").expect(200)
    server.client().login("root", "From-config-1").expect(401)
    server.extra_env["KALAMDB_ROOT_PASSWORD"] = "Changed-later-1"
    server.restart()
    server.client().login("root", "From-env-12").expect(200)
    server.client().login("root", "Changed-later-1").expect(401)


def test_setup_is_for_loopback_only(fresh):
    """A trusted (loopback) peer that forwards a remote address makes the client remote."""
    remote = {"X-Forwarded-For": "203.0.113.7"}
    assert_error(do_setup(fresh, headers=remote), 403, "forbidden", "Server setup can only be performed from localhost")
    assert_error(fresh.client().request("GET", STATUS, headers=remote), 403, "forbidden", "Setup status can only be checked from localhost")
    assert_error(do_setup(fresh, headers={"X-Forwarded-For": "garbage", "X-Real-IP": "203.0.113.7"}), 403, "forbidden")
    assert fresh.client().request("GET", STATUS, headers={"X-Forwarded-For": "127.0.0.1"}).expect(200).json()["needs_setup"] is True


def test_a_remote_root_without_password_is_told_to_set_one(fresh):
    response = Client(fresh.url).request("POST", "/v1/api/auth/login", json_body={"user": "root", "password": "guess"},
                                         headers={"X-Forwarded-For": "203.0.113.7"})
    assert_error(response, 403, "forbidden")


def test_allow_remote_setup(make_server):
    server = make_server({"auth": {"allow_remote_setup": True}}, root_password=None)
    remote = {"X-Forwarded-For": "203.0.113.7"}
    server.client().request("GET", STATUS, headers=remote).expect(200)
    do_setup(server, headers=remote).expect(200)


def test_concurrent_setup_makes_one_administrator(fresh):
    import concurrent.futures

    def attempt(number):
        return do_setup(fresh, user=f"admin_{number}", root_password=f"Root-pass-{number}").status

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(attempt, range(8)))
    assert set(statuses) <= {200, 409}
    winners = [n for n in range(8) if fresh.client().login("root", f"Root-pass-{n}").status == 200]
    assert len(winners) == 1
    assert fresh.client().login(f"admin_{winners[0]}", "Ada-pass-12").status == 200


def test_the_first_steps_of_the_readme_run_as_written(fresh):
    text = (pathlib.Path(SOURCE_ROOT) / "README.md").read_text()
    script = re.search(r"^## First steps\n+```sh\n(.*?)^```", text, re.M | re.S).group(1)
    assert script.count("http://127.0.0.1:8080") == 1
    done = subprocess.run(["bash", "-eu", "-c", script.replace("http://127.0.0.1:8080", fresh.url)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "Server setup complete" in done.stdout
    # The answer of the setup ends without a line break.
    answers = [json.loads(line[line.index('{"status"'):]) for line in done.stdout.splitlines() if '"results"' in line]
    assert [answer["status"] for answer in answers] == ["success"] * 4, done.stdout
    assert [row[1] for row in answers[-1]["results"][0]["rows"]] == ["hello"]
