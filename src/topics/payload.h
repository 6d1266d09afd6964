// Payload: a row's change as the JSON object that consumers read.
//
//   full: {"id":"1","body":"x","_seq":"..","_deleted":false,"_commit_seq":"..","_table":"app.notes"}
//   key:  {"id":"1","_seq":"..","_deleted":false,"_commit_seq":".."}
//   diff: of an update {"id":"1","body":"y","_old":{"body":"x"},"_seq":..} with the primary key and the
//   columns
//         that changed; otherwise as full
//
// Values are encoded as SQL answers encode them. NaN and infinity, which JSON has no numbers for, are the
// texts "NaN", "Infinity" and "-Infinity".
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "catalog/catalog.h"
#include "hot/row_codec.h"
#include "topics/topic.h"

namespace kalam::topics {

// What is the same for all rows of a table. Immutable.
class PayloadForm {
 public:
  explicit PayloadForm(catalog::TablePtr table);

  struct RowChange {
    const hot::RowView& row;     // its last values when it was deleted
    const hot::RowView* before;  // what an update replaced; nullptr when unknown
    Operation operation;
    Seq commit_seq;              // the same for all rows of one commit
    bool filter_failed = false;  // the source's condition could not be evaluated: "_filter_error":true
  };
  Status Append(const RowChange& change, PayloadMode mode, std::string& out) const;

  // The primary key as plain text; nullopt for a table without one.
  Result<std::optional<std::string>> KeyText(const hot::RowView& row) const;

  const catalog::TablePtr& table() const { return table_; }

 private:
  Status AppendColumn(const hot::RowView& row, size_t ordinal, std::string& out) const;
  Status AppendChanged(const RowChange& change, std::string& out) const;

  const catalog::TablePtr table_;
  std::vector<std::string> names_;  // `"name":` by ordinal
  std::string table_member_;        // ,"_table":"ns.table"
  std::optional<size_t> primary_key_;
};

}  // namespace kalam::topics
