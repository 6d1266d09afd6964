"""Fixtures of the black-box suite: one shared server with five callers, and servers with a configuration of their own."""
import itertools
import os
import random
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import kalam_server  # noqa: E402
import s3_server  # noqa: E402

PASSWORDS = {"dba_dora": "Dora-pass-1", "service_sam": "Sam-pass-12", "alice": "Alice-pass-1", "bob": "Bob-pass-123"}
ROLES = {"dba_dora": "dba", "service_sam": "service", "alice": "user", "bob": "user"}


def pytest_addoption(parser):
    parser.addoption("--seed", type=int, default=None, help="seed of the random tests")


def pytest_report_header(config):
    if config.getoption("--seed") is None:
        config.option.seed = random.SystemRandom().randrange(1 << 31)
    return f"seed: {config.option.seed} (again with --seed {config.option.seed})"


@pytest.fixture
def rng(request):
    return random.Random(f"{request.config.getoption('--seed')}:{request.node.name}")


def burst(server, ask, count=80, connections=8):
    """ask(client) many times from some connections at once: faster than any limit refills, on a busy machine too."""
    import concurrent.futures
    clients = [server.client() for _ in range(connections)]
    with concurrent.futures.ThreadPoolExecutor(connections) as pool:
        return [answer for part in pool.map(lambda client: [ask(client) for _ in range(count // connections)], clients) for answer in part]


def create_callers(server):
    root = server.root()
    for name, role in ROLES.items():
        root.run(f"CREATE USER {name} WITH PASSWORD '{PASSWORDS[name]}' ROLE {role}")
    return root


@pytest.fixture(scope="module")
def s3():
    with s3_server.S3Server() as server:
        yield server


@pytest.fixture(scope="session")
def shared_server():
    with kalam_server.Server() as server:
        create_callers(server)
        yield server


@pytest.fixture
def server(shared_server):
    """The shared server; a test that ends it fails here, where the reason shows."""
    shared_server.assert_alive()
    yield shared_server
    shared_server.assert_alive()


@pytest.fixture(scope="session")
def callers(shared_server):
    clients = {name: shared_server.client(name, password) for name, password in PASSWORDS.items()}
    clients["root"] = shared_server.root()
    return clients


@pytest.fixture
def root(server, callers):
    return callers["root"]


@pytest.fixture
def dba(server, callers):
    return callers["dba_dora"]


@pytest.fixture
def service(server, callers):
    return callers["service_sam"]


@pytest.fixture
def alice(server, callers):
    return callers["alice"]


@pytest.fixture
def bob(server, callers):
    return callers["bob"]


_counter = itertools.count(1)


@pytest.fixture
def unique():
    """Makes names that no other test uses."""
    return lambda prefix: f"{prefix}_{next(_counter)}"


@pytest.fixture
def ns(root, unique):
    """A fresh namespace, dropped afterwards."""
    name = unique("ns")
    root.run(f"CREATE NAMESPACE {name}")
    yield name
    root.sql(f"DROP NAMESPACE IF EXISTS {name} CASCADE")


@pytest.fixture
def make_user(root, server, unique):
    """make_user("service") -> a logged-in client of a new user (its name is client.user)."""
    def make(role="user", password="Some-pass-1", name=None):
        name = name or unique(f"u_{role}")
        root.run(f"CREATE USER {name} WITH PASSWORD '{password}' ROLE {role}")
        return server.client(name, password)
    return make


@pytest.fixture
def make_server():
    """Servers with a configuration of their own, stopped at the end of the test."""
    started = []

    def make(config=None, start=True, **options):
        made = kalam_server.Server(config, **options)
        started.append(made)
        return made.start() if start else made

    yield make
    problems = []
    for made in started:
        try:
            made.stop()
        except kalam_server.ServerFailed as problem:
            problems.append(str(problem))
        made.remove()
    assert not problems, "\n".join(problems)
