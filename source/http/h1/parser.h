// Thread: worker
#pragma once

#include "source/http/h1/head.h"

// Parses complete sections strictly by RFC 9112: from the first byte to the empty line that ends it, all of it contiguous. Field
// names are lower-cased in place; nothing is copied. The result is the same however the bytes arrived.
namespace outrigger::http::h1 {

// Whether the beginning of a start line that is not complete yet can still become a good one.
Refusal CheckRequestPrefix(absl::string_view prefix);
Refusal CheckStatusPrefix(absl::string_view prefix);

// `line` without its CRLF.
Refusal ParseRequestLine(absl::string_view line, const ParseContext& context, Head& out);
Refusal ParseStatusLine(absl::string_view line, Head& out);

Refusal ParseRequestHead(char* block, size_t size, const ParseContext& context, Head& out);
Refusal ParseResponseHead(char* block, size_t size, const RequestFacts& request, const ParseContext& context, Head& out);
// Trailer fields that could change framing or routing are refused; connection-specific ones are dropped.
Refusal ParseTrailers(char* block, size_t size, bool request, const ParseContext& context, Head& out);

// 1*DIGIT up to 2^63-1.
bool ParseContentLength(absl::string_view text, uint64_t* out);

// Adds pseudo-headers and the fields that are not dropped to `map`, whose arena gets one copy of the block. `wire_block` is the
// block before names were lower-cased, or null: then spellings are not kept. `default_scheme` is for targets that carry none.
void BuildRequestHeaders(const Head& head, const char* wire_block, absl::string_view default_scheme, HeaderMap& map);
void BuildResponseHeaders(const Head& head, const char* wire_block, HeaderMap& map);
void BuildTrailers(const Head& head, const char* wire_block, HeaderMap& map);

}  // namespace outrigger::http::h1
