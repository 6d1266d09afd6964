"""Storages over HTTP: an S3 server that verifies signatures, secrets that never show, ALTER at once, faults."""
import json
import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))



@pytest.fixture(autouse=True)
def no_faults_left(s3):
    yield
    s3.clear_faults()


def credentials(s3, **changes):
    keys = {"access_key_id": s3.access_key, "secret_access_key": s3.secret_key, **changes}
    return json.dumps({name: value for name, value in keys.items() if value is not None})


def config(s3, **changes):
    return json.dumps({"type": "s3", "endpoint": s3.endpoint, "allow_http": True, "region": s3.region, **changes})


def create(root, name, s3, bucket=None, keys=None, more=""):
    return root.sql(f"CREATE STORAGE {name} TYPE 's3' BUCKET '{bucket or s3.bucket}' "
                    f"CREDENTIALS '{keys or credentials(s3)}' CONFIG '{config(s3)}' {more}")


@pytest.fixture
def storage(root, unique, s3):
    name = unique("s3")
    create(root, name, s3, bucket=f"{s3.bucket}/{name}").expect_ok()
    yield name
    root.sql(f"DROP STORAGE IF EXISTS {name}")


def test_create_tries_the_bucket(root, storage, s3):
    row = root.sql(f"STORAGE CHECK {storage}").expect_ok().dicts[0]
    assert row["status"] == "healthy", row
    assert row["readable"] is row["writable"] is row["listable"] is row["deletable"] is True
    assert row["error"] is None and row["total_bytes"] is None
    assert not [key for key in s3.objects() if key.startswith(storage)], "the check leaves nothing behind"


def test_wrong_credentials_are_refused_without_showing_them(root, unique, s3, server):
    name = unique("s3")
    for keys in (credentials(s3, secret_access_key="Wrong-Secret-zq0815zq"), credentials(s3, access_key_id="AKIA-WRONG-zq0815zq")):
        answer = create(root, name, s3, keys=keys)
        assert answer.status == 400, answer
        assert "Storage connectivity check failed" in answer.message and "does not accept the credentials" in answer.message
        assert "zq0815zq" not in answer.text, answer.text
    assert name not in [row["storage_id"] for row in root.sql("SHOW STORAGES").dicts]
    log = server.output()
    assert "zq0815zq" not in log and s3.secret_key not in log


def test_a_missing_bucket_is_named(root, unique, s3):
    answer = create(root, unique("s3"), s3, bucket="no-such-bucket")
    assert "bucket 'no-such-bucket' does not exist" in answer.message


def test_secrets_show_nowhere(root, alice, storage, s3):
    root.run(f"ALTER STORAGE {storage} SET CONFIG '{config(s3, session_token='Session-Token-zq0815zq')}'")
    for client, sql in ((root, "SHOW STORAGES"), (alice, "SHOW STORAGES"), (root, "SELECT * FROM system.storages"),
                        (root, f"SELECT credentials, config_json FROM system.storages WHERE storage_id = '{storage}'"),
                        (root, f"STORAGE CHECK {storage}")):
        answer = client.sql(sql).expect_ok()
        text = answer.text
        assert s3.secret_key not in text and s3.access_key not in text and "zq0815zq" not in text, sql
    row = [r for r in root.sql("SHOW STORAGES").dicts if r["storage_id"] == storage][0]
    assert row["credentials"] == "***"
    shown = json.loads(row["config_json"])
    assert "session_token" not in shown and shown["endpoint"] == s3.endpoint, "secrets of CONFIG are kept with the credentials"


def test_statements_that_fail_show_no_secrets(root, unique, s3):
    name = unique("s3")
    for sql in (f"CREATE STORAGE {name} TYPE 's3' BUCKET 'b' CREDENTIALS '{{\"secret_access_key\": \"Topsecret-zq0815zq\"}}'",
                f"CREATE STORAGE {name} TYPE 's3' BUCKET 'b' CREDENTIALS '{{Topsecret-zq0815zq'",
                f"CREATE STORAGE {name} TYPE 's3' BUCKET 'b' CONFIG '{{\"secret\": \"Topsecret-zq0815zq\"}}'",
                f"CREATE STORAGE {name} TYPE 'x' CREDENTIALS 'Topsecret-zq0815zq'"):
        answer = root.sql(sql)
        assert answer.status >= 400
        assert "zq0815zq" not in answer.text, answer.text


def test_plain_http_must_be_wanted(root, unique, s3):
    answer = root.sql(f"CREATE STORAGE {unique('s3')} TYPE 's3' BUCKET 'some-bucket' CONFIG '{json.dumps({'endpoint': s3.endpoint})}'")
    assert "allow_http" in answer.message


def test_alter_counts_at_once_and_only_when_it_works(root, storage, s3):
    before = root.sql("SHOW STORAGES").dicts
    wrong = credentials(s3, secret_access_key="wrong")
    root.fails(f"ALTER STORAGE {storage} SET CREDENTIALS '{wrong}'", contains="does not accept the credentials")
    assert root.sql("SHOW STORAGES").dicts == before, "a refused ALTER changes nothing"
    root.run(f"ALTER STORAGE {storage} SET NAME 'renamed' SET CREDENTIALS '{credentials(s3)}'")
    assert root.sql(f"STORAGE CHECK {storage}").dicts[0]["status"] == "healthy"
    after = [row for row in root.sql("SHOW STORAGES").dicts if row["storage_id"] == storage][0]
    assert after["storage_name"] == "renamed" and after["updated_at"] >= after["created_at"]


def test_faults_while_creating(root, unique, s3):
    name = unique("s3")
    s3.fault("status", method="PUT", times=2, status=503)
    create(root, name, s3, bucket=f"{s3.bucket}/{name}").expect_ok()
    s3.fault("status", method="DELETE", times=1, status=403, code="AccessDenied")
    row = root.sql(f"STORAGE CHECK {name}").dicts[0]
    assert row["status"] == "degraded" and row["deletable"] is False and "refuses access" in row["error"]
    s3.fault("status", method="GET", times=100, status=403, code="AccessDenied")
    s3.fault("status", method="HEAD", times=100, status=403)
    other = unique("s3")
    answer = create(root, other, s3)
    assert "Storage health check failed (status degraded" in answer.message
    s3.clear_faults()
    root.run(f"DROP STORAGE {name}")


def test_a_store_that_is_gone(root, storage, s3):
    s3.stop_store()
    try:
        row = root.sql(f"STORAGE CHECK {storage}").expect_ok().dicts[0]
        assert row["status"] == "unreachable" and "busy or failing" in row["error"]
    finally:
        s3.start_store()
    assert root.sql(f"STORAGE CHECK {storage}").dicts[0]["status"] == "healthy"


def test_credentials_from_the_environment_and_a_restart(make_server, s3):
    server = make_server(env={"AWS_ACCESS_KEY_ID": s3.access_key, "AWS_SECRET_ACCESS_KEY": s3.secret_key})
    root = server.root()
    root.run(f"CREATE STORAGE env_keys TYPE 's3' BUCKET 's3://{s3.bucket}/env' REGION '{s3.region}' "
             f"CONFIG '{json.dumps({'endpoint': s3.endpoint, 'allow_http': True})}'")
    create(root, "own_keys", s3, bucket=f"{s3.bucket}/own").expect_ok()
    server.restart()
    root = server.root()
    for name in ("env_keys", "own_keys", "local"):
        assert root.sql(f"STORAGE CHECK {name}").dicts[0]["status"] == "healthy", name
    assert s3.secret_key not in server.output()


def test_virtual_host_addresses(root, unique, s3):
    name = unique("s3")
    root.run(f"CREATE STORAGE {name} TYPE 's3' BUCKET '{s3.bucket}' CREDENTIALS '{credentials(s3)}' "
             f"CONFIG '{config(s3, endpoint=s3.virtual_host_endpoint, path_style=False)}'")
    assert root.sql(f"STORAGE CHECK {name}").dicts[0]["status"] == "healthy"


def test_folders_of_the_database_are_taken(root, unique, server):
    data = server.config["storage"]["data_path"]
    for folder in (data, f"{data}/rocksdb", f"{data}/rocksdb/x", "/", f"{data}/x/../rocksdb"):
        root.fails(f"CREATE STORAGE {unique('st')} TYPE 'filesystem' PATH '{folder}'", contains="database's own folder")


def test_local_is_always_there_and_healthy(root, alice):
    assert root.sql("SHOW STORAGES").dicts[0]["storage_id"] == "local"
    assert alice.sql("SHOW STORAGES").dicts[0]["storage_id"] == "local"
    row = root.sql("STORAGE CHECK local EXTENDED").dicts[0]
    assert row["status"] == "healthy" and int(row["total_bytes"]) > int(row["used_bytes"]) > 0
    alice.fails("STORAGE CHECK local", status=403)
    alice.fails("SELECT * FROM system.storages", status=403)
