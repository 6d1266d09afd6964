// SHOW ALL: every setting with its value in force; secrets show as "***".
#include <array>

#include "sql/request.h"
#include "sql/statements/statements.h"

namespace kalam::sql {

Result<Outcome> RunShowAll(const Statement&, Request& request, Services& services) {
  static const std::array<ResultColumn, 3> kColumns = {{{"name", Type(TypeKind::kText), false, true},
                                                        {"value", Type(TypeKind::kText), false, true},
                                                        {"description", Type(TypeKind::kText), false, true}}};
  request.response.Begin(kColumns);
  int64_t rows = 0;
  for (const config::SettingInfo& setting : config::DescribeSettings(services.settings)) {
    const std::array<Value, 3> row = {Value::Text(setting.name), Value::Text(setting.value),
                                      Value::Text(setting.description)};
    KALAM_TRY(request.response.Row(row));
    ++rows;
  }
  return Outcome{OutcomeKind::kRows, rows, {}};
}

}  // namespace kalam::sql
