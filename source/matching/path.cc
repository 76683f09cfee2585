#include "source/matching/path.h"

#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace outrigger::matching {
namespace {

enum : uint8_t {
  kUnreserved = 1,  // RFC 3986 2.3: decoded when percent-encoded
  kEncode = 2,      // written as %XX when it stands there raw
  kSpecial = 4,     // starts something that needs a closer look
};

struct CharTable {
  uint8_t of[256] = {};
  constexpr CharTable() {
    for (int c = 0; c < 256; ++c) {
      const bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
      if (alnum || c == '-' || c == '.' || c == '_' || c == '~') of[c] |= kUnreserved;
      if (c <= 0x20 || c >= 0x7f || c == '"' || c == '<' || c == '>' || c == '`' || c == '{' || c == '}')
        of[c] |= kEncode;
      if (c == '%' || c == '\\' || c == '#' || c == '?') of[c] |= kSpecial;
      if (of[c] & kEncode) of[c] |= kSpecial;
    }
  }
};
constexpr CharTable kChars;

uint8_t ClassOf(char c) { return kChars.of[static_cast<uint8_t>(c)]; }

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The byte that "%XX" at `p` encodes, or -1.
int Decode(const char* p, const char* end) {
  if (end - p < 3 || *p != '%') return -1;
  const int high = HexDigit(p[1]), low = HexDigit(p[2]);
  return high < 0 || low < 0 ? -1 : high << 4 | low;
}

// First place that may need work: a special character, or a '.' or '/' after a '/'. '?' ends the path and is special
// too.
size_t FirstSpecial(absl::string_view text) {
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const char* p = begin;
#ifdef __SSE2__
  const __m128i slash = _mm_set1_epi8('/'), dot = _mm_set1_epi8('.'), percent = _mm_set1_epi8('%'),
                question = _mm_set1_epi8('?'), back = _mm_set1_epi8('\\'), hash = _mm_set1_epi8('#'),
                quote = _mm_set1_epi8('"'), less = _mm_set1_epi8('<'), more = _mm_set1_epi8('>'),
                tick = _mm_set1_epi8('`'), open = _mm_set1_epi8('{'), close = _mm_set1_epi8('}'),
                del = _mm_set1_epi8(0x7f), blank = _mm_set1_epi8(0x21);
  uint32_t after_slash = 0;
  for (; end - p >= 16; p += 16) {
    const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const auto is = [v](__m128i c) { return _mm_cmpeq_epi8(v, c); };
    // Signed compare: bytes from 0x80 are negative, so they are below 0x21 as well.
    __m128i bad = _mm_or_si128(_mm_cmplt_epi8(v, blank), is(percent));
    bad = _mm_or_si128(bad, _mm_or_si128(is(question), is(back)));
    bad = _mm_or_si128(bad, _mm_or_si128(is(hash), is(quote)));
    bad = _mm_or_si128(bad, _mm_or_si128(is(less), is(more)));
    bad = _mm_or_si128(bad, _mm_or_si128(_mm_or_si128(is(tick), is(open)), _mm_or_si128(is(close), is(del))));
    const uint32_t slashes = static_cast<uint32_t>(_mm_movemask_epi8(is(slash)));
    const uint32_t dots = static_cast<uint32_t>(_mm_movemask_epi8(is(dot)));
    const uint32_t found =
        static_cast<uint32_t>(_mm_movemask_epi8(bad)) | (((slashes << 1) | after_slash) & (slashes | dots));
    if ((found & 0xffff) != 0) return static_cast<size_t>(p - begin) + static_cast<size_t>(__builtin_ctz(found));
    after_slash = slashes >> 15;
  }
#endif
  for (; p < end; ++p) {
    if ((ClassOf(*p) & kSpecial) != 0) return static_cast<size_t>(p - begin);
    if ((*p == '/' || *p == '.') && p > begin && p[-1] == '/') return static_cast<size_t>(p - begin);
  }
  return text.size();
}

struct Step {
  size_t size = 0;
  const char* reason = nullptr;  // not null: refuse
};

// %2F and %5C become the characters. `out` has room for in.size(). *found says whether there were any.
Step UnescapeSlashes(absl::string_view in, char* out, bool* found) {
  const char* p = in.data();
  const char* const end = p + in.size();
  char* to = out;
  while (p < end) {
    const int c = Decode(p, end);
    if (c == '/' || c == '\\') {
      *to++ = static_cast<char>(c);
      p += 3;
      *found = true;
    } else {
      *to++ = *p++;
    }
  }
  return {static_cast<size_t>(to - out), nullptr};
}

char* AppendEncoded(char* to, char c) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  *to++ = '%';
  *to++ = kHex[static_cast<uint8_t>(c) >> 4];
  *to++ = kHex[static_cast<uint8_t>(c) & 15];
  return to;
}

// Characters only: decoding, encoding, backslashes. `out` has room for three times in.size().
Step NormalizeCharacters(absl::string_view in, char* out) {
  const char* p = in.data();
  const char* const end = p + in.size();
  char* to = out;
  const char* loose = nullptr;  // the last '%' in `out` that begins no encoding
  while (p < end) {
    const char c = *p;
    if (c == '%') {
      const int byte = Decode(p, end);
      if (byte == 0) return {0, "path_has_nul"};
      if (byte < 0) {
        loose = to;
        *to++ = *p++;
      } else if ((ClassOf(static_cast<char>(byte)) & kUnreserved) != 0) {
        *to++ = static_cast<char>(byte);
        p += 3;
      } else {
        memcpy(to, p, 3);
        to += 3;
        p += 3;
      }
    } else {
      if (c == '\0') return {0, "path_has_nul"};
      if (c == '\\') {
        *to++ = '/';
      } else if ((ClassOf(c) & kEncode) != 0) {
        to = AppendEncoded(to, c);
      } else {
        *to++ = c;
      }
      ++p;
    }
    if (loose != nullptr && to - loose >= 3) {
      if (Decode(loose, to) >= 0) return {0, "path_has_ambiguous_percent"};
      loose = nullptr;
    }
  }
  return {static_cast<size_t>(to - out), nullptr};
}

// RFC 3986 5.2.4, in place; `path` begins with '/'. ".." above the root stays at the root.
size_t RemoveDotSegments(char* path, size_t size) {
  const char* p = path;
  const char* const end = path + size;
  char* to = path;
  while (p < end) {  // here *p is the '/' that begins a segment
    const char* next = p + 1;
    while (next < end && *next != '/') ++next;
    const absl::string_view segment(p + 1, static_cast<size_t>(next - p - 1));
    if (segment == ".") {
      if (next == end) *to++ = '/';
    } else if (segment == "..") {
      while (to > path && *--to != '/') {
      }
      if (next == end) *to++ = '/';
    } else {
      memmove(to, p, static_cast<size_t>(next - p));
      to += next - p;
    }
    p = next;
  }
  if (to == path) *to++ = '/';
  return static_cast<size_t>(to - path);
}

size_t MergeSlashes(char* path, size_t size) {
  char* to = path;
  for (size_t i = 0; i < size; ++i) {
    if (path[i] == '/' && to > path && to[-1] == '/') continue;
    *to++ = path[i];
  }
  return static_cast<size_t>(to - path);
}

CanonicalPath Reject(const char* reason) { return {CanonicalPath::Outcome::kReject, {}, reason}; }

CanonicalPath CanonicalizeSlowly(absl::string_view input, absl::string_view target, const PathPolicy& policy,
                                 Arena& arena) {
  const size_t question = target.find('?');
  const absl::string_view path = target.substr(0, question);
  const absl::string_view query = question == absl::string_view::npos ? absl::string_view() : target.substr(question);
  // Room for every byte encoded; unescaping only shrinks.
  char* const unescaped = static_cast<char*>(arena.Allocate(path.size() + 1, 1));
  char* const out = static_cast<char*>(arena.Allocate(path.size() * 3 + query.size() + 1, 1));
  absl::string_view at = path;
  bool redirect = false;
  if (policy.escaped_slashes != PathPolicy::EscapedSlashes::kKeep) {
    bool found = false;
    const Step step = UnescapeSlashes(at, unescaped, &found);
    if (found && policy.escaped_slashes == PathPolicy::EscapedSlashes::kReject) return Reject("path_has_escaped_slash");
    redirect = found && policy.escaped_slashes == PathPolicy::EscapedSlashes::kUnescapeAndRedirect;
    at = absl::string_view(unescaped, step.size);
  }
  size_t size = at.size();
  if (policy.normalize && path != "*" && !path.empty()) {
    if (at[0] != '/' && at[0] != '\\') return Reject("path_is_not_absolute");
    const Step step = NormalizeCharacters(at, out);
    if (step.reason != nullptr) return Reject(step.reason);
    size = RemoveDotSegments(out, step.size);
  } else {
    memcpy(out, at.data(), size);
  }
  if (policy.merge_slashes) size = MergeSlashes(out, size);
  if (!query.empty()) memcpy(out + size, query.data(), query.size());
  const absl::string_view result(out, size + query.size());
  if (redirect) return {CanonicalPath::Outcome::kRedirect, result, ""};
  if (result == input) return {CanonicalPath::Outcome::kUnchanged, input, ""};
  return {CanonicalPath::Outcome::kChanged, result, ""};
}

}  // namespace

CanonicalPath Canonicalize(absl::string_view path, const PathPolicy& policy, Arena& arena) {
  absl::string_view target = path;
  const size_t special = FirstSpecial(path);
  if (special < path.size()) {
    const size_t fragment = path.find('#', special);
    if (fragment != absl::string_view::npos) {
      if (policy.reject_fragment) return Reject("path_has_fragment");
      target = path.substr(0, fragment);
    }
  }
  const bool absolute = !path.empty() && (path[0] == '/' || path == "*" || path[0] == '?');
  // A query ends the path: what comes after it needs no look.
  const bool idle =
      !policy.normalize && !policy.merge_slashes && policy.escaped_slashes == PathPolicy::EscapedSlashes::kKeep;
  const bool clean = idle || special >= target.size() || target[special] == '?';
  if (clean && (absolute || path.empty() || !policy.normalize)) {
    if (target.size() == path.size()) return {CanonicalPath::Outcome::kUnchanged, path, ""};
    return {CanonicalPath::Outcome::kChanged, target, ""};
  }
  return CanonicalizeSlowly(path, target, policy, arena);
}

}  // namespace outrigger::matching
