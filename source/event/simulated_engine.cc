#include "source/event/simulated_engine.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "source/base/bug.h"
#include "source/base/hash.h"
#include "source/event/simulated_files.h"
#include "source/event/simulated_network.h"
#include "source/event/simulated_world.h"

namespace outrigger::event {
namespace {

// The codes that c-ares has for these.
constexpr int kNoData = 1;
constexpr int kServerFailed = 2 + 1;
constexpr int kNotFound = 4;

int FamilyOf(const std::string& address) {
  char binary[16];
  if (inet_pton(AF_INET, address.c_str(), binary) == 1) return AF_INET;
  return inet_pton(AF_INET6, address.c_str(), binary) == 1 ? AF_INET6 : AF_UNSPEC;
}

std::vector<std::string> Choose(const std::vector<std::string>& all, ResolveFamily family) {
  std::vector<std::string> v4, v6;
  for (const std::string& address : all) (FamilyOf(address) == AF_INET ? v4 : v6).push_back(address);
  switch (family) {
    case ResolveFamily::kV4Only:
      return v4;
    case ResolveFamily::kV6Only:
      return v6;
    case ResolveFamily::kAuto:
      return v6.empty() ? v4 : v6;
    case ResolveFamily::kV4Preferred:
      return v4.empty() ? v6 : v4;
    case ResolveFamily::kAll:
      break;
  }
  v6.insert(v6.end(), v4.begin(), v4.end());
  return v6;
}

}  // namespace

// The handle; the answer's callback lives in it, so dropping it cancels.
class SimulatedEngine::PendingQuery final : public Engine::Query {
 public:
  using Done = absl::AnyInvocable<void(const ResolveAnswer&) &&>;
  explicit PendingQuery(std::shared_ptr<Done> done) : done_(std::move(done)) {}
  ~PendingQuery() override { *done_ = nullptr; }

 private:
  std::shared_ptr<Done> done_;
};

SimulatedEngine::SimulatedEngine(SimulatedWorld& world, int index, int host, uint64_t seed)
    : world_(world), index_(index), host_(host), random_(seed) {}

SimulatedEngine::~SimulatedEngine() { world_.Forget(this); }

IoResult SimulatedEngine::Traced(const char* kind, int fd, IoResult result) {
  world_.Trace(kind, index_, static_cast<uint64_t>(fd), static_cast<uint64_t>(result));
  return result;
}

MonotonicTime SimulatedEngine::MonotonicNow() { return world_.now(); }

WallTime SimulatedEngine::WallNow() { return world_.wall_now(); }

uint64_t SimulatedEngine::RandomBits() { return random_.Next(); }

void SimulatedEngine::SecureRandom(char* out, size_t n) {
  for (size_t i = 0; i < n; ++i) out[i] = static_cast<char>(random_.Next() >> 32);
}

IoResult SimulatedEngine::Socket(int family, int type, int) {
  if (world_.Chance(world_.faults_.out_of_descriptors_one_in)) return Traced("socket", family, -EMFILE);
  return Traced("socket", family, world_.network_->Open(host_, family, type));
}

IoResult SimulatedEngine::Bind(int fd, const sockaddr* address, socklen_t length) {
  return Traced("bind", fd, world_.network_->Bind(fd, address, length));
}

IoResult SimulatedEngine::Listen(int fd, int backlog) {
  return Traced("listen", fd, world_.network_->Listen(fd, backlog));
}

IoResult SimulatedEngine::Accept(int fd, sockaddr_storage* peer, socklen_t* length) {
  return Traced("accept", fd, world_.network_->Accept(fd, peer, length));
}

IoResult SimulatedEngine::Connect(int fd, const sockaddr* address, socklen_t length) {
  return Traced("connect", fd, world_.network_->Connect(fd, address, length));
}

IoResult SimulatedEngine::Readv(int fd, const iovec* into, int count) {
  return Traced("read", fd, world_.network_->Read(fd, into, count, false));
}

IoResult SimulatedEngine::Writev(int fd, const iovec* from, int count) {
  return Traced("write", fd, world_.network_->Write(fd, from, count));
}

IoResult SimulatedEngine::Peek(int fd, char* into, size_t n) {
  const iovec piece{into, n};
  return Traced("peek", fd, world_.network_->Read(fd, &piece, 1, true));
}

IoResult SimulatedEngine::Shutdown(int fd, int how) {
  return Traced("shutdown", fd, world_.network_->Shutdown(fd, how));
}

IoResult SimulatedEngine::Close(int fd) {
  if (fd >= SimulatedFiles::kFirstDescriptor) return Traced("close", fd, world_.files(host_).Close(fd));
  Unregister(fd);
  return Traced("close", fd, world_.network_->Close(fd));
}

IoResult SimulatedEngine::SetOption(int fd, int level, int name, const void* value, socklen_t length) {
  return Traced("option", fd, world_.network_->SetOption(fd, level, name, value, length));
}

IoResult SimulatedEngine::GetOption(int fd, int level, int name, void* value, socklen_t* length) {
  return world_.network_->GetOption(fd, level, name, value, length);
}

IoResult SimulatedEngine::LocalAddress(int fd, sockaddr_storage* out, socklen_t* length) {
  return world_.network_->LocalAddress(fd, out, length);
}

IoResult SimulatedEngine::PeerAddress(int fd, sockaddr_storage* out, socklen_t* length) {
  return world_.network_->PeerAddress(fd, out, length);
}

void SimulatedEngine::RegisterAs(int fd, IoHandler* handler, bool shared) {
  OUTRIGGER_CHECK(world_.network_->Watch(fd, this, shared));
  registered_[fd] = {handler, ++generations_};
  if (world_.network_->StateBits(fd) != 0) ready_[fd] = true;
}

void SimulatedEngine::Unregister(int fd) {
  registered_.erase(fd);
  ready_.erase(fd);
  world_.network_->Unwatch(fd, this);
}

void SimulatedEngine::MarkReady(int fd) {
  if (registered_.count(fd) > 0) ready_[fd] = true;
}

// Never blocks: the world lets time pass only while nobody runs. Fetches what is ready, in an order of its own.
void SimulatedEngine::Wait(Duration) {
  fetched_.clear();
  for (const auto& [fd, registered] : registered_) {
    if (world_.Chance(world_.faults_.spurious_event_one_in)) ready_[fd] = true;
  }
  for (const auto& [fd, unused] : ready_) {
    const auto found = registered_.find(fd);
    const uint32_t bits = world_.network_->StateBits(fd);
    if (found != registered_.end() && bits != 0) fetched_.push_back({fd, found->second.generation, bits});
  }
  ready_.clear();
  for (size_t i = fetched_.size(); i > 1; --i) std::swap(fetched_[i - 1], fetched_[world_.random_.Below(i)]);
}

int SimulatedEngine::Deliver() {
  int called = 0;
  for (size_t i = 0; i < fetched_.size(); ++i) {
    const Ready ready = fetched_[i];
    const auto found = registered_.find(ready.fd);
    if (found == registered_.end() || found->second.generation != ready.generation) continue;
    world_.Trace("ready", index_, static_cast<uint64_t>(ready.fd), ready.bits);
    found->second.handler->OnReady(ready.bits);
    ++called;
  }
  fetched_.clear();
  std::vector<absl::AnyInvocable<void()>> callbacks;
  callbacks.swap(callbacks_);
  for (auto& callback : callbacks) {
    callback();
    ++called;
  }
  return called;
}

std::unique_ptr<Engine::Query> SimulatedEngine::Resolve(absl::string_view name, ResolveFamily family,
                                                        absl::AnyInvocable<void(const ResolveAnswer&) &&> done) {
  auto kept = std::make_shared<PendingQuery::Done>(std::move(done));
  auto query = std::make_unique<PendingQuery>(kept);
  world_.Trace("resolve", index_, StableHash(name), static_cast<uint64_t>(family));
  const bool literal = FamilyOf(std::string(name)) != AF_UNSPEC;
  const bool failure = !literal && world_.Chance(world_.faults_.resolve_failure_one_in);
  const uint64_t longest = literal ? 0 : static_cast<uint64_t>(world_.faults_.longest_resolve.count());
  // The engine may be gone when the answer comes; then so is the handle, and the callback is null.
  world_.Schedule(
      Duration(world_.random_.Below(longest + 1)), [this, kept, name = std::string(name), family, failure, literal] {
        if (*kept == nullptr) return;
        ResolveAnswer answer;
        const auto found = world_.names_.find(name);
        if (literal) {
          answer.addresses = Choose({name}, family);
        } else if (!failure && found != world_.names_.end()) {
          answer.addresses = Choose(found->second.addresses, family);
          answer.ttl = found->second.ttl;
        }
        if (failure) {
          answer.error = kServerFailed;
          answer.detail = "DNS server returned general failure";
        } else if (answer.addresses.empty()) {
          answer.error = literal || found != world_.names_.end() ? kNoData : kNotFound;
          answer.detail = answer.error == kNoData ? "DNS server returned answer with no data" : "Domain name not found";
        }
        PushCallback([kept, answer] {
          if (*kept == nullptr) return;
          auto done = std::move(*kept);
          *kept = nullptr;
          std::move(done)(answer);
        });
      });
  return query;
}

absl::StatusOr<std::string> SimulatedEngine::ReadFile(absl::string_view path, size_t limit) {
  auto text = world_.files(host_).Read(path, limit);
  world_.Trace("read file", index_, StableHash(path), text.ok() ? StableHash(*text) : 0);
  return text;
}

IoResult SimulatedEngine::OpenAppend(absl::string_view path) {
  return Traced("open", static_cast<int>(path.size()), world_.files(host_).OpenAppend(path));
}

IoResult SimulatedEngine::Append(int fd, absl::string_view bytes) {
  world_.Trace("text", index_, StableHash(bytes));
  return Traced("append", fd, world_.files(host_).Append(fd, bytes));
}

absl::Status SimulatedEngine::ReplaceFile(absl::string_view path, absl::string_view bytes, uint32_t mode) {
  world_.Trace("replace file", index_, StableHash(path), StableHash(bytes));
  return world_.files(host_).Replace(path, bytes, mode);
}

IoResult SimulatedEngine::ChangeMode(absl::string_view path, uint32_t mode) {
  return world_.files(host_).ChangeMode(path, mode);
}

absl::Status SimulatedEngine::RemoveFile(absl::string_view path) {
  world_.Trace("remove file", index_, StableHash(path));
  if (world_.network_->RemoveUnixName(host_, std::string(path))) return absl::OkStatus();
  return world_.files(host_).Remove(path);
}

absl::Status SimulatedEngine::MakeFolder(absl::string_view path, uint32_t mode) {
  return world_.files(host_).MakeFolder(path, mode);
}

absl::Status SimulatedEngine::CheckOwner(absl::string_view path, uint32_t forbidden) {
  return world_.files(host_).CheckOwner(path, forbidden);
}

absl::StatusOr<std::vector<std::string>> SimulatedEngine::ListFolder(absl::string_view path) {
  return world_.files(host_).List(path);
}

absl::StatusOr<std::unique_ptr<Engine::FileWatch>> SimulatedEngine::WatchFile(absl::string_view path,
                                                                              std::function<void()> changed) {
  return world_.files(host_).Watch(this, path, std::move(changed));
}

}  // namespace outrigger::event
