"""Background jobs as users see them: STREAM tables that expire, backups that come back, who may end what."""
import time

import kalam_files
import kalam_jobs
import pytest

SECONDS_MAX = 60


def message_of(client, sql):
    return client.run(sql).result["message"]


@pytest.fixture
def app(make_server):
    server = make_server({"stream": {"eviction_interval_seconds": 1}, "jobs": {"round_delay_ms": 10}})
    root = server.root()
    root.run("CREATE NAMESPACE app")
    return server, root


def test_stream_rows_expire_and_are_evicted(app):
    server, root = app
    root.run("CREATE STREAM TABLE app.s (id INT, v TEXT) WITH (TTL_SECONDS = 2)")
    root.run("INSERT INTO app.s VALUES (1, 'a'), (2, 'b')")
    written = time.time()
    assert root.rows("SELECT id FROM app.s") == [[1], [2]]
    while root.rows("SELECT COUNT(*) FROM app.s") != [["0"]]:
        assert time.time() - written < SECONDS_MAX
    assert time.time() - written > 1, "they were there for most of their time"
    assert root.rows("SELECT id FROM app.s", headers={"X-Kalam-Plan": "engine"}) == []
    until = time.monotonic() + SECONDS_MAX
    while time.monotonic() < until:
        jobs = root.run("SELECT * FROM system.jobs WHERE job_type = 'stream_eviction' AND status = 'completed'").dicts
        if jobs:
            break
        time.sleep(0.05)
    assert jobs[0]["job_id"].startswith("SE-")
    assert '"records_evicted":2' in jobs[0]["metrics"].replace(" ", "")
    assert jobs[0]["namespace_id"] == "app" and jobs[0]["table_name"] == "s"


def test_backup_drop_restore(app, tmp_path):
    server, root = app
    root.run("CREATE SHARED TABLE app.t (id INT PRIMARY KEY, v TEXT); CREATE USER TABLE app.u (id INT PRIMARY KEY, n BIGINT)")
    root.run("INSERT INTO app.t VALUES " + ", ".join(f"({i}, 'v{i}')" for i in range(500)))
    root.run("DELETE FROM app.t WHERE id < 10; ALTER TABLE app.t ADD COLUMN late INT DEFAULT 5; INSERT INTO app.t VALUES (1000, 'new', 6)")
    root.run("CREATE USER alice WITH PASSWORD 'Alice-pass-1' ROLE user")
    alice = server.client("alice", "Alice-pass-1")
    alice.run("INSERT INTO app.u VALUES (1, 10), (2, 20)")
    before = root.rows("SELECT id, v, late FROM app.t ORDER BY id")
    hers = alice.rows("SELECT id, n FROM app.u ORDER BY id")
    path = tmp_path / "backup"
    answer = message_of(root, f"BACKUP DATABASE TO '{path}'")
    assert answer.startswith(f"Database backup started to '{path}'. Job ID: BK-")
    backup = kalam_jobs.ended(root, kalam_jobs.id_of(answer))
    assert backup["status"] == "completed", backup
    assert (path / "backup.json").exists()
    # After the backup: changes that must be undone by the restore.
    root.run("UPDATE app.t SET v = 'changed' WHERE id = 20; DROP TABLE app.u")
    refused = kalam_jobs.ended(root, kalam_jobs.id_of(message_of(root, f"RESTORE DATABASE FROM '{path}'")))
    assert refused["status"] == "failed" and "OVERWRITE" in refused["message"]
    assert root.rows("SELECT v FROM app.t WHERE id = 20") == [["changed"]], "a failed restore changes nothing"
    restored = kalam_jobs.ended(root, kalam_jobs.id_of(message_of(root, f"RESTORE DATABASE FROM '{path}' OVERWRITE")))
    assert restored["status"] == "completed", restored
    assert root.rows("SELECT id, v, late FROM app.t ORDER BY id") == before
    assert alice.rows("SELECT id, n FROM app.u ORDER BY id") == hers
    assert root.rows("SELECT COUNT(*) FROM app.u") == [["0"]]
    server.restart(kill=True)
    root = server.root()
    assert root.rows("SELECT id, v, late FROM app.t ORDER BY id") == before
    assert root.rows(f"SELECT status FROM system.jobs WHERE job_id = '{restored['job_id']}'") == [["completed"]]


def test_backup_of_one_table_and_of_nothing(app, tmp_path):
    server, root = app
    root.run("CREATE SHARED TABLE app.t (id INT PRIMARY KEY); INSERT INTO app.t VALUES (1); CREATE SHARED TABLE app.other (id INT PRIMARY KEY)")
    assert kalam_jobs.ended(root, kalam_jobs.id_of(message_of(root, f"BACKUP TABLE app.t TO '{tmp_path}/t'")))["status"] == "completed"
    root.run("DROP TABLE app.t; DROP TABLE app.other")
    assert kalam_jobs.ended(root, kalam_jobs.id_of(message_of(root, f"RESTORE TABLE app.t FROM '{tmp_path}/t'")))["status"] == "completed"
    assert root.rows("SELECT id FROM app.t") == [[1]]
    for sql, text in [(f"RESTORE DATABASE FROM '{tmp_path}/nowhere'", "not found"), (f"BACKUP TABLE app.nothing TO '{tmp_path}/x'", "not found"),
                      ("BACKUP DATABASE TO '/etc/kalam'", "sensitive directory"), ("BACKUP DATABASE TO 'here'", "absolute"), (f"BACKUP DATABASE TO '{tmp_path}/../x'", "..")]:
        root.fails(sql, contains=text)
    assert root.rows("SELECT COUNT(*) FROM system.jobs WHERE status = 'failed'") == [["0"]], "refused before a job was made"


def test_drop_leaves_a_cleanup_job(app):
    server, root = app
    root.run("CREATE SHARED TABLE app.t (id INT PRIMARY KEY); INSERT INTO app.t VALUES (1), (2), (3)")
    answer = message_of(root, "DROP TABLE app.t")
    assert "Cleanup job: CL-" in answer
    job = kalam_jobs.ended(root, kalam_jobs.id_of(answer))
    assert job["status"] == "completed" and job["job_type"] == "cleanup"
    metrics = job["metrics"].replace(" ", "")
    assert '"tables_deleted":1' in metrics and '"rows_deleted":3' in metrics
    assert '"operation":"drop_table"' in job["parameters"].replace(" ", "")
    root.fails(f"KILL JOB '{job['job_id']}'", contains="Cannot cancel job in status Completed")


def test_drop_user_cascade_erases_everything(app):
    server, root = app
    root.run("CREATE USER TABLE app.u (id INT PRIMARY KEY, v TEXT); CREATE USER alice WITH PASSWORD 'Alice-pass-1' ROLE user")
    server.client("alice", "Alice-pass-1").run("INSERT INTO app.u VALUES (1, 'hers'), (2, 'too')")
    old = server.client("alice", "Alice-pass-1")
    old.run("SELECT 1")
    root.run("INSERT INTO app.u VALUES (1, 'mine')")
    job = kalam_jobs.ended(root, kalam_jobs.id_of(message_of(root, "DROP USER alice CASCADE")))
    assert job["status"] == "completed" and job["job_id"].startswith("UC-"), job
    assert '"rows_deleted":2' in job["metrics"].replace(" ", "")
    assert root.rows("SELECT COUNT(*) FROM system.users WHERE user_id = 'alice'") == [["0"]]
    # A new account of the same name starts from nothing.
    root.run("CREATE USER alice WITH PASSWORD 'Other-pass-1' ROLE user")
    assert server.client("alice", "Other-pass-1").rows("SELECT * FROM app.u") == []
    # ... and the tokens of the old one are nothing to it.
    old.fails("SELECT 1", status=401)
    assert old.request("GET", "/v1/api/auth/me", headers=old.bearer()).status == 401
    assert old.request("POST", "/v1/api/auth/refresh", headers=old.bearer(old.refresh_token)).status == 401
    assert root.rows("SELECT v FROM app.u") == [["mine"]]


def test_only_admins_back_up_and_see_jobs(server, alice, service, tmp_path):
    for client in (alice, service):
        for sql in (f"BACKUP DATABASE TO '{tmp_path}/b'", f"RESTORE DATABASE FROM '{tmp_path}'", "SELECT * FROM system.jobs", "KILL JOB 'BK-000000000000'"):
            client.fails(sql, status=403)


def test_kill_job_ends_a_job_that_goes_on_in_rounds(make_server):
    """Three of thirty rows, then a pause of ten minutes: the job cannot end by itself before it is killed."""
    server = make_server({"stream": {"eviction_interval_seconds": 1, "eviction_batch_size": 3}, "jobs": {"round_delay_ms": 600_000}})
    root = server.root()
    root.run("CREATE NAMESPACE app; CREATE STREAM TABLE app.s (id INT) WITH (TTL_SECONDS = 1)")
    root.run("INSERT INTO app.s VALUES " + ", ".join(f"({i})" for i in range(30)))
    until = time.monotonic() + SECONDS_MAX
    jobs = []
    while not jobs and time.monotonic() < until:
        jobs = root.run("SELECT * FROM system.jobs WHERE job_type = 'stream_eviction' AND status = 'retrying'").dicts
        time.sleep(0.02)
    killed = jobs[0]["job_id"]
    reply = root.run(f"KILL JOB '{killed}'")
    assert reply.result["message"] == f"Job {killed} killed: cancelled" and reply.affected == 1
    job = kalam_jobs.ended(root, killed)
    assert job["status"] == "cancelled", job
    root.fails(f"KILL JOB '{killed}'", contains="Cannot cancel job in status Cancelled")
    root.fails("KILL JOB 'SE-000000000000'", contains="Job SE-000000000000 not found")


def test_users_kill_their_own_jobs_only(app):
    server, root = app
    root.run("CREATE SHARED TABLE app.t (id INT PRIMARY KEY); CREATE USER sam WITH PASSWORD 'Sams-pass-12' ROLE service; CREATE USER bob WITH PASSWORD 'Bob-pass-123' ROLE user")
    sam, bob = server.client("sam", "Sams-pass-12"), server.client("bob", "Bob-pass-123")
    root.run("INSERT INTO app.t VALUES (1)")
    for owner, other, sql in ((sam, bob, "FLUSH TABLE app.t"), (bob, sam, "EXPORT USER DATA")):
        job = kalam_jobs.id_of(message_of(owner, sql))
        # Who does not own it learns nothing, not even whether there is such a job.
        assert other.fails(f"KILL JOB '{job}'", status=403).message == other.fails("KILL JOB 'FL-000000000000'", status=403).message
        reply = owner.sql(f"KILL JOB '{job}'")
        assert reply.status != 403 and (reply.ok or "Cannot cancel job" in reply.message), reply.text
        kalam_jobs.ended(root, job)


def test_export_of_own_data(app):
    import io
    import json
    import zipfile
    server, root = app
    root.run("CREATE USER TABLE app.notes (id INT PRIMARY KEY, body TEXT, big BIGINT); CREATE STREAM TABLE app.typing (at INT) WITH (TTL_SECONDS = 3600); CREATE USER alice WITH PASSWORD 'Alice-pass-1' ROLE user; "
             "CREATE USER bob WITH PASSWORD 'Bob-pass-123' ROLE user")
    alice, bob = server.client("alice", "Alice-pass-1"), server.client("bob", "Bob-pass-123")
    alice.run("INSERT INTO app.notes VALUES (1, 'quote \" and ü', 9007199254740993), (2, NULL, NULL); INSERT INTO app.typing VALUES (7); DELETE FROM app.notes WHERE id = 2")
    bob.run("INSERT INTO app.notes VALUES (1, 'not hers', 1)")
    answer = message_of(alice, "EXPORT USER DATA")
    assert answer.startswith("User data export started. Job ID: UE-")
    job = kalam_jobs.ended(root, kalam_jobs.id_of(answer))
    assert job["status"] == "completed", job
    shown = alice.run("SHOW EXPORT").dicts
    assert [row["job_id"] for row in shown] == [job["job_id"]] and shown[0]["status"] == "completed"
    assert bob.run("SHOW EXPORT").rows == []
    path = "/v1/exports/alice/" + shown[0]["download_url"].rsplit("/", 1)[1]
    reply = alice.request("GET", path, headers=alice.bearer())
    assert reply.status == 200 and reply.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(reply.body)) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == ["app/notes.ndjson", "app/typing.ndjson"]
        rows = [json.loads(line) for line in archive.read("app/notes.ndjson").splitlines()]
    assert [(r["id"], r["body"], r["big"]) for r in rows] == [(1, 'quote " and ü', "9007199254740993")]
    assert root.request("GET", path, headers=root.bearer()).status == 200
    refused = bob.request("GET", path, headers=bob.bearer())
    assert refused.status == 403 and refused.json()["request_id"] and refused.json()["error"]["request_id"] == refused.json()["request_id"]
    assert refused.json()["error"]["timestamp"] > "2026"
    assert alice.request("GET", path).status == 401
    missing = alice.request("GET", "/v1/exports/alice/export-20000101-000000", headers=alice.bearer())
    assert missing.status == 404 and missing.json()["code"] == "EXPORT_NOT_FOUND"
    assert alice.request("GET", "/v1/exports/alice/..%2f..%2fserver", headers=alice.bearer()).status == 400


def test_export_reads_no_files_of_others(app):
    """A damaged file of another user's rows is no reason to fail, and nothing of it is read."""
    server, root = app
    root.run("CREATE USER TABLE app.notes (id INT PRIMARY KEY, body TEXT); CREATE USER alice WITH PASSWORD 'Alice-pass-1' ROLE user; CREATE USER bob WITH PASSWORD 'Bob-pass-123' ROLE user")
    alice, bob = server.client("alice", "Alice-pass-1"), server.client("bob", "Bob-pass-123")
    alice.run("INSERT INTO app.notes VALUES (1, 'hers')")
    bob.run("INSERT INTO app.notes VALUES (1, 'not hers')")
    kalam_jobs.run(root, "STORAGE FLUSH TABLE app.notes")
    files = kalam_files.below(server.data_dir / "data" / "storage", ".parquet")
    his = [file for file in files if "bob" in file.parts]
    assert len(files) == 2 and len(his) == 1, files
    his[0].write_bytes(b"\0" * his[0].stat().st_size)
    server.restart()  # nothing of it is in memory
    root, alice = server.root(), server.client("alice", "Alice-pass-1")
    job = kalam_jobs.ended(root, kalam_jobs.id_of(message_of(alice, "EXPORT USER DATA")))
    assert job["status"] == "completed" and '"rows_exported":1' in job["metrics"].replace(" ", ""), job


def test_flush_back_up_and_restore_cold_rows(app, tmp_path):
    server, root = app
    root.run("CREATE SHARED TABLE app.t (id INT PRIMARY KEY, v TEXT)")
    root.run("INSERT INTO app.t VALUES " + ", ".join(f"({i}, 'v{i}')" for i in range(1000)))
    answer = message_of(root, "STORAGE FLUSH TABLE app.t")
    assert answer.startswith("Storage flush started for table 'app.t'. Job ID: FL-")
    flush = kalam_jobs.ended(root, kalam_jobs.id_of(answer))
    assert flush["status"] == "completed", flush
    metrics = flush["metrics"].replace(" ", "")
    assert '"rows_flushed":1000' in metrics and '"parquet_files":' in metrics
    root.run("UPDATE app.t SET v = 'new' WHERE id = 5; DELETE FROM app.t WHERE id = 6; INSERT INTO app.t VALUES (2000, 'hot')")
    before = root.rows("SELECT id, v FROM app.t ORDER BY id")
    assert len(before) == 1000
    assert kalam_jobs.ended(root, kalam_jobs.id_of(message_of(root, f"BACKUP DATABASE TO '{tmp_path}/b'")))["status"] == "completed"
    cleanup = kalam_jobs.ended(root, kalam_jobs.id_of(message_of(root, "DROP TABLE app.t")))
    assert cleanup["status"] == "completed", cleanup
    assert kalam_jobs.ended(root, kalam_jobs.id_of(message_of(root, f"RESTORE DATABASE FROM '{tmp_path}/b'")))["status"] == "completed"
    assert root.rows("SELECT id, v FROM app.t ORDER BY id") == before


def test_a_full_stream_keeps_its_newest_rows(make_server):
    """The size limit holds while writers go on: no INSERT is refused, the oldest rows make room, without the timed look for expired rows."""
    server = make_server({"stream": {"eviction_interval_seconds": 3600}})
    root = server.root()
    limit = 200_000
    root.run(f"CREATE NAMESPACE app; CREATE STREAM TABLE app.s (id INT, v TEXT) WITH (TTL_SECONDS = 86400, MAX_STREAM_SIZE_BYTES = {limit})")
    until = time.monotonic() + SECONDS_MAX
    written, evicted = 0, False
    while not evicted:
        root.run("INSERT INTO app.s VALUES " + ", ".join(f"({written + i}, '{'x' * 400}')" for i in range(100)))
        written += 100
        evicted = int(root.value("SELECT COUNT(*) FROM app.s")) < written
        assert time.monotonic() < until, "nothing makes room"
        time.sleep(0.02)
    while int(root.value("SELECT COUNT(*) FROM app.s")) * 400 > limit:
        assert time.monotonic() < until, "it stays over its limit"
        time.sleep(0.05)
    left = [row[0] for row in root.rows("SELECT id FROM app.s ORDER BY id")]
    assert left == list(range(written - len(left), written)), "the newest are there, without a gap"
    assert len(left) * 400 > limit / 3
