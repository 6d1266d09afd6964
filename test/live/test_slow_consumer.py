"""One of a thousand sockets stops reading: no loss for the others, bounded memory, no slower writer, and it is caught up."""
import json
import os
import resource
import selectors
import struct

import pytest

SOCKETS = 1_000
COMMITS, ROWS_PER_COMMIT, BODY_BYTES = 60, 2, 1_000
BULK_ROWS, BULK_BYTES = 100, 2_000  # per commit, for the slow socket alone: more than all buffers between hold
# Under AddressSanitizer freed memory stays resident in its quarantine, by default 256 MiB of it.
LITTLE_QUARANTINE = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=8"}


def resident_bytes(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


class Tally:
    """Frames of one socket as they come: how many changes, and the ids in order."""

    def __init__(self, ws):
        self.ws, self.left, self.ids = ws, bytearray(), []

    def read(self):
        data = self.ws.socket.recv(1 << 18)
        assert data, "the server hung up"
        self.left += data
        at = 0
        while len(self.left) - at >= 4:
            assert self.left[at] == 0x81 and self.left[at + 1] == 126, "a text frame of some kilobytes"
            size = struct.unpack_from(">H", self.left, at + 2)[0]
            if len(self.left) - at - 4 < size:
                break
            body = bytes(self.left[at + 4:at + 4 + size])
            assert body.startswith(b'{"type":"change","subscription_id":"s","change_type":"insert","rows":[{"id":')
            self.ids.append(int(body[76:body.index(b",", 76)]))
            at += 4 + size
        del self.left[:at]


@pytest.mark.parametrize("returns", [True, False], ids=["reads again", "never reads again"])
def test_one_of_a_thousand_stops_reading(make_live, returns):
    live = make_live({"websocket": {"outbox_bytes": 65536, "client_timeout_secs": 120}, "live": {"slow_consumer_seconds": 60 if returns else 2},
                      "rate_limit": {"max_subscriptions_per_user": 2 * SOCKETS}}, env=LITTLE_QUARANTINE)
    root = live.client()
    root.run("CREATE NAMESPACE n; CREATE SHARED TABLE n.t (id INT PRIMARY KEY, body TEXT) WITH (ACCESS_LEVEL = 'public')")
    root.run("CREATE SHARED TABLE n.bulk (id INT PRIMARY KEY, body TEXT) WITH (ACCESS_LEVEL = 'public')")
    slow = live.socket("alice", query="compress=false", receive_buffer=4096)
    sockets = [live.socket("bob", query="compress=false") for _ in range(SOCKETS - 1)]
    for ws in [slow, *sockets]:
        ws.subscribe("s", "SELECT id, body FROM n.t", {})
    for ws in [slow, *sockets]:
        ws.snapshot("s")
    slow.subscribe("bulk", "SELECT id, body FROM n.bulk", {})
    slow.snapshot("bulk")
    before = resident_bytes(live.server.process.pid)
    tallies = [Tally(ws) for ws in sockets]
    with selectors.DefaultSelector() as selector:
        for tally in tallies:
            selector.register(tally.ws.socket, selectors.EVENT_READ, tally)
        most = before
        for commit in range(COMMITS):
            first = commit * ROWS_PER_COMMIT
            root.run("INSERT INTO n.bulk (id, body) VALUES " + ", ".join(f"({commit * BULK_ROWS + i}, '{'y' * BULK_BYTES}')" for i in range(BULK_ROWS)))
            # The answers come although a reader has stopped.
            root.run("INSERT INTO n.t (id, body) VALUES " + ", ".join(f"({i}, '{'x' * BODY_BYTES}')" for i in range(first, first + ROWS_PER_COMMIT)))
            due = first + ROWS_PER_COMMIT
            waiting = len(tallies)
            while waiting:
                for key, _ in selector.select(30) or pytest.fail("the other sockets wait for the one that stopped"):
                    done = len(key.data.ids) == due
                    key.data.read()
                    waiting -= not done and len(key.data.ids) == due
            most = max(most, resident_bytes(live.server.process.pid))
    rows = COMMITS * ROWS_PER_COMMIT
    assert all(tally.ids == list(range(rows)) for tally in tallies), "each change once and in order"
    # 12 MB were written for the slow socket, whose outbox is 64 KiB.
    assert most - before < 64 << 20, f"{(most - before) >> 20} MiB more than before the first change"
    if not returns:
        root_sees = "SELECT live_id FROM system.live WHERE user_id = 'alice'"
        selector = selectors.DefaultSelector()
        for _ in range(300):
            if not root.rows(root_sees):
                break
            selector.select(0.1)  # nothing is registered: a wait between two looks
        assert not root.rows(root_sees), "it was taken out"
        assert len(root.rows("SELECT live_id FROM system.live WHERE user_id = 'bob' LIMIT 5000")) == SOCKETS - 1
        return
    due = {"s": rows, "bulk": COMMITS * BULK_ROWS}
    seen, consumed = {"s": 0, "bulk": 0}, {"s": 0, "bulk": 0}
    while seen != due:
        message = slow.expect("change", seconds=30)
        id, row = message["subscription_id"], message["rows"][0]
        assert message["change_type"] == "insert" and row["id"] == seen[id], json.dumps(message)[:200]
        assert int(row["_seq"]) > consumed[id]
        seen[id], consumed[id] = seen[id] + 1, int(row["_seq"])
    metrics = root.request("GET", "/metrics").body.decode()
    resyncs = next(line for line in metrics.splitlines() if line.startswith("kalam_live_resyncs"))
    assert float(resyncs.split()[1]) > 0, "it was caught up from the store, not from a queue"
