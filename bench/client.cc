#include "client.h"

#include <simdjson.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cerrno>

#include "http_reply.h"
#include "load.h"

namespace kalam::bench {
namespace {

std::string ValueText(simdjson::dom::element value) {
  std::string_view text;
  if (value.get(text) == simdjson::SUCCESS) return std::string(text);
  if (value.is_null()) return "NULL";
  return simdjson::to_string(value);
}

bool SendAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

// The server closes connections that were idle for long, as while a table is filled.
bool ClosedByServer(int fd) {
  char byte;
  return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

}  // namespace

Client::~Client() { Disconnect(); }

void Client::Disconnect() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

HttpAnswer Client::Request(std::string_view method, std::string_view path, std::string_view body) {
  if (fd_ >= 0 && ClosedByServer(fd_)) Disconnect();
  if (fd_ < 0) fd_ = ConnectLoopback(port_);
  if (fd_ < 0) return {};
  std::string out;
  AppendRequest({.port = port_, .path = std::string(path), .token = token_}, method, body, out);
  if (!SendAll(fd_, out)) {
    Disconnect();
    return {};
  }
  std::string in;
  std::string scratch;
  char buffer[64 * 1024];
  while (true) {
    const ssize_t n = recv(fd_, buffer, sizeof(buffer), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      Disconnect();
      return {};
    }
    in.append(buffer, static_cast<size_t>(n));
    Reply reply;
    const ReplyState state = ParseReply(in, scratch, reply);
    if (state == ReplyState::kIncomplete) continue;
    if (state == ReplyState::kMalformed) throw BenchError("not an HTTP reply: " + in.substr(0, 200));
    HttpAnswer answer{.status = reply.status, .body = std::string(reply.body)};
    if (reply.will_close) Disconnect();
    return answer;
  }
}

void Client::Login(std::string_view user, std::string_view password) {
  std::string body = R"({"user":)";
  AppendJsonString(user, body);
  body += R"(,"password":)";
  AppendJsonString(password, body);
  body += "}";
  token_.clear();
  const HttpAnswer answer = Request("POST", "/v1/api/auth/login", body);
  simdjson::dom::parser parser;
  std::string_view token;
  if (answer.status != 200 || parser.parse(answer.body)["access_token"].get(token) != simdjson::SUCCESS) {
    throw BenchError("login of " + std::string(user) + " failed: " + std::to_string(answer.status) + " " +
                     answer.body);
  }
  token_ = token;
}

std::vector<std::vector<std::string>> Client::Sql(std::string_view sql) {
  std::string body = R"({"sql":)";
  AppendJsonString(sql, body);
  body += "}";
  const HttpAnswer answer = Request("POST", "/v1/api/sql", body);
  simdjson::dom::parser parser;
  simdjson::dom::element document;
  std::string_view status;
  if (answer.status != 200 || parser.parse(answer.body).get(document) != simdjson::SUCCESS ||
      document["status"].get(status) != simdjson::SUCCESS || status != "success") {
    throw BenchError("statement failed: " + std::string(sql.substr(0, 200)) + "\n  " +
                     std::to_string(answer.status) + " " + answer.body.substr(0, 1000));
  }
  std::vector<std::vector<std::string>> rows;
  simdjson::dom::array array;
  if (document.at_pointer("/results/0/rows").get(array) != simdjson::SUCCESS) return rows;
  for (const simdjson::dom::element row : array) {
    std::vector<std::string> values;
    for (const simdjson::dom::element value : simdjson::dom::array(row)) values.push_back(ValueText(value));
    rows.push_back(std::move(values));
  }
  return rows;
}

int64_t Client::Number(std::string_view sql) {
  const auto rows = Sql(sql);
  if (rows.size() != 1 || rows[0].size() != 1) {
    throw BenchError("not one value: " + std::string(sql) + " gave " + std::to_string(rows.size()) + " rows");
  }
  return rows[0][0] == "NULL" ? 0 : std::stoll(rows[0][0]);
}

void AppendJsonString(std::string_view text, std::string& out) {
  out.push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (c == '\n') {
      out.append("\\n");
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

}  // namespace kalam::bench
