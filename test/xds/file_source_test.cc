#include "source/xds/file_source.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "source/event/simulated_files.h"
#include "test/xds/scripted.h"

namespace outrigger::xds {
namespace {

using testing::HasSubstr;
using T = ResourceType;

// A graph whose sources are files of the simulated world.
struct FileScene : SourceDirectory {
  FileScene() : world(1, event::FaultPlan::None()), loop(world.MakeDispatcher()) {
    EXPECT_TRUE(loop->engine().MakeFolder("/etc", 0755).ok());
    graph = std::make_unique<StagingGraph>(*loop, stats, target, *this);
  }
  ~FileScene() override {
    files.clear();
    graph.reset();
  }
  absl::StatusOr<Source*> SourceFor(T type, const envoy::config::core::v3::ConfigSource& config) override {
    return &Open(type, config.path_config_source().path());
  }
  FileSource& Open(T type, const std::string& path) {
    auto& file = files[path];
    if (file == nullptr) file = std::make_unique<FileSource>(*loop, *graph, type, FileSource::Options{path, "", {}});
    return *file;
  }
  void Write(const std::string& path, const std::string& text) {
    ASSERT_TRUE(loop->engine().ReplaceFile(path, text, 0644).ok());
    world.RunFor(milliseconds(50));
  }
  event::SimulatedWorld world;
  observe::StatsRegistry stats;  // outlives what the loop frees last
  std::unique_ptr<event::Dispatcher> loop;
  RecordingTarget target;
  std::unique_ptr<StagingGraph> graph;
  std::map<std::string, std::unique_ptr<FileSource>> files;
};

constexpr char kCluster[] = R"(
- "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster
  name: a
  type: STATIC
)";

TEST(FileSourceTest, AListOfResourcesOrADiscoveryResponseIsReadAndFollowed) {
  FileScene scene;
  scene.Write("/etc/cds.yaml", kCluster);
  scene.graph->WatchAll(T::kCluster, scene.Open(T::kCluster, "/etc/cds.yaml"), seconds(15));
  scene.world.RunFor(milliseconds(50));
  EXPECT_TRUE(scene.target.Has(T::kCluster, "a"));
  scene.Write("/etc/cds.yaml", R"(
version_info: "7"
resources:
- "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster
  name: b
  type: STATIC
)");
  EXPECT_FALSE(scene.target.Has(T::kCluster, "a"));
  EXPECT_EQ(scene.target.VersionOf(T::kCluster, "b"), "7");
}

TEST(FileSourceTest, AFileThatIsBrokenOrGoneLeavesWhatItGaveBefore) {
  FileScene scene;
  scene.Write("/etc/cds.yaml", kCluster);
  FileSource& file = scene.Open(T::kCluster, "/etc/cds.yaml");
  scene.graph->WatchAll(T::kCluster, file, seconds(15));
  scene.world.RunFor(milliseconds(50));
  scene.Write("/etc/cds.yaml", "resources: [{");
  EXPECT_TRUE(scene.target.Has(T::kCluster, "a"));
  EXPECT_EQ(file.counters().refused, 1u);
  EXPECT_THAT(file.last_error(), HasSubstr("/etc/cds.yaml"));
  ASSERT_TRUE(scene.loop->engine().RemoveFile("/etc/cds.yaml").ok());
  scene.world.RunFor(seconds(1));
  EXPECT_TRUE(scene.target.Has(T::kCluster, "a"));
}

TEST(FileSourceTest, AnErrorNamesTheResourceAndItsField) {
  FileScene scene;
  scene.Write("/etc/cds.yaml", R"(
resources:
- "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster
  name: a
  connect_timeout: -1s
)");
  FileSource& file = scene.Open(T::kCluster, "/etc/cds.yaml");
  scene.graph->WatchAll(T::kCluster, file, seconds(15));
  scene.world.RunFor(milliseconds(50));
  EXPECT_THAT(file.last_error(), HasSubstr("cluster \"a\""));
  EXPECT_THAT(file.last_error(), HasSubstr("connect_timeout"));
}

TEST(FileSourceTest, OnlyNamesThatAreWantedAreGivenAndALaterWishIsServedFromTheSameFile) {
  FileScene scene;
  scene.Write("/etc/eds.yaml", R"(
resources:
- "@type": type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment
  cluster_name: a
- "@type": type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment
  cluster_name: b
)");
  const auto cluster = [](const std::string& name) {
    return absl::StrCat(
        "- \"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster\n  name: ", name,
        "\n  type: EDS\n  eds_cluster_config: {eds_config: {path_config_source: {path: /etc/eds.yaml}}}\n");
  };
  scene.Write("/etc/cds.yaml", cluster("a"));
  scene.graph->WatchAll(T::kCluster, scene.Open(T::kCluster, "/etc/cds.yaml"), seconds(15));
  scene.world.RunFor(milliseconds(50));
  EXPECT_TRUE(scene.target.Has(T::kCluster, "a"));
  EXPECT_FALSE(scene.target.Has(T::kEndpoints, "b"));
  scene.Write("/etc/cds.yaml", cluster("a") + cluster("b"));
  EXPECT_TRUE(scene.target.Has(T::kCluster, "b"));
}

TEST(FileSourceTest, AFileThatComesLaterIsReadWhenItComes) {
  FileScene scene;
  scene.graph->WatchAll(T::kCluster, scene.Open(T::kCluster, "/etc/cds.yaml"), seconds(15));
  scene.world.RunFor(milliseconds(50));
  scene.Write("/etc/cds.yaml", kCluster);
  EXPECT_TRUE(scene.target.Has(T::kCluster, "a"));
}

}  // namespace
}  // namespace outrigger::xds
