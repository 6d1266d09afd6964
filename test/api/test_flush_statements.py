"""FLUSH, COMPACT and their jobs from the outside: ids, counts, rows before and after (sql.md 1.6, acceptance T100 to T105, T135, T153)."""
import time

import kalam_jobs


def test_flush_table_gives_a_job_and_changes_no_answer(root, ns):
    table = f"{ns}.t"
    root.run(f"CREATE SHARED TABLE {table} (id BIGINT PRIMARY KEY, v TEXT); INSERT INTO {table} SELECT range, 'v' || range FROM range(500); DELETE FROM {table} WHERE id = 7")
    query = f"SELECT id, v FROM {table} ORDER BY id"
    before = root.rows(query)
    reply = root.run(f"STORAGE FLUSH TABLE {table}")
    message = reply.result["message"]
    assert message.startswith(f"Storage flush started for table '{table}'. Job ID: FL-") and reply.affected == 1
    job = kalam_jobs.ended(root, kalam_jobs.ids_of(message)[0])
    assert job["status"] == "completed" and job["job_type"] == "flush", job
    assert root.rows(query) == before
    stats = root.run(f"SHOW STATS FOR TABLE {table}").dicts[0]
    assert stats["logical_rows"] == "499" and int(stats["flushed_segments"]) >= 1
    root.run(f"UPDATE {table} SET v = 'new' WHERE id = 3; INSERT INTO {table} VALUES (7, 'again')")
    assert root.rows(f"SELECT v FROM {table} WHERE id IN (3, 7) ORDER BY id") == [["new"], ["again"]]
    assert root.run(f"SHOW STATS FOR TABLE {table}").dicts[0]["logical_rows"] == "500"


def test_flush_all_gives_one_job_per_table_with_rows(root, ns):
    for name in ("a", "b", "idle"):
        root.run(f"CREATE SHARED TABLE {ns}.{name} (id BIGINT PRIMARY KEY)")
    root.run(f"INSERT INTO {ns}.a VALUES (1); INSERT INTO {ns}.b VALUES (1)")
    reply = root.run(f"FLUSH ALL TABLES IN {ns}")
    ids = kalam_jobs.ids_of(reply.result["message"])
    assert len(ids) == 2 and reply.affected == 2, reply.text
    assert all(kalam_jobs.ended(root, job_id)["status"] == "completed" for job_id in ids)
    assert root.run(f"FLUSH ALL TABLES IN {ns}").affected == 0


def test_service_may_and_user_may_not(callers, root, ns):
    root.run(f"CREATE SHARED TABLE {ns}.t (id BIGINT PRIMARY KEY); INSERT INTO {ns}.t VALUES (1)")
    callers["alice"].fails(f"FLUSH TABLE {ns}.t", status=403, code="AUTH_INSUFFICIENT_ROLE")
    reply = callers["service_sam"].run(f"FLUSH TABLE {ns}.t")
    assert kalam_jobs.ended(root, kalam_jobs.ids_of(reply.result["message"])[0])["status"] == "completed"


def test_not_null_looks_at_flushed_rows_too(root, ns):
    table = f"{ns}.t"
    root.run(f"CREATE SHARED TABLE {table} (id BIGINT PRIMARY KEY, a TEXT); INSERT INTO {table} VALUES (1, NULL), (2, 'x')")
    kalam_jobs.ended(root, kalam_jobs.ids_of(root.run(f"FLUSH TABLE {table}").result["message"])[0])
    root.fails(f"ALTER TABLE {table} ALTER COLUMN a SET NOT NULL", contains="holds NULL values")
    root.run(f"UPDATE {table} SET a = 'y' WHERE id = 1; ALTER TABLE {table} ALTER COLUMN a SET NOT NULL")
    root.fails(f"UPDATE {table} SET a = NULL WHERE id = 2", contains="NOT NULL")


def test_defaults_beside_expressions_reach_flushed_rows(root, ns):
    table = f"{ns}.t"
    root.run(f"CREATE SHARED TABLE {table} (id BIGINT PRIMARY KEY, a INT DEFAULT 7, b TEXT); INSERT INTO {table} VALUES (1, 1, 'x'), (2, 2, 'y')")
    kalam_jobs.ended(root, kalam_jobs.ids_of(root.run(f"FLUSH TABLE {table}").result["message"])[0])
    assert root.run(f"UPDATE {table} SET a = DEFAULT, b = upper(b) WHERE id + 0 = 2").affected == 1
    assert root.rows(f"SELECT id, a, b FROM {table} ORDER BY id") == [["1", 1, "x"], ["2", 7, "Y"]]


def test_rows_wait_no_longer_than_the_interval_though_the_first_key_is_always_new(make_server):
    root = make_server({"flush": {"check_interval_seconds": 1}}).root()
    root.run("CREATE NAMESPACE a; CREATE SHARED TABLE a.t (id BIGINT PRIMARY KEY, v INT) WITH (FLUSH_POLICY = 'interval:3'); INSERT INTO a.t SELECT range, 0 FROM range(100)")
    give_up = time.monotonic() + kalam_jobs.SECONDS_MAX
    updates = 0
    while not (jobs := root.run("SELECT job_id FROM system.jobs WHERE job_type = 'flush'").dicts):
        assert time.monotonic() < give_up, "no flush: only the first key was looked at"
        updates += 1
        root.run(f"UPDATE a.t SET v = {updates} WHERE id = 0")
    assert kalam_jobs.ended(root, jobs[0]["job_id"])["status"] == "completed"
    assert root.rows("SELECT COUNT(*), SUM(v) FROM a.t") == [["100", str(updates)]]
