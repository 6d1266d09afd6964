// ACK topic GROUP 'g' [PARTITION n] UPTO OFFSET n: one row with what the group has acknowledged afterwards.
#include <array>

#include "sql/request.h"
#include "sql/statements/statements.h"
#include "sql/statements/topic/roles.h"
#include "topics/topics.h"

namespace kalam::sql {

Status AuthorizeAck(const Statement&, const Principal& caller, const Services&) {
  return RequireConsumer(caller, "Only service, dba, or system roles can acknowledge messages of topics",
                         "ACK");
}

Result<Outcome> RunAck(const Statement& statement, Request& request, Services& services) {
  static const std::array<ResultColumn, 4> kColumns = {
      {{"topic", Type(TypeKind::kText), false, true},
       {"group_id", Type(TypeKind::kText), false, true},
       {"partition", Type(TypeKind::kInt), false, true},
       {"committed_offset", Type(TypeKind::kBigInt), false, true}}};
  const auto& ack = std::get<Ack>(statement.body);
  KALAM_ASSIGN(const uint64_t committed,
               services.topics.AcknowledgeAndWait(ack.topic, ack.partition, ack.group, ack.upto));
  request.response.Begin(kColumns);
  const std::array<Value, 4> row = {Value::Text(ack.topic), Value::Text(ack.group),
                                    Value::Integer(TypeKind::kInt, ack.partition),
                                    Value::BigInt(static_cast<int64_t>(committed))};
  KALAM_TRY(request.response.Row(row));
  return Outcome{OutcomeKind::kRows, 1, {}};
}

}  // namespace kalam::sql
