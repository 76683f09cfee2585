#include "source/filters/network/http_connection_manager/request_preparation.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "source/base/ip_text.h"
#include "source/observe/response_code_details.h"
#include "source/observe/trace_context.h"

namespace outrigger::filters::hcm {

using http::HeaderMap;
using http::KnownHeader;

IpAddress ToIpAddress(const net::Address& address) { return IpAddress::FromBytes(address.ip_bytes()); }

namespace {

// The port of "host:port" or "[v6]:port" as the offset of its colon; npos if there is none.
size_t PortColon(absl::string_view host) {
  const size_t colon = host.rfind(':');
  if (colon == absl::string_view::npos) return colon;
  const size_t bracket = host.rfind(']');
  if (bracket != absl::string_view::npos && bracket > colon) return absl::string_view::npos;
  if (bracket == absl::string_view::npos && host.find(':') != colon) return absl::string_view::npos;  // bare IPv6
  return colon;
}

void CanonicalizeHost(const HcmConfig& config, uint16_t local_port, HeaderMap& headers) {
  absl::string_view host = headers.authority();
  if (host.empty()) return;
  const absl::string_view before = host;
  const size_t colon = PortColon(host);
  const absl::string_view name = host.substr(0, colon == absl::string_view::npos ? host.size() : colon);
  absl::string_view port = colon == absl::string_view::npos ? absl::string_view() : host.substr(colon);
  if (config.strip_any_port) port = absl::string_view();
  if (config.strip_matching_port && !port.empty()) {
    uint32_t named = 0;
    if (absl::SimpleAtoi(port.substr(1), &named) && named == local_port) port = absl::string_view();
  }
  absl::string_view kept = name;
  if (config.strip_trailing_host_dot && kept.size() > 1) absl::ConsumeSuffix(&kept, ".");
  if (kept.size() + port.size() == before.size()) return;
  headers.Set(KnownHeader::kAuthority, headers.arena().Concat(kept, port));
}

}  // namespace

absl::string_view WithoutPort(absl::string_view host) { return host.substr(0, PortColon(host)); }

Refusal CanonicalizeRequest(const HcmConfig& config, uint16_t local_port, HeaderMap& headers) {
  const absl::string_view path = headers.path();
  const bool connect = headers.method() == "CONNECT";
  if (headers.authority().empty()) return {400, observe::details::kMissingHost, ""};
  if (path.empty() && !connect) return {404, observe::details::kMissingPath, ""};
  CanonicalizeHost(config, local_port, headers);
  if (path.empty()) return {};
  if (path[0] != '/' && path != "*") return {404, observe::details::kAbsolutePathRejected, ""};
  const matching::CanonicalPath canonical = matching::Canonicalize(path, config.path, headers.arena());
  switch (canonical.outcome) {
    case matching::CanonicalPath::Outcome::kUnchanged:
      return {};
    case matching::CanonicalPath::Outcome::kChanged:
      headers.Set(KnownHeader::kPath, canonical.path);
      return {};
    case matching::CanonicalPath::Outcome::kRedirect:
      // "//host" would be another host (RFC 3986 4.2); behind "/." it is a path again.
      return {307, observe::details::kPathNormalizationRedirect,
              absl::StartsWith(canonical.path, "//") ? headers.arena().Concat("/.", canonical.path) : canonical.path};
    case matching::CanonicalPath::Outcome::kReject:
      return {400, observe::details::kPathNormalizationFailed, ""};
  }
  return {};
}

namespace {

// Whether a comma-separated list has this token, without case and without its parameters.
bool HasToken(absl::string_view list, absl::string_view token) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    absl::string_view item = list.substr(0, comma);
    item = absl::StripAsciiWhitespace(item.substr(0, item.find(';')));
    if (absl::EqualsIgnoreCase(item, token)) return true;
    if (comma == absl::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  return false;
}

}  // namespace

bool IsUpgrade(const HeaderMap& headers) {
  return headers.Has(KnownHeader::kUpgrade) && HasToken(headers.GetJoined(KnownHeader::kConnection), "upgrade");
}

std::string UpgradeType(const HeaderMap& headers) {
  std::string type;
  for (const absl::string_view element : absl::StrSplit(headers.GetJoined(KnownHeader::kUpgrade), ',')) {
    const absl::string_view protocol = absl::StripAsciiWhitespace(element);
    if (!protocol.empty()) absl::StrAppend(&type, type.empty() ? "" : ", ", absl::AsciiStrToLower(protocol));
  }
  return type;
}

void StripHopByHop(HeaderMap& headers, bool keep_upgrade) {
  // Fields that Connection names belong to this hop too, but a peer must not be able to take away what routing and
  // framing need.
  if (headers.Has(KnownHeader::kConnection)) {
    absl::string_view rest = headers.GetJoined(KnownHeader::kConnection);
    while (!rest.empty()) {
      const size_t comma = rest.find(',');
      const absl::string_view token = absl::StripAsciiWhitespace(rest.substr(0, comma));
      rest = comma == absl::string_view::npos ? absl::string_view() : rest.substr(comma + 1);
      if (token.empty() || token[0] == ':' || token.size() > 256) continue;
      headers.RemoveIf([token](const HeaderMap::Entry& entry) {
        switch (entry.known) {
          case KnownHeader::kHost:
          case KnownHeader::kConnection:
          case KnownHeader::kUpgrade:
          case KnownHeader::kTe:
          case KnownHeader::kContentLength:
          case KnownHeader::kTransferEncoding:
          case KnownHeader::kXForwardedFor:
          case KnownHeader::kXForwardedProto:
          case KnownHeader::kXForwardedHost:
          case KnownHeader::kXForwardedClientCert:
            return false;
          default:
            return entry.name[0] != ':' && absl::EqualsIgnoreCase(entry.name, token);
        }
      });
    }
  }
  if (!keep_upgrade) {
    headers.Remove(KnownHeader::kConnection);
    headers.Remove(KnownHeader::kUpgrade);
    headers.Remove(KnownHeader::kHttp2Settings);
  } else {
    headers.Set(KnownHeader::kConnection, "upgrade");
  }
  headers.Remove(KnownHeader::kKeepAlive);
  headers.Remove(KnownHeader::kProxyConnection);
  headers.Remove(KnownHeader::kTransferEncoding);
  if (headers.Has(KnownHeader::kTe)) {
    const bool trailers = HasToken(headers.GetJoined(KnownHeader::kTe), "trailers");
    headers.Remove(KnownHeader::kTe);
    if (trailers) headers.Add(KnownHeader::kTe, "trailers");
  }
}

void StripInternalHeaders(HeaderMap& headers, bool edge) {
  if (edge) {
    headers.Remove(KnownHeader::kXEnvoyDecoratorOperation);
    headers.Remove(KnownHeader::kXEnvoyDownstreamServiceCluster);
    headers.Remove(KnownHeader::kXEnvoyDownstreamServiceNode);
    headers.Remove(KnownHeader::kXEnvoyOriginalPath);
  }
  static constexpr std::array<KnownHeader, 14> kExternalMayNotSet = {KnownHeader::kXEnvoyRetriableStatusCodes,
                                                                     KnownHeader::kXEnvoyRetriableHeaderNames,
                                                                     KnownHeader::kXEnvoyRetryOn,
                                                                     KnownHeader::kXEnvoyRetryGrpcOn,
                                                                     KnownHeader::kXEnvoyMaxRetries,
                                                                     KnownHeader::kXEnvoyUpstreamAltStatName,
                                                                     KnownHeader::kXEnvoyUpstreamRqTimeoutMs,
                                                                     KnownHeader::kXEnvoyUpstreamRqPerTryTimeoutMs,
                                                                     KnownHeader::kXEnvoyUpstreamStreamDurationMs,
                                                                     KnownHeader::kXEnvoyUpstreamRqTimeoutAltResponse,
                                                                     KnownHeader::kXEnvoyExpectedRqTimeoutMs,
                                                                     KnownHeader::kXEnvoyForceTrace,
                                                                     KnownHeader::kXEnvoyIpTags,
                                                                     KnownHeader::kXEnvoyHedgeOnPerTryTimeout};
  for (const KnownHeader name : kExternalMayNotSet) headers.Remove(name);
}

namespace {

struct XffAddress {
  IpAddress address;
  bool single = false;  // the only one in the header
};

// The address `hops` from the right; kNone if there are fewer or it is malformed.
XffAddress LastFromXff(const HeaderMap& headers, uint32_t hops) {
  XffAddress found;
  absl::string_view rest = headers.GetJoined(KnownHeader::kXForwardedFor);
  if (rest.empty()) return found;
  found.single = rest.find(',') == absl::string_view::npos;
  for (uint32_t i = 0; i < hops; ++i) {
    const size_t comma = rest.rfind(',');
    if (comma == absl::string_view::npos) return found;
    rest = rest.substr(0, comma);
  }
  const size_t comma = rest.rfind(',');
  absl::string_view text = absl::StripAsciiWhitespace(comma == absl::string_view::npos ? rest : rest.substr(comma + 1));
  found.address = ParseIpOrNone(text);
  return found;
}

// The rightmost address that is no trusted proxy's, the leftmost if all are; kNone if the peer itself is none, or where
// what stands right of it is no address.
XffAddress LastUntrustedFromXff(const HeaderMap& headers, const IpAddress& peer, const matching::CidrSet& trusted) {
  XffAddress found;
  absl::string_view rest = headers.GetJoined(KnownHeader::kXForwardedFor);
  if (rest.empty() || !trusted.Contains(peer)) return found;
  const bool single = rest.find(',') == absl::string_view::npos;
  for (;;) {
    const size_t comma = rest.rfind(',');
    const absl::string_view text =
        absl::StripAsciiWhitespace(comma == absl::string_view::npos ? rest : rest.substr(comma + 1));
    auto parsed = IpAddress::Parse(text);
    if (!parsed.ok()) return found;
    found.address = *parsed;
    if (!trusted.Contains(*parsed) || comma == absl::string_view::npos) break;
    rest = rest.substr(0, comma);
  }
  found.single = single;
  return found;
}

void AppendXff(HeaderMap& headers, absl::string_view address) {
  const absl::string_view old = headers.GetJoined(KnownHeader::kXForwardedFor);
  if (old.empty()) {
    headers.SetCopy(KnownHeader::kXForwardedFor, address);
  } else {
    headers.Set(KnownHeader::kXForwardedFor, headers.arena().Concat(old, ",", address));
  }
}

}  // namespace

ClientOrigin PrepareForwarding(const HcmConfig& config, const net::Connection& connection,
                               absl::string_view local_address, HeaderMap& headers) {
  ClientOrigin origin;
  const bool tls =
      connection.properties().tls_detected || const_cast<net::Connection&>(connection).transport().tls() != nullptr;
  const absl::string_view hop_scheme = tls ? "https" : "http";
  bool single_hop;
  if (config.use_remote_address) {
    single_hop = !headers.Has(KnownHeader::kXForwardedFor);
    if (config.xff_trusted_hops > 0) origin.address = LastFromXff(headers, config.xff_trusted_hops - 1).address;
    if (origin.address.family == IpAddress::Family::kNone) origin.address = ToIpAddress(connection.remote());
    if (!config.skip_xff_append && connection.remote().ip()) {
      const bool own = connection.remote().IsLoopback() && !local_address.empty();
      AppendXff(headers, own ? local_address : headers.arena().Copy(connection.remote().IpString()));
    }
    if (config.xff_trusted_hops == 0 || !headers.Has(KnownHeader::kXForwardedProto)) {
      headers.Set(KnownHeader::kXForwardedProto, hop_scheme);
    }
    if (config.append_x_forwarded_port &&
        (config.xff_trusted_hops == 0 || !headers.Has(KnownHeader::kXForwardedPort))) {
      headers.SetNumber(KnownHeader::kXForwardedPort, connection.local().port());
    }
  } else {
    const XffAddress last = config.xff_trusts_proxies ? LastUntrustedFromXff(headers, ToIpAddress(connection.remote()),
                                                                             config.xff_trusted_proxies)
                                                      : LastFromXff(headers, config.xff_trusted_hops);
    origin.address = last.address;
    single_hop = last.single;
    if (origin.address.family == IpAddress::Family::kNone) {
      origin.address = ToIpAddress(connection.remote());
      if (!headers.Has(KnownHeader::kXForwardedFor)) single_hop = false;
    } else if (config.append_detected_xff && connection.remote().ip()) {
      AppendXff(headers, headers.arena().Copy(connection.remote().IpString()));
    }
    if (!headers.Has(KnownHeader::kXForwardedProto)) headers.Set(KnownHeader::kXForwardedProto, hop_scheme);
  }
  if (!config.scheme_overwrite.empty()) {
    headers.Set(KnownHeader::kScheme, config.scheme_overwrite);
  } else {
    const absl::string_view proto = headers.Get(KnownHeader::kXForwardedProto);
    if (proto == "http" || proto == "https")
      headers.Set(KnownHeader::kScheme, proto);
    else
      headers.Set(KnownHeader::kScheme, hop_scheme);
  }

  origin.internal = connection.remote().kind() == net::Address::Kind::kUnix
                        ? single_hop && config.internal_unix_sockets
                        : single_hop && config.internal_addresses.Contains(origin.address);
  origin.edge = config.use_remote_address && !origin.internal;
  if (origin.internal) {
    headers.Set(KnownHeader::kXEnvoyInternal, "true");
  } else {
    headers.Remove(KnownHeader::kXEnvoyInternal);
    StripInternalHeaders(headers, origin.edge);
  }
  if (origin.edge) {
    headers.SetCopy(KnownHeader::kXEnvoyExternalAddress, origin.address.ToString());
  } else if (config.use_remote_address) {
    headers.Remove(KnownHeader::kXEnvoyExternalAddress);
  }
  if (!config.via.empty()) {
    const absl::string_view via = headers.GetJoined(KnownHeader::kVia);
    headers.Set(KnownHeader::kVia,
                via.empty() ? absl::string_view(config.via) : headers.arena().Concat(via, ", ", config.via));
  }
  return origin;
}

namespace {

using observe::TraceReason;

// Whether this request would be traced, as the published tracing settings decide it from the id: all hops agree.
TraceReason Sampled(const HcmConfig::Sampling& sampling, TraceReason reason, uint64_t number, event::Engine& engine,
                    const HeaderMap& headers) {
  if (reason == TraceReason::kNotTraceable) {
    if (headers.Has(KnownHeader::kXClientTraceId) && engine.RandomBits() % 100 < sampling.client_percent) {
      reason = TraceReason::kClient;
    } else if (headers.Has(KnownHeader::kXEnvoyForceTrace)) {
      reason = TraceReason::kForced;
    } else if (number % 10000 < sampling.random_per_ten_thousand) {
      reason = TraceReason::kSampled;
    }
  }
  return number % 10000 % 100 < sampling.overall_percent ? reason : TraceReason::kNotTraceable;
}

// Packs the reason into the id, where anything is to be said or unsaid.
void PackTraceReason(const HcmConfig& config, bool from_outside, event::Engine& engine, HeaderMap& headers) {
  if (!config.pack_trace_reason || (!config.sampling.on && !from_outside)) return;
  const absl::string_view id = headers.Get(KnownHeader::kXRequestId);
  const auto number = observe::RequestIdNumber(id);
  if (!number.has_value() || !observe::IsUuid(id)) return;
  TraceReason reason = from_outside ? TraceReason::kNotTraceable : observe::TraceReasonOf(id);
  if (config.sampling.on) reason = Sampled(config.sampling, reason, *number, engine, headers);
  if (reason == observe::TraceReasonOf(id)) return;
  std::array<char, observe::kRequestIdLength> packed;
  std::copy(id.begin(), id.end(), packed.begin());
  observe::SetTraceReason(packed.data(), packed.size(), reason);
  headers.SetCopy(KnownHeader::kXRequestId, observe::View(packed));
}

}  // namespace

absl::string_view PrepareRequestId(const HcmConfig& config, const ClientOrigin& origin, event::Engine& engine,
                                   HeaderMap& headers) {
  const absl::string_view given = headers.Get(KnownHeader::kXRequestId);
  if (!config.generate_request_id) return given;
  const bool replace = origin.edge && !config.preserve_external_request_id;
  if (!given.empty() && !replace) {
    PackTraceReason(config, origin.edge, engine, headers);
    return headers.Get(KnownHeader::kXRequestId);
  }
  const observe::RequestIdText id = observe::MakeRequestId(engine.RandomBits(), engine.RandomBits());
  headers.SetCopy(KnownHeader::kXRequestId, observe::View(id));
  PackTraceReason(config, false, engine, headers);
  return headers.Get(KnownHeader::kXRequestId);
}

namespace {

// A value of an XFCC element: one with a character that ends a value or an element stands in quotes, so that a name in
// a certificate cannot add elements of its own.
std::string XfccValue(absl::string_view value, bool always_quote = false) {
  if (!always_quote && value.find_first_of(",;=\"") == absl::string_view::npos) return std::string(value);
  std::string quoted = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') quoted.push_back('\\');
    quoted.push_back(c);
  }
  quoted.push_back('"');
  return quoted;
}

}  // namespace

void PrepareClientCert(const HcmConfig& config, const net::TlsInfo* tls, HeaderMap& headers) {
  using Fact = net::TlsInfo::Fact;
  const bool mutual = tls != nullptr && tls->peer_presented();
  switch (config.forward_client_cert) {
    case ForwardClientCert::kAlwaysForwardOnly:
      return;
    case ForwardClientCert::kSanitize:
      headers.Remove(KnownHeader::kXForwardedClientCert);
      return;
    case ForwardClientCert::kForwardOnly:
      if (!mutual) headers.Remove(KnownHeader::kXForwardedClientCert);
      return;
    case ForwardClientCert::kAppendForward:
    case ForwardClientCert::kSanitizeSet:
      break;
  }
  if (!mutual) {
    headers.Remove(KnownHeader::kXForwardedClientCert);
    return;
  }
  // "By=<our URI SAN>;Hash=<SHA-256>;Subject=...;URI=...;DNS=..." as published.
  std::string entry;
  const auto add = [&entry](absl::string_view part) { absl::StrAppend(&entry, entry.empty() ? "" : ";", part); };
  for (absl::string_view rest = tls->Local(Fact::kUriSans); !rest.empty();) {
    const size_t comma = rest.find(',');
    add(absl::StrCat("By=", rest.substr(0, comma)));
    if (comma == absl::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  if (!tls->Peer(Fact::kSha256).empty()) add(absl::StrCat("Hash=", tls->Peer(Fact::kSha256)));
  if (config.client_cert_details.cert) add(absl::StrCat("Cert=\"", tls->Peer(Fact::kPemEncoded), "\""));
  if (config.client_cert_details.chain) add(absl::StrCat("Chain=\"", tls->Peer(Fact::kPemChainEncoded), "\""));
  if (config.client_cert_details.subject) {
    add(absl::StrCat("Subject=", XfccValue(tls->Peer(Fact::kSubject), /*always_quote=*/true)));
  }
  if (config.client_cert_details.uri) {
    for (size_t i = 0; i < tls->PeerSanCount(Fact::kUriSans); ++i)
      add(absl::StrCat("URI=", XfccValue(tls->PeerSan(Fact::kUriSans, i))));
  }
  if (config.client_cert_details.dns) {
    for (size_t i = 0; i < tls->PeerSanCount(Fact::kDnsSans); ++i)
      add(absl::StrCat("DNS=", XfccValue(tls->PeerSan(Fact::kDnsSans, i))));
  }
  const absl::string_view old = headers.GetJoined(KnownHeader::kXForwardedClientCert);
  if (config.forward_client_cert == ForwardClientCert::kAppendForward && !old.empty())
    entry = absl::StrCat(old, ",", entry);
  headers.SetCopy(KnownHeader::kXForwardedClientCert, entry);
}

}  // namespace outrigger::filters::hcm
