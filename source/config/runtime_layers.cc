#include "source/config/runtime_layers.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "source/extension/fault.h"
#include "source/extension/matchers.h"
#include "source/extension/runtime.h"
#include "source/schema/reader.h"

namespace outrigger::config {

using extension::Fault;

namespace {

// As it would be read from a file of values: a number, a truth value, a fraction in JSON, else text.
Value ValueOfText(const std::string& text) {
  double number = 0;
  if (absl::SimpleAtod(text, &number)) return Value(number);
  if (text == "true" || text == "false") return Value(text == "true");
  google::protobuf::Value value;
  if (absl::StartsWith(text, "{") && schema::ReadMessage(text, value).ok()) return extension::ToValue(value);
  return Value(text);
}

}  // namespace

absl::Status RuntimeLayers::Set(const envoy::config::bootstrap::v3::LayeredRuntime& layered) {
  layers_.clear();
  for (int i = 0; i < layered.layers_size(); ++i) {
    const auto& given = layered.layers(i);
    const std::string path = extension::Item("layered_runtime.layers", i);
    Layer layer{given.name(), given.rtds_layer().name(), given.has_admin_layer(), {}};
    if (given.has_rtds_layer() && layer.resource.empty()) return Fault(path + ".rtds_layer.name", "is not set");
    for (const Layer& other : layers_) {
      if (other.name == layer.name) return Fault(path + ".name", "there is a layer of this name already");
      if (other.admin && layer.admin) return Fault(path + ".admin_layer", "there is one already");
      if (!layer.resource.empty() && other.resource == layer.resource) {
        return Fault(path + ".rtds_layer.name", "another layer is made of it already");
      }
    }
    extension::AddRuntimeLayer(given.static_layer(), &layer.values);
    layers_.push_back(std::move(layer));
  }
  if (layers_.empty()) layers_.push_back({"admin", "", true, {}});
  return absl::OkStatus();
}

Value::Struct RuntimeLayers::Merged() const {
  Value::Struct merged;
  for (const Layer& layer : layers_) {
    for (const auto& [key, value] : layer.values) merged.insert_or_assign(key, value);
  }
  return merged;
}

bool RuntimeLayers::Replace(absl::string_view resource, const google::protobuf::Struct& values) {
  for (Layer& layer : layers_) {
    if (resource.empty() || layer.resource != resource) continue;
    layer.values.clear();
    extension::AddRuntimeLayer(values, &layer.values);
    ++version_;
    return true;
  }
  return false;
}

absl::Status RuntimeLayers::Modify(const std::vector<std::pair<std::string, std::string>>& values) {
  const auto at = std::find_if(layers_.begin(), layers_.end(), [](const Layer& layer) { return layer.admin; });
  if (at == layers_.end()) return absl::FailedPreconditionError("layered_runtime has no admin_layer");
  if (at->values.size() + values.size() > kMostAdminValues) return absl::ResourceExhaustedError("too many values");
  for (const auto& [key, text] : values) {
    if (text.empty()) {
      at->values.erase(key);
    } else {
      at->values.insert_or_assign(key, ValueOfText(text));
    }
  }
  ++version_;
  return absl::OkStatus();
}

bool RuntimeLayers::overridden() const {
  return std::any_of(layers_.begin(), layers_.end(), [](const Layer& one) { return one.admin && !one.values.empty(); });
}

std::set<std::string> ChangedKeys(const Value::Struct& before, const Value::Struct& after) {
  std::set<std::string> changed;
  for (const auto& [key, value] : before) {
    const auto at = after.find(key);
    if (at == after.end() || !(at->second == value)) changed.insert(key);
  }
  for (const auto& [key, value] : after) {
    if (before.find(key) == before.end()) changed.insert(key);
  }
  return changed;
}

}  // namespace outrigger::config
