#include "jobs/backup/manifest.h"

#include <fmt/format.h>

#include <boost/json.hpp>

namespace kalam::jobs {
namespace {

namespace json = boost::json;

constexpr int64_t kFormat = 2;
constexpr int64_t kFormatWithTablesOnly = 1;

// Reads members of one object; remembers the first that is missing or wrong.
class Members {
 public:
  Members(const json::value& value, std::string& fault) : fault_(fault) {
    object_ = value.if_object();
    if (object_ == nullptr) Refuse("an object");
  }
  std::string Text(std::string_view key) {
    const json::value* value = Find(key);
    if (value == nullptr) return {};
    const json::string* text = value->if_string();
    if (text == nullptr) Refuse(key);
    return text == nullptr ? std::string() : std::string(*text);
  }
  int64_t Number(std::string_view key) {
    const json::value* value = Find(key);
    if (value == nullptr) return 0;
    const int64_t* number = value->if_int64();
    if (number == nullptr || *number < 0) Refuse(key);
    return number == nullptr ? 0 : *number;
  }
  const json::array& Array(std::string_view key) {
    static const json::array kNone;
    const json::value* value = Find(key);
    if (value == nullptr) return kNone;
    if (!value->is_array()) Refuse(key);
    return value->is_array() ? value->get_array() : kNone;
  }

 private:
  const json::value* Find(std::string_view key) {
    const json::value* value = object_ == nullptr ? nullptr : object_->if_contains(key);
    if (value == nullptr) Refuse(key);
    return value;
  }
  void Refuse(std::string_view key) {
    if (fault_.empty()) fault_ = key;
  }
  const json::object* object_;
  std::string& fault_;
};

json::object FileObject(const BackupFile& file) {
  return {{"path", file.path}, {"rows", file.rows}, {"bytes", file.bytes}, {"sha256", file.sha256}};
}

json::object TableObject(const BackupTable& table) {
  json::array schemas;
  for (const std::string& schema : table.schemas) schemas.emplace_back(schema);
  json::array files;
  for (const BackupFile& file : table.files) files.push_back(FileObject(file));
  return {{"namespace", table.ns}, {"name", table.name}, {"record", table.record},
          {"schemas", schemas},    {"rows", table.rows}, {"files", files}};
}

BackupTable ReadTable(const json::value& value, std::string& fault) {
  BackupTable table;
  Members members(value, fault);
  table.ns = members.Text("namespace");
  table.name = members.Text("name");
  table.record = members.Text("record");
  table.rows = members.Number("rows");
  for (const json::value& schema : members.Array("schemas")) {
    if (schema.is_string()) {
      table.schemas.emplace_back(schema.get_string());
    } else if (fault.empty()) {
      fault = "schemas";
    }
  }
  for (const json::value& item : members.Array("files")) {
    Members file(item, fault);
    BackupFile& read = table.files.emplace_back();
    read.path = file.Text("path");
    read.rows = file.Number("rows");
    read.bytes = file.Number("bytes");
    read.sha256 = file.Text("sha256");
  }
  return table;
}

json::array RecordsArray(const std::vector<BackupRecord>& records) {
  json::array array;
  for (const BackupRecord& record : records)
    array.push_back(json::object{{"name", record.name}, {"record", record.record}});
  return array;
}

std::vector<BackupRecord> ReadRecords(const json::array& array, std::string& fault) {
  std::vector<BackupRecord> records;
  for (const json::value& item : array) {
    Members members(item, fault);
    records.push_back({members.Text("name"), members.Text("record")});
  }
  return records;
}

json::object TopicObject(const topics::TopicImage& topic) {
  json::array ends;
  for (const auto& end : topic.ends)
    ends.push_back(json::object{{"offset", end.offset}, {"position", end.position}});
  json::array groups;
  for (const auto& group : topic.groups) {
    groups.push_back(json::object{{"partition", group.partition},
                                  {"group", group.name},
                                  {"acknowledged", group.acknowledged},
                                  {"updated_at", group.updated_at_ms}});
  }
  return {{"name", topic.name}, {"record", topic.record}, {"ends", ends}, {"groups", groups}};
}

topics::TopicImage ReadTopic(const json::value& value, std::string& fault) {
  topics::TopicImage topic;
  Members members(value, fault);
  topic.name = members.Text("name");
  topic.record = members.Text("record");
  for (const json::value& item : members.Array("ends")) {
    Members end(item, fault);
    topic.ends.push_back({end.Number("offset"), end.Number("position")});
  }
  for (const json::value& item : members.Array("groups")) {
    Members group(item, fault);
    topic.groups.push_back({group.Number("partition"), group.Text("group"), group.Number("acknowledged"),
                            group.Number("updated_at")});
  }
  return topic;
}

std::unexpected<Error> Corrupt(std::string_view what) {
  return Fail(ErrorCode::kCorruption, fmt::format("{} is damaged: {}", kManifestName, what));
}

}  // namespace

int64_t BackupManifest::total_bytes() const {
  int64_t bytes = 0;
  for (const BackupTable& entry : tables) {
    for (const BackupFile& file : entry.files) bytes += file.bytes;
  }
  return bytes;
}

int64_t BackupManifest::total_rows() const {
  int64_t rows = 0;
  for (const BackupTable& entry : tables) rows += entry.rows;
  return rows;
}

std::string EncodeManifest(const BackupManifest& manifest) {
  json::object root;
  root["format"] = kFormat;
  root["scope"] = manifest.scope;
  root["namespace"] = manifest.ns;
  root["table"] = manifest.table;
  root["created_at"] = manifest.created_at_ms;
  root["snapshot_seq"] = manifest.snapshot_seq;
  root["namespaces"] = RecordsArray(manifest.namespaces);
  json::array tables;
  for (const BackupTable& table : manifest.tables) tables.push_back(TableObject(table));
  root["tables"] = std::move(tables);
  root["views"] = RecordsArray(manifest.views);
  json::array topic_list;
  for (const topics::TopicImage& topic : manifest.topics) topic_list.push_back(TopicObject(topic));
  root["topics"] = std::move(topic_list);
  root["storages"] = RecordsArray(manifest.storages);
  root["users"] = RecordsArray(manifest.users);
  return json::serialize(root);
}

Result<BackupManifest> DecodeManifest(std::string_view text) {
  boost::system::error_code error;
  const json::value parsed = json::parse(text, error);
  if (error) return Corrupt("it is not JSON");
  std::string fault;
  Members root(parsed, fault);
  const int64_t format = root.Number("format");
  if (!fault.empty()) return Corrupt("member format");
  if (format != kFormat && format != kFormatWithTablesOnly) {
    return Fail(ErrorCode::kUnsupported,
                fmt::format("The backup has format {}; this server reads formats {} and {}", format,
                            kFormatWithTablesOnly, kFormat));
  }
  BackupManifest manifest;
  manifest.scope = root.Text("scope");
  manifest.ns = root.Text("namespace");
  manifest.table = root.Text("table");
  manifest.created_at_ms = root.Number("created_at");
  manifest.snapshot_seq = root.Number("snapshot_seq");
  manifest.namespaces = ReadRecords(root.Array("namespaces"), fault);
  for (const json::value& item : root.Array("tables")) manifest.tables.push_back(ReadTable(item, fault));
  if (format == kFormat) {
    manifest.views = ReadRecords(root.Array("views"), fault);
    for (const json::value& item : root.Array("topics")) manifest.topics.push_back(ReadTopic(item, fault));
    manifest.storages = ReadRecords(root.Array("storages"), fault);
    manifest.users = ReadRecords(root.Array("users"), fault);
  }
  if (!fault.empty()) return Corrupt(fmt::format("member {}", fault));
  return manifest;
}

}  // namespace kalam::jobs
