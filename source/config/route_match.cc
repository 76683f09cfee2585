#include "source/config/route_parts.h"
#include "source/extension/matchers.h"
#include "source/extension/runtime.h"

namespace outrigger::config {

namespace route_v3 = envoy::config::route::v3;
using extension::Fault;
using extension::ListOf;

namespace {

absl::StatusOr<matching::QueryParameterMatcher> QueryOf(const route_v3::QueryParameterMatcher& matcher) {
  if (matcher.query_parameter_match_specifier_case() == route_v3::QueryParameterMatcher::kStringMatch) {
    OUTRIGGER_ASSIGN(auto text, "string_match", extension::BuildStringMatcher(matcher.string_match()));
    return matching::QueryParameterMatcher::Text(matcher.name(), std::move(text));
  }
  const bool said = matcher.query_parameter_match_specifier_case() == route_v3::QueryParameterMatcher::kPresentMatch;
  return matching::QueryParameterMatcher::Present(matcher.name(), !said || matcher.present_match());
}

absl::StatusOr<matching::CookieMatcher> CookieOf(const route_v3::CookieMatcher& matcher) {
  OUTRIGGER_ASSIGN(auto text, "string_match", extension::BuildStringMatcher(matcher.string_match()));
  return matching::CookieMatcher::Create(matcher.name(), std::move(text), matcher.invert_match());
}

matching::RouteMatchSpec::Tls TlsOf(bool given, bool value) {
  using Tls = matching::RouteMatchSpec::Tls;
  return !given ? Tls::kAny : value ? Tls::kYes : Tls::kNo;
}

absl::Status SetPath(const route_v3::RouteMatch& match, matching::RouteMatchSpec* spec) {
  using Path = matching::RouteMatchSpec::Path;
  switch (match.path_specifier_case()) {
    case route_v3::RouteMatch::kPrefix:
      spec->path_kind = Path::kPrefix;
      spec->path = match.prefix();
      return absl::OkStatus();
    case route_v3::RouteMatch::kPath:
      spec->path_kind = Path::kExact;
      spec->path = match.path();
      return absl::OkStatus();
    case route_v3::RouteMatch::kSafeRegex: {
      spec->path_kind = Path::kRegex;
      spec->path = match.safe_regex().regex();
      if (auto compiled = matching::CompileRegex(spec->path); !compiled.ok()) {
        return extension::Under("safe_regex.regex", compiled.status());
      }
      return absl::OkStatus();
    }
    case route_v3::RouteMatch::kConnectMatcher:
      spec->path_kind = Path::kConnect;
      return absl::OkStatus();
    case route_v3::RouteMatch::kPathSeparatedPrefix:
      spec->path_kind = Path::kSeparatedPrefix;
      spec->path = match.path_separated_prefix();
      return absl::OkStatus();
    default:
      return Fault("", "needs a path: prefix, path, safe_regex, path_separated_prefix or connect_matcher");
  }
}

}  // namespace

absl::StatusOr<matching::RouteMatchSpec> RouteMatchOf(const route_v3::RouteMatch& match, const BuildContext& context) {
  matching::RouteMatchSpec spec;
  OUTRIGGER_TRY("", SetPath(match, &spec));
  spec.case_sensitive = !match.has_case_sensitive() || match.case_sensitive().value();
  spec.grpc = match.has_grpc();
  OUTRIGGER_ASSIGN(spec.headers, "headers", extension::BuildHeaderMatchers(match.headers()));
  OUTRIGGER_ASSIGN(spec.query, "",
                   ListOf<matching::QueryParameterMatcher>("query_parameters", match.query_parameters(), QueryOf));
  OUTRIGGER_ASSIGN(spec.cookies, "", ListOf<matching::CookieMatcher>("cookies", match.cookies(), CookieOf));
  OUTRIGGER_ASSIGN(
      spec.metadata, "",
      ListOf<matching::MetadataMatcher>("dynamic_metadata", match.dynamic_metadata(), extension::BuildMetadataMatcher));
  if (match.has_tls_context()) {
    spec.presented = TlsOf(match.tls_context().has_presented(), match.tls_context().presented().value());
    spec.validated = TlsOf(match.tls_context().has_validated(), match.tls_context().validated().value());
  }
  if (match.has_runtime_fraction()) {
    const auto fraction = extension::RuntimeFraction(match.runtime_fraction(), context);
    spec.fraction_numerator = fraction.numerator;
    spec.fraction_denominator = fraction.denominator;
  }
  return spec;
}

}  // namespace outrigger::config
