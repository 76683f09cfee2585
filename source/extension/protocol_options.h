// Thread: main
#pragma once

#include "absl/status/statusor.h"
#include "envoy/config/core/v3/protocol.pb.h"
#include "source/http/codec_options.h"

// Protocol options of the API as the codecs' own, for the HTTP connection manager and for clusters.
namespace outrigger::extension {

// max_headers_count and headers_with_underscores_action; the rest of the message is its owner's.
void SetCodecOptions(const envoy::config::core::v3::HttpProtocolOptions& from, http::CodecOptions* to);
// The view in Http1Options::default_host_for_http_10 is not set: its owner keeps the text.
absl::Status SetHttp1Options(const envoy::config::core::v3::Http1ProtocolOptions& from, http::Http1Options* to);
void SetHttp2Options(const envoy::config::core::v3::Http2ProtocolOptions& from, http::Http2Options* to);

}  // namespace outrigger::extension
