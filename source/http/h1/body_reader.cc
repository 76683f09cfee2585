#include "source/http/h1/body_reader.h"

#include <algorithm>
#include <cstring>

#include "source/http/h1/limits.h"
#include "source/http/h1/scan.h"

namespace outrigger::http::h1 {
namespace {

// Up to this size a chunk's payload is copied behind the previous one.
constexpr uint64_t kCopyChunk = 512;

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

size_t SkipBlank(absl::string_view text, size_t i) {
  while (i < text.size() && (text[i] == ' ' || text[i] == '\t')) ++i;
  return i;
}
size_t SkipToken(absl::string_view text, size_t i) {
  while (i < text.size() && IsTokenChar(text[i])) ++i;
  return i;
}
// text[i] is the opening quote; npos if the string is not closed or holds a control.
size_t SkipQuoted(absl::string_view text, size_t i) {
  for (++i; i < text.size(); ++i) {
    if (text[i] == '"') return i + 1;
    if (text[i] == '\\' && ++i == text.size()) break;
    if (!IsValueByte(static_cast<uint8_t>(text[i]))) break;
  }
  return absl::string_view::npos;
}

// *( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] ), RFC 9112 7.1.1.
bool IsChunkExtensions(absl::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    i = SkipBlank(text, i);
    if (i == text.size() || text[i] != ';') return false;
    const size_t name = SkipBlank(text, i + 1);
    i = SkipToken(text, name);
    if (i == name) return false;
    const size_t equals = SkipBlank(text, i);
    if (equals == text.size() || text[equals] != '=') continue;
    const size_t value = SkipBlank(text, equals + 1);
    if (value < text.size() && text[value] == '"') {
      i = SkipQuoted(text, value);
      if (i == absl::string_view::npos) return false;
    } else {
      i = SkipToken(text, value);
      if (i == value) return false;
    }
  }
  return true;
}

}  // namespace

bool ParseChunkLine(absl::string_view line, uint64_t* size, size_t* extension_bytes) {
  uint64_t value = 0;
  size_t i = 0;
  for (; i < line.size(); ++i) {
    const int digit = HexValue(line[i]);
    if (digit < 0) break;
    if (value > kMaxContentLength >> 4) return false;
    value = value * 16 + static_cast<uint64_t>(digit);
  }
  if (i == 0) return false;
  *size = value;
  *extension_bytes = line.size() - i;
  return i == line.size() || IsChunkExtensions(line.substr(i));
}

void BodyReader::Start(Framing framing, uint64_t length) {
  framing_ = framing;
  left_ = framing == Framing::kLength ? length : 0;
  extension_bytes_ = 0;
  stopped_short_ = false;
  state_ = State::kSize;
}

BodyReader::Result BodyReader::Fail(const char* detail) {
  detail_ = detail;
  return Result::kFailed;
}

BodyReader::Result BodyReader::Read(Buffer& in, Buffer& out, CodecCounters& counters) {
  switch (framing_) {
    case Framing::kNone:
      return Result::kEnd;
    case Framing::kUntilClose:
      out.Append(std::move(in));
      return Result::kMore;
    case Framing::kLength: {
      const uint64_t take = std::min<uint64_t>(in.size(), left_);
      if (take == in.size()) {
        out.Append(std::move(in));
      } else {
        out.MoveFrom(in, take);
      }
      left_ -= take;
      return left_ == 0 ? Result::kEnd : Result::kMore;
    }
    case Framing::kChunked:
      return ReadChunked(in, out, counters);
  }
  return Result::kEnd;
}

BodyReader::Result BodyReader::ReadChunked(Buffer& in, Buffer& out, CodecCounters& counters) {
  uint32_t chunks = 0;
  stopped_short_ = false;
  while (!in.empty()) {
    if (state_ == State::kSize) {
      if (++chunks > kChunksPerTurn) {
        stopped_short_ = true;
        return Result::kMore;
      }
      const Result result = ReadSize(in, counters);
      if (result != Result::kEnd) return result;
      if (left_ == 0) return Result::kTrailers;
      state_ = State::kData;
    } else if (state_ == State::kData) {
      const uint64_t take = std::min<uint64_t>(in.size(), left_);
      const absl::string_view front = in.Front();
      if (take <= kCopyChunk && front.size() >= take) {
        out.Append(absl::string_view(front.data(), take));
        in.Drain(take);
      } else {
        out.MoveFrom(in, take);
      }
      left_ -= take;
      if (left_ == 0) state_ = State::kDataEnd;
    } else {
      const Result result = ReadDataEnd(in);
      if (result != Result::kEnd) return result;
      state_ = State::kSize;
    }
  }
  return Result::kMore;
}

BodyReader::Result BodyReader::ReadSize(Buffer& in, CodecCounters& counters) {
  absl::string_view seen = in.Front();
  const size_t most = std::min<size_t>(in.size(), kMaxChunkLineBytes);
  const void* lf = memchr(seen.data(), '\n', std::min(seen.size(), most));
  if (lf == nullptr && seen.size() < most) {  // the line may go on in the next block
    seen = in.Linearize(most);
    lf = memchr(seen.data(), '\n', most);
  }
  if (lf == nullptr) {
    if (most < kMaxChunkLineBytes) return Result::kMore;
    ++counters.chunk_extensions_overflow;
    return Fail("http1.chunk_line_too_large");
  }
  const size_t size = static_cast<size_t>(static_cast<const char*>(lf) - seen.data()) + 1;
  size_t extension = 0;
  if (size < 2 || seen[size - 2] != '\r' ||
      !ParseChunkLine(absl::string_view(seen.data(), size - 2), &left_, &extension)) {
    return Fail("http1.invalid_chunk");
  }
  if (extension > 0) {
    ++counters.dropped_chunk_extensions;
    extension_bytes_ += static_cast<uint32_t>(extension);
    if (extension_bytes_ > kMaxChunkExtensionBytes) {
      ++counters.chunk_extensions_overflow;
      return Fail("http1.chunk_extensions_too_large");
    }
  }
  in.Drain(size);
  return Result::kEnd;
}

BodyReader::Result BodyReader::ReadDataEnd(Buffer& in) {
  char end[2];
  const size_t n = in.CopyOut(0, 2, end);
  if (end[0] != '\r' || (n == 2 && end[1] != '\n')) return Fail("http1.invalid_chunk");
  if (n < 2) return Result::kMore;
  in.Drain(2);
  return Result::kEnd;
}

}  // namespace outrigger::http::h1
