#include "sql/parse/lexer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"

namespace kalam::sql {
namespace {

using ::testing::ElementsAre;

// Each token as "kind:text" with one letter for the kind.
std::vector<std::string> Tokens(std::string_view sql) {
  const auto tokens = Tokenize(sql);
  if (!tokens.has_value()) return {tokens.error().message};
  std::vector<std::string> out;
  for (const Token& token : *tokens) {
    if (token.kind == TokenKind::kEnd) continue;
    out.push_back(std::string(1, "wqsidp$."[static_cast<size_t>(token.kind)]) + ":" +
                  std::string(token.text));
  }
  return out;
}
// Symbols print as "$:", parameters as "p:".

std::vector<std::string> Split(std::string_view sql) {
  const auto statements = SplitStatements(sql);
  if (!statements.has_value()) return {statements.error().message};
  std::vector<std::string> out;
  for (const StatementText& statement : *statements) {
    for (const Token& token : statement.tokens) {
      EXPECT_EQ(statement.text.substr(token.offset, token.text.size()), token.text) << statement.text;
      EXPECT_EQ(token.text.data(), statement.text.data() + token.offset);
    }
    out.emplace_back(statement.text);
  }
  return out;
}

struct Normal {
  std::string form;
  std::vector<std::string> literals;
};
Normal NormalForm(std::string_view sql) {
  const auto statements = SplitStatements(sql);
  std::vector<Literal> literals;
  Normal normal;
  AppendNormalForm(statements->at(0).tokens, normal.form, literals);
  for (const Literal& literal : literals) {
    EXPECT_EQ(statements->at(0).text.substr(literal.offset, literal.text.size()), literal.text);
    normal.literals.emplace_back(literal.text);
  }
  return normal;
}

std::string Content(std::string_view sql) { return StringContent(Tokenize(sql)->at(0)); }
std::string Name(std::string_view sql) { return NameContent(Tokenize(sql)->at(0)); }

TEST(LexerTest, TellsKindsApart) {
  EXPECT_THAT(Tokens("SELECT a1, \"B c\", `d`, 'e', 12, 1.5, .5, 1., 2e10, 3E-2, $1 FROM t"),
              ElementsAre("w:SELECT", "w:a1", "$:,", "q:\"B c\"", "$:,", "q:`d`", "$:,", "s:'e'", "$:,",
                          "i:12", "$:,", "d:1.5", "$:,", "d:.5", "$:,", "d:1.", "$:,", "d:2e10", "$:,",
                          "d:3E-2", "$:,", "p:$1", "w:FROM", "w:t"));
  EXPECT_THAT(Tokens("a.b.c"), ElementsAre("w:a", "$:.", "w:b", "$:.", "w:c"));
  EXPECT_THAT(Tokens("größe_1 a$b"), ElementsAre("w:größe_1", "w:a$b"));
  EXPECT_THAT(Tokens(""), ElementsAre());
  EXPECT_EQ(Tokenize("a ").value().back().kind, TokenKind::kEnd);
  EXPECT_EQ(Tokenize("a ").value().back().offset, 2U);
}

TEST(LexerTest, OperatorsAreMaximal) {
  EXPECT_THAT(Tokens("a<>b<=c!=d->>e->f||g::h:=i"),
              ElementsAre("w:a", "$:<>", "w:b", "$:<=", "w:c", "$:!=", "w:d", "$:->>", "w:e", "$:->", "w:f",
                          "$:||", "w:g", "$:::", "w:h", "$::=", "w:i"));
  EXPECT_THAT(Tokens("a=-1"), ElementsAre("w:a", "$:=", "$:-", "i:1"));
  EXPECT_THAT(Tokens("a*-1"), ElementsAre("w:a", "$:*", "$:-", "i:1"));
  EXPECT_THAT(Tokens("a||-1"), ElementsAre("w:a", "$:||-", "i:1"));
  EXPECT_THAT(Tokens("a<--c\nb"), ElementsAre("w:a", "$:<", "w:b"));
  EXPECT_THAT(Tokens("a*/*x*/b"), ElementsAre("w:a", "$:*", "w:b"));
  EXPECT_THAT(Tokens("x[1:2] 1..2 a:b {'k':1}"),
              ElementsAre("w:x", "$:[", "i:1", "$::", "i:2", "$:]", "i:1", "$:..", "i:2", "w:a", "$::", "w:b",
                          "$:{", "s:'k'", "$::", "i:1", "$:}"));
  EXPECT_THAT(Tokens("((a))"), ElementsAre("$:(", "$:(", "w:a", "$:)", "$:)"));
}

TEST(LexerTest, CommentsAndBlanksVanish) {
  EXPECT_THAT(Tokens("a -- b\n c /* d /* nested */ e */ f--g"), ElementsAre("w:a", "w:c", "w:f"));
  EXPECT_THAT(Tokens("/**/a/*'*/b"), ElementsAre("w:a", "w:b"));
  EXPECT_THAT(Tokens("a\t\r\n\f\vb"), ElementsAre("w:a", "w:b"));
  // Spaces of other scripts, and the mark at the start of some files.
  EXPECT_THAT(Tokens("\xEF\xBB\xBFSELECT\xC2\xA0"
                     "1\xE2\x80\x83,\xE3\x80\x80"
                     "2"),
              ElementsAre("w:SELECT", "i:1", "$:,", "i:2"));
}

TEST(LexerTest, Strings) {
  EXPECT_EQ(Content("'it''s'"), "it's");
  EXPECT_EQ(Content("''"), "");
  EXPECT_EQ(Content("''''"), "'");
  EXPECT_EQ(Content("'a\\nb'"), "a\\nb");
  EXPECT_EQ(Content(R"(E'a\n\'b\\')"), "a\n'b\\");
  EXPECT_EQ(Content("e'x''y'"), "x'y");
  EXPECT_EQ(Content("$$a;'b$$"), "a;'b");
  EXPECT_EQ(Content("$tag$ $$ $other$ $tag$"), " $$ $other$ ");
  EXPECT_EQ(Content("$$$$"), "");
  EXPECT_EQ(Content("\"a\"\"b\""), "a\"b");
  EXPECT_EQ(Name("\"FooBar\""), "foobar");
  EXPECT_EQ(Name("FooBar"), "foobar");
  EXPECT_EQ(Name("`Foo Bar`"), "foo bar");
  EXPECT_EQ(Content("E'\\'"
                    "'"),
            "'");
  EXPECT_THAT(Tokens("'a' 'b'"), ElementsAre("s:'a'", "s:'b'"));
  EXPECT_THAT(Tokens("'a'\n /* x */ 'b'"), ElementsAre("s:'a'", "s:'b'"));
}

TEST(LexerTest, WhatMustNotBeLiftedIsASymbol) {
  EXPECT_THAT(Tokens("X'41' b'01' n'a' U&'\\0041' u&\"x\""),
              ElementsAre("$:X'41'", "$:b'01'", "$:n'a'", "$:U&'\\0041'", "$:u&\"x\""));
  EXPECT_THAT(Tokens("E'\\x41' E'\\u0041' E'\\101' E'\\t'"),
              ElementsAre("$:E'\\x41'", "$:E'\\u0041'", "$:E'\\101'", "s:E'\\t'"));
  // A string goes on behind a line break, as in the SQL standard.
  EXPECT_THAT(Tokens("'a' \n 'b', E'c'\n'd'"), ElementsAre("$:'a' \n 'b'", "$:,", "$:E'c'\n'd'"));
  EXPECT_THAT(Tokens("'a' -- don't\n 'b''c' d"), ElementsAre("$:'a' -- don't\n 'b''c'", "w:d"));
  EXPECT_THAT(Tokens("1_000 0xFF 1st 1.5e 60s"),
              ElementsAre("$:1_000", "$:0xFF", "$:1st", "$:1.5e", "$:60s"));
  EXPECT_THAT(Tokens("x '41'"), ElementsAre("w:x", "s:'41'"));
}

TEST(LexerTest, Dollars) {
  EXPECT_THAT(Tokens("$1 $23 $name $ 5"), ElementsAre("p:$1", "p:$23", "$:$name", "$:$", "i:5"));
  EXPECT_THAT(Tokens("$1$2"), ElementsAre("p:$1", "p:$2"));
  EXPECT_THAT(Tokens("a$$b"), ElementsAre("w:a$$b"));
}

TEST(LexerTest, UnterminatedTextIsRefusedWithItsPosition) {
  for (std::string_view sql : {"'a", "a 'b''", "\"a", "`a", "$$a$", "$t$ $$", "E'a\\'", "X'41", "E'\\"}) {
    const auto tokens = Tokenize(sql);
    ASSERT_FALSE(tokens.has_value()) << sql;
    EXPECT_EQ(tokens.error().code, ErrorCode::kBatchParse);
    EXPECT_EQ(tokens.error().message, "Unterminated quoted string in SQL batch") << sql;
  }
  for (std::string_view sql : {"/* a", "a /* /* */", "/*/"}) {
    EXPECT_EQ(Tokenize(sql).error().message, "Unterminated block comment in SQL batch") << sql;
  }
  const auto split = SplitStatements("SELECT 1;\n  SELECT 'a");
  EXPECT_EQ(split.error().message, "Failed to parse SQL batch: Unterminated quoted string in SQL batch");
  EXPECT_EQ(std::get<int64_t>(split.error().details[0].value), 2);
  EXPECT_EQ(std::get<int64_t>(split.error().details[1].value), 10);
  const auto nul = SplitStatements(std::string_view("SELECT 1\0, 2", 12));
  EXPECT_EQ(nul.error().message, "Failed to parse SQL batch: SQL text contains a NUL byte");
}

TEST(LexerTest, OperatorsAreBounded) {
  std::string run;
  while (run.size() < 64) run += "-+";
  EXPECT_TRUE(Tokenize("a" + run + "b").has_value());
  EXPECT_EQ(Tokenize("a" + run + "-b").error().message, "Operator is longer than 64 characters");
  EXPECT_EQ(Tokenize("`a" + run + "-b`").error().message, "Operator is longer than 64 characters");
  EXPECT_TRUE(Tokenize("'" + run + run + "' \"" + run + run + "\" /* " + run + run + " */").has_value());
}

TEST(SplitTest, SplitsAtSemicolonsOnly) {
  EXPECT_THAT(Split("SELECT 1"), ElementsAre("SELECT 1"));
  EXPECT_THAT(Split(" a ; b;\n c ;"), ElementsAre("a", "b", "c"));
  EXPECT_THAT(Split("a ';' b; \"x;y\" `;` ; c -- ;\n d /* ; */ e; $$;$$ $t$;$t$"),
              ElementsAre("a ';' b", "\"x;y\" `;`", "c -- ;\n d /* ; */ e", "$$;$$ $t$;$t$"));
  EXPECT_THAT(Split("'a''; b'; E'\\'; c'"), ElementsAre("'a''; b'", "E'\\'; c'"));
  EXPECT_THAT(Split(";;; /* */ ; -- x"), ElementsAre());
  EXPECT_THAT(Split(""), ElementsAre());
  EXPECT_THAT(Split("-- lead\n a /* tail */ ; b"), ElementsAre("a", "b"));
  // A forgotten parenthesis does not swallow what follows.
  EXPECT_THAT(Split("f(1; g(2)"), ElementsAre("f(1", "g(2)"));
}

TEST(SplitTest, ExecuteAsKeepsItsParentheses) {
  EXPECT_THAT(Split("EXECUTE AS USER 'a' (x; y); z"), ElementsAre("EXECUTE AS USER 'a' (x; y)", "z"));
  EXPECT_THAT(Split("execute as user a (x(;)) ; z"), ElementsAre("execute as user a (x(;))", "z"));
  EXPECT_THAT(Split("EXECUTE p; z"), ElementsAre("EXECUTE p", "z"));
  EXPECT_THAT(Split("EXECUTE ); z"), ElementsAre("EXECUTE )", "z"));
}

TEST(SplitTest, NumberOfStatementsIsLimited) {
  std::string sql;
  for (int i = 0; i < limits::kBatchStatementsMax; ++i) sql += "SELECT 1;";
  EXPECT_EQ(SplitStatements(sql)->size(), static_cast<size_t>(limits::kBatchStatementsMax));
  EXPECT_EQ(SplitStatements(sql + "SELECT 2").error().code, ErrorCode::kLimitExceeded);
  EXPECT_EQ(SplitStatements(sql + "SELECT 2;").error().code, ErrorCode::kLimitExceeded);
}

TEST(NormalFormTest, LiftsLiteralsAndKeepsTheRest) {
  const Normal a = NormalForm("SELECT * FROM t WHERE id = 5 AND name='x' AND f > 1.5 AND p = $1 -- c");
  EXPECT_EQ(a.form, "SELECT * FROM t WHERE id = ?i AND name = ?s AND f > ?d AND p = $1");
  EXPECT_THAT(a.literals, ElementsAre("5", "'x'", "1.5"));
  const Normal b = NormalForm("SELECT *\nFROM t /* c */ WHERE id=77 AND name = $$y$$ AND f>.5 AND p=$1");
  EXPECT_EQ(b.form, a.form);
  EXPECT_EQ(NormalForm("select X'41', \"A\", 0x1F, t.* from t").form,
            "select X'41' , \"A\" , 0x1F , t . * from t");
}

TEST(NormalFormTest, StringsThatAreNamesStay) {
  EXPECT_EQ(NormalForm("SELECT id AS 'x' FROM 't' WHERE a = 'y'").form,
            "SELECT id AS 'x' FROM 't' WHERE a = ?s");
  EXPECT_EQ(NormalForm("insert into 't' VALUES ('x')").form, "insert into 't' VALUES ( ?s )");
  EXPECT_EQ(NormalForm("Update 't' SET a = 'x'").form, "Update 't' SET a = ?s");
  EXPECT_EQ(NormalForm("SELECT 'x': id, 'y'").form, "SELECT 'x' : id , ?s");
  EXPECT_THAT(NormalForm("SELECT id AS 'x', 'y'").literals, ElementsAre("'y'"));
}

TEST(NormalFormTest, AppendsToWhatIsThere) {
  const auto statements = SplitStatements("SELECT 1");
  std::string out = "ns:";
  std::vector<Literal> literals;
  AppendNormalForm(statements->at(0).tokens, out, literals);
  EXPECT_EQ(out, "ns:SELECT ?i");
  AppendNormalForm({}, out, literals);
  EXPECT_EQ(out, "ns:SELECT ?i");
}

TEST(NormalFormTest, DifferentStatementsStayDifferent) {
  // Pairs that a careless normal form would merge.
  const std::pair<std::string_view, std::string_view> pairs[] = {
      {"SELECT x '41'", "SELECT x'41'"},
      {"SELECT 'a' 'b'", "SELECT 'a'\n'b'"},
      {"SELECT 0 xFF", "SELECT 0xFF"},
      {"SELECT a @> b", "SELECT a @ > b"},
      {"SELECT 5", "SELECT '5'"},
      {"SELECT 5", "SELECT 5.0"},
      {"SELECT a::int", "SELECT a : : int"},
      {"SELECT \"?i\"", "SELECT 5"},
      {"SELECT ?i", "SELECT 5"},
      {"SELECT a", "SELECT \"a\""},
      {"SELECT $ 1", "SELECT $1"},
      {"SELECT a=?1", "SELECT a=?2"},
      {"SELECT $1 _0", "SELECT $1_0"},
      {"SELECT 1_0 .5", "SELECT 1_0.5"},
  };
  for (const auto& [a, b] : pairs) EXPECT_NE(NormalForm(a).form, NormalForm(b).form) << a;
}

TEST(LocateTest, CountsLinesAndCharacters) {
  const std::string_view sql = "a\nbä c\n\nd";
  EXPECT_EQ(LocateOffset(sql, 0).line, 1);
  EXPECT_EQ(LocateOffset(sql, 0).column, 1);
  EXPECT_EQ(LocateOffset(sql, 6).line, 2);
  EXPECT_EQ(LocateOffset(sql, 6).column, 4);  // the umlaut is one character
  EXPECT_EQ(LocateOffset(sql, sql.size() - 1).line, 4);
  EXPECT_EQ(LocateOffset(sql, 1000).column, 2);
}

}  // namespace
}  // namespace kalam::sql
