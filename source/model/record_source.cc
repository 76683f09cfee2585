#include "source/model/record_source.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "source/http/grpc_status.h"
#include "source/model/record_values.h"
#include "source/model/route.h"
#include "source/observe/trace_context.h"

namespace outrigger::model {

using matching::FormatCommand;
using matching::FormatMode;
using matching::FormatValue;
using matching::Operator;
using matching::TimePoint;
using Fact = net::TlsInfo::Fact;

namespace {

// Nothing is said of what did not happen.
void SetSpan(MonotonicTime from, MonotonicTime to, FormatValue* out) {
  if (from != MonotonicTime{} && to != MonotonicTime{} && to >= from) out->SetNumber(ToMillis(to - from));
}

void SetOwned(std::string text, std::string* scratch, FormatValue* out) {
  if (text.empty()) return;
  *scratch = std::move(text);
  out->SetText(*scratch);
}

uint64_t Beyond(uint64_t all, uint64_t body) { return all > body ? all - body : 0; }

// Every attempt's value, the last one's at the end.
std::string Attempted(Operator which, const http::UpstreamInfo& up) {
  const http::EarlierAttempts earlier = up.earlier == nullptr ? http::EarlierAttempts() : *up.earlier;
  if (which == Operator::kUpstreamConnectionIdsAttempted) {
    if (up.connection_id == 0) return std::string(absl::StripSuffix(earlier.connection_ids, ","));
    return absl::StrCat(earlier.connection_ids, up.connection_id);
  }
  if (up.host == nullptr) return "";
  const std::string host = up.host->ToString(), ip = up.host->ip() ? up.host->IpString() : host;
  switch (which) {
    case Operator::kUpstreamHostsAttempted:
      return absl::StrCat(earlier.hosts, host);
    case Operator::kUpstreamHostsAttemptedWithoutPort:
      return absl::StrCat(earlier.ips, ip);
    case Operator::kUpstreamHostNamesAttempted:
      return absl::StrCat(earlier.names, up.host_name.empty() ? absl::string_view(host) : up.host_name);
    default:
      return absl::StrCat(earlier.bare_names, up.host_name.empty() ? absl::string_view(ip)
                                                                   : up.host_name.substr(0, up.host_name.find(':')));
  }
}

absl::string_view LogEventName(http::LogEvent event) {
  switch (event) {
    case http::LogEvent::kDownstreamStart:
      return "DownstreamStart";
    case http::LogEvent::kDownstreamEnd:
      return "DownstreamEnd";
    case http::LogEvent::kTcpConnectionEnd:
      return "TcpConnectionEnd";
    case http::LogEvent::kConnectionRefused:
      return "NotSet";
    case http::LogEvent::kUpstreamEnd:
      return "UpstreamEnd";
    case http::LogEvent::kTcpUpstreamConnected:
      return "TcpUpstreamConnected";
    case http::LogEvent::kTcpPeriodic:
      return "TcpPeriodic";
    case http::LogEvent::kDownstreamPeriodic:
      return "DownstreamPeriodic";
    case http::LogEvent::kDownstreamTunnelEstablished:
      return "DownstreamTunnelSuccessfullyEstablished";
  }
  return "NotSet";
}

}  // namespace

const Metadata* RecordSource::FindMetadata(matching::MetadataKind kind) const {
  switch (kind) {
    case matching::MetadataKind::kDynamic:
      return record_.dynamic_metadata;
    case matching::MetadataKind::kRoute:
      return record_.route == nullptr ? nullptr : &record_.route->metadata;
    case matching::MetadataKind::kVirtualHost:
      return record_.route == nullptr ? nullptr : &record_.route->virtual_host->metadata;
    case matching::MetadataKind::kCluster:
      return record_.info->upstream.cluster_metadata;
    case matching::MetadataKind::kUpstreamHost:
      return record_.info->upstream.host_metadata;
    case matching::MetadataKind::kListener:
      return record_.info->listener_metadata;
    case matching::MetadataKind::kFilterChain:
      return record_.info->filter_chain_metadata;
  }
  return nullptr;
}

bool RecordSource::GetTimes(const FormatCommand& command, FormatValue* out) const {
  const http::StreamInfo& info = *record_.info;
  const MonotonicTime end = info.done != MonotonicTime{} ? info.done : record_.dispatcher->now();
  switch (command.op) {
    case Operator::kStartTime:
    case Operator::kStartTimeLocal:
      out->SetTime(info.start_wall);
      return true;
    case Operator::kEmitTime:
    case Operator::kEmitTimeLocal:
      out->SetTime(record_.dispatcher->wall_now());
      return true;
    case Operator::kDuration:
      SetSpan(info.start, end, out);
      return true;
    case Operator::kRequestDuration:
      SetSpan(info.start, info.request_complete, out);
      return true;
    case Operator::kRequestTxDuration:
      SetSpan(info.start, info.upstream.last_byte_sent, out);
      return true;
    case Operator::kResponseDuration:
      SetSpan(info.start, info.upstream.first_byte_received, out);
      return true;
    case Operator::kResponseTxDuration:
      SetSpan(info.upstream.first_byte_received, info.last_response_byte, out);
      return true;
    case Operator::kUpstreamConnectionPoolReadyDuration:
      SetSpan(info.start, info.upstream.first_byte_sent, out);
      return true;
    case Operator::kCommonDuration:
      break;
    default:
      return false;
  }
  const auto point = [&](TimePoint which) -> MonotonicTime {
    switch (which) {
      case TimePoint::kDownstreamRxBegin:
        return info.start;
      case TimePoint::kDownstreamRxEnd:
        return info.request_complete;
      case TimePoint::kUpstreamConnectBegin:
        return info.upstream.connect_start;
      case TimePoint::kUpstreamConnectEnd:
      case TimePoint::kUpstreamHandshakeEnd:
        return info.upstream.connect_done;
      case TimePoint::kUpstreamTxBegin:
        return info.upstream.first_byte_sent;
      case TimePoint::kUpstreamTxEnd:
        return info.upstream.last_byte_sent;
      case TimePoint::kUpstreamRxBegin:
      case TimePoint::kUpstreamRxBodyBegin:
        return info.upstream.first_byte_received;
      case TimePoint::kUpstreamRxEnd:
        return info.upstream.last_byte_received;
      case TimePoint::kDownstreamTxBegin:
        return info.first_response_byte;
      case TimePoint::kDownstreamTxEnd:
        return info.last_response_byte;
      default:
        return MonotonicTime{};
    }
  };
  const MonotonicTime from = point(command.start), to = point(command.end);
  if (from != MonotonicTime{} && to != MonotonicTime{} && to >= from) out->SetNumber((to - from).count());
  return true;
}

bool RecordSource::GetSizes(const FormatCommand& command, FormatValue* out) const {
  const http::StreamInfo& info = *record_.info;
  const auto number = [out](uint64_t n) {
    out->SetNumber(static_cast<int64_t>(n));
    return true;
  };
  switch (command.op) {
    case Operator::kBytesReceived:
      return number(info.bytes_received);
    case Operator::kBytesSent:
      return number(info.bytes_sent);
    case Operator::kRequestHeadersBytes:
      return number(info.request_header_bytes);
    case Operator::kResponseHeadersBytes:
      return number(info.response_header_bytes);
    case Operator::kResponseTrailersBytes:
      return number(record_.trailers == nullptr ? 0 : record_.trailers->byte_size());
    case Operator::kDownstreamWireBytesSent:
      return number(info.wire_bytes_sent);
    case Operator::kDownstreamWireBytesReceived:
      return number(info.wire_bytes_received);
    case Operator::kUpstreamWireBytesSent:
      return number(info.upstream.wire_bytes_sent);
    case Operator::kUpstreamWireBytesReceived:
      return number(info.upstream.wire_bytes_received);
    // Of a stream's bytes, those that were not body: with HTTP/1's chunk sizes and HTTP/2's frame heads.
    case Operator::kDownstreamHeaderBytesSent:
      return number(Beyond(info.wire_bytes_sent, info.bytes_sent));
    case Operator::kDownstreamHeaderBytesReceived:
      return number(Beyond(info.wire_bytes_received, info.bytes_received));
    case Operator::kUpstreamHeaderBytesSent:
      return number(Beyond(info.upstream.wire_bytes_sent, info.bytes_received));
    case Operator::kUpstreamHeaderBytesReceived:
      return number(Beyond(info.upstream.wire_bytes_received, info.bytes_sent));
    case Operator::kDownstreamDecompressedHeaderBytesSent:
      return number(info.response_header_bytes);
    case Operator::kDownstreamDecompressedHeaderBytesReceived:
      return number(info.request_header_bytes);
    case Operator::kBytesRetransmitted:
    case Operator::kPacketsRetransmitted:
      return number(0);  // of HTTP/3
    case Operator::kResponseCode:
      return number(info.response_code);
    case Operator::kUpstreamRequestAttemptCount:
      return number(info.upstream.attempts);
    default:
      return false;
  }
}

bool RecordSource::GetAddresses(const FormatCommand& command, std::string* scratch, FormatValue* out) const {
  if (record_.downstream == nullptr) return false;
  const net::ConnectionProperties& properties = record_.downstream->properties();
  const auto none = [](const net::Address& a) { return a.kind() == net::Address::Kind::kNone; };
  const net::Address& direct_local = none(properties.direct_local) ? properties.local : properties.direct_local;
  // Whom trusted proxies name, if that is not who is connected; then no port is known.
  const IpAddress& client = record_.info->client;
  const bool forwarded =
      client.family != IpAddress::Family::kNone && client != IpAddress::FromBytes(properties.remote.ip_bytes());
  absl::StatusOr<net::Address> named = forwarded ? net::Address::ParseIp(client.ToString(), 0) : properties.remote;
  const net::Address& remote = named.ok() ? *named : properties.remote;
  const auto text = [&](const net::Address& a) {
    SetOwned(a.ToString(), scratch, out);
    return true;
  };
  const auto ip = [&](const net::Address& a) {
    SetOwned(a.IpString(), scratch, out);
    return true;
  };
  const auto port = [&](const net::Address& a) {
    if (a.ip()) out->SetNumber(a.port());
    return true;
  };
  switch (command.op) {
    case Operator::kDownstreamRemoteAddress:
      return text(remote);
    case Operator::kDownstreamRemoteAddressWithoutPort:
      return ip(remote);
    case Operator::kDownstreamRemotePort:
      return port(remote);
    case Operator::kDownstreamDirectRemoteAddress:
      return text(properties.source());
    case Operator::kDownstreamDirectRemoteAddressWithoutPort:
      return ip(properties.source());
    case Operator::kDownstreamDirectRemotePort:
      return port(properties.source());
    case Operator::kDownstreamLocalAddress:
      return text(properties.local);
    case Operator::kDownstreamLocalAddressWithoutPort:
      return ip(properties.local);
    case Operator::kDownstreamLocalPort:
      return port(properties.local);
    case Operator::kDownstreamDirectLocalAddress:
      return text(direct_local);
    case Operator::kDownstreamDirectLocalAddressWithoutPort:
      return ip(direct_local);
    case Operator::kDownstreamDirectLocalPort:
      return port(direct_local);
    case Operator::kConnectionId:
      out->SetNumber(static_cast<int64_t>(record_.downstream->id()));
      return true;
    case Operator::kDownstreamTransportFailureReason:
      SetIfAny(record_.downstream->failure().text, out);
      return true;
    case Operator::kRequestedServerName: {
      absl::string_view name = properties.server_name();
      if (const net::TlsInfo* tls = record_.downstream->transport().tls(); name.empty() && tls != nullptr)
        name = tls->server_name();
      SetIfAny(name, out);
      return true;
    }
    default:
      return false;
  }
}

bool RecordSource::GetDownstreamTls(const FormatCommand& command, std::string* scratch, FormatValue* out) const {
  const net::TlsInfo* tls = record_.downstream == nullptr ? nullptr : record_.downstream->transport().tls();
  const auto peer = [&](Fact fact) {
    if (tls != nullptr) SetIfAny(tls->Peer(fact), out);
    return true;
  };
  const auto local = [&](Fact fact) {
    if (tls != nullptr) SetIfAny(tls->Local(fact), out);
    return true;
  };
  (void)scratch;
  switch (command.op) {
    case Operator::kDownstreamPeerUriSan:
      return peer(Fact::kUriSans);
    case Operator::kDownstreamPeerDnsSan:
      return peer(Fact::kDnsSans);
    case Operator::kDownstreamPeerIpSan:
      return peer(Fact::kIpSans);
    case Operator::kDownstreamPeerEmailSan:
      return peer(Fact::kEmailSans);
    case Operator::kDownstreamPeerSubject:
      return peer(Fact::kSubject);
    case Operator::kDownstreamPeerIssuer:
      return peer(Fact::kIssuer);
    case Operator::kDownstreamPeerSerial:
      return peer(Fact::kSerial);
    case Operator::kDownstreamPeerFingerprint256:
      return peer(Fact::kSha256);
    case Operator::kDownstreamPeerFingerprint1:
      return peer(Fact::kSha1);
    case Operator::kDownstreamPeerCert:
      return peer(Fact::kPemEncoded);
    case Operator::kDownstreamPeerCertVStart:
      return peer(Fact::kNotBefore);
    case Operator::kDownstreamPeerCertVEnd:
      return peer(Fact::kNotAfter);
    case Operator::kDownstreamLocalUriSan:
      return local(Fact::kUriSans);
    case Operator::kDownstreamLocalDnsSan:
      return local(Fact::kDnsSans);
    case Operator::kDownstreamLocalIpSan:
      return local(Fact::kIpSans);
    case Operator::kDownstreamLocalEmailSan:
      return local(Fact::kEmailSans);
    case Operator::kDownstreamLocalSubject:
      return local(Fact::kSubject);
    case Operator::kDownstreamTlsVersion:
      if (tls != nullptr) SetIfAny(tls->version(), out);
      return true;
    case Operator::kDownstreamTlsCipher:
      if (tls != nullptr) SetIfAny(tls->cipher(), out);
      return true;
    case Operator::kDownstreamTlsSessionId:
      if (tls != nullptr) SetIfAny(tls->session_id(), out);
      return true;
    default:
      return false;
  }
}

bool RecordSource::GetUpstream(const FormatCommand& command, std::string* scratch, FormatValue* out) const {
  const http::UpstreamInfo& up = record_.info->upstream;
  const auto any = [out](absl::string_view text) {
    SetIfAny(text, out);
    return true;
  };
  switch (command.op) {
    case Operator::kUpstreamHost:
    case Operator::kUpstreamRemoteAddress:
      if (up.host != nullptr) SetOwned(up.host->ToString(), scratch, out);
      return true;
    case Operator::kUpstreamRemoteAddressWithoutPort:
      if (up.host != nullptr) SetOwned(up.host->IpString(), scratch, out);
      return true;
    case Operator::kUpstreamRemotePort:
      if (up.host != nullptr && up.host->ip()) out->SetNumber(up.host->port());
      return true;
    case Operator::kUpstreamHostName:
      if (!up.host_name.empty())
        out->SetText(up.host_name);
      else if (up.host != nullptr)
        SetOwned(up.host->ToString(), scratch, out);
      return true;
    case Operator::kUpstreamHostNameWithoutPort:
      if (!up.host_name.empty()) return any(up.host_name.substr(0, up.host_name.find(':')));
      if (up.host != nullptr) SetOwned(up.host->IpString(), scratch, out);
      return true;
    case Operator::kUpstreamHostsAttempted:
    case Operator::kUpstreamHostsAttemptedWithoutPort:
    case Operator::kUpstreamHostNamesAttempted:
    case Operator::kUpstreamHostNamesAttemptedWithoutPort:
    case Operator::kUpstreamConnectionIdsAttempted:
      SetOwned(Attempted(command.op, up), scratch, out);
      return true;
    case Operator::kUpstreamCluster:
      return any(up.cluster_stat_name.empty() ? up.cluster : up.cluster_stat_name);
    case Operator::kUpstreamClusterRaw:
      return any(up.cluster);
    case Operator::kUpstreamLocalAddress:
      if (up.local.kind() != net::Address::Kind::kNone) SetOwned(up.local.ToString(), scratch, out);
      return true;
    case Operator::kUpstreamLocalAddressWithoutPort:
      if (up.local.ip()) SetOwned(up.local.IpString(), scratch, out);
      return true;
    case Operator::kUpstreamLocalPort:
      if (up.local.ip()) out->SetNumber(up.local.port());
      return true;
    case Operator::kUpstreamTransportFailureReason:
      return any(up.transport_failure);
    case Operator::kUpstreamProtocol:
      if (up.connection_id != 0) out->SetText(http::ProtocolName(up.protocol));
      return true;
    case Operator::kUpstreamConnectionId:
      if (up.connection_id != 0) out->SetNumber(static_cast<int64_t>(up.connection_id));
      return true;
    default:
      return GetUpstreamTls(command, out);
  }
}

namespace {

OriginRef OriginIn(const http::AccessLogRecord& record, matching::OriginKind kind) {
  using Kind = matching::OriginKind;
  const ResourceOrigin* routes =
      record.route == nullptr || record.route->table == nullptr ? nullptr : record.route->table->resource_origin.get();
  switch (kind) {
    case Kind::kListener:
      if (const ResourceOrigin* listener = record.filter_chain_origin.resource; listener != nullptr)
        return {listener, listener->id()};
      return {};
    case Kind::kFilterChain:
      return record.filter_chain_origin;
    case Kind::kRouteConfiguration:
      return routes == nullptr ? OriginRef() : OriginRef{routes, record.route->table->origin};
    case Kind::kVirtualHost:
      return routes == nullptr ? OriginRef() : OriginRef{routes, record.route->virtual_host->origin};
    case Kind::kRoute:
      return routes == nullptr ? OriginRef() : OriginRef{routes, record.route->origin};
    case Kind::kPolicy:
      return record.info->policy;
    case Kind::kCluster:
      return record.info->upstream.cluster_origin;
  }
  return {};
}

}  // namespace

void RecordSource::Get(const FormatCommand& command, std::string* scratch, FormatValue* out) const {
  const http::StreamInfo& info = *record_.info;
  switch (command.op) {
    case Operator::kProtocol:
      if (record_.request != nullptr || info.response_code != 0) out->SetText(http::ProtocolName(info.protocol));
      return;
    case Operator::kResponseFlags:
    case Operator::kResponseFlagsLong:
      if (info.flags.empty()) return out->SetText("-");  // in JSON too: it is known that there are none
      command.op == Operator::kResponseFlags ? info.flags.AppendShort(*scratch) : info.flags.AppendLong(*scratch);
      out->SetText(*scratch);
      return;
    case Operator::kResponseCodeDetails:
      SetIfAny(info.details, out);
      return;
    case Operator::kConnectionTerminationDetails:
      SetIfAny(info.termination, out);
      return;
    case Operator::kRouteName:
      if (record_.route != nullptr) SetIfAny(record_.route->name, out);
      return;
    case Operator::kOrigin: {
      std::string text = OriginIn(record_, command.origin).ToString();
      if (!text.empty()) SetOwned(std::move(text), scratch, out);
      return;
    }
    case Operator::kStreamId:
      SetIfAny(info.request_id, out);
      return;
    case Operator::kUniqueId: {
      event::Engine& engine = record_.dispatcher->engine();
      SetOwned(std::string(observe::View(observe::MakeRequestId(engine.RandomBits(), engine.RandomBits()))), scratch,
               out);
      return;
    }
    case Operator::kFilterChainName:
      SetIfAny(record_.filter_chain, out);
      return;
    case Operator::kAccessLogType:
      out->SetText(LogEventName(record_.event));
      return;
    case Operator::kLocalReplyBody:
      SetIfAny(record_.local_reply_body, out);
      return;
    case Operator::kFilterState:
      if (record_.filter_state != nullptr) {
        if (const auto* object = record_.filter_state->Get(command.text); object != nullptr)
          SetOwned(object->Text(), scratch, out);
      }
      return;
    default:
      break;
  }
  if (GetSizes(command, out) || GetTimes(command, out) || GetUpstream(command, scratch, out)) return;
  if (GetAddresses(command, scratch, out)) return;
  GetDownstreamTls(command, scratch, out);
}

}  // namespace outrigger::model
