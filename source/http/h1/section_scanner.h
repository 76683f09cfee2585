// Thread: worker
#pragma once

#include <cstddef>
#include <cstdint>

#include "source/base/buffer.h"

namespace outrigger::http::h1 {

// Finds the empty line that ends a head or a trailer section, looking at each byte once however the bytes arrive. Line
// ends are taken generously here (LF alone counts): the parser then refuses what is not CRLF.
class SectionScanner {
 public:
  enum class Kind : uint8_t { kHead, kTrailers };

  void Reset(Kind kind) {
    scanned_ = 0;
    first_line_ = 0;
    state_ = kind == Kind::kTrailers ? State::kLineStart : State::kInLine;
  }
  // Size of the complete section at the front of `in`, or 0. Call it again when `in` grew, until Reset.
  size_t Scan(const Buffer& in);
  size_t scanned() const { return scanned_; }
  size_t first_line() const { return first_line_; }  // size of the first line with its end, 0 if not complete

 private:
  enum class State : uint8_t { kInLine, kLineStart, kLineStartCr };
  bool ScanPiece(absl::string_view piece);

  size_t scanned_ = 0;
  size_t first_line_ = 0;
  State state_ = State::kInLine;
};

}  // namespace outrigger::http::h1
