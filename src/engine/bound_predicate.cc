#include "engine/bound_predicate.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <optional>
#include <utility>

#include "duckdb/execution/expression_executor.hpp"
#include "duckdb/parser/expression/columnref_expression.hpp"
#include "duckdb/parser/expression/constant_expression.hpp"
#include "duckdb/parser/expression/parameter_expression.hpp"
#include "duckdb/parser/parsed_expression_iterator.hpp"
#include "duckdb/parser/query_node/select_node.hpp"
#include "duckdb/planner/binder.hpp"
#include "duckdb/planner/expression/bound_columnref_expression.hpp"
#include "duckdb/planner/expression/bound_constant_expression.hpp"
#include "duckdb/planner/expression/bound_reference_expression.hpp"
#include "duckdb/planner/expression_binder/where_binder.hpp"
#include "duckdb/planner/expression_iterator.hpp"
#include "engine/chunk_writer.h"
#include "engine/translate.h"

namespace kalam::engine {
namespace {

using duckdb::Expression;
using duckdb::LogicalType;
using duckdb::ParsedExpression;

// No column of ours starts with a space.
constexpr const char* kNowColumn = " now";
constexpr duckdb::idx_t kTableIndex = 0;

// The plain SELECT over one table whose WHERE is meant, or why the statement is not one.
Result<const duckdb::SelectNode*> NodeOf(const Statement& statement) {
  const auto refuse = [](std::string_view what) {
    return Fail(
        ErrorCode::kUnsupported,
        fmt::format("{} is not possible here: give a SELECT over one table whose WHERE looks at one row",
                    what));
  };
  if (statement.kind() != StatementKind::kSelect || statement.parts.found.has_cte)
    return refuse("This statement");
  const duckdb::QueryNode& node = *statement.parts.select->node;
  if (node.type != duckdb::QueryNodeType::SELECT_NODE) return refuse("UNION");
  if (statement.tables().size() != 1) return refuse("More than one table");
  if (!statement.parameters().empty()) return refuse("A parameter");
  const auto& select = node.Cast<duckdb::SelectNode>();
  if (select.from_table->type != duckdb::TableReferenceType::TABLE_FUNCTION) return refuse("A subquery");
  return &select;
}

// The statement's hidden parameters as what they are for this predicate: constants, and a column for the
// time.
void FillParameters(duckdb::unique_ptr<ParsedExpression>& expression, const Principal& principal,
                    const std::string& alias) {
  if (expression->GetExpressionClass() == duckdb::ExpressionClass::PARAMETER) {
    const std::string name = expression->Cast<duckdb::ParameterExpression>().identifier;
    if (name == kNowParameter) {
      expression = duckdb::make_uniq<duckdb::ColumnRefExpression>(kNowColumn, alias);
    } else if (name == kUserParameter) {
      expression = duckdb::make_uniq<duckdb::ConstantExpression>(duckdb::Value(principal.user_id));
    } else if (name == kRoleParameter) {
      expression =
          duckdb::make_uniq<duckdb::ConstantExpression>(duckdb::Value(std::string(RoleName(principal.role))));
    }
    return;
  }
  duckdb::ParsedExpressionIterator::EnumerateChildren(
      *expression,
      [&](duckdb::unique_ptr<ParsedExpression>& child) { FillParameters(child, principal, alias); });
}

// Constant parts become their value once. A part that fails, as CAST('x' AS BIGINT) does, fails the binding.
void FoldConstants(duckdb::ClientContext& context, duckdb::unique_ptr<Expression>& expression) {
  if (expression->GetExpressionClass() == duckdb::ExpressionClass::BOUND_CONSTANT) return;
  if (expression->IsFoldable()) {
    duckdb::Value value = duckdb::ExpressionExecutor::EvaluateScalar(context, *expression);
    expression = duckdb::make_uniq<duckdb::BoundConstantExpression>(std::move(value));
    return;
  }
  duckdb::ExpressionIterator::EnumerateChildren(
      *expression, [&](duckdb::unique_ptr<Expression>& child) { FoldConstants(context, child); });
}

class Predicate final : public BoundPredicate, private PredicateScratch::User {
 public:
  Predicate(duckdb::ClientContext& context, std::shared_ptr<PredicateScratch> scratch,
            std::shared_ptr<void> keep_alive)
      : keep_alive_(std::move(keep_alive)), context_(context), scratch_(std::move(scratch)) {}
  ~Predicate() override { scratch_->Forget(*this); }

  // `expression` reads column i of a row as binding {kTableIndex, i}; `now` is the position of the time.
  void Adopt(duckdb::unique_ptr<Expression> expression, std::span<const ResultColumn> columns, size_t now) {
    expression_ = std::move(expression);
    duckdb::vector<LogicalType> types;
    const auto position = [&](size_t column, const LogicalType& type) {
      if (column == now) {
        if (!now_position_) {
          now_position_ = types.size();
          types.push_back(type);
        }
        return *now_position_;
      }
      for (size_t i = 0; i < read_.size(); ++i) {
        if (read_[i] == column) return positions_[i];
      }
      read_.push_back(column);
      positions_.push_back(types.size());
      kinds_.push_back(columns[column].type.kind);
      types.push_back(type);
      return positions_.back();
    };
    duckdb::ExpressionIterator::VisitExpressionMutable<duckdb::BoundColumnRefExpression>(
        expression_, [&](duckdb::BoundColumnRefExpression& ref, duckdb::unique_ptr<Expression>& slot) {
          const LogicalType type = ref.return_type;
          const size_t at = position(ref.binding.column_index, type);
          slot = duckdb::make_uniq<duckdb::BoundReferenceExpression>(type, at);
        });
    types_ = std::move(types);
    Sort();
  }

  std::span<const size_t> columns() const override { return read_; }

  Status Evaluate(size_t rows, const FillRows& fill, int64_t now_micros,
                  std::vector<uint8_t>& matches) const override {
    if (rows > kRowsMax) return Fail(ErrorCode::kInternal, "too many rows for one evaluation");
    matches.assign(rows, 0);
    if (rows == 0) return {};
    std::lock_guard lock(mu_);
    try {
      if (vectors_ == nullptr) vectors_ = std::make_unique<Vectors>(context_, *expression_, types_);
      scratch_->Used(const_cast<Predicate&>(*this));
      duckdb::DataChunk& chunk = vectors_->chunk;
      chunk.Reset();
      ChunkWriter writer(read_.size());
      for (size_t i = 0; i < read_.size(); ++i) writer.Add(chunk.data[positions_[i]], kinds_[i]);
      fill(writer);
      if (writer.kind_mismatch())
        return Fail(ErrorCode::kInternal, "a row has a value of another type than its column");
      if (now_position_) {
        chunk.data[*now_position_].Reference(duckdb::Value::TIMESTAMP(duckdb::timestamp_t(now_micros)));
      }
      chunk.SetCardinality(rows);
      duckdb::SelectionVector selected(STANDARD_VECTOR_SIZE);
      const duckdb::idx_t count = vectors_->executor.SelectExpression(chunk, selected);
      for (duckdb::idx_t i = 0; i < count; ++i) matches[selected.get_index(i)] = 1;
    } catch (const std::exception& exception) {
      return Fail(Translate(duckdb::ErrorData(exception), Stage::kRun));
    }
    return {};
  }

 private:
  bool TryRelease() override {
    std::unique_lock lock(mu_, std::try_to_lock);
    if (lock) vectors_.reset();
    return lock.owns_lock();
  }

  // Ascending columns, as columns() promises.
  void Sort() {
    std::vector<size_t> order(read_.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::ranges::sort(order, {}, [&](size_t i) { return read_[i]; });
    std::vector<size_t> read;
    std::vector<size_t> positions;
    std::vector<TypeKind> kinds;
    for (const size_t i : order) {
      read.push_back(read_[i]);
      positions.push_back(positions_[i]);
      kinds.push_back(kinds_[i]);
    }
    read_ = std::move(read);
    positions_ = std::move(positions);
    kinds_ = std::move(kinds);
  }

  const std::shared_ptr<void> keep_alive_;  // owns context_; goes last
  duckdb::ClientContext& context_;
  duckdb::unique_ptr<Expression> expression_;
  duckdb::vector<LogicalType> types_;  // of the chunk
  // Parallel: the column, where it stands in the chunk, its kind.
  std::vector<size_t> read_;
  std::vector<size_t> positions_;
  std::vector<TypeKind> kinds_;
  std::optional<size_t> now_position_;

  struct Vectors {
    Vectors(duckdb::ClientContext& context, const Expression& expression,
            const duckdb::vector<LogicalType>& types)
        : executor(context, expression) {
      chunk.Initialize(duckdb::Allocator::DefaultAllocator(), types);
    }
    duckdb::DataChunk chunk;
    duckdb::ExpressionExecutor executor;
  };
  const std::shared_ptr<PredicateScratch> scratch_;
  mutable std::mutex mu_;                     // one evaluation at a time
  mutable std::unique_ptr<Vectors> vectors_;  // guarded by mu_; made when needed
};

}  // namespace

void PredicateScratch::Used(User& user) {
  std::lock_guard lock(mu_);
  if (const auto place = places_.find(&user); place != places_.end()) {
    users_.splice(users_.begin(), users_, place->second);
    return;
  }
  users_.push_front(&user);
  places_[&user] = users_.begin();
  // One that is in use now stays beyond the limit until a later look.
  while (users_.size() > users_max_ && users_.back()->TryRelease()) {
    places_.erase(users_.back());
    users_.pop_back();
  }
}

void PredicateScratch::Forget(User& user) {
  std::lock_guard lock(mu_);
  const auto place = places_.find(&user);
  if (place == places_.end()) return;
  users_.erase(place->second);
  places_.erase(place);
}

Result<std::unique_ptr<BoundPredicate>> BindWhere(const Statement& statement,
                                                  std::span<const ResultColumn> columns,
                                                  const Principal& principal, duckdb::ClientContext& context,
                                                  std::shared_ptr<PredicateScratch> scratch,
                                                  std::shared_ptr<void> keep_alive) {
  KALAM_ASSIGN(const duckdb::SelectNode* const node, NodeOf(statement));
  auto predicate = std::make_unique<Predicate>(context, std::move(scratch), std::move(keep_alive));
  const std::string alias = node->from_table->alias;
  auto where = node->where_clause
                   ? node->where_clause->Copy()
                   : duckdb::make_uniq<duckdb::ConstantExpression>(duckdb::Value::BOOLEAN(true));
  FillParameters(where, principal, alias);
  duckdb::vector<std::string> names;
  duckdb::vector<LogicalType> types;
  for (const ResultColumn& column : columns) {
    names.push_back(column.name);
    types.push_back(ToDuck(column.type));
  }
  names.emplace_back(kNowColumn);
  types.push_back(LogicalType::TIMESTAMP);
  duckdb::unique_ptr<Expression> bound;
  try {
    context.RunFunctionInTransaction([&] {
      auto binder = duckdb::Binder::CreateBinder(context);
      binder->bind_context.AddGenericBinding(kTableIndex, alias, names, types);
      duckdb::WhereBinder where_binder(*binder, context);
      LogicalType boolean = LogicalType::BOOLEAN;
      where_binder.target_type = boolean;
      bound = where_binder.Bind(where);
    });
  } catch (const std::exception& exception) {
    return Fail(Translate(duckdb::ErrorData(exception), Stage::kBind));
  }
  if (bound->HasSubquery())
    return Fail(ErrorCode::kUnsupported, "A subquery is not possible here: the condition looks at one row");
  if (bound->IsVolatile()) {
    return Fail(
        ErrorCode::kUnsupported,
        "A function with another value at each call (RANDOM(), SNOWFLAKE_ID(), ...) is not possible here");
  }
  try {
    FoldConstants(context, bound);
    predicate->Adopt(std::move(bound), columns, columns.size());
  } catch (const std::exception& exception) {
    return Fail(Translate(duckdb::ErrorData(exception), Stage::kBind));
  }
  return std::unique_ptr<BoundPredicate>(std::move(predicate));
}

}  // namespace kalam::engine
