#include "source/http/h1/fields.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "source/http/h1/limits.h"
#include "source/http/h1/parser.h"
#include "source/http/h1/scan.h"

namespace outrigger::http::h1 {
namespace {

constexpr Refusal kBadCharacters{400, "http1.invalid_characters"};
constexpr Refusal kBadField{400, "http1.codec_error"};
constexpr Refusal kBadConnection{400, "http1.connection_header_rejected"};

// Calls f(token) for each element of a comma-separated list, lower-cased in place. Empty elements are skipped (RFC 9110
// 5.6.1.2).
template <class F>
void ForEachToken(char* begin, char* end, F&& f) {
  while (begin < end) {
    char* stop = begin;
    while (stop < end && *stop != ',') {
      *stop = LowerChar(*stop);
      ++stop;
    }
    const absl::string_view token = TrimWhitespace(absl::string_view(begin, static_cast<size_t>(stop - begin)));
    if (!token.empty()) f(token);
    begin = stop + 1;
  }
}

void NoteConnection(Head& head, const Field& field) {
  ForEachToken(head.block + field.value, head.block + field.value + field.value_size, [&head](absl::string_view token) {
    if (token == "close") {
      head.close = true;
    } else if (token == "keep-alive") {
      head.keep_alive = true;
    } else if (token == "upgrade") {
      head.connection_upgrade = true;
    } else {
      head.nominated = true;
    }
  });
}

// TE: what we pass on is whether trailers are welcome; a weight of zero says they are not.
void NoteTe(Head& head, absl::string_view value) {
  while (!value.empty()) {
    const size_t comma = value.find(',');
    const absl::string_view element = TrimWhitespace(value.substr(0, comma));
    if (EqualsLower(element, "trailers")) head.te_trailers = true;
    value = comma == absl::string_view::npos ? absl::string_view() : value.substr(comma + 1);
  }
}

void NoteExpect(Head& head, absl::string_view value) {
  while (!value.empty()) {
    const size_t comma = value.find(',');
    if (EqualsLower(TrimWhitespace(value.substr(0, comma)), "100-continue")) head.expect_continue = true;
    value = comma == absl::string_view::npos ? absl::string_view() : value.substr(comma + 1);
  }
}

// "timeout=5, max=100": how long the peer keeps the connection when it is idle. Anything else says nothing.
void NoteKeepAlive(Head& head, absl::string_view value) {
  while (!value.empty()) {
    const size_t comma = value.find(',');
    const absl::string_view element = TrimWhitespace(value.substr(0, comma));
    constexpr absl::string_view kTimeout = "timeout=";
    if (element.size() > kTimeout.size() && EqualsLower(element.substr(0, kTimeout.size()), kTimeout)) {
      uint64_t seconds = 0;
      if (ParseContentLength(element.substr(kTimeout.size()), &seconds)) {
        head.idle_seconds = static_cast<uint32_t>(std::min<uint64_t>(seconds, kMaxIdleSeconds));
      }
    }
    value = comma == absl::string_view::npos ? absl::string_view() : value.substr(comma + 1);
  }
}

void NoteField(Head& head, const Field& field) {
  const absl::string_view value(head.block + field.value, field.value_size);
  switch (field.known) {
    case KnownHeader::kHost:
      ++head.host_count;
      head.host = value;
      head.host_name = absl::string_view(head.block + field.name, field.name_size);
      break;
    case KnownHeader::kContentLength:
      ++head.length_count;
      head.length = value;
      break;
    case KnownHeader::kTransferEncoding:
      ++head.encoding_count;
      head.encoding = value;
      break;
    case KnownHeader::kConnection:
      NoteConnection(head, field);
      break;
    case KnownHeader::kUpgrade:
      ++head.upgrade_count;
      head.upgrade_value = value;
      break;
    case KnownHeader::kTe:
      NoteTe(head, value);
      break;
    case KnownHeader::kKeepAlive:
      NoteKeepAlive(head, value);
      break;
    case KnownHeader::kExpect:
      NoteExpect(head, value);
      break;
    default:
      break;
  }
}

// Applies headers_with_underscores_action. Returns true if the field is not to be kept.
bool UnderscoreDrops(absl::string_view name, const ParseContext& context, Refusal* refusal) {
  if (context.codec.headers_with_underscores == CodecOptions::Underscores::kAllow) return false;
  if (memchr(name.data(), '_', name.size()) == nullptr) return false;
  if (context.codec.headers_with_underscores == CodecOptions::Underscores::kReject) {
    ++context.counters.header_underscore_rejected;
    *refusal = Refusal{400, "http1.unexpected_underscore"};
  } else {
    ++context.counters.header_underscore_dropped;
  }
  return true;
}

bool IsConnectionSpecific(KnownHeader known) {
  switch (known) {
    case KnownHeader::kConnection:
    case KnownHeader::kKeepAlive:
    case KnownHeader::kProxyConnection:
    case KnownHeader::kTransferEncoding:
    case KnownHeader::kTe:
    case KnownHeader::kUpgrade:
    case KnownHeader::kHttp2Settings:
      return true;
    default:
      return false;
  }
}

}  // namespace

Refusal ParseFields(size_t begin, bool request, const ParseContext& context, Head& head) {
  char* const block = head.block;
  char* const end = block + head.size;
  char* p = block + begin;
  uint32_t count = 0;
  // The section ends with LF, which no scan passes, so each scan stops inside it.
  while (p < end) {
    if (*p == '\r') return p + 2 == end && p[1] == '\n' ? Refusal() : kBadField;
    char* const name = p;
    p = LowerToken(p, end);
    // No name, white space before the colon, a folded line or a line without colon (RFC 9112 5.1, 5.2).
    if (p == name || *p != ':') return IsValueByte(static_cast<uint8_t>(*p)) ? kBadField : kBadCharacters;
    const uint32_t name_size = static_cast<uint32_t>(p - name);
    ++p;
    while (*p == ' ' || *p == '\t') ++p;
    char* const value = p;
    p += ScanValue(p, end) - p;
    if (end - p < 2 || p[0] != '\r' || p[1] != '\n') return kBadCharacters;
    char* value_end = p;
    while (value_end > value && (value_end[-1] == ' ' || value_end[-1] == '\t')) --value_end;
    p += 2;
    if (++count > context.codec.max_header_count) {
      ++context.counters.header_overflow;
      return Refusal{431, "http1.too_many_headers"};
    }
    const absl::string_view lower(name, name_size);
    Refusal refusal;
    if (request && UnderscoreDrops(lower, context, &refusal)) {
      if (refusal) return refusal;
      continue;
    }
    head.fields.push_back(Field{static_cast<uint32_t>(name - block), name_size, static_cast<uint32_t>(value - block),
                                static_cast<uint32_t>(value_end - value), LookupKnownHeader(lower), false});
    NoteField(head, head.fields.back());
  }
  return kBadField;
}

Refusal DropHopByHop(Head& head) {
  Refusal refusal;
  uint32_t options = 0;
  for (Field& field : head.fields) {
    if (IsConnectionSpecific(field.known)) field.drop = true;
    if (field.known != KnownHeader::kConnection || !head.nominated) continue;
    char* const value = head.block + field.value;
    ForEachToken(value, value + field.value_size, [&](absl::string_view token) {
      if (token == "host" || token == "content-length" || ++options > kMaxConnectionOptions) refusal = kBadConnection;
      if (refusal) return;
      if (token == "close" || token == "keep-alive" || token == "upgrade") return;
      for (Field& other : head.fields) {
        if (absl::string_view(head.block + other.name, other.name_size) == token) other.drop = true;
      }
    });
  }
  return refusal;
}

}  // namespace outrigger::http::h1
