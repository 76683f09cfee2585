#include "source/event/epoll_engine.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "source/base/bug.h"
#include "source/base/log.h"
#include "source/event/ares_resolver.h"
#include "source/event/file_calls.h"
#include "source/event/inotify_watcher.h"

namespace outrigger::event {
namespace {

IoResult Result(int64_t returned) { return returned >= 0 ? returned : -errno; }

template <class Call>
IoResult Retry(Call&& call) {
  for (;;) {
    const int64_t returned = call();
    if (returned >= 0) return returned;
    if (errno != EINTR) return -errno;
  }
}

Duration ReadClock(clockid_t clock) {
  timespec now;
  OUTRIGGER_CHECK(clock_gettime(clock, &now) == 0);
  return seconds(now.tv_sec) + nanoseconds(now.tv_nsec);
}

void FillRandom(char* out, size_t n) {
  while (n > 0) {
    const ssize_t got = getrandom(out, n, 0);
    if (got < 0) {
      OUTRIGGER_CHECK(errno == EINTR);
      continue;
    }
    out += got;
    n -= static_cast<size_t>(got);
  }
}

uint64_t RandomSeed() {
  uint64_t seed;
  FillRandom(reinterpret_cast<char*>(&seed), sizeof(seed));
  return seed;
}

uint64_t Tag(int fd, uint32_t generation) { return (uint64_t{generation} << 32) | static_cast<uint32_t>(fd); }

uint32_t ReadyBitsOf(uint32_t events) {
  uint32_t bits = 0;
  if (events & (EPOLLIN | EPOLLPRI)) bits |= kReadable;
  if (events & EPOLLOUT) bits |= kWritable;
  if (events & EPOLLRDHUP) bits |= kReadable | kPeerClosed;
  if (events & EPOLLHUP) bits |= kReadable | kWritable | kPeerClosed;
  if (events & EPOLLERR) bits |= kReadable | kWritable | kError;
  return bits;
}

}  // namespace

EpollEngine::EpollEngine(EpollOptions options)
    : options_(std::move(options)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      random_(RandomSeed()) {
  OUTRIGGER_CHECK(epoll_ >= 0 && wake_ >= 0);
  // Edge-triggered: each write is an event of its own, nobody needs to read the counter.
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  event.data.u64 = Tag(wake_, 0);
  OUTRIGGER_CHECK(epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event) == 0);
  MakeRoomForDescriptors();
}

void EpollEngine::MakeRoomForDescriptors() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const int last = static_cast<int>(std::min<rlim_t>(limit.rlim_cur, kDescriptorsAtOnce)) - 1;
  const int copy = fcntl(epoll_, F_DUPFD_CLOEXEC, last);  // the table stays as large as it was for this
  if (copy >= 0) close(copy);
}

EpollEngine::~EpollEngine() {
  resolver_.reset();
  watcher_.reset();
  for (; next_to_close_ < to_close_.size(); ++next_to_close_) close(to_close_[next_to_close_]);
  close(wake_);
  close(epoll_);
}

MonotonicTime EpollEngine::MonotonicNow() { return MonotonicTime(ReadClock(CLOCK_MONOTONIC)); }

WallTime EpollEngine::WallNow() { return WallTime(ReadClock(CLOCK_REALTIME)); }

void EpollEngine::SecureRandom(char* out, size_t n) { FillRandom(out, n); }

IoResult EpollEngine::Socket(int family, int type, int protocol) {
  return Result(::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
}

IoResult EpollEngine::Bind(int fd, const sockaddr* address, socklen_t length) {
  return Result(::bind(fd, address, length));
}

IoResult EpollEngine::Listen(int fd, int backlog) { return Result(::listen(fd, backlog)); }

IoResult EpollEngine::Accept(int fd, sockaddr_storage* peer, socklen_t* length) {
  return Retry([&] { return ::accept4(fd, reinterpret_cast<sockaddr*>(peer), length, SOCK_NONBLOCK | SOCK_CLOEXEC); });
}

IoResult EpollEngine::Connect(int fd, const sockaddr* address, socklen_t length) {
  // Not repeated after EINTR: a non-blocking connect goes on by itself.
  const IoResult result = Result(::connect(fd, address, length));
  return result == -EINTR ? -EINPROGRESS : result;
}

// The four calls of a small exchange, without what the library puts around them: a thread of a process with several
// may be cancelled in its read() and send(), which costs two atomic operations each; and recvfrom() does not go through
// the file layer. Together some 130 ns of an exchange.
IoResult EpollEngine::Readv(int fd, const iovec* into, int count) {
  if (count == 1) {
    const IoResult got =
        Retry([&] { return ::syscall(SYS_recvfrom, fd, into->iov_base, into->iov_len, 0, nullptr, nullptr); });
    if (got != -ENOTSOCK) return got;
  }
  return Retry([&] { return ::readv(fd, into, count); });
}

IoResult EpollEngine::Writev(int fd, const iovec* from, int count) {
  if (count == 1) {
    return Retry([&] { return ::syscall(SYS_sendto, fd, from->iov_base, from->iov_len, MSG_NOSIGNAL, nullptr, 0); });
  }
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(from);
  message.msg_iovlen = static_cast<size_t>(count);
  return Retry([&] { return ::syscall(SYS_sendmsg, fd, &message, MSG_NOSIGNAL); });
}

IoResult EpollEngine::Peek(int fd, char* into, size_t n) {
  return Retry([&] { return ::recv(fd, into, n, MSG_PEEK); });
}

IoResult EpollEngine::Shutdown(int fd, int how) { return Result(::shutdown(fd, how)); }

IoResult EpollEngine::Close(int fd) {
  // Closing takes the descriptor out of the epoll set by itself: no epoll_ctl.
  if (fd >= 0 && static_cast<size_t>(fd) < registered_.size() && registered_[fd].handler != nullptr) {
    registered_[fd].handler = nullptr;
    ++registered_[fd].generation;
    if (!registered_[fd].shared && ++closed_at_once_ > kClosesAtOnce) {
      to_close_.push_back(fd);
      return 0;
    }
    const MonotonicTime begun = MonotonicNow();
    const IoResult closed = Result(::close(fd));
    if (MonotonicNow() - begun > kDearClose) closed_at_once_ = kClosesAtOnce;
    return closed;
  }
  return Result(::close(fd));  // never repeated: the number may be in use again already
}

void EpollEngine::CloseWaiting() {
  closed_at_once_ = 0;
  if (to_close_.empty()) return;
  const MonotonicTime begun = MonotonicNow();
  if (begun < closes_due_ && to_close_.size() - next_to_close_ < kManyToClose) return;
  MonotonicTime now = begun;
  do {
    ::close(to_close_[next_to_close_++]);
    now = MonotonicNow();
  } while (next_to_close_ < to_close_.size() && now - begun < kShareOfCloses);
  closes_due_ = now + 2 * (now - begun);
  if (next_to_close_ < to_close_.size()) return;
  to_close_.clear();
  next_to_close_ = 0;
}

IoResult EpollEngine::SetOption(int fd, int level, int name, const void* value, socklen_t length) {
  return Result(::setsockopt(fd, level, name, value, length));
}

IoResult EpollEngine::GetOption(int fd, int level, int name, void* value, socklen_t* length) {
  return Result(::getsockopt(fd, level, name, value, length));
}

IoResult EpollEngine::LocalAddress(int fd, sockaddr_storage* out, socklen_t* length) {
  *length = sizeof(*out);
  return Result(::getsockname(fd, reinterpret_cast<sockaddr*>(out), length));
}

IoResult EpollEngine::PeerAddress(int fd, sockaddr_storage* out, socklen_t* length) {
  *length = sizeof(*out);
  return Result(::getpeername(fd, reinterpret_cast<sockaddr*>(out), length));
}

EpollEngine::Registered& EpollEngine::Slot(int fd) {
  OUTRIGGER_CHECK(fd >= 0);
  if (static_cast<size_t>(fd) >= registered_.size()) {
    registered_.resize(std::max<size_t>(static_cast<size_t>(fd) + 1, registered_.size() * 2));
  }
  return registered_[fd];
}

void EpollEngine::Register(int fd, IoHandler* handler) {
  RegisterLevel(fd, handler, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
  registered_[fd].shared = false;
}

void EpollEngine::RegisterShared(int fd, IoHandler* handler) {
  RegisterLevel(fd, handler, EPOLLIN | EPOLLET | EPOLLEXCLUSIVE);
  registered_[fd].shared = true;
}

void EpollEngine::RegisterLevel(int fd, IoHandler* handler, uint32_t epoll_events) {
  Registered& slot = Slot(fd);
  const bool add = slot.handler == nullptr;
  slot.handler = handler;
  ++slot.generation;
  epoll_event event{};
  event.events = epoll_events;
  event.data.u64 = Tag(fd, slot.generation);
  if (epoll_ctl(epoll_, add ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) == 0) return;
  // The kernel has no memory for it, or the user watches too many (fs.epoll.max_user_watches).
  OUTRIGGER_CHECK(add && errno != EBADF && errno != EEXIST);
  const int error = errno;
  int listens = 0;
  socklen_t length = sizeof(listens);
  if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) == 0 && listens != 0) {
    OUTRIGGER_LOG(kWarn, kMain, "epoll refuses a listening socket: ", strerror(error), "; it is looked at every ",
                  ToMillis(kUnwatchedEvery), " ms until epoll takes it");
    unwatched_listeners_.push_back({event.data.u64, epoll_events});
    return;
  }
  // Nothing would ever be heard of this connection: its owner hears of its end instead.
  ::shutdown(fd, SHUT_RDWR);
  unwatched_.push_back(event.data.u64);
}

// Other workers may watch the same socket, and it is to serve again when there is room: it is never shut down.
int EpollEngine::DeliverUnwatchedListeners() {
  const MonotonicTime now = MonotonicNow();
  if (now < listeners_due_) return 0;
  listeners_due_ = now + kUnwatchedEvery;
  int called = 0;
  for (const UnwatchedListener& listener : std::exchange(unwatched_listeners_, {})) {
    const int fd = static_cast<int>(static_cast<uint32_t>(listener.tag));
    const Registered slot = registered_[fd];
    if (slot.handler == nullptr || slot.generation != static_cast<uint32_t>(listener.tag >> 32)) continue;
    epoll_event event{};
    event.events = listener.epoll_events;
    event.data.u64 = listener.tag;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) unwatched_listeners_.push_back(listener);
    slot.handler->OnReady(kReadable);  // there may be newcomers, or none
    ++called;
  }
  return called;
}

void EpollEngine::Unregister(int fd) {
  Registered& slot = Slot(fd);
  if (slot.handler == nullptr) return;
  slot.handler = nullptr;
  ++slot.generation;
  epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
}

void EpollEngine::Wait(Duration longest) {
  CloseWaiting();
  if (!to_close_.empty()) longest = Duration::zero();
  if (resolver_ != nullptr) longest = std::min(longest, resolver_->NextDue());
  if (!unwatched_.empty()) longest = Duration::zero();
  if (!unwatched_listeners_.empty()) longest = std::min(longest, kUnwatchedEvery);
  int timeout_ms = -1;
  if (longest <= Duration::zero()) {
    timeout_ms = 0;
  } else if (longest < hours(24 * 20)) {
    timeout_ms = static_cast<int>(ToMillis(longest + milliseconds(1) - nanoseconds(1)));  // never early
  }
  const int n = epoll_wait(epoll_, ready_, kMostEvents, timeout_ms);
  ready_count_ = std::max(n, 0);
}

int EpollEngine::DeliverUnwatched() {
  int called = 0;
  for (const uint64_t tag : std::exchange(unwatched_, {})) {
    const Registered slot = registered_[static_cast<uint32_t>(tag)];
    if (slot.handler == nullptr || slot.generation != static_cast<uint32_t>(tag >> 32)) continue;
    slot.handler->OnReady(kReadable | kWritable | kPeerClosed | kError);
    ++called;
  }
  return called;
}

int EpollEngine::Deliver() {
  int called = DeliverUnwatched();
  if (!unwatched_listeners_.empty()) called += DeliverUnwatchedListeners();
  called += DeliverReady();
  if (watcher_ != nullptr) called += watcher_->Deliver();
  if (resolver_ != nullptr) called += resolver_->Deliver();
  return called;
}

int EpollEngine::DeliverReady() {
  int called = 0;
  for (int batch = 0; ready_count_ == kMostEvents && batch < kMostBatches; ++batch) {
    const MonotonicTime begun = MonotonicNow();
    called += DeliverBatch();
    if (MonotonicNow() - begun > kIdleBatch) return called;
    ready_count_ = std::max(epoll_wait(epoll_, ready_, kMostEvents, 0), 0);
  }
  return called + DeliverBatch();
}

int EpollEngine::DeliverBatch() {
  int called = 0;
  for (int i = 0; i < ready_count_; ++i) {
    const uint64_t tag = ready_[i].data.u64;
    const uint32_t fd = static_cast<uint32_t>(tag);
    if (fd >= registered_.size()) continue;
    const Registered slot = registered_[fd];
    if (slot.handler == nullptr || slot.generation != static_cast<uint32_t>(tag >> 32)) continue;
    slot.handler->OnReady(ReadyBitsOf(ready_[i].events));
    ++called;
  }
  ready_count_ = 0;
  return called;
}

void EpollEngine::Wake() {
  const uint64_t one = 1;
  // Fails only if the counter is full, and then a wake is pending.
  [[maybe_unused]] const ssize_t written = ::write(wake_, &one, sizeof(one));
}

std::unique_ptr<Engine::Query> EpollEngine::Resolve(absl::string_view name, ResolveFamily family,
                                                    absl::AnyInvocable<void(const ResolveAnswer&) &&> done) {
  if (resolver_ == nullptr) resolver_ = std::make_unique<AresResolver>(*this, options_.dns_servers);
  return resolver_->Resolve(name, family, std::move(done));
}

absl::StatusOr<std::string> EpollEngine::ReadFile(absl::string_view path, size_t limit) {
  return file_calls::Read(path, limit);
}

IoResult EpollEngine::OpenAppend(absl::string_view path) { return file_calls::OpenAppend(path); }

IoResult EpollEngine::Append(int fd, absl::string_view bytes) { return file_calls::WriteAll(fd, bytes); }

absl::Status EpollEngine::ReplaceFile(absl::string_view path, absl::string_view bytes, uint32_t mode) {
  return file_calls::Replace(path, bytes, mode, random_.Next());
}

absl::Status EpollEngine::RemoveFile(absl::string_view path) { return file_calls::Remove(path); }

absl::Status EpollEngine::MakeFolder(absl::string_view path, uint32_t mode) {
  return file_calls::MakeFolder(path, mode);
}

IoResult EpollEngine::ChangeMode(absl::string_view path, uint32_t mode) { return file_calls::ChangeMode(path, mode); }

absl::Status EpollEngine::CheckOwner(absl::string_view path, uint32_t forbidden) {
  return file_calls::CheckOwner(path, forbidden);
}

Engine::HeapUse EpollEngine::Heap() {
  const struct mallinfo2 info = mallinfo2();
  return {info.uordblks + info.hblkhd, info.fordblks};
}

void EpollEngine::ReturnFreeHeap() { malloc_trim(0); }

Engine::FileUse EpollEngine::Files() { return file_calls::OpenFiles(); }

absl::StatusOr<std::vector<std::string>> EpollEngine::ListFolder(absl::string_view path) {
  return file_calls::List(path);
}

absl::StatusOr<std::unique_ptr<Engine::FileWatch>> EpollEngine::WatchFile(absl::string_view path,
                                                                          std::function<void()> changed) {
  if (watcher_ == nullptr) watcher_ = std::make_unique<InotifyWatcher>(*this);
  return watcher_->Watch(path, std::move(changed));
}

std::unique_ptr<Engine> MakeEpollEngine(EpollOptions options) {
  return std::make_unique<EpollEngine>(std::move(options));
}

}  // namespace outrigger::event
