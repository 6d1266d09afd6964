// What the functions inside a running query reach: DuckDB hands it to them through the connection. Not for
// other modules.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "duckdb/main/client_context.hpp"
#include "duckdb/main/client_context_state.hpp"
#include "engine/engine.h"
#include "engine/source.h"

namespace kalam::engine {

inline constexpr const char* kRunStateKey = "kalam";

// One per connection. The request fields are set before a query starts and constant while it runs.
struct RunState : duckdb::ClientContextState {
  explicit RunState(Random& random_in) : random(random_in) {}

  // Keeps the first error of this run for Run() to return and ends the query.
  [[noreturn]] void Throw(Error error) {
    {
      std::lock_guard lock(mu_);
      if (!first_error_) first_error_ = std::move(error);
    }
    throw duckdb::InvalidInputException("stopped");
  }
  std::optional<Error> TakeError() {
    std::lock_guard lock(mu_);
    return std::exchange(first_error_, std::nullopt);
  }

  Random& random;
  std::span<const std::shared_ptr<const Source>> sources;
  std::span<const ResultColumn> cast_to;
  const StatementContext* statement = nullptr;
  std::vector<std::vector<size_t>>* read_columns = nullptr;

  // Gives out one id after another; DuckDB may evaluate parts of one query at the same time.
  void FillSnowflakes(int64_t* ids, size_t count) {
    std::lock_guard lock(mu_);
    for (size_t i = 0; i < count; ++i) ids[i] = statement->next_snowflake();
  }

 private:
  std::mutex mu_;
  std::optional<Error> first_error_;  // guarded by mu_
};

inline RunState& RunStateOf(duckdb::ClientContext& context) {
  return *context.registered_state->Get<RunState>(kRunStateKey);
}

}  // namespace kalam::engine
