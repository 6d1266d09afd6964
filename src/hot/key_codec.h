// Keys of the hot tier. The byte format is described in docs/hot-format.md; change both together.
//
//   rows:    table_id u32 big-endian | scope | primary key          -> row (hot/row_codec.h)
//   by_seq:  table_id u32 big-endian | scope | _seq u64 big-endian  -> primary key bytes as in `rows`
//
// Invariants:
//   1. memcmp order of keys = (table, scope, order of the primary key type). PK order is scan order.
//   2. The scope of a USER or STREAM table is the escaped user id with its terminator; of a SHARED table it
//   is empty. No scope
//      is a prefix of another one.
//   3. Decoding gives back exactly the value that was encoded; -0.0, which equals 0.0, comes back as 0.0.
#pragma once

#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/error.h"
#include "base/ids.h"
#include "model/value.h"

namespace kalam::hot {

// Appends table_id, and for tables with private rows the scope of `user_id`. Never fails.
void AppendTablePrefix(TableId table, std::string& out);
void AppendScope(std::string_view user_id, std::string& out);
// The prefix of all rows of a shared table, or of one user's rows.
std::string SharedPrefix(TableId table);
std::string UserPrefix(TableId table, std::string_view user_id);
// Bytes of the prefix at the start of `key`: 4, or 4 + scope when `has_scope`. 0 when the key is malformed.
size_t PrefixSize(std::string_view key, bool has_scope);
// The table of a key or of a key prefix: what the first 4 bytes say. 0 when there are fewer.
TableId TableOf(std::string_view key);
// The user id inside a key with a scope.
Result<std::string> DecodeScope(std::string_view key);

// Appends the primary key. Fails with kConstraint when the value is NULL, of a type without key form (NaN,
// JSON, EMBEDDING) or longer than limits::kPrimaryKeyBytesMax.
Status AppendPrimaryKey(const Value& value, std::string& out);
// Decodes the primary key part (the key without its prefix). Text values point into `bytes`.
Result<Value> DecodePrimaryKey(const DataType& type, std::string_view bytes);

void AppendSeq(Seq seq, std::string& out);
Result<Seq> DecodeSeq(std::string_view bytes);

// The smallest key above every key that starts with `prefix`; empty when there is none.
std::string PrefixEnd(std::string_view prefix);

}  // namespace kalam::hot
