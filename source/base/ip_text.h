// Thread: any
#pragma once

#include "absl/strings/string_view.h"
#include "source/base/ip_address.h"

namespace outrigger {

// IpAddress::Parse for the data path: kNone if the text is no address. Allocates nothing.
IpAddress ParseIpOrNone(absl::string_view text);

}  // namespace outrigger
