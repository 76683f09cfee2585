#include "source/server/dynamic/source_registry.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "source/base/log.h"
#include "source/grpc/pool_channel.h"

namespace outrigger::server {

using envoy::config::core::v3::ApiConfigSource;
using envoy::config::core::v3::ConfigSource;
using envoy::config::core::v3::GrpcService;

namespace {

bool IsAggregated(const ApiConfigSource& config) {
  return config.api_type() == ApiConfigSource::AGGREGATED_GRPC ||
         config.api_type() == ApiConfigSource::AGGREGATED_DELTA_GRPC;
}
bool IsDelta(const ApiConfigSource& config) {
  return config.api_type() == ApiConfigSource::DELTA_GRPC ||
         config.api_type() == ApiConfigSource::AGGREGATED_DELTA_GRPC;
}
bool IsGrpc(const ApiConfigSource& config) {
  return config.api_type() == ApiConfigSource::GRPC || config.api_type() == ApiConfigSource::DELTA_GRPC;
}

// Where the published names have one stream per subscription, ours has one per type and server.
std::string StatsPrefixOf(absl::optional<xds::ResourceType> only) {
  if (!only.has_value()) return "control_plane.";
  if (*only == xds::ResourceType::kCluster) return "cluster_manager.cds.control_plane.";
  if (*only == xds::ResourceType::kListener) return "listener_manager.lds.control_plane.";
  return absl::StrCat("control_plane.", absl::AsciiStrToLower(xds::ShortNameOf(*only)), ".");
}

absl::Status NeedsDelta(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(what, ": virtual hosts come by DELTA_GRPC only"));
}

std::string StreamKey(xds::ResourceType type, const ApiConfigSource& config) {
  return absl::StrCat(xds::ShortNameOf(type), " ", config.SerializeAsString());
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
// Deprecated in the API, still honoured.
const std::string& OldPath(const ConfigSource& config) { return config.path(); }
#pragma GCC diagnostic pop

grpc::CallOptions CallOptionsOf(const GrpcService& service) {
  grpc::CallOptions options;
  for (const auto& header : service.initial_metadata())
    options.metadata.entries.emplace_back(header.key(), header.value());
  options.authority = service.envoy_grpc().authority();
  if (service.envoy_grpc().has_max_receive_message_length()) {
    options.most_message_bytes = service.envoy_grpc().max_receive_message_length().value();
  }
  return options;
}

}  // namespace

SourceRegistry::SourceRegistry(Surroundings surroundings) : around_(std::move(surroundings)) {}

SourceRegistry::~SourceRegistry() = default;

absl::Status SourceRegistry::CheckCluster(const std::string& cluster, bool ads) const {
  if (!around_.builder->Has(config::ResourceKind::kCluster, cluster)) {
    return absl::InvalidArgumentError(
        absl::StrCat("envoy_grpc.cluster_name: \"", cluster, "\" is not a static cluster"));
  }
  const config::Dependencies* needs = around_.builder->DependenciesOf(config::ResourceKind::kCluster, cluster);
  if (needs == nullptr) return absl::OkStatus();
  for (const config::Subscription& wanted : needs->subscriptions) {
    if (wanted.source == nullptr) continue;
    const ApiConfigSource& api = wanted.source->api_config_source();
    const bool over_ads = wanted.source->has_ads() || IsAggregated(api);
    const bool over_itself =
        std::any_of(api.grpc_services().begin(), api.grpc_services().end(),
                    [&](const GrpcService& service) { return service.envoy_grpc().cluster_name() == cluster; });
    if (!(ads && over_ads) && !over_itself) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "envoy_grpc: cluster \"", cluster, "\" carries the stream over which its own ", config::WordOf(wanted.kind),
        " \"", wanted.name.str(), "\" would come: it could never connect; give it from a file or inline"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::unique_ptr<GrpcTransport>>> SourceRegistry::MakeTransports(
    const ApiConfigSource& config, bool ads) {
  if (config.grpc_services_size() == 0) return absl::InvalidArgumentError("grpc_services: none given");
  std::vector<std::unique_ptr<GrpcTransport>> transports;
  for (int i = 0; i < config.grpc_services_size(); ++i) {
    absl::StatusOr<std::unique_ptr<GrpcTransport>> made = MakeTransport(config.grpc_services(i), ads);
    if (!made.ok()) {
      return absl::Status(made.status().code(), absl::StrCat("grpc_services[", i, "].", made.status().message()));
    }
    transports.push_back(*std::move(made));
  }
  return transports;
}

absl::StatusOr<std::unique_ptr<GrpcTransport>> SourceRegistry::MakeTransport(const GrpcService& service, bool ads) {
  if (service.has_google_grpc()) {
    if (around_.google == nullptr) return absl::UnimplementedError("google_grpc: not built into this process");
    absl::StatusOr<std::unique_ptr<grpc::Channel>> channel = around_.google(*around_.dispatcher, service);
    if (!channel.ok()) return channel.status();
    return std::make_unique<GrpcTransport>(*std::move(channel), CallOptionsOf(service));
  }
  const std::string& cluster = service.envoy_grpc().cluster_name();
  if (absl::Status status = CheckCluster(cluster, ads); !status.ok()) return status;
  return std::make_unique<GrpcTransport>(std::make_unique<grpc::PoolChannel>(*around_.context, cluster),
                                         CallOptionsOf(service));
}

std::unique_ptr<xds::DiscoveryStream> SourceRegistry::MakeStream(const ApiConfigSource& config, Stream& made,
                                                                 absl::optional<xds::ResourceType> only) {
  xds::DiscoveryStream::Options options;
  options.control_plane_prefix = StatsPrefixOf(only);
  options.own_prefix =
      absl::StrCat("xds.", only.has_value() ? absl::AsciiStrToLower(xds::ShortNameOf(*only)) : "ads", ".");
  options.node = around_.node;
  options.node_on_first_message_only = config.set_node_on_first_message_only();
  options.only = only;
  options.delta = IsDelta(config);
  if (config.has_rate_limit_settings()) {
    const auto& limit = config.rate_limit_settings();
    options.request_limit.emplace();
    if (limit.has_max_tokens()) options.request_limit->most = limit.max_tokens().value();
    if (limit.has_fill_rate()) options.request_limit->per_second = limit.fill_rate().value();
  }
  options.decode = around_.decode;
  auto stream = std::make_unique<xds::DiscoveryStream>(*around_.dispatcher, *made.transports.front(), *sink_,
                                                       *around_.stats, std::move(options));
  for (size_t i = 1; i < made.transports.size(); ++i) stream->AddServer(*made.transports[i]);
  return stream;
}

absl::Status SourceRegistry::SetAds(const ApiConfigSource& config) {
  if (!IsGrpc(config) && !IsAggregated(config)) {
    return absl::InvalidArgumentError("dynamic_resources.ads_config.api_type: must be GRPC or DELTA_GRPC");
  }
  auto transports = MakeTransports(config, /*ads=*/true);
  if (!transports.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("dynamic_resources.ads_config.", transports.status().message()));
  }
  ads_.transports = *std::move(transports);
  ads_.delta = IsDelta(config);
  ads_.stream = MakeStream(config, ads_, absl::nullopt);
  return absl::OkStatus();
}

void SourceRegistry::StartAds() {
  if (ads_.stream != nullptr) ads_.stream->Start();
}

bool SourceRegistry::Connected() const {
  const auto stands = [](const Stream& one) { return one.stream == nullptr || one.stream->connected(); };
  return stands(ads_) &&
         std::all_of(separate_.begin(), separate_.end(), [&](const auto& one) { return stands(one.second); });
}

void SourceRegistry::ForEachSource(const std::function<void(const xds::Source&)>& f) const {
  if (ads_.stream != nullptr) f(*ads_.stream);
  for (const auto& [key, one] : separate_) f(*one.stream);
  for (const auto& [key, file] : files_) f(*file);
}

absl::StatusOr<xds::Source*> SourceRegistry::SeparateFor(xds::ResourceType type, const ApiConfigSource& config) {
  if (!IsGrpc(config)) {
    return absl::InvalidArgumentError(
        "api_config_source.api_type: only GRPC, DELTA_GRPC, AGGREGATED_GRPC and AGGREGATED_DELTA_GRPC are supported");
  }
  if (type == xds::ResourceType::kVirtualHost && !IsDelta(config)) return NeedsDelta("api_config_source.api_type");
  const std::string key = StreamKey(type, config);
  if (auto at = separate_.find(key); at != separate_.end()) return at->second.stream.get();
  auto transports = MakeTransports(config, /*ads=*/false);
  if (!transports.ok())
    return absl::InvalidArgumentError(absl::StrCat("api_config_source.", transports.status().message()));
  Stream& made = separate_[key];
  made.transports = *std::move(transports);
  made.stream = MakeStream(config, made, type);
  made.stream->Start();
  return made.stream.get();
}

xds::Source* SourceRegistry::FileFor(xds::ResourceType type, const std::string& path, const std::string& folder) {
  std::unique_ptr<xds::FileSource>& file = files_[absl::StrCat(xds::ShortNameOf(type), " ", path)];
  if (file == nullptr) {
    file = std::make_unique<xds::FileSource>(*around_.dispatcher, *sink_, type,
                                             xds::FileSource::Options{path, folder, around_.decode});
  }
  return file.get();
}

absl::StatusOr<xds::Source*> SourceRegistry::SourceFor(xds::ResourceType type, const ConfigSource& config) {
  if (config.has_ads() || (config.has_api_config_source() && IsAggregated(config.api_config_source()))) {
    if (ads_.stream == nullptr)
      return absl::InvalidArgumentError("ads: the bootstrap has no dynamic_resources.ads_config");
    if (type == xds::ResourceType::kVirtualHost && !ads_.delta) return NeedsDelta("ads: the bootstrap's ads_config");
    return ads_.stream.get();
  }
  if (config.has_api_config_source()) return SeparateFor(type, config.api_config_source());
  if (config.has_path_config_source()) {
    return FileFor(type, config.path_config_source().path(), config.path_config_source().watched_directory().path());
  }
  if (config.config_source_specifier_case() == ConfigSource::kPath) return FileFor(type, OldPath(config), "");
  return absl::InvalidArgumentError(
      "no usable configuration source (ads, api_config_source, path_config_source or path)");
}

}  // namespace outrigger::server
