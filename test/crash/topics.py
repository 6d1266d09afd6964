#!/usr/bin/env python3
"""kill -9 again and again under publishers and consumers of a topic, then compare the topic with its table.

Publishers insert rows with ascending keys of their own; consumers of one group read, remember and acknowledge. After each restart:
  - offsets are 0, 1, 2, ... without a gap, and what had an offset before has the same one now;
  - every row has exactly one message and every message has its row, acknowledged or not;
  - of one publisher the messages are in the order of its inserts;
  - the group stands at least where its last confirmed acknowledgement put it, and not behind what was asked for;
  - nothing behind the acknowledged offset was lost: together, before and after, the group got every message.

    topics.py [--cycles 15] [--seed N] [--mode sync|os|both] [--canary]
"""
import base64
import http.client
import json
import random
import sys
import threading
import time

from kill_cycles import WAIT_SECONDS_MAX, Wrong, kalam_server
import kill_cycles

PUBLISHERS, CONSUMERS, PARTITIONS = 6, 4, 2
INSERTED_BEFORE_KILL = 60
BROKEN = (OSError, http.client.HTTPException)


class Worker(threading.Thread):
    def __init__(self, run, number):
        super().__init__(daemon=True)
        self.run_, self.number, self.problem = run, number, None
        self.rng = random.Random(f"{run.seed}:{run.mode}:{run.cycle}:{type(self).__name__}:{number}")

    def run(self):
        try:
            client = self.run_.client()
            while not self.run_.dying.is_set():
                self.step(client)
        except BROKEN:
            if not self.run_.dying.is_set():
                self.problem = "the connection broke before the kill"
        except Wrong as problem:
            self.problem = str(problem)


class Publisher(Worker):
    """Inserts keys number, number + PUBLISHERS, ...: also several at once, some that are refused, some deleted again."""

    def step(self, client):
        count = self.rng.choice([1, 1, 1, 5])
        keys = [self.run_.next_key[self.number] + i * PUBLISHERS for i in range(count)]
        self.run_.next_key[self.number] = keys[-1] + PUBLISHERS
        self.run_.maybe[self.number] = keys
        if self.rng.random() < 0.1:  # the last row's key exists twice: nothing of it happens
            keys = keys + keys[:1]
        reply = client.sql("INSERT INTO crash.rows VALUES " + ", ".join(f"({k}, 'body {k}')" for k in keys))
        if len(keys) > count:
            if reply.ok:
                raise Wrong(f"a duplicate key was not refused: {reply}")
        else:
            reply.expect_ok()
            self.run_.inserted.update(keys)
        self.run_.maybe[self.number] = []


class Consumer(Worker):
    """One per partition in the group that is checked: acknowledgements are cumulative, so a second one could confirm what the first
    never received. The others share another group and only look."""

    def step(self, client):
        checked = self.number < PARTITIONS
        partition = self.number if checked else self.rng.randrange(PARTITIONS)
        group = "g" if checked else "others"
        answer = post(client, "consume", topic_id="crash.feed", group_id=group, start="Earliest", partition_id=partition,
                      limit=self.rng.choice([1, 7, 50]), timeout_seconds=1)
        offsets = [m["offset"] for m in answer["messages"]]
        if offsets != list(range(offsets[0], offsets[0] + len(offsets))) if offsets else False:
            raise Wrong(f"a fetch with a gap: {offsets}")
        with self.run_.mu:
            for message in answer["messages"]:
                self.run_.see(partition, message, checked)
        if offsets and not checked:
            post(client, "ack", topic_id="crash.feed", group_id=group, partition_id=partition, upto_offset=offsets[-1])
        elif offsets and self.rng.random() < 0.7:
            upto = self.rng.choice([offsets[-1], offsets[len(offsets) // 2]])
            with self.run_.mu:
                self.run_.asked[partition] = max(self.run_.asked[partition], upto)
            post(client, "ack", topic_id="crash.feed", group_id="g", partition_id=partition, upto_offset=upto)
            with self.run_.mu:
                self.run_.confirmed[partition] = max(self.run_.confirmed[partition], upto)


def post(client, path, **body):
    reply = client.request("POST", f"/v1/api/topics/{path}", json_body=body, headers=client.bearer())
    if reply.status == 503:
        raise OSError("the server stops")
    if reply.status != 200:
        raise Wrong(f"{path}: HTTP {reply.status} {reply.body[:500]!r}")
    return reply.json()


class Run:
    def __init__(self, seed, mode, options):
        self.seed, self.mode, self.cycle, self.canary = seed, mode, 0, options.canary
        self.rng = random.Random(f"{seed}:{mode}")
        self.mu = threading.Lock()
        self.next_key = list(range(PUBLISHERS))
        self.inserted, self.maybe = set(), [[] for _ in range(PUBLISHERS)]
        self.known = [{} for _ in range(PARTITIONS)]  # offset -> row key, as anybody ever saw it
        self.consumed = [set() for _ in range(PARTITIONS)]
        self.asked, self.confirmed = [-1] * PARTITIONS, [-1] * PARTITIONS
        self.server = kalam_server.Server({"storage": {"durability": mode}})

    def client(self):
        return kalam_server.Client(self.server.url, token=kalam_server.make_token(kalam_server.claims_for("root", "system")), timeout=WAIT_SECONDS_MAX)

    def prepare(self):
        self.server.start()
        self.server.root().run(f"CREATE NAMESPACE crash; CREATE SHARED TABLE crash.rows (id BIGINT PRIMARY KEY, body TEXT); CREATE TOPIC crash.feed PARTITIONS {PARTITIONS}; "
                               "ALTER TOPIC crash.feed ADD SOURCE crash.rows ON INSERT WHERE id >= 0")

    def see(self, partition, message, checked=True):
        body = json.loads(base64.b64decode(message["payload"]))
        if body["id"] != message["key"] or body["body"] != f"body {body['id']}":
            raise Wrong(f"message {message['offset']} of partition {partition} is not its row: {body}")
        known = self.known[partition].setdefault(message["offset"], int(body["id"]))
        if known != int(body["id"]):
            raise Wrong(f"offset {message['offset']} of partition {partition} was row {known} and is row {body['id']}")
        if checked:
            self.consumed[partition].add(message["offset"])

    def one_cycle(self):
        self.cycle += 1
        self.dying = threading.Event()
        workers = [Publisher(self, n) for n in range(PUBLISHERS)] + [Consumer(self, n) for n in range(CONSUMERS)]
        kill_cycles.kill_under(self, workers, lambda: len(self.inserted), INSERTED_BEFORE_KILL, 0.5, threading.Thread.is_alive, "publishers")
        self.server.start()
        if self.canary and self.cycle == 2:
            self.inserted.add(1_000_000_007)
        self.compare()

    def compare(self):
        client = self.client()
        rows = {int(row[0]) for row in client.rows("SELECT id FROM crash.rows")}
        if self.inserted - rows:
            raise Wrong(f"acknowledged rows are missing: {sorted(self.inserted - rows)[:10]}")
        extra = rows - self.inserted - {key for keys in self.maybe for key in keys}
        if extra:
            raise Wrong(f"rows that nobody inserted: {sorted(extra)[:10]}")
        self.inserted |= rows
        self.maybe = [[] for _ in range(PUBLISHERS)]
        published = []
        for partition in range(PARTITIONS):
            log = self.read(client, partition)
            if list(log) != list(range(len(log))):
                raise Wrong(f"partition {partition} has a gap: {[o for i, o in enumerate(log) if o != i][:5]}")
            for offset, key in self.known[partition].items():
                if log.get(offset) != key:
                    raise Wrong(f"offset {offset} of partition {partition} was row {key} and is {log.get(offset)}")
            self.known[partition] = log
            for publisher in range(PUBLISHERS):
                own = [key for key in log.values() if key % PUBLISHERS == publisher]
                if own != sorted(own):
                    raise Wrong(f"messages of publisher {publisher} are out of order")
            published += log.values()
        if sorted(published) != sorted(rows):
            raise Wrong(f"rows without message: {sorted(rows - set(published))[:10]}, messages without row or twice: "
                        f"{sorted(k for k in published if k not in rows or published.count(k) > 1)[:10]}")
        stored = {row[0]: int(row[1]) for row in client.rows("SELECT partition_id, last_acked_offset FROM system.topic_offsets WHERE group_id = 'g'")}
        for partition in range(PARTITIONS):
            acknowledged = stored.get(partition, -1)
            if not self.confirmed[partition] <= acknowledged <= self.asked[partition]:
                raise Wrong(f"partition {partition}: the group stands at {acknowledged}; confirmed {self.confirmed[partition]}, asked for {self.asked[partition]}")
            missed = set(range(acknowledged + 1)) - self.consumed[partition]
            if missed:
                raise Wrong(f"partition {partition}: the group never got {sorted(missed)[:10]}, up to {acknowledged} is acknowledged")
            self.confirmed[partition] = acknowledged
            first = post(client, "consume", topic_id="crash.feed", group_id="g", partition_id=partition, limit=1)["messages"]
            if acknowledged + 1 < len(self.known[partition]) and [m["offset"] for m in first] != [acknowledged + 1]:
                raise Wrong(f"partition {partition}: the group goes on with {first}, acknowledged is {acknowledged}")
            for message in first:
                self.see(partition, message)

    @staticmethod
    def read(client, partition):
        log, start = {}, 0
        while True:
            rows = client.run(f"CONSUME FROM crash.feed FROM {start} PARTITION {partition} LIMIT 5000").dicts
            if not rows:
                return log
            log.update({int(row["offset"]): int(row["key"]) for row in rows})
            start = int(rows[-1]["offset"]) + 1

    def summary(self):
        return (f"{len(self.inserted)} rows with as many messages, group at {self.confirmed}: no offset lost or given twice, "
                "every row has its message")


if __name__ == "__main__":
    sys.exit(kill_cycles.main(__doc__, Run, 15))
