// System tables: read-only tables that describe the server, ordinary tables to SQL.
//
// One file per table defines its columns and how its rows are made; list.cc names them all. Rows are made
// when a statement scans the table, so they are as of that moment. Threads: everything here is immutable or
// thread-safe.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "auth/audit_log.h"
#include "auth/users.h"
#include "base/clock.h"
#include "catalog/catalog.h"
#include "cold/cold_tier.h"
#include "config/settings.h"
#include "engine/source.h"
#include "hot/store.h"
#include "jobs/scheduler.h"
#include "live/hub.h"
#include "model/principal.h"
#include "model/result.h"
#include "system/server_facts.h"
#include "tables/transaction_list.h"

namespace kalam::topics {
class Topics;
}

namespace kalam::system {

// What rows are made from. References outlive the statement.
struct SystemContext {
  const catalog::Catalog& catalog;
  const auth::Users& users;
  const config::Settings& settings;
  live::Hub* live;  // nullptr: nothing can subscribe
  const jobs::Scheduler& jobs;
  const topics::Topics& topics;
  const Clock& clock;
  const tables::TransactionList& transactions;
  const auth::AuditLog& audit;
  const cold::ColdTier& cold;
  std::shared_ptr<const Principal> principal;  // who asks; information_schema shows only what it may use
  const hot::Store& store;
  const ServerFacts& server;
};

// Who may read a table.
enum class Readers : uint8_t {
  kAdmins,    // dba and system
  kEveryone,  // every authenticated role; the rows are filtered
};

struct SystemTable {
  std::string_view ns;  // "system" or "information_schema"
  std::string_view name;
  Readers readers;
  std::span<const ResultColumn> (*columns)();
  Status (*rows)(const SystemContext& context, RowSink& out);
};

// All of them.
std::span<const SystemTable> SystemTables();
// nullptr when there is none of that name.
const SystemTable* FindSystemTable(std::string_view ns, std::string_view name);
// True for the schemas that only the server fills.
bool IsSystemNamespace(std::string_view ns);

// What DESCRIBE TABLE answers with; also system.describe, which is always empty.
std::span<const ResultColumn> DescribeColumns();

// kPermissionDenied in the protocol's words.
Status AllowSystemRead(const SystemTable& table, const Principal& principal);

// The table as a source of one statement.
std::shared_ptr<const engine::Source> MakeSystemSource(const SystemTable& table, SystemContext context);

}  // namespace kalam::system
