// Thread: worker
#pragma once

#include "source/http/h1/head.h"

// The part that heads and trailers share: field lines, the Connection field's tokens, what is hop-by-hop.
namespace outrigger::http::h1 {

// [block + begin, block + size) is field lines, each ended by CRLF, and the final CRLF. Fills head.fields and what is
// seen on the way. `request`: the underscore rule applies.
Refusal ParseFields(size_t begin, bool request, const ParseContext& context, Head& head);

// Marks what RFC 9110 7.6.1 says not to forward: connection-specific fields and what Connection nominates. Refuses a
// Connection field that nominates a field the message cannot do without.
Refusal DropHopByHop(Head& head);

}  // namespace outrigger::http::h1
