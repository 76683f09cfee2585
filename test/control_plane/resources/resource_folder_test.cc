#include "source/control_plane/resources/resource_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "source/control_plane/resources/resource_file.h"
#include "source/event/simulated_files.h"
#include "source/event/simulated_world.h"

namespace outrigger::control_plane {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kCluster[] = R"(- "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster
  name: NAME
  connect_timeout: 1s
  type: STATIC
)";

std::string Cluster(const std::string& name) {
  std::string text = kCluster;
  return text.replace(text.find("NAME"), 4, name);
}

std::vector<std::string> ErrorsOf(const std::string& text) {
  ResourceFile file;
  std::vector<std::string> errors;
  ReadResourceFile(text, "f.yaml", file, errors);
  return errors;
}

TEST(ResourceFileTest, TakesAListASingleResourceAndADiscoveryResponse) {
  for (const std::string& text :
       {Cluster("a"), absl::StrCat("version_info: '1'\nresources:\n", Cluster("a")),
        std::string(
            "{\"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster, name: a, connect_timeout: 1s}")}) {
    ResourceFile file;
    std::vector<std::string> errors;
    ReadResourceFile(text, "f.yaml", file, errors);
    EXPECT_THAT(errors, testing::IsEmpty());
    ASSERT_EQ(file.entries.size(), 1u);
    EXPECT_EQ(file.entries[0].resource->name, "a");
  }
}

TEST(ResourceFileTest, TakesFiltersRuntimeAndVirtualHosts) {
  ResourceFile file;
  std::vector<std::string> errors;
  ReadResourceFile(R"(
- "@type": type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig
  name: limits
  typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer, max_request_bytes: 9}
- {"@type": type.googleapis.com/envoy.service.runtime.v3.Runtime, name: live, layer: {a.b: 3}}
- {"@type": type.googleapis.com/envoy.config.route.v3.VirtualHost, name: main/shop, domains: ['*.Shop', shop:80]}
)",
                   "f.yaml", file, errors);
  EXPECT_THAT(errors, testing::IsEmpty());
  ASSERT_EQ(file.entries.size(), 3u);
  EXPECT_EQ(file.entries[0].resource->type_url, kExtensionType);
  EXPECT_EQ(file.entries[0].resource->name, "limits");
  EXPECT_EQ(file.entries[1].resource->type_url, kRuntimeType);
  EXPECT_EQ(file.entries[1].resource->name, "live");
  EXPECT_EQ(file.entries[2].resource->type_url, kVirtualHostType);
  EXPECT_THAT(file.entries[2].resource->aliases, ElementsAre("main/*.shop", "main/shop:80"));
}

TEST(ResourceFileTest, ErrorsSayFileLineAndPath) {
  EXPECT_THAT(ErrorsOf("a: [1\nb"), ElementsAre(HasSubstr("f.yaml:")));
  EXPECT_THAT(ErrorsOf("name: x"), ElementsAre(HasSubstr("f.yaml:1: name: expected nodes, resources")));
  EXPECT_THAT(ErrorsOf("- name: x"), ElementsAre("f.yaml:1: resources[0]: has no \"@type\""));
  EXPECT_THAT(ErrorsOf("- \"@type\": type.googleapis.com/not.Known"), ElementsAre(HasSubstr("f.yaml:1:")));
  EXPECT_THAT(ErrorsOf("nodes: {ids: []}"), testing::Not(testing::IsEmpty()));
  EXPECT_THAT(ErrorsOf(Cluster("a") + "  lb_polic: RANDOM\n"), ElementsAre(HasSubstr("f.yaml:5:")));
  EXPECT_THAT(ErrorsOf(Cluster("''")), ElementsAre(HasSubstr("f.yaml:2: resources[0].name")));
  EXPECT_THAT(ErrorsOf(Cluster("a") + "  per_connection_buffer_limit_bytes: -1\n"),
              ElementsAre(HasSubstr("f.yaml:5:")));
}

class ResourceFolderTest : public testing::Test {
 protected:
  void Write(const std::string& path, const std::string& text) {
    ASSERT_TRUE(engine().ReplaceFile(path, text, 0644).ok()) << path;
  }
  event::Engine& engine() { return dispatcher_->engine(); }

  event::SimulatedWorld world_{1, event::FaultPlan::None()};
  std::unique_ptr<event::Dispatcher> dispatcher_ = world_.MakeDispatcher();
};

TEST_F(ResourceFolderTest, NodesGetWhatIsForAllAndTheirOwn) {
  ASSERT_TRUE(engine().MakeFolder("/r", 0755).ok());
  ASSERT_TRUE(engine().MakeFolder("/r/nodes", 0755).ok());
  ASSERT_TRUE(engine().MakeFolder("/r/nodes/n1", 0755).ok());
  Write("/r/all.yaml", Cluster("shared"));
  Write("/r/nodes/n1/own.yaml", Cluster("own"));
  Write("/r/front.yaml", absl::StrCat("nodes: {clusters: [front]}\nresources:\n", Cluster("fronts")));
  const LoadedFolder loaded = LoadFolder(engine(), "/r");
  ASSERT_TRUE(loaded.catalog.ok()) << loaded.catalog.status();
  EXPECT_EQ((*loaded.catalog)->For({"n1", ""})->Of(kClusterType).all().size(), 2u);
  EXPECT_EQ((*loaded.catalog)->For({"n2", ""})->Of(kClusterType).all().size(), 1u);
  EXPECT_EQ((*loaded.catalog)->For({"n2", "front"})->Of(kClusterType).all().size(), 2u);
}

TEST_F(ResourceFolderTest, ADoubleNameSaysWhereTheFirstIs) {
  ASSERT_TRUE(engine().MakeFolder("/r", 0755).ok());
  Write("/r/a.yaml", Cluster("x"));
  Write("/r/b.yaml", Cluster("x"));
  EXPECT_THAT(std::string(LoadFolder(engine(), "/r").catalog.status().message()),
              HasSubstr("/r/b.yaml:1: Cluster \"x\" is there twice, first at /r/a.yaml:1"));
}

TEST_F(ResourceFolderTest, AReferenceThatLeadsNowhereIsRefused) {
  ASSERT_TRUE(engine().MakeFolder("/r", 0755).ok());
  Write("/r/a.yaml",
        "{\"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster, name: a, connect_timeout: 1s, type: EDS,\n"
        "eds_cluster_config: {eds_config: {ads: {}}}}");
  EXPECT_THAT(
      std::string(LoadFolder(engine(), "/r").catalog.status().message()),
      testing::Eq(
          "/r/a.yaml:2: Cluster \"a\": eds_cluster_config refers to ClusterLoadAssignment \"a\", which a node does "
          "not have"));
}

TEST_F(ResourceFolderTest, LoadsAgainAfterChangesAndTellsErrors) {
  ASSERT_TRUE(engine().MakeFolder("/r", 0755).ok());
  Write("/r/a.yaml", Cluster("a"));
  std::vector<absl::StatusOr<CatalogPtr>> seen;
  ResourceFolder folder(*dispatcher_, "/r", [&seen](const absl::StatusOr<CatalogPtr>& c) { seen.push_back(c); });
  folder.Load();
  world_.RunFor(seconds(1));
  ASSERT_FALSE(seen.empty());
  EXPECT_TRUE(seen.back().ok());
  Write("/r/a.yaml", "{");
  EXPECT_TRUE(world_.RunUntil([&] { return !seen.back().ok(); }, seconds(5)));
  Write("/r/a.yaml", Cluster("b"));
  EXPECT_TRUE(world_.RunUntil([&] { return seen.back().ok(); }, seconds(5)));
  EXPECT_NE((*seen.back())->For({})->Of(kClusterType).Find("b"), nullptr);
}

}  // namespace
}  // namespace outrigger::control_plane
