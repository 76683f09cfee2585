#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "source/control_plane/resources/resource_folder.h"
#include "source/event/simulated_files.h"
#include "source/event/simulated_world.h"

namespace outrigger::control_plane {
namespace {

constexpr char kCluster[] =
    "- \"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster\n"
    "  name: a\n"
    "  connect_timeout: 1s\n"
    "  type: STATIC\n";

constexpr char kListener[] =
    "- \"@type\": type.googleapis.com/envoy.config.listener.v3.Listener\n"
    "  name: l\n"
    "  address: {socket_address: {address: 127.0.0.1, port_value: 1}}\n"
    "  filter_chains:\n"
    "  - filters:\n"
    "    - name: h\n"
    "      typed_config:\n"
    "        \"@type\": "
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager\n"
    "        stat_prefix: x\n"
    "        rds:\n"
    "          route_config_name: nowhere\n"
    "          config_source: {ads: {}}\n";

std::string With(const std::string& text, const std::string& from, const std::string& to) {
  std::string out = text;
  const size_t at = out.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return out.replace(at, from.size(), to);
}

struct Mistake {
  std::string name, file, text;
  std::vector<std::string> errors;  // after "/r/"
};

std::vector<Mistake> Mistakes() {
  const std::string cluster = kCluster, listener = kListener;
  return {
      {"FieldUnknown",
       "b.yaml",
       cluster + "  lb_polic: RANDOM\n",
       {"b.yaml:5: lb_polic: no such field in envoy.config.cluster.v3.Cluster"}},
      {"FieldUnknownInsideAnAny",
       "b.yaml",
       listener + "        http_filterz: []\n",
       {"b.yaml:13: filter_chains[0].filters[0].typed_config.http_filterz: no such field in "
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"}},
      {"EnumUnknown",
       "b.yaml",
       With(cluster, "STATIC", "STATIK"),
       {"b.yaml:4: type: no such value of envoy.config.cluster.v3.Cluster.DiscoveryType; there are STATIC, STRICT_DNS, "
        "LOGICAL_DNS, EDS, ORIGINAL_DST"}},
      {"EnumNumberUnknown",
       "b.yaml",
       cluster + "  lb_policy: 99\n",
       {"b.yaml:5: resources[0].lb_policy: has no such value: 99"}},
      {"PortTooLarge",
       "b.yaml",
       With(listener, "port_value: 1", "port_value: 70000"),
       {"b.yaml:3: resources[0].address.socket_address.port_value: must be at most 65535"}},
      {"NumberNegative",
       "b.yaml",
       cluster + "  per_connection_buffer_limit_bytes: -1\n",
       {"b.yaml:5: per_connection_buffer_limit_bytes: expected a whole number from 0 to 4294967295, found a number"}},
      {"NameEmpty",
       "b.yaml",
       With(cluster, "name: a", "name: ''"),
       {"b.yaml:2: resources[0].name: must have at least 1 character"}},
      {"TypeMissing", "b.yaml", "- name: x\n", {"b.yaml:1: resources[0]: has no \"@type\""}},
      {"TypeUnknown",
       "b.yaml",
       "- \"@type\": type.googleapis.com/envoy.Nothing\n",
       {"b.yaml:1: resources[0]: extension type type.googleapis.com/envoy.Nothing is not known"}},
      {"KeyUnknown",
       "b.yaml",
       "resourcez: []\n",
       {"b.yaml:1: resourcez: expected nodes, resources, or a resource with \"@type\""}},
      {"NodesMisspelt",
       "b.yaml",
       "nodes: {idz: [x]}\nresources:\n" + cluster,
       {"b.yaml:1: nodes.idz: expected ids or clusters", "b.yaml:1: nodes: names nobody"}},
      {"NodesInANodesFolder",
       "nodes/x/b.yaml",
       "nodes: {ids: [a]}\nresources:\n" + cluster,
       {"nodes/x/b.yaml: nodes: the folder says already whom the file is for"}},
      {"NameTwiceInOneFile",
       "b.yaml",
       cluster + cluster,
       {"b.yaml:5: Cluster \"a\" is there twice, first at /r/b.yaml:1"}},
      {"NameTwiceInTwoFiles",
       "b.yaml",
       With(cluster, "name: a", "name: good"),
       {"b.yaml:1: Cluster \"good\" is there twice, first at /r/a.yaml:1"}},
      {"YamlBroken", "b.yaml", "- name: [a\n- b: c", {"b.yaml:2: end of sequence flow not found"}},
      {"JsonBroken", "b.json", "{\"a\": }", {"b.json:1: expected a value"}},
      {"NotUtf8", "b.yaml", With(cluster, "name: a", "name: \xff"), {"b.yaml:2: not valid UTF-8"}},
      {"EndpointsNowhere",
       "b.yaml",
       With(cluster, "STATIC", "EDS") + "  eds_cluster_config:\n    eds_config: {ads: {}}\n",
       {"b.yaml:5: Cluster \"a\": eds_cluster_config refers to ClusterLoadAssignment \"a\", which a node does not "
        "have"}},
      {"RoutesNowhere",
       "b.yaml",
       listener,
       {"b.yaml:10: Listener \"l\": filter_chains[0].filters[0].typed_config.rds refers to RouteConfiguration "
        "\"nowhere\", which a node does not have"}},
      {"FilterNowhere",
       "b.yaml",
       With(listener, "route_config_name: nowhere\n          config_source: {ads: {}}\n",
            "route_config_name: elsewhere\n          config_source: {path_config_source: {path: /x}}\n"
            "        http_filters:\n        - name: f\n          config_discovery: {config_source: {ads: {}}, "
            "type_urls: [x]}\n        - name: g\n          config_discovery: {config_source: {ads: {}}, type_urls: "
            "[x], default_config: {\"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster, name: c}}\n"),
       {"b.yaml:15: Listener \"l\": filter_chains[0].filters[0].typed_config.http_filters[0].config_discovery refers "
        "to "
        "TypedExtensionConfig \"f\", which a node does not have"}},
      {"HostOfRoutesThatTakeNone",
       "b.yaml",
       "- {\"@type\": type.googleapis.com/envoy.config.route.v3.RouteConfiguration, name: r}\n"
       "- {\"@type\": type.googleapis.com/envoy.config.route.v3.VirtualHost, name: r/h, domains: [h]}\n"
       "- {\"@type\": type.googleapis.com/envoy.config.route.v3.VirtualHost, name: other/h, domains: [h]}\n",
       {"b.yaml:2: VirtualHost \"r/h\": name refers to the vhds of RouteConfiguration \"r\", which a node does not "
        "have"}},
      {"HostOfNoRoutes",
       "b.yaml",
       "- {\"@type\": type.googleapis.com/envoy.config.route.v3.VirtualHost, name: h, domains: [h]}\n",
       {"b.yaml:1: resources[0]: virtual host \"h\" must be named ROUTES/HOST, ROUTES being the route configuration "
        "that it is for"}},
      {"RoutesNowhereForOneNode",
       "nodes/n1/b.yaml",
       listener,
       {"nodes/n1/b.yaml:10: Listener \"l\": filter_chains[0].filters[0].typed_config.rds refers to RouteConfiguration "
        "\"nowhere\", which node n1 does not have"}},
  };
}

// Beside each broken file lies a good one: nothing of it is used either, and what was published before stays.
TEST(BadResourcesTest, EachMistakeIsToldWithItsPlaceAndTheLastGoodFolderStays) {
  for (const Mistake& mistake : Mistakes()) {
    event::SimulatedWorld world{1, event::FaultPlan::None()};
    const auto dispatcher = world.MakeDispatcher();
    event::Engine& engine = dispatcher->engine();
    for (const char* folder : {"/r", "/r/nodes", "/r/nodes/x", "/r/nodes/n1"}) {
      ASSERT_TRUE(engine.MakeFolder(folder, 0755).ok());
    }
    const std::string good = With(kCluster, "name: a", "name: good");
    ASSERT_TRUE(engine.ReplaceFile("/r/a.yaml", good, 0644).ok());
    CatalogPtr kept;
    std::string refused;
    ResourceFolder folder(*dispatcher, "/r", [&](const absl::StatusOr<CatalogPtr>& catalog) {
      if (catalog.ok()) {
        kept = *catalog;
        refused.clear();
      } else {
        refused = std::string(catalog.status().message());
      }
    });
    folder.Load();
    ASSERT_NE(kept, nullptr);
    world.RunFor(seconds(1));
    ASSERT_TRUE(engine.ReplaceFile(absl::StrCat("/r/", mistake.file), mistake.text, 0644).ok());
    ASSERT_TRUE(world.RunUntil([&] { return !refused.empty(); }, seconds(5))) << mistake.name;
    std::string expected;
    for (const std::string& error : mistake.errors)
      absl::StrAppend(&expected, expected.empty() ? "" : "\n", "/r/", error);
    EXPECT_EQ(refused, expected) << mistake.name;
    EXPECT_EQ(kept->For({"n1", ""})->Of(kClusterType).all().size(), 1u) << mistake.name;
    ASSERT_TRUE(engine.RemoveFile(absl::StrCat("/r/", mistake.file)).ok());
    EXPECT_TRUE(world.RunUntil([&] { return refused.empty(); }, seconds(5))) << mistake.name;
  }
}

}  // namespace
}  // namespace outrigger::control_plane
