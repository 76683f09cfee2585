// Thread: any (plain value)
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "source/net/address.h"

namespace outrigger::net {

enum class ApplicationProtocol : uint8_t { kUnknown, kHttp10, kHttp1, kHttp2 };

// What is known of a connection before its first byte is given to a transport: what filter chain matching looks at, and
// what is kept so that the same match can be made again when the listener changes. Listener filters write it.
struct ConnectionProperties {
  Address remote;         // as seen: a PROXY header or the like may have replaced it
  Address local;          // the destination; the original one where a filter restored it
  Address direct_remote;  // the socket's peer; kNone: the same as `remote`
  Address direct_local;   // where the socket was accepted; kNone: the same as `local`
  bool local_restored = false;
  bool tls_detected = false;                                        // a ClientHello was seen: transport protocol "tls"
  ApplicationProtocol application = ApplicationProtocol::kUnknown;  // seen by the HTTP inspector
  struct Hello {
    std::string server_name;         // SNI, lower case
    std::vector<std::string> alpns;  // in the client's order
  };
  std::unique_ptr<Hello> hello;  // rare: only where a ClientHello was inspected

  const Address& source() const { return direct_remote.kind() == Address::Kind::kNone ? remote : direct_remote; }
  absl::string_view transport_protocol() const { return tls_detected ? "tls" : "raw_buffer"; }
  // As filter_chain_match.application_protocols names it; "" if unknown.
  absl::string_view application_name() const {
    switch (application) {
      case ApplicationProtocol::kHttp10:
        return "http/1.0";
      case ApplicationProtocol::kHttp1:
        return "http/1.1";
      case ApplicationProtocol::kHttp2:
        return "h2c";
      case ApplicationProtocol::kUnknown:
        break;
    }
    return "";
  }
  absl::string_view server_name() const { return hello == nullptr ? absl::string_view("") : hello->server_name; }
};

// An accepted descriptor that nobody has read from yet. It may be posted to another worker. Whoever holds one with
// fd >= 0 gives it to a Connection or calls CloseAccepted() with an engine.
struct AcceptedSocket {
  int fd = -1;
  uint8_t held = 0;  // what its listener counted it in: the listener's business
  ConnectionProperties properties;

  AcceptedSocket() = default;
  AcceptedSocket(AcceptedSocket&& other) noexcept
      : fd(std::exchange(other.fd, -1)),
        held(std::exchange(other.held, uint8_t{0})),
        properties(std::move(other.properties)) {}
  AcceptedSocket& operator=(AcceptedSocket&& other) noexcept {
    fd = std::exchange(other.fd, -1);
    held = std::exchange(other.held, uint8_t{0});
    properties = std::move(other.properties);
    return *this;
  }
};

}  // namespace outrigger::net
