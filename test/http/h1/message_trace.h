// Thread: any
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "source/http/h1/decoder.h"

namespace outrigger::http::h1 {

struct TraceOptions {
  CodecOptions codec;
  Http1Options http1;
  RequestFacts request;  // for responses: what was asked
};

// Runs a decoder over `pieces` as a connection would deliver them and says in one line per message what came out:
//   "GET http a.com /x [accept: */*] body(hello) trailers[t: 1] end" or "refused 400 http1.codec_error".
// A message that did not end shows "..." instead. Body pieces are joined, so the trace does not depend on the
// splitting.
std::string Trace(Decoder::Kind kind, const std::vector<absl::string_view>& pieces, const TraceOptions& options);

// The same for a single piece, for one byte at a time, and for every split in two; equal unless the decoder is wrong.
// Returns the trace, or a text that starts with "(split)" and shows the difference.
std::string TraceEveryWay(Decoder::Kind kind, absl::string_view wire, const TraceOptions& options);

}  // namespace outrigger::http::h1
