// Thread: main
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "source/config/parts.h"
#include "source/config/runtime_layers.h"
#include "source/config/snapshot_builder.h"
#include "source/config/subscribers.h"

namespace outrigger::config {

// The parts and the Snapshot that is being put together from them. Every change compiles first, into values of its own;
// only when nothing failed are parts and Snapshot touched.
struct SnapshotBuilder::State final : SecretProvider {
  using Cluster = envoy::config::cluster::v3::Cluster;
  using Listener = envoy::config::listener::v3::Listener;
  using Routes = envoy::config::route::v3::RouteConfiguration;
  using Assignment = envoy::config::endpoint::v3::ClusterLoadAssignment;
  using Secret = envoy::extensions::transport_sockets::tls::v3::Secret;
  using Extension = envoy::config::core::v3::TypedExtensionConfig;
  using VirtualHost = envoy::config::route::v3::VirtualHost;

  explicit State(const Environment& given) : environment(given) {}

  // SecretProvider
  const Secret* FindSecret(const envoy::config::core::v3::ConfigSource* source, absl::string_view name) const override;
  bool HasCluster(absl::string_view name) const override;
  ReceivedExtension FindExtension(absl::string_view name) const override;

  // Compiled, not yet in use (snapshot_compile.cc).
  // `hash`: of the content.
  absl::StatusOr<ClusterPart> Compile(std::shared_ptr<const Cluster> proto, const Given& given, uint64_t hash);
  // What was compiled to be checked, if that still holds (snapshot_checked.cc).
  absl::StatusOr<ClusterPart> CompileOrTake(std::shared_ptr<const Cluster> proto, const Given& given, uint64_t hash);
  template <class Proto>
  auto CompileOrTake(std::shared_ptr<const Proto> proto, const Given& given, uint64_t hash) {
    return Compile(std::move(proto), given, hash);
  }
  void KeepChecked(ClusterPart part);
  template <class P>
  void KeepChecked(P part) {
    origins.Retire(part.origin);
  }
  void DropChecked(absl::string_view cluster);
  absl::StatusOr<ListenerPart> Compile(std::shared_ptr<const Listener> proto, const Given& given, uint64_t hash);
  absl::StatusOr<RoutesPart> Compile(std::shared_ptr<const Routes> proto, const Given& given, uint64_t hash);
  absl::StatusOr<EndpointsPart> Compile(std::shared_ptr<const Assignment> proto, const Given& given, uint64_t hash);
  absl::StatusOr<SecretPart> Compile(std::shared_ptr<const Secret> proto, const Given& given, uint64_t hash);
  absl::StatusOr<ExtensionPart> Compile(std::shared_ptr<const Extension> proto, const Given& given, uint64_t hash);
  absl::StatusOr<HostPart> CompileHost(absl::string_view name, std::shared_ptr<const VirtualHost> proto,
                                       const Given& given);

  // Into use (snapshot_commit.cc). Cannot fail.
  void Commit(ClusterPart part);
  void Commit(ListenerPart part);
  void Commit(RoutesPart part);
  void Commit(EndpointsPart part);
  void Commit(SecretPart part);
  void Commit(ExtensionPart part);
  // Virtual hosts that were fetched (snapshot_hosts.cc).
  void CommitHost(absl::string_view name, HostPart part);
  void EraseHost(PartMap<HostPart>::iterator at);
  void RenewHosts(const std::string& routes_name);  // their route configuration changed
  absl::Status CheckDomains(absl::string_view name, const HostPart& part);
  void AssembleRoutes();
  void PutEndpoints(ClusterPart& part, std::shared_ptr<const model::EndpointSet> endpoints);
  void PutEndpoints(ClusterPart& part, const model::EndpointSetSpec& spec) {
    PutEndpoints(part, endpoint_registry.Build(part.built.config->name, spec));
  }
  absl::StatusOr<Outcome> Receive(const ReceivedEndpoints& received, const Given& given);
  bool Patch(const std::string& name, const schema::AssignmentDifference& difference);
  void Count(const ClusterPart& part, const model::Membership& members);  // membership_*
  void Erase(PartMap<ClusterPart>::iterator at);
  void Erase(PartMap<ListenerPart>::iterator at);
  void Erase(PartMap<RoutesPart>::iterator at);

  // Those of the version before, or a specification of others.
  absl::Status FindEndpoints(ClusterPart& part);
  absl::StatusOr<model::EndpointSetSpec> EndpointsOf(const ClusterPart& part, const Assignment* eds) const;
  std::shared_ptr<const Assignment> EdsOf(const ClusterPart& part) const;

  // Those that depend on a secret, or on one of `paths`, compiled again.
  struct Recompiled {
    std::vector<ClusterPart> clusters;
    std::vector<ListenerPart> listeners;
    std::vector<RoutesPart> routes;
    std::vector<ListenerPart> checked;  // only to see whether they would do; never into use
    absl::Status errors;                // one line each; those parts are not in the lists
  };
  Recompiled Recompile(const std::vector<Subscribers::Who>& who);
  Recompiled RecompileForSecret(absl::string_view name);
  // Those that are made of it; with `checked`, listeners that were checked and are not in use yet, too.
  Recompiled RecompileForExtension(absl::string_view name, bool checked);
  // With its dependants, which are compiled with it and must take it. Found: the clusters that it names.
  absl::StatusOr<ExtensionPart> TryExtension(std::shared_ptr<const Extension> proto, const Given& given,
                                             Recompiled* dependants);
  Recompiled RecompileForRuntime(const std::set<std::string>& keys);
  absl::Status RuntimeChanged();  // compiles again what asked for what changed; errors: of those that stay as they were
  void NoteChecked(const ListenerPart& part);
  template <class P>
  void NoteChecked(const P&) {}
  Recompiled RecompileForFiles(const std::set<std::string>& paths);
  void Commit(Recompiled recompiled);
  void Discard(const Recompiled& recompiled);  // instead
  template <class P>
  void RecompileInto(const P& part, std::vector<P>* into, absl::Status* errors);

  // Who needs what, kept up to date as parts come and go.
  void Link(Subscribers::Who who, const Found& found);
  void Unlink(Subscribers::Who who, const Found& found);
  template <class P>
  P Exchange(PartMap<P>& parts, const std::string& name, P part);
  template <class P>
  void EraseLeaf(PartMap<P>& parts, const std::string& name);
  bool IsSubscribed(ResourceKind kind, absl::string_view name) const;
  void SweepRemoved();

  // Secrets and filters' configurations take their dependants along, or nothing happens.
  absl::StatusOr<Outcome> Replace(std::shared_ptr<const Secret> secret, const Given& given);
  absl::StatusOr<Outcome> Replace(std::shared_ptr<const Extension> extension, const Given& given);

  // The message that was given.
  template <class P>
  static ShownMessage ShownOf(const P& part) {
    return part.proto != nullptr ? ShownMessage(part.proto.get()) : ShownMessage(part.given.kept);
  }
  static ShownMessage ShownOf(const EndpointsPart& part);

  // The part of that kind, map by map.
  PartMap<ClusterPart>& Of(const Cluster*) { return clusters; }
  PartMap<ListenerPart>& Of(const Listener*) { return listeners; }
  PartMap<RoutesPart>& Of(const Routes*) { return routes; }
  PartMap<EndpointsPart>& Of(const Assignment*) { return endpoints; }
  PartMap<SecretPart>& Of(const Secret*) { return secrets; }
  PartMap<ExtensionPart>& Of(const Extension*) { return extensions; }

  template <class P>
  void Tell(const P& part);  // warnings, once

  Environment environment;
  RuntimeLayers runtime;
  NameTables names;
  Origins origins;
  model::EndpointRegistry endpoint_registry;
  PartMap<ClusterPart> clusters;
  PartMap<ListenerPart> listeners;
  PartMap<RoutesPart> routes;
  PartMap<EndpointsPart> endpoints;
  PartMap<SecretPart> secrets;
  PartMap<ExtensionPart> extensions;
  PartMap<HostPart> hosts;
  std::set<std::string, std::less<>> stale_routes;  // whose hosts changed: put together before the next Snapshot
  // What a route configuration is to the hosts that are fetched for it.
  struct Around {
    Routes head;  // without its own hosts
    uint64_t hash = 0;
    std::map<std::string, std::string> domains;  // in lower case: whose they are; "": its own
  };
  Around& AroundOf(const std::string& routes_name);
  std::map<std::string, Around, std::less<>> surroundings;  // of those that have fetched hosts
  // Checked, to be set when what they wait for is there: what comes for them must suit them. Those that use
  // extensions.
  struct Checked {
    std::shared_ptr<const Listener> proto;
    Given given;
    Dependencies dependencies;
  };
  std::map<std::string, Checked, std::less<>> checked_listeners;
  struct CheckedCluster {
    ClusterPart part;
    uint64_t inputs = 0;
    model::OriginId before = 0;  // of the version in use
  };
  std::map<std::string, CheckedCluster, std::less<>> checked_clusters;
  uint64_t inputs = 0;  // counts changes of what clusters are compiled with: secrets, extensions, runtime values
  const Extension* trial_extension = nullptr;
  const Secret* trial_secret = nullptr;  // stands for the stored one while dependants are compiled with it
  bool recompiling = false;              // references were checked when the resource came

  model::Snapshot next;
  std::shared_ptr<const model::Snapshot> last;
  bool changed = true;
  std::map<ResourceKind, Subscribers> subscribers;  // by the kind of what is needed
  Subscribers readers;                              // of files
  uint64_t files_version = 0;
  // Removed by their source, or left by their last subscriber: to be looked at before the next Snapshot.
  std::set<std::pair<ResourceKind, std::string>> leaving;
};

// Resources call themselves by different fields.
inline const std::string& NameOf(const envoy::config::cluster::v3::Cluster& proto) { return proto.name(); }
inline const std::string& NameOf(const envoy::config::listener::v3::Listener& proto) { return proto.name(); }
inline const std::string& NameOf(const envoy::config::route::v3::RouteConfiguration& proto) { return proto.name(); }
inline const std::string& NameOf(const envoy::config::route::v3::VirtualHost& proto) { return proto.name(); }
inline const std::string& NameOf(const envoy::config::endpoint::v3::ClusterLoadAssignment& proto) {
  return proto.cluster_name();
}
inline const std::string& NameOf(const envoy::config::core::v3::TypedExtensionConfig& proto) { return proto.name(); }
inline const std::string& NameOf(const envoy::extensions::transport_sockets::tls::v3::Secret& proto) {
  return proto.name();
}

// One line per error, each with the resource before it.
absl::Status ResourceError(const schema::Origin& origin, absl::string_view lines);
void Append(const absl::Status& error, absl::Status* to);

}  // namespace outrigger::config
