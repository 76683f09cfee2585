// Thread: its loop; Wake() any
#pragma once

#include <sys/epoll.h>

#include <memory>
#include <string>
#include <vector>

#include "source/base/random.h"
#include "source/event/engine.h"

namespace outrigger::event {

class AresResolver;
class InotifyWatcher;

// The engine of production: epoll, edge-triggered, one registration in a socket's life. Private to this room; others
// call MakeEpollEngine().
class EpollEngine final : public Engine {
 public:
  explicit EpollEngine(EpollOptions options);
  ~EpollEngine() override;

  MonotonicTime MonotonicNow() override;
  WallTime WallNow() override;
  uint64_t RandomBits() override { return random_.Next(); }
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

  void Register(int fd, IoHandler* handler) override;
  void RegisterShared(int fd, IoHandler* handler) override;
  void Unregister(int fd) override;
  void Wait(Duration longest) override;
  int Deliver() override;
  void Wake() override;
  HeapUse Heap() override;
  void ReturnFreeHeap() override;
  FileUse Files() override;

  std::unique_ptr<Query> Resolve(absl::string_view name, ResolveFamily family,
                                 absl::AnyInvocable<void(const ResolveAnswer&) &&> done) override;

  absl::StatusOr<std::string> ReadFile(absl::string_view path, size_t limit) override;
  IoResult OpenAppend(absl::string_view path) override;
  IoResult Append(int fd, absl::string_view bytes) override;
  absl::Status ReplaceFile(absl::string_view path, absl::string_view bytes, uint32_t mode) override;
  IoResult ChangeMode(absl::string_view path, uint32_t mode) override;
  absl::Status CheckOwner(absl::string_view path, uint32_t forbidden) override;
  absl::Status RemoveFile(absl::string_view path) override;
  absl::Status MakeFolder(absl::string_view path, uint32_t mode) override;
  absl::StatusOr<std::vector<std::string>> ListFolder(absl::string_view path) override;
  absl::StatusOr<std::unique_ptr<FileWatch>> WatchFile(absl::string_view path, std::function<void()> changed) override;

  // For c-ares, which does not always read until EAGAIN: level-triggered; again with other events changes them.
  void RegisterLevel(int fd, IoHandler* handler, uint32_t epoll_events);

 private:
  static constexpr int kMostEvents = 32;  // then what they wrote is sent
  // Unless they had next to nothing to do at once, or put it off: then whoever is ready behind them is looked for too.
  static constexpr Duration kIdleBatch = microseconds(10);
  static constexpr int kMostBatches = 16;
  // The kernel doubles a process's table of descriptors when it is full, and if there are threads waits for all CPUs
  // then: a turn of milliseconds. So it gets room for as many at the start.
  static constexpr int kDescriptorsAtOnce = 16 * 1024;
  // Who hears of a descriptor. The generation tells events of an earlier registration of the same number apart.
  struct Registered {
    IoHandler* handler = nullptr;
    uint32_t generation = 0;
    bool shared = false;  // a listening socket: its address is free as soon as it is closed
  };
  struct UnwatchedListener {
    uint64_t tag;
    uint32_t epoll_events;
  };
  static constexpr Duration kUnwatchedEvery = milliseconds(100);
  Registered& Slot(int fd);
  // Closing what still holds much, as when a connection with a hundred streams ends, takes the kernel long: after some,
  // the others wait for the turns after, and get a third of the time unless they are many. Never a listening socket.
  static constexpr int kClosesAtOnce = 2;
  static constexpr Duration kDearClose = microseconds(15);
  static constexpr size_t kManyToClose = 256;
  static constexpr Duration kShareOfCloses = microseconds(30);
  void MakeRoomForDescriptors();
  void CloseWaiting();
  int DeliverReady();
  int DeliverBatch();
  int DeliverUnwatched();
  int DeliverUnwatchedListeners();

  const EpollOptions options_;
  int epoll_ = -1;
  int wake_ = -1;
  Random random_;
  std::vector<Registered> registered_;  // by descriptor
  epoll_event ready_[kMostEvents];
  int ready_count_ = 0;
  int closed_at_once_ = 0;  // in this turn
  std::vector<int> to_close_;
  size_t next_to_close_ = 0;
  MonotonicTime closes_due_;
  std::vector<uint64_t> unwatched_;                     // tags of connections that epoll did not take: they have ended
  std::vector<UnwatchedListener> unwatched_listeners_;  // as well not taken: tried again, and looked at meanwhile
  MonotonicTime listeners_due_;
  std::unique_ptr<InotifyWatcher> watcher_;  // made on first use
  std::unique_ptr<AresResolver> resolver_;   // made on first use
};

}  // namespace outrigger::event
