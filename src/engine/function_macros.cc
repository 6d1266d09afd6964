// Functions that clients know from the reference and from PostgreSQL, and that DuckDB calls otherwise.
//
// Each is a macro in the schema kAdjustedSchema, so each name also stands in allowed_functions.cc. A macro
// names each of its parameters once: DuckDB copies the argument to every place, so that nested calls would
// grow by a power. Where a value is needed twice, a list of one structure is transformed.
#include <array>

#include "engine/scalar_functions.h"

namespace kalam::engine {
namespace {

constexpr auto kMacros = std::to_array<const char*>({
    // conditions
    "CREATE MACRO kalam.nvl(a, b) AS coalesce(a, b)",
    "CREATE MACRO kalam.nvl2(a, b, c) AS CASE WHEN a IS NOT NULL THEN b ELSE c END",
    "CREATE MACRO kalam.nanvl(a, b) AS "
    "list_transform([{'a': a, 'b': b}], lambda x: CASE WHEN isnan(x.a) THEN x.b ELSE x.a END)[1]",
    // texts
    "CREATE MACRO kalam.btrim(text) AS trim(text), (text, characters) AS trim(text, characters)",
    "CREATE MACRO kalam.find_in_set(text, list) AS "
    "list_transform([{'t': text, 'l': list}], lambda x: CASE WHEN x.t IS NOT NULL AND x.l IS NOT NULL THEN "
    "coalesce(list_position(string_split(x.l, ','), x.t), 0)::BIGINT END)[1]",
    "CREATE MACRO kalam.initcap(text) AS array_to_string(list_transform(regexp_extract_all(lower(text), "
    "'[\\p{L}\\p{N}]+|[^\\p{L}\\p{N}]+'), lambda x: upper(x[1]) || x[2:]), '')",
    "CREATE MACRO kalam.overlay(text, new_text, start_at) AS list_transform([{'t': text, 'n': new_text, 's': "
    "start_at}], lambda x: substr(x.t, 1, x.s - 1) || x.n || substr(x.t, x.s + length(x.n)))[1], "
    "(text, new_text, start_at, count) AS list_transform([{'t': text, 'n': new_text, 's': start_at, 'c': "
    "count}], lambda x: substr(x.t, 1, x.s - 1) || x.n || substr(x.t, x.s + x.c))[1]",
    "CREATE MACRO kalam.regexp_count(text, pattern) AS len(regexp_extract_all(text, pattern))",
    // numbers
    "CREATE MACRO kalam.iszero(a) AS a = 0",
    "CREATE MACRO kalam.signum(a) AS sign(a)::DOUBLE",
    // A decimal is cut where it is written: its product with a power of ten would go through DOUBLE.
    "CREATE MACRO kalam.trunc(a) AS trunc(a), (a, digits) AS list_transform([{'a': a, 'd': digits}], lambda "
    "x: CASE WHEN typeof(x.a) LIKE 'DECIMAL%' AND x.d >= 0 THEN CAST(split_part(CAST(x.a AS VARCHAR), '.', "
    "1) "
    "|| '.' || left(split_part(CAST(x.a AS VARCHAR), '.', 2), x.d) || '0' AS DOUBLE) ELSE trunc(x.a * "
    "pow(10, "
    "x.d)) / pow(10, x.d) END)[1]",
    // times
    "CREATE MACRO kalam.date_bin(width, at_time) AS time_bucket(width, at_time, TIMESTAMP '1970-01-01'), "
    "(width, at_time, origin) AS time_bucket(width, at_time, origin)",
    // DuckDB's gives a date for days and longer.
    "CREATE MACRO kalam.date_trunc(part, at_time) AS CAST(date_trunc(part, at_time) AS TIMESTAMP)",
    "CREATE MACRO kalam.datetrunc(part, at_time) AS CAST(date_trunc(part, at_time) AS TIMESTAMP)",
    "CREATE MACRO kalam.date_format(at_time, format) AS strftime(at_time, format)",
    "CREATE MACRO kalam.to_char(at_time, format) AS strftime(at_time, format)",
    "CREATE MACRO kalam.to_date(text) AS CAST(text AS DATE), "
    "(text, format) AS CAST(strptime(text, format) AS DATE)",
    "CREATE MACRO kalam.from_unixtime(seconds) AS epoch_ms(CAST(seconds AS BIGINT) * 1000)",
    "CREATE MACRO kalam.to_timestamp_seconds(count) AS epoch_ms(CAST(count AS BIGINT) * 1000)",
    "CREATE MACRO kalam.to_timestamp_millis(count) AS epoch_ms(CAST(count AS BIGINT))",
    "CREATE MACRO kalam.to_timestamp_micros(count) AS make_timestamp(CAST(count AS BIGINT))",
    "CREATE MACRO kalam.to_timestamp_nanos(count) AS make_timestamp_ns(CAST(count AS BIGINT))",
    "CREATE MACRO kalam.to_unixtime(at_time) AS CAST(epoch(CAST(at_time AS TIMESTAMP)) AS BIGINT)",
    // lists
    "CREATE MACRO kalam.array_empty(list) AS len(list) = 0",
    // DuckDB's own leave NULLs out.
    "CREATE MACRO kalam.array_except(list, other) AS list_transform([{'l': list, 'o': other}], lambda x: "
    "list_transform([list_filter(x.l, lambda y: CASE WHEN y IS NULL THEN len(x.o) = list_count(x.o) ELSE NOT "
    "list_contains(x.o, y) END)], lambda z: CASE WHEN len(z) > list_count(z) THEN "
    "list_concat(list_distinct(z), [NULL]) ELSE list_distinct(z) END)[1])[1]",
    "CREATE MACRO kalam.array_remove_all(list, element) AS list_filter(list, lambda x: x IS DISTINCT FROM "
    "element)",
    "CREATE MACRO kalam.array_union(list, other) AS list_transform([list_concat(list, other)], lambda x: "
    "CASE "
    "WHEN len(x) > list_count(x) THEN list_concat(list_distinct(x), [NULL]) ELSE list_distinct(x) END)[1]",
    // aggregates
    "CREATE MACRO kalam.approx_median(a) AS approx_quantile(a, 0.5)",
    // about the server
    "CREATE MACRO kalam.current_database() AS 'kalam'",
    "CREATE MACRO kalam.version() AS 'KalamDB " KALAM_VERSION "'",
});

}  // namespace

std::span<const char* const> FunctionMacros() { return kMacros; }

}  // namespace kalam::engine
