"""The real proxy between clients and recorders: several lanes, each a listener, a cluster and a recorder, each one case at a time."""
import asyncio
import json
import os
import subprocess
import time
import urllib.request

from . import recorder
from .exchange import answers, exchange

TYPES = "type.googleapis.com/envoy.extensions."
PATIENCE = 10.0  # seconds for one case
LOG_FORMAT = {"client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", "method": "%REQ(:METHOD)%", "path": "%REQ(:PATH)%", "authority": "%REQ(:AUTHORITY)%",
              "body": "%BYTES_RECEIVED%", "status": "%RESPONSE_CODE%", "upstream": "%UPSTREAM_HOST%", "details": "%RESPONSE_CODE_DETAILS%"}


def typed(name, kind, **fields):
    return {"name": name, "typed_config": {"@type": TYPES + kind, **fields}}


def address(port):
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def listener(lane, folder):
    options = {"accept_http_10": True, "default_host_for_http_10": "default.test", "enable_trailers": True}
    log = typed("envoy.access_loggers.file", "access_loggers.file.v3.FileAccessLog", path=f"{folder}/lane{lane}.log",
                log_format={"json_format": LOG_FORMAT})
    route = {"cluster": f"lane{lane}", "timeout": "8s"}
    routes = [{"match": {"connect_matcher": {}}, "route": route}, {"match": {"prefix": ""}, "route": route}]
    manager = typed(
        "envoy.filters.network.http_connection_manager", "filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix=f"lane{lane}", codec_type="HTTP1", http_protocol_options=options, generate_request_id=False, proxy_100_continue=True,
        upgrade_configs=[{"upgrade_type": "websocket"}, {"upgrade_type": "CONNECT"}], access_log=[log],
        route_config={"name": "all", "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
        http_filters=[typed("envoy.filters.http.router", "filters.http.router.v3.Router", suppress_envoy_headers=True)])
    return {"name": f"lane{lane}", "address": address(0), "filter_chains": [{"filters": [manager]}]}


def cluster(lane, port):
    # A connection for each request: what a backend would take for a second one stands out.
    options = {"@type": TYPES + "upstreams.http.v3.HttpProtocolOptions", "common_http_protocol_options": {"max_requests_per_connection": 1},
               "explicit_http_config": {"http_protocol_options": {"enable_trailers": True}}}
    return {"name": f"lane{lane}", "type": "STATIC", "connect_timeout": "5s",
            "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options},
            "load_assignment": {"cluster_name": f"lane{lane}",
                                "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(port)}}]}]}}


class Proxy:
    """The program with one lane for each port of `recorders`."""

    def __init__(self, binary, folder, recorders):
        self.folder, self.log = folder, os.path.join(folder, "proxy.log")
        bootstrap = {"admin": {"address": address(0)},
                     "static_resources": {"listeners": [listener(lane, folder) for lane in range(len(recorders))],
                                          "clusters": [cluster(lane, port) for lane, port in enumerate(recorders)]}}
        with open(folder + "/bootstrap.json", "w") as f:
            json.dump(bootstrap, f)
        words = [binary, "-c", folder + "/bootstrap.json", "--concurrency", "2", "--admin-address-path", folder + "/admin",
                 "--file-flush-interval-msec", "50"]
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def ports(self, limit=60):
        """The lanes' ports, once the program is ready."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            self.check()
            try:
                with open(self.folder + "/admin") as f:
                    admin = f.read()
                if admin and self.ask(admin, "/ready").startswith("LIVE"):
                    lines = dict(line.split("::", 1) for line in self.ask(admin, "/listeners").splitlines())
                    return [int(lines[f"lane{lane}"].rpartition(":")[2]) for lane in range(len(lines))]
            except OSError:
                pass
            time.sleep(0.05)
        raise TimeoutError("the proxy did not become ready:\n" + self.output())

    @staticmethod
    def ask(admin, path):
        with urllib.request.urlopen(f"http://{admin}{path}", timeout=5) as answer:
            return answer.read().decode()

    def output(self):
        with open(self.log, errors="replace") as f:
            return f.read()[-3000:]

    def check(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"the proxy ended with code {self.process.returncode}:\n" + self.output())

    def stop(self):
        """Ends the program in order, so that its access logs are whole. Returns its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode

    def records(self, lane):
        with open(f"{self.folder}/lane{lane}.log", errors="surrogateescape") as f:
            return [json.loads(line) for line in f]


class Outcome:
    """What became of one case."""

    def __init__(self, case, lane):
        self.case, self.lane = case, lane
        self.connections, self.statuses, self.records = [], [], []
        self.closed = True

    @property
    def forwarded(self):
        """Whole requests that arrived, each with its bytes."""
        pairs = []
        for connection in self.connections:
            at = 0
            for request in connection.requests:
                pairs.append((request, connection.raw[at:at + request.size]))
                at += request.size
        return pairs


def client(index):
    """Each case comes from an address of its own, so that the access log tells the cases apart."""
    return f"127.{1 + (index >> 16)}.{index >> 8 & 255}.{index & 255}"


async def run_lane(lane, port, log, queue, outcomes, check):
    while queue:
        index, case = queue.pop()
        outcome = Outcome(case, lane)
        begin = len(log)
        waiting = [connection for connection in log if not connection.raw and not connection.ended]  # opened ahead
        got, outcome.closed = await exchange(port, case.wire, True, PATIENCE, client(index))
        mine = lambda: waiting + log[begin:]  # noqa: E731
        end = time.monotonic() + PATIENCE
        await asyncio.sleep(0.002)
        while any(not connection.between for connection in mine()) and time.monotonic() < end:
            await asyncio.sleep(0.002)
        outcome.connections = [connection for connection in mine() if connection.raw]
        outcome.statuses = [status for status, _ in answers(got, [expected.method for expected in case.expected])]
        log[:] = [connection for connection in log if not connection.raw and not connection.ended]
        outcomes[index] = outcome
        if index % 500 == 0:
            check()


def attach(proxy, lanes, outcomes):
    """Gives each outcome its lines of the access log. Returns how many are nobody's."""
    owners, strays = {client(index): outcome for index, outcome in enumerate(outcomes)}, 0
    for lane in range(lanes):
        for record in proxy.records(lane):
            owner = owners.get(record["client"])
            if owner is None or owner.lane != lane:
                strays += 1
            else:
                owner.records.append(record)
    return strays


async def run(binary, folder, cases, lanes=8):
    """Sends every case through the proxy. Returns the outcomes in the order of the cases, and what is wrong with the run itself."""
    logs = [[] for _ in range(lanes)]
    servers = [await recorder.serve(log) for log in logs]
    proxy = Proxy(binary, folder, [port for _, port in servers])
    problems = []
    try:
        ports = await asyncio.get_running_loop().run_in_executor(None, proxy.ports)
        queue, outcomes = list(reversed(list(enumerate(cases)))), [None] * len(cases)
        await asyncio.gather(*(run_lane(lane, ports[lane], logs[lane], queue, outcomes, proxy.check) for lane in range(lanes)))
    finally:
        code = proxy.stop()
        for server, _ in servers:
            server.close()
    if code != 0:
        problems.append(f"the proxy ended with code {code}:\n" + proxy.output())
    strays = attach(proxy, lanes, outcomes)
    if strays:
        problems.append(f"{strays} lines of the access log belong to no case")
    return outcomes, problems
