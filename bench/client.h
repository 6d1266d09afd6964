// A plain blocking client for set-up and verification: one request at a time, answers taken apart.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace kalam::bench {

// Anything that makes a measurement worthless: wrong contents, a server that does not start, a refused
// statement.
class BenchError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct HttpAnswer {
  int status = 0;
  std::string body;
};

class Client {
 public:
  explicit Client(uint16_t port) : port_(port) {}
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Status 0 when the server cannot be reached.
  HttpAnswer Request(std::string_view method, std::string_view path, std::string_view body = {});
  // Logs in and keeps the access token for later requests.
  void Login(std::string_view user, std::string_view password);
  void set_token(std::string token) { token_ = std::move(token); }
  const std::string& token() const { return token_; }

  // Runs one statement, throws BenchError when it fails. Returns the rows of the first result, every value as
  // text ("NULL" for null).
  std::vector<std::vector<std::string>> Sql(std::string_view sql);
  // The single value of a single row, as a number.
  int64_t Number(std::string_view sql);

 private:
  void Disconnect();

  uint16_t port_;
  int fd_ = -1;
  std::string token_;
};

// A JSON string literal, quotes included.
void AppendJsonString(std::string_view text, std::string& out);

}  // namespace kalam::bench
