#include "source/server/listener_sockets.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace outrigger::server {

BindRequest BindRequestOf(const model::Listener& listener) {
  BindRequest request;
  request.listener = listener.name;
  if (listener.bind_to_port) request.addresses = listener.addresses;
  request.options.backlog = static_cast<int>(std::min<uint32_t>(listener.tcp_backlog, INT32_MAX));
  request.options.reuse_port = listener.reuse_port;
  request.options.freebind = listener.freebind;
  request.options.ipv4_compat = listener.ipv4_compat;
  request.options.transparent = listener.transparent;
  request.options.fast_open = listener.tcp_fast_open;
  request.options.socket_options = listener.socket_options;
  return request;
}

std::string ListenerSockets::KeyOf(const BindRequest& request, size_t index) {
  const net::Address& address = request.addresses[index];
  std::string key = address.ToString();
  if (address.ip() && address.port() == 0) absl::StrAppend(&key, " of ", request.listener, " ", index);
  return key;
}

absl::Status ListenerSockets::BindOne(const BindRequest& request, size_t index) {
  std::string key = KeyOf(request, index);
  if (by_key_.contains(key)) return absl::OkStatus();
  auto socket = net::ListenSocket::Bind(engine_, request.addresses[index], request.options, workers_);
  if (!socket.ok()) {
    return absl::Status(socket.status().code(), absl::StrCat("listener \"", request.listener, "\": address ",
                                                             request.addresses[index].ToString(), ": ", socket.status().message()));
  }
  by_key_[key].socket = *std::move(socket);
  return absl::OkStatus();
}

absl::Status ListenerSockets::Prepare(const BindRequest& request) {
  for (size_t i = 0; i < request.addresses.size(); ++i) {
    if (absl::Status status = BindOne(request, i); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status ListenerSockets::Use(const BindRequest& request, size_t index, ListenSockets* sockets) {
  const std::string key = KeyOf(request, index);
  if (auto at = by_key_.find(key); at != by_key_.end() && at->second.used) {
    return absl::AlreadyExistsError(absl::StrCat("listener \"", request.listener, "\": address ", request.addresses[index].ToString(),
                                                 " is in use by listener \"", at->second.owner, "\""));
  }
  if (absl::Status status = BindOne(request, index); !status.ok()) return status;
  Held& held = by_key_[key];
  if (absl::Status status = held.socket->Listen(); !status.ok()) return status;
  held.used = true;
  held.owner = request.listener;
  sockets->push_back(held.socket);
  return absl::OkStatus();
}

const std::string* ListenerSockets::ConflictOf(const BindRequest& request) const {
  for (size_t i = 0; i < request.addresses.size(); ++i) {
    auto at = by_key_.find(KeyOf(request, i));
    if (at != by_key_.end() && !at->second.owner.empty() && at->second.owner != request.listener) return &at->second.owner;
  }
  return nullptr;
}

void ListenerSockets::Release(std::map<std::string, Held>::iterator at) {
  leaving_.push_back(std::move(at->second.socket));
  by_key_.erase(at);
}

absl::flat_hash_map<uint32_t, ListenSockets> ListenerSockets::Assign(const model::Snapshot& snapshot,
                                                                     const std::function<bool(const model::Listener&)>& wanted,
                                                                     std::vector<Failure>* failures) {
  absl::flat_hash_map<uint32_t, ListenSockets> assigned;
  bound_.clear();
  for (auto& [key, held] : by_key_) held.used = false;
  // Who had an address keeps it, whatever the order of slots: so two passes, owners first.
  for (const bool owners : {true, false}) {
    for (uint32_t i = 0; i < snapshot.listeners.size(); ++i) {
      const model::Listener* listener = snapshot.listeners.Get(i);
      if (listener == nullptr || !wanted(*listener) || assigned.contains(i)) continue;
      const BindRequest request = BindRequestOf(*listener);
      bool mine = !request.addresses.empty();
      for (size_t k = 0; k < request.addresses.size(); ++k) {
        auto at = by_key_.find(KeyOf(request, k));
        mine = mine && at != by_key_.end() && at->second.owner == listener->name;
      }
      if (mine != owners) continue;
      ListenSockets sockets;
      for (size_t k = 0; k < request.addresses.size(); ++k) {
        // An address that cannot be had takes nothing away from the others.
        if (absl::Status status = Use(request, k, &sockets); !status.ok()) {
          failures->push_back({i, listener->name, std::string(status.message())});
        }
      }
      for (const auto& socket : sockets) bound_[listener->name].push_back(socket->address());
      assigned.emplace(i, std::move(sockets));
    }
  }
  for (auto at = by_key_.begin(); at != by_key_.end();) {
    auto next = std::next(at);
    if (!at->second.used) Release(at);
    at = next;
  }
  Reap();
  return assigned;
}

bool ListenerSockets::Reap() {
  // Workers hold a socket while they watch it; closing is main's.
  std::erase_if(leaving_, [](const auto& socket) { return socket.use_count() == 1; });
  return !leaving_.empty();
}

std::vector<net::Address> ListenerSockets::AddressesOf(absl::string_view listener) const {
  auto at = bound_.find(listener);
  return at == bound_.end() ? std::vector<net::Address>() : at->second;
}

}  // namespace outrigger::server
