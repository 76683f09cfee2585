// Thread: worker
#pragma once

#include <cstdint>

#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "source/http/codec_options.h"
#include "source/http/header_map.h"

namespace outrigger::http::h1 {

// How a body is delimited (RFC 9112 6.3). There is exactly one answer for a message, or it is refused.
enum class Framing : uint8_t { kNone, kLength, kChunked, kUntilClose };

// Why a message is refused. `status` is what a server answers (0: no error); `detail` is static text, Envoy's
// response-code detail where it has one.
struct Refusal {
  uint16_t status = 0;
  const char* detail = "";
  explicit operator bool() const { return status != 0; }
};

// One field of a parsed section: offsets into the block that was parsed.
struct Field {
  uint32_t name;
  uint32_t name_size;
  uint32_t value;
  uint32_t value_size;
  KnownHeader known;
  bool drop;  // not passed on: hop-by-hop, nominated by Connection, or turned into something else
};

// A parsed section (head or trailers): what was learnt about it, and where its fields are. Views point into the parsed
// block or are static. Lives on the stack between parsing and building the HeaderMap.
struct Head {
  char* block = nullptr;
  size_t size = 0;
  absl::InlinedVector<Field, 100> fields;

  // Requests.
  absl::string_view method;
  absl::string_view target;       // as on the wire
  absl::string_view scheme;       // of an absolute-form target, else empty
  absl::string_view authority;    // of the target if it has one, else Host's; default_host_for_http_10
  absl::string_view host_name;    // spelling of the Host field name, for preserve_case
  absl::string_view path;         // empty for CONNECT
  bool path_needs_slash = false;  // "http://host?query": "/" belongs before `path`
  bool expect_continue = false;

  // Responses.
  uint32_t status = 0;
  static constexpr uint32_t kNoIdleTimeout = ~0u;
  uint32_t idle_seconds = kNoIdleTimeout;  // "Keep-Alive: timeout", at most kMaxIdleSeconds

  bool http10 = false;
  bool close = false;       // the peer does not want another message on this connection
  bool keep_alive = false;  // "keep-alive" was said (matters for HTTP/1.0)
  bool upgrade = false;     // Connection: upgrade with an Upgrade field
  bool connect = false;     // method CONNECT
  bool te_trailers = false;
  Framing framing = Framing::kNone;
  uint64_t content_length = 0;
  bool has_content_length = false;

  // Seen while reading fields.
  uint32_t host_count = 0, length_count = 0, encoding_count = 0, upgrade_count = 0;
  bool nominated = false;  // Connection names something to remove
  bool connection_upgrade = false;
  absl::string_view host, length, encoding, upgrade_value;  // the last one's
};

struct ParseContext {
  const CodecOptions& codec;
  const Http1Options& http1;
  CodecCounters& counters;
};

// What a client asked, for reading the answer.
struct RequestFacts {
  bool head = false;
  bool connect = false;
  absl::string_view upgrade;  // the Upgrade field of a request that asks to switch, or empty
};

}  // namespace outrigger::http::h1
