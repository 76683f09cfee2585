// For every value rule in api/, one value that breaks it is made from the descriptors, and must be refused at exactly
// its path.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/message.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api/all_types.h"
#include "outrigger/api/support.pb.h"
#include "source/schema/validator.h"

namespace outrigger::api {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using schema::Finding;
using schema::ValidateOptions;

std::unique_ptr<Message> New(const Descriptor& type) {
  return std::unique_ptr<Message>(google::protobuf::MessageFactory::generated_factory()->GetPrototype(&type)->New());
}

// Puts one value into the field: sets it, or adds an item.
struct Setter {
  Message& message;
  const FieldDescriptor& field;
  const Reflection& reflection = *message.GetReflection();

  void Text(const std::string& value) const {
    field.is_repeated() ? reflection.AddString(&message, &field, value) : reflection.SetString(&message, &field, value);
  }
  Message& Sub() const {
    return *(field.is_repeated() ? reflection.AddMessage(&message, &field)
                                 : reflection.MutableMessage(&message, &field));
  }
  void Enum(int value) const {
    field.is_repeated() ? reflection.AddEnumValue(&message, &field, value)
                        : reflection.SetEnumValue(&message, &field, value);
  }
  // False: the field holds no numbers, or the number does not fit into it.
  bool Number(long double value) const {
    const auto put = [&](auto set, auto add, auto typed) {
      if (static_cast<long double>(typed) != value) return false;
      field.is_repeated() ? (reflection.*add)(&message, &field, typed) : (reflection.*set)(&message, &field, typed);
      return true;
    };
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32:
        return value >= -2147483648.0L && value <= 2147483647.0L &&
               put(&Reflection::SetInt32, &Reflection::AddInt32, static_cast<int32_t>(value));
      case FieldDescriptor::CPPTYPE_INT64:
        return put(&Reflection::SetInt64, &Reflection::AddInt64, static_cast<int64_t>(value));
      case FieldDescriptor::CPPTYPE_UINT32:
        return value >= 0 && value <= 4294967295.0L &&
               put(&Reflection::SetUInt32, &Reflection::AddUInt32, static_cast<uint32_t>(value));
      case FieldDescriptor::CPPTYPE_UINT64:
        return value >= 0 && value <= 18446744073709551615.0L &&
               put(&Reflection::SetUInt64, &Reflection::AddUInt64, static_cast<uint64_t>(value));
      case FieldDescriptor::CPPTYPE_FLOAT:
        return put(&Reflection::SetFloat, &Reflection::AddFloat, static_cast<float>(value));
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return put(&Reflection::SetDouble, &Reflection::AddDouble, static_cast<double>(value));
      case FieldDescriptor::CPPTYPE_MESSAGE: {
        Message& sub = Sub();
        if (sub.GetDescriptor()->full_name() == "google.protobuf.Duration") {
          const auto nanos = static_cast<int64_t>(value * 1e9L);
          sub.GetReflection()->SetInt64(&sub, sub.GetDescriptor()->FindFieldByName("seconds"), nanos / 1'000'000'000);
          sub.GetReflection()->SetInt32(&sub, sub.GetDescriptor()->FindFieldByName("nanos"),
                                        static_cast<int32_t>(nanos % 1'000'000'000));
          return true;
        }
        const FieldDescriptor* inner = sub.GetDescriptor()->FindFieldByName("value");
        return inner != nullptr && Setter{sub, *inner}.Number(value);
      }
      default:
        return false;
    }
  }
};

bool IsDuration(const FieldDescriptor& field) {
  return field.message_type() != nullptr && field.message_type()->full_name() == "google.protobuf.Duration";
}
bool IsWrapper(const FieldDescriptor& field) {
  return field.message_type() != nullptr &&
         field.message_type()->well_known_type() >= Descriptor::WELLKNOWNTYPE_DOUBLEVALUE &&
         field.message_type()->well_known_type() <= Descriptor::WELLKNOWNTYPE_BOOLVALUE;
}

// One thing that a rule forbids: how to do it, and what it is called in a failure.
struct Violation {
  std::string what;
  std::function<bool(const Setter&)> make;
};

void AddTextViolations(const Rule& rule, std::vector<Violation>& out) {
  const auto text = [&](std::string what, std::string value) {
    out.push_back({std::move(what), [value = std::move(value)](const Setter& set) {
                     const FieldDescriptor* field = &set.field;
                     if (IsWrapper(*field)) {
                       Message& sub = set.Sub();
                       Setter{sub, *sub.GetDescriptor()->FindFieldByName("value")}.Text(value);
                     } else {
                       set.Text(value);
                     }
                     return true;
                   }});
  };
  if (rule.has_min_len() && rule.min_len() > 0) text("min_len", std::string(rule.min_len() - 1, 'a'));
  if (rule.has_max_len()) text("max_len", std::string(rule.max_len() + 1, 'a'));
  if (rule.has_min_bytes() && rule.min_bytes() > 0) text("min_bytes", std::string(rule.min_bytes() - 1, 'a'));
  if (rule.has_max_bytes()) text("max_bytes", std::string(rule.max_bytes() + 1, 'a'));
  if (!rule.pattern().empty()) text("pattern", "\n\x01 ?#");
  if (!rule.prefix().empty()) text("prefix", "\x01");
  if (!rule.suffix().empty()) text("suffix", "\x01");
  if (!rule.contains().empty()) text("contains", "\x01");
  if (rule.one_of_texts_size() > 0) text("one_of_texts", "no such text");
  if (rule.format() == URI || rule.format() == URI_REFERENCE) text("format", "a b");
  if (rule.format() == HEADER_NAME || rule.format() == HEADER_VALUE || rule.format() == HEADER_TEXT)
    text("format", "a\r\nb");
}

void AddNumberViolations(const FieldDescriptor& field, const Rule& rule, std::vector<Violation>& out) {
  const bool whole = field.cpp_type() != FieldDescriptor::CPPTYPE_DOUBLE &&
                     field.cpp_type() != FieldDescriptor::CPPTYPE_FLOAT && !IsDuration(field) &&
                     !(field.message_type() != nullptr &&
                       (field.message_type()->name() == "DoubleValue" || field.message_type()->name() == "FloatValue"));
  const long double step = IsDuration(field) ? 1e-6L : whole ? 1 : 0.5L;
  const auto number = [&](std::string what, long double value) {
    out.push_back({std::move(what), [value](const Setter& set) { return set.Number(value); }});
  };
  const bool outside = (rule.has_ge() || rule.has_gt()) && (rule.has_le() || rule.has_lt()) &&
                       (rule.has_lt() ? rule.lt() : rule.le()) < (rule.has_gt() ? rule.gt() : rule.ge());
  if (outside) {
    number("between", ((rule.has_lt() ? rule.lt() : rule.le()) + (rule.has_gt() ? rule.gt() : rule.ge())) / 2.0L);
    return;
  }
  if (rule.has_gt()) number("gt", rule.gt());
  if (rule.has_ge()) number("ge", rule.ge() - step);
  if (rule.has_lt()) number("lt", rule.lt());
  if (rule.has_le()) number("le", rule.le() + step);
}

// What can be broken in one value of the field.
std::vector<Violation> ValueViolations(const FieldDescriptor& field, const Rule& rule) {
  std::vector<Violation> out;
  AddTextViolations(rule, out);
  AddNumberViolations(field, rule, out);
  if (rule.defined_only()) out.push_back({"defined_only", [](const Setter& set) { return set.Enum(123456), true; }});
  for (const int64_t value : rule.none_of()) {
    out.push_back({"none_of", [value](const Setter& set) { return set.Enum(static_cast<int>(value)), true; }});
  }
  if (rule.must_be_true()) {
    out.push_back({"must_be_true", [](const Setter& set) {
                     set.reflection.SetBool(&set.message, &set.field, false);
                     return true;
                   }});
  }
  return out;
}

class RulesTest : public testing::Test {
 protected:
  void Expect(const Message& message, const std::string& path, const std::string& what) {
    ++broken_;
    tried_.insert(what);
    ValidateOptions options;
    options.check_support = false;  // rules hold for fields that are not implemented, too
    options.max_findings = 1000;
    bool found = false;
    for (const Finding& error : schema::Validate(message, options).errors) {
      found = found || (error.path == path && error.kind == Finding::Kind::kRule);
    }
    EXPECT_TRUE(found) << message.GetDescriptor()->full_name() << ": " << path << " breaks " << what
                       << " and is not refused";
  }

  void TryField(const Descriptor& type, const FieldDescriptor& field) {
    if (!field.options().HasExtension(rule)) return;
    ++rules_;
    const Rule& rules = field.options().GetExtension(rule);
    tried_.clear();
    if (rules.required() && field.real_containing_oneof() == nullptr) Expect(*New(type), field.name(), "required");
    if (field.is_map()) {
      TryMap(type, field, rules);
    } else if (field.is_repeated()) {
      TryList(type, field, rules);
    } else {
      for (const Violation& violation : ValueViolations(field, rules)) {
        const std::unique_ptr<Message> message = New(type);
        if (violation.make(Setter{*message, field})) Expect(*message, field.name(), violation.what);
      }
    }
    ExpectTried(rules, field, "");
  }

  // Every part of the rule was broken once, but for what no value can break.
  void ExpectTried(const Rule& rules, const FieldDescriptor& field, const std::string& prefix) {
    const Descriptor& parts = *Rule::descriptor();
    for (int i = 0; i < parts.field_count(); ++i) {
      const FieldDescriptor& part = *parts.field(i);
      const Reflection& reflection = *rules.GetReflection();
      if (part.is_repeated() ? reflection.FieldSize(rules, &part) == 0 : !reflection.HasField(rules, &part)) continue;
      const std::string name = prefix + part.name();
      if (part.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        ExpectTried(*google::protobuf::DynamicCastToGenerated<Rule>(&reflection.GetMessage(rules, &part)), field,
                    name + ".");
        continue;
      }
      const bool of_a_oneof = part.name() == "required" && field.real_containing_oneof() != nullptr;
      const bool nothing_is_less =
          (part.name() == "ge" && rules.ge() == 0) ||
          ((part.name() == "min_len" || part.name() == "min_bytes") && rules.min_len() == 0 && rules.min_bytes() == 0);
      const bool never_broken = part.name() == "ignore_empty" || (part.name() == "min_items" && rules.ignore_empty());
      const bool bound = part.name() == "gt" || part.name() == "ge" || part.name() == "lt" || part.name() == "le";
      EXPECT_TRUE(tried_.count(name) > 0 || (bound && tried_.count(prefix + "between") > 0) || of_a_oneof ||
                  nothing_is_less || never_broken)
          << "no value breaks " << name << " of " << field.full_name();
    }
  }

  void TryList(const Descriptor& type, const FieldDescriptor& field, const Rule& rules) {
    if (rules.has_min_items() && rules.min_items() > 0 && !rules.ignore_empty())
      Expect(*New(type), field.name(), "min_items");
    const auto fill = [&](Message& message, uint64_t items) {
      for (uint64_t i = 0; i < items; ++i) {
        const Setter set{message, field};
        if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
          set.Sub();
        } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
          set.Enum(0);
        } else if (!set.Number(1)) {
          set.Text("a");
        }
      }
    };
    if (rules.has_max_items()) {
      const std::unique_ptr<Message> message = New(type);
      fill(*message, rules.max_items() + 1);
      Expect(*message, field.name(), "max_items");
    }
    if (rules.unique()) {
      const std::unique_ptr<Message> message = New(type);
      fill(*message, 2);
      Expect(*message, field.name(), "unique");
    }
    if (!rules.has_each()) return;
    for (const Violation& violation : ValueViolations(field, rules.each())) {
      const std::unique_ptr<Message> message = New(type);
      if (violation.make(Setter{*message, field}))
        Expect(*message, absl::StrCat(field.name(), "[0]"), "each." + violation.what);
    }
  }

  void TryMap(const Descriptor& type, const FieldDescriptor& field, const Rule& rules) {
    if (rules.has_min_items() && rules.min_items() > 0) Expect(*New(type), field.name(), "min_items");
    if (rules.key().min_len() > 0) {
      const std::unique_ptr<Message> message = New(type);
      message->GetReflection()->AddMessage(message.get(), &field);
      Expect(*message, absl::StrCat(field.name(), "[\"\"]"), "key.min_len");
    }
  }

  void TryMessage(const Descriptor& type) {
    if (type.options().map_entry()) return;
    for (int i = 0; i < type.field_count(); ++i) TryField(type, *type.field(i));
    for (int i = 0; i < type.oneof_decl_count(); ++i) {
      if (!type.oneof_decl(i)->options().GetExtension(oneof_required)) continue;
      ++rules_;
      Expect(*New(type), type.oneof_decl(i)->name(), "oneof_required");
    }
    for (int i = 0; i < type.nested_type_count(); ++i) TryMessage(*type.nested_type(i));
  }

  int rules_ = 0;
  int broken_ = 0;
  std::set<std::string> tried_;  // parts of the present field's rule
};

TEST_F(RulesTest, EveryRuleIsEnforcedAtItsPath) {
  for (const Descriptor* first : AllTypes()) {
    const auto& file = *first->file();
    for (int i = 0; i < file.message_type_count(); ++i) TryMessage(*file.message_type(i));
  }
  EXPECT_GT(rules_, 500);
  EXPECT_GE(broken_, rules_ * 9 / 10);
  RecordProperty("rules", rules_);
  RecordProperty("violations", broken_);
}

// A refused field is refused at its path, whatever it holds; a field without effect warns there.
TEST_F(RulesTest, EveryFieldThatIsNotHonouredSaysSo) {
  int refused = 0, no_effect = 0;
  const std::function<void(const Descriptor&)> visit = [&](const Descriptor& type) {
    if (type.options().map_entry()) return;
    for (int i = 0; i < type.nested_type_count(); ++i) visit(*type.nested_type(i));
    for (int i = 0; i < type.field_count(); ++i) {
      const FieldDescriptor& field = *type.field(i);
      const Support says = field.options().GetExtension(support);
      if (says == HONOURED) continue;
      EXPECT_EQ(says == NO_EFFECT, !field.options().GetExtension(why).empty()) << field.full_name();
      const std::unique_ptr<Message> message = New(type);
      const Setter set{*message, field};
      if (field.is_map() || field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        set.Sub();
      } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
        set.Enum(1);
      } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_BOOL) {
        field.is_repeated() ? set.reflection.AddBool(message.get(), &field, true)
                            : set.reflection.SetBool(message.get(), &field, true);
      } else if (!set.Number(1)) {
        set.Text("a");
      }
      const schema::ValidationResult result = schema::Validate(*message);
      const auto& findings = says == REFUSED ? result.errors : result.warnings;
      const bool found = std::any_of(findings.begin(), findings.end(), [&](const Finding& finding) {
        return finding.path == field.name() &&
               finding.kind == (says == REFUSED ? Finding::Kind::kUnsupported : Finding::Kind::kNoEffect);
      });
      EXPECT_TRUE(found) << field.full_name();
      ++(says == REFUSED ? refused : no_effect);
    }
  };
  for (const Descriptor* first : AllTypes()) {
    for (int i = 0; i < first->file()->message_type_count(); ++i) visit(*first->file()->message_type(i));
  }
  EXPECT_GT(refused, 100);
  EXPECT_GT(no_effect, 30);
}

}  // namespace
}  // namespace outrigger::api
