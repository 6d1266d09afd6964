// Subscribing while others write: snapshot + changes equal exactly what was committed, whatever the timing.
//
// Each trial opens a subscription (afresh, or resumed where an earlier one stopped) while a writer commits
// random operations, and then compares what the client knows with the store, and the changes that it got with
// the committed history. KALAM_SEED and KALAM_TRIALS override seed and number of trials.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "live/fake_outlet_for_test.h"

namespace kalam::live {
namespace {

constexpr int64_t kIds = 24;
constexpr int64_t kMarker = 1'000;

struct Row {
  std::string room;
  int64_t n = 0;
  friend bool operator==(const Row&, const Row&) = default;
};
using State = std::map<int64_t, Row>;

struct Committed {
  int64_t seq = 0;
  int64_t id = 0;
  std::optional<Row> before;
  std::optional<Row> after;
};

struct Condition {
  const char* where;
  bool (*holds)(const Row&);
};
constexpr Condition kConditions[] = {
    {"", [](const Row&) { return true; }},
    {" WHERE room = 'a'", [](const Row& row) { return row.room == "a"; }},
    {" WHERE room = 'a' AND n > 3", [](const Row& row) { return row.room == "a" && row.n > 3; }},
    {" WHERE n >= 5", [](const Row& row) { return row.n >= 5; }},
    {" WHERE n % 2 = 1 OR room = 'b'", [](const Row& row) { return row.n % 2 == 1 || row.room == "b"; }},
};
constexpr size_t kConditionCount = std::size(kConditions);

int64_t NumberOf(const char* name, int64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoll(text);
}

// What a client with the protocol's gate knows.
struct Known {
  State rows;
  int64_t consumed = 0;
  std::vector<int64_t> changes;  // their sequences, of this subscription
};

class Race {
 public:
  // `costly`: conditions that the engine evaluates are so long that they are left to the readers.
  Race(uint64_t seed, HubOptions options, bool costly = false)
      : random_(seed), options_(options), costly_(costly), db_(options) {}

  // False when the trial failed; the failure was reported.
  bool Trial(bool exact) {
    history_.clear();
    const size_t which = costly_ ? kConditionCount - 1 : Pick(kConditionCount);
    const Condition& condition = kConditions[which];
    Known& kept = known_[which];
    const bool resume = kept.consumed > 0 && Pick(2) == 0;
    if (!resume) kept = Known();
    kept.changes.clear();
    const Client client = db_.Connect("root", Role::kSystem);
    const auto plan = Plan(5 + Pick(40));
    std::atomic<bool> started{false};
    std::thread writer([&] {
      started = true;
      for (const auto& step : plan) Apply(step);
    });
    while (!started) std::this_thread::yield();
    for (size_t spin = Pick(3'000); spin > 0; --spin) started.load();
    wire::LiveOptions options;
    if (Pick(2) == 0) options.batch_size = 1 + Pick(7);
    if (resume) options.from = kept.consumed;
    std::string sql = std::string("SELECT * FROM app.notes") + condition.where;
    for (int i = 0; costly_ && i < 120; ++i) sql += " OR n % 2 = 1";
    db_.Subscribe(client, "s", std::move(sql), options);
    bool good = true;
    bool first = true;
    bool joined = false;
    int64_t marker = 0;
    while (good) {
      if (!joined && (client.outlet->empty() || Pick(8) == 0)) {
        writer.join();
        joined = true;
        marker = WriteMarker();
      }
      const auto message = client.outlet->Next();
      if (!message) {
        ADD_FAILURE() << "no message within ten seconds";
        good = false;
        break;
      }
      const std::string type(message->at("type").as_string());
      if (first) {
        EXPECT_EQ(type, "subscription_ack") << boost::json::serialize(*message);
        good = type == "subscription_ack";
        first = false;
        continue;
      }
      good = Take(*message, type, kept);
      if (type == "initial_data_batch" && message->at("batch_control").at("has_more").as_bool() &&
          Pick(4) != 0) {
        db_.hub->NextBatch(client.key,
                           {"s", message->at("batch_control").at("last_seq_id").to_number<int64_t>()});
      }
      if (joined && kept.consumed >= marker) break;
    }
    if (!joined) writer.join();
    db_.hub->Disconnect(client.key);
    return good && Compare(condition, kept, exact && !resume);
  }

  // One flush, and sometimes a compaction, beside whatever runs.
  void MoveRows(bool compacts) {
    db_.Flush("notes");
    if (compacts) db_.Compact("notes");
    ++moves_;
  }
  int64_t moves() const { return moves_; }

  std::string Describe() const { return std::to_string(db_.hub->Counters().resyncs) + " resyncs"; }

 private:
  struct Step {
    int kind = 0;
    int64_t id = 0;
    std::string room;
    int64_t n = 0;
  };

  size_t Pick(size_t n) { return static_cast<size_t>(random_() % n); }

  std::vector<Step> Plan(size_t count) {
    std::vector<Step> steps;
    for (size_t i = 0; i < count; ++i) {
      Step& step = steps.emplace_back();
      step.kind = static_cast<int>(Pick(4));
      step.id = static_cast<int64_t>(Pick(kIds));
      step.room = Pick(2) == 0 ? "a" : "b";
      step.n = static_cast<int64_t>(Pick(10));
    }
    return steps;
  }

  void Record(Seq seq, int64_t id, std::optional<Row> after) {
    Committed& entry = history_.emplace_back();
    entry.seq = seq.value;
    entry.id = id;
    if (const auto it = model_.find(id); it != model_.end()) entry.before = it->second;
    entry.after = after;
    if (after) {
      model_[id] = *after;
    } else {
      model_.erase(id);
    }
  }

  // One commit of the writer; it alone changes the model.
  void Apply(const Step& step) {
    const auto it = model_.find(step.id);
    if (it == model_.end()) {
      const Seq seq = db_.Commit(db_.InsertOp("notes", "", step.id, step.room, step.n));
      return Record(seq, step.id, Row{step.room, step.n});
    }
    if (step.kind == 0) return Record(db_.Commit(db_.DeleteOp("notes", "", step.id)), step.id, std::nullopt);
    Row next = it->second;
    hot::RowOp op;
    if (step.kind == 1) {
      next.room = step.room;
      op = db_.UpdateOp("notes", "", step.id, "room", Value::Text(step.room));
    } else {
      next.n = step.n;
      op = db_.UpdateOp("notes", "", step.id, "n", Value::Integer(TypeKind::kInt, step.n));
    }
    const Seq seq = db_.Commit(std::move(op));
    if (seq != Seq()) Record(seq, step.id, next);
  }

  // A row that every condition lets through: what comes before it has been delivered when it arrives.
  int64_t WriteMarker() {
    if (model_.contains(kMarker)) {
      Record(db_.Commit(db_.DeleteOp("notes", "", kMarker)), kMarker, std::nullopt);
    }
    const Seq seq = db_.Commit(db_.InsertOp("notes", "", kMarker, "a", 7));
    Record(seq, kMarker, Row{"a", 7});
    return seq.value;
  }

  bool Take(const object& message, const std::string& type, Known& known) {
    if (type == "initial_data_batch") {
      for (const auto& row : message.at("rows").as_array()) {
        if (!Put(row.as_object(), known)) return false;
      }
      return true;
    }
    if (type != "change") {
      ADD_FAILURE() << "unexpected " << boost::json::serialize(message);
      return false;
    }
    const bool gone = message.at("change_type").as_string() == "delete";
    const object& row = message.at(gone ? "old_values" : "rows").as_array()[0].as_object();
    known.changes.push_back(std::stoll(std::string(row.at("_seq").as_string())));
    if (!gone) return Put(row, known);
    if (!Advance(row, known)) return false;
    known.rows.erase(std::stoll(std::string(row.at("id").as_string())));
    return true;
  }

  static bool Advance(const object& row, Known& known) {
    const int64_t seq = std::stoll(std::string(row.at("_seq").as_string()));
    EXPECT_GT(seq, known.consumed) << "not ascending: " << boost::json::serialize(row);
    const bool ascends = seq > known.consumed;
    known.consumed = seq;
    return ascends;
  }

  static bool Put(const object& row, Known& known) {
    if (!Advance(row, known)) return false;
    known.rows[std::stoll(std::string(row.at("id").as_string()))] = {std::string(row.at("room").as_string()),
                                                                     row.at("n").to_number<int64_t>()};
    return true;
  }

  // With what happened to each row in this trial.
  std::string Differences(const State& known, const State& expected) const {
    std::string out;
    const auto text = [](const State& rows, int64_t id) {
      const auto it = rows.find(id);
      return it == rows.end() ? "none" : fmt::format("({}, {})", it->second.room, it->second.n);
    };
    for (int64_t id = 0; id <= kMarker; ++id) {
      if (text(known, id) == text(expected, id)) continue;
      out += fmt::format("\n row {}: client {}, store {}; since:", id, text(known, id), text(expected, id));
      for (const Committed& entry : history_) {
        if (entry.id != id) continue;
        out += entry.after ? fmt::format(" {}=({}, {})", entry.seq, entry.after->room, entry.after->n)
                           : fmt::format(" {}=deleted", entry.seq);
      }
    }
    return out;
  }

  bool Compare(const Condition& condition, const Known& known, bool exact) {
    State expected;
    for (const auto& [id, row] : model_) {
      if (condition.holds(row)) expected[id] = row;
    }
    bool good = known.rows == expected;
    EXPECT_TRUE(good) << "the client knows other rows than the store has:" << condition.where
                      << Differences(known.rows, expected) << (exact ? "" : " (resumed)");
    if (!exact) return good;
    // The changes are the end of the history, as far as it concerns the condition, without a gap.
    std::vector<int64_t> relevant;
    for (const Committed& entry : history_) {
      const bool was = entry.before && condition.holds(*entry.before);
      const bool is = entry.after && condition.holds(*entry.after);
      if (was || is) relevant.push_back(entry.seq);
    }
    const size_t count = known.changes.size();
    const bool suffix =
        count <= relevant.size() && std::equal(known.changes.begin(), known.changes.end(),
                                               relevant.end() - static_cast<std::ptrdiff_t>(count));
    EXPECT_TRUE(suffix) << "the changes are not the end of the history:" << condition.where;
    return good && suffix;
  }

  std::atomic<int64_t> moves_{0};
  std::mt19937_64 random_;
  const HubOptions options_;
  const bool costly_;
  LiveDatabase db_;
  State model_;
  std::vector<Committed> history_;
  std::map<size_t, Known> known_;  // per condition: what its last subscription knew
};

void RunTrials(HubOptions options, int64_t trials, bool exact, bool costly = false) {
  const auto seed =
      static_cast<uint64_t>(NumberOf("KALAM_SEED", static_cast<int64_t>(std::random_device()())));
  std::printf("KALAM_SEED=%llu\n", static_cast<unsigned long long>(seed));
  Race race(seed, options, costly);
  for (int64_t i = 0; i < trials; ++i) {
    ASSERT_TRUE(race.Trial(exact)) << "trial " << i << ", KALAM_SEED=" << seed;
  }
  std::printf("%lld trials, %s\n", static_cast<long long>(trials), race.Describe().c_str());
}

TEST(SubscribeRaceTest, SnapshotAndChangesAreTheHistory) {
  HubOptions options;
  options.push_after_micros = 2'000;
  RunTrials(options, NumberOf("KALAM_TRIALS", 1'000), true);
}

// Next to no room for changes while loading: they are read again from the store.
TEST(SubscribeRaceTest, HoldsWhenChangesAreReadAgain) {
  HubOptions options;
  options.push_after_micros = 2'000;
  options.paused_bytes_max = 400;
  options.queue_bytes_max = 2'000;
  RunTrials(options, NumberOf("KALAM_TRIALS", 1'000) / 5, false);
}

// Conditions that the engine evaluates are left to the readers.
TEST(SubscribeRaceTest, HoldsWhenCostlyConditionsAreReadFromTheStore) {
  HubOptions options;
  options.push_after_micros = 2'000;
  RunTrials(options, NumberOf("KALAM_TRIALS", 1'000) / 10, false, true);
}

// Rows go into files and from file to file all the while; half of the subscriptions resume where the last one
// stopped, whatever has moved since.
TEST(SubscribeRaceTest, HoldsWhileRowsMoveToFiles) {
  HubOptions options;
  options.push_after_micros = 2'000;
  const auto seed =
      static_cast<uint64_t>(NumberOf("KALAM_SEED", static_cast<int64_t>(std::random_device()())));
  const int64_t trials = NumberOf("KALAM_TRIALS", 1'000) / 10;
  std::printf("KALAM_SEED=%llu\n", static_cast<unsigned long long>(seed));
  Race race(seed, options);
  std::atomic<bool> stop{false};
  std::thread mover([&] {
    for (int64_t i = 1; !stop; ++i) race.MoveRows(i % 3 == 0);
  });
  bool good = true;
  for (int64_t i = 0; i < trials && good; ++i) {
    good = race.Trial(true);
    EXPECT_TRUE(good) << "trial " << i << ", KALAM_SEED=" << seed;
  }
  stop = true;
  mover.join();
  EXPECT_GT(race.moves(), trials / 100);
  std::printf("%lld trials, %lld flushes, %s\n", static_cast<long long>(trials),
              static_cast<long long>(race.moves()), race.Describe().c_str());
}

}  // namespace
}  // namespace kalam::live
