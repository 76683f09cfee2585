#include "source/schema/reader.h"

#include <algorithm>
#include <limits>
#include <memory>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "outrigger/api/opaque.pb.h"
#include "outrigger/api/support.pb.h"
#include "source/schema/scalars.h"
#include "source/schema/tree_reader.h"

namespace outrigger::schema {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

namespace {

absl::string_view View(const std::string& text) { return absl::string_view(text.data(), text.size()); }

absl::string_view KindText(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return "nothing";
    case Node::Kind::kList:
      return "a list";
    case Node::Kind::kObject:
      return "an object";
    case Node::Kind::kScalar:
      break;
  }
  if (node.quoted) return "a string";
  switch (ClassifyPlain(View(node.text))) {
    case PlainKind::kBool:
      return "a boolean";
    case PlainKind::kInteger:
    case PlainKind::kNumber:
      return "a number";
    default:
      return "a string";
  }
}

const FieldDescriptor* FindField(const Descriptor& type, const std::string& key) {
  if (const FieldDescriptor* field = type.FindFieldByName(key)) return field;
  if (const FieldDescriptor* field = type.FindFieldByCamelcaseName(key); field != nullptr && field->json_name() == key)
    return field;
  for (int i = 0; i < type.field_count(); ++i) {
    if (type.field(i)->json_name() == key) return type.field(i);
  }
  return nullptr;
}

std::string Located(const ReadOptions& options, uint32_t line, absl::string_view path, absl::string_view message) {
  std::string out = options.source;
  if (line != 0) absl::StrAppend(&out, out.empty() ? "line " : ":", line);
  if (!out.empty()) out += ": ";
  if (!path.empty()) absl::StrAppend(&out, path, ": ");
  absl::StrAppend(&out, message);
  return out;
}

bool IsJson(const ReadOptions& options) {
  if (options.format == Format::kGuess) return absl::EndsWith(options.source, ".json");
  return options.format == Format::kJson;
}

}  // namespace

void TreeReader::Error(uint32_t line, absl::string_view message) {
  if (errors_.size() < options_.max_errors) errors_.push_back(Located(options_, line, path_.ToString(), message));
}

void TreeReader::WrongKind(const Node& node, absl::string_view expected) {
  Error(node.line, absl::StrCat("expected ", expected, ", found ", KindText(node)));
}

void TreeReader::ReadMessage(const Node& node, Message& out) {
  if (path_.depth() > 4 * options_.limits.max_depth) return Error(node.line, "nested too deeply");
  if (out.GetDescriptor() == api::Opaque::descriptor())
    return;  // known by name only: whatever it says, the validator decides
  if (ReadWellKnown(node, out)) return;
  if (node.kind == Node::Kind::kNull) return;
  if (node.kind != Node::Kind::kObject) return WrongKind(node, "an object");
  ReadObject(node, out);
}

void TreeReader::ReadObject(const Node& node, Message& out) {
  const Descriptor& type = *out.GetDescriptor();
  const bool strict = type.options().GetExtension(api::strict);
  strict_ += strict;
  absl::flat_hash_map<const FieldDescriptor*, const std::string*> seen;
  absl::flat_hash_map<const google::protobuf::OneofDescriptor*, const std::string*> members;
  for (size_t i = 0; i < node.keys.size(); ++i) {
    const Node::Key& key = node.keys[i];
    const FieldDescriptor* field = FindField(type, key.text);
    if (field == nullptr) {
      if (key.text != "@type") Unknown(key, type);
      continue;
    }
    if (const auto [it, fresh] = seen.emplace(field, &key.text); !fresh) {
      Error(key.line, absl::StrCat("\"", *it->second, "\" and \"", key.text, "\" are the same field"));
      continue;
    }
    const bool is_null = node.items[i].kind == Node::Kind::kNull;
    if (const auto* oneof = field->containing_oneof(); oneof != nullptr && !is_null) {
      if (const auto [it, fresh] = members.emplace(oneof, &key.text); !fresh) {
        Error(key.line, absl::StrCat("\"", *it->second, "\" and \"", key.text, "\" exclude each other"));
        continue;
      }
    }
    FieldPath::Step step(path_, View(field->name()));
    ReadField(node.items[i], *field, out);
  }
  strict_ -= strict;
}

void TreeReader::Unknown(const Node::Key& key, const Descriptor& type) {
  FieldPath::Step step(path_, View(key.text));
  if (options_.unknown == nullptr || strict_ > 0) {
    return Error(key.line, absl::StrCat("no such field in ", type.full_name()));
  }
  options_.unknown->push_back({path_.ToString(), key.line});
}

void TreeReader::ReadField(const Node& node, const FieldDescriptor& field, Message& out) {
  const bool value_type =
      field.message_type() != nullptr && field.message_type()->well_known_type() == Descriptor::WELLKNOWNTYPE_VALUE;
  if (node.kind == Node::Kind::kNull && !value_type) {
    // An empty message is set by `field: {}`; `field:` alone leaves it out, as JSON's null does.
    return;
  }
  if (field.is_map()) return ReadMap(node, field, out);
  if (field.is_repeated()) return ReadList(node, field, out);
  ReadOne(node, field, out);
}

void TreeReader::ReadList(const Node& node, const FieldDescriptor& field, Message& out) {
  const bool list_type =
      field.message_type() != nullptr && field.message_type()->well_known_type() == Descriptor::WELLKNOWNTYPE_LISTVALUE;
  if (node.kind != Node::Kind::kList || list_type) {
    FieldPath::Step step(path_, size_t{0});
    return ReadOne(node, field, out);
  }
  for (size_t i = 0; i < node.items.size(); ++i) {
    FieldPath::Step step(path_, i);
    const Node& item = node.items[i];
    if (item.kind == Node::Kind::kNull && field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
      WrongKind(item, "a value");
      continue;
    }
    ReadOne(item, field, out);
  }
}

void TreeReader::ReadMap(const Node& node, const FieldDescriptor& field, Message& out) {
  if (node.kind != Node::Kind::kObject) return WrongKind(node, "an object");
  const Descriptor& entry_type = *field.message_type();
  for (size_t i = 0; i < node.keys.size(); ++i) {
    FieldPath::Step step(path_, FieldPath::Step::Key{View(node.keys[i].text)});
    Message* entry = out.GetReflection()->AddMessage(&out, &field);
    Node key;
    key.kind = Node::Kind::kScalar;
    key.quoted = true;
    key.line = node.keys[i].line;
    key.text = node.keys[i].text;
    ReadOne(key, *entry_type.map_key(), *entry);
    if (node.items[i].kind == Node::Kind::kNull &&
        entry_type.map_value()->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
      WrongKind(node.items[i], "a value");
      continue;
    }
    ReadOne(node.items[i], *entry_type.map_value(), *entry);
  }
}

void TreeReader::ReadOne(const Node& node, const FieldDescriptor& field, Message& out) {
  const Reflection& reflection = *out.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return ReadMessage(
          node, field.is_repeated() ? *reflection.AddMessage(&out, &field) : *reflection.MutableMessage(&out, &field));
    case FieldDescriptor::CPPTYPE_ENUM:
      return ReadEnum(node, field, out);
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string value;
      if (field.type() == FieldDescriptor::TYPE_BYTES) {
        if (!ReadBytes(node, value)) return WrongKind(node, "bytes in base64");
      } else if (!ReadString(node, value)) {
        return;
      }
      return field.is_repeated() ? reflection.AddString(&out, &field, std::move(value))
                                 : reflection.SetString(&out, &field, std::move(value));
    }
    case FieldDescriptor::CPPTYPE_BOOL: {
      bool value = false;
      if (!ReadBool(node, value)) return WrongKind(node, "true or false");
      return field.is_repeated() ? reflection.AddBool(&out, &field, value) : reflection.SetBool(&out, &field, value);
    }
    default:
      return ReadNumber(node, field, out);
  }
}

void TreeReader::ReadNumber(const Node& node, const FieldDescriptor& field, Message& out) {
  const Reflection& reflection = *out.GetReflection();
  const auto put = [&](auto set, auto add, auto value) {
    field.is_repeated() ? (reflection.*add)(&out, &field, value) : (reflection.*set)(&out, &field, value);
  };
  int64_t whole = 0;
  uint64_t natural = 0;
  double real = 0;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      if (!ReadSigned(node, whole) || whole != static_cast<int32_t>(whole))
        return WrongKind(node, "a whole number of 32 bits");
      return put(&Reflection::SetInt32, &Reflection::AddInt32, static_cast<int32_t>(whole));
    case FieldDescriptor::CPPTYPE_INT64:
      if (!ReadSigned(node, whole)) return WrongKind(node, "a whole number of 64 bits");
      return put(&Reflection::SetInt64, &Reflection::AddInt64, whole);
    case FieldDescriptor::CPPTYPE_UINT32:
      if (!ReadUnsigned(node, natural) || natural > std::numeric_limits<uint32_t>::max()) {
        return WrongKind(node, "a whole number from 0 to 4294967295");
      }
      return put(&Reflection::SetUInt32, &Reflection::AddUInt32, static_cast<uint32_t>(natural));
    case FieldDescriptor::CPPTYPE_UINT64:
      if (!ReadUnsigned(node, natural)) return WrongKind(node, "a whole number from 0 to 18446744073709551615");
      return put(&Reflection::SetUInt64, &Reflection::AddUInt64, natural);
    case FieldDescriptor::CPPTYPE_FLOAT:
      if (!ReadDouble(node, real) || (std::abs(real) > std::numeric_limits<float>::max() && std::abs(real) < 1e308)) {
        return WrongKind(node, "a number");
      }
      return put(&Reflection::SetFloat, &Reflection::AddFloat, static_cast<float>(real));
    default:
      if (!ReadDouble(node, real)) return WrongKind(node, "a number");
      return put(&Reflection::SetDouble, &Reflection::AddDouble, real);
  }
}

void TreeReader::ReadEnum(const Node& node, const FieldDescriptor& field, Message& out) {
  const Reflection& reflection = *out.GetReflection();
  const EnumDescriptor& type = *field.enum_type();
  const auto put = [&](int value) {
    field.is_repeated() ? reflection.AddEnumValue(&out, &field, value) : reflection.SetEnumValue(&out, &field, value);
  };
  if (node.kind != Node::Kind::kScalar) return WrongKind(node, absl::StrCat("a name of ", type.full_name()));
  if (const EnumValueDescriptor* value = type.FindValueByName(node.text)) return put(value->number());
  for (int i = 0; i < type.value_count(); ++i) {
    if (absl::EqualsIgnoreCase(type.value(i)->name(), node.text)) return put(type.value(i)->number());
  }
  int64_t number = 0;
  if (ReadSigned(node, number) && number == static_cast<int32_t>(number)) return put(static_cast<int>(number));
  std::vector<absl::string_view> names;
  for (int i = 0; i < type.value_count() && i < 12; ++i) names.push_back(View(type.value(i)->name()));
  Error(node.line, absl::StrCat("no such value of ", type.full_name(), "; there are ", absl::StrJoin(names, ", "),
                                type.value_count() > 12 ? ", …" : ""));
}

bool TreeReader::ReadString(const Node& node, std::string& out) {
  const bool scalar = node.kind == Node::Kind::kScalar;
  const PlainKind plain = scalar && !node.quoted ? ClassifyPlain(View(node.text)) : PlainKind::kWord;
  if (!scalar || plain == PlainKind::kBool || plain == PlainKind::kInteger) {
    Error(node.line, absl::StrCat("expected a string, found ", KindText(node), scalar ? " (put it in quotes)" : ""));
    return false;
  }
  out = node.text;
  return true;
}

absl::Status ParseText(absl::string_view text, const ReadOptions& options, Node& out) {
  TreeError error;
  absl::ConsumePrefix(&text, "\xEF\xBB\xBF");
  if (IsJson(options) ? ParseJson(text, options.limits, out, error) : ParseYaml(text, options.limits, out, error)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(Located(options, error.line, "", error.message));
}

absl::Status ReadNode(const Node& node, Message& out, const ReadOptions& options) {
  out.Clear();
  TreeReader reader(options);
  reader.ReadMessage(node, out);
  if (reader.errors().empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrJoin(reader.errors(), "\n"));
}

absl::Status ReadMessage(absl::string_view text, Message& out, const ReadOptions& options) {
  out.Clear();
  Node root;
  if (absl::Status parsed = ParseText(text, options, root); !parsed.ok()) return parsed;
  return ReadNode(root, out, options);
}

}  // namespace outrigger::schema
