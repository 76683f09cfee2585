"""Attacks a proxy of this build in every way that proxies are known to be hurt, and says what that did to it and to another client."""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

from attacking.target import Placement, Target
from demonstration.programs import wait_until

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TARGETS = ["//source/exe:outrigger", "//test/attack:attacker", "//test/benchmark/backend", "//test/push:backend"]
MOST_MEMORY_KIB = 128 << 10  # above what it had before the attack
PATIENCE = 60


class Failed(Exception):
    pass


class Attack:
    def __init__(self, line):
        self.name, self.port, self.counter, self.about = line.split("\t")

    def counted(self, before, after):
        """The statistics that moved and are said to count it, and by how much."""
        wanted = re.compile(f"(?:{self.counter})")
        return {name: after[name] - before.get(name, 0) for name in after
                if wanted.search(name) and after[name] > before.get(name, 0) and "admin." not in name}


class Runner:
    def __init__(self, arguments, folder):
        self.arguments = arguments
        self.attacker = os.path.abspath(f"{arguments.binaries}/test/attack/attacker")
        self.placement = Placement(apart=not arguments.check)
        self.target = Target(arguments.binaries, folder, self.placement)
        lines = subprocess.run([self.attacker, "--list"], capture_output=True, text=True, check=True).stdout.splitlines()
        self.attacks = [attack for attack in map(Attack, lines) if not arguments.only or attack.name in arguments.only]

    def words(self, attack):
        port = self.target.tls if attack.port == "tls" else self.target.plain
        return [self.attacker, "--attack", attack.name, "--port", str(port)]

    def quiet(self):
        wait_until("the proxy has let all hostile connections go", lambda: self.target.active() == 0, PATIENCE)

    # The short form: until it is counted, and not by the clock.
    def check(self, attack):
        target = self.target
        self.quiet()
        target.forget_peak()
        before, memory, files = target.statistics(), target.resident_kib(), target.files_of_its_own()
        process = subprocess.Popen(self.words(attack) + ["--seconds", str(PATIENCE)], stdout=subprocess.DEVNULL)
        try:
            moved = wait_until(f"{attack.counter} moves", lambda: attack.counted(before, target.statistics()), PATIENCE)
            wait_until("a well-behaved client is served meanwhile", target.polite_request, PATIENCE)
        finally:
            process.kill()
            process.wait()
        self.quiet()
        wait_until("a well-behaved client is served after it", target.polite_request, PATIENCE)
        wait_until("no file is open that was not", lambda: target.files_of_its_own() <= files, PATIENCE)
        grown = target.peak_kib() - memory
        print(f"{attack.name}: {grown} KiB more at its peak; {say(moved)}", flush=True)
        if grown > MOST_MEMORY_KIB and not self.arguments.any_memory:
            raise Failed(f"{attack.name}: memory grew by {grown} KiB, more than {MOST_MEMORY_KIB}")

    # The long form: how a well-behaved client fares while one core does nothing but attack.
    def polite(self, command):
        """What the client says while `command` uses a core."""
        seconds = str(self.arguments.seconds)
        noise = subprocess.Popen(self.placement.attacker + command, stdout=subprocess.PIPE, text=True)
        try:
            words = [self.attacker, "--polite", "--port", str(self.target.plain), "--seconds", seconds]
            client = subprocess.run(self.placement.polite + words, capture_output=True, text=True, check=True)
            return json.loads(client.stdout), noise
        finally:
            if noise.poll() is None and "--attack" not in command:
                noise.kill()
                noise.wait()

    def baseline(self):
        return self.polite([sys.executable, "-c", "while True: pass"])[0]

    def measure(self, attack):
        target = self.target
        self.quiet()
        target.forget_peak()
        before, memory, cpu = target.statistics(), target.resident_kib(), target.cpu()
        client, noise = self.polite(self.words(attack) + ["--seconds", str(self.arguments.seconds)])
        sent = json.loads(noise.communicate(timeout=PATIENCE)[0])
        cpu, after, peak = target.cpu() - cpu, target.statistics(), target.peak_kib()
        self.quiet()
        return {"client": client, "sent": sent, "cpu": cpu, "memory": memory, "peak": peak, "after": target.resident_kib(),
                "moved": attack.counted(before, after)}


def say(moved):
    most = sorted(moved.items(), key=lambda item: -item[1])[:2]
    return ", ".join(f"{name} +{by}" for name, by in most) or "nothing counted it"


def report(runner):
    seconds = runner.arguments.seconds
    usual = runner.baseline()
    print(f"Well-behaved clients beside a busy loop on the attacker's CPU: p50 {usual['p50_us']} us, p99 {usual['p99_us']} us\n")
    print("| attack | sent MiB | connections | ended by the proxy | proxy CPU s | MiB before | MiB peak | MiB after | p50 us | p99 us | "
          "p99 to busy loop | failed | counted by |")
    print("| --- " * 13 + "|")
    bad = []
    for attack in runner.attacks:
        r = runner.measure(attack)
        client, sent = r["client"], r["sent"]
        ratio = client["p99_us"] / max(usual["p99_us"], 1)
        mib = [f"{r[key] / 1024:.1f}" for key in ("memory", "peak", "after")]
        print(f"| {attack.name} | {sent['sent'] / 2**20:.1f} | {sent['connections']} | {sent['closed']} | {r['cpu']:.2f} | "
              f"{' | '.join(mib)} | {client['p50_us']} | {client['p99_us']} | {ratio:.1f} | {client['failed']} | {say(r['moved'])} |",
              flush=True)
        if client["failed"] or not client["requests"]:
            bad.append(f"{attack.name}: {client['failed']} requests of well-behaved clients failed")
        if not r["moved"]:
            bad.append(f"{attack.name}: nothing counted it")
        if r["peak"] - r["memory"] > MOST_MEMORY_KIB:
            bad.append(f"{attack.name}: memory grew by {r['peak'] - r['memory']} KiB")
        if ratio > 3:
            bad.append(f"{attack.name}: p99 is {ratio:.1f} times that beside a busy loop (a measurement: repeat it on a quiet machine)")
    print(f"\n{len(runner.attacks)} attacks of {seconds} s")
    return bad


def check_all(runner):
    bad = []
    for attack in runner.attacks:
        try:
            runner.check(attack)
        except (Failed, TimeoutError) as error:
            bad.append(f"{attack.name}: {error}")
            print("FAILED", bad[-1], flush=True)
            runner.target.program.check()
    return bad


def parse():
    parser = argparse.ArgumentParser(prog="tools/attack", description=__doc__)
    parser.add_argument("--seconds", type=int, default=10, help="of each attack (10)")
    parser.add_argument("--only", action="append", metavar="ATTACK", help="this one; may be repeated")
    parser.add_argument("--check", action="store_true", help="until each is counted; nothing is timed: what tools/test runs")
    parser.add_argument("--any-memory", action="store_true", help="for builds that keep freed memory (sanitizers)")
    parser.add_argument("--binaries", help="folder with source/exe/outrigger and the others; default: builds them")
    return parser.parse_args()


def main():
    arguments = parse()
    if not arguments.binaries:
        subprocess.run(["bazel", "build", *TARGETS], cwd=ROOT, check=True)
        arguments.binaries = ROOT + "/bazel-bin"
    folder = tempfile.mkdtemp(prefix="outrigger-attack-")
    runner = Runner(arguments, folder)
    try:
        bad = check_all(runner) if arguments.check else report(runner)
    finally:
        code = runner.target.stop()
    if code != 0:
        bad.append(f"the proxy ended with code {code}: {runner.target.program.output()[-2000:]}")
    shutil.rmtree(folder, ignore_errors=True)
    for line in bad:
        print("FAILED:", line)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
