// Thread: any (pure functions)
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"

namespace outrigger::net {

// Whether a plain connection begins like HTTP, for filter chain matching by application protocol and for codec AUTO.
enum class HttpDetection : uint8_t { kNeedMore, kHttp10, kHttp11, kHttp2, kNotHttp };

inline constexpr size_t kDefaultDetectLimit = 8 * 1024;  // a request line that is longer is not HTTP to us

// `seen`: all bytes from the start. HTTP/2 by its connection preface (RFC 9113 3.4); HTTP/1 by a whole request line.
HttpDetection DetectHttp(absl::string_view seen, size_t limit = kDefaultDetectLimit);

// Decides between the codecs only, with as few bytes as that takes: kHttp2, kHttp11 (anything else), or kNeedMore.
HttpDetection DetectHttpCodec(absl::string_view seen);

}  // namespace outrigger::net
