#include "engine/parquet_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "duckdb/catalog/catalog.hpp"
#include "duckdb/main/config.hpp"
#include "duckdb/main/connection.hpp"
#include "duckdb/main/database.hpp"
#include "duckdb/parser/keyword_helper.hpp"
#include "duckdb/parser/parsed_data/create_scalar_function_info.hpp"
#include "duckdb/parser/parsed_data/create_table_function_info.hpp"
#include "engine/cold_scan.h"
#include "engine/object_file_system.h"
#include "engine/run_state.h"
#include "engine/scan_function.h"
#include "engine/translate.h"
#include "engine/tree.h"

namespace kalam::engine {
namespace {

constexpr size_t kRowGroupBytesMax = 32u << 20;

// A row group is collected as it came, then encoded, then compressed: about four times its bytes at the
// worst, when one row fills it. With the default limit that leaves room for a row of the largest size.
size_t RowGroupBytes(size_t memory_bytes_max) { return std::min(kRowGroupBytesMax, memory_bytes_max / 16); }

// The COPY statement. Names are quoted; nothing else in it comes from users. The limit of bytes holds only
// without DuckDB's preserving of order, which would cut row groups by rows alone: there is one thread, and it
// writes the rows as they come.
std::string CopyText(const ParquetWrite& write, size_t row_group_bytes) {
  std::string select;
  std::string ids;
  const auto columns = write.source->columns();
  for (size_t i = 0; i < columns.size(); ++i) {
    const int32_t id = write.columns[i].field_id;
    if (id == kDeletedField || id == kRowNumberField) continue;
    const std::string name = duckdb::KeywordHelper::WriteQuoted(columns[i].name, '"');
    // JSON is a text in a file (cold_scan.cc).
    const bool json = columns[i].type.kind == TypeKind::kJson;
    select += fmt::format("{}{}", select.empty() ? "" : ", ",
                          json ? fmt::format("CAST({0} AS VARCHAR) AS {0}", name) : name);
    ids += fmt::format("{}{}: {}", ids.empty() ? "" : ", ", name, id);
  }
  const std::string order =
      write.order_by.empty()
          ? ""
          : fmt::format(" ORDER BY {}", duckdb::KeywordHelper::WriteQuoted(write.order_by, '"'));
  return fmt::format(
      "COPY (SELECT {} FROM {}(0){}) TO {} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {}, "
      "ROW_GROUP_SIZE_BYTES {}, PRESERVE_ORDER false, FIELD_IDS {{{}}})",
      select, kScanFunction, order, duckdb::KeywordHelper::WriteQuoted(write.path, '\''),
      write.row_group_rows, row_group_bytes, ids);
}

}  // namespace

struct ParquetWriter::Impl {
  Impl(Random& random_in, size_t memory, const ObjectFiles* files_in)
      : random(random_in), memory_bytes_max(memory), files(files_in) {}

  void Open() {
    duckdb::DBConfig config;
    config.options.maximum_memory = memory_bytes_max;
    config.options.maximum_threads = 1;
    config.options.use_temporary_directory = false;
    config.options.temporary_directory = "";
    config.options.autoload_known_extensions = false;
    config.options.autoinstall_known_extensions = false;
    config.options.allow_community_extensions = false;
    config.options.disable_database_invalidation = true;
    auto opened = std::make_unique<duckdb::DuckDB>(nullptr, &config);
    if (files != nullptr) RegisterObjectFiles(*opened->instance, *files);
    auto made = std::make_unique<duckdb::Connection>(*opened);
    state = duckdb::make_shared_ptr<RunState>(random);
    made->context->registered_state->Insert(kRunStateKey, state);
    made->context->RunFunctionInTransaction([&] {
      auto& catalog = duckdb::Catalog::GetSystemCatalog(*made->context);
      for (auto& function :
           {MakeScanFunction(), MakeHotScanFunction(), MakeColdScanFunction(*made->context)}) {
        duckdb::CreateTableFunctionInfo info(function);
        catalog.CreateFunction(*made->context, info);
      }
      duckdb::CreateScalarFunctionInfo stored(MakeStoredValueFunctions());
      catalog.CreateFunction(*made->context, stored);
    });
    for (const char* sql : {"SET GLOBAL TimeZone = 'UTC'", "SET GLOBAL preserve_insertion_order = false"}) {
      auto result = made->Query(sql);
      if (result->HasError()) result->ThrowError();
    }
    database = std::move(opened);
    connection = std::move(made);
  }

  Status Run(const ParquetWrite& write) {
    const std::shared_ptr<const Source> sources[] = {write.source};
    state->sources = sources;
    (void)state->TakeError();
    const std::stop_callback interrupt(write.stop, [this] { connection->Interrupt(); });
    auto result = connection->Query(CopyText(write, RowGroupBytes(memory_bytes_max)));
    state->sources = {};
    if (!result->HasError()) return {};
    if (std::optional<Error> ours = state->TakeError()) return Fail(std::move(*ours));
    const bool fatal = IsFatal(result->GetErrorObject());
    Error error = Translate(result->GetErrorObject(), Stage::kRun);
    if (error.code == ErrorCode::kLimitExceeded) error.message = TooLittleMemory();
    result.reset();
    if (fatal) {
      connection.reset();
      database.reset();
    }
    return Fail(std::move(error));
  }

  std::string TooLittleMemory() const {
    return fmt::format(
        "Writing a Parquet file needs more memory than engine.memory_limit allows ({} bytes); raise it to "
        "some times the size of the largest row",
        memory_bytes_max);
  }

  Random& random;
  const size_t memory_bytes_max;
  const ObjectFiles* const files;
  std::mutex mu;
  // Guarded by mu:
  std::unique_ptr<duckdb::DuckDB> database;
  std::unique_ptr<duckdb::Connection> connection;
  duckdb::shared_ptr<RunState> state;
};

ParquetWriter::ParquetWriter(Random& random, size_t memory_bytes_max, const ObjectFiles* files)
    : impl_(std::make_unique<Impl>(random, memory_bytes_max, files)) {}
ParquetWriter::~ParquetWriter() = default;

Status ParquetWriter::Write(const ParquetWrite& write) {
  std::lock_guard lock(impl_->mu);
  try {
    if (impl_->connection == nullptr) impl_->Open();
    return impl_->Run(write);
  } catch (const std::exception& exception) {
    return Fail(ErrorCode::kIo, fmt::format("A Parquet file cannot be written: {}",
                                            duckdb::ErrorData(exception).RawMessage()));
  }
}

}  // namespace kalam::engine
