#include "source/schema/secrets.h"

#include <google/protobuf/any.pb.h>

#include <memory>
#include <vector>

#include "source/schema/rules.h"
#include "source/schema/typed_struct.h"

namespace outrigger::schema {
namespace {

using google::protobuf::Any;
using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr int kMaxDepth = 300;  // as in json_writer.cc

bool NamesWhereItIs(const FieldDescriptor& field) {
  return field.full_name() == "envoy.config.core.v3.DataSource.filename" ||
         field.full_name() == "envoy.config.core.v3.DataSource.environment_variable" ||
         field.full_name() == "envoy.config.core.v3.WatchedDirectory.path";
}

bool Holds(const Message& message, bool secret, int depth);

bool AnyHolds(const Message& message, bool secret, int depth) {
  const auto* any = google::protobuf::DynamicCastToGenerated<Any>(&message);
  if (any == nullptr) return true;
  if (any->type_url().empty()) return false;
  const auto content = UnpackAny(*any);
  // What should decode and does not may hold anything; what is of unknown type is shown in dumps, too.
  return content.ok() ? Holds(**content, secret, depth + 1) : secret || TypeOf(any->type_url()) != nullptr;
}

bool Holds(const Message& message, bool secret, int depth) {
  if (depth > kMaxDepth) return true;
  const Descriptor& type = *message.GetDescriptor();
  if (type.well_known_type() == Descriptor::WELLKNOWNTYPE_ANY) return AnyHolds(message, secret, depth);
  const auto& reflection = *message.GetReflection();
  const MessageRules& rules = RulesOf(type);
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->is_extension()) continue;
    const auto index = static_cast<size_t>(field->index());
    const bool hidden = secret || (index < rules.fields.size() && rules.fields[index].secret);
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
      if (hidden && !NamesWhereItIs(*field)) return true;
      continue;
    }
    const int count = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      const Message& inner = field->is_repeated() ? reflection.GetRepeatedMessage(message, field, i)
                                                  : reflection.GetMessage(message, field);
      if (Holds(inner, hidden, depth + 1)) return true;
    }
  }
  return false;
}

void Redact(Message& message, bool secret, int depth);

void RedactAny(Message& message, bool secret, int depth) {
  auto* any = google::protobuf::DynamicCastToGenerated<Any>(&message);
  if (any == nullptr) return message.Clear();
  if (any->type_url().empty() || (!secret && TypeOf(any->type_url()) == nullptr)) return;
  auto content = UnpackAny(*any);
  if (!content.ok()) return any->clear_value();
  Redact(**content, secret, depth + 1);
  (*content)->SerializePartialToString(any->mutable_value());
}

void RedactField(Message& message, const FieldDescriptor& field) {
  const auto& reflection = *message.GetReflection();
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_STRING) return reflection.ClearField(&message, &field);
  constexpr char kRedacted[] = "[redacted]";
  if (!field.is_repeated()) return reflection.SetString(&message, &field, kRedacted);
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    reflection.SetRepeatedString(&message, &field, i, kRedacted);
  }
}

void Redact(Message& message, bool secret, int depth) {
  if (depth > kMaxDepth) return message.Clear();
  const Descriptor& type = *message.GetDescriptor();
  if (type.well_known_type() == Descriptor::WELLKNOWNTYPE_ANY) return RedactAny(message, secret, depth);
  const auto& reflection = *message.GetReflection();
  const MessageRules& rules = RulesOf(type);
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->is_extension()) continue;
    const auto index = static_cast<size_t>(field->index());
    const bool hidden = secret || (index < rules.fields.size() && rules.fields[index].secret);
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
      if (hidden && !NamesWhereItIs(*field)) RedactField(message, *field);
      continue;
    }
    const int count = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      Redact(field->is_repeated() ? *reflection.MutableRepeatedMessage(&message, field, i)
                                  : *reflection.MutableMessage(&message, field),
             hidden, depth + 1);
    }
  }
}

}  // namespace

void RedactSecrets(Message& message) { Redact(message, false, 0); }

bool HoldsSecret(const Message& message) { return Holds(message, false, 0); }

}  // namespace outrigger::schema
