#include "source/control_plane/xds_server/grpc_server.h"

#include <grpc/support/time.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/security/server_credentials.h>

#include <atomic>
#include <thread>
#include <tuple>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "envoy/service/cluster/v3/cds.grpc.pb.h"
#include "envoy/service/discovery/v3/ads.grpc.pb.h"
#include "envoy/service/endpoint/v3/eds.grpc.pb.h"
#include "envoy/service/extension/v3/config_discovery.grpc.pb.h"
#include "envoy/service/listener/v3/lds.grpc.pb.h"
#include "envoy/service/route/v3/rds.grpc.pb.h"
#include "envoy/service/runtime/v3/rtds.grpc.pb.h"
#include "envoy/service/secret/v3/sds.grpc.pb.h"
#include "source/base/log.h"
#include "source/control_plane/xds_server/grpc_client_status.h"
#include "source/control_plane/xds_server/grpc_peer.h"
#include "source/control_plane/xds_server/grpc_streams.h"
#include "source/control_plane/xds_server/node_socket.h"
#include "source/control_plane/xds_server/renewable_credentials.h"

namespace outrigger::control_plane {
namespace {

// What libgrpc takes at all; StreamLimits has the limit that is counted and told.
constexpr int kMostMessageBytes = 16 << 20;
constexpr Duration kLongestIdle = minutes(5);
constexpr Duration kShortestPingInterval = milliseconds(500);

struct ServiceOwner {
  GrpcStreams& streams;
  std::string bound_node;
  template <class Stream>
  Stream* Open(grpc::CallbackServerContext* context, absl::string_view type) {
    return streams.Adopt<Stream>(PeerOf(*context, bound_node), std::string(type));
  }
};

// The services differ in nothing but the names of their methods.
#define OUTRIGGER_DISCOVERY_METHOD(Method, Stream, type) \
  Stream* Method(grpc::CallbackServerContext* context) override { return owner_.Open<Stream>(context, type); }
#define OUTRIGGER_DISCOVERY_SERVICE(Name, base, World, Delta, type) \
  class Name final : public base::CallbackService {                 \
   public:                                                          \
    explicit Name(ServiceOwner& owner) : owner_(owner) {}           \
    OUTRIGGER_DISCOVERY_METHOD(World, WorldStream, type)            \
    OUTRIGGER_DISCOVERY_METHOD(Delta, DeltaStream, type)            \
                                                                    \
   private:                                                         \
    ServiceOwner& owner_;                                           \
  }
namespace v3 = envoy::service;
OUTRIGGER_DISCOVERY_SERVICE(Ads, v3::discovery::v3::AggregatedDiscoveryService, StreamAggregatedResources,
                            DeltaAggregatedResources, "");
OUTRIGGER_DISCOVERY_SERVICE(Lds, v3::listener::v3::ListenerDiscoveryService, StreamListeners, DeltaListeners,
                            kListenerType);
OUTRIGGER_DISCOVERY_SERVICE(Rds, v3::route::v3::RouteDiscoveryService, StreamRoutes, DeltaRoutes, kRouteType);
OUTRIGGER_DISCOVERY_SERVICE(Cds, v3::cluster::v3::ClusterDiscoveryService, StreamClusters, DeltaClusters, kClusterType);
OUTRIGGER_DISCOVERY_SERVICE(Eds, v3::endpoint::v3::EndpointDiscoveryService, StreamEndpoints, DeltaEndpoints,
                            kEndpointType);
OUTRIGGER_DISCOVERY_SERVICE(Sds, v3::secret::v3::SecretDiscoveryService, StreamSecrets, DeltaSecrets, kSecretType);
OUTRIGGER_DISCOVERY_SERVICE(Ecds, v3::extension::v3::ExtensionConfigDiscoveryService, StreamExtensionConfigs,
                            DeltaExtensionConfigs, kExtensionType);
OUTRIGGER_DISCOVERY_SERVICE(Rtds, v3::runtime::v3::RuntimeDiscoveryService, StreamRuntime, DeltaRuntime, kRuntimeType);
#undef OUTRIGGER_DISCOVERY_SERVICE

class Vhds final : public v3::route::v3::VirtualHostDiscoveryService::CallbackService {
 public:
  explicit Vhds(ServiceOwner& owner) : owner_(owner) {}
  OUTRIGGER_DISCOVERY_METHOD(DeltaVirtualHosts, DeltaStream, kVirtualHostType)

 private:
  ServiceOwner& owner_;
};
#undef OUTRIGGER_DISCOVERY_METHOD

class LibgrpcServer final : public GrpcServer {
 public:
  LibgrpcServer(event::Dispatcher& dispatcher, XdsServer& core, std::string bound_node)
      : dispatcher_(dispatcher), streams_(dispatcher, core), owner_{streams_, std::move(bound_node)} {}
  ~LibgrpcServer() override { Stop(); }

  absl::Status Start(const GrpcListenOptions& options, const std::vector<grpc::Service*>& extra) {
    grpc::ServerBuilder builder;
    const bool bound = !options.bound_node.empty();
    if (options.identity == nullptr) {
      credentials_ = grpc::InsecureServerCredentials();
    } else {
      credentials_ = std::make_shared<RenewableCredentials>(options.identity, options.require_client_certificate);
    }
    if (bound) {
      acceptor_ = builder.experimental().AddExternalConnectionAcceptor(
          grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD, credentials_);
    } else {
      builder.AddListeningPort(options.address, credentials_, &port_);
    }
    std::apply([&builder](auto&... service) { (builder.RegisterService(&service), ...); }, services_);
    builder.RegisterService(&client_status_);
    for (grpc::Service* service : extra) builder.RegisterService(service);
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // an address in use is an error
    // A connection that does not get to its first stream, or has none any more, is not kept.
    builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS,
                               static_cast<int>(ToMillis(options.longest_handshake)));
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, static_cast<int>(ToMillis(kLongestIdle)));
    // Proxies ping to know that we live (examples/mesh/sidecar.yaml: every ten seconds). Otherwise libgrpc takes more
    // than one in five minutes on a quiet stream for an attack, and cuts the connection.
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                               static_cast<int>(ToMillis(kShortestPingInterval)));
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 100);  // per connection
    builder.SetMaxReceiveMessageSize(kMostMessageBytes);
    server_ = builder.BuildAndStart();
    if (server_ != nullptr && bound) return ListenForNode(options);
    const bool unix_socket = absl::StartsWith(options.address, "unix:");
    if (server_ == nullptr || (port_ <= 0 && !unix_socket)) {
      return absl::UnavailableError(absl::StrCat("cannot listen on ", options.address,
                                                 options.identity == nullptr ? "" : ", or its certificate is bad"));
    }
    if (unix_socket) port_ = 0;
    return absl::OkStatus();
  }

  int port() const override { return port_; }

  absl::Status SetBoundUser(std::optional<uint32_t> uid) override {
    if (node_socket_ == nullptr) return absl::FailedPreconditionError("not a node's own socket");
    return node_socket_->SetUser(uid);
  }

  void Stop() override {
    node_socket_.reset();
    if (server_ == nullptr) return;
    streams_.StopAll();
    std::atomic<bool> done{false};
    // Calls that are being adopted still need the loop to end, so libgrpc's wait cannot be on its thread.
    std::thread waiter([this, &done] {
      server_->Shutdown(gpr_inf_past(GPR_CLOCK_REALTIME));
      server_->Wait();
      done.store(true);
    });
    while (!done.load() || !streams_.empty()) dispatcher_.RunOnce(milliseconds(5));
    waiter.join();
    server_.reset();
  }

 private:
  absl::Status ListenForNode(const GrpcListenOptions& options) {
    NodeSocket::Events events;
    events.accepted = [this](int fd) {
      grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
      connection.fd = fd;
      acceptor_->HandleNewConnection(&connection);
    };
    events.denied = [this, address = options.address](uint32_t uid) {
      OUTRIGGER_LOG(kWarn, kControlPlane, "refused user ", uid, " on ", address, ": the socket is another user's");
      streams_.core().PeerDenied();
    };
    auto listening = NodeSocket::Listen(dispatcher_, std::string(absl::StripPrefix(options.address, "unix:")),
                                        options.bound_uid, std::move(events));
    if (!listening.ok()) return listening.status();
    node_socket_ = *std::move(listening);
    return absl::OkStatus();
  }

  event::Dispatcher& dispatcher_;
  GrpcStreams streams_;
  ServiceOwner owner_;
  std::tuple<Ads, Lds, Rds, Cds, Eds, Sds, Ecds, Rtds, Vhds> services_{owner_, owner_, owner_, owner_, owner_,
                                                                       owner_, owner_, owner_, owner_};
  ClientStatusService client_status_{streams_, owner_.bound_node};
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor_;  // of what the node's socket took
  std::shared_ptr<grpc::ServerCredentials> credentials_;                      // outlives the server
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<NodeSocket> node_socket_;
  int port_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Listen(event::Dispatcher& dispatcher, XdsServer& core,
                                                               const GrpcListenOptions& options,
                                                               const std::vector<grpc::Service*>& extra) {
  auto server = std::make_unique<LibgrpcServer>(dispatcher, core, options.bound_node);
  const absl::Status started = server->Start(options, extra);
  if (!started.ok()) return started;
  return std::unique_ptr<GrpcServer>(std::move(server));
}

}  // namespace outrigger::control_plane
