#include "source/control_plane/status/status_page.h"

#include <initializer_list>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "source/schema/json_writer.h"

namespace outrigger::control_plane {
namespace {

std::string TimeText(WallTime time) {
  if (time == WallTime{}) return "";
  return absl::FormatTime(absl::RFC3339_full, absl::FromUnixMillis(ToMillis(time.time_since_epoch())),
                          absl::UTCTimeZone());
}

// An object under construction: commas are its business.
class Object {
 public:
  explicit Object(std::string& out) : out_(out) { out_ += '{'; }
  ~Object() { out_ += '}'; }
  Object(const Object&) = delete;
  std::string& Key(absl::string_view key) {
    absl::StrAppend(&out_, first_ ? "" : ",", schema::JsonString(key), ":");
    first_ = false;
    return out_;
  }
  void Text(absl::string_view key, absl::string_view value) { Key(key) += schema::JsonString(value); }
  void TextIf(absl::string_view key, absl::string_view value) {
    if (!value.empty()) Text(key, value);
  }
  void Number(absl::string_view key, uint64_t value) { absl::StrAppend(&Key(key), value); }
  void Bool(absl::string_view key, bool value) { Key(key) += value ? "true" : "false"; }

 private:
  std::string& out_;
  bool first_ = true;
};

void AddType(const Subscription& subscription, std::string& out) {
  const Subscription::Facts& facts = subscription.facts();
  Object type(out);
  type.Bool("wildcard", facts.wildcard);
  type.Number("names", facts.names);
  type.Number("resources", facts.resources);
  type.TextIf("sent_version", facts.sent_version);
  type.TextIf("sent_at", TimeText(facts.sent_at));
  type.TextIf("acked_version", facts.acked_version);
  type.TextIf("acked_at", TimeText(facts.acked_at));
  type.TextIf("in_use_version", subscription.deliveries().in_use_version());
  type.TextIf("in_use_since", TimeText(subscription.deliveries().in_use_since()));
  type.TextIf("nacked_version", facts.refused_version);
  type.TextIf("nacked_at", TimeText(facts.refused_at));
  type.TextIf("nack_reason", facts.refusal);
  type.Bool("refusing", facts.refusing);
  type.Number("sent", facts.sent);
  type.Number("acks", facts.acks);
  type.Number("nacks", facts.nacks);
  type.Number("stale", facts.stale);
}

// The last part of a type that is known. A client may ask for others, and two of them may end alike.
absl::string_view TypeName(const std::string& type_url) {
  return KnownType(type_url) ? ShortType(type_url) : absl::string_view(type_url);
}

// Nodes that the configuration names and that have no stream.
std::vector<std::string> Absent(const XdsServer& server) {
  std::set<absl::string_view> present;
  for (const auto& [id, session] : server.sessions()) {
    if (session->admitted()) present.insert(session->node().id);
  }
  std::vector<std::string> absent;
  for (std::string& id : server.catalog()->node_ids()) {
    if (present.find(id) == present.end()) absent.push_back(std::move(id));
  }
  return absent;
}

absl::string_view ServiceOf(const Session& session) {
  if (!session.options().only_type.empty()) return ShortType(session.options().only_type);
  return "ADS";
}

void AddSession(const Session& session, std::string& out) {
  Object proxy(out);
  proxy.Text("node", session.node().id);
  proxy.TextIf("cluster", session.node().cluster);
  proxy.TextIf("user_agent", session.user_agent());
  proxy.Text("address", session.peer().address);
  proxy.Text("service", ServiceOf(session));
  proxy.Text("form", session.options().form == WireForm::kDelta ? "delta" : "state of the world");
  proxy.Bool("tells_use", session.tells_use());
  proxy.Text("connected_at", TimeText(session.opened()));
  proxy.Bool("authenticated", session.admission().kind == Admission::Kind::kAuthenticated);
  proxy.Bool("secrets", session.admission().secrets);
  proxy.Bool("changing", session.waiting());
  std::string& types = proxy.Key("types");
  Object by_type(types);
  for (const auto& [type, subscription] : session.subscriptions()) {
    AddType(subscription, by_type.Key(TypeName(type)));
  }
}

void AddCounters(const XdsServer::Counters& counters, const StatusFacts& facts, const LogBudget& log,
                 std::string& out) {
  Object object(out);
  for (const auto& [name, value] : std::initializer_list<std::pair<const char*, uint64_t>>{
           {"streams_opened", counters.opened},
           {"streams_closed", counters.closed},
           {"streams_rejected", counters.rejected},
           {"streams_rejected_of_source", counters.rejected_of_source},
           {"responses_sent", counters.events.sent},
           {"heartbeats_sent", counters.events.heartbeats},
           {"acks", counters.events.acks},
           {"nacks", counters.events.nacks},
           {"stale_requests", counters.events.stale},
           {"in_use_reports", counters.events.in_use},
           {"in_use_reports_of_unknown_versions", counters.events.in_use_unknown},
           {"malformed_requests", counters.events.malformed},
           {"limits_exceeded", counters.events.limits_exceeded},
           {"silent_streams", counters.events.silent},
           {"nodes_denied", counters.events.denied_nodes},
           {"secrets_denied", counters.events.denied_secrets},
           {"peers_denied", counters.denied_peers},
           {"configurations_published", counters.published},
           {"configurations_refused", counters.refused_configs},
           {"certificates_issued", facts.certificates_issued},
           {"server_certificates_renewed", facts.server_certificates_renewed},
           {"server_certificates_refused", facts.server_certificates_refused},
           {"nodes_enrolled", facts.nodes_enrolled},
           {"nodes_renewed", facts.nodes_renewed},
           {"enrolments_refused", facts.enrolments_refused},
           {"enrolments_malformed", facts.enrolments_malformed},
           {"tokens_unknown", facts.tokens_unknown},
           {"tokens_expired", facts.tokens_expired},
           {"tokens_of_another_node", facts.tokens_of_another_node},
           {"log_lines_suppressed", log.suppressed()}}) {
    object.Number(name, value);
  }
}

std::string Html(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

void AddRows(const Session& session, std::string& out) {
  const std::string who = absl::StrCat(
      "<td>", Html(session.node().id), "</td><td>", Html(ServiceOf(session)), "</td><td>", Html(session.peer().address),
      session.admission().kind == Admission::Kind::kAuthenticated ? ", authenticated" : "", "</td>");
  for (const auto& [type, subscription] : session.subscriptions()) {
    const Subscription::Facts& facts = subscription.facts();
    const bool good = !facts.refusing && facts.sent_version == facts.acked_version;
    absl::StrAppend(&out, "<tr class=",
                    facts.refusing ? "bad"
                    : good         ? "good"
                                   : "open",
                    ">", who, "<td>", Html(TypeName(type)), "</td><td>", facts.resources, "</td><td>",
                    Html(facts.sent_version), "<br>", TimeText(facts.sent_at), "</td><td>", Html(facts.acked_version),
                    "<br>", TimeText(facts.acked_at), "</td><td>", Html(subscription.deliveries().in_use_version()),
                    "<br>", TimeText(subscription.deliveries().in_use_since()), "</td><td>",
                    Html(facts.refused_version), "<br>", TimeText(facts.refused_at), "<br>", Html(facts.refusal),
                    "</td></tr>\n");
  }
  if (session.subscriptions().empty()) absl::StrAppend(&out, "<tr>", who, "<td colspan=6>nothing asked</td></tr>\n");
}

constexpr char kStyle[] =
    "<style>body{font:14px sans-serif;margin:2em}table{border-collapse:collapse}td,th{border:1px solid #ccc;"
    "padding:4px 8px;text-align:left;vertical-align:top}.bad{background:#fdd}.good{background:#efe}.open{background:"
    "#ffe}pre{background:#fdd;padding:1em}</style>";

}  // namespace

std::string StatusJson(const XdsServer& server, const StatusFacts& facts) {
  std::string out;
  {
    Object root(out);
    {
      Object configuration(root.Key("configuration"));
      configuration.Text("source", facts.source);
      configuration.TextIf("trust_domain", facts.trust_domain);
      configuration.TextIf("root", facts.root);
      configuration.TextIf("version", server.version());
      configuration.Number("published", server.counters().published);
      configuration.TextIf("published_at", TimeText(server.published_at()));
      configuration.TextIf("refused", server.refused_config());
      if (!server.refused_config().empty()) configuration.Text("refused_at", TimeText(server.refused_at()));
    }
    AddCounters(server.counters(), facts, server.log_budget(), root.Key("counters"));
    std::string& list = root.Key("proxies");
    list += '[';
    bool first = true;
    for (const auto& [id, session] : server.sessions()) {
      if (!std::exchange(first, false)) list += ',';
      AddSession(*session, list);
    }
    list += ']';
    std::string& absent = root.Key("not_connected");
    absent += '[';
    first = true;
    for (const std::string& id : Absent(server)) {
      absl::StrAppend(&absent, std::exchange(first, false) ? "" : ",", schema::JsonString(id));
    }
    absent += ']';
  }
  out += '\n';
  return out;
}

std::string StatusHtml(const XdsServer& server, const StatusFacts& facts) {
  std::string out = absl::StrCat("<!doctype html><meta charset=utf-8><title>Outrigger control plane</title>", kStyle,
                                 "<h1>Outrigger control plane</h1><p>Serving ", Html(facts.source), ", published ",
                                 server.counters().published, " times, last ", TimeText(server.published_at()),
                                 server.version().empty() ? "" : ", version ", server.version(),
                                 ". <a href=/status.json>JSON</a></p>");
  if (!server.refused_config().empty()) {
    absl::StrAppend(&out, "<p>Refused at ", TimeText(server.refused_at()),
                    "; what was good before stays in use:</p><pre>", Html(server.refused_config()), "</pre>");
  }
  out += "<table><tr><th>Node<th>Stream<th>From<th>Type<th>Resources<th>Sent<th>Accepted<th>In use<th>Refused</tr>\n";
  for (const auto& [id, session] : server.sessions()) AddRows(*session, out);
  out += "</table>\n";
  const std::vector<std::string> absent = Absent(server);
  if (!absent.empty()) {
    absl::StrAppend(&out, "<p>Not connected: ", Html(absl::StrJoin(absent, ", ")), "</p>\n");
  }
  return out;
}

}  // namespace outrigger::control_plane
