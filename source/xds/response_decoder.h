// Thread: main
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "source/observe/cells.h"
#include "source/xds/update.h"

namespace outrigger::xds {

// Tolerated fields that no published API has: each occurrence is counted, each field path is warned about once.
class UnknownFieldLog {
 public:
  static constexpr size_t kMostPaths = 1000;  // remembered; later ones are counted only
  explicit UnknownFieldLog(observe::Counter& count) : count_(count) {}
  // `place`: "cluster \"a\" (version 3): filters[0].new_field".
  void Note(absl::string_view field, absl::string_view place);

 private:
  observe::Counter& count_;
  std::set<std::string> warned_;
};

struct DecodeOptions {
  // kIgnore: as kTolerate, but neither counted nor warned about.
  enum class UnknownFields : uint8_t { kTolerate, kRefuse, kIgnore } unknown_fields = UnknownFields::kTolerate;
  UnknownFieldLog* log = nullptr;  // where kTolerate notes them; may be null; outlives whoever decodes
  // Endpoints that are in use: of what comes for them only what differs is parsed and checked. May be null.
  std::function<std::shared_ptr<const schema::WireAssignment>(const std::string& name)> known;
};

// A sign of life: the resource stays as it is, and its time to live begins again.
struct Heartbeat {
  std::string name, version;
  bool own_version = false;  // `version` is the resource's, not its response's
  Duration ttl{0};           // 0: it stays from now on
};

// What a response holds, in either wire form, checked by the rules and support marks of api/.
struct DecodedResponse {
  absl::Status whole;  // not ok: nothing of the response may be used
  std::vector<Resource> resources;
  std::vector<Heartbeat> heartbeats;
  std::vector<std::string> removed;  // delta; sorted
  std::vector<SourceError> errors;
  std::vector<Refusal> refused;  // single resources that may not be used; they count as present
  std::vector<std::string> warnings;
  uint64_t unknown_fields = 0;  // tolerated ones
};

// Takes the resources out of their Any, and out of a discovery.v3.Resource around it (in delta there always is one).
// Whole refusals: a resource that does not parse, of another type, without a name; a broken field rule. Single ones:
// what is not supported, a name that comes twice (as a resource, or as one and as removed), another name outside than
// inside. Virtual hosts are named outside only; one without content does not exist.
DecodedResponse DecodeResponse(ResourceType type, const envoy::service::discovery::v3::DiscoveryResponse& response,
                               const DecodeOptions& options);
DecodedResponse DecodeResponse(ResourceType type, const envoy::service::discovery::v3::DeltaDiscoveryResponse& response,
                               const DecodeOptions& options);

// One text for error_detail out of many: joined by "; ", at most kMostErrorDetail bytes.
inline constexpr size_t kMostErrorDetail = 16 * 1024;
std::string JoinRefusals(const std::vector<Refusal>& refused);

}  // namespace outrigger::xds
