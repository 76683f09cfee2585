"""Bootstraps as a user of Envoy writes them, each with the requests to send and what must come back.

usage: test/interop/bootstraps_test.py [--keep] FILE...

Each file of test/interop/bootstraps is two YAML documents: the checks, then the bootstrap, which is given to the real binary.
In both, $dir is a fresh folder with certificates (ca, front, shop, stranger), $v1 and $v2 are the HTTP ports of echo services,
$grpc the gRPC port of the first, $script the port of scripted_backend.py and $nobody a port where nobody listens; $source is the folder of this file. In the checks
$admin and $NAME (of a listener) are host:port as bound, $NAME_port the port. The first document:

  what: one sentence
  files: {name: text}         written to $dir before the start
  flags: [...]                further flags of the binary
  refused:                    instead of checks: --mode validate refuses the bootstrap with these words in it
  - {set: {NAME: text}, says: [text...]}   $NAME in the bootstrap is replaced; those that nobody sets are empty
  checks:
  - run: shell command        its standard output and error are looked at
    has: [text...]            a single text is a list of one; matches: are regular expressions, lacks: must not occur
    is: text                  all of the output, without the last newline
    code: 0                   exit code of the command
  - stats: {name: value}      of the admin endpoint; ">0" takes any positive one
  - log: [text...]            standard output or error of the proxy
  - signal: TERM
    code: 0                   exit code of the proxy

A check is repeated until it holds (stats, log and what says `eventually: true`) or for run: made once.
"""
import concurrent.futures
import json
import os
import re
import shutil
import signal
import socket
import string
import subprocess
import sys
import tempfile
import time
import urllib.request

import yaml

def program(path):
    """As a test sees it, or as built by hand."""
    return os.path.abspath(path if os.path.exists(path) else os.path.join("bazel-bin", path))


OUTRIGGER = os.environ.get("OUTRIGGER") or program("source/exe/outrigger")
ECHO = program("examples/mesh/echo")
PATIENCE = 15.0  # seconds
# For checks: raw PORT BYTES [SECONDS] sends bytes as they are and prints what comes back until the end, or for so long.
PRELUDE = """raw() { exec 3<>/dev/tcp/127.0.0.1/$1; printf "$2" >&3; timeout "${3:-1}" cat <&3; exec 3>&-; true; }
"""


def until(condition):
    """The first true value of condition(), or its last one when patience is over."""
    end = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.05)


def texts(value):
    return [value] if isinstance(value, str) else list(value or [])


class Program:
    def __init__(self, words, folder, **kwargs):
        self.path = tempfile.mktemp(dir=folder, suffix=".log")
        self.process = subprocess.Popen(words, stdout=open(self.path, "wb"), stderr=subprocess.STDOUT, **kwargs)

    def output(self):
        with open(self.path, errors="replace") as f:
            return f.read()

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Backends:
    def __init__(self, folder):
        self.programs = [Program([ECHO, "--name", "shop", "--version", v, "--http", "0", "--grpc", "0"], folder) for v in ("v1", "v2")]
        self.programs.append(Program([sys.executable, os.path.join(os.path.dirname(__file__), "scripted_backend.py")], folder))
        self.names = {}
        for version, program in zip(("v1", "v2"), self.programs):
            found = until(lambda p=program: re.search(r"http=(\d+) grpc=(\d+)", p.output()))
            self.names[version] = found.group(1)
            self.names["grpc" if version == "v1" else "grpc2"] = found.group(2)
        self.names["script"] = until(lambda: re.search(r"port (\d+)", self.programs[2].output())).group(1)
        self.unused = socket.socket()  # bound and not listening: connecting to it is refused
        self.unused.bind(("127.0.0.1", 0))
        self.names["nobody"] = str(self.unused.getsockname()[1])

    def stop(self):
        for program in self.programs:
            program.stop()


class Scenario:
    def __init__(self, path, backends):
        self.path, self.names, self.problems, self.proxy = path, dict(backends.names), [], None
        with open(path) as f:
            checks, self.bootstrap = re.split(r"^---\n", f.read(), maxsplit=1, flags=re.M)
        self.plan = yaml.safe_load(checks)
        self.folder = tempfile.mkdtemp(prefix="bootstrap.")  # a short path: Unix sockets are in it
        self.names["dir"] = self.folder
        self.names["source"] = os.path.dirname(os.path.abspath(__file__))

    def fill(self, text):
        return string.Template(str(text)).safe_substitute(self.names)

    def wrong(self, what):
        self.problems.append("%s: %s" % (self.path, what))

    def start(self):
        for name, text in (self.plan.get("files") or {}).items():
            with open(os.path.join(self.folder, name), "w") as f:
                f.write(self.fill(text))
        name = os.path.join(self.folder, "bootstrap" + (".json" if self.bootstrap.startswith("{") else ".yaml"))
        with open(name, "w") as f:
            f.write(self.fill(self.bootstrap))
        words = [OUTRIGGER, "-c", name, "--concurrency", "2", "--admin-address-path", self.folder + "/admin"]
        words += ["--file-flush-interval-msec", "50"] + [self.fill(w) for w in self.plan.get("flags") or []]
        self.proxy = Program(words, self.folder, cwd=self.folder)

    def admin(self, path):
        if self.names["admin"].startswith("/"):
            return subprocess.run(["curl", "-s", "--unix-socket", self.names["admin"], "http://admin" + path],
                                  capture_output=True, text=True).stdout
        try:
            with urllib.request.urlopen("http://%s%s" % (self.names["admin"], path), timeout=5) as answer:
                return answer.read().decode()
        except OSError:
            return ""

    def ready(self):
        def poll():
            if self.proxy.process.poll() is not None:
                return True
            if os.path.exists(self.folder + "/admin"):
                self.names["admin"] = open(self.folder + "/admin").read()
                return bool(self.names["admin"]) and self.admin("/ready") == "LIVE\n"
            return False
        if not until(poll) or self.proxy.process.poll() is not None:
            self.wrong("did not become ready:\n" + self.proxy.output())
            return False
        for line in self.admin("/listeners").splitlines():
            name, _, address = line.partition("::")
            self.names[name] = address
            self.names[name + "_port"] = address.rpartition(":")[2]
        return True

    def judge(self, check, output):
        """What is wrong with output, by the has, lacks, matches and is of a check."""
        found = [("lacks " + repr(t)) for t in texts(check.get("has")) if self.fill(t) not in output]
        found += [("has " + repr(t)) for t in texts(check.get("lacks")) if self.fill(t) in output]
        found += [("does not match " + repr(t)) for t in texts(check.get("matches")) if not re.search(self.fill(t), output, re.M)]
        if "is" in check and output.rstrip("\n") != self.fill(check["is"]).rstrip("\n"):
            found.append("is not " + repr(check["is"]))
        return found

    def run(self, check):
        words = self.fill(check["run"])
        last = {}

        def once():
            done = subprocess.run(["bash", "-c", PRELUDE + words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, cwd=self.folder)
            last["output"] = done.stdout.decode(errors="replace").replace("\r\n", "\n")
            last["found"] = self.judge(check, last["output"])
            if "code" in check and done.returncode != check["code"]:
                last["found"].append("exit code %d" % done.returncode)
            return not last["found"]
        if not (until(once) if check.get("eventually") else once()):
            self.wrong("%s\n  %s\n%s" % (words, "; ".join(last["found"]), last["output"]))

    def stats(self, wanted):
        last = {}

        def once():
            text = self.admin("/stats")
            now = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
            last["bad"] = ["%s is %s, not %s" % (name, now.get(name, "missing"), value) for name, value in wanted.items()
                           if not (int(now.get(name, "0")) > 0 if value == ">0" else now.get(name) == str(value))]
            return not last["bad"]
        if not until(once):
            self.wrong("stats: " + "; ".join(last["bad"]))

    def check(self, check):
        if "run" in check:
            self.run(check)
        elif "stats" in check:
            self.stats({self.fill(k): v for k, v in check["stats"].items()})
        elif "log" in check:
            for text in texts(check["log"]):
                if not until(lambda: self.fill(text) in self.proxy.output()):
                    self.wrong("log lacks %r:\n%s" % (self.fill(text), self.proxy.output()))
        elif "signal" in check:
            self.proxy.process.send_signal(getattr(signal, "SIG" + check["signal"]))
            try:
                code = self.proxy.process.wait(PATIENCE)
                if code != check.get("code", 0):
                    self.wrong("after SIG%s: exit code %d\n%s" % (check["signal"], code, self.proxy.output()))
            except subprocess.TimeoutExpired:
                self.wrong("did not end after SIG" + check["signal"])
        else:
            self.wrong("no such check: " + json.dumps(check))

    def refuse(self, case):
        names = {name: "" for entry in self.plan["refused"] for name in entry["set"]}
        names.update(self.names, **case["set"])
        with open(os.path.join(self.folder, "bad.yaml"), "w") as f:
            f.write(self.fill(string.Template(self.bootstrap).safe_substitute(names)))
        done = subprocess.run([OUTRIGGER, "--mode", "validate", "-c", "bad.yaml"], cwd=self.folder, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=60)
        problems = self.judge({"has": case["says"]}, done.stdout) + ([] if done.returncode == 1 else ["exit code %d" % done.returncode])
        if problems:
            self.wrong("%s: %s\n%s" % (case["set"], "; ".join(problems), done.stdout))

    def play(self, certificates):
        shutil.copytree(certificates, self.folder, dirs_exist_ok=True)
        if "refused" in self.plan:
            for case in self.plan["refused"]:
                self.refuse(case)
            return self.problems
        self.start()
        try:
            if self.ready():
                for check in self.plan["checks"]:
                    self.check(check)
                if "signal" not in self.plan["checks"][-1] and self.proxy.process.poll() is not None:
                    self.wrong("died with %d:\n%s" % (self.proxy.process.returncode, self.proxy.output()[-3000:]))
        finally:
            self.proxy.stop()
        return self.problems


def main(words):
    keep = "--keep" in words
    files = [w for w in words if w != "--keep"]
    here = os.path.dirname(os.path.abspath(__file__))
    files = files or sorted(os.path.join(here, "bootstraps", f) for f in os.listdir(os.path.join(here, "bootstraps")) if f.endswith(".yaml"))
    folder = tempfile.mkdtemp(prefix="bootstraps.", dir=os.environ.get("TEST_TMPDIR"))
    certificates = os.path.join(folder, "certificates")
    subprocess.run(["examples/static_sidecar/make-certificates", certificates], check=True)
    backends, bad = Backends(folder), 0
    def play(path):
        scenario = Scenario(path, backends)
        problems = scenario.play(certificates)
        if not keep:
            shutil.rmtree(scenario.folder)
        return scenario, problems

    try:
        with concurrent.futures.ThreadPoolExecutor(4) as threads:  # most of the time they wait
            for scenario, problems in threads.map(play, files):
                print("%s %s: %s" % ("FAILED" if problems else "ok    ", os.path.basename(scenario.path), scenario.plan["what"]), flush=True)
                for problem in problems:
                    print("   ", problem.replace("\n", "\n    "), flush=True)
                if keep:
                    print("   ", scenario.folder)
                bad += bool(problems)
    finally:
        backends.stop()
    print("%d bootstraps, %d failed" % (len(files), bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
