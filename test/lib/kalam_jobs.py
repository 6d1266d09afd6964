"""Jobs as clients see them: which one a statement started, and how it ended."""
import re
import time

SECONDS_MAX = 60
TERMINAL = ("completed", "failed", "cancelled", "skipped")


def ids_of(message):
    return re.findall(r"\b[A-Z]{2}-[0-9a-f]{12}\b", message)


def id_of(message):
    ids = ids_of(message)
    assert len(ids) == 1, f"not one job: {message}"
    return ids[0]


def ended(client, job_id):
    """The job's row in system.jobs once it is in a terminal state."""
    give_up = time.monotonic() + SECONDS_MAX
    while True:
        rows = client.run(f"SELECT * FROM system.jobs WHERE job_id = '{job_id}'").dicts
        assert len(rows) == 1, f"job {job_id} is not in system.jobs"
        if rows[0]["status"] in TERMINAL:
            return rows[0]
        assert time.monotonic() < give_up, f"job {job_id} does not end: {rows[0]}"
        time.sleep(0.02)  # between two looks: the loop ends on the event or on the deadline


def run(client, sql, status="completed"):
    """Runs a statement that starts one job; the job's row at its end."""
    job = ended(client, id_of(client.run(sql).result["message"]))
    assert job["status"] == status, job
    return job
