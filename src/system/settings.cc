// system.settings: the values in force; secrets show as "***".
#include <array>

#include "system/tables.h"

namespace kalam::system {
namespace {

std::span<const ResultColumn> Columns() {
  static const std::array<ResultColumn, 4> kColumns = {{{"name", Type(TypeKind::kText), true, true},
                                                        {"value", Type(TypeKind::kText), false, true},
                                                        {"description", Type(TypeKind::kText), false, true},
                                                        {"category", Type(TypeKind::kText), false, true}}};
  return kColumns;
}

Status Rows(const SystemContext& context, RowSink& out) {
  for (const config::SettingInfo& setting : config::DescribeSettings(context.settings)) {
    const std::string_view category = std::string_view(setting.name).substr(0, setting.name.find('.'));
    const std::array<Value, 4> row = {Value::Text(setting.name), Value::Text(setting.value),
                                      Value::Text(setting.description), Value::Text(category)};
    KALAM_TRY(out.Row(row));
  }
  return {};
}

}  // namespace

SystemTable SettingsTable() { return {"system", "settings", Readers::kAdmins, &Columns, &Rows}; }

}  // namespace kalam::system
