// Thread: one Engine belongs to one Dispatcher and its thread; Wake() any
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "source/base/time.h"

namespace outrigger::event {

// What became possible on a descriptor. Edge-triggered: reported once, when it becomes true.
enum ReadyBits : uint32_t { kReadable = 1, kWritable = 2, kPeerClosed = 4, kError = 8 };

class IoHandler {
 public:
  virtual ~IoHandler() = default;
  // May unregister and close any descriptor, and destroy itself through Dispatcher::DestroyLater only. After
  // Unregister() or Close() returned, the handler of that descriptor is not called again, also not for events that were
  // already gathered.
  virtual void OnReady(uint32_t ready_bits) = 0;
};

// The answer of a socket or file call: bytes or descriptor (>= 0), or -errno. Nothing blocks; -EAGAIN says "not now".
using IoResult = int64_t;

struct ResolveAnswer {
  int error = 0;  // 0, or an ARES_* style code; text in `detail`
  std::string detail;
  std::vector<std::string> addresses;  // textual IP addresses, in answer order
  Duration ttl{0};
};
enum class ResolveFamily : uint8_t { kAuto, kV4Only, kV6Only, kV4Preferred, kAll };

// Owns every effect of a loop: sockets, readiness, clocks, random bits, name resolution, files. No other code of the
// proxy calls libc for these (tools/lint lists the symbols). Two implementations: EpollEngine, and SimulatedEngine with
// virtual time and seeded faults. Results are errno values, never exceptions.
class Engine {
 public:
  virtual ~Engine() = default;

  // Clocks. A Dispatcher reads them; everybody else asks the Dispatcher.
  virtual MonotonicTime MonotonicNow() = 0;
  virtual WallTime WallNow() = 0;
  virtual uint64_t RandomBits() = 0;                   // fast, not for keys
  virtual void SecureRandom(char* out, size_t n) = 0;  // for identifiers that must not be guessed

  // Sockets (addresses are plain sockaddr; all sockets are non-blocking and close-on-exec).
  virtual IoResult Socket(int family, int type, int protocol) = 0;
  virtual IoResult Bind(int fd, const sockaddr* address, socklen_t length) = 0;
  virtual IoResult Listen(int fd, int backlog) = 0;
  virtual IoResult Accept(int fd, sockaddr_storage* peer, socklen_t* length) = 0;
  virtual IoResult Connect(int fd, const sockaddr* address, socklen_t length) = 0;  // 0, or -EINPROGRESS, ...
  virtual IoResult Readv(int fd, const iovec* into, int count) = 0;                 // 0: end of stream
  virtual IoResult Writev(int fd, const iovec* from, int count) = 0;                // never raises SIGPIPE
  virtual IoResult Peek(int fd, char* into, size_t n) = 0;                          // recv(MSG_PEEK)
  virtual IoResult Shutdown(int fd, int how) = 0;
  virtual IoResult Close(int fd) = 0;  // also unregisters
  virtual IoResult SetOption(int fd, int level, int name, const void* value, socklen_t length) = 0;
  virtual IoResult GetOption(int fd, int level, int name, void* value, socklen_t* length) = 0;
  virtual IoResult LocalAddress(int fd, sockaddr_storage* out, socklen_t* length) = 0;
  virtual IoResult PeerAddress(int fd, sockaddr_storage* out, socklen_t* length) = 0;

  // Readiness, edge-triggered, registered once for a socket's life.
  virtual void Register(int fd, IoHandler* handler) = 0;
  // For a listening socket that several loops watch: a new connection wakes one of them where the system can do that.
  // Still edge-triggered: the woken loop accepts until -EAGAIN (or asks for another turn).
  virtual void RegisterShared(int fd, IoHandler* handler) { Register(fd, handler); }
  virtual void Unregister(int fd) = 0;
  // Waits at most `longest` (zero: only looks) for something to deliver. Then Deliver() calls the handlers that became
  // ready and the callbacks of name resolution and file watches, and returns how many. Between the two the Dispatcher
  // reads the clock.
  virtual void Wait(Duration longest) = 0;
  virtual int Deliver() = 0;
  virtual void Wake() = 0;  // any thread: ends a Wait

  // What the process has of what may run out; zero: nobody knows.
  struct HeapUse {
    uint64_t used = 0;  // handed out by the allocator
    uint64_t free = 0;  // kept by the allocator, given to nobody
  };
  virtual HeapUse Heap() { return {}; }
  virtual void ReturnFreeHeap() {}  // to the system, as far as it can
  struct FileUse {
    uint64_t open = 0;
    uint64_t most = 0;  // RLIMIT_NOFILE
  };
  virtual FileUse Files() { return {}; }

  // Name resolution. The answer comes on this loop, never before the call returned. The handle cancels when destroyed.
  class Query {
   public:
    virtual ~Query() = default;
  };
  virtual std::unique_ptr<Query> Resolve(absl::string_view name, ResolveFamily family,
                                         absl::AnyInvocable<void(const ResolveAnswer&) &&> done) = 0;

  // Files. Whole-file calls for configuration and secrets (at most `limit` bytes), append for logs, atomic replace for
  // state.
  virtual absl::StatusOr<std::string> ReadFile(absl::string_view path, size_t limit) = 0;
  virtual IoResult OpenAppend(absl::string_view path) = 0;
  virtual IoResult Append(int fd, absl::string_view bytes) = 0;
  // Writes `path` by a temporary file in the same folder, fsync, rename, fsync of the folder. mode as in open(2).
  virtual absl::Status ReplaceFile(absl::string_view path, absl::string_view bytes, uint32_t mode) = 0;
  virtual IoResult ChangeMode(absl::string_view path, uint32_t mode) = 0;  // a Unix socket's permissions
  // For what only we should have written, or read: an error unless the file or folder (through links) is this user's or
  // root's and has none of the permission bits `forbidden`.
  virtual absl::Status CheckOwner(absl::string_view path, uint32_t forbidden) = 0;
  virtual absl::Status RemoveFile(absl::string_view path) = 0;                 // also a stale Unix socket
  virtual absl::Status MakeFolder(absl::string_view path, uint32_t mode) = 0;  // ok if it is a folder already
  virtual absl::StatusOr<std::vector<std::string>> ListFolder(absl::string_view path) = 0;  // sorted names
  // Called on this loop after something at `path` changed (written and closed, replaced, or moved over, also when a
  // symlink on the way was swapped as Kubernetes does; a path that does not exist yet: when it comes into being).
  // Deleting a file is not reported. A folder: after anything in it changed, deletion included. Coalesced. The handle
  // ends it; it may be destroyed from its own callback.
  class FileWatch {
   public:
    virtual ~FileWatch() = default;
  };
  virtual absl::StatusOr<std::unique_ptr<FileWatch>> WatchFile(absl::string_view path,
                                                               std::function<void()> changed) = 0;
};

struct EpollOptions {
  std::string dns_servers;  // "address:port,..." instead of what /etc/resolv.conf says
};
std::unique_ptr<Engine> MakeEpollEngine(EpollOptions options = {});

}  // namespace outrigger::event
