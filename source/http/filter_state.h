// Thread: worker
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "source/base/value.h"

namespace outrigger::http {

// Typed objects that filters leave for each other and for logs, by name, for the life of a stream. Few per stream: a flat list.
class FilterState {
 public:
  class Object {
   public:
    virtual ~Object() = default;
    virtual std::string Text() const { return ""; }  // what %FILTER_STATE(name:PLAIN)% prints
  };
  void Set(absl::string_view name, std::shared_ptr<const Object> object) {
    for (auto& [key, value] : objects_) {
      if (key == name) {
        value = std::move(object);
        return;
      }
    }
    objects_.emplace_back(std::string(name), std::move(object));
  }
  const Object* Get(absl::string_view name) const {
    for (const auto& [key, value] : objects_) {
      if (key == name) return value.get();
    }
    return nullptr;
  }

 private:
  std::vector<std::pair<std::string, std::shared_ptr<const Object>>> objects_;
};

// Dynamic metadata of a stream: namespace -> struct. Costs nothing until a filter sets something.
class DynamicMetadata {
 public:
  const Metadata* get() const { return data_.get(); }
  // Merges `fields` into the namespace (later keys win).
  void Merge(absl::string_view name, const Value::Struct& fields) {
    if (data_ == nullptr) data_ = std::make_unique<Metadata>();
    Value& value = (*data_)[std::string(name)];
    if (value.mutable_struct() == nullptr) value = Value(Value::Struct{});
    for (const auto& [key, field] : fields) (*value.mutable_struct())[key] = field;
  }

 private:
  std::unique_ptr<Metadata> data_;
};

}  // namespace outrigger::http
