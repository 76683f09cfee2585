#include "source/filters/network/tcp_proxy/factory.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb.h"
#include "source/extension/typed.h"
#include "source/extension/values.h"
#include "source/filters/network/tcp_proxy/tcp_proxy.h"

namespace outrigger::filters {

namespace v3 = envoy::extensions::filters::network::tcp_proxy::v3;
using extension::FactoryContext;
using extension::Fault;

namespace {

absl::Status AddTargets(const v3::TcpProxy& proto, FactoryContext& context, TcpProxyConfig& config) {
  if (proto.cluster_specifier_case() == v3::TcpProxy::kCluster) {
    if (proto.cluster().empty()) return Fault("cluster", "must not be empty");
    config.targets.push_back({proto.cluster(), context.ClusterSlotOf(proto.cluster()), 1});
    return absl::OkStatus();
  }
  if (proto.cluster_specifier_case() != v3::TcpProxy::kWeightedClusters) {
    return Fault("cluster", "cluster or weighted_clusters is needed");
  }
  config.total_weight = 0;
  for (const auto& cluster : proto.weighted_clusters().clusters()) {
    config.targets.push_back({cluster.name(), context.ClusterSlotOf(cluster.name()), cluster.weight()});
    config.total_weight += cluster.weight();
  }
  if (config.total_weight == 0) return Fault("weighted_clusters", "the weights sum up to nothing");
  if (config.total_weight > UINT32_MAX) return Fault("weighted_clusters", "the sum of the weights is above 4294967295");
  return absl::OkStatus();
}

absl::Status AddLogs(const v3::TcpProxy& proto, FactoryContext& context, TcpProxyConfig& config) {
  for (int i = 0; i < proto.access_log_size(); ++i) {
    auto log = context.BuildAccessLog(proto.access_log(i));
    if (!log.ok()) return extension::Under("access_log", static_cast<size_t>(i), log.status());
    config.access_logs.push_back(*std::move(log));
  }
  const bool old = proto.has_access_log_flush_interval() || proto.flush_access_log_on_connected();
  if (old && proto.has_access_log_options()) {
    return Fault("access_log_options",
                 "access_log_flush_interval and flush_access_log_on_connected are its older forms");
  }
  const v3::TcpProxy::TcpAccessLogOptions& options = proto.access_log_options();
  config.log_on_connected = proto.flush_access_log_on_connected() || options.flush_access_log_on_connected();
  if (proto.has_access_log_flush_interval()) {
    config.access_log_flush_interval = extension::DurationOf(proto.access_log_flush_interval());
  } else if (options.has_access_log_flush_interval()) {
    config.access_log_flush_interval = extension::DurationOf(options.access_log_flush_interval());
  }
  return absl::OkStatus();
}

absl::StatusOr<model::NetworkFilterSpec> Create(const v3::TcpProxy& proto, FactoryContext& context) {
  if (proto.has_tunneling_config()) return Fault("tunneling_config", "is not supported");
  if (proto.has_on_demand()) return Fault("on_demand", "is not supported");
  auto config = std::make_shared<TcpProxyConfig>();
  config->stats = context.stats().Register<observe::TcpProxyStats>(absl::StrCat("tcp.", proto.stat_prefix(), "."));
  if (absl::Status status = AddTargets(proto, context, *config); !status.ok()) return status;
  if (absl::Status status = AddLogs(proto, context, *config); !status.ok()) return status;
  const auto duration = [](bool given, const google::protobuf::Duration& from, Duration& to) {
    if (given) to = extension::DurationOf(from);
  };
  duration(proto.has_idle_timeout(), proto.idle_timeout(), config->idle_timeout);
  duration(proto.has_downstream_idle_timeout(), proto.downstream_idle_timeout(), config->downstream_idle_timeout);
  duration(proto.has_upstream_idle_timeout(), proto.upstream_idle_timeout(), config->upstream_idle_timeout);
  duration(proto.has_max_downstream_connection_duration(), proto.max_downstream_connection_duration(),
           config->max_connection_duration);
  if (proto.has_max_connect_attempts()) config->max_connect_attempts = proto.max_connect_attempts().value();

  model::NetworkFilterSpec spec;
  spec.terminal = true;
  spec.config = std::move(config);
  spec.make = [](const std::shared_ptr<const void>& made,
                 model::DownstreamContext& of) -> std::unique_ptr<net::NetworkFilter> {
    return std::make_unique<TcpProxy>(std::static_pointer_cast<const TcpProxyConfig>(made), of);
  };
  spec.connection_hash = extension::HashOf(proto);  // all of it is decided when the connection comes
  return spec;
}

}  // namespace

constinit const extension::NetworkFilterFactory kTcpProxyFactory = {
    "envoy.filters.network.tcp_proxy",
    &v3::TcpProxy::descriptor,
    &extension::Typed<v3::TcpProxy, &Create>,
};

}  // namespace outrigger::filters
