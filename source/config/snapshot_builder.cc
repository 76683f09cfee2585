#include "source/config/snapshot_builder.h"

#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "source/config/endpoint_builder.h"
#include "source/config/snapshot_state.h"
#include "source/extension/values.h"

namespace outrigger::config {

namespace {

using Outcome = SnapshotBuilder::Outcome;

// Calls `f` with the message as what it is.
template <class F>
auto WithType(std::shared_ptr<const google::protobuf::Message> resource, F f)
    -> decltype(f(std::static_pointer_cast<const envoy::config::cluster::v3::Cluster>(resource))) {
  using envoy::config::cluster::v3::Cluster;
  using envoy::config::core::v3::TypedExtensionConfig;
  using envoy::config::endpoint::v3::ClusterLoadAssignment;
  using envoy::config::listener::v3::Listener;
  using envoy::config::route::v3::RouteConfiguration;
  using envoy::extensions::transport_sockets::tls::v3::Secret;
  if (auto one = std::dynamic_pointer_cast<const Cluster>(resource)) return f(std::move(one));
  if (auto one = std::dynamic_pointer_cast<const Listener>(resource)) return f(std::move(one));
  if (auto one = std::dynamic_pointer_cast<const RouteConfiguration>(resource)) return f(std::move(one));
  if (auto one = std::dynamic_pointer_cast<const ClusterLoadAssignment>(resource)) return f(std::move(one));
  if (auto one = std::dynamic_pointer_cast<const Secret>(resource)) return f(std::move(one));
  if (auto one = std::dynamic_pointer_cast<const TypedExtensionConfig>(resource)) return f(std::move(one));
  return absl::InvalidArgumentError(
      absl::StrCat(resource->GetDescriptor()->full_name(), " is no resource of a Snapshot"));
}

// Whoever holds the message of that pointer keeps it for the call.
std::shared_ptr<const google::protobuf::Message> Borrowed(const google::protobuf::Message& resource) {
  return {std::shared_ptr<const void>(), &resource};
}
std::shared_ptr<const google::protobuf::Message> CopyOf(const google::protobuf::Message& resource) {
  std::shared_ptr<google::protobuf::Message> copy(resource.New());
  copy->CopyFrom(resource);
  return copy;
}

template <class Proto>
absl::Status RefuseStatic(const Proto& proto) {
  return absl::InvalidArgumentError(
      absl::StrCat(schema::Origin{std::string(proto.GetDescriptor()->full_name()), NameOf(proto), "", ""}.ToString(),
                   ": is configured statically, which nothing replaces"));
}

// True: the resource says what is in use already. `hash`: of its content.
template <class P, class Proto>
absl::StatusOr<bool> Same(const PartMap<P>& parts, const Proto& proto, const Given& given, uint64_t hash) {
  const auto at = parts.find(NameOf(proto));
  if (at == parts.end()) return false;
  if (at->second.given.is_static && !given.is_static) return RefuseStatic(proto);
  return at->second.content_hash == hash;
}

template <class Proto>
absl::StatusOr<Outcome> SetPart(SnapshotBuilder::State& state, std::shared_ptr<const Proto> proto, const Given& given) {
  auto& parts = state.Of(proto.get());
  const uint64_t hash = extension::HashOf(*proto);
  auto same = Same(parts, *proto, given, hash);
  if (!same.ok()) return same.status();
  if (*same) {
    auto& part = parts.find(NameOf(*proto))->second;
    const schema::KeptMessage kept = std::exchange(part.given, given).kept;
    if (part.proto == nullptr) {
      if (part.given.kept == nullptr) part.given.kept = kept;
      part.given.kept.Pack();
    }
    part.removed = false;
    return Outcome::kUnchanged;
  }
  auto made = state.CompileOrTake(std::move(proto), given, hash);
  if (!made.ok()) return made.status();
  state.Commit(*std::move(made));
  return Outcome::kChanged;
}

absl::StatusOr<Dependencies> CheckPart(SnapshotBuilder::State& state,
                                       std::shared_ptr<const envoy::config::core::v3::TypedExtensionConfig> proto,
                                       const Given& given, uint64_t) {
  SnapshotBuilder::State::Recompiled dependants;
  auto made = state.TryExtension(std::move(proto), given, &dependants);
  if (!made.ok()) return made.status();
  state.Discard(dependants);
  state.origins.Retire(made->origin);
  return made->found->dependencies;
}

template <class Proto>
absl::StatusOr<Dependencies> CheckPart(SnapshotBuilder::State& state, std::shared_ptr<const Proto> proto,
                                       const Given& given, uint64_t hash) {
  auto made = state.Compile(std::move(proto), given, hash);
  if (!made.ok()) return made.status();
  state.NoteChecked(*made);
  Dependencies dependencies = made->found->dependencies;
  state.KeepChecked(*std::move(made));
  return dependencies;
}

}  // namespace

SnapshotBuilder::SnapshotBuilder(const Environment& environment) : state_(std::make_unique<State>(environment)) {}
SnapshotBuilder::~SnapshotBuilder() = default;

absl::StatusOr<Outcome> SnapshotBuilder::SetCluster(const envoy::config::cluster::v3::Cluster& cluster,
                                                    const Given& given) {
  return Set(CopyOf(cluster), given);
}
absl::StatusOr<Outcome> SnapshotBuilder::SetListener(const envoy::config::listener::v3::Listener& listener,
                                                     const Given& given) {
  return Set(CopyOf(listener), given);
}
absl::StatusOr<Outcome> SnapshotBuilder::SetRoutes(const envoy::config::route::v3::RouteConfiguration& routes,
                                                   const Given& given) {
  return Set(CopyOf(routes), given);
}
absl::StatusOr<Outcome> SnapshotBuilder::SetEndpoints(
    const envoy::config::endpoint::v3::ClusterLoadAssignment& endpoints, const Given& given) {
  return Set(CopyOf(endpoints), given);
}
absl::StatusOr<Outcome> SnapshotBuilder::SetEndpoints(const ReceivedEndpoints& received, const Given& given) {
  return state_->Receive(received, given);
}
absl::StatusOr<Outcome> SnapshotBuilder::SetSecret(const envoy::extensions::transport_sockets::tls::v3::Secret& secret,
                                                   const Given& given) {
  return Set(CopyOf(secret), given);
}

absl::StatusOr<Outcome> SnapshotBuilder::State::Replace(std::shared_ptr<const Secret> secret, const Given& given) {
  const uint64_t hash = extension::HashOf(*secret);
  auto same = Same(secrets, *secret, given, hash);
  if (!same.ok()) return same.status();
  if (*same) return SetPart(*this, std::move(secret), given);
  auto made = Compile(secret, given, hash);
  if (!made.ok()) return made.status();
  trial_secret = secret.get();
  Recompiled dependants = RecompileForSecret(secret->name());
  trial_secret = nullptr;
  if (!dependants.errors.ok()) {
    const absl::Status error = ResourceError(*origins.Find(made->origin), dependants.errors.message());
    origins.Retire(made->origin);
    Discard(dependants);
    return error;
  }
  Commit(*std::move(made));
  Commit(std::move(dependants));
  return Outcome::kChanged;
}

absl::StatusOr<Outcome> SnapshotBuilder::SetExtension(const envoy::config::core::v3::TypedExtensionConfig& extension,
                                                      const Given& given) {
  return Set(CopyOf(extension), given);
}

absl::StatusOr<Outcome> SnapshotBuilder::State::Replace(std::shared_ptr<const Extension> extension,
                                                        const Given& given) {
  const uint64_t hash = extension::HashOf(*extension);
  auto same = Same(extensions, *extension, given, hash);
  if (!same.ok()) return same.status();
  if (*same) return SetPart(*this, std::move(extension), given);
  Recompiled dependants;
  auto made = TryExtension(std::move(extension), given, &dependants);
  if (!made.ok()) return made.status();
  Commit(*std::move(made));
  Commit(std::move(dependants));
  return Outcome::kChanged;
}

absl::StatusOr<Outcome> SnapshotBuilder::Set(std::shared_ptr<const google::protobuf::Message> resource,
                                             const Given& given) {
  using envoy::extensions::transport_sockets::tls::v3::Secret;
  if (auto secret = std::dynamic_pointer_cast<const Secret>(resource)) {
    return state_->Replace(std::move(secret), given);
  }
  if (auto one = std::dynamic_pointer_cast<const envoy::config::core::v3::TypedExtensionConfig>(resource)) {
    return state_->Replace(std::move(one), given);
  }
  return WithType(std::move(resource), [&](auto proto) { return SetPart(*state_, std::move(proto), given); });
}

absl::StatusOr<Outcome> SnapshotBuilder::Set(const google::protobuf::Message& resource, const Given& given) {
  return Set(CopyOf(resource), given);
}

Outcome SnapshotBuilder::Remove(ResourceKind kind, absl::string_view name) {
  // Those that others subscribe to only go when nobody does any more.
  const auto mark = [this, kind, name](auto& parts) {
    const auto at = parts.find(name);
    if (at == parts.end() || at->second.given.is_static || at->second.removed) return Outcome::kUnchanged;
    at->second.removed = true;
    state_->leaving.emplace(kind, std::string(name));
    state_->SweepRemoved();
    return Outcome::kChanged;
  };
  const auto erase = [this, name](auto& parts) {
    const auto at = parts.find(name);
    if (at == parts.end() || at->second.given.is_static) return Outcome::kUnchanged;
    state_->Erase(at);
    return Outcome::kChanged;
  };
  switch (kind) {
    case ResourceKind::kCluster:
      return erase(state_->clusters);
    case ResourceKind::kListener:
      return erase(state_->listeners);
    case ResourceKind::kRoutes:
      return mark(state_->routes);
    case ResourceKind::kEndpoints:
      return mark(state_->endpoints);
    case ResourceKind::kSecret:
      return mark(state_->secrets);
    case ResourceKind::kVirtualHost: {
      const auto at = state_->hosts.find(name);
      if (at == state_->hosts.end()) return Outcome::kUnchanged;
      state_->EraseHost(at);
      return Outcome::kChanged;
    }
    case ResourceKind::kExtension:
      break;
  }
  const auto at = state_->extensions.find(name);
  if (at == state_->extensions.end()) return Outcome::kUnchanged;
  state_->origins.Retire(at->second.origin);
  state_->extensions.erase(at);
  ++state_->inputs;
  state_->Commit(state_->RecompileForExtension(name, /*checked=*/false));
  return Outcome::kChanged;
}

void SnapshotBuilder::GiveUp(ResourceKind kind, absl::string_view name) {
  if (kind == ResourceKind::kCluster) state_->DropChecked(name);
  if (kind != ResourceKind::kListener) return;
  const auto at = state_->checked_listeners.find(name);
  if (at != state_->checked_listeners.end()) state_->checked_listeners.erase(at);
}

absl::StatusOr<Dependencies> SnapshotBuilder::Check(std::shared_ptr<const google::protobuf::Message> resource,
                                                    const Given& given) {
  return WithType(std::move(resource), [&](auto proto) -> absl::StatusOr<Dependencies> {
    const uint64_t hash = extension::HashOf(*proto);
    auto same = Same(state_->Of(proto.get()), *proto, given, hash);
    if (!same.ok()) return same.status();
    return CheckPart(*state_, std::move(proto), given, hash);
  });
}

absl::StatusOr<Dependencies> SnapshotBuilder::Check(const google::protobuf::Message& resource, const Given& given) {
  return Check(CopyOf(resource), given);
}

namespace {

// Calls `f` with the parts of one kind.
template <class State, class F>
auto WithKind(State& state, ResourceKind kind, F f) {
  switch (kind) {
    case ResourceKind::kCluster:
      return f(state.clusters);
    case ResourceKind::kListener:
      return f(state.listeners);
    case ResourceKind::kRoutes:
      return f(state.routes);
    case ResourceKind::kEndpoints:
      return f(state.endpoints);
    case ResourceKind::kExtension:
      return f(state.extensions);
    case ResourceKind::kVirtualHost:
      return f(state.hosts);
    case ResourceKind::kSecret:
      break;
  }
  return f(state.secrets);
}

}  // namespace

bool SnapshotBuilder::Has(ResourceKind kind, absl::string_view name) const {
  return WithKind(*state_, kind, [name](auto& parts) {
    const auto at = parts.find(name);
    return at != parts.end() && !at->second.removed;
  });
}

bool SnapshotBuilder::IsSame(const google::protobuf::Message& resource) const {
  const auto same = WithType(Borrowed(resource), [this](auto proto) -> absl::StatusOr<bool> {
    return Same(state_->Of(proto.get()), *proto, Given{}, extension::HashOf(*proto));
  });
  return same.ok() && *same;
}

const Dependencies* SnapshotBuilder::DependenciesOf(ResourceKind kind, absl::string_view name) const {
  return WithKind(*state_, kind, [name](auto& parts) -> const Dependencies* {
    const auto at = parts.find(name);
    return at == parts.end() ? nullptr : &at->second.found->dependencies;
  });
}

void SnapshotBuilder::ForEach(ResourceKind kind, const std::function<void(const ResourceView&)>& f) const {
  WithKind(*state_, kind, [&](auto& parts) {
    for (const auto& [name, part] : parts) {
      f({kind, name, &part.given, State::ShownOf(part), &part.found->dependencies});
    }
  });
}

absl::Status SnapshotBuilder::FilesChanged(const std::vector<std::string>& paths) {
  State::Recompiled made = state_->RecompileForFiles({paths.begin(), paths.end()});
  const absl::Status errors = made.errors;
  state_->Commit(std::move(made));
  return errors;
}

uint64_t SnapshotBuilder::files_version() const { return state_->files_version; }
std::vector<std::string> SnapshotBuilder::Files() const { return state_->readers.Wanted(); }

const std::vector<DnsTarget>* SnapshotBuilder::DnsTargetsOf(absl::string_view cluster) const {
  const auto at = state_->clusters.find(cluster);
  static const std::vector<DnsTarget>& none = *new std::vector<DnsTarget>;
  if (at == state_->clusters.end()) return nullptr;
  return at->second.dns == nullptr ? &none : &at->second.dns->targets;
}

Outcome SnapshotBuilder::SetResolved(absl::string_view cluster, size_t target,
                                     const std::vector<net::Address>& addresses) {
  const auto at = state_->clusters.find(cluster);
  if (at == state_->clusters.end() || at->second.dns == nullptr) return Outcome::kUnchanged;
  ClusterPart& part = at->second;
  DnsNames& names = *part.dns;
  if (target >= names.resolved.size()) return Outcome::kUnchanged;
  std::vector<net::Address> with_port;
  for (const net::Address& address : addresses) with_port.push_back(address.WithPort(names.targets[target].port));
  if (names.resolved[target] == with_port) return Outcome::kUnchanged;
  names.resolved[target] = std::move(with_port);
  auto spec = state_->EndpointsOf(part, nullptr);
  if (!spec.ok()) return Outcome::kUnchanged;
  state_->PutEndpoints(part, *spec);
  return Outcome::kChanged;
}

std::shared_ptr<const model::Snapshot> SnapshotBuilder::Build() {
  state_->SweepRemoved();
  if (!state_->changed && state_->last != nullptr) return state_->last;
  state_->AssembleRoutes();
  ++state_->next.generation;
  state_->changed = false;
  state_->last = std::make_shared<const model::Snapshot>(state_->next);
  return state_->last;
}

void SnapshotBuilder::ForgetUnused() { state_->origins.Sweep(); }

model::ClusterSlot SnapshotBuilder::ClusterSlotOf(absl::string_view name) const {
  const auto ref = state_->names.clusters.Find(name);
  return ref == nullptr ? model::ClusterSlot{} : ref->slot;
}

std::optional<schema::Origin> SnapshotBuilder::OriginOf(model::OriginId id) const {
  return state_->origins.Explain(id);
}

}  // namespace outrigger::config
