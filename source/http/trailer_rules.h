// Thread: any
#pragma once

#include "absl/strings/string_view.h"
#include "source/http/known_header.h"

namespace outrigger::http {

// Fields that say how a message is framed, routed, authenticated, read or answered: too late, or a trick, in a trailer
// section (RFC 9110 6.5.1). Both codecs leave them out and count dropped_trailers.
bool IsHeaderOnly(KnownHeader known, absl::string_view lower);

}  // namespace outrigger::http
