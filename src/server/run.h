// The server program as a function, so that fault tests can run it on files of their own making.
#pragma once

namespace rocksdb {
class Env;
}

namespace kalam::server {

// Runs until SIGINT or SIGTERM. `env` (not owned) replaces the operating system's files; nullptr in
// production. Returns the exit code.
int RunServer(int argc, char** argv, rocksdb::Env* env);

}  // namespace kalam::server
