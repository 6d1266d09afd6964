// Executor: from the text of one payload to its answer. The door of the sql module.
//
// Purpose: split, classify, parse and authorise every statement, then run them in order; direct plans on the
// calling thread, single direct writes as a completion of the commit, everything else on the worker pool.
// Owner: main(). Threads: thread-safe. Errors: an ExecutionError, never an exception.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/error.h"
#include "model/principal.h"
#include "model/value.h"
#include "wire/sql_response.h"

namespace kalam::sql {

struct Services;

// One payload and the circumstances of the request. The giver keeps it, and what it points to, alive until
// `done` was called.
struct Payload {
  std::string_view sql;
  std::span<const Value> parameters;
  std::string name_space = "default";
  std::shared_ptr<const Principal> principal;
  std::string request_id;
  std::string client_ip;
  std::string host;                // as the request names this server, "db.example.com:8080"; may be empty
  int64_t received_at_micros = 0;  // wall clock
  int64_t deadline_nanos = INT64_MAX;  // Clock::MonotonicNanos
  std::stop_token stop;
  bool force_engine =
      false;  // run reads and writes through the engine even where a direct plan exists (differential tests)
};

struct ExecutionError {
  Error error;
  int64_t statement_index = 0;  // 1-based; 0 = before any statement was looked at
  bool while_running = false;   // true: statements before it may have taken effect
  std::string statement;        // text of the failed statement, for administrators; secrets redacted
};

// The answer so far on success, or the error. Called exactly once: before Execute returns, on the calling
// thread, or later on another thread.
using ExecuteDone = std::move_only_function<void(std::expected<wire::SqlResponse, ExecutionError>)>;

class Executor {
 public:
  explicit Executor(Services& services);
  ~Executor();

  void Execute(const Payload& payload, ExecuteDone done);

  // Runs work of another door on the threads of statements. False when too much waits already, or after Stop.
  bool Post(std::move_only_function<void()> task);

  // Refuses new payloads (kUnavailable) and waits for those that run.
  void Stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kalam::sql
