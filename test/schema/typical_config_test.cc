// Configurations of the shapes that gateways, meshes and users write: read and accepted whole.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "source/schema/reader.h"
#include "source/schema/validator.h"

namespace outrigger::schema {
namespace {

using envoy::config::bootstrap::v3::Bootstrap;

ValidationResult Check(absl::string_view yaml) {
  Bootstrap bootstrap;
  ReadOptions options;
  options.source = "bootstrap.yaml";
  const absl::Status status = ReadMessage(yaml, bootstrap, options);
  EXPECT_TRUE(status.ok()) << status;
  return Validate(bootstrap);
}

std::vector<std::string> Paths(const std::vector<Finding>& findings) {
  std::vector<std::string> out;
  for (const Finding& finding : findings) out.push_back(finding.path);
  return out;
}

TEST(TypicalConfig, AFrontProxy) {
  const ValidationResult result = Check(R"yaml(
admin:
  address: {socket_address: {protocol: TCP, address: 127.0.0.1, port_value: 9901}}
static_resources:
  listeners:
  - name: ingress
    address: {socket_address: {address: 0.0.0.0, port_value: 8443}}
    listener_filters:
    - name: envoy.filters.listener.tls_inspector
      typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector}
    filter_chains:
    - filter_chain_match: {server_names: ["a.example.com", "*.b.example.com"], transport_protocol: tls}
      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            alpn_protocols: ["h2,http/1.1"]
            tls_params: {tls_minimum_protocol_version: TLSv1_2}
            tls_certificates:
            - certificate_chain: {filename: /etc/cert.pem}
              private_key: {filename: /etc/key.pem}
      filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          codec_type: auto
          stat_prefix: ingress_http
          use_remote_address: true
          normalize_path: true
          merge_slashes: true
          path_with_escaped_slashes_action: UNESCAPE_AND_REDIRECT
          common_http_protocol_options: {idle_timeout: 3600s, headers_with_underscores_action: REJECT_REQUEST}
          http2_protocol_options: {max_concurrent_streams: 100, initial_stream_window_size: 65536}
          stream_idle_timeout: 300s
          upgrade_configs: [{upgrade_type: websocket}]
          access_log:
          - name: envoy.access_loggers.stdout
            filter: {status_code_filter: {comparison: {op: GE, value: {default_value: 500, runtime_key: a}}}}
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog
              log_format: {json_format: {status: "%RESPONSE_CODE%", nested: {path: "%REQ(:PATH)%"}}}
          route_config:
            name: local_route
            virtual_hosts:
            - name: all
              domains: ["*"]
              retry_policy: {retry_on: 5xx, num_retries: 2}
              routes:
              - match: {prefix: /old}
                redirect: {path_redirect: /new, response_code: PERMANENT_REDIRECT}
              - match: {path: /health}
                direct_response: {status: 200, body: {inline_string: ok}}
              - match: {safe_regex: {regex: "/v[0-9]+/.*"}, headers: [{name: x-canary, string_match: {exact: "1"}}]}
                route:
                  weighted_clusters: {clusters: [{name: a, weight: 90}, {name: b, weight: 10}]}
                  regex_rewrite: {pattern: {regex: "^/v[0-9]+"}, substitution: /}
              - match: {prefix: /}
                route:
                  cluster: a
                  timeout: 0s
                  host_rewrite_literal: a.internal
                  retry_policy:
                    retry_on: connect-failure,refused-stream
                    retry_host_predicate: [{name: envoy.retry_host_predicates.previous_hosts}]
                    retry_back_off: {base_interval: 0.01s, max_interval: 1s}
                  request_mirror_policies: [{cluster: b, runtime_fraction: {default_value: {numerator: 10,
                      denominator: HUNDRED}}}]
                request_headers_to_add: [{header: {key: x-from, value: "%DOWNSTREAM_REMOTE_ADDRESS%"},
                    append_action: OVERWRITE_IF_EXISTS_OR_ADD}]
                typed_per_filter_config:
                  envoy.filters.http.buffer:
                      {"@type": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.BufferPerRoute,
                      disabled: true}
          http_filters:
          - name: envoy.filters.http.rbac
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC
              rules: {action: ALLOW, policies: {p: {permissions: [{any: true}],
                  principals: [{authenticated: {principal_name: {prefix: "spiffe://"}}}]}}}
          - name: envoy.filters.http.fault
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault
              delay: {fixed_delay: 1s, percentage: {numerator: 1}}
          - name: envoy.filters.http.buffer
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer,
                max_request_bytes: 5242880}
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
  clusters:
  - name: a
    type: STRICT_DNS
    dns_lookup_family: V4_ONLY
    lb_policy: ROUND_ROBIN
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {}}
    circuit_breakers: {thresholds: [{max_connections: 1000, retry_budget: {budget_percent: {value: 25}}}]}
    load_assignment: {cluster_name: a,
        endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: a, port_value: 80}}}}]}]}
    transport_socket:
      name: envoy.transport_sockets.tls
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
        sni: a.internal
        common_tls_context:
          validation_context:
            trusted_ca: {filename: /etc/ca.pem}
            match_typed_subject_alt_names: [{san_type: URI, matcher: {exact: "spiffe://x/a"}}]
  - name: b
    type: LOGICAL_DNS
    load_balancing_policy:
      policies:
      - typed_extension_config:
          name: envoy.load_balancing_policies.least_request
          typed_config:
              {"@type": type.googleapis.com/envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest,
              choice_count: 3}
)yaml");
  EXPECT_TRUE(result.ok()) << result.ToStatus();
  EXPECT_THAT(Paths(result.warnings), testing::IsEmpty());
}

TEST(TypicalConfig, AMeshSidecar) {
  const ValidationResult result = Check(R"yaml(
node: {id: sidecar~10.0.0.1~a.b, cluster: a.b, locality: {region: r, zone: z}, metadata: {LABELS: {app: a}}}
layeredRuntime: {layers: [{name: deprecation, staticLayer: {re2.max_program_size.error_level: 32768}},
    {name: admin, adminLayer: {}}]}
statsConfig: {useAllDefaultTags: false, statsTags: [{tagName: cluster_name, regex: "^cluster\\.((.+?)\\.)"}]}
bootstrapExtensions:
- name: envoy.bootstrap.internal_listener
  typedConfig:
    "@type": type.googleapis.com/udpa.type.v1.TypedStruct
    typeUrl: type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener
    value: {bufferSizeKb: 64}
clusterManager: {outlierDetection: {eventLogPath: /dev/stdout}}
dynamicResources:
  ldsConfig: {ads: {}, initialFetchTimeout: 0s, resourceApiVersion: V3}
  cdsConfig: {ads: {}, initialFetchTimeout: 0s, resourceApiVersion: V3}
  adsConfig: {apiType: GRPC, setNodeOnFirstMessageOnly: true, transportApiVersion: V3,
      grpcServices: {envoyGrpc: {clusterName: xds-grpc}}}
staticResources:
  clusters:
  - name: xds-grpc
    type: STATIC
    connectTimeout: 1s
    upstreamConnectionOptions: {tcpKeepalive: {keepaliveTime: 300}}
    typedExtensionProtocolOptions:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicitHttpConfig: {http2ProtocolOptions: {}}
    loadAssignment: {clusterName: xds-grpc,
        endpoints: [{lbEndpoints: [{endpoint: {address: {pipe: {path: ./etc/proxy/XDS}}}}]}]}
)yaml");
  EXPECT_TRUE(result.ok()) << result.ToStatus();
  EXPECT_THAT(Paths(result.warnings), testing::UnorderedElementsAre("cluster_manager.outlier_detection", "stats_config",
                                                                    "bootstrap_extensions[0].typed_config"));
}

TEST(TypicalConfig, AnOverloadManagerWatchesTheHeapAndConnections) {
  EXPECT_TRUE(Check("overload_manager: {resource_monitors: [{name: c, typed_config: {'@type': "
                    "type.googleapis.com/"
                    "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig, "
                    "max_active_downstream_connections: 9}}]}")
                  .ok());
  const ValidationResult heap = Check(
      "overload_manager: {resource_monitors: [{name: h, typed_config: {'@type': "
      "type.googleapis.com/envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig, max_heap_size_bytes: "
      "9}}], "
      "actions: [{name: a, triggers: [{name: h, threshold: {value: 0.5}}]}]}");
  EXPECT_TRUE(heap.ok()) << heap.ToStatus();
}

// Envoy is aware of zones as soon as a bootstrap names the local cluster; without it, it does what is done here.
TEST(TypicalConfig, AwarenessOfZonesIsRefusedWhereItWouldChangeAChoice) {
  EXPECT_THAT(Paths(Check("cluster_manager: {local_cluster_name: here}").errors),
              testing::ElementsAre("cluster_manager.local_cluster_name"));
  const ValidationResult result = Check(
      "static_resources: {clusters: [{name: a, common_lb_config: {zone_aware_lb_config: "
      "{min_cluster_size: 3}}}, {name: b, common_lb_config: {zone_aware_lb_config: {}}}]}");
  EXPECT_TRUE(result.ok()) << result.ToStatus();
  EXPECT_THAT(
      Paths(result.warnings),
      testing::ElementsAre("static_resources.clusters[0].common_lb_config.zone_aware_lb_config.min_cluster_size"));
}

}  // namespace
}  // namespace outrigger::schema
