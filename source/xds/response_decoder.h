// Thread: main
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "source/xds/update.h"

namespace outrigger::xds {

struct DecodeOptions {
  enum class UnknownFields : uint8_t { kTolerate, kRefuse } unknown_fields = UnknownFields::kTolerate;
};

// What a response holds, checked by the rules and support marks of api/.
struct DecodedResponse {
  absl::Status whole;  // not ok: nothing of the response may be used
  std::vector<Resource> resources;
  std::vector<Refusal> refused;  // single resources that may not be used; they count as present
  std::vector<std::string> warnings;
  uint64_t unknown_fields = 0;  // tolerated ones
};

// Takes the resources out of their Any (and out of a discovery.v3.Resource around it). Whole refusals: a resource that
// does not parse, of another type, without a name; a broken field rule. Single ones: what is not supported, a name that
// comes twice.
DecodedResponse DecodeResponse(ResourceType type, const envoy::service::discovery::v3::DiscoveryResponse& response,
                               const DecodeOptions& options);

// One text for error_detail out of many: joined by "; ", at most kMostErrorDetail bytes.
inline constexpr size_t kMostErrorDetail = 16 * 1024;
std::string JoinRefusals(const std::vector<Refusal>& refused);

}  // namespace outrigger::xds
