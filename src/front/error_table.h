// What each ErrorCode is called on the wire, its HTTP status, and who may read its message.
#pragma once

#include <span>
#include <string_view>

#include "base/error.h"

namespace kalam::front {

struct ErrorRow {
  ErrorCode code;
  std::string_view wire;
  int status;
  // What callers other than dba and system read instead of message and details; empty = the message is for
  // everyone.
  std::string_view public_text;
};

std::span<const ErrorRow> ErrorTable();
const ErrorRow& RowOf(ErrorCode code);

// The row's code, except where the details of the error make it more precise.
std::string_view WireCode(const Error& error);

}  // namespace kalam::front
