// Thread: any (commands are immutable); a FormatSource belongs to one worker
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "source/base/ip_address.h"
#include "source/base/time.h"
#include "source/base/value.h"
#include "source/http/header_map.h"
#include "source/matching/format_operator.h"
#include "source/matching/header_matcher.h"
#include "source/matching/time_format.h"

namespace outrigger::matching {

// The points between which COMMON_DURATION measures.
enum class TimePoint : uint8_t {
  kDownstreamRxBegin,
  kDownstreamRxEnd,
  kUpstreamConnectBegin,
  kUpstreamConnectEnd,
  kUpstreamHandshakeEnd,
  kUpstreamTxBegin,
  kUpstreamTxEnd,
  kUpstreamRxBegin,
  kUpstreamRxBodyBegin,
  kUpstreamRxEnd,
  kDownstreamTxBegin,
  kDownstreamTxEnd,
  kDownstreamConnectionBegin,
  kDownstreamConnectionEnd,
  kCustom,  // named by `text` (start) or `path[0]` (end) of the command
};
// What ORIGIN explains: the part of the configuration that decided.
enum class OriginKind : uint8_t {
  kListener,
  kFilterChain,
  kRouteConfiguration,
  kVirtualHost,
  kRoute,
  kPolicy,
  kCluster
};
enum class MetadataKind : uint8_t { kDynamic, kCluster, kRoute, kUpstreamHost, kListener, kFilterChain, kVirtualHost };

// What the format's author chose by parameters, where an operator has a choice.
enum class FormatMode : uint8_t {
  kDefault,
  kAllowWhitespace,  // RESPONSE_CODE_DETAILS
  kCamel,
  kSnake,
  kNumber,  // GRPC_STATUS
  kTyped,
  kPlain,
  kField,  // FILTER_STATE: of the object `text`, kField: its field path[0]
  kSniOnly,
  kSniFirst,
  kHostFirst,  // REQUESTED_SERVER_NAME
  kOriginal,
  kCurrent,
  kOriginalOrCurrent,  // which host or path (second choice, `choice`)
  kDecoded,            // QUERY_PARAMS
};

// One compiled command operator. Plain data; what is set depends on the operator.
struct FormatCommand {
  Operator op = Operator::kStartTime;
  FormatMode mode = FormatMode::kDefault;
  FormatMode choice = FormatMode::kDefault;
  MetadataKind metadata = MetadataKind::kDynamic;
  OriginKind origin = OriginKind::kRoute;
  TimePoint start = TimePoint::kDownstreamRxBegin, end = TimePoint::kDownstreamRxBegin;
  int64_t divisor = 1;                // COMMON_DURATION: nanoseconds for one unit
  bool without_query = false;         // PATH(NQ), REQ_WITHOUT_QUERY
  int32_t max_length = -1;            // ":Z", bytes; -1: none
  int32_t mask = -1;                  // ..._WITHOUT_PORT(N): prefix length; -1: none
  OwnedHeaderName name, alternative;  // REQ, RESP, TRAILER; alternative is empty if there is none
  std::string text;                   // namespace, key, parameter name
  std::vector<std::string> path;      // keys below it
  std::shared_ptr<const TimeFormat> time;
  std::vector<FormatCommand> first_of;  // COALESCE
};

// A value on its way into text, JSON or a header. Views are good until the next Get of the same source and scratch.
struct FormatValue {
  enum class Kind : uint8_t { kMissing, kText, kNumber, kBool, kTree, kTime };
  Kind kind = Kind::kMissing;
  absl::string_view text;
  int64_t number = 0;  // also nanoseconds of COMMON_DURATION, and 0/1 of kBool
  const Value* tree = nullptr;
  WallTime time{};

  void SetText(absl::string_view value) {
    kind = Kind::kText;
    text = value;
  }
  void SetNumber(int64_t value) {
    kind = Kind::kNumber;
    number = value;
  }
  void SetTime(WallTime value) {
    kind = Kind::kTime;
    time = value;
  }
  void SetTree(const Value* value) {
    kind = value == nullptr ? Kind::kMissing : Kind::kTree;
    tree = value;
  }
};

// Where values come from: a stream, a connection. Headers and metadata are asked directly; everything else through Get.
class FormatSource {
 public:
  virtual ~FormatSource() = default;
  // Null where there are none (yet).
  virtual const http::HeaderMap* RequestHeaders() const = 0;
  virtual const http::HeaderMap* ResponseHeaders() const = 0;
  virtual const http::HeaderMap* ResponseTrailers() const = 0;
  virtual const Metadata* FindMetadata(MetadataKind kind) const = 0;
  // Sets *out, or leaves it missing. Text made for it goes into *scratch (empty when called). Numbers as numbers
  // (durations in ms; COMMON_DURATION the nanoseconds from command.start to command.end), times as times, addresses and
  // host names as text, the
  // ..._WITHOUT_PORT ones as a bare address without mask, REQUESTED_SERVER_NAME the SNI.
  virtual void Get(const FormatCommand& command, std::string* scratch, FormatValue* out) const = 0;
};

// The value of a command, complete but for its length limit. Time and gRPC text is made in *scratch.
FormatValue Evaluate(const FormatCommand& command, const FormatSource& source, std::string* scratch);

// Facts of the process that are folded into formats when they are built.
struct FormatOptions {
  std::string hostname;
  const char* (*environment)(const char* name) = nullptr;  // null: no variable is set
  bool omit_empty_values = false;
};

// A piece of a format: literal text, or a command.
struct FormatPart {
  std::string literal;
  std::unique_ptr<const FormatCommand> command;  // null: the literal
};
// Cuts a format into parts; "%%" is a percent sign; neighbouring literals and constants are merged. The error names the
// operator and its position.
absl::StatusOr<std::vector<FormatPart>> ParseFormat(absl::string_view format, const FormatOptions& options);
// One operator by name and parameter, as COALESCE and ParseFormat use it.
absl::StatusOr<FormatCommand> MakeCommand(absl::string_view name, bool has_parameter, absl::string_view parameter,
                                          int32_t max_length);

}  // namespace outrigger::matching
