// Thread: worker
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"
#include "source/http/header_map.h"

namespace outrigger::http::h2 {

// What RFC 9113 section 8 asks of a whole message (field_rules: of its fields, one by one). Each says null, or the
// static detail of the rule that was broken; what has several spellings is brought to one (cookies joined, `host`
// folded into :authority).
const char* CheckRequest(HeaderMap& headers, bool extended_connect);
const char* CheckResponse(HeaderMap& headers);
const char* CheckTrailers(HeaderMap& trailers, uint64_t* dropped);  // what is no trailer is taken out and counted

// The one form of upgrades above the codecs (codec.h): extended CONNECT <-> "GET" with connection and upgrade.
void ShowUpgradeRequest(HeaderMap& headers);                               // server: from the wire
bool IsUpgradeRequest(const HeaderMap& headers);                           // client: must be sent as extended CONNECT
void ShowUpgradeResponse(HeaderMap& headers, absl::string_view protocol);  // client: 200 -> 101

}  // namespace outrigger::http::h2
