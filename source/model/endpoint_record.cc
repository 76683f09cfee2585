#include "source/model/endpoint_record.h"

#include <algorithm>
#include <cstring>

namespace outrigger::model {
namespace {

// The address of those bytes; what does not come back as it was is not packed.
net::Address Unpack(net::Address::Kind kind, const std::array<uint8_t, 16>& ip, uint16_t port) {
  sockaddr_storage storage{};
  socklen_t length = 0;
  if (kind == net::Address::Kind::kIpv4) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, ip.data(), sizeof(v4.sin_addr));
    length = sizeof(v4);
  } else {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&v6.sin6_addr, ip.data(), sizeof(v6.sin6_addr));
    length = sizeof(v6);
  }
  auto made = net::Address::FromSockaddr(reinterpret_cast<const sockaddr*>(&storage), length);
  return made.ok() ? *std::move(made) : net::Address();
}

}  // namespace

EndpointRecord::EndpointRecord(uint64_t of_id, const net::Address& address, absl::string_view hostname,
                               std::vector<net::Address> additional_addresses)
    : id(of_id) {
  if (address.ip()) {
    const absl::string_view bytes = address.ip_bytes();
    std::memcpy(ip_.data(), bytes.data(), std::min(bytes.size(), ip_.size()));
    port_ = address.port();
    if (Unpack(address.kind(), ip_, port_) == address) packed_ = address.kind();
  }
  const bool other = packed_ == net::Address::Kind::kNone;
  if (!other && hostname.empty() && additional_addresses.empty()) return;
  auto rest = std::make_unique<Rest>();
  rest->hostname = std::string(hostname);
  rest->additional_addresses = std::move(additional_addresses);
  if (other) rest->address = address;
  rest_ = std::move(rest);
}

EndpointRecord::~EndpointRecord() {
  const InUse* use = in_use_.load(std::memory_order_acquire);
  if (use == nullptr) return;
  for (EndpointCells* cells = use->cells.load(std::memory_order_acquire); cells != nullptr;) {
    EndpointCells* next = cells->next;
    delete cells;
    cells = next;
  }
  delete use;
}

bool EndpointRecord::Is(const net::Address& address, absl::string_view of_hostname) const {
  if (hostname() != of_hostname) return false;
  if (packed_ == net::Address::Kind::kNone) return rest_->address == address;
  if (address.kind() != packed_ || address.port() != port_) return false;
  const absl::string_view bytes = address.ip_bytes();
  return std::memcmp(bytes.data(), ip_.data(), bytes.size()) == 0 &&
         (packed_ == net::Address::Kind::kIpv4 || CopyAddress() == address);
}

net::Address EndpointRecord::CopyAddress() const {
  return packed_ == net::Address::Kind::kNone ? rest_->address : Unpack(packed_, ip_, port_);
}

const std::vector<net::Address>& EndpointRecord::additional_addresses() const {
  static const auto* const none = new std::vector<net::Address>();
  return rest_ == nullptr ? *none : rest_->additional_addresses;
}

EndpointRecord::InUse& EndpointRecord::Use() const {
  if (InUse* known = in_use_.load(std::memory_order_acquire); known != nullptr) return *known;
  auto made = std::make_unique<InUse>();
  made->address = CopyAddress();
  made->text = made->address.ToString();
  InUse* other = nullptr;
  // Sequentially consistent, as LimitConnections is: one of both sees what the other wrote.
  if (!in_use_.compare_exchange_strong(other, made.get())) return *other;
  InUse& use = *made.release();
  if (const uint32_t most = most_connections_.load(); most != 0) use.connections.SetLimit(most);
  return use;
}

void EndpointRecord::LimitConnections(uint32_t most) {
  if (most_connections_.load(std::memory_order_relaxed) == most) return;
  most_connections_.store(most);
  InUse* use = in_use_.load();
  if (use != nullptr) use->connections.SetLimit(most == 0 ? UINT64_MAX : most);
}

const EndpointCells* EndpointRecord::cells() const {
  const InUse* use = in_use_.load(std::memory_order_acquire);
  return use == nullptr ? nullptr : use->cells.load(std::memory_order_acquire);
}

EndpointCells& EndpointRecord::CellsOf(int worker) const {
  std::atomic<EndpointCells*>& list = Use().cells;
  EndpointCells* first = list.load(std::memory_order_acquire);
  for (EndpointCells* cells = first; cells != nullptr; cells = cells->next) {
    if (cells->worker == worker) return *cells;
  }
  auto* made = new EndpointCells(worker);
  do {
    made->next = first;
  } while (!list.compare_exchange_weak(first, made, std::memory_order_release, std::memory_order_acquire));
  return *made;
}

}  // namespace outrigger::model
