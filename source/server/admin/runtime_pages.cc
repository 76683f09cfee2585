// /runtime and /runtime_modify
#include <map>

#include "absl/strings/str_cat.h"
#include "source/config/runtime_layers.h"
#include "source/schema/json_writer.h"
#include "source/server/admin/all_pages.h"
#include "source/server/server.h"

namespace outrigger::server {

namespace {

std::string TextOf(const Value& value) {
  if (const std::string* text = value.as_string(); text != nullptr) return *text;
  if (const double* number = value.as_number(); number != nullptr) return absl::StrCat(*number);
  if (const bool* truth = value.as_bool(); truth != nullptr) return *truth ? "true" : "false";
  const Value::Struct* fields = value.as_struct();
  if (fields == nullptr) return "";
  std::string text;
  for (const auto& [name, field] : *fields)
    absl::StrAppend(&text, text.empty() ? "{" : ", ", name, ": ", TextOf(field));
  return text.empty() ? "{}" : text + "}";
}

AdminResponse Show(const config::RuntimeLayers& runtime) {
  google::protobuf::Struct page;
  auto& names = *(*page.mutable_fields())["layers"].mutable_list_value();
  auto& entries = *(*page.mutable_fields())["entries"].mutable_struct_value();
  for (const auto& layer : runtime.layers()) names.add_values()->set_string_value(layer.name);
  for (const auto& [key, value] : runtime.Merged()) {
    auto& entry = *(*entries.mutable_fields())[key].mutable_struct_value();
    auto& of_layers = *(*entry.mutable_fields())["layer_values"].mutable_list_value();
    for (const auto& layer : runtime.layers()) {
      const auto at = layer.values.find(key);
      of_layers.add_values()->set_string_value(at == layer.values.end() ? "" : TextOf(at->second));
    }
    (*entry.mutable_fields())["final_value"].set_string_value(TextOf(value));
  }
  return AdminResponse::Json(schema::ToJson(page));
}

AdminResponse Modify(Server& server, const AdminRequest& request) {
  std::vector<std::pair<std::string, std::string>> values = request.query;
  if (values.empty()) values = ParseAdminTarget("POST", absl::StrCat("/?", request.body)).query;
  if (values.empty()) {
    return AdminResponse::Text("usage: /runtime_modify?KEY=VALUE&KEY=VALUE; an empty value takes an override away\n",
                               400);
  }
  const absl::Status modified = server.builder().ModifyRuntime(values);
  server.RequestPublish();
  if (absl::IsFailedPrecondition(modified)) return AdminResponse::Text(absl::StrCat(modified.message(), "\n"), 503);
  if (!modified.ok()) return AdminResponse::Text(absl::StrCat(modified.message(), "\n"), 400);
  return AdminResponse::Text("OK\n");
}

}  // namespace

void AddRuntimePages(Server& server, AdminPages& pages) {
  pages.Add("/runtime", "runtime values, by layer", false,
            [&server](const AdminRequest&) { return Show(server.builder().runtime()); });
  pages.Add("/runtime_modify", "sets values of the admin layer: POST ?KEY=VALUE&...", true,
            [&server](const AdminRequest& request) { return Modify(server, request); });
}

}  // namespace outrigger::server
