// What a run found: one row per case, printed as a table and written as JSON.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kalam::bench {

enum class Verdict { kGoal, kPass, kBelow, kInfo };

enum class Better { kHigher, kLower };

struct Row {
  std::string name;
  std::string value = {};
  std::string floor = {};
  std::string goal = {};
  Verdict verdict = Verdict::kInfo;
  std::string note = {};
  std::vector<std::pair<std::string, double>> numbers = {};  // everything measured, for the JSON file
};

Verdict Judge(double value, double floor, double goal, Better better);
// The worse of two, for rows with two conditions.
Verdict Worse(Verdict a, Verdict b);

class Report {
 public:
  // Facts about the machine and the run, shown above the table.
  void AddFact(std::string name, std::string text) { facts_.emplace_back(std::move(name), std::move(text)); }
  void Add(Row row);
  // A case that could not be measured, or whose contents were wrong. Makes the run fail.
  void AddFailure(std::string_view name, std::string_view why);

  void Print() const;
  void WriteJson(const std::string& path) const;
  bool failed() const { return failed_; }

 private:
  std::vector<std::pair<std::string, std::string>> facts_;
  std::vector<Row> rows_;
  bool failed_ = false;
};

// 12345.6 -> "12,346"; decimals for small numbers by `digits`.
std::string Format(double value, int digits = 0);

}  // namespace kalam::bench
