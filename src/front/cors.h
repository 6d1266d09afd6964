// CORS: which pages of other origins may read our answers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"
#include "front/http.h"

namespace kalam::front {

// Immutable, thread-safe. An origin that is not allowed is not refused: its answers only lack the headers
// that let a page read them.
class Cors {
 public:
  explicit Cors(const config::Settings::Security::Cors& settings);

  // The header lines of a response to a request from `origin`; none when it is not allowed.
  void AppendHeaders(std::string_view origin, std::string& out) const;

  static bool IsPreflight(const HttpRequest& request);
  // 200, or 400 saying what is not allowed. AppendHeaders adds the origin's lines to it as to any response.
  HttpResponse Preflight(const HttpRequest& request) const;

 private:
  bool AllowsOrigin(std::string_view origin) const;
  bool AllowsHeaders(std::string_view requested) const;

  std::vector<std::string> origins_;
  std::vector<std::string> methods_;
  std::vector<std::string> headers_;
  bool any_origin_ = false;
  bool any_header_ = false;
  bool credentials_ = false;
  std::string methods_text_;
  std::string headers_text_;
  std::string expose_text_;
  std::string max_age_text_;
};

}  // namespace kalam::front
