"""Flush and compaction of rows that are large beside engine.memory_limit: what a job needs does not grow with the table."""
import kalam_jobs

MIB = 1 << 20


def config(memory_limit):
    return {"engine": {"memory_limit": memory_limit}, "jobs": {"retry_backoff_ms": 1}}


def text_of(size):
    """An SQL expression: texts of about that size, another one in each row."""
    return f"repeat(md5('t' || range), {size // 32})"


def test_large_rows_are_flushed_with_little_memory(make_server):
    root = make_server(config(32 * MIB)).root()
    root.run("CREATE NAMESPACE a; CREATE SHARED TABLE a.t (id BIGINT PRIMARY KEY, v TEXT)")
    for begin in range(0, 4000, 250):  # 40 MB: less than one row group by its rows
        root.run(f"INSERT INTO a.t SELECT range, {text_of(10_000)} FROM range({begin}, {begin + 250})")
    root.run(f"INSERT INTO a.t SELECT range, {text_of(2_000_000)} FROM range(4000, 4002)")
    root.run("INSERT INTO a.t SELECT range, 'small' FROM range(4002, 20000)")
    job = kalam_jobs.run(root, "STORAGE FLUSH TABLE a.t")
    assert "(20000 rows, 1 files)" in job["message"], job
    assert root.rows("SELECT COUNT(*), SUM(strlen(v)) FROM a.t") == [["20000", str(4000 * 9984 + 2 * 2_000_000 + 15_998 * 5)]]
    assert root.rows("SELECT id, strlen(v), left(v, 32) = md5('t4001') FROM a.t WHERE id = 4001") == [["4001", "2000000", True]]


def test_too_little_memory_for_a_row_names_the_limit(make_server):
    server = make_server(config(256 * MIB))
    root = server.root()
    root.run("CREATE NAMESPACE a; CREATE SHARED TABLE a.t (id BIGINT PRIMARY KEY, v TEXT)")
    root.run(f"INSERT INTO a.t SELECT range, {text_of(15_000_000)} FROM range(2)")
    server.config["engine"]["memory_limit"] = 16 * MIB
    server.restart()
    root = server.root()
    job = kalam_jobs.run(root, "STORAGE FLUSH TABLE a.t", status="failed")
    assert "engine.memory_limit" in job["message"] and str(16 * MIB) in job["message"] and "raise" in job["message"], job
    assert root.rows("SELECT id FROM a.t ORDER BY id") == [["0"], ["1"]]
    server.config["engine"]["memory_limit"] = 256 * MIB
    server.restart()
    root = server.root()
    kalam_jobs.run(root, "STORAGE FLUSH TABLE a.t")
    assert root.rows("SELECT COUNT(*), SUM(strlen(v)) FROM a.t") == [["2", "30000000"]]


def test_files_larger_than_the_memory_together_are_compacted(make_server):
    """Six files of 8 MB with 24 MB of memory: in key order they are one after the other; else as many as can be sorted."""
    root = make_server({**config(24 * MIB), "flush": {"check_interval_seconds": 0}}).root()
    root.run("CREATE NAMESPACE a; CREATE SHARED TABLE a.apart (id BIGINT PRIMARY KEY, v TEXT); CREATE SHARED TABLE a.mixed (id BIGINT PRIMARY KEY, v TEXT)")
    for part in range(6):
        for begin in range(0, 800, 200):
            first = part * 800 + begin
            root.run(f"INSERT INTO a.apart SELECT range, {text_of(10_000)} FROM range({first}, {first + 200})")
            root.run(f"INSERT INTO a.mixed SELECT range * 6 + {part}, {text_of(10_000)} FROM range({begin}, {begin + 200})")
        kalam_jobs.run(root, "STORAGE FLUSH TABLE a.apart")
        kalam_jobs.run(root, "STORAGE FLUSH TABLE a.mixed")
    for part in range(4):  # these can be sorted together
        root.run(f"INSERT INTO a.mixed SELECT 100000 + range * 4 + {part}, 'v' FROM range(50)")
        kalam_jobs.run(root, "STORAGE FLUSH TABLE a.mixed")
    sums = {t: root.rows(f"SELECT COUNT(*), SUM(strlen(v)), SUM(id), MAX(v) FROM a.{t}") for t in ("apart", "mixed")}
    assert "(6 -> 1 files)" in kalam_jobs.run(root, "STORAGE COMPACT TABLE a.apart")["message"]
    assert "(10 -> 7 files)" in kalam_jobs.run(root, "STORAGE COMPACT TABLE a.mixed")["message"]
    assert "(7 -> 6 files)" in kalam_jobs.run(root, "STORAGE COMPACT TABLE a.mixed")["message"]  # the new one is apart from one of the others
    assert "(6 -> 6 files)" in kalam_jobs.run(root, "STORAGE COMPACT TABLE a.mixed")["message"]  # nothing that cannot help
    root.run("DELETE FROM a.mixed WHERE id < 4800 AND id % 6 = 2 AND id % 4 <> 0")
    sums["mixed"] = root.rows("SELECT COUNT(*), SUM(strlen(v)), SUM(id), MAX(v) FROM a.mixed")
    kalam_jobs.run(root, "STORAGE COMPACT TABLE a.mixed")  # a file alone is rewritten whatever its size
    for table, before in sums.items():
        assert root.rows(f"SELECT COUNT(*), SUM(strlen(v)), SUM(id), MAX(v) FROM a.{table}") == before
        assert root.rows(f"SELECT strlen(v) FROM a.{table} WHERE id = 4799") == [["9984"]]
