// BackupScope: what a backup or a restore is about: the whole database, a namespace or a table.
#pragma once

#include <string>
#include <string_view>

#include "jobs/parameters.h"

namespace kalam::jobs {

struct BackupScope {
  std::string ns;     // empty = the whole database
  std::string table;  // empty = all of the namespace

  std::string_view name() const { return ns.empty() ? "database" : table.empty() ? "namespace" : "table"; }
  bool Holds(std::string_view of_ns, std::string_view of_table) const {
    return ns.empty() || (ns == of_ns && (table.empty() || table == of_table));
  }
  // "Database", "Namespace 'app'", "Table 'app.notes'".
  std::string Title() const {
    if (ns.empty()) return "Database";
    if (table.empty()) return "Namespace '" + ns + "'";
    return "Table '" + ns + "." + table + "'";
  }
};

inline BackupScope ReadScope(const Parameters& parameters) {
  return {parameters.TextOr("namespace_id", ""), parameters.TextOr("table_name", "")};
}

}  // namespace kalam::jobs
