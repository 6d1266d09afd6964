"""The cold tier over HTTP: flush and compaction as jobs, files and manifest on disk, every type, users apart, kill -9 at any moment."""
import json
import random
import threading
import time

import kalam_files
import kalam_jobs
import pytest

ENGINE = {"X-Kalam-Plan": "engine"}
JOB_SECONDS_MAX = 60


def flush(root, table):
    return kalam_jobs.run(root, f"STORAGE FLUSH TABLE {table}")["message"]


def compact(root, table):
    return kalam_jobs.run(root, f"STORAGE COMPACT TABLE {table}")["message"]


def files(server, suffix=".parquet"):
    return kalam_files.below(server.data_dir / "data" / "storage", suffix)


@pytest.fixture
def cold(make_server):
    server = make_server({"flush": {"check_interval_seconds": 0}})
    root = server.root()
    root.run("CREATE NAMESPACE app")
    return server, root


COLUMNS = ("b BOOLEAN, s SMALLINT, i INT, l BIGINT, f FLOAT, d DOUBLE, m DECIMAL(20,3), t TEXT, y BYTES, j JSON, ts TIMESTAMP, dt DATETIME, da DATE, "
           "ti TIME, u UUID")
VALUES = ("true, -5, 2147483647, -9223372036854775808, 0.5, 1e300, -0.005, 'ünï\n''quoted''', from_hex('00FF'), '{\"a\": [1]}', '2024-01-02 03:04:05.678901', "
          "'2024-01-02T03:04:05Z', '1969-12-31', '23:59:59.999999', '550e8400-e29b-41d4-a716-446655440000'")


def test_rows_of_every_type_come_back(cold):
    server, root = cold
    root.run(f"CREATE SHARED TABLE app.t ({COLUMNS}, id INT PRIMARY KEY)")
    nulls = ", ".join(["NULL"] * 15)
    root.run(f"INSERT INTO app.t VALUES ({VALUES}, 1), ({nulls}, 2)")
    questions = ["SELECT * FROM app.t", "SELECT * FROM app.t WHERE id = 1", "SELECT id FROM app.t WHERE t LIKE 'ün%' AND m = -0.005"]
    before = [root.rows(q) for q in questions]
    flush(root, "app.t")
    for headers in (None, ENGINE):
        assert [root.rows(q, headers=headers) for q in questions] == before
    server.restart(kill=True)
    root = server.root()
    assert [root.rows(q) for q in questions] == before


@pytest.mark.parametrize("key, values", [
    ("TEXT", ["''", "'a'", "'ä'", "'zzz'"]), ("UUID", ["'00000000-0000-0000-0000-000000000001'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"]),
    ("DECIMAL(10,2)", ["-1.50", "0", "99999999.99"]), ("DOUBLE", ["-1e300", "0", "0.1"]), ("FLOAT", ["-2.5", "0.1"]), ("BOOLEAN", ["false", "true"]),
    ("DATE", ["'1969-12-31'", "'2024-02-29'"]), ("TIMESTAMP", ["'1969-12-31 23:59:59.999999'", "'2024-01-01 00:00:00'"]), ("SMALLINT", ["-32768", "32767"]),
    ("BYTES", ["from_hex('00')", "from_hex('FF00')"])])
def test_keys_of_every_type(cold, key, values):
    _, root = cold
    root.run(f"CREATE SHARED TABLE app.t (id {key} PRIMARY KEY, n INT)")
    for n, value in enumerate(values):
        root.run(f"INSERT INTO app.t (id, n) VALUES ({value}, {n})")
    flush(root, "app.t")
    for n, value in enumerate(values):
        assert root.rows(f"SELECT n FROM app.t WHERE id = {value}") == [[n]], value
        root.fails(f"INSERT INTO app.t (id, n) VALUES ({value}, 0)", contains=["primary key violation"])
        root.run(f"UPDATE app.t SET n = n + 10 WHERE id = {value}")
    assert sorted(row[0] for row in root.rows("SELECT n FROM app.t")) == [n + 10 for n in range(len(values))]


def test_files_manifest_and_system_manifest(cold):
    server, root = cold
    root.run("CREATE USER TABLE app.notes (id BIGINT PRIMARY KEY, body TEXT)")
    root.run("CREATE USER alice WITH PASSWORD 'Alice-pass-1' ROLE user")
    alice = server.client("alice", "Alice-pass-1")
    alice.run("INSERT INTO app.notes VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    assert flush(root, "app.notes") == "Flushed app.notes successfully (3 rows, 1 files)"
    (file,) = files(server)
    assert file.parent.parts[-3:] == ("app", "notes", "alice") and file.name.startswith("batch-")
    manifest = json.loads((file.parent / "manifest.json").read_text())
    assert manifest["user_id"] == "alice" and manifest["table_id"] == {"namespace_id": "app", "table_name": "notes"}
    (segment,) = manifest["segments"]
    assert segment["path"] == file.name and segment["row_count"] == 3 and segment["status"] == "committed"
    assert segment["column_stats"]["1"] == {"min": {"Int64": "1"}, "max": {"Int64": "3"}, "null_count": 0}
    assert segment["size_bytes"] == file.stat().st_size
    row = dict(zip(["key", "scope", "state"], root.rows("SELECT cache_key, scope, sync_state FROM system.manifest")[0]))
    assert row == {"key": "app:notes:alice", "scope": "alice", "state": "in_sync"}
    alice.run("INSERT INTO app.notes VALUES (4, 'd')")
    assert root.rows("SELECT sync_state FROM system.manifest") == [["pending_write"]]
    flush(root, "app.notes")
    assert json.loads((file.parent / "manifest.json").read_text())["version"] == manifest["version"] + 1
    assert alice.rows("SELECT COUNT(*) FROM app.notes") == [[4]] or alice.rows("SELECT COUNT(*) FROM app.notes") == [["4"]]


def test_no_statement_reaches_files(cold):
    server, root = cold
    root.run("CREATE SHARED TABLE app.t (id INT PRIMARY KEY); INSERT INTO app.t VALUES (1)")
    flush(root, "app.t")
    (file,) = files(server)
    for name in (f"read_parquet('{file}')", f"parquet_scan('{file}')", "cold_scan('0')", "hot_scan(0)", f"'{file}'",
                 f"read_parquet('kalam://local/app/t/{file.name}')", f"parquet_metadata('{file}')", f"read_blob('{file}')", f"glob('{file.parent}/*')"):
        reply = root.sql(f"SELECT * FROM {name}")
        assert not reply.ok and "PAR1" not in reply.text, name
        reply = root.sql(f"SELECT * FROM app.t, {name}")
        assert not reply.ok, name


def test_drop_table_removes_files(cold):
    server, root = cold
    root.run("CREATE SHARED TABLE app.t (id INT PRIMARY KEY, n INT); INSERT INTO app.t VALUES (1, 1), (2, 2)")
    flush(root, "app.t")
    assert files(server)
    root.run("DROP TABLE app.t")
    give_up = time.monotonic() + JOB_SECONDS_MAX
    while (files(server) or files(server, "manifest.json")) and time.monotonic() < give_up:
        time.sleep(0.02)
    assert files(server) == [] and files(server, "manifest.json") == []
    root.run("CREATE SHARED TABLE app.t (id INT PRIMARY KEY, n INT)")
    assert root.rows("SELECT * FROM app.t") == []
    root.run("INSERT INTO app.t VALUES (1, 5)")
    assert root.rows("SELECT n FROM app.t WHERE id = 1") == [[5]]


def test_compaction_bounds_the_files(cold):
    server, root = cold
    root.run("CREATE SHARED TABLE app.t (id INT PRIMARY KEY, n INT)")
    for part in range(5):
        root.run("INSERT INTO app.t VALUES " + ", ".join(f"({part * 10 + i}, {i})" for i in range(10)))
        flush(root, "app.t")
    root.run("DELETE FROM app.t WHERE n >= 8")
    before = root.rows("SELECT * FROM app.t")
    assert len(files(server)) == 5
    assert compact(root, "app.t").startswith("Compaction completed")
    assert len(files(server)) == 1
    assert root.rows("SELECT * FROM app.t") == before and len(before) == 40


def test_kill_while_rows_move(make_server, rng):
    """Writers and flushes run; the server dies; everything acknowledged is there once, everything deleted is not."""
    server = make_server({"storage": {"durability": "os"}, "flush": {"check_interval_seconds": 0}})
    root = server.root()
    root.run("CREATE NAMESPACE app; CREATE SHARED TABLE app.t (id INT PRIMARY KEY, n INT)")
    expected = {}
    for _ in range(4):
        stop = threading.Event()
        unsure = {}

        def write(client, seed):
            random_ = random.Random(seed)
            while not stop.is_set():
                key, n = random_.randrange(400), random_.randrange(1000)
                try:
                    if key in expected:
                        change = None if random_.random() < 0.3 else n
                        unsure[key] = change
                        reply = client.sql(f"DELETE FROM app.t WHERE id = {key}" if change is None else f"UPDATE app.t SET n = {n} WHERE id = {key}")
                    else:
                        change = n
                        unsure[key] = n
                        reply = client.sql(f"INSERT INTO app.t VALUES ({key}, {n})")
                    if not reply.ok:
                        continue
                    if change is None:
                        expected.pop(key, None)
                    else:
                        expected[key] = change
                    unsure.pop(key, None)
                except (OSError, AssertionError, Exception):  # the server is gone
                    return

        writer = threading.Thread(target=write, args=(server.root(), rng.random()))
        writer.start()
        flushing = server.root()
        give_up = time.monotonic() + rng.uniform(0.3, 1.2)
        while time.monotonic() < give_up:
            try:
                flushing.sql("STORAGE FLUSH TABLE app.t")
                if rng.random() < 0.2:
                    flushing.sql("STORAGE COMPACT TABLE app.t")
            except Exception:
                break
        server.kill()
        stop.set()
        writer.join()
        server.start()
        root = server.root()
        found = {}
        for key, n in root.rows("SELECT id, n FROM app.t"):
            assert key not in found, f"{key} is there twice"
            found[key] = n
        for key in set(found) | set(expected):
            if key in unsure:
                assert found.get(key) in (expected.get(key), unsure[key]), key
            else:
                assert found.get(key) == expected.get(key), key
        for key in rng.sample(range(400), 20):
            assert root.rows(f"SELECT n FROM app.t WHERE id = {key}") == ([[found[key]]] if key in found else [])
        expected = found
