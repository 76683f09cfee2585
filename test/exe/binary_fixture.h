// Thread: test
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "test/harness/http_upstream.h"
#include "test/harness/process.h"

namespace outrigger::exe {

inline std::string Config(uint16_t upstream, const std::string& access_log) {
  return absl::StrCat(R"yaml(
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
static_resources:
  listeners:
  - name: in
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: in
          access_log:
          - name: envoy.access_loggers.file
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
              path: )yaml",
                      access_log, R"yaml(
              log_format: {text_format_source: {inline_string: "%REQ(:PATH)% %RESPONSE_CODE%\n"}}
          route_config:
            virtual_hosts: [{name: all, domains: ["*"], routes: [{match: {prefix: "/"}, route: {cluster: one}}]}]
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
  clusters:
  - name: one
    type: STATIC
    load_assignment:
      cluster_name: one
      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: )yaml",
                      upstream, "}}}}]}]\n");
}

// The real program in front of one upstream, asked by curl.
class BinaryTest : public testing::Test {
 protected:
  static constexpr char kBinary[] = "source/exe/outrigger";

  BinaryTest() : upstream_("one", http::Protocol::kHttp11), folder_(harness::TempFolder()) {
    harness::WriteFile(folder_ + "/a.yaml", Config(upstream_.port(), folder_ + "/access.log"));
  }
  // With one listener "in", an access log, and the flags that every test needs.
  void Start(const std::vector<std::string>& flags = {}) {
    process_.reset();
    harness::WriteFile(folder_ + "/admin", "");
    std::vector<std::string> words = {kBinary,
                                      "-c",
                                      folder_ + "/a.yaml",
                                      "--admin-address-path",
                                      folder_ + "/admin",
                                      "--log-path",
                                      folder_ + "/process.log"};
    words.insert(words.end(), flags.begin(), flags.end());
    process_ = std::make_unique<harness::Process>(words);
    ASSERT_TRUE(harness::WaitFor([this] { return Admin("/ready") == "LIVE\n" || !process_->running(); }));
    ASSERT_TRUE(process_->running()) << process_->output() << Log();
  }
  std::string Log() const { return harness::ReadFile(folder_ + "/process.log"); }
  std::string Admin(const std::string& path, const std::string& flags = "") {
    const std::string address = harness::ReadFile(folder_ + "/admin");
    return address.empty() ? ""
                           : harness::Shell(absl::StrCat("curl -s -m 20 ", flags, " 'http://", address, path, "'"));
  }
  std::string Stat(const std::string& name) { return Admin(absl::StrCat("/stats?filter=^", name, "$")); }
  std::string ListenAddress() {
    const std::string listeners = Admin("/listeners");
    const size_t at = listeners.find("in::");
    return at == std::string::npos ? "" : listeners.substr(at + 4, listeners.find('\n', at) - at - 4);
  }
  std::string Get(const std::string& path, const std::string& flags = "") {
    const std::string address = ListenAddress();
    return address.empty() ? "" : harness::Shell(absl::StrCat("curl -s -m 20 ", flags, " http://", address, path));
  }

  harness::HttpUpstream upstream_;
  const std::string folder_;
  std::unique_ptr<harness::Process> process_;
};

}  // namespace outrigger::exe
