"""System tables and information_schema: names, columns, types, rows and who may read them (sql.md 4)."""
import pytest

# Columns in SELECT * order; letters are T text, I int, S smallint, B bigint, U unsigned (text to clients), Bo boolean, TS timestamp, J JSON, F float.
TYPES = {"T": "Text", "I": "Int", "S": "SmallInt", "B": "BigInt", "U": "Text", "Bo": "Boolean", "TS": "Timestamp", "J": "Json", "F": "Float"}
TABLES = {
    "system.users": "user_id T, password_hash T, role T, email T, auth_type T, auth_data J, storage_mode T, storage_id T, failed_login_attempts I, "
                    "locked_until TS, last_login_at TS, created_at TS, updated_at TS, last_seen TS, deleted_at TS",
    "system.namespaces": "namespace_id T, name T, created_at TS, options J, table_count I",
    "system.schemas": "table_id T, table_name T, namespace_id T, table_type T, created_at TS, schema_version I, columns J, table_comment T, updated_at TS, "
                      "options J, access_level T, is_latest Bo, storage_id T, use_user_storage Bo",
    "system.tables": "namespace_id T, table_name T, table_type T, storage_id T, version B, options T, comment T, updated_at TS, created_at TS",
    "system.columns": "namespace_id T, table_name T, version B, column_id B, column_name T, comment T, data_type T, default_value T, ordinal B, nullable Bo, "
                      "primary_key Bo, primary_key_pos B",
    "system.storages": "storage_id T, storage_name T, description T, storage_type T, base_directory T, credentials T, config_json J, shared_tables_template T, "
                       "user_tables_template T, created_at TS, updated_at TS",
    "system.settings": "name T, value T, description T, category T",
    "system.stats": "metric_name T, metric_value T",
    "system.server_logs": "timestamp T, level T, thread T, target T, line B, message T",
    "system.datatypes": "arrow_type T, kalam_type T, sql_name T, description T",
    "system.describe": "column_name T, ordinal_position I, column_id B, data_type T, is_nullable Bo, is_primary_key Bo, column_default T, column_comment T, "
                       "schema_version I",
    "system.sessions": "session_id T, backend_pid B, current_schema T, state T, transaction_id T, transaction_state T, transaction_has_writes Bo, "
                       "client_addr T, transport T, opened_at TS, last_seen_at TS, last_method T",
    "system.cluster": "cluster_id T, node_id B, role T, status T, rpc_addr T, api_addr T, is_self Bo, is_leader Bo, groups_leading I, total_groups I, "
                      "current_term B, last_applied_log B, leader_last_log_index B, snapshot_index B, catchup_progress_pct S, replication_lag B, hostname T, "
                      "version T, memory_mb B, memory_usage_mb B, cpu_usage_percent F, uptime_seconds B, uptime_human T, os T, arch T",
    "system.cluster_groups": "group_id B, cluster_id T, node_id B, group_type T, current_term B, vote J, last_log_index B, last_applied B, snapshot B, "
                             "purged B, committed B, state T, current_leader B, millis_since_quorum_ack B",
    "system.transactions": "transaction_id T, owner_id T, origin T, state T, age_ms B, idle_ms B, write_count B, write_bytes B, touched_tables_count B, "
                           "snapshot_commit_seq B",
    "system.audit_log": "audit_id T, timestamp TS, actor_user_id T, action T, target T, details T, ip_address T, subject_user_id T, request_id T",
    "system.table_schemas": "table_id T, schema_version I, table_definition J, created_at TS, updated_at TS",
    "system.topics": "topic_id T, name T, alias T, partitions I, retention_seconds B, retention_max_bytes B, routes J, created_at TS, updated_at TS",
    "system.topic_offsets": "topic_id T, group_id T, partition_id I, last_acked_offset B, updated_at TS",
    "information_schema.tables": "table_catalog T, table_schema T, table_name T, table_type T",
    "information_schema.columns": "table_catalog T, table_schema T, table_name T, column_name T, ordinal_position U, column_default T, is_nullable T, data_type T, "
                                  "character_maximum_length U, character_octet_length U, numeric_precision U, numeric_precision_radix U, numeric_scale U, "
                                  "datetime_precision U, interval_type T",
    "information_schema.schemata": "catalog_name T, schema_name T, schema_owner T, default_character_set_catalog T, default_character_set_schema T, "
                                   "default_character_set_name T, sql_path T",
    "information_schema.views": "table_catalog T, table_schema T, table_name T, definition T",
    "information_schema.df_settings": "name T, value T, description T",
    "information_schema.routines": "specific_catalog T, specific_schema T, specific_name T, routine_catalog T, routine_schema T, routine_name T, routine_type T, "
                                   "is_deterministic Bo, data_type T, function_type T, description T, syntax_example T",
    "information_schema.parameters": "specific_catalog T, specific_schema T, specific_name T, ordinal_position U, parameter_mode T, parameter_name T, data_type T, "
                                     "parameter_default T, is_variadic Bo, rid S",
}
EMPTY = {"system.describe", "system.sessions", "system.cluster_groups", "system.server_logs", "system.transactions", "information_schema.parameters"}


@pytest.mark.parametrize("table", TABLES)
def test_columns_and_types(root, table):
    reply = root.run(f"SELECT * FROM {table} LIMIT 5")
    wanted = [tuple(column.split()) for column in TABLES[table].split(", ")]
    assert [(c["name"], c["data_type"]) for c in reply.result["schema"]] == [(name, TYPES[letter]) for name, letter in wanted]
    described = root.run(f"DESCRIBE TABLE {table}").dicts
    assert [row["column_name"] for row in described] == [name for name, _ in wanted]
    if table in EMPTY:
        assert reply.rows == []


@pytest.mark.parametrize("table", [t for t in TABLES if t.startswith("system.")])
def test_system_tables_are_for_administrators(callers, table):
    for name in ("alice", "service_sam"):
        reply = callers[name].fails(f"SELECT COUNT(*) FROM {table}", status=403, code="PERMISSION_DENIED")
        assert "System tables require 'dba' or 'system' role" in reply.message
    callers["dba_dora"].run(f"SELECT COUNT(*) FROM {table}")
    for sql in (f"INSERT INTO {table} VALUES (1)", f"UPDATE {table} SET x = 1 WHERE true", f"DELETE FROM {table} WHERE true"):
        callers["root"].fails(sql, contains="system table")


@pytest.mark.parametrize("table", ["system.users", "system.namespaces", "system.schemas", "system.tables", "system.columns", "system.storages", "system.settings",
                                   "system.audit_log", "system.datatypes", "information_schema.tables", "information_schema.routines"])
def test_rows_come_in_one_order_with_and_without_the_engine(root, ns, table):
    root.run(f"CREATE USER TABLE {ns}.z (id BIGINT PRIMARY KEY, v TEXT); CREATE SHARED TABLE {ns}.a (id BIGINT PRIMARY KEY); ALTER TABLE {ns}.z ADD COLUMN b INT")
    columns = [column.split()[0] for column in TABLES[table].split(", ")]
    items = ", ".join(c for c in columns if not c.startswith("last_"))
    for tail in ("", " LIMIT 3"):
        sql = f"SELECT {items} FROM {table}{tail}"
        assert root.rows(sql) == root.rows(sql, headers={"X-Kalam-Plan": "engine"})


def test_full_sql_over_system_tables(root, ns):
    root.run(f"CREATE USER TABLE {ns}.a (id BIGINT PRIMARY KEY, v TEXT); CREATE SHARED TABLE {ns}.b (id BIGINT PRIMARY KEY); ALTER TABLE {ns}.a ADD COLUMN w INT")
    assert root.rows(f"SELECT t.table_name, COUNT(*) FROM system.tables t JOIN system.columns c ON c.namespace_id = t.namespace_id AND c.table_name = t.table_name "
                     f"WHERE t.namespace_id = '{ns}' GROUP BY t.table_name ORDER BY 1") == [["a", "3"], ["b", "1"]]
    assert root.rows(f"WITH v AS (SELECT * FROM system.schemas WHERE namespace_id = '{ns}') SELECT table_name, MAX(schema_version) FROM v GROUP BY 1 ORDER BY 1") == [
        ["a", 2], ["b", 1]]
    assert root.rows(f"SELECT COUNT(*) FROM system.table_schemas WHERE table_id = '{ns}:a'") == [["2"]]
    assert root.rows(f"SELECT n.name FROM system.namespaces n WHERE EXISTS (SELECT 1 FROM system.tables t WHERE t.namespace_id = n.name AND t.table_name = 'b' AND n.name = '{ns}')") == [[ns]]


def test_information_schema_shows_what_the_caller_may_use(callers, ns):
    root, alice, sam = callers["root"], callers["alice"], callers["service_sam"]
    root.run(f"CREATE SHARED TABLE {ns}.open_t (id INT PRIMARY KEY) WITH (ACCESS_LEVEL = 'public'); CREATE SHARED TABLE {ns}.closed_t (id INT PRIMARY KEY); "
             f"CREATE SHARED TABLE {ns}.dba_t (id INT PRIMARY KEY) WITH (ACCESS_LEVEL = 'dba'); CREATE USER TABLE {ns}.mine (id INT PRIMARY KEY)")
    query = f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{ns}' ORDER BY 1"
    assert alice.rows(query) == [["mine"], ["open_t"]]
    assert sam.rows(query) == [["closed_t"], ["mine"], ["open_t"]]
    assert root.rows(query) == [["closed_t"], ["dba_t"], ["mine"], ["open_t"]]
    columns = f"SELECT DISTINCT table_name FROM information_schema.columns WHERE table_schema = '{ns}' ORDER BY 1"
    assert alice.rows(columns) == [["mine"], ["open_t"]]
    for client, sees in ((alice, False), (sam, False), (root, True)):
        assert (client.rows("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'system'") != [["0"]]) == sees
        assert (client.rows("SELECT COUNT(*) FROM information_schema.views WHERE table_schema = 'system'") != [["0"]]) == sees
        assert (client.rows("SELECT COUNT(*) FROM information_schema.df_settings") != [["0"]]) == sees
        assert ["information_schema"] in client.rows("SELECT schema_name FROM information_schema.schemata")


def test_namespaces_without_anything_to_read_are_hidden_from_users(callers, ns):
    root, alice = callers["root"], callers["alice"]
    query = f"SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = '{ns}'"
    assert root.rows(query) == [["1"]] and alice.rows(query) == [["0"]]
    root.run(f"CREATE SHARED TABLE {ns}.closed_t (id INT PRIMARY KEY)")
    assert alice.rows(query) == [["0"]]
    root.run(f"CREATE USER TABLE {ns}.mine (id INT PRIMARY KEY)")
    assert alice.rows(query) == [["1"]]


def test_stats_and_cluster_tell_of_this_server(root):
    stats = dict(root.rows("SELECT metric_name, metric_value FROM system.stats"))
    for name in ("server_uptime_seconds", "server_version", "pid", "memory_rss_bytes", "thread_count", "open_files_total", "total_users", "total_namespaces",
                 "total_tables", "max_connections", "cpu_logical_cores", "cluster_mode", "active_connections"):
        assert name in stats
    assert int(stats["active_connections"]) >= 1 and int(stats["memory_rss_bytes"]) > 1_000_000 and int(stats["thread_count"]) > 1 and stats["cluster_mode"] == "false"
    node = root.run("SELECT * FROM system.cluster").dicts[0]
    assert node["is_self"] and node["is_leader"] and node["version"] == stats["server_version"] and node["arch"]


def test_routines_lists_what_can_be_called(root):
    names = {row[0] for row in root.rows("SELECT routine_name FROM information_schema.routines")}
    assert {"snowflake_id", "upper", "sum", "row_number", "cosine_distance"} <= names
    assert not names & {"read_csv", "getenv", "nextval", "current_setting"}


def test_server_logs_when_the_log_is_json():
    import kalam_server
    with kalam_server.Server({"logging": {"log_to_file": True, "format": "json"}}) as server:
        root = server.root()
        rows = root.run("SELECT timestamp, level, message FROM system.server_logs WHERE message LIKE 'ready on%'").dicts
        assert len(rows) == 1 and rows[0]["level"] == "info" and rows[0]["timestamp"].startswith("20")


def test_reserved_schemas_have_no_other_tables(root):
    for name in ("pg_catalog.pg_class", "datafusion.x", "system.nope", "information_schema.nope"):
        root.fails(f"SELECT * FROM {name}", status=404, code="NOT_FOUND_TABLE")


def test_show_limits_tells_the_numbers_in_force():
    import kalam_server
    with kalam_server.Server({"limits": {"max_insert_rows": 5, "max_query_limit": 7}, "execution": {"max_parameters": 3}}) as server:
        root = server.root()
        root.run("CREATE USER ann WITH PASSWORD 'Anns-passw0rd' ROLE user")
        reply = server.client("ann", "Anns-passw0rd").run("SHOW LIMITS")
        assert reply.columns == ["name", "value", "unit", "setting"]
        limits = {row[0]: row[1:] for row in reply.rows}
        assert limits["rows_per_insert"] == ["5", "rows", "limits.max_insert_rows"]
        assert limits["parameters"] == ["3", "parameters", "execution.max_parameters"]
        assert limits["rows_per_query"] == ["7", "rows", "limits.max_query_limit"]
        assert limits["rows_per_query_without_limit"] == [None, "rows", "limits.default_query_limit"]
        assert limits["sql_text"] == ["1048576", "bytes", None]
