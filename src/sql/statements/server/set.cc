// SET: refused with the place where the setting is made. Settings are read at start and immutable afterwards,
// and a request has no session that could keep one.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "sql/request.h"
#include "sql/statements/statements.h"

namespace kalam::sql {
namespace {

// Session settings that clients of other databases send first, and what does it here.
struct Foreign {
  std::string_view name;
  std::string_view hint;
};
constexpr auto kForeign = std::to_array<Foreign>({
    {"application_name", "send the header X-Request-ID to tell requests apart"},
    {"client_encoding", "texts are in UTF-8"},
    {"lock_timeout", "nothing waits for locks"},
    {"names", "texts are in UTF-8"},
    {"role", "EXECUTE AS USER name (statement)"},
    {"search_path", "USE name, or the namespace_id of the request"},
    {"statement_timeout", "the setting execution.handler_timeout_seconds"},
    {"time", "times are in UTC; AT TIME ZONE 'name' converts"},
    {"timezone", "times are in UTC; AT TIME ZONE 'name' converts"},
    {"transaction", "a transaction sees one snapshot and commits as a whole"},
});

}  // namespace

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
  const auto foreign = std::ranges::find(kForeign, std::string_view(set.name), &Foreign::name);
  if (foreign != kForeign.end()) {
    return Fail(ErrorCode::kInvalidOperation,
                fmt::format("Invalid operation: Unknown setting '{}'. Hint: {}", set.name, foreign->hint));
  }
  return Fail(ErrorCode::kInvalidOperation,
              fmt::format("Invalid operation: Unknown setting '{}'. SHOW ALL lists the settings", set.name));
}

}  // namespace kalam::sql
