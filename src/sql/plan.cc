#include "sql/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "tables/predicate.h"
#include "tables/table_scope.h"

namespace kalam::sql {
namespace {

using engine::Operand;

// Where the literals of the statement stand; maps an operand's offset to its literal.
class LiteralIndex {
 public:
  explicit LiteralIndex(const std::vector<Literal>& literals) : literals_(literals) {}

  // False when the operand's literal is not among the lifted ones: then the statement has no direct plan.
  bool Resolve(const Operand& operand, OperandRef& out) const {
    out.operand = operand;
    if (operand.kind != Operand::Kind::kLiteral || operand.literal_kind == Operand::LiteralKind::kNull ||
        operand.literal_kind == Operand::LiteralKind::kBoolean) {
      return true;
    }
    const auto it = std::lower_bound(literals_.begin(), literals_.end(), operand.offset,
                                     [](const Literal& l, size_t offset) { return l.offset < offset; });
    if (it == literals_.end() || it->offset != operand.offset) return false;
    out.literal = static_cast<size_t>(it - literals_.begin());
    return true;
  }

  // The value of a text or a count written in the statement.
  std::optional<std::string> TextOf(const Operand& operand) const {
    OperandRef ref;
    if (operand.kind != Operand::Kind::kLiteral || operand.literal_kind != Operand::LiteralKind::kString ||
        !Resolve(operand, ref)) {
      return std::nullopt;
    }
    const Literal& literal = literals_[ref.literal];
    return StringContent(Token{literal.kind, literal.text, literal.offset});
  }
  std::optional<int64_t> CountOf(const Operand& operand) const {
    OperandRef ref;
    if (operand.kind != Operand::Kind::kLiteral || operand.literal_kind != Operand::LiteralKind::kInteger ||
        operand.negative || !Resolve(operand, ref)) {
      return std::nullopt;
    }
    const std::string_view text = literals_[ref.literal].text;
    int64_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return count;
  }

 private:
  const std::vector<Literal>& literals_;
};

// Comparisons on comparable columns only; nullopt = no direct plan. `false_means_engine`.
bool PlanWhere(const TableSchema& schema, const std::vector<engine::Comparison>& where,
               const LiteralIndex& literals, std::vector<PlannedComparison>& out) {
  for (const engine::Comparison& comparison : where) {
    const auto ordinal = schema.Find(comparison.column);
    if (!ordinal) return false;
    PlannedComparison planned;
    planned.ordinal = *ordinal;
    planned.op = comparison.op;
    const bool null_test =
        comparison.op == engine::CompareOp::kIsNull || comparison.op == engine::CompareOp::kIsNotNull;
    if (!null_test && !tables::IsComparable(schema.columns[*ordinal].type.kind)) return false;
    if (comparison.op == engine::CompareOp::kIn) {
      for (const Operand& operand : comparison.list) {
        if (!literals.Resolve(operand, planned.list.emplace_back())) return false;
      }
    } else if (!null_test) {
      if (!literals.Resolve(comparison.operand, planned.value)) return false;
    }
    out.push_back(std::move(planned));
  }
  return true;
}

std::optional<DirectSelect> PlanSelect(const catalog::Table& table, const engine::SimpleSelect& simple,
                                       const LiteralIndex& literals) {
  const TableSchema& schema = table.schema();
  const auto key = tables::KeyOrdinal(table);
  if (!key && table.type != TableType::kStream) return std::nullopt;
  DirectSelect plan;
  plan.count_star = simple.count_star;
  if (simple.count_star) {
    plan.columns.push_back({simple.items.at(0).label, Type(TypeKind::kBigInt), false, false});
  } else {
    for (const auto& item : simple.items) {
      if (item.column.empty()) {
        for (size_t i = 0; i < tables::WidthOf(table); ++i) {
          plan.projection.push_back(i);
          plan.columns.push_back(tables::ResultColumnOf(schema, i));
        }
        continue;
      }
      const auto ordinal = tables::FindColumn(schema, item.column);
      if (!ordinal || *ordinal >= tables::WidthOf(table)) return std::nullopt;
      plan.projection.push_back(*ordinal);
      plan.columns.push_back(tables::ResultColumnOf(schema, *ordinal));
      plan.columns.back().name = item.label;
    }
  }
  if (simple.order) {
    if (!key || schema.Find(simple.order->column) != key) return std::nullopt;
    plan.descending = simple.order->descending;
  }
  if (!PlanWhere(schema, simple.where, literals, plan.where)) return std::nullopt;
  for (const auto& [from, to] :
       {std::pair{&simple.limit, &plan.limit}, std::pair{&simple.offset, &plan.offset}}) {
    if (!*from) continue;
    *to = OperandRef{};
    if (!literals.Resolve(**from, **to)) return std::nullopt;
  }
  return plan;
}

std::optional<SystemSelect> PlanSystemSelect(const system::SystemTable& table,
                                             const engine::SimpleSelect& simple,
                                             const LiteralIndex& literals) {
  if (simple.order || simple.offset) return std::nullopt;
  const std::span<const ResultColumn> columns = table.columns();
  const auto find = [&](std::string_view name) -> std::optional<size_t> {
    for (size_t i = 0; i < columns.size(); ++i) {
      if (columns[i].name == name) return i;
    }
    return std::nullopt;
  };
  SystemSelect plan;
  plan.count_star = simple.count_star;
  if (simple.count_star) {
    plan.columns.push_back({simple.items.at(0).label, Type(TypeKind::kBigInt), false, false});
  } else {
    for (const auto& item : simple.items) {
      const auto ordinal = find(item.column);
      if (!item.column.empty() && !ordinal) return std::nullopt;
      for (size_t i = ordinal.value_or(0); i < (ordinal ? *ordinal + 1 : columns.size()); ++i) {
        plan.projection.push_back(i);
        plan.columns.push_back(columns[i]);
      }
      if (ordinal) plan.columns.back().name = item.label;
    }
  }
  for (const engine::Comparison& comparison : simple.where) {
    const auto ordinal = find(comparison.column);
    const bool equal = comparison.op == engine::CompareOp::kEqual;
    if (!ordinal || columns[*ordinal].type.kind != TypeKind::kText ||
        (!equal && comparison.op != engine::CompareOp::kNotEqual)) {
      return std::nullopt;
    }
    const auto text = literals.TextOf(comparison.operand);
    if (!text) return std::nullopt;
    plan.where.push_back({*ordinal, equal, *text});
  }
  if (simple.limit) {
    plan.limit = literals.CountOf(*simple.limit);
    if (!plan.limit) return std::nullopt;
  }
  return plan;
}

std::optional<DirectInsert> PlanInsert(const catalog::Table& table, const engine::SimpleInsert& simple,
                                       const LiteralIndex& literals) {
  const TableSchema& schema = table.schema();
  if (!schema.primary_key() && table.type != TableType::kStream) return std::nullopt;
  DirectInsert plan;
  if (simple.columns.empty()) {
    for (size_t i = 0; i < schema.columns.size(); ++i) plan.columns.push_back(i);
  }
  for (const std::string& name : simple.columns) {
    const auto ordinal = schema.Find(name);
    if (!ordinal) return std::nullopt;
    plan.columns.push_back(*ordinal);
  }
  for (const auto& row : simple.rows) {
    if (row.size() != plan.columns.size()) return std::nullopt;
    auto& planned = plan.rows.emplace_back(row.size());
    for (size_t i = 0; i < row.size(); ++i) {
      if (!literals.Resolve(row[i], planned[i])) return std::nullopt;
    }
  }
  return plan;
}

// Whether every row gets a value of its own.
bool DiffersByRow(const Operand& operand, const Column& column) {
  using Function = Operand::Function;
  if (operand.kind == Operand::Kind::kFunction) {
    return operand.function == Function::kSnowflakeId || operand.function == Function::kUuidV7 ||
           operand.function == Function::kUlid;
  }
  const DefaultKind kind = column.default_value.kind;
  return operand.kind == Operand::Kind::kDefault &&
         (kind == DefaultKind::kSnowflakeId || kind == DefaultKind::kUuidV7 || kind == DefaultKind::kUlid);
}

std::optional<DirectUpdate> PlanUpdate(const catalog::Table& table, const engine::SimpleUpdate& simple,
                                       const LiteralIndex& literals) {
  using Form = engine::SimpleUpdate::Assignment::Form;
  const TableSchema& schema = table.schema();
  if (!schema.primary_key()) return std::nullopt;
  DirectUpdate plan;
  // The direct way computes each value once.
  const bool one_row = std::ranges::any_of(simple.where, [&](const engine::Comparison& comparison) {
    return comparison.op == engine::CompareOp::kEqual &&
           schema.Find(comparison.column) == schema.primary_key();
  });
  for (const auto& assignment : simple.assignments) {
    DirectUpdate::Item item;
    const auto ordinal = schema.Find(assignment.column);
    if (!ordinal || schema.columns[*ordinal].primary_key) return std::nullopt;
    item.ordinal = *ordinal;
    item.form = assignment.form;
    if (!one_row && DiffersByRow(assignment.operand, schema.columns[*ordinal])) return std::nullopt;
    if (assignment.form != Form::kOperand) {
      const auto source = schema.Find(assignment.source_column);
      // Arithmetic is done here only where its result type and overflow are plain: BIGINT columns.
      if (!source || schema.columns[*source].type.kind != TypeKind::kBigInt ||
          schema.columns[*ordinal].type.kind != TypeKind::kBigInt) {
        return std::nullopt;
      }
      item.source_ordinal = *source;
    }
    if (!literals.Resolve(assignment.operand, item.value)) return std::nullopt;
    plan.assignments.push_back(item);
  }
  if (!PlanWhere(schema, simple.where, literals, plan.where)) return std::nullopt;
  return plan;
}

Status CheckInsertColumns(const catalog::Table& table, const std::vector<std::string>& columns) {
  std::vector<std::string> seen;
  for (const std::string& name : columns) {
    if (!table.schema().Find(name)) {
      return Fail(
          ErrorCode::kInvalidOperation,
          fmt::format("Invalid operation: Column '{}' does not exist in table '{}' (No field named {})", name,
                      table.full_name(), name));
    }
    if (std::find(seen.begin(), seen.end(), name) != seen.end()) {
      return Fail(ErrorCode::kInvalidOperation,
                  fmt::format("Invalid operation: column '{}' is named more than once", name));
    }
    seen.push_back(name);
  }
  return {};
}

Status CheckUpdateColumns(const catalog::Table& table, const std::vector<std::string>& columns) {
  KALAM_TRY(CheckInsertColumns(table, columns));
  for (const std::string& name : columns) {
    if (table.schema().columns[*table.schema().Find(name)].primary_key) {
      return Fail(ErrorCode::kInvalidOperation,
                  fmt::format("Invalid operation: UPDATE cannot modify primary key column '{}'", name));
    }
  }
  return {};
}

Status CheckWritten(const catalog::Table& table, const engine::ParsedStatement& parsed) {
  if (parsed.kind() == engine::StatementKind::kInsert)
    return CheckInsertColumns(table, parsed.written_columns());
  if (parsed.kind() != engine::StatementKind::kUpdate) return {};
  if (table.type == TableType::kStream) {
    return Fail(ErrorCode::kInvalidOperation, "Invalid operation: UPDATE not supported for STREAM tables");
  }
  return CheckUpdateColumns(table, parsed.written_columns());
}

Result<catalog::TablePtr> Resolve(const engine::TableName& name, const catalog::CatalogSnapshot& snapshot,
                                  std::string_view name_space) {
  const std::string_view ns = name.ns.empty() ? name_space : std::string_view(name.ns);
  auto table = snapshot.FindTable(ns, name.table);
  if (!table) return Fail(TableNotFound(ns, name.table));
  return table;
}

}  // namespace

namespace {

// Tables that other servers of this protocol make at their first start (docs/decisions/0050).
std::string_view AdviceFor(std::string_view ns, std::string_view table) {
  if (ns != "dba") return {};
  if (table == "stats")
    return ". This server keeps no samples: system.stats has the numbers of this moment, and a collector "
           "can record /metrics";
  if (table == "notifications")
    return ". This server writes no notifications: an administrator can create the table for an application";
  return {};
}

}  // namespace

Error TableNotFound(std::string_view ns, std::string_view table) {
  return Error(ErrorCode::kNotFoundTable,
               fmt::format("Table '{}' not found in namespace '{}'{}", table, ns, AdviceFor(ns, table)))
      .With("table_name", std::string(table))
      .With("namespace", std::string(ns));
}

Result<PlanPtr> MakePlan(engine::ParsedStatementPtr parsed, const catalog::CatalogSnapshot& snapshot,
                         uint64_t catalog_version, std::string_view name_space,
                         const std::vector<Literal>& literals) {
  auto plan = std::make_shared<Plan>();
  plan->catalog_version = catalog_version;
  plan->kind = parsed->kind();
  plan->parameters = parsed->parameters();
  const bool writes = plan->kind == engine::StatementKind::kInsert ||
                      plan->kind == engine::StatementKind::kUpdate ||
                      plan->kind == engine::StatementKind::kDelete;
  if (writes) {
    const engine::TableName& target = parsed->target();
    const std::string_view ns = target.ns.empty() ? name_space : std::string_view(target.ns);
    if (system::IsSystemNamespace(ns)) {
      const char* verb = plan->kind == engine::StatementKind::kInsert   ? "insert"
                         : plan->kind == engine::StatementKind::kUpdate ? "update"
                                                                        : "delete";
      return Fail(ErrorCode::kInvalidOperation,
                  fmt::format("Invalid operation: Cannot {} system table '{}.{}'", verb, ns, target.table));
    }
    KALAM_ASSIGN(plan->target, Resolve(target, snapshot, name_space));
    if (const Status checked = CheckWritten(*plan->target, *parsed); !checked)
      plan->refusal = checked.error();
  }
  for (const engine::TableName& name : parsed->tables()) {
    const std::string_view ns = name.ns.empty() ? name_space : std::string_view(name.ns);
    PlannedTable& table = plan->tables.emplace_back();
    table.system = system::FindSystemTable(ns, name.table);
    if (table.system != nullptr) continue;
    KALAM_ASSIGN(table.table, Resolve(name, snapshot, name_space));
  }
  const LiteralIndex index(literals);
  const auto& simple = parsed->simple();
  if (plan->refusal) {
    // It has no plan.
  } else if (parsed->mentions_deleted() || plan->kind == engine::StatementKind::kExplain) {
    // Deleted rows and EXPLAIN are the engine's business.
  } else if (const auto* select = std::get_if<engine::SimpleSelect>(&simple);
             select != nullptr && plan->tables.size() == 1) {
    const catalog::TablePtr& table = plan->tables[0].table;
    if (!table) {
      plan->system_select = PlanSystemSelect(*plan->tables[0].system, *select, index);
    } else if (auto direct = PlanSelect(*table, *select, index))
      plan->direct = std::move(*direct);
  } else if (const auto* insert = std::get_if<engine::SimpleInsert>(&simple)) {
    if (auto direct = PlanInsert(*plan->target, *insert, index)) plan->direct = std::move(*direct);
  } else if (const auto* update = std::get_if<engine::SimpleUpdate>(&simple)) {
    if (auto direct = PlanUpdate(*plan->target, *update, index)) plan->direct = std::move(*direct);
  } else if (const auto* del = std::get_if<engine::SimpleDelete>(&simple)) {
    DirectDelete direct;
    const bool has_key = plan->target->schema().primary_key() || plan->target->type == TableType::kStream;
    if (has_key && PlanWhere(plan->target->schema(), del->where, index, direct.where)) {
      plan->direct = std::move(direct);
    }
  }
  plan->parsed = std::move(parsed);
  return PlanPtr(std::move(plan));
}

}  // namespace kalam::sql
