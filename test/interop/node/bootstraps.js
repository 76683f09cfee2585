'use strict';
// Bootstraps in the shapes that two well-known control planes hand to their sidecars and gateways.

const HTTP2 = {
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
    '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
    explicit_http_config: {http2_protocol_options: {}},
  },
};

// ADS over the agent's Unix socket, waits without end, an extension point wrapped in a TypedStruct, a limit of all connections.
function istioShaped(socket, form) {
  const ads = {ads: {}, initial_fetch_timeout: '0s', resource_api_version: 'V3'};
  return {
    application_log_config: {log_format: {text_format: '%Y-%m-%dT%T.%fZ\t%l\tenvoy %n %g:%#\t%v\tthread=%t'}},
    node: {
      id: 'sidecar~10.0.0.7~app-1.default~default.svc.cluster.local', cluster: 'app.default', locality: {region: 'r1', zone: 'z1'},
      metadata: {CLUSTER_ID: 'Kubernetes', LABELS: {app: 'app'}, PROXY_CONFIG: {concurrency: 2, drainDuration: '45s'}, UNPRIVILEGED_POD: 'true'},
    },
    layered_runtime: {
      layers: [
        {name: 'global config', static_layer: {'overload.global_downstream_max_connections': '2147483647', 're2.max_program_size.error_level': '32768'}},
        {name: 'admin', admin_layer: {}},
      ],
    },
    bootstrap_extensions: [{
      name: 'envoy.bootstrap.internal_listener',
      typed_config: {
        '@type': 'type.googleapis.com/udpa.type.v1.TypedStruct',
        type_url: 'type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener', value: {buffer_size_kb: 64},
      },
    }],
    deferred_stat_options: {enable_deferred_creation_stats: true},
    stats_config: {
      use_all_default_tags: false,
      stats_tags: [{tag_name: 'cluster_name', regex: '^cluster\\.((.+?(\\..+?\\.svc\\.cluster\\.local)?)\\.)'}],
      stats_matcher: {inclusion_list: {patterns: [{prefix: 'cluster_manager'}, {prefix: 'listener_manager'}, {prefix: 'server'}]}},
    },
    cluster_manager: {outlier_detection: {event_log_path: '/dev/stdout'}},
    overload_manager: {
      resource_monitors: [{
        name: 'envoy.resource_monitors.global_downstream_max_connections',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig',
          max_active_downstream_connections: '40',
        },
      }],
    },
    dynamic_resources: {
      lds_config: ads,
      cds_config: ads,
      ads_config: {
        api_type: form, set_node_on_first_message_only: true, transport_api_version: 'V3',
        grpc_services: [{envoy_grpc: {cluster_name: 'xds-grpc'}}],
      },
    },
    static_resources: {
      clusters: [{
        name: 'xds-grpc', alt_stat_name: 'xds-grpc;', type: 'STATIC', connect_timeout: '1s', lb_policy: 'ROUND_ROBIN',
        upstream_connection_options: {tcp_keepalive: {keepalive_time: 300}}, max_requests_per_connection: 1,
        circuit_breakers: {thresholds: [{priority: 'DEFAULT', max_connections: 100000, max_pending_requests: 100000, max_requests: 100000},
          {priority: 'HIGH', max_connections: 100000, max_pending_requests: 100000, max_requests: 100000}]},
        typed_extension_protocol_options: HTTP2,
        load_assignment: {cluster_name: 'xds-grpc', endpoints: [{lb_endpoints: [{endpoint: {address: {pipe: {path: socket}}}}]}]},
      }],
    },
  };
}

// A gateway: the control plane by name, keepalive on the connection to it, overload limits, an admin-only runtime.
function gatewayShaped(port, form) {
  const ads = {ads: {}, resource_api_version: 'V3'};
  return {
    node: {id: 'gateway-7', cluster: 'default/gateway'},
    layered_runtime: {layers: [{name: 'global_config', static_layer: {'re2.max_program_size.error_level': 4294967295, 're2.max_program_size.warn_level': 1000}}]},
    dynamic_resources: {
      ads_config: {
        api_type: form, transport_api_version: 'V3', set_node_on_first_message_only: true,
        grpc_services: [{envoy_grpc: {cluster_name: 'xds_cluster'}}],
      },
      lds_config: ads,
      cds_config: ads,
    },
    overload_manager: {
      refresh_interval: '0.250s',
      resource_monitors: [{
        name: 'envoy.resource_monitors.global_downstream_max_connections',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig',
          max_active_downstream_connections: 50000,
        },
      }],
    },
    static_resources: {
      clusters: [{
        name: 'xds_cluster', type: 'STRICT_DNS', connect_timeout: '10s', dns_lookup_family: 'V4_ONLY',
        load_assignment: {
          cluster_name: 'xds_cluster',
          endpoints: [{load_balancing_weight: 1, lb_endpoints: [{load_balancing_weight: 1, endpoint: {address: {socket_address: {address: 'localhost', port_value: port}}}}]}],
        },
        typed_extension_protocol_options: {
          'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
            '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
            explicit_http_config: {http2_protocol_options: {connection_keepalive: {interval: '30s', timeout: '5s'}}},
          },
        },
      }],
    },
  };
}

module.exports = {istioShaped, gatewayShaped};
