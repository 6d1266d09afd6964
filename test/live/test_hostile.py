"""What a hostile user may try with the live endpoint: SQL in conditions, floods, half-open upgrades. Others must not notice."""
import socket
import threading
import time

import pytest

from kalam_ws import BINARY, TEXT, LiveSocket, encode_frame


@pytest.fixture(scope="module")
def tables(shared_live):
    root = shared_live.client()
    root.run("CREATE NAMESPACE hostile; CREATE USER TABLE hostile.mine (id BIGINT PRIMARY KEY, body TEXT);"
             "CREATE SHARED TABLE hostile.closed (id BIGINT PRIMARY KEY, body TEXT)")
    root.run("INSERT INTO hostile.closed (id, body) VALUES (1, 'secret')")
    shared_live.client("bob").run("INSERT INTO hostile.mine (id, body) VALUES (1, 'of bob')")
    return "hostile.mine"


def refusal(live, sql, seconds=10):
    ws = live.socket("alice")
    ws.subscribe("s", sql, {})
    message = ws.expect("error", "s", seconds=seconds)
    assert ws.silent(0.05), "one error and nothing else"
    return message


@pytest.mark.parametrize("condition", [
    "id IN (SELECT id FROM hostile.closed)", "EXISTS (SELECT 1 FROM read_csv('/etc/passwd'))", "body LIKE (SELECT password_hash FROM system.users LIMIT 1)",
    "body = read_text('/etc/passwd')", "body = getenv('HOME')", "body = current_setting('temp_directory')", "body = pg_sleep(10)", "nextval('x') > 0",
    "query('SELECT 1') = 1", "random() < 0.5", "sum(id) > 1", "row_number() OVER () = 1", "id = $1", "id = ?", "_deleted", "unknown_column = 1",
    "id = 1; DROP TABLE hostile.mine", "id = 1 UNION SELECT * FROM hostile.closed", "id = 1 LIMIT 1", "1 = 1 GROUP BY id", "1 = 1 FOR UPDATE",
])
def test_conditions_that_reach_for_more(live, tables, condition):
    message = refusal(live, f"SELECT * FROM {tables} WHERE {condition}")
    assert message["code"] in ("INVALID_SQL", "UNSUPPORTED", "SUBSCRIPTION_FAILED")
    assert "secret" not in message["message"] and "root:" not in message["message"]


@pytest.mark.parametrize("sql", [
    "SELECT * FROM hostile.closed", "SELECT * FROM system.users", "SELECT * FROM information_schema.tables", "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'", "SELECT * FROM duckdb_settings()", "SELECT * FROM hostile.mine, hostile.closed",
    "SELECT * FROM (SELECT * FROM hostile.closed)", "WITH x AS (SELECT * FROM hostile.closed) SELECT * FROM x", "SELECT (SELECT max(body) FROM hostile.closed) FROM hostile.mine",
    "DELETE FROM hostile.mine", "COPY hostile.mine TO '/tmp/x'", "ATTACH '/tmp/x'", "EXPLAIN SELECT * FROM hostile.mine", "EXECUTE AS USER 'bob' (SELECT * FROM hostile.mine)", "",
])
def test_statements_that_are_no_subscription(live, tables, sql):
    assert "secret" not in refusal(live, sql)["message"]


def test_rows_of_others_stay_theirs_whatever_the_condition(live, tables):
    for condition in ("true", "id = 1 OR id <> 1", "body = 'of bob'", "CURRENT_USER() = 'alice' OR CURRENT_USER() <> 'alice'"):
        ws = live.socket("alice")
        ws.subscribe("s", f"SELECT * FROM {tables} WHERE {condition}", {"from": 0})
        _, pages = ws.snapshot("s")
        assert [row for page in pages for row in page["rows"]] == []


# Each of these would occupy the lexer for minutes to years.
@pytest.mark.parametrize("condition", [
    "/*" * 200_000 + "*/" * 200_000 + " id = 1", "/**/" * 200_000 + "id = 1", "id = " + "-+" * 400_000 + "1", "id = 1 " + "+/**/" * 150_000 + " 1",
    "(" * 300_000 + "id = 1" + ")" * 300_000, "NOT " * 200_000 + "id = 1",
], ids=["nested comments", "comments", "operators", "operators and comments", "parentheses", "NOT"])
def test_text_that_is_hard_to_read_is_refused_at_once(live, tables, condition):
    assert refusal(live, f"SELECT * FROM {tables} WHERE {condition}")["code"] in ("INVALID_SQL", "SUBSCRIPTION_FAILED")


def test_a_condition_that_takes_too_much_ends_its_own_subscription(live, tables):
    ws, other = live.socket("alice"), live.socket("bob")
    ws.subscribe("s", f"SELECT * FROM {tables} WHERE length(repeat(body, id)) > 0", {})
    ws.snapshot("s")
    other.subscribe("s", f"SELECT * FROM {tables}", {})
    other.snapshot("s")
    live.client("alice").run(f"INSERT INTO {tables} (id, body) VALUES (3000000000, 'xxxxxxxx')")
    assert ws.expect("error", "s")["code"] == "SUBSCRIPTION_FAILED"
    live.client("bob").run(f"INSERT INTO {tables} (id, body) VALUES (7, 'still served')")
    assert other.expect("change", "s")["rows"][0]["id"] == "7"


def test_thousands_of_subscribes_end_at_the_limit(live, tables):
    ws = live.socket("alice")
    reader = []
    thread = threading.Thread(target=lambda: reader.extend(ws.recv(30) for _ in range(3_000 + 100)))
    thread.start()
    for i in range(3_000):
        ws.subscribe(f"s{i}", f"SELECT * FROM {tables} WHERE id = {i}", {})
    thread.join()
    kinds = {}
    for message in reader:
        kind = message["type"] if message["type"] != "error" else message["code"]
        kinds[kind] = kinds.get(kind, 0) + 1
    assert kinds == {"subscription_ack": 100, "initial_data_batch": 100, "UNSUPPORTED": 2_900}
    ws.close()
    ws = live.socket("alice")
    ws.subscribe("again", f"SELECT * FROM {tables} WHERE id = 5", {})
    ws.snapshot("again")


def test_the_same_id_again_and_again(live, tables):
    ws = live.socket("alice")
    for i in range(1_000):
        ws.subscribe("s", f"SELECT * FROM {tables} WHERE id = {i}", {})
    ws.subscribe("last", f"SELECT * FROM {tables}", {})
    while ws.recv(30)["subscription_id"] != "last":
        pass
    assert len(live.client().rows("SELECT live_id FROM system.live WHERE user_id = 'alice'")) == 2


def test_a_thousand_half_open_upgrades_and_unfinished_messages(live, tables):
    held = []
    for i in range(600):
        stranger = socket.create_connection(("127.0.0.1", live.port))
        stranger.sendall(b"GET /v1/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n")
        held.append(stranger)
    for i in range(400):
        ws = LiveSocket(live.server, token=live.tokens["alice"])
        ws.send_raw(encode_frame(TEXT if i % 2 else BINARY, b"x" * 500, fin=False)[:300])
        held.append(ws.socket)
    ws = live.socket("bob")
    started = time.monotonic()
    ws.subscribe("s", f"SELECT * FROM {tables}", {})
    ws.snapshot("s")
    assert time.monotonic() - started < 30  # a client's patience, not a measurement
    for sock in held:
        sock.close()


def test_half_an_upgrade_is_not_waited_for_long(make_live):
    live = make_live({"performance": {"client_request_timeout": 1}})
    stranger = socket.create_connection(("127.0.0.1", live.port))
    stranger.settimeout(30)
    stranger.sendall(b"GET /v1/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n")
    answer = stranger.recv(1000)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 408")
