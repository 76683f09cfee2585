// Thread: any (pure functions)
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace outrigger::net {

// What a TLS ClientHello says in the clear, read without a TLS library so that a listener can choose a filter chain
// (and its certificate) before any handshake. RFC 8446 4.1.2, RFC 6066 3, RFC 7301 3.1.
struct ClientHello {
  std::string server_name;         // host_name, lower case; "" if none
  std::vector<std::string> alpns;  // in the client's order
  bool has_alpn = false;
  uint64_t bytes = 0;  // records read
};

enum class ClientHelloResult : uint8_t {
  kFound,
  kNeedMore,   // well-formed so far
  kNotTls,     // the first bytes are not those of a TLS handshake record with a ClientHello
  kMalformed,  // a ClientHello that breaks the grammar
  kTooLarge,   // more than `limit` bytes
};

inline constexpr size_t kDefaultClientHelloLimit = 16 * 1024;  // Envoy's tls_inspector default
inline constexpr size_t kMostAlpns = 64;                       // further ones are malformed

// `seen`: all bytes from the start of the connection. The message may span several records; `limit` counts their bytes.
ClientHelloResult ParseClientHello(absl::string_view seen, size_t limit, ClientHello* out);

}  // namespace outrigger::net
