// Live subscriptions as the cases need them: many WebSockets on one thread, plain epoll. JSON without
// compression, so that contents can be checked at little cost.
//
// Errors: the first fault of any socket (an error message, a close, a change that the case calls wrong) ends
// everything; WaitForChanges tells it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace kalam::bench {

struct LiveOptions {
  uint16_t port = 0;
  std::string token;
  int sockets = 1;
  int subscriptions = 1;  // per socket
  bool snapshot = false;  // ask for the rows that are there; else changes only
  std::function<std::string(int socket, int subscription)> sql;
  // Called on the receiving thread; false = this is not the change that had to come.
  std::function<bool(int socket, std::string_view message)> on_change;
};

class LiveSockets {
 public:
  // Connects, authenticates and subscribes everything; BenchError when it cannot. Snapshots are read to their
  // end.
  explicit LiveSockets(LiveOptions options);
  ~LiveSockets();
  LiveSockets(const LiveSockets&) = delete;
  LiveSockets& operator=(const LiveSockets&) = delete;

  // Starts to receive.
  void Start();
  // Waits until so many changes have come in all, over all sockets; BenchError at a fault or after `seconds`.
  void WaitForChanges(uint64_t changes, double seconds);
  // Nanoseconds from the sending of the first subscribe message to the end of the last snapshot.
  int64_t subscribe_nanos() const { return subscribe_nanos_; }
  uint64_t snapshot_bytes() const { return snapshot_bytes_; }
  uint64_t changes() const { return changes_; }
  int64_t last_change_nanos() const { return last_change_nanos_; }

 private:
  struct Socket;

  void Open(Socket& socket, int number);
  void Subscribe(Socket& socket, int number);
  void Receive(Socket& socket);
  bool TakeFrames(Socket& socket);
  bool TakeMessage(Socket& socket, std::string_view message);
  void ReadBlocking(Socket& socket);
  void Run();
  void Fault(std::string why);

  LiveOptions options_;
  int epoll_ = -1;
  int stop_fd_ = -1;
  std::vector<std::unique_ptr<Socket>> sockets_;
  int64_t subscribe_nanos_ = 0;
  uint64_t snapshot_bytes_ = 0;
  std::atomic<uint64_t> changes_{0};
  std::atomic<int64_t> last_change_nanos_{0};
  std::mutex mu_;
  std::string fault_;  // guarded by mu_
  std::atomic<bool> failed_{false};
  std::thread thread_;
};

// The number behind "id":" in the first row of a change, or UINT64_MAX.
uint64_t ChangedId(std::string_view message);

}  // namespace kalam::bench
