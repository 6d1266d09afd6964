// system.server_logs: the newest lines of the log file, when the server writes one in JSON ([logging]
// log_to_file = true, format = "json"); without it the table is empty.
#include <array>
#include <boost/json.hpp>
#include <fstream>
#include <string>

#include "system/tables.h"

namespace kalam::system {
namespace {

constexpr std::streamoff kTailBytes = 4 << 20;  // read from the end of the file

std::span<const ResultColumn> Columns() {
  static const std::array<ResultColumn, 6> kColumns = {{{"timestamp", Type(TypeKind::kText), false, true},
                                                        {"level", Type(TypeKind::kText), false, true},
                                                        {"thread", Type(TypeKind::kText), false, false},
                                                        {"target", Type(TypeKind::kText), false, false},
                                                        {"line", Type(TypeKind::kBigInt), false, false},
                                                        {"message", Type(TypeKind::kText), false, true}}};
  return kColumns;
}

std::string_view Member(const boost::json::object& line, std::string_view name) {
  const boost::json::value* value = line.if_contains(name);
  if (value == nullptr || !value->is_string()) return {};
  return {value->get_string().data(), value->get_string().size()};
}

Status WriteLine(const std::string& text, RowSink& out) {
  boost::system::error_code error;
  const boost::json::value line = boost::json::parse(text, error);
  if (error || !line.is_object()) return {};  // the line at the border of the tail
  const std::array<Value, 6> row = {Value::Text(Member(line.get_object(), "ts")),
                                    Value::Text(Member(line.get_object(), "level")),
                                    Value::Null(TypeKind::kText),
                                    Value::Null(TypeKind::kText),
                                    Value::Null(TypeKind::kBigInt),
                                    Value::Text(Member(line.get_object(), "message"))};
  return out.Row(row);
}

Status Rows(const SystemContext& context, RowSink& out) {
  const auto& logging = context.settings.logging;
  if (!logging.log_to_file || logging.format != "json") return {};
  std::ifstream file(logging.logs_path + "/server.jsonl", std::ios::binary | std::ios::ate);
  if (!file) return {};
  const std::streamoff size = file.tellg();
  file.seekg(size > kTailBytes ? size - kTailBytes : 0);
  std::string line;
  if (size > kTailBytes) std::getline(file, line);
  while (std::getline(file, line)) KALAM_TRY(WriteLine(line, out));
  return {};
}

}  // namespace

SystemTable ServerLogsTable() { return {"system", "server_logs", Readers::kAdmins, &Columns, &Rows}; }

}  // namespace kalam::system
