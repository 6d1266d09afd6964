#include "cold/storage/store_error.h"

#include <fmt/format.h>

#include <cerrno>
#include <system_error>

namespace kalam::cold {
namespace {

std::string_view ObjectOrPrefix(const StoreOperation& operation) {
  return operation.name == "list" ? "objects below" : "object";
}

}  // namespace

Error StoreError(ErrorCode code, const StoreOperation& operation, std::string_view reason,
                 std::string_view why) {
  return Error(code, fmt::format("Storage '{}' cannot {} {} '{}': {}", operation.storage_id, operation.name,
                                 ObjectOrPrefix(operation), operation.path, why))
      .With("storage_id", std::string(operation.storage_id))
      .With("operation", std::string(operation.name))
      .With("storage_error", std::string(reason));
}

Error NoSuchObject(const StoreOperation& operation) {
  return StoreError(ErrorCode::kNotFound, operation, "not_found", "there is no such object");
}

Error FileError(const StoreOperation& operation, int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return NoSuchObject(operation);
    case ENOSPC:
    case EDQUOT:
      return StoreError(ErrorCode::kIo, operation, "no_space",
                        "no space left on its disk. Free some, or move the storage to a larger disk");
    case EACCES:
    case EPERM:
    case EROFS:
      return StoreError(ErrorCode::kIo, operation, "access_denied",
                        fmt::format("{}. Give the server's user read and write access to the folder",
                                    std::generic_category().message(error_number)));
    case EXDEV:
      return StoreError(ErrorCode::kIo, operation, "other_file_system",
                        "a folder below the storage's base directory is a mount or a link to another file "
                        "system. A storage must lie on one");
    case EMFILE:
    case ENFILE:
      return StoreError(ErrorCode::kIo, operation, "too_many_files", "too many open files");
    default:
      return StoreError(ErrorCode::kIo, operation, "io_error", std::generic_category().message(error_number));
  }
}

Status CheckCall(const StoreCall& call, const Clock& clock, const StoreOperation& operation) {
  if (call.stop.stop_requested()) {
    return Fail(StoreError(ErrorCode::kCancelled, operation, "cancelled", "the operation was cancelled"));
  }
  if (call.deadline_nanos != INT64_MAX && clock.MonotonicNanos() >= call.deadline_nanos) {
    return Fail(StoreError(ErrorCode::kDeadline, operation, "timeout", "the time for it is over"));
  }
  return {};
}

}  // namespace kalam::cold
