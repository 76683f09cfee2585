#include "source/control_plane/serve/control_plane.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "source/base/log.h"
#include "source/control_plane/status/in_use.h"
#include "source/control_plane/status/status_page.h"

namespace outrigger::control_plane {
namespace {

// For the status page.
absl::string_view RootText(Authority::Phase phase) {
  switch (phase) {
    case Authority::Phase::kAnnounced:
      return "a new root is trusted beside the one that issues";
    case Authority::Phase::kMoved:
      return "the new root issues, the old one is trusted still";
    case Authority::Phase::kSteady:
      break;
  }
  return "one root";
}

XdsServer::Options ServerOptionsOf(const ServeOptions& options) {
  XdsServer::Options out;
  out.ordering.make_before_break = options.make_before_break;
  out.resource_ttl = options.resource_ttl;
  out.policy.allow_unauthenticated_secrets = options.allow_unauthenticated_secrets;
  return out;
}

}  // namespace

ControlPlane::ControlPlane(event::Dispatcher& dispatcher, ServeOptions options)
    : dispatcher_(dispatcher), options_(std::move(options)), server_(dispatcher, ServerOptionsOf(options_)) {}

absl::Status ControlPlane::Start() {
  if (options_.allow_unauthenticated_secrets) {
    OUTRIGGER_LOG(kWarn, kControlPlane,
                  "private keys go to whoever asks on loopback (--insecure-allow-unauthenticated-secrets)");
  }
  absl::Status status = OpenAuthority();
  if (!status.ok()) return status;
  if (!options_.resources.empty()) {
    folder_ = std::make_unique<ResourceFolder>(
        dispatcher_, options_.resources, [this](const absl::StatusOr<CatalogPtr>& catalog) { OnCatalog(catalog); });
  } else {
    mesh_file_ = std::make_unique<MeshFile>(dispatcher_, options_.mesh,
                                            [this](absl::StatusOr<CompiledMesh> mesh) { OnMesh(std::move(mesh)); });
  }
  Reload();
  status = ListenPlain();
  if (status.ok()) status = ListenTls();
  if (status.ok()) status = ListenForVisitors();
  return status;
}

absl::Status ControlPlane::ListenForVisitors() {
  if (options_.status.empty()) return absl::OkStatus();
  auto pages = PageServer::Listen(dispatcher_, options_.status,
                                  [this](const PageServer::Request& request) { return Answer(request); });
  if (!pages.ok()) return pages.status();
  pages_ = *std::move(pages);
  OUTRIGGER_LOG(kInfo, kControlPlane, "status page on ", options_.status, " port ", pages_->port());
  return absl::OkStatus();
}

PageServer::Page ControlPlane::Answer(const PageServer::Request& request) {
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (request.path == "/rotate" || request.path == "/rotate-root") {
    if (request.method != "POST") return {405, "text/plain", "POST only\n"};
    if (request.cross_site) return {403, "text/plain", "not from another site\n"};
    if (secrets_ == nullptr) return {404, "text/plain", "there is no authority\n"};
    if (request.path == "/rotate") {
      Rotate();
      return {200, "text/plain", "renewed\n"};
    }
    const absl::Status begun = rotation_->Begin();
    if (!begun.ok()) return {409, "text/plain", absl::StrCat(begun.message(), "\n")};
    return {200, "text/plain", "the new root is handed out; it issues after the first wait\n"};
  }
  if (!reads) return {405, "text/plain", "GET only\n"};
  if (request.path == "/healthz") return {200, "text/plain", "ok\n"};
  if (request.path == "/in-use") return AnswerInUse(request.query);
  StatusFacts facts;
  facts.source = options_.mesh.empty() ? options_.resources : options_.mesh;
  facts.trust_domain = server_.options().policy.trust_domain;
  if (secrets_ != nullptr) facts.certificates_issued = secrets_->issued();
  if (authority_ != nullptr) facts.root = RootText(authority_->phase());
  if (server_tls_ != nullptr) {
    facts.server_certificates_renewed = server_tls_->counters().renewed;
    facts.server_certificates_refused = server_tls_->counters().refused;
  }
  if (enrollment_ != nullptr) {
    facts.nodes_enrolled = enrollment_->counters().enrolled;
    facts.nodes_renewed = enrollment_->counters().renewed;
    facts.enrolments_refused = enrollment_->counters().refused;
    facts.enrolments_malformed = enrollment_->counters().malformed;
    facts.tokens_unknown = tokens_->counters().unknown;
    facts.tokens_expired = tokens_->counters().expired;
    facts.tokens_of_another_node = tokens_->counters().of_another_node;
  }
  if (request.path == "/") return {200, "text/html; charset=utf-8", StatusHtml(server_, facts)};
  if (request.path == "/status.json") return {200, "application/json", StatusJson(server_, facts)};
  return {404, "text/plain",
          "no such page; there are /, /status.json, /healthz, /in-use, POST /rotate and POST /rotate-root\n"};
}

PageServer::Page ControlPlane::AnswerInUse(absl::string_view text) const {
  InUseQuery query;
  if (!ParseInUseQuery(text, query)) return {400, "text/plain", "expected version, node and ignore_silent only\n"};
  InUseAnswer answer = WhoUses(server_, query);
  const uint32_t status = answer.state == InUseAnswer::State::kDone      ? 200
                          : answer.state == InUseAnswer::State::kWaiting ? 202
                                                                         : 404;
  return {status, "text/plain; charset=utf-8", std::move(answer.text)};
}

absl::Status ControlPlane::OpenAuthority() {
  if (options_.state.empty()) return absl::OkStatus();
  auto authority = Authority::Open(dispatcher_, options_.state);
  if (!authority.ok()) return authority.status();
  authority_ = *std::move(authority);
  tokens_ = std::make_unique<TokenStore>(dispatcher_, options_.state);
  secrets_ = std::make_unique<WorkloadSecrets>(dispatcher_, *authority_, options_.certificate_lifetime,
                                               [this] { server_.Republish(); });
  EnrollmentService::Options enrolment;
  enrolment.lifetime = std::max(options_.certificate_lifetime, options_.node_certificate_lifetime);
  rotation_ = MakeRootRotation(options_.root_step == Duration(0) ? enrolment.lifetime : options_.root_step);
  enrolment.trust_domain = [this] { return server_.options().policy.trust_domain; };
  enrolment.knows_node = [this](const std::string& node) {
    return mesh_file_ == nullptr || mesh_.identities.find(node) != mesh_.identities.end();
  };
  enrolment.program_identity = [this](const std::string& node) {
    return mesh_.programs.find(node) == mesh_.programs.end() ? std::string() : mesh_.identities.find(node)->second;
  };
  enrolment.program_lifetime = options_.certificate_lifetime;
  enrolment.log = &server_.log_budget();
  enrollment_ = EnrollmentService::Make(dispatcher_, *authority_, *tokens_, std::move(enrolment));
  server_.SetComplete([this](const NodeName& node, Snapshot& snapshot) { Complete(node, snapshot); });
  // A folder of resources has no trust domain of its own.
  if (!options_.resources.empty()) server_.SetTrustDomain("outrigger.local");
  return absl::OkStatus();
}

std::unique_ptr<RootRotation> ControlPlane::MakeRootRotation(Duration step) {
  RootRotation::Events events;
  events.roots_changed = [this] {
    if (server_tls_ != nullptr) server_tls_->RootsChanged();
    secrets_->RootsChanged();
  };
  events.issuer_changed = [this] {
    if (server_tls_ != nullptr) server_tls_->Renew();
    secrets_->Rotate();
  };
  return std::make_unique<RootRotation>(dispatcher_, *authority_, RootRotation::Options{.step = step},
                                        std::move(events));
}

void ControlPlane::Reload() {
  if (folder_ != nullptr) folder_->Load();
  if (mesh_file_ != nullptr) mesh_file_->Load();
}

void ControlPlane::Rotate() {
  if (secrets_ != nullptr) secrets_->Rotate();
}

void ControlPlane::Stop() {
  for (const auto& listener : listeners_) listener->Stop();
  for (const auto& [node, listener] : node_sockets_) listener.server->Stop();
}

void ControlPlane::Refuse(const absl::Status& why) {
  OUTRIGGER_LOG(kError, kControlPlane, "configuration refused; the last good one stays");
  for (absl::string_view line : absl::StrSplit(why.message(), '\n')) OUTRIGGER_LOG(kError, kControlPlane, line);
  server_.ConfigRefused(std::string(why.message()));
}

void ControlPlane::OnCatalog(const absl::StatusOr<CatalogPtr>& catalog) {
  if (!catalog.ok()) return Refuse(catalog.status());
  server_.Publish(*catalog);
  OUTRIGGER_LOG(kInfo, kControlPlane, "configuration ", server_.counters().published, " published, version ",
                server_.version());
}

void ControlPlane::OnMesh(absl::StatusOr<CompiledMesh> mesh) {
  if (!mesh.ok()) return Refuse(mesh.status());
  mesh_ = *std::move(mesh);
  secrets_->Keep([this](const std::string& node) { return mesh_.identities.find(node) != mesh_.identities.end(); });
  server_.SetTrustDomain(mesh_.trust_domain);
  server_.Publish(mesh_.catalog);
  OUTRIGGER_LOG(kInfo, kControlPlane, "mesh ", server_.counters().published, " published, version ", server_.version(),
                ": ", mesh_.identities.size(), " nodes");
  ListenForNodes();
}

void ControlPlane::Complete(const NodeName& node, Snapshot& snapshot) {
  const auto identity = mesh_.identities.find(node.id);
  if (mesh_.programs.find(node.id) != mesh_.programs.end()) return;  // its key is its own
  if (identity != mesh_.identities.end()) secrets_->AddTo(node.id, identity->second, snapshot);
}

std::optional<uint32_t> ControlPlane::UserOf(const std::string& node) const {
  const auto user = mesh_.users.find(node);
  return user == mesh_.users.end() ? std::nullopt : std::optional<uint32_t>(user->second);
}

// Sockets of nodes that are gone stay until the end: there is nothing behind them any more.
void ControlPlane::ListenForNodes() {
  if (options_.node_sockets.empty()) return;
  const absl::Status made = dispatcher_.engine().MakeFolder(options_.node_sockets, 0700);
  if (!made.ok()) OUTRIGGER_LOG(kError, kControlPlane, made.message());
  // Other users pass through the folder to their nodes' sockets; they cannot list it.
  if (!mesh_.users.empty()) dispatcher_.engine().ChangeMode(options_.node_sockets, 0711);
  for (const auto& [node, spiffe_id] : mesh_.identities) {
    const std::optional<uint32_t> uid = UserOf(node);
    const auto known = node_sockets_.find(node);
    if (known != node_sockets_.end()) {
      if (known->second.uid == uid) continue;
      known->second.uid = uid;
      const absl::Status changed = known->second.server->SetBoundUser(uid);
      if (!changed.ok()) OUTRIGGER_LOG(kError, kControlPlane, changed.message());
      server_.DismissBound(node, "this node's socket belongs to another user now");
      continue;
    }
    const std::string address = absl::StrCat("unix:", options_.node_sockets, "/", node, ".sock");
    auto listener =
        GrpcServer::Listen(dispatcher_, server_, {.address = address, .bound_node = node, .bound_uid = uid});
    if (!listener.ok()) {
      OUTRIGGER_LOG(kError, kControlPlane, listener.status().message());
      continue;
    }
    node_sockets_.emplace(node, NodeListener{*std::move(listener), uid});
  }
}

absl::Status ControlPlane::ListenOn(const GrpcListenOptions& options, bool enrolment) {
  std::vector<grpc::Service*> extra;
  if (enrolment && enrollment_ != nullptr) extra.push_back(enrollment_->service());
  auto listener = GrpcServer::Listen(dispatcher_, server_, options, extra);
  if (!listener.ok()) return listener.status();
  if ((*listener)->port() != 0) ports_.push_back((*listener)->port());
  OUTRIGGER_LOG(kInfo, kControlPlane, "listening on ", options.address, " port ", (*listener)->port(),
                options.identity == nullptr ? "" : " with TLS");
  listeners_.push_back(*std::move(listener));
  return absl::OkStatus();
}

absl::Status ControlPlane::ListenPlain() {
  for (const std::string& address : options_.listen) {
    const absl::Status status = ListenOn({.address = address}, false);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status ControlPlane::ListenTls() {
  if (options_.tls_listen.empty()) return absl::OkStatus();
  server_tls_ = std::make_unique<ServerTls>(dispatcher_,
                                            ServerTls::Options{.certificate = options_.tls_certificate,
                                                               .key = options_.tls_key,
                                                               .client_ca = options_.tls_client_ca,
                                                               .names = options_.tls_names},
                                            authority_.get());
  absl::Status status = server_tls_->Start();
  if (!status.ok()) return status;
  for (const std::string& address : options_.tls_listen) {
    status = ListenOn({.address = address,
                       .identity = server_tls_->identity(),
                       .require_client_certificate = options_.require_client_certificate},
                      true);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace outrigger::control_plane
