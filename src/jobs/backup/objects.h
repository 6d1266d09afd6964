// What a backup holds beside tables: views and topics of its namespaces; of the whole database also storages
// and users.
//
// A restore adds what is missing. Existing users, storages and topics stay as they are: who may log in, where
// files lie and what consumers wait for are matters of today. Errors: kCorruption for records that cannot be
// read; the catalog's, for what is incompatible.
#pragma once

#include "catalog/catalog.h"
#include "hot/import_commit.h"
#include "jobs/backup/manifest.h"
#include "jobs/backup/scope.h"
#include "jobs/executor.h"
#include "jobs/services.h"

namespace kalam::jobs {

// All as of the snapshot.
Status ReadObjects(const JobServices& services, const hot::Snapshot& snapshot, const BackupScope& scope,
                   BackupManifest& manifest);

// Namespaces, views and storages of the scope, for the catalog.
Result<catalog::CatalogImport> DecodeObjects(const BackupManifest& manifest, const BackupScope& scope);

// Brings in topics and users with one call of `commit`, and notes in the round's metrics before it how many
// of them there are. Users of role system come only when the job's owner has that role.
Status ImportObjects(const JobServices& services, const BackupManifest& manifest, const BackupScope& scope,
                     Round& round, const hot::ImportCommit& commit);

}  // namespace kalam::jobs
