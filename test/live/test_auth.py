"""Both ways to authenticate, their limits, and what happens without (realtime 1.2-1.4, 1.6, 8 Auth)."""
import json
import time

import pytest

from kalam_server import base_config  # noqa: F401  (documents where the limits of this suite come from)
from kalam_ws import TEXT, Closed


def test_header_path_pushes_auth_success_first(live):
    ws = live.socket("alice")
    assert ws.auth == {"type": "auth_success", "user": "alice", "role": "user",
                       "protocol": {"serialization": "json", "compression": "gzip"}}
    assert ws.last_frame.opcode == TEXT
    # Byte for byte: clients of typed languages depend on order only by accident, but nothing else may creep in.
    assert ws.last_frame.payload == (b'{"type":"auth_success","user":"alice","role":"user",'
                                     b'"protocol":{"serialization":"json","compression":"gzip"}}')


@pytest.mark.parametrize("user, role", [("root", "system"), ("dba_dora", "dba"), ("service_sam", "service"), ("bob", "user")])
def test_roles_are_lower_case(live, user, role):
    assert live.socket(user).auth["role"] == role


@pytest.mark.parametrize("token", ["x", "a.b.c"])
def test_bad_token_in_the_header_upgrades_and_is_told_then(live, token):
    ws = live.raw(token=token)
    frame = ws.recv_frame()
    assert frame.opcode == TEXT
    assert json.loads(frame.payload) == {"type": "auth_error", "message": "Invalid credentials"}
    assert ws.expect_close() == (1008, "Authentication failed")


def test_basic_header_is_ignored(live):
    ws = live.socket(headers={"Authorization": "Basic cm9vdDp4"})
    assert ws.silent(0.3)
    ws.authenticate(live.tokens["bob"])
    assert ws.expect("auth_success")["user"] == "bob"


@pytest.mark.parametrize("protocol, echoed", [
    ({"serialization": "json", "compression": "gzip"}, {"serialization": "json", "compression": "gzip"}),
    ({"serialization": "msgpack", "compression": "none"}, {"serialization": "msgpack", "compression": "none"}),
    ({}, {"serialization": "json", "compression": "gzip"}),
    (None, {"serialization": "json", "compression": "gzip"}),
    ({"serialization": "msgpack"}, {"serialization": "msgpack", "compression": "gzip"}),
])
def test_message_path(live, protocol, echoed):
    ws = live.socket()
    ws.authenticate(live.tokens["alice"], protocol)
    reply = ws.expect("auth_success")
    assert ws.last_frame.opcode == TEXT, "always text, on MessagePack connections too"
    assert reply == {"type": "auth_success", "user": "alice", "role": "user", "protocol": echoed}


def test_bad_token_in_a_message(live):
    ws = live.socket()
    ws.authenticate("x.y.z")
    assert ws.expect("auth_error")["message"] == "Invalid credentials"
    assert ws.expect_close() == (1008, "Authentication failed")


def test_refresh_token_is_no_access_token(live):
    client = live.server.client("alice", "Alice-pass-1")
    ws = live.socket()
    ws.authenticate(client.refresh_token)
    assert ws.expect("auth_error")["message"] == "Invalid credentials"


def test_authenticate_twice_is_answered_twice(live):
    ws = live.socket()
    ws.authenticate(live.tokens["alice"], {"serialization": "json", "compression": "none"})
    first = ws.expect("auth_success")
    ws.authenticate("rubbish", {"serialization": "msgpack", "compression": "gzip"})
    assert ws.expect("auth_success") == first, "identity and protocol stay"


def test_subscribe_before_authentication(live):
    ws = live.socket()
    ws.subscribe("s1", "SELECT * FROM app.t", {})
    assert ws.expect("error") == {"type": "error", "subscription_id": "subscribe", "code": "AUTH_REQUIRED",
                                  "message": "Authentication required before subscribing"}
    ws.next_batch("s1", 5)
    ws.unsubscribe("s1")
    ws.ping()
    assert ws.silent(0.3), "dropped without an answer"
    ws.authenticate(live.tokens["alice"])
    ws.expect("auth_success")


def test_silent_socket_is_closed(make_live):
    live = make_live({"websocket": {"auth_timeout_secs": 1}})
    started = time.monotonic()
    ws = live.socket()
    assert ws.expect("auth_error") == {"type": "auth_error",
                                       "message": "Authentication timeout - no auth message received within 1 seconds"}
    assert ws.last_frame.opcode == TEXT
    assert ws.expect_close() == (1008, "Authentication timeout")
    assert time.monotonic() - started >= 1, "not stricter than configured"


def test_pings_do_not_replace_authentication(make_live):
    live = make_live({"websocket": {"auth_timeout_secs": 1}})
    ws = live.socket()
    with pytest.raises((Closed, BrokenPipeError, ConnectionResetError)):
        for _ in range(100):
            ws.ping()
            if not ws.silent(0.1):
                assert ws.expect("auth_error")["message"].startswith("Authentication timeout")
                ws.recv()


def test_attempts_are_limited_per_address(make_live):
    live = make_live({"rate_limit": {"max_auth_requests_per_ip_per_sec": 5}, "auth": {"bcrypt_cost": 4}})
    refused = 0
    for _ in range(30):
        ws = live.socket()
        ws.authenticate("x.y.z")
        message = ws.expect("auth_error")["message"]
        assert message in ("Invalid credentials", "Too many authentication attempts. Please retry shortly.")
        refused += message.startswith("Too many")
        assert ws.expect_close() == (1008, "Authentication failed")
    assert refused > 0


def test_timeouts_can_be_set_in_the_environment(make_live):
    live = make_live(env={"KALAMDB_WEBSOCKET_AUTH_TIMEOUT_SECS": "1"})
    ws = live.socket()
    assert ws.expect("auth_error")["message"].endswith("within 1 seconds")
