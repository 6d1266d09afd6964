"""Every message byte by byte: names, order and types of the fields are what existing clients decode. JSON and MessagePack say the same."""
import re

import kalam_ws
import pytest

TYPES = ("id BIGINT PRIMARY KEY, n INT NOT NULL, sm SMALLINT, f DOUBLE, b BOOLEAN, txt TEXT, ts TIMESTAMP, da DATE, ti TIME, js JSON, "
         "by BYTES, u UUID, de DECIMAL(10, 2)")
VALUES = ("({id}, 2, 1, 2.5, true, 'é', TIMESTAMP '2024-01-01 00:00:01', DATE '2024-01-02', TIME '00:00:01', '{{\"a\":1}}', 'ab', "
          "'550e8400-e29b-41d4-a716-446655440000', 12.5)")


@pytest.fixture(params=["json", "msgpack"])
def ws(live, request):
    if request.param == "msgpack":
        pytest.importorskip("msgpack")
    return live.socket("root", packed=request.param == "msgpack", query="compress=false")


@pytest.fixture
def ns(live, request):
    name = "k" + re.sub(r"\W", "_", request.node.name)
    live.client().run(f"CREATE NAMESPACE {name}; CREATE SHARED TABLE {name}.t ({TYPES}); CREATE SHARED TABLE {name}.s (id INT PRIMARY KEY, v TEXT); "
                      f"CREATE STREAM TABLE {name}.e (id INT PRIMARY KEY, v TEXT) WITH (TTL_SECONDS = 60)")
    return name


def items(value):
    """A value with the order of its members, which equality of dicts does not look at."""
    if isinstance(value, dict):
        return [(k, items(v)) for k, v in value.items()]
    return [items(v) for v in value] if isinstance(value, list) else value


def control(num, more, status, last):
    return [("batch_num", num), ("has_more", more), ("status", status), ("last_seq_id", last)]


def test_auth_success(live):
    for packed, serialization in ((False, "json"), (True, "msgpack")):
        ws = live.socket("alice", packed=packed)
        assert ws.last_frame.opcode == kalam_ws.TEXT
        assert ws.last_frame.payload.decode() == ('{"type":"auth_success","user":"alice","role":"user","protocol":{"serialization":"%s","compression":"gzip"}}' % serialization)


def test_acknowledgement_and_pages(live, ns, ws):
    live.client().run(f"INSERT INTO {ns}.s VALUES (1, 'a'), (2, NULL), (3, 'c')")
    seqs = [int(row[0]) for row in live.client().rows(f"SELECT _seq FROM {ns}.s ORDER BY id")]
    ws.subscribe("x", f"SELECT * FROM {ns}.s", {"batch_size": 2})
    schema = [[("name", "id"), ("data_type", "Int"), ("index", 0), ("flags", ["pk", "nn", "uq"])], [("name", "v"), ("data_type", "Text"), ("index", 1)],
              [("name", "_seq"), ("data_type", "BigInt"), ("index", 2), ("flags", ["nn"])], [("name", "_deleted"), ("data_type", "Boolean"), ("index", 3), ("flags", ["nn"])]]
    assert items(ws.recv()) == [("type", "subscription_ack"), ("subscription_id", "x"), ("total_rows", 0), ("batch_control", control(0, True, "loading", seqs[1])),
                                ("schema", schema)]
    row = lambda id, v, seq: [("id", id), ("v", v), ("_seq", str(seq)), ("_deleted", False)]  # noqa: E731
    assert items(ws.recv()) == [("type", "initial_data_batch"), ("subscription_id", "x"), ("rows", [row(1, "a", seqs[0]), row(2, None, seqs[1])]),
                                ("batch_control", control(0, True, "loading", seqs[1]))]
    ws.next_batch("x", seqs[1])
    assert items(ws.recv()) == [("type", "initial_data_batch"), ("subscription_id", "x"), ("rows", [row(3, "c", seqs[2])]),
                                ("batch_control", control(1, False, "ready", seqs[2]))]
    ws.subscribe("live", f"SELECT * FROM {ns}.s")
    assert items(ws.recv())[3] == ("batch_control", control(0, False, "ready", None))
    ws.subscribe("few", f"SELECT v FROM {ns}.s WHERE id = 3", {})
    assert items(ws.recv()["schema"]) == [[("name", "v"), ("data_type", "Text"), ("index", 0)]]
    assert items(ws.recv()["rows"]) == [[("v", "c"), ("_seq", str(seqs[2]))]]


def test_changes_of_every_type(live, ns, ws):
    root = live.client()
    ws.subscribe("x", f"SELECT * FROM {ns}.t", {})
    assert [c["data_type"] for c in ws.recv()["schema"]] == ["BigInt", "Int", "SmallInt", "Double", "Boolean", "Text", "Timestamp", "Date", "Time", "Json", "Bytes", "Uuid",
                                                               {"Decimal": {"precision": 10, "scale": 2}}, "BigInt", "Boolean"]
    ws.recv()
    root.run(f"INSERT INTO {ns}.t VALUES " + VALUES.format(id=9007199254740993))
    cells = [("n", 2), ("sm", 1), ("f", 2.5), ("b", True), ("txt", "é"), ("ts", 1704067201000000), ("da", 19724), ("ti", 1000000), ("js", '{"a":1}'), ("by", [97, 98]),
             ("u", "550e8400-e29b-41d4-a716-446655440000"), ("de", "12.50")]
    key = ("id", "9007199254740993")
    message = ws.recv()
    first = message["rows"][0]["_seq"]
    assert items(message) == [("type", "change"), ("subscription_id", "x"), ("change_type", "insert"), ("rows", [[key, *cells, ("_seq", first), ("_deleted", False)]])]
    root.run(f"UPDATE {ns}.t SET n = 3, txt = NULL WHERE n = 2")
    message = ws.recv()
    second = message["rows"][0]["_seq"]
    now = [("n", 3)] + [cell for cell in cells if cell[0] not in ("n", "txt")]
    assert items(message) == [("type", "change"), ("subscription_id", "x"), ("change_type", "update"), ("rows", [[key, ("_seq", second), *now]]),
                              ("old_values", [[key, ("_seq", first), ("n", 2), ("txt", "é")]])]
    root.run(f"DELETE FROM {ns}.t WHERE n = 3")
    message = ws.recv()
    third = message["old_values"][0]["_seq"]
    last = [("n", 3)] + [("txt", None) if cell[0] == "txt" else cell for cell in cells if cell[0] != "n"]
    assert items(message) == [("type", "change"), ("subscription_id", "x"), ("change_type", "delete"),
                              ("old_values", [[key, *last, ("_seq", third), ("_deleted", True)]])]
    assert int(first) < int(second) < int(third)


def test_changes_of_a_stream(live, ns, ws):
    ws.subscribe("x", f"SELECT * FROM {ns}.e", {})
    assert [c["name"] for c in ws.recv()["schema"]] == ["id", "v", "_seq"]
    ws.recv()
    live.client().run(f"INSERT INTO {ns}.e VALUES (1, 'a')")
    message = ws.recv()
    seq = message["rows"][0]["_seq"]
    assert items(message["rows"]) == [[("id", 1), ("v", "a"), ("_seq", seq)]]
    live.client().run(f"DELETE FROM {ns}.e WHERE id = 1")
    assert items(ws.recv()) == [("type", "change"), ("subscription_id", "x"), ("change_type", "delete"), ("old_values", [[("id", 1), ("row_id", f"root:{seq}")]])]


def test_errors_are_text_on_every_connection(live, ns, ws):
    ws.subscribe("x", f"SELECT * FROM {ns}.missing", {})
    assert items(ws.recv()) == [("type", "error"), ("subscription_id", "x"), ("code", "NOT_FOUND"), ("message", f"Not found: Table not found: {ns}.missing")]
    assert ws.last_frame.opcode == kalam_ws.TEXT
    ws.next_batch("missing", 1)
    assert items(ws.recv()) == [("type", "error"), ("subscription_id", "missing"), ("code", "BATCH_FETCH_FAILED"),
                                ("message", "Not found: Subscription not found: missing")]


def test_a_resume_tells_what_left_a_stream(live, ns, ws):
    root = live.client()
    root.run(f"INSERT INTO {ns}.e VALUES (1, 'a')")
    root.run(f"INSERT INTO {ns}.e VALUES (2, 'b')")
    seqs = [row[0] for row in root.rows(f"SELECT _seq FROM {ns}.e ORDER BY id")]
    root.run(f"DELETE FROM {ns}.e WHERE id = 1")
    root.run(f"INSERT INTO {ns}.e VALUES (3, 'c')")
    root.run(f"DELETE FROM {ns}.e WHERE id = 3")  # came and went
    root.run(f"INSERT INTO {ns}.e VALUES (4, 'd')")
    ws.subscribe("x", f"SELECT * FROM {ns}.e", {"from": int(seqs[1])})
    _, pages = ws.snapshot("x")
    assert [row for page in pages for row in page["rows"]] == []
    assert items(ws.recv()) == [("type", "change"), ("subscription_id", "x"), ("change_type", "delete"), ("old_values", [[("id", 1), ("row_id", f"root:{seqs[0]}")]])]
    assert ws.recv()["rows"][0]["id"] == 4
    assert ws.silent(0.2)
