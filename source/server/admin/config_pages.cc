// /config_dump
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "envoy/admin/v3/config_dump.pb.h"
#include "envoy/admin/v3/config_dump_shared.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "source/observe/stats_reader.h"
#include "source/schema/json_writer.h"
#include "source/server/admin/all_pages.h"
#include "source/server/server.h"

namespace outrigger::server {

namespace {

namespace admin = envoy::admin::v3;
using config::ResourceKind;
using config::ResourceView;
using envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
using NameMatch = std::function<bool(absl::string_view)>;

void Set(google::protobuf::Timestamp& out, WallTime time) {
  const int64_t nanos = time.time_since_epoch().count();
  out.set_seconds(nanos / 1'000'000'000);
  out.set_nanos(static_cast<int32_t>(nanos % 1'000'000'000));
}

// The dump's messages, in Envoy's order.
class Dump {
 public:
  Dump(Server& server, NameMatch match) : server_(server), match_(std::move(match)) {
    *bootstrap_.mutable_bootstrap() = server.bootstrap();
    Set(*bootstrap_.mutable_last_updated(), server.started_wall());
    Each(ResourceKind::kCluster, [this](const ResourceView& view) { Cluster(view); });
    Each(ResourceKind::kEndpoints, [this](const ResourceView& view) { Endpoints(view); });
    Each(ResourceKind::kListener, [this](const ResourceView& view) { Listener(view); });
    Each(ResourceKind::kRoutes, [this](const ResourceView& view) { Routes(view); });
    Each(ResourceKind::kSecret, [this](const ResourceView& view) { Secret(view); });
  }

  std::vector<const google::protobuf::Message*> Parts(bool endpoints) const {
    std::vector<const google::protobuf::Message*> parts = {&bootstrap_, &clusters_};
    if (endpoints) parts.push_back(&endpoints_);
    for (const google::protobuf::Message* part : {static_cast<const google::protobuf::Message*>(&listeners_),
                                                  static_cast<const google::protobuf::Message*>(&routes_),
                                                  static_cast<const google::protobuf::Message*>(&secrets_)}) {
      parts.push_back(part);
    }
    return parts;
  }

 private:
  void Each(ResourceKind kind, const std::function<void(const ResourceView&)>& f) {
    server_.builder().ForEach(kind, [&](const ResourceView& view) {
      if (view.message != nullptr && view.given != nullptr && (!match_ || match_(view.name))) f(view);
    });
  }
  template <class Out>
  void Static(const ResourceView& view, Out& out, google::protobuf::Any& to) {
    to.PackFrom(*view.message);
    Set(*out.mutable_last_updated(), server_.started_wall());
  }

  void Cluster(const ResourceView& view) {
    if (view.given->is_static) {
      auto& one = *clusters_.add_static_clusters();
      return Static(view, one, *one.mutable_cluster());
    }
    clusters_.set_version_info(view.given->version);
    auto& one = *clusters_.add_dynamic_active_clusters();
    one.set_version_info(view.given->version);
    one.mutable_cluster()->PackFrom(*view.message);
    one.set_client_status(admin::ACKED);
  }
  void Endpoints(const ResourceView& view) {
    if (view.given->is_static) {
      auto& one = *endpoints_.add_static_endpoint_configs();
      return Static(view, one, *one.mutable_endpoint_config());
    }
    auto& one = *endpoints_.add_dynamic_endpoint_configs();
    one.set_version_info(view.given->version);
    one.mutable_endpoint_config()->PackFrom(*view.message);
    one.set_client_status(admin::ACKED);
  }
  void Listener(const ResourceView& view) {
    InlineRoutes(static_cast<const envoy::config::listener::v3::Listener&>(*view.message));
    if (view.given->is_static) {
      auto& one = *listeners_.add_static_listeners();
      return Static(view, one, *one.mutable_listener());
    }
    listeners_.set_version_info(view.given->version);
    auto& one = *listeners_.add_dynamic_listeners();
    one.set_name(std::string(view.name));
    one.mutable_active_state()->set_version_info(view.given->version);
    one.mutable_active_state()->mutable_listener()->PackFrom(*view.message);
    one.set_client_status(admin::ACKED);
  }
  void InlineRoutes(const envoy::config::listener::v3::Listener& listener) {
    const auto of_chain = [this](const envoy::config::listener::v3::FilterChain& chain) {
      for (const auto& filter : chain.filters()) {
        HttpConnectionManager manager;
        if (!filter.typed_config().Is<HttpConnectionManager>() || !filter.typed_config().UnpackTo(&manager)) continue;
        if (!manager.has_route_config()) continue;
        auto& one = *routes_.add_static_route_configs();
        one.mutable_route_config()->PackFrom(manager.route_config());
        Set(*one.mutable_last_updated(), server_.started_wall());
      }
    };
    for (const auto& chain : listener.filter_chains()) of_chain(chain);
    if (listener.has_default_filter_chain()) of_chain(listener.default_filter_chain());
  }
  void Routes(const ResourceView& view) {
    if (view.given->is_static) {
      auto& one = *routes_.add_static_route_configs();
      return Static(view, one, *one.mutable_route_config());
    }
    auto& one = *routes_.add_dynamic_route_configs();
    one.set_version_info(view.given->version);
    one.mutable_route_config()->PackFrom(*view.message);
    one.set_client_status(admin::ACKED);
  }
  void Secret(const ResourceView& view) {
    if (view.given->is_static) {
      auto& one = *secrets_.add_static_secrets();
      one.set_name(std::string(view.name));
      return Static(view, one, *one.mutable_secret());
    }
    auto& one = *secrets_.add_dynamic_active_secrets();
    one.set_name(std::string(view.name));
    one.set_version_info(view.given->version);
    one.mutable_secret()->PackFrom(*view.message);
    one.set_client_status(admin::ACKED);
  }

  Server& server_;
  NameMatch match_;
  admin::BootstrapConfigDump bootstrap_;
  admin::ClustersConfigDump clusters_;
  admin::EndpointsConfigDump endpoints_;
  admin::ListenersConfigDump listeners_;
  admin::RoutesConfigDump routes_;
  admin::SecretsConfigDump secrets_;
};

// ?resource=dynamic_listeners: the members of that field instead of the messages that hold them. False: there is no such field.
bool AddResource(const std::vector<const google::protobuf::Message*>& parts, const std::string& field_name, admin::ConfigDump& out) {
  for (const google::protobuf::Message* part : parts) {
    const google::protobuf::FieldDescriptor* field = part->GetDescriptor()->FindFieldByName(field_name);
    if (field == nullptr || field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) continue;
    const google::protobuf::Reflection& reflection = *part->GetReflection();
    if (!field->is_repeated()) {
      out.add_configs()->PackFrom(reflection.GetMessage(*part, field));
      return true;
    }
    for (int i = 0; i < reflection.FieldSize(*part, field); ++i) {
      out.add_configs()->PackFrom(reflection.GetRepeatedMessage(*part, field, i));
    }
    return true;
  }
  return false;
}

AdminResponse ConfigDump(Server& server, const AdminRequest& request) {
  NameMatch match;
  if (const std::string* pattern = request.Parameter("name_regex"); pattern != nullptr && !pattern->empty()) {
    auto filter = observe::NameFilter(*pattern);
    if (!filter.ok()) return AdminResponse::Text(absl::StrCat("name_regex: ", filter.status().message(), "\n"), 400);
    match = *std::move(filter);
  }
  const Dump dump(server, std::move(match));
  admin::ConfigDump out;
  const std::string* resource = request.Parameter("resource");
  if (resource != nullptr) {
    if (!AddResource(dump.Parts(true), *resource, out)) {
      return AdminResponse::Text(absl::StrCat(*resource, " not found in config dump\n"), 404);
    }
  } else {
    for (const google::protobuf::Message* part : dump.Parts(request.Has("include_eds"))) out.add_configs()->PackFrom(*part);
  }
  return AdminResponse::Json(schema::ToJson(out));
}

}  // namespace

void AddConfigPages(Server& server, AdminPages& pages) {
  pages.Add("/config_dump", "configuration in use; ?resource=FIELD, ?name_regex, ?include_eds", false,
            [&server](const AdminRequest& request) { return ConfigDump(server, request); });
}

}  // namespace outrigger::server
