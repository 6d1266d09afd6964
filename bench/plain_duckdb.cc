#include "plain_duckdb.h"

#include <duckdb.h>
#include <fmt/format.h>
#include <time.h>

#include <algorithm>

#include "cases.h"

namespace kalam::bench {
namespace {

double MillisNow() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

class Duck {
 public:
  Duck() {
    if (duckdb_open(nullptr, &database_) != DuckDBSuccess ||
        duckdb_connect(database_, &connection_) != DuckDBSuccess) {
      throw BenchError("plain DuckDB does not open");
    }
  }
  ~Duck() {
    duckdb_disconnect(&connection_);
    duckdb_close(&database_);
  }
  Duck(const Duck&) = delete;
  Duck& operator=(const Duck&) = delete;

  void Run(const std::string& sql) {
    duckdb_result result;
    const bool good = duckdb_query(connection_, sql.c_str(), &result) == DuckDBSuccess;
    const char* text = good ? nullptr : duckdb_result_error(&result);
    const std::string error = text == nullptr ? "" : text;
    duckdb_destroy_result(&result);
    if (!good) throw BenchError("plain DuckDB: " + error);
  }

 private:
  duckdb_database database_ = nullptr;
  duckdb_connection connection_ = nullptr;
};

std::string ScanOf(const std::vector<std::filesystem::path>& files) {
  std::string list;
  for (const auto& file : files) list += fmt::format("{}'{}'", list.empty() ? "" : ", ", file.string());
  return fmt::format("read_parquet([{}])", list);
}

double Time(Duck& duck, const std::vector<std::filesystem::path>& files, std::string query, int rounds) {
  constexpr std::string_view kPlace = "$FILES";
  query.replace(query.find(kPlace), kPlace.size(), ScanOf(files));
  duck.Run(query);
  std::vector<double> millis;
  for (int i = 0; i < rounds; ++i) {
    const double start = MillisNow();
    duck.Run(query);
    millis.push_back(MillisNow() - start);
  }
  return Median(millis);
}

}  // namespace

std::vector<std::filesystem::path> FilesOf(const std::filesystem::path& folder, std::string_view table) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const std::filesystem::path& path = entry.path();
    if (path.extension() != ".parquet") continue;
    if (std::ranges::find(path, std::filesystem::path(table)) != path.end()) files.push_back(path);
  }
  std::ranges::sort(files);
  if (files.empty()) throw BenchError(fmt::format("table {} has no files below {}", table, folder.string()));
  return files;
}

double PlainDuckDbMillis(const std::vector<std::filesystem::path>& files, const std::string& query,
                         int rounds) {
  Duck duck;
  return Time(duck, files, query, rounds);
}

double PlainDuckDbOneFileMillis(const std::vector<std::filesystem::path>& files, const std::string& query,
                                int rounds, const std::filesystem::path& one) {
  Duck duck;
  duck.Run(fmt::format("COPY (SELECT * FROM {}) TO '{}' (FORMAT parquet)", ScanOf(files), one.string()));
  return Time(duck, {one}, query, rounds);
}

}  // namespace kalam::bench
