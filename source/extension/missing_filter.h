// Thread: main
#pragma once

#include "source/http/filter.h"

namespace outrigger::extension {

// Stands where a filter stands whose configuration is discovered, has not come and has no default: each request is
// answered 500 (flag NFCF), as published. `last`: at the end of its chain.
http::FilterSpec MissingHttpFilter(bool last);

}  // namespace outrigger::extension
