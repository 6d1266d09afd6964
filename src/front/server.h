// HttpServer: sockets, HTTP/1.1, connection limits and the route table.
//
// Owner: main(). Start binds and accepts; Stop refuses new connections, lets running requests answer, closes.
// Threads: one event loop per I/O thread; a connection stays on its thread. Routes are called on the
// connection's thread and must not block it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"

namespace kalam::auth {
class AuditLog;
class HashingThread;
class Login;
class Tokens;
class Users;
}  // namespace kalam::auth
namespace kalam::observe {
class Metrics;
}
namespace kalam::config {
struct Settings;
}
namespace kalam::sql {
class Executor;
}
namespace kalam::topics {
class Topics;
}

namespace kalam::front {

class LiveBackend;

// What routes work with. References outlive the server.
struct FrontServices {
  const config::Settings& settings;
  const Clock& clock;
  Random& random;
  auth::Users& users;
  auth::Tokens& tokens;
  auth::Login& login;
  auth::AuditLog& audit;
  auth::HashingThread& hashing;
  sql::Executor& executor;
  topics::Topics& topics;
  observe::Metrics& metrics;
  std::string version;
  std::string build_date;
  LiveBackend* live = nullptr;  // behind GET /v1/ws; without it nothing can be subscribed to
};

class HttpServer {
 public:
  explicit HttpServer(FrontServices services);
  ~HttpServer();
  // kIo naming host and port when they cannot be bound.
  Status Start();
  // The port really bound (settings may say 0 in tests).
  uint16_t port() const;
  void Stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kalam::front
