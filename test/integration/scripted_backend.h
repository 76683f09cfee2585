// Thread: any
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace outrigger::integration {

// A blocking server whose behaviour is a function per connection: for tests of what a proxy does when upstreams misbehave. `serve` runs
// on a thread of its own with the connection and its number (0, 1, ...); the connection is closed when it returns.
class ScriptedBackend {
 public:
  class Peer {
   public:
    explicit Peer(int fd) : fd_(fd) {}
    // A request head with its content-length or chunked body as sent; "" when the connection ended.
    std::string ReadRequest();
    std::string ReadSome();         // whatever comes; "" at the end
    void Write(const std::string& bytes);
    void Reset();                   // RST
    bool WaitForEnd();              // reads until the proxy closes; true if it did
    int fd() const { return fd_; }

   private:
    int fd_;
    std::string pending_;
  };
  explicit ScriptedBackend(std::function<void(Peer&, int)> serve);
  ~ScriptedBackend();
  uint16_t port() const { return port_; }
  int connections() const { return connections_.load(); }
  int requests() const { return requests_.load(); }
  void CountRequest() { ++requests_; }

 private:
  std::function<void(Peer&, int)> serve_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::atomic<int> connections_{0};
  std::atomic<int> requests_{0};
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::vector<std::thread> threads_;
  std::vector<int> open_;
  std::thread acceptor_;
};

}  // namespace outrigger::integration
