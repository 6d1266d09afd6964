"""GET /v1/ws: what is upgraded, what is refused (realtime 1.1; http-api 5.2)."""
import asyncio
import json
import socket

import pytest
import websockets

from kalam_ws import LiveSocket, Refused


def test_upgrade_without_credentials(live):
    live.raw()


def test_connections_before_and_after_the_upgrade_share_the_port(live):
    client = live.client()
    assert client.request("GET", "/health").status == 200
    live.socket("alice")
    assert client.request("GET", "/health").status == 200


def test_pipelined_request_is_answered_before_the_upgrade(live):
    key = "dGhlIHNhbXBsZSBub25jZQ=="
    upgrade = (f"GET /v1/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
               f"Sec-WebSocket-Key: {key}\r\nAuthorization: Bearer {live.tokens['alice']}\r\n\r\n").encode()
    with socket.create_connection(("127.0.0.1", live.port), timeout=20) as raw:
        raw.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n" + upgrade)
        data = b""
        while b"auth_success" not in data:
            more = raw.recv(65536)
            assert more, data
            data += more
    first, second = data.index(b"HTTP/1.1 200 OK"), data.index(b"HTTP/1.1 101 Switching Protocols")
    assert first < second < data.index(b"auth_success")
    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in data


def test_frames_sent_together_with_the_request_are_not_lost(live):
    from kalam_ws import encode_frame
    upgrade = (f"GET /v1/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
               f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").encode()
    message = json.dumps({"type": "authenticate", "method": "jwt", "token": live.tokens["alice"]}).encode()
    with socket.create_connection(("127.0.0.1", live.port), timeout=20) as raw:
        raw.sendall(upgrade + encode_frame(1, message))
        data = b""
        while b"auth_success" not in data:
            more = raw.recv(65536)
            assert more, data
            data += more


@pytest.mark.parametrize("headers, status", [
    ({"Upgrade": None}, 426), ({"Upgrade": "h2c"}, 426), ({"Connection": "close"}, 426), ({"Sec-WebSocket-Version": "8"}, 426),
    ({"Sec-WebSocket-Version": None}, 426), ({"Sec-WebSocket-Key": None}, 400), ({"Sec-WebSocket-Key": "abc"}, 400),
])
def test_what_is_no_handshake_is_refused(live, headers, status):
    with pytest.raises(Refused) as refused:
        live.raw(headers=headers)
    assert refused.value.status == status
    if status == 426:
        assert refused.value.headers["upgrade"] == "websocket"


def test_other_methods_are_refused(live):
    response = live.client().request("POST", "/v1/ws", body="")
    assert response.status == 405
    assert response.headers["Allow"] == "GET"


def test_case_and_lists_in_headers(live):
    live.raw(headers={"Upgrade": "WebSocket", "Connection": "keep-alive, UPGRADE"})


def test_origin_list(make_live):
    live = make_live({"security": {"cors": {"allowed_origins": ["https://app.example"]}}})
    live.raw(headers={"Origin": "https://app.example"})
    live.raw()  # native clients send none
    for origin in ("https://evil.example", "https://app.example.evil.example", "null", "http://app.example"):
        with pytest.raises(Refused) as refused:
            live.raw(headers={"Origin": origin})
        assert (refused.value.status, refused.value.body) == (403, "Origin not allowed")


def test_strict_origin_check(make_live):
    live = make_live({"security": {"strict_ws_origin_check": True, "cors": {"allowed_origins": ["https://app.example"]}}})
    live.raw(headers={"Origin": "https://app.example"})
    with pytest.raises(Refused) as refused:
        live.raw()
    assert (refused.value.status, refused.value.body) == (403, "Origin header required")


def test_connection_limit_counts_websockets(make_live):
    live = make_live({"performance": {"max_connections": 6}})
    for client in live.server._clients:
        client.close()
    held = []
    with pytest.raises((Refused, OSError)) as refused:
        for _ in range(20):
            held.append(live.raw())
    assert 1 <= len(held) <= 6
    assert getattr(refused.value, "status", 503) == 503
    for ws in held:
        ws.close()
    for _ in range(50):  # the places are free again as soon as the server has seen the ends
        try:
            live.raw()
            return
        except (Refused, OSError):
            import time
            time.sleep(0.1)
    raise AssertionError("no place became free")


def test_an_independent_client_library(live):
    async def talk():
        headers = {"Authorization": f"Bearer {live.tokens['alice']}"}
        async with websockets.connect(f"ws://127.0.0.1:{live.port}/v1/ws", extra_headers=headers, compression="deflate") as ws:
            hello = json.loads(await ws.recv())
            assert hello["type"] == "auth_success" and hello["user"] == "alice"
            await asyncio.wait_for(await ws.ping(b"are you there"), 10)
            await ws.send(["{\"type\":", "\"ping\"", "}"])  # in fragments
            await ws.send(json.dumps({"type": "authenticate", "method": "jwt", "token": "x"}))
            assert json.loads(await ws.recv())["type"] == "auth_success"
        assert ws.close_code == 1000
    asyncio.run(talk())


def test_many_sockets_come_and_go(live):
    for _ in range(3):
        sockets = [LiveSocket(live.server, token=live.tokens["alice"]) for _ in range(100)]
        for i, ws in enumerate(sockets):
            if i % 2:
                ws.abort()
            else:
                ws.close()
