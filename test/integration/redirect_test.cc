// SO_ORIGINAL_DST with a real redirect of the kernel, in a network namespace of its own.
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "test/harness/process.h"

namespace outrigger::integration {
namespace {

using absl::StrContains;
using harness::Shell;
using harness::WriteFile;

// Both families are sent to port 8888, whatever address of this host they wanted.
constexpr char kRules[] = R"(table inet redirects {
  chain output {
    type nat hook output priority -100;
    tcp dport 7777 redirect to :8888;
    tcp dport 7778 redirect to :8888;
  }
}
)";

constexpr char kProxy[] = R"yaml(
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 9901}}}
static_resources:
  listeners:
  - name: in
    address: {socket_address: {address: "::", port_value: 8888, ipv4_compat: true}}
    listener_filters:
    - name: envoy.filters.listener.original_dst
      typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.listener.original_dst.v3.OriginalDst}
    filter_chains:
    - filter_chain_match: {destination_port: 7777}
      filters: [{name: hcm, typed_config: {"@type": TYPE, stat_prefix: a, route_config: {virtual_hosts: [{name: a, domains: ["*"],
        response_headers_to_add: [{header: {key: x-wanted, value: "%DOWNSTREAM_LOCAL_ADDRESS%"}}],
        routes: [{match: {prefix: /}, direct_response: {status: 200, body: {inline_string: "redirected\n"}}}]}]},
        http_filters: [{name: router, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]}}]
    default_filter_chain:
      filters: [{name: hcm, typed_config: {"@type": TYPE, stat_prefix: b, route_config: {virtual_hosts: [{name: a, domains: ["*"],
        routes: [{match: {prefix: /}, direct_response: {status: 200, body: {inline_string: "direct\n"}}}]}]},
        http_filters: [{name: router, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]}}]
)yaml";

constexpr char kScript[] = R"sh(
ip link set lo up && nft -f rules || exit 77
"$1" -c proxy.yaml --concurrency 2 -l warning --drain-strategy immediate --drain-time-s 1 &
proxy=$!
curl -s -o /dev/null --retry 200 --retry-connrefused --retry-delay 1 http://127.0.0.1:9901/ready
for address in 127.0.0.9:7777 '[::1]:7777' 127.0.0.9:7778 127.0.0.1:8888; do
  curl -s -i -m 10 "http://$address/" | tr -d '\r' | grep -e '^x-wanted' -e '^redirected' -e '^direct'
done
curl -s 'http://127.0.0.1:9901/stats?filter=original_dst'
kill $proxy
wait $proxy
echo "ended with $?"
)sh";

TEST(RedirectTest, ARedirectedConnectionIsMatchedByWhereItWasGoing) {
  const std::string folder = harness::TempFolder();
  std::string proxy = kProxy;
  for (size_t at; (at = proxy.find("TYPE")) != std::string::npos;) {
    proxy.replace(
        at, 4, "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager");
  }
  WriteFile(folder + "/rules", kRules);
  WriteFile(folder + "/proxy.yaml", proxy);
  WriteFile(folder + "/script", kScript);
  const std::string got = Shell(absl::StrCat("binary=$PWD/source/exe/outrigger; cd ", folder,
                                             "; unshare -rn sh script \"$binary\"; echo \"script: $?\""));
  if (StrContains(got, "script: 77") || StrContains(got, "unshare: ")) {
    GTEST_SKIP() << "the kernel gives no network namespace with redirects: " << got;
  }
  EXPECT_TRUE(StrContains(got,
                          "x-wanted: 127.0.0.9:7777\nredirected\n"
                          "x-wanted: [::1]:7777\nredirected\n"
                          "direct\ndirect\n"))
      << got;
  EXPECT_TRUE(StrContains(got, "original_dst.restored: 3\n")) << got;
  EXPECT_TRUE(StrContains(got, "original_dst.not_found: 1\n")) << got;
  EXPECT_TRUE(StrContains(got, "ended with 0\n")) << got;
}

}  // namespace
}  // namespace outrigger::integration
