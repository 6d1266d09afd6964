"""Frames, limits, liveness and the ends of a socket (realtime 1.5-1.8; RFC 6455)."""
import gzip
import json
import struct
import time

import msgpack
import pytest

from kalam_ws import BINARY, CLOSE, PING, PONG, TEXT, Closed, encode_frame

PING_MESSAGE = b'{"type":"ping"}'


def alive(ws):
    """True when the server still answers on this socket."""
    ws.send_frame(PING, b"alive?")
    while True:
        frame = ws.recv_frame()
        if frame.opcode == PONG:
            return frame.payload == b"alive?"


# --- Frames ---

@pytest.mark.parametrize("payload", [b"", b"x", b"y" * 125])
def test_ping_is_answered_with_the_same_payload(live, payload):
    ws = live.raw()
    ws.send_frame(PING, payload)
    assert ws.recv_frame() == (True, PONG, payload)


def test_ping_inside_a_fragmented_message(live):
    ws = live.socket("alice")
    ws.send_frame(TEXT, b'{"type":"authen', fin=False)
    ws.send_frame(PING, b"1")
    assert ws.recv_frame().payload == b"1"
    ws.send_frame(0, b'ticate","tok', fin=False)
    ws.send_frame(0, b'en":"x"}')
    assert ws.expect("auth_success")["user"] == "alice"


def test_bytes_one_by_one(live):
    ws = live.socket()
    for byte in encode_frame(TEXT, json.dumps({"type": "authenticate", "token": live.tokens["bob"]}).encode()):
        ws.send_raw(bytes([byte]))
    assert ws.expect("auth_success")["user"] == "bob"


def test_many_messages_in_one_packet(live):
    ws = live.socket("alice")
    again = json.dumps({"type": "authenticate", "token": "x"}).encode()
    ws.send_raw(encode_frame(TEXT, again) * 500)
    for _ in range(500):
        ws.expect("auth_success")


@pytest.mark.parametrize("data", [
    encode_frame(TEXT, PING_MESSAGE, mask=False),
    encode_frame(TEXT, PING_MESSAGE, rsv=4), encode_frame(TEXT, PING_MESSAGE, rsv=1),
    encode_frame(3, b""), encode_frame(11, b""),
    encode_frame(0, b"continues nothing"),
    encode_frame(PING, b"x", fin=False), encode_frame(PING, b"x" * 126),
    encode_frame(TEXT, b"a", fin=False) + encode_frame(TEXT, b"b"),
    encode_frame(CLOSE, b"\x03"), encode_frame(CLOSE, struct.pack(">H", 1005)), encode_frame(CLOSE, struct.pack(">H", 999)),
], ids=["unmasked", "rsv1", "rsv3", "opcode 3", "opcode 11", "continuation", "fragmented ping", "long ping", "nested", "close 1 byte",
        "close 1005", "close 999"])
def test_protocol_violations_close_with_1002(live, data):
    ws = live.raw()
    ws.send_raw(data)
    code, reason = ws.expect_close()
    assert code == 1002 and reason


@pytest.mark.parametrize("data", [encode_frame(TEXT, b"\xff\xfe"), encode_frame(TEXT, b"\xc3", fin=False) + encode_frame(0, b"("),
                                  encode_frame(CLOSE, struct.pack(">H", 1000) + b"\xff")], ids=["text", "fragments", "close reason"])
def test_text_that_is_no_utf8_closes_with_1007(live, data):
    ws = live.raw()
    ws.send_raw(data)
    assert ws.expect_close()[0] == 1007


def test_an_endless_message_closes_with_1009(live):
    ws = live.raw()
    ws.send_raw(bytes([0x81, 0xFF]) + struct.pack(">Q", 1 << 40) + b"mask")
    assert ws.expect_close()[0] == 1009


# --- Messages ---

@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"type":"hello"}', '{"no":"type"}', '{"type":"subscribe"}',
                                  '{"type":"subscribe","subscription":{"id":1,"sql":"x"}}', '{"type":"authenticate"}',
                                  '{"type":"authenticate","method":"basic","token":"x"}'])
def test_undecodable_text_closes_with_1011(live, text):
    ws = live.socket("alice")
    ws.send_text(text)
    code, reason = ws.expect_close()
    assert code == 1011 and reason.startswith("Invalid message:")


def test_the_reason_does_not_repeat_a_token(live):
    ws = live.socket()
    ws.send_text('{"type":"authenticate","token":{"hidden-secret":1}}')
    code, reason = ws.expect_close()
    assert code == 1011 and "hidden-secret" not in reason


def test_binary_on_a_json_connection(live):
    for ws in (live.socket("alice"), live.socket()):
        ws.send_frame(BINARY, msgpack.packb({"type": "ping"}))
        assert ws.expect("error") == {"type": "error", "subscription_id": "protocol", "code": "UNSUPPORTED_DATA",
                                      "message": "Binary not supported"}
        assert alive(ws)


def test_messagepack_connection_takes_both_forms(live):
    ws = live.socket("alice", packed=True)
    assert ws.auth["protocol"] == {"serialization": "msgpack", "compression": "gzip"}
    again = {"type": "authenticate", "method": "jwt", "token": "x"}
    ws.send(again)
    ws.expect("auth_success")
    assert ws.last_frame.opcode == TEXT
    ws.send_frame(BINARY, gzip.compress(msgpack.packb(again)))
    ws.expect("auth_success")
    ws.send_text(json.dumps(again))
    ws.expect("auth_success")


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x81\xa4type", msgpack.packb([1]), msgpack.packb({"type": "hello"}), msgpack.packb({1: 2}),
                                  gzip.compress(b"\xc1"), gzip.compress(msgpack.packb({"type": "ping"}))[:-3],
                                  gzip.compress(msgpack.packb({"type": "ping", "x": "y" * (2 << 20)}))],
                         ids=["empty", "invalid", "cut", "array", "unknown", "number key", "gzip of rubbish", "gzip cut", "gzip bomb"])
def test_undecodable_messagepack_keeps_the_socket(live, data):
    ws = live.socket("alice", packed=True)
    ws.send_frame(BINARY, data)
    error = ws.expect("error")
    assert error["subscription_id"] == "protocol" and error["code"] == "UNSUPPORTED_DATA" and error["message"]
    assert ws.last_frame.opcode == TEXT, "errors are JSON text on every connection"
    assert alive(ws)


@pytest.mark.parametrize("blank", ["", "   ", "\t\n"])
def test_blank_subscription_id(live, blank):
    ws = live.socket("alice")
    ws.subscribe(blank, "SELECT * FROM app.t", {})
    assert ws.expect("error") == {"type": "error", "subscription_id": "invalid_subscription", "code": "INVALID_SUBSCRIPTION_ID",
                                  "message": "Subscription ID cannot be empty"}


def test_long_subscription_id(live):
    ws = live.socket("alice")
    ws.subscribe("i" * 513, "SELECT * FROM app.t", {})
    error = ws.expect("error")
    assert error["code"] == "INVALID_SUBSCRIPTION_ID" and "512" in error["message"]


def test_json_ping_has_no_answer(live):
    for ws in (live.socket("alice"), live.socket()):
        ws.ping()
        assert ws.silent(0.3)
        assert alive(ws)


# --- Limits ---

def test_long_message_keeps_the_socket(make_live):
    live = make_live({"security": {"max_ws_message_size": 2000}})
    ws = live.socket("alice")
    expected = {"type": "error", "subscription_id": "protocol", "code": "MESSAGE_TOO_LARGE",
                "message": "Message exceeds maximum size of 2000 bytes"}
    ws.send_text(json.dumps({"type": "ping", "x": "y" * 2000}))
    assert ws.expect("error") == expected
    ws.send_frame(TEXT, b"{" + b" " * 1500, fin=False)
    ws.send_frame(0, b" " * 1500, fin=False)
    assert ws.expect("error") == expected
    ws.send_frame(0, b"}")
    fits = json.dumps({"type": "authenticate", "token": "x"})
    ws.send_text(fits + " " * (2000 - len(fits)))
    ws.expect("auth_success")


def test_default_limit_is_a_mebibyte(live):
    ws = live.socket("alice")
    ws.send_text(" " * (1 << 20) + "{}")
    assert ws.expect("error")["message"] == "Message exceeds maximum size of 1048576 bytes"
    assert alive(ws)


def test_strangers_may_send_less(live):
    ws = live.socket()
    ws.send_text(" " * 100_000)
    assert ws.expect("error")["code"] == "MESSAGE_TOO_LARGE"
    ws.authenticate(live.tokens["alice"])
    ws.expect("auth_success")
    ws.send_text('{"type":"ping"}' + " " * 100_000)
    assert alive(ws)


def test_message_rate(make_live):
    live = make_live({"rate_limit": {"max_messages_per_sec": 10}})
    ws = live.socket("alice")
    ws.send_raw(encode_frame(TEXT, PING_MESSAGE) * 30)
    assert ws.expect("error") == {"type": "error", "subscription_id": "rate_limit", "code": "RATE_LIMIT_EXCEEDED",
                                  "message": "Too many messages"}
    assert alive(ws)
    other = live.socket("alice")
    other.ping()
    assert other.silent(0.2), "the limit is per connection"


def test_a_client_that_does_not_read_its_answers_is_not_read_from(make_live):
    live = make_live({"websocket": {"outbox_bytes": 65536, "client_timeout_secs": 120}})
    ws = live.socket("alice", receive_buffer=4096)
    ws.socket.settimeout(2)
    again = encode_frame(TEXT, json.dumps({"type": "authenticate", "token": "x"}).encode()) * 1000
    sent = 0
    with pytest.raises((TimeoutError, OSError)):
        for _ in range(3000):
            ws.send_raw(again)
            sent += 1000
    # Whatever it managed to send waits in socket buffers, not in the server's memory; it is all answered once it reads.
    ws.socket.settimeout(None)
    for _ in range(min(sent, 5000)):
        assert ws.expect("auth_success")["user"] == "alice" or True
    assert live.client().request("GET", "/health").status == 200


# --- Liveness and ends ---

def test_silence_ends_the_socket(make_live):
    live = make_live({"websocket": {"client_timeout_secs": 1, "heartbeat_interval_secs": 1}})
    quiet, pinging, answering = live.socket("alice"), live.socket("alice"), live.socket("alice")
    started = time.monotonic()
    while time.monotonic() - started < 3.5:
        pinging.ping()
        answering.send_frame(PONG, b"")
        assert pinging.silent(0.3), "a client that pings is never closed"
    assert quiet.expect_close() == (1000, "Heartbeat timeout")
    assert alive(pinging) and alive(answering)


def test_close_is_echoed(live):
    ws = live.raw()
    assert ws.close(4001, "done") == struct.pack(">H", 4001) + b"done"
    ws = live.raw()
    ws.send_frame(CLOSE, b"")
    assert ws.recv_frame() == (True, CLOSE, b"")


def test_nothing_is_answered_after_a_close(live):
    ws = live.raw()
    ws.send_raw(encode_frame(CLOSE, struct.pack(">H", 1000)) + encode_frame(PING, b"x"))
    assert ws.recv_frame().opcode == CLOSE
    with pytest.raises(Closed):
        ws.recv_frame()


def test_graceful_stop(make_live):
    live = make_live()
    sockets = [live.socket("alice"), live.socket("bob", packed=True), live.raw()]
    live.server.process.send_signal(15)
    for ws in sockets:
        assert ws.expect_close() == (1001, "Server shutting down")
    assert live.server.process.wait(30) == 0
    live.server.start()


def test_stop_does_not_wait_for_clients_that_do_not_answer(make_live):
    live = make_live()
    ws = live.socket("alice")
    started = time.monotonic()
    live.server.stop()
    assert time.monotonic() - started < 15
    with pytest.raises(Closed) as closed:
        ws.recv()
    assert closed.value.code == 1001
    live.server.start()
