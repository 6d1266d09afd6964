#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

#include "config/setting_rows.h"
#include "config/settings.h"

namespace kalam::config {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Env = std::map<std::string, std::string>;

Result<LoadedSettings> Load(std::string_view toml, const Env& env = {}) {
  return LoadSettings(toml, "server.toml", [&](const char* name) {
    auto it = env.find(name);
    return it == env.end() ? nullptr : it->second.c_str();
  });
}

Settings LoadGood(std::string_view toml, const Env& env = {}) {
  auto loaded = Load(toml, env);
  EXPECT_TRUE(loaded) << loaded.error().message;
  if (!loaded) return {};
  EXPECT_THAT(loaded->warnings, IsEmpty());
  return loaded->settings;
}

std::string ErrorOf(std::string_view toml, const Env& env = {}) {
  auto loaded = Load(toml, env);
  if (loaded) return "";
  EXPECT_EQ(loaded.error().code, ErrorCode::kInvalidInput);
  return loaded.error().message;
}

std::string WarningOf(std::string_view toml, const Env& env = {}) {
  auto loaded = Load(toml, env);
  EXPECT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->warnings.size(), 1u);
  return loaded->warnings.empty() ? "" : loaded->warnings[0];
}

bool SameValues(Settings a, Settings b) {
  return std::ranges::all_of(SettingRows(), [&](const SettingRow& row) {
    bool same = FormatValue(row, a) == FormatValue(row, b);
    EXPECT_TRUE(same) << row.name;
    return same;
  });
}

TEST(Config, EmptyFileGivesDefaults) {
  EXPECT_TRUE(SameValues(LoadGood(""), Settings{}));
  EXPECT_TRUE(SameValues(LoadGood("[server]\n[storage]\n[limits]\n[logging]\n[performance]\n"), Settings{}));
  auto loaded = LoadSettings("", "none", nullptr);
  ASSERT_TRUE(loaded);
}

TEST(Config, ReadsEachKind) {
  Settings s = LoadGood(R"(
[server]
port = 9000
enable_null_route = true
[storage]
durability = "os"
[security.cors]
allowed_origins = ["https://a.example", "https://b.example"]
)");
  EXPECT_EQ(s.server.port, 9000);
  EXPECT_TRUE(s.server.enable_null_route);
  EXPECT_EQ(s.storage.durability, "os");
  EXPECT_THAT(s.security.cors.allowed_origins, ElementsAre("https://a.example", "https://b.example"));
}

TEST(Config, ErrorsNameKeyValueAndWhatIsAllowed) {
  EXPECT_EQ(ErrorOf("[server]\nport = 70000\n"),
            "server.toml line 2: server.port = 70000 is not allowed: expected an integer from 1 to 65535");
  EXPECT_THAT(ErrorOf("[server]\nport = 0"), HasSubstr("server.port = 0"));
  EXPECT_THAT(ErrorOf("[server]\nport = \"8080\""),
              AllOf(HasSubstr("server.port"), HasSubstr("an integer from")));
  EXPECT_THAT(ErrorOf("[server]\nport = 80.5"), HasSubstr("server.port"));
  EXPECT_THAT(ErrorOf("[server]\nenable_null_route = 1"), HasSubstr("expected true or false"));
  EXPECT_THAT(ErrorOf("[storage]\ndurability = \"fast\""),
              HasSubstr("storage.durability = \"fast\" is not allowed: expected one of sync, os"));
  EXPECT_THAT(ErrorOf("[logging]\nlevel = \"loud\""), HasSubstr("error, warn, info, debug, trace"));
  EXPECT_THAT(ErrorOf("[logging]\nformat = \"xml\""), HasSubstr("compact, pretty, json"));
  EXPECT_THAT(ErrorOf("[security.cors]\nallowed_origins = \"*\""), HasSubstr("a list of texts"));
  EXPECT_THAT(ErrorOf("[security.cors]\nallowed_origins = [1]"), HasSubstr("a list of texts"));
  EXPECT_THAT(ErrorOf("[rate_limit]\nmax_queries_per_sec = -1"), HasSubstr("from 0 to"));
}

TEST(Config, SyntaxErrorsHavePositions) {
  EXPECT_THAT(ErrorOf("[server]\nport = = 1"), HasSubstr("server.toml line 2 column 8"));
  EXPECT_THAT(ErrorOf("a = 1\na = 2"), HasSubstr("line 2"));
}

TEST(Config, UnknownKeysAreWarnedAboutByName) {
  EXPECT_EQ(WarningOf("[server]\nprot = 1"),
            "server.toml line 2: unknown key server.prot is ignored (did you mean server.port?)");
  EXPECT_THAT(WarningOf("[storage]\ndata_pth = \"x\""), HasSubstr("did you mean storage.data_path?"));
  EXPECT_THAT(WarningOf("[server]\nmax_connections = 1"),
              HasSubstr("did you mean performance.max_connections?"));
  EXPECT_EQ(WarningOf("[zebra]\nstripes = 1"), "server.toml line 2: unknown key zebra.stripes is ignored");
}

TEST(Config, KeysOfOtherVersionsAreAcceptedWithAWarning) {
  EXPECT_EQ(WarningOf("[flush]\nflush_batch_size = 1"),
            "server.toml line 2: flush.flush_batch_size has no effect in this version");
  EXPECT_THAT(WarningOf("[storage.rocksdb.cf_profiles.hot_data]\nwrite_buffer_size = 1"),
              HasSubstr("no effect"));
  EXPECT_THAT(WarningOf("[logging.targets]\nkalamdb = \"debug\""), HasSubstr("no effect"));
  EXPECT_THAT(WarningOf("[datafusion]\nbatch_size = 1024"), HasSubstr("engine.batch_size has no effect"));
  EXPECT_THAT(WarningOf("[[cluster.peers]]\nnode_id = 2"), HasSubstr("cluster.peers has no effect"));
  EXPECT_THAT(WarningOf("", {{"KALAMDB_CLUSTER_ID", "c"}}), HasSubstr("KALAMDB_CLUSTER_ID has no effect"));
}

TEST(Config, SectionsWithTwoNames) {
  EXPECT_EQ(LoadGood("[authentication]\njwt_expiry_hours = 5").auth.jwt_expiry_hours, 5);
  EXPECT_EQ(LoadGood("[datafusion]\nmemory_limit = 33554432").engine.memory_limit, 33554432);
  EXPECT_THAT(ErrorOf("[auth]\n[authentication]\n"),
              HasSubstr("[auth] and [authentication] are the same section"));
  EXPECT_THAT(ErrorOf("[engine]\n[datafusion]\n"), HasSubstr("[engine] and [datafusion]"));
}

TEST(Config, RocksdbKeysOfTheOriginal) {
  Settings s = LoadGood(R"(
[storage.rocksdb]
block_cache_size = 2097152
max_background_jobs = 4
max_open_files = -1
sync_writes = true
)");
  EXPECT_EQ(s.storage.block_cache_bytes, 2097152);
  EXPECT_EQ(s.storage.background_jobs_max, 4);
  EXPECT_EQ(s.storage.open_files_max, -1);
  EXPECT_EQ(s.storage.durability, "sync");
  EXPECT_EQ(ErrorOf("[storage]\nopen_files_max = 1\n[storage.rocksdb]\nmax_open_files = 2"),
            "server.toml line 4: storage.open_files_max and storage.rocksdb.max_open_files are the same "
            "setting; give only one");
  EXPECT_THAT(WarningOf("[storage.rocksdb]\nsync_writes = false"), HasSubstr("storage.durability"));
  EXPECT_THAT(ErrorOf("[storage]\ndurability = \"os\"\n[storage.rocksdb]\nsync_writes = true"),
              HasSubstr("contradicts"));
  EXPECT_THAT(ErrorOf("[storage.rocksdb]\nsync_writes = 1"), HasSubstr("true or false"));
}

TEST(Config, CorsTableTurnsCredentialsOn) {
  EXPECT_FALSE(LoadGood("[security]\n").security.cors.allow_credentials);
  EXPECT_TRUE(LoadGood("[security.cors]\n").security.cors.allow_credentials);
  EXPECT_FALSE(LoadGood("[security.cors]\nallow_credentials = false").security.cors.allow_credentials);
}

TEST(Config, EnvironmentOverridesTheFile) {
  Settings s =
      LoadGood("[server]\nport = 9000\n[storage]\ndata_path = \"file\"",
               {{"KALAMDB_SERVER_PORT", "9001"},
                {"KALAMDB_DATA_DIR", "env"},
                {"KALAMDB_DURABILITY", "os"},
                {"KALAMDB_LOG_LEVEL", "debug"},
                {"KALAMDB_JWT_SECRET", "s"},
                {"KALAMDB_SECURITY_CORS_ALLOWED_ORIGINS", " https://a.example, ,https://b.example"}});
  EXPECT_EQ(s.server.port, 9001);
  EXPECT_EQ(s.storage.data_path, "env");
  EXPECT_EQ(s.storage.durability, "os");
  EXPECT_EQ(s.logging.level, "debug");
  EXPECT_EQ(s.auth.jwt_secret, "s");
  EXPECT_THAT(s.security.cors.allowed_origins, ElementsAre("https://a.example", "https://b.example"));
  EXPECT_EQ(LoadGood("", {{"KALAMDB_SERVER_PORT", ""}}).server.port, 8080);
}

TEST(Config, EnvironmentAliases) {
  EXPECT_THAT(LoadGood("", {{"KALAMDB_TRUSTED_PROXY_RANGES", "10.0.0.0/8"}}).security.trusted_proxy_ranges,
              ElementsAre("10.0.0.0/8"));
  EXPECT_THAT(LoadGood("", {{"KALAMDB_TRUSTED_PROXY_RANGES", "10.0.0.0/8"},
                            {"KALAMDB_SECURITY_TRUSTED_PROXY_RANGES", "::1"}})
                  .security.trusted_proxy_ranges,
              ElementsAre("::1"));
}

TEST(Config, EnvironmentBooleans) {
  for (const char* yes : {"true", "TRUE", "1", "Yes"}) {
    EXPECT_TRUE(LoadGood("", {{"KALAMDB_ALLOW_REMOTE_SETUP", yes}}).auth.allow_remote_setup);
    EXPECT_TRUE(LoadGood("", {{"KALAMDB_COOKIE_SECURE", yes}}).auth.cookie_secure);
  }
  for (const char* no : {"false", "0", "No"}) {
    EXPECT_FALSE(LoadGood("", {{"KALAMDB_LOG_TO_CONSOLE", no}}).logging.log_to_console);
    EXPECT_FALSE(LoadGood("", {{"KALAMDB_COOKIE_SECURE", no}}).auth.cookie_secure);
  }
  EXPECT_FALSE(LoadGood("", {{"KALAMDB_LOG_TO_CONSOLE", "on"}}).logging.log_to_console);
  EXPECT_TRUE(LoadGood("", {{"KALAMDB_COOKIE_SECURE", "on"}}).auth.cookie_secure);
}

TEST(Config, BadEnvironmentIsAnError) {
  EXPECT_EQ(ErrorOf("", {{"KALAMDB_SERVER_PORT", "80x"}}),
            "environment variable KALAMDB_SERVER_PORT: server.port = 80x is not allowed: expected an integer "
            "from 1 to 65535");
  EXPECT_THAT(ErrorOf("", {{"KALAMDB_SERVER_WORKERS", "-1"}}), HasSubstr("server.workers = -1"));
  EXPECT_THAT(ErrorOf("", {{"KALAMDB_DURABILITY", "none"}}), HasSubstr("one of sync, os"));
}

TEST(Config, ReachableServersNeedOrigins) {
  EXPECT_THAT(ErrorOf("[server]\nhost = \"0.0.0.0\""), HasSubstr("security.cors.allowed_origins is empty"));
  EXPECT_THAT(ErrorOf("[server]\nhost = \"0.0.0.0\"\n[security.cors]\nallowed_origins = [\" \"]"),
              HasSubstr("empty"));
  EXPECT_THAT(ErrorOf("[server]\npublic_origin = \"https://db.example.com\""), HasSubstr("public_origin"));
  LoadGood("[server]\nhost = \"::1\"\npublic_origin = \"http://localhost:8080\"");
  LoadGood("[server]\npublic_origin = \"http://[::1]:8080/x\"");
  LoadGood("[server]\nhost = \"0.0.0.0\"\n[security.cors]\nallowed_origins = [\"https://a.example\"]");
  EXPECT_THAT(WarningOf("[server]\nhost = \"0.0.0.0\"\n[security.cors]\nallowed_origins = [\"*\"]"),
              HasSubstr("every origin, and cookies with it"));
}

TEST(Config, SettingsThatDependOnEachOther) {
  EXPECT_THAT(
      ErrorOf("[limits]\nmax_query_limit = 10\ndefault_query_limit = 11"),
      HasSubstr(
          "limits.default_query_limit = 11 is not allowed: at most limits.max_query_limit, which is 10"));
  LoadGood("[limits]\nmax_query_limit = 0\ndefault_query_limit = 11");
  EXPECT_THAT(ErrorOf("[server]\npublic_origin = \"db.example.com\""), HasSubstr("http:// or https://"));
  EXPECT_THAT(ErrorOf("[server]\nhost = \" \""), HasSubstr("server.host is empty"));
  for (const char* bad : {"x", "10.0.0.0/33", "10.0.0.0/", "::/129", "10.0.0.0/8x", ""}) {
    EXPECT_THAT(ErrorOf("[security]\ntrusted_proxy_ranges = [\"" + std::string(bad) + "\"]"),
                HasSubstr("trusted_proxy_ranges"));
  }
  LoadGood("[security]\ntrusted_proxy_ranges = [\"10.1.2.3\", \"10.0.0.0/8\", \"fd00::/8\", \"::1\"]");
}

TEST(Config, SecretsAreNeverShown) {
  Settings s = LoadGood("[auth]\njwt_secret = \"hush-hush\"\nroot_password = \"hush\"");
  for (const SettingInfo& info : DescribeSettings(s)) {
    EXPECT_EQ(info.value.find("hush"), std::string::npos) << info.name;
    EXPECT_FALSE(info.description.empty()) << info.name;
  }
  EXPECT_EQ(ErrorOf("[auth]\njwt_secret = 12345").find("12345"), std::string::npos);
}

TEST(Config, Describe) {
  std::map<std::string, SettingInfo> infos;
  for (SettingInfo& info : DescribeSettings(LoadGood("[server]\nport = 1234"))) infos[info.name] = info;
  EXPECT_EQ(infos["server.port"].value, "1234");
  EXPECT_EQ(infos["server.port"].default_value, "8080");
  EXPECT_EQ(infos["server.port"].type, "integer");
  EXPECT_EQ(infos["server.port"].env, "KALAMDB_SERVER_PORT");
  EXPECT_EQ(infos["server.host"].value, "127.0.0.1");
  EXPECT_EQ(infos["security.cors.expose_headers"].value, "[]");
  EXPECT_EQ(infos["auth.cookie_secure"].type, "boolean");
  EXPECT_EQ(infos["auth.jwt_secret"].value, "***");
  EXPECT_EQ(infos["auth.root_password"].value, "");
}

TEST(Config, ExampleFileIsGeneratedAndHoldsTheDefaults) {
  EXPECT_TRUE(SameValues(LoadGood(ExampleToml()), Settings{}));
  std::ifstream file(KALAM_SOURCE_DIR "/server.example.toml");
  std::stringstream text;
  text << file.rdbuf();
  if (text.str() != ExampleToml()) {
    std::ofstream(::testing::TempDir() + "server.example.toml") << ExampleToml();
    FAIL() << "server.example.toml differs; the right text is in " << ::testing::TempDir()
           << "server.example.toml";
  }
}

TEST(Config, DefaultsAreWithinTheirBounds) {
  Settings defaults;
  for (const SettingRow& row : SettingRows()) {
    if (const auto* field = std::get_if<IntegerField>(&row.field)) {
      EXPECT_GE((*field)(defaults), row.min) << row.name;
      EXPECT_LE((*field)(defaults), row.max) << row.name;
    }
  }
}

}  // namespace
}  // namespace kalam::config
