// The statement parsers, one per rule of parse.cc. Each starts behind the statement's first word and reads to
// its end. Internal to sql/parse.
#pragma once

#include "base/error.h"
#include "sql/parse/statement.h"
#include "sql/parse/token_reader.h"

namespace kalam::sql {

// namespace.cc
Result<StatementBody> ParseCreateNamespace(TokenReader& reader);
Result<StatementBody> ParseAlterNamespace(TokenReader& reader);
Result<StatementBody> ParseDropNamespace(TokenReader& reader);
Result<StatementBody> ParseShowNamespaces(TokenReader& reader);
Result<StatementBody> ParseUseNamespace(TokenReader& reader);  // USE and SET NAMESPACE

// create_table.cc, alter_table.cc, table.cc
Result<StatementBody> ParseCreateTable(TokenReader& reader);
Result<StatementBody> ParseAlterTable(TokenReader& reader);
Result<StatementBody> ParseDropTable(TokenReader& reader);
Result<StatementBody> ParseShowTables(TokenReader& reader);
Result<StatementBody> ParseDescribeTable(TokenReader& reader);
Result<StatementBody> ParseShowStats(TokenReader& reader);
Result<StatementBody> ParseShowColumns(TokenReader& reader);

// settings.cc
Result<StatementBody> ParseShowAll(TokenReader& reader);
Result<StatementBody> ParseShowLimits(TokenReader& reader);
Result<StatementBody> ParseSet(TokenReader& reader);

// live.cc
Result<StatementBody> ParseKillLiveQuery(TokenReader& reader);
Result<StatementBody> ParseSubscribe(TokenReader& reader);

// cluster.cc
Result<StatementBody> ParseCluster(TokenReader& reader);

// user.cc
Result<StatementBody> ParseCreateUser(TokenReader& reader);
Result<StatementBody> ParseAlterUser(TokenReader& reader);
Result<StatementBody> ParseDropUser(TokenReader& reader);

// storage.cc
Result<StatementBody> ParseCreateStorage(TokenReader& reader);
Result<StatementBody> ParseAlterStorage(TokenReader& reader);
Result<StatementBody> ParseDropStorage(TokenReader& reader);
Result<StatementBody> ParseShowStorages(TokenReader& reader);
Result<StatementBody> ParseCheckStorage(TokenReader& reader);  // STORAGE CHECK and CHECK STORAGE
// storage_task.cc: each with and without the word STORAGE
Result<StatementBody> ParseFlushTable(TokenReader& reader);
Result<StatementBody> ParseFlushAll(TokenReader& reader);
Result<StatementBody> ParseShowManifest(TokenReader& reader);

// job.cc
Result<StatementBody> ParseKillJob(TokenReader& reader);
// topic.cc
Result<StatementBody> ParseCreateTopic(TokenReader& reader);
Result<StatementBody> ParseAlterTopic(TokenReader& reader);
Result<StatementBody> ParseDropTopic(TokenReader& reader);
Result<StatementBody> ParseClearTopic(TokenReader& reader);
Result<StatementBody> ParseConsume(TokenReader& reader);
Result<StatementBody> ParseAck(TokenReader& reader);

// export.cc
Result<StatementBody> ParseExportUserData(TokenReader& reader);
Result<StatementBody> ParseShowExport(TokenReader& reader);

// backup.cc
Result<StatementBody> ParseBackup(TokenReader& reader);
Result<StatementBody> ParseRestore(TokenReader& reader);

// view.cc
Result<StatementBody> ParseCreateView(TokenReader& reader);  // also CREATE OR REPLACE VIEW
Result<StatementBody> ParseDropView(TokenReader& reader);

// transaction.cc: BEGIN, START TRANSACTION, COMMIT and ROLLBACK
Result<StatementBody> ParseTransactionControl(TokenReader& reader);

}  // namespace kalam::sql
