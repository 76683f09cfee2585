#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "source/control_plane/mesh/mesh_model.h"

namespace outrigger::control_plane {
namespace {

constexpr char kGood[] = R"(trust_domain: example.org
services:
- name: shop
  hosts: [shop.example.org]
  callers: [front]
  rules:
  - {callers: [front], paths: [/x]}
  routes:
  - match: {prefix: /a}
    to:
    - {version: v1, weight: 90}
    - {version: v2, weight: 10}
  timeout: 5s
  workloads:
  - node: shop-1
    version: v1
    address: 127.0.0.1
    port: 1001
    application: {port: 1}
  - node: shop-2
    version: v2
    address: 127.0.0.1
    port: 1002
    application: {port: 1}
- name: front
  workloads:
  - node: front-1
    address: 127.0.0.1
    port: 1003
    application: {port: 1}
)";

// kGood with one piece, which stands there once or first, in another way; and what is said about it after "mesh.yaml:".
struct Mistake {
  const char* name;
  const char* from;
  const char* to;
  std::vector<std::string> errors;
};

std::string Named(absl::string_view line_and_path) {
  return absl::StrCat(line_and_path, ": must match ^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$");
}

constexpr char kDomain[] = "1: trust_domain: must match ^[a-z0-9._-]+$";
constexpr char kNumber[] = ": expected a whole number from 0 to 4294967295, found a ";

std::vector<Mistake> Mistakes() {
  return {
      {"KeyMisspelt",
       "  timeout: 5s",
       "  timeuot: 5s",
       {"13: services[0].timeuot: no such field in outrigger.mesh.v1.Service"}},
      {"KeyOfNothing", "services:", "meshname: x\nservices:", {"2: meshname: no such field in outrigger.mesh.v1.Mesh"}},
      {"KeyTwice", "  timeout: 5s", "  timeout: 5s\n  timeout: 6s", {"14: the key \"timeout\" is there twice"}},
      {"ServiceTwice",
       "callers: [front]\n  rules:\n  - {callers: [front], paths: [/x]}\n",
       "tls: STRICT\n- {name: shop, hosts: [b]}\n- name: c\n",
       {"6: services[1].name: service \"shop\" is there twice, first as services[0].name"}},
      {"HostTwiceInAnotherCase",
       "- name: front\n",
       "- name: front\n  hosts: [SHOP.example.org]\n",
       {"26: services[1].hosts[0]: host \"shop.example.org\" is there twice, first as services[0].hosts[0]"}},
      {"HostWithPort",
       "hosts: [shop.example.org]",
       "hosts: ['shop:80']",
       {"4: services[0].hosts[0]: hosts are said without a port"}},
      {"HostWithStarInside",
       "hosts: [shop.example.org]",
       "hosts: ['shop.*.org']",
       {"4: services[0].hosts[0]: a star stands at the beginning or at the end"}},
      {"TrustDomainWithSpace", "example.org", "example org", {kDomain}},
      {"TrustDomainInCapitals", "example.org", "Example.org", {kDomain}},
      {"TrustDomainIsAnId", "example.org", "spiffe://example.org/x", {kDomain}},
      {"TrustDomainMissing", "trust_domain: example.org\n", "", {"1: trust_domain: must have at least 1 character"}},
      {"IdentityWithSlash", "timeout: 5s", "identity: a/b", {Named("13: services[0].identity")}},
      {"ServiceNameWithSlash", "name: front", "name: fr/ont", {Named("25: services[1].name")}},
      {"ServiceWithoutName", "- name: front\n  workloads", "- workloads", {Named("25: services[1].name")}},
      {"WeightsAllZero",
       "weight: 90}\n    - {version: v2, weight: 10",
       "weight: 0}\n    - {version: v2, weight: 0",
       {"10: services[0].routes[0].to: the weights are all zero"}},
      {"WeightOfOneOnly",
       ", weight: 10",
       "",
       {"10: services[0].routes[0].to: either all targets have a weight, or none"}},
      {"WeightNegative",
       "weight: 10",
       "weight: -1",
       {absl::StrCat("12: services[0].routes[0].to[1].weight", kNumber, "number")}},
      {"WeightBroken",
       "weight: 10",
       "weight: 1.5",
       {absl::StrCat("12: services[0].routes[0].to[1].weight", kNumber, "number")}},
      {"WeightHuge",
       "weight: 10",
       "weight: 1000001",
       {"12: services[0].routes[0].to[1].weight: must be at most 1000000"}},
      {"VersionUnknown",
       "version: v2, weight",
       "version: v3, weight",
       {"12: services[0].routes[0].to[1].version: no workload of \"shop\" has version \"v3\""}},
      {"TargetUnknown",
       "{version: v2, weight",
       "{service: shpo, weight",
       {"12: services[0].routes[0].to[1].service: no service is called \"shpo\""}},
      {"CallerUnknown",
       "  callers: [front]",
       "  callers: [fronnt]",
       {"5: services[0].callers[0]: no service is called \"fronnt\""}},
      {"CallerOfARuleUnknown",
       "{callers: [front], paths",
       "{callers: [x], paths",
       {"7: services[0].rules[0].callers[0]: no service is called \"x\""}},
      {"RuleForNobody",
       "{callers: [front], paths",
       "{paths",
       {"7: services[0].rules[0].callers: must have at least 1 item"}},
      {"PathOfARuleWithoutSlash", "/x]", "x]", {"7: services[0].rules[0].paths[0]: must start with \"/\""}},
      {"AddressOutOfRange",
       "address: 127.0.0.1",
       "address: 127.0.0.300",
       {"17: services[0].workloads[0].address: \"127.0.0.300\" is not an IP address"}},
      {"AddressIsAName",
       "address: 127.0.0.1",
       "address: localhost",
       {"17: services[0].workloads[0].address: \"localhost\" is not an IP address"}},
      {"AddressMissing",
       "    address: 127.0.0.1\n",
       "",
       {"15: services[0].workloads[0].address: must have at least 1 character"}},
      {"PortTooLarge", "port: 1002", "port: 65536", {"23: services[0].workloads[1].port: must be at most 65535"}},
      {"PortZero", "port: 1002", "port: 0", {"23: services[0].workloads[1].port: must be at least 1"}},
      {"PortIsAWord",
       "port: 1002",
       "port: http",
       {absl::StrCat("23: services[0].workloads[1].port", kNumber, "string")}},
      {"AddressTwice",
       "port: 1002",
       "port: 1001",
       {"23: services[0].workloads[1].port: address \"127.0.0.1 port 1001\" is there twice, first as "
        "services[0].workloads[0].port"}},
      {"AddressTwiceInAnotherSpelling",
       "address: 127.0.0.1\n    port: 1001\n    application: {port: 1}\n  - node: shop-2\n    version: v2\n    "
       "address: "
       "127.0.0.1\n    port: 1002",
       "address: fd00::1\n    port: 1001\n    application: {port: 1}\n  - node: shop-2\n    version: v2\n    address: "
       "fd00:0::0:1\n    port: 1001",
       {"23: services[0].workloads[1].port: address \"fd00::1 port 1001\" is there twice, first as "
        "services[0].workloads[0].port"}},
      {"NodeTwice",
       "node: shop-2",
       "node: shop-1",
       {"20: services[0].workloads[1].node: node \"shop-1\" is there twice, first as services[0].workloads[0].node"}},
      {"NodeLeavesItsFolder", "node: shop-2", "node: ../shop", {Named("20: services[0].workloads[1].node")}},
      {"ApplicationMissing",
       "    application: {port: 1}\n",
       "",
       {"15: services[0].workloads[0].application: is required"}},
      {"ApplicationWithoutPort",
       "application: {port: 1}",
       "application: {address: 127.0.0.1}",
       {"19: services[0].workloads[0].application: neither port nor grpc_port is said"}},
      {"ApplicationIsItsSidecar",
       "application: {port: 1}",
       "application: {port: 1001}",
       {"19: services[0].workloads[0].application.port: is 127.0.0.1 port 1001, as the sidecar's inbound side"}},
      {"OutboundIsInbound",
       "    port: 1003\n",
       "    port: 1003\n    outbound: {port: 1003}\n",
       {"30: services[1].workloads[0].outbound: is 127.0.0.1 port 1003, as its inbound side"}},
      {"OutboundPortTooLarge",
       "    port: 1003\n",
       "    port: 1003\n    outbound: {port: 70000}\n",
       {"30: services[1].workloads[0].outbound.port: must be at most 65535"}},
      {"UidNegative",
       "port: 1002",
       "port: 1002\n    uid: -1",
       {absl::StrCat("24: services[0].workloads[1].uid", kNumber, "number")}},
      {"DurationWithSpace",
       "timeout: 5s",
       "timeout: 5 s",
       {"13: services[0].timeout: expected a duration such as \"1.5s\""}},
      {"DurationIsAWord",
       "timeout: 5s",
       "timeout: soon",
       {"13: services[0].timeout: expected a duration such as \"1.5s\""}},
      {"DurationNegative", "timeout: 5s", "timeout: -5s", {"13: services[0].timeout: must be at least 0s"}},
      {"ConnectTimeoutZero",
       "timeout: 5s",
       "connect_timeout: 0s",
       {"13: services[0].connect_timeout: must be above 0s"}},
      {"NoRetriesAtAll",
       "timeout: 5s",
       "retries: {attempts: 0}",
       {"13: services[0].retries.attempts: must be at least 1"}},
      {"RetryOnAnUnknownWord",
       "timeout: 5s",
       "retries: {attempts: 1, on: '5xx,unavailble'}",
       {"13: services[0].retries.on: \"unavailble\" is none of 5xx, gateway-error, reset, reset-before-request, "
        "connect-failure, retriable-4xx, refused-stream, cancelled, deadline-exceeded, internal, resource-exhausted, "
        "unavailable"}},
      {"EnumUnknown",
       "timeout: 5s",
       "tls: MAYBE",
       {"13: services[0].tls: no such value of outrigger.mesh.v1.Tls; there are STRICT, PERMISSIVE"}},
      {"ListForText", "name: front", "name: [front]", {"25: services[1].name: expected a string, found a list"}},
      {"PathAndPrefix",
       "{prefix: /a}",
       "{prefix: /a, path: /b}",
       {"9: services[0].routes[0].match: path and prefix exclude each other"}},
      {"PrefixWithoutSlash",
       "{prefix: /a}",
       "{prefix: a}",
       {"9: services[0].routes[0].match.prefix: must start with \"/\""}},
      {"HeaderWithoutValue",
       "{prefix: /a}",
       "{headers: [{name: x}]}",
       {"9: services[0].routes[0].match.headers[0].value: one of its members must be set"}},
      {"HeaderWithTwoValues",
       "{prefix: /a}",
       "{headers: [{name: x, exact: a, prefix: b}]}",
       {"9: services[0].routes[0].match.headers[0]: \"exact\" and \"prefix\" exclude each other"}},
      {"HeaderNameWithSpace",
       "{prefix: /a}",
       "{headers: [{name: 'x y', exact: a}]}",
       {"9: services[0].routes[0].match.headers[0].name: must be a header name"}},
      {"GrpcClientTwice",
       "  timeout: 5s\n",
       "  timeout: 5s\n  grpc_clients: [x, x]\n",
       {"14: services[0].grpc_clients[1]: node \"x\" is there twice, first as services[0].grpc_clients[0]"}},
      {"RewriteOfAPath",
       "match: {prefix: /a}\n",
       "match: {path: /a}\n    rewrite_prefix: /b\n",
       {"10: services[0].routes[0].rewrite_prefix: goes with match.prefix"}},
      {"RouteToNowhere",
       "    to:\n    - {version: v1, weight: 90}\n    - {version: v2, weight: 10}\n",
       "    to: []\n",
       {"10: services[0].routes[0].to: must have at least 1 item"}},
      {"AccessLogNowhere",
       "services:",
       "access_log: {}\nservices:",
       {"2: access_log.path: must have at least 1 character"}},
      {"BracketOpen", "timeout: 5s", "timeout: [5s", {"14: end of sequence flow not found"}},
      {"Tab", "  timeout: 5s", "\ttimeout: 5s", {"13: end of sequence not found"}},
      {"AliasOfNothing", "callers: [front]", "callers: *nobody", {"5: the referenced anchor is not defined"}},
      {"SecondDocument",
       "    port: 1003\n    application: {port: 1}\n",
       "    port: 1003\n    application: {port: 1}\n---\na: b\n",
       {"31: a second document; one is expected"}},
      {"TwoMistakes",
       "callers: [front]\n  rules:\n  - {callers: [front], paths",
       "callers: [x]\n  rules:\n  - {callers: [y], paths",
       {"5: services[0].callers[0]: no service is called \"x\"",
        "7: services[0].rules[0].callers[0]: no service is called \"y\""}},
  };
}

std::vector<std::string> ErrorsOf(const std::string& text) {
  mesh_v1::Mesh mesh;
  std::vector<std::string> lines;
  std::string message(ReadMesh(text, "mesh.yaml", mesh).message());
  while (!message.empty()) {
    const size_t end = message.find('\n');
    lines.push_back(message.substr(0, end));
    message.erase(0, end == std::string::npos ? end : end + 1);
  }
  return lines;
}

TEST(BadMeshTest, EachMistakeIsToldWithItsLineAndItsReason) {
  ASSERT_THAT(ErrorsOf(kGood), testing::IsEmpty());
  for (const Mistake& mistake : Mistakes()) {
    std::string text = kGood;
    const size_t at = text.find(mistake.from);
    ASSERT_NE(at, std::string::npos) << mistake.name;
    text.replace(at, std::string(mistake.from).size(), mistake.to);
    std::vector<std::string> expected;
    for (const std::string& error : mistake.errors) expected.push_back(absl::StrCat("mesh.yaml:", error));
    EXPECT_THAT(ErrorsOf(text), testing::ElementsAreArray(expected)) << mistake.name;
  }
}

TEST(BadMeshTest, WhatIsNoMeshAtAllIsToldToo) {
  using testing::ElementsAre;
  EXPECT_THAT(ErrorsOf(""), ElementsAre("mesh.yaml:1: there is nothing in this file"));
  EXPECT_THAT(ErrorsOf("# nobody yet\n"), ElementsAre("mesh.yaml:1: there is nothing in this file"));
  EXPECT_THAT(ErrorsOf("- a\n"), ElementsAre("mesh.yaml:1: expected an object, found a list"));
  EXPECT_THAT(ErrorsOf("hello\n"), ElementsAre("mesh.yaml:1: expected an object, found a string"));
  EXPECT_THAT(ErrorsOf("trust_domain: a\nservices: []\n"),
              ElementsAre("mesh.yaml:2: services: must have at least 1 item"));
  EXPECT_THAT(ErrorsOf("trust_domain: a\nservices: [{name: \xff\xfe}]\n"), ElementsAre("mesh.yaml:2: not valid UTF-8"));
  EXPECT_THAT(ErrorsOf(std::string("trust_domain: a\nservices: [{name: b") + '\0' + "c}]\n"),
              ElementsAre("mesh.yaml:2: a NUL byte is not text"));
}

TEST(BadMeshTest, AliasesCannotMakeASmallFileLarge) {
  std::string bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n";
  for (char c = 'b'; c < 'k'; ++c) {
    absl::StrAppend(&bomb, std::string(1, c), ": &", std::string(1, c), " [");
    for (int i = 0; i < 10; ++i) absl::StrAppend(&bomb, i == 0 ? "*" : ",*", std::string(1, c - 1));
    bomb += "]\n";
  }
  EXPECT_THAT(ErrorsOf(bomb), testing::ElementsAre("mesh.yaml:6: more than 2000000 values, with aliases replaced"));
}

TEST(BadMeshTest, DepthIsLimited) {
  EXPECT_THAT(ErrorsOf(absl::StrCat("trust_domain: ", std::string(5000, '['), std::string(5000, ']'), "\n")),
              testing::ElementsAre(testing::HasSubstr("mesh.yaml:1: ")));
}

}  // namespace
}  // namespace outrigger::control_plane
