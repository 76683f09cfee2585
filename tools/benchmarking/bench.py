"""CPU cost per request, and memory per connection, of Outrigger beside nginx, HAProxy, nghttpx and h2o on this machine.

usage: tools/bench [--scenario NAME]... [--proxy NAME]... [--rounds N] [--quick] [--no-calls] [--binary PATH] [--write] [--list] [--train]
  --scenario   one of --list, or a family (many-routes); may be repeated; default: all
  --proxy      outrigger, nginx, haproxy, nghttpx, h2o; may be repeated; default: all
  --rounds     rounds per scenario (default 5, idle ones 2); each round runs every proxy once, in rotated order
  --quick      one round, a tenth of the requests, no counting of system calls: does everything work, roughly where are we
  --no-calls   leaves out the run under strace
  --binary     an Outrigger binary instead of building one with --config=release
  --backend    the built backend instead of building it
  --write      puts the results into docs/performance.md, replacing only the scenarios that ran
  --list       the scenarios
  --train      measures nothing: makes the profile that --config=release compiles with (tools/build/profile) from the scenarios

The proxy is pinned to CPU 0; load generator and backend share CPU 1. docs/performance.md says what the columns mean.
"""
import argparse
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(HERE))

from benchmarking import report  # noqa: E402
from benchmarking.certificates import Certificates  # noqa: E402
from benchmarking.measure import count_calls, measure  # noqa: E402
from benchmarking.peers import h2o, haproxy, nghttpx, nginx, outrigger  # noqa: E402
from benchmarking.processes import LOAD_CPU  # noqa: E402
from benchmarking.running import Backend, Failed  # noqa: E402
from benchmarking.scenarios import SCENARIOS, chosen  # noqa: E402
from benchmarking.training import instrumented, train  # noqa: E402

PEERS = (outrigger, nginx, haproxy, nghttpx, h2o)
BACKEND = "bazel-bin/test/benchmark/backend/backend"


def print_one(scenario, number, peer, one):
    print(f"  {scenario.name} round {number}: {peer.NAME:10} {one.cost:8.2f} {scenario.unit}, {one.rate:7.0f} requests/s, "
          f"p50 {one.p50:.0f} us, p99 {one.p99:.0f} us, {one.memory / 1024:.1f} to {one.peak / 1024:.1f} MiB, "
          f"{one.errors} errors", flush=True)


def run(scenario, peers, options, certificates):
    """(results by peer, calls by peer, reason by peer that cannot)"""
    cannot = {p.NAME: p.cannot(scenario) for p in peers if p.cannot(scenario)}
    cannot.update({p.NAME: "not installed" for p in peers if p.version() is None})
    able = [p for p in peers if p.NAME not in cannot]
    requests = max(scenario.requests // 10, 100) if options.quick else scenario.requests
    results, calls = {p.NAME: [] for p in able}, {}
    with Backend(options.backend or BACKEND, scenario, certificates) as backend:
        for i in range(options.rounds or scenario.rounds):
            for peer in able[i % len(able):] + able[:i % len(able)]:
                if peer.NAME in cannot:
                    continue
                try:
                    one = measure(peer, scenario, backend.port, requests, certificates)
                    results[peer.NAME].append(one)
                    print_one(scenario, i + 1, peer, one)
                except (Failed, subprocess.TimeoutExpired) as why:
                    cannot[peer.NAME] = "failed: " + str(why).strip().replace("\n", " ")[:300]
                    results.pop(peer.NAME)
                    print(f"  {scenario.name} round {i + 1}: {peer.NAME:10} {cannot[peer.NAME]}", flush=True)
        if not options.quick and not options.no_calls and scenario.kind != "idle":
            for peer in able:
                if peer.NAME in results:
                    calls[peer.NAME] = count_calls(peer, scenario, backend.port, requests // 5, certificates)
    return results, calls, cannot


def build(options):
    targets = [] if options.backend else ["//test/benchmark/backend"]
    if options.binary:
        outrigger.binary = options.binary
    else:
        targets.append("//source/exe:outrigger")
    if targets:
        counting = []
        if options.train:
            with open(".bazelrc") as f:
                counting = instrumented(f.read())
        subprocess.run(["bazel", "build", "--config=release"] + counting + targets, check=True)


def parse():
    parser = argparse.ArgumentParser(prog="tools/bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenario", action="append")
    parser.add_argument("--proxy", action="append", choices=[p.NAME for p in PEERS])
    parser.add_argument("--rounds", type=int)
    for flag in ("--quick", "--no-calls", "--write", "--list", "--train"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("--binary")
    parser.add_argument("--backend")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else None)
    return options


def main():
    options = parse()
    if options.list:
        print("\n".join(f"{s.name:18} {s.title}" for s in SCENARIOS.values()))
        return
    if (os.cpu_count() or 1) < 2:
        sys.exit("tools/bench: needs two CPUs")
    scenarios = chosen(options.scenario)
    peers = [p for p in PEERS if not options.proxy or p.NAME in options.proxy]
    build(options)
    os.sched_setaffinity(0, {int(LOAD_CPU)})
    note = f", Outrigger {'as given by --binary' if options.binary else 'built with --config=release'}"
    with tempfile.TemporaryDirectory(prefix="outrigger-bench-tls-") as folder:
        certificates = Certificates(folder)
        if options.train:
            return train(scenarios, options.backend or BACKEND, certificates)
        for scenario in scenarios:
            results, calls, cannot = run(scenario, peers, options, certificates)
            text = report.section(scenario, peers, results, calls, cannot, note)
            print("\n" + text, flush=True)
            if options.write:
                report.write(scenario, text, report.summary_row(scenario, results), list(SCENARIOS))
    if options.write:
        print(f"tools/bench: wrote {report.PATH}")


if __name__ == "__main__":
    main()
