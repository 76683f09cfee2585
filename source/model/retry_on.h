// Thread: any
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"

namespace outrigger::model {

// RetryOn bits (route.h) of a list of conditions, as in a policy's retry_on and in x-envoy-retry-on: words with commas
// between. Words that nobody knows mean nothing, as published: whoever wrote them may know conditions of a later
// version.
uint32_t ParseRetryOn(absl::string_view list);
bool AllRetryWordsKnown(absl::string_view list);

}  // namespace outrigger::model
