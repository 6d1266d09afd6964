// ALTER NAMESPACE name SET OPTIONS (key = value, ...): merges the keys into the stored options object.
#include <fmt/format.h>

#include <boost/json.hpp>

#include <string>
#include <utility>

#include "sql/audit.h"
#include "sql/request.h"
#include "sql/statements/statements.h"

namespace kalam::sql {

Result<Outcome> RunAlterNamespace(const Statement& statement, Request& request, Services& services) {
  const auto& alter = std::get<AlterNamespace>(statement.body);
  const auto merge = [&](const std::string& current) -> Result<std::string> {
    boost::system::error_code error;
    boost::json::value options = boost::json::parse(current, error);
    if (error || !options.is_object())
      return Fail(ErrorCode::kCorruption, "stored namespace options are not an object");
    for (const auto& [key, json] : alter.options) {
      boost::json::value value = boost::json::parse(json, error);
      if (error) return Fail(ErrorCode::kInvalidOperation, fmt::format("Invalid value format: {}", json));
      options.as_object()[key] = std::move(value);
    }
    return boost::json::serialize(options);
  };
  std::string details = "SET OPTIONS";
  for (const auto& [key, json] : alter.options) details += " " + key;
  KALAM_TRY(services.catalog.AlterNamespace(
      alter.name, merge, AuditOf(request, services, "ALTER_NAMESPACE", alter.name, std::move(details))));
  return MessageOutcome(fmt::format("Namespace '{}' altered successfully", alter.name));
}

}  // namespace kalam::sql
