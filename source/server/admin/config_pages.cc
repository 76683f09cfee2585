// /config_dump, /config_status
#include <vector>

#include "absl/strings/str_cat.h"
#include "source/observe/stats_reader.h"
#include "source/schema/json_writer.h"
#include "source/server/admin/all_pages.h"
#include "source/server/admin/config_report.h"
#include "source/server/admin/dump_messages.h"
#include "source/server/admin/field_mask.h"
#include "source/server/server.h"

namespace outrigger::server {

namespace {

namespace admin = envoy::admin::v3;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// ?resource=dynamic_listeners: the elements of that list instead of the messages that hold them. False: there is no
// such list.
bool AddResource(const std::vector<Message*>& parts, const std::string& name, const FieldMask* mask,
                 admin::ConfigDump& out) {
  for (Message* part : parts) {
    const FieldDescriptor* field = part->GetDescriptor()->FindFieldByName(name);
    if (field == nullptr || field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    const google::protobuf::Reflection& reflection = *part->GetReflection();
    const auto add = [&](Message& one) {
      if (mask != nullptr) mask->Apply(one);
      out.add_configs()->PackFrom(one);
    };
    if (!field->is_repeated()) {
      add(*reflection.MutableMessage(part, field));
      return true;
    }
    for (int i = 0; i < reflection.FieldSize(*part, field); ++i)
      add(*reflection.MutableRepeatedMessage(part, field, i));
    return true;
  }
  return false;
}

AdminResponse ConfigDump(Server& server, const AdminRequest& request) {
  std::function<bool(absl::string_view)> match;
  if (const std::string* pattern = request.Parameter("name_regex"); pattern != nullptr && !pattern->empty()) {
    auto filter = observe::NameFilter(*pattern);
    if (!filter.ok()) return AdminResponse::Text(absl::StrCat("name_regex: ", filter.status().message(), "\n"), 400);
    match = *std::move(filter);
  }
  absl::StatusOr<FieldMask> mask = FieldMask();
  const std::string* mask_text = request.Parameter("mask");
  if (mask_text != nullptr) mask = FieldMask::Parse(*mask_text);
  if (!mask.ok()) return AdminResponse::Text(absl::StrCat(mask.status().message(), "\n"), 400);
  DumpMessages dump(server, std::move(match));
  admin::ConfigDump out;
  if (const std::string* resource = request.Parameter("resource"); resource != nullptr) {
    if (!AddResource(dump.All(true), *resource, mask_text == nullptr ? nullptr : &*mask, out)) {
      return AdminResponse::Text(absl::StrCat(*resource, " not found in config dump\n"), 404);
    }
    return AdminResponse::Json(schema::ToJson(out));
  }
  for (Message* part : dump.All(request.Has("include_eds"))) {
    if (mask_text != nullptr && !mask->Apply(*part)) continue;
    out.add_configs()->PackFrom(*part);
  }
  if (mask_text != nullptr && out.configs_size() == 0) {
    return AdminResponse::Text(absl::StrCat("mask: no part of the dump has a field of ", *mask_text, "\n"), 400);
  }
  return AdminResponse::Json(schema::ToJson(out));
}

AdminResponse ConfigStatus(Server& server, const AdminRequest& request) {
  const absl::string_view format = request.Get("format", "text");
  if (format != "text" && format != "json") return AdminResponse::Text("format: text or json is wanted\n", 400);
  const absl::StatusOr<ConfigReport> report = MakeConfigReport(server, request);
  if (!report.ok()) return AdminResponse::Text(absl::StrCat(report.status().message(), "\n"), 400);
  return format == "json" ? AdminResponse::Json(ToJson(*report)) : AdminResponse::Text(ToText(*report));
}

}  // namespace

void AddConfigPages(Server& server, AdminPages& pages) {
  pages.Add("/config_dump",
            "configuration in use and on its way; ?resource=FIELD, ?mask=PATHS, ?name_regex, ?include_eds", false,
            [&server](const AdminRequest& request) { return ConfigDump(server, request); });
  pages.Add("/config_status",
            "what is in use since when, what waits for what, what was refused and why; ?type=CDS, ?name=PART, "
            "?state=WORD, ?limit=N, ?format=json",
            false, [&server](const AdminRequest& request) { return ConfigStatus(server, request); });
}

}  // namespace outrigger::server
