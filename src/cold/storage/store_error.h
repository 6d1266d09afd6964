// Errors of storages in one shape. Internal to cold/storage.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "cold/storage/object_store.h"

namespace kalam::cold {

// What was tried, for messages and details.
struct StoreOperation {
  std::string_view storage_id;
  std::string_view name;  // "put", "get", "head", "list", "delete"
  std::string_view path;  // object path or prefix
};

// "Storage 's' cannot put object 'p': <why>". `reason` is the short code for programs.
Error StoreError(ErrorCode code, const StoreOperation& operation, std::string_view reason,
                 std::string_view why);
Error NoSuchObject(const StoreOperation& operation);
// From errno.
Error FileError(const StoreOperation& operation, int error_number);

// kCancelled or kDeadline when the call is over.
Status CheckCall(const StoreCall& call, const Clock& clock, const StoreOperation& operation);

}  // namespace kalam::cold
