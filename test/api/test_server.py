"""Health routes, HTTP basics, the command line and the configuration (http-api 1.0-1.2, 4, 5; issue items 1 and 2)."""
import json
import re
import socket
import subprocess

import pytest

from kalam_server import JWT_SECRET, Server, free_port, server_binary, to_toml

HEALTH = ["/health", "/v1/api/healthcheck"]


@pytest.mark.parametrize("path", HEALTH)
def test_health(server, path):
    body = server.client().request("GET", path).expect(200).json()
    assert body["status"] == "healthy"
    assert body["api_version"] == "v1"
    assert isinstance(body["version"], str) and body["version"]
    assert isinstance(body["build_date"], str)


@pytest.mark.parametrize("path", HEALTH)
def test_head_of_health_has_no_body_and_the_same_length(server, path):
    client = server.client()
    get = client.request("GET", path).expect(200)
    head = client.request("HEAD", path).expect(200)
    assert head.body == b""
    assert head.headers["Content-Type"] == get.headers["Content-Type"]
    assert client.request("GET", path).expect(200).json()["status"] == "healthy", "the connection is still in step"


@pytest.mark.parametrize("path", HEALTH)
def test_health_is_for_loopback_only(server, path):
    for spoofed in ({"X-Forwarded-For": "203.0.113.7"}, {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "203.0.113.9"}):
        response = server.client().request("GET", path, headers=spoofed).expect(403)
        assert response.json()["error"] == "Access denied. Health endpoint is localhost-only."


def test_cluster_health_of_a_standalone_server(server):
    response = server.client().request("GET", "/v1/api/cluster/health")
    if response.status == 404:
        pytest.skip("route 3 is not part of this step")
    body = response.expect(200).json()
    assert body["status"] == "healthy" and body["is_cluster_mode"] is False


def test_unknown_paths_and_wrong_methods(server, alice):
    client = server.client()
    for path in ("/", "/nope", "/v1/api/", "/v1/api/sqlx", "/v2/api/sql", "/v1/api/sql/", "//v1/api/sql", "/health/../health"):
        assert client.request("GET", path).status in (400, 404)
    assert client.request("POST", "/health").status == 405
    assert client.request("GET", "/v1/api/auth/login").status == 405
    assert client.request("GET", "/v1/api/sql", headers=alice.bearer()).status in (404, 405)
    client.request("GET", "/health?x=1").expect(200)


def raw_exchange(server, data, expect_bytes=1):
    """Sends bytes on a fresh connection; what came back until the peer closed or went quiet for a moment."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as link:
        link.sendall(data)
        link.shutdown(socket.SHUT_WR)
        parts = []
        while True:
            part = link.recv(65536)
            if not part:
                break
            parts.append(part)
        return b"".join(parts)


@pytest.mark.parametrize("data", [
    b"\r\n\r\n", b"GARBAGE\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET\r\n\r\n", b"\x00\x01\x02\x03\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", b"GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n",
    b"POST /v1/api/sql HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\nhello",
    b"POST /v1/api/sql HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 40000 + b"\r\n\r\n"])
def test_malformed_http_is_refused_and_harmless(server, data):
    try:
        answer = raw_exchange(server, data)
    except ConnectionError:
        answer = b""
    assert answer == b"" or re.match(rb"HTTP/1\.[01] (4\d\d|505|501)", answer), answer[:200]
    server.client().request("GET", "/health").expect(200)


@pytest.mark.parametrize("coding", [b"gzip", b"gzip, chunked", b"gzip\r\nTransfer-Encoding: chunked"])
def test_a_body_in_another_coding_is_refused(server, coding):
    answer = raw_exchange(server, b"POST /v1/api/sql HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: " + coding + b"\r\n\r\n2\r\n{}\r\n0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 501 "), answer[:200]


def test_pipelined_requests_are_answered_in_order(server, alice):
    requests = b""
    for number in range(40):
        body = json.dumps({"sql": f"SELECT {number} AS n"}).encode()
        requests += (f"POST /v1/api/sql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {alice.token}\r\nContent-Type: application/json\r\n"
                     f"Content-Length: {len(body)}\r\n\r\n").encode() + body
    answer = raw_exchange(server, requests).decode()
    assert [int(n) for n in re.findall(r'"rows":\[\[(\d+)\]\]', answer)] == list(range(40))


def test_a_chunked_body_is_understood(server, alice):
    body = json.dumps({"sql": "SELECT 42"}).encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:5], body[5:])) + b"0\r\n\r\n"
    request = (f"POST /v1/api/sql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {alice.token}\r\nContent-Type: application/json\r\n"
               "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n").encode() + chunks
    answer = raw_exchange(server, request)
    assert answer.startswith(b"HTTP/1.1 200") and b"[[42]]" in answer


def test_expect_100_continue(server, alice):
    body = json.dumps({"sql": "SELECT 42"}).encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as link:
        link.sendall((f"POST /v1/api/sql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {alice.token}\r\nContent-Type: application/json\r\n"
                      f"Expect: 100-continue\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n").encode())
        assert b"100" in link.recv(65536).split(b"\r\n")[0]
        link.sendall(body)
        answer = b""
        while part := link.recv(65536):
            answer += part
    assert b"[[42]]" in answer


def test_a_body_sent_in_small_pieces(server, alice):
    body = json.dumps({"sql": "SELECT 'piece'"}).encode()
    head = (f"POST /v1/api/sql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {alice.token}\r\nContent-Type: application/json\r\n"
            f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n").encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as link:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(head + body), 7):
            link.sendall((head + body)[at:at + 7])
        answer = b""
        while part := link.recv(65536):
            answer += part
    assert b'[["piece"]]' in answer


def test_clients_that_leave_early_do_not_hurt(server, alice):
    body = json.dumps({"sql": "SELECT 1"}).encode()
    head = (f"POST /v1/api/sql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {alice.token}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode()
    for cut in (0, 10, len(head) - 1, len(head) + 3, len(head + body)):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as link:
            link.sendall((head + body)[:cut])
    server.client().request("GET", "/health").expect(200)


def test_cors_echoes_the_origin(server, alice):
    response = alice.request("POST", "/v1/api/sql", json_body={"sql": "SELECT 1"}, headers={**alice.bearer(), "Origin": "https://app.test"})
    response.expect(200)
    assert response.headers["Access-Control-Allow-Origin"] == "https://app.test"
    preflight = alice.request("OPTIONS", "/v1/api/sql", headers={
        "Origin": "https://app.test", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"})
    assert preflight.status in (200, 204)
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]


def test_cors_with_a_list_of_origins(make_server):
    server = make_server({"security": {"cors": {"allowed_origins": ["https://good.test"]}}})
    client = server.client()
    assert client.request("GET", "/health", headers={"Origin": "https://good.test"}).headers["Access-Control-Allow-Origin"] == "https://good.test"
    assert "Access-Control-Allow-Origin" not in client.request("GET", "/health", headers={"Origin": "https://evil.test"}).headers


# --- command line ---

def run_binary(*arguments, **options):
    return subprocess.run([str(server_binary()), *map(str, arguments)], capture_output=True, text=True, timeout=60, **options)


def test_version_and_help():
    version = run_binary("--version")
    assert version.returncode == 0 and re.search(r"\d+\.\d+\.\d+", version.stdout)
    helped = run_binary("--help")
    assert helped.returncode == 0
    for option in ("--version", "--check-config", "--help"):
        assert option in helped.stdout


def test_check_config(tmp_path):
    good = tmp_path / "good.toml"
    good.write_text(to_toml({"server": {"port": 8099}, "auth": {"jwt_secret": JWT_SECRET}}))
    assert run_binary("--check-config", good).returncode == 0
    bad = tmp_path / "bad.toml"
    bad.write_text('[server]\nport = "eighty"\n')
    refused = run_binary("--check-config", bad)
    assert refused.returncode != 0 and "port" in refused.stdout + refused.stderr
    broken = tmp_path / "broken.toml"
    broken.write_text("[server\n")
    assert run_binary("--check-config", broken).returncode != 0
    assert run_binary("--check-config", tmp_path / "absent.toml").returncode != 0
    assert not (tmp_path / "data").exists(), "checking makes no data folder"


def test_unknown_keys_are_warned_about_by_name(tmp_path):
    config = tmp_path / "unknown.toml"
    config.write_text(f'[server]\nport = 8099\nprot = 1\n[serverr]\nhost = "x"\n[auth]\njwt_secret = "{JWT_SECRET}"\n')
    checked = run_binary("--check-config", config)
    assert checked.returncode == 0
    output = checked.stdout + checked.stderr
    assert "server.prot" in output and "serverr" in output


def test_unknown_options_are_refused():
    assert run_binary("--no-such-option").returncode != 0


def test_the_example_file_is_a_valid_configuration():
    import kalam_server
    example = kalam_server.SOURCE_ROOT / "server.example.toml"
    if not example.exists():
        pytest.fail("server.example.toml documents every key (issue item 1)")
    checked = run_binary("--check-config", example)
    assert checked.returncode == 0, checked.stderr
    assert "unknown" not in (checked.stdout + checked.stderr).lower()


def test_environment_overrides(make_server):
    server = make_server(start=False, env={"KALAMDB_JWT_SECRET": "from-the-environment-0123456789-0123456789"})
    data = server.data_dir / "elsewhere"
    server.extra_env["KALAMDB_DATA_DIR"] = str(data)
    server.start()
    assert data.exists() and any(data.iterdir())
    from kalam_server import claims_for, make_token
    client = server.client()
    token = make_token(claims_for("root", "system"), secret="from-the-environment-0123456789-0123456789")
    assert client.value("SELECT 1", token=token) == 1
    client.fails("SELECT 1", token=make_token(claims_for("root", "system")), status=401)


def test_an_unparsable_environment_number_ends_the_start(tmp_path):
    config = tmp_path / "c.toml"
    config.write_text(to_toml({"server": {"port": 8099}, "auth": {"jwt_secret": JWT_SECRET}}))
    import os
    refused = run_binary("--check-config", config, env={**os.environ, "KALAMDB_SERVER_PORT": "many"})
    assert refused.returncode != 0


def test_a_taken_port_and_a_taken_data_folder_end_the_start_with_a_message(make_server):
    first = make_server()
    second = Server({"server": {"port": first.port}})
    try:
        second.spawn()
        assert second.process.wait(60) != 0
        assert str(first.port) in second.output()
    finally:
        second.remove()
    third = Server({"storage": {"data_path": first.config["storage"]["data_path"]}})
    try:
        third.spawn()
        assert third.process.wait(60) != 0
        assert "lock" in third.output().lower() or "use" in third.output().lower()
    finally:
        third.remove()
    first.client().request("GET", "/health").expect(200)


def test_an_insecure_secret_on_a_public_address_ends_the_start(tmp_path):
    config = {"server": {"host": "0.0.0.0", "port": free_port()}, "auth": {"jwt_secret": "secret"}, "storage": {"data_path": str(tmp_path / "data")},
              "security": {"cors": {"allowed_origins": ["*"]}}}
    path = tmp_path / "c.toml"
    path.write_text(to_toml(config))
    process = subprocess.Popen([str(server_binary()), str(path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=tmp_path)
    try:
        output, _ = process.communicate(timeout=30)
        assert process.returncode != 0
        assert b"secret" in output.lower()
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        pytest.fail("the server started on 0.0.0.0 with a known secret")


def test_stop_answers_running_requests_and_ends_with_code_0(make_server):
    import threading
    server = make_server()
    root = server.root()
    root.run("CREATE NAMESPACE app; CREATE SHARED TABLE app.t (id INT PRIMARY KEY, v TEXT)")
    acknowledged = []
    stop = threading.Event()

    def write(worker):
        client = server.client("root", server.root_password)
        number = worker * 1_000_000
        while not stop.is_set():
            number += 1
            try:
                if not client.sql(f"INSERT INTO app.t (id) VALUES ({number})").ok:
                    return
            except OSError:
                return
            except Exception:  # http.client: the server closed the connection
                return
            acknowledged.append(number)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    while len(acknowledged) < 200:
        assert any(t.is_alive() for t in threads)
        stop.wait(0.005)
    server.stop()
    stop.set()
    for thread in threads:
        thread.join()
    server.start()
    found = {row[0] for row in server.root().rows("SELECT id FROM app.t")}
    assert set(acknowledged) <= found
