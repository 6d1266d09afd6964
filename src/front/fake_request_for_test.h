// An HttpRequest from plain values, for the tests of front.
#pragma once

#include <algorithm>
#include <map>
#include <string>

#include "front/http.h"

namespace kalam::front {

struct FakeRequest final : HttpRequest {
  Method method_value = Method::kGet;
  std::string path_value = "/";
  std::string query_value;
  std::map<std::string, std::string> headers;
  std::string body_value;
  std::string client_ip_value = "127.0.0.1";
  bool https = false;
  int64_t received_at = 0;

  Method method() const override { return method_value; }
  std::string_view path() const override { return path_value; }
  std::string_view query() const override { return query_value; }
  std::optional<std::string_view> header(std::string_view name) const override {
    for (const auto& [key, value] : headers) {
      if (std::ranges::equal(key, name, {}, ToLower, ToLower)) return value;
    }
    return std::nullopt;
  }
  std::string_view body() const override { return body_value; }
  std::string_view peer_ip() const override { return "127.0.0.1"; }
  std::string_view client_ip() const override { return client_ip_value; }
  bool is_https() const override { return https; }
  int64_t received_at_nanos() const override { return received_at; }
  std::stop_token stop() override { return {}; }

 private:
  static char ToLower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
};

}  // namespace kalam::front
