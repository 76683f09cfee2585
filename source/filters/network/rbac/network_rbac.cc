#include "source/filters/network/rbac/network_rbac.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "source/observe/response_code_details.h"

namespace outrigger::filters {

NetworkRbac::Verdict NetworkRbac::OnNewConnection(net::FilterChainOnConnection& chain) {
  return Decide(chain.connection()) ? Verdict::kContinue : Verdict::kStop;
}

NetworkRbac::Verdict NetworkRbac::OnData(net::FilterChainOnConnection& chain, Buffer& /*data*/, bool /*end*/) {
  if (!config_->continuous) return Verdict::kDone;
  return Decide(chain.connection()) ? Verdict::kContinue : Verdict::kStop;
}

bool NetworkRbac::Decide(net::Connection& connection) {
  const rbac::Subject subject(&connection);
  observe::WorkerStats& worker = context_.worker().stats();
  if (config_->shadow != nullptr) {
    observe::RbacStats& stats = worker.Get(config_->shadow_stats);
    (config_->shadow->Decide(subject).allowed ? stats.shadow_allowed : stats.shadow_denied).Inc();
  }
  if (config_->rules == nullptr) return true;
  const rbac::Decision decision = config_->rules->Decide(subject);
  context_.NotePolicy(decision.origin);
  observe::RbacStats& stats = worker.Get(config_->stats);
  if (config_->rules->action() == rbac::Action::kLog) {
    (decision.policy != nullptr ? stats.logged : stats.not_logged).Inc();
  }
  (decision.allowed ? stats.allowed : stats.denied).Inc();
  if (decision.allowed) return true;
  const std::string name =
      absl::StrReplaceAll(decision.policy_name(), {{" ", "_"}, {"\t", "_"}, {"\n", "_"}, {"\r", "_"}});
  detail_ = absl::StrCat(observe::details::kRbacDenied, name, "]");
  connection.Close(net::Connection::CloseMode::kNow, {net::CloseReason::kLocal, 0, detail_.c_str()});
  return false;
}

void NetworkRbac::Dump(DumpWriter& out) const {
  out.Field("rbac_policies", config_->rules == nullptr ? size_t{0} : config_->rules->policies().size());
}

}  // namespace outrigger::filters
