#include "source/filters/network/http_connection_manager/stream_state.h"
#include "source/model/header_mutation.h"
#include "source/model/record_source.h"

namespace outrigger::filters::hcm {

void RewriteLocalReply(const HcmConfig& config, http::Stream& stream, net::Connection& /*connection*/,
                       http::LocalReply& reply, http::HeaderMap& headers) {
  if (config.local_reply_mappers.empty() && config.local_reply_format == nullptr) return;
  const uint32_t before = stream.info().response_code;
  stream.info().response_code = reply.status;  // what filters and formats see
  const model::BodyFormat* format = config.local_reply_format.get();
  http::AccessLogRecord record = model::RecordOf(stream);
  record.response = &headers;
  record.random = stream.random();
  for (const LocalReplyMapper& mapper : config.local_reply_mappers) {
    if (!mapper.filter.Accepts(record)) continue;
    if (mapper.status != 0) {
      reply.status = mapper.status;
      stream.info().response_code = mapper.status;
      headers.SetStatus(mapper.status);
    }
    if (mapper.has_body) reply.body = mapper.body;
    if (mapper.format != nullptr) format = mapper.format.get();
    model::Mutate(stream, mapper.headers, headers);
    break;
  }
  if (format != nullptr) {
    record.local_reply_body = reply.body;
    std::string body;
    format->Append(model::RecordSource(record), &body);
    reply.body = stream.arena().Copy(body);
    reply.content_type = format->ContentType();
  }
  stream.info().response_code = before;
}

}  // namespace outrigger::filters::hcm
