"""Snapshots: ack, pages, options, resume (realtime 2.2-2.6, 8 Snapshot)."""
import threading
import time

import pytest

from kalam_ws import BINARY, TEXT


@pytest.fixture
def table(live, request):
    """A USER table of its own for each test: (id BIGINT, label TEXT)."""
    name = "snap." + "".join(c if c.isalnum() else "_" for c in request.node.name.lower())[:50]
    root = live.client("root")
    root.run("CREATE NAMESPACE IF NOT EXISTS snap")
    root.run(f"CREATE USER TABLE {name} (id INT PRIMARY KEY, label TEXT)")
    return name


def insert(live, table, first, last, user="alice"):
    values = ", ".join(f"({i}, 'label {i}')" for i in range(first, last + 1))
    live.client(user).run(f"INSERT INTO {table} (id, label) VALUES {values}")


def rows_of(pages):
    return [row for page in pages for row in page["rows"]]


def seqs_of(rows):
    return [int(row["_seq"]) for row in rows]


def test_empty_table(live, table):
    ws = live.socket("alice")
    ws.subscribe("s1", f"SELECT * FROM {table}", {})
    assert ws.expect("subscription_ack") == {
        "type": "subscription_ack", "subscription_id": "s1", "total_rows": 0,
        "batch_control": {"batch_num": 0, "has_more": False, "status": "ready", "last_seq_id": None},
        "schema": [{"name": "id", "data_type": "Int", "index": 0, "flags": ["pk", "nn", "uq"]},
                   {"name": "label", "data_type": "Text", "index": 1},
                   {"name": "_seq", "data_type": "BigInt", "index": 2, "flags": ["nn"]},
                   {"name": "_deleted", "data_type": "Boolean", "index": 3, "flags": ["nn"]}]}
    assert ws.last_frame.opcode == TEXT
    assert ws.expect("initial_data_batch") == {
        "type": "initial_data_batch", "subscription_id": "s1", "rows": [],
        "batch_control": {"batch_num": 0, "has_more": False, "status": "ready", "last_seq_id": None}}
    assert ws.silent(0.3)


def test_rows_then_a_change(live, table):
    insert(live, table, 1, 3)
    ws = live.socket("alice")
    ws.subscribe("s1", f"SELECT * FROM {table}", {})
    ack, pages = ws.snapshot("s1")
    assert len(pages) == 1 and ack["batch_control"] == pages[0]["batch_control"]
    rows = pages[0]["rows"]
    assert [row["id"] for row in rows] == [1, 2, 3]
    assert list(rows[0]) == ["id", "label", "_seq", "_deleted"]
    assert all(isinstance(row["_seq"], str) and row["_deleted"] is False for row in rows)
    assert pages[0]["batch_control"]["last_seq_id"] == int(rows[-1]["_seq"]), "a number there, text in the rows"
    insert(live, table, 4, 4)
    change = ws.expect("change", "s1")
    assert list(change) == ["type", "subscription_id", "change_type", "rows"]
    assert change["change_type"] == "insert" and change["rows"][0]["id"] == 4
    assert int(change["rows"][0]["_seq"]) > int(rows[-1]["_seq"])


def test_no_options_means_changes_only(live, table):
    insert(live, table, 1, 3)
    for id, options in (("none", None), ("null", "null")):
        ws = live.socket("alice")
        if options is None:
            ws.subscribe(id, f"SELECT * FROM {table}")
        else:
            ws.send({"type": "subscribe", "subscription": {"id": id, "sql": f"SELECT * FROM {table}", "options": None}})
        ack = ws.expect("subscription_ack", id)
        assert ack["batch_control"] == {"batch_num": 0, "has_more": False, "status": "ready", "last_seq_id": None}
        assert ws.silent(0.3), "no page"
    insert(live, table, 4, 4)
    assert ws.expect("change")["rows"][0]["id"] == 4


@pytest.mark.parametrize("pull", [True, False], ids=["pulled", "pushed"])
def test_pages(live, table, pull):
    insert(live, table, 1, 30)
    ws = live.socket("alice")
    ws.subscribe("s1", f"SELECT * FROM {table}", {"batch_size": 3})
    ack, pages = ws.snapshot("s1", pull=pull)
    assert len(pages) >= 10
    assert [page["batch_control"]["batch_num"] for page in pages] == list(range(len(pages)))
    assert [page["batch_control"]["status"] for page in pages] == ["loading"] + ["loading_batch"] * (len(pages) - 2) + ["ready"]
    assert ack["batch_control"]["status"] == "loading" and ack["batch_control"]["has_more"] is True
    rows = rows_of(pages)
    assert sorted(row["id"] for row in rows) == list(range(1, 31))
    assert seqs_of(rows) == sorted(set(seqs_of(rows)))
    for page in pages:
        assert len(page["rows"]) <= 3
        assert page["batch_control"]["last_seq_id"] == int(page["rows"][-1]["_seq"])


def test_late_next_batch_is_no_extra_page(live, table):
    insert(live, table, 1, 6)
    ws = live.socket("alice")
    ws.subscribe("s1", f"SELECT * FROM {table}", {"batch_size": 3})
    _, pages = ws.snapshot("s1", pull=False)
    assert len(pages) == 2
    ws.next_batch("s1", pages[0]["batch_control"]["last_seq_id"])
    assert ws.silent(0.4)


def test_sequence_ids_as_text(live, table):
    insert(live, table, 1, 6)
    ws = live.socket("alice")
    ws.subscribe("s1", f"SELECT * FROM {table}", {"batch_size": 3})
    ws.expect("subscription_ack")
    first = ws.expect("initial_data_batch")
    ws.next_batch("s1", str(first["batch_control"]["last_seq_id"]))
    assert ws.expect("initial_data_batch")["batch_control"]["status"] == "ready"
    ws.subscribe("s2", f"SELECT * FROM {table}", {"from": first["rows"][1]["_seq"]})
    _, pages = ws.snapshot("s2")
    assert [row["id"] for row in rows_of(pages)] == [3, 4, 5, 6]


def test_concurrent_inserts_come_once_each(live, table):
    insert(live, table, 1, 200)
    stop = threading.Event()
    written = []

    def write():
        client = live.client("alice")
        for i in range(201, 600):
            if stop.is_set():
                return
            client.run(f"INSERT INTO {table} (id, label) VALUES ({i}, 'late')")
            written.append(i)
    writer = threading.Thread(target=write)
    writer.start()
    try:
        ws = live.socket("alice")
        ws.subscribe("s1", f"SELECT * FROM {table}", {"batch_size": 10})
        _, pages = ws.snapshot("s1")
    finally:
        stop.set()
        writer.join()
    rows = rows_of(pages)
    seen = [row["id"] for row in rows]
    seqs = seqs_of(rows)
    while len(seen) < 200 + len(written):
        change = ws.expect("change", "s1")
        assert change["change_type"] == "insert"
        seen.append(change["rows"][0]["id"])
        seqs.append(int(change["rows"][0]["_seq"]))
    assert sorted(seen) == list(range(1, 201 + len(written)))
    assert seqs == sorted(seqs), "ascending over pages and changes"
    assert ws.silent(0.3)


@pytest.mark.parametrize("options, ids", [
    ({"last_rows": 3}, [8, 9, 10]), ({"last_rows": 0}, []), ({"last_rows": 100}, list(range(1, 11))), ({"last_rows": 3, "batch_size": 100}, [8, 9, 10]),
])
def test_last_rows(live, table, options, ids):
    insert(live, table, 1, 10)
    ws = live.socket("alice")
    ws.subscribe("s1", f"SELECT * FROM {table}", options)
    _, pages = ws.snapshot("s1")
    assert len(pages) == 1 and pages[0]["batch_control"]["status"] == "ready"
    assert [row["id"] for row in pages[0]["rows"]] == ids
    insert(live, table, 11, 11)
    assert ws.expect("change", "s1")["rows"][0]["id"] == 11


def test_more_last_rows_than_a_page_holds(live, table):
    insert(live, table, 1, 120)
    ws = live.socket("alice")
    ws.subscribe("s1", f"SELECT * FROM {table}", {"last_rows": 100, "batch_size": 50})
    _, pages = ws.snapshot("s1")
    assert [row["id"] for row in rows_of(pages)] == list(range(21, 121))
    assert len(pages) >= 2


def test_from(live, table):
    insert(live, table, 1, 5)
    ws = live.socket("alice")
    ws.subscribe("s1", f"SELECT * FROM {table}", {})
    _, pages = ws.snapshot("s1")
    cursor = int(rows_of(pages)[2]["_seq"])
    for spelling in ("from", "from_seq_id"):
        ws.subscribe("s2", f"SELECT * FROM {table}", {spelling: cursor})
        _, pages = ws.snapshot("s2")
        assert [row["id"] for row in rows_of(pages)] == [4, 5], "strictly newer ones"
    ws.subscribe("s3", f"SELECT * FROM {table}", {"from": cursor, "last_rows": 1})
    _, pages = ws.snapshot("s3")
    assert [row["id"] for row in rows_of(pages)] == [4, 5], "from goes before last_rows"


def test_subscribe_again_without_from(live, table):
    insert(live, table, 1, 10)
    ws = live.socket("alice")
    ws.subscribe("s1", f"SELECT * FROM {table}", {})
    ws.snapshot("s1")
    ws.close()
    insert(live, table, 11, 15)
    live.client("alice").run(f"UPDATE {table} SET label = 'new' WHERE id = 3")
    ws = live.socket("alice")
    ws.subscribe("s1", f"SELECT * FROM {table}", {})
    _, pages = ws.snapshot("s1")
    rows = {row["id"]: row["label"] for row in rows_of(pages)}
    assert sorted(rows) == list(range(1, 16)) and rows[3] == "new"


def test_resume_reports_what_was_deleted(live, table):
    insert(live, table, 1, 5)
    ws = live.socket("alice")
    ws.subscribe("s1", f"SELECT * FROM {table}", {})
    _, pages = ws.snapshot("s1")
    cursor = max(seqs_of(rows_of(pages)))
    ws.close()
    alice = live.client("alice")
    alice.run(f"DELETE FROM {table} WHERE id = 2")
    alice.run(f"UPDATE {table} SET label = 'new' WHERE id = 4")
    insert(live, table, 6, 6)
    ws = live.socket("alice")
    ws.subscribe("s1", f"SELECT * FROM {table}", {"from": cursor})
    ws.expect("subscription_ack", "s1")
    state = {1: "label 1", 2: "label 2", 3: "label 3", 4: "label 4", 5: "label 5"}
    consumed = cursor
    while state != {1: "label 1", 3: "label 3", 4: "new", 5: "label 5", 6: "label 6"}:
        message = ws.recv(seconds=10)
        # The gate of existing clients: nothing at or below what they have seen counts.
        if message["type"] == "initial_data_batch" or message["change_type"] != "delete":
            for row in message["rows"]:
                assert int(row["_seq"]) > consumed
                consumed = int(row["_seq"])
                state[row["id"]] = row["label"]
        else:
            row = message["old_values"][0]
            assert int(row["_seq"]) > consumed
            consumed = int(row["_seq"])
            del state[row["id"]]
    assert ws.silent(0.3)


def test_same_id_replaces(live, table):
    insert(live, table, 1, 2)
    ws = live.socket("alice")
    ws.subscribe("s1", f"SELECT * FROM {table}", {})
    ws.snapshot("s1")
    ws.subscribe("s1", f"SELECT * FROM {table} WHERE id > 100", {})
    _, pages = ws.snapshot("s1")
    assert rows_of(pages) == []
    insert(live, table, 3, 3)
    insert(live, table, 101, 101)
    assert ws.expect("change", "s1")["rows"][0]["id"] == 101
    assert ws.silent(0.3)


def test_large_pages_are_compressed(live, table):
    insert(live, table, 1, 200)
    plain = live.socket("alice", query="compress=false")
    zipped = live.socket("alice")
    for ws in (plain, zipped):
        ws.subscribe("s1", f"SELECT * FROM {table}", {})
        ws.expect("subscription_ack")
        assert ws.last_frame.opcode == TEXT, "acks are never compressed"
    a, b = plain.expect("initial_data_batch"), zipped.expect("initial_data_batch")
    assert a == b
    assert plain.last_frame.opcode == TEXT
    assert zipped.last_frame.opcode == BINARY and zipped.last_frame.payload[:2] == b"\x1f\x8b"
    assert len(zipped.last_frame.payload) * 2 < len(plain.last_frame.payload)


@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_messagepack_says_the_same(live, table, compression):
    insert(live, table, 1, 50)
    json_ws = live.socket("alice")
    packed = live.socket("alice", packed=True, query=f"serialization=msgpack&compression={compression}")
    for ws in (json_ws, packed):
        ws.subscribe("s1", f"SELECT * FROM {table}", {"batch_size": 20})
    assert json_ws.snapshot("s1") == packed.snapshot("s1")
    live.client("alice").run(f"UPDATE {table} SET label = repeat('long ', 200) WHERE id = 7")
    live.client("alice").run(f"DELETE FROM {table} WHERE id = 8")
    for _ in range(2):
        a, b = json_ws.expect("change"), packed.expect("change")
        assert a == b and list(a) == list(b)
        assert packed.last_frame.opcode == BINARY
        if compression == "none":
            assert packed.last_frame.payload[:2] != b"\x1f\x8b"


def test_a_ready_page_comes_fast(live, table):
    insert(live, table, 1, 1000)
    ws = live.socket("alice")
    started = time.monotonic()
    ws.subscribe("s1", f"SELECT * FROM {table}", {})
    _, pages = ws.snapshot("s1")
    assert len(rows_of(pages)) == 1000
    assert time.monotonic() - started < 5, "clients give up after 5 s"
