#include "cold/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/fault_point.h"
#include "cold/cold_tier.h"
#include "hot/key_codec.h"
#include "observe/log.h"

namespace kalam::cold {
namespace {

constexpr int64_t kFormat = 1;

// A value as clients of the original expect it: {"Int64":"5"}, {"Utf8":"a"}.
boost::json::value Tagged(const DataType& type, std::string_view key) {
  const auto value = hot::DecodePrimaryKey(type, key);
  if (!value) return nullptr;
  if (type.kind == TypeKind::kText || type.kind == TypeKind::kFile) {
    return boost::json::object{{"Utf8", value->text()}};
  }
  std::string text = ToDisplay(*value);
  if (text.size() >= 2 && text.front() == '\'') text = text.substr(1, text.size() - 2);
  const char* tag = IsInteger(type.kind)                                              ? "Int64"
                    : type.kind == TypeKind::kDouble || type.kind == TypeKind::kFloat ? "Float64"
                    : type.kind == TypeKind::kBoolean                                 ? "Boolean"
                                                                                      : "Utf8";
  return boost::json::object{{tag, text}};
}

}  // namespace

std::string EncodeManifest(const ManifestRecord& record) {
  return boost::json::serialize(boost::json::object{{"format", kFormat},
                                                    {"version", record.version},
                                                    {"created_at_ms", record.created_at_ms},
                                                    {"updated_at_ms", record.updated_at_ms},
                                                    {"published", record.published},
                                                    {"etag", record.etag}});
}

Result<ManifestRecord> DecodeManifest(std::string_view value) {
  boost::system::error_code error;
  const boost::json::value parsed = boost::json::parse(value, error);
  const auto* object = error ? nullptr : parsed.if_object();
  const auto number = [&](const char* name) -> int64_t {
    const auto* found = object != nullptr ? object->if_contains(name) : nullptr;
    return found != nullptr && found->is_number() ? found->to_number<int64_t>(error) : -1;
  };
  if (number("format") != kFormat || number("version") < 0) {
    return Fail(ErrorCode::kCorruption, "a manifest record is malformed");
  }
  ManifestRecord record;
  record.version = static_cast<uint64_t>(number("version"));
  record.created_at_ms = number("created_at_ms");
  record.updated_at_ms = number("updated_at_ms");
  const auto* published = object->if_contains("published");
  record.published = published == nullptr || !published->is_bool() || published->get_bool();
  const auto* etag = object->if_contains("etag");
  if (etag != nullptr && etag->is_string()) record.etag = std::string(etag->get_string());
  return record;
}

std::string ManifestJson(const TableShape& shape, std::string_view user_id,
                         const std::vector<SegmentPtr>& segments, const ManifestRecord& record) {
  const auto key = shape.schema().primary_key();
  boost::json::array list;
  uint64_t last = 0;
  for (const SegmentPtr& segment : segments) {
    if (segment->status == SegmentStatus::kRemoved) continue;
    last = std::max(last, segment->id);
    const std::string name = segment->path.substr(segment->path.rfind('/') + 1);
    boost::json::object stats;
    if (key && segment->rows > 0) {
      const Column& column = shape.schema().columns[*key];
      stats[fmt::format("{}", column.id.value)] =
          boost::json::object{{"min", Tagged(column.type, segment->key_min)},
                              {"max", Tagged(column.type, segment->key_max)},
                              {"null_count", 0}};
    }
    list.push_back(boost::json::object{
        {"id", name},
        {"path", name},
        {"column_stats", std::move(stats)},
        {"min_seq", segment->seq_min.value},
        {"max_seq", segment->seq_max.value},
        {"row_count", segment->visible_rows},
        {"size_bytes", segment->bytes},
        {"created_at", segment->created_at_ms},
        {"schema_version", segment->schema_version},
        {"status", segment->status == SegmentStatus::kLive ? "committed" : "in_progress"}});
  }
  boost::json::object manifest{
      {"table_id", boost::json::object{{"namespace_id", shape.ns}, {"table_name", shape.name}}},
      {"user_id", user_id.empty() ? boost::json::value(nullptr) : boost::json::value(user_id)},
      {"version", record.version},
      {"created_at", record.created_at_ms},
      {"updated_at", record.updated_at_ms},
      {"segments", std::move(list)},
      {"last_sequence_number", last}};
  return boost::json::serialize(manifest);
}

hot::MetaOp ManifestDue(std::string_view prefix) {
  return {fmt::format("{}{}", kManifestDueKeys, prefix), std::string("1")};
}

void ColdTier::PublishDueManifests(const TableShape& shape) {
  const std::string begin = fmt::format("{}{}", kManifestDueKeys, hot::SharedPrefix(shape.id));
  std::vector<std::string> prefixes;
  auto cursor = store_.Scan(hot::Space::kMeta, begin, hot::PrefixEnd(begin));
  for (; cursor->Valid(); cursor->Next()) {
    prefixes.emplace_back(cursor->key().substr(kManifestDueKeys.size()));
  }
  for (const std::string& prefix : prefixes) {
    const ScopeLocks::Hold hold = scope_locks_.Try(prefix);
    if (!hold) continue;
    // A removal takes the notes away with everything else; what it has finished must not come back.
    hot::PinnedBytes bytes;
    const auto due = store_.Get(hot::Space::kMeta, ManifestDue(prefix).key, bytes);
    if (due && *due) PublishManifest(shape, prefix);
  }
}

void ColdTier::PublishManifest(const TableShape& shape, const std::string& prefix) {
  const auto publish = [&]() -> Status {
    const std::string record_key = fmt::format("{}{}", kManifestKeys, prefix);
    hot::PinnedBytes bytes;
    KALAM_ASSIGN(const bool found, store_.Get(hot::Space::kMeta, record_key, bytes));
    ManifestRecord record;
    record.created_at_ms = clock_.WallMillis();
    if (found) {
      KALAM_ASSIGN(record, DecodeManifest(bytes.bytes()));
    }
    record.version += 1;
    record.updated_at_ms = clock_.WallMillis();
    KALAM_ASSIGN(const auto segments, ReadSegments(store_, prefix));
    Status put;
    if (const auto newest = std::max_element(segments.begin(), segments.end(),
                                             [](const auto& a, const auto& b) { return a->id < b->id; });
        newest != segments.end()) {
      const std::string path = (*newest)->path.substr(0, (*newest)->path.rfind('/')) + "/manifest.json";
      KALAM_ASSIGN(const ObjectStorePtr store, storages_.StoreOf((*newest)->storage_id));
      if (std::ranges::all_of(segments, [](const SegmentPtr& segment) {
            return segment->status == SegmentStatus::kRemoved;
          })) {
        // Nobody would remove it later: a removal finds the folder by these records, which go soon.
        put = store->Delete(path);
      } else {
        const auto info = store->Put(path, ManifestJson(shape, UserOf(shape, prefix), segments, record));
        CrashPoint({"manifest.put"});
        if (info) {
          record.etag = info->etag;
        } else {
          put = Fail(info.error());
        }
      }
    }
    record.published = put.has_value();
    hot::Batch batch;
    batch.meta.push_back({record_key, EncodeManifest(record)});
    if (put) batch.meta.push_back({ManifestDue(prefix).key, std::nullopt});
    KALAM_TRY(store_.Commit(std::move(batch)).status);
    return put;
  };
  if (const Status published = publish(); !published) {
    observe::LogWarn("manifest of {} is not published: {}", shape.full_name(), published.error().message);
  }
}

}  // namespace kalam::cold
