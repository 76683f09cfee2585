// Thread: any (not synchronised; immutable once shared)
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"

namespace outrigger {

// A JSON-like tree: metadata of routes, clusters and endpoints, and what filters leave for each other. Plain data made at
// configuration time (or by filters, per stream); keys are ordered, so printing it is deterministic.
class Value {
 public:
  using List = std::vector<Value>;
  using Struct = std::map<std::string, Value, std::less<>>;
  Value() = default;
  explicit Value(bool b) : data_(b) {}
  explicit Value(double number) : data_(number) {}
  explicit Value(std::string text) : data_(std::move(text)) {}
  explicit Value(List list) : data_(std::move(list)) {}
  explicit Value(Struct fields) : data_(std::move(fields)) {}

  bool is_null() const { return std::holds_alternative<std::monostate>(data_); }
  const bool* as_bool() const { return std::get_if<bool>(&data_); }
  const double* as_number() const { return std::get_if<double>(&data_); }
  const std::string* as_string() const { return std::get_if<std::string>(&data_); }
  const List* as_list() const { return std::get_if<List>(&data_); }
  const Struct* as_struct() const { return std::get_if<Struct>(&data_); }
  Struct* mutable_struct() { return std::get_if<Struct>(&data_); }
  // The member `key` of a struct, or null.
  const Value* Find(absl::string_view key) const {
    const Struct* fields = as_struct();
    if (fields == nullptr) return nullptr;
    auto at = fields->find(std::string(key));
    return at == fields->end() ? nullptr : &at->second;
  }
  friend bool operator==(const Value& a, const Value& b) { return a.data_ == b.data_; }

 private:
  std::variant<std::monostate, bool, double, std::string, List, Struct> data_;
};

// filter_metadata of the API: namespace -> struct.
using Metadata = std::map<std::string, Value, std::less<>>;

}  // namespace outrigger
