// Thread: worker
#pragma once

#include <cstdint>

#include "source/base/buffer.h"
#include "source/http/h1/head.h"

namespace outrigger::http::h1 {

// Takes the bytes of one body off a connection's input and the framing off them (RFC 9112 6, 7). Payload is moved, not
// copied, except small chunks, whose bookkeeping would cost more than their bytes.
class BodyReader {
 public:
  enum class Result : uint8_t {
    kMore,      // the rest has not arrived, or is for another turn; see stopped_short()
    kEnd,       // the body is complete
    kTrailers,  // the last chunk was read; the trailer section follows
    kFailed,    // refused; see detail()
  };

  void Start(Framing framing, uint64_t length);
  // Appends payload to `out`. With kUntilClose and for tunnels it never returns kEnd: the owner knows.
  Result Read(Buffer& in, Buffer& out, CodecCounters& counters);
  const char* detail() const { return detail_; }
  // The last Read() left whole chunks in `in`: they were more than kChunksPerTurn.
  bool stopped_short() const { return stopped_short_; }
  // Bytes that are known to be missing: the rest of the length or of the current chunk.
  uint64_t missing() const { return left_; }
  Framing framing() const { return framing_; }

 private:
  enum class State : uint8_t { kSize, kData, kDataEnd };
  Result ReadChunked(Buffer& in, Buffer& out, CodecCounters& counters);
  // Reads one chunk-size line. kEnd: it was read (left_ is the size).
  Result ReadSize(Buffer& in, CodecCounters& counters);
  Result ReadDataEnd(Buffer& in);
  Result Fail(const char* detail);

  uint64_t left_ = 0;
  const char* detail_ = "";
  uint32_t extension_bytes_ = 0;
  Framing framing_ = Framing::kNone;
  bool stopped_short_ = false;
  State state_ = State::kSize;
};

// A chunk-size line without its CRLF: 1*HEXDIG [chunk-ext]. Exposed for tests.
bool ParseChunkLine(absl::string_view line, uint64_t* size, size_t* extension_bytes);

}  // namespace outrigger::http::h1
