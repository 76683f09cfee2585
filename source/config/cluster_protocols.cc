#include "absl/strings/ascii.h"
#include "envoy/extensions/filters/http/upstream_codec/v3/upstream_codec.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/extensions/upstreams/http/v3/http_protocol_options.pb.h"
#include "source/config/cluster_builder.h"
#include "source/extension/protocol_options.h"
#include "source/extension/values.h"
#include "source/schema/typed_struct.h"

namespace outrigger::config {

namespace cluster_v3 = envoy::config::cluster::v3;
namespace core = envoy::config::core::v3;
using extension::DurationOf;
using extension::Fault;
using extension::Item;
using ProtocolOptions = envoy::extensions::upstreams::http::v3::HttpProtocolOptions;

namespace {

constexpr absl::string_view kOptionsKey = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

void SetCommon(const core::HttpProtocolOptions& common, model::ClusterSettings* out) {
  if (common.has_idle_timeout()) out->idle_timeout = DurationOf(common.idle_timeout());
  if (common.has_max_connection_duration()) out->max_connection_duration = DurationOf(common.max_connection_duration());
  if (common.has_max_stream_duration()) out->max_stream_duration = DurationOf(common.max_stream_duration());
  if (common.has_max_requests_per_connection()) {
    out->max_requests_per_connection = common.max_requests_per_connection().value();
  }
  extension::SetCodecOptions(common, &out->codec);
}

void SetUpstream(const core::UpstreamHttpProtocolOptions& options, model::ClusterSettings* out) {
  out->auto_sni = options.auto_sni();
  out->auto_san_validation = options.auto_san_validation();
  out->override_auto_sni_header = absl::AsciiStrToLower(options.override_auto_sni_header());
}

// One of the three protocol choices: each has options of both codecs.
template <class Options>
absl::Status SetBoth(const Options& options, model::ClusterSettings* out) {
  OUTRIGGER_TRY("http_protocol_options", extension::SetHttp1Options(options.http_protocol_options(), &out->http1));
  extension::SetHttp2Options(options.http2_protocol_options(), &out->http2);
  return absl::OkStatus();
}

absl::Status SetExplicit(const ProtocolOptions& options, model::ClusterSettings* out) {
  switch (options.upstream_protocol_options_case()) {
    case ProtocolOptions::kExplicitHttpConfig:
      out->protocol = options.explicit_http_config().has_http2_protocol_options() ? model::UpstreamProtocol::kHttp2
                                                                                  : model::UpstreamProtocol::kHttp1;
      OUTRIGGER_TRY("explicit_http_config", SetBoth(options.explicit_http_config(), out));
      return absl::OkStatus();
    case ProtocolOptions::kUseDownstreamProtocolConfig:
      out->protocol = model::UpstreamProtocol::kUseDownstream;
      OUTRIGGER_TRY("use_downstream_protocol_config", SetBoth(options.use_downstream_protocol_config(), out));
      return absl::OkStatus();
    case ProtocolOptions::kAutoConfig:
      out->protocol = model::UpstreamProtocol::kAuto;
      OUTRIGGER_TRY("auto_config", SetBoth(options.auto_config(), out));
      return absl::OkStatus();
    default:
      return Fault("", "needs explicit_http_config, use_downstream_protocol_config or auto_config");
  }
}

// Upstream filters: the codec alone is what there is without any.
absl::Status CheckFilters(const ProtocolOptions& options) {
  for (int i = 0; i < options.http_filters_size(); ++i) {
    const auto& filter = options.http_filters(i);
    const bool codec = schema::TypeOf(filter.typed_config().type_url()) ==
                       envoy::extensions::filters::http::upstream_codec::v3::UpstreamCodec::descriptor();
    if (!codec && !filter.is_optional()) {
      return Fault(Item("http_filters", i), absl::StrCat("\"", filter.name(), "\" does not work upstream here"));
    }
  }
  if (options.http_filters_size() > 0 &&
      schema::TypeOf(options.http_filters(options.http_filters_size() - 1).typed_config().type_url()) !=
          envoy::extensions::filters::http::upstream_codec::v3::UpstreamCodec::descriptor()) {
    return Fault(Item("http_filters", options.http_filters_size() - 1), "the last filter must be the upstream codec");
  }
  return absl::OkStatus();
}

absl::Status SetDeprecated(const cluster_v3::Cluster& proto, model::ClusterSettings* out) {
  SetCommon(proto.common_http_protocol_options(), out);
  SetUpstream(proto.upstream_http_protocol_options(), out);
  OUTRIGGER_TRY("http_protocol_options", extension::SetHttp1Options(proto.http_protocol_options(), &out->http1));
  extension::SetHttp2Options(proto.http2_protocol_options(), &out->http2);
  if (proto.has_http2_protocol_options()) out->protocol = model::UpstreamProtocol::kHttp2;
  if (proto.protocol_selection() == cluster_v3::Cluster::USE_DOWNSTREAM_PROTOCOL) {
    out->protocol = model::UpstreamProtocol::kUseDownstream;
  }
  if (proto.has_max_requests_per_connection()) {
    out->max_requests_per_connection = proto.max_requests_per_connection().value();
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status SetProtocols(const cluster_v3::Cluster& proto, BuildContext&, model::ClusterSettings* out) {
  OUTRIGGER_TRY("", SetDeprecated(proto, out));
  for (const auto& [key, any] : proto.typed_extension_protocol_options()) {
    const std::string path = Item("typed_extension_protocol_options", key);
    if (key != kOptionsKey) return Fault(path, "no such options are known here");
    if (proto.has_http2_protocol_options() || proto.has_http_protocol_options() ||
        proto.has_common_http_protocol_options()) {
      return Fault(path, "excludes the deprecated protocol options of the cluster itself");
    }
    ProtocolOptions options;
    OUTRIGGER_TRY(path, schema::UnpackInto(any, options));
    SetCommon(options.common_http_protocol_options(), out);
    SetUpstream(options.upstream_http_protocol_options(), out);
    OUTRIGGER_TRY(path, SetExplicit(options, out));
    OUTRIGGER_TRY(path, CheckFilters(options));
  }
  out->http1.default_host_for_http_10 = {};
  return absl::OkStatus();
}

}  // namespace outrigger::config
