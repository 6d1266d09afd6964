// information_schema.df_settings: the settings, for administrators; nobody else may use them.
#include <array>

#include "system/information_schema.h"

namespace kalam::system {
namespace {

std::span<const ResultColumn> Columns() {
  static const std::array<ResultColumn, 3> kColumns = {
      {{"name", Type(TypeKind::kText), false, true},
       {"value", Type(TypeKind::kText), false, false},
       {"description", Type(TypeKind::kText), false, false}}};
  return kColumns;
}

Status Rows(const SystemContext& context, RowSink& out) {
  if (!context.principal->is_admin()) return {};
  for (const config::SettingInfo& setting : config::DescribeSettings(context.settings)) {
    const std::array<Value, 3> row = {Value::Text(setting.name), Value::Text(setting.value),
                                      Value::Text(setting.description)};
    KALAM_TRY(out.Row(row));
  }
  return {};
}

}  // namespace

SystemTable InformationSchemaSettings() {
  return {"information_schema", "df_settings", Readers::kEveryone, &Columns, &Rows};
}

}  // namespace kalam::system
