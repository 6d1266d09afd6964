// What the files of hot share of RocksDB: the open database and the translation of its outcomes. Nothing
// outside hot includes it.
#pragma once

#include <rocksdb/status.h>

#include <string_view>

#include "base/error.h"

namespace rocksdb {
class ColumnFamilyHandle;
class DB;
}  // namespace rocksdb

namespace kalam::hot {

// Column families, see docs/hot-format.md. Owned by Store::Impl.
struct Database {
  rocksdb::DB* db = nullptr;
  rocksdb::ColumnFamilyHandle* rows = nullptr;
  rocksdb::ColumnFamilyHandle* by_seq = nullptr;
  rocksdb::ColumnFamilyHandle* meta = nullptr;
  rocksdb::ColumnFamilyHandle* messages = nullptr;
  rocksdb::ColumnFamilyHandle* cold_keys = nullptr;
  rocksdb::ColumnFamilyHandle* cold_marks = nullptr;
};

// Keys of `meta` that start so belong to hot itself.
inline constexpr std::string_view kReservedMetaPrefix = "hot/";
// The value is 8 bytes big-endian: no _seq above it was ever handed out.
inline constexpr std::string_view kSeqCeilingKey = "hot/seq_ceiling";
// The value is the format's number in decimal digits.
inline constexpr std::string_view kFormatKey = "hot/format";

// `action`: "read", "write", "open". RocksDB's texts go no further than this message.
Error FromRocks(const rocksdb::Status& status, std::string_view action);

}  // namespace kalam::hot
