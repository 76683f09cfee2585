#include "source/extension/runtime.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "envoy/type/v3/percent.pb.h"

namespace outrigger::extension {

namespace {

constexpr int kDeepest = 16;

bool IsFraction(const google::protobuf::Struct& fields) { return fields.fields().count("numerator") > 0; }

void AddUnder(absl::string_view prefix, const google::protobuf::Struct& layer, int depth, Value::Struct* values) {
  for (const auto& [key, value] : layer.fields()) {
    const std::string name = prefix.empty() ? key : absl::StrCat(prefix, ".", key);
    if (value.has_struct_value() && !IsFraction(value.struct_value()) && depth < kDeepest) {
      AddUnder(name, value.struct_value(), depth + 1, values);
    } else {
      (*values)[name] = ToValue(value);
    }
  }
}

uint32_t Clamped(double n) { return n <= 0 ? 0 : n >= 4294967295.0 ? 4294967295u : static_cast<uint32_t>(n); }

}  // namespace

bool NumberOf(const Value* value, double* out) {
  if (value == nullptr) return false;
  if (const double* number = value->as_number(); number != nullptr) {
    *out = *number;
    return true;
  }
  const std::string* text = value->as_string();
  return text != nullptr && absl::SimpleAtod(*text, out);
}

void AddRuntimeLayer(const google::protobuf::Struct& layer, Value::Struct* values) { AddUnder("", layer, 0, values); }

double RuntimeNumber(double by_default, absl::string_view key, const FactoryContext& context) {
  double number = by_default;
  return !key.empty() && NumberOf(context.Runtime(key), &number) ? number : by_default;
}

bool RuntimeFlag(bool by_default, absl::string_view key, const FactoryContext& context) {
  const Value* value = key.empty() ? nullptr : context.Runtime(key);
  if (value == nullptr) return by_default;
  if (const bool* flag = value->as_bool(); flag != nullptr) return *flag;
  const std::string* text = value->as_string();
  if (text == nullptr || (*text != "true" && *text != "false")) return by_default;
  return *text == "true";
}

bool FractionOf(const Value* value, Fraction* out) {
  double number = 0;
  if (NumberOf(value, &number)) {
    *out = {Clamped(number), 100};
    return true;
  }
  if (value == nullptr || !NumberOf(value->Find("numerator"), &number)) return false;
  const Value* below = value->Find("denominator");
  const std::string* name = below == nullptr ? nullptr : below->as_string();
  uint32_t denominator = 100;
  if (name != nullptr && *name == "TEN_THOUSAND") denominator = 10000;
  if (name != nullptr && *name == "MILLION") denominator = 1000000;
  *out = {Clamped(number), denominator};
  return true;
}

Fraction RuntimeFraction(const envoy::type::v3::FractionalPercent& by_default, absl::string_view key,
                         const FactoryContext& context) {
  Fraction given;
  return !key.empty() && FractionOf(context.Runtime(key), &given) ? given : ToFraction(by_default);
}

Fraction RuntimeFraction(const envoy::config::core::v3::RuntimeFractionalPercent& percent,
                         const FactoryContext& context) {
  return RuntimeFraction(percent.default_value(), percent.runtime_key(), context);
}

}  // namespace outrigger::extension
