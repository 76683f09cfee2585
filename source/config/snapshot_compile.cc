#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "source/base/hash.h"
#include "source/config/access_logs.h"
#include "source/config/endpoint_builder.h"
#include "source/config/listener_builder.h"
#include "source/config/route_builder.h"
#include "source/config/snapshot_state.h"
#include "source/config/tls_builder.h"
#include "source/extension/values.h"
#include "source/schema/validator.h"

namespace outrigger::config {

absl::Status ResourceError(const schema::Origin& origin, absl::string_view lines) {
  std::string text;
  for (const absl::string_view line : absl::StrSplit(lines, '\n', absl::SkipEmpty())) {
    absl::StrAppend(&text, text.empty() ? "" : "\n", origin.ToString(), ": ", line);
  }
  return absl::InvalidArgumentError(text);
}

void Append(const absl::Status& error, absl::Status* to) {
  if (error.ok()) return;
  *to = to->ok() ? error : absl::InvalidArgumentError(absl::StrCat(to->message(), "\n", error.message()));
}

namespace {

template <class Proto>
schema::Origin OriginOfResource(const Proto& proto, const Given& given, absl::string_view name) {
  return {absl::StrCat("type.googleapis.com/", proto.GetDescriptor()->full_name()),
          name.empty() ? NameOf(proto) : std::string(name), given.version, ""};
}

// What all kinds share: rules and support, then `compile` with a context that records into the part. On an error the
// origin is given back. `name`: of the resource, if the message calls itself otherwise.
template <class P, class Proto, class Compiler>
absl::StatusOr<P> CompilePart(SnapshotBuilder::State& state, std::shared_ptr<const Proto> proto, const Given& given,
                              uint64_t hash, Compiler compile, absl::string_view name = {}) {
  P part;
  part.given = given;
  part.content_hash = hash;
  part.proto = std::move(proto);
  const schema::Origin origin = OriginOfResource(*part.proto, given, name);
  if (NameOf(*part.proto).empty()) return ResourceError(origin, "name: is not set");
  if (!state.recompiling && !given.validated) {
    schema::ValidateOptions options;
    options.unknown = schema::ValidateOptions::Unknown::kCollect;
    const schema::ValidationResult result = schema::Validate(*part.proto, options);
    if (!result.ok()) return ResourceError(origin, result.ToStatus().message());
    for (const auto& warning : result.warnings) part.found.Write().warnings.push_back(schema::ToString(warning));
  }
  part.origin = state.origins.Add(origin);
  BuildContext context(state.environment, state.names, state, part.origin, part.found.Write(), &state.origins);
  if (const absl::Status compiled = compile(part, context); !compiled.ok()) {
    state.origins.Retire(part.origin);
    return ResourceError(origin, compiled.message());
  }
  part.found.Finish();
  return part;
}

absl::Status CheckSlot(uint32_t index) {
  constexpr uint32_t kMost = model::PersistentVector<model::Cluster>::kMost;
  return index < kMost ? absl::OkStatus() : extension::Invalid(absl::StrCat("there are ", kMost, " of them already"));
}

}  // namespace

const SnapshotBuilder::State::Secret* SnapshotBuilder::State::FindSecret(const envoy::config::core::v3::ConfigSource*,
                                                                         absl::string_view name) const {
  if (trial_secret != nullptr && trial_secret->name() == name) return trial_secret;
  const auto at = secrets.find(name);
  return at == secrets.end() ? nullptr : at->second.proto.get();
}

ReceivedExtension SnapshotBuilder::State::FindExtension(absl::string_view name) const {
  if (trial_extension != nullptr && trial_extension->name() == name) return {trial_extension, true};
  const auto at = extensions.find(name);
  return at == extensions.end() ? ReceivedExtension{} : ReceivedExtension{at->second.proto.get(), false};
}

bool SnapshotBuilder::State::HasCluster(absl::string_view name) const {
  return recompiling || clusters.find(name) != clusters.end();
}

absl::StatusOr<model::EndpointSetSpec> SnapshotBuilder::State::EndpointsOf(const ClusterPart& part,
                                                                           const Assignment* eds) const {
  EndpointInput input;
  input.cluster = part.built.config.get();
  input.missing_transports = part.built.missing_transports;
  input.single_endpoint = part.built.single_endpoint;
  if (part.built.config->type == model::ClusterType::kEds) {
    input.assignment = eds;
    return BuildEndpoints(input);
  }
  const std::shared_ptr<const Cluster> proto = part.Message();
  if (proto->has_load_assignment()) input.assignment = &proto->load_assignment();
  if (part.dns != nullptr) input.resolved = &part.dns->resolved;
  OUTRIGGER_ASSIGN(auto spec, "load_assignment", BuildEndpoints(input));
  return spec;
}

absl::StatusOr<ClusterPart> SnapshotBuilder::State::Compile(std::shared_ptr<const Cluster> proto, const Given& given,
                                                            uint64_t hash) {
  return CompilePart<ClusterPart>(
      *this, std::move(proto), given, hash, [this](ClusterPart& part, BuildContext& context) -> absl::Status {
        const auto at = clusters.find(part.proto->name());
        const ClusterPart* before = at == clusters.end() ? nullptr : &at->second;
        part.name = names.clusters.Get(part.proto->name());
        OUTRIGGER_TRY("", CheckSlot(part.name->slot.index));
        OUTRIGGER_ASSIGN(part.built, "",
                         BuildCluster(*part.proto, before == nullptr ? nullptr : before->built.config.get(), context));
        if (part.built.dns) {
          part.dns = std::make_unique<DnsNames>();
          OUTRIGGER_ASSIGN(part.dns->targets, "load_assignment", config::DnsTargetsOf(part.proto->load_assignment()));
          part.dns->resolved.resize(part.dns->targets.size());
        }
        Cluster key;
        *key.mutable_load_assignment() = part.proto->load_assignment();
        *key.mutable_transport_socket_matches() = part.proto->transport_socket_matches();
        for (auto& match : *key.mutable_transport_socket_matches()) match.clear_transport_socket();
        part.endpoints_key = StableHash(part.built.config->eds_name(), extension::HashOf(key));
        part.endpoints_key = StableHashMix(part.endpoints_key, part.built.config->settings->per_host_max_connections);
        for (const uint32_t missing : part.built.missing_transports)
          part.endpoints_key = StableHashMix(part.endpoints_key, missing);
        return FindEndpoints(part);
      });
}

namespace {
bool SameTargets(const DnsNames* a, const DnsNames* b) {
  return a == nullptr || b == nullptr ? a == b : a->targets == b->targets;
}
}  // namespace

absl::Status SnapshotBuilder::State::FindEndpoints(ClusterPart& part) {
  const auto at = clusters.find(part.proto->name());
  const ClusterPart* before = at == clusters.end() ? nullptr : &at->second;
  if (before != nullptr && SameTargets(before->dns.get(), part.dns.get())) {
    if (part.dns != nullptr) part.dns->resolved = before->dns->resolved;
    if (before->endpoints_key == part.endpoints_key) {
      part.endpoints = before->endpoints;
      return absl::OkStatus();
    }
  }
  OUTRIGGER_ASSIGN(model::EndpointSetSpec spec, "", EndpointsOf(part, EdsOf(part).get()));
  part.endpoints_spec = std::make_unique<const model::EndpointSetSpec>(std::move(spec));
  return absl::OkStatus();
}

absl::StatusOr<ListenerPart> SnapshotBuilder::State::Compile(std::shared_ptr<const Listener> proto, const Given& given,
                                                             uint64_t hash) {
  return CompilePart<ListenerPart>(
      *this, std::move(proto), given, hash, [this](ListenerPart& part, BuildContext& context) -> absl::Status {
        part.name = names.listeners.Get(part.proto->name());
        OUTRIGGER_TRY("", CheckSlot(part.name->slot.index));
        OUTRIGGER_ASSIGN(part.listener, "", BuildListener(*part.proto, part.name->slot, context));
        return absl::OkStatus();
      });
}

absl::StatusOr<RoutesPart> SnapshotBuilder::State::Compile(std::shared_ptr<const Routes> proto, const Given& given,
                                                           uint64_t hash) {
  return CompilePart<RoutesPart>(
      *this, std::move(proto), given, hash, [this](RoutesPart& part, BuildContext& context) -> absl::Status {
        part.name = names.routes.Get(part.proto->name());
        OUTRIGGER_TRY("", CheckSlot(part.name->slot.index));
        OUTRIGGER_ASSIGN(part.table, "",
                         BuildRouteTable(*part.proto, RouteOwner::kDiscovery, part.given.version, context));
        return absl::OkStatus();
      });
}

absl::StatusOr<EndpointsPart> SnapshotBuilder::State::Compile(std::shared_ptr<const Assignment> proto,
                                                              const Given& given, uint64_t hash) {
  return CompilePart<EndpointsPart>(
      *this, std::move(proto), given, hash, [this](EndpointsPart& part, BuildContext&) -> absl::Status {
        for (const Subscribers::Who& who : subscribers[ResourceKind::kEndpoints].Of(part.proto->cluster_name())) {
          const auto at = clusters.find(*who.name);
          if (who.kind != ResourceKind::kCluster || at == clusters.end()) continue;
          OUTRIGGER_ASSIGN(auto spec, "", EndpointsOf(at->second, part.proto.get()));
          if (part.compiled == nullptr) part.compiled = std::make_unique<EndpointsPart::Compiled>();
          part.compiled->emplace_back(&at->second, std::move(spec));
        }
        if (part.compiled != nullptr) return absl::OkStatus();
        EndpointInput input;  // of no cluster yet: only checked
        input.assignment = part.proto.get();
        return BuildEndpoints(input).status();
      });
}

absl::StatusOr<SecretPart> SnapshotBuilder::State::Compile(std::shared_ptr<const Secret> proto, const Given& given,
                                                           uint64_t hash) {
  return CompilePart<SecretPart>(*this, std::move(proto), given, hash, [](SecretPart& part, BuildContext& context) {
    return CheckSecret(*part.proto, context);
  });
}

// What it configures is known to those that use it: they compile it.
absl::StatusOr<ExtensionPart> SnapshotBuilder::State::Compile(std::shared_ptr<const Extension> proto,
                                                              const Given& given, uint64_t hash) {
  return CompilePart<ExtensionPart>(*this, std::move(proto), given, hash,
                                    [](ExtensionPart& part, BuildContext&) -> absl::Status {
                                      if (part.proto->has_typed_config()) return absl::OkStatus();
                                      return extension::Fault("typed_config", "is not set");
                                    });
}

// Within the route configuration as it is: a table of its own, with this host alone.
absl::StatusOr<HostPart> SnapshotBuilder::State::CompileHost(absl::string_view name,
                                                             std::shared_ptr<const VirtualHost> proto,
                                                             const Given& given) {
  const uint64_t hash = extension::HashOf(*proto);
  return CompilePart<HostPart>(
      *this, std::move(proto), given, hash,
      [this, name](HostPart& part, BuildContext& context) -> absl::Status {
        part.routes = std::string(name.substr(0, name.rfind('/')));
        Routes around = AroundOf(part.routes).head;
        part.head = AroundOf(part.routes).hash;
        // One that is put aside for a domain of its route configuration's stays up to date meanwhile.
        if (!recompiling) OUTRIGGER_TRY("", CheckDomains(name, part));
        *around.add_virtual_hosts() = *part.proto;
        auto table = BuildRouteTable(around, RouteOwner::kDiscovery, part.given.version, context);
        if (table.ok()) {
          part.table = *std::move(table);
          return absl::OkStatus();
        }
        absl::string_view error = table.status().message();
        if (absl::ConsumePrefix(&error, "virtual_hosts[0]")) absl::ConsumePrefix(&error, ".");
        return absl::InvalidArgumentError(error);
      },
      name);
}

template <class P>
void SnapshotBuilder::State::RecompileInto(const P& part, std::vector<P>* into, absl::Status* errors) {
  recompiling = true;
  auto made = Compile(part.Message(), part.given, part.content_hash);
  recompiling = false;
  if (made.ok()) {
    into->push_back(*std::move(made));
  } else {
    Append(made.status(), errors);
  }
}

template void SnapshotBuilder::State::RecompileInto(const ListenerPart&, std::vector<ListenerPart>*, absl::Status*);

SnapshotBuilder::State::Recompiled SnapshotBuilder::State::Recompile(const std::vector<Subscribers::Who>& who) {
  Recompiled out;
  const auto again = [&](ResourceKind kind, const auto& parts, auto* into) {
    std::set<absl::string_view> names;
    for (const Subscribers::Who& one : who) {
      if (one.kind == kind) names.insert(*one.name);
    }
    for (const absl::string_view name : names) {
      if (const auto at = parts.find(name); at != parts.end()) RecompileInto(at->second, into, &out.errors);
    }
  };
  again(ResourceKind::kCluster, clusters, &out.clusters);
  again(ResourceKind::kListener, listeners, &out.listeners);
  again(ResourceKind::kRoutes, routes, &out.routes);
  return out;
}

SnapshotBuilder::State::Recompiled SnapshotBuilder::State::RecompileForSecret(absl::string_view name) {
  return Recompile(subscribers[ResourceKind::kSecret].Of(name));
}

SnapshotBuilder::State::Recompiled SnapshotBuilder::State::RecompileForFiles(const std::set<std::string>& paths) {
  std::vector<Subscribers::Who> who;
  for (const std::string& path : paths) {
    const std::vector<Subscribers::Who> readers_of = readers.Of(path);
    who.insert(who.end(), readers_of.begin(), readers_of.end());
  }
  return Recompile(who);
}

absl::StatusOr<std::shared_ptr<const observe::AccessLog>> SnapshotBuilder::MakeAccessLog(
    const envoy::config::accesslog::v3::AccessLog& log) {
  Found found;
  BuildContext context(state_->environment, state_->names, *state_, model::OriginId(), found);
  return config::MakeAccessLog(log, context);
}

}  // namespace outrigger::config
