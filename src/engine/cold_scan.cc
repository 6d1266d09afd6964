#include "engine/cold_scan.h"

#include <fmt/format.h>

#include <utility>

#include "duckdb/catalog/catalog.hpp"
#include "duckdb/catalog/catalog_entry/table_function_catalog_entry.hpp"
#include "duckdb/common/multi_file/multi_file_reader.hpp"
#include "duckdb/common/vector_operations/unary_executor.hpp"
#include "duckdb/optimizer/filter_combiner.hpp"
#include "duckdb/parser/expression/columnref_expression.hpp"
#include "duckdb/parser/expression/constant_expression.hpp"
#include "duckdb/parser/expression/function_expression.hpp"
#include "duckdb/parser/expression/star_expression.hpp"
#include "duckdb/parser/query_node/select_node.hpp"
#include "duckdb/parser/query_node/set_operation_node.hpp"
#include "duckdb/parser/statement/select_statement.hpp"
#include "duckdb/parser/tableref/subqueryref.hpp"
#include "duckdb/parser/tableref/table_function_ref.hpp"
#include "duckdb/planner/operator/logical_get.hpp"
#include "duckdb/planner/table_filter.hpp"
#include "duckdb/storage/statistics/base_statistics.hpp"
#include "duckdb/storage/statistics/numeric_stats.hpp"
#include "duckdb/storage/statistics/string_stats.hpp"
#include "engine/run_state.h"
#include "engine/translate.h"
#include "engine/tree.h"

namespace kalam::engine {
namespace {

// The text of a file as the JSON that it was, and a time of day of a file, cut to the range of its type.
constexpr const char* kStoredValueFunction = "stored_value";

using duckdb::ClientContext;
using duckdb::Expression;
using duckdb::LogicalType;
using duckdb::MultiFileList;
using duckdb::MultiFileOptions;
using duckdb::OpenFileInfo;
using FileSetPtr = std::shared_ptr<const FileSet>;

// JSON is a text in a file: DuckDB would check it, and a row whose text is no JSON could not be read again.
LogicalType InFile(const DataType& type) {
  return type.kind == TypeKind::kJson ? LogicalType::VARCHAR : ToDuck(type);
}

// --- which files a filter leaves over

// What is known of a column's values in a file, in the form in which DuckDB checks filters. Null for types
// without such a form.
duckdb::unique_ptr<duckdb::BaseStatistics> StatisticsOf(const LogicalType& type, const duckdb::Value& min,
                                                        const duckdb::Value& max) {
  using duckdb::StatisticsType;
  switch (duckdb::BaseStatistics::GetStatsType(type)) {
    case StatisticsType::NUMERIC_STATS: {
      auto stats = duckdb::NumericStats::CreateUnknown(type);
      duckdb::NumericStats::SetMin(stats, min);
      duckdb::NumericStats::SetMax(stats, max);
      stats.Set(duckdb::StatsInfo::CANNOT_HAVE_NULL_VALUES);
      return stats.ToUnique();
    }
    case StatisticsType::STRING_STATS: {
      auto stats = duckdb::StringStats::CreateEmpty(type);
      const std::string& low = duckdb::StringValue::Get(min);
      const std::string& high = duckdb::StringValue::Get(max);
      duckdb::StringStats::Update(stats, duckdb::string_t(low.data(), static_cast<uint32_t>(low.size())));
      duckdb::StringStats::Update(stats, duckdb::string_t(high.data(), static_cast<uint32_t>(high.size())));
      stats.Set(duckdb::StatsInfo::CANNOT_HAVE_NULL_VALUES);
      return stats.ToUnique();
    }
    default:
      return nullptr;
  }
}

bool Excludes(const duckdb::TableFilter& filter, const DataType& type, const Value& min, const Value& max) {
  if (min.is_null || max.is_null) return false;
  const auto stats = StatisticsOf(ToDuck(type), ToDuck(min, type), ToDuck(max, type));
  if (!stats) return false;
  return const_cast<duckdb::TableFilter&>(filter).CheckStatistics(*stats) ==
         duckdb::FilterPropagateResult::FILTER_ALWAYS_FALSE;
}

// The files of one scan, perhaps fewer than the source has.
class ColdFileList final : public MultiFileList {
 public:
  ColdFileList(FileSetPtr set, std::vector<DataType> types, std::vector<size_t> indexes)
      : MultiFileList(duckdb::vector<OpenFileInfo>(), duckdb::FileGlobOptions::ALLOW_EMPTY),
        set_(std::move(set)),
        types_(std::move(types)),
        indexes_(std::move(indexes)) {}

  duckdb::unique_ptr<MultiFileList> ComplexFilterPushdown(
      ClientContext& context, const MultiFileOptions&, duckdb::MultiFilePushdownInfo& info,
      duckdb::vector<duckdb::unique_ptr<Expression>>& filters) override {
    info.extra_info.total_files = set_->files.size();
    info.extra_info.filtered_files = indexes_.size();
    if (filters.empty()) return nullptr;
    duckdb::FilterCombiner combiner(context);
    for (const auto& filter : filters) combiner.AddFilter(filter->Copy());
    duckdb::vector<duckdb::FilterPushdownResult> results;
    const auto table_filters = combiner.GenerateTableScanFilters(info.column_indexes, results);
    auto pruned = Prune(table_filters, [](size_t column) { return column; });
    if (pruned) info.extra_info.filtered_files = pruned->indexes_.size();
    return pruned;
  }

  duckdb::unique_ptr<MultiFileList> DynamicFilterPushdown(ClientContext&, const MultiFileOptions&,
                                                          const duckdb::vector<std::string>&,
                                                          const duckdb::vector<LogicalType>&,
                                                          const duckdb::vector<duckdb::column_t>& column_ids,
                                                          duckdb::TableFilterSet& filters) const override {
    return Prune(filters, [&](size_t at) { return at < column_ids.size() ? column_ids[at] : types_.size(); });
  }

  duckdb::vector<OpenFileInfo> GetAllFiles() override {
    duckdb::vector<OpenFileInfo> files;
    for (size_t i = 0; i < indexes_.size(); ++i) files.push_back(GetFile(i));
    return files;
  }
  duckdb::FileExpandResult GetExpandResult() override {
    return indexes_.empty() ? duckdb::FileExpandResult::NO_FILES : duckdb::FileExpandResult::MULTIPLE_FILES;
  }
  duckdb::idx_t GetTotalFileCount() override { return indexes_.size(); }
  duckdb::unique_ptr<duckdb::NodeStatistics> GetCardinality(ClientContext&) override {
    uint64_t rows = 0;
    for (const size_t index : indexes_) rows += set_->files[index].visible_rows;
    return duckdb::make_uniq<duckdb::NodeStatistics>(rows);
  }
  duckdb::unique_ptr<MultiFileList> Copy() override {
    return duckdb::make_uniq<ColdFileList>(set_, types_, indexes_);
  }

  const FileSet& set() const { return *set_; }
  const DataFile& At(size_t i) const { return set_->files[indexes_[i]]; }
  std::string Describe() const { return fmt::format("{} of {}", indexes_.size(), set_->files.size()); }

 protected:
  OpenFileInfo GetFile(duckdb::idx_t i) override {
    if (i >= indexes_.size()) return {};
    const DataFile& file = At(i);
    OpenFileInfo info(file.path);
    info.extended_info = duckdb::make_shared_ptr<duckdb::ExtendedOpenFileInfo>();
    auto& options = info.extended_info->options;
    // Files never change: what is cached of them holds.
    options["file_size"] = duckdb::Value::UBIGINT(file.size);
    options["validate_external_file_cache"] = duckdb::Value::BOOLEAN(false);
    options["etag"] = duckdb::Value("");
    options["last_modified"] = duckdb::Value::TIMESTAMP(duckdb::timestamp_t(0));
    return info;
  }

 private:
  template <typename ColumnOf>
  duckdb::unique_ptr<ColdFileList> Prune(const duckdb::TableFilterSet& filters, ColumnOf column_of) const {
    std::vector<size_t> left;
    for (const size_t index : indexes_) {
      const DataFile& file = set_->files[index];
      bool excluded = false;
      for (const auto& [at, filter] : filters.filters) {
        const size_t column = column_of(at);
        if (column == set_->key_column) {
          excluded = Excludes(*filter, types_[column], file.key_min.view(), file.key_max.view());
        } else if (column == set_->seq_column) {
          excluded =
              Excludes(*filter, types_[column], Value::BigInt(file.seq_min), Value::BigInt(file.seq_max));
        }
        if (excluded) break;
      }
      if (!excluded) left.push_back(index);
    }
    if (left.size() == indexes_.size()) return nullptr;
    return duckdb::make_uniq<ColdFileList>(set_, types_, std::move(left));
  }

  const FileSetPtr set_;
  const std::vector<DataType> types_;  // of all columns
  const std::vector<size_t> indexes_;  // into set_->files
};

// --- rows that do not count

class LiveRowsOnly final : public duckdb::DeleteFilter {
 public:
  LiveRowsOnly(uint32_t visible, std::shared_ptr<const DeadRows> dead)
      : visible_(visible), dead_(std::move(dead)) {}

  duckdb::idx_t Filter(duckdb::row_t start, duckdb::idx_t count, duckdb::SelectionVector& out) override {
    const auto first = static_cast<uint64_t>(start);
    const size_t left = first >= visible_ ? 0 : std::min<size_t>(count, visible_ - first);
    if (left == 0) return 0;
    out.Initialize(STANDARD_VECTOR_SIZE);
    if (dead_) return dead_->Alive(static_cast<uint32_t>(first), left, out.data());
    for (size_t i = 0; i < left; ++i) out.set_index(i, i);
    return left;
  }

 private:
  const uint32_t visible_;
  const std::shared_ptr<const DeadRows> dead_;
};

// --- the reader

class ColdReader final : public duckdb::MultiFileReader {
 public:
  static duckdb::unique_ptr<MultiFileReader> Make(const duckdb::TableFunction&) {
    return duckdb::make_uniq<ColdReader>();
  }

  duckdb::shared_ptr<MultiFileList> CreateFileList(ClientContext& context,
                                                   const duckdb::vector<std::string>& paths,
                                                   const duckdb::FileGlobInput&) override {
    RunState& run = RunStateOf(context);
    const size_t slot = std::stoul(paths[0]);
    FileSetPtr set = slot < run.sources.size() ? run.sources[slot]->files() : nullptr;
    if (set == nullptr || set->columns.size() != run.sources[slot]->columns().size())
      run.Throw({ErrorCode::kInternal, "A table of the statement has no files"});
    std::vector<DataType> types;
    for (const ResultColumn& column : run.sources[slot]->columns()) {
      types.push_back(column.type);
      names_.push_back(column.name);
    }
    types_ = types;
    std::vector<size_t> all(set->files.size());
    for (size_t i = 0; i < all.size(); ++i) all[i] = i;
    return duckdb::make_shared_ptr<ColdFileList>(std::move(set), std::move(types), std::move(all));
  }

  bool Bind(MultiFileOptions&, MultiFileList& files, duckdb::vector<LogicalType>& types,
            duckdb::vector<std::string>& names, duckdb::MultiFileReaderBindData& bind) override {
    const FileSet& set = static_cast<ColdFileList&>(files).set();
    bind.mapping = duckdb::MultiFileColumnMappingMode::BY_FIELD_ID;
    for (size_t i = 0; i < types_.size(); ++i) {
      if (set.columns[i].field_id == kRowNumberField) continue;
      types.push_back(InFile(types_[i]));
      names.push_back(names_[i]);
      duckdb::MultiFileColumnDefinition column(names_[i], types.back());
      column.identifier = duckdb::Value::INTEGER(set.columns[i].field_id);
      duckdb::Value absent = ToDuck(set.columns[i].when_absent.view(), types_[i]);
      absent = absent.DefaultCastAs(ToDuck(types_[i]));
      absent.Reinterpret(types.back());
      column.default_expression = duckdb::make_uniq<duckdb::ConstantExpression>(std::move(absent));
      bind.schema.push_back(std::move(column));
    }
    return true;
  }

  duckdb::ReaderInitializeType InitializeReader(
      duckdb::MultiFileReaderData& data, const duckdb::MultiFileBindData& bind,
      const duckdb::vector<duckdb::MultiFileColumnDefinition>& columns,
      const duckdb::vector<duckdb::ColumnIndex>& column_ids,
      duckdb::optional_ptr<duckdb::TableFilterSet> filters, ClientContext& context,
      duckdb::MultiFileGlobalState& state) override {
    const auto result =
        MultiFileReader::InitializeReader(data, bind, columns, column_ids, filters, context, state);
    const auto& list = static_cast<const ColdFileList&>(state.file_list);
    const DataFile& file = list.At(data.reader->file_list_idx.GetIndex());
    if (file.dead || file.visible_rows < file.rows) {
      data.reader->deletion_filter = duckdb::make_uniq<LiveRowsOnly>(file.visible_rows, file.dead);
    }
    return result;
  }

  duckdb::unique_ptr<MultiFileReader> Copy() const override {
    auto copy = duckdb::make_uniq<ColdReader>();
    copy->types_ = types_;
    copy->names_ = names_;
    return copy;
  }

 private:
  std::vector<DataType> types_;
  std::vector<std::string> names_;
};

duckdb::InsertionOrderPreservingMap<std::string> DescribeFiles(duckdb::TableFunctionToStringInput& input) {
  duckdb::InsertionOrderPreservingMap<std::string> out;
  if (!input.bind_data) return out;
  const auto& data = input.bind_data->Cast<duckdb::MultiFileBindData>();
  out["Files"] = static_cast<const ColdFileList&>(*data.file_list).Describe();
  return out;
}

void RefuseSerialize(duckdb::Serializer&, duckdb::optional_ptr<duckdb::FunctionData>,
                     const duckdb::TableFunction&) {
  throw duckdb::NotImplementedException("a scan cannot be serialized");
}
duckdb::unique_ptr<duckdb::FunctionData> RefuseDeserialize(duckdb::Deserializer&, duckdb::TableFunction&) {
  throw duckdb::NotImplementedException("a scan cannot be deserialized");
}

// --- the subquery

duckdb::unique_ptr<duckdb::SelectNode> SelectAll(const char* function, const duckdb::Value& slot) {
  duckdb::vector<duckdb::unique_ptr<duckdb::ParsedExpression>> arguments;
  arguments.push_back(duckdb::make_uniq<duckdb::ConstantExpression>(slot));
  auto table = duckdb::make_uniq<duckdb::TableFunctionRef>();
  table->function = duckdb::make_uniq<duckdb::FunctionExpression>(function, std::move(arguments));
  auto node = duckdb::make_uniq<duckdb::SelectNode>();
  node->select_list.push_back(duckdb::make_uniq<duckdb::StarExpression>());
  node->from_table = std::move(table);
  return node;
}

}  // namespace

duckdb::TableFunction MakeColdScanFunction(ClientContext& context) {
  auto& catalog = duckdb::Catalog::GetSystemCatalog(context);
  auto& entry = catalog.GetEntry<duckdb::TableFunctionCatalogEntry>(context, DEFAULT_SCHEMA, "parquet_scan");
  duckdb::TableFunction function = entry.functions.GetFunctionByArguments(context, {LogicalType::VARCHAR});
  function.name = kColdScanFunction;
  function.get_multi_file_reader = ColdReader::Make;
  function.to_string = DescribeFiles;
  // These look at the files on their own, without the rows that do not count.
  function.statistics = nullptr;
  function.get_partition_stats = nullptr;
  function.late_materialization = false;
  function.serialize = RefuseSerialize;
  function.deserialize = RefuseDeserialize;
  function.verify_serialization = false;
  return function;
}

duckdb::ScalarFunctionSet MakeStoredValueFunctions() {
  const auto json = [](duckdb::DataChunk& arguments, duckdb::ExpressionState&, duckdb::Vector& result) {
    result.Reinterpret(arguments.data[0]);
  };
  const auto time = [](duckdb::DataChunk& arguments, duckdb::ExpressionState&, duckdb::Vector& result) {
    duckdb::UnaryExecutor::Execute<duckdb::dtime_t, duckdb::dtime_t>(
        arguments.data[0], result, arguments.size(),
        [](duckdb::dtime_t stored) { return duckdb::dtime_t(TimeWithinRange(stored.micros)); });
  };
  duckdb::ScalarFunctionSet functions(kStoredValueFunction);
  functions.AddFunction(duckdb::ScalarFunction({LogicalType::VARCHAR}, LogicalType::JSON(), json));
  functions.AddFunction(duckdb::ScalarFunction({LogicalType::TIME}, LogicalType::TIME, time));
  return functions;
}

duckdb::unique_ptr<duckdb::TableRef> ReplaceScan(ClientContext& context,
                                                 duckdb::TableFunctionBindInput& input) {
  RunState& run = RunStateOf(context);
  const auto slot = static_cast<size_t>(input.inputs[0].GetValue<int32_t>());
  if (slot >= run.sources.size()) run.Throw({ErrorCode::kInternal, "A table of the statement has no source"});
  const Source& source = *run.sources[slot];
  const FileSetPtr set = source.files();
  if (set == nullptr) return nullptr;
  auto cold = SelectAll(kColdScanFunction, duckdb::Value(std::to_string(slot)));
  for (size_t i = 0; i < set->columns.size(); ++i) {
    if (set->columns[i].field_id != kRowNumberField) continue;
    auto number = duckdb::make_uniq<duckdb::ColumnRefExpression>("file_row_number");
    number->SetAlias(source.columns()[i].name);
    cold->select_list.push_back(std::move(number));
  }
  auto& all = cold->select_list[0]->Cast<duckdb::StarExpression>();
  for (const auto& column : source.columns()) {
    if (column.type.kind != TypeKind::kJson && column.type.kind != TypeKind::kTime) continue;
    duckdb::vector<duckdb::unique_ptr<duckdb::ParsedExpression>> stored;
    stored.push_back(duckdb::make_uniq<duckdb::ColumnRefExpression>(column.name));
    all.replace_list[column.name] =
        duckdb::make_uniq<duckdb::FunctionExpression>(kStoredValueFunction, std::move(stored));
  }
  auto select = duckdb::make_uniq<duckdb::SelectStatement>();
  if (source.has_own_rows()) {
    auto both = duckdb::make_uniq<duckdb::SetOperationNode>();
    both->setop_type = duckdb::SetOperationType::UNION;
    both->setop_all = true;
    auto hot = SelectAll(kHotScanFunction, duckdb::Value::INTEGER(static_cast<int32_t>(slot)));
    both->left = std::move(hot);
    both->right = std::move(cold);
    select->node = std::move(both);
  } else {
    select->node = std::move(cold);
  }
  return duckdb::make_uniq<duckdb::SubqueryRef>(std::move(select));
}

}  // namespace kalam::engine
