#include "source/xds/response_decoder.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "source/base/hash.h"
#include "source/base/log.h"
#include "source/schema/origin.h"
#include "source/schema/tree.h"
#include "source/schema/typed_struct.h"
#include "source/schema/validator.h"

namespace outrigger::xds {
namespace {

using envoy::service::discovery::v3::DeltaDiscoveryResponse;
using envoy::service::discovery::v3::DiscoveryResponse;
using Wrapper = envoy::service::discovery::v3::Resource;
constexpr absl::string_view kWrapperUrl = "type.googleapis.com/envoy.service.discovery.v3.Resource";
constexpr int64_t kMostTtlSeconds = int64_t{100} * 365 * 24 * 3600;  // longer is as long

schema::ValidateOptions RulesFor(const DecodeOptions& options) {
  schema::ValidateOptions validate;
  validate.unknown = options.unknown_fields == DecodeOptions::UnknownFields::kRefuse
                         ? schema::ValidateOptions::Unknown::kRefuse
                         : schema::ValidateOptions::Unknown::kCollect;
  return validate;
}

void NoteUnknown(const DecodeOptions& options, const schema::Origin& origin,
                 const std::vector<schema::Finding>& unknown, DecodedResponse* out) {
  if (options.unknown_fields == DecodeOptions::UnknownFields::kIgnore) return;
  out->unknown_fields += unknown.size();
  if (options.log == nullptr) return;
  for (const schema::Finding& field : unknown) {
    options.log->Note(field.path, absl::StrCat(origin.ToString(), ": ", field.path));
  }
}

// Reads the resources of one response, one after the other; a status refuses the whole of it.
class Decoder {
 public:
  Decoder(ResourceType type, const DecodeOptions& options) : type_(type), options_(options) {}

  // `version`: the response's, for a resource without one of its own.
  absl::Status Wrapped(const Wrapper& wrapper, absl::string_view place, const std::string& version);
  absl::Status Plain(const google::protobuf::Any& any, absl::string_view place, Resource resource);
  void Removed(const std::string& name);
  void Error(const envoy::service::discovery::v3::ResourceError& error);
  DecodedResponse Finish(const absl::Status& whole);

 private:
  absl::Status Empty(const Wrapper& wrapper, absl::string_view place, const std::string& version);
  absl::Status Parse(const google::protobuf::Any& any, absl::string_view place, Resource resource);
  bool TakeDifference(const std::string& bytes, Resource& resource);
  absl::Status Name(const google::protobuf::Message& message, absl::string_view place, Resource& resource);
  // Whether its content may be used; what may not is refused, or (a status) all.
  // `clean`: nothing at all was said of it.
  absl::Status Check(google::protobuf::Message& message, const schema::Origin& origin, std::string* refusal,
                     bool* clean);
  void Refuse(const Resource& resource, absl::string_view why, std::shared_ptr<const google::protobuf::Message> shown);
  schema::Origin OriginOf(const Resource& resource) const {
    return {std::string(WordOf(type_)), resource.name, resource.version, ""};
  }

  const ResourceType type_;
  const DecodeOptions& options_;
  std::set<std::string> seen_;
  DecodedResponse out_;
};

void Decoder::Refuse(const Resource& resource, absl::string_view why,
                     std::shared_ptr<const google::protobuf::Message> shown) {
  out_.refused.push_back({resource.name, schema::NackDetail(OriginOf(resource), why), std::move(shown)});
}

absl::Status Decoder::Wrapped(const Wrapper& wrapper, absl::string_view place, const std::string& version) {
  if (!wrapper.has_resource()) return Empty(wrapper, place, version);
  Resource resource;
  resource.name = wrapper.name();
  resource.version = SharedText(wrapper.version().empty() ? version : wrapper.version());
  resource.aliases.assign(wrapper.aliases().begin(), wrapper.aliases().end());
  if (wrapper.has_ttl()) {
    const auto& ttl = wrapper.ttl();
    resource.ttl = seconds(std::min(ttl.seconds(), kMostTtlSeconds)) + nanoseconds(ttl.nanos());
    if (resource.ttl <= Duration::zero()) {
      return absl::InvalidArgumentError(absl::StrCat(place, "ttl: must be greater than 0"));
    }
  }
  return Plain(wrapper.resource(), place, std::move(resource));
}

absl::Status Decoder::Empty(const Wrapper& wrapper, absl::string_view place, const std::string& version) {
  if (wrapper.name().empty()) return absl::InvalidArgumentError(absl::StrCat(place, "has no name"));
  if (type_ == ResourceType::kVirtualHost) {  // what was asked for does not exist
    Removed(wrapper.name());
    for (const std::string& alias : wrapper.aliases()) Removed(alias);
    return absl::OkStatus();
  }
  Heartbeat beat{wrapper.name(), wrapper.version().empty() ? version : wrapper.version(), !wrapper.version().empty()};
  if (wrapper.has_ttl()) {
    beat.ttl = seconds(std::min(wrapper.ttl().seconds(), kMostTtlSeconds)) + nanoseconds(wrapper.ttl().nanos());
    if (beat.ttl <= Duration::zero())
      return absl::InvalidArgumentError(absl::StrCat(place, "ttl: must be greater than 0"));
  }
  out_.heartbeats.push_back(std::move(beat));
  return absl::OkStatus();
}

absl::Status Decoder::Name(const google::protobuf::Message& message, absl::string_view place, Resource& resource) {
  if (type_ != ResourceType::kVirtualHost) {
    const std::string& name = NameOf(type_, message);
    if (!resource.name.empty() && resource.name != name) {
      return absl::InvalidArgumentError(
          absl::StrCat(place, "is named \"", resource.name.str(), "\" outside and \"", name, "\" inside"));
    }
    resource.name = name;
  }
  if (resource.name.empty()) return absl::InvalidArgumentError(absl::StrCat(place, "has no name"));
  return absl::OkStatus();
}

absl::Status Decoder::Plain(const google::protobuf::Any& any, absl::string_view place, Resource resource) {
  if (any.type_url() != TypeUrlOf(type_)) {
    return absl::InvalidArgumentError(
        absl::StrCat(place, "is of type \"", any.type_url(), "\", not \"", TypeUrlOf(type_), "\""));
  }
  resource.hash = StableHash(any.value());
  if (type_ == ResourceType::kEndpoints && options_.known && TakeDifference(any.value(), resource)) {
    out_.resources.push_back(std::move(resource));
    return absl::OkStatus();
  }
  return Parse(any, place, std::move(resource));
}

// True: there is nothing to say of it that was not said of the one before, and what differs is well.
bool Decoder::TakeDifference(const std::string& bytes, Resource& resource) {
  const std::string name(schema::NameOfAssignment(bytes));
  if (name.empty() || (!resource.name.empty() && resource.name != name) || seen_.count(name) != 0) return false;
  const std::shared_ptr<const schema::WireAssignment> before = options_.known(name);
  if (before == nullptr || !before->clean) return false;
  if (before->hash == resource.hash && before->bytes == bytes) {  // as it was
    seen_.insert(name);
    resource.name = name;
    resource.wire = before;
    resource.message = schema::KeptMessage::OfBytes(PrototypeOf(type_), {before, &before->bytes});
    return true;
  }
  absl::optional<schema::AssignmentDifference> difference = schema::DifferenceOf(before->bytes, bytes);
  if (!difference.has_value()) return false;
  std::unique_ptr<google::protobuf::Message> reduced(PrototypeOf(type_).New());
  if (!reduced->ParseFromString(difference->Reduced()) || !schema::ExpandTypedStructs(*reduced).ok()) return false;
  const schema::ValidationResult result = schema::Validate(*reduced, RulesFor(options_));
  if (!result.ok() || !result.warnings.empty() || !result.unknown_fields.empty()) return false;
  difference->base = before;
  seen_.insert(name);
  resource.name = name;
  resource.wire =
      std::make_shared<const schema::WireAssignment>(schema::WireAssignment{bytes, resource.hash, /*clean=*/true});
  resource.message = schema::KeptMessage::OfBytes(PrototypeOf(type_), {resource.wire, &resource.wire->bytes});
  resource.difference = std::make_shared<const schema::AssignmentDifference>(*std::move(difference));
  return true;
}

absl::Status Decoder::Parse(const google::protobuf::Any& any, absl::string_view place, Resource resource) {
  std::shared_ptr<google::protobuf::Message> message(PrototypeOf(type_).New());
  if (!message->ParseFromString(any.value())) {
    return absl::InvalidArgumentError(absl::StrCat(place, "does not parse as ", TypeUrlOf(type_)));
  }
  if (const absl::Status status = Name(*message, place, resource); !status.ok()) return status;
  if (!seen_.insert(resource.name.str()).second) {
    Refuse(resource, "comes twice in one response", std::move(message));
    return absl::OkStatus();
  }
  std::string refusal;
  bool clean = false;
  if (const absl::Status status = Check(*message, OriginOf(resource), &refusal, &clean); !status.ok()) return status;
  if (!refusal.empty()) {
    Refuse(resource, refusal, std::move(message));
    return absl::OkStatus();
  }
  std::shared_ptr<const std::string> bytes;
  if (type_ == ResourceType::kEndpoints) {
    resource.wire =
        std::make_shared<const schema::WireAssignment>(schema::WireAssignment{any.value(), resource.hash, clean});
    bytes = {resource.wire, &resource.wire->bytes};
  } else if (type_ == ResourceType::kCluster) {
    bytes = std::make_shared<const std::string>(any.value());  // there may be very many; in use, they are their bytes
  }
  resource.message = {std::move(message), std::move(bytes)};
  out_.resources.push_back(std::move(resource));
  return absl::OkStatus();
}

absl::Status Decoder::Check(google::protobuf::Message& message, const schema::Origin& origin, std::string* refusal,
                            bool* clean) {
  if (const absl::Status status = schema::ExpandTypedStructs(message); !status.ok()) {
    *refusal = std::string(status.message());
    return absl::OkStatus();
  }
  const schema::ValidationResult result = schema::Validate(message, RulesFor(options_));
  *clean = result.ok() && result.warnings.empty() && result.unknown_fields.empty();
  NoteUnknown(options_, origin, result.unknown_fields, &out_);
  for (const schema::Finding& warning : result.warnings) {
    out_.warnings.push_back(schema::NackDetail(origin, schema::ToString(warning)));
  }
  if (result.breaks_rules()) return absl::InvalidArgumentError(schema::NackDetail(origin, result.ToStatus().message()));
  if (!result.ok()) *refusal = std::string(result.ToStatus().message());
  return absl::OkStatus();
}

// After all resources.
void Decoder::Removed(const std::string& name) {
  if (seen_.count(name) == 0) return out_.removed.push_back(name);
  const auto at = std::find_if(out_.resources.begin(), out_.resources.end(),
                               [&](const Resource& resource) { return resource.name == name; });
  if (at == out_.resources.end()) return;  // refused already
  Refuse(*at, "comes in one response as a resource and as removed", at->message.Get());
  out_.resources.erase(at);
}

void Decoder::Error(const envoy::service::discovery::v3::ResourceError& error) {
  const std::string& name = error.resource_name().name();
  if (name.empty()) {
    out_.warnings.push_back(absl::StrCat(ShortNameOf(type_), ": resource_errors: one without a name is ignored"));
    return;
  }
  const std::string& detail = error.error_detail().message();
  const absl::string_view kept = absl::string_view(detail).substr(0, kMostErrorDetail);  // substr: from the start
  out_.errors.push_back(
      {name, static_cast<uint32_t>(error.error_detail().code()), detail.substr(0, schema::ValidUtf8Prefix(kept))});
}

DecodedResponse Decoder::Finish(const absl::Status& whole) {
  if (!whole.ok()) {
    DecodedResponse nothing;
    nothing.whole = whole;
    nothing.warnings = std::move(out_.warnings);
    nothing.unknown_fields = out_.unknown_fields;
    return nothing;
  }
  std::sort(out_.removed.begin(), out_.removed.end());
  out_.removed.erase(std::unique(out_.removed.begin(), out_.removed.end()), out_.removed.end());
  return std::move(out_);
}

std::string PlaceOf(int index) { return absl::StrCat("resources[", index, "]: "); }

absl::Status DecodeAny(Decoder& decoder, const google::protobuf::Any& any, int index, const std::string& version) {
  const std::string place = PlaceOf(index);
  if (any.type_url() != kWrapperUrl) {
    Resource resource;
    resource.version = version;
    return decoder.Plain(any, place, std::move(resource));
  }
  Wrapper wrapper;
  if (!wrapper.ParseFromString(any.value()))
    return absl::InvalidArgumentError(absl::StrCat(place, "does not parse as a discovery.v3.Resource"));
  return decoder.Wrapped(wrapper, place, version);
}

}  // namespace

void UnknownFieldLog::Note(absl::string_view field, absl::string_view place) {
  count_.Inc();
  if (warned_.size() >= kMostPaths || !warned_.insert(std::string(field)).second) return;
  OUTRIGGER_LOG(kWarn, kConfigXds, "unknown field, tolerated: ", place);
}

DecodedResponse DecodeResponse(ResourceType type, const DiscoveryResponse& response, const DecodeOptions& options) {
  Decoder decoder(type, options);
  absl::Status whole;
  for (int i = 0; i < response.resources_size() && whole.ok(); ++i) {
    whole = DecodeAny(decoder, response.resources(i), i, response.version_info());
  }
  for (const auto& error : response.resource_errors()) decoder.Error(error);
  return decoder.Finish(whole);
}

DecodedResponse DecodeResponse(ResourceType type, const DeltaDiscoveryResponse& response,
                               const DecodeOptions& options) {
  Decoder decoder(type, options);
  absl::Status whole;
  for (int i = 0; i < response.resources_size() && whole.ok(); ++i) {
    whole = decoder.Wrapped(response.resources(i), PlaceOf(i), "");
  }
  for (const std::string& name : response.removed_resources()) decoder.Removed(name);
  for (const auto& error : response.resource_errors()) decoder.Error(error);
  return decoder.Finish(whole);
}

std::string JoinRefusals(const std::vector<Refusal>& refused) {
  std::string text;
  for (const Refusal& refusal : refused) {
    if (text.size() >= kMostErrorDetail) break;
    absl::StrAppend(&text, text.empty() ? "" : "; ", refusal.detail);
  }
  if (text.size() > kMostErrorDetail) {
    text.resize(schema::ValidUtf8Prefix(absl::string_view(text.data(), kMostErrorDetail)));
    text += "...";
  }
  return text;
}

}  // namespace outrigger::xds
