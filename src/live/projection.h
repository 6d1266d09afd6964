// Projection: how a table's rows and changes look to a subscription, encoded.
//
// Shapes (docs: live protocol): `insert` and pages have all columns; `update` has key, `_seq` and the
// non-NULL columns, and as old values key, old `_seq` and what changed; `delete` has the last values under
// the tombstone's `_seq`. All pure functions of stored rows; immutable, thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "catalog/catalog.h"
#include "engine/live_form.h"
#include "hot/row_codec.h"
#include "model/result.h"
#include "wire/live_reply.h"
#include "wire/live_rows.h"

namespace kalam::live {

class Projection {
 public:
  // kInvalidSql for a column that the table does not have.
  static Result<std::shared_ptr<const Projection>> Make(const catalog::Table& table,
                                                        const std::vector<engine::LiveForm::Item>& items);

  // Equal projections of one table version have equal keys.
  const std::string& key() const { return key_; }
  // For the ack.
  std::span<const ResultColumn> columns() const { return columns_; }

  // A row of a page. Errors of all that follow: kExecution for values without a form on the wire.
  Status AddRow(const hot::RowView& row, wire::LiveRows& out) const;

  Result<wire::LiveBodyPtr> Insert(wire::LiveEncoding encoding, const hot::RowView& row) const;
  // `before` unknown: the old values are the key alone.
  Result<wire::LiveBodyPtr> Update(wire::LiveEncoding encoding, const std::optional<hot::RowView>& before,
                                   const hot::RowView& row) const;
  // The row's last values under the sequence of its end.
  Result<wire::LiveBodyPtr> Delete(wire::LiveEncoding encoding, const hot::RowView& last, Seq seq) const;
  // The key alone: of a row that does not match, and may have matched.
  Result<wire::LiveBodyPtr> DeleteKey(wire::LiveEncoding encoding, const hot::RowView& row) const;
  // Of a STREAM table: key and row_id.
  Result<wire::LiveBodyPtr> DeleteStream(wire::LiveEncoding encoding, const hot::RowView& row, Seq seq,
                                         std::string_view user_id) const;

 private:
  struct Item {
    size_t ordinal = 0;
    bool key = false;
    std::array<wire::LiveKey, 2> name;  // by encoding
  };
  Projection() = default;
  static size_t At(wire::LiveEncoding encoding) { return static_cast<size_t>(encoding); }
  Item ItemOf(size_t ordinal, std::string_view label) const;
  Status AddKey(wire::LiveEncoding encoding, const hot::RowView& row, wire::LiveRows& out) const;
  Status AddSeq(wire::LiveEncoding encoding, Seq seq, wire::LiveRows& out) const;
  // All columns and _seq; _deleted when the subscription sees it.
  Status AddAll(const hot::RowView& row, Seq seq, bool deleted, wire::LiveRows& out) const;

  std::string key_;
  bool shows_deleted_ = false;  // SELECT * of a table that has tombstones
  std::vector<Item> items_;
  std::optional<Item> primary_key_;  // under its label, selected or not
  std::vector<ResultColumn> columns_;
  std::array<wire::LiveKey, 2> seq_name_;
  std::array<wire::LiveKey, 2> deleted_name_;
  std::array<wire::LiveKey, 2> row_id_name_;
};

}  // namespace kalam::live
