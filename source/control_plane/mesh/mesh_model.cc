#include "source/control_plane/mesh/mesh_model.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "source/control_plane/mesh/mesh_check.h"
#include "source/control_plane/resources/text_line.h"
#include "source/schema/reader.h"
#include "source/schema/validator.h"

namespace outrigger::control_plane {

absl::Status ReadMesh(absl::string_view text, const std::string& source, mesh_v1::Mesh& out) {
  schema::ReadOptions options;
  options.source = source;
  schema::Node root;
  absl::Status status = schema::ParseText(text, options, root);
  if (status.ok() && root.kind == schema::Node::Kind::kNull) {
    return absl::InvalidArgumentError(absl::StrCat(source, ":1: there is nothing in this file"));
  }
  if (status.ok()) status = schema::ReadNode(root, out, options);
  if (!status.ok()) return status;

  std::vector<MeshProblem> problems;
  schema::ValidateOptions validate;
  validate.check_support = false;
  for (const schema::Finding& finding : schema::Validate(out, validate).errors) {
    problems.push_back({finding.path, finding.message});
  }
  // What follows takes the values' shape for granted.
  if (problems.empty()) CheckMesh(out, problems);
  if (problems.empty()) return absl::OkStatus();
  constexpr size_t kMostLines = 50;
  if (problems.size() > kMostLines) problems.resize(kMostLines);
  std::vector<std::string> lines;
  for (const MeshProblem& problem : problems) {
    lines.push_back(absl::StrCat(source, ":", LineOfPath(root, problem.path), ": ", problem.path,
                                 problem.path.empty() ? "" : ": ", problem.message));
  }
  return absl::InvalidArgumentError(absl::StrJoin(lines, "\n"));
}

std::string ServiceSpiffeId(const mesh_v1::Mesh& mesh, const mesh_v1::Service& service) {
  return absl::StrCat("spiffe://", mesh.trust_domain(), "/service/",
                      service.identity().empty() ? service.name() : service.identity());
}

std::string ClusterName(absl::string_view service, absl::string_view version) {
  return version.empty() ? std::string(service) : absl::StrCat(service, "/", version);
}

MeshIndex::MeshIndex(const mesh_v1::Mesh& mesh) {
  for (const mesh_v1::Service& service : mesh.services()) {
    services_.emplace(service.name(), &service);
    for (const mesh_v1::Route& route : service.routes()) {
      for (const mesh_v1::Target& target : route.to()) {
        if (target.version().empty()) continue;
        versions_[target.service().empty() ? service.name() : target.service()].insert(target.version());
      }
    }
  }
}

const mesh_v1::Service* MeshIndex::Find(absl::string_view service) const {
  const auto it = services_.find(service);
  return it == services_.end() ? nullptr : it->second;
}

const std::set<std::string>& MeshIndex::VersionsUsed(absl::string_view service) const {
  static const std::set<std::string>& none = *new std::set<std::string>;
  const auto it = versions_.find(service);
  return it == versions_.end() ? none : it->second;
}

}  // namespace outrigger::control_plane
