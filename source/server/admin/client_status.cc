#include "source/server/admin/client_status.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "envoy/service/status/v3/csds.pb.h"
#include "source/extension/matchers.h"
#include "source/matching/string_matcher.h"
#include "source/matching/value_matcher.h"
#include "source/schema/redact.h"

namespace outrigger::server {

namespace {

namespace admin = envoy::admin::v3;
namespace status = envoy::service::status::v3;
using Generic = status::ClientConfig::GenericXdsConfig;
using envoy::config::core::v3::Node;
using envoy::type::matcher::v3::NodeMatcher;

void Set(google::protobuf::Timestamp& out, WallTime time) {
  const int64_t nanos = time.time_since_epoch().count();
  out.set_seconds(nanos / 1'000'000'000);
  out.set_nanos(static_cast<int32_t>(nanos % 1'000'000'000));
}

// All that one matcher says must hold.
absl::StatusOr<bool> Means(const NodeMatcher& matcher, const Node& node, const Value& metadata) {
  if (matcher.has_node_id()) {
    const auto id = extension::BuildStringMatcher(matcher.node_id());
    if (!id.ok()) return absl::InvalidArgumentError(absl::StrCat("node_id: ", id.status().message()));
    if (!id->Match(node.id())) return false;
  }
  for (int i = 0; i < matcher.node_metadatas_size(); ++i) {
    const auto& wanted = matcher.node_metadatas(i);
    const auto value = extension::BuildValueMatcher(wanted.value());
    if (!value.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("node_metadatas[", i, "].value: ", value.status().message()));
    }
    std::vector<std::string> path;
    for (const auto& segment : wanted.path()) path.push_back(segment.key());
    if (!value->Match(matching::FindValue(metadata, path))) return false;
  }
  return true;
}

// Whether somebody asks for this node: no matchers, or any of them.
absl::StatusOr<bool> Asked(const status::ClientStatusRequest& request, const Node& node) {
  if (request.node_matchers().empty()) return true;
  const Value metadata(extension::ToStruct(node.metadata()));
  bool asked = false;
  for (int i = 0; i < request.node_matchers_size(); ++i) {
    const absl::StatusOr<bool> means = Means(request.node_matchers(i), node, metadata);
    if (!means.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("node_matchers[", i, "].", means.status().message()));
    }
    asked = asked || *means;
  }
  return asked;
}

void AddStatic(Server& server, bool contents, status::ClientConfig& out) {
  for (const config::ResourceKind kind :
       {config::ResourceKind::kCluster, config::ResourceKind::kListener, config::ResourceKind::kSecret}) {
    server.builder().ForEach(kind, [&](const config::ResourceView& view) {
      if (view.message == nullptr || view.given == nullptr || !view.given->is_static) return;
      Generic& one = *out.add_generic_xds_configs();
      one.set_type_url(absl::StrCat("type.googleapis.com/", view.message->GetDescriptor()->full_name()));
      one.set_name(std::string(view.name));
      one.set_is_static_resource(true);
      Set(*one.mutable_last_updated(), server.started_wall());
      if (contents) one.mutable_xds_config()->PackFrom(*view.message);
    });
  }
}

void AddDynamic(const DynamicResource& resource, bool contents, status::ClientConfig& out) {
  const DynamicResource::Version& shown = resource.active.message != nullptr ? resource.active : resource.warming;
  if (shown.message == nullptr && resource.draining.message != nullptr) return;  // only its connections are left
  Generic& one = *out.add_generic_xds_configs();
  one.set_type_url(std::string(resource.type_url));
  one.set_name(std::string(resource.name));
  one.set_client_status(static_cast<admin::ClientResourceStatus>(resource.status));
  if (shown.message != nullptr) {
    one.set_version_info(std::string(shown.version));
    Set(*one.mutable_last_updated(), shown.received);
    if (contents) one.mutable_xds_config()->PackFrom(*shown.message);
  }
  if (resource.error.empty() && resource.source_error.empty()) return;
  admin::UpdateFailureState& failure = *one.mutable_error_state();
  failure.set_details(std::string(resource.error.empty() ? resource.source_error : resource.error));
  failure.set_version_info(std::string(resource.error_version));
  if (resource.error.empty()) return;
  Set(*failure.mutable_last_update_attempt(), resource.error_time);
  if (contents && resource.failed != nullptr) failure.mutable_failed_configuration()->PackFrom(*resource.failed);
}

}  // namespace

grpc::Answer AnswerClientStatus(Server& server, absl::string_view bytes) {
  status::ClientStatusRequest request;
  if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return {grpc::GrpcStatus::kInternal, "what came is no ClientStatusRequest", ""};
  }
  const Node& node = server.bootstrap().node();
  const absl::StatusOr<bool> asked = Asked(request, node);
  if (!asked.ok()) return {grpc::GrpcStatus::kInvalidArgument, std::string(asked.status().message()), ""};
  status::ClientStatusResponse response;
  if (*asked) {
    const bool contents = !request.exclude_resource_contents();
    status::ClientConfig& config = *response.add_config();
    *config.mutable_node() = node;
    AddStatic(server, contents, config);
    server.ForEachDynamicResource([&](const DynamicResource& resource) { AddDynamic(resource, contents, config); });
    if (contents) schema::Redact(response);
  }
  return {grpc::GrpcStatus::kOk, "", response.SerializeAsString()};
}

std::shared_ptr<const grpc::MethodTable> ClientStatusMethods(Server& server) {
  const auto answering = [&server](absl::string_view request) { return AnswerClientStatus(server, request); };
  auto methods = std::make_shared<grpc::MethodTable>();
  constexpr char kService[] = "/envoy.service.status.v3.ClientStatusDiscoveryService/";
  methods->emplace(absl::StrCat(kService, "FetchClientStatus"), [answering] { return grpc::MakeUnary(answering); });
  methods->emplace(absl::StrCat(kService, "StreamClientStatus"),
                   [answering] { return grpc::MakeAnswerToEach(answering); });
  return methods;
}

}  // namespace outrigger::server
