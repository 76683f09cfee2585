#include "source/schema/redact.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/descriptor.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "source/schema/rules.h"
#include "source/schema/typed_struct.h"

namespace outrigger::schema {

namespace {

using google::protobuf::Any;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr char kRedacted[] = "[redacted]";
constexpr int kMaxDepth = 300;

// Names of files and of variables are no secret, what they hold is.
bool NamesWhereItIs(const FieldDescriptor& field) {
  return field.full_name() == "envoy.config.core.v3.DataSource.filename" ||
         field.full_name() == "envoy.config.core.v3.DataSource.environment_variable" ||
         field.full_name() == "envoy.config.core.v3.WatchedDirectory.path";
}

void RedactIn(Message& message, bool secret, int depth);

void RedactAny(Any& any, bool secret, int depth) {
  if (any.type_url().empty()) return;
  const absl::StatusOr<std::unique_ptr<Message>> content = UnpackAny(any);
  if (!content.ok()) {
    // What should decode and does not may hold anything; what is of unknown type is shown in dumps, too.
    if (secret || TypeOf(any.type_url()) != nullptr) any.clear_value();
    return;
  }
  RedactIn(**content, secret, depth + 1);
  any.PackFrom(**content);
}

// One that holds text or bytes.
void RedactText(Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  if (!field.is_repeated()) return reflection.SetString(&message, &field, kRedacted);
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    reflection.SetRepeatedString(&message, &field, i, kRedacted);
  }
}

void RedactIn(Message& message, bool secret, int depth) {
  if (depth > kMaxDepth) return message.Clear();
  if (message.GetDescriptor()->full_name() == Any::descriptor()->full_name()) {
    return RedactAny(static_cast<Any&>(message), secret, depth);
  }
  const Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  const MessageRules& rules = RulesOf(*message.GetDescriptor());
  for (const FieldDescriptor* field : fields) {
    const auto index = static_cast<size_t>(field->index());
    const bool hidden = secret || (!field->is_extension() && index < rules.fields.size() && rules.fields[index].secret);
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      if (!field->is_repeated()) {
        RedactIn(*reflection.MutableMessage(&message, field), hidden, depth + 1);
        continue;
      }
      for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
        RedactIn(*reflection.MutableRepeatedMessage(&message, field, i), hidden, depth + 1);
      }
    } else if (hidden && !NamesWhereItIs(*field)) {
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
        RedactText(message, *field);
      } else {
        reflection.ClearField(&message, field);
      }
    }
  }
}

}  // namespace

void Redact(Message& message) { RedactIn(message, false, 0); }

}  // namespace outrigger::schema
