// SET: refused with the place where the setting is made. Settings are read at start and immutable afterwards,
// and a request has no session that could keep one.
#include <fmt/format.h>

#include "sql/request.h"
#include "sql/statements/statements.h"

namespace kalam::sql {

Result<Outcome> RunSet(const Statement& statement, Request&, Services& services) {
  const auto& set = std::get<SetOption>(statement.body);
  for (const config::SettingInfo& setting : config::DescribeSettings(services.settings)) {
    if (setting.name != set.name) continue;
    const std::string env =
        setting.env.empty() ? "" : fmt::format(" (or the environment variable {})", setting.env);
    return Fail(
        Error(ErrorCode::kUnsupported,
              fmt::format("Setting '{}' cannot be changed by SET: change it in the configuration file{} and "
                          "restart the server",
                          set.name, env))
            .With("feature", std::string("SET")));
  }
  return Fail(ErrorCode::kInvalidOperation,
              fmt::format("Invalid operation: Unknown setting '{}'. SHOW ALL lists the settings", set.name));
}

}  // namespace kalam::sql
