#!/usr/bin/env python3
"""A chat on KalamDB, as an app would build it; checks that no message is lost or repeated while the server is killed in the middle.

    chat.py                       a server of its own on a temporary folder, killed and restarted half-way
    chat.py --browser             the same, with a page of the shared room in headless Chromium
    chat.py --serve               keeps running: open the printed page and write there, or with the printed command

Users keep private threads (USER table), one room is shared (SHARED table), who types is a STREAM table. An agent consumes a topic of the
questions in all threads and answers into the thread of whoever asked. Everybody follows live rows over a WebSocket and, after a broken
connection, goes on where they stopped. Ends with code 1 when something is missing, doubled or out of order.
"""
import argparse
import base64
import collections
import http.server
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "test" / "lib"))

import kalam_server  # noqa: E402
import kalam_ws  # noqa: E402

PASSWORD = "Chat-demo-1"
USERS = ("mara", "noor", "tim")
SERVICES = ("desk", "agent")  # the app's own server, which writes the room, and the agent
PATIENCE_SECONDS = 60
RETRY_SECONDS = 0.05
PACES_DOWN = 5  # the server stays away for so many paces, for those who watch
GREETINGS = 2  # of each user, so that the page of --serve does not begin empty
quote = kalam_server.quote

SETUP = """
    CREATE NAMESPACE IF NOT EXISTS chat;
    CREATE USER TABLE chat.thread (id TEXT PRIMARY KEY, author TEXT NOT NULL, body TEXT NOT NULL);
    CREATE SHARED TABLE chat.room (id TEXT PRIMARY KEY, author TEXT NOT NULL, body TEXT NOT NULL) WITH (ACCESS_LEVEL = 'public');
    CREATE STREAM TABLE chat.typing (id TEXT PRIMARY KEY, state TEXT NOT NULL) WITH (TTL_SECONDS = 30)"""
TOPIC = """
    CREATE TOPIC chat.questions;
    ALTER TOPIC chat.questions ADD SOURCE chat.thread ON INSERT WHERE author <> 'agent' WITH (payload = 'full')"""


class Stopped(Exception):
    pass


class Screen:
    """The terminal view: one line per live row, when everybody who follows it has it."""
    COLOURS = {"room": 36, "thread": 33, "typing": 90, "server": 31}

    def __init__(self, quiet):
        self.lock, self.quiet, self.colour = threading.Lock(), quiet, sys.stdout.isatty()
        self.seen_by = collections.defaultdict(list)

    def show(self, kind, place, author, text):
        if self.quiet:
            return
        line = f"{place:>14} | {author:<5} | {text}"
        with self.lock:
            print(f"\033[{self.COLOURS[kind]}m{line}\033[0m" if self.colour else line, flush=True)

    def show_row(self, kind, viewer, row):
        if kind == "thread":
            self.show(kind, f"thread of {viewer}", row["author"], row["body"])
        elif kind == "typing":
            self.show(kind, f"typing of {viewer}", viewer, row["state"])
        else:
            viewers = self.seen_by[row["id"]]
            viewers.append(viewer)
            if len(viewers) == len(USERS):
                self.show(kind, "room", row["author"], f"{row['body']}  (seen by {', '.join(sorted(viewers))})")


class Follower(threading.Thread):
    """Live rows of one query, across broken connections. Keeps what it saw in the order in which it came."""

    def __init__(self, chat, user, name, table):
        super().__init__(name=f"{user}-{name}", daemon=True)
        self.chat, self.user, self.kind, self.table = chat, user, name, table
        self.cursor = None
        self.rows = []  # (seq, row)
        self.resumed = 0
        self.faults = []
        self.changed = threading.Condition()
        self.start()

    def run(self):
        while not self.chat.stopping:
            try:
                self.follow()
            except (OSError, kalam_ws.Closed, kalam_ws.Refused, TimeoutError):
                time.sleep(RETRY_SECONDS)  # the pace of attempts while the server is away
            except Exception as fault:  # a message that must not be: told at the end
                self.faults.append(repr(fault))
                return

    def follow(self):
        token = self.chat.tokens[self.user]
        with kalam_ws.LiveSocket(self.chat.server, token) as socket:
            options = {} if self.cursor is None else {"from": self.cursor}
            if self.cursor is not None:
                self.resumed += 1
            socket.subscribe(self.kind, f"SELECT * FROM {self.table}", options)
            while not self.chat.stopping:
                try:
                    message = socket.recv(2)
                except TimeoutError:
                    socket.ping()
                    continue
                self.take(message)

    def take(self, message):
        if message["type"] == "error":
            raise ValueError(message)
        if message["type"] == "initial_data_batch" or message.get("change_type") == "insert":
            for row in message.get("rows", []):
                self.add(row)
            return
        if message["type"] == "change" and message["change_type"] != "delete":
            raise ValueError(f"nobody edits here: {message}")

    def add(self, row):
        seq = int(row["_seq"])
        with self.changed:
            if self.cursor is not None and seq <= self.cursor:
                self.faults.append(f"{row['id']} came with {seq}, not above {self.cursor}")
            self.cursor = seq
            self.rows.append((seq, row))
            self.changed.notify_all()
        self.chat.note_arrival(row["id"])
        self.chat.screen.show_row(self.kind, self.user, row)

    def wait_for(self, ids):
        """True when all of `ids` have come."""
        ids = set(ids)
        with self.changed:
            return self.changed.wait_for(lambda: self.faults or ids <= {row["id"] for _, row in self.rows}, PATIENCE_SECONDS) and not self.faults


class Writer:
    """Statements that are sent until they have succeeded. Every row has an id of its own, so a repeated one is refused, not doubled."""

    def __init__(self, chat, user):
        self.chat, self.user = chat, user
        self.client = chat.server.client()
        self.retried = 0

    def insert(self, sql):
        give_up = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < give_up and not self.chat.stopping:
            try:
                self.client.token = self.chat.tokens[self.user]
                reply = self.client.sql(sql)
                if reply.ok or "already exists" in reply.message.lower():
                    return
                if reply.status < 500:
                    raise AssertionError(f"{self.user}: {reply.text[:500]}\n  for {sql}")
            except (OSError, kalam_server.http.client.HTTPException):
                pass
            self.retried += 1
            time.sleep(RETRY_SECONDS)
        raise Stopped(f"{self.user}: no success within {PATIENCE_SECONDS} s for {sql}")


class Agent(threading.Thread):
    """Consumes questions and answers them. Acknowledges after the answer is stored; an answer's id comes from its question."""

    def __init__(self, chat):
        super().__init__(name="agent", daemon=True)
        self.chat, self.writer = chat, Writer(chat, "agent")
        self.consumed = collections.Counter()
        self.faults = []
        self.start()

    def run(self):
        client = self.chat.server.client()
        while not self.chat.stopping:
            try:
                headers = {"Authorization": f"Bearer {self.chat.tokens['agent']}"}
                request = {"topic_id": "chat.questions", "group_id": "agents", "start": "Earliest", "limit": 20, "timeout_seconds": 1}
                reply = client.request("POST", "/v1/api/topics/consume", headers=headers, json_body=request)
                if reply.status >= 500:
                    raise OSError(reply.body)
                messages = reply.expect(200).json()["messages"]
                for message in messages:
                    self.answer(message)
                if messages:
                    ack = {"topic_id": "chat.questions", "group_id": "agents", "partition_id": 0, "upto_offset": messages[-1]["offset"]}
                    client.request("POST", "/v1/api/topics/ack", headers=headers, json_body=ack).expect(200)
                else:
                    time.sleep(RETRY_SECONDS)
            except (OSError, kalam_server.http.client.HTTPException):
                time.sleep(RETRY_SECONDS)
            except Stopped:
                return
            except Exception as fault:
                self.faults.append(repr(fault))
                return

    def answer(self, message):
        question = json.loads(base64.b64decode(message["payload"]))
        self.consumed[message["offset"]] += 1
        user = message["user"]
        values = f"({quote('re:' + question['id'])}, 'agent', {quote('You said: ' + question['body'])})"
        self.writer.insert(f"EXECUTE AS USER '{user}' (INSERT INTO chat.thread (id, author, body) VALUES {values})")


class Page:
    """Serves the page, tells it where the database is, writes what is typed there, and hears from it what it shows."""

    def __init__(self, chat):
        self.shown = []
        self.changed = threading.Condition()
        page = (ROOT / "demo" / "chat.html").read_bytes()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def reply(self, body, kind):
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Cache-Control", "no-store")
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                if self.path == "/session":  # asked anew for each connection: the server's port changes with a restart
                    session = {"url": f"ws://127.0.0.1:{chat.server.port}/v1/ws", "token": chat.tokens["mara"]}
                    return self.reply(json.dumps(session).encode(), "application/json")
                self.reply(page, "text/html; charset=utf-8")

            def do_POST(self):
                told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.path == "/say":
                    chat.say("mara", told)
                elif self.path == "/shown":
                    with outer.changed:
                        outer.shown = told
                        outer.changed.notify_all()
                else:
                    return self.send_error(404)
                self.reply(b"{}", "application/json")

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait_for(self, ids):
        """What the page shows, when that is all of `ids` or patience is over."""
        with self.changed:
            self.changed.wait_for(lambda: set(ids) <= set(self.shown), PATIENCE_SECONDS)
            return list(self.shown)


class Browser:
    """Headless Chromium on a page, with a profile of its own."""
    FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
             "--disable-sync", "--remote-debugging-port=0")

    def __init__(self, url):
        binary = shutil.which("chromium")
        assert binary, "no chromium here: ./dev demo chat --browser installs it"
        self.profile = tempfile.mkdtemp(prefix="kalam-chat-")
        self.process = subprocess.Popen([binary, *self.FLAGS, f"--user-data-dir={self.profile}", url], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def close(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)


class Chat:
    def __init__(self, arguments):
        self.arguments = arguments
        self.screen = Screen(arguments.quiet)
        self.stopping = False
        self.tokens = {}
        self.faults, self.retried, self.progress = [], 0, threading.Semaphore(0)
        self.sent_at, self.delays, self.clock = {}, [], threading.Lock()
        self.server = kalam_server.Server({"storage": {"durability": "sync"}, "topics": {"visibility_timeout_secs": 2}})

    def login(self):
        """Tokens are signed with a secret that survives the restart, so one login is enough."""
        for user in USERS + SERVICES:
            client = self.server.client(user, PASSWORD)
            self.tokens[user] = client.token
            client.close()

    def define(self):
        root = self.server.root()
        root.run(SETUP)
        root.run(TOPIC)
        for user in USERS:
            root.run(f"CREATE USER {user} WITH PASSWORD '{PASSWORD}' ROLE user")
        for service in SERVICES:
            root.run(f"CREATE USER {service} WITH PASSWORD '{PASSWORD}' ROLE service")

    def say(self, author, body):
        """A line of the page, into the room."""
        try:
            Writer(self, "desk").insert(f"INSERT INTO chat.room (id, author, body) VALUES (UUID_V7(), {quote(author)}, {quote(body)})")
        except (Stopped, AssertionError) as fault:
            self.faults.append(str(fault))

    def note_sending(self, row_id):
        with self.clock:
            self.sent_at[row_id] = time.monotonic()

    def note_arrival(self, row_id):
        now = time.monotonic()
        with self.clock:
            if row_id in self.sent_at:
                self.delays.append(1000 * (now - self.sent_at[row_id]))

    def talk(self, user, count):
        """A user's part: types, asks in the private thread, speaks in the room through the desk."""
        own, desk = Writer(self, user), Writer(self, "desk")
        try:
            for n in range(count):
                own.insert(f"INSERT INTO chat.typing (id, state) VALUES ('{user}-t{n}', 'is typing')")
                self.note_sending(f"{user}-q{n}")
                own.insert(f"INSERT INTO chat.thread (id, author, body) VALUES ('{user}-q{n}', '{user}', 'question {n} of {user}')")
                self.note_sending(f"{user}-r{n}")
                desk.insert(f"INSERT INTO chat.room (id, author, body) VALUES ('{user}-r{n}', '{user}', 'hello {n} from {user}')")
                self.progress.release()
                time.sleep(self.arguments.pace)  # for those who watch
        except (Stopped, AssertionError) as fault:
            self.faults.append(str(fault))
            self.progress.release(count)
        self.retried += own.retried + desk.retried

    def run(self):
        count = self.arguments.messages
        with self.server:
            self.define()
            self.login()
            page = Page(self)
            room = [Follower(self, user, "room", "chat.room") for user in USERS]
            threads = {user: Follower(self, user, "thread", "chat.thread") for user in USERS}
            typing = {user: Follower(self, user, "typing", "chat.typing") for user in USERS}
            agent = Agent(self)
            browser = Browser(page.url) if self.arguments.browser else None
            try:
                if self.arguments.serve:
                    return self.serve(page)
                talkers = [threading.Thread(target=self.talk, args=(user, count)) for user in USERS]
                for talker in talkers:
                    talker.start()
                for _ in range(len(USERS) * count // 2):
                    self.progress.acquire()
                self.screen.show("server", "server", "", "killed with kill -9 while everybody writes")
                self.server.kill()
                time.sleep(PACES_DOWN * self.arguments.pace)
                self.server.start()
                self.screen.show("server", "server", "", "started again; subscriptions go on behind the last row that they had")
                for talker in talkers:
                    talker.join()
                self.check(count, page, room, threads, typing, agent)
            finally:
                self.stopping = True
                if browser:
                    browser.close()
        return self.report()

    def serve(self, page):
        for user in USERS:
            self.talk(user, GREETINGS)
        print(f"""
The room is at {page.url} : write there, or as a program would, with

  {self.command()}

Ctrl-C ends.
""", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            self.stopping = True
            self.server.kill()  # the terminal has sent Ctrl-C to the server too: it may have ended by itself
            return 0

    def command(self):
        """A shell command that writes into the room."""
        body = {"sql": "INSERT INTO chat.room (id, author, body) VALUES (UUID_V7(), $1, $2)", "params": ["you", "hi"]}
        return (f"curl -s http://127.0.0.1:{self.server.port}/v1/api/sql -H 'Content-Type: application/json' \\\n"
                f"    -d '{json.dumps(body)}' \\\n"
                f"    -H 'Authorization: Bearer {self.tokens['desk']}'")

    # --- checking ---

    def expect(self, what, holds):
        if not holds:
            self.faults.append(what)

    def check_rows(self, what, follower, expected, read_table):
        complete = follower.wait_for(expected)
        ids_of_table = read_table()  # after the last row has come, not before
        ids = [row["id"] for _, row in follower.rows]
        self.faults += [f"{what}: {fault}" for fault in follower.faults]
        self.expect(f"{what}: {sorted(set(expected) - set(ids))} did not come", complete)
        self.expect(f"{what}: {[i for i, n in collections.Counter(ids).items() if n > 1]} came twice", len(ids) == len(set(ids)))
        strange = sorted(set(ids) ^ set(ids_of_table))
        self.expect(f"{what}: the live rows are not those of the table: {strange} stand on one side only", sorted(ids) == sorted(ids_of_table))

    def check(self, count, page, room, threads, typing, agent):
        clients = {user: self.server.client(user, PASSWORD) for user in USERS}
        ids_of = lambda user, table: [row[0] for row in clients[user].run(f"SELECT id FROM {table}").rows]
        spoken = [f"{user}-r{n}" for user in USERS for n in range(count)]
        for user, follower in zip(USERS, room):
            self.check_rows(f"room of {user}", follower, spoken, lambda user=user: ids_of(user, "chat.room"))
        orders = {tuple(row["id"] for _, row in follower.rows) for follower in room}
        self.expect("the room has another order for others", len(orders) == 1)
        for user in USERS:
            asked = [f"{user}-q{n}" for n in range(count)]
            self.check_rows(f"thread of {user}", threads[user], asked + [f"re:{i}" for i in asked],
                            lambda user=user: ids_of(user, "chat.thread"))
            own = [row["id"] for _, row in threads[user].rows if row["author"] == user]
            self.expect(f"thread of {user}: questions are out of order", own == asked)
            self.expect(f"typing of {user} is not complete", typing[user].wait_for(f"{user}-t{n}" for n in range(count)))
        self.faults += agent.faults
        offsets = sorted(agent.consumed)
        self.expect(f"the topic has gaps: {offsets}", offsets == list(range(len(USERS) * count)))
        if self.arguments.browser:
            shown = page.wait_for(spoken)
            self.expect(f"the page shows {len(shown)} rows of {len(spoken)}", sorted(shown) == sorted(spoken))
            self.expect("the page shows another order", tuple(shown) in orders)
        if shutil.which("curl"):  # the command that --serve prints must work as it stands
            answer = subprocess.run(self.command(), shell=True, stdout=subprocess.PIPE, text=True, check=False).stdout
            self.expect(f"the printed command was answered with {answer}", '"Inserted 1 row(s)"' in answer)
        self.summary = {"messages in the room": len(spoken), "questions and answers": 2 * len(USERS) * count,
                        "ms from sending a message to its arrival at a subscriber (median)": round(statistics.median(self.delays)),
                        "ms at most, across the kill and the restart": round(max(self.delays)),
                        "subscriptions resumed": sum(f.resumed for f in room + list(threads.values()) + list(typing.values())),
                        "statements sent again": self.retried,
                        "questions that the agent got again": sum(agent.consumed.values()) - len(agent.consumed)}
        if self.arguments.browser:
            self.summary["rows in the browser"] = len(page.shown)

    def report(self):
        for what, number in self.summary.items():
            print(f"{number:>6}  {what}")
        for fault in self.faults:
            print(f"WRONG: {fault}", file=sys.stderr)
        print("every message arrived once and in order" if not self.faults else f"{len(self.faults)} things are wrong")
        return 1 if self.faults else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=30, help="of each user, in the room and in the thread (30)")
    parser.add_argument("--browser", action="store_true", help="a headless Chromium shows the room; what it shows is checked")
    parser.add_argument("--serve", action="store_true", help="no script: runs until Ctrl-C")
    parser.add_argument("--quiet", action="store_true", help="no view of the rows, only the summary")
    parser.add_argument("--pace", type=float, help="seconds between a user's messages (0.1; with --quiet 0)")
    arguments = parser.parse_args()
    if arguments.pace is None:
        arguments.pace = 0 if arguments.quiet else 0.1
    sys.exit(Chat(arguments).run())


if __name__ == "__main__":
    main()
