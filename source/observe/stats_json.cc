#include "absl/strings/str_cat.h"
#include "source/observe/stats_format.h"

namespace outrigger::observe {
namespace {

// The length of the well-formed UTF-8 sequence at `text[at]`, or 0 (RFC 3629: no overlong forms, no surrogates).
size_t Utf8Length(absl::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const auto follows = [&](size_t i) { return (byte(i) & 0xC0) == 0x80; };
  const unsigned first = byte(at);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(at + 1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const unsigned second = byte(at + 1);
    if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F)) return 0;
    return follows(at + 1) && follows(at + 2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const unsigned second = byte(at + 1);
    if ((first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) return 0;
    return follows(at + 1) && follows(at + 2) && follows(at + 3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

std::string JsonQuote(absl::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (size_t i = 0; i < text.size();) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    const size_t length = Utf8Length(text, i);
    if (length == 0) {
      out += "\xEF\xBF\xBD";
      ++i;
      continue;
    }
    if (c == '"' || c == '\\') {
      out += '\\';
      out += text[i];
    } else if (c < 0x20) {
      absl::StrAppend(&out, "\\u00", absl::string_view(&kHex[c >> 4], 1), absl::string_view(&kHex[c & 15], 1));
    } else {
      out.append(text.data() + i, length);
    }
    i += length;
  }
  out += '"';
  return out;
}

std::string FormatJson(const StatsSnapshot& snapshot, const StatsFormat& format) {
  std::string out = "{\"stats\":[";
  absl::string_view comma = "";
  for (const auto& text : snapshot.texts) {
    if (!Wanted(format, text.name, !text.value.empty())) continue;
    absl::StrAppend(&out, comma, "{\"name\":", JsonQuote(text.name), ",\"value\":", JsonQuote(text.value), "}");
    comma = ",";
  }
  for (const auto& number : snapshot.numbers) {
    if (!Wanted(format, number.name, number.used)) continue;
    absl::StrAppend(&out, comma, "{\"name\":", JsonQuote(number.name), ",\"value\":", PrintNumber(number), "}");
    comma = ",";
  }
  const std::string histograms = HistogramsJson(snapshot, format);
  if (!histograms.empty()) absl::StrAppend(&out, comma, "{\"histograms\":", histograms, "}");
  out += "]}";
  return out;
}

}  // namespace outrigger::observe
