#include "source/extension/values.h"

#include <limits>

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "source/base/hash.h"
#include "source/extension/fault.h"
#include "source/extension/matchers.h"

namespace outrigger::extension {

namespace core = envoy::config::core::v3;

Duration DurationOf(const google::protobuf::Duration& duration) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max() / 1000000000 - 1;
  if (duration.seconds() > kMost) return Duration::max();
  if (duration.seconds() < -kMost) return Duration::min();
  return seconds(duration.seconds()) + nanoseconds(duration.nanos());
}

Metadata MetadataOf(const core::Metadata& metadata) {
  Metadata out;
  for (const auto& [key, value] : metadata.filter_metadata()) out.emplace(key, Value(ToStruct(value)));
  return out;
}

absl::StatusOr<net::Address> AddressOf(const core::SocketAddress& address) {
  if (address.port_specifier_case() == core::SocketAddress::kNamedPort) {
    return Fault("named_port", "ports are numbers here: use port_value");
  }
  auto parsed = net::Address::ParseIp(address.address(), static_cast<uint16_t>(address.port_value()));
  if (!parsed.ok()) return Fault("address", absl::StrCat("\"", address.address(), "\" is not an IP address"));
  return parsed;
}

absl::StatusOr<net::Address> AddressOf(const core::Address& address) {
  switch (address.address_case()) {
    case core::Address::kSocketAddress: {
      OUTRIGGER_ASSIGN(net::Address parsed, "socket_address", AddressOf(address.socket_address()));
      return parsed;
    }
    case core::Address::kPipe: {
      OUTRIGGER_ASSIGN(net::Address path, "pipe.path",
                       net::Address::UnixPath(address.pipe().path(), address.pipe().mode()));
      return path;
    }
    default:
      return Fault("", "needs socket_address or pipe");
  }
}

net::SocketOption SocketOptionOf(const core::SocketOption& option) {
  net::SocketOption out;
  out.level = static_cast<int>(option.level());
  out.name = static_cast<int>(option.name());
  if (option.value_case() == core::SocketOption::kBufValue) {
    out.value = option.buf_value();
  } else {
    const int value = static_cast<int>(option.int_value());
    out.value.assign(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  out.state = option.state() == core::SocketOption::STATE_LISTENING ? net::SocketOption::State::kListening
              : option.state() == core::SocketOption::STATE_BOUND   ? net::SocketOption::State::kBound
                                                                    : net::SocketOption::State::kPreBind;
  out.what = "socket_options";
  return out;
}

net::Keepalive KeepaliveOf(const core::TcpKeepalive& keepalive) {
  net::Keepalive out;
  out.on = true;
  out.probes = keepalive.keepalive_probes().value();
  out.time_s = keepalive.keepalive_time().value();
  out.interval_s = keepalive.keepalive_interval().value();
  return out;
}

std::string CanonicalBytes(const google::protobuf::Message& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializePartialToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

uint64_t HashOf(const google::protobuf::Message& message) { return StableHash(CanonicalBytes(message)); }

}  // namespace outrigger::extension
