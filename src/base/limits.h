// Fixed limits of the server, in one place, with their relations asserted. Limits that an operator may change
// are settings (config/settings.cc); the ones here follow from formats and protocols.
#pragma once

#include <cstddef>
#include <cstdint>

namespace kalam::limits {

inline constexpr size_t kSqlBytesMax = 1'048'576;  // one payload's SQL text; clients know this number
inline constexpr size_t kJsonBodyBytesMax =
    33'554'432;                                 // one request body in JSON; 50 parameters of 512 KiB fit
inline constexpr size_t kNameBytesMax = 64;     // namespace, table, column
inline constexpr size_t kUserIdBytesMax = 128;  // login refuses longer ones, so SQL does too
inline constexpr size_t kLoginPasswordBytesMax = 256;
inline constexpr size_t kPrimaryKeyBytesMax = 4'096;  // text and bytes keys
inline constexpr size_t kRowBytesMax = 16'777'216;    // one encoded row
inline constexpr size_t kColumnsMax = 1'000;          // per table
inline constexpr size_t kCommitGroupBytesMax =
    8'388'608;  // merged batches of one sync; a larger single batch goes alone
inline constexpr size_t kCommitQueueBytesMax =
    268'435'456;  // waiting batches; beyond it writers are told to retry
inline constexpr size_t kSubscriptionIdBytesMax = 512;  // chosen by clients, repeated in every message
inline constexpr int kBatchStatementsMax = 1'000;

static_assert(kRowBytesMax < kCommitQueueBytesMax);
static_assert(kPrimaryKeyBytesMax < kRowBytesMax);

}  // namespace kalam::limits
