// Thread: built on main, immutable; Log() worker
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "source/http/access_log_record.h"
#include "source/matching/format.h"
#include "source/matching/header_matcher.h"
#include "source/matching/value_matcher.h"
#include "source/observe/access_log.h"
#include "source/observe/response_flags.h"

namespace outrigger::model {

// config.accesslog.v3.AccessLogFilter, compiled. The default accepts everything.
struct AccessLogFilter {
  enum class Kind : uint8_t {
    kAll,
    kStatusCode,
    kDuration,
    kNotHealthCheck,
    kTraceable,
    kRuntime,
    kAnd,
    kOr,
    kHeader,
    kResponseFlags,
    kGrpcStatus,
    kMetadata,
    kLogType
  };
  enum class Compare : uint8_t { kEqual, kAtLeast, kAtMost, kNotEqual };
  Kind kind = Kind::kAll;
  Compare compare = Compare::kEqual;
  uint64_t value = 0;                               // status code, or milliseconds
  uint32_t numerator = 0, denominator = 100;        // kRuntime
  bool independent = false;                         // kRuntime: of the request id, which hops share
  std::vector<AccessLogFilter> parts;               // kAnd, kOr
  std::vector<matching::HeaderMatcher> header;      // kHeader: one
  observe::ResponseFlags flags;                     // kResponseFlags; empty: any flag
  uint32_t grpc_statuses = 0;                       // kGrpcStatus: bit per status
  bool exclude = false;                             // kGrpcStatus
  std::vector<matching::MetadataMatcher> metadata;  // kMetadata: one
  bool match_if_missing = true;
  uint32_t log_types = 0;  // kLogType: bit per http::LogEvent
  bool Accepts(const http::AccessLogRecord& record) const;
};

// text_format or json_format of a SubstitutionFormatString, with its content type where it makes a body.
class BodyFormat {
 public:
  explicit BodyFormat(matching::TextFormat text) : text_(std::move(text)) {}
  explicit BodyFormat(matching::JsonFormat json) : json_(std::move(json)), is_json_(true) {}
  void Append(const matching::FormatSource& source, std::string* out) const {
    is_json_ ? json_.Append(source, out) : text_.Append(source, out);
  }
  http::UpstreamTls::Wish upstream_tls_wish() const;
  std::string content_type;  // empty: text/plain or application/json

 private:
  matching::TextFormat text_;
  matching::JsonFormat json_;
  bool is_json_ = false;

 public:
  absl::string_view ContentType() const {
    return !content_type.empty() ? absl::string_view(content_type) : is_json_ ? "application/json" : "text/plain";
  }
};

// An access log that writes formatted lines to a file or standard stream.
class FormattedAccessLog final : public observe::AccessLog {
 public:
  FormattedAccessLog(AccessLogFilter filter, BodyFormat format, std::shared_ptr<observe::AccessLogSink> sink)
      : filter_(std::move(filter)),
        format_(std::move(format)),
        sink_(std::move(sink)),
        upstream_tls_wish_(format_.upstream_tls_wish()) {}
  void Log(observe::WorkerStats& worker, const http::AccessLogRecord& record) const override;
  uint32_t upstream_tls_wish() const override { return upstream_tls_wish_; }

 private:
  AccessLogFilter filter_;
  BodyFormat format_;
  std::shared_ptr<observe::AccessLogSink> sink_;
  const uint32_t upstream_tls_wish_;
};

}  // namespace outrigger::model
