#include "report.h"

#include <fmt/format.h>
#include <algorithm>
#include <fstream>

#include "client.h"

namespace kalam::bench {
namespace {

std::string_view VerdictText(Verdict verdict) {
  switch (verdict) {
    case Verdict::kGoal:
      return "goal";
    case Verdict::kPass:
      return "pass";
    case Verdict::kBelow:
      return "BELOW";
    case Verdict::kInfo:
      break;
  }
  return "";
}

std::string Quoted(std::string_view text) {
  std::string out;
  AppendJsonString(text, out);
  return out;
}

}  // namespace

Verdict Judge(double value, double floor, double goal, Better better) {
  const double sign = better == Better::kHigher ? 1 : -1;
  if (sign * value >= sign * goal) return Verdict::kGoal;
  return sign * value >= sign * floor ? Verdict::kPass : Verdict::kBelow;
}

Verdict Worse(Verdict a, Verdict b) { return std::max(a, b); }

void Report::Add(Row row) {
  fmt::print(stderr, "  {}: {}  [{}]  {}\n", row.name, row.value, VerdictText(row.verdict), row.note);
  rows_.push_back(std::move(row));
}

void Report::AddFailure(std::string_view name, std::string_view why) {
  fmt::print(stderr, "  {}: FAILED: {}\n", name, why);
  Row row;
  row.name = name;
  row.value = "FAILED";
  row.note = why.substr(0, 160);
  std::ranges::replace(row.note, '\n', ' ');
  rows_.push_back(std::move(row));
  failed_ = true;
}

void Report::Print() const {
  for (const auto& [name, text] : facts_) fmt::print("{:<18} {}\n", name, text);
  size_t widths[4] = {4, 5, 5, 4};
  for (const Row& row : rows_) {
    widths[0] = std::max(widths[0], row.name.size());
    widths[1] = std::max(widths[1], row.value.size());
    widths[2] = std::max(widths[2], row.floor.size());
    widths[3] = std::max(widths[3], row.goal.size());
  }
  const auto line = [&](std::string_view name, std::string_view value, std::string_view floor,
                        std::string_view goal, std::string_view verdict, std::string_view note) {
    fmt::print("| {:<{}} | {:>{}} | {:>{}} | {:>{}} | {:<7} | {}\n", name, widths[0], value, widths[1], floor,
               widths[2], goal, widths[3], verdict, note);
  };
  fmt::print("\n");
  line("case", "value", "floor", "goal", "verdict", "how");
  fmt::print("|{0:-<{1}}|{0:-<{2}}|{0:-<{3}}|{0:-<{4}}|---------|----\n", "", widths[0] + 2, widths[1] + 2,
             widths[2] + 2, widths[3] + 2);
  for (const Row& row : rows_)
    line(row.name, row.value, row.floor, row.goal, VerdictText(row.verdict), row.note);
}

void Report::WriteJson(const std::string& path) const {
  std::string out = "{\n  \"facts\": {";
  for (size_t i = 0; i < facts_.size(); ++i) {
    out +=
        fmt::format("{}\n    {}: {}", i == 0 ? "" : ",", Quoted(facts_[i].first), Quoted(facts_[i].second));
  }
  out += "\n  },\n  \"cases\": [";
  for (size_t i = 0; i < rows_.size(); ++i) {
    const Row& row = rows_[i];
    out += fmt::format(
        "{}\n    {{\"name\": {}, \"value\": {}, \"floor\": {}, \"goal\": {}, \"verdict\": {}, \"note\": {}",
        i == 0 ? "" : ",", Quoted(row.name), Quoted(row.value), Quoted(row.floor), Quoted(row.goal),
        Quoted(VerdictText(row.verdict)), Quoted(row.note));
    for (const auto& [name, number] : row.numbers) out += fmt::format(", {}: {:.6g}", Quoted(name), number);
    out += "}";
  }
  out += "\n  ]\n}\n";
  std::ofstream file(path);
  file << out;
  if (!file.flush()) throw BenchError("cannot write " + path);
}

std::string Format(double value, int digits) {
  std::string text = fmt::format("{:.{}f}", value, digits);
  const size_t point = text.find('.');
  size_t at = point == std::string::npos ? text.size() : point;
  const size_t first = text.starts_with('-') ? 1 : 0;
  while (at > first + 3) {
    at -= 3;
    text.insert(at, ",");
  }
  return text;
}

}  // namespace kalam::bench
