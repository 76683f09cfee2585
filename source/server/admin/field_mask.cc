#include "source/server/admin/field_mask.h"

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/any.pb.h"

namespace outrigger::server {

using google::protobuf::Any;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

absl::StatusOr<FieldMask> FieldMask::Parse(absl::string_view text) {
  FieldMask mask;
  const std::vector<absl::string_view> paths = absl::StrSplit(text, ',');
  if (paths.size() > kMostPaths)
    return absl::InvalidArgumentError(absl::StrCat("mask: more than ", kMostPaths, " paths"));
  for (absl::string_view path : paths) {
    const std::vector<absl::string_view> steps = absl::StrSplit(path, '.');
    if (steps.size() > kMostSteps) return absl::InvalidArgumentError("mask: a path is too long");
    Node* at = &mask.root_;
    bool all = false;  // a shorter path asks for all of it already
    for (absl::string_view step : steps) {
      if (step.empty()) return absl::InvalidArgumentError("mask: a field name is missing");
      const auto [child, made] = at->below.try_emplace(std::string(step));
      all = all || (!made && child->second.below.empty());
      at = &child->second;
      if (all) break;
    }
    at->below.clear();
  }
  return mask;
}

bool FieldMask::Apply(Message& message) const {
  bool any = false;
  for (const auto& [name, below] : root_.below) any = any || message.GetDescriptor()->FindFieldByName(name) != nullptr;
  if (any) Keep(root_, message);
  return any;
}

void FieldMask::Keep(const Node& wanted, Message& message) {
  if (wanted.below.empty()) return;
  if (auto* any = dynamic_cast<Any*>(&message); any != nullptr) {
    const std::string& url = any->type_url();
    const auto* descriptor =
        google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(url.substr(url.rfind('/') + 1));
    const Message* prototype = descriptor == nullptr
                                   ? nullptr
                                   : google::protobuf::MessageFactory::generated_factory()->GetPrototype(descriptor);
    if (prototype == nullptr) return;
    std::unique_ptr<Message> content(prototype->New());
    if (!content->ParseFromString(any->value())) return;
    Keep(wanted, *content);
    any->set_value(content->SerializeAsString());
    return;
  }
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const auto at = wanted.below.find(field->name());
    if (at == wanted.below.end()) {
      reflection.ClearField(&message, field);
    } else {
      KeepBelow(at->second, *field, message);
    }
  }
}

void FieldMask::KeepBelow(const Node& wanted, const FieldDescriptor& field, Message& message) {
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || field.is_map()) return;
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  if (!field.is_repeated()) return Keep(wanted, *reflection.MutableMessage(&message, &field));
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    Keep(wanted, *reflection.MutableRepeatedMessage(&message, &field, i));
  }
}

}  // namespace outrigger::server
