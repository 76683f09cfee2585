"""The backend and the proxies of one measurement, started and stopped together."""
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from benchmarking.processes import LOAD_CPU, PROXY_CPU, cpu_seconds, memory_kib, pinned, tree


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Failed(Exception):
    """A proxy that does not start or answer; the text says why."""


class Backend:
    def __init__(self, binary, scenario, certificates):
        self.process = subprocess.Popen(pinned(LOAD_CPU, [binary] + scenario.backend_words(certificates)),
                                        stdout=subprocess.PIPE, text=True, env=certificates.environment())
        self.port = int(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class Proxies:
    """A peer's process for each hop of a scenario, the last one in front of the backend."""

    def __init__(self, peer, scenario, backend_port, certificates):
        self.folder = tempfile.mkdtemp(prefix="outrigger-bench-")
        self.processes = []
        self.ports = []
        port = backend_port
        try:
            for i, hop in reversed(list(enumerate(scenario.hops))):
                at = f"{self.folder}/{i}"
                os.mkdir(at)
                mine = free_port()
                self._start(peer.command(at, hop, mine, port, certificates), at + "/output", mine, certificates)
                port = mine
        except BaseException:
            self.stop()
            raise
        self.port = port

    def _start(self, command, log, port, certificates):
        with open(log, "w") as out:
            process = subprocess.Popen(pinned(PROXY_CPU, command), stdout=out, stderr=out, start_new_session=True,
                                       env=certificates.environment())
        self.processes.append(process)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise Failed(f"ended with {process.returncode}: {open(log).read()[-1500:]}")
            with socket.socket() as s:
                s.settimeout(1)
                if s.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.05)
        raise Failed(f"nobody listens on port {port}: {open(log).read()[-1500:]}")

    def pids(self):
        return [pid for process in self.processes for pid in tree(process.pid)]

    def cpu(self):
        return sum(cpu_seconds(process.pid) for process in self.processes)

    def memory(self):
        return sum(memory_kib(process.pid) for process in self.processes)

    def stop(self):
        for process in self.processes:
            try:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait(2)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                pass
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
