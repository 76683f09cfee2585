#include "source/xds/response_decoder.h"

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

using envoy::service::discovery::v3::DiscoveryResponse;
constexpr absl::string_view kWrapperUrl = "type.googleapis.com/envoy.service.discovery.v3.Resource";

// The resource's own Any: as it came, or out of its wrapper (kept in `holder`).
absl::StatusOr<const google::protobuf::Any*> Unwrap(const google::protobuf::Any& any, std::string* version,
                                                    envoy::service::discovery::v3::Resource* holder) {
  if (any.type_url() != kWrapperUrl) return &any;
  if (!holder->ParseFromString(any.value()))
    return absl::InvalidArgumentError("does not parse as a discovery.v3.Resource");
  if (!holder->version().empty()) *version = holder->version();
  return &holder->resource();
}

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

// Reads one resource into `out`. A status: the whole response is refused.
absl::Status DecodeOne(ResourceType type, const google::protobuf::Any& wrapped, size_t index,
                       const DecodeOptions& options, Resource* resource, DecodedResponse* out) {
  const std::string place = absl::StrCat("resources[", index, "]: ");
  envoy::service::discovery::v3::Resource holder;
  const absl::StatusOr<const google::protobuf::Any*> any = Unwrap(wrapped, &resource->version, &holder);
  if (!any.ok()) return absl::InvalidArgumentError(absl::StrCat(place, any.status().message()));
  if ((*any)->type_url() != TypeUrlOf(type)) {
    return absl::InvalidArgumentError(
        absl::StrCat(place, "is of type \"", (*any)->type_url(), "\", not \"", TypeUrlOf(type), "\""));
  }
  std::shared_ptr<google::protobuf::Message> message(PrototypeOf(type).New());
  if (!message->ParseFromString((*any)->value())) {
    return absl::InvalidArgumentError(absl::StrCat(place, "does not parse as ", TypeUrlOf(type)));
  }
  resource->name = NameOf(type, *message);
  if (resource->name.empty()) return absl::InvalidArgumentError(absl::StrCat(place, "has no name"));
  resource->hash = StableHash((*any)->value());
  const schema::Origin origin{std::string(WordOf(type)), resource->name, resource->version, ""};
  if (holder.has_ttl()) {  // it would bound how long the resource holds
    out->refused.push_back({resource->name, schema::NackDetail(origin, "ttl: is not supported"), message});
    return absl::OkStatus();
  }
  if (const absl::Status status = schema::ExpandTypedStructs(*message); !status.ok()) {
    out->refused.push_back({resource->name, schema::NackDetail(origin, status.message()), message});
    return absl::OkStatus();
  }
  const schema::ValidationResult result = schema::Validate(*message, RulesFor(options));
  NoteUnknown(options, origin, result.unknown_fields, out);
  for (const schema::Finding& warning : result.warnings) {
    out->warnings.push_back(schema::NackDetail(origin, schema::ToString(warning)));
  }
  if (result.breaks_rules()) return absl::InvalidArgumentError(schema::NackDetail(origin, result.ToStatus().message()));
  if (!result.ok()) {
    out->refused.push_back({resource->name, schema::NackDetail(origin, result.ToStatus().message()), message});
    return absl::OkStatus();
  }
  resource->message = std::move(message);
  return absl::OkStatus();
}

}  // namespace

void UnknownFieldLog::Note(absl::string_view field, absl::string_view place) {
  count_.Inc();
  if (warned_.size() >= kMostPaths || !warned_.insert(std::string(field)).second) return;
  OUTRIGGER_LOG(kWarn, kConfigXds, "unknown field, tolerated: ", place);
}

DecodedResponse DecodeResponse(ResourceType type, const DiscoveryResponse& response, const DecodeOptions& options) {
  DecodedResponse out;
  std::set<std::string> seen;
  for (int i = 0; i < response.resources_size(); ++i) {
    Resource resource;
    resource.version = response.version_info();
    const absl::Status status =
        DecodeOne(type, response.resources(i), static_cast<size_t>(i), options, &resource, &out);
    if (!status.ok()) {
      out.whole = status;
      out.resources.clear();
      out.refused.clear();
      return out;
    }
    if (!seen.insert(resource.name).second) {
      const schema::Origin origin{std::string(WordOf(type)), resource.name, resource.version, ""};
      out.refused.push_back(
          {resource.name, schema::NackDetail(origin, "comes twice in one response"), resource.message});
      continue;
    }
    if (resource.message != nullptr) out.resources.push_back(std::move(resource));
  }
  return out;
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
