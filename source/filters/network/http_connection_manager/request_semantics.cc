// What RFC 9110 has an intermediary decide about a request by its method and its expectation, before it is routed.
#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "source/filters/network/http_connection_manager/request_preparation.h"
#include "source/observe/response_code_details.h"

namespace outrigger::filters::hcm {

using http::HeaderMap;
using http::KnownHeader;

namespace {

// RFC 9110 7.6.2: how many more intermediaries may pass a TRACE or OPTIONS on. At zero we are whom it is for.
Refusal CountForward(HeaderMap& headers, bool trace) {
  const http::HeaderName name(absl::string_view("max-forwards"));
  if (!headers.Has(name)) return {};
  const absl::string_view text = headers.GetJoined(name);
  uint64_t left = 0;
  const bool digits =
      !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits) return {400, observe::details::kInvalidMaxForwards, ""};
  if (!absl::SimpleAtoi(text, &left)) left = ~0ULL;  // more than anybody counts
  if (left == 0) return {trace ? 405u : 200u, observe::details::kMaxForwardsReached, ""};
  headers.SetNumber(name, left - 1);
  return {};
}

// Whether all that is expected is a 100. Empty elements of the list count for nothing (RFC 9110 5.6.1.2).
bool ExpectsContinueAlone(HeaderMap& headers) {
  const absl::string_view list = headers.GetJoined(KnownHeader::kExpect);
  if (absl::EqualsIgnoreCase(list, "100-continue")) return true;
  bool any = false;
  for (absl::string_view element : absl::StrSplit(list, ',')) {
    element = absl::StripAsciiWhitespace(element);
    if (element.empty()) continue;
    if (!absl::EqualsIgnoreCase(element, "100-continue")) return false;
    any = true;
  }
  headers.Remove(KnownHeader::kExpect);
  if (any) headers.Add(KnownHeader::kExpect, "100-continue");
  return true;
}

}  // namespace

Refusal CheckSemantics(HeaderMap& headers, bool end) {
  const absl::string_view method = headers.method();
  const bool trace = method == "TRACE";
  if (trace && !end) return {400, observe::details::kTraceWithContent, ""};
  if (trace || method == "OPTIONS") {
    if (const Refusal refusal = CountForward(headers, trace); refusal.status != 0) return refusal;
  }
  if (!headers.Has(KnownHeader::kExpect)) return {};
  if (!ExpectsContinueAlone(headers)) return {417, observe::details::kExpectationFailed, ""};
  if (end) headers.Remove(KnownHeader::kExpect);  // there is nothing to wait for (RFC 9110 10.1.1)
  return {};
}

}  // namespace outrigger::filters::hcm
