"""What is no table in a backup: views, topics, users and storages come back with it, in one step or not at all."""
import base64
import json
import re

import kalam_jobs
import pytest


@pytest.fixture
def filled(make_server, tmp_path):
    """A server with one of everything, its backup, and the folder of that."""
    server = make_server()
    root = server.root()
    root.run(f"CREATE STORAGE side TYPE 'filesystem' NAME 'Beside' PATH '{tmp_path}/side'")
    root.run("CREATE NAMESPACE app; CREATE NAMESPACE other")
    root.run("CREATE USER TABLE app.tasks (id INT PRIMARY KEY, title TEXT, done BOOLEAN) WITH (STORAGE_ID = 'side')")
    root.run("CREATE VIEW app.open_tasks AS SELECT id, title FROM app.tasks WHERE NOT done; CREATE VIEW app.first AS SELECT min(id) AS id FROM app.open_tasks")
    root.run("CREATE SHARED TABLE other.t (id INT PRIMARY KEY); CREATE VIEW other.v AS SELECT id FROM other.t")
    root.run("CREATE TOPIC app.feed PARTITIONS 1; ALTER TOPIC app.feed ADD SOURCE app.tasks ON INSERT WHERE id > 0 WITH (payload = 'key'); CREATE TOPIC other.feed")
    root.run("CREATE USER alice WITH PASSWORD 'Alice-pass-1' ROLE user EMAIL 'a@x.io'; CREATE USER gone WITH PASSWORD 'Gone-pass-12' ROLE user; DROP USER gone")
    root.run("CREATE USER second WITH PASSWORD 'Second-pass-1' ROLE system; CREATE USER dora WITH PASSWORD 'Doras-pass-1' ROLE dba")
    server.client("alice", "Alice-pass-1").run("INSERT INTO app.tasks VALUES (1, 'read', false), (2, 'write', true)")
    taken = post(root, "consume", topic_id="app.feed", group_id="g", start="Earliest", limit=1)
    assert [m["offset"] for m in taken["messages"]] == [0]
    post(root, "ack", topic_id="app.feed", group_id="g", upto_offset=0)
    path = tmp_path / "backup"
    job = kalam_jobs.run(root, f"BACKUP DATABASE TO '{path}'")
    metrics = json.loads(job["metrics"])
    assert (metrics["views_backed_up"], metrics["topics_backed_up"], metrics["users_backed_up"], metrics["storages_backed_up"]) == (3, 2, 5, 2)
    return server, path


def post(client, path, **body):
    return client.request("POST", f"/v1/api/topics/{path}", json_body=body, headers=client.bearer()).expect(200).json()


def restore(client, what, path, more=""):
    return kalam_jobs.ended(client, kalam_jobs.id_of(client.run(f"RESTORE {what} FROM '{path}'{more}").result["message"]))


def key_of(message):
    return json.loads(base64.b64decode(message["payload"]))["id"]


def test_a_database_comes_back_on_an_empty_server(filled, make_server):
    _, path = filled
    fresh = make_server()
    root = fresh.root()
    job = restore(root, "DATABASE", path)
    assert job["status"] == "completed", job
    metrics = json.loads(job["metrics"])
    assert (metrics["views_restored"], metrics["topics_restored"], metrics["users_restored"], metrics["users_left_out"]) == (3, 2, 4, 0)
    for round_ in range(2):
        # Users log in with the passwords of the backup; who was dropped stays dropped.
        alice = fresh.client("alice", "Alice-pass-1")
        assert alice.rows("SELECT * FROM app.open_tasks") == [[1, "read"]]
        assert alice.rows("SELECT * FROM app.first") == [[1]]
        fresh.client().login("gone", "Gone-pass-12").expect(401)
        root.fails("CREATE USER gone WITH PASSWORD 'Gone-pass-12' ROLE user", contains="already exists")
        assert root.rows("SELECT email FROM system.users WHERE user_id = 'alice'") == [["a@x.io"]]
        fresh.client("second", "Second-pass-1").run("SELECT * FROM system.users")
        assert root.rows("SELECT storage_name FROM system.storages WHERE storage_id = 'side'") == [["Beside"]]
        root.run("STORAGE CHECK side")
        if round_ == 0:
            fresh.restart(kill=True)
            root = fresh.root()
    # The topic goes on behind the offsets that were given, with its source and for its group.
    alice.run("INSERT INTO app.tasks VALUES (7, 'new', false)")
    messages = post(root, "consume", topic_id="app.feed", group_id="g", limit=10)["messages"]
    assert [(m["offset"], key_of(m)) for m in messages] == [(2, 7)]
    assert root.rows("SELECT last_acked_offset FROM system.topic_offsets WHERE topic_id = 'app.feed' AND group_id = 'g'") in ([["0"]], [[0]])
    # What a view reads is kept here as it was there.
    root.fails("ALTER TABLE app.tasks DROP COLUMN title", contains="view 'app.open_tasks' reads it")
    root.run("ALTER TABLE app.tasks ADD COLUMN more INT")
    root.run("STORAGE FLUSH TABLE app.tasks")


def test_what_exists_stays_as_it_is(filled, make_server):
    server, path = filled
    root = server.root()
    root.run("ALTER USER alice SET PASSWORD 'Newer-pass-1'; DROP USER dora; ALTER STORAGE side SET NAME 'Newer'; CREATE OR REPLACE VIEW other.v AS SELECT id + 1 AS id FROM other.t")
    root.run("CREATE USER late WITH PASSWORD 'Later-pass-1' ROLE user")
    job = restore(root, "DATABASE", path)
    assert job["status"] == "failed" and "OVERWRITE" in job["message"], job
    assert root.rows("SELECT definition FROM information_schema.views WHERE table_name = 'v'")[0][0].startswith("SELECT id + 1")
    job = restore(root, "DATABASE", path, " OVERWRITE")
    assert job["status"] == "completed", job
    assert json.loads(job["metrics"])["users_restored"] == 0
    server.client("alice", "Newer-pass-1")
    server.client().login("alice", "Alice-pass-1").expect(401)
    server.client().login("dora", "Doras-pass-1").expect(401)
    server.client("late", "Later-pass-1")
    assert root.rows("SELECT storage_name FROM system.storages WHERE storage_id = 'side'") == [["Newer"]]
    assert root.rows("SELECT definition FROM information_schema.views WHERE table_name = 'v'") == [["SELECT id FROM other.t"]]
    messages = post(root, "consume", topic_id="app.feed", group_id="h", start="Earliest", limit=10)["messages"]
    assert [m["offset"] for m in messages] == [0, 1], "the log is that of today"


def test_a_namespace_comes_with_its_views_and_topics_only(filled):
    server, path = filled
    root = server.root()
    root.run("DROP VIEW app.first; DROP VIEW app.open_tasks; DROP VIEW other.v; DROP TOPIC app.feed; DROP TOPIC other.feed; DROP TABLE app.tasks")
    job = restore(root, "NAMESPACE app", path)
    assert job["status"] == "completed", job
    assert root.rows("SELECT table_schema, table_name FROM information_schema.views WHERE table_schema IN ('app', 'other') ORDER BY 1, 2") == [["app", "first"], ["app", "open_tasks"]]
    assert root.rows("SELECT topic_id FROM system.topics") == [["app.feed"]]
    alice = server.client("alice", "Alice-pass-1")
    assert alice.rows("SELECT title FROM app.open_tasks") == [["read"]]
    # A table alone brings the table alone.
    root.run("DROP VIEW app.first; DROP VIEW app.open_tasks; DROP TABLE app.tasks")
    assert restore(root, "TABLE app.tasks", path)["status"] == "completed"
    assert root.rows("SELECT table_name FROM information_schema.views WHERE table_schema IN ('app', 'other')") == []


def test_a_dba_brings_in_no_user_above_itself(filled, make_server):
    _, path = filled
    fresh = make_server()
    fresh.root().run("CREATE USER dora WITH PASSWORD 'Doras-pass-1' ROLE dba")
    dora = fresh.client("dora", "Doras-pass-1")
    job = restore(dora, "DATABASE", path)
    assert job["status"] == "completed", job
    metrics = json.loads(job["metrics"])
    assert (metrics["users_restored"], metrics["users_left_out"]) == (2, 1)
    fresh.client().login("second", "Second-pass-1").expect(401)
    assert fresh.root().rows("SELECT user_id FROM system.users WHERE role = 'system'") == [["root"]]


def test_what_is_incompatible_is_refused_and_nothing_comes(filled, make_server, tmp_path):
    _, path = filled
    fresh = make_server()
    root = fresh.root()
    root.run(f"CREATE STORAGE side TYPE 'filesystem' PATH '{tmp_path}/elsewhere'")
    job = restore(root, "DATABASE", path)
    assert job["status"] == "failed" and "Storage 'side' of the backup is incompatible" in job["message"], job
    # Without the storage a table of it has no place: a namespace's restore does not bring storages.
    root.run("DROP STORAGE side")
    job = restore(root, "NAMESPACE app", path)
    assert job["status"] == "failed" and "belongs to storage 'side', which does not exist here" in job["message"], job
    # A name that is a table here and a view there.
    root.run("CREATE NAMESPACE other; CREATE SHARED TABLE other.v (id INT PRIMARY KEY)")
    job = restore(root, "DATABASE", path)
    assert job["status"] == "failed" and "other.v is a table" in job["message"], job
    for client in (root, (fresh.restart(kill=True), fresh.root())[1]):
        assert client.rows("SELECT namespace_id, table_name FROM system.tables WHERE namespace_id IN ('app', 'other')") == [["other", "v"]]
        assert client.rows("SELECT user_id FROM system.users") == [["root"]]
        assert client.rows("SELECT topic_id FROM system.topics") == [] and client.rows("SELECT table_name FROM information_schema.views WHERE table_schema IN ('app', 'other')") == []
        assert client.rows("SELECT storage_id FROM system.storages") == [["local"]]
    root = fresh.root()
    root.run("DROP TABLE other.v")
    assert restore(root, "DATABASE", path)["status"] == "completed"


@pytest.mark.parametrize("damage", ["view", "user", "topic end", "group"])
def test_damaged_definitions_bring_nothing(filled, make_server, damage):
    _, path = filled
    manifest = json.loads((path / "backup.json").read_text())
    if damage == "view":
        manifest["views"][0]["record"] = "{}"
    elif damage == "user":
        manifest["users"][0]["record"] = "not JSON"
    elif damage == "topic end":
        manifest["topics"][0]["ends"] = []
    else:
        manifest["topics"][0]["groups"][0]["acknowledged"] = 99
    (path / "backup.json").write_text(json.dumps(manifest))
    fresh = make_server()
    root = fresh.root()
    job = restore(root, "DATABASE", path)
    assert job["status"] == "failed", job
    assert root.rows("SELECT user_id FROM system.users") == [["root"]]
    assert root.rows("SELECT table_name FROM system.tables WHERE namespace_id IN ('app', 'other')") == []


def test_secrets_in_a_backup(filled, make_server, tmp_path):
    """Passwords as hashes, since people must log in; credentials of storages only as sealed by the key that is not in the backup."""
    server, path = filled
    text = (path / "backup.json").read_text()
    assert "Alice-pass-1" not in text and "$2b$" in text
    assert re.search(r"[0-9a-f]{64}", next(server.data_dir.rglob("storage.key")).read_text()).group() not in text


def test_older_backups_are_read(filled, make_server):
    _, path = filled
    manifest = json.loads((path / "backup.json").read_text())
    manifest["format"] = 1
    for member in ("views", "topics", "storages", "users"):
        del manifest[member]
    for table in manifest["tables"]:
        table["record"] = table["record"].replace('"storage_id":"side"', '"storage_id":"local"')
    (path / "backup.json").write_text(json.dumps(manifest))
    fresh = make_server()
    root = fresh.root()
    assert restore(root, "DATABASE", path)["status"] == "completed"
    assert root.rows("SELECT table_name FROM system.tables WHERE namespace_id IN ('app', 'other') ORDER BY 1") == [["t"], ["tasks"]]
    assert root.rows("SELECT user_id FROM system.users") == [["root"]]


def test_a_restore_never_takes_a_column_from_a_view_that_stays(make_server, tmp_path):
    root = make_server().root()
    root.run("CREATE NAMESPACE app; CREATE SHARED TABLE app.t (id INT PRIMARY KEY, n INT, old TEXT); INSERT INTO app.t VALUES (1, 10, 'then'); "
             "CREATE VIEW app.base AS SELECT id, n, old FROM app.t")
    path = tmp_path / "backup"
    kalam_jobs.run(root, f"BACKUP NAMESPACE app TO '{path}'")
    root.run("DROP VIEW app.base; ALTER TABLE app.t DROP COLUMN old; ALTER TABLE app.t ADD COLUMN late INT DEFAULT 5; ALTER TABLE app.t MODIFY COLUMN n BIGINT; "
             "INSERT INTO app.t (id, n) VALUES (2, 20)")

    def refused(view, what, column, scope="NAMESPACE app"):
        before = root.rows(f"SELECT * FROM {view}")
        job = restore(root, scope, path, " OVERWRITE")
        assert job["status"] == "failed", job
        assert view in job["message"] and f"'{column}'" in job["message"] and what in job["message"] and "Drop" in job["message"], job
        assert root.rows(f"SELECT * FROM {view}") == before
        assert root.rows("SELECT id, n FROM app.t ORDER BY id") == [[1, "10"], [2, "20"]], "nothing was replaced"
        root.run(f"DROP VIEW {view}")

    # A column that the backup lacks, one of another type, one that an old view lacks; by name, by * and through the table alone.
    root.run("CREATE VIEW app.reads_late AS SELECT id, late FROM app.t")
    refused("app.reads_late", "app.t", "late")
    root.run("CREATE VIEW app.reads_all AS SELECT * FROM app.t")
    refused("app.reads_all", "app.t", "n", scope="TABLE app.t")
    root.run("CREATE VIEW app.reads_n AS SELECT id FROM app.t WHERE n > 15")
    refused("app.reads_n", "app.t", "n")
    root.run("CREATE VIEW app.base AS SELECT id, 'x' AS extra FROM app.t; CREATE VIEW app.above AS SELECT extra FROM app.base")
    refused("app.above", "app.base", "extra")
    # What the backup can serve stays, and goes on working.
    root.run("CREATE VIEW app.ids AS SELECT id FROM app.t")
    job = restore(root, "NAMESPACE app", path, " OVERWRITE")
    assert job["status"] == "completed", job
    assert root.rows("SELECT * FROM app.ids") == [[1]]
    assert root.rows("SELECT * FROM app.base") == [[1, 10, "then"]]
