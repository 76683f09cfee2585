#include "source/net/original_destination.h"

#include <netinet/in.h>

#include <utility>

namespace outrigger::net {
namespace {

// linux/netfilter_ipv4.h and linux/netfilter_ipv6/ip6_tables.h; both headers drag in what clashes with libc's.
constexpr int kSoOriginalDst = 80;
constexpr int kIp6tSoOriginalDst = 80;

}  // namespace

Address OriginalDestination(event::Engine& engine, const AcceptedSocket& socket) {
  const Address& local = socket.properties.local;
  if (!local.ip()) return {};
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  // The kernel keeps an IPv4 entry also for the mapped addresses of a dual-stack socket.
  const bool v4 = local.kind() == Address::Kind::kIpv4;
  const event::IoResult asked = engine.GetOption(socket.fd, v4 ? IPPROTO_IP : IPPROTO_IPV6,
                                                 v4 ? kSoOriginalDst : kIp6tSoOriginalDst, &storage, &length);
  if (asked < 0) return {};
  absl::StatusOr<Address> address = Address::FromSockaddr(reinterpret_cast<const sockaddr*>(&storage), length);
  return address.ok() ? *std::move(address) : Address();
}

bool RestoreOriginalDestination(event::Engine& engine, AcceptedSocket& socket) {
  Address original = OriginalDestination(engine, socket);
  ConnectionProperties& properties = socket.properties;
  if (original.kind() == Address::Kind::kNone || original == properties.local) return false;
  if (properties.direct_local.kind() == Address::Kind::kNone) properties.direct_local = properties.local;
  properties.local = std::move(original);
  properties.local_restored = true;
  return true;
}

}  // namespace outrigger::net
