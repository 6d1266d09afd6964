"""The same questions to tables whose cold rows lie in a folder and in an S3 bucket: one table, whatever the place, and named errors when it fails."""
import json
import os
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import kalam_files  # noqa: E402
import kalam_jobs  # noqa: E402
import kalam_server  # noqa: E402

JOB_SECONDS_MAX = 60


@pytest.fixture(scope="module")
def cold(s3, tmp_path_factory):
    """A server whose tables flush only when told, with a storage of each kind."""
    folder = tmp_path_factory.mktemp("cold")
    config = {"flush": {"check_interval_seconds": 0}, "execution": {"handler_timeout_seconds": 20}}
    with kalam_server.Server(config) as server:
        root = server.root()
        root.run("CREATE NAMESPACE app; CREATE USER alice WITH PASSWORD 'Alice-pass-1' ROLE user; CREATE USER bob WITH PASSWORD 'Bobby-pass-1' ROLE user")
        root.run(f"CREATE STORAGE folder TYPE 'filesystem' PATH '{folder}' SHARED_TABLES_TEMPLATE 'shared/{{namespace}}/{{tableName}}' "
                 "USER_TABLES_TEMPLATE '{namespace}/{tableName}/{shard}/{userId}'")
        keys = json.dumps({"access_key_id": s3.access_key, "secret_access_key": s3.secret_key})
        config = json.dumps({"endpoint": s3.endpoint, "allow_http": True})
        root.run(f"CREATE STORAGE bucket TYPE 's3' BUCKET '{s3.bucket}/cold' CREDENTIALS '{keys}' CONFIG '{config}'")
        yield {"server": server, "folder": folder, "s3": s3}


@pytest.fixture(params=["folder", "bucket"])
def place(request, cold, unique):
    cold["s3"].clear_faults()
    cold["server"].assert_alive()
    yield {**cold, "storage": request.param, "table": f"app.{unique('t')}", "root": cold["server"].root()}
    cold["s3"].clear_faults()
    cold["server"].assert_alive()


def run_job(root, sql):
    """Runs a statement that starts a job and waits for its end; the job's row."""
    reply = root.sql(sql).expect_ok()
    message = reply.result.get("message", "")
    if "Job ID" not in message:
        return {"status": "skipped", "message": message}
    return kalam_jobs.ended(root, kalam_jobs.id_of(message))


def flush(root, table):
    row = run_job(root, f"STORAGE FLUSH TABLE {table}")
    assert row["status"] == "completed", row
    return row


def objects(place):
    if place["storage"] == "bucket":
        return [key.removeprefix("cold/") for key in place["s3"].objects() if key.startswith("cold/") and ".kalam" not in key]
    return [str(p.relative_to(place["folder"])) for p in kalam_files.below(place["folder"]) if ".kalam" not in str(p)]


def test_cold_and_hot_rows_are_one_table(place, rng):
    root, table = place["root"], place["table"]
    root.run(f"CREATE SHARED TABLE {table} (name TEXT, id BIGINT PRIMARY KEY, n INT) WITH (STORAGE_ID = '{place['storage']}')")
    model = {}

    def insert(ids):
        for start in range(0, len(ids), 500):
            part = ids[start : start + 500]
            root.run(f"INSERT INTO {table} VALUES " + ", ".join(f"('n{i % 7}', {i}, {i % 11})" for i in part))
        model.update({i: (f"n{i % 7}", i % 11) for i in ids})

    def check():
        rows = root.rows(f"SELECT id, name, n FROM {table} ORDER BY id")
        assert [(int(i), name, n) for i, name, n in rows] == [(i, *model[i]) for i in sorted(model)]
        assert int(root.value(f"SELECT COUNT(*) FROM {table}")) == len(model)
        for i in rng.sample(range(0, 2100), 15):
            found = root.rows(f"SELECT name, n FROM {table} WHERE id = {i}")
            assert found == ([list(model[i])] if i in model else []), i

    insert(list(range(0, 2000)))
    check()
    flush(root, table)
    check()
    for i in rng.sample(sorted(model), 20):
        root.run(f"UPDATE {table} SET n = 99 WHERE id = {i}")
        model[i] = (model[i][0], 99)
    for i in rng.sample(sorted(model), 20):
        root.run(f"DELETE FROM {table} WHERE id = {i}")
        del model[i]
    check()
    gone = [i for i in range(2000) if i not in model][0]
    insert([gone, 2050])
    root.fails(f"INSERT INTO {table} VALUES ('x', {sorted(model)[5]}, 1)", contains="already exists")
    check()
    flush(root, table)
    check()
    row = run_job(root, f"STORAGE COMPACT TABLE {table}")
    assert row["status"] in ("completed", "skipped"), row
    check()
    assert [path for path in objects(place) if table.split(".")[1] in path and path.endswith(".parquet")]
    root.run(f"DROP TABLE {table}")


def test_each_user_has_a_folder_and_sees_only_its_own_rows(place):
    root, table = place["root"], place["table"]
    root.run(f"CREATE USER TABLE {table} (id BIGINT PRIMARY KEY, body TEXT) WITH (STORAGE_ID = '{place['storage']}')")
    callers = {name: place["server"].client(name, f"{word}-pass-1") for name, word in (("alice", "Alice"), ("bob", "Bobby"))}
    for name, client in callers.items():
        client.run(f"INSERT INTO {table} VALUES (1, 'of {name}'), (2, 'also {name}')")
    flush(root, table)
    for name, client in callers.items():
        assert client.rows(f"SELECT id, body FROM {table} ORDER BY id") == [["1", f"of {name}"], ["2", f"also {name}"]]
        assert client.value(f"SELECT body FROM {table} WHERE id = 2") == f"also {name}"
    paths = [path for path in objects(place) if f"/{table.split('.')[1]}/" in path and path.endswith(".parquet")]
    assert len(paths) == 2 and all(sum(f"/{name}/" in path for name in callers) == 1 for path in paths), paths
    if place["storage"] == "folder":
        assert {path.split("/")[2] for path in paths} == {"2b", "81"}, paths


def test_a_store_that_fails_gives_named_errors_and_never_wrong_rows(cold):
    s3, server = cold["s3"], cold["server"]
    root = server.root()
    root.run("CREATE SHARED TABLE app.faulty (id BIGINT PRIMARY KEY, body TEXT) WITH (STORAGE_ID = 'bucket')")
    root.run("INSERT INTO app.faulty VALUES " + ", ".join(f"({i}, 'body {i}')" for i in range(500)))
    s3.stop_store()
    try:
        row = run_job(root, "STORAGE FLUSH TABLE app.faulty")
        assert row["status"] == "failed" and "bucket" in json.dumps(row), row
        assert s3.secret_key not in json.dumps(row)
        assert int(root.value("SELECT COUNT(*) FROM app.faulty")) == 500, "nothing is lost"
    finally:
        s3.start_store()
    flush(root, "app.faulty")
    assert int(root.value("SELECT COUNT(*) FROM app.faulty")) == 500
    server.restart()
    root = server.root()
    s3.fault("status", method="GET", times=2, status=503)
    assert int(root.value("SELECT COUNT(*) FROM app.faulty WHERE body LIKE 'body%'")) == 500, "busy answers are tried again"
    server.restart()
    root = server.root()
    s3.fault("status", method="GET", times=1000, status=403, code="AccessDenied")
    answer = root.sql("SELECT COUNT(*) FROM app.faulty WHERE body LIKE 'body%'")
    assert not answer.ok and "bucket" in answer.message and "AccessDenied" in answer.message, answer
    root.run("INSERT INTO app.faulty VALUES (1000, 'hot')")
    assert root.value("SELECT body FROM app.faulty WHERE id = 1000") == "hot", "hot rows need no store"
    s3.clear_faults()
    assert int(root.value("SELECT COUNT(*) FROM app.faulty WHERE body LIKE '%o%'")) == 501


def test_a_storage_is_not_dropped_before_the_cleanup_of_a_dropped_table(cold, unique):
    """The cleanup job cannot delete while the store refuses; until it can, the storage stays and DROP names the job."""
    root, s3, name = cold["server"].root(), cold["s3"], unique("leaving")
    keys = json.dumps({"access_key_id": s3.access_key, "secret_access_key": s3.secret_key})
    config = json.dumps({"endpoint": s3.endpoint, "allow_http": True})
    root.run(f"CREATE STORAGE {name} TYPE 's3' BUCKET '{s3.bucket}/{name}' CREDENTIALS '{keys}' CONFIG '{config}'")
    table = f"app.{unique('t')}"
    root.run(f"CREATE SHARED TABLE {table} (id INT PRIMARY KEY) WITH (STORAGE_ID = '{name}'); INSERT INTO {table} VALUES (1), (2)")
    flush(root, table)
    root.fails(f"DROP STORAGE {name}", contains="1 table(s) still using it")
    s3.fault("status", method="DELETE", contains=name, status=403, code="AccessDenied", times=100_000)
    job = root.run(f"DROP TABLE {table}").result["message"].split("Cleanup job: ")[1].split()[0].rstrip(".")
    answer = root.fails(f"DROP STORAGE {name}", contains="file(s) are left in it")
    assert job in answer.message or "wait for their cleanup job" in answer.message, answer
    s3.clear_faults()
    end = time.monotonic() + JOB_SECONDS_MAX
    while not (dropped := root.sql(f"DROP STORAGE {name}")).ok:
        assert "left in it" in dropped.message, dropped
        assert time.monotonic() < end, "nobody cleans up"
        time.sleep(0.05)
    assert not [key for key in s3.objects() if key.startswith(f"{name}/") and not key.endswith("/")], "no file of ours is left"
