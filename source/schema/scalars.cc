#include "source/schema/scalars.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"

namespace outrigger::schema {
namespace {

constexpr int64_t kMaxDurationSeconds = 315'576'000'000;  // google.protobuf.Duration's own bound

// The digits of an integer in base 8, 10 or 16 without sign; false beyond 64 bits.
bool Digits(absl::string_view text, uint64_t& out) {
  uint64_t base = 10;
  if (absl::ConsumePrefix(&text, "0x") || absl::ConsumePrefix(&text, "0X")) {
    base = 16;
  } else if (absl::ConsumePrefix(&text, "0o")) {
    base = 8;
  } else if (text.size() > 1 && text[0] == '0') {
    base = 8;
    text.remove_prefix(1);
  }
  if (text.empty()) return false;
  out = 0;
  for (const char c : text) {
    const char lower = absl::ascii_tolower(c);
    const uint64_t digit = absl::ascii_isdigit(c) ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : 99;
    if (digit >= base || out > (std::numeric_limits<uint64_t>::max() - digit) / base) return false;
    out = out * base + digit;
  }
  return true;
}

// A whole number written with a point or an exponent.
bool WholeDouble(absl::string_view text, double& out) {
  return ClassifyPlain(text) == PlainKind::kNumber && absl::SimpleAtod(text, &out) && std::isfinite(out) &&
         std::floor(out) == out && std::abs(out) <= 9007199254740992.0;
}

bool NineDigits(absl::string_view text, int32_t& nanos) {
  if (text.empty() || text.size() > 9 || !std::all_of(text.begin(), text.end(), absl::ascii_isdigit)) return false;
  nanos = 0;
  for (size_t i = 0; i < 9; ++i) nanos = nanos * 10 + (i < text.size() ? text[i] - '0' : 0);
  return true;
}

}  // namespace

bool ReadUnsigned(const Node& node, uint64_t& out) {
  if (node.kind != Node::Kind::kScalar) return false;
  absl::string_view text = node.text;
  absl::ConsumePrefix(&text, "+");
  if (Digits(text, out)) return true;
  double whole = 0;
  if (!WholeDouble(text, whole) || whole < 0) return false;
  out = static_cast<uint64_t>(whole);
  return true;
}

bool ReadSigned(const Node& node, int64_t& out) {
  if (node.kind != Node::Kind::kScalar) return false;
  absl::string_view text = node.text;
  const bool negative = absl::ConsumePrefix(&text, "-");
  if (!negative) absl::ConsumePrefix(&text, "+");
  uint64_t magnitude = 0;
  if (Digits(text, magnitude)) {
    const uint64_t most = static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) + (negative ? 1 : 0);
    if (magnitude > most) return false;
    out = static_cast<int64_t>(negative ? 0 - magnitude : magnitude);
    return true;
  }
  double whole = 0;
  if (!WholeDouble(node.text, whole)) return false;
  out = static_cast<int64_t>(whole);
  return true;
}

bool ReadDouble(const Node& node, double& out) {
  if (node.kind != Node::Kind::kScalar) return false;
  absl::string_view text = node.text;
  if (text == "NaN" || absl::EqualsIgnoreCase(text, ".nan")) {
    out = std::numeric_limits<double>::quiet_NaN();
    return true;
  }
  const double sign = absl::StartsWith(text, "-") ? -1 : 1;
  absl::string_view unsigned_text = text;
  if (sign < 0) unsigned_text.remove_prefix(1);
  if (unsigned_text == "Infinity" || absl::EqualsIgnoreCase(unsigned_text, ".inf")) {
    out = sign * std::numeric_limits<double>::infinity();
    return true;
  }
  const PlainKind kind = ClassifyPlain(text);
  if (kind != PlainKind::kInteger && kind != PlainKind::kNumber) return false;
  if (absl::StrContains(text, 'x') || absl::StrContains(text, 'X')) return false;
  return absl::SimpleAtod(text, &out) && std::isfinite(out);
}

bool ReadBool(const Node& node, bool& out) {
  if (node.kind != Node::Kind::kScalar) return false;
  const auto any_of = [&](std::initializer_list<absl::string_view> words) {
    return std::any_of(words.begin(), words.end(),
                       [&](absl::string_view w) { return absl::EqualsIgnoreCase(node.text, w); });
  };
  if (node.quoted ? node.text == "true" : any_of({"true", "yes", "on"})) {
    out = true;
    return true;
  }
  out = false;
  return node.quoted ? node.text == "false" : any_of({"false", "no", "off"});
}

bool ReadBytes(const Node& node, std::string& out) {
  if (node.kind != Node::Kind::kScalar) return false;
  std::string text = node.text;
  for (char& c : text) c = c == '-' ? '+' : c == '_' ? '/' : c;
  while (!text.empty() && text.back() == '=') text.pop_back();
  if (text.size() % 4 == 1) return false;
  text.append((4 - text.size() % 4) % 4, '=');
  const auto valid = [](char c) { return absl::ascii_isalnum(c) || c == '+' || c == '/' || c == '='; };
  return std::all_of(text.begin(), text.end(), valid) && absl::Base64Unescape(text, &out);
}

bool ReadDurationText(absl::string_view text, int64_t& seconds, int32_t& nanos) {
  if (!absl::ConsumeSuffix(&text, "s")) return false;
  const bool negative = absl::ConsumePrefix(&text, "-");
  const size_t point = text.find('.');
  const absl::string_view whole = text.substr(0, point == absl::string_view::npos ? text.size() : point);
  nanos = 0;
  if (point != absl::string_view::npos && !NineDigits(text.substr(point + 1), nanos)) return false;
  if (whole.empty() ? point == absl::string_view::npos
                    : !std::all_of(whole.begin(), whole.end(), absl::ascii_isdigit)) {
    return false;
  }
  seconds = 0;
  if (!whole.empty() && !absl::SimpleAtoi(whole, &seconds)) return false;
  if (seconds > kMaxDurationSeconds) return false;
  if (negative) {
    seconds = -seconds;
    nanos = -nanos;
  }
  return true;
}

bool ReadTimestampText(absl::string_view text, int64_t& seconds, int32_t& nanos) {
  absl::Time time;
  if (text.size() < 20 || !absl::ParseTime(absl::RFC3339_full, text, &time, nullptr)) return false;
  seconds = absl::ToUnixSeconds(time);
  nanos = static_cast<int32_t>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds)));
  return time >= absl::FromUnixSeconds(-62135596800) && time <= absl::FromUnixSeconds(253402300799);
}

}  // namespace outrigger::schema
