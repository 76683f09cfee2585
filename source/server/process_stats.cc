#include "source/server/process_stats.h"

#include <malloc.h>

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace outrigger::server {

namespace {
constexpr uint64_t kPage = 4096;  // of /proc/self/statm on the platforms we build for
}

std::string HostAddress(event::Engine& engine, bool ipv6) {
  const std::string loopback = ipv6 ? "::1" : "127.0.0.1";
  // Connecting a datagram socket sends nothing; it makes the kernel choose a source. The targets are documentation
  // addresses.
  const auto target = net::Address::ParseIp(ipv6 ? "2001:db8::1" : "192.0.2.1", 9);
  const event::IoResult fd = engine.Socket(ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
  if (fd < 0 || !target.ok()) return loopback;
  std::string found = loopback;
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  if (engine.Connect(static_cast<int>(fd), target->sockaddr_ptr(), target->sockaddr_length()) == 0 &&
      engine.LocalAddress(static_cast<int>(fd), &storage, &length) >= 0) {
    const auto address = net::Address::FromSockaddr(reinterpret_cast<const sockaddr*>(&storage), length);
    if (address.ok() && address->ip() && !address->IsWildcard()) found = std::string(address->IpString());
  }
  engine.Close(static_cast<int>(fd));
  return found;
}

bool MemoryReturn::IsDue(uint64_t allocated) {
  const uint64_t freed = most_ - std::min(most_, allocated);
  const uint64_t least = std::exchange(was_due_, false) ? kMore : std::max(kLeast, most_ / 10);
  most_ = std::max(most_, allocated);
  if (freed < least) return false;
  most_ = allocated;
  was_due_ = true;
  return true;
}

MemoryUse ReadMemoryUse(event::Engine& engine) {
  MemoryUse use;
  const struct mallinfo2 info = mallinfo2();
  use.allocated = info.uordblks + info.hblkhd;
  use.heap = info.arena + info.hblkhd;
  if (auto statm = engine.ReadFile("/proc/self/statm", 4096); statm.ok()) {
    const std::vector<absl::string_view> fields = absl::StrSplit(*statm, ' ');
    uint64_t pages = 0;
    if (fields.size() > 1 && absl::SimpleAtoi(fields[1], &pages)) use.physical = pages * kPage;
  }
  return use;
}

std::vector<CertificateUse> CertificatesOf(const model::Snapshot& snapshot) {
  std::vector<CertificateUse> uses;
  std::set<const void*> seen;  // contexts are shared
  const auto listener_chain = [&](const std::shared_ptr<const model::FilterChain>& chain) {
    if (chain == nullptr || chain->tls == nullptr || !seen.insert(chain->tls.get()).second) return;
    uses.push_back({&chain->tls->authorities(), &chain->tls->certificates()});
  };
  for (uint32_t i = 0; i < snapshot.listeners.size(); ++i) {
    const model::Listener* listener = snapshot.listeners.Get(i);
    if (listener == nullptr) continue;
    for (const auto& chain : listener->chains) listener_chain(chain);
    listener_chain(listener->default_chain);
  }
  for (uint32_t i = 0; i < snapshot.clusters.size(); ++i) {
    const model::Cluster* cluster = snapshot.clusters.Get(i);
    if (cluster == nullptr) continue;
    for (const model::UpstreamTransport& transport : *cluster->config->transports) {
      if (transport.tls == nullptr || !seen.insert(&transport.tls->credentials()).second) continue;
      uses.push_back({&transport.tls->authorities(), &transport.tls->certificates()});
    }
  }
  return uses;
}

uint64_t DaysUntilFirstExpiry(const model::Snapshot& snapshot, WallTime now) {
  uint64_t days = UINT32_MAX;
  for (const CertificateUse& use : CertificatesOf(snapshot)) {
    for (const auto* infos : {use.authorities, use.chain}) {
      for (const tls::CertificateInfo& info : *infos) days = std::min(days, info.DaysUntilExpiration(now));
    }
  }
  return days;
}

}  // namespace outrigger::server
