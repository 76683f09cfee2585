// Thread: the caller's, and one for each client
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <vector>

namespace outrigger::attack {

// Clients that ask for "/" over HTTP/1.1 now and then, each on a connection that it keeps, and take the time. They are
// few: when the whole machine stands still, as a busy or a virtual one does now and then, each of them waits once.
class PoliteClients {
 public:
  struct Options {
    int port = 0;
    int clients = 2;
    std::chrono::milliseconds each{5}, time{10'000};
  };
  explicit PoliteClients(Options options) : options_(options) {}
  void Run();  // takes options.time

  size_t requests() const { return times_.size(); }
  int failed() const { return failed_; }  // no answer, or another than 200
  int64_t Percentile(int percent) const;  // microseconds, of the answered

 private:
  void One(int number);
  void Keep(const std::vector<int64_t>& times, int failed);

  const Options options_;
  std::mutex mutex_;
  std::vector<int64_t> times_;
  int failed_ = 0;
};

}  // namespace outrigger::attack
