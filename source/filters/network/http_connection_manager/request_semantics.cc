// What RFC 9110 has an intermediary decide about a request by its method and its expectation, before it is routed.
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
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

}  // namespace

Refusal CheckSemantics(HeaderMap& headers, bool end) {
  const absl::string_view method = headers.method();
  const bool trace = method == "TRACE";
  if (trace && !end) return {400, observe::details::kTraceWithContent, ""};
  if (trace || method == "OPTIONS") {
    if (const Refusal refusal = CountForward(headers, trace); refusal.status != 0) return refusal;
  }
  if (!headers.Has(KnownHeader::kExpect)) return {};
  if (!absl::EqualsIgnoreCase(headers.GetJoined(KnownHeader::kExpect), "100-continue")) {
    return {417, observe::details::kExpectationFailed, ""};
  }
  if (end) headers.Remove(KnownHeader::kExpect);  // there is nothing to wait for (RFC 9110 10.1.1)
  return {};
}

}  // namespace outrigger::filters::hcm
