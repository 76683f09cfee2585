#include "source/config/access_logs.h"

#include "envoy/extensions/access_loggers/file/v3/file.pb.h"
#include "envoy/extensions/access_loggers/stream/v3/stream.pb.h"
#include "source/extension/fault.h"
#include "source/extension/formats.h"
#include "source/extension/matchers.h"
#include "source/model/access_log.h"
#include "source/schema/typed_struct.h"

namespace outrigger::config {

namespace file_v3 = envoy::extensions::access_loggers::file::v3;
namespace stream_v3 = envoy::extensions::access_loggers::stream::v3;
using extension::Fault;
using model::BodyFormat;

namespace {

absl::StatusOr<BodyFormat> DefaultFormat(BuildContext& context) {
  auto text = matching::TextFormat::Create(matching::DefaultAccessLogFormat(), context.format_options());
  if (!text.ok()) return text.status();
  return BodyFormat(*std::move(text));
}

absl::StatusOr<BodyFormat> JsonOf(const google::protobuf::Struct& fields, BuildContext& context) {
  auto json = matching::JsonFormat::Create(extension::ToStruct(fields), context.format_options());
  if (!json.ok()) return json.status();
  return BodyFormat(*std::move(json));
}

absl::StatusOr<BodyFormat> FileFormat(const file_v3::FileAccessLog& log, BuildContext& context) {
  switch (log.access_log_format_case()) {
    case file_v3::FileAccessLog::kFormat: {
      OUTRIGGER_ASSIGN(auto text, "format", matching::TextFormat::Create(log.format(), context.format_options()));
      return BodyFormat(std::move(text));
    }
    case file_v3::FileAccessLog::kJsonFormat: {
      OUTRIGGER_ASSIGN(auto made, "json_format", JsonOf(log.json_format(), context));
      return made;
    }
    case file_v3::FileAccessLog::kTypedJsonFormat: {
      OUTRIGGER_ASSIGN(auto made, "typed_json_format", JsonOf(log.typed_json_format(), context));
      return made;
    }
    case file_v3::FileAccessLog::kLogFormat: {
      OUTRIGGER_ASSIGN(auto made, "log_format", extension::BodyFormatOf(log.log_format(), context));
      return made;
    }
    default:
      return DefaultFormat(context);
  }
}

template <class Log>
absl::StatusOr<BodyFormat> StreamFormat(const Log& log, BuildContext& context) {
  if (!log.has_log_format()) return DefaultFormat(context);
  OUTRIGGER_ASSIGN(auto made, "log_format", extension::BodyFormatOf(log.log_format(), context));
  return made;
}

struct Target {
  std::string path;
  BodyFormat format;
};

absl::StatusOr<Target> TargetOf(const google::protobuf::Any& config, BuildContext& context) {
  auto message = schema::UnpackAny(config);
  if (!message.ok()) return message.status();
  if (const auto* file = dynamic_cast<const file_v3::FileAccessLog*>(message->get()); file != nullptr) {
    auto format = FileFormat(*file, context);
    if (!format.ok()) return format.status();
    return Target{file->path(), *std::move(format)};
  }
  if (const auto* out = dynamic_cast<const stream_v3::StdoutAccessLog*>(message->get()); out != nullptr) {
    auto format = StreamFormat(*out, context);
    if (!format.ok()) return format.status();
    return Target{"/dev/stdout", *std::move(format)};
  }
  if (const auto* err = dynamic_cast<const stream_v3::StderrAccessLog*>(message->get()); err != nullptr) {
    auto format = StreamFormat(*err, context);
    if (!format.ok()) return format.status();
    return Target{"/dev/stderr", *std::move(format)};
  }
  return Fault("", absl::StrCat((*message)->GetDescriptor()->full_name(), " is no access log known here"));
}

}  // namespace

absl::StatusOr<std::shared_ptr<const observe::AccessLog>> MakeAccessLog(
    const envoy::config::accesslog::v3::AccessLog& log, BuildContext& context) {
  model::AccessLogFilter filter;
  if (log.has_filter()) {
    OUTRIGGER_ASSIGN(filter, "filter", extension::AccessLogFilterOf(log.filter(), context));
  }
  OUTRIGGER_ASSIGN(Target target, "typed_config", TargetOf(log.typed_config(), context));
  OUTRIGGER_ASSIGN(auto sink, "typed_config.path", context.environment().access_logs.Open(target.path));
  return std::make_shared<const model::FormattedAccessLog>(std::move(filter), std::move(target.format),
                                                           std::move(sink));
}

}  // namespace outrigger::config
