#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

#include "observe/log.h"
#include "observe/metrics.h"
#include "observe/redact.h"

namespace kalam::observe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int64_t kMicros = 1'767'225'600'123'456;  // 2026-01-01T00:00:00.123456Z

TEST(Log, Compact) {
  EXPECT_EQ(FormatLogLine(LogFormat::kCompact, LogLevel::kInfo, kMicros, "", "hello"),
            "2026-01-01T00:00:00.123Z INFO  hello");
  EXPECT_EQ(FormatLogLine(LogFormat::kCompact, LogLevel::kError, kMicros, "r1", "x"),
            "2026-01-01T00:00:00.123Z ERROR x request_id=r1");
}

TEST(Log, OneEventIsOneLine) {
  for (LogFormat format : {LogFormat::kCompact, LogFormat::kPretty, LogFormat::kJson}) {
    std::string line = FormatLogLine(format, LogLevel::kWarn, kMicros, "a\nb", "line\nfeed\r\t\x7f");
    EXPECT_THAT(line, Not(HasSubstr("\n")));
    EXPECT_THAT(line, Not(HasSubstr("\r")));
  }
}

TEST(Log, Json) {
  EXPECT_EQ(
      FormatLogLine(LogFormat::kJson, LogLevel::kWarn, kMicros, "r\"1", "say \"hi\"\\\n\x01"),
      R"({"ts":"2026-01-01T00:00:00.123Z","level":"warn","request_id":"r\"1","message":"say \"hi\"\\\n\u0001"})");
  EXPECT_EQ(FormatLogLine(LogFormat::kJson, LogLevel::kInfo, kMicros, "", "x"),
            R"({"ts":"2026-01-01T00:00:00.123Z","level":"info","message":"x"})");
}

TEST(Log, Names) {
  EXPECT_EQ(ParseLogLevel("debug"), LogLevel::kDebug);
  EXPECT_EQ(ParseLogLevel("DEBUG"), std::nullopt);
  EXPECT_EQ(ParseLogFormat("json"), LogFormat::kJson);
  EXPECT_EQ(ParseLogFormat(""), std::nullopt);
}

class LogFile : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("observe_test." + std::to_string(getpid()));
    std::filesystem::remove_all(folder_);
  }
  void TearDown() override {
    StopLog();
    std::filesystem::remove_all(folder_);
  }
  std::string Content(const char* name) {
    std::ifstream file(folder_ / name);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  std::filesystem::path folder_;
};

TEST_F(LogFile, WritesFromItsLevelOn) {
  ASSERT_TRUE(InitLog({.level = LogLevel::kInfo, .to_console = false, .folder = folder_}));
  LogDebug("no {}", 1);
  LogInfo("yes {}", 2);
  LogWarn(RequestId{"r7"}, "warn {}", "x");
  StopLog();
  LogError("after the end");
  std::string content = Content("server.log");
  EXPECT_THAT(content, HasSubstr("INFO  yes 2\n"));
  EXPECT_THAT(content, HasSubstr("WARN  warn x request_id=r7\n"));
  EXPECT_THAT(content, Not(HasSubstr("no 1")));
  EXPECT_THAT(content, Not(HasSubstr("after")));
}

TEST_F(LogFile, JsonHasItsOwnFileAndThreadsDoNotMixLines) {
  ASSERT_TRUE(InitLog({.format = LogFormat::kJson, .to_console = false, .folder = folder_}));
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      for (int i = 0; i < 100; ++i) LogInfo(RequestId{"r"}, "thread {} event {}", t, i);
    });
  }
  threads.clear();
  StopLog();
  std::istringstream lines(Content("server.jsonl"));
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    EXPECT_TRUE(line.starts_with("{\"ts\":\"") && line.ends_with("\"}")) << line;
  }
  EXPECT_EQ(count, 400);
}

TEST_F(LogFile, UnwritableFolderIsAnErrorAndLoggingGoesOn) {
  Status status = InitLog({.to_console = true, .folder = "/proc/nowhere"});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kIo);
  EXPECT_TRUE(LogEnabled(LogLevel::kInfo));
}

TEST(Redact, MasksEachLiteralAfterASecretWord) {
  EXPECT_EQ(RedactSql("CREATE USER a WITH PASSWORD 'x' ROLE user EMAIL 'e'"),
            "CREATE USER a WITH PASSWORD '[REDACTED]' ROLE user EMAIL 'e'");
  EXPECT_EQ(RedactSql("alter user a set password 'it''s'; alter user b set pAssWord='y'"),
            "alter user a set password '[REDACTED]'; alter user b set pAssWord='[REDACTED]'");
  EXPECT_EQ(RedactSql("x IDENTIFIED  BY /* c */ 'p' y"), "x IDENTIFIED  BY /* c */ '[REDACTED]' y");
  EXPECT_EQ(RedactSql("PASSWORD -- c\n 'p'"), "PASSWORD -- c\n '[REDACTED]'");
  EXPECT_EQ(RedactSql("PASSWORD \"p\" x"), "PASSWORD '[REDACTED]' x");
  EXPECT_EQ(RedactSql("PASSWORD E'a\\'b' x"), "PASSWORD '[REDACTED]' x");
  EXPECT_EQ(RedactSql("PASSWORD $$p'$$ x"), "PASSWORD '[REDACTED]' x");
  EXPECT_EQ(RedactSql("PASSWORD $t$p$$t$ x"), "PASSWORD '[REDACTED]' x");
  EXPECT_EQ(RedactSql("CREATE STORAGE s CREDENTIALS '{\"k\":1}'"),
            "CREATE STORAGE s CREDENTIALS '[REDACTED]'");
  EXPECT_EQ(RedactSql("UPDATE t SET password = 'x' WHERE id = '1'"),
            "UPDATE t SET password = '[REDACTED]' WHERE id = '1'");
}

TEST(Redact, LeavesTheRestAlone) {
  for (const char* sql : {"", "SELECT 'a', \"b\" FROM t", "SELECT password FROM t WHERE x = 'y'",
                          "SELECT my_password 'y'", "SELECT $1, $2 FROM t -- 'open", "ORDER BY 'x'",
                          "INSERT INTO t (password) VALUES ($1)", "SELECT 'password is long'"}) {
    EXPECT_EQ(RedactSql(sql), sql);
  }
}

TEST(Redact, UnmatchedQuotesShowNothingMore) {
  for (const char* sql :
       {"SET PASSWORD 'secret", "SELECT 'oops PASSWORD 'secret' x'", "SELECT 'oops PASSWORD 'secret'",
        "SET PASSWORD /* 'secret'", "SET PASSWORD $$secret", "SET PASSWORD E'x\\'secret"}) {
    EXPECT_THAT(RedactSql(sql), Not(HasSubstr("secret"))) << sql;
    EXPECT_THAT(RedactSql(sql), HasSubstr("[REDACTED]")) << sql;
  }
}

TEST(Metrics, Text) {
  Metrics metrics;
  metrics.AddCounter("kalam_b_total", "Bees.", {{"kind", "se\"le\\ct\n"}}).Add(3);
  metrics.AddCounter("kalam_b_total", "Bees.", {{"kind", "insert"}}).Add();
  metrics.AddGauge("kalam_a", "Ays.").Set(-2);
  metrics.AddGaugeReader("kalam_c", "Cees.", [] { return 1.5; });
  EXPECT_EQ(metrics.Render(),
            "# HELP kalam_a Ays.\n# TYPE kalam_a gauge\nkalam_a -2\n"
            "# HELP kalam_b_total Bees.\n# TYPE kalam_b_total counter\n"
            "kalam_b_total{kind=\"insert\"} 1\nkalam_b_total{kind=\"se\\\"le\\\\ct\\n\"} 3\n"
            "# HELP kalam_c Cees.\n# TYPE kalam_c gauge\nkalam_c 1.5\n");
  EXPECT_THAT(metrics.Names(), ElementsAre("kalam_a", "kalam_b_total", "kalam_c"));
}

TEST(Metrics, HistogramBucketsAreCumulative) {
  Metrics metrics;
  constexpr int64_t kTestBounds[] = {1'000, 2'000'000};
  Histogram& histogram = metrics.AddHistogram("kalam_seconds", "Time.", {{"k", "v"}}, kTestBounds);
  for (int64_t micros : {0, 1'000, 1'001, 3'000'000}) histogram.Observe(micros);
  EXPECT_EQ(metrics.Render(),
            "# HELP kalam_seconds Time.\n# TYPE kalam_seconds histogram\n"
            "kalam_seconds_bucket{k=\"v\",le=\"0.001\"} 2\nkalam_seconds_bucket{k=\"v\",le=\"2\"} 3\n"
            "kalam_seconds_bucket{k=\"v\",le=\"+Inf\"} 4\n"
            "kalam_seconds_sum{k=\"v\"} 3.002001\nkalam_seconds_count{k=\"v\"} 4\n");
}

TEST(Metrics, SameNameSameInstrumentAndNoLostIncrements) {
  Metrics metrics;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      Counter& counter = metrics.AddCounter("kalam_n_total", "N.");
      for (int i = 0; i < 10'000; ++i) counter.Add();
    });
  }
  threads.clear();
  EXPECT_EQ(metrics.AddCounter("kalam_n_total", "N.").value(), 40'000u);
}

}  // namespace
}  // namespace kalam::observe
