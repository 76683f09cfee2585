'use strict';
// What a small management server says: one listener, its routes, clusters and their endpoints.

const {PREFIX} = require('./messages');
const {TYPES} = require('./management_server');

const ADS = {ads: {}, resource_api_version: 'V3'};

const cluster = (name, more = {}) => ({'@type': TYPES.cluster, name, type: 'EDS', eds_cluster_config: {eds_config: ADS}, ...more});

const endpoints = (cluster_name, ...ports) => ({
  '@type': TYPES.endpoints, cluster_name,
  endpoints: [{
    locality: {region: 'here'}, load_balancing_weight: {value: 1},
    lb_endpoints: ports.map((port_value) => ({endpoint: {address: {socket_address: {address: '127.0.0.1', port_value}}}, load_balancing_weight: {value: 1}})),
  }],
});

const routes = (name, to) => ({
  '@type': TYPES.routes, name,
  virtual_hosts: [{name: 'all', domains: ['*'], routes: [{match: {prefix: '/'}, route: {cluster: to}}]}],
});

const manager = (route_config_name) => ({
  '@type': PREFIX + 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
  stat_prefix: 'in', rds: {route_config_name, config_source: ADS},
  http_filters: [{name: 'envoy.filters.http.router', typed_config: {'@type': PREFIX + 'envoy.extensions.filters.http.router.v3.Router'}}],
});

const listener = (name, route_config_name) => ({
  '@type': TYPES.listener, name, address: {socket_address: {address: '127.0.0.1', port_value: 0}},
  filter_chains: [{filters: [{name: 'envoy.filters.network.http_connection_manager', typed_config: manager(route_config_name)}]}],
});

// For gRPC programs that speak xDS themselves.
const apiListener = (name, route_config_name) => ({'@type': TYPES.listener, name, api_listener: {api_listener: manager(route_config_name)}});

module.exports = {apiListener, cluster, endpoints, listener, routes};
