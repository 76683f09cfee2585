// Thread: the world's
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "source/base/random.h"
#include "source/event/engine.h"

namespace outrigger::event {

class Dispatcher;
class SimulatedWorld;

// One dispatcher's engine in a SimulatedWorld. Private to this room; tests make it through the world.
class SimulatedEngine final : public Engine {
 public:
  SimulatedEngine(SimulatedWorld& world, int index, int host, uint64_t seed);
  ~SimulatedEngine() override;

  MonotonicTime MonotonicNow() override;
  WallTime WallNow() override;
  uint64_t RandomBits() override;
  void SecureRandom(char* out, size_t n) override;

  IoResult Socket(int family, int type, int protocol) override;
  IoResult Bind(int fd, const sockaddr* address, socklen_t length) override;
  IoResult Listen(int fd, int backlog) override;
  IoResult Accept(int fd, sockaddr_storage* peer, socklen_t* length) override;
  IoResult Connect(int fd, const sockaddr* address, socklen_t length) override;
  IoResult Readv(int fd, const iovec* into, int count) override;
  IoResult Writev(int fd, const iovec* from, int count) override;
  IoResult Peek(int fd, char* into, size_t n) override;
  IoResult Shutdown(int fd, int how) override;
  IoResult Close(int fd) override;
  IoResult SetOption(int fd, int level, int name, const void* value, socklen_t length) override;
  IoResult GetOption(int fd, int level, int name, void* value, socklen_t* length) override;
  IoResult LocalAddress(int fd, sockaddr_storage* out, socklen_t* length) override;
  IoResult PeerAddress(int fd, sockaddr_storage* out, socklen_t* length) override;

  void Register(int fd, IoHandler* handler) override { RegisterAs(fd, handler, false); }
  void RegisterShared(int fd, IoHandler* handler) override { RegisterAs(fd, handler, true); }
  void Unregister(int fd) override;
  void Wait(Duration longest) override;
  int Deliver() override;
  void Wake() override {}  // the world looks at every dispatcher anyway

  std::unique_ptr<Query> Resolve(absl::string_view name, ResolveFamily family,
                                 absl::AnyInvocable<void(const ResolveAnswer&) &&> done) override;

  absl::StatusOr<std::string> ReadFile(absl::string_view path, size_t limit) override;
  IoResult OpenAppend(absl::string_view path) override;
  IoResult Append(int fd, absl::string_view bytes) override;
  absl::Status ReplaceFile(absl::string_view path, absl::string_view bytes, uint32_t mode) override;
  IoResult ChangeMode(absl::string_view path, uint32_t mode) override;
  absl::Status RemoveFile(absl::string_view path) override;
  absl::Status MakeFolder(absl::string_view path, uint32_t mode) override;
  absl::Status CheckOwner(absl::string_view path, uint32_t forbidden) override;
  absl::StatusOr<std::vector<std::string>> ListFolder(absl::string_view path) override;
  absl::StatusOr<std::unique_ptr<FileWatch>> WatchFile(absl::string_view path, std::function<void()> changed) override;

  // For the world.
  void MarkReady(int fd);
  void PushCallback(absl::AnyInvocable<void()> callback) { callbacks_.push_back(std::move(callback)); }
  bool HasDeliverable() const { return !ready_.empty() || !callbacks_.empty(); }
  void set_dispatcher(Dispatcher* dispatcher) { dispatcher_ = dispatcher; }
  Dispatcher* dispatcher() const { return dispatcher_; }
  int index() const { return index_; }
  int host() const { return host_; }
  MonotonicTime stalled_until;

 private:
  struct Registered {
    IoHandler* handler;
    uint64_t generation;
  };
  struct Ready {
    int fd;
    uint64_t generation;
    uint32_t bits;
  };
  IoResult Traced(const char* kind, int fd, IoResult result);
  void RegisterAs(int fd, IoHandler* handler, bool shared);
  class PendingQuery;

  SimulatedWorld& world_;
  const int index_;
  const int host_;
  Random random_;
  Dispatcher* dispatcher_ = nullptr;
  std::map<int, Registered> registered_;
  uint64_t generations_ = 0;
  std::map<int, bool> ready_;  // descriptors with an event that was not fetched
  std::vector<Ready> fetched_;
  std::vector<absl::AnyInvocable<void()>> callbacks_;
};

}  // namespace outrigger::event
