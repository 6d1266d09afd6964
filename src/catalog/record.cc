#include "catalog/record.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <limits>
#include <utility>

#include "catalog/value_json.h"

namespace kalam::catalog {
namespace {

namespace json = boost::json;

constexpr int64_t kFormat = 1;

// Reads the members of one object and remembers the first fault, so that decoders need not check after every
// member.
class Reader {
 public:
  Reader(const json::value& value, std::string_view what) : what_(what) {
    if (value.is_object()) {
      object_ = &value.get_object();
    } else {
      Note("is not an object");
    }
  }

  int64_t Integer(std::string_view key, int64_t min, int64_t max) {
    const json::value* member = Member(key);
    if (member == nullptr || !member->is_int64() || member->get_int64() < min || member->get_int64() > max) {
      Note(fmt::format("member {} is missing or out of range", key));
      return min;
    }
    return member->get_int64();
  }
  uint32_t UInt32(std::string_view key, uint32_t min) {
    return static_cast<uint32_t>(Integer(key, min, std::numeric_limits<uint32_t>::max()));
  }
  int64_t Int64(std::string_view key) {
    return Integer(key, std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max());
  }
  std::optional<int64_t> OptionalInt64(std::string_view key) {
    if (Member(key) == nullptr) return std::nullopt;
    return Int64(key);
  }
  bool Flag(std::string_view key) {
    const json::value* member = Member(key);
    if (member == nullptr) return false;
    if (!member->is_bool()) Note(fmt::format("member {} is not a boolean", key));
    return member->is_bool() && member->get_bool();
  }
  std::string Text(std::string_view key) {
    const json::value* member = Member(key);
    if (member == nullptr || !member->is_string()) {
      Note(fmt::format("member {} is missing or no text", key));
      return {};
    }
    return std::string(member->get_string());
  }
  std::string OptionalText(std::string_view key) {
    return Member(key) == nullptr ? std::string() : Text(key);
  }
  const json::value& Child(std::string_view key) {
    const json::value* member = Member(key);
    if (member == nullptr) Note(fmt::format("member {} is missing", key));
    return member == nullptr ? none_ : *member;
  }
  const json::value* Member(std::string_view key) const {
    return object_ == nullptr ? nullptr : object_->if_contains(key);
  }

  void Note(std::string fault) {
    if (fault_.empty()) fault_ = fmt::format("{} {}", what_, fault);
  }
  Status Check() const {
    if (fault_.empty()) return {};
    return Fail(ErrorCode::kCorruption, fault_);
  }

 private:
  std::string_view what_;
  const json::object* object_ = nullptr;
  std::string fault_;
  const json::value none_;
};

Result<json::value> Parse(std::string_view text) {
  std::error_code error;
  json::value value = json::parse(text, error);
  if (error) return Fail(ErrorCode::kCorruption, fmt::format("record is not JSON: {}", error.message()));
  Reader reader(value, "record");
  reader.Integer("format", kFormat, kFormat);
  KALAM_TRY(reader.Check());
  return value;
}

json::object EncodeType(const DataType& type) {
  json::object object{{"kind", static_cast<int64_t>(type.kind)}};
  if (type.kind == TypeKind::kDecimal) {
    object["precision"] = static_cast<int64_t>(type.precision);
    object["scale"] = static_cast<int64_t>(type.scale);
  }
  if (type.kind == TypeKind::kEmbedding) object["dimension"] = static_cast<int64_t>(type.dimension);
  return object;
}

// Columns of tables have kinds up to FILE; those of views have the kinds of results, too.
constexpr int64_t kTableKindMax = 0x11;
constexpr int64_t kResultKindMax = 0x42;

Result<DataType> DecodeType(const json::value& value, int64_t kind_max = kTableKindMax) {
  Reader reader(value, "type");
  const int64_t kind_min = kind_max == kTableKindMax ? 0x01 : 0x00;
  DataType type = Type(static_cast<TypeKind>(reader.Integer("kind", kind_min, kind_max)));
  if (type.kind == TypeKind::kDecimal) {
    type.precision = static_cast<uint8_t>(reader.Integer("precision", 1, 38));
    type.scale = static_cast<uint8_t>(reader.Integer("scale", 0, type.precision));
  }
  if (type.kind == TypeKind::kEmbedding)
    type.dimension = static_cast<uint16_t>(reader.Integer("dimension", 1, 8192));
  KALAM_TRY(reader.Check());
  return type;
}

json::object EncodeColumn(const Column& column) {
  json::object object{{"id", column.id.value},
                      {"name", column.name},
                      {"type", EncodeType(column.type)},
                      {"nullable", column.nullable},
                      {"primary_key", column.primary_key}};
  const ColumnDefault& def = column.default_value;
  if (def.kind != DefaultKind::kNone) {
    json::object encoded{{"kind", static_cast<int64_t>(def.kind)}, {"sql", def.sql}};
    if (def.kind == DefaultKind::kLiteral) encoded["value"] = EncodeValue(def.literal.view());
    object["default"] = std::move(encoded);
  }
  if (!column.initial_default.view().is_null)
    object["initial_default"] = EncodeValue(column.initial_default.view());
  if (!column.comment.empty()) object["comment"] = column.comment;
  return object;
}

Result<ColumnDefault> DecodeDefault(const json::value& value) {
  Reader reader(value, "default");
  ColumnDefault def;
  def.kind = static_cast<DefaultKind>(reader.Integer("kind", 1, 6));
  def.sql = reader.Text("sql");
  KALAM_TRY(reader.Check());
  if (def.kind == DefaultKind::kLiteral) {
    const json::value& literal = reader.Child("value");
    KALAM_TRY(reader.Check());
    KALAM_ASSIGN(def.literal, DecodeValue(literal));
  }
  return def;
}

Result<Column> DecodeColumn(const json::value& value) {
  Reader reader(value, "column");
  Column column;
  column.id = ColumnId(reader.UInt32("id", 1));
  column.name = reader.Text("name");
  column.nullable = reader.Flag("nullable");
  column.primary_key = reader.Flag("primary_key");
  column.comment = reader.OptionalText("comment");
  const json::value& type = reader.Child("type");
  KALAM_TRY(reader.Check());
  KALAM_ASSIGN(column.type, DecodeType(type));
  if (const json::value* def = reader.Member("default"); def != nullptr) {
    KALAM_ASSIGN(column.default_value, DecodeDefault(*def));
  }
  column.initial_default = OwnedValue(Value::Null(column.type.kind));
  if (const json::value* initial = reader.Member("initial_default"); initial != nullptr) {
    KALAM_ASSIGN(column.initial_default, DecodeValue(*initial));
  }
  return column;
}

json::object EncodeOptions(const TableOptions& options) {
  json::object object{{"storage_id", options.storage_id}, {"use_user_storage", options.use_user_storage}};
  const auto add = [&](std::string_view key, const std::optional<int64_t>& number) {
    if (number.has_value()) object[key] = *number;
  };
  add("flush_rows", options.flush_rows);
  add("flush_interval_seconds", options.flush_interval_seconds);
  add("deleted_retention_hours", options.deleted_retention_hours);
  add("ttl_seconds", options.ttl_seconds);
  add("max_stream_size_bytes", options.max_stream_size_bytes);
  return object;
}

Result<TableOptions> DecodeOptions(const json::value& value) {
  Reader reader(value, "options");
  TableOptions options;
  options.storage_id = reader.Text("storage_id");
  options.use_user_storage = reader.Flag("use_user_storage");
  options.flush_rows = reader.OptionalInt64("flush_rows");
  options.flush_interval_seconds = reader.OptionalInt64("flush_interval_seconds");
  options.deleted_retention_hours = reader.OptionalInt64("deleted_retention_hours");
  options.ttl_seconds = reader.OptionalInt64("ttl_seconds");
  options.max_stream_size_bytes = reader.OptionalInt64("max_stream_size_bytes");
  KALAM_TRY(reader.Check());
  return options;
}

}  // namespace

std::string NamespaceKey(std::string_view name) { return fmt::format("{}{}", kNamespacePrefix, name); }
std::string TableKey(TableId id) { return fmt::format("{}{:010}", kTablePrefix, id.value); }
std::string SchemaKey(TableId id, uint32_t version) {
  return fmt::format("{}{:010}/{:010}", kSchemaPrefix, id.value, version);
}

std::string EncodeNamespace(const Namespace& ns) {
  return json::serialize(json::object{{"format", kFormat},
                                      {"name", ns.name},
                                      {"created_at_ms", ns.created_at_ms},
                                      {"options", ns.options_json}});
}

Result<Namespace> DecodeNamespace(std::string_view text) {
  KALAM_ASSIGN(const json::value value, Parse(text));
  Reader reader(value, "namespace");
  Namespace ns;
  ns.name = reader.Text("name");
  ns.created_at_ms = reader.Int64("created_at_ms");
  ns.options_json = reader.Text("options");
  KALAM_TRY(reader.Check());
  return ns;
}

std::string EncodeTable(const Table& table) {
  json::object object{{"format", kFormat},
                      {"id", table.id.value},
                      {"namespace", table.ns},
                      {"name", table.name},
                      {"type", static_cast<int64_t>(table.type)},
                      {"access_level", static_cast<int64_t>(table.access_level)},
                      {"options", EncodeOptions(table.options)},
                      {"version", table.schema().version},
                      {"next_column_id", table.next_column_id},
                      {"created_at_ms", table.created_at_ms},
                      {"updated_at_ms", table.updated_at_ms}};
  if (!table.comment.empty()) object["comment"] = table.comment;
  return json::serialize(object);
}

Result<TableRecord> DecodeTable(std::string_view text) {
  KALAM_ASSIGN(const json::value value, Parse(text));
  Reader reader(value, "table");
  TableRecord record;
  record.last_version = reader.UInt32("version", 1);
  Table& table = record.table;
  table.id = TableId(reader.UInt32("id", 1));
  table.ns = reader.Text("namespace");
  table.name = reader.Text("name");
  table.type = static_cast<TableType>(reader.Integer("type", 1, 4));
  table.access_level = static_cast<AccessLevel>(reader.Integer("access_level", 1, 4));
  table.next_column_id = reader.UInt32("next_column_id", 1);
  table.comment = reader.OptionalText("comment");
  table.created_at_ms = reader.Int64("created_at_ms");
  table.updated_at_ms = reader.Int64("updated_at_ms");
  const json::value& options = reader.Child("options");
  KALAM_TRY(reader.Check());
  KALAM_ASSIGN(table.options, DecodeOptions(options));
  return record;
}

std::string EncodeSchema(TableId id, const TableSchema& schema) {
  json::array columns;
  columns.reserve(schema.columns.size());
  for (const Column& column : schema.columns) columns.push_back(EncodeColumn(column));
  return json::serialize(json::object{{"format", kFormat},
                                      {"table", id.value},
                                      {"version", schema.version},
                                      {"created_at_ms", schema.created_at_ms},
                                      {"columns", std::move(columns)}});
}

Result<SchemaRecord> DecodeSchema(std::string_view text) {
  KALAM_ASSIGN(const json::value value, Parse(text));
  Reader reader(value, "schema");
  SchemaRecord record;
  record.table = TableId(reader.UInt32("table", 1));
  record.schema.version = reader.UInt32("version", 1);
  record.schema.created_at_ms = reader.Int64("created_at_ms");
  const json::value& columns = reader.Child("columns");
  KALAM_TRY(reader.Check());
  if (!columns.is_array()) return Fail(ErrorCode::kCorruption, "schema member columns is not an array");
  for (const json::value& column : columns.get_array()) {
    KALAM_ASSIGN(Column decoded, DecodeColumn(column));
    record.schema.columns.push_back(std::move(decoded));
  }
  return record;
}

std::string ViewKey(std::string_view ns, std::string_view name) {
  return fmt::format("{}{}/{}", kViewPrefix, ns, name);
}

namespace {

json::array EncodeReads(const std::vector<View::ColumnUse>& reads) {
  json::array uses;
  for (const View::ColumnUse& use : reads) {
    json::array columns;
    for (const std::string& column : use.columns) columns.push_back(json::string(column));
    uses.push_back(
        json::object{{"namespace", use.table.ns}, {"name", use.table.name}, {"columns", std::move(columns)}});
  }
  return uses;
}

}  // namespace

std::string EncodeView(const View& view) {
  json::array columns;
  for (const View::ViewColumn& column : view.columns) {
    columns.push_back(
        json::object{{"name", column.name}, {"source", column.source}, {"type", EncodeType(column.type)}});
  }
  json::array references;
  for (const View::Reference& reference : view.references)
    references.push_back(json::object{{"namespace", reference.ns}, {"name", reference.name}});
  json::array words;
  for (const std::string& word : view.words) words.push_back(json::string(word));
  json::object object{{"format", kFormat},
                      {"namespace", view.ns},
                      {"name", view.name},
                      {"query", view.query},
                      {"query_namespace", view.query_namespace},
                      {"columns", std::move(columns)},
                      {"references", std::move(references)},
                      {"words", std::move(words)},
                      {"created_at_ms", view.created_at_ms},
                      {"updated_at_ms", view.updated_at_ms}};
  if (view.reads) object["reads"] = EncodeReads(*view.reads);
  return json::serialize(object);
}

namespace {

Result<std::vector<View::ColumnUse>> DecodeReads(const json::value& value) {
  if (!value.is_array()) return Fail(ErrorCode::kCorruption, "view member reads is not a list");
  std::vector<View::ColumnUse> reads;
  for (const json::value& member : value.get_array()) {
    Reader use(member, "view reads");
    View::ColumnUse& decoded = reads.emplace_back();
    decoded.table = {use.Text("namespace"), use.Text("name")};
    const json::value& columns = use.Child("columns");
    KALAM_TRY(use.Check());
    if (!columns.is_array())
      return Fail(ErrorCode::kCorruption, "view member reads holds no list of columns");
    for (const json::value& column : columns.get_array()) {
      if (!column.is_string())
        return Fail(ErrorCode::kCorruption, "view member reads holds a column that is no text");
      decoded.columns.emplace_back(column.get_string());
    }
  }
  return reads;
}

}  // namespace

Result<View> DecodeView(std::string_view text) {
  KALAM_ASSIGN(const json::value value, Parse(text));
  Reader reader(value, "view");
  View view;
  view.ns = reader.Text("namespace");
  view.name = reader.Text("name");
  view.query = reader.Text("query");
  view.query_namespace = reader.Text("query_namespace");
  view.created_at_ms = reader.Int64("created_at_ms");
  view.updated_at_ms = reader.Int64("updated_at_ms");
  const json::value& columns = reader.Child("columns");
  const json::value& references = reader.Child("references");
  const json::value& words = reader.Child("words");
  KALAM_TRY(reader.Check());
  if (!columns.is_array() || !references.is_array() || !words.is_array() || columns.get_array().empty())
    return Fail(ErrorCode::kCorruption, "view member columns, references or words is not a list");
  for (const json::value& member : columns.get_array()) {
    Reader column(member, "view column");
    View::ViewColumn decoded{column.Text("name"), column.Text("source"), {}};
    const json::value& type = column.Child("type");
    KALAM_TRY(column.Check());
    KALAM_ASSIGN(decoded.type, DecodeType(type, kResultKindMax));
    view.columns.push_back(std::move(decoded));
  }
  for (const json::value& member : references.get_array()) {
    Reader reference(member, "view reference");
    view.references.push_back({reference.Text("namespace"), reference.Text("name")});
    KALAM_TRY(reference.Check());
  }
  for (const json::value& word : words.get_array()) {
    if (!word.is_string()) return Fail(ErrorCode::kCorruption, "view member words holds what is no text");
    view.words.emplace_back(word.get_string());
  }
  if (const json::value* reads = value.get_object().if_contains("reads")) {
    KALAM_ASSIGN(view.reads, DecodeReads(*reads));
  }
  return view;
}

std::string StorageKey(std::string_view id) { return fmt::format("{}{}", kStoragePrefix, id); }

std::string EncodeStorage(const Storage& storage) {
  json::object object{{"format", kFormat},
                      {"id", storage.id},
                      {"name", storage.name},
                      {"type", static_cast<int64_t>(storage.type)},
                      {"base_directory", storage.base_directory},
                      {"shared_tables_template", storage.shared_tables_template},
                      {"user_tables_template", storage.user_tables_template},
                      {"created_at_ms", storage.created_at_ms},
                      {"updated_at_ms", storage.updated_at_ms}};
  if (storage.description) object["description"] = *storage.description;
  if (!storage.config_json.empty()) object["config"] = storage.config_json;
  if (!storage.credentials_json.empty()) object["credentials"] = storage.credentials_json;
  return json::serialize(object);
}

Result<Storage> DecodeStorage(std::string_view text) {
  KALAM_ASSIGN(const json::value value, Parse(text));
  Reader reader(value, "storage");
  Storage storage;
  storage.id = reader.Text("id");
  storage.name = reader.Text("name");
  storage.type = static_cast<StorageType>(reader.Integer("type", 1, 2));
  storage.base_directory = reader.Text("base_directory");
  storage.shared_tables_template = reader.Text("shared_tables_template");
  storage.user_tables_template = reader.Text("user_tables_template");
  storage.created_at_ms = reader.Int64("created_at_ms");
  storage.updated_at_ms = reader.Int64("updated_at_ms");
  if (reader.Member("description") != nullptr) storage.description = reader.Text("description");
  storage.config_json = reader.OptionalText("config");
  storage.credentials_json = reader.OptionalText("credentials");
  KALAM_TRY(reader.Check());
  return storage;
}

}  // namespace kalam::catalog
