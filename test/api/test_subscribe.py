"""SUBSCRIBE TO: what a client needs to open the subscription (sql.md 1.7)."""
import json
import re


def test_the_answer(server, root, alice, ns):
    root.run(f"CREATE USER TABLE {ns}.notes (id BIGINT PRIMARY KEY, body TEXT)")
    reply = alice.run(f"SUBSCRIBE TO {ns}.notes WHERE id > 5 OPTIONS (last_rows = 10, batch_size = 3, from = 7)")
    assert [(c["name"], c["data_type"]) for c in reply.result["schema"]] == [
        ("status", "Text"), ("ws_url", "Text"), ("subscription", "Json"), ("message", "Text")]
    assert reply.row_count == 1
    row = reply.dicts[0]
    assert row["status"] == "active" and row["ws_url"] == f"ws://127.0.0.1:{server.port}/v1/ws"
    assert row["message"] == "WebSocket subscription created. Connect to ws_url to receive updates."
    subscription = json.loads(row["subscription"])
    assert re.fullmatch(rf"sub-{ns}-notes-[0-9a-f]{{32}}", subscription["id"])
    assert subscription["sql"] == f'SELECT * FROM "{ns}"."notes" WHERE id > 5'
    assert subscription["options"] == {"last_rows": 10, "batch_size": 3, "from": 7}
    alice.run(subscription["sql"])


def test_ids_are_unique(root, alice, ns):
    root.run(f"CREATE USER TABLE {ns}.notes (id BIGINT PRIMARY KEY)")
    ids = {json.loads(alice.run(f"SUBSCRIBE TO {ns}.notes").dicts[0]["subscription"])["id"] for _ in range(50)}
    assert len(ids) == 50


def test_the_namespace_of_the_request_is_written_out(root, alice, ns):
    root.run(f"CREATE USER TABLE {ns}.notes (id BIGINT PRIMARY KEY, body TEXT)")
    for sql in ("SUBSCRIBE TO notes", "SUBSCRIBE TO SELECT body FROM notes WHERE body = 'notes'"):
        subscription = json.loads(alice.run(sql, namespace=ns).dicts[0]["subscription"])
        assert f'FROM "{ns}"."notes"' in subscription["sql"]
    assert subscription["sql"] == f"""SELECT body FROM "{ns}"."notes" WHERE body = 'notes'"""


def test_behind_a_public_origin():
    import kalam_server
    with kalam_server.Server({"server": {"public_origin": "https://db.example.com"}, "security": {"cors": {"allowed_origins": ["*"]}}}) as server:
        root = server.root()
        root.run("CREATE NAMESPACE app; CREATE USER TABLE app.t (id BIGINT PRIMARY KEY)")
        assert root.run("SUBSCRIBE TO app.t").dicts[0]["ws_url"] == "wss://db.example.com/v1/ws"


def test_a_strange_host_header_does_not_come_back(root, alice, ns):
    root.run(f"CREATE USER TABLE {ns}.notes (id BIGINT PRIMARY KEY)")
    reply = alice.run(f"SUBSCRIBE TO {ns}.notes", headers={"Host": "evil.example/<script>"})
    assert "evil" not in reply.dicts[0]["ws_url"]
