// Thread: worker
#pragma once

#include "absl/strings/string_view.h"
#include "source/base/ip_address.h"
#include "source/filters/network/http_connection_manager/hcm_config.h"
#include "source/http/stream.h"
#include "source/net/connection.h"

// What the connection manager does to a request before the first filter and to a response after the last one: who the
// client is, which x-envoy-* headers it may send, request id, XFCC, hop-by-hop fields, one canonical path and host.
namespace outrigger::filters::hcm {

// Where the request comes from, decided from the connection and x-forwarded-for (use_remote_address,
// xff_num_trusted_hops).
struct ClientOrigin {
  IpAddress address;      // the trusted client address
  bool internal = false;  // single hop from an internal address
  bool edge = false;      // use_remote_address and not internal: headers of trust are taken away
};

// A refusal of the request by its form; status 0: none.
struct Refusal {
  uint32_t status = 0;
  absl::string_view details;
  absl::string_view location;  // redirect to the canonical path
};

IpAddress ToIpAddress(const net::Address& address);

// Checks and rewrites :path, :authority (port, trailing dot), in place. Before anything that matches. `local_port`: the
// port that the client connected to.
Refusal CanonicalizeRequest(const HcmConfig& config, uint16_t local_port, http::HeaderMap& headers);

// What a method and an expectation ask of an intermediary (RFC 9110 7.6.2, 9.3.8, 10.1.1): counts Max-Forwards, and
// answers where we are the last to hear of the request. `end`: it has no content.
Refusal CheckSemantics(http::HeaderMap& headers, bool end);

// "host:port" or "[v6]:port" without the port.
absl::string_view WithoutPort(absl::string_view host);

// Removes connection-specific fields (RFC 9110 7.6.1), keeping "te: trailers" and, for an upgrade, what it needs.
void StripHopByHop(http::HeaderMap& headers, bool keep_upgrade);
bool IsUpgrade(const http::HeaderMap& headers);           // connection: upgrade, with an upgrade field (h1 form)
std::string UpgradeType(const http::HeaderMap& headers);  // what Upgrade lists, in lower case, without empty elements

// Sets x-forwarded-for/-proto, x-envoy-internal, x-envoy-external-address, strips what an untrusted client may not
// send. `local_address`: what x-forwarded-for says for a client of this host (its loopback address means nothing to
// others).
ClientOrigin PrepareForwarding(const HcmConfig& config, const net::Connection& connection,
                               absl::string_view local_address, http::HeaderMap& headers);

// x-request-id by generate/preserve settings; returns the id in force ("" if none).
absl::string_view PrepareRequestId(const HcmConfig& config, const ClientOrigin& origin, event::Engine& engine,
                                   http::HeaderMap& headers);

// x-forwarded-client-cert by forward_client_cert_details.
void PrepareClientCert(const HcmConfig& config, const net::TlsInfo* tls, http::HeaderMap& headers);

// The header names an external client may not set, beyond those removed always.
void StripInternalHeaders(http::HeaderMap& headers, bool edge);

}  // namespace outrigger::filters::hcm
