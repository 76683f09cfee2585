#include "source/net/listener.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace outrigger::net {

// A connection may be dear to begin (TLS): after so long the others in the queue wait, however few were accepted.
constexpr Duration kShareOfTurn = microseconds(30);

ListenSocket::ListenSocket(event::Engine& engine, const Address& address, const ListenOptions& options, size_t workers)
    : engine_(engine), address_(address), options_(options), workers_(workers == 0 ? 1 : workers) {
  local_varies_ = address.IsWildcard() || options.transparent;
}

ListenSocket::~ListenSocket() {
  for (int fd : fds_) engine_.Close(fd);
  if (owns_path_) engine_.RemoveFile(address_.ToString()).IgnoreError();
}

absl::Status ListenSocket::Error(absl::string_view what, int error) const {
  return absl::UnavailableError(
      absl::StrCat("cannot bind '", address_.ToString(), "': ", what, ": ", std::strerror(error)));
}

absl::StatusOr<std::shared_ptr<ListenSocket>> ListenSocket::Bind(event::Engine& engine, const Address& address,
                                                                 const ListenOptions& options, size_t workers) {
  std::shared_ptr<ListenSocket> made(new ListenSocket(engine, address, options, workers));
  absl::Status bound = made->BindAll();
  if (!bound.ok()) return bound;
  return made;
}

absl::Status ListenSocket::BindAll() {
  SocketOptions named;
  const int family = address_.family();
  size_t count = 1;
  if (address_.ip()) {
    AddReuseAddress(named);
    // Unless the configuration says itself how it wants it.
    guarded_ = absl::c_none_of(options_.socket_options, [](const SocketOption& option) {
      return option.level == SOL_SOCKET && option.name == SO_REUSEADDR;
    });
    if (options_.reuse_port) {
      AddReusePort(named);
      count = workers_;
    }
    if (options_.freebind) AddFreebind(family, named);
    if (options_.transparent) AddTransparent(family, named);
    if (family == AF_INET6) AddV6Only(!options_.ipv4_compat, named);
    AddNoDelay(named);
    AddKeepalive(options_.keepalive, named);
    if (options_.fast_open.has_value()) AddFastOpen(*options_.fast_open, named);
  } else if (!address_.IsAbstractUnix()) {
    absl::Status removed = RemoveStalePath();
    if (!removed.ok()) return removed;
  }
  for (const SocketOption& option : options_.socket_options) named.push_back(option);
  for (size_t i = 0; i < count; ++i) {
    absl::Status bound = BindOne(named);
    if (!bound.ok()) return bound;
  }
  options_.socket_options = std::move(named);
  return absl::OkStatus();
}

absl::Status ListenSocket::BindOne(const SocketOptions& named) {
  const event::IoResult fd = engine_.Socket(address_.family(), SOCK_STREAM, 0);
  if (fd < 0) return Error("socket", static_cast<int>(-fd));
  fds_.push_back(static_cast<int>(fd));
  SocketOptionResult set = ApplySocketOptions(engine_, fds_.back(), named, SocketOption::State::kPreBind);
  if (set.error != 0) return Error(set.what, set.error);
  const event::IoResult bound = engine_.Bind(fds_.back(), address_.sockaddr_ptr(), address_.sockaddr_length());
  if (bound < 0) return Error("bind", static_cast<int>(-bound));
  set = ApplySocketOptions(engine_, fds_.back(), named, SocketOption::State::kBound);
  if (set.error != 0) return Error(set.what, set.error);
  if (absl::Status guarded = Guard(fds_.back(), true); !guarded.ok()) return guarded;
  if (address_.kind() == Address::Kind::kUnix && !address_.IsAbstractUnix()) {
    owns_path_ = true;
    const event::IoResult mode =
        address_.unix_mode() == 0 ? 0 : engine_.ChangeMode(address_.ToString(), address_.unix_mode());
    if (mode < 0) return Error("chmod", static_cast<int>(-mode));
  }
  if (address_.ip() && address_.port() == 0) {  // the others of a reuse_port group bind to the same port
    sockaddr_storage storage{};
    socklen_t length = sizeof(storage);
    const event::IoResult asked = engine_.LocalAddress(fds_.back(), &storage, &length);
    if (asked < 0) return Error("getsockname", static_cast<int>(-asked));
    absl::StatusOr<Address> real = Address::FromSockaddr(reinterpret_cast<const sockaddr*>(&storage), length);
    if (!real.ok()) return real.status();
    address_ = address_.WithPort(real->port());
  }
  return absl::OkStatus();
}

// SO_REUSEADDR lets an address be bound whose connections of an earlier process linger; but it also lets anybody bind
// what is bound and does not listen yet, and listen first. So it is on only while we bind and while we listen.
absl::Status ListenSocket::Guard(int fd, bool on) {
  if (!guarded_) return absl::OkStatus();
  const int value = on ? 0 : 1;
  const event::IoResult set = engine_.SetOption(fd, SOL_SOCKET, SO_REUSEADDR, &value, sizeof(value));
  return set < 0 ? Error("SO_REUSEADDR", static_cast<int>(-set)) : absl::OkStatus();
}

// A path left by a process that is gone refuses a connection; one that is in use accepts it or is busy.
absl::Status ListenSocket::RemoveStalePath() {
  const event::IoResult fd = engine_.Socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd < 0) return Error("socket", static_cast<int>(-fd));
  const event::IoResult answer =
      engine_.Connect(static_cast<int>(fd), address_.sockaddr_ptr(), address_.sockaddr_length());
  engine_.Close(static_cast<int>(fd));
  if (answer == -ENOENT) return absl::OkStatus();
  if (answer != -ECONNREFUSED) return Error("the path is in use", EADDRINUSE);
  absl::Status removed = engine_.RemoveFile(address_.ToString());
  return removed.ok() || absl::IsNotFound(removed) ? absl::OkStatus() : removed;
}

absl::Status ListenSocket::Listen() {
  if (listening_) return absl::OkStatus();
  for (int fd : fds_) {
    if (absl::Status opened = Guard(fd, false); !opened.ok()) return opened;
    const event::IoResult done = engine_.Listen(fd, options_.backlog);
    if (done < 0) return Error("listen", static_cast<int>(-done));
    const SocketOptionResult set =
        ApplySocketOptions(engine_, fd, options_.socket_options, SocketOption::State::kListening);
    if (set.error != 0) return Error(set.what, set.error);
  }
  listening_ = true;
  return absl::OkStatus();
}

// --- Accepting ---

TcpListener::TcpListener(event::Dispatcher& dispatcher, std::shared_ptr<const ListenSocket> socket, size_t worker,
                         uint32_t max_accepts, Owner& owner)
    : dispatcher_(dispatcher),
      socket_(std::move(socket)),
      owner_(owner),
      fd_(socket_->fd(worker)),
      max_accepts_(max_accepts == 0 ? kAcceptsPerTurn : max_accepts),
      back_off_([this] { AcceptSome(max_accepts_); }) {}

TcpListener::~TcpListener() {
  if (registered_) dispatcher_.engine().Unregister(fd_);
  if (reserve_fd_ >= 0) dispatcher_.engine().Close(reserve_fd_);
}

void TcpListener::Start() {
  if (registered_ || stopped_) return;
  reserve_fd_ = static_cast<int>(dispatcher_.engine().Socket(AF_UNIX, SOCK_STREAM, 0));
  registered_ = true;
  if (socket_->shared()) {
    dispatcher_.engine().RegisterShared(fd_, this);
  } else {
    dispatcher_.engine().Register(fd_, this);
  }
}

void TcpListener::Pause() { paused_ = true; }

void TcpListener::Resume() {
  if (!std::exchange(paused_, false) || stopped_) return;
  if (ready_) dispatcher_.AtNextTurn(*this);
}

void TcpListener::Stop() {
  if (stopped_) return;
  for (uint32_t i = 0; registered_ && i < kMostOnStop && AcceptOne(); ++i) {
  }
  stopped_ = true;
  back_off_.Disarm();
  NextTurn::Unlink();
  if (std::exchange(registered_, false)) dispatcher_.engine().Unregister(fd_);
}

void TcpListener::OnReady(uint32_t ready_bits) {
  ready_ = true;
  dispatcher_.AtNextTurn(*this);  // after those who are here already
}

void TcpListener::AcceptSome(uint32_t most) {
  const uint64_t before = stats_.accepted;
  const MonotonicTime until = dispatcher_.engine().MonotonicNow() + kShareOfTurn;
  bool more = true;
  for (uint32_t i = 0; more && i < most; ++i) {
    if (i > 0 && dispatcher_.engine().MonotonicNow() >= until) break;
    more = !paused_ && !stopped_ && !back_off_.armed() && AcceptOne();
  }
  if (!stopped_ && stats_.accepted > before) {
    owner_.OnAcceptedTogether(static_cast<uint32_t>(stats_.accepted - before));
  }
  if (more && !paused_ && !stopped_) dispatcher_.AtNextTurn(*this);  // edge-triggered: there may be more
}

bool TcpListener::AcceptOne() {
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  event::Engine& engine = dispatcher_.engine();
  const event::IoResult fd = engine.Accept(fd_, &storage, &length);
  if (fd < 0) return OnAcceptError(static_cast<int>(-fd));
  AcceptedSocket accepted;
  accepted.fd = static_cast<int>(fd);
  absl::StatusOr<Address> remote = Address::FromSockaddr(reinterpret_cast<const sockaddr*>(&storage), length);
  if (remote.ok()) accepted.properties.remote = *std::move(remote);
  accepted.properties.local = socket_->address();
  if (socket_->local_varies()) {
    length = sizeof(storage);
    if (engine.LocalAddress(accepted.fd, &storage, &length) >= 0) {
      absl::StatusOr<Address> local = Address::FromSockaddr(reinterpret_cast<const sockaddr*>(&storage), length);
      if (local.ok()) accepted.properties.local = *std::move(local);
    }
  }
  ++stats_.accepted;
  if (reserve_fd_ < 0) reserve_fd_ = static_cast<int>(engine.Socket(AF_UNIX, SOCK_STREAM, 0));  // somebody was faster
  owner_.OnAccepted(*this, std::move(accepted));
  return true;
}

// Whether to go on accepting now.
bool TcpListener::OnAcceptError(int error) {
  if (error == EAGAIN || error == EWOULDBLOCK) {
    ready_ = false;
    return false;
  }
  if (error == ECONNABORTED || error == EINTR) return true;  // gone before we came
  ++stats_.failed;
  if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM) {
    if (error == EMFILE || error == ENFILE) {
      ++stats_.out_of_descriptors;
      ShedOne();
      owner_.OnOutOfDescriptors();
    }
    if (!stopped_) dispatcher_.Arm(back_off_, kBackOff);
    return false;
  }
  // accept(2): errors of the new connection's network (EPROTO, EHOSTDOWN, ...) and EPERM concern that one only; the
  // caller bounds how many are tried in a turn. A descriptor that is no listening socket ends it.
  return error != EBADF && error != EINVAL && error != ENOTSOCK && error != EOPNOTSUPP;
}

// Tells one peer that we are full instead of letting it wait; the others wait in the kernel's queue.
void TcpListener::ShedOne() {
  if (reserve_fd_ < 0) return;
  event::Engine& engine = dispatcher_.engine();
  engine.Close(reserve_fd_);
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  const event::IoResult fd = engine.Accept(fd_, &storage, &length);
  if (fd >= 0) {
    const linger reset{1, 0};
    engine.SetOption(static_cast<int>(fd), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    engine.Close(static_cast<int>(fd));
  }
  reserve_fd_ = static_cast<int>(engine.Socket(AF_UNIX, SOCK_STREAM, 0));
}

}  // namespace outrigger::net
