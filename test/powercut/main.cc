// kalamdb-server-powercut: the server on a file system where `kill -9` is a power cut. KALAM_POWERCUT_ROOT
// names the folder that has such a disk; the other variables are those of OptionsFromEnvironment.
#include <rocksdb/env.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "power_cut_fs.h"
#include "server/run.h"

int main(int argc, char** argv) {
  const char* root = std::getenv("KALAM_POWERCUT_ROOT");
  if (root == nullptr) {
    std::fputs("kalamdb-server-powercut: KALAM_POWERCUT_ROOT must name a folder\n", stderr);
    return 2;
  }
  const auto disk = std::make_shared<kalam::powercut::PowerCutFileSystem>(
      rocksdb::FileSystem::Default(), root, kalam::powercut::OptionsFromEnvironment());
  const std::unique_ptr<rocksdb::Env> env = rocksdb::NewCompositeEnv(disk);
  return kalam::server::RunServer(argc, argv, env.get());
}
