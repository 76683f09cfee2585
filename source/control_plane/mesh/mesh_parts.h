// Thread: any
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/core/v3/address.pb.h"
#include "envoy/config/core/v3/config_source.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/rbac/v3/rbac.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "source/control_plane/mesh/mesh_model.h"

// The pieces that a mesh is compiled from; private to the compiler.
namespace outrigger::control_plane {

void SetAddress(const std::string& ip, uint32_t port, envoy::config::core::v3::Address& out);
void SetAds(envoy::config::core::v3::ConfigSource& out);

// Own certificate and trusted roots by SDS on the aggregated stream; the peer's SPIFFE id is `spiffe_id`, or begins
// with it.
void SetTls(const std::string& spiffe_id, bool is_prefix,
            envoy::extensions::transport_sockets::tls::v3::CommonTlsContext& out);

envoy::config::listener::v3::Listener InboundListener(const mesh_v1::Mesh& mesh, const MeshIndex& index,
                                                      const mesh_v1::Service& service,
                                                      const mesh_v1::Workload& workload);
envoy::config::listener::v3::Listener OutboundListener(const mesh_v1::Mesh& mesh, const mesh_v1::Workload& workload);
// False: everybody may call.
bool SetCallers(const mesh_v1::Mesh& mesh, const MeshIndex& index, const mesh_v1::Service& service,
                envoy::config::rbac::v3::RBAC& out);

envoy::config::route::v3::RouteConfiguration OutboundRoutes(const mesh_v1::Mesh& mesh);
// Of the workload's own application; no service can have such a name.
inline constexpr absl::string_view kApplicationHttp = "_application";
inline constexpr absl::string_view kApplicationGrpc = "_application_grpc";
envoy::config::route::v3::RouteConfiguration InboundRoutes(const mesh_v1::Workload& workload);
envoy::config::cluster::v3::Cluster ApplicationCluster(const mesh_v1::Workload& workload, bool grpc);

envoy::config::cluster::v3::Cluster ServiceCluster(const mesh_v1::Mesh& mesh, const mesh_v1::Service& service,
                                                   const std::string& version);
envoy::config::endpoint::v3::ClusterLoadAssignment ServiceEndpoints(const mesh_v1::Service& service,
                                                                    const std::string& version);

// The same for gRPC programs without a sidecar: an api_listener per host, no rewriting; plain text, or mutual TLS with
// what the program's own bootstrap calls "mesh".
inline constexpr absl::string_view kGrpcRoutes = "grpc";
inline constexpr absl::string_view kGrpcCertificates = "mesh";
std::vector<envoy::config::listener::v3::Listener> GrpcListeners(const mesh_v1::Service& service);
envoy::config::route::v3::RouteConfiguration GrpcRoutes(const mesh_v1::Mesh& mesh);
envoy::config::cluster::v3::Cluster GrpcCluster(const mesh_v1::Mesh& mesh, const mesh_v1::Service& service,
                                                const std::string& version, bool secure);
envoy::config::endpoint::v3::ClusterLoadAssignment GrpcEndpoints(const mesh_v1::Service& service,
                                                                 const std::string& version);

}  // namespace outrigger::control_plane
