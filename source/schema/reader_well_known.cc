// The types that have a form of their own in JSON: Duration, Timestamp, wrappers, Struct and its parts, Any,
// TypedStruct.
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <cmath>
#include <memory>

#include "api/all_types.h"
#include "source/schema/scalars.h"
#include "source/schema/tree_reader.h"

namespace outrigger::schema {

using google::protobuf::Any;
using google::protobuf::Descriptor;
using google::protobuf::DynamicCastToGenerated;
using google::protobuf::FieldDescriptor;
using google::protobuf::ListValue;
using google::protobuf::Message;
using google::protobuf::Struct;
using google::protobuf::Value;

namespace {

constexpr double kExactIntegers = 9007199254740992.0;  // 2^53: beyond, a double no longer holds each integer

}  // namespace

const Descriptor* TypeOf(absl::string_view type_url) {
  // Without this, a static link drops types that no code names. Not called: that builds all descriptors, a mebibyte.
  static auto* const volatile linked = &api::AllTypes;
  if (linked == nullptr) return nullptr;
  const size_t slash = type_url.rfind('/');
  const absl::string_view name = slash == absl::string_view::npos ? type_url : type_url.substr(slash + 1);
  return google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(std::string(name));
}

bool IsTypedStruct(const Descriptor& type) {
  return type.full_name() == "xds.type.v3.TypedStruct" || type.full_name() == "udpa.type.v1.TypedStruct";
}

bool TreeReader::ReadWellKnown(const Node& node, Message& out) {
  switch (out.GetDescriptor()->well_known_type()) {
    case Descriptor::WELLKNOWNTYPE_DURATION:
      return ReadDuration(node, out), true;
    case Descriptor::WELLKNOWNTYPE_TIMESTAMP:
      return ReadTimestamp(node, out), true;
    case Descriptor::WELLKNOWNTYPE_ANY:
      if (auto* any = DynamicCastToGenerated<Any>(&out)) return ReadAny(node, *any), true;
      return false;
    case Descriptor::WELLKNOWNTYPE_STRUCT:
      if (auto* value = DynamicCastToGenerated<Struct>(&out)) return ReadStruct(node, *value), true;
      return false;
    case Descriptor::WELLKNOWNTYPE_VALUE:
      if (auto* value = DynamicCastToGenerated<Value>(&out)) return ReadValue(node, *value), true;
      return false;
    case Descriptor::WELLKNOWNTYPE_LISTVALUE:
      if (auto* value = DynamicCastToGenerated<ListValue>(&out)) return ReadListValue(node, *value), true;
      return false;
    case Descriptor::WELLKNOWNTYPE_DOUBLEVALUE:
    case Descriptor::WELLKNOWNTYPE_FLOATVALUE:
    case Descriptor::WELLKNOWNTYPE_INT64VALUE:
    case Descriptor::WELLKNOWNTYPE_UINT64VALUE:
    case Descriptor::WELLKNOWNTYPE_INT32VALUE:
    case Descriptor::WELLKNOWNTYPE_UINT32VALUE:
    case Descriptor::WELLKNOWNTYPE_STRINGVALUE:
    case Descriptor::WELLKNOWNTYPE_BYTESVALUE:
    case Descriptor::WELLKNOWNTYPE_BOOLVALUE:
      return ReadWrapper(node, out), true;
    default:
      return false;
  }
}

void TreeReader::ReadDuration(const Node& node, Message& out) {
  auto* duration = DynamicCastToGenerated<google::protobuf::Duration>(&out);
  if (duration == nullptr || node.kind == Node::Kind::kNull) return;
  if (node.kind == Node::Kind::kObject) return ReadObject(node, out);
  int64_t seconds = 0;
  int32_t nanos = 0;
  if (node.kind != Node::Kind::kScalar || !ReadDurationText(node.text, seconds, nanos)) {
    return Error(node.line, "expected a duration such as \"1.5s\"");
  }
  duration->set_seconds(seconds);
  duration->set_nanos(nanos);
}

void TreeReader::ReadTimestamp(const Node& node, Message& out) {
  auto* timestamp = DynamicCastToGenerated<google::protobuf::Timestamp>(&out);
  if (timestamp == nullptr || node.kind == Node::Kind::kNull) return;
  if (node.kind == Node::Kind::kObject) return ReadObject(node, out);
  int64_t seconds = 0;
  int32_t nanos = 0;
  if (node.kind != Node::Kind::kScalar || !ReadTimestampText(node.text, seconds, nanos)) {
    return Error(node.line, "expected a time such as \"2026-01-31T12:00:00Z\"");
  }
  timestamp->set_seconds(seconds);
  timestamp->set_nanos(nanos);
}

void TreeReader::ReadWrapper(const Node& node, Message& out) {
  if (node.kind == Node::Kind::kNull) return;
  if (node.kind == Node::Kind::kObject) return ReadObject(node, out);
  ReadOne(node, *out.GetDescriptor()->FindFieldByName("value"), out);
}

void TreeReader::ReadStruct(const Node& node, Struct& out) {
  if (node.kind == Node::Kind::kNull) return;
  if (node.kind != Node::Kind::kObject) return WrongKind(node, "an object");
  for (size_t i = 0; i < node.keys.size(); ++i) {
    const FieldPath::Step step(path_, FieldPath::Step::Key{node.keys[i].text});
    ReadValue(node.items[i], (*out.mutable_fields())[node.keys[i].text]);
  }
}

void TreeReader::ReadListValue(const Node& node, ListValue& out) {
  if (node.kind != Node::Kind::kList) return WrongKind(node, "a list");
  for (size_t i = 0; i < node.items.size(); ++i) {
    const FieldPath::Step step(path_, i);
    ReadValue(node.items[i], *out.add_values());
  }
}

void TreeReader::ReadValue(const Node& node, Value& out) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return out.set_null_value(google::protobuf::NULL_VALUE);
    case Node::Kind::kList:
      return ReadListValue(node, *out.mutable_list_value());
    case Node::Kind::kObject:
      return ReadStruct(node, *out.mutable_struct_value());
    case Node::Kind::kScalar:
      break;
  }
  bool boolean = false;
  double number = 0;
  int64_t whole = 0;
  if (node.quoted) return out.set_string_value(node.text);
  if (ReadBool(node, boolean)) return out.set_bool_value(boolean);
  // An integer that a double cannot hold stays as it is written.
  if (ClassifyPlain(node.text) == PlainKind::kInteger) {
    const bool exact = ReadSigned(node, whole) && std::abs(static_cast<double>(whole)) <= kExactIntegers;
    return exact ? out.set_number_value(static_cast<double>(whole)) : out.set_string_value(node.text);
  }
  if (ReadDouble(node, number) && std::isfinite(number)) return out.set_number_value(number);
  out.set_string_value(node.text);
}

void TreeReader::ReadAny(const Node& node, Any& out) {
  if (node.kind == Node::Kind::kNull) return;
  if (node.kind != Node::Kind::kObject) return WrongKind(node, "an object with \"@type\"");
  const Node* type = node.Find("@type");
  if (type == nullptr && node.keys.empty()) return;
  if (type == nullptr) return Error(node.line, "\"@type\" is missing");
  if (type->kind != Node::Kind::kScalar || type->text.empty()) return Error(type->line, "\"@type\" must be a type URL");
  ReadTyped(node, type->text, out);
}

void TreeReader::ReadTyped(const Node& node, absl::string_view type_url, Any& out) {
  out.set_type_url(type_url.data(), type_url.size());
  const Descriptor* type = TypeOf(type_url);
  if (type == nullptr) {
    Struct content;
    ReadStruct(node, content);
    content.mutable_fields()->erase("@type");
    content.SerializeToString(out.mutable_value());
    return;
  }
  if (IsTypedStruct(*type)) {
    const Node* inner_url = node.Find("type_url") != nullptr ? node.Find("type_url") : node.Find("typeUrl");
    const Node* value = node.Find("value");
    if (inner_url != nullptr && inner_url->kind == Node::Kind::kScalar && TypeOf(inner_url->text) != nullptr) {
      static const Node empty{Node::Kind::kObject, false, 0, {}, {}, {}};
      const FieldPath::Step step(path_, absl::string_view("value"));
      return ReadTyped(value != nullptr ? *value : empty, inner_url->text, out);
    }
  }
  const std::unique_ptr<Message> content(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
  const Node* value = node.Find("value");
  if (type->well_known_type() != Descriptor::WELLKNOWNTYPE_UNSPECIFIED) {
    if (value != nullptr) ReadMessage(*value, *content);
  } else {
    ReadMessage(node, *content);
  }
  if (!content->SerializeToString(out.mutable_value())) Error(node.line, "too large to be encoded");
}

}  // namespace outrigger::schema
