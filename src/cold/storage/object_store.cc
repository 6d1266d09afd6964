#include "cold/storage/object_store.h"

#include <fmt/format.h>

#include <utility>

namespace kalam::cold {

Result<std::string> ObjectStore::Get(std::string_view path, size_t bytes_max, const StoreCall& call) {
  KALAM_ASSIGN(const ObjectInfo info, Head(path, call));
  if (info.size > bytes_max) {
    return Fail(ErrorCode::kLimitExceeded,
                fmt::format("Storage '{}': object '{}' has {} bytes, at most {} are read", storage_id(), path,
                            info.size, bytes_max));
  }
  std::string bytes(info.size, '\0');
  KALAM_TRY(GetRange(path, 0, bytes, call));
  return bytes;
}

Result<std::vector<ObjectInfo>> ObjectStore::ListAll(std::string_view prefix, const StoreCall& call) {
  std::vector<ObjectInfo> all;
  std::string after;
  do {
    KALAM_ASSIGN(ListPage page, List(prefix, after, 1000, call));
    for (ObjectInfo& object : page.objects) all.push_back(std::move(object));
    after = std::move(page.next);
  } while (!after.empty());
  return all;
}

}  // namespace kalam::cold
