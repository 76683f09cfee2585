"""A service mesh on this machine: builds, starts, changes it live, counts what was lost, cleans up. Ends with 0 if nothing was.

usage: tools/demo [--keep] [--no-build]
  --keep      stays up at the end and prints the addresses; Ctrl-C ends it
  --no-build  takes what bazel-bin holds
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(ROOT, "tools"))

from demonstration.load import Load  # noqa: E402
from demonstration.mesh import Mesh  # noqa: E402
from demonstration.programs import fetch, wait_until  # noqa: E402

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LOADED = 1000  # requests at least in each part that is under load


class Failure(Exception):
    pass


class Ended(Exception):
    """Ctrl-C, or a signal that means the same."""


def on_signal(*_):
    for number in ENDINGS:  # what follows is cleaning up, which is not to be interrupted
        signal.signal(number, signal.SIG_IGN)
    raise Ended()


def say(text=""):
    print(text, flush=True)


def expect(condition, text):
    if not condition:
        raise Failure(text)


class Demo:
    def __init__(self, mesh):
        self.mesh = mesh
        self.front, self.shop_v1, self.shop_v2, self.stock = (mesh.workloads[n] for n in ("front", "shop-v1", "shop-v2", "stock"))
        self.rows = []  # (what, requests, failed, refused by policy)
        self.part = 0

    def title(self, text):
        self.part += 1
        say(f"\n== {self.part}. {text}")

    def run(self, command, show=None):
        """Runs a command, shows it and what it said."""
        say("   $ " + (show or " ".join(command)))
        result = subprocess.run(command, capture_output=True, text=True, timeout=120)
        for line in (result.stdout + result.stderr).strip().split("\n"):
            if line:
                say("     " + line)
        return result

    def curl(self, workload, host, path, *more):
        """As the application of a workload: through its own sidecar."""
        command = ["curl", "-s", "-m", "10", "-w", "\\n%{http_code}", "-H", f"host: {host}", *more,
                   f"http://127.0.0.1:{workload.outbound}{path}"]
        show = f"curl -H 'host: {host}' {' '.join(more)}{' ' if more else ''}http://127.0.0.1:{workload.outbound}{path}"
        result = self.run(command, show)
        text, _, status = result.stdout.rpartition("\n")
        return int(status or 0), text

    def row(self, what, requests, failed, refused=0):
        self.rows.append((what, requests, failed, refused))
        say(f"   {requests} request{'s' if requests != 1 else ''}, {failed} failed" + (f", {refused} refused by policy" if refused else ""))

    def loaded(self, what, load, mark):
        """The result of a part under load: at least LOADED requests, none failed."""
        load.wait_for(LOADED, mark)
        requests, failed, versions = load.since(mark)
        say("   answers by version: " + ", ".join(f"{v} {n}" for v, n in versions.items() if n))
        self.row(what, requests, failed)
        expect(failed == 0, f"{failed} requests failed, the first with: {load.reasons[:3]}")
        return requests, versions

    # --- the parts --------------------------------------------------------------------------------------------------------------

    def one_request(self):
        self.title("A request from front to shop crosses two sidecars")
        say("   front speaks plain HTTP to its sidecar; between the sidecars it is HTTP/2 over mutual TLS.")
        say("   shop prints who called: the identity that its own sidecar took from the caller's certificate.")
        status, text = self.curl(self.front, "shop", "/hello", "-d", "ahoy")
        expect(status == 200, f"status {status}")
        caller = re.search(r'"caller":"([^"]*)"', text)
        expect(caller and caller.group(1) == "spiffe://mesh.example/service/front", "shop did not see front's identity")
        say(f"   The caller that shop saw: {caller.group(1)}")
        secure = sum(w.stat("http.inbound.downstream_cx_ssl_total") for w in (self.shop_v1, self.shop_v2))
        expect(secure >= 1, "no TLS connection was counted")
        plain = subprocess.run(["curl", "-s", "-m", "5", f"http://127.0.0.1:{self.shop_v1.inbound}/"], capture_output=True)
        expect(plain.returncode != 0, "the inbound listener answered plain text")
        say("   Asked in plain text, shop's sidecar does not answer.")
        self.row("HTTP over two sidecars", 1, 0)

    def grpc(self):
        self.title("gRPC, unary and streamed, the same way")
        call = os.path.join(self.mesh.examples, "call")
        target = f"127.0.0.1:{self.front.outbound}"
        one = self.run([call, "--target", target, "--authority", "shop", "--text", "ahoy"])
        expect(one.returncode == 0 and "caller=spiffe://mesh.example/service/front" in one.stdout, "the gRPC call failed")
        many = self.run([call, "--target", target, "--authority", "shop", "--count", "200"])
        expect(many.returncode == 0 and "200 calls, 0 failed" in many.stdout, "gRPC calls failed")
        stream = self.run([call, "--target", target, "--authority", "shop", "--stream", "500"])
        expect(stream.returncode == 0 and "500 messages" in stream.stdout, "the gRPC stream failed")
        self.row("gRPC calls, one with a stream of 500 messages", 202, 0)

    def forbidden(self):
        self.title("Policy: stock may be called by shop, not by front")
        status, text = self.curl(self.shop_v1, "stock", "/count")
        expect(status == 200 and '"caller":"spiffe://mesh.example/service/shop"' in text, f"shop may call stock, but: {status}")
        refused = 0
        for i in range(10):
            status, text = self.curl(self.front, "stock", "/count") if i == 0 else \
                (subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", "host: stock",
                                 f"http://127.0.0.1:{self.front.outbound}/count"], capture_output=True, text=True).stdout, "")
            refused += int(status) == 403
        say("   (and nine times more)")
        expect(refused == 10, f"only {refused} of 10 forbidden requests got 403")
        self.row("a forbidden caller", 11, 0, refused)

    def split(self, load):
        self.title("Traffic moves from 90/10 to 50/50 while requests flow")
        mark = load.mark()
        _, versions = self.loaded("under load, 90/10", load, mark)
        share = versions.get("v2", 0) / sum(versions.values())
        expect(0.04 < share < 0.18, f"v2 got {share:.0%}, not about 10%")
        say("   Now mesh.yaml says 50/50:")
        mark, begun = load.mark(), time.monotonic()
        self.mesh.edit(("{version: v1, weight: 90}", "{version: v1, weight: 50}"),
                       ("{version: v2, weight: 10}", "{version: v2, weight: 50}"))
        wait_until("front's sidecar uses the new split", lambda: len(re.findall(r'"weight": 50\b', self.front.page("/config_dump"))) >= 2)
        say(f"   in use after {time.monotonic() - begun:.2f} s")
        settled = load.mark()
        load.wait_for(LOADED, settled)
        _, _, versions = load.since(settled)
        share = versions.get("v2", 0) / sum(versions.values())
        say(f"   since then v2 got {share:.0%}")
        expect(0.42 < share < 0.58, f"v2 got {share:.0%}, not about 50%")
        self.loaded("the change to 50/50 under load", load, mark)

    def rotation(self, load):
        self.title("Every certificate is replaced while requests flow")
        workloads = list(self.mesh.workloads.values())
        before = [self.mesh.certificate_serial(w) for w in workloads]
        expect(all(before), "a sidecar shows no certificate")
        mark = load.mark()
        status, text = fetch(self.mesh.status_port, "/rotate", "POST")
        expect(status // 100 == 2, f"POST /rotate answered {status}: {text}")

        def changed():
            now = [self.mesh.certificate_serial(w) for w in workloads]
            return now if all(a and a != b for a, b in zip(now, before)) else None
        after = wait_until("all sidecars show a new certificate", changed)
        for workload, old, new in zip(workloads, before, after):
            say(f"   {workload.node}: serial {old[:16]} -> {new[:16]}")
        say("   New connections show the new certificate; those that were open stay, so nothing is cut.")
        self.loaded("certificate rotation under load", load, mark)

    def control_plane_lost(self, load):
        self.title("The control plane is killed and started again while requests flow")
        mark = load.mark()
        self.mesh.control_plane.kill()
        say("   killed (SIGKILL)")
        load.wait_for(LOADED, mark)
        say(f"   {load.since(mark)[0]} requests without a control plane")
        self.mesh.start_control_plane()
        workloads = list(self.mesh.workloads.values())
        wait_until("all sidecars are connected again",
                   lambda: all(w.stat("control_plane.connected_state") == 1 for w in workloads))
        say("   started again; all sidecars are connected again. Does it still lead? 50/50 becomes 20/80:")
        self.mesh.edit(("{version: v1, weight: 50}", "{version: v1, weight: 20}"),
                       ("{version: v2, weight: 50}", "{version: v2, weight: 80}"))
        wait_until("front's sidecar uses the new split", lambda: re.search(r'"weight": 80\b', self.front.page("/config_dump")))
        say("   in use")
        self.loaded("control plane killed and restarted under load", load, mark)

    def refused(self, load):
        self.title("A bad configuration is refused, with the reason, and changes nothing")
        mark = load.mark()
        dump = self.front.page("/config_dump?resource=dynamic_route_configs")
        say("   mesh.yaml: callers: [front] becomes callers: [fronnt], a service that does not exist")
        good = open(self.mesh.file).read()
        line = good[:good.index("- name: shop")].count("\n") + 2
        self.mesh.write(good.replace("callers: [front]                # once", "callers: [fronnt]               # once"))
        reason = wait_until("the control plane says why",
                            lambda: re.search(r'mesh\.yaml:\d+:.*fronnt.*', self.mesh.control_plane.output()))
        say("   the control plane: " + reason.group(0))
        expect(f"mesh.yaml:{line}:" in reason.group(0), f"the reason does not name line {line}")
        load.wait_for(LOADED, mark)
        expect(self.front.page("/config_dump?resource=dynamic_route_configs") == dump, "the routes changed")
        status, _ = self.curl(self.front, "shop", "/still-there")
        expect(status == 200, f"front may not call shop any more: {status}")
        self.mesh.write(good)
        self.loaded("a refused configuration under load", load, mark)

    def whole(self):
        self.one_request()
        self.grpc()
        self.forbidden()
        with Load(self.front.outbound, "shop") as load:
            self.split(load)
            self.rotation(load)
            self.control_plane_lost(load)
            self.refused(load)
        expect(load.failed == 0, f"{load.failed} requests of the whole load failed: {load.reasons[:3]}")

    def summary(self):
        say("\n== Summary")
        width = max(len(row[0]) for row in self.rows)
        say(f"   {'':{width}}  requests  failed  refused by policy")
        for what, requests, failed, refused in self.rows:
            say(f"   {what:{width}}  {requests:8}  {failed:6}  {refused:17}")
        total = [sum(row[i] for row in self.rows) for i in (1, 2, 3)]
        say(f"   {'together':{width}}  {total[0]:8}  {total[1]:6}  {total[2]:17}")


def build():
    say("== Building (the first time takes a while)")
    subprocess.run(["bazel", "build", "//:outrigger", "//:outrigger-control-plane", "//examples/mesh:echo", "//examples/mesh:call"],
                   cwd=ROOT, check=True)


def keep(mesh):
    say("\n== Still up (Ctrl-C ends it)")
    say(f"   the control plane's page   http://127.0.0.1:{mesh.status_port}/")
    say(f"   the mesh file, to edit     {mesh.file}")
    for workload in mesh.workloads.values():
        callee = {"front": "shop", "shop": "stock"}.get(workload.service)  # whom policy lets it call
        say(f"   {workload.node:8} admin http://127.0.0.1:{workload.admin}/" +
            (f"   as its application: curl -H 'host: {callee}' http://127.0.0.1:{workload.outbound}/" if callee else ""))
    try:
        signal.pause()
    except Ended:
        say()


def main(arguments):
    if any(a not in ("--keep", "--no-build") for a in arguments):
        print(__doc__)
        return 0 if set(arguments) & {"--help", "-h"} else 2
    for number in ENDINGS:
        signal.signal(number, on_signal)
    if "--no-build" not in arguments:
        try:
            build()
        except (Ended, subprocess.CalledProcessError) as error:
            say("\n   interrupted" if isinstance(error, Ended) else "tools/demo: the build failed")
            return 130 if isinstance(error, Ended) else 1
    folder = tempfile.mkdtemp(prefix="outrigger-demo-")
    mesh, done, ended, bad = Mesh(ROOT, folder), False, False, []
    try:
        say("\n== Starting: a control plane, and for each of front, shop v1, shop v2 and stock an application, its sidecar and the\n   program that fetches and renews the sidecar's certificate")
        mesh.start()
        say(f"   {sum(1 for _ in mesh.programs())} programs; their logs are in {folder}")
        demo = Demo(mesh)
        demo.whole()
        demo.summary()
        done = True
        if "--keep" in arguments:
            keep(mesh)
    except Ended:
        ended = True
        say("\n   interrupted")
    except Exception as error:  # whatever it is: everything has to be ended, and the logs kept
        say(f"\nFAILED: {'' if isinstance(error, Failure) else type(error).__name__ + ': '}{error}")
    finally:
        bad = mesh.stop()
    for line in () if ended else bad:
        say(f"   {line}")
    if ended:  # whatever was half-way is of no interest
        shutil.rmtree(folder)
        say("   everything was ended and removed")
        return 130
    if not done or bad:
        say(f"tools/demo: failed; logs are kept in {folder}")
        return 1
    shutil.rmtree(folder)
    say("   everything ended cleanly and was removed")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
