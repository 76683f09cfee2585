#include <map>
#include <set>

#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "source/config/snapshot_state.h"
#include "source/extension/values.h"

namespace outrigger::config {

namespace {

template <class Proto>
absl::Status SecondOf(const Proto& proto) {
  const schema::Origin origin{absl::StrCat("/envoy.", proto.GetDescriptor()->name()), NameOf(proto), "", ""};
  return ResourceError(origin, "name: there is another of this name");
}

// Sets one after the other; a name may come once.
template <class List, class Set>
void SetAll(const List& list, Set set, absl::Status* errors) {
  std::set<std::string> names;
  for (const auto& resource : list) {
    Append(names.insert(NameOf(resource)).second ? set(resource).status() : SecondOf(resource), errors);
  }
}

// Listeners without a name are called by their address.
envoy::config::listener::v3::Listener Named(const envoy::config::listener::v3::Listener& listener) {
  envoy::config::listener::v3::Listener named = listener;
  if (!named.name().empty()) return named;
  const auto address = extension::AddressOf(listener.address());
  named.set_name(address.ok() ? address->ToString() : "unnamed");
  return named;
}

// Two static listeners on one address: found here, before anything is bound.
absl::Status CheckAddresses(const PartMap<ListenerPart>& listeners) {
  std::map<net::Address, std::string> taken;
  absl::Status errors;
  for (const auto& [name, part] : listeners) {
    if (part.listener == nullptr || !part.listener->bind_to_port) continue;
    for (const net::Address& address : part.listener->addresses) {
      if (address.ip() && address.port() == 0) continue;
      const auto [at, fresh] = taken.emplace(address, name);
      if (fresh) continue;
      const schema::Origin origin{"listener", name, "", ""};
      Append(ResourceError(origin, absl::StrCat("address: ", address.ToString(), " is the address of listener \"",
                                                at->second, "\" already")),
             &errors);
    }
  }
  return errors;
}

}  // namespace

absl::Status SnapshotBuilder::SetStatic(const envoy::config::bootstrap::v3::Bootstrap& bootstrap) {
  const auto& resources = bootstrap.static_resources();
  const Given given{"", true};
  if (const absl::Status layers = state_->runtime.Set(bootstrap.layered_runtime()); !layers.ok()) return layers;
  for (auto& [key, value] : state_->runtime.Merged()) state_->environment.runtime.insert_or_assign(key, value);
  absl::Status errors;
  SetAll(
      resources.secrets(), [&](const auto& one) { return SetSecret(one, given); }, &errors);
  SetAll(
      resources.clusters(), [&](const auto& one) { return SetCluster(one, given); }, &errors);
  google::protobuf::RepeatedPtrField<envoy::config::listener::v3::Listener> listeners;
  for (const auto& listener : resources.listeners()) *listeners.Add() = Named(listener);
  SetAll(
      listeners, [&](const auto& one) { return SetListener(one, given); }, &errors);
  Append(CheckAddresses(state_->listeners), &errors);
  return errors;
}

}  // namespace outrigger::config
