// Thread: main
#pragma once

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "envoy/config/accesslog/v3/accesslog.pb.h"
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/config/core/v3/substitution_format_string.pb.h"
#include "source/extension/factory.h"
#include "source/model/access_log.h"
#include "source/model/route.h"

// Formats, header mutations and access log filters of the API, compiled.
namespace outrigger::extension {

using HeaderOptionList = google::protobuf::RepeatedPtrField<envoy::config::core::v3::HeaderValueOption>;
using HeaderNameList = google::protobuf::RepeatedPtrField<std::string>;

absl::StatusOr<model::BodyFormat> BodyFormatOf(const envoy::config::core::v3::SubstitutionFormatString& format,
                                               FactoryContext& context);

// `prefix` begins the fields' names for errors: "request_headers_to" gives request_headers_to_add and _remove. "Host"
// means :authority. :authority may be replaced, never removed or appended to; other pseudo-headers only replaced.
absl::StatusOr<model::HeaderMutation> HeaderMutationOf(absl::string_view prefix, const HeaderOptionList& add,
                                                       const HeaderNameList& remove, FactoryContext& context);

absl::StatusOr<model::AccessLogFilter> AccessLogFilterOf(const envoy::config::accesslog::v3::AccessLogFilter& filter,
                                                         const FactoryContext& context);

}  // namespace outrigger::extension
