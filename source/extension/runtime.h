// Thread: main
#pragma once

#include "envoy/config/core/v3/base.pb.h"
#include "google/protobuf/struct.pb.h"
#include "source/extension/factory.h"
#include "source/extension/matchers.h"

// Runtime values: what layered_runtime of the bootstrap says under a key replaces the default that stands beside the
// key.
namespace outrigger::extension {

// A whole number n means n of 100; a struct with numerator and denominator is taken as it is.
Fraction RuntimeFraction(const envoy::type::v3::FractionalPercent& by_default, absl::string_view key,
                         const FactoryContext& context);
Fraction RuntimeFraction(const envoy::config::core::v3::RuntimeFractionalPercent& percent,
                         const FactoryContext& context);
double RuntimeNumber(double by_default, absl::string_view key, const FactoryContext& context);

bool RuntimeFlag(bool by_default, absl::string_view key, const FactoryContext& context);

// A number, which may be written as text; false: it is none.
bool NumberOf(const Value* value, double* out);

// A fraction as RuntimeFraction takes it; false: it is none.
bool FractionOf(const Value* value, Fraction* out);

// Adds a layer to `values`: nested structs become keys with dots, but for fractions, which stay structs.
void AddRuntimeLayer(const google::protobuf::Struct& layer, Value::Struct* values);

}  // namespace outrigger::extension
