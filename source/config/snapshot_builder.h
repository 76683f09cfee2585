// Thread: main
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "source/config/environment.h"
#include "source/config/resource.h"
#include "source/model/snapshot.h"
#include "source/net/address.h"
#include "source/schema/origin.h"

namespace google::protobuf {
class Struct;
}
namespace envoy::config::accesslog::v3 {
class AccessLog;
}
namespace envoy::config::bootstrap::v3 {
class Bootstrap;
}
namespace envoy::config::core::v3 {
class TypedExtensionConfig;
}
namespace envoy::config::cluster::v3 {
class Cluster;
}
namespace envoy::config::endpoint::v3 {
class ClusterLoadAssignment;
}
namespace envoy::config::listener::v3 {
class Listener;
}
namespace envoy::config::route::v3 {
class RouteConfiguration;
class VirtualHost;
}  // namespace envoy::config::route::v3
namespace envoy::extensions::transport_sockets::tls::v3 {
class Secret;
}

namespace outrigger::config {

class RuntimeLayers;

// Turns resources into Snapshots. Holds the accepted resources ("parts"), gives names their slots, compiles what
// changed, and shares everything else with the Snapshot before.
//
// A Set call validates its message (field rules, support, references inside of it) and compiles it. If that fails it
// returns one line per error, `listener "in" (version 7): filter_chains[0]...: cause`, and nothing has changed. If the
// content equals what is there, nothing happens either (kUnchanged). Otherwise the next Build() shows it. Publishing is
// the caller's: at most one per turn of its loop.
//
// Warming is the caller's too. Check() says what a resource depends on without applying it; the caller subscribes,
// waits until Has() is true for all of it (or its timeout), and calls Set. A Set before that is allowed and safe: a
// cluster without endpoints answers 503 UH, a listener without its route configuration 404 NR, a chain or cluster
// without its secret refuses connections and never talks plaintext. When the missing resource comes, its dependants are
// compiled again by themselves.
class SnapshotBuilder {
 public:
  enum class Outcome : uint8_t { kUnchanged, kChanged };

  explicit SnapshotBuilder(const Environment& environment);
  ~SnapshotBuilder();
  SnapshotBuilder(const SnapshotBuilder&) = delete;
  SnapshotBuilder& operator=(const SnapshotBuilder&) = delete;

  // Secrets, clusters, then listeners of static_resources. All errors of all resources, one line each; paths begin with
  // the resource.
  absl::Status SetStatic(const envoy::config::bootstrap::v3::Bootstrap& bootstrap);

  absl::StatusOr<Outcome> SetCluster(const envoy::config::cluster::v3::Cluster& cluster, const Given& given);
  absl::StatusOr<Outcome> SetListener(const envoy::config::listener::v3::Listener& listener, const Given& given);
  absl::StatusOr<Outcome> SetRoutes(const envoy::config::route::v3::RouteConfiguration& routes, const Given& given);
  // Named by EDS: serves every cluster whose service name (or name) is `cluster_name`. Known before its clusters is
  // fine.
  absl::StatusOr<Outcome> SetEndpoints(const envoy::config::endpoint::v3::ClusterLoadAssignment& endpoints,
                                       const Given& given);
  // The same as it came, kept as its bytes. If its difference to what is in use is known, what the clusters have is
  // changed by that; all else stays as it is.
  absl::StatusOr<Outcome> SetEndpoints(const ReceivedEndpoints& received, const Given& given);
  // A secret that a dependant cannot use (wrong key for its certificate) is refused and the old one stays in use.
  absl::StatusOr<Outcome> SetSecret(const envoy::extensions::transport_sockets::tls::v3::Secret& secret,
                                    const Given& given);
  // A filter's configuration. One that a filter made of it cannot use is refused and the old one stays in use.
  absl::StatusOr<Outcome> SetExtension(const envoy::config::core::v3::TypedExtensionConfig& extension,
                                       const Given& given);
  // A virtual host that came for a route configuration which fetches them; `name` is the resource's, "ROUTES/HOST". One
  // that has a domain of another is refused.
  absl::StatusOr<Outcome> SetVirtualHost(absl::string_view name, const envoy::config::route::v3::VirtualHost& host,
                                         const Given& given);
  absl::StatusOr<Dependencies> CheckVirtualHost(absl::string_view name,
                                                const envoy::config::route::v3::VirtualHost& host, const Given& given);
  // By type: message is one of the six above. The second form keeps the message itself and no copy of it.
  absl::StatusOr<Outcome> Set(const google::protobuf::Message& resource, const Given& given);
  absl::StatusOr<Outcome> Set(std::shared_ptr<const google::protobuf::Message> resource, const Given& given);
  // Removing what is not there, or is static, changes nothing. Endpoints, routes and secrets that are still subscribed
  // to stay in use by whoever was compiled with them until they come again.
  // A filter's configuration goes at once: its default takes its place, or the filter lets nothing through.
  Outcome Remove(ResourceKind kind, absl::string_view name);

  // Layers of runtime values (SetStatic takes them from the bootstrap). A change compiles again what asked for what
  // changed; an error is of something that stays as it was, or FailedPrecondition: there is no admin layer.
  const RuntimeLayers& runtime() const;
  absl::Status SetRuntimeLayer(absl::string_view resource, const google::protobuf::Struct& values);
  absl::Status ModifyRuntime(const std::vector<std::pair<std::string, std::string>>& values);

  // Everything Set would check and compile, applying nothing: the warming caller stages what passes. Secrets and other
  // resources that are not there yet are no error.
  absl::StatusOr<Dependencies> Check(const google::protobuf::Message& resource, const Given& given);
  absl::StatusOr<Dependencies> Check(std::shared_ptr<const google::protobuf::Message> resource, const Given& given);
  // What Check let pass will not be set: what comes later need not suit it.
  void GiveUp(ResourceKind kind, absl::string_view name);
  bool Has(ResourceKind kind, absl::string_view name) const;
  // Whether the resource that is in use has this very content.
  bool IsSame(const google::protobuf::Message& resource) const;
  const Dependencies* DependenciesOf(ResourceKind kind, absl::string_view name) const;
  // In the order of names.
  void ForEach(ResourceKind kind, const std::function<void(const ResourceView&)>& f) const;

  // Files named by Dependencies::files have changed: what read them is compiled again. What fails then stays as it was
  // (all errors, one line each).
  absl::Status FilesChanged(const std::vector<std::string>& paths);

  // Every file that some resource was built from, sorted; grows whenever that set changes.
  std::vector<std::string> Files() const;
  uint64_t files_version() const;

  // DNS clusters: what to resolve (empty for other types), and the answer for one of them; an error of the resolver
  // changes nothing and is not told. Addresses without port; the target's is used. Ordered as the resolver gave them:
  // LOGICAL_DNS uses the first.
  const std::vector<DnsTarget>* DnsTargetsOf(absl::string_view cluster) const;
  Outcome SetResolved(absl::string_view cluster, size_t target, const std::vector<net::Address>& addresses);

  // The configuration as it is now: the pointer given last time if nothing changed, else a new one with the next
  // generation.
  std::shared_ptr<const model::Snapshot> Build();
  // Lets go of what was known of replaced parts whose last holder (a stream, a Snapshot) is gone. Now and then.
  void ForgetUnused();

  // An access log of the process's own (the admin endpoint's): not part of any Snapshot.
  absl::StatusOr<std::shared_ptr<const observe::AccessLog>> MakeAccessLog(
      const envoy::config::accesslog::v3::AccessLog& log);

  // Slots by name, for who watches one cluster (xds over its management cluster). Invalid if the name is not known.
  model::ClusterSlot ClusterSlotOf(absl::string_view name) const;
  // Where a compiled node came from; nothing if it is long gone.
  std::optional<schema::Origin> OriginOf(model::OriginId id) const;

  struct State;  // of the implementation

 private:
  std::unique_ptr<State> state_;
};

}  // namespace outrigger::config
