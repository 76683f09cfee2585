#include "gmock/gmock.h"
#include "test/config/fixture.h"

namespace outrigger::config {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// A listener whose connection manager has no HTTP filters yet.
constexpr char kWithoutFilters[] = R"(
name: in
address: {socket_address: {address: 127.0.0.1, port_value: 1}}
filter_chains:
- filters:
  - name: hcm
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
      stat_prefix: in
      route_config: {name: local}
)";

class RefusalTest : public ConfigTest {
 protected:
  std::string RoutesError(absl::string_view routes) {
    return ErrorOf<RouteConfiguration>(
        absl::StrCat("{name: r, virtual_hosts: [{name: v, domains: ['*'], routes: [", routes, "]}]}"));
  }
};

TEST_F(RefusalTest, RoutesNameTheFieldThatIsWrong) {
  constexpr absl::string_view kHere = "route configuration \"r\" (version 7): virtual_hosts[0].routes[0].";
  const struct {
    absl::string_view route, where, cause;
  } kCases[] = {
      {"{match: {prefix: /}}", "", "action"},
      {"{match: {}, route: {cluster: a}}", "match", "path"},
      {"{match: {safe_regex: {regex: '('}}, route: {cluster: a}}", "match.safe_regex.regex", ""},
      {"{match: {prefix: /}, route: {}}", "route", "cluster"},
      {"{match: {prefix: /}, route: {weighted_clusters: {clusters: [{name: a, weight: 0}]}}}",
       "route.weighted_clusters.clusters", "sum up to 0"},
      {"{match: {prefix: /}, route: {cluster: a, prefix_rewrite: /x, regex_rewrite: {pattern: {regex: a}, "
       "substitution: b}}}",
       "route.regex_rewrite", "excludes"},
      {"{match: {prefix: /}, route: {cluster: a, regex_rewrite: {pattern: {regex: a}, substitution: '\\3'}}}",
       "route.regex_rewrite", ""},
      {"{match: {prefix: /}, route: {cluster: a}, request_headers_to_add: [{header: {key: x, value: '%NO_SUCH%'}}]}",
       "request_headers_to_add[0].header.value", "NO_SUCH"},
      {"{match: {prefix: /}, route: {cluster: a}, request_headers_to_remove: ['host']}", "request_headers_to_remove[0]",
       "cannot be removed"},
      {"{match: {prefix: /}, direct_response: {status: 200, body: {filename: /nonexistent/file}}}",
       "direct_response.body.filename", "/nonexistent/file"},
      {"{match: {prefix: /}, direct_response: {status: 200, body: {environment_variable: MISSING}}}",
       "direct_response.body.environment_variable", "is not set"},
      {"{match: {prefix: /}, route: {cluster: a}, typed_per_filter_config: {f: {'@type': "
       "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}}",
       "typed_per_filter_config[\"f\"]", ""},
  };
  for (const auto& one : kCases) {
    const std::string error = RoutesError(one.route);
    EXPECT_THAT(error, StartsWith(absl::StrCat(kHere.substr(0, one.where.empty() ? kHere.size() - 1 : kHere.size()),
                                               one.where)))
        << one.route;
    EXPECT_THAT(error, HasSubstr(std::string(one.cause))) << one.route;
  }
}

TEST_F(RefusalTest, TooLongADirectResponseIsRefusedByItsLimit) {
  const std::string body(5000, 'x');
  EXPECT_THAT(RoutesError(absl::StrCat(
                  "{match: {prefix: /}, direct_response: {status: 200, body: {inline_string: ", body, "}}}")),
              HasSubstr("direct_response.body: is 5000 bytes long, max_direct_response_body_size_bytes is 4096"));
}

TEST_F(RefusalTest, DuplicateDomainsAreNamed) {
  EXPECT_THAT(ErrorOf<RouteConfiguration>(
                  "{name: r, virtual_hosts: [{name: a, domains: [x.com]}, {name: b, domains: [x.com]}]}"),
              HasSubstr("x.com"));
}

TEST_F(RefusalTest, ListenersNameTheFieldThatIsWrong) {
  EXPECT_THAT(ErrorOf<Listener>("{name: in, address: {socket_address: {address: 127.0.0.1, port_value: 1}}}"),
              HasSubstr("listener \"in\" (version 7): filter_chains: a listener needs a filter chain"));
  EXPECT_THAT(
      ErrorOf<Listener>(HttpListener("in", 1, kInlineRoutes)),
      HasSubstr("listener \"in\" (version 7): filter_chains[0].filters[0].typed_config.route_config.virtual_hosts[0]"
                ".routes[1].route.cluster: no cluster is called \"backend\""));
  EXPECT_THAT(
      ErrorOf<Listener>("{name: in, address: {socket_address: {address: somewhere, port_value: 1}}, filter_chains: "
                        "[{}]}"),
      HasSubstr("address.socket_address.address: \"somewhere\" is not an IP address"));
}

TEST_F(RefusalTest, AFilterOfUnknownTypeIsRefusedUnlessItIsOptional) {
  const auto listener = [](absl::string_view optional) {
    return absl::StrCat(kWithoutFilters, R"(      http_filters:
      - name: odd
        )",
                        optional, R"(
        typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer, max_request_bytes: 1}
      - name: router
        typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
)");
  };
  EXPECT_THAT(ErrorOf<Listener>(listener("is_optional: false")),
              HasSubstr("filter_chains[0].filters[0].typed_config.http_filters[0].typed_config: "));
  EXPECT_EQ(ErrorOf<Listener>(listener("is_optional: true")), "no error");
  ASSERT_FALSE(warnings_.empty());
  EXPECT_THAT(warnings_.back(), HasSubstr("optional filter left out"));
}

TEST_F(RefusalTest, TheRouterHasToBeLast) {
  EXPECT_THAT(ErrorOf<Listener>(kWithoutFilters),
              HasSubstr("filter_chains[0].filters[0].typed_config.http_filters: needs at least the router"));
}

TEST_F(RefusalTest, TlsFaultsNameFileOrField) {
  const auto listener = [](absl::string_view certificate) {
    return absl::StrCat(R"(
name: in
address: {socket_address: {address: 127.0.0.1, port_value: 1}}
filter_chains:
- transport_socket:
    name: tls
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
      common_tls_context:
        )",
                        certificate, "\n");
  };
  constexpr absl::string_view kHere = "filter_chains[0].transport_socket.typed_config.common_tls_context";
  EXPECT_THAT(
      ErrorOf<Listener>(listener("tls_certificates: [{certificate_chain: {filename: /nonexistent}, private_key: "
                                 "{filename: /nonexistent}}]")),
      HasSubstr(absl::StrCat(kHere, ".tls_certificates[0].certificate_chain.filename: ")));
  EXPECT_THAT(ErrorOf<Listener>(listener("tls_certificates: [{certificate_chain: {inline_string: junk}, private_key: "
                                         "{inline_string: junk}}]")),
              HasSubstr(absl::StrCat(kHere, ".tls_certificates[0]")));
  EXPECT_THAT(ErrorOf<Listener>(listener("tls_certificate_sds_secret_configs: [{name: nobody}]")),
              HasSubstr("static_resources has no secret \"nobody\""));
  EXPECT_THAT(ErrorOf<Listener>(listener("alpn_protocols: [h2]")), HasSubstr("a server needs a certificate"));
}

TEST_F(RefusalTest, ClustersNameTheFieldThatIsWrong) {
  EXPECT_THAT(ErrorOf<Cluster>("{name: c, type: EDS}"),
              HasSubstr("cluster \"c\" (version 7): eds_cluster_config.eds_config"));
  EXPECT_THAT(ErrorOf<Cluster>("{name: c, type: LOGICAL_DNS, load_assignment: {cluster_name: c}}"),
              HasSubstr("exactly one endpoint"));
  EXPECT_THAT(ErrorOf<Cluster>("{name: c, lb_policy: MAGLEV}"), HasSubstr("lb_policy"));
  EXPECT_THAT(ErrorOf<Cluster>("{name: c, connect_timeout: 0s}"), HasSubstr("connect_timeout"));
  EXPECT_THAT(
      ErrorOf<Cluster>("{name: c, typed_dns_resolver_config: {name: cares, typed_config: {'@type': "
                       "type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig, "
                       "resolvers: [{socket_address: {address: 127.0.0.1, port_value: 53}}]}}}"),
      HasSubstr("typed_dns_resolver_config.typed_config.resolvers"));
  EXPECT_THAT(ErrorOf<Cluster>("{name: c, outlier_detection: {}}"), HasSubstr("outlier_detection"));
}

TEST_F(RefusalTest, WhatIsHeldOnlyInPartIsRefusedByItsValue) {
  EXPECT_THAT(ErrorOf<Cluster>("{name: c, circuit_breakers: {per_host_thresholds: [{max_connections: 1}, "
                               "{priority: HIGH, max_connections: 1}]}}"),
              HasSubstr("circuit_breakers.per_host_thresholds[1].priority: "));
  EXPECT_THAT(
      ErrorOf<Cluster>("{name: c, http_protocol_options: {override_stream_error_on_invalid_http_message: true}}"),
      HasSubstr("http_protocol_options.override_stream_error_on_invalid_http_message: "));
  EXPECT_EQ(
      ErrorOf<Listener>("{name: a, address: {socket_address: {address: 127.0.0.1, port_value: 1}}, filter_chains: "
                        "[{}], use_original_dst: false}"),
      "no error");
  EXPECT_THAT(
      ErrorOf<Listener>("{name: b, address: {socket_address: {address: 127.0.0.1, port_value: 1}}, filter_chains: "
                        "[{}], use_original_dst: true}"),
      HasSubstr("use_original_dst: is not supported"));
}

TEST_F(RefusalTest, OriginalAddressesAreDetectedOneWay) {
  const auto error = [this](absl::string_view more) {
    ErrorOf<Cluster>(kBackend);
    return ErrorOf<Listener>(
        absl::StrCat(HttpListener("in", 1, kInlineRoutes), more,
                     "      original_ip_detection_extensions:\n      - name: xff\n        typed_config:\n"
                     "          \"@type\": "
                     "type.googleapis.com/envoy.extensions.http.original_ip_detection.xff.v3.XffConfig\n"
                     "          xff_num_trusted_hops: 1\n"));
  };
  constexpr absl::string_view kHere = "original_ip_detection_extensions[0].typed_config";
  EXPECT_EQ(error(""), "no error");
  EXPECT_THAT(error("      use_remote_address: true\n"),
              HasSubstr(absl::StrCat(kHere, ": it cannot be used together")));
  EXPECT_THAT(error("      xff_num_trusted_hops: 1\n"), HasSubstr(absl::StrCat(kHere, ": it cannot be used together")));
}

TEST_F(RefusalTest, MoreFiltersThanAChainHoldsAreRefused) {
  std::string listener = HttpListener("in", 1, kInlineRoutes);
  std::string filters;
  for (int i = 0; i < 63; ++i) {
    absl::StrAppend(&filters, "      - {name: f", i,
                    ", typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}\n");
  }
  listener.insert(listener.find("      - name: envoy.filters.http.router"), filters);
  ErrorOf<Cluster>(kBackend);
  EXPECT_THAT(ErrorOf<Listener>(listener),
              HasSubstr("filter_chains[0].filters[0].typed_config.http_filters: more than 63 filters"));
}

TEST_F(RefusalTest, DuplicatesAreNamed) {
  EXPECT_THAT(ErrorOf<RouteConfiguration>(
                  "{name: r, virtual_hosts: [{name: a, domains: [x.com]}, {name: a, domains: [y.com]}]}"),
              HasSubstr("virtual_hosts"));
  const auto chains = [](absl::string_view list) {
    return absl::StrCat("{name: in, address: {socket_address: {address: 127.0.0.1, port_value: 1}}, filter_chains: [",
                        list, "]}");
  };
  EXPECT_THAT(ErrorOf<Listener>(chains("{name: a, filter_chain_match: {destination_port: 1}}, {name: a}")),
              HasSubstr("filter_chains[1].name: a second filter chain \"a\""));
  EXPECT_THAT(ErrorOf<Listener>(chains("{name: a}, {name: b}")),
              HasSubstr("has the same matching rules as filter_chains[0"));
  EXPECT_THAT(ErrorOf<Cluster>("{name: c, transport_socket_matches: [{name: m, match: {}}, {name: m, match: {}}]}"),
              HasSubstr("transport_socket_matches[1].name: a second match \"m\""));
}

TEST_F(RefusalTest, TwoStaticResourcesOfOneNameOrAddressAreRefusedTogether) {
  Bootstrap bootstrap;
  auto* resources = bootstrap.mutable_static_resources();
  *resources->add_clusters() = Yaml<Cluster>(kBackend);
  *resources->add_clusters() = Yaml<Cluster>(kBackend);
  *resources->add_listeners() = Yaml<Listener>(HttpListener("a", 10000, kInlineRoutes));
  *resources->add_listeners() = Yaml<Listener>(HttpListener("b", 10000, kInlineRoutes));
  const std::string errors(builder_->SetStatic(bootstrap).message());
  EXPECT_THAT(errors, HasSubstr("cluster \"backend\": name: there is another of this name"));
  EXPECT_THAT(errors, HasSubstr("listener \"b\": address: 127.0.0.1:10000 is the address of listener \"a\" already"));
}

}  // namespace
}  // namespace outrigger::config
