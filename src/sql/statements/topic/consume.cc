// CONSUME FROM topic [GROUP 'g'] [FROM EARLIEST|LATEST|n] [PARTITION n] [LIMIT n]: without a group nothing is
// remembered; with one, what is returned is acknowledged.
#include <array>

#include "sql/request.h"
#include "sql/statements/statements.h"
#include "sql/statements/topic/roles.h"
#include "topics/topics.h"

namespace kalam::sql {
namespace {

std::span<const ResultColumn> Columns() {
  static const std::array<ResultColumn, 8> kColumns = {
      {{"topic_id", Type(TypeKind::kText), false, true},
       {"partition_id", Type(TypeKind::kInt), false, true},
       {"offset", Type(TypeKind::kBigInt), false, true},
       {"key", Type(TypeKind::kText), false, false},
       {"payload", Type(TypeKind::kBytes), false, true},
       {"timestamp_ms", Type(TypeKind::kBigInt), false, true},
       {"user_id", Type(TypeKind::kText), false, false},
       {"op", Type(TypeKind::kText), false, true}}};
  return kColumns;
}

class MessageRows final : public topics::MessageSink {
 public:
  explicit MessageRows(RowSink& rows) : rows_(rows) {}

  Status Add(const topics::Topic& topic, uint32_t partition, uint64_t offset,
             const topics::Message& message) override {
    const auto text = [](const std::optional<std::string_view>& value) {
      return value ? Value::Text(*value) : Value::Null(TypeKind::kText);
    };
    const std::array<Value, 8> row = {Value::Text(topic.name),
                                      Value::Integer(TypeKind::kInt, partition),
                                      Value::BigInt(static_cast<int64_t>(offset)),
                                      text(message.key),
                                      Value::Bytes(TypeKind::kBytes, message.payload),
                                      Value::BigInt(message.timestamp_ms),
                                      text(message.user),
                                      Value::Text(topics::OperationName(message.operation))};
    return rows_.Row(row);
  }

 private:
  RowSink& rows_;
};

}  // namespace

Status AuthorizeConsume(const Statement&, const Principal& caller, const Services&) {
  return RequireConsumer(caller, "Only service, dba, or system roles can consume from topics", "CONSUME");
}

Result<Outcome> RunConsume(const Statement& statement, Request& request, Services& services) {
  const auto& consume = std::get<Consume>(statement.body);
  request.response.Begin(Columns());
  MessageRows sink(request.response);
  const topics::ReadRequest read{consume.topic, consume.partition, consume.start, consume.limit};
  if (!consume.group) {
    KALAM_TRY(services.topics.Read(read, sink));
  } else {
    KALAM_ASSIGN(const auto result, services.topics.Consume(read, *consume.group, sink));
    if (result.count > 0) {
      KALAM_TRY(services.topics.AcknowledgeAndWait(consume.topic, consume.partition, *consume.group,
                                                   result.next_offset - 1));
    }
  }
  return Outcome{OutcomeKind::kRows, request.response.rows(), {}};
}

}  // namespace kalam::sql
