"""Limits that come from the configuration: connections, lockout, addresses."""
import http.client
import json
import socket
import time

from conftest import burst


def test_connections_of_the_server(make_server):
    server = make_server({"performance": {"max_connections": 4}})
    held = [http.client.HTTPConnection("127.0.0.1", server.port, timeout=30) for _ in range(4)]
    for connection in held:
        connection.request("GET", "/health")
        assert connection.getresponse().read()
    one_more = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    one_more.request("GET", "/health")
    reply = one_more.getresponse()
    body = json.loads(reply.read())
    assert reply.status == 503 and reply.headers["Retry-After"] == "5"
    assert body["error"] == "TOO_MANY_CONNECTIONS" and body["max"] == 4 and body["current"] == 5 and body["message"]
    held.pop().close()
    give_up = time.monotonic() + 30
    while True:  # the server learns of the close by its own event
        again = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        again.request("GET", "/health")
        status = again.getresponse().status
        again.close()
        if status == 200:
            break
        assert time.monotonic() < give_up, "a closed connection makes room"


def test_lockout(make_server):
    server = make_server({"auth": {"max_failed_logins": 2, "lockout_minutes": 7}})
    root = server.root()
    root.run("CREATE USER locked WITH PASSWORD 'Right-pass-1' ROLE user")
    client = server.client()
    for _ in range(2):
        assert client.login("locked", "wrong").json()["error"] == "unauthorized"
    refused = client.login("locked", "Right-pass-1")
    assert refused.status == 401 and refused.json() == {"error": "account_locked", "message": "7 minute(s)"}
    root.run("ALTER USER locked SET PASSWORD 'Right-pass-2'")  # an administrator's reset unlocks
    assert client.login("locked", "Right-pass-2").status == 200


def logins(server, address):
    count = iter(range(1, 1_000_000))
    return burst(server, lambda client: client.request("POST", "/v1/api/auth/login", json_body={"user": "nobody", "password": "x"}, headers={"X-Forwarded-For": address(next(count))}))


def test_an_ipv6_network_counts_as_one_client(make_server):
    server = make_server({"rate_limit": {"max_auth_requests_per_ip_per_sec": 1}})
    same = logins(server, lambda n: f"2001:db8:1:2::{n:x}")
    assert any(reply.status == 429 for reply in same), "addresses of one /64 share a limit"
    server = make_server({"rate_limit": {"max_auth_requests_per_ip_per_sec": 1}})
    apart = logins(server, lambda n: f"2001:db8:1:{n:x}::1")
    # The hashing queue refuses some of so many at once, whoever asks.
    assert sum(reply.status == 401 for reply in apart) > sum(reply.status == 401 for reply in same)


def test_idle_sockets_without_a_request_are_closed(make_server):
    server = make_server({"performance": {"client_request_timeout": 1}})
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as waiting:
        waiting.sendall(b"POST /v1/api/sql HTTP/1.1\r\nHost: h\r\n")
        assert waiting.recv(4096) is not None  # 408 or the end of the connection, but not forever
