"""Outrigger with the defaults of its HTTP connection manager: request ids, forwarded headers, statistics and route timeouts stay on."""
import json
import os
import subprocess

from benchmarking.scenarios import route_path

NAME = "outrigger"
BUILT = "bazel-bin/source/exe/outrigger"
binary = BUILT
TYPES = "type.googleapis.com/envoy.extensions."


def version():
    words = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(words, capture_output=True, text=True).stdout.strip() or "?"


def cannot(scenario):
    return None


def typed(name, kind, **fields):
    return {"name": name, "typed_config": {"@type": TYPES + kind, **fields}}


def address(port):
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def tls_common(certificate, key, protocol, authority):
    common = {
        "alpn_protocols": ["h2" if protocol == "h2" else "http/1.1"],
        "tls_params": {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3",
                       "ecdh_curves": ["P-256"]},
        "tls_certificates": [{"certificate_chain": {"filename": certificate}, "private_key": {"filename": key}}],
    }
    if authority:
        common["validation_context"] = {"trusted_ca": {"filename": authority}}
    return common


def http_filter(folder, hop):
    routes = [{"match": {"prefix": route_path(i)}, "route": {"cluster": f"backend{i % hop.clusters}"}} for i in range(hop.routes)]
    log = typed("envoy.access_loggers.file", "access_loggers.file.v3.FileAccessLog", path=folder + "/access.log")
    return typed(
        "envoy.filters.network.http_connection_manager",
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="bench", codec_type="HTTP2" if hop.listen == "h2" else "HTTP1",
        http2_protocol_options={"max_concurrent_streams": 1024},
        access_log=[log] if hop.log else [],
        route_config={"name": "bench", "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
        http_filters=[typed("envoy.filters.http.router", "filters.http.router.v3.Router")])


def listener(folder, hop, port, certificates):
    if hop.listen == "tcp":
        first = typed("envoy.filters.network.tcp_proxy", "filters.network.tcp_proxy.v3.TcpProxy", stat_prefix="bench",
                      cluster="backend0")
    else:
        first = http_filter(folder, hop)
    chain = {"filters": [first]}
    if hop.tls_in:
        authority = certificates.authority if hop.clients_show_certificates else None
        common = tls_common(certificates.server, certificates.server_key, hop.listen, authority)
        chain["transport_socket"] = typed("envoy.transport_sockets.tls", "transport_sockets.tls.v3.DownstreamTlsContext",
                                          common_tls_context=common,
                                          require_client_certificate=hop.clients_show_certificates)
    return {"name": "bench", "address": address(port), "filter_chains": [chain]}


def cluster(name, hop, target, certificates):
    most = {"max_connections": 20000, "max_pending_requests": 20000, "max_requests": 20000}
    one = {"name": name, "type": "STATIC", "connect_timeout": "5s", "circuit_breakers": {"thresholds": [most]},
           "load_assignment": {"cluster_name": name,
                               "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(target)}}]}]}}
    if hop.out == "h2":
        one["typed_extension_protocol_options"] = {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": TYPES + "upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {"max_concurrent_streams": 1024}}}}
    if hop.tls_out:
        common = tls_common(certificates.client, certificates.client_key, hop.out, certificates.authority)
        one["transport_socket"] = typed("envoy.transport_sockets.tls", "transport_sockets.tls.v3.UpstreamTlsContext",
                                        sni="bench", common_tls_context=common)
    return one


def command(folder, hop, port, target, certificates):
    clusters = [cluster(f"backend{i}", hop, target, certificates) for i in range(hop.clusters)]
    config = {"static_resources": {"listeners": [listener(folder, hop, port, certificates)], "clusters": clusters}}
    with open(folder + "/outrigger.json", "w") as f:
        json.dump(config, f)
    return [os.path.abspath(binary), "-c", folder + "/outrigger.json", "--concurrency", "1", "-l", "warning"]
