#include "source/event/ares_resolver.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/time.h>

#include <algorithm>
#include <mutex>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "source/base/bug.h"
#include "source/event/epoll_engine.h"

namespace outrigger::event {
namespace {

constexpr int kTimeoutMs = 5000;  // per try, as c-ares has by default
constexpr int kTries = 4;
constexpr Duration kForever = Duration::max();

bool IsLiteral(const std::string& name, int* family) {
  char binary[sizeof(in6_addr)];
  for (int candidate : {AF_INET, AF_INET6}) {
    if (inet_pton(candidate, name.c_str(), binary) != 1) continue;
    *family = candidate;
    return true;
  }
  return false;
}

// RFC 6761 6.3: localhost and what is below it is the loopback address, whatever a name server says. Answered here and
// not by c-ares, whose 1.18 loses a few bytes with each such question.
bool IsLocalhost(absl::string_view name) {
  absl::ConsumeSuffix(&name, ".");
  return absl::EqualsIgnoreCase(name, "localhost") || absl::EndsWithIgnoreCase(name, ".localhost");
}

std::vector<std::string> LoopbackAddresses(ResolveFamily family) {
  switch (family) {
    case ResolveFamily::kAuto:
    case ResolveFamily::kV6Only:
      return {"::1"};
    case ResolveFamily::kV4Only:
    case ResolveFamily::kV4Preferred:
      return {"127.0.0.1"};
    case ResolveFamily::kAll:
      break;
  }
  return {"::1", "127.0.0.1"};
}

bool Allows(ResolveFamily asked, int family) {
  if (asked == ResolveFamily::kV4Only) return family == AF_INET;
  if (asked == ResolveFamily::kV6Only) return family == AF_INET6;
  return true;
}

struct Families {
  int first;
  int fallback;
};

Families FamiliesOf(ResolveFamily family) {
  switch (family) {
    case ResolveFamily::kAuto:
      return {AF_INET6, AF_INET};
    case ResolveFamily::kV4Only:
      return {AF_INET, AF_UNSPEC};
    case ResolveFamily::kV6Only:
      return {AF_INET6, AF_UNSPEC};
    case ResolveFamily::kV4Preferred:
      return {AF_INET, AF_INET6};
    case ResolveFamily::kAll:
      break;
  }
  return {AF_UNSPEC, AF_UNSPEC};
}

void CopyAnswer(const ares_addrinfo& info, ResolveAnswer* answer) {
  int ttl = INT32_MAX;
  std::vector<std::string> v4;
  for (const ares_addrinfo_node* node = info.nodes; node != nullptr; node = node->ai_next) {
    char text[INET6_ADDRSTRLEN] = "";
    ttl = std::min(ttl, node->ai_ttl);
    if (node->ai_family == AF_INET6) {
      inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(node->ai_addr)->sin6_addr, text, sizeof(text));
      answer->addresses.emplace_back(text);
    } else if (node->ai_family == AF_INET) {
      inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(node->ai_addr)->sin_addr, text, sizeof(text));
      v4.emplace_back(text);
    }
  }
  for (const ares_addrinfo_cname* cname = info.cnames; cname != nullptr; cname = cname->next) {
    ttl = std::min(ttl, cname->ttl);
  }
  // IPv6 first, whichever of the two questions was answered first.
  answer->addresses.insert(answer->addresses.end(), v4.begin(), v4.end());
  answer->ttl = answer->addresses.empty() ? Duration::zero() : Duration(seconds(std::max(ttl, 0)));
}

}  // namespace

class AresResolver::Socket final : public IoHandler {
 public:
  Socket(AresResolver& resolver, ares_socket_t fd) : resolver_(resolver), fd_(fd) {}
  void OnReady(uint32_t bits) override {
    const bool readable = (bits & (kReadable | kPeerClosed | kError)) != 0;
    const bool writable = (bits & (kWritable | kError)) != 0;
    ares_process_fd(resolver_.channel_, readable ? fd_ : ARES_SOCKET_BAD, writable ? fd_ : ARES_SOCKET_BAD);
  }

 private:
  AresResolver& resolver_;
  ares_socket_t fd_;
};

class AresResolver::Handle final : public Engine::Query {
 public:
  explicit Handle(std::shared_ptr<Pending> pending) : pending_(std::move(pending)) {}
  ~Handle() override { pending_->done = nullptr; }

 private:
  std::shared_ptr<Pending> pending_;
};

AresResolver::AresResolver(EpollEngine& engine, std::string servers) : engine_(engine), servers_(std::move(servers)) {
  static std::once_flag once;
  std::call_once(once, [] { ares_library_init(ARES_LIB_INIT_ALL); });
}

AresResolver::~AresResolver() {
  if (channel_ != nullptr) ares_destroy(channel_);
}

bool AresResolver::Open(ResolveAnswer* error) {
  if (channel_ != nullptr && reopen_ && asked_ == 0) {
    ares_destroy(channel_);
    channel_ = nullptr;
  }
  if (channel_ != nullptr) return true;
  reopen_ = false;
  ares_options options{};
  options.timeout = kTimeoutMs;
  options.tries = kTries;
  options.sock_state_cb_data = this;
  options.sock_state_cb = [](void* data, ares_socket_t fd, int readable, int writable) {
    static_cast<AresResolver*>(data)->OnSocketState(fd, readable != 0, writable != 0);
  };
  int status = ares_init_options(&channel_, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
  if (status == ARES_SUCCESS && !servers_.empty()) {
    status = ares_set_servers_ports_csv(channel_, servers_.c_str());
    if (status != ARES_SUCCESS) ares_destroy(channel_);
  }
  if (status == ARES_SUCCESS) return true;
  channel_ = nullptr;
  error->error = status;
  error->detail = ares_strerror(status);
  return false;
}

std::unique_ptr<Engine::Query> AresResolver::Resolve(absl::string_view name, ResolveFamily family,
                                                     absl::AnyInvocable<void(const ResolveAnswer&) &&> done) {
  auto pending = std::make_shared<Pending>(Pending{this, std::string(name), std::move(done), {}, AF_UNSPEC});
  auto handle = std::make_unique<Handle>(pending);
  int literal_family = AF_UNSPEC;
  if (IsLiteral(pending->name, &literal_family)) {
    if (Allows(family, literal_family)) {
      pending->answer.addresses.push_back(pending->name);
    } else {
      pending->answer.error = ARES_ENODATA;
      pending->answer.detail = "the address is of a family that was not asked for";
    }
    Finish(std::move(pending));
  } else if (IsLocalhost(pending->name)) {
    pending->answer.addresses = LoopbackAddresses(family);
    Finish(std::move(pending));
  } else if (Open(&pending->answer)) {
    const Families families = FamiliesOf(family);
    pending->fallback_family = families.fallback;
    Ask(std::move(pending), families.first);
  } else {
    Finish(std::move(pending));
  }
  return handle;
}

void AresResolver::Ask(std::shared_ptr<Pending> pending, int family) {
  ares_addrinfo_hints hints{};
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;  // one entry per address
  hints.ai_flags = ARES_AI_NOSORT;  // sorting would open a socket per address
  ++asked_;
  const std::string name = pending->name;
  // c-ares calls exactly once, maybe before it returns.
  auto* carried = new std::shared_ptr<Pending>(std::move(pending));
  ares_getaddrinfo(
      channel_, name.c_str(), nullptr, &hints,
      [](void* data, int status, int, ares_addrinfo* info) {
        const std::unique_ptr<std::shared_ptr<Pending>> back(static_cast<std::shared_ptr<Pending>*>(data));
        AresResolver* resolver = (*back)->resolver;
        resolver->OnAnswer(std::move(*back), status, info);
        if (info != nullptr) ares_freeaddrinfo(info);
      },
      carried);
}

void AresResolver::OnAnswer(std::shared_ptr<Pending> pending, int status, ares_addrinfo* info) {
  --asked_;
  if (pending->done == nullptr || status == ARES_EDESTRUCTION) return;
  ResolveAnswer& answer = pending->answer;
  answer = {};
  answer.error = status;
  if (status == ARES_SUCCESS && info != nullptr) CopyAnswer(*info, &answer);
  if (status == ARES_ECONNREFUSED) reopen_ = true;
  if (status == ARES_SUCCESS && answer.addresses.empty()) answer.error = ARES_ENODATA;
  if (answer.error != 0) answer.detail = ares_strerror(answer.error);
  if (answer.addresses.empty() && pending->fallback_family != AF_UNSPEC) {
    Ask(pending, std::exchange(pending->fallback_family, AF_UNSPEC));
    return;
  }
  Finish(std::move(pending));
}

void AresResolver::OnSocketState(ares_socket_t fd, bool readable, bool writable) {
  auto at = sockets_.find(fd);
  if (!readable && !writable) {
    if (at == sockets_.end()) return;
    engine_.Unregister(fd);
    dead_sockets_.push_back(std::move(at->second));
    sockets_.erase(at);
    return;
  }
  if (at == sockets_.end()) at = sockets_.emplace(fd, std::make_unique<Socket>(*this, fd)).first;
  const uint32_t events = (readable ? uint32_t{EPOLLIN} : 0u) | (writable ? uint32_t{EPOLLOUT} : 0u);
  engine_.RegisterLevel(fd, at->second.get(), events);
}

Duration AresResolver::NextDue() {
  if (!finished_.empty()) return Duration::zero();
  if (channel_ == nullptr || asked_ == 0) return kForever;
  timeval due{};
  if (ares_timeout(channel_, nullptr, &due) == nullptr) return kForever;
  return seconds(due.tv_sec) + microseconds(due.tv_usec);
}

int AresResolver::Deliver() {
  if (channel_ != nullptr && asked_ > 0) ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);  // timeouts
  dead_sockets_.clear();
  if (finished_.empty()) return 0;
  std::vector<std::shared_ptr<Pending>> finished;
  finished.swap(finished_);
  int called = 0;
  for (const auto& pending : finished) {
    if (pending->done == nullptr) continue;
    auto done = std::move(pending->done);
    pending->done = nullptr;
    std::move(done)(pending->answer);
    ++called;
  }
  return called;
}

}  // namespace outrigger::event
