#include "test/push/tally.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace outrigger::push {

void Tally::Sent(const std::string& kind) {
  MutexLock lock(mutex_);
  ++kinds_[kind].sent;
}

void Tally::Good(const std::string& kind, double milliseconds) {
  MutexLock lock(mutex_);
  Kind& counts = kinds_[kind];
  counts.fastest = counts.good == 0 ? milliseconds : std::min(counts.fastest, milliseconds);
  ++counts.good;
  counts.slowest = std::max(counts.slowest, milliseconds);
}

void Tally::Failed(const std::string& kind, const std::string& reason) {
  MutexLock lock(mutex_);
  Kind& counts = kinds_[kind];
  ++counts.failed;
  if (counts.reasons.size() < kMostReasons || counts.reasons.count(reason) > 0) ++counts.reasons[reason];
}

void Tally::Seen(const std::string& type, absl::string_view value) {
  if (value.empty()) return;
  MutexLock lock(mutex_);
  std::set<std::string>& values = seen_[type];
  if (values.size() < kMostValues) values.emplace(value);
}

uint64_t Tally::failed() const {
  MutexLock lock(mutex_);
  uint64_t sum = 0;
  for (const auto& [name, kind] : kinds_) sum += kind.failed + (kind.sent - kind.good - kind.failed);
  return sum;
}

std::string Tally::Json() const {
  MutexLock lock(mutex_);
  std::string out = "{\"kinds\": {";
  const char* comma = "";
  for (const auto& [name, kind] : kinds_) {
    absl::StrAppend(&out, comma, "\"", name, "\": {\"sent\": ", kind.sent, ", \"good\": ", kind.good,
                    ", \"failed\": ", kind.failed, ", \"unanswered\": ", kind.sent - kind.good - kind.failed,
                    ", \"fastest_ms\": ", kind.fastest, ", \"slowest_ms\": ", kind.slowest, ", \"reasons\": {");
    comma = "";
    for (const auto& [reason, count] : kind.reasons) {
      absl::StrAppend(&out, comma, "\"", absl::CHexEscape(absl::string_view(reason)), "\": ", count);
      comma = ", ";
    }
    absl::StrAppend(&out, "}}");
    comma = ", ";
  }
  absl::StrAppend(&out, "}, \"seen\": {");
  comma = "";
  for (const auto& [type, values] : seen_) {
    absl::StrAppend(&out, comma, "\"", type, "\": ", values.size());
    comma = ", ";
  }
  return out + "}}";
}

std::string BodyOf(uint64_t number) {
  const std::string unit = absl::StrCat("request ", number, ";");
  const size_t size = number % 10 == 0 ? 24 * 1024 : 64 + number % 900;
  std::string body;
  while (body.size() < size) body += unit;
  return body;
}

}  // namespace outrigger::push
