// Thread: any
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "envoy/config/core/v3/address.pb.h"
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/config/core/v3/socket_option.pb.h"
#include "google/protobuf/duration.pb.h"
#include "source/base/time.h"
#include "source/base/value.h"
#include "source/extension/fault.h"
#include "source/net/address.h"
#include "source/net/socket_options.h"

// The small messages of the API as our own values. For factories; rules of the fields were checked before.
namespace outrigger::extension {

// Saturates at what 64 bits of nanoseconds hold (292 years); negative is kept.
Duration DurationOf(const google::protobuf::Duration& duration);
Metadata MetadataOf(const envoy::config::core::v3::Metadata& metadata);

// An IP address with port_value, or a Unix path; names are not resolved here.
absl::StatusOr<net::Address> AddressOf(const envoy::config::core::v3::Address& address);
absl::StatusOr<net::Address> AddressOf(const envoy::config::core::v3::SocketAddress& address);
net::SocketOption SocketOptionOf(const envoy::config::core::v3::SocketOption& option);
net::Keepalive KeepaliveOf(const envoy::config::core::v3::TcpKeepalive& keepalive);

// The bytes of a message, the same for the same content (maps in order): for hashes.
std::string CanonicalBytes(const google::protobuf::Message& message);
uint64_t HashOf(const google::protobuf::Message& message);

}  // namespace outrigger::extension
