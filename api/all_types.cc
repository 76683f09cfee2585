// Written by tools/api/generate from test/api/facts.txt and api/support/. Do not edit.
#include "api/all_types.h"

#include "envoy/admin/v3/certs.pb.h"
#include "envoy/admin/v3/clusters.pb.h"
#include "envoy/admin/v3/config_dump.pb.h"
#include "envoy/admin/v3/config_dump_shared.pb.h"
#include "envoy/admin/v3/listeners.pb.h"
#include "envoy/admin/v3/metrics.pb.h"
#include "envoy/admin/v3/server_info.pb.h"
#include "envoy/config/accesslog/v3/accesslog.pb.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "envoy/config/cluster/v3/circuit_breaker.pb.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/cluster/v3/filter.pb.h"
#include "envoy/config/cluster/v3/outlier_detection.pb.h"
#include "envoy/config/core/v3/address.pb.h"
#include "envoy/config/core/v3/backoff.pb.h"
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/config/core/v3/config_source.pb.h"
#include "envoy/config/core/v3/event_service_config.pb.h"
#include "envoy/config/core/v3/extension.pb.h"
#include "envoy/config/core/v3/grpc_method_list.pb.h"
#include "envoy/config/core/v3/grpc_service.pb.h"
#include "envoy/config/core/v3/health_check.pb.h"
#include "envoy/config/core/v3/http_service.pb.h"
#include "envoy/config/core/v3/http_uri.pb.h"
#include "envoy/config/core/v3/protocol.pb.h"
#include "envoy/config/core/v3/proxy_protocol.pb.h"
#include "envoy/config/core/v3/resolver.pb.h"
#include "envoy/config/core/v3/socket_option.pb.h"
#include "envoy/config/core/v3/substitution_format_string.pb.h"
#include "envoy/config/core/v3/udp_socket_config.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/config/endpoint/v3/endpoint_components.pb.h"
#include "envoy/config/endpoint/v3/load_report.pb.h"
#include "envoy/config/listener/v3/api_listener.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/listener/v3/listener_components.pb.h"
#include "envoy/config/listener/v3/quic_config.pb.h"
#include "envoy/config/listener/v3/udp_listener_config.pb.h"
#include "envoy/config/metrics/v3/metrics_service.pb.h"
#include "envoy/config/metrics/v3/stats.pb.h"
#include "envoy/config/overload/v3/overload.pb.h"
#include "envoy/config/rbac/v3/rbac.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/config/route/v3/route_components.pb.h"
#include "envoy/config/route/v3/scoped_route.pb.h"
#include "envoy/config/trace/v3/http_tracer.pb.h"
#include "envoy/data/accesslog/v3/accesslog.pb.h"
#include "envoy/extensions/access_loggers/file/v3/file.pb.h"
#include "envoy/extensions/access_loggers/stream/v3/stream.pb.h"
#include "envoy/extensions/bootstrap/internal_listener/v3/internal_listener.pb.h"
#include "envoy/extensions/clusters/dns/v3/dns_cluster.pb.h"
#include "envoy/extensions/filters/common/fault/v3/fault.pb.h"
#include "envoy/extensions/filters/http/buffer/v3/buffer.pb.h"
#include "envoy/extensions/filters/http/fault/v3/fault.pb.h"
#include "envoy/extensions/filters/http/on_demand/v3/on_demand.pb.h"
#include "envoy/extensions/filters/http/rbac/v3/rbac.pb.h"
#include "envoy/extensions/filters/http/router/v3/router.pb.h"
#include "envoy/extensions/filters/http/upstream_codec/v3/upstream_codec.pb.h"
#include "envoy/extensions/filters/listener/http_inspector/v3/http_inspector.pb.h"
#include "envoy/extensions/filters/listener/local_ratelimit/v3/local_ratelimit.pb.h"
#include "envoy/extensions/filters/listener/original_dst/v3/original_dst.pb.h"
#include "envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol.pb.h"
#include "envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/extensions/filters/network/rbac/v3/rbac.pb.h"
#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb.h"
#include "envoy/extensions/http/header_formatters/preserve_case/v3/preserve_case.pb.h"
#include "envoy/extensions/http/original_ip_detection/custom_header/v3/custom_header.pb.h"
#include "envoy/extensions/http/original_ip_detection/xff/v3/xff.pb.h"
#include "envoy/extensions/load_balancing_policies/cluster_provided/v3/cluster_provided.pb.h"
#include "envoy/extensions/load_balancing_policies/common/v3/common.pb.h"
#include "envoy/extensions/load_balancing_policies/least_request/v3/least_request.pb.h"
#include "envoy/extensions/load_balancing_policies/random/v3/random.pb.h"
#include "envoy/extensions/load_balancing_policies/round_robin/v3/round_robin.pb.h"
#include "envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality.pb.h"
#include "envoy/extensions/network/dns_resolver/cares/v3/cares_dns_resolver.pb.h"
#include "envoy/extensions/network/dns_resolver/getaddrinfo/v3/getaddrinfo_dns_resolver.pb.h"
#include "envoy/extensions/request_id/uuid/v3/uuid.pb.h"
#include "envoy/extensions/resource_monitors/cgroup_memory/v3/cgroup_memory.pb.h"
#include "envoy/extensions/resource_monitors/cpu_utilization/v3/cpu_utilization.pb.h"
#include "envoy/extensions/resource_monitors/downstream_connections/v3/downstream_connections.pb.h"
#include "envoy/extensions/resource_monitors/fixed_heap/v3/fixed_heap.pb.h"
#include "envoy/extensions/resource_monitors/injected_resource/v3/injected_resource.pb.h"
#include "envoy/extensions/retry/host/previous_hosts/v3/previous_hosts.pb.h"
#include "envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/common.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config.pb.h"
#include "envoy/extensions/upstreams/http/generic/v3/generic_connection_pool.pb.h"
#include "envoy/extensions/upstreams/http/http/v3/http_connection_pool.pb.h"
#include "envoy/extensions/upstreams/http/tcp/v3/tcp_connection_pool.pb.h"
#include "envoy/extensions/upstreams/http/v3/http_protocol_options.pb.h"
#include "envoy/extensions/upstreams/tcp/v3/tcp_protocol_options.pb.h"
#include "envoy/service/cluster/v3/cds.pb.h"
#include "envoy/service/discovery/v3/ads.pb.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "envoy/service/endpoint/v3/eds.pb.h"
#include "envoy/service/extension/v3/config_discovery.pb.h"
#include "envoy/service/listener/v3/lds.pb.h"
#include "envoy/service/route/v3/rds.pb.h"
#include "envoy/service/route/v3/srds.pb.h"
#include "envoy/service/runtime/v3/rtds.pb.h"
#include "envoy/service/secret/v3/sds.pb.h"
#include "envoy/service/status/v3/csds.pb.h"
#include "envoy/type/http/v3/cookie.pb.h"
#include "envoy/type/http/v3/path_transformation.pb.h"
#include "envoy/type/matcher/v3/address.pb.h"
#include "envoy/type/matcher/v3/filter_state.pb.h"
#include "envoy/type/matcher/v3/http_inputs.pb.h"
#include "envoy/type/matcher/v3/metadata.pb.h"
#include "envoy/type/matcher/v3/node.pb.h"
#include "envoy/type/matcher/v3/number.pb.h"
#include "envoy/type/matcher/v3/path.pb.h"
#include "envoy/type/matcher/v3/regex.pb.h"
#include "envoy/type/matcher/v3/status_code_input.pb.h"
#include "envoy/type/matcher/v3/string.pb.h"
#include "envoy/type/matcher/v3/struct.pb.h"
#include "envoy/type/matcher/v3/value.pb.h"
#include "envoy/type/metadata/v3/metadata.pb.h"
#include "envoy/type/tracing/v3/custom_tag.pb.h"
#include "envoy/type/v3/hash_policy.pb.h"
#include "envoy/type/v3/http_status.pb.h"
#include "envoy/type/v3/percent.pb.h"
#include "envoy/type/v3/range.pb.h"
#include "envoy/type/v3/ratelimit_strategy.pb.h"
#include "envoy/type/v3/semantic_version.pb.h"
#include "envoy/type/v3/token_bucket.pb.h"
#include "google/rpc/status.pb.h"
#include "udpa/type/v1/typed_struct.pb.h"
#include "xds/core/v3/authority.pb.h"
#include "xds/core/v3/cidr.pb.h"
#include "xds/core/v3/collection_entry.pb.h"
#include "xds/core/v3/context_params.pb.h"
#include "xds/core/v3/extension.pb.h"
#include "xds/core/v3/resource.pb.h"
#include "xds/core/v3/resource_locator.pb.h"
#include "xds/core/v3/resource_name.pb.h"
#include "xds/type/matcher/v3/cel.pb.h"
#include "xds/type/matcher/v3/domain.pb.h"
#include "xds/type/matcher/v3/http_inputs.pb.h"
#include "xds/type/matcher/v3/ip.pb.h"
#include "xds/type/matcher/v3/matcher.pb.h"
#include "xds/type/matcher/v3/range.pb.h"
#include "xds/type/matcher/v3/regex.pb.h"
#include "xds/type/matcher/v3/string.pb.h"
#include "xds/type/v3/cel.pb.h"
#include "xds/type/v3/range.pb.h"
#include "xds/type/v3/typed_struct.pb.h"

namespace outrigger::api {

std::vector<const google::protobuf::Descriptor*> AllTypes() {
  return {
      ::envoy::admin::v3::Certificates::descriptor(),
      ::envoy::admin::v3::Clusters::descriptor(),
      ::envoy::admin::v3::ConfigDump::descriptor(),
      ::envoy::admin::v3::UpdateFailureState::descriptor(),
      ::envoy::admin::v3::Listeners::descriptor(),
      ::envoy::admin::v3::SimpleMetric::descriptor(),
      ::envoy::admin::v3::ServerInfo::descriptor(),
      ::envoy::config::accesslog::v3::AccessLog::descriptor(),
      ::envoy::config::bootstrap::v3::Bootstrap::descriptor(),
      ::envoy::config::cluster::v3::CircuitBreakers::descriptor(),
      ::envoy::config::cluster::v3::ClusterCollection::descriptor(),
      ::envoy::config::cluster::v3::Filter::descriptor(),
      ::envoy::config::cluster::v3::OutlierDetection::descriptor(),
      ::envoy::config::core::v3::Pipe::descriptor(),
      ::envoy::config::core::v3::BackoffStrategy::descriptor(),
      ::envoy::config::core::v3::Locality::descriptor(),
      ::envoy::config::core::v3::ApiConfigSource::descriptor(),
      ::envoy::config::core::v3::EventServiceConfig::descriptor(),
      ::envoy::config::core::v3::TypedExtensionConfig::descriptor(),
      ::envoy::config::core::v3::GrpcMethodList::descriptor(),
      ::envoy::config::core::v3::GrpcService::descriptor(),
      ::envoy::config::core::v3::HealthStatusSet::descriptor(),
      ::envoy::config::core::v3::HttpService::descriptor(),
      ::envoy::config::core::v3::HttpUri::descriptor(),
      ::envoy::config::core::v3::TcpProtocolOptions::descriptor(),
      ::envoy::config::core::v3::ProxyProtocolPassThroughTLVs::descriptor(),
      ::envoy::config::core::v3::DnsResolverOptions::descriptor(),
      ::envoy::config::core::v3::SocketOption::descriptor(),
      ::envoy::config::core::v3::JsonFormatOptions::descriptor(),
      ::envoy::config::core::v3::UdpSocketConfig::descriptor(),
      ::envoy::config::endpoint::v3::ClusterLoadAssignment::descriptor(),
      ::envoy::config::endpoint::v3::Endpoint::descriptor(),
      ::envoy::config::endpoint::v3::UpstreamLocalityStats::descriptor(),
      ::envoy::config::listener::v3::ApiListener::descriptor(),
      ::envoy::config::listener::v3::AdditionalAddress::descriptor(),
      ::envoy::config::listener::v3::Filter::descriptor(),
      ::envoy::config::listener::v3::QuicProtocolOptions::descriptor(),
      ::envoy::config::listener::v3::UdpListenerConfig::descriptor(),
      ::envoy::config::metrics::v3::MetricsServiceConfig::descriptor(),
      ::envoy::config::metrics::v3::StatsSink::descriptor(),
      ::envoy::config::overload::v3::ResourceMonitor::descriptor(),
      ::envoy::config::rbac::v3::RBAC::descriptor(),
      ::envoy::config::route::v3::RouteConfiguration::descriptor(),
      ::envoy::config::route::v3::VirtualHost::descriptor(),
      ::envoy::config::route::v3::ScopedRouteConfiguration::descriptor(),
      ::envoy::config::trace::v3::Tracing::descriptor(),
      ::envoy::data::accesslog::v3::TCPAccessLogEntry::descriptor(),
      ::envoy::extensions::access_loggers::file::v3::FileAccessLog::descriptor(),
      ::envoy::extensions::access_loggers::stream::v3::StdoutAccessLog::descriptor(),
      ::envoy::extensions::bootstrap::internal_listener::v3::InternalListener::descriptor(),
      ::envoy::extensions::clusters::dns::v3::DnsCluster::descriptor(),
      ::envoy::extensions::filters::common::fault::v3::FaultDelay::descriptor(),
      ::envoy::extensions::filters::http::buffer::v3::Buffer::descriptor(),
      ::envoy::extensions::filters::http::fault::v3::FaultAbort::descriptor(),
      ::envoy::extensions::filters::http::on_demand::v3::OnDemandCds::descriptor(),
      ::envoy::extensions::filters::http::rbac::v3::RBAC::descriptor(),
      ::envoy::extensions::filters::http::router::v3::Router::descriptor(),
      ::envoy::extensions::filters::http::upstream_codec::v3::UpstreamCodec::descriptor(),
      ::envoy::extensions::filters::listener::http_inspector::v3::HttpInspector::descriptor(),
      ::envoy::extensions::filters::listener::local_ratelimit::v3::LocalRateLimit::descriptor(),
      ::envoy::extensions::filters::listener::original_dst::v3::OriginalDst::descriptor(),
      ::envoy::extensions::filters::listener::proxy_protocol::v3::ProxyProtocol::descriptor(),
      ::envoy::extensions::filters::listener::tls_inspector::v3::TlsInspector::descriptor(),
      ::envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager::descriptor(),
      ::envoy::extensions::filters::network::rbac::v3::RBAC::descriptor(),
      ::envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy::descriptor(),
      ::envoy::extensions::http::header_formatters::preserve_case::v3::PreserveCaseFormatterConfig::descriptor(),
      ::envoy::extensions::http::original_ip_detection::custom_header::v3::CustomHeaderConfig::descriptor(),
      ::envoy::extensions::http::original_ip_detection::xff::v3::XffConfig::descriptor(),
      ::envoy::extensions::load_balancing_policies::cluster_provided::v3::ClusterProvided::descriptor(),
      ::envoy::extensions::load_balancing_policies::common::v3::LocalityLbConfig::descriptor(),
      ::envoy::extensions::load_balancing_policies::least_request::v3::LeastRequest::descriptor(),
      ::envoy::extensions::load_balancing_policies::random::v3::Random::descriptor(),
      ::envoy::extensions::load_balancing_policies::round_robin::v3::RoundRobin::descriptor(),
      ::envoy::extensions::load_balancing_policies::wrr_locality::v3::WrrLocality::descriptor(),
      ::envoy::extensions::network::dns_resolver::cares::v3::CaresDnsResolverConfig::descriptor(),
      ::envoy::extensions::network::dns_resolver::getaddrinfo::v3::GetAddrInfoDnsResolverConfig::descriptor(),
      ::envoy::extensions::request_id::uuid::v3::UuidRequestIdConfig::descriptor(),
      ::envoy::extensions::resource_monitors::cgroup_memory::v3::CgroupMemoryConfig::descriptor(),
      ::envoy::extensions::resource_monitors::cpu_utilization::v3::CpuUtilizationConfig::descriptor(),
      ::envoy::extensions::resource_monitors::downstream_connections::v3::DownstreamConnectionsConfig::descriptor(),
      ::envoy::extensions::resource_monitors::fixed_heap::v3::FixedHeapConfig::descriptor(),
      ::envoy::extensions::resource_monitors::injected_resource::v3::InjectedResourceConfig::descriptor(),
      ::envoy::extensions::retry::host::previous_hosts::v3::PreviousHostsPredicate::descriptor(),
      ::envoy::extensions::transport_sockets::raw_buffer::v3::RawBuffer::descriptor(),
      ::envoy::extensions::transport_sockets::tls::v3::TlsParameters::descriptor(),
      ::envoy::extensions::transport_sockets::tls::v3::GenericSecret::descriptor(),
      ::envoy::extensions::transport_sockets::tls::v3::UpstreamTlsContext::descriptor(),
      ::envoy::extensions::transport_sockets::tls::v3::SPIFFECertValidatorConfig::descriptor(),
      ::envoy::extensions::upstreams::http::generic::v3::GenericConnectionPoolProto::descriptor(),
      ::envoy::extensions::upstreams::http::http::v3::HttpConnectionPoolProto::descriptor(),
      ::envoy::extensions::upstreams::http::tcp::v3::TcpConnectionPoolProto::descriptor(),
      ::envoy::extensions::upstreams::http::v3::HttpProtocolOptions::descriptor(),
      ::envoy::extensions::upstreams::tcp::v3::TcpProtocolOptions::descriptor(),
      ::envoy::service::cluster::v3::CdsDummy::descriptor(),
      ::envoy::service::discovery::v3::AdsDummy::descriptor(),
      ::envoy::service::discovery::v3::ResourceLocator::descriptor(),
      ::envoy::service::endpoint::v3::EdsDummy::descriptor(),
      ::envoy::service::extension::v3::EcdsDummy::descriptor(),
      ::envoy::service::listener::v3::LdsDummy::descriptor(),
      ::envoy::service::route::v3::RdsDummy::descriptor(),
      ::envoy::service::route::v3::SrdsDummy::descriptor(),
      ::envoy::service::runtime::v3::RtdsDummy::descriptor(),
      ::envoy::service::secret::v3::SdsDummy::descriptor(),
      ::envoy::service::status::v3::ClientStatusRequest::descriptor(),
      ::envoy::type::http::v3::Cookie::descriptor(),
      ::envoy::type::http::v3::PathTransformation::descriptor(),
      ::envoy::type::matcher::v3::AddressMatcher::descriptor(),
      ::envoy::type::matcher::v3::FilterStateMatcher::descriptor(),
      ::envoy::type::matcher::v3::HttpRequestHeaderMatchInput::descriptor(),
      ::envoy::type::matcher::v3::MetadataMatcher::descriptor(),
      ::envoy::type::matcher::v3::NodeMatcher::descriptor(),
      ::envoy::type::matcher::v3::DoubleMatcher::descriptor(),
      ::envoy::type::matcher::v3::PathMatcher::descriptor(),
      ::envoy::type::matcher::v3::RegexMatcher::descriptor(),
      ::envoy::type::matcher::v3::HttpResponseStatusCodeMatchInput::descriptor(),
      ::envoy::type::matcher::v3::StringMatcher::descriptor(),
      ::envoy::type::matcher::v3::StructMatcher::descriptor(),
      ::envoy::type::matcher::v3::ValueMatcher::descriptor(),
      ::envoy::type::metadata::v3::MetadataKey::descriptor(),
      ::envoy::type::tracing::v3::CustomTag::descriptor(),
      ::envoy::type::v3::HashPolicy::descriptor(),
      ::envoy::type::v3::HttpStatus::descriptor(),
      ::envoy::type::v3::Percent::descriptor(),
      ::envoy::type::v3::Int64Range::descriptor(),
      ::envoy::type::v3::RateLimitStrategy::descriptor(),
      ::envoy::type::v3::SemanticVersion::descriptor(),
      ::envoy::type::v3::TokenBucket::descriptor(),
      ::google::rpc::Status::descriptor(),
      ::udpa::type::v1::TypedStruct::descriptor(),
      ::xds::core::v3::Authority::descriptor(),
      ::xds::core::v3::CidrRange::descriptor(),
      ::xds::core::v3::CollectionEntry::descriptor(),
      ::xds::core::v3::ContextParams::descriptor(),
      ::xds::core::v3::TypedExtensionConfig::descriptor(),
      ::xds::core::v3::Resource::descriptor(),
      ::xds::core::v3::ResourceLocator::descriptor(),
      ::xds::core::v3::ResourceName::descriptor(),
      ::xds::type::matcher::v3::CelMatcher::descriptor(),
      ::xds::type::matcher::v3::ServerNameMatcher::descriptor(),
      ::xds::type::matcher::v3::HttpAttributesCelMatchInput::descriptor(),
      ::xds::type::matcher::v3::IPMatcher::descriptor(),
      ::xds::type::matcher::v3::Matcher::descriptor(),
      ::xds::type::matcher::v3::Int64RangeMatcher::descriptor(),
      ::xds::type::matcher::v3::RegexMatcher::descriptor(),
      ::xds::type::matcher::v3::StringMatcher::descriptor(),
      ::xds::type::v3::CelExpression::descriptor(),
      ::xds::type::v3::Int64Range::descriptor(),
      ::xds::type::v3::TypedStruct::descriptor(),
  };
}

}  // namespace outrigger::api
