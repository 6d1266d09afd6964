#!/usr/bin/env python3
"""Ends the server right after each step of flush, compaction, removal, backup, restore and of a job's states, starts it again and compares.

Steps are the CrashPoint calls of the server ("crash:restore.rows@2" ends it at the second passing). For each one: the same prepared
data, a statement that starts the job, the end of the process at that step, a start, and then: rows are those from before or those from after,
never a mix, as the step demands; the job's state is what the restart rules say; the work can be done again; no file is left over.

    points.py [--only TEXT] [--list] [--keep] [--canary]

--canary expects the rows from before where those from after must be; the run succeeds only if that is noticed.
"""
import argparse
import hashlib
import http.client
import json
import pathlib
import shutil
import signal
import struct
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))

import kalam_files  # noqa: E402
import kalam_server  # noqa: E402

SECONDS_MAX = 20
ROWS = 5_000  # of the shared table: three chunks of a flush, five batches of a restore
TERMINAL = ("completed", "failed", "cancelled", "skipped")
RESTARTED = "Server restarted during execution"
CONFIG = {"flush": {"check_interval_seconds": 0}, "jobs": {"retry_backoff_ms": 200}}


class Wrong(Exception):
    """The database is not what it must be."""


def expect(condition, what):
    if not condition:
        raise Wrong(what)


class Points:
    def __init__(self, options):
        self.options = options
        self.server = kalam_server.Server(CONFIG)
        self.data = self.server.data_dir / "data"
        self.saved = self.server.data_dir / "saved"
        self.backups = self.server.data_dir / "backups"
        self.states = {}  # name of a prepared state -> rows of all tables
        self.wanted_before = None

    # --- prepared data: "hot", then "cold" (three files, dead rows), then "changed" with a backup of "cold"; and "objects", a backup of "cold" with a view, a
    # topic, a user and a storage, of which "changed" never heard

    def prepare(self):
        self.server.start()
        root = self.root = self.server.root()
        root.run("CREATE NAMESPACE app; CREATE SHARED TABLE app.t (v TEXT, id INT PRIMARY KEY, n BIGINT); "
                 "CREATE USER TABLE app.u (id INT PRIMARY KEY, n BIGINT); CREATE USER alice WITH PASSWORD 'Alice-pass-1' ROLE user")
        self.insert(range(0, ROWS))
        self.server.client("alice", "Alice-pass-1").run("INSERT INTO app.u VALUES (1, 10), (2, 20), (3, 30)")
        self.save("hot")
        self.job("STORAGE FLUSH TABLE app.t")
        self.job("STORAGE FLUSH TABLE app.u")
        for start in (ROWS, ROWS + 500):
            self.insert(range(start, start + 500))
            self.job("STORAGE FLUSH TABLE app.t")
        root.run("DELETE FROM app.t WHERE id % 3 = 0; UPDATE app.t SET n = -1 WHERE id % 7 = 0; INSERT INTO app.t VALUES ('hot', 100000, 1)")
        self.save("cold")
        self.job(f"BACKUP DATABASE TO '{self.backups}/cold'")
        root.run("UPDATE app.t SET v = 'later' WHERE id < 100; DELETE FROM app.t WHERE id > 5000; ALTER TABLE app.t ADD COLUMN late INT DEFAULT 9; "
                 "INSERT INTO app.t VALUES ('more', 200000, 2, 3)")
        self.server.client("alice", "Alice-pass-1").run("DELETE FROM app.u WHERE id = 1")
        self.save("changed")
        self.damage_second_table(self.backups / "cold", self.backups / "damaged")
        self.old_objects = self.objects()
        self.server.stop()
        shutil.rmtree(self.data)
        shutil.copytree(self.saved / "cold", self.data)
        self.server.start()
        root = self.root = self.server.root()
        root.run("CREATE VIEW app.w AS SELECT id, v FROM app.t WHERE id < 10; CREATE TOPIC app.feed; CREATE USER carol WITH PASSWORD 'Carol-pass-1' ROLE user; "
                 f"CREATE STORAGE extra TYPE 'filesystem' PATH '{self.server.data_dir}/extra'")
        self.job(f"BACKUP DATABASE TO '{self.backups}/objects'")
        self.new_objects = self.objects()
        expect(all(set(old) < set(self.new_objects[kind]) for kind, old in self.old_objects.items()), f"{self.old_objects} {self.new_objects}")
        self.server.stop()

    def insert(self, ids):
        for start in range(ids.start, ids.stop, 500):
            self.root.run("INSERT INTO app.t VALUES " + ", ".join(f"('v{i}', {i}, {i % 11})" for i in range(start, min(start + 500, ids.stop))))

    def save(self, name):
        self.states[name] = self.rows()
        self.server.stop()
        shutil.copytree(self.data, self.saved / name)
        self.server.start()
        self.root = self.server.root()

    @staticmethod
    def damage_second_table(source, target):
        """A backup whose hashes fit, but whose table app.u holds no rows: found only while it is staged."""
        shutil.copytree(source, target)
        manifest = json.loads((target / "backup.json").read_text())
        entry = next(t for t in manifest["tables"] if t["name"] == "u")["files"][0]
        rows = bytearray((target / entry["path"]).read_bytes())
        key_size = struct.unpack_from("<I", rows, 8)[0]
        rows[8 + 4 + key_size + 4] ^= 0x10  # the format byte of the first row
        (target / entry["path"]).write_bytes(rows)
        entry["sha256"] = hashlib.sha256(rows).hexdigest()
        (target / "backup.json").write_text(json.dumps(manifest))

    # --- tools

    def rows(self):
        """All rows of both tables, hers included; None for a table that is not there. Point reads must agree with the scan."""
        state = {}
        for name, client in (("t", self.root), ("u", self.server.client("alice", "Alice-pass-1"))):
            reply = client.sql(f"SELECT * FROM app.{name} ORDER BY id")
            # Without _seq: restored rows get new ones.
            state[name] = [{k: v for k, v in row.items() if not k.startswith("_")} for row in reply.dicts] if reply.ok else None
            if not reply.ok:
                expect(reply.status == 404 or "not" in reply.message, f"{reply}")
                continue
            expect(int(client.value(f"SELECT COUNT(*) FROM app.{name}")) == len(state[name]), "COUNT(*) disagrees with the rows")
            by_id = {row["id"]: row for row in state[name]}
            expect(len(by_id) == len(state[name]), "a key is there twice")
            for key in list(by_id)[:: max(1, len(by_id) // 20)] + [0, 3, 5001, 999_999]:
                found = [{k: v for k, v in row.items() if not k.startswith("_")} for row in client.run(f"SELECT * FROM app.{name} WHERE id = {key}").dicts]
                expect(found == ([by_id[key]] if key in by_id else []), f"{name} {key}: {found}")
        return state

    def objects(self):
        """What there is beside tables, by name; what a name stands for must work."""
        lists = {"views": "SELECT table_name FROM information_schema.views WHERE table_schema = 'app'", "topics": "SELECT topic_id FROM system.topics",
                 "users": "SELECT user_id FROM system.users", "storages": "SELECT storage_id FROM system.storages"}
        found = {kind: sorted(row[0] for row in self.root.rows(sql)) for kind, sql in lists.items()}
        if "w" in found["views"]:
            expect(self.root.rows("SELECT id FROM app.w ORDER BY id") == self.root.rows("SELECT id FROM app.t WHERE id < 10 ORDER BY id"), "the view reads something else")
        if "carol" in found["users"]:
            expect(self.server.client("carol", "Carol-pass-1").rows("SELECT id FROM app.u") == [], "carol is another one")
        if "extra" in found["storages"]:
            self.root.run("STORAGE CHECK extra")
        return found

    def is_state(self, name):
        if self.options.canary and name == self.canary_state:
            name = "hot"
        rows = self.rows()
        for table, wanted in self.states[name].items():
            found = rows[table]
            expect(found == wanted, f"table {table} is not as in state '{name}': {None if found is None else len(found)} rows, wanted {len(wanted)}")

    canary_state = "changed"

    def start_job(self, sql):
        message = self.root.run(sql).result["message"]
        marker = "Job ID: " if "Job ID: " in message else "Cleanup job: "
        return message.split(marker)[1].split()[0].rstrip(".")

    def end_of(self, job_id):
        give_up = time.monotonic() + SECONDS_MAX
        while time.monotonic() < give_up:
            rows = self.root.run(f"SELECT * FROM system.jobs WHERE job_id = '{job_id}'").dicts
            if not rows:
                return None
            if rows[0]["status"] in TERMINAL:
                return rows[0]
            time.sleep(0.01)
        raise Wrong(f"{job_id} does not end: {rows[0]}")

    def job(self, sql, status="completed"):
        ended = self.end_of(self.start_job(sql))
        expect(ended["status"] == status, f"{sql}: {ended}")
        return ended

    def jobs_ended(self):
        """Waits until no job is left to do; the jobs, newest last."""
        give_up = time.monotonic() + SECONDS_MAX
        while time.monotonic() < give_up:
            jobs = self.root.run("SELECT * FROM system.jobs ORDER BY created_at").dicts
            if all(job["status"] in TERMINAL for job in jobs):
                return jobs
            time.sleep(0.02)
        raise Wrong(f"jobs do not end: {jobs}")

    def crash_at(self, state, step, act):
        """The state, a server that ends at the step, the act that brings it there."""
        shutil.rmtree(self.data)
        shutil.copytree(self.saved / state, self.data)
        self.server.extra_env = {"KALAMDB_FAULTS": f"crash:{step}"}
        self.server.start()
        self.root = self.server.root()
        self.known = {job["job_id"] for job in self.root.run("SELECT job_id FROM system.jobs").dicts}
        try:
            act(self)
        except (OSError, http.client.HTTPException):
            pass  # it died before it answered
        self.await_death(step)
        self.restart()

    def await_death(self, step):
        try:
            code = self.server.process.wait(SECONDS_MAX)
        except subprocess.TimeoutExpired:
            raise Wrong(f"the step {step} never came") from None
        expect(code == -signal.SIGKILL, f"the server ended with code {code}:\n{self.server.output()[-2000:]}")
        self.server.kill()

    def restart(self):
        self.server.extra_env = {}
        self.server.start()
        self.root = self.server.root()

    def job_is(self, kind, status, message=None):
        """The one job of that kind since the crash began."""
        mine = [j for j in self.jobs_ended() if j["job_id"] not in self.known and j["job_type"] == kind]
        if status is None:
            expect(not mine, f"a job that nobody was told of: {mine}")
            return
        expect(len(mine) == 1 and mine[0]["status"] == status, f"wanted one {kind} job, {status}: {mine}")
        if message:
            expect(message in mine[0]["message"], f"{mine[0]}")

    def no_file_is_left(self):
        """Parquet files are those of live segments, and staging folders are empty."""
        give_up = time.monotonic() + SECONDS_MAX
        while True:
            disk = {str(p.relative_to(self.data / "storage")) for p in kalam_files.below(self.data / "storage", ".parquet")}
            listed = set()
            for manifest in kalam_files.below(self.data / "storage", "manifest.json"):
                for segment in json.loads(manifest.read_text())["segments"]:
                    if segment["status"] == "committed":
                        listed.add(str((manifest.parent / pathlib.Path(segment["path"]).name).relative_to(self.data / "storage")))
            if disk == listed:
                return
            expect(time.monotonic() < give_up, f"files that no manifest names: {sorted(disk - listed)}; named but missing: {sorted(listed - disk)}")
            time.sleep(0.05)

    # --- what must be true after a crash at a step of ...

    def flush(self, step):
        self.crash_at("hot", step, lambda p: p.start_job("STORAGE FLUSH TABLE app.t"))
        self.is_state("hot")
        self.job_is("flush", None if step == "job.deciding.flush.queued" else "completed")
        self.is_state("hot")
        if "Job ID" in self.root.run("STORAGE FLUSH TABLE app.t").result["message"]:
            self.jobs_ended()
        self.after_work("hot")

    def compact(self, step):
        self.crash_at("cold", step, lambda p: p.start_job("STORAGE COMPACT TABLE app.t"))
        self.is_state("cold")
        self.job_is("compact", None if step == "job.deciding.compact.queued" else "completed")
        self.is_state("cold")
        self.job("STORAGE COMPACT TABLE app.t")
        self.after_work("cold")

    def after_work(self, state):
        self.is_state(state)
        self.no_file_is_left()
        self.root.run("UPDATE app.t SET v = 'after' WHERE id = 1; DELETE FROM app.t WHERE id = 2; INSERT INTO app.t VALUES ('new', 2, 2)")
        self.root.fails("INSERT INTO app.t VALUES ('twice', 1, 1)", contains="Primary key violation")
        found = self.root.rows("SELECT id, v FROM app.t WHERE id < 3 AND id > 0 ORDER BY id")
        expect(found == [[1, "after"], [2, "new"]], f"{found}")

    def cleanup(self, step):
        self.crash_at("cold", step, lambda p: p.root.run("DROP TABLE app.t"))
        reply = self.root.sql("SELECT COUNT(*) FROM app.t")
        expect(not reply.ok, "the dropped table is back")
        give_up = time.monotonic() + SECONDS_MAX
        while files := [p for p in kalam_files.below(self.data / "storage", ".parquet") if p.parent.name == "t" or "/t/" in str(p)]:
            expect(time.monotonic() < give_up, f"nobody removes {files}")
            time.sleep(0.05)
        self.jobs_ended()
        self.root.run("CREATE SHARED TABLE app.t (id INT PRIMARY KEY); INSERT INTO app.t VALUES (1)")
        expect(self.root.rows("SELECT id FROM app.t") == [[1]], "a new table of the name is not empty")

    def backup(self, step):
        target = self.server.data_dir / "new-backup"
        shutil.rmtree(target, ignore_errors=True)
        self.crash_at("cold", step, lambda p: p.start_job(f"BACKUP DATABASE TO '{target}'"))
        self.is_state("cold")
        if step == "job.deciding.backup.queued":
            self.job_is("backup", None)
        elif step in ("job.stored.backup.queued", "job.deciding.backup.running", "job.stored.backup.completed"):
            self.job_is("backup", "completed")
        else:
            self.job_is("backup", "failed", RESTARTED)
        if not (target / "backup.json").exists():
            if target.exists():
                ended = self.job(f"RESTORE DATABASE FROM '{target}' OVERWRITE", status="failed")
                expect("holds no complete backup" in ended["message"], f"{ended}")
                self.is_state("cold")
            self.job(f"BACKUP DATABASE TO '{target}'")
        self.root.run("DROP TABLE app.t; DELETE FROM app.u WHERE id > 0")
        self.job(f"RESTORE DATABASE FROM '{target}' OVERWRITE")
        self.is_state("cold")

    def restore(self, step):
        self.crash_at("changed", step, lambda p: p.start_job(f"RESTORE DATABASE FROM '{p.backups}/cold' OVERWRITE"))
        self.after_restore(step)

    def restore_objects(self, step):
        """Tables, views, topics, users and storages come together or not at all."""
        restore = f"RESTORE DATABASE FROM '{self.backups}/objects' OVERWRITE"
        self.crash_at("changed", step, lambda p: p.start_job(restore))
        happened = step in ("restore.durable", "restore.users_shown", "restore.shown", "restore.visible")
        self.is_state("cold" if happened else "changed")
        expect(self.objects() == (self.new_objects if happened else self.old_objects), f"{self.objects()}")
        if happened:
            self.job_is("restore", "completed", "Restore completed")
        else:
            self.job_is("restore", "failed", RESTARTED)
            self.job(restore)
        self.jobs_ended()
        self.is_state("cold")
        expect(self.objects() == self.new_objects, f"{self.objects()}")
        self.no_file_is_left()

    def restore_swept_twice(self, step):
        """The next start is ended too, while it sweeps."""
        self.crash_at_twice("changed", "restore.rows@3", step)
        self.after_restore("restore.rows@3")

    def crash_at_twice(self, state, step, second):
        restart, self.restart = self.restart, lambda: None
        try:
            self.crash_at(state, step, lambda p: p.start_job(f"RESTORE DATABASE FROM '{p.backups}/cold' OVERWRITE"))
        finally:
            self.restart = restart
        self.server.extra_env = {"KALAMDB_FAULTS": f"crash:{second}"}
        self.server.spawn()
        self.await_death(second)
        self.restart()

    def after_restore(self, step):
        happened = step in ("restore.visible", "restore.cleanup", "job.deciding.restore.completed", "job.stored.restore.completed")
        waiting = step in ("job.stored.restore.queued", "job.deciding.restore.running")
        if not waiting:
            self.is_state("cold" if happened else "changed")
        if step == "job.deciding.restore.queued":
            self.job_is("restore", None)
        elif happened or waiting:
            self.job_is("restore", "completed", "Restore completed")
        else:
            self.job_is("restore", "failed", RESTARTED)
        self.is_state("cold" if happened or waiting else "changed")
        if not happened and not waiting:
            self.job(f"RESTORE DATABASE FROM '{self.backups}/cold' OVERWRITE")
        self.jobs_ended()
        self.is_state("cold")
        self.no_file_is_left()
        self.root.run("INSERT INTO app.t VALUES ('back', 300000, 1)")

    def failing_restore(self, step):
        self.crash_at("changed", step, lambda p: p.start_job(f"RESTORE DATABASE FROM '{p.backups}/damaged' OVERWRITE"))
        self.is_state("changed")
        self.job_is("restore", "failed", None if step == "job.stored.restore.failed" else RESTARTED)
        self.job(f"RESTORE DATABASE FROM '{self.backups}/damaged' OVERWRITE", status="failed")
        self.is_state("changed")
        self.job(f"RESTORE DATABASE FROM '{self.backups}/cold' OVERWRITE")
        self.is_state("cold")

    def retry(self, step):
        """A job that fails for now: its wait and its end as cancelled survive."""
        target = self.server.data_dir / ("x" * 300)  # no file system has such names; a failure that may pass, for all that a job knows

        def act(points):
            job = points.start_job(f"BACKUP DATABASE TO '{target}'")
            if "cancelled" in step:
                while points.root.value(f"SELECT status FROM system.jobs WHERE job_id = '{job}'") != "retrying":
                    time.sleep(0.01)
                points.root.run(f"KILL JOB '{job}'")

        self.crash_at("cold", step, act)
        if step == "job.stored.backup.cancelled":
            self.job_is("backup", "cancelled", "Cancelled by")
        elif step == "job.deciding.backup.retrying":
            self.job_is("backup", "failed", RESTARTED)
        else:
            self.job_is("backup", "failed", "Max retries exceeded")
        self.is_state("cold")

    # --- the list

    @staticmethod
    def job_steps(kind, end="completed"):
        return [f"job.{when}.{kind}.{status}" for status in ("queued", "running", end) for when in ("deciding", "stored")]

    def scenarios(self):
        segment = ["segment.recorded", "segment.written", "segment.put", "segment.live", "segment.chunk", "segment.chunk@2", "segment.moved", "manifest.put"]
        removal = ["removal.retired", "removal.file", "removal.record"]
        lists = [
            (self.flush, self.job_steps("flush") + segment),
            (self.compact, self.job_steps("compact") + segment + removal + ["removal.file@2", "removal.record@3"]),
            (self.cleanup, self.job_steps("cleanup") + removal + ["removal.file@2"]),
            (self.backup, self.job_steps("backup") + ["backup.definitions", "backup.file", "backup.file@2", "backup.verified", "backup.files", "backup.manifest"]),
            (self.restore, self.job_steps("restore") + ["restore.verified", "restore.reserved", "restore.reserved@2", "restore.rows", "restore.rows@3", "restore.staged",
                                                        "restore.visible", "restore.cleanup"]),
            (self.restore_objects, ["restore.definitions", "restore.users", "restore.topics", "restore.objects", "restore.durable", "restore.users_shown", "restore.shown",
                                    "restore.visible"]),
            (self.restore_swept_twice, ["restore.sweep"]),
            (self.failing_restore, ["restore.failed", "restore.unstaged", "job.deciding.restore.failed", "job.stored.restore.failed"]),
            (self.retry, ["job.deciding.backup.retrying", "job.stored.backup.retrying", "job.deciding.backup.cancelled", "job.stored.backup.cancelled"]),
        ]
        return [(check, step) for check, steps in lists for step in steps if self.options.only in f"{check.__name__} {step}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="only scenarios whose name holds this text, as --list shows them")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--keep", action="store_true", help="keep the data folder of a failed run")
    parser.add_argument("--canary", action="store_true", help="spoil one expectation; succeeds only if that is noticed")
    options = parser.parse_args()
    points = Points(options)
    if options.canary:
        options.only = options.only or "restore restore.staged"
    scenarios = points.scenarios()
    if options.list:
        print("\n".join(f"{check.__name__} {step}" for check, step in scenarios))
        return 0
    failed = []
    try:
        points.prepare()
        for check, step in scenarios:
            started = time.monotonic()
            try:
                check(step)
                points.server.stop()
                verdict = "ok"
            except (Wrong, kalam_server.ServerFailed, AssertionError) as problem:
                failed.append(f"{check.__name__} {step}")
                verdict = f"WRONG: {problem}"
                if points.server.process is not None:
                    points.server.kill()
            print(f"{check.__name__} {step}: {verdict} ({time.monotonic() - started:.1f} s)", flush=True)
            if failed and options.keep:
                points.server.owns_data_dir = False
                print(f"data kept in {points.server.data_dir}")
                break
    finally:
        points.server.remove()
    if options.canary:
        print("canary noticed" if failed else "the spoiled expectation was not noticed")
        return 0 if failed else 1
    print(f"{len(scenarios) - len(failed)} of {len(scenarios)} crash points are good" + (f"; wrong: {', '.join(failed)}" if failed else ""))
    return 1 if failed or not scenarios else 0


if __name__ == "__main__":
    sys.exit(main())
