#include "source/model/access_log.h"

#include <algorithm>

#include "source/http/grpc_status.h"
#include "source/model/record_source.h"
#include "source/observe/trace_context.h"

namespace outrigger::model {

namespace {

bool Holds(AccessLogFilter::Compare compare, uint64_t actual, uint64_t value) {
  switch (compare) {
    case AccessLogFilter::Compare::kEqual:
      return actual == value;
    case AccessLogFilter::Compare::kAtLeast:
      return actual >= value;
    case AccessLogFilter::Compare::kAtMost:
      return actual <= value;
    case AccessLogFilter::Compare::kNotEqual:
      return actual != value;
  }
  return false;
}

uint32_t GrpcStatusOf(const http::AccessLogRecord& record) {
  int status = record.trailers == nullptr ? -1 : http::ReadGrpcStatus(*record.trailers);
  if (status < 0 && record.response != nullptr) status = http::ReadGrpcStatus(*record.response);
  if (status < 0) status = http::GrpcStatusFromHttp(record.info->response_code);
  return static_cast<uint32_t>(status);
}

// By the request id where there is one, so that all hops log the same requests.
uint64_t DrawOf(const http::AccessLogRecord& record, bool independent) {
  if (!independent) {
    if (const auto number = observe::RequestIdNumber(record.info->request_id); number.has_value()) return *number;
  }
  return record.random;
}

}  // namespace

bool AccessLogFilter::Accepts(const http::AccessLogRecord& record) const {
  const http::StreamInfo& info = *record.info;
  const auto accepts = [&record](const AccessLogFilter& part) { return part.Accepts(record); };
  switch (kind) {
    case Kind::kAll:
      return true;
    case Kind::kStatusCode:
      return Holds(compare, info.response_code, value);
    case Kind::kDuration: {
      const MonotonicTime end = info.done != MonotonicTime{} ? info.done : record.dispatcher->now();
      return Holds(compare, static_cast<uint64_t>(ToMillis(end - info.start)), value);
    }
    case Kind::kNotHealthCheck:
      return !info.health_check;
    case Kind::kTraceable:
      return false;  // nothing is traced yet
    case Kind::kRuntime:
      return denominator != 0 && DrawOf(record, independent) % denominator < numerator;
    case Kind::kAnd:
      return std::all_of(parts.begin(), parts.end(), accepts);
    case Kind::kOr:
      return std::any_of(parts.begin(), parts.end(), accepts);
    case Kind::kHeader:
      return record.request != nullptr && matching::MatchAll(header, *record.request);
    case Kind::kResponseFlags:
      return flags.empty() ? !info.flags.empty() : info.flags.HasAny(flags);
    case Kind::kGrpcStatus: {
      const uint32_t status = GrpcStatusOf(record);
      const bool in = status < 32 && (grpc_statuses >> status & 1) != 0;
      return in != exclude;
    }
    case Kind::kMetadata: {
      if (record.dynamic_metadata == nullptr) return match_if_missing;
      return std::all_of(metadata.begin(), metadata.end(),
                         [&](const auto& m) { return m.Match(record.dynamic_metadata); });
    }
    case Kind::kLogType:
      return (log_types >> static_cast<uint32_t>(record.event) & 1) != 0;
  }
  return false;
}

http::UpstreamTls::Wish BodyFormat::upstream_tls_wish() const {
  return is_json_ ? UpstreamTlsWishOf(json_) : UpstreamTlsWishOf(text_);
}

void FormattedAccessLog::Log(observe::WorkerStats& worker, const http::AccessLogRecord& record) const {
  if (!filter_.Accepts(record)) return;
  // One line's memory per thread, kept: formatting does not allocate in the steady state.
  static thread_local std::string line;
  line.clear();
  format_.Append(RecordSource(record), &line);
  sink_->Write(worker, line);
}

}  // namespace outrigger::model
