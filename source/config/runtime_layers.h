// Thread: main
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/struct.pb.h"
#include "source/base/value.h"

namespace envoy::config::bootstrap::v3 {
class LayeredRuntime;
}

namespace outrigger::config {

// The bootstrap's layers of runtime values, in their order: later ones win. Layers of a control plane and the admin
// layer change while the process runs; each as a whole, or value by value.
class RuntimeLayers {
 public:
  struct Layer {
    std::string name;
    std::string resource;  // of a layer that a control plane gives; empty: another kind
    bool admin = false;
    Value::Struct values;
  };
  static constexpr size_t kMostAdminValues = 10000;

  // Without any layer there is an admin layer, as published.
  absl::Status Set(const envoy::config::bootstrap::v3::LayeredRuntime& layered);
  const std::vector<Layer>& layers() const { return layers_; }
  Value::Struct Merged() const;

  // False: no layer is called so.
  bool Replace(absl::string_view resource, const google::protobuf::Struct& values);
  // Of the admin layer; an empty text takes the value away. FailedPrecondition: there is no such layer.
  absl::Status Modify(const std::vector<std::pair<std::string, std::string>>& values);
  bool overridden() const;                       // the admin layer has values
  uint64_t version() const { return version_; }  // changes with every change

 private:
  std::vector<Layer> layers_;
  uint64_t version_ = 1;
};

// Keys that are in one of the two only or have another value there.
std::set<std::string> ChangedKeys(const Value::Struct& before, const Value::Struct& after);

}  // namespace outrigger::config
