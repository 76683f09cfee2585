#include "source/filters/network/http_connection_manager/config.h"

#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/extensions/http/original_ip_detection/xff/v3/xff.pb.h"
#include "envoy/extensions/request_id/uuid/v3/uuid.pb.h"
#include "source/base/hash.h"
#include "source/extension/fault.h"
#include "source/extension/formats.h"
#include "source/extension/matchers.h"
#include "source/extension/protocol_options.h"
#include "source/extension/typed.h"
#include "source/extension/values.h"
#include "source/filters/network/http_connection_manager/connection_manager.h"
#include "source/model/header_mutation.h"
#include "source/schema/typed_struct.h"

namespace outrigger::filters::hcm {

namespace {

namespace v3 = envoy::extensions::filters::network::http_connection_manager::v3;
using Proto = v3::HttpConnectionManager;
using XffConfig = envoy::extensions::http::original_ip_detection::xff::v3::XffConfig;
using extension::DurationOf;
using extension::FactoryContext;

// A duration field that has a default of its own when it is not given.
template <class Message>
void SetIfGiven(bool given, const Message& from, Duration* to) {
  if (given) *to = DurationOf(from);
}

absl::Status SetRoutes(const Proto& proto, FactoryContext& context, HcmConfig* config) {
  if (proto.has_rds()) {
    if (proto.rds().route_config_name().empty()) return extension::Fault("rds.route_config_name", "a name is required");
    OUTRIGGER_ASSIGN(config->rds, "rds",
                     context.SubscribeRoutes(proto.rds().config_source(), proto.rds().route_config_name()));
    return absl::OkStatus();
  }
  OUTRIGGER_ASSIGN(config->routes, "route_config", context.BuildRoutes(proto.route_config()));
  return absl::OkStatus();
}

absl::Status SetCodec(const Proto& proto, HcmConfig* config) {
  switch (proto.codec_type()) {
    case Proto::HTTP1:
      config->codec = CodecType::kHttp1;
      break;
    case Proto::HTTP2:
      config->codec = CodecType::kHttp2;
      break;
    default:
      config->codec = CodecType::kAuto;
      break;
  }
  extension::SetCodecOptions(proto.common_http_protocol_options(), &config->codec_options);
  OUTRIGGER_TRY("http_protocol_options", extension::SetHttp1Options(proto.http_protocol_options(), &config->http1));
  config->http1_default_host = proto.http_protocol_options().default_host_for_http_10();
  config->http1.default_host_for_http_10 = config->http1_default_host;
  extension::SetHttp2Options(proto.http2_protocol_options(), &config->http2);
  if (proto.has_stream_error_on_invalid_http_message() &&
      !proto.http2_protocol_options().has_override_stream_error_on_invalid_http_message()) {
    config->http2.stream_error_on_invalid_http_message = proto.stream_error_on_invalid_http_message().value();
  }
  // Beyond what a connection leaves unread the codec could not answer any more.
  constexpr uint32_t kMostHeaderKb = 960;
  if (proto.has_max_request_headers_kb()) {
    if (proto.max_request_headers_kb().value() > kMostHeaderKb) {
      return extension::Fault("max_request_headers_kb", absl::StrCat("at most ", kMostHeaderKb, " is supported"));
    }
    config->codec_options.max_header_bytes = proto.max_request_headers_kb().value() * 1024;
  }
  return absl::OkStatus();
}

void SetTimes(const Proto& proto, HcmConfig* config) {
  SetIfGiven(proto.has_stream_idle_timeout(), proto.stream_idle_timeout(), &config->stream_idle_timeout);
  SetIfGiven(proto.has_request_timeout(), proto.request_timeout(), &config->request_timeout);
  SetIfGiven(proto.has_request_headers_timeout(), proto.request_headers_timeout(), &config->request_headers_timeout);
  SetIfGiven(proto.has_drain_timeout(), proto.drain_timeout(), &config->drain_timeout);
  SetIfGiven(proto.has_delayed_close_timeout(), proto.delayed_close_timeout(), &config->delayed_close_timeout);
  const auto& common = proto.common_http_protocol_options();
  SetIfGiven(common.has_idle_timeout(), common.idle_timeout(), &config->idle_timeout);
  SetIfGiven(common.has_max_connection_duration(), common.max_connection_duration(), &config->max_connection_duration);
  SetIfGiven(common.has_max_stream_duration(), common.max_stream_duration(), &config->max_stream_duration);
  config->max_requests_per_connection = common.max_requests_per_connection().value();
  config->http2.stream_flush_timeout = config->stream_idle_timeout;
  if (config->request_headers_timeout > Duration::zero()) {
    config->http2.preface_timeout = std::min(config->http2.preface_timeout, config->request_headers_timeout);
  }
}

absl::Status SetXff(const XffConfig& xff, HcmConfig* config) {
  config->xff_trusted_hops = xff.xff_num_trusted_hops();
  config->append_detected_xff = xff.has_skip_xff_append() && !xff.skip_xff_append().value();
  if (!xff.has_xff_trusted_cidrs()) return absl::OkStatus();
  if (xff.xff_num_trusted_hops() > 0) {
    return extension::Fault("xff_trusted_cidrs", "cannot be used together with xff_num_trusted_hops");
  }
  std::vector<matching::CidrRange> trusted;
  OUTRIGGER_ASSIGN(
      trusted, "xff_trusted_cidrs",
      extension::ListOf<matching::CidrRange>("cidrs", xff.xff_trusted_cidrs().cidrs(), extension::BuildCidr));
  config->xff_trusts_proxies = !trusted.empty();
  config->xff_trusted_proxies = matching::CidrSet(trusted);
  return absl::OkStatus();
}

absl::Status SetOrigin(const Proto& proto, HcmConfig* config) {
  config->use_remote_address = proto.use_remote_address().value();
  config->xff_trusted_hops = proto.xff_num_trusted_hops();
  config->skip_xff_append = proto.skip_xff_append();
  for (int i = 0; i < proto.original_ip_detection_extensions_size(); ++i) {
    const std::string path = absl::StrCat(extension::Item("original_ip_detection_extensions", i), ".typed_config");
    XffConfig xff;
    OUTRIGGER_TRY(path, schema::UnpackInto(proto.original_ip_detection_extensions(i).typed_config(), xff));
    if (i > 0) return extension::Fault(path, "only one extension is supported");
    if (config->use_remote_address) return extension::Fault(path, "it cannot be used together with use_remote_address");
    if (proto.xff_num_trusted_hops() > 0) {
      return extension::Fault(path, "it cannot be used together with xff_num_trusted_hops");
    }
    OUTRIGGER_TRY(path, SetXff(xff, config));
  }
  std::vector<matching::CidrRange> internal;
  OUTRIGGER_ASSIGN(internal, "internal_address_config",
                   extension::ListOf<matching::CidrRange>("cidr_ranges", proto.internal_address_config().cidr_ranges(),
                                                          extension::BuildCidr));
  config->internal_addresses = matching::CidrSet(internal);
  config->internal_unix_sockets = proto.internal_address_config().unix_sockets();
  return absl::OkStatus();
}

// A percentage (0 to 100 by its rule) as a whole number of its parts.
uint32_t Whole(double percent) { return static_cast<uint32_t>(percent + 0.5); }

absl::Status SetHeaders(const Proto& proto, HcmConfig* config) {
  config->via = proto.via();
  if (!proto.server_name().empty()) config->server_name = proto.server_name();
  config->server_header = static_cast<ServerHeader>(proto.server_header_transformation());
  config->forward_client_cert = static_cast<ForwardClientCert>(proto.forward_client_cert_details());
  const auto& details = proto.set_current_client_cert_details();
  config->client_cert_details = {details.subject().value(), details.cert(), details.chain(), details.dns(),
                                 details.uri()};
  config->add_user_agent = proto.add_user_agent().value();
  config->proxy_100_continue = proto.proxy_100_continue();
  config->append_x_forwarded_port = proto.append_x_forwarded_port();
  config->scheme_overwrite = proto.scheme_header_transformation().scheme_to_overwrite();
  config->scheme_match_upstream = proto.scheme_header_transformation().match_upstream();
  if (proto.has_generate_request_id()) config->generate_request_id = proto.generate_request_id().value();
  config->preserve_external_request_id = proto.preserve_external_request_id();
  config->always_set_request_id_in_response = proto.always_set_request_id_in_response();
  if (proto.request_id_extension().has_typed_config()) {
    envoy::extensions::request_id::uuid::v3::UuidRequestIdConfig uuid;
    OUTRIGGER_TRY("request_id_extension.typed_config",
                  schema::UnpackInto(proto.request_id_extension().typed_config(), uuid));
    if (uuid.has_pack_trace_reason()) config->pack_trace_reason = uuid.pack_trace_reason().value();
  }
  config->sampling.on = proto.has_tracing();
  const auto& tracing = proto.tracing();
  if (tracing.has_client_sampling()) config->sampling.client_percent = Whole(tracing.client_sampling().value());
  if (tracing.has_overall_sampling()) config->sampling.overall_percent = Whole(tracing.overall_sampling().value());
  if (tracing.has_random_sampling()) {
    config->sampling.random_per_ten_thousand = Whole(tracing.random_sampling().value() * 100);
  }
  return absl::OkStatus();
}

void SetPath(const Proto& proto, HcmConfig* config) {
  using Action = matching::PathPolicy::EscapedSlashes;
  config->path.normalize = proto.normalize_path().value();
  config->path.merge_slashes = proto.merge_slashes();
  switch (proto.path_with_escaped_slashes_action()) {
    case Proto::REJECT_REQUEST:
      config->path.escaped_slashes = Action::kReject;
      break;
    case Proto::UNESCAPE_AND_REDIRECT:
      config->path.escaped_slashes = Action::kUnescapeAndRedirect;
      break;
    case Proto::UNESCAPE_AND_FORWARD:
      config->path.escaped_slashes = Action::kUnescapeAndForward;
      break;
    default:
      config->path.escaped_slashes = Action::kKeep;
      break;
  }
  config->strip_any_port = proto.strip_any_host_port();
  config->strip_matching_port = proto.strip_matching_host_port();
  config->strip_trailing_host_dot = proto.strip_trailing_host_dot();
}

absl::StatusOr<LocalReplyMapper> MapperOf(const v3::ResponseMapper& proto, FactoryContext& context) {
  LocalReplyMapper mapper;
  OUTRIGGER_ASSIGN(mapper.filter, "filter", extension::AccessLogFilterOf(proto.filter(), context));
  mapper.status = proto.status_code().value();
  if (proto.has_body()) {
    mapper.has_body = true;
    OUTRIGGER_ASSIGN(mapper.body, "body", context.ReadDataSource(proto.body()));
  }
  if (proto.has_body_format_override()) {
    OUTRIGGER_ASSIGN(model::BodyFormat format, "body_format_override",
                     extension::BodyFormatOf(proto.body_format_override(), context));
    mapper.format = std::make_shared<const model::BodyFormat>(std::move(format));
  }
  OUTRIGGER_ASSIGN(mapper.headers, "", extension::HeaderMutationOf("headers_to", proto.headers_to_add(), {}, context));
  return mapper;
}

absl::Status SetLocalReplies(const Proto& proto, FactoryContext& context, HcmConfig* config) {
  const auto& replies = proto.local_reply_config();
  OUTRIGGER_ASSIGN(
      config->local_reply_mappers, "local_reply_config",
      extension::ListOf<LocalReplyMapper>("mappers", replies.mappers(),
                                          [&context](const v3::ResponseMapper& m) { return MapperOf(m, context); }));
  if (replies.has_body_format()) {
    OUTRIGGER_ASSIGN(model::BodyFormat format, "local_reply_config.body_format",
                     extension::BodyFormatOf(replies.body_format(), context));
    config->local_reply_format = std::make_shared<const model::BodyFormat>(std::move(format));
  }
  return absl::OkStatus();
}

absl::Status SetLogs(const Proto& proto, FactoryContext& context, HcmConfig* config) {
  OUTRIGGER_ASSIGN(
      config->access_logs, "",
      extension::ListOf<std::shared_ptr<const observe::AccessLog>>(
          "access_log", proto.access_log(), [&context](const auto& log) { return context.BuildAccessLog(log); }));
  const auto& options = proto.access_log_options();
  config->access_log_flush_interval = proto.has_access_log_flush_interval()
                                          ? DurationOf(proto.access_log_flush_interval())
                                          : DurationOf(options.access_log_flush_interval());
  config->log_on_new_request = proto.flush_access_log_on_new_request() || options.flush_access_log_on_new_request();
  config->log_on_tunnel = options.flush_log_on_tunnel_successfully_established();
  return absl::OkStatus();
}

absl::Status SetFilters(const Proto& proto, FactoryContext& context, HcmConfig* config) {
  const std::string prefix = absl::StrCat("http.", proto.stat_prefix(), ".");
  OUTRIGGER_ASSIGN(config->chain, "", context.BuildHttpFilters("http_filters", proto.http_filters(), prefix));
  for (int i = 0; i < proto.upgrade_configs_size(); ++i) {
    const auto& upgrade = proto.upgrade_configs(i);
    HcmConfig::Upgrade built;
    built.type = absl::AsciiStrToLower(upgrade.upgrade_type());
    for (const HcmConfig::Upgrade& other : config->upgrades) {
      if (other.type == built.type)
        return extension::Fault(extension::Item("upgrade_configs", i), "the type is there already");
    }
    built.enabled = !upgrade.has_enabled() || upgrade.enabled().value();
    if (upgrade.filters_size() > 0) {
      OUTRIGGER_ASSIGN(built.chain, extension::Item("upgrade_configs", i),
                       context.BuildHttpFilters("filters", upgrade.filters(), prefix));
    }
    if (built.type == "connect" && built.enabled) config->http2.allow_connect = true;
    config->upgrades.push_back(std::move(built));
  }
  return absl::OkStatus();
}

uint32_t UpstreamTlsWish(const HcmConfig& config) {
  uint32_t wish = config.local_reply_format == nullptr ? 0 : config.local_reply_format->upstream_tls_wish();
  for (const LocalReplyMapper& mapper : config.local_reply_mappers) {
    if (mapper.format != nullptr) wish |= mapper.format->upstream_tls_wish();
    wish |= model::UpstreamTlsWishOf(mapper.headers);
  }
  for (const auto& log : config.access_logs) wish |= log->upstream_tls_wish();
  return wish;
}

// What is announced to the peer or decided at connection time: a change of it drains (law 9).
uint64_t ConnectionHash(const Proto& proto) {
  Proto decided;
  decided.set_codec_type(proto.codec_type());
  decided.set_stat_prefix(proto.stat_prefix());
  *decided.mutable_http_protocol_options() = proto.http_protocol_options();
  *decided.mutable_http2_protocol_options() = proto.http2_protocol_options();
  *decided.mutable_common_http_protocol_options() = proto.common_http_protocol_options();
  *decided.mutable_max_request_headers_kb() = proto.max_request_headers_kb();
  return extension::HashOf(decided);
}

absl::StatusOr<model::NetworkFilterSpec> Create(const Proto& proto, FactoryContext& context) {
  auto config = std::make_shared<HcmConfig>();
  config->stat_prefix = proto.stat_prefix();
  config->stats =
      context.stats().Register<observe::HttpConnectionStats>(absl::StrCat("http.", proto.stat_prefix(), "."));
  if (absl::StartsWith(context.stat_prefix(), "listener.")) {
    config->listener_stats = context.stats().Register<observe::HttpListenerStats>(
        absl::StrCat(context.stat_prefix(), "http.", proto.stat_prefix(), "."));
  }
  config->http1_stats = context.stats().Register<observe::Http1Stats>("http1.");
  config->http2_stats = context.stats().Register<observe::Http2Stats>("http2.");
  OUTRIGGER_TRY("", SetCodec(proto, config.get()));
  OUTRIGGER_TRY("", SetRoutes(proto, context, config.get()));
  SetTimes(proto, config.get());
  OUTRIGGER_TRY("", SetOrigin(proto, config.get()));
  OUTRIGGER_TRY("", SetHeaders(proto, config.get()));
  SetPath(proto, config.get());
  OUTRIGGER_TRY("", SetLocalReplies(proto, context, config.get()));
  OUTRIGGER_TRY("", SetLogs(proto, context, config.get()));
  OUTRIGGER_TRY("", SetFilters(proto, context, config.get()));
  config->upstream_tls_wish = UpstreamTlsWish(*config);

  model::NetworkFilterSpec spec;
  spec.type = "envoy.filters.network.http_connection_manager";
  spec.terminal = true;
  spec.config = std::move(config);
  spec.connection_hash = ConnectionHash(proto);
  spec.make = [](const std::shared_ptr<const void>& shared,
                 model::DownstreamContext& downstream) -> std::unique_ptr<net::NetworkFilter> {
    return std::make_unique<ConnectionManager>(std::static_pointer_cast<const HcmConfig>(shared), downstream);
  };
  return spec;
}

}  // namespace

const extension::NetworkFilterFactory kFactory = {"envoy.filters.network.http_connection_manager", &Proto::descriptor,
                                                  &extension::Typed<Proto, &Create>};

}  // namespace outrigger::filters::hcm
