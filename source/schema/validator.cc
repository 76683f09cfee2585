#include "source/schema/validator.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/unknown_field_set.h>

#include <map>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "outrigger/api/opaque.pb.h"
#include "source/schema/field_path.h"
#include "source/schema/rules.h"
#include "source/schema/typed_struct.h"

namespace outrigger::schema {

using google::protobuf::Any;
using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

namespace {

constexpr size_t kMaxDepth = 300;  // of path steps, through each Any

// What holds for a message because of where it stands.
struct Place {
  bool strict = false;
  bool support = true;    // whether support is checked: not below a field that has no effect
  bool optional = false;  // the message that owns the Any says is_optional
};

class Validator {
 public:
  explicit Validator(const ValidateOptions& options) : options_(options), path_(options.root) {}

  ValidationResult Take() { return std::move(result_); }

  void CheckMessage(const Message& message, Place place) {
    const Descriptor& type = *message.GetDescriptor();
    if (&type == api::Opaque::descriptor()) return;
    if (path_.depth() > kMaxDepth) return Error(Finding::Kind::kRule, "is nested too deeply");
    if (CheckWellKnown(message, place)) return;
    const MessageRules& rules = RulesOf(type);
    place.strict = place.strict || rules.strict;
    place.optional = SaysOptional(message);
    CheckUnknownFields(message, place);
    for (const FieldRules& field : rules.fields) {
      FieldPath::Step step(path_, field.field->name());
      CheckField(message, field, place);
    }
    for (const google::protobuf::OneofDescriptor* oneof : rules.required_oneofs) {
      if (message.GetReflection()->HasOneof(message, oneof)) continue;
      FieldPath::Step step(path_, oneof->name());
      Error(Finding::Kind::kRule, "one of its members must be set");
    }
  }

 private:
  void Add(std::vector<Finding>& to, Finding::Kind kind, std::string message) {
    if (to.size() < options_.max_findings) to.push_back({kind, path_.ToString(), std::move(message)});
  }
  void Error(Finding::Kind kind, std::string message) { Add(result_.errors, kind, std::move(message)); }

  // A rule of the field itself has said what is wrong with the message at this place.
  bool AlreadyWrong() const { return !result_.errors.empty() && result_.errors.back().path == path_.ToString(); }

  static bool SaysOptional(const Message& message) {
    const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName("is_optional");
    return field != nullptr && field->cpp_type() == FieldDescriptor::CPPTYPE_BOOL && !field->is_repeated() &&
           message.GetReflection()->GetBool(message, field);
  }

  // True if the message has no fields of its own to be looked at.
  bool CheckWellKnown(const Message& message, Place place) {
    switch (message.GetDescriptor()->well_known_type()) {
      case Descriptor::WELLKNOWNTYPE_UNSPECIFIED:
        return false;
      case Descriptor::WELLKNOWNTYPE_ANY:
        if (const auto* any = google::protobuf::DynamicCastToGenerated<Any>(&message)) CheckAny(*any, place);
        return true;
      case Descriptor::WELLKNOWNTYPE_DURATION:
        if (!IsValidDuration(message)) {
          Error(Finding::Kind::kRule, "is no valid duration");
        } else if (const auto* duration =
                       google::protobuf::DynamicCastToGenerated<google::protobuf::Duration>(&message);
                   duration != nullptr && (duration->seconds() < 0 || duration->nanos() < 0) && !AlreadyWrong()) {
          Error(Finding::Kind::kRule, "must not be negative");  // no published field has a use for that
        }
        return true;
      default:
        return true;
    }
  }

  void CheckUnknownFields(const Message& message, const Place& place) {
    const auto& unknown = message.GetReflection()->GetUnknownFields(message);
    for (int i = 0; i < unknown.field_count(); ++i) {
      const std::string number = absl::StrCat("#", unknown.field(i).number());
      FieldPath::Step step(path_, number);
      const bool refuse = place.strict || options_.unknown == ValidateOptions::Unknown::kRefuse;
      Add(refuse ? result_.errors : result_.unknown_fields, Finding::Kind::kUnknownField,
          absl::StrCat("no such field in ", message.GetDescriptor()->full_name()));
    }
  }

  void CheckField(const Message& message, const FieldRules& rules, Place place) {
    const FieldDescriptor& field = *rules.field;
    const Reflection& reflection = *message.GetReflection();
    const bool present =
        field.is_repeated() ? reflection.FieldSize(message, &field) > 0 : reflection.HasField(message, &field);
    if (present && place.support && options_.check_support) {
      if (rules.support == api::REFUSED) return Error(Finding::Kind::kUnsupported, "is not supported");
      if (rules.support == api::NO_EFFECT) {
        Add(result_.warnings, Finding::Kind::kNoEffect, absl::StrCat("has no effect: ", rules.why));
        place.support = false;
      }
    }
    if (field.is_map()) return CheckMap(message, rules, place);
    if (field.is_repeated()) return CheckList(message, rules, place);
    if (present) {
      CheckValue(message, field, -1, rules.rule.get(), place);
    } else if (rules.rule != nullptr) {
      CheckAbsent(message, field, *rules.rule);
    }
  }

  void CheckAbsent(const Message& message, const FieldDescriptor& field, const CompiledRule& rule) {
    if (field.real_containing_oneof() != nullptr) return;  // `required` speaks of the member that is chosen
    if (rule.rule.required()) return Error(Finding::Kind::kRule, "is required");
    if (field.has_presence()) return;
    if (std::string broken = BrokenRule(message, field, -1, rule); !broken.empty())
      Error(Finding::Kind::kRule, std::move(broken));
  }

  void CheckValue(const Message& message, const FieldDescriptor& field, int index, const CompiledRule* rule,
                  const Place& place) {
    const Reflection& reflection = *message.GetReflection();
    if (rule != nullptr) {
      if (std::string broken = BrokenRule(message, field, index, *rule); !broken.empty())
        Error(Finding::Kind::kRule, std::move(broken));
    }
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_ENUM && place.support && options_.check_support) {
      const int number = index < 0 ? reflection.GetEnumValue(message, &field)
                                   : reflection.GetRepeatedEnumValue(message, &field, index);
      const auto* value = field.enum_type()->FindValueByNumber(number);
      if (value != nullptr && value->options().GetExtension(api::refused_value)) {
        Error(Finding::Kind::kUnsupported, absl::StrCat(value->name(), " is not supported"));
      }
    }
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      CheckMessage(
          index < 0 ? reflection.GetMessage(message, &field) : reflection.GetRepeatedMessage(message, &field, index),
          place);
    }
  }

  void CheckList(const Message& message, const FieldRules& rules, const Place& place) {
    const FieldDescriptor& field = *rules.field;
    if (rules.rule != nullptr) {
      if (std::string broken = BrokenListRule(message, field, *rules.rule); !broken.empty()) {
        Error(Finding::Kind::kRule, std::move(broken));
      }
    }
    const CompiledRule* each = rules.rule == nullptr ? nullptr : rules.rule->each.get();
    const int size = message.GetReflection()->FieldSize(message, &field);
    for (int i = 0; i < size; ++i) {
      FieldPath::Step step(path_, static_cast<size_t>(i));
      CheckValue(message, field, i, each, place);
    }
  }

  void CheckMap(const Message& message, const FieldRules& rules, const Place& place) {
    const FieldDescriptor& field = *rules.field;
    const Reflection& reflection = *message.GetReflection();
    if (rules.rule != nullptr) {
      if (std::string broken = BrokenListRule(message, field, *rules.rule); !broken.empty()) {
        Error(Finding::Kind::kRule, std::move(broken));
      }
    }
    const FieldDescriptor& key = *field.message_type()->map_key();
    const FieldDescriptor& value = *field.message_type()->map_value();
    std::map<std::string, const Message*> entries;  // in order: a map's own order is that of its hash
    for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
      const Message& entry = reflection.GetRepeatedMessage(message, &field, i);
      const bool text = key.cpp_type() == FieldDescriptor::CPPTYPE_STRING;
      entries.emplace(text ? entry.GetReflection()->GetString(entry, &key) : absl::StrCat(i), &entry);
    }
    for (const auto& [name, at] : entries) {
      const Message& entry = *at;
      FieldPath::Step step(path_, FieldPath::Step::Key{name});
      if (rules.rule != nullptr && rules.rule->key != nullptr) {
        if (std::string broken = BrokenRule(entry, key, -1, *rules.rule->key); !broken.empty()) {
          Error(Finding::Kind::kRule, absl::StrCat("the key ", broken));
        }
      }
      CheckValue(entry, value, -1, rules.rule == nullptr ? nullptr : rules.rule->value.get(), place);
    }
  }

  // An extension that cannot be used: an error, unless whoever holds it says that it is optional.
  void Unusable(const Place& place, Finding::Kind kind, std::string message) {
    Add(place.optional ? result_.warnings : result_.errors, kind, std::move(message));
  }

  void CheckAny(const Any& any, const Place& place) {
    if (!place.support && options_.check_support) return;  // below a field that has no effect
    if (any.type_url().empty()) {
      if (!any.value().empty()) Error(Finding::Kind::kUnknownType, "has content but no type");
      return;
    }
    const absl::StatusOr<std::unique_ptr<Message>> content = UnpackAny(any);
    if (absl::IsNotFound(content.status())) {
      if (options_.check_support) Unusable(place, Finding::Kind::kUnknownType, std::string(content.status().message()));
      return;
    }
    if (!content.ok()) return Error(Finding::Kind::kUnknownType, std::string(content.status().message()));
    const MessageRules& rules = RulesOf(*(*content)->GetDescriptor());
    const std::string& name = (*content)->GetDescriptor()->full_name();
    if (options_.check_support && rules.extension == api::REFUSED) {
      return Unusable(place, Finding::Kind::kUnsupported, absl::StrCat("extension type ", name, " is not supported"));
    }
    Place inside{place.strict, place.support, false};
    if (options_.check_support && rules.extension == api::NO_EFFECT) {
      Add(result_.warnings, Finding::Kind::kNoEffect,
          absl::StrCat("extension type ", name, " has no effect: ", rules.extension_why));
      inside.support = false;
    }
    CheckMessage(**content, inside);
  }

  const ValidateOptions& options_;
  FieldPath path_;
  ValidationResult result_;
};

}  // namespace

std::string ToString(const Finding& finding) {
  return finding.path.empty() ? finding.message : absl::StrCat(finding.path, ": ", finding.message);
}

bool ValidationResult::breaks_rules() const {
  for (const Finding& error : errors) {
    if (error.kind == Finding::Kind::kRule) return true;
  }
  return false;
}

absl::Status ValidationResult::ToStatus() const {
  if (errors.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrJoin(
      errors, "\n", [](std::string* out, const Finding& finding) { absl::StrAppend(out, ToString(finding)); }));
}

ValidationResult Validate(const Message& message, const ValidateOptions& options) {
  Validator validator(options);
  validator.CheckMessage(message, Place());
  return validator.Take();
}

}  // namespace outrigger::schema
