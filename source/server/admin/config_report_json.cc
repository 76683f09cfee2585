// /config_status for programs. What is not known is left out; times are RFC 3339.
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "source/schema/json_writer.h"
#include "source/server/admin/config_report.h"

namespace outrigger::server {

namespace {

using schema::JsonString;

// One object, its members in the order they were given.
class Object final {
 public:
  Object& Raw(absl::string_view name, absl::string_view value) {
    absl::StrAppend(&text_, text_.empty() ? "" : ", ", JsonString(name), ": ", value);
    return *this;
  }
  Object& Text(absl::string_view name, absl::string_view value) {
    return value.empty() ? *this : Raw(name, JsonString(value));
  }
  Object& Number(absl::string_view name, uint64_t value) { return Raw(name, absl::StrCat(value)); }
  Object& Time(absl::string_view name, WallTime time) {
    return time == WallTime{} ? *this : Raw(name, JsonString(TimeText(time)));
  }
  std::string Done() const { return absl::StrCat("{", text_, "}"); }

 private:
  std::string text_;
};

std::string List(const std::vector<std::string>& items) {
  return items.empty() ? "[]" : absl::StrCat("[\n  ", absl::StrJoin(items, ",\n  "), "\n ]");
}

std::string Source(const SourceView& source) {
  Object one;
  one.Text("name", source.name).Text("server", source.server);
  one.Raw("connected", source.connected ? "true" : "false").Time("since", source.since);
  return one.Text("last_error", source.error).Time("last_error_at", source.error_at).Done();
}

std::string Type(const ConfigReport::OfType& type) {
  Object one;
  one.Text("type", type.view.type).Text("source", type.view.source);
  one.Text("accepted", type.view.accepted).Time("accepted_at", type.view.accepted_at);
  one.Text("in_use", type.view.in_use).Time("in_use_since", type.view.in_use_since);
  one.Number("resources", type.resources).Number("waiting", type.waiting);
  return one.Number("refused", type.refused).Number("missing", type.missing).Done();
}

std::string Resource(const ConfigReport& report, const ConfigReport::Entry& entry) {
  const DynamicResource& resource = entry.resource;
  Object one;
  one.Text("type", resource.type).Text("name", resource.name).Text("state", WordOf(entry.state));
  one.Time("requested", resource.requested);
  if (resource.active.message != nullptr) {
    Object active;
    active.Text("version", resource.active.version).Time("received", resource.active.received);
    active.Time("applied", resource.applied).Time("in_use_since", resource.in_use_since);
    if (resource.generation != 0) active.Number("generation", resource.generation);
    one.Raw("active", active.Done());
  }
  if (resource.warming.message != nullptr) {
    std::vector<std::string> waits;
    for (const WaitView& wait : report.dynamic->WaitsOf(resource.type_url, std::string(resource.name))) {
      Object what;
      waits.push_back(what.Text("type", wait.word).Text("name", wait.name).Time("since", wait.since).Done());
    }
    Object waiting;
    waiting.Text("version", resource.warming.version).Time("since", resource.warming.received);
    one.Raw("waiting", waiting.Raw("for", absl::StrCat("[", absl::StrJoin(waits, ", "), "]")).Done());
  }
  if (!resource.error.empty()) {
    Object refused;
    refused.Text("version", resource.error_version).Text("details", resource.error).Time("at", resource.error_time);
    one.Raw("refused", refused.Done());
  }
  return one.Text("source_error", resource.source_error).Done();
}

}  // namespace

std::string ToJson(const ConfigReport& report) {
  std::vector<std::string> sources, types, resources, older;
  for (const SourceView& source : report.overview.sources) sources.push_back(Source(source));
  for (const ConfigReport::OfType& type : report.types) types.push_back(Type(type));
  for (const ConfigReport::Entry& entry : report.shown) resources.push_back(Resource(report, entry));
  for (const auto& [generation, streams] : report.older_generations) {
    Object one;
    older.push_back(one.Number("generation", generation).Number("streams", streams).Done());
  }
  Object fixed;
  for (const auto& [word, count] : report.static_counts) fixed.Number(word, count);
  std::string out = "{\n";
  const auto member = [&out](absl::string_view name, absl::string_view value) {
    absl::StrAppend(&out, out.size() > 2 ? ",\n" : "", " ", JsonString(name), ": ", value);
  };
  member("node", JsonString(report.node));
  member("time", JsonString(TimeText(report.now)));
  member("state", JsonString(report.server_state));
  member("generation", absl::StrCat(report.generation));
  member("in_use_generation", absl::StrCat(report.in_use));
  member("published", JsonString(TimeText(report.published_at == WallTime{} ? report.started : report.published_at)));
  member("static", fixed.Done());
  if (report.last_good.in_use) {
    Object kept;
    kept.Number("generation", report.last_good.generation);
    member("last_good", kept.Number("age_seconds", static_cast<uint64_t>(report.last_good.age / seconds(1))).Done());
  }
  member("sources", List(sources));
  member("types", List(types));
  member("resources", List(resources));
  member("more", absl::StrCat(report.matching - report.shown.size()));
  member("older_generations", List(older));
  return out + "\n}\n";
}

}  // namespace outrigger::server
