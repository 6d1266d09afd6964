#include "auth/audit_log.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include <algorithm>
#include <charconv>
#include <utility>

#include "observe/log.h"

namespace kalam::auth {
namespace {

namespace json = boost::json;

constexpr std::string_view kPrefix = "audit/";
constexpr std::string_view kEnd = "audit0";  // the first key after all with the prefix
constexpr int64_t kFormat = 1;
constexpr int kTrimmedAtOnce = 8;
constexpr size_t kMillisDigits = 15;

std::string KeyOfMillis(int64_t millis) { return fmt::format("{}{:015}", kPrefix, millis); }

int64_t MillisOfKey(std::string_view key) {
  int64_t millis = 0;
  key.remove_prefix(kPrefix.size());
  std::from_chars(key.data(), key.data() + std::min(key.size(), kMillisDigits), millis);
  return millis;
}

std::string Encode(const AuditEntry& entry) {
  json::object record;
  record["format"] = kFormat;
  record["actor"] = entry.actor_user_id;
  record["action"] = entry.action;
  record["target"] = entry.target;
  if (entry.details) record["details"] = *entry.details;
  if (entry.subject_user_id) record["subject"] = *entry.subject_user_id;
  if (!entry.source.ip_address.empty()) record["ip"] = entry.source.ip_address;
  if (!entry.source.request_id.empty()) record["request_id"] = entry.source.request_id;
  return json::serialize(record);
}

std::optional<std::string> TextOf(const json::object& record, std::string_view key) {
  const json::value* value = record.if_contains(key);
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return std::string(value->as_string());
}

Result<AuditEntry> Decode(std::string_view key, std::string_view bytes) {
  boost::system::error_code error;
  const json::value value = json::parse(bytes, error);
  const json::object* record = error ? nullptr : value.if_object();
  const json::value* format = record == nullptr ? nullptr : record->if_contains("format");
  if (format == nullptr || !format->is_int64() || format->as_int64() != kFormat) {
    return Fail(ErrorCode::kCorruption, fmt::format("The audit entry '{}' does not decode", key));
  }
  AuditEntry entry;
  entry.wall_millis = MillisOfKey(key);
  entry.audit_id = fmt::format("audit_{}_{}", entry.wall_millis, key.substr(key.rfind('/') + 1));
  entry.actor_user_id = TextOf(*record, "actor").value_or("");
  entry.action = TextOf(*record, "action").value_or("");
  entry.target = TextOf(*record, "target").value_or("");
  entry.details = TextOf(*record, "details");
  entry.subject_user_id = TextOf(*record, "subject");
  entry.source.ip_address = TextOf(*record, "ip").value_or("");
  entry.source.request_id = TextOf(*record, "request_id").value_or("");
  return entry;
}

}  // namespace

Result<std::unique_ptr<AuditLog>> AuditLog::Open(hot::Store& store, const Clock& clock, Random& random,
                                                 const AuditOptions& options) {
  std::unique_ptr<AuditLog> log(new AuditLog(store, clock, random, options));
  log->Recount();
  return log;
}

void AuditLog::Recount() {
  count_ = 0;
  trimmed_to_.clear();
  for (auto cursor = store_.Scan(hot::Space::kMeta, kPrefix, kEnd); cursor->Valid(); cursor->Next()) {
    if (count_++ == 0) oldest_millis_ = MillisOfKey(cursor->key());
  }
  if (count_ <= options_.entries_max) return;
  int64_t surplus = count_ - options_.entries_max;
  for (auto cursor = store_.Scan(hot::Space::kMeta, kPrefix, kEnd); cursor->Valid(); cursor->Next()) {
    if (surplus-- > 0) continue;
    keep_from_ = cursor->key();
    return;
  }
}

int64_t AuditLog::OldestVisible() const { return clock_.WallMillis() - options_.retention_millis; }

std::string AuditLog::Stamp(AuditEntry& entry) {
  uint8_t bytes[12];
  random_.Fill(bytes);
  std::string id;
  {
    std::lock_guard lock(mu_);
    id = fmt::format("{:08x}", next_number_++);
  }
  for (const uint8_t byte : bytes) id += fmt::format("{:02x}", byte);
  entry.wall_millis = clock_.WallMillis();
  entry.audit_id = fmt::format("audit_{}_{}", entry.wall_millis, id);
  return KeyOfMillis(entry.wall_millis) + "/" + id;
}

void AuditLog::Trim(std::vector<hot::MetaOp>& batch) {
  std::lock_guard lock(mu_);
  ++count_;
  oldest_millis_ = std::min(oldest_millis_, clock_.WallMillis());
  // A scan of all keys, rarely: once for every eighth of the limit.
  if (count_ > options_.entries_max + options_.entries_max / 8 && keep_from_.empty()) Recount();
  const int64_t oldest = OldestVisible();
  if (keep_from_.empty() && oldest_millis_ >= oldest) return;
  // What is being removed by a batch that waits for its commit is not looked at again.
  const std::string begin = trimmed_to_.empty() ? std::string(kPrefix) : trimmed_to_ + '\0';
  auto cursor = store_.Scan(hot::Space::kMeta, begin, kEnd);
  for (int i = 0; i < kTrimmedAtOnce && cursor->Valid(); ++i, cursor->Next()) {
    oldest_millis_ = MillisOfKey(cursor->key());
    if (cursor->key() >= keep_from_) {
      keep_from_.clear();
      if (oldest_millis_ >= oldest) return;
    }
    batch.push_back({std::string(cursor->key())});
    trimmed_to_ = cursor->key();
    --count_;
  }
}

void AuditLog::Add(AuditEntry entry, std::vector<hot::MetaOp>& batch) {
  if (!options_.enabled) return;
  std::string key = Stamp(entry);
  batch.push_back({std::move(key), Encode(entry)});
  Trim(batch);
}

void AuditLog::AddWithRows(AuditEntry entry, std::vector<hot::MetaOp>& batch) {
  if (!options_.enabled) return;
  hot::MetaOp& op = batch.emplace_back();
  op.key = Stamp(entry);
  op.of_applied = [entry = std::move(entry)](int64_t rows) mutable -> std::optional<std::string> {
    entry.details = fmt::format(R"({{"rows_affected":{}}})", rows);
    return Encode(entry);
  };
  Trim(batch);
}

void AuditLog::Submit(AuditEntry entry) {
  if (!options_.enabled) return;
  hot::Batch batch;
  Add(std::move(entry), batch.meta);
  store_.Submit(std::move(batch), [](const hot::CommitResult& result) {
    if (!result.status) observe::LogWarn("an audit entry was lost: {}", result.status.error().message);
  });
}

Status AuditLog::Scan(const std::function<Status(const AuditEntry&)>& each) const {
  const std::string begin = KeyOfMillis(std::max<int64_t>(OldestVisible(), 0));
  auto cursor = store_.Scan(hot::Space::kMeta, begin, kEnd);
  for (; cursor->Valid(); cursor->Next()) {
    KALAM_ASSIGN(const AuditEntry entry, Decode(cursor->key(), cursor->value()));
    KALAM_TRY(each(entry));
  }
  return cursor->status();
}

}  // namespace kalam::auth
