#include "source/control_plane/resources/resource.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/core/v3/config_source.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/config/route/v3/route_components.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "source/base/hash.h"
#include "source/schema/typed_struct.h"

namespace outrigger::control_plane {
namespace {

using envoy::config::core::v3::ExtensionConfigSource;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr int kMostDepth = 64;

std::string Encode(const Message& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream out(&bytes);
  google::protobuf::io::CodedOutputStream coded(&out);
  coded.SetSerializationDeterministic(true);
  message.SerializePartialToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

std::string NameOf(const Message& message) {
  for (const char* field_name : {"name", "cluster_name"}) {
    const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(field_name);
    if (field != nullptr && !field->is_repeated() && field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      return message.GetReflection()->GetString(message, field);
    }
  }
  return "";
}

// Walks a message, into the Any fields in it too, and notes references whose source is the aggregated stream.
class ReferenceFinder {
 public:
  explicit ReferenceFinder(std::vector<Resource::Reference>& out) : out_(out) {}

  void Walk(const Message& message, const std::string& path, int depth) {
    if (depth > kMostDepth) return;
    if (const auto* any = dynamic_cast<const google::protobuf::Any*>(&message)) {
      auto content = schema::UnpackAny(*any);
      if (content.ok()) Walk(**content, path, depth + 1);
      return;
    }
    Note(message, path);
    const auto* reflection = message.GetReflection();
    std::vector<const FieldDescriptor*> fields;
    reflection->ListFields(message, &fields);
    for (const FieldDescriptor* field : fields) {
      if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
      const std::string here = absl::StrCat(path, path.empty() ? "" : ".", field->name());
      if (!field->is_repeated()) {
        Walk(reflection->GetMessage(message, field), here, depth + 1);
        continue;
      }
      for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
        Walk(reflection->GetRepeatedMessage(message, field, i), absl::StrCat(here, "[", i, "]"), depth + 1);
      }
    }
  }

 private:
  void Note(const Message& message, const std::string& path) {
    namespace hcm = envoy::extensions::filters::network::http_connection_manager::v3;
    namespace tls = envoy::extensions::transport_sockets::tls::v3;
    if (const auto* cluster = dynamic_cast<const envoy::config::cluster::v3::Cluster*>(&message)) {
      if (cluster->type() != envoy::config::cluster::v3::Cluster::EDS) return;
      if (!cluster->eds_cluster_config().eds_config().has_ads()) return;
      const std::string& service = cluster->eds_cluster_config().service_name();
      Add(kEndpointType, service.empty() ? cluster->name() : service, "eds_cluster_config");
    } else if (const ExtensionConfigSource* source = DiscoveryOf(message)) {
      // With a default the proxy gets along without it.
      if (source->config_source().has_ads() && !source->has_default_config()) {
        Add(kExtensionType, NameOf(message), absl::StrCat(path, path.empty() ? "" : ".", "config_discovery"));
      }
    } else if (const auto* rds = dynamic_cast<const hcm::Rds*>(&message)) {
      if (rds->config_source().has_ads()) Add(kRouteType, rds->route_config_name(), path);
    } else if (const auto* secret = dynamic_cast<const tls::SdsSecretConfig*>(&message)) {
      if (secret->sds_config().has_ads()) Add(kSecretType, secret->name(), path);
    }
  }
  // Of a filter whose configuration comes by itself.
  static const ExtensionConfigSource* DiscoveryOf(const Message& message) {
    const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName("config_discovery");
    if (field == nullptr || field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || field->is_repeated())
      return nullptr;
    if (!message.GetReflection()->HasField(message, field)) return nullptr;
    return dynamic_cast<const ExtensionConfigSource*>(&message.GetReflection()->GetMessage(message, field));
  }
  void Add(absl::string_view type, const std::string& name, const std::string& path) {
    out_.push_back({std::string(type), name, path, ""});
  }

  std::vector<Resource::Reference>& out_;
};

}  // namespace

absl::string_view ShortType(absl::string_view type_url) {
  const size_t dot = type_url.rfind('.');
  if (dot == absl::string_view::npos) return type_url;
  type_url.remove_prefix(dot + 1);
  return type_url;
}

bool KnownType(absl::string_view type_url) {
  for (const absl::string_view known : {kListenerType, kRouteType, kClusterType, kEndpointType, kSecretType,
                                        kExtensionType, kRuntimeType, kVirtualHostType}) {
    if (type_url == known) return true;
  }
  return false;
}

absl::StatusOr<ResourcePtr> MakeResource(const Message& message) {
  auto resource = std::make_shared<Resource>();
  resource->type_url = absl::StrCat("type.googleapis.com/", message.GetDescriptor()->full_name());
  resource->name = NameOf(message);
  if (resource->name.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("a resource of type ", resource->type_url, " has no name"));
  }
  resource->bytes = Encode(message);
  resource->version = absl::StrCat(absl::Hex(StableHash(resource->bytes), absl::kZeroPad16));
  ReferenceFinder(resource->references).Walk(message, "", 0);
  const auto* routes = dynamic_cast<const envoy::config::route::v3::RouteConfiguration*>(&message);
  resource->takes_hosts = routes != nullptr && routes->has_vhds();
  if (const auto* host = dynamic_cast<const envoy::config::route::v3::VirtualHost*>(&message)) {
    const size_t slash = host->name().rfind('/');
    if (slash == std::string::npos || slash == 0 || slash + 1 == host->name().size()) {
      return absl::InvalidArgumentError(absl::StrCat("virtual host \"", host->name(),
                                                     "\" must be named ROUTES/HOST, ROUTES being the route "
                                                     "configuration that it is for"));
    }
    const absl::string_view routes(host->name().data(), slash + 1);
    for (const std::string& domain : host->domains())
      resource->aliases.push_back(absl::StrCat(routes, absl::AsciiStrToLower(domain)));
  }
  return ResourcePtr(std::move(resource));
}

}  // namespace outrigger::control_plane
