"""The proxy that is attacked: its configuration as docs/security.md says for strangers, its backends, and what it says of itself."""
import json
import os
import re
import subprocess

from benchmarking.certificates import Certificates
from benchmarking.processes import cpu_seconds
from demonstration.programs import Program, fetch, free_ports, wait_until

TYPES = "type.googleapis.com/envoy.extensions."
LARGE = 4 << 20


class Placement:
    """Who runs where. Together: wherever the system likes. Apart: the attacker has the last CPU for itself, the proxy has a worker on each of the
    others, and the well-behaved client and its backend come first there: that they too want a CPU is not to be measured."""

    def __init__(self, apart):
        cpus = sorted(os.sched_getaffinity(0))
        self.apart = apart and len(cpus) > 1
        others = ["taskset", "-c", ",".join(map(str, cpus[:-1]))] if self.apart else []
        first = ["chrt", "--fifo", "1"]
        may = self.apart and subprocess.run(first + ["true"], stderr=subprocess.DEVNULL).returncode == 0
        self.workers = len(cpus) - 1 if self.apart else 2
        self.attacker = ["taskset", "-c", str(cpus[-1])] if self.apart else []
        self.proxy = others
        self.polite = others + (first if may else [])
        self.behind = others + (["chrt", "--idle", "0"] if self.apart else [])  # the backends that attacks reach


def typed(name, kind, **fields):
    return {"name": name, "typed_config": {"@type": TYPES + kind, **fields}}


def address(port):
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def connection_manager():
    """Timeouts are seconds where a site would say tens: an attack of ten seconds is to meet them."""
    routes = [{"match": {"prefix": "/polite"}, "route": {"cluster": "polite"}}, {"match": {"prefix": "/large"}, "route": {"cluster": "large"}}, {"match": {"prefix": "/"}, "route": {"cluster": "small"}}]
    return typed(
        "envoy.filters.network.http_connection_manager",
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="attacked", codec_type="AUTO", use_remote_address=True, normalize_path=True, merge_slashes=True,
        path_with_escaped_slashes_action="UNESCAPE_AND_REDIRECT",
        common_http_protocol_options={"idle_timeout": "2s", "headers_with_underscores_action": "REJECT_REQUEST"},
        request_headers_timeout="1s", request_timeout="3s", stream_idle_timeout="2s", drain_timeout="1s",
        http2_protocol_options={"max_concurrent_streams": 100, "initial_stream_window_size": 65536,
                                "initial_connection_window_size": 1048576},
        route_config={"name": "attacked", "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
        http_filters=[typed("envoy.filters.http.router", "filters.http.router.v3.Router")])


def listener(name, port, certificates=None):
    chain = {"filters": [connection_manager()]}
    if certificates:
        pair = {"certificate_chain": {"filename": certificates.server}, "private_key": {"filename": certificates.server_key}}
        chain["transport_socket_connect_timeout"] = "1s"
        chain["transport_socket"] = typed("envoy.transport_sockets.tls", "transport_sockets.tls.v3.DownstreamTlsContext",
                                          common_tls_context={"alpn_protocols": ["h2", "http/1.1"], "tls_certificates": [pair]})
    return {"name": name, "address": address(port), "per_connection_buffer_limit_bytes": 32768, "filter_chains": [chain]}


def cluster(name, port):
    endpoint = {"endpoint": {"address": address(port)}}
    most = {"max_connections": 4096, "max_pending_requests": 16384, "max_requests": 16384}
    return {"name": name, "type": "STATIC", "connect_timeout": "5s", "per_connection_buffer_limit_bytes": 32768,
            "circuit_breakers": {"thresholds": [most]},
            "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]}}


class Target:
    def __init__(self, binaries, folder, placement):
        self.folder = folder
        self.plain, self.tls, self.admin = free_ports(3)
        backend = f"{binaries}/test/push/backend"
        commands = [placement.behind + [backend], placement.behind + [f"{binaries}/test/benchmark/backend/backend", f"--body={LARGE}"],
                    placement.polite + [backend]]
        self.backends = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) for command in commands]
        small, large, polite = (int(backend.stdout.readline()) for backend in self.backends)
        config = {"admin": {"address": address(self.admin)},
                  "static_resources": {"listeners": [listener("plain", self.plain), listener("tls", self.tls, Certificates(folder))],
                                       "clusters": [cluster("small", small), cluster("large", large), cluster("polite", polite)]}}
        with open(folder + "/attacked.json", "w") as f:
            json.dump(config, f)
        command = placement.proxy + [os.path.abspath(f"{binaries}/source/exe/outrigger"), "-c", folder + "/attacked.json",
                                     "--concurrency", str(placement.workers), "-l", "error"]
        self.program = Program("outrigger", command, folder, own_session=False).start()
        wait_until("the proxy is ready", lambda: self.program.check() and fetch(self.admin, "/ready")[0] == 200)

    def stop(self):
        code = self.program.stop()
        for backend in self.backends:
            backend.kill()
            backend.wait()
        return code

    def statistics(self):
        """All counters and gauges, by name."""
        self.program.check()
        found = {}
        for line in fetch(self.admin, "/stats")[1].splitlines():
            name, _, value = line.rpartition(": ")
            if name and re.fullmatch(r"-?\d+", value):
                found[name] = int(value)
        return found

    def active(self):
        """Connections and requests of clients that it has now."""
        return sum(value for name, value in self.statistics().items()
                   if name.startswith("http.attacked.") and name.endswith(("downstream_cx_active", "downstream_rq_active")))

    def polite_request(self):
        return fetch(self.plain, "/polite")[0] == 200

    @property
    def pid(self):
        return self.program.process.pid

    def cpu(self):
        return cpu_seconds(self.pid)

    def _memory(self, what):
        with open(f"/proc/{self.pid}/status") as f:
            return next(int(line.split()[1]) for line in f if line.startswith(what + ":"))

    def resident_kib(self):
        return self._memory("VmRSS")

    def peak_kib(self):
        """The most since forget_peak()."""
        return self._memory("VmHWM")

    def forget_peak(self):
        with open(f"/proc/{self.pid}/clear_refs", "w") as f:
            f.write("5")

    def files_of_its_own(self):
        """Open files but for the connections that it keeps to its backends and the one that asks."""
        kept = self.kept_upstream()
        while True:  # none of those opened or closed between the two looks
            files, before = len(os.listdir(f"/proc/{self.pid}/fd")), kept
            kept = self.kept_upstream()
            if kept == before:
                return files - kept

    def kept_upstream(self):
        return sum(value for name, value in self.statistics().items() if name.endswith(".upstream_cx_active"))
