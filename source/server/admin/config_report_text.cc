// /config_status for people: the worst first, times as they are and as ages.
#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "source/server/admin/config_report.h"

namespace outrigger::server {

namespace {

using State = ConfigReport::State;

std::string Counted(uint64_t n, absl::string_view one, absl::string_view many) {
  return absl::StrCat(n, " ", n == 1 ? one : many);
}

class TextReport final {
 public:
  explicit TextReport(const ConfigReport& report) : report_(report) {}

  std::string Write() {
    absl::StrAppend(&out_, "Configuration of ", report_.node.empty() ? "this proxy" : report_.node, " at ",
                    TimeText(report_.now), " (", report_.server_state, ")\n\n");
    Verdict();
    Generation();
    Sources();
    Types();
    Resources();
    Older();
    return std::move(out_);
  }

 private:
  std::string Ago(WallTime time) const {
    return time == WallTime{} ? "never" : absl::StrCat(AgeText(report_.now - time), " ago");
  }
  std::string Since(WallTime time) const {
    return time == WallTime{} ? "from the start" : absl::StrCat("since ", TimeText(time), " (", Age(time), ")");
  }
  std::string Age(WallTime time) const { return AgeText(report_.now - time); }

  // One line for whoever was woken up.
  void Verdict() {
    std::vector<std::string> parts;
    const auto add = [&](State state, absl::string_view what) {
      if (const uint64_t n = report_.CountOf(state); n > 0) parts.push_back(absl::StrCat(n, " ", what));
    };
    for (const SourceView& source : report_.overview.sources) {
      if (!source.connected) parts.push_back(absl::StrCat(source.name, " cannot be reached"));
    }
    if (report_.last_good.in_use) {
      parts.push_back(absl::StrCat("what is served was kept on disk ", AgeText(report_.last_good.age), " ago"));
    }
    add(State::kRefused, "refused");
    add(State::kError, "that the control plane cannot give");
    add(State::kMissing, "that do not exist");
    add(State::kTimedOut, "that did not come in time");
    add(State::kWaiting, "waiting");
    add(State::kAsked, "asked for");
    add(State::kApplied, "on their way to the workers");
    if (!report_.behind.empty()) {
      parts.push_back(absl::StrCat("workers ", absl::StrJoin(report_.behind, ", "), " use an older generation"));
    }
    if (report_.workers > 0 && report_.server_state == "starting") parts.push_back("the start is not over");
    absl::StrAppend(&out_,
                    parts.empty() ? std::string("OK: everything that was accepted is in use.")
                                  : absl::StrCat("ATTENTION: ", absl::StrJoin(parts, "; "), "."),
                    "\n\n");
  }

  void Generation() {
    absl::StrAppend(&out_, "Generation ", report_.generation, ", published ",
                    report_.published_at == WallTime{} ? absl::StrCat("at the start, ", Ago(report_.started))
                                                       : Ago(report_.published_at));
    if (report_.in_use == 0) {
      absl::StrAppend(&out_, "; the workers have not started.\n\n");
    } else if (report_.behind.empty()) {
      absl::StrAppend(&out_, "; all ", report_.workers, " workers use it.\n\n");
    } else {
      absl::StrAppend(&out_, "; workers ", absl::StrJoin(report_.behind, ", "), " of ", report_.workers,
                      " do not use it yet (the oldest in use is ", report_.in_use, ").\n\n");
    }
  }

  void Sources() {
    absl::StrAppend(&out_, "Where it comes from\n");
    std::vector<std::string> given;
    for (const auto& [word, count] : report_.static_counts) {
      if (count > 0) given.push_back(Counted(count, absl::StripSuffix(word, "s"), word));
    }
    absl::StrAppend(&out_, "  bootstrap: ", given.empty() ? "no resources" : absl::StrJoin(given, ", "), "\n");
    if (report_.last_good.in_use) {
      absl::StrAppend(&out_, "  the last good configuration on disk: generation ", report_.last_good.generation,
                      ", confirmed ", AgeText(report_.last_good.age), " ago; served until the control plane answers\n");
    }
    for (const SourceView& source : report_.overview.sources) {
      absl::StrAppend(&out_, "  ", source.name, ": ", source.connected ? "connected " : "NOT CONNECTED ",
                      Since(source.since), source.server.empty() ? "" : absl::StrCat(", is \"", source.server, "\""),
                      "\n");
      if (source.error.empty()) continue;
      absl::StrAppend(&out_, "    last error ", Ago(source.error_at), ": ", source.error, "\n");
    }
    out_ += "\n";
  }

  void Types() {
    if (report_.types.empty()) return;
    absl::StrAppend(&out_, "Types\n");
    absl::StrAppendFormat(&out_, "  %-5s %-24s %-24s %-10s %9s %8s %8s %8s\n", "", "accepted", "in use", "since",
                          "resources", "waiting", "refused", "missing");
    for (const ConfigReport::OfType& type : report_.types) {
      const TypeView& view = type.view;
      absl::StrAppendFormat(&out_, "  %-5s %-24s %-24s %-10s %9d %8d %8d %8d\n", view.type,
                            view.accepted.empty() ? "-" : view.accepted, view.in_use.empty() ? "-" : view.in_use,
                            view.in_use_since == WallTime{} ? "-" : Age(view.in_use_since), type.resources,
                            type.waiting, type.refused, type.missing);
    }
    out_ += "\n";
  }

  void Resources() {
    if (report_.dynamic == nullptr) return;
    absl::StrAppend(&out_, "Resources, the worst first\n");
    for (const ConfigReport::Entry& entry : report_.shown) One(entry);
    const size_t more = report_.matching - report_.shown.size();
    if (more > 0) {
      absl::StrAppend(&out_, "  ", more, " more: ?type=", "CDS, ?name=PART, ?state=WORD, ?limit=N choose\n");
    }
    if (report_.matching == 0) absl::StrAppend(&out_, "  none\n");
  }

  void Detail(absl::string_view text) { absl::StrAppend(&out_, "      ", text, "\n"); }

  void One(const ConfigReport::Entry& entry) {
    const DynamicResource& resource = entry.resource;
    absl::StrAppendFormat(&out_, "  %-9s %-4s %s", WordOf(entry.state), resource.type, resource.name);
    const std::string serves = Serving(resource);
    if (entry.state == State::kInUse) {
      absl::StrAppend(&out_, ": ", serves, "\n");
      return;
    }
    out_ += "\n";
    if (!resource.error.empty()) {
      Detail(absl::StrCat("version ", Quoted(resource.error_version), " refused ", Ago(resource.error_time), ": ",
                          resource.error));
    }
    if (!resource.source_error.empty()) Detail(absl::StrCat("its source says: ", resource.source_error));
    if (resource.warming.message != nullptr) Waiting(resource);
    const bool nothing = resource.active.message == nullptr && resource.warming.message == nullptr;
    if (nothing && entry.state != State::kDraining) Detail(absl::StrCat("asked for ", Since(resource.requested)));
    if (entry.state == State::kMissing) Detail("its source says that there is none of this name");
    if (entry.state == State::kTimedOut) Detail("nothing came in its fetch timeout: those that need it go on without");
    if (entry.state == State::kLeaving)
      Detail("its source dropped it; it stays until nobody names it, or 5 s are over");
    if (resource.draining.message != nullptr) {
      Detail(absl::StrCat("version ", Quoted(resource.draining.version), " is gone, but has connections left"));
    }
    if (!serves.empty()) Detail(serves);
  }

  void Waiting(const DynamicResource& resource) {
    std::vector<std::string> whats;
    for (const WaitView& wait : report_.dynamic->WaitsOf(resource.type_url, std::string(resource.name))) {
      whats.push_back(absl::StrCat(wait.word, " \"", wait.name, "\" ", wait.fresh ? "to come anew, " : "", "for ",
                                   Age(wait.since)));
    }
    Detail(absl::StrCat("version ", Quoted(resource.warming.version), " waits since ",
                        TimeText(resource.warming.received), " (", Age(resource.warming.received), "), for ",
                        whats.empty() ? std::string("its turn") : absl::StrJoin(whats, ", ")));
  }

  std::string Serving(const DynamicResource& resource) const {
    if (resource.active.message == nullptr) return "";
    const std::string version = absl::StrCat("version ", Quoted(resource.active.version));
    if (resource.in_use_since != WallTime{}) return absl::StrCat(version, " is in use ", Since(resource.in_use_since));
    if (resource.generation == 0) return absl::StrCat(version, " is about to be published");
    return absl::StrCat(version, " was published with generation ", resource.generation,
                        ", which not all workers use yet");
  }
  static std::string Quoted(absl::string_view version) { return absl::StrCat("\"", version, "\""); }

  void Older() {
    if (report_.older_generations.empty()) return;
    absl::StrAppend(&out_, "\nStreams that began with an older generation and still use it\n");
    for (const auto& [generation, streams] : report_.older_generations) {
      absl::StrAppend(&out_, "  generation ", generation, ": ", Counted(streams, "stream", "streams"), "\n");
    }
  }

  const ConfigReport& report_;
  std::string out_;
};

}  // namespace

std::string ToText(const ConfigReport& report) { return TextReport(report).Write(); }

}  // namespace outrigger::server
