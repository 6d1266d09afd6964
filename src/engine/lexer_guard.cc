#include "engine/lexer_guard.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

namespace kalam::engine {
namespace {

constexpr size_t kOperatorBytesMax = 64;
constexpr size_t kWordBytesShown = 32;
// Characters looked at again because of comments, per byte of the text.
constexpr uint64_t kLooksPerByteMax = 64;
constexpr std::string_view kOperators = "~!@#^&|`?+-*/%<>=";

bool IsOperator(char c) { return kOperators.find(c) != std::string_view::npos; }
bool IsWord(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// 12, 1_000, 1e5, and the 1e of 1e+5.
bool IsNumber(std::string_view word) {
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || c == '_'; };
  const auto rest = std::ranges::find_if_not(word, is_digit);
  if (rest == word.end()) return true;
  return (*rest | 0x20) == 'e' && std::all_of(rest + 1, word.end(), is_digit);
}

class Walk {
 public:
  Walk(std::string_view sql, size_t joined_terms_max)
      : sql_(sql), joined_max_(joined_terms_max), looks_max_(kLooksPerByteMax * (sql.size() + 1'024)) {}

  Status Check() {
    while (at_ < sql_.size()) {
      const char c = sql_[at_];
      if (Starts("--")) {
        at_ = EndOf(sql_.find_first_of("\r\n", at_), 1);
      } else if (Starts("/*")) {
        KALAM_TRY(SkipComment());
      } else if (c == '\'') {
        SkipString();
      } else if (c == '"') {
        at_ = EndOf(sql_.find('"', at_ + 1), 1);
      } else if (c == '$') {
        SkipDollar();
      } else if (IsWord(c)) {
        KALAM_TRY(SkipWord());
      } else if (IsOperator(c)) {
        KALAM_TRY(SkipOperators());
      } else {
        ++at_;
      }
    }
    return {};
  }

 private:
  bool Starts(std::string_view what) const { return sql_.substr(at_).starts_with(what); }
  size_t EndOf(size_t found, size_t size) const {
    return found == std::string_view::npos ? sql_.size() : found + size;
  }

  // The length of the run that begins here, looked at once per comment that begins in it.
  size_t Run(size_t from) {
    if (from >= run_end_) {
      run_end_ = from;
      while (run_end_ < sql_.size() && IsOperator(sql_[run_end_])) ++run_end_;
    }
    return run_end_ - from;
  }

  Status SkipOperators() {
    const size_t begin = at_;
    // An operator ends where a comment begins.
    while (at_ < sql_.size() && IsOperator(sql_[at_]) && !Starts("--") && !Starts("/*")) ++at_;
    if (at_ - begin <= kOperatorBytesMax) return {};
    return Fail(ErrorCode::kSyntax, "SQL syntax error: an operator is longer than " +
                                        std::to_string(kOperatorBytesMax) + " characters");
  }

  Status SkipComment() {
    size_t depth = 0;
    do {
      if (Starts("/*")) {
        ++depth;
        looks_ += Run(at_);
        if (looks_ > looks_max_) {
          return Fail(
              ErrorCode::kSyntax,
              "SQL syntax error: comments that begin right behind one another; put blanks between them");
        }
        at_ += 2;
      } else if (Starts("*/")) {
        --depth;
        at_ += 2;
      } else {
        ++at_;
      }
    } while (depth > 0 && at_ < sql_.size());
    return {};
  }

  void SkipString() {
    const bool escapes =
        at_ > 0 && (sql_[at_ - 1] == 'e' || sql_[at_ - 1] == 'E') && (at_ < 2 || !IsWord(sql_[at_ - 2]));
    for (++at_; at_ < sql_.size() && sql_[at_] != '\''; ++at_) {
      if (escapes && sql_[at_] == '\\') ++at_;
    }
    ++at_;
  }

  Status SkipWord() {
    const size_t begin = at_;
    while (at_ < sql_.size() && IsWord(sql_[at_])) ++at_;
    const std::string_view word = sql_.substr(begin, at_ - begin);
    if (word[0] >= '0' && word[0] <= '9' && !IsNumber(word)) {
      return Fail(ErrorCode::kSyntax,
                  fmt::format("SQL syntax error: '{}' at position {} is neither a number nor a name; put a "
                              "blank or AS between them, or the name in double quotes",
                              word.substr(0, kWordBytesShown), begin + 1));
    }
    const auto is = [&](std::string_view lower) {
      return std::ranges::equal(word, lower, {}, [](char c) { return static_cast<char>(c | 0x20); });
    };
    if ((!is("and") && !is("or")) || ++joined_ < joined_max_) return {};
    return Fail(ErrorCode::kInvalidSql,
                fmt::format("More than {} terms are joined by AND and OR; write column IN (...) instead of "
                            "many comparisons joined by OR",
                            joined_max_));
  }

  // $tag$ text $tag$; a parameter or a lone dollar otherwise.
  void SkipDollar() {
    const bool inside_word = at_ > 0 && IsWord(sql_[at_ - 1]);
    size_t end = at_ + 1;
    const bool number = end < sql_.size() && sql_[end] >= '0' && sql_[end] <= '9';
    while (end < sql_.size() && IsWord(sql_[end]) && sql_[end] != '$') ++end;
    if (inside_word || number || end >= sql_.size() || sql_[end] != '$') {
      ++at_;
      return;
    }
    const std::string_view tag = sql_.substr(at_, end + 1 - at_);
    at_ = EndOf(sql_.find(tag, end + 1), tag.size());
  }

  const std::string_view sql_;
  const size_t joined_max_;
  size_t joined_ = 0;
  const uint64_t looks_max_;
  size_t at_ = 0;
  size_t run_end_ = 0;
  uint64_t looks_ = 0;
};

}  // namespace

Status CheckLexerCost(std::string_view sql, size_t joined_terms_max) {
  return Walk(sql, joined_terms_max).Check();
}

}  // namespace kalam::engine
