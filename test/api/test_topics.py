"""Topics over HTTP and SQL: publication, payloads, consumer groups, claims, roles, retention of what was acknowledged across restarts."""
import base64
import concurrent.futures
import json
import time

import pytest


@pytest.fixture
def topic(root, ns):
    """A topic with one partition, fed by the inserts of the USER table `<ns>.orders`."""
    make_topic(root, ns)
    return f"{ns}.feed"


def make_topic(root, ns, kind="USER", operations=("INSERT",), partitions=1, options=""):
    root.run(f"CREATE {kind} TABLE {ns}.orders (id BIGINT PRIMARY KEY, item TEXT, n INT)")
    root.run(f"CREATE TOPIC {ns}.feed PARTITIONS {partitions}")
    for operation in operations:
        root.run(f"ALTER TOPIC {ns}.feed ADD SOURCE {ns}.orders ON {operation} {options}")


def post(client, path, **body):
    return client.request("POST", f"/v1/api/topics/{path}", json_body=body, headers=client.bearer())


def consume(client, topic, group="g", **body):
    return post(client, "consume", topic_id=topic, group_id=group, **body).expect(200).json()


def ack(client, topic, upto, group="g", **body):
    return post(client, "ack", topic_id=topic, group_id=group, upto_offset=upto, **body).expect(200).json()


def offsets(answer):
    return [m["offset"] for m in answer["messages"]]


def payload(message):
    return json.loads(base64.b64decode(message["payload"], validate=True))


def insert(client, topic, ids):
    table = topic.split(".")[0] + ".orders"
    client.run(f"INSERT INTO {table} (id, item, n) VALUES " + ", ".join(f"({i}, 'item {i}', {i})" for i in ids))


def group_rows(root, topic):
    return root.rows(f"SELECT group_id, partition_id, last_acked_offset, updated_at FROM system.topic_offsets WHERE topic_id = '{topic}'")


# --- shapes ---

def test_answer_has_exactly_the_fields_of_the_protocol(root, service, alice, topic):
    before = int(time.time() * 1000)
    insert(alice, topic, [42])
    response = post(service, "consume", topic_id=topic, group_id="g", start="Earliest").expect(200)
    assert list(response.json()) == ["messages", "next_offset", "has_more"]
    [message] = response.json()["messages"]
    assert list(message) == ["topic_id", "partition_id", "offset", "payload", "key", "timestamp_ms", "user", "op"]
    assert (message["topic_id"], message["partition_id"], message["offset"]) == (topic, 0, 0)
    assert (message["key"], message["user"], message["op"]) == ("42", "alice", "Insert")
    assert before - 5000 <= message["timestamp_ms"] <= time.time() * 1000 + 5000
    assert response.json()["next_offset"] == 1 and response.json()["has_more"] is False
    body = payload(message)
    assert list(body) == ["id", "item", "n", "_seq", "_deleted", "_commit_seq", "_table"]
    seq = alice.value(f"SELECT _seq FROM {topic.split('.')[0]}.orders WHERE id = 42")
    assert body == {"id": "42", "item": "item 42", "n": 42, "_seq": seq, "_deleted": False, "_commit_seq": seq, "_table": topic.split(".")[0] + ".orders"}


def test_values_are_encoded_as_sql_answers_encode_them(root, service, ns):
    columns = {"b": ("BOOLEAN", "true"), "s": ("SMALLINT", "-5"), "i": ("INT", "7"), "l": ("BIGINT", "9007199254740993"), "d": ("DOUBLE", "0.5"),
               "m": ("DECIMAL(20,3)", "-0.005"), "t": ("TEXT", "'a\"ü\n'"), "y": ("BYTES", "from_hex('00FF')"), "j": ("JSON", "'{\"a\": [1]}'"),
               "ts": ("TIMESTAMP", "'2024-01-02 03:04:05.678901'"), "da": ("DATE", "'1969-12-31'"), "u": ("UUID", "'550e8400-e29b-41d4-a716-446655440000'"), "z": ("TEXT", "NULL")}
    root.run(f"CREATE SHARED TABLE {ns}.t (id TEXT PRIMARY KEY, {', '.join(f'{c} {t}' for c, (t, _) in columns.items())}); CREATE TOPIC {ns}.feed; "
             f"ALTER TOPIC {ns}.feed ADD SOURCE {ns}.t ON INSERT")
    root.run(f"INSERT INTO {ns}.t VALUES ('k', {', '.join(v for _, v in columns.values())})")
    [message] = consume(service, f"{ns}.feed", start="earliest")["messages"]
    expected = root.run(f"SELECT * FROM {ns}.t").dicts[0]
    body = payload(message)
    assert {name: body[name] for name in expected} == expected
    assert message["key"] == "k"
    assert "user" not in message, "rows of SHARED tables have no producer"


def test_update_and_delete_carry_the_row(root, service, alice, ns):
    make_topic(root, ns, operations=("INSERT", "UPDATE", "DELETE"))
    topic = f"{ns}.feed"
    insert(alice, topic, [1, 2])
    alice.run(f"UPDATE {ns}.orders SET n = 10 WHERE id = 1")
    alice.run(f"UPDATE {ns}.orders SET n = 10 WHERE id = 1")  # nothing changes: no message
    alice.run(f"DELETE FROM {ns}.orders WHERE id = 1")
    messages = consume(service, topic, start="Earliest")["messages"]
    assert [(m["op"], m["key"]) for m in messages] == [("Insert", "1"), ("Insert", "2"), ("Update", "1"), ("Delete", "1")]
    assert payload(messages[0])["_commit_seq"] == payload(messages[1])["_commit_seq"], "one statement, one commit"
    assert (payload(messages[2])["n"], payload(messages[2])["item"]) == (10, "item 1")
    assert (payload(messages[3])["n"], payload(messages[3])["item"], payload(messages[3])["_deleted"]) == (10, "item 1", True)
    seqs = [int(payload(m)["_seq"]) for m in messages]
    assert seqs == sorted(set(seqs))


def test_payload_modes(root, service, ns):
    root.run(f"CREATE SHARED TABLE {ns}.orders (id BIGINT PRIMARY KEY, item TEXT, n INT); CREATE TOPIC {ns}.keys; CREATE TOPIC {ns}.diffs")
    for operation in ("INSERT", "UPDATE", "DELETE"):
        root.run(f"ALTER TOPIC {ns}.keys ADD SOURCE {ns}.orders ON {operation} WITH (payload = 'key'); "
                 f"ALTER TOPIC {ns}.diffs ADD SOURCE {ns}.orders ON {operation} WITH (payload='diff')")
    root.run(f"INSERT INTO {ns}.orders VALUES (1, 'a', 1); UPDATE {ns}.orders SET n = 2 WHERE id = 1; DELETE FROM {ns}.orders WHERE id = 1")
    for message in consume(service, f"{ns}.keys", start="Earliest")["messages"]:
        assert set(payload(message)) == {"id", "_seq", "_deleted", "_commit_seq"}
    inserted, updated, deleted = [payload(m) for m in consume(service, f"{ns}.diffs", start="Earliest")["messages"]]
    assert (inserted["item"], inserted["n"]) == ("a", 1)
    assert {k: updated[k] for k in updated if not k.startswith("_")} == {"id": "1", "n": 2}
    assert updated["_old"] == {"n": 1} and updated["_table"] == f"{ns}.orders"
    assert (deleted["item"], deleted["_deleted"]) == ("a", True)


def test_stream_tables_publish_inserts(root, service, alice, ns):
    root.run(f"CREATE STREAM TABLE {ns}.orders (id BIGINT PRIMARY KEY, item TEXT, n INT) WITH (TTL_SECONDS = 60); CREATE TOPIC {ns}.feed; "
             f"ALTER TOPIC {ns}.feed ADD SOURCE {ns}.orders ON INSERT")
    root.fails(f"ALTER TOPIC {ns}.feed ADD SOURCE {ns}.orders ON DELETE", contains="STREAM")
    alice.run(f"INSERT INTO {ns}.orders (id, item, n) VALUES (1, 'a', 1), (2, 'b', 2)")
    messages = consume(service, f"{ns}.feed", start="Earliest")["messages"]
    assert [payload(m)["item"] for m in messages] == ["a", "b"]
    assert {m["user"] for m in messages} == {"alice"}


def test_impersonated_writes_name_the_owner(root, service, alice, topic):
    root.run(f"EXECUTE AS USER 'alice' (INSERT INTO {topic.split('.')[0]}.orders (id) VALUES (7))")
    [message] = consume(service, topic, start="Earliest")["messages"]
    assert message["user"] == "alice"


# --- sources ---

def test_condition_chooses_rows(root, service, ns):
    make_topic(root, ns, kind="SHARED", options="WHERE n > 5 AND (item LIKE 'a%' OR item IS NULL) WITH (payload = 'full')", operations=("INSERT", "UPDATE"))
    root.run(f"INSERT INTO {ns}.orders VALUES (1, 'abc', 6), (2, 'abc', 5), (3, 'b', 9), (4, NULL, 7)")
    root.run(f"UPDATE {ns}.orders SET n = 50 WHERE id = 2")
    root.run(f"UPDATE {ns}.orders SET n = 1 WHERE id = 1")
    assert [(m["op"], m["key"]) for m in consume(service, f"{ns}.feed", start="Earliest")["messages"]] == [("Insert", "1"), ("Insert", "4"), ("Update", "2")]
    routes = json.loads(root.value(f"SELECT routes FROM system.topics WHERE topic_id = '{ns}.feed'"))
    assert [(r["table_id"], r["op"], r["payload_mode"]) for r in routes] == [(f"{ns}:orders", "Insert", "full"), (f"{ns}:orders", "Update", "full")]
    assert routes[0]["filter_expr"] == "n > 5 AND (item LIKE 'a%' OR item IS NULL)"


def test_condition_that_fails_loses_neither_message_nor_write(root, service, ns):
    make_topic(root, ns, kind="SHARED", options="WHERE CAST(item AS INTEGER) > 5")
    root.run(f"INSERT INTO {ns}.orders VALUES (1, '9', 0), (2, 'no number', 0), (3, '1', 0)")
    assert len(root.rows(f"SELECT id FROM {ns}.orders")) == 3
    messages = consume(service, f"{ns}.feed", start="Earliest")["messages"]
    assert [(m["key"], payload(m).get("_filter_error")) for m in messages] == [("1", None), ("2", True)]


def test_condition_on_a_dropped_column_publishes_every_row(root, service, ns):
    make_topic(root, ns, kind="SHARED", options="WHERE n > 5")
    root.run(f"ALTER TABLE {ns}.orders DROP COLUMN n")
    root.run(f"INSERT INTO {ns}.orders (id) VALUES (1)")
    [message] = consume(service, f"{ns}.feed", start="Earliest")["messages"]
    assert payload(message)["_filter_error"] is True


@pytest.mark.parametrize("condition", ["nothing = 1", "n >", "n > 1) OR (1 = 1", "id IN (SELECT 1)", "(n > 1"])
def test_bad_conditions_are_refused(root, ns, condition):
    make_topic(root, ns, operations=())
    root.fails(f"ALTER TOPIC {ns}.feed ADD SOURCE {ns}.orders ON INSERT WHERE {condition}")
    assert root.value(f"SELECT routes FROM system.topics WHERE topic_id = '{ns}.feed'") == "[]"


def test_source_follows_its_table(root, service, alice, topic):
    name = topic.split(".")[0] + ".orders"
    insert(alice, topic, [1])
    root.run(f"ALTER TABLE {name} ADD COLUMN late TEXT DEFAULT 'x'")
    alice.run(f"INSERT INTO {name} (id, late) VALUES (2, 'y')")
    root.run(f"DROP TABLE {name}; CREATE USER TABLE {name} (id TEXT PRIMARY KEY)")
    alice.run(f"INSERT INTO {name} VALUES ('evt1')")
    messages = consume(service, topic, start="Earliest")["messages"]
    assert [m["key"] for m in messages] == ["1", "2", "evt1"]
    assert payload(messages[1])["late"] == "y" and "late" not in payload(messages[0])


# --- consumer groups ---

def test_two_inserts(service, alice, topic):
    insert(alice, topic, [11])
    insert(alice, topic, [12])
    answer = consume(service, topic, start="EARLIEST")
    assert offsets(answer) == [0, 1] and [m["key"] for m in answer["messages"]] == ["11", "12"]


def test_limit_and_acknowledgement(root, service, alice, topic):
    insert(alice, topic, range(80))
    answer = consume(service, topic, start="Earliest", limit=2)
    assert offsets(answer) == [0, 1] and answer["has_more"] is True and answer["next_offset"] == 2
    assert ack(service, topic, 1) == {"success": True, "acknowledged_offset": 1}
    answer = consume(service, topic, start="Earliest", limit=100)
    assert offsets(answer) == list(range(2, 80)) and answer["has_more"] is False
    answer = consume(service, topic, start="Earliest")
    assert answer == {"messages": [], "next_offset": 80, "has_more": False}
    assert group_rows(root, topic)[0][:3] == ["g", 0, "1"]
    assert consume(service, topic, "other", limit=0, start="Earliest") == {"messages": [], "next_offset": 0, "has_more": False}


def test_latest_pins_the_position(root, service, alice, topic):
    insert(alice, topic, range(5))
    assert consume(service, topic) == {"messages": [], "next_offset": 5, "has_more": False}
    insert(alice, topic, [5, 6])
    assert offsets(consume(service, topic, start="Earliest")) == [5, 6]
    assert group_rows(root, topic) == [], "an empty consume makes no row"


def test_start_at_an_offset(service, alice, topic):
    insert(alice, topic, range(6))
    assert offsets(consume(service, topic, "a", start={"Offset": 4})) == [4, 5]
    assert offsets(consume(service, topic, "b", start={"offset": 3}, limit=1)) == [3]
    assert offsets(consume(service, topic, "b", start={"Offset": 0}, limit=1)) == [4], "the position wins over the start"


def test_polls_of_a_group_are_disjoint(service, alice, topic):
    insert(alice, topic, range(80))
    first, second = consume(service, topic, start="Earliest", limit=40), consume(service, topic, start="Earliest", limit=40)
    assert offsets(first) == list(range(40)) and offsets(second) == list(range(40, 80))


def test_concurrent_consumers_share_a_group(server, service, alice, topic):
    def drain(_):
        client, seen = server.client("service_sam", "Sam-pass-12"), []
        while len(seen) < 1000:
            answer = consume(client, topic, start="Earliest", limit=7)
            if not answer["messages"]:
                break
            seen += offsets(answer)
        return seen

    for start in range(0, 400, 100):
        insert(alice, topic, range(start, start + 100))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(drain, range(4)))
    assert sorted(o for part in parts for o in part) == list(range(400))
    assert offsets(consume(service, topic, "another", start="Earliest", limit=1000)) == list(range(400)), "groups are independent"


def test_lower_acknowledgement_changes_nothing(root, service, alice, topic):
    insert(alice, topic, range(5))
    ack(service, topic, 3)
    before = group_rows(root, topic)
    assert ack(service, topic, 1)["acknowledged_offset"] == 1, "the answer repeats what was asked"
    assert ack(service, topic, 3)["acknowledged_offset"] == 3
    assert group_rows(root, topic) == before
    assert offsets(consume(service, topic, start="Earliest")) == [4]


def test_redelivery_after_the_visibility_timeout(make_server):
    server = make_server(env={"KALAMDB_VISIBILITY_TIMEOUT_SECS": "1"})
    root = server.root()
    root.run("CREATE NAMESPACE app")
    make_topic(root, "app", kind="SHARED")
    insert(root, "app.feed", range(3))
    started = time.monotonic()
    assert offsets(consume(root, "app.feed", start="Earliest")) == [0, 1, 2]
    while True:
        answer = consume(root, "app.feed", timeout_seconds=1)
        if answer["messages"]:
            break
    assert time.monotonic() - started >= 1, "not before"
    assert offsets(answer) == [0, 1, 2]
    ack(root, "app.feed", 2)
    assert offsets(consume(root, "app.feed", timeout_seconds=1)) == []
    assert offsets(consume(root, "app.feed", timeout_seconds=1)) == []


@pytest.mark.parametrize("kill", [False, True])
def test_groups_go_on_behind_what_they_acknowledged(make_server, kill):
    server = make_server({"storage": {"durability": "sync"}})
    root = server.root()
    root.run("CREATE NAMESPACE app")
    make_topic(root, "app", kind="SHARED")
    insert(root, "app.feed", range(10))
    for number in range(5):
        answer = consume(root, "app.feed", f"g{number}", start="Earliest", limit=number + 1)
        assert offsets(answer) == list(range(number + 1))
        ack(root, "app.feed", number, f"g{number}")
    insert(root, "app.feed", [10])
    server.restart(kill=kill)
    root = server.root()
    assert [row[:3] for row in group_rows(root, "app.feed")] == [[f"g{n}", 0, str(n)] for n in range(5)]
    for number in range(5):
        assert offsets(consume(root, "app.feed", f"g{number}", start="Earliest")) == list(range(number + 1, 11))
    insert(root, "app.feed", [11])
    assert offsets(consume(root, "app.feed", "g0")) == [11]


def test_partitions(root, service, alice, ns):
    make_topic(root, ns, partitions=4)
    insert(alice, f"{ns}.feed", range(100))
    seen = {}
    for partition in range(4):
        answer = consume(service, f"{ns}.feed", start="Earliest", partition_id=partition)
        assert offsets(answer) == list(range(len(answer["messages"])))
        for message in answer["messages"]:
            assert message["partition_id"] == partition
            seen[message["key"]] = partition
    assert len(seen) == 100 and len(set(seen.values())) == 4
    post(service, "consume", topic_id=f"{ns}.feed", group_id="g", partition_id=4).expect(400)


def test_large_fetches_are_cut_and_say_so(make_server):
    server = make_server({"topics": {"max_fetch_bytes": 4096}})
    root = server.root()
    root.run("CREATE NAMESPACE app")
    make_topic(root, "app", kind="SHARED")
    root.run("INSERT INTO app.orders VALUES " + ", ".join(f"({i}, '{'x' * 1000}', {i})" for i in range(10)) + f", (10, '{'y' * 9000}', 10)")
    seen = []
    while True:
        answer = consume(root, "app.feed", start="Earliest", limit=1000)
        if not answer["messages"]:
            break
        assert answer["has_more"] or answer["next_offset"] == 11
        seen += offsets(answer)
    assert seen == list(range(11))


# --- waiting ---

def test_waiting_consumer_gets_the_message_that_comes(server, service, alice, topic):
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: consume(server.client("service_sam", "Sam-pass-12"), topic, timeout_seconds=30))
        # The consumer may begin before or after the insert; a position pinned by an earlier poll decides.
        assert consume(service, topic)["next_offset"] == 0
        insert(alice, topic, [1])
        first = waiting.result()
    second = consume(service, topic, timeout_seconds=30)
    assert offsets(first) + offsets(second) == [0]


def test_waiting_ends(service, topic):
    started = time.monotonic()
    assert consume(service, topic, timeout_seconds=30)["messages"] == []
    assert 0.9 <= time.monotonic() - started < 20, "about a second, not what the client would wait at most"


def test_waiting_consumers_do_not_hold_up_a_stop(make_server):
    server = make_server({"topics": {"long_poll_max_ms": 10000}})
    root = server.root()
    root.run("CREATE NAMESPACE app; CREATE TOPIC app.feed")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: post(root, "consume", topic_id="app.feed", group_id="g", timeout_seconds=60))
        other = server.root()
        while other.value("SELECT 1") != 1:
            pass
        server.stop()
        try:
            assert waiting.result().status in (200, 503)
        except (OSError, Exception):  # the connection may have been closed before the request was read
            pass


# --- roles and errors ---

def test_roles(root, dba, service, alice, topic):
    for client in (root, dba, service):
        consume(client, topic)
    refused = post(alice, "consume", topic_id=topic, group_id="g")
    assert (refused.status, refused.json()) == (403, {"error": "Topic consumption requires service, dba, or system role", "code": "FORBIDDEN"})
    refused = post(alice, "ack", topic_id=topic, group_id="g", upto_offset=0)
    assert (refused.status, refused.json()) == (403, {"error": "Topic acknowledgment requires service, dba, or system role", "code": "FORBIDDEN"})
    for statement in (f"CONSUME FROM {topic}", f"ACK {topic} GROUP 'g' UPTO OFFSET 0"):
        alice.fails(statement, status=403, contains="service, dba, or system")
    service.run(f"CONSUME FROM {topic}")
    for client in (service, alice):
        for statement in (f"CREATE TOPIC {topic}2", f"DROP TOPIC {topic}", f"CLEAR TOPIC {topic}", f"ALTER TOPIC {topic} ADD SOURCE x ON INSERT"):
            client.fails(statement, status=403, contains=("DBA", "System", "topic management"))


def test_errors(root, service, topic, server):
    missing = post(service, "consume", topic_id="default.nothing", group_id="g")
    assert (missing.status, missing.json()) == (404, {"error": "Topic 'default.nothing' does not exist", "code": "NOT_FOUND"})
    assert post(service, "ack", topic_id="default.nothing", group_id="g", upto_offset=0).status == 404
    assert post(service, "ack", topic_id=topic, group_id="g", upto_offset=0).status == 400, "there is no message 0"
    for body in ({}, {"topic_id": topic}, {"topic_id": "", "group_id": "g"}, {"topic_id": topic, "group_id": ""}, {"topic_id": topic, "group_id": "g", "start": "42"},
                 {"topic_id": topic, "group_id": "g", "start": 42}, {"topic_id": topic, "group_id": "g", "limit": -1}, {"topic_id": topic, "group_id": "g", "partition_id": "0"}):
        assert post(service, "consume", **body).status == 400, body
    assert post(service, "ack", topic_id=topic, group_id="g").status == 400
    assert service.request("POST", "/v1/api/topics/consume", body="{", headers={**service.bearer(), "Content-Type": "application/json"}).status == 400
    consume(service, topic, start=None, timeout_seconds=None, more="unknown fields are ignored")
    anonymous = server.client()
    reply = anonymous.request("POST", "/v1/api/topics/consume", json_body={"topic_id": topic, "group_id": "g"})
    assert reply.status == 401 and reply.json()["error"]["code"] == "MISSING_AUTHORIZATION"
    assert service.request("GET", "/v1/api/topics/consume", headers=service.bearer()).status == 404


# --- SQL ---

COLUMNS = [("topic_id", "Text"), ("partition_id", "Int"), ("offset", "BigInt"), ("key", "Text"), ("payload", "Bytes"), ("timestamp_ms", "BigInt"), ("user_id", "Text"), ("op", "Text")]


def test_sql_consume_without_a_group_remembers_nothing(root, service, alice, topic):
    empty = service.run(f"CONSUME FROM {topic} FROM EARLIEST")
    assert [(c["name"], c["data_type"]) for c in empty.result["schema"]] == COLUMNS and empty.rows == []
    insert(alice, topic, range(3))
    for _ in range(2):
        rows = service.run(f"CONSUME FROM {topic} FROM EARLIEST LIMIT 2").dicts
        assert [(r["topic_id"], r["partition_id"], r["offset"], r["key"], r["user_id"], r["op"]) for r in rows] == \
            [(topic, 0, "0", "0", "alice", "insert"), (topic, 0, "1", "1", "alice", "insert")]
    assert json.loads(bytes(rows[0]["payload"]))["id"] == "0" and isinstance(rows[0]["timestamp_ms"], str)
    assert service.rows(f"CONSUME FROM {topic}") == [], "from the end unless it says where"
    assert [r["offset"] for r in service.run(f"CONSUME FROM {topic} START 1").dicts] == ["1", "2"]
    assert group_rows(root, topic) == []


def test_sql_consume_with_a_group_acknowledges(make_server):
    server = make_server()
    root = server.root()
    root.run("CREATE NAMESPACE app")
    make_topic(root, "app", kind="SHARED")

    def consumed(start):
        return [r["offset"] for r in root.run(f"CONSUME FROM app.feed GROUP 'g' {start}").dicts]

    def committed():
        return [row[2] for row in group_rows(root, "app.feed")]

    insert(root, "app.feed", range(6))
    assert consumed("FROM 3 LIMIT 2") == ["3", "4"] and committed() == ["4"]
    server.restart()
    root = server.root()
    assert consumed("FROM EARLIEST") == ["5"] and committed() == ["5"]
    root.run("CLEAR TOPIC app.feed")
    assert committed() == []


def test_sql_latest_sequence(make_server):
    server = make_server()
    root = server.root()
    root.run("CREATE NAMESPACE app")
    make_topic(root, "app", kind="SHARED")
    insert(root, "app.feed", range(5))
    assert root.rows("CONSUME FROM app.feed GROUP 'late' FROM LATEST") == [] and group_rows(root, "app.feed") == []
    insert(root, "app.feed", [5, 6])
    assert [r[2] for r in root.rows("CONSUME FROM app.feed GROUP 'late' FROM EARLIEST")] == ["5", "6"]
    server.restart()
    assert server.root().rows("CONSUME FROM app.feed GROUP 'late' FROM 0") == []


def test_sql_ack(root, service, alice, topic):
    insert(alice, topic, range(5))
    assert service.run(f"ACK {topic} GROUP 'g' PARTITION 0 UPTO OFFSET 2").dicts == [{"topic": topic, "group_id": "g", "partition": 0, "committed_offset": "2"}]
    assert offsets(consume(service, topic, start="Earliest")) == [3, 4]
    root.fails(f"ACK {topic} UPTO OFFSET 2", contains="ACK requires GROUP clause")
    root.fails(f"ACK {topic} GROUP 'g'", contains="ACK requires UPTO OFFSET clause")
    root.fails("ACK default.nothing GROUP 'g' UPTO OFFSET 1", contains="does not exist")


# --- definitions ---

def test_clear_keeps_the_topic_and_drop_does_not(root, service, alice, topic):
    insert(alice, topic, range(4))
    ack(service, topic, 1)
    assert "cleanup job [TC-" in root.run(f"CLEAR TOPIC {topic}").result["message"]
    assert root.rows(f"SELECT topic_id, partitions FROM system.topics WHERE topic_id = '{topic}'") == [[topic, 1]]
    assert group_rows(root, topic) == []
    insert(alice, topic, [9])
    assert offsets(consume(service, topic, "fresh", start="Earliest")) == [4], "offsets are never used again"
    message = root.run(f"DROP TOPIC {topic}").result["message"]
    assert message.startswith(f"Dropped topic '{topic}' and scheduled cleanup job [TC-")
    root.fails(f"DROP TOPIC {topic}", contains=f"Topic '{topic}' does not exist")
    assert post(service, "consume", topic_id=topic, group_id="g").status == 404
    insert(alice, topic, [10])  # the table goes on without the topic
    root.run(f"CREATE TOPIC {topic}")
    assert consume(service, topic, start="Earliest")["messages"] == []


def test_namespace_with_topics(root, unique):
    name = unique("ns")
    root.run(f"CREATE NAMESPACE {name}; CREATE TOPIC {name}.feed")
    root.fails(f"DROP NAMESPACE {name}", contains="topic")
    root.run(f"DROP NAMESPACE {name} CASCADE")
    assert root.rows(f"SELECT * FROM system.topics WHERE topic_id = '{name}.feed'") == []


def test_transactions_publish_at_commit(root, service, ns):
    make_topic(root, ns, kind="SHARED")
    begun = root.sql(f"BEGIN; INSERT INTO {ns}.orders VALUES (1, 'a', 1); INSERT INTO {ns}.orders VALUES (2, 'b', 2); COMMIT")
    if begun.status == 501:
        pytest.skip("transactions are switched off")
    begun.expect_ok()
    root.run(f"BEGIN; INSERT INTO {ns}.orders VALUES (3, 'c', 3); ROLLBACK")
    messages = consume(service, f"{ns}.feed", start="Earliest")["messages"]
    assert [m["key"] for m in messages] == ["1", "2"]
    assert payload(messages[0])["_commit_seq"] == payload(messages[1])["_commit_seq"]


# --- jobs ---

def wait_until(condition, seconds=60):
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "did not happen in time"
        time.sleep(0.02)  # poll interval, not a guess: the loop ends on the event or on the deadline


def job_of(message):
    return message.split("[")[1].split("]")[0]


def test_flushed_rows_publish_like_others(root, service, ns):
    make_topic(root, ns, kind="SHARED", operations=("UPDATE", "DELETE"), options="WITH (payload = 'diff')")
    root.run(f"INSERT INTO {ns}.orders VALUES (1, 'a', 1), (2, 'b', 2)")
    job = root.run(f"STORAGE FLUSH TABLE {ns}.orders").result["message"].split("Job ID: ")[1].strip()
    wait_until(lambda: root.value(f"SELECT status FROM system.jobs WHERE job_id = '{job}'") == "completed")
    assert consume(service, f"{ns}.feed", start="Earliest")["messages"] == [], "moving rows is no change"
    root.run(f"UPDATE {ns}.orders SET n = 10 WHERE id = 1; DELETE FROM {ns}.orders WHERE id = 2")
    updated, deleted = consume(service, f"{ns}.feed")["messages"]
    assert (updated["op"], payload(updated)["n"], payload(updated)["_old"]) == ("Update", 10, {"n": 1})
    assert (deleted["op"], payload(deleted)["item"], payload(deleted)["_deleted"]) == ("Delete", "b", True)


def test_cleanup_jobs_run_to_their_end(root, service, alice, topic):
    insert(alice, topic, range(10))
    for statement in (f"CLEAR TOPIC {topic}", f"DROP TOPIC {topic}"):
        job = job_of(root.run(statement).result["message"])
        wait_until(lambda: root.value(f"SELECT status FROM system.jobs WHERE job_id = '{job}'") == "completed")
        assert root.value(f"SELECT job_type FROM system.jobs WHERE job_id = '{job}'") == "topic_cleanup"


def test_retention_removes_what_is_too_much(make_server):
    server = make_server({"topics": {"retention_check_interval_seconds": 1}})
    root = server.root()
    root.run("CREATE NAMESPACE app")
    make_topic(root, "app", kind="SHARED")
    for start in range(0, 300, 100):
        insert(root, "app.feed", range(start, start + 100))
    ack(root, "app.feed", 4)
    root.run("ALTER TOPIC app.feed SET (retention_max_bytes = 10000)")

    def first():
        rows = root.rows("CONSUME FROM app.feed FROM EARLIEST LIMIT 1")
        return int(rows[0][2]) if rows else None

    wait_until(lambda: first() not in (0, None))
    kept = first()
    assert 200 < kept < 299, "about 10,000 bytes of the newest"
    assert offsets(consume(root, "app.feed", limit=1000)) == list(range(kept, 300)), "a group behind it goes on at the first one that is there"
    wait_until(lambda: root.rows("SELECT status FROM system.jobs WHERE job_type = 'topic_retention'") == [["completed"]])
    server.restart()
    root = server.root()
    assert first() == kept
    insert(root, "app.feed", [300])
    assert offsets(consume(root, "app.feed", "new", start="Earliest", limit=1000))[-1] == 300


def test_retention_removes_what_is_too_old(make_server):
    server = make_server({"topics": {"retention_check_interval_seconds": 1, "default_retention_seconds": 1}})
    root = server.root()
    root.run("CREATE NAMESPACE app")
    make_topic(root, "app", kind="SHARED")
    insert(root, "app.feed", range(5))
    wait_until(lambda: root.rows("CONSUME FROM app.feed FROM EARLIEST") == [])
    root.run("ALTER TOPIC app.feed SET (retention_seconds = 0)")
    insert(root, "app.feed", [5])
    assert offsets(consume(root, "app.feed", start={"Offset": 0})) == [5]
