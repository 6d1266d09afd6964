// Settings as text: for system.settings and the example file.
#include <fmt/format.h>

#include <string>

#include "config/setting_rows.h"
#include "config/settings.h"

namespace kalam::config {
namespace {

std::string Quote(std::string_view text) {
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      quoted += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

std::string QuoteList(const std::vector<std::string>& items) {
  std::string list = "[";
  for (const std::string& item : items) {
    if (list.size() > 1) list += ", ";
    list += Quote(item);
  }
  return list + "]";
}

std::string_view TypeName(const SettingRow& row) {
  static constexpr std::string_view kNames[] = {"integer", "boolean", "text", "list of text"};
  return kNames[row.field.index()];
}

// Plain text without quotes, as people read it in a table.
std::string ShowValue(const SettingRow& row, Settings& settings) {
  if (const auto* field = std::get_if<TextField>(&row.field)) {
    const std::string& text = (*field)(settings);
    return row.secret && !text.empty() ? "***" : text;
  }
  return FormatValue(row, settings);
}

std::string_view Section(std::string_view name) { return name.substr(0, name.rfind('.')); }
std::string_view Leaf(std::string_view name) { return name.substr(name.rfind('.') + 1); }

std::string Allowed(const SettingRow& row) {
  if (!std::holds_alternative<IntegerField>(row.field)) return {};
  if (row.max == INT64_MAX) return fmt::format(" Allowed: at least {}.", row.min);
  return fmt::format(" Allowed: {} to {}.", row.min, row.max);
}

}  // namespace

std::string FormatValue(const SettingRow& row, Settings& s) {
  return std::visit(Overloaded{
                        [&](IntegerField field) { return fmt::to_string(field(s)); },
                        [&](BooleanField field) { return std::string(field(s) ? "true" : "false"); },
                        [&](TextField field) { return Quote(field(s)); },
                        [&](ListField field) { return QuoteList(field(s)); },
                    },
                    row.field);
}

std::vector<SettingInfo> DescribeSettings(const Settings& settings) {
  Settings shown = settings;
  Settings defaults;
  std::vector<SettingInfo> infos;
  infos.reserve(SettingRows().size());
  for (const SettingRow& row : SettingRows()) {
    infos.push_back({.name = std::string(row.name),
                     .value = ShowValue(row, shown),
                     .default_value = ShowValue(row, defaults),
                     .type = std::string(TypeName(row)),
                     .env = std::string(row.env),
                     .description = std::string(row.description)});
  }
  return infos;
}

std::string ExampleToml() {
  std::string text =
      "# Settings of a KalamDB server. Every key is here with its default value; leave out what you do not "
      "change.\n"
      "# Order of precedence: environment variable, this file, default.\n";
  Settings defaults;
  std::string_view section;
  for (const SettingRow& row : SettingRows()) {
    if (Section(row.name) != section) {
      section = Section(row.name);
      text += fmt::format("\n[{}]\n", section);
    } else {
      text += '\n';
    }
    text += fmt::format("# {}{}\n", row.description, Allowed(row));
    if (!row.env.empty()) text += fmt::format("# Environment: {}\n", row.env);
    // A secret that everybody can read in an example is none.
    text += row.secret ? fmt::format("# {} = \"\"\n", Leaf(row.name))
                       : fmt::format("{} = {}\n", Leaf(row.name), FormatValue(row, defaults));
  }
  return text;
}

}  // namespace kalam::config
