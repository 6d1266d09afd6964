// DuckDB alone, in this process, on the same files: what the server's share of a query over files is compared
// with.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace kalam::bench {

// The Parquet files below `folder` that belong to the table of that name.
std::vector<std::filesystem::path> FilesOf(const std::filesystem::path& folder, std::string_view table);

// Median milliseconds of `rounds` runs of the query, whose $FILES stands for a scan of the files. As many
// threads as cores, a warm instance. Throws BenchError.
double PlainDuckDbMillis(const std::vector<std::filesystem::path>& files, const std::string& query,
                         int rounds);
// The same after the files' rows were written to one file with DuckDB's own settings.
double PlainDuckDbOneFileMillis(const std::vector<std::filesystem::path>& files, const std::string& query,
                                int rounds, const std::filesystem::path& one);

}  // namespace kalam::bench
