#include "source/schema/typed_struct.h"

#include <google/protobuf/struct.pb.h>

#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "source/schema/reader.h"
#include "source/schema/tree_reader.h"

namespace outrigger::schema {

using google::protobuf::Any;
using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::Struct;
using google::protobuf::Value;

namespace {

constexpr int kMaxDepth = 200;  // of messages in messages, through each Any

std::unique_ptr<Message> NewMessage(const Descriptor& type) {
  return std::unique_ptr<Message>(google::protobuf::MessageFactory::generated_factory()->GetPrototype(&type)->New());
}

Node ToNode(const Struct& value);

Node ToNode(const Value& value) {
  Node node;
  node.kind = Node::Kind::kScalar;
  switch (value.kind_case()) {
    case Value::kStringValue:
      node.quoted = true;
      node.text = value.string_value();
      break;
    case Value::kBoolValue:
      node.text = value.bool_value() ? "true" : "false";
      break;
    case Value::kNumberValue: {
      // Whole numbers without exponent, others with all their digits.
      const double number = value.number_value();
      const bool whole = number >= -9e15 && number <= 9e15 && number == std::floor(number);
      node.text = whole ? absl::StrCat(static_cast<int64_t>(number)) : absl::StrFormat("%.17g", number);
      break;
    }
    case Value::kStructValue:
      return ToNode(value.struct_value());
    case Value::kListValue:
      node.kind = Node::Kind::kList;
      for (const Value& item : value.list_value().values()) node.items.push_back(ToNode(item));
      break;
    default:
      node.kind = Node::Kind::kNull;
  }
  return node;
}

Node ToNode(const Struct& value) {
  Node node;
  node.kind = Node::Kind::kObject;
  std::map<std::string, const Value*> fields;  // in order, so that errors come in order
  for (const auto& [key, item] : value.fields()) fields.emplace(key, &item);
  for (const auto& [key, item] : fields) {
    node.keys.push_back({key, 0});
    node.items.push_back(ToNode(*item));
  }
  return node;
}

// type_url and value of a decoded TypedStruct, either of the two.
std::pair<std::string, const Struct*> PartsOf(const Message& typed_struct) {
  const Descriptor& type = *typed_struct.GetDescriptor();
  const Reflection& reflection = *typed_struct.GetReflection();
  const Message& value = reflection.GetMessage(typed_struct, type.FindFieldByName("value"));
  return {reflection.GetString(typed_struct, type.FindFieldByName("type_url")),
          google::protobuf::DynamicCastToGenerated<Struct>(&value)};
}

absl::Status ExpandAny(Any& any, int depth);

absl::Status Expand(Message& message, int depth) {
  if (depth > kMaxDepth) return absl::InvalidArgumentError("nested too deeply");
  if (auto* any = google::protobuf::DynamicCastToGenerated<Any>(&message)) return ExpandAny(*any, depth);
  const Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    const int size = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
    for (int i = 0; i < size; ++i) {
      Message& child = *(field->is_repeated() ? reflection.MutableRepeatedMessage(&message, field, i)
                                              : reflection.MutableMessage(&message, field));
      if (absl::Status status = Expand(child, depth + 1); !status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

absl::Status ExpandAny(Any& any, int depth) {
  const bool is_one = absl::StrContains(any.type_url(), "TypedStruct");
  if (!is_one && !absl::StrContains(any.value(), "TypedStruct")) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<Message>> content = UnpackAny(any);
  if (absl::IsNotFound(content.status())) return absl::OkStatus();
  if (!content.ok()) return content.status();
  if (absl::Status status = Expand(**content, depth + 1); !status.ok()) return status;
  any.set_type_url(absl::StrCat("type.googleapis.com/", (*content)->GetDescriptor()->full_name()));
  return (*content)->SerializeToString(any.mutable_value()) ? absl::OkStatus()
                                                            : absl::InvalidArgumentError("too large to be encoded");
}

}  // namespace

absl::StatusOr<std::unique_ptr<Message>> UnpackAny(const Any& any) {
  const Descriptor* type = TypeOf(any.type_url());
  if (type == nullptr) return absl::NotFoundError(absl::StrCat("extension type ", any.type_url(), " is not known"));
  std::unique_ptr<Message> content = NewMessage(*type);
  if (!content->ParseFromString(any.value())) {
    return absl::InvalidArgumentError(absl::StrCat("is no valid encoding of ", type->full_name()));
  }
  if (!IsTypedStruct(*type)) return content;
  const auto [inner_url, value] = PartsOf(*content);
  const Descriptor* inner = TypeOf(inner_url);
  if (inner == nullptr || value == nullptr)
    return absl::NotFoundError(absl::StrCat("extension type ", inner_url, " is not known"));
  if (IsTypedStruct(*inner)) return absl::InvalidArgumentError("a TypedStruct in a TypedStruct");
  std::unique_ptr<Message> out = NewMessage(*inner);
  if (absl::Status status = ReadNode(ToNode(*value), *out); !status.ok()) return status;
  return out;
}

absl::Status UnpackInto(const Any& any, Message& out) {
  absl::StatusOr<std::unique_ptr<Message>> content = UnpackAny(any);
  if (!content.ok()) return content.status();
  if ((*content)->GetDescriptor() != out.GetDescriptor()) {
    return absl::InvalidArgumentError(absl::StrCat("expected ", out.GetDescriptor()->full_name(), ", found ",
                                                   (*content)->GetDescriptor()->full_name()));
  }
  out.GetReflection()->Swap(&out, content->get());
  return absl::OkStatus();
}

absl::Status ExpandTypedStructs(Message& message) { return Expand(message, 0); }

}  // namespace outrigger::schema
