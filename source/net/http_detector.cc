#include "source/net/http_detector.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace outrigger::net {
namespace {

constexpr absl::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr size_t kLongestMethod = 32;

bool IsToken(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         absl::string_view("!#$%&'*+-.^_`|~").find(c) != absl::string_view::npos;
}

}  // namespace

HttpDetection DetectHttpCodec(absl::string_view seen) {
  const size_t n = std::min(seen.size(), kPreface.size());
  if (absl::string_view(seen.data(), n) != absl::string_view(kPreface.data(), n)) return HttpDetection::kHttp11;
  return n == kPreface.size() ? HttpDetection::kHttp2 : HttpDetection::kNeedMore;
}

HttpDetection DetectHttp(absl::string_view seen, size_t limit) {
  const HttpDetection codec = DetectHttpCodec(seen);
  if (codec != HttpDetection::kHttp11) return codec;

  const size_t method = std::find_if_not(seen.begin(), seen.end(), IsToken) - seen.begin();
  if (method > kLongestMethod) return HttpDetection::kNotHttp;
  if (method == seen.size()) return HttpDetection::kNeedMore;
  if (method == 0 || seen[method] != ' ') return HttpDetection::kNotHttp;
  const size_t newline = seen.find('\n');
  absl::string_view line(seen.data(), std::min(newline, seen.size()));
  for (char c : line) {
    if (static_cast<unsigned char>(c) < ' ' && c != '\r') return HttpDetection::kNotHttp;
  }
  if (newline == absl::string_view::npos) {
    return seen.size() >= limit ? HttpDetection::kNotHttp : HttpDetection::kNeedMore;
  }
  if (absl::EndsWith(line, "\r")) line.remove_suffix(1);
  // METHOD SP target SP version: the target is not empty and has no space.
  const size_t version = line.rfind(' ');
  if (version <= method + 1 || line.find(' ', method + 1) != version) return HttpDetection::kNotHttp;
  if (absl::EndsWith(line, " HTTP/1.1")) return HttpDetection::kHttp11;
  return absl::EndsWith(line, " HTTP/1.0") ? HttpDetection::kHttp10 : HttpDetection::kNotHttp;
}

}  // namespace outrigger::net
