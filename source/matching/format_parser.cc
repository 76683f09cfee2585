#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "source/matching/coalesce.h"
#include "source/matching/format_command.h"

namespace outrigger::matching {
namespace {

enum class Parameters : uint8_t { kNone, kOptional, kRequired };

struct OperatorFacts {
  absl::string_view name;
  Parameters parameters;
  bool length;
};

const OperatorFacts kFacts[] = {
#define X(id, name, parameters, length) {name, Parameters::k##parameters, length},
    OUTRIGGER_FORMAT_OPERATORS(X)
#undef X
};

constexpr size_t kMaxFormat = 64 * 1024;  // bytes of one format

absl::Status Bad(absl::string_view why) { return absl::InvalidArgumentError(why); }

absl::Status SetTime(FormatCommand* command, absl::string_view parameter, bool local) {
  absl::StatusOr<TimeFormat> format = TimeFormat::Create(parameter, local);
  if (!format.ok()) return format.status();
  command->time = std::make_shared<const TimeFormat>(*std::move(format));
  return absl::OkStatus();
}

absl::Status SetHeaders(FormatCommand* command, absl::string_view parameter) {
  const std::pair<absl::string_view, absl::string_view> names = absl::StrSplit(parameter, absl::MaxSplits('?', 1));
  if (names.first.empty()) return Bad("it needs a header name");
  if (parameter.find_first_of("\r\n\0", 0, 3) != absl::string_view::npos)
    return Bad("the header name has a control character");
  if (names.second.find('?') != absl::string_view::npos) return Bad("more than one alternative header");
  command->name = OwnedHeaderName(names.first);
  if (!names.second.empty()) command->alternative = OwnedHeaderName(names.second);
  return absl::OkStatus();
}

absl::Status SetMetadata(FormatCommand* command, absl::string_view parameter) {
  std::vector<std::string> keys = absl::StrSplit(parameter, ':');
  if (keys.empty() || keys[0].empty()) return Bad("it needs a namespace");  // a null view has no pieces
  command->text = std::move(keys[0]);
  command->path.assign(std::make_move_iterator(keys.begin() + 1), std::make_move_iterator(keys.end()));
  return absl::OkStatus();
}

absl::Status SetAnyMetadata(FormatCommand* command, absl::string_view parameter) {
  static constexpr std::pair<absl::string_view, MetadataKind> kKinds[] = {
      {"DYNAMIC", MetadataKind::kDynamic},
      {"CLUSTER", MetadataKind::kCluster},
      {"ROUTE", MetadataKind::kRoute},
      {"UPSTREAM_HOST", MetadataKind::kUpstreamHost},
      {"LISTENER", MetadataKind::kListener},
      {"LISTENER_FILTER_CHAIN", MetadataKind::kFilterChain},
      {"VIRTUAL_HOST", MetadataKind::kVirtualHost},
  };
  const std::pair<absl::string_view, absl::string_view> split = absl::StrSplit(parameter, absl::MaxSplits(':', 1));
  for (const auto& [name, kind] : kKinds) {
    if (split.first != name) continue;
    command->metadata = kind;
    return SetMetadata(command, split.second);
  }
  return Bad(absl::StrCat("\"", split.first, "\" is not a type of metadata"));
}

absl::Status SetOrigin(FormatCommand* command, absl::string_view parameter) {
  static constexpr std::pair<absl::string_view, OriginKind> kKinds[] = {
      {"LISTENER", OriginKind::kListener},
      {"FILTER_CHAIN", OriginKind::kFilterChain},
      {"ROUTE_CONFIGURATION", OriginKind::kRouteConfiguration},
      {"VIRTUAL_HOST", OriginKind::kVirtualHost},
      {"ROUTE", OriginKind::kRoute},
      {"POLICY", OriginKind::kPolicy},
      {"CLUSTER", OriginKind::kCluster},
  };
  for (const auto& [name, kind] : kKinds) {
    if (parameter != name) continue;
    command->origin = kind;
    return absl::OkStatus();
  }
  return Bad(absl::StrCat("\"", parameter, "\" is nothing that has an origin"));
}

absl::Status SetFilterState(FormatCommand* command, absl::string_view parameter) {
  std::vector<std::string> parts = absl::StrSplit(parameter, ':');
  if (parts.empty() || parts[0].empty()) return Bad("it needs a key");
  command->text = parts[0];
  command->mode = FormatMode::kTyped;
  if (parts.size() == 1) return absl::OkStatus();
  if (parts[1] == "PLAIN" && parts.size() == 2) {
    command->mode = FormatMode::kPlain;
  } else if (parts[1] == "FIELD" && parts.size() == 3 && !parts[2].empty()) {
    command->mode = FormatMode::kField;
    command->path = {parts[2]};
  } else if (parts[1] != "TYPED" || parts.size() != 2) {
    return Bad("its form is KEY, KEY:PLAIN, KEY:TYPED or KEY:FIELD:NAME");
  }
  return absl::OkStatus();
}

TimePoint PointOf(absl::string_view name, std::string* custom) {
  static constexpr std::pair<absl::string_view, TimePoint> kPoints[] = {
      {"DS_RX_BEG", TimePoint::kDownstreamRxBegin},
      {"DS_RX_END", TimePoint::kDownstreamRxEnd},
      {"US_CX_BEG", TimePoint::kUpstreamConnectBegin},
      {"US_CX_END", TimePoint::kUpstreamConnectEnd},
      {"US_HS_END", TimePoint::kUpstreamHandshakeEnd},
      {"US_TX_BEG", TimePoint::kUpstreamTxBegin},
      {"US_TX_END", TimePoint::kUpstreamTxEnd},
      {"US_RX_BEG", TimePoint::kUpstreamRxBegin},
      {"US_RX_BODY_BEG", TimePoint::kUpstreamRxBodyBegin},
      {"US_RX_END", TimePoint::kUpstreamRxEnd},
      {"DS_TX_BEG", TimePoint::kDownstreamTxBegin},
      {"DS_TX_END", TimePoint::kDownstreamTxEnd},
      {"DS_CX_BEG", TimePoint::kDownstreamConnectionBegin},
      {"DS_CX_END", TimePoint::kDownstreamConnectionEnd},
  };
  for (const auto& [known, point] : kPoints) {
    if (known == name) return point;
  }
  *custom = std::string(name);
  return TimePoint::kCustom;
}

absl::Status SetCommonDuration(FormatCommand* command, absl::string_view parameter) {
  const std::vector<absl::string_view> parts = absl::StrSplit(parameter, ':');
  if (parts.size() != 3 || parts[0].empty() || parts[1].empty()) return Bad("its form is START:END:PRECISION");
  command->start = PointOf(parts[0], &command->text);
  command->path.resize(1);
  command->end = PointOf(parts[1], &command->path[0]);
  if (parts[2] == "ms") {
    command->divisor = 1000000;
  } else if (parts[2] == "us") {
    command->divisor = 1000;
  } else if (parts[2] != "ns") {
    return Bad(absl::StrCat("the precision \"", parts[2], "\" is not ms, us or ns"));
  }
  return absl::OkStatus();
}

struct Choice {
  absl::string_view name;
  FormatMode mode;
};

// Sets *mode to the choice with that name; an empty name keeps it.
absl::Status Choose(absl::string_view name, std::initializer_list<Choice> choices, FormatMode* mode) {
  if (name.empty()) return absl::OkStatus();
  for (const Choice& choice : choices) {
    if (choice.name == name) {
      *mode = choice.mode;
      return absl::OkStatus();
    }
  }
  return Bad(absl::StrCat("\"", name, "\" is not one of its parameters"));
}

absl::Status SetServerName(FormatCommand* command, absl::string_view parameter) {
  const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(parameter, absl::MaxSplits(':', 1));
  command->mode = FormatMode::kSniOnly;
  command->choice = FormatMode::kOriginalOrCurrent;
  absl::Status status = Choose(parts.first,
                               {{"SNI_ONLY", FormatMode::kSniOnly},
                                {"SNI_FIRST", FormatMode::kSniFirst},
                                {"HOST_FIRST", FormatMode::kHostFirst}},
                               &command->mode);
  if (!status.ok()) return status;
  return Choose(parts.second,
                {{"ORIG", FormatMode::kOriginal},
                 {"HOST", FormatMode::kCurrent},
                 {"ORIG_OR_HOST", FormatMode::kOriginalOrCurrent}},
                &command->choice);
}

absl::Status SetPath(FormatCommand* command, absl::string_view parameter) {
  const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(parameter, absl::MaxSplits(':', 1));
  if (parts.first == "NQ") {
    command->without_query = true;
  } else if (!parts.first.empty() && parts.first != "WQ") {
    return Bad(absl::StrCat("\"", parts.first, "\" is neither WQ nor NQ"));
  }
  command->choice = FormatMode::kOriginalOrCurrent;
  return Choose(parts.second,
                {{"ORIG", FormatMode::kOriginal},
                 {"PATH", FormatMode::kCurrent},
                 {"ORIG_OR_PATH", FormatMode::kOriginalOrCurrent}},
                &command->choice);
}

absl::Status SetMask(FormatCommand* command, absl::string_view parameter) {
  if (parameter.empty()) return absl::OkStatus();
  if (!absl::SimpleAtoi(parameter, &command->mask) || command->mask < 0 || command->mask > 128) {
    return Bad(absl::StrCat("\"", parameter, "\" is not a prefix length"));
  }
  return absl::OkStatus();
}

absl::Status SetParameter(FormatCommand* command, absl::string_view parameter) {
  if (absl::EndsWith(OperatorName(command->op), "_ADDRESS_WITHOUT_PORT")) return SetMask(command, parameter);
  switch (command->op) {
    case Operator::kStartTime:
    case Operator::kEmitTime:
      return SetTime(command, parameter, false);
    case Operator::kDownstreamPeerCertVStart:
    case Operator::kDownstreamPeerCertVEnd:
    case Operator::kUpstreamPeerCertVStart:
    case Operator::kUpstreamPeerCertVEnd:
      return SetTime(command, parameter.empty() ? "%b %e %H:%M:%S %Y GMT" : parameter, false);
    case Operator::kStartTimeLocal:
    case Operator::kEmitTimeLocal:
      return SetTime(command, parameter, true);
    case Operator::kRequestHeaderWithoutQuery:
      command->without_query = true;
      return SetHeaders(command, parameter);
    case Operator::kRequestHeader:
    case Operator::kResponseHeader:
    case Operator::kTrailer:
      return SetHeaders(command, parameter);
    case Operator::kClusterMetadata:
      command->metadata = MetadataKind::kCluster;
      return SetMetadata(command, parameter);
    case Operator::kUpstreamMetadata:
      command->metadata = MetadataKind::kUpstreamHost;
      return SetMetadata(command, parameter);
    case Operator::kDynamicMetadata:
      return SetMetadata(command, parameter);
    case Operator::kMetadata:
      return SetAnyMetadata(command, parameter);
    case Operator::kOrigin:
      return SetOrigin(command, parameter);
    case Operator::kFilterState:
    case Operator::kUpstreamFilterState:
      return SetFilterState(command, parameter);
    case Operator::kCommonDuration:
      return SetCommonDuration(command, parameter);
    case Operator::kRequestedServerName:
      return SetServerName(command, parameter);
    case Operator::kPath:
      return SetPath(command, parameter);
    case Operator::kResponseCodeDetails:
      return Choose(parameter, {{"ALLOW_WHITESPACES", FormatMode::kAllowWhitespace}}, &command->mode);
    case Operator::kQueryParams:
      return Choose(parameter, {{"ORIG", FormatMode::kDefault}, {"DECODED", FormatMode::kDecoded}}, &command->mode);
    case Operator::kGrpcStatus:
      command->mode = FormatMode::kCamel;
      return Choose(
          parameter,
          {{"CAMEL_STRING", FormatMode::kCamel}, {"SNAKE_STRING", FormatMode::kSnake}, {"NUMBER", FormatMode::kNumber}},
          &command->mode);
    case Operator::kCoalesce:
      return ParseCoalesce(parameter, &command->first_of);
    default:
      if (kFacts[static_cast<size_t>(command->op)].parameters == Parameters::kRequired && parameter.empty()) {
        return Bad("its parameter is empty");
      }
      command->text = std::string(parameter);
      return absl::OkStatus();
  }
}

Operator WithoutAlias(Operator op) {
  switch (op) {
    case Operator::kRequestHeaderLong:
      return Operator::kRequestHeader;
    case Operator::kResponseHeaderLong:
      return Operator::kResponseHeader;
    case Operator::kTrailerLong:
      return Operator::kTrailer;
    default:
      return op;
  }
}

struct Token {
  absl::string_view name;
  bool has_parameter = false;
  absl::string_view parameter;
  int32_t max_length = -1;
  size_t size = 0;  // characters used, with both percent signs
};

// ":digits%" or "%" at `at`: what may follow a name or a closing parenthesis.
bool ReadTail(absl::string_view text, size_t at, Token* token) {
  if (at >= text.size()) return false;
  size_t end = at;
  if (text[at] == ':') {
    ++end;
    while (end < text.size() && absl::ascii_isdigit(static_cast<unsigned char>(text[end]))) ++end;
    if (end == at + 1 || !absl::SimpleAtoi(text.substr(at + 1, end - at - 1), &token->max_length)) return false;
  }
  if (end >= text.size() || text[end] != '%') return false;
  token->size = end + 1;
  return true;
}

// `text` begins with '%'. A parameter ends at the first ')' that a tail follows, so it may contain ')' itself.
absl::Status ReadToken(absl::string_view text, Token* token) {
  size_t at = 1;
  const auto name_character = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; };
  while (at < text.size() && name_character(text[at])) ++at;
  token->name = text.substr(1, at - 1);
  if (token->name.empty()) return Bad("'%' begins no command operator; a percent sign is \"%%\"");
  if (at < text.size() && text[at] == '(') {
    token->has_parameter = true;
    for (size_t close = text.find(')', at); close != absl::string_view::npos; close = text.find(')', close + 1)) {
      if (!ReadTail(text, close + 1, token)) continue;
      token->parameter = text.substr(at + 1, close - at - 1);
      return absl::OkStatus();
    }
    return Bad(absl::StrCat("%", token->name, ": the parenthesis or the operator is not closed"));
  }
  if (ReadTail(text, at, token)) return absl::OkStatus();
  return Bad(absl::StrCat("%", token->name, ": the operator is not closed by '%'"));
}

// The text of a command that is known now, or null.
bool Fold(const FormatCommand& command, const FormatOptions& options, std::string* out) {
  if (command.op == Operator::kHostname) {
    *out = !options.hostname.empty() ? options.hostname : options.omit_empty_values ? "" : "-";
  } else if (command.op == Operator::kEnvironment) {
    const char* value = options.environment == nullptr ? nullptr : options.environment(command.text.c_str());
    *out = value != nullptr ? value : options.omit_empty_values ? "" : "-";
  } else {
    return false;
  }
  if (command.max_length >= 0 && out->size() > static_cast<size_t>(command.max_length)) {
    out->resize(static_cast<size_t>(command.max_length));
  }
  return true;
}

}  // namespace

absl::string_view OperatorName(Operator op) { return kFacts[static_cast<size_t>(op)].name; }

absl::StatusOr<FormatCommand> MakeCommand(absl::string_view name, bool has_parameter, absl::string_view parameter,
                                          int32_t max_length) {
  const auto at =
      std::find_if(std::begin(kFacts), std::end(kFacts), [&](const OperatorFacts& f) { return f.name == name; });
  if (at == std::end(kFacts)) return Bad(absl::StrCat("unknown command operator %", name, "%"));
  const auto fail = [&](absl::string_view why) { return Bad(absl::StrCat("%", name, "%: ", why)); };
  if (at->parameters == Parameters::kNone && has_parameter) return fail("it takes no parameter");
  if (at->parameters == Parameters::kRequired && !has_parameter) return fail("it needs a parameter");
  if (!at->length && max_length >= 0) return fail("it takes no length");
  FormatCommand command;
  command.op = WithoutAlias(static_cast<Operator>(at - std::begin(kFacts)));
  command.max_length = max_length;
  if (const absl::Status status = SetParameter(&command, parameter); !status.ok()) return fail(status.message());
  return command;
}

absl::StatusOr<std::vector<FormatPart>> ParseFormat(absl::string_view format, const FormatOptions& options) {
  if (format.size() > kMaxFormat) return Bad(absl::StrCat("the format is longer than ", kMaxFormat));
  std::vector<FormatPart> parts;
  std::string literal;
  for (size_t at = 0; at < format.size();) {
    if (format[at] != '%') {
      literal.push_back(format[at++]);
      continue;
    }
    if (at + 1 < format.size() && format[at + 1] == '%') {
      literal.push_back('%');
      at += 2;
      continue;
    }
    Token token;
    if (absl::Status status = ReadToken(format.substr(at), &token); !status.ok()) {
      return Bad(absl::StrCat("at position ", at, ": ", status.message()));
    }
    absl::StatusOr<FormatCommand> command =
        MakeCommand(token.name, token.has_parameter, token.parameter, token.max_length);
    if (!command.ok()) return Bad(absl::StrCat("at position ", at, ": ", command.status().message()));
    at += token.size;
    std::string folded;
    if (Fold(*command, options, &folded)) {
      literal.append(folded);
      continue;
    }
    if (!literal.empty()) parts.push_back({std::move(literal), nullptr});
    literal.clear();
    parts.push_back({"", std::make_unique<const FormatCommand>(*std::move(command))});
  }
  if (!literal.empty()) parts.push_back({std::move(literal), nullptr});
  return parts;
}

}  // namespace outrigger::matching
