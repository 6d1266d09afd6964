// The requests of the cases and the checks of their answers and of the tables afterwards.
#include <algorithm>
#include <charconv>
#include <cstring>

#include "cases.h"

namespace kalam::bench {
namespace {

void AppendNumber(uint64_t number, std::string& out) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof(digits), number).ptr;
  out.append(digits, end);
}

bool IsSuccess(std::string_view body) { return body.starts_with(R"({"status":"success")"); }

// memmem is several times faster than std::string_view::find, and the driver shares the processor with the
// server.
bool Contains(std::string_view text, std::string_view part) {
  return memmem(text.data(), text.size(), part.data(), part.size()) != nullptr;
}

// An answer to a write of `rows` rows, in its first result.
bool WroteRows(std::string_view body, uint64_t rows) {
  if (!IsSuccess(body)) return false;
  std::string expected = R"("row_count":)";
  AppendNumber(rows, expected);
  const size_t at = body.find(expected);
  return at != std::string_view::npos && at + expected.size() < body.size() &&
         (body[at + expected.size()] == ',' || body[at + expected.size()] == '}');
}

// {"sql":"<head> ... ","params":[ ; the SQL must need no escapes.
std::string BodyHead(std::string_view sql) {
  return std::string(R"({"sql":")").append(sql).append(R"(","params":[)");
}

}  // namespace

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double SpreadPercent(const std::vector<double>& values) {
  const auto [low, high] = std::ranges::minmax(values);
  const double median = Median(values);
  return median > 0 ? 100 * (high - low) / median : 0;
}

void AppendInsertBody(const std::string& table, uint64_t begin, uint64_t end, std::string& body) {
  body.append(R"({"sql":"INSERT INTO )").append(table).append(" (id, v, name) VALUES ");
  for (uint64_t id = begin; id < end; ++id) {
    body.append(id == begin ? "(" : ",(");
    AppendNumber(id, body);
    body.push_back(',');
    AppendNumber(static_cast<uint64_t>(RowValue(id)), body);
    body.append(",'name-");
    AppendNumber(id, body);
    body.append("')");
  }
  body.append(R"("})");
}

void FillTable(Bench& bench, const std::string& table, uint64_t begin, uint64_t end, uint64_t per_statement) {
  const uint64_t statements = (end - begin + per_statement - 1) / per_statement;
  const auto last = [=](uint64_t n) { return std::min(end, begin + (n + 1) * per_statement); };
  const Workload workload{
      .make =
          [&](uint64_t n, std::string& body) {
            if (n >= statements) return false;
            AppendInsertBody(table, begin + n * per_statement, last(n), body);
            return true;
          },
      .check = [&](uint64_t n,
                   std::string_view body) { return WroteRows(body, last(n) - begin - n * per_statement); },
  };
  LoadOptions load = bench.Load(3600);
  load.connections = 8;
  bench.Run(workload, load);
}

Workload SelectWorkload(const std::string& table, uint64_t rows) {
  // A multiplication by an odd constant spreads the keys over the table without a random generator.
  const auto key = [rows](uint64_t n) { return (n * 2654435761u) % rows; };
  return {
      .make =
          [head = BodyHead("SELECT id, v, name FROM " + table + " WHERE id = $1"), key](uint64_t n,
                                                                                        std::string& body) {
            body.append(head);
            AppendNumber(key(n), body);
            body.append("]}");
            return true;
          },
      .check =
          [key](uint64_t n, std::string_view body) {
            std::string expected = "\"name-";
            AppendNumber(key(n), expected);
            expected.push_back('"');
            return IsSuccess(body) && Contains(body, expected);
          },
  };
}

Workload InsertWorkload(const std::string& table) {
  return {
      .make =
          [head = BodyHead("INSERT INTO " + table + " (id, v, name) VALUES ($1, $2, $3)")](
              uint64_t n, std::string& body) {
            body.append(head);
            AppendNumber(n, body);
            body.push_back(',');
            AppendNumber(static_cast<uint64_t>(RowValue(n)), body);
            body.append(",\"name-");
            AppendNumber(n, body);
            body.append("\"]}");
            return true;
          },
      .check = [](uint64_t, std::string_view body) { return WroteRows(body, 1); },
  };
}

Workload UpdateWorkload(const std::string& table, uint64_t begin, uint64_t rows) {
  return {
      .make =
          [head = BodyHead("UPDATE " + table + " SET v = $1 WHERE id = $2"), begin, rows](uint64_t n,
                                                                                          std::string& body) {
            body.append(head);
            AppendNumber(n, body);
            body.push_back(',');
            AppendNumber(begin + n % rows, body);
            body.append("]}");
            return true;
          },
      .check = [](uint64_t, std::string_view body) { return WroteRows(body, 1); },
  };
}

Workload IncrementWorkload(const std::string& table, uint64_t rows) {
  return {
      .make =
          [head = BodyHead("UPDATE " + table + " SET v = v + 1 WHERE id = $1"), rows](uint64_t n,
                                                                                      std::string& body) {
            body.append(head);
            AppendNumber(n % rows, body);
            body.append("]}");
            return true;
          },
      .check = [](uint64_t, std::string_view body) { return WroteRows(body, 1); },
  };
}

Workload DeleteWorkload(const std::string& table, uint64_t end) {
  return {
      .make =
          [head = BodyHead("DELETE FROM " + table + " WHERE id = $1"), end](uint64_t n, std::string& body) {
            if (n >= end) return false;
            body.append(head);
            AppendNumber(n, body);
            body.append("]}");
            return true;
          },
      .check = [](uint64_t, std::string_view body) { return WroteRows(body, 1); },
  };
}

void ExpectTable(Bench& bench, const std::string& table, uint64_t rows, int64_t sum) {
  const auto found = bench.user().Sql("SELECT COUNT(*), CAST(COALESCE(SUM(v), 0) AS BIGINT) FROM " + table);
  const std::vector<std::string> expected = {std::to_string(rows), std::to_string(sum)};
  if (found.size() != 1 || found[0] != expected) {
    throw BenchError(table + " is wrong after the run: expected " + expected[0] + " rows with sum " +
                     expected[1] + ", found " +
                     (found.empty() || found[0].size() != 2 ? "?" : found[0][0] + " with " + found[0][1]));
  }
}

void ExpectInserted(Bench& bench, const std::string& table, uint64_t begin, uint64_t end) {
  int64_t sum = 0;
  for (uint64_t id = begin; id < end; ++id) sum += RowValue(id);
  ExpectTable(bench, table, end - begin, sum);
  if (end == begin) return;
  for (const uint64_t id : {begin, begin + (end - begin) / 3, end - 1}) {
    const auto rows =
        bench.user().Sql("SELECT id, v, name FROM " + table + " WHERE id = " + std::to_string(id));
    const std::vector<std::string> expected = {std::to_string(id), std::to_string(RowValue(id)),
                                               "name-" + std::to_string(id)};
    if (rows.size() != 1 || rows[0] != expected)
      throw BenchError(table + ": row " + std::to_string(id) + " is wrong");
  }
}

}  // namespace kalam::bench
