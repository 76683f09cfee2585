// /stats, /stats/prometheus, /reset_counters
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "source/observe/stats_reader.h"
#include "source/server/admin/all_pages.h"
#include "source/server/server.h"

namespace outrigger::server {

namespace {

enum class Form : uint8_t { kText, kHtml, kJson, kPrometheus };

void KeepType(observe::StatsSnapshot& stats, absl::string_view type) {
  if (type.empty() || absl::EqualsIgnoreCase(type, "all")) return;
  const bool counters = absl::EqualsIgnoreCase(type, "counters");
  const bool gauges = absl::EqualsIgnoreCase(type, "gauges");
  std::erase_if(stats.numbers,
                [&](const auto& number) { return number.kind == observe::StatKind::kGauge ? !gauges : !counters; });
  if (!absl::EqualsIgnoreCase(type, "histograms")) stats.distributions.clear();
  if (!absl::EqualsIgnoreCase(type, "textreadouts")) stats.texts.clear();
}

bool ReadBuckets(absl::string_view asked, observe::StatsFormat::Histograms* out) {
  using Histograms = observe::StatsFormat::Histograms;
  constexpr std::pair<absl::string_view, Histograms> kForms[] = {{"none", Histograms::kQuantiles},
                                                                 {"cumulative", Histograms::kCumulative},
                                                                 {"disjoint", Histograms::kDisjoint},
                                                                 {"detailed", Histograms::kDetailed}};
  for (const auto& [name, form] : kForms) {
    if (name != asked) continue;
    *out = form;
    return true;
  }
  return false;
}

bool KnownType(absl::string_view type) {
  for (absl::string_view known : {"", "all", "counters", "gauges", "histograms", "textreadouts"}) {
    if (absl::EqualsIgnoreCase(type, known)) return true;
  }
  return false;
}

AdminResponse Stats(Server& server, const AdminRequest& request, Form form) {
  const absl::string_view asked = request.Get("format", form == Form::kPrometheus ? "prometheus" : "text");
  if (asked == "json") {
    form = Form::kJson;
  } else if (asked == "prometheus") {
    form = Form::kPrometheus;
  } else if (asked == "html") {
    form = Form::kHtml;
  } else if (asked != "text") {
    return AdminResponse::Text("usage: /stats?format=(text|html|json|prometheus)\n", 400);
  }
  observe::StatsFormat format;
  format.used_only = request.Has("usedonly");
  format.text_readouts = request.Has("text_readouts");
  if (!ReadBuckets(request.Get("histogram_buckets", "none"), &format.histograms)) {
    return AdminResponse::Text("usage: /stats?histogram_buckets=(cumulative|disjoint|detailed|none)\n", 400);
  }
  if (!KnownType(request.Get("type"))) {
    return AdminResponse::Text("usage: /stats?type=(All|Counters|Gauges|Histograms|TextReadouts)\n", 400);
  }
  if (const std::string* pattern = request.Parameter("filter"); pattern != nullptr && !pattern->empty()) {
    auto filter = observe::NameFilter(*pattern);
    if (!filter.ok())
      return AdminResponse::Text(absl::StrCat("Invalid re2 regex: ", filter.status().message(), "\n"), 400);
    format.filter = *std::move(filter);
  }
  server.RefreshGauges();
  observe::StatsSnapshot stats = server.stats().Read();
  KeepType(stats, request.Get("type"));
  switch (form) {
    case Form::kJson:
      return AdminResponse::Json(observe::FormatJson(stats, format));
    case Form::kPrometheus: {
      const auto tags = observe::TagRules::Defaults();
      format.tags = tags.get();
      return AdminResponse{200, "text/plain; version=0.0.4; charset=UTF-8", observe::FormatPrometheus(stats, format)};
    }
    case Form::kHtml:
      return AdminResponse{200, "text/html; charset=UTF-8",
                           absl::StrCat("<!DOCTYPE html>\n<title>statistics</title>\n<pre>\n",
                                        EscapeHtml(observe::FormatText(stats, format)), "</pre>\n")};
    case Form::kText:
      break;
  }
  return AdminResponse::Text(observe::FormatText(stats, format));
}

}  // namespace

void AddStatsPages(Server& server, AdminPages& pages) {
  pages.Add("/stats",
            "statistics; ?format=text|html|json|prometheus, ?filter=REGEX, ?usedonly, "
            "?type=Counters|Gauges|Histograms|TextReadouts, "
            "?histogram_buckets=cumulative|disjoint|detailed",
            false, [&server](const AdminRequest& request) { return Stats(server, request, Form::kText); });
  pages.Add("/stats/prometheus", "statistics in Prometheus' text form; ?filter, ?usedonly, ?text_readouts", false,
            [&server](const AdminRequest& request) { return Stats(server, request, Form::kPrometheus); });
  pages.Add("/reset_counters", "sets every counter to zero", true, [&server](const AdminRequest&) {
    server.stats().ResetCounters();
    return AdminResponse::Text("OK\n");
  });
}

}  // namespace outrigger::server
