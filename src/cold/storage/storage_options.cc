#include "cold/storage/storage_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <filesystem>
#include <optional>
#include <span>

#include "cold/storage/object_path.h"
#include "cold/storage/storage_template.h"

namespace kalam::cold {
namespace {

namespace json = boost::json;
using namespace std::string_view_literals;

std::unexpected<Error> Refuse(std::string message) {
  return Fail(ErrorCode::kInvalidOperation, std::move(message));
}

bool IsOneOf(std::string_view text, std::span<const std::string_view> known) {
  return std::find(known.begin(), known.end(), text) != known.end();
}

constexpr std::array kFileKeys = {"type"sv, "root"sv};
constexpr std::array kS3Keys = {"type"sv,       "region"sv,        "endpoint"sv,          "allow_http"sv,
                                "path_style"sv, "access_key_id"sv, "secret_access_key"sv, "session_token"sv};
constexpr std::array kCredentialKeys = {"access_key_id"sv, "access_key"sv, "secret_access_key"sv,
                                        "secret_key"sv, "session_token"sv};

// What `what` ("CONFIG", "CREDENTIALS") says. Values are never shown.
Result<json::object> ReadObject(std::string_view text, std::string_view what, std::string_view noun) {
  if (text.empty()) return json::object();
  boost::system::error_code error;
  json::value value = json::parse(text, error);
  if (error) return Refuse(fmt::format("Invalid {} JSON: {}", noun, error.message()));
  if (!value.is_object()) return Refuse(fmt::format("{} must be a JSON object", what));
  return std::move(value.as_object());
}

Status CheckKeys(const json::object& object, std::string_view what, std::span<const std::string_view> known) {
  for (const auto& [key, value] : object) {
    if (!IsOneOf(key, known)) {
      return Refuse(fmt::format("Invalid {}: unknown key '{}'. Known keys: {}", what, std::string_view(key),
                                fmt::join(known, ", ")));
    }
    const bool flag = key == "allow_http" || key == "path_style";
    if (flag ? !value.is_bool() : !value.is_string()) {
      return Refuse(fmt::format("Invalid {}: '{}' must be {}", what, std::string_view(key),
                                flag ? "true or false" : "text"));
    }
  }
  return {};
}

// A key of CONFIG and CREDENTIALS, and what CREDENTIALS may call it too.
constexpr std::array kSecretKeys = {std::pair{"access_key_id"sv, "access_key"sv},
                                    std::pair{"secret_access_key"sv, "secret_key"sv},
                                    std::pair{"session_token"sv, "session_token"sv}};

Result<json::object> ReadCredentials(const Storage& storage, const StorageDefaults& defaults) {
  if (!SecretBox::IsSealed(storage.credentials_json) || defaults.secrets == nullptr) {
    return ReadObject(storage.credentials_json, "Credentials", "credentials");
  }
  KALAM_ASSIGN(const std::string text, defaults.secrets->Unseal(storage.credentials_json, storage.id));
  return ReadObject(text, "Credentials", "credentials");
}

std::string TextOf(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::optional<bool> FlagOf(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_bool()) return std::nullopt;
  return value->get_bool();
}

std::string EnvOf(const StorageDefaults& defaults, const char* name) {
  const char* value = defaults.env ? defaults.env(name) : nullptr;
  return value == nullptr ? std::string() : std::string(value);
}

bool IsHostCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
         c == ':' || c == '[' || c == ']' || c == '_';
}

// "https://host:port" from what CONFIG says.
Result<std::string> CheckEndpoint(std::string endpoint, bool allow_http) {
  while (endpoint.ends_with('/')) endpoint.pop_back();
  const bool tls = endpoint.starts_with("https://");
  if (!tls && !endpoint.starts_with("http://")) {
    return Refuse("Invalid CONFIG: 'endpoint' must start with https:// or http://");
  }
  if (!tls && !allow_http) {
    return Refuse(
        "Invalid CONFIG: 'endpoint' uses http://, which sends data in the clear. Use https://, or say so "
        "with \"allow_http\": true");
  }
  const std::string_view host = std::string_view(endpoint).substr(endpoint.find("//") + 2);
  if (host.empty() || !std::all_of(host.begin(), host.end(), IsHostCharacter)) {
    return Refuse("Invalid CONFIG: 'endpoint' must be scheme://host[:port]");
  }
  return endpoint;
}

// s3://bucket/prefix
Status ReadLocation(std::string_view base, S3Options& options) {
  if (!base.starts_with("s3://"))
    return Refuse("S3 storage requires a bucket (BUCKET 'name' or 's3://name/prefix')");
  base.remove_prefix(5);
  const size_t slash = base.find('/');
  options.bucket = base.substr(0, slash);
  const bool plain = std::all_of(options.bucket.begin(), options.bucket.end(), [](char c) {
    return IsHostCharacter(c) && c != ':' && c != '[' && c != ']';
  });
  if (options.bucket.size() < 3 || options.bucket.size() > 63 || !plain) {
    return Refuse(
        fmt::format("Invalid bucket name '{}': 3 to 63 letters, digits, '.', '-' or '_'", options.bucket));
  }
  std::string_view prefix = slash == std::string_view::npos ? std::string_view() : base.substr(slash + 1);
  while (prefix.ends_with('/')) prefix.remove_suffix(1);
  options.prefix = prefix;
  if (prefix.empty()) return {};
  if (const Status valid = ValidateObjectPath(prefix); !valid) {
    return Refuse(fmt::format("Invalid bucket prefix '{}': {}", prefix, valid.error().message));
  }
  return {};
}

Status CheckFolder(const Storage& storage, const StorageDefaults& defaults) {
  if (storage.id != kLocalStorage && storage.base_directory.empty()) {
    return Refuse("Filesystem storage requires a non-empty base directory");
  }
  if (storage.base_directory.find('\0') != std::string::npos)
    return Refuse("Invalid base directory: it holds NUL");
  // The database's own files must stay its own.
  const std::filesystem::path folder = FolderOf(storage, defaults);
  const std::filesystem::path database =
      std::filesystem::absolute(std::filesystem::path(defaults.data_path) / "rocksdb").lexically_normal();
  const auto inside = [](const std::filesystem::path& child, const std::filesystem::path& parent) {
    return std::mismatch(parent.begin(), parent.end(), child.begin(), child.end()).first == parent.end();
  };
  if (inside(folder, database) || inside(database, folder)) {
    return Refuse(
        fmt::format("Invalid base directory '{}': it must not hold or lie in the database's own folder "
                    "'{}'",
                    storage.base_directory, database.string()));
  }
  KALAM_ASSIGN(const json::object config, ReadObject(storage.config_json, "CONFIG", "CONFIG"));
  KALAM_TRY(CheckKeys(config, "CONFIG", kFileKeys));
  const std::string type = TextOf(config, "type");
  if (!type.empty() && type != "local" && type != "filesystem") {
    return Refuse(fmt::format("Invalid CONFIG: type '{}' does not fit a filesystem storage", type));
  }
  KALAM_ASSIGN(const json::object credentials, ReadCredentials(storage, defaults));
  if (!credentials.empty()) return Refuse("Invalid CREDENTIALS: a filesystem storage has none");
  return {};
}

bool IsSecretKey(std::string key) {
  std::transform(key.begin(), key.end(), key.begin(), [](unsigned char c) { return std::tolower(c); });
  for (const std::string_view word :
       {"key"sv, "secret"sv, "token"sv, "password"sv, "credential"sv, "account"sv}) {
    if (key.find(word) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

std::string FolderOf(const Storage& storage, const StorageDefaults& defaults) {
  const std::filesystem::path folder =
      storage.base_directory.empty() || (storage.id == kLocalStorage && storage.base_directory == "local")
          ? std::filesystem::path(defaults.data_path) / "storage"
          : std::filesystem::path(storage.base_directory);
  std::string text = std::filesystem::absolute(folder).lexically_normal().string();
  while (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

Result<S3Options> S3OptionsOf(const Storage& storage, const StorageDefaults& defaults) {
  KALAM_ASSIGN(const json::object config, ReadObject(storage.config_json, "CONFIG", "CONFIG"));
  KALAM_ASSIGN(const json::object credentials, ReadCredentials(storage, defaults));
  KALAM_TRY(CheckKeys(config, "CONFIG", kS3Keys));
  KALAM_TRY(CheckKeys(credentials, "CREDENTIALS", kCredentialKeys));
  const std::string type = TextOf(config, "type");
  if (!type.empty() && type != "s3")
    return Refuse(fmt::format("Invalid CONFIG: type '{}' does not fit s3", type));
  S3Options options;
  KALAM_TRY(ReadLocation(storage.base_directory, options));
  const auto first = [](std::initializer_list<std::string> texts) {
    for (const std::string& text : texts) {
      if (!text.empty()) return text;
    }
    return std::string();
  };
  options.region = first({TextOf(config, "region"), EnvOf(defaults, "AWS_REGION"), "us-east-1"});
  if (!std::all_of(options.region.begin(), options.region.end(),
                   [](char c) { return IsHostCharacter(c) && c != ':'; })) {
    return Refuse("Invalid region: letters, digits and '-' only");
  }
  const std::string endpoint = TextOf(config, "endpoint");
  if (endpoint.empty()) {
    options.endpoint = fmt::format("https://s3.{}.amazonaws.com", options.region);
    // A certificate covers one level of names below the endpoint.
    options.path_style = options.bucket.find('.') != std::string::npos;
  } else {
    KALAM_ASSIGN(options.endpoint, CheckEndpoint(endpoint, FlagOf(config, "allow_http").value_or(false)));
    options.path_style = true;
  }
  options.path_style = FlagOf(config, "path_style").value_or(options.path_style);
  options.access_key_id = first({TextOf(credentials, "access_key_id"), TextOf(credentials, "access_key"),
                                 TextOf(config, "access_key_id")});
  options.secret_access_key = first({TextOf(credentials, "secret_access_key"),
                                     TextOf(credentials, "secret_key"), TextOf(config, "secret_access_key")});
  options.session_token = first({TextOf(credentials, "session_token"), TextOf(config, "session_token")});
  if (options.access_key_id.empty() != options.secret_access_key.empty()) {
    return Refuse("Invalid CREDENTIALS: access_key_id and secret_access_key go together");
  }
  if (options.access_key_id.empty()) {
    options.access_key_id = EnvOf(defaults, "AWS_ACCESS_KEY_ID");
    options.secret_access_key = EnvOf(defaults, "AWS_SECRET_ACCESS_KEY");
    options.session_token = EnvOf(defaults, "AWS_SESSION_TOKEN");
  }
  for (const std::string* secret :
       {&options.access_key_id, &options.secret_access_key, &options.session_token}) {
    const bool printable =
        std::all_of(secret->begin(), secret->end(), [](char c) { return c > ' ' && c < 0x7f; });
    if (!printable)
      return Refuse("Invalid CREDENTIALS: keys and tokens hold no blanks or control characters");
  }
  options.connect_timeout_ms = defaults.connect_timeout_ms;
  options.request_timeout_ms = defaults.request_timeout_ms;
  options.staging_folder = fmt::format("{}/staging/{}", defaults.data_path, EscapePart(storage.id));
  return options;
}

Status ValidateStorage(const Storage& storage, const StorageDefaults& defaults) {
  KALAM_TRY(ValidateTemplate(TemplateKind::kShared, storage.shared_tables_template));
  KALAM_TRY(ValidateTemplate(TemplateKind::kUser, storage.user_tables_template));
  if (storage.type == StorageType::kFilesystem) return CheckFolder(storage, defaults);
  KALAM_TRY(S3OptionsOf(storage, defaults));
  return {};
}

Status AdoptConfigSecrets(Storage& storage, bool credentials_given, const StorageDefaults& defaults) {
  KALAM_ASSIGN(json::object config, ReadObject(storage.config_json, "CONFIG", "CONFIG"));
  KALAM_ASSIGN(json::object credentials, ReadCredentials(storage, defaults));
  bool moved = false;
  for (const auto& [key, alias] : kSecretKeys) {
    const json::value* value = config.if_contains(key);
    if (value == nullptr) continue;
    const bool has_own = credentials.contains(key) || credentials.contains(alias);
    if (!credentials_given || !has_own) {
      credentials.erase(alias);
      credentials.insert_or_assign(key, *value);
    }
    config.erase(key);
    moved = true;
  }
  if (!moved) return {};
  storage.config_json = json::serialize(config);
  storage.credentials_json = json::serialize(credentials);
  return {};
}

Status SealSecrets(Storage& storage, const StorageDefaults& defaults) {
  if (storage.credentials_json.empty() || SecretBox::IsSealed(storage.credentials_json)) return {};
  storage.credentials_json = defaults.secrets->Seal(storage.credentials_json, storage.id);
  return {};
}

std::string MaskSecrets(std::string_view text) {
  boost::system::error_code error;
  json::value value = json::parse(text, error);
  if (error || !value.is_object()) return "\"***\"";
  for (auto& [key, member] : value.as_object()) {
    if (IsSecretKey(key)) member = "***";
  }
  return json::serialize(value);
}

}  // namespace kalam::cold
