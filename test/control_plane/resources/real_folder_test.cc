// The folder of resources on a real disk: what editors, deployments and accidents do to files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>

#include "absl/strings/str_cat.h"
#include "source/control_plane/resources/resource_folder.h"
#include "source/event/dispatcher.h"

namespace outrigger::control_plane {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

std::string Cluster(const std::string& name) {
  return absl::StrCat("- \"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster\n  name: ", name,
                      "\n  connect_timeout: 1s\n  type: STATIC\n");
}

class RealFolderTest : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/outrigger-XXXXXX";
    ASSERT_NE(::mkdtemp(path), nullptr);
    home_ = path;
    folder_ = home_ + "/r";
    fs::create_directory(folder_);
  }
  void TearDown() override { fs::remove_all(home_); }

  // In place, as an editor that does not replace.
  static void Write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }
  void Serve() {
    watched_ = std::make_unique<ResourceFolder>(
        dispatcher_, folder_,
        [this](const absl::StatusOr<CatalogPtr>& catalog) {
          ++told_;
          refused_ = catalog.ok() ? "" : std::string(catalog.status().message());
          if (catalog.ok()) kept_ = *catalog;
        },
        milliseconds(5));
    watched_->Load();
  }
  bool Until(const std::function<bool()>& condition) {
    for (int turn = 0; turn < 2000 && !condition(); ++turn) dispatcher_.RunOnce(milliseconds(10));
    return condition();
  }
  std::vector<std::string> Names(const std::string& node = "") const {
    std::vector<std::string> names;
    if (kept_ == nullptr) return names;
    const SnapshotPtr snapshot = kept_->For({node, ""});
    for (const auto& [name, resource] : snapshot->Of(kClusterType).all()) names.push_back(name);
    return names;
  }
  bool Serves(const std::vector<std::string>& names) {
    return Until([&] { return refused_.empty() && Names() == names; });
  }

  std::string home_, folder_;
  event::Dispatcher dispatcher_{event::MakeEpollEngine()};
  std::unique_ptr<ResourceFolder> watched_;
  CatalogPtr kept_;
  std::string refused_;
  int told_ = 0;
};

TEST_F(RealFolderTest, AFileThatIsHalfWrittenIsRefusedWithItsLineAndServedWhenItIsWhole) {
  Write(folder_ + "/a.yaml", Cluster("a"));
  Serve();
  ASSERT_TRUE(Serves({"a"}));
  const std::string whole = Cluster("b") + Cluster("c");
  Write(folder_ + "/b.yaml", whole.substr(0, whole.size() - 12));  // "  type: ST"
  ASSERT_TRUE(Until([&] { return !refused_.empty(); }));
  EXPECT_THAT(refused_, HasSubstr(folder_ + "/b.yaml:8: "));
  EXPECT_THAT(Names(), ElementsAre("a"));
  Write(folder_ + "/b.yaml", whole);
  EXPECT_TRUE(Serves({"a", "b", "c"}));
}

TEST_F(RealFolderTest, AFileThatIsRemovedTakesItsResourcesAlongAndBringsThemBack) {
  Write(folder_ + "/a.yaml", Cluster("a"));
  Write(folder_ + "/b.yaml", Cluster("b"));
  Serve();
  ASSERT_TRUE(Serves({"a", "b"}));
  fs::remove(folder_ + "/b.yaml");
  ASSERT_TRUE(Serves({"a"}));
  Write(folder_ + "/b.yaml", Cluster("b"));
  EXPECT_TRUE(Serves({"a", "b"}));
}

TEST_F(RealFolderTest, AFolderThatIsRemovedLeavesTheLastGoodOneAndIsSeenWhenItIsBack) {
  Write(folder_ + "/a.yaml", Cluster("a"));
  Serve();
  ASSERT_TRUE(Serves({"a"}));
  fs::remove_all(folder_);
  ASSERT_TRUE(Until([&] { return refused_.find("cannot list") != std::string::npos; })) << refused_;
  EXPECT_THAT(Names(), ElementsAre("a"));
  fs::create_directory(home_ + "/new");
  Write(home_ + "/new/b.yaml", Cluster("b"));
  fs::rename(home_ + "/new", folder_);
  EXPECT_TRUE(Serves({"b"})) << refused_;
  Write(folder_ + "/c.yaml", Cluster("c"));
  EXPECT_TRUE(Serves({"b", "c"}));
}

TEST_F(RealFolderTest, AFolderThatIsALinkIsFollowedWhenTheLinkIsSwapped) {
  for (const char* name : {"one", "two"}) {
    fs::create_directory(absl::StrCat(home_, "/", name));
    Write(absl::StrCat(home_, "/", name, "/a.yaml"), Cluster(name));
  }
  fs::remove(folder_);
  fs::create_directory_symlink("one", folder_);
  Serve();
  ASSERT_TRUE(Serves({"one"}));
  fs::create_directory_symlink("two", home_ + "/next");
  fs::rename(home_ + "/next", folder_);
  ASSERT_TRUE(Serves({"two"}));
  Write(home_ + "/two/b.yaml", Cluster("b"));
  EXPECT_TRUE(Serves({"b", "two"}));
}

// As Kubernetes mounts a ConfigMap: a.yaml → ..data/a.yaml, ..data → a folder that is swapped.
TEST_F(RealFolderTest, AConfigMapIsFollowedWhenItIsSwapped) {
  for (const char* name : {"one", "two"}) {
    fs::create_directory(absl::StrCat(folder_, "/..", name));
    Write(absl::StrCat(folder_, "/..", name, "/a.yaml"), Cluster(name));
  }
  fs::create_directory_symlink("..one", folder_ + "/..data");
  fs::create_symlink("..data/a.yaml", folder_ + "/a.yaml");
  Serve();
  ASSERT_TRUE(Serves({"one"}));
  fs::create_directory_symlink("..two", folder_ + "/..next");
  fs::rename(folder_ + "/..next", folder_ + "/..data");
  EXPECT_TRUE(Serves({"two"}));
}

TEST_F(RealFolderTest, AFileThatIsALinkToElsewhereIsFollowedThere) {
  Write(home_ + "/elsewhere.yaml", Cluster("a"));
  fs::create_symlink(home_ + "/elsewhere.yaml", folder_ + "/a.yaml");
  Serve();
  ASSERT_TRUE(Serves({"a"}));
  Write(home_ + "/elsewhere.yaml", Cluster("b"));
  EXPECT_TRUE(Serves({"b"}));
}

TEST_F(RealFolderTest, WhatCannotBeReadIsNamedAndLeavesTheLastGoodOne) {
  Write(folder_ + "/a.yaml", Cluster("a"));
  Serve();
  ASSERT_TRUE(Serves({"a"}));
  const std::string bad = folder_ + "/b.yaml";
  fs::create_symlink("nowhere", bad);
  ASSERT_TRUE(Until([&] { return refused_.find(bad) != std::string::npos; }));
  EXPECT_THAT(refused_, HasSubstr("No such file"));
  fs::remove(bad);
  ASSERT_TRUE(Serves({"a"}));
  fs::create_directory(bad);
  ASSERT_TRUE(Until([&] { return refused_.find(bad) != std::string::npos; }));
  EXPECT_THAT(refused_, HasSubstr("directory"));
  fs::remove(bad);
  ASSERT_TRUE(Serves({"a"}));
  Write(bad, "");
  fs::resize_file(bad, (16 << 20) + 1);
  ASSERT_TRUE(Until([&] { return refused_.find("larger than 16777216 bytes") != std::string::npos; })) << refused_;
  EXPECT_THAT(Names(), ElementsAre("a"));
  Write(bad, std::string("\x7f"
                         "ELF\x02\x01\x00\x00\xff\xfe",
                         10));
  ASSERT_TRUE(Until([&] { return refused_.find(bad + ":1: ") != std::string::npos; })) << refused_;
  Write(bad, "a page of prose,\nand no list of resources");
  ASSERT_TRUE(Until([&] { return refused_.find("expected an object or a list of resources") != std::string::npos; }))
      << refused_;
  EXPECT_THAT(Names(), ElementsAre("a"));
  fs::remove(bad);
  EXPECT_TRUE(Serves({"a"}));
}

// Otherwise the node would be published without what is its own.
TEST_F(RealFolderTest, ANodesFolderThatCannotBeReadIsAnErrorAndNotAnEmptyOne) {
  fs::create_directories(folder_ + "/nodes");
  fs::create_directories(home_ + "/n1");
  Write(home_ + "/n1/a.yaml", Cluster("own"));
  fs::create_directory_symlink(home_ + "/n1", folder_ + "/nodes/n1");
  Write(folder_ + "/nodes/README", "a file among the folders is nobody's");
  Serve();
  ASSERT_TRUE(Until([&] { return Names("n1") == std::vector<std::string>{"own"}; })) << refused_;
  fs::rename(home_ + "/n1", home_ + "/gone");
  watched_->Load();  // as by SIGHUP
  EXPECT_THAT(refused_, HasSubstr(folder_ + "/nodes/n1: "));
  EXPECT_THAT(Names("n1"), ElementsAre("own"));
  fs::rename(home_ + "/gone", home_ + "/n1");
  EXPECT_TRUE(Until([&] { return refused_.empty(); }));
}

TEST_F(RealFolderTest, TheSameResourceInTwoFilesIsRefusedUntilOneOfThemGoes) {
  Write(folder_ + "/a.yaml", Cluster("a"));
  Serve();
  ASSERT_TRUE(Serves({"a"}));
  Write(folder_ + "/b.yaml", Cluster("a"));
  ASSERT_TRUE(Until([&] { return !refused_.empty(); }));
  EXPECT_EQ(refused_,
            absl::StrCat(folder_, "/b.yaml:1: Cluster \"a\" is there twice, first at ", folder_, "/a.yaml:1"));
  fs::rename(folder_ + "/b.yaml", folder_ + "/a.yaml");
  EXPECT_TRUE(Serves({"a"}));
}

}  // namespace
}  // namespace outrigger::control_plane
