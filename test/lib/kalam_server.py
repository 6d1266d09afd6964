"""Starts a KalamDB server for tests and talks to it over HTTP. Standard library only.

    with Server({"limits": {"max_insert_rows": 5}}) as server:
        root = server.root()
        root.run("CREATE NAMESPACE app")

The binary is named by the environment variable KALAMDB_SERVER (ctest sets it), else build/release/bin/kalamdb-server.
"""
import base64
import collections
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.parse

SOURCE_ROOT = pathlib.Path(__file__).resolve().parents[2]
JWT_SECRET = "a-secret-only-for-tests-0123456789-abcdefghijklmnop"
ROOT_PASSWORD = "Root-pass-1"
START_SECONDS_MAX = float(os.environ.get("KALAMDB_TEST_START_SECONDS", "60"))
STOP_SECONDS_MAX = 60


def server_binary():
    named = os.environ.get("KALAMDB_SERVER") or os.environ.get("KALAM_SERVER")
    return pathlib.Path(named) if named else SOURCE_ROOT / "build/release/bin/kalamdb-server"


class ServerFailed(Exception):
    """The server did not start, or ended by itself. The message holds the end of its output."""


def _toml_value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml_value(v) for v in value) + "]"
    return json.dumps(str(value))


def to_toml(config):
    """{"server": {"port": 0}, "security": {"cors": {...}}} as TOML text."""
    lines = []

    def table(prefix, entries):
        scalars = {k: v for k, v in entries.items() if not isinstance(v, dict)}
        if prefix and (scalars or not entries):
            lines.append(f"[{prefix}]")
        for key, value in scalars.items():
            lines.append(f"{key} = {_toml_value(value)}")
        for key, value in entries.items():
            if isinstance(value, dict):
                table(f"{prefix}.{key}" if prefix else key, value)

    table("", config)
    return "\n".join(lines) + "\n"


def free_port():
    """A port below the range from which the system takes client ports, so that no connection sits on it by chance."""
    while True:
        port = random.SystemRandom().randrange(10_000, 32_000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


def merge(base, changes):
    """A deep copy of `base` with `changes` laid over it."""
    merged = {k: merge(v, {}) if isinstance(v, dict) else v for k, v in base.items()}
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = merge(value, {}) if isinstance(value, dict) else value
    return merged


def base_config(data_dir):
    no_limit = 1_000_000
    return {
        "server": {"host": "127.0.0.1", "port": 0},  # 0: free_port() at each start
        "storage": {"data_path": str(data_dir), "durability": "os"},
        "limits": {},
        "logging": {"logs_path": str(pathlib.Path(data_dir) / "logs"), "level": "info"},
        "performance": {},
        "rate_limit": {
            "max_queries_per_sec": no_limit,
            "max_auth_requests_per_ip_per_sec": no_limit,
            "max_requests_per_ip_per_sec": no_limit,
            "max_connections_per_ip": 10_000,
            "enable_connection_protection": False,
        },
        "auth": {"jwt_secret": JWT_SECRET, "bcrypt_cost": 4},
    }


class Server:
    """One server process on one data folder. Not running until start(); usable as a context manager."""

    def __init__(self, config=None, root_password=ROOT_PASSWORD, data_dir=None, env=None, binary=None):
        self.binary = pathlib.Path(binary) if binary else server_binary()
        self.owns_data_dir = data_dir is None
        self.data_dir = pathlib.Path(data_dir or tempfile.mkdtemp(prefix="kalam-test-"))
        self.root_password = root_password
        self.extra_env = dict(env or {})
        self.config = merge(base_config(self.data_dir / "data"), config or {})
        if root_password is not None:
            self.config["auth"].setdefault("root_password", root_password)
        self.log_path = self.data_dir / "server.out"
        self.process = None
        self.port = None
        self._clients = []

    # --- process ---

    def _environment(self):
        env = {k: v for k, v in os.environ.items() if not k.startswith("KALAMDB_")}
        env.update(self.extra_env)
        return env

    def spawn(self):
        """Starts the process without waiting for it."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        (self.data_dir / "data").mkdir(exist_ok=True)
        config_path = self.data_dir / "server.toml"
        self.port = self.config["server"]["port"] or free_port()
        config_path.write_text(to_toml(merge(self.config, {"server": {"port": self.port}})))
        self._log_start = self.log_path.stat().st_size if self.log_path.exists() else 0
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([str(self.binary), str(config_path)], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT, env=self._environment(), cwd=self.data_dir)

    def start(self):
        for attempt in range(5):
            self.spawn()
            try:
                self.wait_ready()
                return self
            except ServerFailed:
                # Another process may have taken the port in between; anything else is a failure.
                taken = self.config["server"]["port"] == 0 and str(self.port) in self.output() and "in use" in self.output()
                if not taken or attempt == 4:
                    raise
        return self

    def output(self):
        """What the process printed since its last start."""
        try:
            return self.log_path.read_bytes()[self._log_start:].decode("utf-8", "replace")
        except FileNotFoundError:
            return ""

    def wait_ready(self, seconds=START_SECONDS_MAX):
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up:
            if self.process.poll() is not None:
                raise ServerFailed(f"server ended with code {self.process.returncode} while starting:\n{self.output()[-4000:]}")
            try:
                if Client(self.url, timeout=5).request("GET", "/health").status == 200:
                    return
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.01)  # poll interval, not a guess: the loop ends on the event or on the deadline
        self.kill()
        raise ServerFailed(f"server not ready after {seconds} s:\n{self.output()[-4000:]}")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def assert_alive(self):
        if not self.alive():
            code = None if self.process is None else self.process.returncode
            raise ServerFailed(f"the server ended with code {code}:\n{self.output()[-4000:]}")

    def stop(self):
        """Graceful stop; the exit code must be 0."""
        if self.process is None:
            return
        process, self.process = self.process, None
        self._close_clients()
        if process.poll() is not None:
            raise ServerFailed(f"the server had ended with code {process.returncode}:\n{self.output()[-4000:]}")
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise ServerFailed(f"server did not stop within {STOP_SECONDS_MAX} s:\n{self.output()[-4000:]}") from None
        if code != 0:
            raise ServerFailed(f"server stopped with code {code}:\n{self.output()[-4000:]}")

    def kill(self):
        """kill -9."""
        if self.process is not None:
            process, self.process = self.process, None
            process.kill()
            process.wait()
        self._close_clients()

    def restart(self, kill=False):
        """Stops (or kills) and starts on the same data. Clients made by client() find the new port by themselves."""
        if kill:
            self.kill()
        else:
            self.stop()
        self.start()

    def remove(self):
        if self.process is not None:
            self.kill()
        if self.owns_data_dir:
            shutil.rmtree(self.data_dir, ignore_errors=True)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.remove()
            raise

    def __exit__(self, kind, value, trace):
        try:
            if kind is None:
                self.stop()
            else:
                self.kill()
        finally:
            self.remove()

    # --- clients ---

    def client(self, user=None, password=None, **options):
        """A client of this server; logged in when a user is named."""
        made = Client(lambda: self.url, **options)
        self._clients.append(made)
        if user is not None:
            made.login(user, password).expect(200)
        return made

    def root(self):
        return self.client("root", self.root_password)

    def _close_clients(self):
        for client in self._clients:
            client.close()


Response = collections.namedtuple("Response", "status headers body")


class HttpResponse(Response):
    """status, headers (case-insensitive), body (bytes)."""
    __slots__ = ()

    def json(self):
        return json.loads(self.body)

    def expect(self, status):
        assert self.status == status, f"HTTP {self.status}, wanted {status}: {self.body[:2000]!r}"
        return self

    def header_list(self, name):
        return self.headers.get_all(name) or []


class SqlReply:
    """The answer of POST /v1/api/sql."""

    def __init__(self, response, sql):
        self.status = response.status
        self.headers = response.headers
        self.text = response.body.decode("utf-8", "strict")
        self.sql = sql
        try:
            self.body = json.loads(self.text)
        except ValueError:
            raise AssertionError(f"HTTP {self.status} with a body that is no JSON: {self.text[:500]!r} for {sql[:300]!r}") from None

    @property
    def ok(self):
        return self.status == 200 and self.body.get("status") == "success"

    def expect_ok(self):
        assert self.ok, f"HTTP {self.status}: {self.text[:1500]}\n  for {self.sql[:1000]}"
        return self

    @property
    def results(self):
        return self.body.get("results", [])

    @property
    def result(self):
        assert len(self.results) == 1, f"{len(self.results)} results: {self.text[:1000]}"
        return self.results[0]

    @property
    def rows(self):
        for result in self.results:
            if "rows" in result:
                return result["rows"]
        raise AssertionError(f"no rows in {self.text[:1000]}")

    @property
    def columns(self):
        for result in self.results:
            if "rows" in result:
                return [c["name"] for c in result["schema"]]
        raise AssertionError(f"no rows in {self.text[:1000]}")

    @property
    def dicts(self):
        names = self.columns
        return [dict(zip(names, row)) for row in self.rows]

    @property
    def row_count(self):
        return self.result["row_count"]

    @property
    def affected(self):
        return self.result["rows_affected"]

    @property
    def error(self):
        return self.body.get("error") or {}

    @property
    def code(self):
        return self.error.get("code")

    @property
    def message(self):
        return self.error.get("message", "")

    @property
    def details(self):
        return self.error.get("details")

    def __repr__(self):
        return f"SqlReply({self.status}, {self.text[:600]})"


class Client:
    """One keep-alive connection, for one thread. Never sends a request twice."""

    IDLE_SECONDS_MAX = 20  # a connection idle for longer is opened anew before it is used

    def __init__(self, url, token=None, timeout=120, headers=None):
        self._url = url if callable(url) else (lambda: url)
        self.token = token
        self.refresh_token = None
        self.timeout = timeout
        self.headers = dict(headers or {})
        self.user = None
        self._connection = None
        self._connected_to = None
        self._last_used = 0.0

    def close(self):
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self):
        url = self._url()
        idle = time.monotonic() - self._last_used
        if self._connection is not None and (url != self._connected_to or idle > self.IDLE_SECONDS_MAX):
            self.close()
        if self._connection is None:
            parts = urllib.parse.urlsplit(url)
            self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=self.timeout)
            self._connected_to = url
        return self._connection

    def request(self, method, path, body=None, headers=None, json_body=None):
        """`headers`: added as they are; a value None removes a default one."""
        sent = dict(self.headers)
        if json_body is not None:
            body = json.dumps(json_body)
            sent["Content-Type"] = "application/json"
        for key, value in (headers or {}).items():
            if value is None:
                sent.pop(key, None)
            else:
                sent[key] = value
        if isinstance(body, str):
            body = body.encode()
        connection = self._connect()
        try:
            connection.request(method, path, body=body, headers=sent)
            reply = connection.getresponse()
            data = reply.read()
        except BaseException:
            self.close()
            raise
        self._last_used = time.monotonic()
        if reply.will_close:
            self.close()
        return HttpResponse(reply.status, reply.headers, data)

    def login(self, user, password, **more):
        response = self.request("POST", "/v1/api/auth/login", json_body={"user": user, "password": password, **more})
        if response.status == 200:
            body = response.json()
            self.token = body["access_token"]
            self.refresh_token = body.get("refresh_token")
            self.user = user
        return response

    def bearer(self, token=None):
        token = token if token is not None else self.token
        return {"Authorization": f"Bearer {token}"} if token else {}

    def sql(self, text, params=None, namespace=None, token=None, headers=None, **fields):
        """Sends the SQL; `fields` are added to the JSON body."""
        body = {"sql": text}
        if params is not None:
            body["params"] = params
        if namespace is not None:
            body["namespace_id"] = namespace
        body.update(fields)
        sent = self.bearer(token)
        sent.update(headers or {})
        return SqlReply(self.request("POST", "/v1/api/sql", json_body=body, headers=sent), text)

    def run(self, text, params=None, namespace=None, **options):
        """sql() that must succeed."""
        return self.sql(text, params, namespace, **options).expect_ok()

    def rows(self, text, params=None, namespace=None, **options):
        return self.run(text, params, namespace, **options).rows

    def value(self, text, params=None, namespace=None, **options):
        rows = self.rows(text, params, namespace, **options)
        assert len(rows) == 1 and len(rows[0]) == 1, f"not one value: {rows!r}"
        return rows[0][0]

    def fails(self, text, params=None, namespace=None, status=None, code=None, contains=None, **options):
        """sql() that must be refused; checks what is given. `code`: one name or several; `contains`: case-insensitive texts."""
        reply = self.sql(text, params, namespace, **options)
        about = f"HTTP {reply.status}: {reply.text[:1500]}\n  for {text[:1000]}"
        assert reply.status >= 400 and reply.body.get("status") == "error", f"was not refused: {about}"
        assert reply.status != 500, f"internal error: {about}"
        if status is not None:
            assert reply.status == status, f"wanted HTTP {status}: {about}"
        if code is not None:
            wanted = (code,) if isinstance(code, str) else tuple(code)
            assert reply.code in wanted, f"wanted code {' or '.join(wanted)}: {about}"
        for part in ((contains,) if isinstance(contains, str) else contains or ()):
            assert part.lower() in reply.message.lower(), f"wanted {part!r} in the message: {about}"
        return reply


# --- tokens ---

def _b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def make_token(claims, secret=JWT_SECRET, header=None, signature=None):
    """A JWT with exactly these claims. `header` replaces the usual one; `signature` (text) replaces the HS256 signature."""
    head = {"alg": "HS256", "typ": "JWT"} if header is None else header
    signed = _b64(json.dumps(head).encode()) + "." + _b64(json.dumps(claims).encode())
    if signature is None:
        digest = {"HS384": hashlib.sha384, "HS512": hashlib.sha512}.get(head.get("alg"), hashlib.sha256)
        signature = _b64(hmac.new(secret.encode(), signed.encode(), digest).digest())
    return f"{signed}.{signature}"


def claims_for(user, role, token_type="access", lifetime=3600, **more):
    now = int(time.time())
    claims = {"sub": user, "iss": "kalamdb", "exp": now + lifetime, "iat": now, "email": None, "role": role, "token_type": token_type}
    claims.update(more)
    return {k: v for k, v in claims.items() if v is not ...}


def decode_token(token):
    header, claims, _ = token.split(".")
    pad = lambda text: text + "=" * (-len(text) % 4)
    return json.loads(base64.urlsafe_b64decode(pad(header))), json.loads(base64.urlsafe_b64decode(pad(claims)))


def quote(text):
    """`text` as an SQL string literal."""
    return "'" + str(text).replace("'", "''") + "'"
