#include "source/extension/formats.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "source/extension/matchers.h"
#include "source/extension/runtime.h"
#include "source/extension/values.h"

namespace outrigger::extension {

namespace core = envoy::config::core::v3;
namespace log_v3 = envoy::config::accesslog::v3;
using model::AccessLogFilter;

absl::StatusOr<model::BodyFormat> BodyFormatOf(const core::SubstitutionFormatString& format, FactoryContext& context) {
  matching::FormatOptions options = context.format_options();
  options.omit_empty_values = format.omit_empty_values();
  const auto finish = [&format](model::BodyFormat made) {
    made.content_type = format.content_type();
    return made;
  };
  switch (format.format_case()) {
    case core::SubstitutionFormatString::kTextFormat: {
      OUTRIGGER_ASSIGN(auto text, "text_format", matching::TextFormat::Create(format.text_format(), options));
      return finish(model::BodyFormat(std::move(text)));
    }
    case core::SubstitutionFormatString::kTextFormatSource: {
      OUTRIGGER_ASSIGN(const std::string source, "text_format_source",
                       context.ReadDataSource(format.text_format_source()));
      OUTRIGGER_ASSIGN(auto text, "text_format_source", matching::TextFormat::Create(source, options));
      return finish(model::BodyFormat(std::move(text)));
    }
    case core::SubstitutionFormatString::kJsonFormat: {
      OUTRIGGER_ASSIGN(auto json, "json_format", matching::JsonFormat::Create(ToStruct(format.json_format()), options));
      return finish(model::BodyFormat(std::move(json)));
    }
    default:
      return Fault("", "needs text_format, text_format_source or json_format");
  }
}

namespace {

std::string HeaderNameOf(absl::string_view configured) {
  std::string name = absl::AsciiStrToLower(configured);
  return name == "host" ? ":authority" : name;
}

model::HeaderMutation::Action ActionOf(const core::HeaderValueOption& option) {
  using Action = model::HeaderMutation::Action;
  if (option.has_append()) {
    return option.append().value() ? Action::kAppendIfExistsOrAdd : Action::kOverwriteIfExistsOrAdd;
  }
  switch (option.append_action()) {
    case core::HeaderValueOption::ADD_IF_ABSENT:
      return Action::kAddIfAbsent;
    case core::HeaderValueOption::OVERWRITE_IF_EXISTS_OR_ADD:
      return Action::kOverwriteIfExistsOrAdd;
    case core::HeaderValueOption::OVERWRITE_IF_EXISTS:
      return Action::kOverwriteIfExists;
    default:
      return Action::kAppendIfExistsOrAdd;
  }
}

absl::StatusOr<model::HeaderMutation::Add> AddOf(const core::HeaderValueOption& option, FactoryContext& context) {
  model::HeaderMutation::Add add;
  add.name = HeaderNameOf(option.header().key());
  add.action = ActionOf(option);
  add.keep_empty_value = option.keep_empty_value();
  if (option.has_append() && option.append_action() != core::HeaderValueOption::APPEND_IF_EXISTS_OR_ADD) {
    return Fault("append_action", "append and append_action exclude each other");
  }
  if (!add.name.empty() && add.name.front() == ':' &&
      (add.action == model::HeaderMutation::Action::kAppendIfExistsOrAdd)) {
    return Fault("append_action", absl::StrCat("\"", option.header().key(), "\" can be replaced, not appended to"));
  }
  if (!option.header().value().empty() && !option.header().raw_value().empty()) {
    return Fault("header", "value and raw_value exclude each other");
  }
  const bool raw = !option.header().raw_value().empty();
  const std::string& text = raw ? option.header().raw_value() : option.header().value();
  OUTRIGGER_ASSIGN(add.value, raw ? "header.raw_value" : "header.value",
                   matching::HeaderFormat::Create(text, context.format_options()));
  return add;
}

}  // namespace

absl::StatusOr<model::HeaderMutation> HeaderMutationOf(absl::string_view prefix, const HeaderOptionList& add,
                                                       const HeaderNameList& remove, FactoryContext& context) {
  model::HeaderMutation out;
  OUTRIGGER_ASSIGN(out.add, "",
                   ListOf<model::HeaderMutation::Add>(
                       absl::StrCat(prefix, "_add"), add,
                       [&context](const core::HeaderValueOption& option) { return AddOf(option, context); }));
  for (int i = 0; i < remove.size(); ++i) {
    std::string name = HeaderNameOf(remove[i]);
    if (name.empty() || name.front() == ':') {
      return Fault(Item(absl::StrCat(prefix, "_remove"), i), absl::StrCat("\"", remove[i], "\" cannot be removed"));
    }
    out.remove.push_back(std::move(name));
  }
  return out;
}

namespace {

AccessLogFilter::Compare CompareOf(const log_v3::ComparisonFilter& comparison) {
  switch (comparison.op()) {
    case log_v3::ComparisonFilter::GE:
      return AccessLogFilter::Compare::kAtLeast;
    case log_v3::ComparisonFilter::LE:
      return AccessLogFilter::Compare::kAtMost;
    case log_v3::ComparisonFilter::NE:
      return AccessLogFilter::Compare::kNotEqual;
    default:
      return AccessLogFilter::Compare::kEqual;
  }
}

AccessLogFilter Compared(AccessLogFilter::Kind kind, const log_v3::ComparisonFilter& comparison,
                         const FactoryContext& context) {
  AccessLogFilter out;
  out.kind = kind;
  out.compare = CompareOf(comparison);
  out.value = static_cast<uint64_t>(
      std::max(0.0, RuntimeNumber(comparison.value().default_value(), comparison.value().runtime_key(), context)));
  return out;
}

absl::StatusOr<AccessLogFilter> PartsOf(AccessLogFilter::Kind kind,
                                        const google::protobuf::RepeatedPtrField<log_v3::AccessLogFilter>& filters,
                                        const FactoryContext& context) {
  AccessLogFilter out;
  out.kind = kind;
  OUTRIGGER_ASSIGN(out.parts, "",
                   ListOf<AccessLogFilter>("filters", filters, [&context](const log_v3::AccessLogFilter& part) {
                     return AccessLogFilterOf(part, context);
                   }));
  return out;
}

// AccessLogType of the API to our events; 0 where none of ours is meant.
uint32_t LogTypeBit(int type) {
  const auto bit = [](http::LogEvent event) { return uint32_t{1} << static_cast<uint32_t>(event); };
  switch (type) {
    case envoy::data::accesslog::v3::TcpConnectionEnd:
      return bit(http::LogEvent::kTcpConnectionEnd);
    case envoy::data::accesslog::v3::DownstreamStart:
      return bit(http::LogEvent::kDownstreamStart);
    case envoy::data::accesslog::v3::DownstreamEnd:
      return bit(http::LogEvent::kDownstreamEnd);
    case envoy::data::accesslog::v3::TcpUpstreamConnected:
      return bit(http::LogEvent::kTcpUpstreamConnected);
    case envoy::data::accesslog::v3::TcpPeriodic:
      return bit(http::LogEvent::kTcpPeriodic);
    case envoy::data::accesslog::v3::DownstreamPeriodic:
      return bit(http::LogEvent::kDownstreamPeriodic);
    case envoy::data::accesslog::v3::DownstreamTunnelSuccessfullyEstablished:
      return bit(http::LogEvent::kDownstreamTunnelEstablished);
    case envoy::data::accesslog::v3::UpstreamEnd:
      return bit(http::LogEvent::kUpstreamEnd);
    case envoy::data::accesslog::v3::NotSet:
      return bit(http::LogEvent::kConnectionRefused);
    default:
      return 0;
  }
}

AccessLogFilter LogTypesOf(const log_v3::LogTypeFilter& filter) {
  AccessLogFilter out;
  out.kind = AccessLogFilter::Kind::kLogType;
  for (const int type : filter.types()) out.log_types |= LogTypeBit(type);
  if (filter.exclude()) out.log_types = ~out.log_types;
  return out;
}

AccessLogFilter GrpcStatusesOf(const log_v3::GrpcStatusFilter& filter) {
  AccessLogFilter out;
  out.kind = AccessLogFilter::Kind::kGrpcStatus;
  out.exclude = filter.exclude();
  for (const int status : filter.statuses()) out.grpc_statuses |= uint32_t{1} << (status & 31);
  return out;
}

}  // namespace

absl::StatusOr<AccessLogFilter> AccessLogFilterOf(const log_v3::AccessLogFilter& filter,
                                                  const FactoryContext& context) {
  AccessLogFilter out;
  using Case = log_v3::AccessLogFilter;
  switch (filter.filter_specifier_case()) {
    case Case::kStatusCodeFilter:
      return Compared(AccessLogFilter::Kind::kStatusCode, filter.status_code_filter().comparison(), context);
    case Case::kDurationFilter:
      return Compared(AccessLogFilter::Kind::kDuration, filter.duration_filter().comparison(), context);
    case Case::kNotHealthCheckFilter:
      out.kind = AccessLogFilter::Kind::kNotHealthCheck;
      return out;
    case Case::kRuntimeFilter:
      out.kind = AccessLogFilter::Kind::kRuntime;
      {
        const Fraction fraction =
            RuntimeFraction(filter.runtime_filter().percent_sampled(), filter.runtime_filter().runtime_key(), context);
        out.numerator = fraction.numerator;
        out.denominator = fraction.denominator;
        out.independent = filter.runtime_filter().use_independent_randomness();
      }
      return out;
    case Case::kAndFilter: {
      OUTRIGGER_ASSIGN(out, "and_filter", PartsOf(AccessLogFilter::Kind::kAnd, filter.and_filter().filters(), context));
      return out;
    }
    case Case::kOrFilter: {
      OUTRIGGER_ASSIGN(out, "or_filter", PartsOf(AccessLogFilter::Kind::kOr, filter.or_filter().filters(), context));
      return out;
    }
    case Case::kHeaderFilter: {
      out.kind = AccessLogFilter::Kind::kHeader;
      OUTRIGGER_ASSIGN(auto header, "header_filter.header", BuildHeaderMatcher(filter.header_filter().header()));
      out.header.push_back(std::move(header));
      return out;
    }
    case Case::kResponseFlagFilter:
      out.kind = AccessLogFilter::Kind::kResponseFlags;
      for (const std::string& name : filter.response_flag_filter().flags()) {
        if (const auto flag = observe::ParseResponseFlag(name); flag.has_value()) out.flags.Set(*flag);
      }
      return out;
    case Case::kGrpcStatusFilter:
      return GrpcStatusesOf(filter.grpc_status_filter());
    case Case::kMetadataFilter: {
      out.kind = AccessLogFilter::Kind::kMetadata;
      const auto& metadata = filter.metadata_filter();
      out.match_if_missing = !metadata.has_match_if_key_not_found() || metadata.match_if_key_not_found().value();
      if (!metadata.has_matcher()) return out;
      OUTRIGGER_ASSIGN(auto matcher, "metadata_filter.matcher", BuildMetadataMatcher(metadata.matcher()));
      out.metadata.push_back(std::move(matcher));
      return out;
    }
    case Case::kLogTypeFilter:
      return LogTypesOf(filter.log_type_filter());
    default:
      return Fault("", "needs a filter");
  }
}

}  // namespace outrigger::extension
