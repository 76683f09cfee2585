"""A proxy under mixed load for a long time while upstreams are killed, stalled, reset, restarted and talk rubbish.

Only errors that the faults explain may be seen; in the end nothing is stuck, open or grown.
"""
import argparse
import asyncio
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from attacking.target import TYPES, address, typed
from benchmarking.certificates import Certificates
from demonstration.programs import Program, fetch, free_ports, wait_until
from soaking.faulty_clients import Clients

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TARGETS = ["//source/exe:outrigger", "//test/push:backend", "//test/push:load"]
ROUTE_TIMEOUT = 5
FLAT_KIB = 2048


def bootstrap(ports, clusters, certificates):
    routes = [{"match": {"prefix": "/fault/"}, "route": {"cluster": "faulty", "timeout": f"{ROUTE_TIMEOUT}s"}},
              {"match": {"prefix": "/socket"}, "route": {"cluster": "sockets", "timeout": "0s"}},
              {"match": {"prefix": "/"}, "route": {"cluster": "steady", "timeout": "0s"}}]
    manager = typed("envoy.filters.network.http_connection_manager",
                    "filters.network.http_connection_manager.v3.HttpConnectionManager", stat_prefix="soak", codec_type="AUTO",
                    upgrade_configs=[{"upgrade_type": "websocket"}], common_http_protocol_options={"idle_timeout": "20s"},
                    route_config={"name": "soak", "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
                    http_filters=[typed("envoy.filters.http.router", "filters.http.router.v3.Router")])
    pair = {"certificate_chain": {"filename": certificates.server}, "private_key": {"filename": certificates.server_key}}
    tls = typed("envoy.transport_sockets.tls", "transport_sockets.tls.v3.DownstreamTlsContext",
                common_tls_context={"tls_certificates": [pair], "alpn_protocols": ["h2", "http/1.1"]})
    listeners = [{"name": name, "address": address(port), "filter_chains": [{"filters": [manager], **socket}]}
                 for name, port, socket in (("plain", ports[0], {}), ("secure", ports[1], {"transport_socket": tls}))]
    def options(protocol):
        return {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": TYPES + "upstreams.http.v3.HttpProtocolOptions", "common_http_protocol_options": {"idle_timeout": "5s"}, **protocol}}
    http1 = {"explicit_http_config": {"http_protocol_options": {}}}
    same = {"use_downstream_protocol_config": {"http_protocol_options": {}, "http2_protocol_options": {}}}
    most = {"max_connections": 4096, "max_pending_requests": 4096, "max_requests": 4096}
    made = [{"name": name, "type": "STATIC", "connect_timeout": "1s", "typed_extension_protocol_options": options(same if name == "steady" else http1),
             "circuit_breakers": {"thresholds": [most]},
             "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(port)}}]}]}}
            for name, port in clusters.items()]
    return {"admin": {"address": address(ports[2])}, "static_resources": {"listeners": listeners, "clusters": made}}


class Disturber(threading.Thread):
    """Kills the faulty backend, or stops it for a while, at random; remembers when it was away."""

    MARGIN = 0.5 + ROUTE_TIMEOUT  # requests that began before, and connections that were there, see it later

    def __init__(self, start, seed):
        super().__init__(daemon=True)
        self.start_backend, self.random = start, random.Random(seed)
        self.process = start()
        self.ending = threading.Event()
        self.away, self.kills, self.stops = [], 0, 0
        self.since = None

    def run(self):
        while not self.ending.wait(self.random.uniform(5, 15)):
            self.since = time.monotonic()
            if self.random.random() < 0.5:
                self.kills += 1
                self.process.kill()
                self.process.wait()
                self.ending.wait(self.random.uniform(0, 2))
                self.process = self.start_backend()
            else:
                self.stops += 1
                self.process.send_signal(19)
                self.ending.wait(self.random.uniform(0.1, 3))
                self.process.send_signal(18)
            self.away.append((self.since, time.monotonic()))
            self.since = None

    def absent(self, begin, end):
        periods = self.away[-50:] + ([(self.since, end)] if self.since is not None else [])
        return any(begin <= to + self.MARGIN and end >= since - 0.1 for since, to in periods)

    def stop(self):
        self.ending.set()
        self.join()
        self.process.kill()
        self.process.wait()


class Soak:
    def __init__(self, arguments, folder):
        self.arguments, self.folder, self.bad = arguments, folder, []
        self.backend = [sys.executable, os.path.join(ROOT, "tools/soaking/faulty_backend.py")]
        certificates = Certificates(folder, ",DNS:push.test")
        self.steady = subprocess.Popen([f"{arguments.binaries}/test/push/backend"], stdout=subprocess.PIPE, text=True)
        self.sockets = subprocess.Popen(self.backend, stdout=subprocess.PIPE, text=True)
        *self.ports, faulty = free_ports(4)
        self.disturber = Disturber(lambda: self.start_faulty(faulty), arguments.seed)
        clusters = {"steady": int(self.steady.stdout.readline().split()[0]), "sockets": int(self.sockets.stdout.readline()), "faulty": faulty}
        with open(folder + "/soak.json", "w") as f:
            json.dump(bootstrap(self.ports, clusters, certificates), f)
        command = arguments.under + [os.path.abspath(f"{arguments.binaries}/source/exe/outrigger"), "-c", folder + "/soak.json",
                                     "--concurrency", "2", "-l", "error"]
        self.proxy = Program("outrigger", command, folder).start()
        self.certificates = certificates
        wait_until("the proxy is ready", lambda: self.proxy.check() and fetch(self.ports[2], "/ready")[0] == 200, 120)

    def start_faulty(self, port):
        process = subprocess.Popen(self.backend + [str(port)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        process.stdout.readline()
        return process

    def expect(self, condition, text):
        if not condition:
            self.bad.append(text)

    def sum(self, *endings):
        lines = (line.rpartition(": ") for line in fetch(self.ports[2], "/stats")[1].splitlines())
        return sum(int(value) for name, _, value in lines if name.endswith(endings) and "admin" not in name)

    def files(self):
        return len(os.listdir(f"/proc/{self.proxy.process.pid}/fd"))

    def memory(self):
        with open(f"/proc/{self.proxy.process.pid}/status") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmRSS:"))

    def run(self):
        seconds, before = self.arguments.seconds, self.files()
        load = subprocess.Popen([f"{self.arguments.binaries}/test/push/load", f"--plain={self.ports[0]}", f"--secure={self.ports[1]}",
                                 f"--authority={self.certificates.authority}", f"--seconds={seconds}", f"--rate={self.arguments.rate}",
                                 "--stream-seconds=10"], stdout=subprocess.PIPE, text=True)
        self.disturber.start()
        clients = Clients(self.ports[0], self.ports[1], self.certificates.authority, self.disturber.absent, self.arguments.seed)
        memory, done = [], threading.Event()
        sampler = threading.Thread(target=lambda: [memory.append(self.memory()) for _ in iter(lambda: done.wait(max(1, seconds / 300)), True)])
        sampler.start()
        asyncio.run(clients.run(seconds))
        report = json.loads(load.communicate(timeout=120)[0])
        done.set()
        sampler.join()
        self.disturber.stop()
        self.judge_clients(clients, report)
        self.judge_proxy(memory, before)

    def judge_clients(self, clients, report):
        print(f"the faulty backend was killed {self.disturber.kills} times and stopped {self.disturber.stops} times")
        for what, count in sorted(clients.seen.items()):
            print(f"{count:>8}  {what}")
        self.expect(clients.seen, "nobody asked the faulty backend")
        for line in clients.wrong[:20]:
            self.bad.append("not explained: " + line)
        for kind, counts in sorted(report["kinds"].items()):
            lost = counts["failed"] + counts["unanswered"]
            print(f"{counts['sent']:>8}  {kind} to the steady backend, {lost} failed")
            self.expect(lost == 0 and counts["sent"] > 0, f"{kind} to the steady backend: {counts}")

    def judge_proxy(self, memory, files):
        self.proxy.check()
        wait = self.arguments.patience
        wait_until("no connection or request is stuck", lambda: self.sum(
            "http.soak.downstream_cx_active", "http.soak.downstream_rq_active", ".upstream_rq_active", ".upstream_rq_pending_active",
            ".upstream_cx_active") == 0, wait)
        wait_until("no file is open that was not", lambda: self.files() <= files, wait)
        third = max(1, len(memory) // 3)
        middle, last = (statistics.median(part or memory) for part in (memory[third:2 * third], memory[-third:]))
        print(f"memory: {memory[0] / 1024:.1f} MiB at first, {middle / 1024:.1f} in the second third, {last / 1024:.1f} in the last, "
              f"{max(memory) / 1024:.1f} at most; files {files} before, {self.files()} after")
        self.expect(self.arguments.any_memory or last <= middle + FLAT_KIB, "memory grows")

    def stop(self):
        code = self.proxy.stop(60)
        self.expect(code == 0, f"the proxy ended with code {code}: {self.proxy.output()[-3000:]}")
        for process in (self.steady, self.sockets):
            process.kill()
            process.wait()


def parse():
    parser = argparse.ArgumentParser(prog="tools/soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--rate", type=int, default=100, help="requests per second to the backend without faults (100)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--any-memory", action="store_true", help="for builds that keep freed memory (sanitizers)")
    parser.add_argument("--under", default="", help="a program that runs the proxy, as \"valgrind --error-exitcode=9 --leak-check=full\"")
    parser.add_argument("--patience", type=int, default=60, help="seconds that the end may take (60)")
    parser.add_argument("--binaries", help="folder with source/exe/outrigger and the others; default: builds them")
    arguments = parser.parse_args()
    arguments.seconds = arguments.seconds or int(arguments.minutes * 60)
    arguments.under = arguments.under.split()
    return arguments


def main():
    arguments = parse()
    if not arguments.binaries:
        subprocess.run(["bazel", "build", *TARGETS], cwd=ROOT, check=True)
        arguments.binaries = ROOT + "/bazel-bin"
    folder = tempfile.mkdtemp(prefix="outrigger-soak-")
    soak = Soak(arguments, folder)
    try:
        soak.run()
    except (TimeoutError, RuntimeError, subprocess.SubprocessError) as error:
        soak.bad.append(str(error))
    finally:
        soak.stop()
    for line in soak.bad:
        print("FAILED:", line)
    shutil.rmtree(folder, ignore_errors=True)
    print("FAILED" if soak.bad else "only what the faults explain")
    return 1 if soak.bad else 0


if __name__ == "__main__":
    sys.exit(main())
