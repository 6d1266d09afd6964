// CREATE TABLE: the rules, in the order in which the protocol lists them. The first one broken is reported.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <utility>

#include "sql/parse/create_table.h"

namespace kalam::sql {
namespace {

constexpr int64_t kFlushRowsEnd = 1'000'000;
constexpr int64_t kFlushSecondsEnd = 86'400;
// A hundred years: far beyond use, and microseconds of it still fit.
constexpr int64_t kTtlSecondsMax = 3'155'760'000;
constexpr int64_t kRetentionHoursMax = 876'600;

class Checker {
 public:
  Checker(const CreateTableText& text, const TokenReader& reader) : text_(text), reader_(reader) {}

  Result<CreateTable> Check() {
    table_.if_not_exists = text_.if_not_exists;
    if (text_.ns.has_value()) table_.table.ns = NameContent(*text_.ns);
    table_.table.table = NameContent(text_.name);
    KALAM_TRY(CheckNames());
    KALAM_TRY(CheckType());
    KALAM_TRY(CheckOptionsFitType());
    KALAM_TRY(ReadOptions());
    KALAM_TRY(CheckColumns());
    KALAM_TRY(CheckPrimaryKey());
    return std::move(table_);
  }

 private:
  std::unexpected<Error> Refuse(std::string message, const Token& at) const {
    return reader_.Refuse(fmt::format("Invalid CREATE TABLE statement: {}", message), at);
  }

  Status CheckName(std::string_view what, const Token& token) const {
    const std::string name = StringContent(token);
    if (IsPlainName(name)) return {};
    const Position at = reader_.Locate(token);
    return Refuse(fmt::format("Invalid {} name '{}'. Only alphanumeric characters and underscores are "
                              "allowed (line {}, col {}).",
                              what, name, at.line, at.column),
                  token);
  }

  Status CheckNames() const {
    if (text_.ns.has_value()) KALAM_TRY(CheckName("namespace", *text_.ns));
    KALAM_TRY(CheckName("table", text_.name));
    for (const ColumnClause& column : text_.columns) KALAM_TRY(CheckName("column", column.name));
    return {};
  }

  Status CheckType() {
    for (const OptionText& option : text_.options) {
      if (option.key != "TYPE") continue;
      const auto type = ParseTableType(option.value);
      if (!type.has_value()) {
        return Refuse(fmt::format("Invalid TYPE option '{}'. Supported: USER, SHARED, STREAM", option.value),
                      option.at);
      }
      if (text_.prefix.has_value() && *text_.prefix != *type) {
        return Refuse(fmt::format("Conflicting table type definitions: CREATE {} TABLE vs TYPE option {}",
                                  UpperCase(TableTypeName(*text_.prefix)), UpperCase(TableTypeName(*type))),
                      option.at);
      }
      table_.type = *type;
      table_.type_given = true;
    }
    if (text_.prefix.has_value()) {
      table_.type = *text_.prefix;
      table_.type_given = true;
    }
    return {};
  }

  const OptionText* Find(std::string_view key) const {
    for (const OptionText& option : text_.options) {
      if (option.key == key) return &option;
    }
    return nullptr;
  }

  Status CheckOptionsFitType() const {
    const OptionText* ttl = Find("TTL_SECONDS");
    if (table_.type == TableType::kStream && ttl == nullptr) {
      return Refuse("STREAM tables must specify 'TTL_SECONDS'", text_.name);
    }
    if (table_.type != TableType::kStream && ttl != nullptr) {
      return Refuse("TTL_SECONDS is only supported for STREAM tables", ttl->at);
    }
    const OptionText* size = Find("MAX_STREAM_SIZE_BYTES");
    if (table_.type != TableType::kStream && size != nullptr) {
      return Refuse("MAX_STREAM_SIZE_BYTES is only supported for STREAM tables", size->at);
    }
    for (const std::string_view key : {"FLUSH_POLICY", "FLUSH ROWS", "FLUSH SECONDS"}) {
      if (const OptionText* flush = Find(key); flush != nullptr && table_.type == TableType::kStream) {
        return Refuse("FLUSH_POLICY is not supported for STREAM tables: their rows expire", flush->at);
      }
    }
    if (const OptionText* level = Find("ACCESS_LEVEL");
        level != nullptr && table_.type != TableType::kShared) {
      return Refuse("ACCESS_LEVEL is only supported for SHARED tables", level->at);
    }
    const OptionText* storage = Find("USE_USER_STORAGE");
    if (storage != nullptr && table_.type != TableType::kUser && UpperCase(storage->value) != "FALSE") {
      return Refuse("USE_USER_STORAGE is only supported for USER tables", storage->at);
    }
    return {};
  }

  Status ReadOptions() {
    using Read = Status (Checker::*)(const OptionText&);
    static constexpr std::pair<std::string_view, Read> kOptions[] = {
        {"FLUSH_POLICY", &Checker::ReadFlushPolicy},
        {"FLUSH ROWS", &Checker::ReadFlushRows},
        {"FLUSH SECONDS", &Checker::ReadFlushSeconds},
        {"STORAGE_ID", &Checker::ReadStorageId},
        {"TYPE", nullptr},
        {"ACCESS_LEVEL", &Checker::ReadAccessLevel},
        {"USE_USER_STORAGE", &Checker::ReadUseUserStorage},
        {"DELETED_RETENTION_HOURS", &Checker::ReadRetention},
        {"TTL_SECONDS", &Checker::ReadTtl},
        {"MAX_STREAM_SIZE_BYTES", &Checker::ReadStreamSize},
    };
    for (const auto& [key, read] : kOptions) {
      for (const OptionText& option : text_.options) {
        if (read != nullptr && option.key == key) KALAM_TRY((this->*read)(option));
      }
    }
    for (const OptionText& option : text_.options) {
      const bool known = std::any_of(std::begin(kOptions), std::end(kOptions),
                                     [&](const auto& row) { return row.first == option.key; });
      if (!known) return Refuse(fmt::format("Unknown table option '{}'", option.key), option.at);
    }
    return {};
  }

  // All digits; nullopt also when the number does not fit.
  static std::optional<int64_t> Number(std::string_view text) {
    int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc() || end != text.data() + text.size() || value < 0)
      return std::nullopt;
    return value;
  }

  // 'rows:1000', 'interval:60' or both, separated by a comma.
  Status ReadFlushPolicy(const OptionText& option) {
    bool any = false;
    std::string_view rest = option.value;
    while (!rest.empty()) {
      const size_t comma = std::min(rest.find(','), rest.size());
      std::string_view part = rest.substr(0, comma);
      rest.remove_prefix(std::min(comma + 1, rest.size()));
      while (part.starts_with(' ')) part.remove_prefix(1);
      while (part.ends_with(' ')) part.remove_suffix(1);
      const size_t colon = part.find(':');
      const auto number = colon == std::string_view::npos ? std::nullopt : Number(part.substr(colon + 1));
      if (!number.has_value()) {
        return Refuse(fmt::format("Invalid FLUSH_POLICY format '{}'. Expected 'key:value'", part), option.at);
      }
      const std::string key = LowerCase(part.substr(0, colon));
      if (key != "rows" && key != "interval") {
        return Refuse(fmt::format("Unknown FLUSH_POLICY key '{}'", key), option.at);
      }
      KALAM_TRY(SetFlush(key == "rows", *number, option.at));
      any = true;
    }
    if (!any) return Refuse("FLUSH_POLICY must specify 'rows' or 'interval' > 0", option.at);
    return {};
  }

  Status SetFlush(bool rows, int64_t number, const Token& at) {
    if (number == 0) return Refuse("FLUSH_POLICY must specify 'rows' or 'interval' > 0", at);
    if (rows && number >= kFlushRowsEnd) return Refuse("Row limit must be less than 1,000,000", at);
    if (!rows && number >= kFlushSecondsEnd)
      return Refuse("Interval must be less than 86400 seconds (24 hours)", at);
    (rows ? table_.options.flush_rows : table_.options.flush_interval_seconds) = number;
    return {};
  }

  Status ReadFlushRows(const OptionText& option) {
    const auto number = Number(option.value);
    if (!number.has_value())
      return Refuse(fmt::format("Invalid FLUSH ROWS value '{}'", option.value), option.at);
    return SetFlush(true, *number, option.at);
  }

  Status ReadFlushSeconds(const OptionText& option) {
    const auto number = Number(WithoutSeconds(option.value));
    if (!number.has_value())
      return Refuse(fmt::format("Invalid FLUSH SECONDS value '{}'", option.value), option.at);
    return SetFlush(false, *number, option.at);
  }

  // "60s" of the older dialect.
  static std::string_view WithoutSeconds(std::string_view text) {
    if (text.ends_with('s') || text.ends_with('S')) text.remove_suffix(1);
    return text;
  }

  Status ReadStorageId(const OptionText& option) {
    const bool plain = !option.value.empty() &&
                       std::all_of(option.value.begin(), option.value.end(),
                                   [](char c) { return c == '-' || IsPlainName(std::string_view(&c, 1)); });
    if (!plain) {
      return Refuse(fmt::format("Invalid STORAGE_ID '{}'. Only alphanumeric, underscore, and hyphen allowed.",
                                option.value),
                    option.at);
    }
    table_.options.storage_id = option.value;
    return {};
  }

  Status ReadAccessLevel(const OptionText& option) {
    table_.access_level = ParseAccessLevel(option.value);
    if (table_.access_level.has_value()) return {};
    return Refuse(
        fmt::format("Invalid ACCESS_LEVEL '{}'. Supported: PUBLIC, PRIVATE, RESTRICTED, DBA", option.value),
        option.at);
  }

  Status ReadUseUserStorage(const OptionText& option) {
    const std::string upper = UpperCase(option.value);
    if (upper != "TRUE" && upper != "FALSE") {
      return Refuse(fmt::format("Invalid USE_USER_STORAGE '{}'. Supported: true, false", option.value),
                    option.at);
    }
    table_.options.use_user_storage = upper == "TRUE";
    return {};
  }

  Status ReadRetention(const OptionText& option) {
    const auto hours = Number(option.value);
    if (!hours.has_value() || *hours > kRetentionHoursMax) {
      return Refuse(fmt::format("Invalid DELETED_RETENTION_HOURS '{}'. Expected hours from 0 to {}",
                                option.value, kRetentionHoursMax),
                    option.at);
    }
    table_.options.deleted_retention_hours = hours;
    return {};
  }

  // 0 = no limit.
  Status ReadStreamSize(const OptionText& option) {
    const auto bytes = Number(option.value);
    if (!bytes.has_value()) {
      return Refuse(
          fmt::format("Invalid MAX_STREAM_SIZE_BYTES '{}'. Expected bytes, 0 for no limit", option.value),
          option.at);
    }
    if (*bytes > 0) table_.options.max_stream_size_bytes = bytes;
    return {};
  }

  Status ReadTtl(const OptionText& option) {
    const auto seconds = Number(WithoutSeconds(option.value));
    if (!seconds.has_value() || *seconds == 0 || *seconds > kTtlSecondsMax) {
      return Refuse(fmt::format("Invalid TTL_SECONDS '{}'. Expected seconds from 1 to {}", option.value,
                                kTtlSecondsMax),
                    option.at);
    }
    table_.options.ttl_seconds = seconds;
    return {};
  }

  Status CheckColumns() {
    std::set<std::string_view> names;
    for (const ColumnClause& clause : text_.columns) {
      if (!names.insert(clause.column.name).second) {
        return Refuse(
            fmt::format("Duplicate column name '{}'. Column names are case-insensitive.", clause.column.name),
            clause.name);
      }
    }
    if (text_.columns.empty()) return Refuse("Table must have at least one column", text_.name);
    for (const ColumnClause& clause : text_.columns) {
      if (clause.fault.has_value()) {
        Error fault = *clause.fault;
        fault.message.insert(0, "Invalid CREATE TABLE statement: ");
        return Fail(std::move(fault));
      }
      table_.columns.push_back(clause.column);
    }
    return {};
  }

  Status CheckPrimaryKey() {
    size_t keys = text_.primary_keys.size();
    for (const ColumnDefinition& column : table_.columns) keys += column.primary_key ? 1 : 0;
    if (keys > 1) return Refuse("Multiple PRIMARY KEY definitions found", text_.name);
    if (text_.primary_keys.empty()) return {};
    const std::vector<Token>& names = text_.primary_keys[0];
    if (names.size() > 1) return Refuse("Composite PRIMARY KEYs are not supported yet", names[1]);
    const std::string name = NameContent(names[0]);
    const auto column = std::find_if(table_.columns.begin(), table_.columns.end(),
                                     [&](const ColumnDefinition& c) { return c.name == name; });
    if (column == table_.columns.end()) {
      return Refuse(fmt::format("PRIMARY KEY column '{}' not found in column list", name), names[0]);
    }
    column->primary_key = true;
    return {};
  }

  const CreateTableText& text_;
  const TokenReader& reader_;
  CreateTable table_;
};

}  // namespace

Result<CreateTable> CheckCreateTable(const CreateTableText& text, const TokenReader& reader) {
  return Checker(text, reader).Check();
}

}  // namespace kalam::sql
