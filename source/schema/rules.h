// Thread: any
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <re2/re2.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "outrigger/api/support.pb.h"

// The options of api/outrigger/api/support.proto, read once per message type and kept ready for use.
namespace outrigger::schema {

struct CompiledRule {
  explicit CompiledRule(const api::Rule& source);

  const api::Rule& rule;
  std::unique_ptr<re2::RE2> pattern;  // null: none
  std::unique_ptr<CompiledRule> each, key, value;
};

struct FieldRules {
  const google::protobuf::FieldDescriptor* field = nullptr;
  api::Support support = api::REFUSED;
  absl::string_view why;  // of NO_EFFECT
  bool secret = false;
  std::unique_ptr<CompiledRule> rule;  // null: none
};

struct MessageRules {
  std::vector<FieldRules> fields;  // as declared
  std::vector<const google::protobuf::OneofDescriptor*> required_oneofs;
  bool strict = false;
  api::Support extension = api::REFUSED;
  absl::string_view extension_why;
};

// Valid for the life of the process. Takes a lock that is held for the look-up only.
const MessageRules& RulesOf(const google::protobuf::Descriptor& type);

// What a single value breaks, as a sentence; empty if nothing. `index` is that of a list item, or -1.
std::string BrokenRule(const google::protobuf::Message& message, const google::protobuf::FieldDescriptor& field,
                       int index, const CompiledRule& rule);
// The same for what concerns a list or map as a whole: its size, doubles.
std::string BrokenListRule(const google::protobuf::Message& message, const google::protobuf::FieldDescriptor& field,
                           const CompiledRule& rule);
// A Duration that no duration is: signs that differ, parts out of range.
bool IsValidDuration(const google::protobuf::Message& duration);

}  // namespace outrigger::schema
