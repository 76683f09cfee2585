#include "source/schema/rules.h"

#include <google/protobuf/duration.pb.h>

#include <algorithm>
#include <cmath>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/numeric/int128.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "source/base/mutex.h"

namespace outrigger::schema {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

namespace {

class RuleBook {
 public:
  const MessageRules& Get(const Descriptor& type) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(mutex_);
    std::unique_ptr<MessageRules>& rules = rules_[&type];
    if (rules == nullptr) rules = Read(type);
    return *rules;
  }

 private:
  static std::unique_ptr<MessageRules> Read(const Descriptor& type) {
    auto rules = std::make_unique<MessageRules>();
    rules->strict = type.options().GetExtension(api::strict);
    rules->extension = type.options().GetExtension(api::extension);
    rules->extension_why = type.options().GetExtension(api::extension_why);
    for (int i = 0; i < type.field_count(); ++i) {
      const auto& options = type.field(i)->options();
      FieldRules field;
      field.field = type.field(i);
      field.support = options.GetExtension(api::support);
      field.why = options.GetExtension(api::why);
      field.secret = options.GetExtension(api::secret);
      if (options.HasExtension(api::rule)) field.rule = std::make_unique<CompiledRule>(options.GetExtension(api::rule));
      rules->fields.push_back(std::move(field));
    }
    for (int i = 0; i < type.oneof_decl_count(); ++i) {
      if (type.oneof_decl(i)->options().GetExtension(api::oneof_required))
        rules->required_oneofs.push_back(type.oneof_decl(i));
    }
    return rules;
  }

  Mutex mutex_;
  absl::flat_hash_map<const Descriptor*, std::unique_ptr<MessageRules>> rules_ ABSL_GUARDED_BY(mutex_);
};

// A limit in nanoseconds, so that 0.001 s means one million of them exactly.
absl::int128 Nanos(double seconds) { return static_cast<absl::int128>(std::llround(seconds * 1e6)) * 1000; }

template <class Number, class Convert>
std::string BrokenLimits(Number value, const api::Rule& rule, Convert convert, absl::string_view unit) {
  const auto limit = [&](double number) {
    // Whole numbers in full: "1e+06" is no way to tell a limit.
    const bool whole = std::abs(number) < 1e15 && number == std::trunc(number);
    return whole ? absl::StrCat(static_cast<int64_t>(number), unit) : absl::StrCat(number, unit);
  };
  std::string low, high;
  bool low_ok = true, high_ok = true;
  if (rule.has_gt()) low_ok = value > convert(rule.gt()), low = absl::StrCat("above ", limit(rule.gt()));
  if (rule.has_ge()) low_ok = value >= convert(rule.ge()), low = absl::StrCat("at least ", limit(rule.ge()));
  if (rule.has_lt()) high_ok = value < convert(rule.lt()), high = absl::StrCat("below ", limit(rule.lt()));
  if (rule.has_le()) high_ok = value <= convert(rule.le()), high = absl::StrCat("at most ", limit(rule.le()));
  const double lower = rule.has_gt() ? rule.gt() : rule.ge();
  const double upper = rule.has_lt() ? rule.lt() : rule.le();
  // Limits the wrong way round mean: outside of what lies between them.
  if (!low.empty() && !high.empty() && upper < lower) {
    return low_ok || high_ok ? "" : absl::StrCat("must be ", high, " or ", low);
  }
  if (!low_ok) return absl::StrCat("must be ", low);
  if (!high_ok) return absl::StrCat("must be ", high);
  return "";
}

std::string BrokenNumber(long double value, const api::Rule& rule) {
  return BrokenLimits(
      value, rule, [](double limit) { return static_cast<long double>(limit); }, "");
}

std::string BrokenInteger(long double value, const api::Rule& rule) {
  const auto is_value = [&](int64_t allowed) { return static_cast<long double>(allowed) == value; };
  if (rule.one_of_size() > 0 && std::none_of(rule.one_of().begin(), rule.one_of().end(), is_value)) {
    return absl::StrCat("must be one of ", absl::StrJoin(rule.one_of(), ", "));
  }
  if (std::any_of(rule.none_of().begin(), rule.none_of().end(), is_value))
    return "has a value that is not allowed here";
  return BrokenNumber(value, rule);
}

bool IsTokenChar(char c) {
  return absl::ascii_isalnum(c) || absl::StrContains("!#$%&'*+-.^_`|~", absl::string_view(&c, 1));
}

std::string BrokenFormat(absl::string_view text, api::Format format) {
  const auto control = [](char c) { return (static_cast<uint8_t>(c) < 0x20 && c != '\t') || c == 0x7F; };
  const auto line_end = [](char c) { return c == '\0' || c == '\r' || c == '\n'; };
  const auto space = [](char c) { return static_cast<uint8_t>(c) <= 0x20 || c == 0x7F; };
  switch (format) {
    case api::HEADER_NAME: {
      absl::string_view name = text;
      if (!name.empty() && name[0] == ':') name.remove_prefix(1);
      return !name.empty() && std::all_of(name.begin(), name.end(), IsTokenChar) ? "" : "must be a header name";
    }
    case api::HEADER_VALUE:
      return std::any_of(text.begin(), text.end(), control) ? "must not contain control characters" : "";
    case api::HEADER_TEXT:
      return std::any_of(text.begin(), text.end(), line_end) ? "must not contain NUL, CR or LF" : "";
    case api::URI:
    case api::URI_REFERENCE: {
      const size_t colon = text.find(':');
      const bool scheme = colon != absl::string_view::npos && colon > 0 && absl::ascii_isalpha(text[0]);
      const bool bad = std::any_of(text.begin(), text.end(), space) || (format == api::URI && !scheme);
      return bad ? "must be a URI" : "";
    }
    default:
      return "";
  }
}

std::string BrokenSize(uint64_t size, bool has_min, uint64_t min, bool has_max, uint64_t max, absl::string_view unit) {
  const auto count = [&](uint64_t n) { return absl::StrCat(n, " ", unit, n == 1 ? "" : "s"); };
  if (has_min && has_max && min == max && size != min) return absl::StrCat("must have ", count(min));
  if (has_min && size < min) return absl::StrCat("must have at least ", count(min));
  if (has_max && size > max) return absl::StrCat("must have at most ", count(max));
  return "";
}

std::string BrokenText(const std::string& text, bool bytes, const CompiledRule& compiled) {
  const api::Rule& rule = compiled.rule;
  if (text.empty() && rule.ignore_empty()) return "";
  const auto continuation = [](char c) { return (static_cast<uint8_t>(c) & 0xC0) == 0x80; };
  const size_t length = bytes ? text.size() : text.size() - std::count_if(text.begin(), text.end(), continuation);
  std::string broken = BrokenSize(length, rule.has_min_len(), rule.min_len(), rule.has_max_len(), rule.max_len(),
                                  bytes ? "byte" : "character");
  if (broken.empty()) {
    broken =
        BrokenSize(text.size(), rule.has_min_bytes(), rule.min_bytes(), rule.has_max_bytes(), rule.max_bytes(), "byte");
  }
  if (!broken.empty() || bytes) return broken;
  if (!absl::StartsWith(text, rule.prefix())) return absl::StrCat("must start with \"", rule.prefix(), "\"");
  if (!absl::EndsWith(text, rule.suffix())) return absl::StrCat("must end with \"", rule.suffix(), "\"");
  if (!absl::StrContains(text, rule.contains())) return absl::StrCat("must contain \"", rule.contains(), "\"");
  const auto& texts = rule.one_of_texts();
  if (!texts.empty() && std::find(texts.begin(), texts.end(), text) == texts.end()) {
    return absl::StrCat("must be one of ", absl::StrJoin(texts, ", "));
  }
  if (compiled.pattern != nullptr && !re2::RE2::PartialMatch(text, *compiled.pattern)) {
    return absl::StrCat("must match ", rule.pattern());
  }
  return BrokenFormat(text, rule.format());
}

std::string BrokenEnum(int value, const FieldDescriptor& field, const api::Rule& rule) {
  if (rule.defined_only() && field.enum_type()->FindValueByNumber(value) == nullptr) {
    return absl::StrCat("has no such value: ", value);
  }
  return BrokenInteger(value, rule);
}

std::string BrokenMessage(const Message& value, const CompiledRule& rule) {
  const Descriptor& type = *value.GetDescriptor();
  if (type.well_known_type() == Descriptor::WELLKNOWNTYPE_DURATION) {
    const auto* duration = google::protobuf::DynamicCastToGenerated<google::protobuf::Duration>(&value);
    if (duration == nullptr) return "";
    const absl::int128 nanos = absl::int128(duration->seconds()) * 1'000'000'000 + duration->nanos();
    return BrokenLimits(nanos, rule.rule, Nanos, "s");
  }
  if (type.well_known_type() >= Descriptor::WELLKNOWNTYPE_DOUBLEVALUE &&
      type.well_known_type() <= Descriptor::WELLKNOWNTYPE_BOOLVALUE) {
    return BrokenRule(value, *type.FindFieldByName("value"), -1, rule);
  }
  return "";
}

// A list item as text that is equal if and only if the items are.
std::string ItemText(const Message& message, const FieldDescriptor& field, int index) {
  const Reflection& reflection = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return reflection.GetRepeatedString(message, &field, index);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return absl::StrCat(reflection.GetRepeatedDouble(message, &field, index));
    case FieldDescriptor::CPPTYPE_UINT32:
      return absl::StrCat(reflection.GetRepeatedUInt32(message, &field, index));
    case FieldDescriptor::CPPTYPE_ENUM:
      return absl::StrCat(reflection.GetRepeatedEnumValue(message, &field, index));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return reflection.GetRepeatedMessage(message, &field, index).SerializeAsString();
    default:
      return absl::StrCat(index);
  }
}

}  // namespace

CompiledRule::CompiledRule(const api::Rule& source) : rule(source) {
  if (!rule.pattern().empty()) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    pattern = std::make_unique<re2::RE2>(rule.pattern(), options);
  }
  if (rule.has_each()) each = std::make_unique<CompiledRule>(rule.each());
  if (rule.has_key()) key = std::make_unique<CompiledRule>(rule.key());
  if (rule.has_value()) value = std::make_unique<CompiledRule>(rule.value());
}

const MessageRules& RulesOf(const Descriptor& type) {
  static auto& book = *new RuleBook();
  return book.Get(type);
}

std::string BrokenRule(const Message& message, const FieldDescriptor& field, int index, const CompiledRule& compiled) {
  const Reflection& reflection = *message.GetReflection();
  const auto get = [&](auto one, auto item) {
    return index < 0 ? (reflection.*one)(message, &field) : (reflection.*item)(message, &field, index);
  };
  const api::Rule& rule = compiled.rule;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return BrokenInteger(get(&Reflection::GetInt32, &Reflection::GetRepeatedInt32), rule);
    case FieldDescriptor::CPPTYPE_INT64:
      return BrokenInteger(get(&Reflection::GetInt64, &Reflection::GetRepeatedInt64), rule);
    case FieldDescriptor::CPPTYPE_UINT32:
      return BrokenInteger(get(&Reflection::GetUInt32, &Reflection::GetRepeatedUInt32), rule);
    case FieldDescriptor::CPPTYPE_UINT64:
      return BrokenInteger(get(&Reflection::GetUInt64, &Reflection::GetRepeatedUInt64), rule);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return BrokenNumber(get(&Reflection::GetFloat, &Reflection::GetRepeatedFloat), rule);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return BrokenNumber(get(&Reflection::GetDouble, &Reflection::GetRepeatedDouble), rule);
    case FieldDescriptor::CPPTYPE_BOOL:
      return rule.must_be_true() && !get(&Reflection::GetBool, &Reflection::GetRepeatedBool) ? "must be true" : "";
    case FieldDescriptor::CPPTYPE_ENUM:
      return BrokenEnum(get(&Reflection::GetEnumValue, &Reflection::GetRepeatedEnumValue), field, rule);
    case FieldDescriptor::CPPTYPE_STRING:
      return BrokenText(get(&Reflection::GetString, &Reflection::GetRepeatedString),
                        field.type() == FieldDescriptor::TYPE_BYTES, compiled);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return BrokenMessage(
          index < 0 ? reflection.GetMessage(message, &field) : reflection.GetRepeatedMessage(message, &field, index),
          compiled);
  }
  return "";
}

std::string BrokenListRule(const Message& message, const FieldDescriptor& field, const CompiledRule& compiled) {
  const api::Rule& rule = compiled.rule;
  const int size = message.GetReflection()->FieldSize(message, &field);
  if (size == 0 && rule.ignore_empty()) return "";
  std::string broken =
      BrokenSize(size, rule.has_min_items(), rule.min_items(), rule.has_max_items(), rule.max_items(), "item");
  if (!broken.empty() || !rule.unique()) return broken;
  absl::flat_hash_set<std::string> seen;
  for (int i = 0; i < size; ++i) {
    if (!seen.insert(ItemText(message, field, i)).second) return "must not have the same item twice";
  }
  return "";
}

bool IsValidDuration(const Message& message) {
  const auto* duration = google::protobuf::DynamicCastToGenerated<google::protobuf::Duration>(&message);
  if (duration == nullptr) return true;
  const int64_t seconds = duration->seconds();
  const int32_t nanos = duration->nanos();
  constexpr int64_t kMost = 315'576'000'000;
  return seconds >= -kMost && seconds <= kMost && nanos > -1'000'000'000 && nanos < 1'000'000'000 &&
         !(seconds > 0 && nanos < 0) && !(seconds < 0 && nanos > 0);
}

}  // namespace outrigger::schema
