#include "source/grpc/wire.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace outrigger::grpc {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string PercentDecode(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && HexDigit(text[i + 1]) >= 0 && HexDigit(text[i + 2]) >= 0) {
      out.push_back(static_cast<char>(HexDigit(text[i + 1]) << 4 | HexDigit(text[i + 2])));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

std::string TimeoutText(Duration timeout) {
  static constexpr struct {
    char unit;
    int64_t nanoseconds;
  } kUnits[] = {{'n', 1},          {'u', 1000},           {'m', 1000000},
                {'S', 1000000000}, {'M', 60'000'000'000}, {'H', 3'600'000'000'000}};
  constexpr int64_t kMost = 99'999'999;
  const int64_t wanted = std::max<int64_t>(timeout.count(), 1);
  for (const auto& [unit, nanoseconds] : kUnits) {
    const int64_t count = wanted / nanoseconds + (wanted % nanoseconds != 0 ? 1 : 0);
    if (count <= kMost) return absl::StrCat(count, std::string(1, unit));
  }
  return absl::StrCat(kMost, "H");
}

std::string AuthorityFrom(absl::string_view cluster) {
  const bool usable = !cluster.empty() && std::all_of(cluster.begin(), cluster.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == '_' || c == ':';
  });
  return usable ? std::string(cluster) : "localhost";
}

}  // namespace outrigger::grpc
