#include "source/router/request_rewrite.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "source/model/header_mutation.h"

namespace outrigger::router {

using http::HeaderMap;
using http::KnownHeader;

namespace {

// The path without query, and the query with its '?'.
void SplitPath(absl::string_view path, absl::string_view* before, absl::string_view* query) {
  const size_t mark = path.find('?');
  *before = mark == absl::string_view::npos ? path : path.substr(0, mark);
  *query = mark == absl::string_view::npos ? absl::string_view() : path.substr(mark);
}

absl::string_view ReplacePrefix(absl::string_view path, const model::Route& route, absl::string_view replacement,
                                Arena& arena) {
  absl::string_view before, query;
  SplitPath(path, &before, &query);
  if (route.match_is_exact_path) return arena.Concat(replacement, query);
  const size_t n = std::min(route.matched_prefix.size(), before.size());
  return arena.Concat(replacement, path.substr(n));
}

void SetHost(HeaderMap& headers, absl::string_view host, bool append_forwarded, bool suppress) {
  const absl::string_view old = headers.authority();
  if (!old.empty()) {
    if (!suppress) headers.Set(KnownHeader::kXEnvoyOriginalHost, old);
    if (append_forwarded) {
      const absl::string_view before = headers.GetJoined(KnownHeader::kXForwardedHost);
      headers.Set(KnownHeader::kXForwardedHost, before.empty() ? old : headers.arena().Concat(before, ",", old));
    }
  }
  headers.Set(KnownHeader::kAuthority, host);
}

}  // namespace

void RewriteRequest(http::Stream& stream, const model::Route& route, const model::ForwardAction& action,
                    bool suppress) {
  HeaderMap& headers = stream.request_headers();
  model::MutateRequest(stream, route, headers);

  if (const model::WeightedClusterEntry* weighted = stream.weighted_cluster();
      weighted != nullptr && !weighted->host_rewrite.empty()) {
    SetHost(headers, weighted->host_rewrite, action.append_x_forwarded_host, suppress);
  } else if (!action.host_rewrite.empty()) {
    SetHost(headers, action.host_rewrite, action.append_x_forwarded_host, suppress);
  } else if (!action.host_rewrite_header.empty()) {
    const absl::string_view host = headers.Get(http::HeaderName(absl::string_view(action.host_rewrite_header)));
    if (!host.empty()) SetHost(headers, host, action.append_x_forwarded_host, suppress);
  } else if (action.host_rewrite_path != nullptr) {
    absl::string_view before, query;
    SplitPath(headers.path(), &before, &query);
    SetHost(headers, action.host_rewrite_path->Replace(before, stream.arena()), action.append_x_forwarded_host,
            suppress);
  }

  const absl::string_view path = headers.path();
  if (path.empty()) return;
  absl::string_view rewritten;
  if (action.has_prefix_rewrite) {
    rewritten = ReplacePrefix(path, route, action.prefix_rewrite, stream.arena());
  } else if (action.regex_rewrite != nullptr) {
    absl::string_view before, query;
    SplitPath(path, &before, &query);
    const absl::string_view replaced = action.regex_rewrite->Replace(before, stream.arena());
    if (replaced.data() == before.data()) return;
    rewritten = stream.arena().Concat(replaced, query);
  } else {
    return;
  }
  if (!suppress) headers.Set(KnownHeader::kXEnvoyOriginalPath, path);
  headers.Set(KnownHeader::kPath, rewritten);
}

void RewriteHostFor(http::Stream& stream, const model::ForwardAction& action, absl::string_view endpoint_hostname,
                    bool suppress, bool again) {
  if (!action.auto_host_rewrite || endpoint_hostname.empty()) return;
  HeaderMap& headers = stream.request_headers();
  if (headers.authority() != endpoint_hostname)
    SetHost(headers, stream.arena().Copy(endpoint_hostname), !again && action.append_x_forwarded_host,
            again || suppress);
}

absl::string_view ServerNameSource(const model::ClusterConfig& cluster, const HeaderMap& headers) {
  if (!cluster.settings->override_auto_sni_header.empty()) {
    const absl::string_view given = headers.Get(http::HeaderName(cluster.settings->override_auto_sni_header));
    if (!given.empty()) return given;
  }
  return headers.authority();
}

void RewriteResponse(http::Stream& stream, const model::Route& route, HeaderMap& headers) {
  model::MutateResponse(stream, route, headers);
}

absl::string_view RedirectLocation(http::Stream& stream, const model::Route& route,
                                   const model::RedirectAction& action) {
  const HeaderMap& headers = stream.request_headers();
  const absl::string_view old_scheme = headers.scheme().empty() ? absl::string_view("http") : headers.scheme();
  absl::string_view scheme = old_scheme;
  if (action.https) scheme = "https";
  if (!action.scheme.empty()) scheme = action.scheme;

  absl::string_view host = headers.authority();
  absl::string_view port;
  const size_t colon = host.rfind(':');
  const size_t bracket = host.rfind(']');
  if (colon != absl::string_view::npos && (bracket == absl::string_view::npos || colon > bracket)) {
    port = host.substr(colon);
    host = host.substr(0, colon);
  }
  if (!action.host.empty()) host = action.host;
  // A change of scheme takes the other scheme's usual port away.
  if (scheme != old_scheme && ((scheme == "https" && port == ":80") || (scheme == "http" && port == ":443")))
    port = absl::string_view();
  std::string port_text(port.data() == nullptr ? "" : std::string(port));
  if (action.port != 0) port_text = absl::StrCat(":", action.port);

  absl::string_view before, query;
  SplitPath(headers.path(), &before, &query);
  std::string path;
  if (action.has_path) {
    path = action.path;
    if (path.find('?') != std::string::npos) query = absl::string_view();
  } else if (action.has_prefix) {
    path = std::string(ReplacePrefix(before, route, action.prefix_rewrite, stream.arena()));
  } else if (action.regex_rewrite != nullptr) {
    path = std::string(action.regex_rewrite->Replace(before, stream.arena()));
  } else {
    path = std::string(before);
  }
  if (action.strip_query) query = absl::string_view();
  return stream.arena().Copy(absl::StrCat(scheme, "://", host, port_text, path, query));
}

}  // namespace outrigger::router
