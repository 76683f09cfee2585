// Thread: worker
#pragma once

#include <cstdint>

#include "source/base/buffer.h"
#include "source/http/h1/head.h"

// Writes message heads, chunks and trailers straight into a connection's output. What is framed how, and what the
// Connection field says, is decided in one place each (PlanRequest, PlanResponse) before anything is written.
namespace outrigger::http::h1 {

// What follows a head that we send, and what the head says about it.
struct WritePlan {
  Framing framing = Framing::kNone;
  uint64_t length = 0;        // kLength: what the body must add up to
  bool write_length = false;  // a content-length line with `length`
  bool close = false;         // Connection: close
  bool keep_alive = false;    // Connection: keep-alive, for HTTP/1.0 peers
  bool upgrade = false;       // Connection: upgrade, and the Upgrade fields are kept
  bool tunnel = false;        // after this head bytes are not framed (101, CONNECT)
  bool broken = false;        // the head announces a body that cannot come: send, then cut
};

// `asked_*`: the request being answered. `peer_http10`: chunking cannot be read there.
struct AnswerTo {
  bool head = false;
  bool connect = false;
  bool upgrade = false;
  bool peer_http10 = false;
  bool keep_alive = false;  // the connection could live on
};
WritePlan PlanResponse(const HeaderMap& headers, bool end, const AnswerTo& request);
WritePlan PlanRequest(const HeaderMap& headers, bool end);

// Each returns the number of bytes written. WriteRequestHead returns 0, and writes nothing, if the pseudo-headers
// cannot make a request line: then nothing may be sent. CR, LF and NUL in values become spaces (RFC 9110 5.5); a field
// whose name is not a token is left out.
size_t WriteRequestHead(const HeaderMap& headers, const WritePlan& plan, const Http1Options& options, Buffer& out);
size_t WriteResponseHead(const HeaderMap& headers, const WritePlan& plan, const Http1Options& options, Buffer& out);
size_t WriteInterim(const HeaderMap& headers, const Http1Options& options, Buffer& out);

size_t WriteChunk(Buffer& body, Buffer& out);  // nothing for an empty body; takes it
size_t WriteLastChunk(Buffer& out);
size_t WriteTrailers(const HeaderMap& trailers, const Http1Options& options, Buffer& out);  // with the last chunk

// The whole answer to a message that is refused before a stream exists; "Connection: close". `head`: HEAD was asked.
size_t WriteRefusal(uint32_t status, bool head, Buffer& out);

absl::string_view ReasonPhrase(uint32_t status);  // "" if the registry has none

}  // namespace outrigger::http::h1
