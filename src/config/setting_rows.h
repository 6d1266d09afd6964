// The table behind Settings: one row per key. Private to config.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/settings.h"

namespace kalam::config {

using IntegerField = int64_t& (*)(Settings&);
using BooleanField = bool& (*)(Settings&);
using TextField = std::string& (*)(Settings&);
using ListField = std::vector<std::string>& (*)(Settings&);

// One function per kind of field, for std::visit.
template <typename... Fns>
struct Overloaded : Fns... {
  using Fns::operator()...;
};

struct SettingRow {
  std::string_view name;  // "server.port"; the rows of one section stand together
  std::variant<IntegerField, BooleanField, TextField, ListField> field;
  std::string_view description;
  std::string_view env = {};
  std::string_view env_alias = {};  // used when `env` is unset
  int64_t min = 0;                  // integers
  int64_t max = INT64_MAX;
  std::string_view choices = {};       // texts: allowed values separated by '|'; empty = any
  std::string_view alias = {};         // another spelling of the key in files
  bool secret = false;                 // never shown
  bool env_true_unless_false = false;  // booleans: in the environment, all but false, 0 and no is true
};

std::span<const SettingRow> SettingRows();
// nullptr when there is none. Finds aliases too.
const SettingRow* FindSetting(std::string_view name);

// Keys and environment variables that files written for other versions may hold: accepted, without effect
// here. A name that ends in '.' stands for everything below it.
std::span<const std::string_view> KeysWithoutEffect();
std::span<const std::string_view> EnvWithoutEffect();

// As DescribeSettings and the example file write it: 8080, true, "text", ["a", "b"].
std::string FormatValue(const SettingRow& row, Settings& settings);

// Checks values against each other and against what a row cannot say. Appends warnings.
Status Validate(const Settings& settings, std::vector<std::string>& warnings);

}  // namespace kalam::config
