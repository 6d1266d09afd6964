// A real S3 server (test/lib/s3_server.py) as a child process of the tests.
#pragma once

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <sstream>
#include <string>

#include "cold/storage/s3_options.h"

namespace kalam::cold {

// Not thread-safe. One per process is enough: tests keep apart by prefix.
class S3ServerForTest {
 public:
  static S3ServerForTest& Shared() {
    static S3ServerForTest server;
    return server;
  }

  S3ServerForTest() {
    int to_child[2], from_child[2];
    if (::pipe2(to_child, O_CLOEXEC) != 0 || ::pipe2(from_child, O_CLOEXEC) != 0) std::abort();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(to_child[0], STDIN_FILENO);
      ::dup2(from_child[1], STDOUT_FILENO);
      ::execl("/usr/bin/python3", "python3", KALAM_SOURCE_DIR "/test/lib/s3_server.py", nullptr);
      ::_exit(127);
    }
    ::close(to_child[0]);
    ::close(from_child[1]);
    to_ = ::fdopen(to_child[1], "w");
    from_ = ::fdopen(from_child[0], "r");
    std::istringstream words(ReadLine());
    std::string ready;
    words >> ready >> endpoint_ >> bucket_ >> access_key_ >> secret_key_;
    EXPECT_EQ(ready, "ready") << "the S3 test server did not start; is it installed (./dev s3-server)?";
  }
  ~S3ServerForTest() {
    ::fclose(to_);  // the server ends with its input
    ::waitpid(pid_, nullptr, 0);
    ::fclose(from_);
  }
  S3ServerForTest(const S3ServerForTest&) = delete;
  S3ServerForTest& operator=(const S3ServerForTest&) = delete;

  // Options with correct credentials and a prefix of its own.
  S3Options Options(std::string staging_folder) {
    S3Options options;
    options.bucket = bucket_;
    options.prefix = fmt::format("test-{}", ++prefixes_);
    options.endpoint = endpoint_;
    options.path_style = true;
    options.access_key_id = access_key_;
    options.secret_access_key = secret_key_;
    options.retry_first_ms = 1;
    options.staging_folder = std::move(staging_folder);
    return options;
  }
  const std::string& secret_key() const { return secret_key_; }
  const std::string& endpoint() const { return endpoint_; }

  // One JSON command, its JSON answer.
  std::string Tell(const std::string& command) {
    std::fprintf(to_, "%s\n", command.c_str());
    std::fflush(to_);
    return ReadLine();
  }
  // The next `times` requests with this method and text in their target fail so.
  void Fault(const std::string& mode, const std::string& method, int times, const std::string& more = "") {
    Tell(fmt::format(R"({{"do":"fault","mode":"{}","method":"{}","times":{}{}{}}})", mode, method, times,
                     more.empty() ? "" : ",", more));
  }
  void ClearFaults() { Tell(R"({"do":"clear"})"); }

 private:
  std::string ReadLine() {
    std::string line;
    for (int c = std::fgetc(from_); c != EOF && c != '\n'; c = std::fgetc(from_))
      line.push_back(static_cast<char>(c));
    return line;
  }

  pid_t pid_ = -1;
  FILE* to_ = nullptr;
  FILE* from_ = nullptr;
  std::string endpoint_, bucket_, access_key_, secret_key_;
  int prefixes_ = 0;
};

}  // namespace kalam::cold
