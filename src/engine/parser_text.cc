#include "engine/parser_text.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "duckdb/common/string_util.hpp"
#include "duckdb/parser/parser.hpp"
#include "engine/familiar_names.h"

namespace kalam::engine {
namespace {

// Reserved by DuckDB, but not by the name rules (catalog/names.cc), so that columns may have these names.
// Left out: words that begin or join expressions (CASE, NOT, AND, ARRAY, ALL, DEFAULT, LAMBDA, ...).
constexpr auto kReservedNames = std::to_array<std::string_view>(
    {"analyse",    "any",      "asc",        "at",      "authorization", "binary",     "by",
     "check",      "collate",  "collation",  "column",  "concurrently",  "constraint", "deferrable",
     "desc",       "describe", "do",         "foreign", "freeze",        "generated",  "glob",
     "initially",  "isnull",   "map",        "notnull", "only",          "overlaps",   "placing",
     "positional", "primary",  "references", "show",    "similar",       "some",       "summarize",
     "to",         "unique",   "unpack",     "verbose"});
static_assert(std::ranges::is_sorted(kReservedNames));

// Behind these words an operand or a name stands; behind others a reserved word is what it says (x AT TIME
// ZONE, SIMILAR TO, ORDER BY x DESC).
constexpr auto kBeforeOperand = std::to_array<std::string_view>(
    {"and",    "between", "by",   "case",   "distinct", "else", "from", "having",  "ilike",
     "in",     "into",    "join", "like",   "not",      "on",   "or",   "qualify", "returning",
     "select", "set",     "then", "update", "using",    "when", "where"});
static_assert(std::ranges::is_sorted(kBeforeOperand));

bool IsWordByte(char c) {
  return c == '_' || c == '$' || (c & 0x80) != 0 || (c >= '0' && c <= '9') ||
         ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

// A token as far as it matters here: a word in lower case, or the first byte of anything else.
struct Piece {
  size_t begin = 0;
  size_t end = 0;  // of a word or a quoted name
  std::string word;
  char sign = 0;
};

// The pieces of a text, without comments. The inside of a quoted name or text is one piece.
std::vector<Piece> Pieces(const std::string& sql) {
  std::vector<Piece> out;
  size_t behind = 0;
  for (const duckdb::SimplifiedToken& token : duckdb::Parser::Tokenize(sql)) {
    if (token.start < behind || token.type == duckdb::SimplifiedTokenType::SIMPLIFIED_TOKEN_COMMENT) continue;
    Piece piece;
    piece.begin = token.start;
    piece.end = token.start + 1;
    piece.sign = sql[token.start];
    const bool letter =
        IsWordByte(piece.sign) && !(piece.sign >= '0' && piece.sign <= '9') && piece.sign != '$';
    if (piece.sign == '`') {
      const size_t close = sql.find('`', token.start + 1);
      if (close == std::string::npos) return {};
      behind = piece.end = close + 1;
    } else if (letter) {
      while (piece.end < sql.size() && IsWordByte(sql[piece.end])) ++piece.end;
      // E'..', X'..' and their like are texts.
      if (piece.end >= sql.size() || sql[piece.end] != '\'')
        piece.word = duckdb::StringUtil::Lower(sql.substr(piece.begin, piece.end - piece.begin));
    }
    out.push_back(std::move(piece));
  }
  return out;
}

bool IsOperandBehind(const Piece* before) {
  if (before == nullptr) return false;
  if (!before->word.empty()) return std::ranges::binary_search(kBeforeOperand, before->word);
  constexpr std::string_view kSigns = ",(.[=<>+-*/%|!~^&";
  return kSigns.find(before->sign) != std::string_view::npos;
}

bool IsReservedName(const Piece& piece, const Piece* before, const Piece* next) {
  if (!std::ranges::binary_search(kReservedNames, piece.word)) return false;
  const bool into = before != nullptr && before->word == "into";  // INSERT INTO at (id)
  if (next != nullptr && (next->sign == '(' || next->sign == '{') && !into) return false;
  if (piece.word == "only" && before != nullptr && (before->word == "from" || before->word == "update"))
    return false;
  return IsOperandBehind(before);
}

bool IsVerboseOfExplain(const Piece& piece, size_t index, const Piece* before) {
  return piece.word == "verbose" && index <= 2 && before != nullptr &&
         (before->word == "explain" || before->word == "analyze");
}

// Between a document and a key; elsewhere it is somebody's placeholder.
bool IsKeyOperator(const Piece& piece, const Piece* before, const Piece* next) {
  if (piece.sign != '?' || before == nullptr || next == nullptr) return false;
  constexpr std::string_view kEnds = ")]\"`'";
  const bool document = before->word.empty() ? kEnds.find(before->sign) != std::string_view::npos
                                             : !std::ranges::binary_search(kBeforeOperand, before->word);
  return document && (next->sign == '\'' || next->sign == '$' || next->sign == '(');
}

// Which arrows are lambdas: the first behind a comma of a function that takes one.
class Calls {
 public:
  void See(const Piece& piece, const Piece* before, const Piece* before_that) {
    if (!piece.word.empty()) return;
    if (piece.sign == '(' || piece.sign == '[' || piece.sign == '{') {
      const bool takes = piece.sign == '(' && before != nullptr && TakesLambda(before->word);
      // l.list_transform(x -> ...)
      const bool method =
          takes && before_that != nullptr && before_that->sign == '.' && before_that->word.empty();
      open_.push_back({takes, method, false});
    } else if (piece.sign == ')' || piece.sign == ']' || piece.sign == '}') {
      if (!open_.empty()) open_.pop_back();
    } else if (piece.sign == ',' && !open_.empty()) {
      open_.back().behind_comma = true;
    }
  }
  // Of an arrow at this place.
  bool TakeLambda() {
    if (open_.empty() || !open_.back().takes || !open_.back().behind_comma || open_.back().taken)
      return false;
    return open_.back().taken = true;
  }

 private:
  struct Call {
    bool takes = false;
    bool behind_comma = false;
    bool taken = false;
  };
  std::vector<Call> open_;
};

bool IsArrow(const std::string& sql, const Piece& piece) {
  return piece.word.empty() && sql.compare(piece.begin, 2, "->") == 0 &&
         sql.compare(piece.begin, 3, "->>") != 0;
}

}  // namespace

// Copies the text piece by piece.
class ParserTextWriter {
 public:
  explicit ParserTextWriter(const std::string& sql) : sql_(sql) {}

  // Everything before `begin` as it is; what follows is written instead of the text up to `end`.
  void Replace(size_t begin, size_t end) {
    out_.text_.append(sql_, copied_, begin - copied_);
    copied_ = end;
    changed_ = true;
  }
  void Write(std::string_view text) { out_.text_.append(text); }
  void Insert(char c) {
    out_.inserted_.push_back(out_.text_.size());
    out_.text_.push_back(c);
  }
  std::optional<ParserText> Finish() {
    if (!changed_) return std::nullopt;
    out_.text_.append(sql_, copied_, std::string::npos);
    return std::move(out_);
  }

 private:
  const std::string& sql_;
  ParserText out_;
  size_t copied_ = 0;
  bool changed_ = false;
};

std::optional<ParserText> ParserText::Of(const std::string& sql, What what) {
  std::vector<Piece> pieces = Pieces(sql);
  ParserTextWriter writer(sql);
  Calls calls;
  for (size_t i = 0; i < pieces.size(); ++i) {
    Piece& piece = pieces[i];
    const Piece* const before = i == 0 ? nullptr : &pieces[i - 1];
    const Piece* const next = i + 1 == pieces.size() ? nullptr : &pieces[i + 1];
    calls.See(piece, before, i < 2 ? nullptr : &pieces[i - 2]);
    if (IsArrow(sql, piece)) {
      if (calls.TakeLambda()) continue;
      writer.Replace(piece.begin, piece.begin + 2);
      writer.Write(kWrittenArrow);
      if (next != nullptr && next->begin == piece.begin + 2 && next->sign == '-') writer.Insert(' ');
    } else if (what == What::kArrows) {
      continue;
    } else if (piece.sign == '`') {
      const std::string_view name =
          std::string_view(sql).substr(piece.begin + 1, piece.end - piece.begin - 2);
      if (name.find('"') != std::string_view::npos) return std::nullopt;
      writer.Replace(piece.begin, piece.end);
      writer.Write("\"");
      writer.Write(name);
      writer.Write("\"");
    } else if (IsReservedName(piece, before, next)) {
      writer.Replace(piece.begin, piece.end);
      writer.Insert('"');
      writer.Write(piece.word);
      writer.Insert('"');
      piece.word.clear();  // a name: what follows is no operand (ORDER BY by DESC)
      piece.sign = '"';
    } else if (IsVerboseOfExplain(piece, i, before)) {
      writer.Replace(piece.begin, piece.end);
      writer.Write(std::string(piece.word.size(), ' '));
    } else if (IsKeyOperator(piece, before, next)) {
      writer.Replace(piece.begin, piece.begin + 1);
      writer.Write(kWrittenHasKey);
    }
  }
  return writer.Finish();
}

size_t ParserText::Original(size_t offset) const {
  return offset - static_cast<size_t>(std::ranges::lower_bound(inserted_, offset) - inserted_.begin());
}

}  // namespace kalam::engine
