#include "engine/allowed_functions.h"

#include <algorithm>
#include <array>

#include "engine/engine.h"

namespace kalam::engine {
namespace {

// Every scalar, aggregate, window and macro function of DuckDB 1.4.4 and of ours that computes from its
// arguments alone, in byte order. Made from duckdb_functions() and reviewed; what reads settings, files, the
// catalog, sequences, other queries or connection state is absent; so are format() and printf() (a field
// width takes any amount of memory), range() and generate_series() as scalars (one step makes a list of any
// length), getvariable, current_setting, nextval, json_serialize_sql, pg_*, has_*_privilege, write_log,
// setseed, combine, finalize, ... A new DuckDB version may add functions: they stay refused until somebody
// has looked at them and added a line.
// clang-format off
constexpr auto kFunctions = std::to_array<std::string_view>({
    "!__postfix", "!~~", "!~~*", "%", "&", "&&", "*", "**", "+", "-", "->", "->>", "/", "//", "<->", "<<",
    "<=>", "<@", ">>", "@", "@>", "^", "^@", "abs", "acos", "acosh", "add", "age", "aggregate", "alias",
    "any_value", "apply", "approx_count_distinct", "approx_median", "approx_quantile", "approx_top_k",
    "arbitrary", "arg_max", "arg_max_null", "arg_min", "arg_min_null", "argmax", "argmin", "array_agg",
    "array_aggr", "array_aggregate", "array_append", "array_apply", "array_cat", "array_concat",
    "array_contains", "array_cosine_distance", "array_cosine_similarity", "array_cross_product",
    "array_distance", "array_distinct", "array_dot_product", "array_empty", "array_except", "array_extract",
    "array_filter", "array_grade_up", "array_has", "array_has_all", "array_has_any", "array_indexof",
    "array_inner_product", "array_intersect", "array_length", "array_negative_dot_product",
    "array_negative_inner_product", "array_pop_back", "array_pop_front", "array_position", "array_prepend",
    "array_push_back", "array_push_front", "array_reduce", "array_remove_all", "array_resize", "array_reverse",
    "array_reverse_sort", "array_select", "array_slice", "array_sort", "array_to_json", "array_to_string",
    "array_to_string_comma_default", "array_transform", "array_union", "array_unique", "array_value",
    "array_where", "array_zip", "ascii", "asin", "asinh", "atan", "atan2", "atanh", "avg", "bar", "base64",
    "bin", "bit_and", "bit_count", "bit_length", "bit_or", "bit_position", "bit_xor", "bitstring",
    "bitstring_agg", "bool_and", "bool_or", "btrim", "can_cast_implicitly", "cardinality", "cast_to_type",
    "cbrt", "ceil", "ceiling", "century", "char_length", "character_length", "chr", "coalesce", "concat",
    "concat_ws", "contains", "corr", "cos", "cosh", "cosine_distance", "cot", "count", "count_if",
    "count_star", "countif", "covar_pop", "covar_samp", "cume_dist", "current_database", "damerau_levenshtein",
    "date_add", "date_bin", "date_diff", "date_format", "date_part", "date_sub", "date_trunc", "datediff",
    "datepart", "datesub", "datetrunc", "day", "dayname", "dayofmonth", "dayofweek", "dayofyear", "decade",
    "decode", "degrees", "dense_rank", "divide", "duckdb_logs_parsed", "editdist3", "element_at", "encode",
    "ends_with", "entropy", "enum_code", "enum_first", "enum_last", "enum_range", "enum_range_boundary",
    "epoch", "epoch_ms", "epoch_ns", "epoch_us", "equi_width_bins", "era", "error", "even", "exp", "factorial",
    "favg", "fdiv", "fill", "filter", "find_in_set", "first", "first_value", "flatten", "floor", "fmod",
    "format_bytes", "formatreadabledecimalsize", "formatreadablesize", "from_base64", "from_binary",
    "from_hex", "from_json", "from_json_strict", "from_unixtime", "fsum", "gamma", "gcd", "gen_random_uuid",
    "geomean", "geometric_mean", "get_bit", "grade_up", "greatest", "greatest_common_divisor", "group_concat",
    "grouping", "grouping_id", "hamming", "hash", "hex", "histogram", "histogram_exact", "histogram_values",
    "hour", "ifnull", "ilike_escape", "initcap", "instr", "isfinite", "isinf", "isnan", "isodow", "isoyear",
    "iszero", "jaccard", "jaro_similarity", "jaro_winkler_similarity", "json", "json_array",
    "json_array_length", "json_as_text", "json_contains", "json_exists", "json_extract", "json_extract_path",
    "json_extract_path_text", "json_extract_string", "json_get", "json_get_array", "json_get_bool",
    "json_get_float", "json_get_int", "json_get_json", "json_get_str", "json_group_array", "json_group_object",
    "json_group_structure", "json_keys", "json_length", "json_merge_patch", "json_object", "json_object_keys",
    "json_pretty", "json_quote", "json_structure", "json_transform", "json_transform_strict", "json_type",
    "json_valid", "json_value", "julian", "kahan_sum", "kurtosis", "kurtosis_pop", "lag", "last", "last_day",
    "last_value", "lcase", "lcm", "lead", "least", "least_common_multiple", "left", "left_grapheme", "len",
    "length", "length_grapheme", "levenshtein", "lgamma", "like_escape", "list", "list_aggr", "list_aggregate",
    "list_any_value", "list_append", "list_apply", "list_approx_count_distinct", "list_avg", "list_bit_and",
    "list_bit_or", "list_bit_xor", "list_bool_and", "list_bool_or", "list_cat", "list_concat", "list_contains",
    "list_cosine_distance", "list_cosine_similarity", "list_count", "list_distance", "list_distinct",
    "list_dot_product", "list_element", "list_entropy", "list_extract", "list_filter", "list_first",
    "list_grade_up", "list_has", "list_has_all", "list_has_any", "list_histogram", "list_indexof",
    "list_inner_product", "list_intersect", "list_kurtosis", "list_kurtosis_pop", "list_last", "list_mad",
    "list_max", "list_median", "list_min", "list_mode", "list_negative_dot_product",
    "list_negative_inner_product", "list_pack", "list_position", "list_prepend", "list_product", "list_reduce",
    "list_resize", "list_reverse", "list_reverse_sort", "list_select", "list_sem", "list_skewness",
    "list_slice", "list_sort", "list_stddev_pop", "list_stddev_samp", "list_string_agg", "list_sum",
    "list_transform", "list_unique", "list_value", "list_var_pop", "list_var_samp", "list_where", "list_zip",
    "listagg", "ln", "log", "log10", "log2", "lower", "lpad", "ltrim", "mad", "make_date", "make_time",
    "make_timestamp", "make_timestamp_ms", "make_timestamp_ns", "make_timestamptz", "map", "map_concat",
    "map_contains", "map_contains_entry", "map_contains_value", "map_entries", "map_extract",
    "map_extract_value", "map_from_entries", "map_keys", "map_values", "max", "max_by", "md5", "md5_number",
    "md5_number_lower", "md5_number_upper", "mean", "median", "microsecond", "millennium", "millisecond",
    "min", "min_by", "minute", "mismatches", "mod", "mode", "month", "monthname", "multiply", "nanosecond",
    "nanvl", "nextafter", "nfc_normalize", "normalized_interval", "not_ilike_escape", "not_like_escape",
    "nth_value", "ntile", "nullif", "nvl", "nvl2", "octet_length", "ord", "overlay", "parse_dirname",
    "parse_dirpath", "parse_filename", "parse_path", "percent_rank", "pg_size_pretty", "pg_typeof", "pi",
    "position", "pow", "power", "prefix", "product", "quantile", "quantile_cont", "quantile_disc", "quarter",
    "radians", "random", "rank", "rank_dense", "reduce", "regexp_count", "regexp_escape", "regexp_extract",
    "regexp_extract_all", "regexp_full_match", "regexp_matches", "regexp_replace",
    "regexp_split_to_array", "regexp_split_to_table", "regr_avgx", "regr_avgy", "regr_count", "regr_intercept",
    "regr_r2", "regr_slope", "regr_sxx", "regr_sxy", "regr_syy", "repeat", "replace", "replace_type",
    "reservoir_quantile", "reverse", "right", "right_grapheme", "round", "round_even", "roundbankers", "row",
    "row_number", "row_to_json", "rpad", "rtrim", "second", "sem", "set_bit", "sha1", "sha256", "sign",
    "signbit", "signum", "sin", "sinh", "skewness", "snowflake_id", "split", "split_part", "sqrt",
    "starts_with", "stddev", "stddev_pop", "stddev_samp", "str_split", "str_split_regex", "strftime",
    "string_agg", "string_split", "string_split_regex", "string_to_array", "strip_accents", "strlen", "strpos",
    "strptime", "struct_concat", "struct_contains", "struct_extract", "struct_extract_at", "struct_has",
    "struct_indexof", "struct_insert", "struct_pack", "struct_position", "struct_update", "substr",
    "substring", "substring_grapheme", "subtract", "suffix", "sum", "sumkahan", "tan", "tanh", "time_bucket",
    "timezone", "timezone_hour", "timezone_minute", "to_base", "to_base64", "to_binary", "to_centuries",
    "to_char", "to_date", "to_days", "to_decades", "to_hex", "to_hours", "to_json", "to_microseconds",
    "to_millennia", "to_milliseconds", "to_minutes", "to_months", "to_quarters", "to_seconds", "to_timestamp",
    "to_timestamp_micros", "to_timestamp_millis", "to_timestamp_nanos", "to_timestamp_seconds", "to_unixtime",
    "to_weeks", "to_years", "translate", "trim", "trunc", "try_strptime", "typeof", "ucase", "ulid", "unbin",
    "unhex", "unicode", "union_extract", "union_tag", "union_value", "unnest", "upper", "url_decode",
    "url_encode", "uuid", "uuid_extract_timestamp", "uuid_extract_version", "uuid_v7", "uuidv4", "uuidv7",
    "var_pop", "var_samp", "variance", "variant_extract", "variant_typeof", "version", "wavg", "week",
    "weekday", "weekofyear", "weighted_avg", "xor", "year", "yearweek", "|", "||", "~", "~~", "~~*", "~~~"});
// clang-format on
static_assert(std::ranges::is_sorted(kFunctions));
static_assert(std::ranges::adjacent_find(kFunctions) == kFunctions.end());

// Those that stand in the schema kAdjustedSchema: adjusted_functions.cc, json_functions.cc,
// function_macros.cc.
// clang-format off
constexpr auto kAdjusted = std::to_array<std::string_view>({
    "%", "->", "->>", "/", "approx_median", "array_empty", "array_except", "array_remove_all", "array_union",
    "btrim", "current_database", "damerau_levenshtein", "date_bin", "date_format", "date_trunc", "datetrunc",
    "editdist3", "find_in_set", "from_unixtime", "initcap", "iszero", "jaro_similarity",
    "jaro_winkler_similarity", "json_as_text", "json_contains", "json_get", "json_get_array", "json_get_bool",
    "json_get_float", "json_get_int", "json_get_json", "json_get_str", "json_length", "json_object_keys",
    "levenshtein", "lpad", "mod", "nanvl", "nvl", "nvl2", "octet_length", "overlay", "regexp_count",
    "regexp_replace", "repeat", "replace", "rpad", "signum", "to_char", "to_date", "to_timestamp",
    "to_timestamp_micros", "to_timestamp_millis", "to_timestamp_nanos", "to_timestamp_seconds", "to_unixtime",
    "trunc", "version"});
// clang-format on
static_assert(std::ranges::is_sorted(kAdjusted));

// Names of the reference and of PostgreSQL for functions that DuckDB has under another name.
struct OtherName {
  std::string_view written;
  std::string_view name;
};
constexpr auto kOtherNames = std::to_array<OtherName>({
    {"approx_distinct", "approx_count_distinct"},
    {"approx_percentile_cont", "approx_quantile"},
    {"array_element", "list_extract"},
    {"array_join", "array_to_string"},
    {"array_max", "list_max"},
    {"array_min", "list_min"},
    {"arrays_overlap", "list_has_any"},
    {"arrow_typeof", "typeof"},
    {"covar", "covar_samp"},
    {"get_field", "struct_extract"},
    {"json_agg", "json_group_array"},
    {"json_build_array", "json_array"},
    {"json_build_object", "json_object"},
    {"json_object_agg", "json_group_object"},
    {"json_typeof", "json_type"},
    {"jsonb_agg", "json_group_array"},
    {"jsonb_array_length", "json_array_length"},
    {"jsonb_build_array", "json_array"},
    {"jsonb_build_object", "json_object"},
    {"jsonb_extract_path", "json_extract_path"},
    {"jsonb_extract_path_text", "json_extract_path_text"},
    {"jsonb_object_agg", "json_group_object"},
    {"jsonb_pretty", "json_pretty"},
    {"jsonb_typeof", "json_type"},
    {"make_array", "list_value"},
    {"regexp_like", "regexp_matches"},
    {"string_to_list", "string_to_array"},
    {"to_jsonb", "to_json"},
    {"uuid_generate_v4", "uuid"},
    {"var", "var_samp"},
    {"var_population", "var_pop"},
    {"var_sample", "var_samp"},
});
static_assert(std::ranges::is_sorted(kOtherNames, {}, &OtherName::written));

// Functions in FROM. They make rows from their arguments and read nothing else.
constexpr auto kTableFunctions =
    std::to_array<std::string_view>({"generate_series", "json_each", "json_tree", "range", "unnest"});
static_assert(std::ranges::is_sorted(kTableFunctions));

}  // namespace

std::span<const std::string_view> FunctionNames() { return kFunctions; }
bool IsAllowedFunction(std::string_view name) { return std::ranges::binary_search(kFunctions, name); }
bool IsAdjustedFunction(std::string_view name) { return std::ranges::binary_search(kAdjusted, name); }
std::string_view KnownName(std::string_view written) {
  const auto found = std::ranges::lower_bound(kOtherNames, written, {}, &OtherName::written);
  return found != kOtherNames.end() && found->written == written ? found->name : written;
}
bool IsAllowedTableFunction(std::string_view name) {
  return std::ranges::binary_search(kTableFunctions, name);
}

}  // namespace kalam::engine
