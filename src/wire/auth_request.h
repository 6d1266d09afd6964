// The bodies of POST /v1/api/auth/login and /setup, decoded.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace kalam::wire {

struct LoginRequest {
  std::string user;
  std::string password;
};

struct SetupRequest {
  std::string user;
  std::string password;
  std::string root_password;
  std::optional<std::string> email;
};

// `user` may be spelled `username`. Other fields, doubled fields and values over limits::kUserIdBytesMax or
// limits::kLoginPasswordBytesMax bytes are refused. Errors: kInvalidInput, with a text for people that
// repeats no value.
Result<LoginRequest> ParseLoginRequest(std::string_view json);
Result<SetupRequest> ParseSetupRequest(std::string_view json);

}  // namespace kalam::wire
