#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "source/control_plane/mesh/mesh_compiler.h"
#include "source/schema/typed_struct.h"
#include "source/schema/validator.h"
#include "test/control_plane/generated_mesh.h"

namespace outrigger::control_plane {
namespace {

using testing::HasSubstr;

constexpr char kSmall[] = R"(trust_domain: example.org
services:
- name: a
  workloads:
  - {node: a-1, version: v1, address: 127.0.0.1, port: 1001, application: {port: 1}}
- name: b
  callers: [a]
  workloads:
  - {node: b-1, address: 127.0.0.1, port: 1002, application: {port: 1}}
)";

std::string ErrorsOf(const std::string& text) {
  mesh_v1::Mesh mesh;
  return std::string(ReadMesh(text, "mesh.yaml", mesh).message());
}

// kSmall with one piece replaced.
std::string With(const std::string& from, const std::string& to) {
  std::string text = kSmall;
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(MeshTest, ErrorsSayLineAndPath) {
  EXPECT_EQ(ErrorsOf(kSmall), "");
  EXPECT_THAT(ErrorsOf(With("[a]", "[aa]")),
              HasSubstr("mesh.yaml:7: services[1].callers[0]: no service is called \"aa\""));
  EXPECT_THAT(ErrorsOf(With("name: b", "name: a")),
              HasSubstr("mesh.yaml:6: services[1].name: service \"a\" is there twice"));
  EXPECT_THAT(ErrorsOf(With("name: b", "nam: b")), HasSubstr("mesh.yaml:6: services[1].nam: no such field"));
  EXPECT_THAT(ErrorsOf(With("name: b", "name: 'b/c'")), HasSubstr("mesh.yaml:6: services[1].name"));
  EXPECT_THAT(ErrorsOf(With("node: b-1", "node: a-1")), HasSubstr("mesh.yaml:9: services[1].workloads[0].node: node"));
  EXPECT_THAT(ErrorsOf(With("1002", "1001")), HasSubstr("mesh.yaml:9: services[1].workloads[0].port: address"));
  EXPECT_THAT(ErrorsOf(With("1002", "70000")), HasSubstr("mesh.yaml:9: services[1].workloads[0].port"));
  EXPECT_THAT(ErrorsOf(With("127.0.0.1, port: 1002", "host.example, port: 1002")), HasSubstr("is not an IP address"));
  EXPECT_THAT(ErrorsOf(With("1002, application: {port: 1}", "1002, application: {}")),
              HasSubstr("neither port nor grpc_port"));
  EXPECT_THAT(ErrorsOf(With("callers: [a]", "routes: [{to: [{service: a, version: v9}]}]")),
              HasSubstr("mesh.yaml:7: services[1].routes[0].to[0].version: no workload of \"a\" has version \"v9\""));
  EXPECT_THAT(ErrorsOf(With("callers: [a]", "routes: [{to: [{service: a, weight: 0}, {weight: 0}]}]")),
              HasSubstr("the weights are all zero"));
  EXPECT_THAT(ErrorsOf(With("callers: [a]", "routes: [{to: [{service: a, weight: 1}, {service: b}]}]")),
              HasSubstr("either all targets have a weight, or none"));
  EXPECT_THAT(ErrorsOf(With("callers: [a]", "hosts: [a]")), HasSubstr("host \"a\" is there twice"));
  EXPECT_THAT(ErrorsOf("services: ["), HasSubstr("mesh.yaml:"));
  EXPECT_NE(ErrorsOf(""), "");
}

// What a node gets passes the validator as the proxy uses it, and refers to nothing that is not there.
void ExpectUsable(const CompiledMesh& compiled) {
  for (const std::string& node : compiled.catalog->node_ids()) {
    Snapshot snapshot = *compiled.catalog->For({node, ""});
    for (const absl::string_view name : {kOwnCertificate, kTrustedRoots}) {
      envoy::extensions::transport_sockets::tls::v3::Secret secret;
      secret.set_name(std::string(name));
      snapshot.Add(*MakeResource(secret));
    }
    EXPECT_TRUE(snapshot.Problems().empty());
    for (const auto& [type, set] : snapshot.types()) {
      if (type == kSecretType) continue;
      for (const auto& [name, resource] : set.all()) {
        google::protobuf::Any any;
        any.set_type_url(type);
        any.set_value(resource->bytes);
        auto message = schema::UnpackAny(any);
        ASSERT_TRUE(message.ok());
        const schema::ValidationResult result = schema::Validate(**message);
        EXPECT_TRUE(result.ok()) << node << " " << name << ": " << result.ToStatus();
        for (const schema::Finding& finding : result.warnings) ADD_FAILURE() << name << " " << ToString(finding);
      }
    }
  }
}

TEST(MeshTest, AGeneratedMeshOfFiftyServicesIsUsableByEveryNode) {
  mesh_v1::Mesh mesh;
  const absl::Status read = ReadMesh(GeneratedMesh(), "generated.yaml", mesh);
  ASSERT_TRUE(read.ok()) << read;
  const auto compiled = CompileMesh(mesh);
  ASSERT_TRUE(compiled.ok()) << compiled.status();
  EXPECT_EQ(compiled->identities.size(), 150u);
  EXPECT_EQ(compiled->catalog->For({"n-7.1", ""})->Of(kClusterType).all().size(), 50u * 4 + 1);
  ExpectUsable(*compiled);
}

TEST(MeshTest, CompilingIsAPureFunction) {
  mesh_v1::Mesh mesh;
  ASSERT_TRUE(ReadMesh(GeneratedMesh(), "generated.yaml", mesh).ok());
  const auto one = CompileMesh(mesh), two = CompileMesh(mesh);
  for (const std::string& node : one->catalog->node_ids()) {
    const SnapshotPtr first = one->catalog->For({node, ""}), second = two->catalog->For({node, ""});
    for (const auto& [type, set] : first->types()) {
      for (const auto& [name, resource] : set.all()) EXPECT_EQ(resource->bytes, second->Of(type).Find(name)->bytes);
    }
  }
}

TEST(MeshTest, AChangedWeightChangesTheRoutesAndNothingElse) {
  mesh_v1::Mesh mesh;
  ASSERT_TRUE(ReadMesh(GeneratedMesh(), "generated.yaml", mesh).ok());
  const auto before = CompileMesh(mesh);
  mesh.mutable_services(0)->mutable_routes(1)->mutable_to(0)->set_weight(50);
  const auto after = CompileMesh(mesh);
  const SnapshotPtr first = before->catalog->For({"n-0.1", ""}), second = after->catalog->For({"n-0.1", ""});
  for (const auto& [type, set] : first->types()) {
    for (const auto& [name, resource] : set.all()) {
      EXPECT_EQ(resource->version == second->Of(type).Find(name)->version, type != kRouteType) << type << name;
    }
  }
}

TEST(MeshTest, StrangersGetNothing) {
  mesh_v1::Mesh mesh;
  ASSERT_TRUE(ReadMesh(kSmall, "mesh.yaml", mesh).ok());
  const auto compiled = CompileMesh(mesh);
  EXPECT_TRUE(compiled->catalog->For({"c-1", ""})->types().empty());
  EXPECT_FALSE(compiled->catalog->For({"a-1", ""})->types().empty());
}

}  // namespace
}  // namespace outrigger::control_plane
