// From text and environment to Settings.
#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <numeric>
#include <optional>
#include <utility>

#include "config/setting_rows.h"
#include "config/settings.h"

namespace kalam::config {
namespace {

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  return lower;
}

std::string_view Trim(std::string_view text) {
  auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

// Number of single-character changes from `a` to `b`.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({change, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

// The known key that `name` probably means; empty when none is close.
std::string_view ClosestKey(std::string_view name) {
  std::string_view best;
  size_t best_distance = 4;  // more changes than three are no typo
  auto consider = [&](std::string_view candidate) {
    if (size_t distance = EditDistance(name, candidate); distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  };
  for (const SettingRow& row : SettingRows()) consider(row.name);
  for (std::string_view key : KeysWithoutEffect()) consider(key);
  // The right word in the wrong section is as common as a typo.
  std::string_view leaf = name.substr(name.rfind('.') + 1);
  for (const SettingRow& row : SettingRows()) {
    if (best.empty() && row.name.substr(row.name.rfind('.') + 1) == leaf) best = row.name;
  }
  return best;
}

bool HasNoEffect(std::string_view name) {
  return std::ranges::any_of(KeysWithoutEffect(), [&](std::string_view key) {
    return key.ends_with('.') ? name.starts_with(key) : name == key;
  });
}

std::string AllowedText(const SettingRow& row) {
  if (std::holds_alternative<BooleanField>(row.field)) return "true or false";
  if (std::holds_alternative<ListField>(row.field)) return "a list of texts";
  if (std::holds_alternative<TextField>(row.field)) {
    if (row.choices.empty()) return "a text";
    std::string text = "one of ";
    for (char c : row.choices) text += c == '|' ? std::string(", ") : std::string(1, c);
    return text;
  }
  if (row.max == INT64_MAX) return fmt::format("an integer of at least {}", row.min);
  return fmt::format("an integer from {} to {}", row.min, row.max);
}

std::unexpected<Error> BadValue(const SettingRow& row, std::string_view source, std::string_view value) {
  return Fail(ErrorCode::kInvalidInput, fmt::format("{}: {} = {} is not allowed: expected {}", source,
                                                    row.name, row.secret ? "***" : value, AllowedText(row)));
}

bool IsChoice(std::string_view choices, std::string_view value) {
  if (choices.empty()) return true;
  for (size_t begin = 0; begin <= choices.size();) {
    size_t end = std::min(choices.find('|', begin), choices.size());
    if (choices.substr(begin, end - begin) == value) return true;
    begin = end + 1;
  }
  return false;
}

class Loader {
 public:
  Loader(std::string_view file_name, const EnvLookup& env) : file_name_(file_name), env_(env) {}

  Status ReadFile(std::string_view text);
  Status ReadEnvironment();
  LoadedSettings Take() { return std::move(loaded_); }
  LoadedSettings& loaded() { return loaded_; }

 private:
  Status ReadTable(const toml::table& table, const std::string& prefix);
  Status ReadKey(const std::string& name, const toml::node& node);
  Status ReadSyncWrites(const toml::node& node);
  Status Assign(const SettingRow& row, const std::string& name, const toml::node& node);
  Status AssignEnv(const SettingRow& row, std::string_view variable, std::string_view value);
  std::string Where(const toml::node& node) const {
    return fmt::format("{} line {}", file_name_, node.source().begin.line);
  }
  void Warn(std::string text) { loaded_.warnings.push_back(std::move(text)); }

  std::string file_name_;
  const EnvLookup& env_;
  LoadedSettings loaded_;
  std::map<std::string, std::string, std::less<>> spelled_;  // key -> how the file spelled it
};

Status Loader::ReadFile(std::string_view text) {
  toml::table root;
  try {
    root = toml::parse(text, file_name_);
  } catch (const toml::parse_error& error) {
    return Fail(ErrorCode::kInvalidInput,
                fmt::format("{} line {} column {}: {}", file_name_, error.source().begin.line,
                            error.source().begin.column, error.description()));
  }
  // Sections that have two names.
  for (auto [main, other] : {std::pair{"auth", "authentication"}, std::pair{"engine", "datafusion"}}) {
    if (root.contains(main) && root.contains(other)) {
      return Fail(
          ErrorCode::kInvalidInput,
          fmt::format("{}: [{}] and [{}] are the same section; give only one", file_name_, main, other));
    }
    if (toml::node* section = root.get(other)) {
      root.insert(main, std::move(*section));
      root.erase(other);
    }
  }
  if (root.at_path("security.cors").is_table()) loaded_.settings.security.cors.allow_credentials = true;
  return ReadTable(root, "");
}

Status Loader::ReadTable(const toml::table& table, const std::string& prefix) {
  for (const auto& [key, node] : table) {
    std::string name = prefix + std::string(key.str());
    if (const toml::table* inner = node.as_table()) {
      KALAM_TRY(ReadTable(*inner, name + "."));
    } else {
      KALAM_TRY(ReadKey(name, node));
    }
  }
  return {};
}

Status Loader::ReadKey(const std::string& name, const toml::node& node) {
  if (name == "storage.rocksdb.sync_writes") return ReadSyncWrites(node);
  if (const SettingRow* row = FindSetting(name)) return Assign(*row, name, node);
  if (HasNoEffect(name)) {
    Warn(fmt::format("{}: {} has no effect in this version", Where(node), name));
    return {};
  }
  std::string_view meant = ClosestKey(name);
  Warn(fmt::format("{}: unknown key {} is ignored{}", Where(node), name,
                   meant.empty() ? std::string() : fmt::format(" (did you mean {}?)", meant)));
  return {};
}

// The boolean that stands for `durability` in files of the original. Only its strict value is taken over: a
// default carried along in an old file must not weaken what an acknowledged write means.
Status Loader::ReadSyncWrites(const toml::node& node) {
  auto sync = node.value_exact<bool>();
  if (!sync) {
    return Fail(
        ErrorCode::kInvalidInput,
        fmt::format("{}: storage.rocksdb.sync_writes is not allowed: expected true or false", Where(node)));
  }
  if (!*sync) {
    Warn(fmt::format(
        "{}: storage.rocksdb.sync_writes = false has no effect; storage.durability = \"os\" says it here",
        Where(node)));
    return {};
  }
  auto [entry, fresh] = spelled_.emplace("storage.durability", "storage.rocksdb.sync_writes");
  if (!fresh && loaded_.settings.storage.durability != "sync") {
    return Fail(ErrorCode::kInvalidInput,
                fmt::format("{}: storage.rocksdb.sync_writes = true contradicts storage.durability = \"{}\"",
                            Where(node), loaded_.settings.storage.durability));
  }
  loaded_.settings.storage.durability = "sync";
  return {};
}

Result<std::string> TextOf(const toml::node& node, const SettingRow& row, std::string_view where) {
  auto text = node.value_exact<std::string>();
  std::string shown = text ? fmt::format("\"{}\"", *text) : std::string("a value of another type");
  if (!text || !IsChoice(row.choices, *text)) return BadValue(row, where, shown);
  return *text;
}

Result<std::vector<std::string>> ListOf(const toml::node& node, const SettingRow& row,
                                        std::string_view where) {
  const toml::array* array = node.as_array();
  if (array == nullptr) return BadValue(row, where, "a value of another type");
  std::vector<std::string> items;
  for (const toml::node& item : *array) {
    auto text = item.value_exact<std::string>();
    if (!text) return BadValue(row, where, "a list with a value of another type");
    items.push_back(std::move(*text));
  }
  return items;
}

Status Loader::Assign(const SettingRow& row, const std::string& name, const toml::node& node) {
  auto [entry, fresh] = spelled_.emplace(row.name, name);
  if (!fresh) {
    return Fail(ErrorCode::kInvalidInput, fmt::format("{}: {} and {} are the same setting; give only one",
                                                      Where(node), entry->second, name));
  }
  std::string where = Where(node);
  Settings& s = loaded_.settings;
  return std::visit(Overloaded{
                        [&](IntegerField field) -> Status {
                          auto number = node.value_exact<int64_t>();
                          if (!number) return BadValue(row, where, "a value of another type");
                          if (*number < row.min || *number > row.max)
                            return BadValue(row, where, fmt::to_string(*number));
                          field(s) = *number;
                          return {};
                        },
                        [&](BooleanField field) -> Status {
                          auto boolean = node.value_exact<bool>();
                          if (!boolean) return BadValue(row, where, "a value of another type");
                          field(s) = *boolean;
                          return {};
                        },
                        [&](TextField field) -> Status {
                          KALAM_ASSIGN(field(s), TextOf(node, row, where));
                          return {};
                        },
                        [&](ListField field) -> Status {
                          KALAM_ASSIGN(field(s), ListOf(node, row, where));
                          return {};
                        },
                    },
                    row.field);
}

Status Loader::ReadEnvironment() {
  // Compose files pass variables that were never set as empty texts, so empty means unset.
  auto lookup = [&](std::string_view variable) -> std::optional<std::string> {
    if (variable.empty() || !env_) return std::nullopt;
    const char* value = env_(std::string(variable).c_str());
    if (value == nullptr || *value == '\0') return std::nullopt;
    return value;
  };
  for (const SettingRow& row : SettingRows()) {
    if (auto value = lookup(row.env)) {
      KALAM_TRY(AssignEnv(row, row.env, *value));
    } else if (auto alias_value = lookup(row.env_alias)) {
      KALAM_TRY(AssignEnv(row, row.env_alias, *alias_value));
    }
  }
  for (std::string_view variable : EnvWithoutEffect()) {
    if (lookup(variable))
      Warn(fmt::format("environment variable {} has no effect in this version", variable));
  }
  return {};
}

bool EnvBoolean(const SettingRow& row, std::string_view value) {
  std::string lower = Lower(Trim(value));
  if (row.env_true_unless_false) return lower != "false" && lower != "0" && lower != "no";
  return lower == "true" || lower == "1" || lower == "yes";
}

std::vector<std::string> SplitList(std::string_view value) {
  std::vector<std::string> items;
  for (size_t begin = 0; begin <= value.size();) {
    size_t end = std::min(value.find(',', begin), value.size());
    std::string_view item = Trim(value.substr(begin, end - begin));
    if (!item.empty()) items.emplace_back(item);
    begin = end + 1;
  }
  return items;
}

Status Loader::AssignEnv(const SettingRow& row, std::string_view variable, std::string_view value) {
  std::string where = fmt::format("environment variable {}", variable);
  Settings& s = loaded_.settings;
  return std::visit(Overloaded{
                        [&](IntegerField field) -> Status {
                          std::string_view digits = Trim(value);
                          int64_t number = 0;
                          auto [end, ec] =
                              std::from_chars(digits.data(), digits.data() + digits.size(), number);
                          if (ec != std::errc() || end != digits.data() + digits.size() || number < row.min ||
                              number > row.max) {
                            return BadValue(row, where, value);
                          }
                          field(s) = number;
                          return {};
                        },
                        [&](BooleanField field) -> Status {
                          field(s) = EnvBoolean(row, value);
                          return {};
                        },
                        [&](TextField field) -> Status {
                          if (!IsChoice(row.choices, value)) return BadValue(row, where, value);
                          field(s) = value;
                          return {};
                        },
                        [&](ListField field) -> Status {
                          field(s) = SplitList(value);
                          return {};
                        },
                    },
                    row.field);
}

}  // namespace

Result<LoadedSettings> LoadSettings(std::string_view toml_text, std::string_view file_name,
                                    const EnvLookup& env) {
  Loader loader(file_name, env);
  KALAM_TRY(loader.ReadFile(toml_text));
  KALAM_TRY(loader.ReadEnvironment());
  KALAM_TRY(Validate(loader.loaded().settings, loader.loaded().warnings));
  return loader.Take();
}

}  // namespace kalam::config
