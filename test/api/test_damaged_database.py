"""Damaged table files of the hot tier's database: a flipped bit, a page of zeros, a cut or missing file gives the exact answer or a named error, at the start or
when it is read; never a wrong row, never a crash."""
import pathlib
import shutil

import pytest

import kalam_server

ROWS = 20_000
PART = 1000
BODY = "a body that is different for each of the rows: "


def row_of(i):
    return [i, f"{BODY}{i * 7919 % 104729}", i * 7 % 1001]


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A stopped server whose rows stand in table files, and a copy of its data that each test damages anew."""
    config = {"storage": {"write_buffer_bytes": 1 << 20}, "flush": {"check_interval_seconds": 0}}
    server = kalam_server.Server(config)
    server.start()
    root = server.root()
    root.run("CREATE NAMESPACE app; CREATE SHARED TABLE app.t (id BIGINT PRIMARY KEY, body TEXT, n INT)")
    for start in range(0, ROWS, PART):
        root.run("INSERT INTO app.t VALUES " + ", ".join("({}, '{}', {})".format(*row_of(i)) for i in range(start, start + PART)))
    server.stop()
    data = pathlib.Path(server.config["storage"]["data_path"])
    good = tmp_path_factory.mktemp("good") / "data"
    shutil.copytree(data, good)
    assert list(data.rglob("*.sst")), "the rows should have filled some table files"
    yield {"server": server, "data": data, "good": good}
    server.remove()


def flip(data, rng):
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1:]


def zero_page(data, rng):
    at = rng.randrange(max(1, len(data) - 4096))
    return data[:at] + bytes(min(4096, len(data) - at)) + data[at + 4096:]


DAMAGES = [("flip", flip)] * 8 + [("zeros", zero_page)] * 3 + [("cut", lambda data, rng: data[:rng.randrange(len(data))]), ("empty", lambda data, rng: b""), ("gone", None)]


def integers(rows):
    return [[int(cell) if isinstance(cell, str) and cell.lstrip("-").isdigit() else cell for cell in row] for row in rows]


def ask(root, rng):
    """The errors; an answer must be exact."""
    errors = []

    def exact_or_named(sql, expected):
        answer = root.sql(sql)
        if answer.ok:
            assert integers(answer.rows) == expected, f"a wrong answer to {sql}: {answer.text[:300]}"
        else:
            assert answer.status >= 400 and ("storage failed to" in answer.message or "malformed" in answer.message), answer
            errors.append(answer.message)

    rows = [row_of(i) for i in range(ROWS)]
    exact_or_named("SELECT COUNT(*), SUM(n)::BIGINT, MIN(body), MAX(body) FROM app.t", [[ROWS, sum(r[2] for r in rows), min(r[1] for r in rows), max(r[1] for r in rows)]])
    for i in rng.sample(range(ROWS), 40):
        exact_or_named(f"SELECT id, body, n FROM app.t WHERE id = {i}", [rows[i]])
    low = rng.randrange(ROWS - 200)
    exact_or_named(f"SELECT id, body, n FROM app.t WHERE id >= {low} AND id < {low + 200} ORDER BY id", rows[low:low + 200])
    return errors


@pytest.mark.parametrize("number", range(len(DAMAGES)), ids=lambda n: f"{n}-{DAMAGES[n][0]}")
def test_a_damaged_table_file(stored, rng, number):
    name, damage = DAMAGES[number]
    server, data = stored["server"], stored["data"]
    shutil.rmtree(data)
    shutil.copytree(stored["good"], data)
    files = sorted(data.rglob("*.sst"), key=lambda file: -file.stat().st_size)
    file = rng.choice(files[:4] if name == "flip" else files)
    if damage is None:
        file.unlink()
    else:
        file.write_bytes(damage(file.read_bytes(), rng))
    try:
        server.start()
    except kalam_server.ServerFailed as failure:
        # A damage that is seen at once: an orderly refusal that names the database, not a signal.
        code = server.process.returncode if server.process is not None else None
        assert code is not None and code > 0, f"{name} of {file.name}: code {code}\n{failure}"
        output = server.output()
        assert "Cannot open the database" in output or "storage failed to" in output, output[-2000:]
        server.process = None
        return
    errors = []
    login = server.client().request("POST", "/v1/api/auth/login", json_body={"user": "root", "password": server.root_password})
    if login.status == 200:
        errors = ask(server.root(), rng)
    else:
        errors.append(login.text)  # the users themselves are in the damaged part
        assert login.status >= 500, login.text
    server.assert_alive()
    assert errors or name in ("flip", "zeros"), f"{name} of {file.name}: nobody noticed"
    server.stop()


def test_the_undamaged_copy_is_whole(stored, rng):
    server, data = stored["server"], stored["data"]
    shutil.rmtree(data)
    shutil.copytree(stored["good"], data)
    server.start()
    assert ask(server.root(), rng) == []
    server.stop()
