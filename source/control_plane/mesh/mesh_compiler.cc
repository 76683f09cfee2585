#include "source/control_plane/mesh/mesh_compiler.h"

#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "source/control_plane/mesh/mesh_parts.h"

namespace outrigger::control_plane {
namespace {

class Compiler {
 public:
  explicit Compiler(const mesh_v1::Mesh& mesh) : mesh_(mesh), index_(mesh) {}

  absl::StatusOr<CompiledMesh> Run() {
    AddShared(OutboundRoutes(mesh_));
    for (const mesh_v1::Service& service : mesh_.services()) {
      AddService(service, "");
      for (const std::string& version : index_.VersionsUsed(service.name())) AddService(service, version);
    }
    for (const mesh_v1::Service& service : mesh_.services()) {
      for (const mesh_v1::Workload& workload : service.workloads()) AddNode(service, workload);
    }
    AddGrpcClients(mesh_.grpc_clients(), false);
    for (const mesh_v1::Service& service : mesh_.services()) {
      AddGrpcClients(service.grpc_clients(), true);
      for (const std::string& node : service.grpc_clients()) {
        out_.identities[node] = ServiceSpiffeId(mesh_, service);
        out_.programs.insert(node);
      }
    }
    if (!status_.ok()) return status_;
    return std::move(out_);
  }

 private:
  ResourcePtr Make(const google::protobuf::Message& message) {
    auto resource = MakeResource(message);
    if (resource.ok()) return *std::move(resource);
    status_.Update(resource.status());
    return nullptr;
  }

  // The same bytes serve every node of the mesh; strangers get none of them.
  void AddShared(const google::protobuf::Message& message) {
    ResourcePtr resource = Make(message);
    if (resource != nullptr) shared_.push_back(std::move(resource));
  }

  void AddService(const mesh_v1::Service& service, const std::string& version) {
    AddShared(ServiceCluster(mesh_, service, version));
    AddShared(ServiceEndpoints(service, version));
  }

  void AddOwn(const std::string& node, const google::protobuf::Message& message) {
    ResourcePtr resource = Make(message);
    if (resource != nullptr && !catalog_->AddForNode(node, std::move(resource))) {
      status_.Update(absl::InternalError(absl::StrCat("two resources of one name for node ", node)));
    }
  }

  void AddNode(const mesh_v1::Service& service, const mesh_v1::Workload& workload) {
    const std::string& node = workload.node();
    out_.identities[node] = ServiceSpiffeId(mesh_, service);
    if (workload.has_uid()) out_.users[node] = workload.uid();
    for (const ResourcePtr& resource : shared_) catalog_->AddForNode(node, resource);
    AddOwn(node, InboundListener(mesh_, index_, service, workload));
    AddOwn(node, OutboundListener(mesh_, workload));
    if (workload.application().port() != 0) AddOwn(node, ApplicationCluster(workload, false));
    if (workload.application().grpc_port() != 0) AddOwn(node, ApplicationCluster(workload, true));
  }

  template <class Names>
  void AddGrpcClients(const Names& nodes, bool secure) {
    if (nodes.empty()) return;
    std::vector<ResourcePtr>& all = for_grpc_[secure];
    if (all.empty()) MakeForGrpc(secure, all);
    for (const std::string& node : nodes) {
      for (const ResourcePtr& resource : all) {
        if (resource != nullptr) catalog_->AddForNode(node, resource);
      }
    }
  }

  void MakeForGrpc(bool secure, std::vector<ResourcePtr>& all) {
    all.push_back(Make(GrpcRoutes(mesh_)));
    for (const mesh_v1::Service& service : mesh_.services()) {
      for (const auto& listener : GrpcListeners(service)) all.push_back(Make(listener));
      std::set<std::string> versions = index_.VersionsUsed(service.name());
      versions.insert("");
      for (const std::string& version : versions) {
        all.push_back(Make(GrpcCluster(mesh_, service, version, secure)));
        all.push_back(Make(GrpcEndpoints(service, version)));
      }
    }
  }

  const mesh_v1::Mesh& mesh_;
  const MeshIndex index_;
  std::shared_ptr<Catalog> catalog_ = std::make_shared<Catalog>();
  std::vector<ResourcePtr> shared_;
  std::vector<ResourcePtr> for_grpc_[2];  // of all gRPC programs without and with an identity
  CompiledMesh out_{catalog_, mesh_.trust_domain(), {}, {}, {}};
  absl::Status status_;
};

}  // namespace

absl::StatusOr<CompiledMesh> CompileMesh(const mesh_v1::Mesh& mesh) { return Compiler(mesh).Run(); }

}  // namespace outrigger::control_plane
