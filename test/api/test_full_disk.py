"""A full disk: reads stay up, writes get a clear error, and go on by themselves once there is room again (on a small tmpfs)."""
import os
import pathlib
import subprocess

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


def fill(folder, leave):
    path = pathlib.Path(folder) / "filler"
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
