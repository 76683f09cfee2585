// Thread: any
#pragma once

#include <map>
#include <string>

#include "source/matching/format_command.h"

namespace outrigger::matching {

// A FormatSource whose values a test writes down.
class MapSource final : public FormatSource {
 public:
  const http::HeaderMap* RequestHeaders() const override { return request; }
  const http::HeaderMap* ResponseHeaders() const override { return response; }
  const http::HeaderMap* ResponseTrailers() const override { return trailers; }
  const Metadata* FindMetadata(MetadataKind kind) const override {
    const auto at = metadata.find(kind);
    return at == metadata.end() ? nullptr : &at->second;
  }
  void Get(const FormatCommand& command, std::string* scratch, FormatValue* out) const override {
    if (command.op == Operator::kStartTime || command.op == Operator::kStartTimeLocal) return out->SetTime(start);
    if (command.op == Operator::kCommonDuration) return out->SetNumber(common_nanoseconds);
    if (const auto at = numbers.find(command.op); at != numbers.end()) return out->SetNumber(at->second);
    const auto at = texts.find(command.op);
    if (at == texts.end()) return;
    *scratch = at->second;  // as a source does that has to make the text
    out->SetText(*scratch);
  }

  const http::HeaderMap* request = nullptr;
  const http::HeaderMap* response = nullptr;
  const http::HeaderMap* trailers = nullptr;
  std::map<MetadataKind, Metadata> metadata;
  std::map<Operator, int64_t> numbers;
  std::map<Operator, std::string> texts;
  WallTime start{};
  int64_t common_nanoseconds = 0;
};

}  // namespace outrigger::matching
