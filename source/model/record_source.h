// Thread: worker
#pragma once

#include <string>

#include "source/http/access_log_record.h"
#include "source/matching/format_command.h"

namespace outrigger::model {

// Which facts of the upstream's TLS connection a command shows; RecordSource has them only if they were copied.
http::UpstreamTls::Wish UpstreamTlsWishOf(const matching::FormatCommand& command);
template <class Format>  // TextFormat, JsonFormat, HeaderFormat
http::UpstreamTls::Wish UpstreamTlsWishOf(const Format& format) {
  http::UpstreamTls::Wish wish = 0;
  format.ForEachCommand([&wish](const matching::FormatCommand& command) { wish |= UpstreamTlsWishOf(command); });
  return wish;
}

// Gives command operators their values from a record. Lives on the stack of whoever formats.
class RecordSource final : public matching::FormatSource {
 public:
  explicit RecordSource(const http::AccessLogRecord& record) : record_(record) {}
  const http::HeaderMap* RequestHeaders() const override { return record_.request; }
  const http::HeaderMap* ResponseHeaders() const override { return record_.response; }
  const http::HeaderMap* ResponseTrailers() const override { return record_.trailers; }
  const Metadata* FindMetadata(matching::MetadataKind kind) const override;
  void Get(const matching::FormatCommand& command, std::string* scratch, matching::FormatValue* out) const override;

 private:
  bool GetTimes(const matching::FormatCommand& command, matching::FormatValue* out) const;
  bool GetSizes(const matching::FormatCommand& command, matching::FormatValue* out) const;
  bool GetAddresses(const matching::FormatCommand& command, std::string* scratch, matching::FormatValue* out) const;
  bool GetDownstreamTls(const matching::FormatCommand& command, std::string* scratch, matching::FormatValue* out) const;
  bool GetUpstreamTls(const matching::FormatCommand& command, matching::FormatValue* out) const;
  bool GetUpstream(const matching::FormatCommand& command, std::string* scratch, matching::FormatValue* out) const;
  const http::AccessLogRecord& record_;
};

}  // namespace outrigger::model
