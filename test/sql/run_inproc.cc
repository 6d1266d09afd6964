// Runs SQL logic tests (README.md beside this file) inside this process, each file on a database of its own.
//
//   sql_logic [--cold] FILE-or-FOLDER...
//
// --cold: before each statement all rows are flushed, so every statement meets them in the cold tier.
#include <simdjson.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cold/cold_tier.h"
#include "front/error_table.h"
#include "server/instance.h"
#include "tables/read_view.h"
#include "wire/sql_request.h"

namespace {

namespace fs = std::filesystem;

struct Line {
  size_t number = 0;
  std::string text;
};

std::vector<std::string> Words(const std::string& text) {
  std::istringstream in(text);
  return {std::istream_iterator<std::string>(in), {}};
}

std::string FirstWord(const Line& line) {
  const auto words = Words(line.text);
  return words.empty() ? std::string() : words.front();
}

[[noreturn]] void BadTest(const fs::path& file, size_t line, const std::string& what) {
  std::fprintf(stderr, "%s:%zu: %s\n", file.c_str(), line, what.c_str());
  std::exit(2);
}

std::string ReplaceAll(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

// Writes foreach blocks out.
std::vector<Line> ExpandLoops(const fs::path& file, const std::vector<Line>& lines) {
  std::vector<Line> out;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (FirstWord(lines[i]) != "foreach") {
      out.push_back(lines[i]);
      continue;
    }
    const auto words = Words(lines[i].text);
    size_t end = i;
    for (int depth = 1; depth > 0;) {
      if (++end == lines.size()) BadTest(file, lines[i].number, "foreach without endloop");
      const std::string word = FirstWord(lines[end]);
      depth += word == "foreach" ? 1 : (word == "endloop" ? -1 : 0);
    }
    for (size_t w = 2; w < words.size(); ++w) {
      std::vector<Line> body(lines.begin() + static_cast<ptrdiff_t>(i) + 1,
                             lines.begin() + static_cast<ptrdiff_t>(end));
      for (Line& line : body) line.text = ReplaceAll(line.text, "${" + words[1] + "}", words[w]);
      for (Line& line : ExpandLoops(file, body)) out.push_back(std::move(line));
    }
    i = end;
  }
  return out;
}

struct Record {
  size_t line = 0;
  std::vector<std::string> words;  // the record's own line
  std::string text;                // SQL, or the JSON of params
  std::vector<std::string> expected;
};

std::vector<Record> ParseFile(const fs::path& file) {
  std::ifstream in(file);
  std::vector<Line> lines;
  for (std::string text; std::getline(in, text);) lines.push_back({lines.size() + 1, text});
  lines = ExpandLoops(file, lines);
  std::vector<Record> records;
  for (size_t i = 0; i < lines.size();) {
    const Line& line = lines[i++];
    Record record{line.number, Words(line.text), {}, {}};
    if (record.words.empty() || line.text.starts_with('#')) continue;
    const std::string& kind = record.words.front();
    if (kind == "params") record.text = line.text.substr(line.text.find("params") + 6);
    if (kind == "statement" || kind == "query") {
      while (i < lines.size() && !Words(lines[i].text).empty() && lines[i].text != "----")
        record.text += lines[i++].text + "\n";
      if (!record.text.empty()) record.text.pop_back();
      if (i < lines.size() && lines[i].text == "----") {
        for (++i; i < lines.size() && !Words(lines[i].text).empty(); ++i)
          record.expected.push_back(lines[i].text);
      }
    } else if (kind != "params" && kind != "user" && kind != "namespace" && kind != "restart") {
      BadTest(file, line.number, "unknown record '" + kind + "'");
    }
    records.push_back(std::move(record));
  }
  return records;
}

std::string Escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '\\')
      out += "\\\\";
    else if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else
      out += c;
  }
  return out.empty() ? "(empty)" : out;
}

std::string Trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) text.remove_suffix(1);
  return std::string(text);
}

// A JSON value as the test files write it.
std::string Cell(simdjson::ondemand::value value, bool inside_array = false) {
  switch (simdjson::ondemand::json_type(value.type())) {
    case simdjson::ondemand::json_type::null:
      return "NULL";
    case simdjson::ondemand::json_type::string: {
      if (inside_array) return Trimmed(value.raw_json_token());
      return Escaped(std::string_view(value.get_string()));
    }
    case simdjson::ondemand::json_type::array: {
      std::string out = "[";
      for (simdjson::ondemand::value element : value.get_array()) {
        if (out.size() > 1) out += ',';
        out += Cell(element, true);
      }
      return out + "]";
    }
    default:
      return Trimmed(value.raw_json_token());  // numbers and booleans as they were written
  }
}

// What a statement answered: rows of cells, or a count, or an error.
struct Answer {
  bool ok = false;
  std::string error;  // code and message
  std::string code;
  std::string message;
  bool has_rows = false;
  std::vector<std::vector<std::string>> rows;
  int64_t affected = -1;
};

Answer Decode(const std::string& body) {
  Answer answer;
  answer.ok = true;
  simdjson::ondemand::parser parser;
  const simdjson::padded_string padded(body);
  auto document = parser.iterate(padded);
  for (auto result : document["results"].get_array()) {
    for (auto field : result.get_object()) {
      const std::string_view key = field.unescaped_key();
      if (key == "rows_affected" && answer.affected < 0) {
        answer.affected = field.value().get_int64();
      } else if (key == "rows" && !answer.has_rows) {
        answer.has_rows = true;
        for (auto row : field.value().get_array()) {
          auto& cells = answer.rows.emplace_back();
          for (simdjson::ondemand::value value : row.get_array()) cells.push_back(Cell(value));
        }
      }
    }
  }
  if (answer.affected < 0 && answer.has_rows) answer.affected = static_cast<int64_t>(answer.rows.size());
  return answer;
}

bool ContainsIgnoringCase(const std::string& text, const std::string& part) {
  return !std::ranges::search(
              text, part, [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); })
              .empty() ||
         part.empty();
}

bool FitsType(char type, const std::string& cell) {
  if (cell == "NULL" || type == 'T') return true;
  if (type == 'B') return cell == "true" || cell == "false";
  const std::string_view allowed = type == 'I' ? "-0123456789" : "-+.eE0123456789";
  return cell.find_first_not_of(allowed) == std::string::npos;
}

class FileRun {
 public:
  // `cold`: whenever a statement is run, all rows of all tables have been flushed.
  FileRun(fs::path file, bool cold) : file_(std::move(file)), cold_(cold) {
    folder_ =
        fs::temp_directory_path() / ("kalam-logic-" + std::to_string(getpid()) + "-" + file_.stem().string());
    fs::remove_all(folder_);
    Open();
  }
  ~FileRun() {
    instance_.reset();
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  FileRun(const FileRun&) = delete;
  FileRun& operator=(const FileRun&) = delete;

  // Returns the number of problems.
  size_t Run() {
    for (const Record& record : ParseFile(file_)) Step(record);
    return problems_;
  }
  size_t checks() const { return checks_; }

 private:
  void Open() {
    kalam::config::Settings settings;
    settings.storage.data_path = (folder_ / "data").string();
    settings.storage.durability = "os";
    settings.auth.bcrypt_cost = 4;
    settings.auth.root_password = "Logic-root-1";
    settings.auth.jwt_secret = "a-secret-only-for-tests-0123456789-abcdefghijklmnop";
    fs::create_directories(folder_ / "data");
    auto opened = kalam::server::Instance::Open(settings);
    if (!opened) BadTest(file_, 0, "cannot open the database: " + opened.error().message);
    instance_ = std::move(*opened);
  }

  void Complain(const Record& record, const std::string& what) {
    ++problems_;
    std::printf("%s:%zu: %s\n    %s\n", file_.c_str(), record.line, what.c_str(), record.text.c_str());
  }

  void Step(const Record& record) {
    const std::string& kind = record.words.front();
    if (kind == "restart") {
      instance_->Stop();
      instance_.reset();
      Open();
    } else if (kind == "namespace") {
      namespace_ = record.words.at(1);
    } else if (kind == "params") {
      params_ = record.text;
    } else if (kind == "user") {
      SwitchUser(record);
    } else {
      ++checks_;
      if (cold_) FlushAll(record);
      const Answer answer = Execute(record.text);
      const std::string problem =
          kind == "query" ? CheckQuery(record, answer) : CheckStatement(record, answer);
      if (!problem.empty()) Complain(record, problem);
    }
  }

  void FlushAll(const Record& record) {
    for (const auto& table : instance_->catalog().Snapshot()->Tables()) {
      const bool tiered = table->type == kalam::TableType::kUser || table->type == kalam::TableType::kShared;
      if (!tiered || !table->schema().primary_key()) continue;
      kalam::cold::TableWork work;
      work.shape = [table]() -> kalam::Result<kalam::cold::TableShape> {
        return kalam::tables::ShapeOf(*table);
      };
      work.storage_of = [](std::string_view) { return "local"; };
      if (const auto flushed = instance_->cold().Flush(work); !flushed) {
        Complain(record, "cannot flush " + table->full_name() + ": " + flushed.error().message);
      }
    }
  }

  void SwitchUser(const Record& record) {
    const std::string& name = record.words.at(1);
    std::string role = "user";
    if (record.words.size() > 2 && record.words[2].starts_with("role=")) role = record.words[2].substr(5);
    if (!principals_.contains(name)) {
      principal_ = principals_.at("root");
      const Answer made = Execute("CREATE USER " + name + " WITH PASSWORD 'Logic-pass-1' ROLE " + role);
      if (!made.ok) Complain(record, "cannot create the user: " + made.error);
      principals_[name] =
          std::make_shared<const kalam::Principal>(kalam::Principal{name, *kalam::ParseRole(role)});
    }
    principal_ = principals_.at(name);
  }

  Answer Execute(const std::string& sql) {
    kalam::wire::SqlRequestBody body;
    const std::string request = "{\"sql\":\"\",\"params\":" + (params_.empty() ? "null" : params_) + "}";
    params_.clear();
    if (const auto parsed = body.Parse(request); !parsed) {
      Answer answer;
      answer.message = parsed.error().message;
      answer.code = kalam::front::WireCode(parsed.error());
      answer.error = answer.code + ": " + answer.message;
      return answer;
    }
    kalam::sql::Payload payload;
    payload.sql = sql;
    payload.parameters = body.parameters();
    payload.name_space = namespace_;
    payload.principal = principal_;
    payload.request_id = "logic";
    payload.client_ip = "127.0.0.1";
    payload.received_at_micros = instance_->clock().WallMicros();
    std::promise<Answer> promise;
    instance_->executor().Execute(
        payload, [&](std::expected<kalam::wire::SqlResponse, kalam::sql::ExecutionError> done) {
          Answer answer;
          if (done) {
            answer = Decode(std::move(*done).FinishSuccess("logic", 0));
          } else {
            answer.code = kalam::front::WireCode(done.error().error);
            answer.message = Shown(done.error());
            answer.error = answer.code + ": " + answer.message;
          }
          promise.set_value(std::move(answer));
        });
    return promise.get_future().get();
  }

  // The message as the caller would see it over HTTP.
  std::string Shown(const kalam::sql::ExecutionError& error) const {
    const std::string_view hidden = kalam::front::RowOf(error.error.code).public_text;
    if (!principal_->is_admin() && !hidden.empty()) return std::string(hidden);
    return error.error.message;
  }

  static std::string CheckStatement(const Record& record, const Answer& answer) {
    const std::string& wanted = record.words.at(1);
    if (wanted == "error") {
      if (answer.ok) return "should have failed";
      if (record.words.size() > 2 && answer.code != record.words[2])
        return "failed with " + answer.error + ", wanted code " + record.words[2];
      for (const std::string& part : record.expected) {
        if (!ContainsIgnoringCase(answer.message, part))
          return "failed with " + answer.error + ", wanted '" + part + "'";
      }
      return {};
    }
    if (!answer.ok) return "failed: " + answer.error;
    if (wanted == "count" && std::to_string(answer.affected) != record.words.at(2)) {
      return "affected " + std::to_string(answer.affected) + " rows, wanted " + record.words[2];
    }
    return {};
  }

  static std::string CheckQuery(const Record& record, const Answer& answer) {
    if (!answer.ok) return "failed: " + answer.error;
    if (!answer.has_rows) return "answered no rows";
    const std::string& types = record.words.at(1);
    std::vector<std::string> actual;
    for (const auto& row : answer.rows) {
      if (row.size() != types.size())
        return std::to_string(row.size()) + " columns, wanted " + std::to_string(types.size());
      std::string& line = actual.emplace_back();
      for (size_t i = 0; i < row.size(); ++i) {
        if (!FitsType(types[i], row[i])) return "'" + row[i] + "' is not of type " + types[i];
        line += (i > 0 ? "\t" : "") + row[i];
      }
    }
    std::vector<std::string> expected = record.expected;
    if (record.words.size() > 2 && record.words[2] == "rowsort") {
      std::ranges::sort(actual);
      std::ranges::sort(expected);
    }
    if (actual == expected) return {};
    std::string text = "wrong rows\n  wanted:";
    for (const std::string& line : expected) text += "\n    " + line;
    text += "\n  got:";
    for (const std::string& line : actual) text += "\n    " + line;
    return text;
  }

  fs::path file_;
  bool cold_;
  fs::path folder_;
  std::unique_ptr<kalam::server::Instance> instance_;
  std::map<std::string, std::shared_ptr<const kalam::Principal>> principals_{
      {"root", std::make_shared<const kalam::Principal>(kalam::Principal{"root", kalam::Role::kSystem})}};
  std::shared_ptr<const kalam::Principal> principal_ = principals_.at("root");
  std::string namespace_ = "default";
  std::string params_;
  size_t problems_ = 0;
  size_t checks_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  std::vector<fs::path> files;
  bool cold = false;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--cold") {
      cold = true;
      continue;
    }
    if (!fs::is_directory(argv[i])) {
      files.emplace_back(argv[i]);
      continue;
    }
    for (const auto& entry : fs::recursive_directory_iterator(argv[i])) {
      if (entry.path().extension() == ".test") files.push_back(entry.path());
    }
  }
  if (files.empty()) {
    std::fprintf(stderr, "no test files found\n");
    return 2;
  }
  std::ranges::sort(files);
  size_t checks = 0;
  size_t problems = 0;
  for (const fs::path& file : files) {
    FileRun run(file, cold);
    problems += run.Run();
    checks += run.checks();
  }
  std::printf("%zu files, %zu checks\n%zu passed, %zu failed\n", files.size(), checks, checks - problems,
              problems);
  return problems == 0 ? 0 : 1;
}
