// How each operator gets its value: from headers, paths and metadata here, everything else from the source.
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "source/base/ip_text.h"
#include "source/matching/format_command.h"
#include "source/matching/query.h"
#include "source/matching/string_matcher.h"
#include "source/matching/value_matcher.h"

namespace outrigger::matching {
namespace {

void FromHeaders(const FormatCommand& command, const http::HeaderMap* headers, FormatValue* out) {
  if (headers == nullptr) return;
  const http::HeaderMap::Entry* entry = headers->Find(command.name.get());
  if (entry == nullptr && !command.alternative.text().empty()) entry = headers->Find(command.alternative.get());
  if (entry == nullptr) return;
  out->SetText(command.without_query ? entry->value.substr(0, entry->value.find('?')) : entry->value);
}

// The original of a header where it was rewritten, or what it is now, as `choice` says.
absl::string_view Choose(FormatMode choice, absl::string_view original, absl::string_view current) {
  if (choice == FormatMode::kOriginal) return original;
  if (choice == FormatMode::kOriginalOrCurrent && original.data() != nullptr) return original;
  return current;
}

void FromPath(const FormatCommand& command, const http::HeaderMap* headers, FormatValue* out) {
  if (headers == nullptr) return;
  const absl::string_view path =
      Choose(command.choice, headers->Get(http::KnownHeader::kXEnvoyOriginalPath), headers->path());
  if (path.data() == nullptr) return;
  out->SetText(command.without_query ? PathWithoutQuery(path) : path);
}

void FromQuery(const FormatCommand& command, const http::HeaderMap* headers, std::string* scratch, FormatValue* out) {
  if (headers == nullptr) return;
  const absl::string_view query = QueryOf(headers->path());
  if (command.op == Operator::kQueryParam) {
    const absl::string_view value = FindQueryParameter(query, command.text);
    if (value.data() != nullptr) out->SetText(value);
    return;
  }
  if (query.data() == nullptr) return;
  if (command.mode != FormatMode::kDecoded) {
    out->SetText(query);
    return;
  }
  scratch->clear();
  for (size_t i = 0; i < query.size(); ++i) {
    const absl::string_view hex = query.substr(i, 3);
    uint32_t byte = 0;
    if (hex.size() == 3 && hex[0] == '%' && absl::ascii_isxdigit(static_cast<unsigned char>(hex[1])) &&
        absl::ascii_isxdigit(static_cast<unsigned char>(hex[2])) && absl::SimpleHexAtoi(hex.substr(1), &byte) &&
        byte >= 0x20 && byte != 0x7f) {  // a control would end a line of the log
      scratch->push_back(static_cast<char>(byte));
      i += 2;
    } else {
      scratch->push_back(query[i]);
    }
  }
  out->SetText(*scratch);
}

void FromMetadata(const FormatCommand& command, const FormatSource& source, FormatValue* out) {
  const Metadata* metadata = source.FindMetadata(command.metadata);
  if (metadata == nullptr) return;
  const auto at = metadata->find(command.text);
  if (at != metadata->end()) out->SetTree(FindValue(at->second, command.path));
}

struct GrpcName {
  absl::string_view camel, snake;
};
constexpr GrpcName kGrpcNames[] = {
    {"OK", "OK"},
    {"Canceled", "CANCELLED"},
    {"Unknown", "UNKNOWN"},
    {"InvalidArgument", "INVALID_ARGUMENT"},
    {"DeadlineExceeded", "DEADLINE_EXCEEDED"},
    {"NotFound", "NOT_FOUND"},
    {"AlreadyExists", "ALREADY_EXISTS"},
    {"PermissionDenied", "PERMISSION_DENIED"},
    {"ResourceExhausted", "RESOURCE_EXHAUSTED"},
    {"FailedPrecondition", "FAILED_PRECONDITION"},
    {"Aborted", "ABORTED"},
    {"OutOfRange", "OUT_OF_RANGE"},
    {"Unimplemented", "UNIMPLEMENTED"},
    {"Internal", "INTERNAL"},
    {"Unavailable", "UNAVAILABLE"},
    {"DataLoss", "DATA_LOSS"},
    {"Unauthenticated", "UNAUTHENTICATED"},
};

// As the gRPC specification maps an HTTP status where the peer gave no gRPC status.
int64_t GrpcFromHttp(uint32_t status) {
  switch (status) {
    case 400:
      return 13;
    case 401:
      return 16;
    case 403:
      return 7;
    case 404:
      return 12;
    case 429:
    case 502:
    case 503:
    case 504:
      return 14;
    default:
      return 2;
  }
}

void FromGrpc(const FormatCommand& command, const FormatSource& source, FormatValue* out) {
  const http::HeaderMap* request = source.RequestHeaders();
  if (request == nullptr || !absl::StartsWith(request->Get(http::KnownHeader::kContentType), "application/grpc"))
    return;
  absl::string_view text;
  if (source.ResponseTrailers() != nullptr) text = source.ResponseTrailers()->Get(http::KnownHeader::kGrpcStatus);
  if (text.data() == nullptr && source.ResponseHeaders() != nullptr) {
    text = source.ResponseHeaders()->Get(http::KnownHeader::kGrpcStatus);
  }
  int64_t status = -1;
  if (text.data() != nullptr) {
    if (!absl::SimpleAtoi(text, &status) || status < 0) status = -1;
  } else if (source.ResponseHeaders() != nullptr && source.ResponseHeaders()->status() != 0) {
    status = GrpcFromHttp(source.ResponseHeaders()->status());
  } else {
    return;
  }
  const bool number = command.op == Operator::kGrpcStatusNumber || command.mode == FormatMode::kNumber;
  if (number || status < 0 || status >= static_cast<int64_t>(std::size(kGrpcNames))) {
    out->SetNumber(status);
    return;
  }
  const GrpcName& name = kGrpcNames[status];
  out->SetText(command.mode == FormatMode::kSnake ? name.snake : name.camel);
}

void FromServerName(const FormatCommand& command, const FormatSource& source, std::string* scratch, FormatValue* out) {
  if (command.mode != FormatMode::kHostFirst) source.Get(command, scratch, out);
  const bool has = out->kind == FormatValue::Kind::kText && !out->text.empty();
  const http::HeaderMap* headers = source.RequestHeaders();
  if (has || command.mode == FormatMode::kSniOnly || headers == nullptr) return;
  const absl::string_view original = headers->Get(http::HeaderName(absl::string_view("x-envoy-original-host")));
  const absl::string_view host = Choose(command.choice, original, headers->authority());
  if (host.data() != nullptr) out->SetText(host);
}

// "10.1.2.3" with a mask of 16 as "10.1.0.0/16".
void Mask(int32_t bits, std::string* scratch, FormatValue* out) {
  if (bits < 0 || out->kind != FormatValue::Kind::kText) return;
  const IpAddress address = ParseIpOrNone(out->text);
  if (address.family == IpAddress::Family::kNone || bits > address.bit_length()) {
    *out = FormatValue();
    return;
  }
  *scratch = absl::StrCat(address.Masked(bits).ToString(), "/", bits);
  out->SetText(*scratch);
}

void WithoutSpaces(std::string* scratch, FormatValue* out) {
  if (out->kind != FormatValue::Kind::kText || out->text.find_first_of(" \t\r\n\v\f") == absl::string_view::npos)
    return;
  std::string text(out->text);  // `text` may be in *scratch
  for (char& c : text) c = absl::ascii_isspace(static_cast<unsigned char>(c)) ? '_' : c;
  *scratch = std::move(text);
  out->SetText(*scratch);
}

void FirstOf(const FormatCommand& command, const FormatSource& source, std::string* scratch, FormatValue* out) {
  for (const FormatCommand& one : command.first_of) {
    const FormatValue value = Evaluate(one, source, scratch);
    if (value.kind == FormatValue::Kind::kMissing) continue;
    *out = value;
    if (value.kind != FormatValue::Kind::kText) return;
    if (one.max_length >= 0) out->text = value.text.substr(0, static_cast<size_t>(one.max_length));
    if (!out->text.empty()) return;
    *out = FormatValue();
  }
}

}  // namespace

FormatValue Evaluate(const FormatCommand& command, const FormatSource& source, std::string* scratch) {
  FormatValue out;
  scratch->clear();
  switch (command.op) {
    case Operator::kRequestHeader:
    case Operator::kRequestHeaderWithoutQuery:
      FromHeaders(command, source.RequestHeaders(), &out);
      return out;
    case Operator::kResponseHeader:
      FromHeaders(command, source.ResponseHeaders(), &out);
      return out;
    case Operator::kTrailer:
      FromHeaders(command, source.ResponseTrailers(), &out);
      return out;
    case Operator::kPath:
      FromPath(command, source.RequestHeaders(), &out);
      return out;
    case Operator::kQueryParam:
    case Operator::kQueryParams:
      FromQuery(command, source.RequestHeaders(), scratch, &out);
      return out;
    case Operator::kDynamicMetadata:
    case Operator::kClusterMetadata:
    case Operator::kUpstreamMetadata:
    case Operator::kMetadata:
      FromMetadata(command, source, &out);
      return out;
    case Operator::kGrpcStatus:
    case Operator::kGrpcStatusNumber:
      FromGrpc(command, source, &out);
      return out;
    case Operator::kRequestedServerName:
      FromServerName(command, source, scratch, &out);
      return out;
    case Operator::kCoalesce:
      FirstOf(command, source, scratch, &out);
      return out;
    default:
      break;
  }
  source.Get(command, scratch, &out);
  if (out.kind == FormatValue::Kind::kMissing) return out;
  if (command.op == Operator::kResponseCodeDetails && command.mode != FormatMode::kAllowWhitespace) {
    WithoutSpaces(scratch, &out);
  } else if (command.op == Operator::kCommonDuration) {
    out.number /= command.divisor;
  }
  Mask(command.mask, scratch, &out);
  if (out.kind == FormatValue::Kind::kTime && command.time != nullptr) {
    scratch->clear();
    command.time->Append(out.time, scratch);
    out.SetText(*scratch);
  }
  return out;
}

}  // namespace outrigger::matching
