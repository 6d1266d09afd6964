#include "cold/sources.h"

#include <utility>

#include "hot/row_codec.h"

namespace kalam::cold {

std::vector<ResultColumn> ColumnsOf(const TableSchema& schema) {
  std::vector<ResultColumn> columns;
  columns.reserve(schema.columns.size() + 2);
  for (const Column& column : schema.columns) {
    columns.push_back({column.name, column.type, column.primary_key, !column.nullable});
  }
  columns.push_back({std::string(kSeqColumn), Type(TypeKind::kBigInt), false, true});
  columns.push_back({std::string(kDeletedColumn), Type(TypeKind::kBoolean), false, true});
  return columns;
}

std::vector<engine::FileColumn> FileColumnsOf(const TableSchema& schema) {
  std::vector<engine::FileColumn> columns;
  for (const Column& column : schema.columns) {
    const Value initial = column.initial_default.view();
    columns.push_back({static_cast<int32_t>(column.id.value),
                       initial.is_null ? OwnedValue(Value::Null(column.type.kind)) : column.initial_default});
  }
  columns.push_back({engine::kSeqField, OwnedValue(Value::Null(TypeKind::kBigInt))});
  columns.push_back({engine::kDeletedField, OwnedValue(Value::Boolean(false))});
  return columns;
}

// A batch is copied as a whole, and a row group can end only behind one.
constexpr size_t kBatchBytesMax = 1u << 20;

class HotRows::RowScan final : public engine::SourceScan {
 public:
  RowScan(const HotRows& source, std::unique_ptr<hot::Cursor> cursor, std::vector<size_t> columns)
      : source_(source), cursor_(std::move(cursor)), columns_(std::move(columns)) {}

  Result<size_t> Next(engine::BatchWriter& out) override {
    const size_t width = source_.shape_.schema().columns.size();
    size_t rows = 0;
    size_t bytes = 0;
    for (; cursor_->Valid() && rows < out.capacity() && bytes < kBatchBytesMax; cursor_->Next()) {
      if (cursor_->value().size() >= hot::kRowHeaderSize && hot::RowDeleted(cursor_->value())) continue;
      if (source_.rows_ == source_.rows_max_) {
        source_.next_key_ = cursor_->key();
        break;
      }
      KALAM_ASSIGN(const hot::RowView row, source_.shape_.codec->Open(cursor_->value()));
      for (size_t i = 0; i < columns_.size(); ++i) {
        const size_t at = columns_[i];
        out.Set(i, rows,
                at < width    ? row.Get(at)
                : at == width ? Value::BigInt(row.seq().value)
                              : Value::Boolean(false));
      }
      source_.histories_.push_back({static_cast<uint32_t>(row.seq().value), row.history()});
      bytes += cursor_->value().size();
      ++rows;
      ++source_.rows_;
    }
    KALAM_TRY(cursor_->status());
    return rows;
  }

 private:
  const HotRows& source_;
  std::unique_ptr<hot::Cursor> cursor_;
  std::vector<size_t> columns_;
};

HotRows::HotRows(const hot::Store& store, const TableShape& shape,
                 std::shared_ptr<const hot::Snapshot> snapshot, std::string begin, std::string end,
                 uint64_t rows_max)
    : store_(store),
      shape_(shape),
      snapshot_(std::move(snapshot)),
      begin_(std::move(begin)),
      end_(std::move(end)),
      rows_max_(rows_max),
      columns_(ColumnsOf(shape_.schema())) {}

Result<std::unique_ptr<engine::SourceScan>> HotRows::Scan(const engine::ScanRequest& request) const {
  rows_ = 0;
  histories_.clear();
  next_key_.clear();
  return std::make_unique<RowScan>(
      *this, store_.Scan(hot::Space::kRows, begin_, end_, hot::Direction::kForward, snapshot_.get()),
      std::vector<size_t>(request.columns.begin(), request.columns.end()));
}

FileRows::FileRows(const TableSchema& schema, std::vector<engine::DataFile> files, bool row_numbers)
    : columns_(ColumnsOf(schema)), set_(std::make_shared<engine::FileSet>()) {
  set_->files = std::move(files);
  set_->columns = FileColumnsOf(schema);
  set_->key_column = schema.primary_key();
  set_->seq_column = schema.columns.size();
  if (!row_numbers) return;
  columns_.push_back({kRowNumberColumn, Type(TypeKind::kBigInt), false, true});
  set_->columns.push_back({engine::kRowNumberField, OwnedValue(Value::Null(TypeKind::kBigInt))});
}

Result<std::unique_ptr<engine::SourceScan>> FileRows::Scan(const engine::ScanRequest&) const {
  return Fail(ErrorCode::kInternal, "A source of files alone was asked for rows of its own");
}

}  // namespace kalam::cold
