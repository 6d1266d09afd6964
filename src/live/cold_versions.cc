#include "live/cold_versions.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "hot/row_codec.h"
#include "tables/table_scope.h"

namespace kalam::live {
namespace {

// Of those that compare with a constant.
std::string_view OperatorText(engine::CompareOp op) {
  switch (op) {
    case engine::CompareOp::kNotEqual:
      return "<>";
    case engine::CompareOp::kLess:
      return "<";
    case engine::CompareOp::kLessEqual:
      return "<=";
    case engine::CompareOp::kGreater:
      return ">";
    case engine::CompareOp::kGreaterEqual:
      return ">=";
    default:
      return "=";
  }
}

}  // namespace

class ColdVersions::Source final : public engine::Source {
 public:
  Source(const catalog::Table& table, std::shared_ptr<const engine::FileSet> files)
      : files_(std::move(files)) {
    const TableSchema& schema = table.schema();
    for (size_t i = 0; i < schema.columns.size() + 2; ++i) {
      columns_.push_back(tables::ResultColumnOf(schema, i));
    }
  }
  std::span<const ResultColumn> columns() const override { return columns_; }
  Result<std::unique_ptr<engine::SourceScan>> Scan(const engine::ScanRequest&) const override {
    return Fail(ErrorCode::kInternal, "a source without rows of its own was scanned");
  }
  std::string Describe() const override { return "files"; }
  std::shared_ptr<const engine::FileSet> files() const override { return files_; }
  bool has_own_rows() const override { return false; }

 private:
  std::vector<ResultColumn> columns_;
  std::shared_ptr<const engine::FileSet> files_;
};

// Rows back to the form in which the hot tier stores them.
class ColdVersions::Sink final : public RowSink {
 public:
  Sink(const catalog::Table& table, std::vector<std::string>& out) : table_(table), out_(out) {}
  void Begin(std::span<const ResultColumn>) override {}
  Status Row(std::span<const Value> values) override {
    const size_t columns = table_.schema().columns.size();
    std::string& row = out_.emplace_back();
    KALAM_TRY(table_.codec->Encode(values.first(columns), row));
    hot::PatchSeq(Seq(values[tables::SeqOrdinal(table_.schema())].integer), row);
    return {};
  }

 private:
  const catalog::Table& table_;
  std::vector<std::string>& out_;
};

ColdVersions::ColdVersions(const engine::Engine& engine, const catalog::Table& table,
                           std::shared_ptr<const engine::FileSet> files, Seq after, Seq up_to,
                           hot::Direction direction, std::span<const tables::OwnedCondition> conditions)
    : engine_(engine),
      table_(table),
      after_(after),
      up_to_(up_to),
      forward_(direction == hot::Direction::kForward),
      conditions_(conditions),
      ended_(files == nullptr || up_to <= after) {
  if (!ended_) source_ = std::make_shared<const Source>(table, std::move(files));
}

ColdVersions::~ColdVersions() = default;

Status ColdVersions::Prepare() {
  std::string sql = "SELECT * FROM live.versions WHERE _seq > $1 AND _seq <= $2";
  size_t parameters = 2;
  for (const tables::OwnedCondition& condition : conditions_) {
    const std::string& column = table_.schema().columns[condition.ordinal].name;
    sql += fmt::format(" AND \"{}\"", column);
    if (condition.op == engine::CompareOp::kIsNull || condition.op == engine::CompareOp::kIsNotNull) {
      sql += condition.op == engine::CompareOp::kIsNull ? " IS NULL" : " IS NOT NULL";
    } else {
      sql += fmt::format(" {} ${}", OperatorText(condition.op), ++parameters);
    }
  }
  sql += fmt::format(" ORDER BY _seq {} LIMIT {}", forward_ ? "ASC" : "DESC", portion_rows_);
  KALAM_ASSIGN(statement_, engine_.Parse(sql));
  return {};
}

Status ColdVersions::ReadPortion() {
  if (statement_ == nullptr) KALAM_TRY(Prepare());
  rows_.clear();
  next_ = 0;
  std::vector<Value> values = {Value::BigInt(after_.value), Value::BigInt(up_to_.value)};
  for (const tables::OwnedCondition& condition : conditions_) {
    const bool null_test =
        condition.op == engine::CompareOp::kIsNull || condition.op == engine::CompareOp::kIsNotNull;
    if (!null_test) values.push_back(condition.constant.view());
  }
  const std::shared_ptr<const engine::Source> source = source_;
  const Principal nobody;
  engine::RunRequest run;
  run.statement = statement_;
  run.sources = std::span(&source, 1);
  run.parameters = values;
  run.context.principal = &nobody;
  Sink sink(table_, rows_);
  KALAM_TRY(engine_.Run(run, sink));
  ended_ = rows_.size() < portion_rows_;
  if (rows_.empty()) return {};
  SizeNextPortion();
  const Seq last = hot::RowSeq(rows_.back());
  if (forward_) {
    after_ = last;
  } else {
    up_to_ = Seq(last.value - 1);
  }
  return {};
}

void ColdVersions::SizeNextPortion() {
  size_t bytes = 0;
  for (const std::string& row : rows_) bytes += row.size() + sizeof(std::string);
  const size_t affordable = kPortionBytes / std::max<size_t>(1, bytes / rows_.size());
  const size_t next = std::clamp(std::min(portion_rows_ * 2, affordable), kPortionRowsMin, kPortionRowsMax);
  if (next == portion_rows_) return;
  portion_rows_ = next;
  statement_ = nullptr;
}

Result<std::optional<Seq>> ColdVersions::Peek() {
  if (next_ == rows_.size() && !ended_) KALAM_TRY(ReadPortion());
  if (next_ == rows_.size()) return std::optional<Seq>();
  return std::optional(hot::RowSeq(rows_[next_]));
}

std::string ColdVersions::Take() { return std::move(rows_[next_++]); }

}  // namespace kalam::live
