"""h2load as the generator of requests: its command line and what its report says."""
import os
import re
import subprocess
import tempfile

from benchmarking.processes import LOAD_CPU, pinned


def command(scenario, port, requests, log=None):
    first = scenario.hops[0]
    words = ["h2load", "-t1", f"-c{scenario.connections}", f"-n{requests}"]
    if first.listen == "h2":
        words += [f"-m{scenario.streams}", "-w24", "-W24"]
    else:
        words.append("--h1")
    if first.tls_in:
        words += ["--tls13-ciphers=TLS_AES_128_GCM_SHA256", "--groups=P-256"]
    if scenario.rate:
        words.append(f"--rps={scenario.rate // scenario.connections}")  # of each connection
    for header in scenario.headers:
        words += ["-H", header]
    if log:
        words.append(f"--log-file={log}")
    return words + [f"http{'s' if first.tls_in else ''}://127.0.0.1:{port}{scenario.path}"]


def read(text):
    """(requests answered with 2xx, those with any other outcome)"""
    total = re.search(r"requests: (\d+) total, .* (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", text)
    good = re.search(r"status codes: (\d+) 2xx", text)
    if not total or not good:
        return 0, 1
    return int(good.group(1)), int(total.group(1)) - int(good.group(1))


def percentiles(lines):
    """p50 and p99 in microseconds from the lines of h2load's log: start, status, duration, separated by tabs."""
    times = sorted(int(fields[2]) for fields in (line.split("\t") for line in lines) if len(fields) >= 3)
    if not times:
        return 0, 0
    return times[len(times) // 2], times[min(len(times) - 1, len(times) * 99 // 100)]


def run(scenario, port, requests, timed=False):
    """Sends so many requests; (answered, errors, p50, p99), the last two only where timed."""
    with tempfile.TemporaryDirectory() as folder:
        log = folder + "/log" if timed else None
        words = command(scenario, port, requests, log)
        if scenario.hops[0].grpc:
            message = folder + "/message"  # a gRPC frame: not compressed, 20 bytes
            with open(message, "wb") as f:
                f.write(b"\0\0\0\0\x14" + b"m" * 20)
            words[1:1] = ["-d", message, "-H", "content-type: application/grpc", "-H", "te: trailers"]
        out = subprocess.run(pinned(LOAD_CPU, words), capture_output=True, text=True, timeout=300)
        answered, errors = read(out.stdout)
        p50, p99 = 0, 0
        if log and os.path.exists(log):
            with open(log) as f:
                p50, p99 = percentiles(f)
    return answered, errors, p50, p99
