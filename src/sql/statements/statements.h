// Every statement's functions, in the order of the handler table. Each is defined in the file of its name.
#pragma once

#include "base/error.h"
#include "model/principal.h"
#include "model/result.h"
#include "sql/parse/statement.h"
#include "sql/services.h"

namespace kalam::sql {

struct Request;

// dml/
Result<Outcome> RunSelect(const Statement& statement, Request& request, Services& services);
Result<Outcome> RunInsert(const Statement& statement, Request& request, Services& services);
Result<Outcome> RunUpdate(const Statement& statement, Request& request, Services& services);
Result<Outcome> RunDelete(const Statement& statement, Request& request, Services& services);
Result<Outcome> RunExplain(const Statement& statement, Request& request, Services& services);

// namespace/
Result<Outcome> RunCreateNamespace(const Statement& statement, Request& request, Services& services);
Result<Outcome> RunAlterNamespace(const Statement& statement, Request& request, Services& services);
Result<Outcome> RunDropNamespace(const Statement& statement, Request& request, Services& services);
Result<Outcome> RunShowNamespaces(const Statement& statement, Request& request, Services& services);
Result<Outcome> RunUseNamespace(const Statement& statement, Request& request, Services& services);

// table/
Status AuthorizeCreateTable(const Statement& statement, const Principal& caller, const Services& services);
Result<Outcome> RunCreateTable(const Statement& statement, Request& request, Services& services);
Status AuthorizeAlterTable(const Statement& statement, const Principal& caller, const Services& services);
Result<Outcome> RunAlterTable(const Statement& statement, Request& request, Services& services);
Status AuthorizeDropTable(const Statement& statement, const Principal& caller, const Services& services);
Result<Outcome> RunDropTable(const Statement& statement, Request& request, Services& services);
Result<Outcome> RunShowTables(const Statement& statement, Request& request, Services& services);
Status AuthorizeDescribeTable(const Statement& statement, const Principal& caller, const Services& services);
Result<Outcome> RunDescribeTable(const Statement& statement, Request& request, Services& services);
Result<Outcome> RunShowStats(const Statement& statement, Request& request, Services& services);
Result<Outcome> RunShowColumns(const Statement& statement, Request& request, Services& services);

// user/
Result<Outcome> RunCreateUser(const Statement& statement, Request& request, Services& services);
Status AuthorizeAlterUser(const Statement& statement, const Principal& caller, const Services& services);
Result<Outcome> RunAlterUser(const Statement& statement, Request& request, Services& services);
Result<Outcome> RunDropUser(const Statement& statement, Request& request, Services& services);

// storage/
Result<Outcome> RunCreateStorage(const Statement& statement, Request& request, Services& services);
Result<Outcome> RunAlterStorage(const Statement& statement, Request& request, Services& services);
Result<Outcome> RunDropStorage(const Statement& statement, Request& request, Services& services);
Result<Outcome> RunShowStorages(const Statement& statement, Request& request, Services& services);
Result<Outcome> RunShowManifest(const Statement& statement, Request& request, Services& services);
Result<Outcome> RunCheckStorage(const Statement& statement, Request& request, Services& services);
// topic/
Result<Outcome> RunCreateTopic(const Statement& statement, Request& request, Services& services);
Result<Outcome> RunAlterTopic(const Statement& statement, Request& request, Services& services);
Result<Outcome> RunDropTopic(const Statement& statement, Request& request, Services& services);
Result<Outcome> RunClearTopic(const Statement& statement, Request& request, Services& services);
Status AuthorizeConsume(const Statement& statement, const Principal& caller, const Services& services);
Result<Outcome> RunConsume(const Statement& statement, Request& request, Services& services);
Status AuthorizeAck(const Statement& statement, const Principal& caller, const Services& services);
Result<Outcome> RunAck(const Statement& statement, Request& request, Services& services);
// live/
Status AuthorizeKillLiveQuery(const Statement& statement, const Principal& caller, const Services& services);
Result<Outcome> RunKillLiveQuery(const Statement& statement, Request& request, Services& services);
Result<Outcome> RunSubscribe(const Statement& statement, Request& request, Services& services);

// server/
Result<Outcome> RunShowLimits(const Statement& statement, Request& request, Services& services);
Result<Outcome> RunShowAll(const Statement& statement, Request& request, Services& services);
Result<Outcome> RunSet(const Statement& statement, Request& request, Services& services);
Result<Outcome> RunCluster(const Statement& statement, Request& request, Services& services);

// transaction/
Result<Outcome> RunTransactionControl(const Statement& statement, Request& request, Services& services);

// flush/
Status AuthorizeStorageTask(const Statement& statement, const Principal& caller, const Services& services);
Result<Outcome> RunFlushTable(const Statement& statement, Request& request, Services& services);
Result<Outcome> RunFlushAll(const Statement& statement, Request& request, Services& services);
Result<Outcome> RunCompactTable(const Statement& statement, Request& request, Services& services);
Result<Outcome> RunCompactAll(const Statement& statement, Request& request, Services& services);

// jobs/
Result<Outcome> RunKillJob(const Statement& statement, Request& request, Services& services);
Result<Outcome> RunBackup(const Statement& statement, Request& request, Services& services);
Result<Outcome> RunRestore(const Statement& statement, Request& request, Services& services);
Result<Outcome> RunExportUserData(const Statement& statement, Request& request, Services& services);
Result<Outcome> RunShowExport(const Statement& statement, Request& request, Services& services);

// view/
Status AuthorizeView(const Statement& statement, const Principal& caller, const Services& services);
Result<Outcome> RunCreateView(const Statement& statement, Request& request, Services& services);
Result<Outcome> RunDropView(const Statement& statement, Request& request, Services& services);

}  // namespace kalam::sql
