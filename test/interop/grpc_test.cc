// gRPC through one hop and through two: libgrpc's C++ client (examples/mesh/call) and its Python one.
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "test/interop/proxy.h"

namespace outrigger::interop {
namespace {

using harness::Shell;

// One listener, HTTP/2 (or HTTP/1.1, as it comes) in, HTTP/2 out to `upstream`.
std::string Hop(uint32_t upstream) {
  return absl::StrCat(R"(
admin:
  address:
    socket_address: {address: 127.0.0.1, port_value: 0}
static_resources:
  listeners:
  - name: hop
    address:
      socket_address: {address: 127.0.0.1, port_value: 0}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: hop
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - match: {path: /denied}
                direct_response: {status: 403, body: {inline_string: no}}
              - match: {prefix: /}
                route: {cluster: next, timeout: 0s}
          http_filters:
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
  clusters:
  - name: next
    type: STATIC
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {}}
    load_assignment:
      cluster_name: next
      endpoints:
      - lb_endpoints:
        - endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: )",
                      upstream, "}}}\n");
}

class GrpcTest : public ::testing::Test {
 protected:
  static std::string Cpp(uint32_t port, const std::string& words) {
    return Shell(absl::StrCat("examples/mesh/call --authority shop.example --target 127.0.0.1:", port, " ", words,
                              "; echo code $?"));
  }
  static std::string Python(uint32_t port) {
    return Shell(absl::StrCat("/usr/bin/python3 test/interop/grpc_client.py ", port, " 200"));
  }
  void Expect(uint32_t port) {
    const std::string one = Cpp(port, "--text ahoy");
    EXPECT_TRUE(absl::StrContains(one, "service=shop version=v1")) << one;
    EXPECT_TRUE(absl::StrContains(one, "text=ahoy")) << one;
    const std::string many = Cpp(port, "--count 300");
    EXPECT_TRUE(absl::StrContains(many, "300 calls, 0 failed, v1: 300")) << many;
    const std::string stream = Cpp(port, "--stream 5000");
    EXPECT_TRUE(absl::StrContains(stream, "5000 messages\ncode 0")) << stream;
    EXPECT_EQ(Python(port), "200 good, 100 messages, missing method: UNIMPLEMENTED\n");
  }

  Echo echo_{"shop", "v1"};
  Proxy near_{Hop(echo_.grpc_port()), {}};
};

TEST_F(GrpcTest, PassesThroughOneHop) { Expect(near_.Port("hop")); }

TEST_F(GrpcTest, PassesThroughTwoHops) {
  Proxy far(Hop(near_.Port("hop")), {});
  Expect(far.Port("hop"));
}

TEST_F(GrpcTest, AnUnreachableServiceIsUnavailable) {
  Proxy nowhere(Hop(1), {});
  const std::string out = Cpp(nowhere.Port("hop"), "--text ahoy");
  EXPECT_TRUE(absl::StrContains(out, "grpc-status=14")) << out;
}

}  // namespace
}  // namespace outrigger::interop
