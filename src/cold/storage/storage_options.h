// From a storage's definition to what its backend needs. Internal to cold/storage, except the checks that the
// storage statements make before a storage exists.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "cold/storage/s3_options.h"
#include "cold/storage/secret_box.h"
#include "model/storage.h"

namespace kalam::cold {

// What is the same for all storages of a server.
struct StorageDefaults {
  std::string data_path;
  std::string shared_tables_template;
  std::string user_tables_template;
  std::string owner;  // names this server among those that share a folder
  int64_t connect_timeout_ms = 10'000;
  int64_t request_timeout_ms = 60'000;
  std::shared_ptr<const SecretBox> secrets;  // opens and seals Storage::credentials_json
  // Reads an environment variable; nullptr when unset.
  std::function<const char*(const char*)> env;
};

// Checks everything that needs no connection: base directory, templates, CONFIG and CREDENTIALS. Errors are
// in the protocol's words and hold no secret.
Status ValidateStorage(const Storage& storage, const StorageDefaults& defaults);

// Secrets that CONFIG holds move to CREDENTIALS. Those that a statement gives in CREDENTIALS itself
// (`credentials_given`) win over CONFIG, earlier ones do not.
Status AdoptConfigSecrets(Storage& storage, bool credentials_given, const StorageDefaults& defaults);
// The definition as it may be stored: with sealed credentials.
Status SealSecrets(Storage& storage, const StorageDefaults& defaults);

// kFilesystem: the folder, absolute.
std::string FolderOf(const Storage& storage, const StorageDefaults& defaults);
// kS3. Credentials: CREDENTIALS, else CONFIG, else AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
// AWS_SESSION_TOKEN of the environment. Region: CONFIG, else AWS_REGION, else us-east-1.
Result<S3Options> S3OptionsOf(const Storage& storage, const StorageDefaults& defaults);

// A JSON object with the value of each key that names a secret replaced by "***"; "***" for what is none.
std::string MaskSecrets(std::string_view json);

}  // namespace kalam::cold
