// RocksDB's file objects over a FileNode.
#pragma once

#include <rocksdb/file_system.h>

#include <memory>
#include <random>
#include <string>

#include "file_node.h"
#include "power_cut_fs.h"

namespace kalam::powercut {

std::unique_ptr<rocksdb::FSSequentialFile> MakeSequentialFile(PowerCutFileSystem& fs,
                                                              std::shared_ptr<FileNode> node);
std::unique_ptr<rocksdb::FSRandomAccessFile> MakeRandomAccessFile(PowerCutFileSystem& fs,
                                                                  std::shared_ptr<FileNode> node);
// Writes from `position` on; `name` decides whether a lying disk lies about it.
std::unique_ptr<rocksdb::FSWritableFile> MakeWritableFile(PowerCutFileSystem& fs,
                                                          std::shared_ptr<FileNode> node, uint64_t position,
                                                          const std::string& name,
                                                          const rocksdb::FileOptions& options);
std::unique_ptr<rocksdb::FSRandomRWFile> MakeRandomRWFile(PowerCutFileSystem& fs,
                                                          std::shared_ptr<FileNode> node);
std::unique_ptr<rocksdb::FSDirectory> MakeDirectory(PowerCutFileSystem& fs, std::string folder);

}  // namespace kalam::powercut
