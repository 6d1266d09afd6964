"""A WebSocket client for tests, on a plain socket: it can also send what no proper client would.

    with LiveSocket(server, token) as ws:        # header path: the first frame is auth_success
        ws.subscribe("s1", "SELECT * FROM app.notes", {})
        ack = ws.expect("subscription_ack")

Messages are decoded whatever their form is (text, gzip, MessagePack); `last_frame` tells the form. Standard library only,
but for MessagePack.
"""
import base64
import collections
import gzip
import hashlib
import json
import os
import select
import socket
import struct
import time

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
WAIT_SECONDS = 20

Frame = collections.namedtuple("Frame", "fin opcode payload")


class Refused(Exception):
    """The upgrade was answered with something else than 101."""

    def __init__(self, status, headers, body):
        super().__init__(f"HTTP {status}: {body!r}")
        self.status = status
        self.headers = headers
        self.body = body


class Closed(Exception):
    """The server sent a close frame (code, reason), or hung up without one (code None)."""

    def __init__(self, code, reason):
        super().__init__(f"closed: {code} {reason!r}")
        self.code = code
        self.reason = reason


def encode_frame(opcode, payload=b"", fin=True, mask=True, rsv=0):
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    flag = 0x80 if mask else 0
    if len(payload) <= 125:
        head += bytes([flag | len(payload)])
    elif len(payload) <= 0xFFFF:
        head += bytes([flag | 126]) + struct.pack(">H", len(payload))
    else:
        head += bytes([flag | 127]) + struct.pack(">Q", len(payload))
    if not mask:
        return head + payload
    key = os.urandom(4)
    wide = (key * (len(payload) // 4 + 1))[:len(payload)]
    masked = (int.from_bytes(payload, "big") ^ int.from_bytes(wide, "big")).to_bytes(len(payload), "big") if payload else b""
    return head + key + masked


class RawSocket:
    """Frames over an upgraded connection, without any knowledge of the live protocol."""

    def __init__(self, server, token=None, query="", headers=None, path="/v1/ws", receive_buffer=None):
        self.port = server if isinstance(server, int) else server.port
        self.buffer = bytearray()
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(WAIT_SECONDS)
        self.socket.connect(("127.0.0.1", self.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        key = base64.b64encode(os.urandom(16)).decode()
        sent = {"Host": f"127.0.0.1:{self.port}", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": key}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        sent.update(headers or {})
        lines = [f"GET {path}{'?' + query if query else ''} HTTP/1.1"] + [f"{k}: {v}" for k, v in sent.items() if v is not None]
        self.socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
        status, answered = self._read_head()
        if status != 101:
            length = int(answered.get("content-length", 0))
            body = self._take(length, time.monotonic() + WAIT_SECONDS).decode()
            self.socket.close()
            raise Refused(status, answered, body)
        guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        expected = base64.b64encode(hashlib.sha1((key + guid).encode()).digest()).decode()
        assert answered["sec-websocket-accept"] == expected
        assert answered["upgrade"].lower() == "websocket" and "upgrade" in answered["connection"].lower()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.abort()

    def abort(self):
        """Hangs up without a close frame."""
        self.socket.close()

    # --- bytes ---

    def _read_head(self):
        give_up = time.monotonic() + WAIT_SECONDS
        while b"\r\n\r\n" not in self.buffer:
            self._fill(give_up)
        head, _, rest = bytes(self.buffer).partition(b"\r\n\r\n")
        self.buffer = bytearray(rest)
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {k.strip().lower(): v.strip() for k, v in (line.split(":", 1) for line in lines)}
        return int(first.split(" ")[1]), headers

    def _readable(self, seconds):
        poll = select.poll()  # select() knows no descriptor above 1023
        poll.register(self.socket, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def _fill(self, give_up):
        left = give_up - time.monotonic()
        if left <= 0 or not self._readable(left):
            raise TimeoutError("nothing came from the server")
        try:
            data = self.socket.recv(1 << 18)
        except ConnectionResetError:
            data = b""
        if not data:
            raise Closed(None, "")
        self.buffer += data

    def _take(self, size, give_up):
        while len(self.buffer) < size:
            self._fill(give_up)
        taken = bytes(self.buffer[:size])
        del self.buffer[:size]
        return taken

    # --- frames ---

    def send_raw(self, data):
        self.socket.sendall(data)

    def send_frame(self, opcode, payload=b"", **options):
        self.send_raw(encode_frame(opcode, payload, **options))

    def recv_frame(self, seconds=WAIT_SECONDS):
        give_up = time.monotonic() + seconds
        first, second = self._take(2, give_up)
        assert second & 0x80 == 0, "a server must not mask"
        assert first & 0x70 == 0, "reserved bits"
        length = second & 0x7F
        if length == 126:
            length = struct.unpack(">H", self._take(2, give_up))[0]
            assert length > 125, "a length longer than needed"
        elif length == 127:
            length = struct.unpack(">Q", self._take(8, give_up))[0]
            assert length > 0xFFFF, "a length longer than needed"
        frame = Frame(first & 0x80 != 0, first & 0x0F, self._take(length, give_up))
        assert frame.fin, "the server does not fragment"
        return frame

    def silent(self, seconds):
        """True when nothing comes for so long."""
        if self.buffer:
            return False
        return not self._readable(seconds)

    def expect_close(self, seconds=WAIT_SECONDS):
        """Reads up to the close frame, answers it and waits until the server hangs up. Gives (code, reason)."""
        while True:
            frame = self.recv_frame(seconds)
            if frame.opcode == CLOSE:
                break
        code = struct.unpack(">H", frame.payload[:2])[0] if frame.payload else None
        try:
            self.send_frame(CLOSE, frame.payload[:2])
            self._fill(time.monotonic() + seconds)
        except Closed:
            return code, frame.payload[2:].decode()
        except (BrokenPipeError, ConnectionResetError):
            return code, frame.payload[2:].decode()
        raise AssertionError(f"more bytes after the close frame: {bytes(self.buffer)!r}")

    def close(self, code=1000, reason=""):
        """A proper close. Gives the payload of the server's close frame."""
        self.send_frame(CLOSE, struct.pack(">H", code) + reason.encode())
        while True:
            frame = self.recv_frame()
            if frame.opcode == CLOSE:
                break
        self.socket.close()
        return frame.payload


class LiveSocket(RawSocket):
    """The live protocol. With a token it authenticates by header, and has read auth_success when it is made."""

    def __init__(self, server, token=None, query="", packed=False, **options):
        self.packed = packed
        if packed and "serialization=" not in query:
            query = "&".join(part for part in (query, "serialization=msgpack") if part)
        super().__init__(server, token=token, query=query, **options)
        self.pending = collections.deque()  # read, but skipped by expect()
        self.last_frame = None
        self.auth = None
        if token is not None:
            self.auth = self.expect("auth_success")

    # --- sending ---

    def send(self, message):
        if self.packed:
            import msgpack
            self.send_frame(BINARY, msgpack.packb(message))
        else:
            self.send_frame(TEXT, json.dumps(message).encode())

    def send_text(self, text):
        self.send_frame(TEXT, text.encode() if isinstance(text, str) else text)

    def authenticate(self, token, protocol=None, **more):
        message = {"type": "authenticate", "method": "jwt", "token": token, **more}
        if protocol is not None:
            message["protocol"] = protocol
        self.send_text(json.dumps(message))

    def subscribe(self, id, sql, options=None, **more):
        """`options` None: live changes only."""
        subscription = {"id": id, "sql": sql, **more}
        if options is not None:
            subscription["options"] = options
        self.send({"type": "subscribe", "subscription": subscription})

    def next_batch(self, id, last_seq_id=None):
        self.send({"type": "next_batch", "subscription_id": id, "last_seq_id": last_seq_id})

    def unsubscribe(self, id):
        self.send({"type": "unsubscribe", "subscription_id": id})

    def ping(self):
        self.send({"type": "ping"})

    # --- receiving ---

    def decode(self, frame):
        if frame.opcode == TEXT:
            return json.loads(frame.payload.decode("utf-8", "strict"))
        payload = frame.payload
        zipped = payload[:2] == b"\x1f\x8b"
        if zipped:
            payload = gzip.decompress(payload)
        if not self.packed:
            assert zipped, "a binary frame of a JSON connection must be gzip"
            return json.loads(payload)
        import msgpack
        return msgpack.unpackb(payload, strict_map_key=True)

    def recv(self, seconds=WAIT_SECONDS):
        """The next message. Raises Closed at a close frame, TimeoutError when none comes."""
        if self.pending:
            return self.pending.popleft()
        return self._recv(time.monotonic() + seconds)

    def _recv(self, give_up):
        while True:
            frame = self.recv_frame(max(give_up - time.monotonic(), 0.001))
            if frame.opcode == PING:
                self.send_frame(PONG, frame.payload)
            elif frame.opcode == CLOSE:
                code = struct.unpack(">H", frame.payload[:2])[0] if frame.payload else None
                raise Closed(code, frame.payload[2:].decode())
            elif frame.opcode in (TEXT, BINARY):
                self.last_frame = frame
                return self.decode(frame)

    def expect(self, type, id=None, seconds=WAIT_SECONDS):
        """The next message, which must be of this type and, when given, of this subscription."""
        message = self.recv(seconds)
        assert message.get("type") == type and (id is None or message.get("subscription_id") == id), \
            f"wanted {type} of {id}, got {json.dumps(message)[:1500]}"
        return message

    def next_of(self, id, seconds=WAIT_SECONDS):
        """The next message of one subscription; others are kept for later."""
        for i, message in enumerate(self.pending):
            if message.get("subscription_id") == id:
                del self.pending[i]
                return message
        give_up = time.monotonic() + seconds
        while True:
            message = self._recv(give_up)
            if message.get("subscription_id") == id:
                return message
            self.pending.append(message)

    def snapshot(self, id, pull=True):
        """Reads ack and all pages of a subscription. Gives (ack, pages); asks for each page when `pull`."""
        ack = self.next_of(id)
        assert ack["type"] == "subscription_ack", ack
        pages = []
        while True:
            page = self.next_of(id)
            assert page["type"] == "initial_data_batch", page
            pages.append(page)
            control = page["batch_control"]
            if not control["has_more"]:
                return ack, pages
            if pull:
                self.next_batch(id, control["last_seq_id"])
