"""The same backups to a folder, to a filesystem storage and to an S3 bucket: table, namespace and database come back, damage and failing stores change nothing."""
import json
import os
import pathlib
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import kalam_files  # noqa: E402
import kalam_jobs  # noqa: E402
import kalam_server  # noqa: E402


@pytest.fixture(scope="module")
def world(s3, tmp_path_factory):
    folder = tmp_path_factory.mktemp("backups")
    with kalam_server.Server({"flush": {"check_interval_seconds": 0}, "jobs": {"retry_backoff_ms": 50}}) as server:
        root = server.root()
        root.run("CREATE USER alice WITH PASSWORD 'Alice-pass-1' ROLE user; CREATE USER bob WITH PASSWORD 'Bobby-pass-1' ROLE user")
        root.run(f"CREATE STORAGE folder TYPE 'filesystem' PATH '{folder}/storage'")
        keys = json.dumps({"access_key_id": s3.access_key, "secret_access_key": s3.secret_key})
        config = json.dumps({"endpoint": s3.endpoint, "allow_http": True})
        root.run(f"CREATE STORAGE bucket TYPE 's3' BUCKET '{s3.bucket}/db' CREDENTIALS '{keys}' CONFIG '{config}'")
        yield {"server": server, "folder": folder, "s3": s3}


class Place:
    """Where backups go; how to look at, damage and remove what lies there."""

    def __init__(self, kind, world):
        self.kind, self.s3, self.folder = kind, world["s3"], pathlib.Path(world["folder"])

    def target(self, name):
        return {"path": f"{self.folder}/plain/{name}", "folder": f"storage://folder/backups/{name}", "bucket": f"storage://bucket/backups/{name}"}[self.kind]

    def files(self, name):
        """Name in the backup -> file on this machine that holds its bytes."""
        if self.kind == "bucket":
            root, suffix = pathlib.Path(self.s3.folder) / self.s3.bucket / "db/backups" / name, "._S3rver_object"
        else:
            root, suffix = self.folder / ("plain" if self.kind == "path" else "storage/backups") / name, ""
        found = {str(p.relative_to(root))[: len(str(p.relative_to(root))) - len(suffix)]: p for p in kalam_files.below(root, suffix)}
        return {key: path for key, path in found.items() if ".kalam" not in key}


@pytest.fixture(params=["path", "folder", "bucket"])
def place(request, world):
    world["s3"].clear_faults()
    yield Place(request.param, world)
    world["s3"].clear_faults()
    world["server"].assert_alive()


@pytest.fixture
def root(world):
    return world["server"].root()


@pytest.fixture
def app(root, unique):
    """A namespace with hot and cold rows, dead rows, an altered table and private rows."""
    ns = unique("app")
    root.run(f"CREATE NAMESPACE {ns}; CREATE SHARED TABLE {ns}.t (v TEXT, id INT PRIMARY KEY); CREATE USER TABLE {ns}.u (id INT PRIMARY KEY, n BIGINT); "
             f"CREATE SHARED TABLE {ns}.empty (id INT PRIMARY KEY)")
    root.run(f"INSERT INTO {ns}.t VALUES " + ", ".join(f"('v{i}', {i})" for i in range(1500)))
    kalam_jobs.run(root, f"STORAGE FLUSH TABLE {ns}.t")
    root.run(f"DELETE FROM {ns}.t WHERE id % 5 = 0; UPDATE {ns}.t SET v = 'changed' WHERE id = 7; ALTER TABLE {ns}.t ADD COLUMN late INT DEFAULT 4; "
             f"INSERT INTO {ns}.t VALUES ('hot', 5000, 6)")
    return ns


def state(world, ns):
    root, alice, bob = world["server"].root(), world["server"].client("alice", "Alice-pass-1"), world["server"].client("bob", "Bobby-pass-1")
    asked = [(root, f"SELECT id, v, late FROM {ns}.t ORDER BY id"), (alice, f"SELECT id, n FROM {ns}.u ORDER BY id"),
             (bob, f"SELECT id, n FROM {ns}.u ORDER BY id"), (root, f"SELECT id FROM {ns}.empty")]
    return [client.rows(sql) for client, sql in asked]


def fill_private(world, ns):
    world["server"].client("alice", "Alice-pass-1").run(f"INSERT INTO {ns}.u VALUES (1, 10), (2, 9007199254740993)")
    world["server"].client("bob", "Bobby-pass-1").run(f"INSERT INTO {ns}.u VALUES (1, -1)")


def test_table(place, root, app, unique):
    name = unique("b")
    before = root.rows(f"SELECT id, v, late FROM {app}.t ORDER BY id")
    job = kalam_jobs.run(root, f"BACKUP TABLE {app}.t TO '{place.target(name)}'")
    metrics = json.loads(job["metrics"]) if isinstance(job["metrics"], str) else job["metrics"]
    files = place.files(name)
    assert sorted(files) == ["backup.json", f"tables/{app}/t/rows-0001.kl"]
    assert metrics["rows_backed_up"] == len(before) == 1201 and metrics["backup_path"] == place.target(name)
    assert metrics["snapshot_size_bytes"] == files[f"tables/{app}/t/rows-0001.kl"].stat().st_size
    root.run(f"UPDATE {app}.t SET v = 'after' WHERE id = 1; DROP TABLE {app}.empty")
    refused = kalam_jobs.run(root, f"RESTORE TABLE {app}.t FROM '{place.target(name)}'", "failed")
    assert "add OVERWRITE" in refused["message"]
    kalam_jobs.run(root, f"RESTORE TABLE {app}.t FROM '{place.target(name)}' OVERWRITE")
    assert root.rows(f"SELECT id, v, late FROM {app}.t ORDER BY id") == before
    again = kalam_jobs.run(root, f"BACKUP TABLE {app}.t TO '{place.target(name)}'", "failed")
    assert "already holds a backup" in again["message"]


def test_namespace(place, world, root, app, unique):
    name, other = unique("b"), unique("other")
    fill_private(world, app)
    root.run(f"CREATE NAMESPACE {other}; CREATE SHARED TABLE {other}.t (id INT PRIMARY KEY); INSERT INTO {other}.t VALUES (1)")
    before = state(world, app)
    kalam_jobs.run(root, f"BACKUP NAMESPACE {app} TO '{place.target(name)}'")
    assert not any(other in file for file in place.files(name))
    root.run(f"DROP NAMESPACE {app} CASCADE; INSERT INTO {other}.t VALUES (2)")
    kalam_jobs.run(root, f"RESTORE NAMESPACE {app} FROM '{place.target(name)}'")
    assert state(world, app) == before
    assert root.rows(f"SELECT id FROM {other}.t ORDER BY id") == [[1], [2]], "it is none of the backup's"


def test_database_after_a_restart(place, world, root, app, unique):
    name = unique("b")
    fill_private(world, app)
    before = state(world, app)
    kalam_jobs.run(root, f"BACKUP DATABASE TO '{place.target(name)}'")
    root.run(f"DROP TABLE {app}.u; DELETE FROM {app}.t WHERE id > 100")
    world["server"].restart(kill=True)
    root = world["server"].root()
    kalam_jobs.run(root, f"RESTORE DATABASE FROM '{place.target(name)}' OVERWRITE")
    assert state(world, app) == before
    root.run(f"INSERT INTO {app}.t VALUES ('new', 0, 1)")
    root.fails(f"INSERT INTO {app}.t VALUES ('new', 7, 1)", contains="primary key")
    kalam_jobs.run(root, f"STORAGE FLUSH TABLE {app}.t")
    assert int(root.value(f"SELECT COUNT(*) FROM {app}.t")) == len(before[0]) + 1


def test_damage_changes_nothing(place, world, root, app, rng, unique):
    name = unique("b")
    fill_private(world, app)
    kalam_jobs.run(root, f"BACKUP NAMESPACE {app} TO '{place.target(name)}'")
    root.run(f"INSERT INTO {app}.t VALUES ('later', 6000, 1)")
    now = state(world, app)
    for file, path in sorted(place.files(name).items()):
        good = path.read_bytes()
        for harm in ("flip", "cut", "gone"):
            bad = bytearray(good)
            if harm == "flip":
                bad[rng.randrange(len(bad))] ^= 1 << rng.randrange(8)
            path.write_bytes(bytes(bad) if harm == "flip" else good[: len(good) // 2])
            if harm == "gone":
                path.unlink()
            if file == "backup.json" and harm == "flip":
                path.write_bytes(good.replace(b'"sha256":"', b'"sha256":"0', 1))
            job = kalam_jobs.run(root, f"RESTORE NAMESPACE {app} FROM '{place.target(name)}' OVERWRITE", "failed")
            assert job["message"], job
            assert state(world, app) == now, (file, harm)
        path.write_bytes(good)
    kalam_jobs.run(root, f"RESTORE NAMESPACE {app} FROM '{place.target(name)}' OVERWRITE")
    assert len(state(world, app)[0]) == len(now[0]) - 1


@pytest.mark.parametrize("place", ["bucket"], indirect=True)
def test_a_bucket_that_refuses(place, world, root, app, unique):
    """No half a backup stands for a whole one, and a restore that cannot read changes nothing."""
    name, s3 = unique("b"), world["s3"]
    s3.fault("status", method="PUT", contains="rows-", status=403, code="AccessDenied", times=1000)
    job = kalam_jobs.run(root, f"BACKUP NAMESPACE {app} TO '{place.target(name)}'", "failed")
    assert "AccessDenied" in job["message"] and s3.secret_key not in json.dumps(job), job
    assert "backup.json" not in place.files(name)
    s3.clear_faults()
    s3.fault("status", method="PUT", contains="backup.json", status=403, code="AccessDenied", times=1000)
    kalam_jobs.run(root, f"BACKUP NAMESPACE {app} TO '{place.target(name)}'", "failed")
    assert place.files(name) == {}, "what was written before the failure is removed"
    s3.clear_faults()
    s3.fault("status", method="PUT", status=503, times=2)  # passes by itself
    kalam_jobs.run(root, f"BACKUP NAMESPACE {app} TO '{place.target(name)}'")
    now = state(world, app)
    s3.fault("status", method="GET", contains="rows-", status=403, code="AccessDenied", times=1000)
    job = kalam_jobs.run(root, f"RESTORE NAMESPACE {app} FROM '{place.target(name)}' OVERWRITE", "failed")
    assert "AccessDenied" in job["message"], job
    assert state(world, app) == now
    s3.clear_faults()
    s3.fault("cut", method="GET", contains="rows-", times=1)
    kalam_jobs.run(root, f"RESTORE NAMESPACE {app} FROM '{place.target(name)}' OVERWRITE")
    assert state(world, app) == now


def test_targets_that_are_none(root, app, world):
    root.fails(f"BACKUP TABLE {app}.t TO 'storage://'", contains="storage://")
    root.fails(f"BACKUP TABLE {app}.t TO 'storage://bucket/../x'", contains="..")
    for target in ("storage://nowhere/b", ):
        message = root.sql(f"BACKUP TABLE {app}.t TO '{target}'")
        if message.ok:
            job = kalam_jobs.run(root, f"BACKUP TABLE {app}.t TO '{target}2'", "failed")
            assert "nowhere" in job["message"], job
        else:
            assert "nowhere" in message.message, message
    missing = kalam_jobs.run(root, f"RESTORE TABLE {app}.t FROM 'storage://bucket/backups/missing' OVERWRITE", "failed")
    assert "holds no complete backup" in missing["message"], missing
