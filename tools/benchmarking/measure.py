"""One peer through one scenario: warmed up, then a fixed number of requests or connections."""
import dataclasses
import threading
import time

from benchmarking import calls, load
from benchmarking.connections import Idle, handshakes
from benchmarking.running import Failed, Proxies

SETTLE = 2.0  # seconds between the last answer and reading the memory of idle connections


@dataclasses.dataclass
class Result:
    cost: float  # in the scenario's unit
    rate: float = 0  # requests per second
    p50: float = 0  # microseconds
    p99: float = 0
    errors: int = 0
    memory: int = 0  # KiB before the load
    peak: int = 0  # KiB, the most that was seen during it


class Peak:
    """The most memory of the proxies while the block runs, looked at four times a second."""

    def __init__(self, proxies):
        self.proxies, self.most, self.done = proxies, 0, threading.Event()
        self.thread = threading.Thread(target=self._look)

    def _look(self):
        while not self.done.wait(0.25):
            self.most = max(self.most, self.proxies.memory())

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()
        self.most = max(self.most, self.proxies.memory())


def send(scenario, port, requests, certificates, timed=False):
    if scenario.kind == "handshakes":
        return handshakes(scenario, port, requests, certificates)
    return load.run(scenario, port, requests, timed)


def measure(peer, scenario, backend_port, requests, certificates):
    with Proxies(peer, scenario, backend_port, certificates) as proxies:
        memory = proxies.memory()
        if scenario.kind == "idle":
            return idle(scenario, proxies, memory, certificates)
        warm = send(scenario, proxies.port, max(requests // 5, scenario.connections), certificates)
        if warm[0] == 0:
            raise Failed("answered no request of the warm-up")
        with Peak(proxies) as peak:
            cpu, started = proxies.cpu(), time.monotonic()
            answered, errors, p50, p99 = send(scenario, proxies.port, requests, certificates, timed=True)
            wall, cpu = time.monotonic() - started, proxies.cpu() - cpu
        return Result(cpu / max(answered, 1) * 1e6, answered / wall, p50, p99, errors, memory, peak.most)


def idle(scenario, proxies, memory, certificates):
    with Idle(scenario, proxies.port, certificates) as connections:
        time.sleep(SETTLE)
        held = proxies.memory()
        return Result((held - memory) / scenario.connections, errors=connections.errors, memory=memory, peak=held)


def count_calls(peer, scenario, backend_port, requests, certificates):
    with Proxies(peer, scenario, backend_port, certificates) as proxies:
        send(scenario, proxies.port, max(requests // 5, scenario.connections), certificates)
        return calls.count(proxies.pids(), lambda: send(scenario, proxies.port, requests, certificates)[0])
