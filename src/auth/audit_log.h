// AuditLog: who changed what, kept in the meta space and readable as system.audit_log.
//
// An entry is an operation of the batch that makes the change it tells of: both happen or neither. The format
// is docs/audit-format.md. Owner: main(). Threads: every method is thread-safe. Errors: Scan: kIo,
// kCorruption. Limits: entries older than the retention are invisible at once and removed by later entries;
// beyond entries_max (give or take an eighth) the oldest go. Secrets never come in: callers redact (details
// are built from parsed statements, never from their text).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "hot/store.h"

namespace kalam::auth {

// Where a request came from.
struct AuditSource {
  std::string ip_address;
  std::string request_id;
};

struct AuditEntry {
  std::string audit_id;     // audit_<ms>_<32 hex>; set by the log
  int64_t wall_millis = 0;  // set by the log
  std::string actor_user_id;
  std::string action;  // CREATE_TABLE, LOGIN, EXECUTE_AS_USER, INSERT, ...
  std::string target;  // the object's name
  std::optional<std::string> details;
  std::optional<std::string> subject_user_id;  // whom the actor acted for
  AuditSource source;
};

struct AuditOptions {
  bool enabled = true;
  int64_t retention_millis = INT64_MAX;
  int64_t entries_max = 200'000;
};

class AuditLog {
 public:
  // Counts what is stored.
  static Result<std::unique_ptr<AuditLog>> Open(hot::Store& store, const Clock& clock, Random& random,
                                                const AuditOptions& options);

  // Appends the operations that write the entry (and remove old ones). Nothing when the log is switched off.
  void Add(AuditEntry entry, std::vector<hot::MetaOp>& batch);
  // As Add; the entry's details become {"rows_affected":n} with the number of rows that the batch changes.
  void AddWithRows(AuditEntry entry, std::vector<hot::MetaOp>& batch);
  // An entry about something that changes nothing. Queued, not waited for.
  void Submit(AuditEntry entry);

  // Entries within the retention, oldest first, until `each` fails.
  Status Scan(const std::function<Status(const AuditEntry&)>& each) const;

 private:
  AuditLog(hot::Store& store, const Clock& clock, Random& random, const AuditOptions& options)
      : store_(store), clock_(clock), random_(random), options_(options) {}

  // Gives the entry its id; the key.
  std::string Stamp(AuditEntry& entry);
  int64_t OldestVisible() const;
  // Removes some of the entries that are beyond the limits.
  void Trim(std::vector<hot::MetaOp>& batch);
  // Counts exactly and notes from which entry on they may stay.
  void Recount();

  hot::Store& store_;
  const Clock& clock_;
  Random& random_;
  const AuditOptions options_;
  std::mutex mu_;
  // Guarded by mu_:
  uint32_t next_number_ = 0;           // orders the entries of one millisecond
  int64_t count_ = 0;                  // at least what is stored: entries of refused batches are counted too
  int64_t oldest_millis_ = INT64_MAX;  // of the oldest stored entry, at most
  std::string keep_from_;              // entries below this key go, whatever their age
  std::string trimmed_to_;             // the last one that was removed
};

}  // namespace kalam::auth
