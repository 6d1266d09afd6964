// Translation of RocksDB's outcome into ours; its texts go no further.
#pragma once

#include <rocksdb/status.h>

#include <string_view>

#include "base/error.h"

namespace kalam::hot {

// `action`: "read", "write", "open".
Error FromRocks(const rocksdb::Status& status, std::string_view action);

}  // namespace kalam::hot
