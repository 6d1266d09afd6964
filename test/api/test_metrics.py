"""GET /metrics: Prometheus text for this host and for administrators."""
import re

NAMES = """
kalam_column_cache_bytes kalam_column_cache_hits kalam_commit_sync_seconds kalam_http_connections kalam_http_request_seconds kalam_http_responses_total kalam_live_connections kalam_live_deliveries kalam_live_resyncs kalam_live_subscriptions kalam_log_lines_lost kalam_namespaces kalam_sql_failures_total
kalam_sql_statements_total kalam_tables kalam_transactions_open kalam_uptime_seconds kalam_users
""".split()

REMOTE = {"X-Forwarded-For": "203.0.113.9"}


def scrape(client, **headers):
    response = client.request("GET", "/metrics", headers=headers)
    assert response.status == 200 and response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    values = {}
    for line in response.body.decode().splitlines():
        if line.startswith("#"):
            assert re.fullmatch(r"# (HELP [a-z_]+ \S.*|TYPE [a-z_]+ (counter|gauge|histogram))", line), line
            continue
        match = re.fullmatch(r'([a-z_]+(?:\{[^}]*\})?) (-?[0-9.e+-]+|[+-]?inf|nan)', line)
        assert match, line
        values[match.group(1)] = float(match.group(2))
    return values


def test_the_names_are_these(server):
    text = server.client().request("GET", "/metrics").body.decode()
    families = re.findall(r"# TYPE ([a-z_]+) ", text)
    assert families == sorted(families) and set(NAMES) <= set(families), f"missing: {sorted(set(NAMES) - set(families))}"
    # A new family stands in this list too, or belongs to another area by its prefix.
    known = ("kalam_live_", "kalam_topics_", "kalam_jobs_", "kalam_cold_", "kalam_ws_", "kalam_websocket_", "kalam_flush_")
    assert [name for name in families if name not in NAMES and not name.startswith(known)] == []


def test_they_count(server, root, ns):
    client = server.client()
    before = scrape(client)
    root.run(f"CREATE SHARED TABLE {ns}.t (id INT PRIMARY KEY)")
    root.run(f"INSERT INTO {ns}.t VALUES (1)")
    root.run(f"SELECT * FROM {ns}.t WHERE id = 1; SELECT COUNT(*) FROM {ns}.t")
    root.fails(f"SELECT * FROM {ns}.absent")
    after = scrape(client)

    def grew(name):
        return after[name] - before[name]

    assert grew('kalam_sql_statements_total{kind="CREATE TABLE"}') == 1 and grew('kalam_sql_statements_total{kind="INSERT"}') == 1
    assert grew('kalam_sql_statements_total{kind="SELECT"}') == 2 and grew("kalam_sql_failures_total") == 1
    assert grew('kalam_http_responses_total{class="2xx"}') >= 4 and grew('kalam_http_responses_total{class="4xx"}') >= 1
    assert grew("kalam_tables") == 1 and after["kalam_http_connections"] >= 1 and grew("kalam_http_request_seconds_count") >= 5
    assert after['kalam_http_request_seconds_bucket{le="+Inf"}'] == after["kalam_http_request_seconds_count"]


def test_strangers_do_not_see_them(server, root, dba, service, alice):
    client = server.client()
    assert client.request("GET", "/metrics", headers=REMOTE).status == 401
    assert client.request("GET", "/metrics", headers={**REMOTE, "Authorization": "Bearer nonsense"}).status == 401
    for caller in (alice, service):
        assert client.request("GET", "/metrics", headers={**REMOTE, **caller.bearer()}).status == 403
    for caller in (root, dba):
        assert client.request("GET", "/metrics", headers={**REMOTE, **caller.bearer()}).status == 200
    assert client.request("POST", "/metrics").status == 405
