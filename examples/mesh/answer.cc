#include "examples/mesh/answer.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace outrigger::examples {
namespace {

void AppendQuoted(absl::string_view text, std::string* out) {
  static constexpr char kHex[] = "0123456789abcdef";
  out->push_back('"');
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out->push_back('\\');
      out->push_back(c);
    } else if (byte >= 0x20 && byte < 0x7f) {
      out->push_back(c);
    } else {
      absl::StrAppend(out, "\\u00");
      out->push_back(kHex[byte >> 4]);
      out->push_back(kHex[byte & 15]);
    }
  }
  out->push_back('"');
}

void AppendMember(absl::string_view name, absl::string_view value, std::string* out) {
  if (out->back() != '{') out->push_back(',');
  AppendQuoted(name, out);
  out->push_back(':');
  AppendQuoted(value, out);
}

// Calls f(piece) for the pieces of text between separators that stand outside of quotes.
template <class F>
void SplitUnquoted(absl::string_view text, char separator, F&& f) {
  bool quoted = false;
  size_t begin = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && quoted) {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (text[i] == separator && !quoted) {
      f(absl::string_view(text.data() + begin, i - begin));
      begin = i + 1;
    }
  }
  f(absl::string_view(text.data() + begin, text.size() - begin));
}

}  // namespace

std::string CallerOf(absl::string_view forwarded_client_cert) {
  absl::string_view last;
  SplitUnquoted(forwarded_client_cert, ',', [&](absl::string_view element) { last = element; });
  std::string caller = "-";
  SplitUnquoted(last, ';', [&](absl::string_view pair) {
    pair = absl::StripAsciiWhitespace(pair);
    if (!absl::StartsWithIgnoreCase(pair, "URI=")) return;
    pair.remove_prefix(4);
    if (pair.size() >= 2 && pair.front() == '"' && pair.back() == '"') {
      pair.remove_prefix(1);
      pair.remove_suffix(1);
    }
    if (!pair.empty()) caller = std::string(pair);
  });
  return caller;
}

std::string Answer(const Identity& identity, const Seen& seen) {
  std::string out = "{";
  AppendMember("service", identity.service, &out);
  AppendMember("version", identity.version, &out);
  AppendMember("caller", CallerOf(seen.forwarded_client_cert), &out);
  AppendMember("method", seen.method, &out);
  AppendMember("path", seen.path, &out);
  absl::StrAppend(&out, ",\"headers\":{");
  for (const auto& [name, value] : seen.headers) AppendMember(name, value, &out);
  out.push_back('}');
  AppendMember("body", seen.body, &out);
  absl::StrAppend(&out, "}\n");
  return out;
}

}  // namespace outrigger::examples
