// Cases of topics: rows that are published, and messages that a consumer group reads.
#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <cstring>
#include <mutex>

#include "cases.h"

namespace kalam::bench {
namespace {

constexpr int kRounds = 3;
constexpr uint64_t kPayloadBytes = 256;
constexpr uint64_t kFetch = 1'000;

// A table whose inserts are published, and the topic.
struct Feed {
  std::string table;
  std::string topic;
};

Feed MakeFeed(Bench& bench, std::string_view name) {
  const Feed feed{"bench." + std::string(name), "bench." + std::string(name) + "_feed"};
  bench.root().Sql("CREATE USER TABLE " + feed.table + " (id BIGINT PRIMARY KEY, body TEXT NOT NULL)");
  bench.root().Sql("CREATE TOPIC " + feed.topic);
  bench.root().Sql("ALTER TOPIC " + feed.topic + " ADD SOURCE " + feed.table + " ON INSERT");
  return feed;
}

void AppendNumber(uint64_t number, std::string& out) { out += std::to_string(number); }

// Row n of `rows_per_statement` each, bodies of 256 bytes.
Workload PublishWorkload(const Feed& feed, uint64_t rows_per_statement, uint64_t statements) {
  const std::string head = R"({"sql":"INSERT INTO )" + feed.table + " (id, body) VALUES ";
  const std::string body_text(kPayloadBytes, 'b');
  return {
      .make =
          [=](uint64_t n, std::string& body) {
            if (n >= statements) return false;
            body.append(head);
            for (uint64_t i = 0; i < rows_per_statement; ++i) {
              body.append(i == 0 ? "(" : ",(");
              AppendNumber(n * rows_per_statement + i, body);
              body.append(",'").append(body_text).append("')");
            }
            body.append(R"("})");
            return true;
          },
      .check = [](uint64_t, std::string_view body) { return body.starts_with(R"({"status":"success")"); },
  };
}

uint64_t NumberBehind(std::string_view body, std::string_view key, bool last) {
  const size_t at = last ? body.rfind(key) : body.find(key);
  uint64_t number = UINT64_MAX;
  if (at != std::string_view::npos) {
    std::from_chars(body.data() + at + key.size(), body.data() + body.size(), number);
  }
  return number;
}

// Which offsets came, over all groups.
class Fetched {
 public:
  // True when the answer holds contiguous offsets, all of them messages.
  bool Add(uint64_t group, std::string_view body) {
    const uint64_t first = NumberBehind(body, R"("offset":)", false);
    const uint64_t next = NumberBehind(body, R"("next_offset":)", true);
    if (first == UINT64_MAX || next == UINT64_MAX || next <= first || next - first > kFetch) return false;
    uint64_t messages = 0;
    for (const char* at = body.data(); at != nullptr; ++messages) {
      const size_t left = static_cast<size_t>(body.data() + body.size() - at);
      at = static_cast<const char*>(memmem(at, left, R"("op":"Insert"})", 14));
      if (at == nullptr) break;
      at += 14;
    }
    if (messages != next - first) return false;
    std::lock_guard lock(mu_);
    messages_ += messages;
    ranges_.emplace_back(group, first, next);
    return true;
  }
  uint64_t messages() const { return messages_; }

  // Each group's ranges must be disjoint, and without a gap from 0 on.
  void Expect() {
    std::ranges::sort(ranges_);
    uint64_t group = UINT64_MAX;
    uint64_t expected = 0;
    for (const auto& [of, first, next] : ranges_) {
      if (of != group) expected = 0;
      if (first != expected) {
        throw BenchError(fmt::format("group {}: messages from {} where {} was due", of, first, expected));
      }
      group = of;
      expected = next;
    }
  }

 private:
  std::mutex mu_;
  uint64_t messages_ = 0;
  std::vector<std::tuple<uint64_t, uint64_t, uint64_t>> ranges_;
};

void AddPublished(Bench& bench, std::string name, double rate, double spread, std::string note) {
  bench.report().Add({.name = std::move(name),
                      .value = Format(rate) + " /s",
                      .floor = "20,000 /s",
                      .goal = "30,000 /s",
                      .verdict = Judge(rate, 20'000, 30'000, Better::kHigher),
                      .note = std::move(note),
                      .numbers = {{"rate", rate}, {"spread_percent", spread}}});
}

// Publishes for the measured time; the rate of messages. Every row must have its message afterwards.
void MeasurePublish(Bench& bench, std::string_view table, uint64_t rows_per_statement, std::string name) {
  const Feed feed = MakeFeed(bench, table);
  const Workload workload = PublishWorkload(feed, rows_per_statement, UINT64_MAX);
  const double slice = bench.options().seconds / (2 * kRounds);
  std::vector<double> rates;
  ProcessorUse cpu;
  uint64_t next = 0;
  for (int i = 0; i <= kRounds; ++i) {
    LoadOptions load = bench.Load(i == 0 ? slice / 4 : slice);
    if (rows_per_statement > 1) load.connections = std::min(load.connections, 8);
    load.first_request = next;
    const LoadResult result = bench.Run(workload, load);
    next = result.next_request;
    if (i == 0) continue;  // warm up
    rates.push_back(result.rate * static_cast<double>(rows_per_statement));
    cpu.Add(result);
  }
  const uint64_t published = next * rows_per_statement;
  const auto last = bench.root().Sql("CONSUME FROM " + feed.topic + " FROM " + std::to_string(published - 1));
  if (last.size() != 1) {
    throw BenchError(fmt::format("{} rows were inserted, but {} messages are behind offset {}", published,
                                 last.size(), published - 1));
  }
  AddPublished(
      bench, std::move(name), Median(rates), SpreadPercent(rates),
      fmt::format("256 B rows, spread {:.0f} %, contents verified, {}", SpreadPercent(rates), cpu.Text()));
}

}  // namespace

void RunTopicPublish(Bench& bench) {
  MeasurePublish(bench, "publish", 1, "topic publish, one row per statement, 64 connections, sync");
  MeasurePublish(bench, "publish_many", 100, "topic publish, 100 rows per statement, sync");
}

// Groups one after the other read the whole topic over four connections, 1,000 messages a time.
void RunTopicConsume(Bench& bench) {
  const uint64_t messages = bench.options().quick ? 5'000 : 200'000;
  const Feed feed = MakeFeed(bench, "consume");
  LoadOptions load = bench.Load(3'600);
  load.connections = 8;
  bench.Run(PublishWorkload(feed, 250, messages / 250), load);
  const uint64_t fetches = messages / kFetch;
  Fetched fetched;
  const Workload workload{
      .make =
          [&](uint64_t n, std::string& body) {
            body.append(R"({"topic_id":")").append(feed.topic).append(R"(","group_id":"g)");
            AppendNumber(n / fetches, body);
            body.append(R"(","start":"Earliest","limit":)");
            AppendNumber(kFetch, body);
            body.push_back('}');
            return true;
          },
      .check = [&](uint64_t n, std::string_view body) { return fetched.Add(n / fetches, body); },
  };
  const double slice = bench.options().seconds / (2 * kRounds);
  std::vector<double> rates;
  ProcessorUse cpu;
  load.seconds = slice;
  load.connections = 4;
  for (int i = 0; i < kRounds; ++i) {
    const LoadResult result = bench.RunAsRoot("/v1/api/topics/consume", workload, load);
    load.first_request = result.next_request;
    rates.push_back(result.rate * static_cast<double>(kFetch));
    cpu.Add(result);
  }
  fetched.Expect();
  const double rate = Median(rates);
  bench.report().Add(
      {.name = "topic consume, HTTP, 1,000 messages a time",
       .value = Format(rate) + " msg/s",
       .floor = "100,000 msg/s",
       .goal = "250,000 msg/s",
       .verdict = Judge(rate, 100'000, 250'000, Better::kHigher),
       .note = fmt::format("256 B rows, spread {:.0f} %, {} messages without gap or repetition, {}",
                           SpreadPercent(rates), Format(static_cast<double>(fetched.messages())), cpu.Text()),
       .numbers = {{"rate", rate}, {"spread_percent", SpreadPercent(rates)}}});
}

}  // namespace kalam::bench
