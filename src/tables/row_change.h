// RowChange: UPDATE and DELETE of rows as pure functions of the newest version, so that the committer can
// apply them again when another writer was faster.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/catalog.h"
#include "hot/batch.h"
#include "model/value.h"
#include "tables/predicate.h"

namespace kalam::tables {

// `column = constant`, `column = other + constant` or `column = other - constant` (integers only).
struct Assignment {
  enum class Form : uint8_t { kConstant, kPlus, kMinus };
  size_t ordinal = 0;
  Form form = Form::kConstant;
  size_t source_ordinal = 0;  // kPlus, kMinus: an integer column
  OwnedValue constant;        // kConstant: of the column's type; else an integer
};

// A condition that owns its constant; not IN.
struct OwnedCondition {
  size_t ordinal = 0;
  engine::CompareOp op = engine::CompareOp::kEqual;
  OwnedValue constant;
};

// Conditions with constants of their own.
class OwnedConditions {
 public:
  explicit OwnedConditions(std::span<const Condition> conditions);
  OwnedConditions(const OwnedConditions&) = delete;
  OwnedConditions& operator=(const OwnedConditions&) = delete;
  std::span<const Condition> view() const { return conditions_; }

 private:
  std::vector<Condition> conditions_;  // whose values point into `constants_`
  std::vector<OwnedValue> constants_;
};

// Sets columns of one live row that matches. Unchanged when there is none or every value stays the same.
class UpdateChange final : public hot::RowTransform {
 public:
  UpdateChange(catalog::TablePtr table, std::vector<Assignment> assignments,
               std::span<const Condition> where);
  // kConstraint for NULL in a NOT NULL column and for integer overflow.
  Result<Effect> Apply(std::optional<std::string_view> current, std::string& next) const override;

 private:
  Result<Value> NewValue(const Assignment& assignment, const hot::RowView& row) const;
  catalog::TablePtr table_;
  std::vector<Assignment> assignments_;
  OwnedConditions where_;
};

// Marks one live row that matches as deleted. The tombstone keeps the row's values.
class DeleteChange final : public hot::RowTransform {
 public:
  DeleteChange(catalog::TablePtr table, std::span<const Condition> where);
  Result<Effect> Apply(std::optional<std::string_view> current, std::string& next) const override;

 private:
  catalog::TablePtr table_;
  OwnedConditions where_;
};

bool Matches(const std::vector<OwnedCondition>& conditions, const hot::RowView& row);

}  // namespace kalam::tables
