#include "source/schema/json_writer.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <memory>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "source/schema/rules.h"
#include "source/schema/tree.h"
#include "source/schema/typed_struct.h"

namespace outrigger::schema {

using google::protobuf::Any;
using google::protobuf::Descriptor;
using google::protobuf::DynamicCastToGenerated;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

namespace {

constexpr absl::string_view kRedacted = "\"[redacted]\"";
constexpr int kMaxDepth = 300;  // of messages in messages, through each Any

std::string NumberText(double value) {
  if (std::isnan(value)) return "\"NaN\"";
  if (std::isinf(value)) return value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
  if (value == std::floor(value) && std::abs(value) < 1e15) return absl::StrCat(static_cast<int64_t>(value));
  std::string text = absl::StrFormat("%.15g", value);
  return std::strtod(text.c_str(), nullptr) == value ? text : absl::StrFormat("%.17g", value);
}

std::string FloatText(float value) {
  if (!std::isfinite(value)) return NumberText(value);
  std::string text = absl::StrFormat("%.6g", value);
  return std::strtof(text.c_str(), nullptr) == value ? text : absl::StrFormat("%.9g", value);
}

// ".5" of a second in as few of 3, 6 or 9 digits as hold it, as protobuf prints them.
std::string FractionText(int32_t nanos) {
  if (nanos == 0) return "";
  if (nanos % 1'000'000 == 0) return absl::StrFormat(".%03d", nanos / 1'000'000);
  if (nanos % 1'000 == 0) return absl::StrFormat(".%06d", nanos / 1'000);
  return absl::StrFormat(".%09d", nanos);
}

class JsonWriter {
 public:
  explicit JsonWriter(const JsonOptions& options) : options_(options) {}

  std::string Take() { return std::move(out_); }

  void WriteMessage(const Message& message, bool secret) {
    if (depth_ > kMaxDepth) {
      out_ += "null";
      return;
    }
    if (WriteWellKnown(message, secret)) return;
    bool first = Open('{');
    WriteFields(message, secret, first);
    Close('}', first);
  }

 private:
  bool Open(char bracket) {
    out_.push_back(bracket);
    ++depth_;
    return true;
  }
  void Close(char bracket, bool empty) {
    --depth_;
    if (!empty) NewLine();
    out_.push_back(bracket);
  }
  void NewLine() {
    if (options_.indent <= 0) return;
    out_.push_back('\n');
    out_.append(static_cast<size_t>(depth_) * options_.indent, ' ');
  }
  void Next(bool& first) {
    if (!first) out_.push_back(',');
    first = false;
    NewLine();
  }
  void Key(absl::string_view key, bool& first) {
    Next(first);
    absl::StrAppend(&out_, JsonString(key), options_.indent > 0 ? ": " : ":");
  }

  std::vector<const FieldDescriptor*> FieldsOf(const Message& message) const {
    std::vector<const FieldDescriptor*> fields;
    message.GetReflection()->ListFields(message, &fields);
    if (!options_.defaults) return fields;
    const Descriptor& type = *message.GetDescriptor();
    for (int i = 0; i < type.field_count(); ++i) {
      const FieldDescriptor& field = *type.field(i);
      const bool plain = !field.is_repeated() && !field.has_presence();
      if (plain && !message.GetReflection()->HasField(message, &field)) fields.push_back(&field);
    }
    std::sort(fields.begin(), fields.end(), [](const auto* a, const auto* b) { return a->number() < b->number(); });
    return fields;
  }
  void WriteFields(const Message& message, bool secret, bool& first) {
    const std::vector<const FieldDescriptor*> fields = FieldsOf(message);
    const MessageRules& rules = RulesOf(*message.GetDescriptor());
    for (const FieldDescriptor* field : fields) {
      if (field->is_extension()) continue;
      const auto index = static_cast<size_t>(field->index());
      Key(options_.camel_case ? field->json_name() : field->name(), first);
      WriteField(message, *field, secret || (index < rules.fields.size() && rules.fields[index].secret));
    }
  }

  void WriteField(const Message& message, const FieldDescriptor& field, bool secret) {
    if (field.is_map()) return WriteMap(message, field, secret);
    if (!field.is_repeated()) return WriteValue(message, field, -1, secret);
    bool first = Open('[');
    for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) {
      Next(first);
      WriteValue(message, field, i, secret);
    }
    Close(']', first);
  }

  void WriteMap(const Message& message, const FieldDescriptor& field, bool secret) {
    const Reflection& reflection = *message.GetReflection();
    const FieldDescriptor& key = *field.message_type()->map_key();
    std::map<std::string, const Message*> entries;
    for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
      const Message& entry = reflection.GetRepeatedMessage(message, &field, i);
      JsonWriter text(options_);
      if (key.cpp_type() != FieldDescriptor::CPPTYPE_STRING) text.WriteValue(entry, key, -1, false);
      entries.emplace(key.cpp_type() == FieldDescriptor::CPPTYPE_STRING ? entry.GetReflection()->GetString(entry, &key)
                                                                        : text.Take(),
                      &entry);
    }
    bool first = Open('{');
    for (const auto& [name, entry] : entries) {
      Key(name, first);
      WriteValue(*entry, *field.message_type()->map_value(), -1, secret);
    }
    Close('}', first);
  }

  // Names of files and of variables are no secret, what they hold is.
  static bool NamesWhereItIs(const FieldDescriptor& field) {
    return field.full_name() == "envoy.config.core.v3.DataSource.filename" ||
           field.full_name() == "envoy.config.core.v3.DataSource.environment_variable" ||
           field.full_name() == "envoy.config.core.v3.WatchedDirectory.path";
  }

  void WriteValue(const Message& message, const FieldDescriptor& field, int index, bool secret) {
    const Reflection& reflection = *message.GetReflection();
    const auto get = [&](auto one, auto item) {
      return index < 0 ? (reflection.*one)(message, &field) : (reflection.*item)(message, &field, index);
    };
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      return WriteMessage(
          index < 0 ? reflection.GetMessage(message, &field) : reflection.GetRepeatedMessage(message, &field, index),
          secret);
    }
    if (secret && !NamesWhereItIs(field)) {
      absl::StrAppend(&out_, kRedacted);
      return;
    }
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32:
        return absl::StrAppend(&out_, get(&Reflection::GetInt32, &Reflection::GetRepeatedInt32));
      case FieldDescriptor::CPPTYPE_UINT32:
        return absl::StrAppend(&out_, get(&Reflection::GetUInt32, &Reflection::GetRepeatedUInt32));
      case FieldDescriptor::CPPTYPE_INT64:
        return absl::StrAppend(&out_, "\"", get(&Reflection::GetInt64, &Reflection::GetRepeatedInt64), "\"");
      case FieldDescriptor::CPPTYPE_UINT64:
        return absl::StrAppend(&out_, "\"", get(&Reflection::GetUInt64, &Reflection::GetRepeatedUInt64), "\"");
      case FieldDescriptor::CPPTYPE_FLOAT:
        return absl::StrAppend(&out_, FloatText(get(&Reflection::GetFloat, &Reflection::GetRepeatedFloat)));
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return absl::StrAppend(&out_, NumberText(get(&Reflection::GetDouble, &Reflection::GetRepeatedDouble)));
      case FieldDescriptor::CPPTYPE_BOOL:
        return absl::StrAppend(&out_, get(&Reflection::GetBool, &Reflection::GetRepeatedBool) ? "true" : "false");
      case FieldDescriptor::CPPTYPE_ENUM: {
        const int number = get(&Reflection::GetEnumValue, &Reflection::GetRepeatedEnumValue);
        const auto* value = field.enum_type()->FindValueByNumber(number);
        return absl::StrAppend(&out_, value == nullptr ? absl::StrCat(number) : JsonString(value->name()));
      }
      case FieldDescriptor::CPPTYPE_STRING: {
        const std::string text = get(&Reflection::GetString, &Reflection::GetRepeatedString);
        const bool bytes = field.type() == FieldDescriptor::TYPE_BYTES;
        return absl::StrAppend(&out_, JsonString(bytes ? absl::Base64Escape(text) : text));
      }
      default:
        out_ += "null";
    }
  }

  bool WriteWellKnown(const Message& message, bool secret) {
    const Descriptor& type = *message.GetDescriptor();
    switch (type.well_known_type()) {
      case Descriptor::WELLKNOWNTYPE_ANY:
        return WriteAny(message, secret), true;
      case Descriptor::WELLKNOWNTYPE_DURATION:
        return WriteDuration(message), true;
      case Descriptor::WELLKNOWNTYPE_TIMESTAMP:
        return WriteTimestamp(message), true;
      case Descriptor::WELLKNOWNTYPE_STRUCT:
        return WriteMap(message, *type.FindFieldByName("fields"), secret), true;
      case Descriptor::WELLKNOWNTYPE_LISTVALUE:
        return WriteField(message, *type.FindFieldByName("values"), secret), true;
      case Descriptor::WELLKNOWNTYPE_VALUE: {
        std::vector<const FieldDescriptor*> set;
        message.GetReflection()->ListFields(message, &set);
        if (set.empty() || set[0]->number() == google::protobuf::Value::kNullValueFieldNumber) {
          out_ += "null";
        } else {
          WriteValue(message, *set[0], -1, secret);
        }
        return true;
      }
      case Descriptor::WELLKNOWNTYPE_UNSPECIFIED:
      case Descriptor::WELLKNOWNTYPE_FIELDMASK:
        return false;
      default:  // the wrappers
        WriteValue(message, *type.FindFieldByName("value"), -1, secret);
        return true;
    }
  }

  void WriteDuration(const Message& message) {
    const auto* duration = DynamicCastToGenerated<google::protobuf::Duration>(&message);
    if (duration == nullptr || !IsValidDuration(message)) return absl::StrAppend(&out_, "null");
    const bool negative = duration->seconds() < 0 || duration->nanos() < 0;
    absl::StrAppend(&out_, "\"", negative ? "-" : "", std::abs(duration->seconds()),
                    FractionText(std::abs(duration->nanos())), "s\"");
  }

  void WriteTimestamp(const Message& message) {
    const auto* time = DynamicCastToGenerated<google::protobuf::Timestamp>(&message);
    const bool valid = time != nullptr && time->seconds() >= -62135596800 && time->seconds() <= 253402300799 &&
                       time->nanos() >= 0 && time->nanos() < 1'000'000'000;
    if (!valid) return absl::StrAppend(&out_, "null");
    absl::StrAppend(
        &out_, "\"",
        absl::FormatTime("%E4Y-%m-%dT%H:%M:%S", absl::FromUnixSeconds(time->seconds()), absl::UTCTimeZone()),
        FractionText(time->nanos()), "Z\"");
  }

  void WriteAny(const Message& message, bool secret) {
    const auto* any = DynamicCastToGenerated<Any>(&message);
    bool first = Open('{');
    if (any != nullptr && !any->type_url().empty()) {
      // A TypedStruct is shown as the type that it names, so that what is secret there is known to be.
      const absl::StatusOr<std::unique_ptr<Message>> content = UnpackAny(*any);
      const Descriptor* type = TypeOf(any->type_url());
      const bool renamed = content.ok() && (*content)->GetDescriptor() != type;
      Key("@type", first);
      out_ += JsonString(renamed ? absl::StrCat("type.googleapis.com/", (*content)->GetDescriptor()->full_name())
                                 : any->type_url());
      if (content.ok()) {
        WriteContent(**content, secret, first);
      } else {
        // What should decode and does not may hold anything; what is of unknown type is shown as it came.
        Key("value", first);
        out_ += secret || type != nullptr ? std::string(kRedacted) : JsonString(absl::Base64Escape(any->value()));
      }
    }
    Close('}', first);
  }

  void WriteContent(const Message& content, bool secret, bool& first) {
    if (content.GetDescriptor()->well_known_type() == Descriptor::WELLKNOWNTYPE_UNSPECIFIED) {
      return WriteFields(content, secret, first);
    }
    Key("value", first);
    WriteMessage(content, secret);
  }

  const JsonOptions& options_;
  std::string out_;
  int depth_ = 0;
};

}  // namespace

std::string JsonString(absl::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const size_t valid = ValidUtf8Prefix(text);
    for (const char c : text.substr(0, valid)) {
      switch (c) {
        case '"':
          out += "\\\"";
          break;
        case '\\':
          out += "\\\\";
          break;
        case '\n':
          out += "\\n";
          break;
        case '\r':
          out += "\\r";
          break;
        case '\t':
          out += "\\t";
          break;
        default:
          if (static_cast<uint8_t>(c) < 0x20 || c == 0x7F) {
            absl::StrAppendFormat(&out, "\\u%04x", static_cast<uint8_t>(c));
          } else {
            out.push_back(c);
          }
      }
    }
    text.remove_prefix(valid);
    if (text.empty()) break;
    out += "\xEF\xBF\xBD";
    text.remove_prefix(1);
  }
  out.push_back('"');
  return out;
}

std::string ToJson(const Message& message, const JsonOptions& options) {
  JsonWriter writer(options);
  writer.WriteMessage(message, false);
  return writer.Take();
}

}  // namespace outrigger::schema
