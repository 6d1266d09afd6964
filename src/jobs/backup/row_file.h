// Row file: rows of one table in a backup. docs/backup-format.md describes the bytes; change both together.
//
//   magic "KLROWS01", then per row: key size u32 | key without its table id | row size u32 | stored row
//   bytes; integers little-endian.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace kalam::jobs {

// SHA-256 of bytes given piece by piece.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void Add(std::string_view bytes);
  std::string Hex();  // once, at the end

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Writes one local file. One thread. kIo names the file and the system's reason.
class RowFileWriter {
 public:
  static Result<std::unique_ptr<RowFileWriter>> Create(std::string path);
  ~RowFileWriter();

  Status Add(std::string_view key, std::string_view row);
  // Nothing can be added afterwards.
  Status Finish();

  int64_t rows() const { return rows_; }
  int64_t bytes() const { return bytes_; }
  const std::string& sha256() const { return digest_; }  // after Finish
  const std::string& path() const { return path_; }

 private:
  RowFileWriter(std::string path, std::FILE* file) : path_(std::move(path)), file_(file) {}
  Status Write(std::string_view bytes);

  std::string path_;
  std::FILE* file_;
  Sha256 hash_;
  std::string digest_;
  int64_t rows_ = 0;
  int64_t bytes_ = 0;
};

// Takes a row file's bytes in pieces of any size and gives its rows.
class RowFileParser {
 public:
  // More bytes of the file.
  void Feed(std::string_view bytes) { buffer_.append(bytes); }
  // The next row, if it is complete; views are valid until the next call. kCorruption for anything else than
  // rows.
  struct Row {
    std::string_view key;
    std::string_view row;
  };
  Result<std::optional<Row>> Next();
  // True when everything that was fed was used up.
  bool AtRowEnd() const { return used_ == buffer_.size() && magic_seen_; }

 private:
  std::string buffer_;
  size_t used_ = 0;
  bool magic_seen_ = false;
};

}  // namespace kalam::jobs
