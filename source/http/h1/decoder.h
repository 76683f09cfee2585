// Thread: worker
#pragma once

#include <cstdint>
#include <string>

#include "source/base/buffer.h"
#include "source/http/h1/body_reader.h"
#include "source/http/h1/head.h"
#include "source/http/h1/section_scanner.h"

namespace outrigger::http::h1 {

// Where a block is kept before its names are lower-cased, if spellings are wanted. Used between two lines of one call.
inline std::string* WireScratch() {
  thread_local std::string scratch;
  return &scratch;
}

// One direction of a connection as a sequence of messages. The owner asks for a head, then for the body, then for the
// next head; the same bytes give the same answers however they are split. Used by both sessions, the fuzz targets and
// the tests. Holds no memory of its own.
//
//   ReadHead ─kHead─▶ (owner builds the map) ─TakeHead─▶ ReadBody ... ─kEnd─▶ ReadHead
//                                                          └─kTrailers─▶ (owner builds) ─TakeTrailers─▶ ReadHead
class Decoder {
 public:
  enum class Kind : uint8_t { kRequest, kResponse };
  enum class Step : uint8_t { kMore, kHead, kEnd, kTrailers, kFailed };

  explicit Decoder(Kind kind) : kind_(kind) { scanner_.Reset(SectionScanner::Kind::kHead); }

  // kMore, kHead or kFailed. On kHead the views of `head` point into the front of `in`, until TakeHead. `wire`: where a
  // copy of the untouched block is put if preserve_case is on.
  Step ReadHead(Buffer& in, const RequestFacts& request, const ParseContext& context, Head& head, std::string* wire);
  // Drops the head from `in`; what follows is framed as said.
  void TakeHead(Buffer& in, const Head& head, Framing framing, uint64_t length);

  // Appends payload to `out`. kMore, kEnd, kTrailers (there are fields, and enable_trailers is on) or kFailed.
  Step ReadBody(Buffer& in, Buffer& out, const ParseContext& context, Head& trailers, std::string* wire);
  void TakeTrailers(Buffer& in, const Head& trailers);

  const Refusal& refusal() const { return refusal_; }
  bool body_needs_close() const { return body_.framing() == Framing::kUntilClose; }
  uint64_t missing() const { return body_.missing(); }
  // After kMore of ReadBody: it was enough for this turn, `in` has more.
  bool stopped_short() const { return body_.stopped_short(); }
  Framing framing() const { return body_.framing(); }

 private:
  bool SkipEmptyLines(Buffer& in);
  Refusal CheckIncomplete(Buffer& in, size_t size, const ParseContext& context);
  Step Fail(const Refusal& refusal);
  Step ReadTrailers(Buffer& in, const ParseContext& context, Head& trailers, std::string* wire);

  SectionScanner scanner_;
  BodyReader body_;
  Refusal refusal_;
  Kind kind_;
  uint8_t skipped_lines_ = 0;
  bool first_line_good_ = false;
  bool in_trailers_ = false;
};

}  // namespace outrigger::http::h1
