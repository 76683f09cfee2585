#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "source/control_plane/mesh/mesh_compiler.h"
#include "source/schema/json_writer.h"
#include "source/schema/typed_struct.h"

// What meshes compile to, as JSON, beside the meshes. With OUTRIGGER_UPDATE_GOLDENS=1 (and run outside of Bazel's
// sandbox, from the top folder) the files are written anew.
namespace outrigger::control_plane {
namespace {

std::string ReadAll(const std::string& path) {
  std::ifstream in(path);
  EXPECT_TRUE(in.good()) << path;
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// All resources of all nodes; those that are the same for all are shown for the first node only.
std::string Show(const CompiledMesh& compiled) {
  std::string out;
  std::set<std::string> shown;
  for (const std::string& node : compiled.catalog->node_ids()) {
    const auto identity = compiled.identities.find(node);  // a gRPC program that speaks xDS itself has none
    absl::StrAppend(&out, "# node ", node, ": ", identity == compiled.identities.end() ? "" : identity->second, "\n");
    const SnapshotPtr snapshot = compiled.catalog->For({node, ""});
    for (const auto& [type, set] : snapshot->types()) {
      for (const auto& [name, resource] : set.all()) {
        absl::StrAppend(&out, "## ", ShortType(type), " ", name, "\n");
        if (!shown.insert(absl::StrCat(type, name, resource->version)).second) {
          out += "as above\n";
          continue;
        }
        google::protobuf::Any any;
        any.set_type_url(type);
        any.set_value(resource->bytes);
        auto message = schema::UnpackAny(any);
        EXPECT_TRUE(message.ok());
        absl::StrAppend(&out, schema::ToJson(**message), "\n");
      }
    }
  }
  return out;
}

class GoldenTest : public testing::TestWithParam<const char*> {};

TEST_P(GoldenTest, CompilesToWhatIsWrittenDown) {
  const std::string folder = "test/control_plane/mesh/golden/";
  const std::string source =
      std::string(GetParam()) == "demo" ? "examples/mesh/mesh.yaml" : absl::StrCat(folder, GetParam(), ".yaml");
  const std::string golden = absl::StrCat(folder, GetParam(), ".txt");
  mesh_v1::Mesh mesh;
  const absl::Status read = ReadMesh(ReadAll(source), source, mesh);
  ASSERT_TRUE(read.ok()) << read;
  const auto compiled = CompileMesh(mesh);
  ASSERT_TRUE(compiled.ok()) << compiled.status();
  const std::string shown = Show(*compiled);
  if (std::getenv("OUTRIGGER_UPDATE_GOLDENS") != nullptr) {
    std::ofstream(golden) << shown;
    return;
  }
  EXPECT_EQ(shown, ReadAll(golden));
}

INSTANTIATE_TEST_SUITE_P(Meshes, GoldenTest, testing::Values("demo", "everything"),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace outrigger::control_plane
