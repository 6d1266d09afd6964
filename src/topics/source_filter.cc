#include "topics/source_filter.h"

#include <fmt/format.h>

#include <algorithm>

#include "tables/table_scope.h"

namespace kalam::topics {

Result<std::shared_ptr<const SourceFilter>> SourceFilter::Bind(const engine::Engine& engine,
                                                               const catalog::Table& table,
                                                               std::string_view condition,
                                                               std::string_view user) {
  // The condition is one balanced expression (the statement's parser has seen to it), so inside parentheses
  // it cannot become anything but the WHERE.
  KALAM_ASSIGN(const auto select, engine.Parse(fmt::format("SELECT * FROM \"{}\".\"{}\" WHERE ({}\n)",
                                                           table.ns, table.name, condition)));
  const TableSchema& schema = table.schema();
  std::vector<ResultColumn> columns;
  for (size_t i = 0; i <= tables::DeletedOrdinal(schema); ++i) {
    columns.push_back(tables::ResultColumnOf(schema, i));
  }
  std::shared_ptr<SourceFilter> filter(new SourceFilter());
  filter->columns_ = schema.columns.size();
  KALAM_ASSIGN(filter->predicate_,
               engine.BindPredicate(select, columns, Principal{std::string(user), Role::kSystem}));
  return std::shared_ptr<const SourceFilter>(std::move(filter));
}

std::shared_ptr<const SourceFilter> SourceFilter::Broken(Error error) {
  std::shared_ptr<SourceFilter> filter(new SourceFilter());
  filter->broken_ = std::move(error);
  return filter;
}

Status SourceFilter::Evaluate(std::span<const hot::RowView* const> rows, int64_t now_micros,
                              std::vector<uint8_t>& matches) const {
  if (predicate_ == nullptr) return Fail(broken_);
  const std::span<const size_t> columns = predicate_->columns();
  const auto cell = [&](const hot::RowView& row, size_t ordinal) {
    if (ordinal < columns_) return row.Get(ordinal);
    return ordinal == columns_ ? Value::BigInt(row.seq().value) : Value::Boolean(row.deleted());
  };
  const auto fill = [&](engine::BatchWriter& out) {
    for (size_t row = 0; row < rows.size(); ++row) {
      for (size_t i = 0; i < columns.size(); ++i) out.Set(i, row, cell(*rows[row], columns[i]));
    }
  };
  return predicate_->Evaluate(rows.size(), fill, now_micros, matches);
}

void SourceFilter::Judge(std::span<const hot::RowView* const> rows, int64_t now_micros,
                         std::vector<Verdict>& verdicts, std::optional<Error>& error) const {
  verdicts.clear();
  std::vector<uint8_t> matches;
  while (!rows.empty()) {
    const auto some = rows.first(std::min(rows.size(), engine::BoundPredicate::kRowsMax));
    rows = rows.subspan(some.size());
    if (const Status all = Evaluate(some, now_micros, matches); all) {
      for (size_t i = 0; i < some.size(); ++i)
        verdicts.push_back(matches[i] != 0 ? Verdict::kYes : Verdict::kNo);
      continue;
    }
    // One row that fails must not decide for the others.
    for (size_t i = 0; i < some.size(); ++i) {
      const Status one = Evaluate(some.subspan(i, 1), now_micros, matches);
      if (!one && !error) error = one.error();
      verdicts.push_back(!one ? Verdict::kFailed : matches[0] != 0 ? Verdict::kYes : Verdict::kNo);
    }
  }
}

}  // namespace kalam::topics
