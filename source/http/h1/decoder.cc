#include "source/http/h1/decoder.h"

#include <algorithm>
#include <string>

#include "source/http/h1/limits.h"
#include "source/http/h1/parser.h"

namespace outrigger::http::h1 {
namespace {

// The bytes of an input buffer belong to its connection alone, so names may be lower-cased where they are.
char* Contiguous(Buffer& in, size_t size) { return const_cast<char*>(in.Linearize(size).data()); }

}  // namespace

Decoder::Step Decoder::Fail(const Refusal& refusal) {
  refusal_ = refusal;
  return Step::kFailed;
}

// RFC 9112 2.2: an empty line before a request line is ignored. Returns false while that is undecided.
bool Decoder::SkipEmptyLines(Buffer& in) {
  while (skipped_lines_ < kMaxLeadingEmptyLines && !in.empty() && in.Front()[0] == '\r') {
    char two[2];
    if (in.CopyOut(0, 2, two) < 2) return false;
    if (two[1] != '\n') return true;
    in.Drain(2);
    ++skipped_lines_;
  }
  return !in.empty();
}

// What can be said before the head is complete, or when it is too large: the same judgement, in the same order, that the
// complete head would get.
Refusal Decoder::CheckIncomplete(Buffer& in, size_t size, const ParseContext& context) {
  const uint32_t most = context.codec.max_header_bytes;
  const size_t line = scanner_.first_line();
  const bool request = kind_ == Kind::kRequest;
  if (line > 0 && line <= most) {
    if (!first_line_good_) {
      const absl::string_view text = in.Linearize(line);
      if (const Refusal refusal = request ? CheckRequestPrefix(text) : Refusal()) return refusal;
      if (line < 2 || text[line - 2] != '\r') return Refusal{400, "http1.codec_error"};
      Head scratch;
      const absl::string_view bare(text.data(), line - 2);
      const Refusal refusal = request ? ParseRequestLine(bare, context, scratch) : ParseStatusLine(bare, scratch);
      if (refusal) return refusal;
      if (request && scratch.http10 && !context.http1.accept_http_10) return Refusal{426, "low_version"};
      first_line_good_ = true;
    }
  } else {
    const absl::string_view text = in.Linearize(std::min<size_t>(in.size(), kMaxMethodBytes + 1));
    if (const Refusal refusal = request ? CheckRequestPrefix(text) : CheckStatusPrefix(text)) return refusal;
  }
  if (size <= most && scanner_.scanned() <= most) return Refusal();
  ++context.counters.header_overflow;
  const bool long_target = request && (line == 0 || line > most);
  return long_target ? Refusal{414, "http1.uri_too_large"} : Refusal{431, "http1.headers_too_large"};
}

Decoder::Step Decoder::ReadHead(Buffer& in, const RequestFacts& request, const ParseContext& context, Head& head,
                                std::string* wire) {
  if (kind_ == Kind::kRequest && scanner_.scanned() == 0 && !SkipEmptyLines(in)) return Step::kMore;
  const size_t size = scanner_.Scan(in);
  if (size == 0 || size > context.codec.max_header_bytes) {
    if (in.empty()) return Step::kMore;
    if (const Refusal refusal = CheckIncomplete(in, size, context)) return Fail(refusal);
    return Step::kMore;
  }
  char* const block = Contiguous(in, size);
  if (context.http1.preserve_case) wire->assign(block, size);
  const Refusal refusal = kind_ == Kind::kRequest ? ParseRequestHead(block, size, context, head)
                                                  : ParseResponseHead(block, size, request, context, head);
  return refusal ? Fail(refusal) : Step::kHead;
}

void Decoder::TakeHead(Buffer& in, const Head& head, Framing framing, uint64_t length) {
  in.Drain(head.size);
  scanner_.Reset(SectionScanner::Kind::kHead);
  body_.Start(framing, length);
  skipped_lines_ = 0;
  first_line_good_ = false;
  in_trailers_ = false;
}

Decoder::Step Decoder::ReadBody(Buffer& in, Buffer& out, const ParseContext& context, Head& trailers, std::string* wire) {
  if (!in_trailers_) {
    switch (body_.Read(in, out, context.counters)) {
      case BodyReader::Result::kMore:
        return Step::kMore;
      case BodyReader::Result::kEnd:
        return Step::kEnd;
      case BodyReader::Result::kFailed:
        return Fail(Refusal{400, body_.detail()});
      case BodyReader::Result::kTrailers:
        in_trailers_ = true;
        scanner_.Reset(SectionScanner::Kind::kTrailers);
        break;
    }
  }
  return ReadTrailers(in, context, trailers, wire);
}

Decoder::Step Decoder::ReadTrailers(Buffer& in, const ParseContext& context, Head& trailers, std::string* wire) {
  const size_t size = scanner_.Scan(in);
  if (size > context.codec.max_header_bytes || (size == 0 && scanner_.scanned() > context.codec.max_header_bytes)) {
    ++context.counters.header_overflow;
    return Fail(Refusal{431, "http1.trailers_too_large"});
  }
  if (size == 0) return Step::kMore;
  char* const block = Contiguous(in, size);
  if (context.http1.preserve_case) wire->assign(block, size);
  if (const Refusal refusal = ParseTrailers(block, size, kind_ == Kind::kRequest, context, trailers)) return Fail(refusal);
  const bool any = std::any_of(trailers.fields.begin(), trailers.fields.end(), [](const Field& f) { return !f.drop; });
  if (any && context.http1.enable_trailers) return Step::kTrailers;
  TakeTrailers(in, trailers);
  return Step::kEnd;
}

void Decoder::TakeTrailers(Buffer& in, const Head& trailers) {
  in.Drain(trailers.size);
  scanner_.Reset(SectionScanner::Kind::kHead);
  body_.Start(Framing::kNone, 0);
  in_trailers_ = false;
}

}  // namespace outrigger::http::h1
