#include "source/server/listener_sockets.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace outrigger::server {

namespace {

// Whether a socket bound with `a` is what `b` asks for. The backlog is not of the socket's kind: a longer one waits for
// the next bind.
bool SameSocket(const net::ListenOptions& a, const net::ListenOptions& b) {
  const auto same_option = [](const net::SocketOption& x, const net::SocketOption& y) {
    return x.level == y.level && x.name == y.name && x.value == y.value && x.state == y.state;
  };
  return a.reuse_port == b.reuse_port && a.freebind == b.freebind && a.transparent == b.transparent &&
         a.ipv4_compat == b.ipv4_compat && a.fast_open == b.fast_open &&
         std::equal(a.socket_options.begin(), a.socket_options.end(), b.socket_options.begin(), b.socket_options.end(),
                    same_option);
}

// The field of config.listener.v3.Listener that has an address.
std::string FieldOf(size_t index) {
  return index == 0 ? "address" : absl::StrCat("additional_addresses[", index - 1, "].address");
}

absl::Status Taken(const BindRequest& request, size_t index, absl::string_view by) {
  return absl::AlreadyExistsError(
      absl::StrCat(FieldOf(index), ": ", request.addresses[index].ToString(), " is in use by listener \"", by, "\""));
}

}  // namespace

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
  auto at = by_key_.find(KeyOf(request, index));
  if (at != by_key_.end() && SameSocket(at->second.options, request.options)) return absl::OkStatus();
  if (at != by_key_.end() && at->second.next != nullptr && SameSocket(at->second.next_options, request.options))
    return absl::OkStatus();
  if (at != by_key_.end() && at->second.owner.empty()) {  // only prepared, for somebody who did not come
    by_key_.erase(at);
    at = by_key_.end();
  }
  auto socket = net::ListenSocket::Bind(engine_, request.addresses[index], request.options, workers_);
  if (!socket.ok()) {
    return absl::Status(socket.status().code(), absl::StrCat(FieldOf(index), ": ", socket.status().message()));
  }
  if (at == by_key_.end()) {
    Held& held = by_key_[KeyOf(request, index)];
    held.socket = *std::move(socket);
    held.options = request.options;
  } else {  // beside the one in use, which only reuse_port allows
    at->second.next = *std::move(socket);
    at->second.next_options = request.options;
  }
  return absl::OkStatus();
}

absl::Status ListenerSockets::Prepare(const BindRequest& request, const std::vector<std::string>& leaving) {
  std::set<std::string> keys;
  for (size_t i = 0; i < request.addresses.size(); ++i) {
    keys.insert(KeyOf(request, i));
    auto at = by_key_.find(KeyOf(request, i));
    if (at == by_key_.end()) continue;
    for (const std::string* other : {&at->second.owner, &at->second.kept_for}) {
      if (other->empty() || *other == request.listener) continue;
      if (std::find(leaving.begin(), leaving.end(), *other) != leaving.end()) continue;
      return Taken(request, i, *other);
    }
  }
  assigned_ = false;
  for (size_t i = 0; i < request.addresses.size(); ++i) {
    if (absl::Status status = BindOne(request, i); !status.ok()) return status;
  }
  Keep(request.listener, keys);
  return absl::OkStatus();
}

void ListenerSockets::Keep(absl::string_view listener, const std::set<std::string>& keys) {
  for (auto& [key, held] : by_key_) {
    if (keys.contains(key)) {
      held.kept_for = std::string(listener);
      assigned_ = false;
    } else if (held.kept_for == listener) {
      held.kept_for.clear();  // the next Assign() closes it
      assigned_ = false;
    }
  }
}

absl::Status ListenerSockets::Use(const BindRequest& request, size_t index, ListenSockets* sockets) {
  const std::string key = KeyOf(request, index);
  if (auto at = by_key_.find(key); at != by_key_.end() && at->second.used) {
    return Taken(request, index, at->second.owner);
  }
  if (absl::Status status = BindOne(request, index); !status.ok()) return status;
  Held& held = by_key_[key];
  if (!SameSocket(held.options, request.options)) {
    leaving_.push_back(std::exchange(held.socket, std::exchange(held.next, nullptr)));
    held.options = held.next_options;
  }
  if (absl::Status status = held.socket->Listen(); !status.ok())
    return absl::Status(status.code(), absl::StrCat(FieldOf(index), ": ", status.message()));
  held.used = true;
  held.owner = request.listener;
  sockets->push_back(held.socket);
  return absl::OkStatus();
}

void ListenerSockets::Release(std::map<std::string, Held>::iterator at) {
  leaving_.push_back(std::move(at->second.socket));
  by_key_.erase(at);
}

absl::flat_hash_map<uint32_t, ListenSockets> ListenerSockets::Assign(
    const model::Snapshot& snapshot, const std::function<bool(const model::Listener&)>& wanted,
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
          failures->push_back(
              {i, listener->name, absl::StrCat("listener \"", listener->name, "\": ", status.message())});
        }
      }
      for (const auto& socket : sockets) bound_[listener->name].push_back(socket->address());
      assigned.emplace(i, std::move(sockets));
    }
  }
  for (auto at = by_key_.begin(); at != by_key_.end();) {
    auto next = std::next(at);
    Held& held = at->second;
    if (held.kept_for.empty()) held.next = nullptr;
    if (!held.used) held.owner.clear();
    if (!held.used && held.kept_for.empty()) Release(at);
    at = next;
  }
  Reap();
  assigned_ = true;
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
