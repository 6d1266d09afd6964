"""Fixtures of the live suite: a server with callers that may open many sockets, and tokens for them."""
import os
import random
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import kalam_server  # noqa: E402
import kalam_ws  # noqa: E402

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


def create_callers(server):
    """Users and their tokens by name."""
    root = server.root()
    for name, role in ROLES.items():
        root.run(f"CREATE USER {name} WITH PASSWORD '{PASSWORDS[name]}' ROLE {role}")
    return {"root": root.token, **{name: server.client(name, password).token for name, password in PASSWORDS.items()}}


class Live:
    """One server, the tokens of its users, and sockets that are closed at the end of the test."""

    def __init__(self, server, tokens):
        self.server = server
        self.tokens = tokens
        self.sockets = []

    @property
    def port(self):
        return self.server.port

    def raw(self, **options):
        self.sockets.append(kalam_ws.RawSocket(self.server, **options))
        return self.sockets[-1]

    def socket(self, user=None, **options):
        """Authenticated by header when a user is named."""
        token = self.tokens[user] if user else options.pop("token", None)
        self.sockets.append(kalam_ws.LiveSocket(self.server, token=token, **options))
        return self.sockets[-1]

    def client(self, user="root"):
        client = self.server.client()
        client.token = self.tokens[user]
        return client

    def close(self):
        for socket in self.sockets:
            socket.abort()
        self.sockets.clear()


@pytest.fixture(scope="session")
def shared_live():
    with kalam_server.Server() as server:
        yield Live(server, create_callers(server))


@pytest.fixture
def live(shared_live):
    """The shared server; a test that ends it fails here, where the reason shows."""
    shared_live.server.assert_alive()
    yield shared_live
    shared_live.close()
    shared_live.server.assert_alive()


@pytest.fixture
def make_live(request):
    """Servers with a configuration of their own: make_live({"websocket": {...}})."""
    import contextlib
    with contextlib.ExitStack() as stack:
        def make(config=None, **options):
            server = stack.enter_context(kalam_server.Server(config, **options))
            made = Live(server, create_callers(server))
            stack.callback(made.close)
            return made
        yield make
