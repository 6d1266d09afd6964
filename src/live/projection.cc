#include "live/projection.h"

#include <fmt/format.h>

#include <utility>

#include "tables/table_scope.h"

namespace kalam::live {
namespace {

using wire::LiveEncoding;

std::array<wire::LiveKey, 2> KeysOf(std::string_view name) {
  return {wire::MakeLiveKey(LiveEncoding::kJson, name), wire::MakeLiveKey(LiveEncoding::kMessagePack, name)};
}

static_assert(static_cast<size_t>(LiveEncoding::kJson) == 0 &&
              static_cast<size_t>(LiveEncoding::kMessagePack) == 1);

}  // namespace

Projection::Item Projection::ItemOf(size_t ordinal, std::string_view label) const {
  return {ordinal, primary_key_ && primary_key_->ordinal == ordinal, KeysOf(label)};
}

Result<std::shared_ptr<const Projection>> Projection::Make(const catalog::Table& table,
                                                           const std::vector<engine::LiveForm::Item>& items) {
  std::shared_ptr<Projection> out(new Projection);
  const TableSchema& schema = table.schema();
  if (const auto key = schema.primary_key()) {
    out->primary_key_ = Item{*key, true, KeysOf(schema.columns[*key].name)};
  }
  for (const engine::LiveForm::Item& item : items) {
    out->key_ += fmt::format("{}:{}|{}:{}|", item.column.size(), item.column, item.label.size(), item.label);
    if (!item.column.empty()) {
      const auto ordinal = schema.Find(item.column);
      if (!ordinal) {
        return Fail(ErrorCode::kInvalidSql,
                    fmt::format("Column '{}' does not exist in table '{}'", item.column, table.full_name()));
      }
      out->items_.push_back(out->ItemOf(*ordinal, item.label));
      if (out->items_.back().key) out->primary_key_ = out->items_.back();
      ResultColumn column = tables::ResultColumnOf(schema, *ordinal);
      column.name = item.label;
      out->columns_.push_back(std::move(column));
      continue;
    }
    for (size_t i = 0; i < schema.columns.size(); ++i) {
      out->items_.push_back(out->ItemOf(i, schema.columns[i].name));
      out->columns_.push_back(tables::ResultColumnOf(schema, i));
    }
    out->columns_.push_back(tables::ResultColumnOf(schema, tables::SeqOrdinal(schema)));
    if (table.type == TableType::kStream) continue;
    out->shows_deleted_ = true;
    out->columns_.push_back(tables::ResultColumnOf(schema, tables::DeletedOrdinal(schema)));
  }
  out->seq_name_ = KeysOf(kSeqColumn);
  out->deleted_name_ = KeysOf(kDeletedColumn);
  out->row_id_name_ = KeysOf("row_id");
  return std::shared_ptr<const Projection>(std::move(out));
}

Status Projection::AddSeq(LiveEncoding encoding, Seq seq, wire::LiveRows& out) const {
  return out.Add(seq_name_[At(encoding)], Value::BigInt(seq.value));
}

Status Projection::AddKey(LiveEncoding encoding, const hot::RowView& row, wire::LiveRows& out) const {
  if (!primary_key_) return {};
  return out.Add(primary_key_->name[At(encoding)], row.Get(primary_key_->ordinal));
}

Status Projection::AddAll(const hot::RowView& row, Seq seq, bool deleted, wire::LiveRows& out) const {
  const LiveEncoding encoding = out.encoding();
  for (const Item& item : items_) KALAM_TRY(out.Add(item.name[At(encoding)], row.Get(item.ordinal)));
  KALAM_TRY(AddSeq(encoding, seq, out));
  if (!shows_deleted_) return {};
  return out.Add(deleted_name_[At(encoding)], Value::Boolean(deleted));
}

Status Projection::AddRow(const hot::RowView& row, wire::LiveRows& out) const {
  out.BeginRow();
  if (Status added = AddAll(row, row.seq(), false, out); !added) {
    out.DropRow();
    return added;
  }
  out.EndRow();
  return {};
}

Result<wire::LiveBodyPtr> Projection::Insert(LiveEncoding encoding, const hot::RowView& row) const {
  wire::LiveRows rows(encoding);
  KALAM_TRY(AddRow(row, rows));
  return wire::ChangeBody(encoding, wire::LiveChange::kInsert, std::move(rows), std::nullopt);
}

Result<wire::LiveBodyPtr> Projection::Update(LiveEncoding encoding, const std::optional<hot::RowView>& before,
                                             const hot::RowView& row) const {
  wire::LiveRows rows(encoding);
  rows.BeginRow();
  KALAM_TRY(AddKey(encoding, row, rows));
  KALAM_TRY(AddSeq(encoding, row.seq(), rows));
  for (const Item& item : items_) {
    if (item.key) continue;
    const Value value = row.Get(item.ordinal);
    if (!value.is_null) KALAM_TRY(rows.Add(item.name[At(encoding)], value));
  }
  rows.EndRow();
  wire::LiveRows old(encoding);
  old.BeginRow();
  KALAM_TRY(AddKey(encoding, row, old));
  if (before) {
    KALAM_TRY(AddSeq(encoding, before->seq(), old));
    for (const Item& item : items_) {
      if (item.key) continue;
      const Value value = before->Get(item.ordinal);
      if (!Identical(value, row.Get(item.ordinal))) KALAM_TRY(old.Add(item.name[At(encoding)], value));
    }
  }
  old.EndRow();
  return wire::ChangeBody(encoding, wire::LiveChange::kUpdate, std::move(rows), std::move(old));
}

Result<wire::LiveBodyPtr> Projection::Delete(LiveEncoding encoding, const hot::RowView& last, Seq seq) const {
  wire::LiveRows old(encoding);
  old.BeginRow();
  KALAM_TRY(AddAll(last, seq, true, old));
  old.EndRow();
  return wire::ChangeBody(encoding, wire::LiveChange::kDelete, std::nullopt, std::move(old));
}

Result<wire::LiveBodyPtr> Projection::DeleteKey(LiveEncoding encoding, const hot::RowView& row) const {
  wire::LiveRows old(encoding);
  old.BeginRow();
  KALAM_TRY(AddKey(encoding, row, old));
  KALAM_TRY(AddSeq(encoding, row.seq(), old));
  if (shows_deleted_) KALAM_TRY(old.Add(deleted_name_[At(encoding)], Value::Boolean(true)));
  old.EndRow();
  return wire::ChangeBody(encoding, wire::LiveChange::kDelete, std::nullopt, std::move(old));
}

Result<wire::LiveBodyPtr> Projection::DeleteStream(LiveEncoding encoding, const hot::RowView& row, Seq seq,
                                                   std::string_view user_id) const {
  const std::string row_id = fmt::format("{}:{}", user_id, seq.value);
  wire::LiveRows old(encoding);
  old.BeginRow();
  KALAM_TRY(AddKey(encoding, row, old));
  KALAM_TRY(old.Add(row_id_name_[At(encoding)], Value::Text(row_id)));
  old.EndRow();
  return wire::ChangeBody(encoding, wire::LiveChange::kDelete, std::nullopt, std::move(old));
}

}  // namespace kalam::live
