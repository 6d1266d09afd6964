"""Starts a real S3 server for tests, behind a gate that verifies every signature and can misbehave on demand.

    with S3Server() as s3:
        s3.endpoint, s3.bucket, s3.access_key, s3.secret_key
        s3.fault(method="PUT", mode="status", status=503, times=2)

The server is s3rver (third_party/s3_test_server, fetched by `./dev s3-server`). It takes any signature of version 4, so the
gate in front of it computes the signature and the hash of the body itself and refuses what does not match, as a store
does. The gate also maps virtual-host addresses (bucket.localhost) to paths, and does what s3rver does not do as
stores do: it lists objects in the order of their keys' bytes, aborts uploads, and refuses unknown ones.

As a program it prints "ready ENDPOINT BUCKET ACCESS SECRET", then reads commands from standard input, one JSON object a line,
answers each with one line, and ends when its input does. For tests in other languages.
"""
import collections
import datetime
import hashlib
import hmac
import http.client
import http.server
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

import kalam_files

SOURCE_ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = SOURCE_ROOT / "third_party/s3_test_server"
SERVER = PACKAGES / "node_modules/s3rver/bin/s3rver.js"
BUCKET = "kalam-test"
ACCESS_KEY = "AKIATESTKALAM0000001"
SECRET_KEY = "secret/of+tests0123456789abcdefghijklmno"
REGION = "us-east-1"
SKEW_SECONDS_MAX = 900


class Refused(Exception):
    def __init__(self, status, code):
        super().__init__(code)
        self.status, self.code = status, code


def uri_encode(text, keep=""):
    return urllib.parse.quote(text, safe="-_.~" + keep)


def _hmac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def canonical_query(query):
    pairs = [part.partition("=")[::2] for part in query.split("&")] if query else []
    encoded = [(uri_encode(urllib.parse.unquote(k)), uri_encode(urllib.parse.unquote(v))) for k, v in pairs]
    return "&".join(f"{k}={v}" for k, v in sorted(encoded))


def signature_v4(method, path, query, headers, signed, body_hash, timestamp, date, region, service, secret):
    """The signature as the documents of AWS define it. `headers` by lower-case name."""
    lines = [method, path, canonical_query(query)]
    lines += [f"{name}:{' '.join(headers.get(name, '').split())}" for name in signed]
    lines += ["", ";".join(signed), body_hash]
    scope = f"{date}/{region}/{service}/aws4_request"
    to_sign = "\n".join(["AWS4-HMAC-SHA256", timestamp, scope, hashlib.sha256("\n".join(lines).encode()).hexdigest()])
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = _hmac(key, part)
    return hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()


def verify(method, target, headers, body, access_key, secret_key, region, session_token):
    """Raises Refused unless the request is signed with these keys, for this region, now, over this body."""
    given = headers.get("authorization")
    if not given:
        raise Refused(403, "AccessDenied")
    match = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, ?"
        r"SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})", given)
    if not match:
        raise Refused(400, "AuthorizationHeaderMalformed")
    key, date, signed_region, service, signed, signature = match.groups()
    if key != access_key:
        raise Refused(403, "InvalidAccessKeyId")
    if signed_region != region or service != "s3":
        raise Refused(400, "AuthorizationHeaderMalformed")
    if session_token and headers.get("x-amz-security-token") != session_token:
        raise Refused(400, "InvalidToken")
    timestamp = headers.get("x-amz-date", "")
    try:
        sent_at = datetime.datetime.strptime(timestamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
    except ValueError:
        raise Refused(403, "AccessDenied") from None
    if abs(sent_at.timestamp() - time.time()) > SKEW_SECONDS_MAX or not timestamp.startswith(date):
        raise Refused(403, "RequestTimeTooSkewed")
    names = signed.split(";")
    must = {"host", *(name for name in headers if name.startswith("x-amz-"))}
    if not must <= set(names) or names != sorted(names):
        raise Refused(403, "AccessDenied")
    body_hash = headers.get("x-amz-content-sha256", "")
    if body_hash != "UNSIGNED-PAYLOAD" and body_hash != hashlib.sha256(body).hexdigest():
        raise Refused(400, "XAmzContentSHA256Mismatch")
    path, _, query = target.partition("?")
    canonical = uri_encode(urllib.parse.unquote(path), "/")
    expected = signature_v4(method, canonical, query, headers, names, body_hash, timestamp, date, region, "s3", secret_key)
    if not hmac.compare_digest(expected, signature):
        raise Refused(403, "SignatureDoesNotMatch")


class Gate(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 120
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def refuse(self, status, code):
        body = f"<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>no</Message></Error>".encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", "0" if self.command == "HEAD" else str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def handle_one(self):
        s3 = self.server.s3
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        s3.count(self.command, self.path)
        rule = s3.take_fault(self.command, self.path)
        mode = rule["mode"] if rule else None
        if mode == "status":
            return self.refuse(rule["status"], rule.get("code", "SlowDown" if rule["status"] == 503 else "InternalError"))
        if mode == "drop":
            self.close_connection = True
            return None
        if mode == "hang":
            s3.stopping.wait(rule.get("seconds", 60))
            self.close_connection = True
            return None
        if s3.verifies:
            try:
                verify(self.command, self.path, headers, body, s3.access_key, s3.secret_key, s3.region, s3.session_token)
            except Refused as refused:
                return self.refuse(refused.status, refused.code)
        path = self.path
        host = headers.get("host", "").split(":")[0]
        if host.endswith(".localhost"):
            path = "/" + host[: -len(".localhost")] + path
        upload = urllib.parse.parse_qs(path.partition("?")[2]).get("uploadId", [None])[0]
        if upload and upload not in s3.pending_uploads():
            return self.refuse(404, "NoSuchUpload")
        if upload and self.command == "DELETE":
            shutil.rmtree(pathlib.Path(s3.folder) / s3.bucket / "._S3rver_uploads" / upload)
            status, reply_headers, reply = 204, [], b""
        elif self.command == "GET" and "list-type=2" in path.partition("?")[2] and path.startswith(f"/{s3.bucket}/?"):
            status, reply_headers, reply = s3.list_objects(urllib.parse.parse_qs(path.partition("?")[2], keep_blank_values=True))
        else:
            status, reply_headers, reply = s3.forward(self.command, path, headers, body)
        if mode == "lose":  # done, but nobody hears of it
            self.close_connection = True
            return None
        self.send_response(status)
        for name, value in reply_headers:
            if name.lower() not in ("transfer-encoding", "connection", "content-length", "date", "keep-alive"):
                self.send_header(name, value)
        length = next((v for n, v in reply_headers if n.lower() == "content-length"), "0")
        self.send_header("Content-Length", length if self.command == "HEAD" else str(len(reply)))
        self.end_headers()
        if self.command == "HEAD":
            return None
        if mode == "cut":
            self.wfile.write(reply[: len(reply) // 2])
            self.close_connection = True
        elif mode == "slow":
            for start in range(0, len(reply), 1024):
                self.wfile.write(reply[start : start + 1024])
                if s3.stopping.wait(rule.get("pause", 0.05)):
                    break
        else:
            self.wfile.write(reply)
        return None

    def run(self):
        try:
            self.handle_one()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = run


class GateServer(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass


class S3Server:
    def __init__(self, bucket=BUCKET, access_key=ACCESS_KEY, secret_key=SECRET_KEY, region=REGION, session_token=None,
                 verifies=True):
        self.bucket, self.access_key, self.secret_key = bucket, access_key, secret_key
        self.region, self.session_token, self.verifies = region, session_token, verifies
        self.folder = None
        self.process = None
        self.gate = None
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._faults = []
        self._counts = collections.Counter()
        self._local = threading.local()

    def start(self):
        if not SERVER.exists():
            raise RuntimeError("the S3 test server is not installed: run ./dev s3-server")
        self.folder = tempfile.mkdtemp(prefix="kalam-s3-")
        self.start_store()
        self.gate = GateServer(("127.0.0.1", 0), Gate)
        self.gate.s3 = self
        threading.Thread(target=self.gate.serve_forever, daemon=True).start()
        return self

    def start_store(self):
        self.process = subprocess.Popen(
            ["node", str(SERVER), "-d", self.folder, "-a", "127.0.0.1", "-p", "0", "-s", "--no-vhost-buckets",
             "--configure-bucket", self.bucket], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for line in self.process.stdout:
            if "listening on" in line:
                self.store_port = int(line.rsplit(":", 1)[1])
                return
        raise RuntimeError("the S3 test server did not start")

    def stop_store(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)

    def stop(self):
        self.stopping.set()
        if self.gate:
            self.gate.shutdown()
            self.gate.server_close()
        self.stop_store()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.gate.server_address[1]}"

    @property
    def virtual_host_endpoint(self):
        return f"http://localhost:{self.gate.server_address[1]}"

    def fault(self, mode, method=None, contains="", times=1, **more):
        """The next `times` requests of that method whose target contains the text fail as `mode` says: status, drop, hang, lose, cut, slow."""
        with self._lock:
            self._faults.append({"mode": mode, "method": method, "contains": contains, "times": times, **more})

    def clear_faults(self):
        with self._lock:
            self._faults.clear()

    def take_fault(self, method, target):
        with self._lock:
            for rule in self._faults:
                if rule["times"] > 0 and rule["method"] in (None, method) and rule["contains"] in target:
                    rule["times"] -= 1
                    return dict(rule)
        return None

    def count(self, method, target):
        with self._lock:
            self._counts[method] += 1

    def counts(self):
        with self._lock:
            return dict(self._counts)

    def objects(self):
        """Keys as the store has them on disk."""
        suffix = "._S3rver_object"
        root = pathlib.Path(self.folder) / self.bucket
        return sorted(str(p.relative_to(root))[: -len(suffix)] for p in kalam_files.below(root, suffix))

    def list_objects(self, query):
        if self.process.poll() is not None:
            return 503, [], b"<Error><Code>ServiceUnavailable</Code></Error>"
        one = lambda name, default="": query.get(name, [default])[0]
        prefix, after, limit = one("prefix"), one("start-after"), int(one("max-keys", "1000"))
        keys = [k for k in sorted(self.objects(), key=str.encode) if k.startswith(prefix) and k.encode() > after.encode()]
        root = pathlib.Path(self.folder) / self.bucket
        xml = [f"<ListBucketResult><Name>{self.bucket}</Name><EncodingType>url</EncodingType>",
               f"<IsTruncated>{str(len(keys) > limit).lower()}</IsTruncated>"]
        for key in keys[:limit]:
            try:
                stat = (root / f"{key}._S3rver_object").stat()
                etag = (root / f"{key}._S3rver_object.md5").read_text()
            except FileNotFoundError:
                continue
            at = datetime.datetime.fromtimestamp(stat.st_mtime, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
            xml.append(f"<Contents><Key>{urllib.parse.quote_plus(key)}</Key><LastModified>{at}</LastModified>"
                       f"<ETag>&quot;{etag}&quot;</ETag><Size>{stat.st_size}</Size></Contents>")
        xml.append("</ListBucketResult>")
        return 200, [("Content-Type", "application/xml")], "".join(xml).encode()

    def pending_uploads(self):
        root = pathlib.Path(self.folder) / self.bucket / "._S3rver_uploads"
        return sorted(p.name for p in root.iterdir()) if root.exists() else []

    def forward(self, method, path, headers, body):
        kept = {n: v for n, v in headers.items() if n in ("range", "content-type", "x-amz-content-sha256", "if-match")}
        connection = http.client.HTTPConnection("127.0.0.1", self.store_port, timeout=60)
        try:
            connection.request(method, path, body=body, headers=kept)
            reply = connection.getresponse()
            return reply.status, reply.getheaders(), reply.read()
        except (ConnectionError, http.client.HTTPException):
            return 503, [], b"<Error><Code>ServiceUnavailable</Code></Error>"
        finally:
            connection.close()


def main():
    with S3Server() as s3:
        print("ready", s3.endpoint, s3.bucket, s3.access_key, s3.secret_key, flush=True)
        commands = {
            "fault": lambda **more: s3.fault(**more),
            "clear": lambda: s3.clear_faults(),
            "counts": lambda: s3.counts(),
            "objects": lambda: s3.objects(),
            "uploads": lambda: s3.pending_uploads(),
            "stop_store": lambda: s3.stop_store(),
            "start_store": lambda: s3.start_store(),
        }
        for line in sys.stdin:
            command = json.loads(line)
            print(json.dumps(commands[command.pop("do")](**command)), flush=True)


if __name__ == "__main__":
    main()
