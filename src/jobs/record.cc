#include "jobs/record.h"

#include <fmt/format.h>

#include <array>
#include <boost/json.hpp>

#include "base/hex.h"

namespace kalam::jobs {
namespace {

namespace json = boost::json;

constexpr int64_t kFormat = 1;

// Reads fields of one record; remembers the first that is wrong.
class FieldReader {
 public:
  explicit FieldReader(const json::object& record) : record_(record) {}

  void Read(std::string_view key, std::string& out) {
    const json::value* value = record_.if_contains(key);
    const json::string* text = value == nullptr ? nullptr : value->if_string();
    if (text == nullptr) return Refuse(key);
    out.assign(text->data(), text->size());
  }
  void Read(std::string_view key, int64_t& out) {
    const json::value* value = record_.if_contains(key);
    const int64_t* number = value == nullptr ? nullptr : value->if_int64();
    if (number == nullptr) return Refuse(key);
    out = *number;
  }
  void Read(std::string_view key, std::optional<int64_t>& out) {
    if (record_.contains(key)) Read(key, out.emplace());
  }
  void Refuse(std::string_view key) {
    if (bad_field_.empty()) bad_field_ = key;
  }
  const json::object& record() const { return record_; }
  const std::string& bad_field() const { return bad_field_; }

 private:
  const json::object& record_;
  std::string bad_field_;
};

std::unexpected<Error> Corrupt(std::string_view id, std::string_view what) {
  return Fail(ErrorCode::kCorruption,
              fmt::format("The stored record of job '{}' does not decode: {}", id, what));
}

// An array of [name, value], which keeps the order.
json::array MetricsArray(const JobMetrics& metrics) {
  json::array array;
  for (const auto& [name, value] : metrics.values()) {
    array.push_back({json::value(name), std::visit([](const auto& v) { return json::value(v); }, value)});
  }
  return array;
}

void ReadMetrics(FieldReader& reader, JobMetrics& metrics) {
  const json::value* value = reader.record().if_contains("metrics");
  const json::array* array = value == nullptr ? nullptr : value->if_array();
  if (array == nullptr) return reader.Refuse("metrics");
  for (const json::value& item : *array) {
    const json::array* pair = item.if_array();
    if (pair == nullptr || pair->size() != 2 || !(*pair)[0].is_string()) return reader.Refuse("metrics");
    const std::string name((*pair)[0].get_string());
    if (const int64_t* number = (*pair)[1].if_int64()) {
      metrics.Set(name, *number);
    } else if (const json::string* text = (*pair)[1].if_string()) {
      metrics.Set(name, std::string(*text));
    } else {
      return reader.Refuse("metrics");
    }
  }
}

void PutProgress(json::object& record, const std::optional<JobProgress>& progress) {
  if (!progress) return;
  json::object object;
  object["done"] = progress->done;
  if (progress->total) object["total"] = *progress->total;
  object["what"] = progress->what;
  record["progress"] = std::move(object);
}

void ReadProgress(FieldReader& reader, std::optional<JobProgress>& progress) {
  const json::value* value = reader.record().if_contains("progress");
  if (value == nullptr) return;
  const json::object* object = value->if_object();
  if (object == nullptr) return reader.Refuse("progress");
  FieldReader inner(*object);
  JobProgress read;
  inner.Read("done", read.done);
  inner.Read("total", read.total);
  inner.Read("what", read.what);
  if (!inner.bad_field().empty()) return reader.Refuse("progress");
  progress = std::move(read);
}

void ReadHistory(FieldReader& reader, std::vector<StatusStep>& history) {
  const json::value* value = reader.record().if_contains("history");
  const json::array* array = value == nullptr ? nullptr : value->if_array();
  if (array == nullptr) return reader.Refuse("history");
  for (const json::value& item : *array) {
    const json::array* pair = item.if_array();
    if (pair == nullptr || pair->size() != 2 || !(*pair)[0].is_int64() || !(*pair)[1].is_int64())
      return reader.Refuse("history");
    const auto status = ParseJobStatus((*pair)[0].get_int64());
    if (!status) return reader.Refuse("history");
    history.push_back({*status, (*pair)[1].get_int64()});
  }
}

Result<json::value> ParseObject(std::string_view id, std::string_view bytes) {
  boost::system::error_code error;
  json::value parsed = json::parse(bytes, error);
  if (error || !parsed.is_object()) return Corrupt(id, "not a JSON object");
  return parsed;
}

}  // namespace

std::string JobKey(std::string_view id) { return std::string(kJobPrefix).append(id); }
std::string CheckpointKey(std::string_view id) { return std::string(kCheckpointPrefix).append(id); }

std::string EncodeJob(const Job& job) {
  json::object record;
  record["format"] = kFormat;
  record["type"] = static_cast<int64_t>(job.type);
  record["status"] = static_cast<int64_t>(job.status);
  record["namespace"] = job.ns;
  record["table"] = job.table;
  record["parameters"] = job.parameters_json;
  record["owner"] = job.owner;
  record["idempotency_key"] = job.idempotency_key;
  record["message"] = job.message;
  record["exception_trace"] = job.exception_trace;
  record["retry_count"] = job.retry_count;
  record["max_retries"] = job.max_retries;
  record["rounds"] = job.rounds;
  record["metrics"] = MetricsArray(job.metrics);
  PutProgress(record, job.progress);
  record["cpu_micros"] = job.cpu_micros;
  record["cancelled_by"] = job.cancelled_by;
  record["created_at"] = job.created_at_ms;
  record["updated_at"] = job.updated_at_ms;
  if (job.started_at_ms) record["started_at"] = *job.started_at_ms;
  if (job.finished_at_ms) record["finished_at"] = *job.finished_at_ms;
  record["next_run_at"] = job.next_run_at_ms;
  json::array history;
  for (const StatusStep& step : job.history) {
    history.push_back({json::value(static_cast<int64_t>(step.status)), json::value(step.at_ms)});
  }
  record["history"] = std::move(history);
  return json::serialize(record);
}

Result<Job> DecodeJob(std::string_view id, std::string_view bytes) {
  KALAM_ASSIGN(const json::value parsed, ParseObject(id, bytes));
  Job job;
  job.id = id;
  int64_t format = 0;
  int64_t type = 0;
  int64_t status = 0;
  FieldReader reader(parsed.get_object());
  reader.Read("format", format);
  reader.Read("type", type);
  reader.Read("status", status);
  reader.Read("namespace", job.ns);
  reader.Read("table", job.table);
  reader.Read("parameters", job.parameters_json);
  reader.Read("owner", job.owner);
  reader.Read("idempotency_key", job.idempotency_key);
  reader.Read("message", job.message);
  reader.Read("exception_trace", job.exception_trace);
  reader.Read("retry_count", job.retry_count);
  reader.Read("max_retries", job.max_retries);
  reader.Read("rounds", job.rounds);
  ReadMetrics(reader, job.metrics);
  ReadProgress(reader, job.progress);
  reader.Read("cpu_micros", job.cpu_micros);
  reader.Read("cancelled_by", job.cancelled_by);
  reader.Read("created_at", job.created_at_ms);
  reader.Read("updated_at", job.updated_at_ms);
  reader.Read("started_at", job.started_at_ms);
  reader.Read("finished_at", job.finished_at_ms);
  reader.Read("next_run_at", job.next_run_at_ms);
  ReadHistory(reader, job.history);
  if (!reader.bad_field().empty()) return Corrupt(id, fmt::format("field {}", reader.bad_field()));
  if (format != kFormat) return Corrupt(id, fmt::format("unknown format {}", format));
  const auto known_type = ParseJobType(type);
  const auto known_status = ParseJobStatus(status);
  if (!known_type) return Corrupt(id, "field type");
  if (!known_status) return Corrupt(id, "field status");
  job.type = *known_type;
  job.status = *known_status;
  return job;
}

std::string EncodeCheckpoint(const Checkpoint& checkpoint) {
  json::object record;
  record["format"] = kFormat;
  record["cursor"] = ToHex(checkpoint.cursor);
  record["metrics"] = MetricsArray(checkpoint.metrics);
  PutProgress(record, checkpoint.progress);
  return json::serialize(record);
}

Result<Checkpoint> DecodeCheckpoint(std::string_view id, std::string_view bytes) {
  KALAM_ASSIGN(const json::value parsed, ParseObject(id, bytes));
  Checkpoint checkpoint;
  int64_t format = 0;
  std::string cursor;
  FieldReader reader(parsed.get_object());
  reader.Read("format", format);
  reader.Read("cursor", cursor);
  ReadMetrics(reader, checkpoint.metrics);
  ReadProgress(reader, checkpoint.progress);
  // Cursors may hold any bytes, JSON only text.
  if (auto decoded = FromHex(cursor)) {
    checkpoint.cursor = std::move(*decoded);
  } else {
    reader.Refuse("cursor");
  }
  if (!reader.bad_field().empty()) return Corrupt(id, fmt::format("checkpoint field {}", reader.bad_field()));
  if (format != kFormat) return Corrupt(id, fmt::format("unknown checkpoint format {}", format));
  return checkpoint;
}

}  // namespace kalam::jobs
