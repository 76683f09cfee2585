#include "source/matching/json_writer.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"

namespace outrigger::matching {
namespace {

// Length of the well-formed UTF-8 sequence at the start of `text`, 0 if there is none (RFC 3629 table).
size_t Utf8Length(absl::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  const size_t size = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  if (size == 0 || text.size() < size) return 0;
  uint8_t low = 0x80, high = 0xbf;
  if (lead == 0xe0) low = 0xa0;
  if (lead == 0xed) high = 0x9f;
  if (lead == 0xf0) low = 0x90;
  if (lead == 0xf4) high = 0x8f;
  if (byte(1) < low || byte(1) > high) return 0;
  for (size_t i = 2; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  return size;
}

void AppendControl(char c, std::string* out) {
  static constexpr char kHex[] = "0123456789abcdef";
  switch (c) {
    case '\n':
      out->append("\\n");
      return;
    case '\r':
      out->append("\\r");
      return;
    case '\t':
      out->append("\\t");
      return;
    case '\b':
      out->append("\\b");
      return;
    case '\f':
      out->append("\\f");
      return;
    default:
      out->append("\\u00");
      out->push_back(kHex[static_cast<uint8_t>(c) >> 4]);
      out->push_back(kHex[static_cast<uint8_t>(c) & 15]);
  }
}

}  // namespace

void AppendJsonString(absl::string_view text, std::string* out) {
  out->push_back('"');
  size_t plain = 0;  // start of the run that is copied as it is
  size_t i = 0;
  const auto flush = [&] { out->append(text.data() + plain, i - plain); };
  while (i < text.size()) {
    const uint8_t c = static_cast<uint8_t>(text[i]);
    if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
      ++i;
      continue;
    }
    const size_t sequence = c >= 0x80 ? Utf8Length(text.substr(i)) : 0;
    if (sequence > 0) {
      i += sequence;
      continue;
    }
    flush();
    if (c >= 0x80) {
      out->append("\xef\xbf\xbd");
    } else if (c == '"' || c == '\\') {
      out->push_back('\\');
      out->push_back(static_cast<char>(c));
    } else {
      AppendControl(static_cast<char>(c), out);
    }
    plain = ++i;
  }
  flush();
  out->push_back('"');
}

void AppendJsonNumber(double number, std::string* out) {
  if (!std::isfinite(number)) {
    out->append("null");
    return;
  }
  if (number == std::floor(number) && std::fabs(number) < 1e15) {
    absl::StrAppend(out, static_cast<int64_t>(number));
    return;
  }
  char text[40];
  for (const int digits : {15, 16, 17}) {
    const int size = snprintf(text, sizeof(text), "%.*g", digits, number);
    if (size > 0 && (digits == 17 || strtod(text, nullptr) == number)) {
      out->append(text, static_cast<size_t>(size));
      return;
    }
  }
}

// Depth is bounded by whoever built the value: configuration and filters' own metadata, both parsed with a depth limit.
void AppendJsonValue(const Value& value, std::string* out) {
  const char* separator = "";
  if (const bool* b = value.as_bool()) {
    out->append(*b ? "true" : "false");
  } else if (const double* number = value.as_number()) {
    AppendJsonNumber(*number, out);
  } else if (const std::string* text = value.as_string()) {
    AppendJsonString(*text, out);
  } else if (const Value::List* list = value.as_list()) {
    out->push_back('[');
    for (const Value& item : *list) {
      out->append(separator);
      AppendJsonValue(item, out);
      separator = ",";
    }
    out->push_back(']');
  } else if (const Value::Struct* fields = value.as_struct()) {
    out->push_back('{');
    for (const auto& [key, field] : *fields) {
      out->append(separator);
      AppendJsonString(key, out);
      out->push_back(':');
      AppendJsonValue(field, out);
      separator = ",";
    }
    out->push_back('}');
  } else {
    out->append("null");
  }
}

}  // namespace outrigger::matching
