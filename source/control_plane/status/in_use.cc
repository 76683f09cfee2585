#include "source/control_plane/status/in_use.h"

#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace outrigger::control_plane {
namespace {

std::string Encoded(absl::string_view text) {
  std::string out;
  for (const char c : text) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' || c == '_' || c == '~') {
      out += c;
    } else {
      absl::StrAppend(&out, "%", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
    }
  }
  return out;
}

std::string Decoded(absl::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool coded = text[i] == '%' && i + 2 < text.size() &&
                       absl::ascii_isxdigit(static_cast<unsigned char>(text[i + 1])) &&
                       absl::ascii_isxdigit(static_cast<unsigned char>(text[i + 2]));
    if (!coded) {
      out += text[i];
      continue;
    }
    out += absl::HexStringToBytes(absl::string_view(text.data() + i + 1, 2));
    i += 2;
  }
  return out;
}

// Why the client is waited for because of this type; empty: it is not.
std::string Missing(const Session& session, const Subscription& subscription, uint64_t sequence) {
  const Deliveries& deliveries = subscription.deliveries();
  if (deliveries.nothing() >= sequence || deliveries.in_use() >= sequence) return "";
  const Subscription::Facts& facts = subscription.facts();
  if (facts.refusing) return absl::StrCat("refused: ", facts.refusal);
  if (deliveries.acked() >= sequence) return session.tells_use() ? "accepted, not in use yet" : "";
  return deliveries.complete(sequence) ? "sent, not accepted yet" : "not sent yet";
}

std::string List(absl::string_view what, const std::set<std::string>& nodes) {
  return nodes.empty() ? "" : absl::StrCat(what, ": ", absl::StrJoin(nodes, ", "), "\n");
}

}  // namespace

bool ParseInUseQuery(absl::string_view text, InUseQuery& out) {
  for (const absl::string_view part : absl::StrSplit(text, '&', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> field = absl::StrSplit(part, absl::MaxSplits('=', 1));
    if (field.first == "version") {
      out.version = Decoded(field.second);
    } else if (field.first == "node") {
      out.node = Decoded(field.second);
    } else if (field.first == "ignore_silent") {
      out.ignore_silent = field.second == "1";
    } else {
      return false;
    }
  }
  return true;
}

std::string InUseQueryText(const InUseQuery& query) {
  return absl::StrCat("version=", Encoded(query.version), query.node.empty() ? "" : "&node=", Encoded(query.node),
                      query.ignore_silent ? "&ignore_silent=1" : "");
}

InUseAnswer WhoUses(const XdsServer& server, const InUseQuery& query) {
  InUseAnswer answer;
  const uint64_t sequence = server.SequenceOf(query.version);
  if (sequence == 0) {
    answer.state = InUseAnswer::State::kUnknownVersion;
    answer.text = absl::StrCat("version ", query.version, " is not published",
                               server.version().empty() ? "" : "; the latest is ", server.version(), "\n");
    return answer;
  }
  std::string waiting;
  std::set<std::string> using_it, accepted, ignored, behind;
  for (const auto& [id, session] : server.sessions()) {
    if (!session->admitted() || (!query.node.empty() && session->node().id != query.node)) continue;
    const std::string& node = session->node().id;
    if (query.ignore_silent && !session->tells_use()) {
      ignored.insert(node);
      continue;
    }
    bool missing = false;
    for (const auto& [type, subscription] : session->subscriptions()) {
      const std::string why = Missing(*session, subscription, sequence);
      if (why.empty()) continue;
      missing = true;
      absl::StrAppend(&waiting, "  ", node, ": ", ShortType(type), ": ", why, "\n");
    }
    (missing ? behind : session->tells_use() ? using_it : accepted).insert(node);
  }
  const bool none = using_it.empty() && accepted.empty() && behind.empty();
  if (none && !query.node.empty() && ignored.empty()) {
    absl::StrAppend(&waiting, "  ", query.node, ": not connected\n");
  }
  const bool done = waiting.empty();
  answer.state = done ? InUseAnswer::State::kDone : InUseAnswer::State::kWaiting;
  answer.text = absl::StrCat("version ", query.version == "latest" ? server.version() : query.version,
                             !done  ? " is not in use everywhere yet\n"
                             : none ? ": no proxy is connected that it is waited for\n"
                                    : " is in use\n",
                             waiting, List("in use", using_it), List("acknowledged, says nothing of use", accepted),
                             List("ignored, says nothing of use", ignored));
  return answer;
}

}  // namespace outrigger::control_plane
