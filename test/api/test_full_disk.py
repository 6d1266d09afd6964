"""A full disk: reads stay up, writes get a clear error, and go on by themselves once there is room again (on a small tmpfs)."""
import base64
import http.client
import json
import os
import pathlib
import subprocess
import time

import pytest

MIB = 1 << 20


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m", "kalam-test", str(folder)], capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"no file system of its own here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def free(folder):
    stat = os.statvfs(folder)
    return stat.f_bavail * stat.f_frsize


def fill(folder, leave, name="filler"):
    path = pathlib.Path(folder) / name
    with open(path, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, free(folder) - leave)
    return path


def refused_soon(root, sql):
    """The server asks for the free space a few times a second, so the first writes on a disk that has just filled up may pass."""
    for _ in range(10_000):
        answer = root.sql(sql)
        if not answer.ok:
            assert answer.status == 503, answer
            return answer
    raise AssertionError("writes are never refused")


def test_writes_stop_before_the_disk_is_full_and_go_on_after(small_disk, make_server):
    server = make_server({"storage": {"free_bytes_min": 32 * MIB}}, data_dir=str(small_disk / "server"))
    root = server.root()
    root.run("CREATE NAMESPACE app; CREATE SHARED TABLE app.t (id BIGINT PRIMARY KEY, body TEXT); CREATE SHARED TABLE app.old (id BIGINT PRIMARY KEY, n BIGINT); "
             "INSERT INTO app.old VALUES (1, 1)")
    root.run("INSERT INTO app.t VALUES (1, 'one'), (2, 'two')")
    filler = fill(small_disk, 20 * MIB)
    answer = refused_soon(root, "UPDATE app.old SET n = n + 1 WHERE id = 1")
    assert "free" in answer.message and "storage.free_bytes_min" in answer.message, answer
    root.fails("INSERT INTO app.t VALUES (3, 'three')", status=503)
    root.fails("UPDATE app.t SET body = 'x' WHERE id = 1", status=503)
    assert root.rows("SELECT id, body FROM app.t ORDER BY id") == [["1", "one"], ["2", "two"]], "reads stay up"
    assert int(root.value("SELECT COUNT(*) FROM app.t")) == 2
    root.run("DELETE FROM app.t WHERE id = 2")
    root.run("DROP TABLE app.old")
    filler.unlink()
    root.run("INSERT INTO app.t VALUES (4, 'four')")
    filler = fill(small_disk, 2 * MIB)
    refused_soon(root, "UPDATE app.t SET body = body || '.' WHERE id = 4")
    root.fails("DELETE FROM app.t WHERE id = 1", status=503)
    assert root.rows("SELECT id FROM app.t ORDER BY id") == [["1"], ["4"]]
    filler.unlink()
    root.run("DELETE FROM app.t WHERE id = 1")
    server.restart(kill=True)
    assert server.root().rows("SELECT id FROM app.t ORDER BY id") == [["4"]]


def test_a_storage_on_a_full_disk_says_so(small_disk, make_server):
    server = make_server()
    root = server.root()
    root.run(f"CREATE STORAGE small TYPE 'filesystem' PATH '{small_disk}/files'")
    filler = fill(small_disk, 0)
    row = root.sql("STORAGE CHECK small").expect_ok().dicts[0]
    assert row["status"] == "degraded" and row["writable"] is False and row["listable"] is True
    assert "no space left" in row["error"], row
    filler.unlink()
    assert root.sql("STORAGE CHECK small").dicts[0]["status"] == "healthy"


@pytest.mark.parametrize("durability", ["sync", "os"])
def test_a_disk_that_fills_up_within_a_write_ends_no_server(small_disk, make_server, durability):
    """Without a reserve the log itself meets the end of the disk. What was refused never happened, for rows, topics and DDL; the server starts anew by itself."""
    server = make_server({"storage": {"free_bytes_min": 0, "durability": durability}}, data_dir=str(small_disk / "server"))
    root = server.root()
    root.run("CREATE NAMESPACE app; CREATE SHARED TABLE app.t (id BIGINT PRIMARY KEY, body TEXT); CREATE TOPIC app.feed PARTITIONS 1; "
             "ALTER TOPIC app.feed ADD SOURCE app.t ON INSERT WITH (payload = 'key')")
    stored = []

    def insert(key, size=100):
        answer = root.sql(f"INSERT INTO app.t VALUES ({key}, '{'x' * size}')")
        if answer.ok:
            stored.append(key)
        return answer

    def consumed(client):
        answer = client.request("POST", "/v1/api/topics/consume", headers=client.bearer(),
                                json_body={"topic_id": "app.feed", "group_id": f"g{len(stored)}", "start": "Earliest", "limit": 10_000}).expect(200).json()
        return [(m["offset"], int(json.loads(base64.b64decode(m["payload"]))["id"])) for m in answer["messages"]]

    assert insert(0).ok
    for round_ in range(1, 4):
        filler = fill(small_disk, 64 << 10)
        answer = None
        for key in range(round_ * 1000, round_ * 1000 + 990):  # the log has tens of MiB reserved
            answer = insert(key, size=100_000)
            if not answer.ok:
                break
        assert answer is not None and answer.status == 503, answer
        assert "Nothing of what is refused is stored" in answer.message and "full_within_write" in str(answer.details), (answer, answer.details)
        refused = key
        more = fill(small_disk, 0, "more")  # what the log had reserved is free by now; memory needs more than nothing
        assert insert(1).status == 503
        root.fails(f"CREATE SHARED TABLE app.n{round_} (id BIGINT PRIMARY KEY)", status=503)
        root.fails("ALTER TABLE app.t ADD COLUMN more INT", status=503)
        assert [int(row[0]) for row in root.rows("SELECT id FROM app.t ORDER BY id")] == stored, "reads stay up"
        assert [int(row[0]) for row in root.rows("SELECT id FROM app.t WHERE length(body) > 0 ORDER BY id + 0")] == stored
        process = server.process.pid
        filler.unlink()
        more.unlink()
        went_on = soon(lambda: insert(refused))
        server.assert_alive()
        assert server.process.pid == process
        assert went_on.ok, went_on
        assert insert(round_ * 1000 + 999).ok
        assert consumed(root) == list(enumerate(stored)), "no offset is lost or given twice"
        root.run(f"CREATE SHARED TABLE app.n{round_} (id BIGINT PRIMARY KEY); ALTER TABLE app.t ADD COLUMN c{round_} INT; INSERT INTO app.n{round_} VALUES (1); "
                 f"ALTER TABLE app.t DROP COLUMN c{round_}")
        if round_ == 2:
            server.restart(kill=True)
            root = server.root()
        sequences = [int(row[0]) for row in root.rows("SELECT _seq FROM app.t ORDER BY id")]
        assert len(set(sequences)) == len(stored)
    server.restart(kill=True)
    root = server.root()
    assert [int(row[0]) for row in root.rows("SELECT id FROM app.t ORDER BY id")] == stored
    assert consumed(root) == list(enumerate(stored))


def test_a_kill_on_the_full_disk_keeps_what_was_acknowledged(small_disk, make_server):
    server = make_server({"storage": {"free_bytes_min": 0, "durability": "sync"}}, data_dir=str(small_disk / "server"))
    root = server.root()
    root.run("CREATE NAMESPACE app; CREATE SHARED TABLE app.t (id BIGINT PRIMARY KEY, body TEXT)")
    filler = fill(small_disk, 64 << 10)
    stored = [key for key in range(990) if root.sql(f"INSERT INTO app.t VALUES ({key}, '{'x' * 100_000}')").ok]
    assert 0 < len(stored) < 990
    server.kill()
    filler.unlink()
    server.start()
    assert [int(row[0]) for row in server.root().rows("SELECT id FROM app.t ORDER BY id")] == stored


def soon(ask):
    """The answer of a write on a disk that has room again; the server closes its sockets when it starts anew."""
    give_up = time.monotonic() + 30
    while True:
        try:
            answer = ask()
            if answer.ok:
                return answer
            assert answer.status == 503, answer
        except (OSError, http.client.HTTPException):
            pass
        assert time.monotonic() < give_up, "writes do not go on"
        time.sleep(0.05)  # between two looks
