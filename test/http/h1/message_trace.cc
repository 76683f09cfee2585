#include "test/http/h1/message_trace.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "source/base/arena.h"
#include "source/http/h1/parser.h"

namespace outrigger::http::h1 {
namespace {

std::string Fields(const HeaderMap& map) {
  std::vector<std::string> fields;
  map.ForEach([&](const HeaderMap::Entry& entry) {
    if (entry.name[0] == ':') return;
    const absl::string_view name = entry.wire_name.empty() ? entry.name : entry.wire_name;
    fields.push_back(absl::StrCat(name, ": ", entry.value));
  });
  return absl::StrCat("[", absl::StrJoin(fields, "|"), "]");
}

class Tracer {
 public:
  Tracer(Decoder::Kind kind, const TraceOptions& options) : kind_(kind), options_(options), decoder_(kind) {}

  void Feed(absl::string_view piece) {
    input_.Append(piece);
    while (!failed_ && !input_.empty() && (in_body_ ? StepBody() : StepHead())) {
    }
  }
  std::string Finish() {
    if (in_message_) absl::StrAppend(&out_, " ...");
    return out_;
  }

 private:
  ParseContext context() { return ParseContext{options_.codec, options_.http1, counters_}; }
  const char* Wire() const { return options_.http1.preserve_case ? wire_.data() : nullptr; }

  bool StepHead() {
    Head head;
    switch (decoder_.ReadHead(input_, options_.request, context(), head, &wire_)) {
      case Decoder::Step::kHead:
        break;
      case Decoder::Step::kFailed:
        return Refused();
      default:
        return false;
    }
    Arena arena;
    HeaderMap map(arena);
    if (!out_.empty()) out_ += "\n";
    if (kind_ == Decoder::Kind::kRequest) {
      BuildRequestHeaders(head, Wire(), "http", map);
      absl::StrAppend(&out_, map.method(), " ", map.scheme(), " ", map.authority(), " ", map.path(), " ");
    } else {
      BuildResponseHeaders(head, Wire(), map);
      absl::StrAppend(&out_, map.status(), " ");
    }
    absl::StrAppend(&out_, Fields(map), head.close ? " close" : "");
    decoder_.TakeHead(input_, head, head.framing, head.content_length);
    in_message_ = in_body_ = head.framing != Framing::kNone;
    if (!in_body_) out_ += " end";
    return true;
  }
  bool StepBody() {
    Buffer payload;
    Head trailers;
    const Decoder::Step step = decoder_.ReadBody(input_, payload, context(), trailers, &wire_);
    body_ += payload.ToString();
    if (step == Decoder::Step::kFailed) return Refused();
    if (step == Decoder::Step::kMore) return decoder_.stopped_short();
    absl::StrAppend(&out_, " body(", body_, ")");
    body_.clear();
    if (step == Decoder::Step::kTrailers) {
      Arena arena;
      HeaderMap map(arena);
      BuildTrailers(trailers, Wire(), map);
      absl::StrAppend(&out_, " trailers", Fields(map));
      decoder_.TakeTrailers(input_, trailers);
    }
    out_ += " end";
    in_message_ = in_body_ = false;
    return true;
  }
  bool Refused() {
    failed_ = true;
    in_message_ = false;
    if (!out_.empty()) out_ += in_body_ ? " " : "\n";
    absl::StrAppend(&out_, "refused ", decoder_.refusal().status, " ", decoder_.refusal().detail);
    return false;
  }

  Decoder::Kind kind_;
  TraceOptions options_;
  Decoder decoder_;
  CodecCounters counters_;
  Buffer input_;
  std::string wire_, out_, body_;
  bool in_message_ = false, in_body_ = false, failed_ = false;
};

}  // namespace

std::string Trace(Decoder::Kind kind, const std::vector<absl::string_view>& pieces, const TraceOptions& options) {
  Tracer tracer(kind, options);
  for (absl::string_view piece : pieces) tracer.Feed(piece);
  return tracer.Finish();
}

std::string TraceEveryWay(Decoder::Kind kind, absl::string_view wire, const TraceOptions& options) {
  const std::string whole = Trace(kind, {wire}, options);
  std::vector<absl::string_view> bytes;
  for (size_t i = 0; i < wire.size(); ++i) bytes.push_back(absl::string_view(wire.data() + i, 1));
  const std::string single = Trace(kind, bytes, options);
  if (single != whole) return absl::StrCat("(split) byte by byte: ", single, " instead of ", whole);
  for (size_t at = 1; at < wire.size(); ++at) {
    const absl::string_view first(wire.data(), at), second(wire.data() + at, wire.size() - at);
    const std::string split = Trace(kind, {first, second}, options);
    if (split != whole) return absl::StrCat("(split) at ", at, ": ", split, " instead of ", whole);
  }
  return whole;
}

}  // namespace outrigger::http::h1
