"""The configuration that tools/push-test changes: v3 resources in one file, replaced as a whole by a rename."""
import json
import os
import subprocess

V3 = "type.googleapis.com/envoy."
HCM = V3 + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"


def run(*command, text=None):
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True, timeout=30).stdout


class Authority:
    """Signs one request after the other, each time with a new serial number."""

    def __init__(self, folder):
        self.root, self.root_key, self.key, self.request, self.names = (
            os.path.join(folder, n) for n in ("root.pem", "root.key", "server.key", "server.csr", "names.cnf"))
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        run("openssl", "req", "-x509", *curve, "-keyout", self.root_key, "-out", self.root, "-days", "2", "-subj", "/CN=push root")
        run("openssl", "req", "-new", *curve, "-keyout", self.key, "-out", self.request, "-subj", "/CN=push")
        with open(self.names, "w") as f:
            f.write("subjectAltName=DNS:push.test\n")

    def certificate(self, serial):
        return run("openssl", "x509", "-req", "-in", self.request, "-CA", self.root, "-CAkey", self.root_key, "-days", "1",
                   "-set_serial", str(serial), "-extfile", self.names)


def grpc_ads():
    return {"ads": {}, "resource_api_version": "V3"}


def http2():
    return {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": V3 + "extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}}}}


def socket(address, port):
    return {"socket_address": {"address": address, "port_value": port}}


class State:
    """What the numbers are at; resources() says it in the API's words."""

    FIRST_ENDPOINTS = 3

    def __init__(self, plain, secure, extra, backend, authority):
        self.plain, self.secure, self.extra, self.backend, self.authority = plain, secure, extra, backend, authority
        self.route_version = self.cluster_version = self.server_version = self.settings = self.serial = 1
        self.endpoints = list(range(1, self.FIRST_ENDPOINTS + 1))
        self.breaks_endpoints = False
        self.with_extra = False
        self.certificate = authority.certificate(self.serial)
        self.key = open(authority.key).read()

    def clusters(self):
        for kind, options in (("web", {}), ("rpc", {"typed_extension_protocol_options": http2()})):
            yield {"@type": V3 + "config.cluster.v3.Cluster", "name": f"{kind}-{self.cluster_version}", "type": "EDS",
                   "connect_timeout": "5s", "eds_cluster_config": {"eds_config": grpc_ads(), "service_name": f"{kind}-{self.cluster_version}"},
                   "circuit_breakers": {"thresholds": [{"max_requests": 5000 + self.settings, "max_connections": 5000,
                                                        "max_pending_requests": 5000}]}, **options}

    def assignments(self):
        for kind in ("web", "rpc"):
            yield {"@type": V3 + "config.endpoint.v3.ClusterLoadAssignment", "cluster_name": f"{kind}-{self.cluster_version}",
                   "endpoints": [{"lb_endpoints": [
                       {"endpoint": {"address": address}} for address in self.addresses()]}]}

    def route(self):
        def to(match, kind, timeout):
            return {"match": match, "route": {"cluster": f"{kind}-{self.cluster_version}", "timeout": timeout}}
        streams = {"headers": [{"name": "x-ticks", "present_match": True}]}
        rpc = "/outrigger.push.Push/"
        return {"@type": V3 + "config.route.v3.RouteConfiguration", "name": "routes", "virtual_hosts": [{
            "name": "push", "domains": ["*"],
            "routes": [to({"prefix": rpc, **streams}, "rpc", "0s"), to({"prefix": rpc}, "rpc", "15s"),
                       to({"prefix": "/", **streams}, "web", "0s"), to({"prefix": "/"}, "web", "15s")],
            "response_headers_to_add": [{"header": {"key": key, "value": value}} for key, value in (
                ("x-version", str(self.route_version)), ("x-cluster", "%UPSTREAM_CLUSTER%"), ("x-flags", "%RESPONSE_FLAGS%"))]}]}

    def addresses(self):
        if self.breaks_endpoints and self.endpoints[0] % 2 == 0:
            yield socket("127.0.0.1", 1)  # nobody listens there
        for n in self.endpoints:
            yield socket(f"127.1.{n // 250}.{n % 250 + 1}", self.backend)

    def listener(self, name, port, tls):
        manager = {"@type": HCM, "stat_prefix": name, "server_name": f"push-{self.server_version}",
                   "rds": {"route_config_name": "routes", "config_source": grpc_ads()},
                   "http_filters": [{"name": "envoy.filters.http.router",
                                     "typed_config": {"@type": V3 + "extensions.filters.http.router.v3.Router"}}]}
        chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        if tls:
            chain["transport_socket"] = {"name": "envoy.transport_sockets.tls", "typed_config": {
                "@type": V3 + "extensions.transport_sockets.tls.v3.DownstreamTlsContext",
                "common_tls_context": {"tls_certificate_sds_secret_configs": [{"name": "server", "sds_config": grpc_ads()}]}}}
        return {"@type": V3 + "config.listener.v3.Listener", "name": name, "address": socket("127.0.0.1", port),
                "filter_chains": [chain]}

    def secret(self):
        return {"@type": V3 + "extensions.transport_sockets.tls.v3.Secret", "name": "server", "tls_certificate": {
            "certificate_chain": {"inline_string": self.certificate}, "private_key": {"inline_string": self.key}}}

    def resources(self):
        listeners = [self.listener("plain", self.plain, False), self.listener("secure", self.secure, True)]
        if self.with_extra:
            listeners.append(self.listener("extra", self.extra, False))
        return [*self.clusters(), *self.assignments(), *listeners, self.route(), self.secret()]

    def write(self, folder):
        path = os.path.join(folder, "push.json")
        with open(path + ".new", "w") as f:
            json.dump({"resources": self.resources()}, f)
        os.rename(path + ".new", path)


def bootstrap(xds_port, api_type="GRPC"):
    return {
        "node": {"id": "push", "cluster": "push"},
        "admin": {"address": socket("127.0.0.1", 0)},
        "dynamic_resources": {
            "ads_config": {"api_type": api_type, "transport_api_version": "V3",
                           "grpc_services": [{"envoy_grpc": {"cluster_name": "control_plane"}}]},
            "cds_config": grpc_ads(), "lds_config": grpc_ads()},
        "static_resources": {"clusters": [{
            "name": "control_plane", "type": "STATIC", "connect_timeout": "2s", "typed_extension_protocol_options": http2(),
            "load_assignment": {"cluster_name": "control_plane", "endpoints": [
                {"lb_endpoints": [{"endpoint": {"address": socket("127.0.0.1", xds_port)}}]}]}}]}}


def front(port, next_port):
    """A proxy in front of the other, with a configuration that never changes: HTTP/1.1 to it, HTTP/2 for gRPC."""
    def cluster(name, options):
        return {"name": name, "type": "STATIC", "connect_timeout": "5s", **options, "load_assignment": {
            "cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": {"address": socket("127.0.0.1", next_port)}}]}]}}
    routes = [{"match": {"prefix": prefix}, "route": {"cluster": name, "timeout": "0s"}}
              for prefix, name in (("/outrigger.push.Push/", "rpc"), ("/", "web"))]
    manager = {"@type": HCM, "stat_prefix": "front", "server_header_transformation": "PASS_THROUGH",
               "route_config": {"name": "front", "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
               "http_filters": [{"name": "envoy.filters.http.router",
                                 "typed_config": {"@type": V3 + "extensions.filters.http.router.v3.Router"}}]}
    return {"node": {"id": "front", "cluster": "push"}, "static_resources": {
        "listeners": [{"name": "front", "address": socket("127.0.0.1", port), "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}]}],
        "clusters": [cluster("web", {}), cluster("rpc", {"typed_extension_protocol_options": http2()})]}}
