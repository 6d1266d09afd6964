"""What subscriptions leave behind, limits, restarts, slow readers (realtime 1.8, 2.7, 8 Lifecycle)."""
import time

import pytest

from kalam_ws import Closed


def listed(live, user="alice"):
    return [row[0] for row in live.client("root").rows(f"SELECT subscription_id FROM system.live WHERE user_id = '{user}' ORDER BY subscription_id")]


def wait_until(condition, seconds=10):
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "it did not happen"
        time.sleep(0.02)  # poll interval; ends on the event or the deadline


@pytest.fixture
def table(live, request):
    name = "life." + "".join(c if c.isalnum() else "_" for c in request.node.name.lower())[:50]
    root = live.client("root")
    root.run("CREATE NAMESPACE IF NOT EXISTS life")
    root.run(f"CREATE USER TABLE {name} (id INT PRIMARY KEY, label TEXT)")
    return name


def test_unsubscribe_is_silent_and_frees_the_place(live, table):
    ws = live.socket("alice")
    for id in ("a", "b"):
        ws.subscribe(id, f"SELECT * FROM {table}", {})
        ws.snapshot(id)
    wait_until(lambda: {"a", "b"} <= set(listed(live)))
    ws.unsubscribe("a")
    ws.unsubscribe("unknown")
    assert ws.silent(0.3)
    assert "a" not in listed(live)
    live.client("alice").run(f"INSERT INTO {table} (id) VALUES (1)")
    assert ws.next_of("b")["rows"][0]["id"] == 1
    assert ws.silent(0.3), "nothing of the other one"
    ws.unsubscribe("b")
    ws.subscribe("c", f"SELECT * FROM {table}", {})
    assert ws.snapshot("c"), "the connection stays after the last unsubscribe"


@pytest.mark.parametrize("end", ["close", "abort"])
def test_an_ended_socket_leaves_nothing(live, table, end):
    ws = live.socket("bob")
    ws.subscribe("mine", f"SELECT * FROM {table}", {})
    ws.snapshot("mine")
    assert "mine" in listed(live, "bob")
    getattr(ws, end)()
    wait_until(lambda: "mine" not in listed(live, "bob"), seconds=5)


def test_subscriptions_per_connection(make_live):
    live = make_live({"websocket": {"max_subscriptions_per_connection": 5}})
    root = live.client("root")
    root.run("CREATE NAMESPACE n; CREATE USER TABLE n.t (id INT PRIMARY KEY)")
    ws = live.socket("alice")
    for i in range(5):
        ws.subscribe(f"s{i}", "SELECT * FROM n.t", {})
        ws.snapshot(f"s{i}")
    ws.subscribe("s5", "SELECT * FROM n.t", {})
    error = ws.expect("error", "s5")
    assert error["code"] == "UNSUPPORTED" and error["message"] == "Maximum subscriptions (5) per connection exceeded"
    ws.subscribe("s4", "SELECT * FROM n.t", {})
    assert ws.snapshot("s4"), "replacing is no new one"
    ws.unsubscribe("s0")
    ws.subscribe("s5", "SELECT * FROM n.t", {})
    assert ws.snapshot("s5")
    other = live.socket("alice")
    other.subscribe("s", "SELECT * FROM n.t", {})
    assert other.snapshot("s")


def test_subscriptions_per_user(make_live):
    live = make_live({"rate_limit": {"max_subscriptions_per_user": 4}})
    live.client("root").run("CREATE NAMESPACE n; CREATE USER TABLE n.t (id INT PRIMARY KEY)")
    sockets = [live.socket("alice"), live.socket("alice")]
    for i in range(4):
        sockets[i % 2].subscribe(f"s{i}", "SELECT * FROM n.t", {})
        sockets[i % 2].snapshot(f"s{i}")
    sockets[0].subscribe("more", "SELECT * FROM n.t", {})
    error = sockets[0].expect("error", "more")
    assert (error["code"], error["message"]) == ("SUBSCRIPTION_LIMIT_EXCEEDED", "Maximum subscriptions reached")
    bob = live.socket("bob")
    bob.subscribe("s", "SELECT * FROM n.t", {})
    assert bob.snapshot("s"), "each user has its own"
    sockets[1].abort()

    def free():
        sockets[0].subscribe("more", "SELECT * FROM n.t", {})
        return sockets[0].next_of("more")["type"] == "subscription_ack"
    wait_until(free)


def test_kill_tells_the_subscriber(live, table):
    ws = live.socket("alice")
    ws.subscribe("victim", f"SELECT * FROM {table}", {})
    ws.snapshot("victim")
    root = live.client("root")
    [live_id] = [row[0] for row in root.rows("SELECT live_id FROM system.live WHERE subscription_id = 'victim'")]
    assert live_id.startswith("alice-") and live_id.endswith("-victim")
    root.run(f"KILL LIVE QUERY '{live_id}'")
    error = ws.expect("error", "victim")
    assert error["code"] == "SUBSCRIPTION_KILLED"
    assert "victim" not in listed(live)


@pytest.mark.parametrize("kill", [False, True], ids=["stopped", "killed"])
def test_restart_and_resume(make_live, kill):
    live = make_live({"storage": {"durability": "sync"}})
    live.client("root").run("CREATE NAMESPACE n; CREATE USER TABLE n.t (id INT PRIMARY KEY, label TEXT)")
    client = live.client("alice")
    client.run("INSERT INTO n.t (id, label) VALUES " + ", ".join(f"({i}, 'old')" for i in range(20)))
    ws = live.socket("alice")
    ws.subscribe("s", "SELECT * FROM n.t", {})
    _, pages = ws.snapshot("s")
    client.run("INSERT INTO n.t (id, label) VALUES (20, 'live')")
    cursor = int(ws.expect("change")["rows"][0]["_seq"])
    live.server.restart(kill=kill)
    with pytest.raises(Closed) as closed:
        ws.recv()
    assert closed.value.code == (None if kill else 1001)
    client = live.client("alice")
    client.run("INSERT INTO n.t (id, label) VALUES (21, 'later')")
    client.run("DELETE FROM n.t WHERE id = 5")
    ws = live.socket("alice")
    ws.subscribe("s", "SELECT * FROM n.t", {"from": cursor})
    ws.expect("subscription_ack")
    seen = []
    while len(seen) < 2:
        message = ws.recv()
        rows = message.get("rows") or []
        seen += [("row", row["id"]) for row in rows]
        if message.get("change_type") == "delete":
            seen.append(("gone", message["old_values"][0]["id"]))
    assert sorted(seen) == [("gone", 5), ("row", 21)]
    assert ws.silent(0.3)


def test_a_pausing_reader_gets_everything(live, table):
    ws = live.socket("alice")
    ws.subscribe("s", f"SELECT * FROM {table}", {})
    ws.snapshot("s")
    client = live.client("alice")
    for i in range(20):
        client.run(f"INSERT INTO {table} (id) VALUES ({i})")
    for i in range(20):
        assert ws.expect("change")["rows"][0]["id"] == i
        time.sleep(0.03)  # the reader's pause is the case


def test_a_reader_that_stops_is_caught_up(make_live):
    """More changes than outbox and socket buffers hold: nothing is lost, nothing comes twice, other sockets do not notice."""
    live = make_live({"websocket": {"outbox_bytes": 65536, "client_timeout_secs": 120}})
    live.client("root").run("CREATE NAMESPACE n; CREATE USER TABLE n.t (id INT PRIMARY KEY, label TEXT)")
    slow = live.socket("alice", query="compress=false", receive_buffer=4096)
    fast = live.socket("alice")
    for ws in (slow, fast):
        ws.subscribe("s", "SELECT * FROM n.t", {})
        ws.snapshot("s")
    client = live.client("alice")
    rows = 0
    text = "x" * 2000
    for _ in range(60):
        client.run("INSERT INTO n.t (id, label) VALUES " + ", ".join(f"({i}, '{text}')" for i in range(rows, rows + 100)))
        rows += 100
        for i in range(rows - 100, rows):
            assert fast.expect("change")["rows"][0]["id"] == i
    client.run("UPDATE n.t SET label = 'changed' WHERE id = 7")
    client.run("DELETE FROM n.t WHERE id = 8")
    state = {}
    consumed = 0
    while len(state) < rows - 1 or state.get(7) != "changed" or 8 in state:
        message = slow.recv(seconds=30)
        assert message["type"] == "change", message
        row = (message.get("rows") or message.get("old_values"))[0]
        assert int(row["_seq"]) > consumed, "ascending, never twice"
        consumed = int(row["_seq"])
        if message["change_type"] == "delete":
            state.pop(row["id"], None)
        else:
            state[row["id"]] = row["label"]
    assert sorted(state) == [i for i in range(rows) if i != 8]


def test_a_socket_that_never_reads_again_is_closed_with_a_reason(make_live):
    live = make_live({"websocket": {"outbox_bytes": 65536, "client_timeout_secs": 120}, "live": {"slow_consumer_seconds": 1}})
    live.client("root").run("CREATE NAMESPACE n; CREATE USER TABLE n.t (id INT PRIMARY KEY, label TEXT)")
    slow = live.socket("alice", query="compress=false", receive_buffer=4096)
    slow.subscribe("s", "SELECT * FROM n.t", {})
    slow.snapshot("s")
    client = live.client("alice")
    text = "x" * 2000
    for n in range(60):
        client.run("INSERT INTO n.t (id, label) VALUES " + ", ".join(f"({i}, '{text}')" for i in range(n * 100, n * 100 + 100)))
    wait_until(lambda: not live.client("root").rows("SELECT live_id FROM system.live"), seconds=15)
    with pytest.raises(Closed) as closed:
        while True:
            slow.recv()
    assert closed.value.code in (1013, None)  # the close frame cannot pass a socket that stays full
    if closed.value.code == 1013:
        assert closed.value.reason
