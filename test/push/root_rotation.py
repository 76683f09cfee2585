#!/usr/bin/env python3
"""The root certificate of a mesh is replaced while requests flow, with certificates that live for seconds: is anything lost?

usage: test/push/root_rotation.py [--lifetime SECONDS] [--rotations N] [--binaries DIR]
  --lifetime   of all certificates, and the length of a step (default 12)
  --binaries   where bazel put them (default bazel-bin)
"""
import argparse
import os
import shutil
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


class Failure(Exception):
    pass


def expect(condition, text):
    if not condition:
        raise Failure(text)


def certificates(pem):
    """The bodies of the certificates in a text."""
    return [part.split("-----END CERTIFICATE-----")[0].strip() for part in pem.split("-----BEGIN CERTIFICATE-----")[1:]]


class Rotation:
    def __init__(self, mesh, lifetime):
        self.mesh, self.lifetime = mesh, lifetime

    def roots(self):
        """What the authority hands out."""
        with open(os.path.join(self.mesh.state, "root.pem")) as f:
            return certificates(f.read())

    def phase(self):
        return self.mesh.status().get("configuration", {}).get("root", "")

    def issued_by(self, workload, root):
        """Whether the certificate that the workload's listener shows now is of that root."""
        shown = subprocess.run(["openssl", "s_client", "-showcerts", "-connect", f"127.0.0.1:{workload.inbound}", "-alpn", "h2"],
                               input="", capture_output=True, text=True, timeout=20).stdout
        name = os.path.join(self.mesh.folder, "one-root.pem")
        with open(name, "w") as f:
            f.write(f"-----BEGIN CERTIFICATE-----\n{root}\n-----END CERTIFICATE-----\n")
        return subprocess.run(["openssl", "verify", "-CAfile", name], input=shown, capture_output=True, text=True).returncode == 0

    def refuses_short_steps(self):
        command = list(self.mesh.control_plane.command)
        command[command.index("--root-step") + 1] = f"{self.lifetime - 1}s"
        refused = subprocess.run(command, capture_output=True, text=True, timeout=30)
        expect(refused.returncode != 0 and f"--root-step: must be at least {self.lifetime}s" in refused.stderr + refused.stdout,
               f"a step that is too short was taken: {refused.returncode} {refused.stderr}")

    def once(self, load):
        workloads = list(self.mesh.workloads.values())
        old, = self.roots()
        limit = 3 * self.lifetime + 30
        mark, begun = load.mark(), time.monotonic()
        status, text = fetch(self.mesh.status_port, "/rotate-root", "POST")
        expect(status == 200, f"POST /rotate-root answered {status}: {text}")
        both = wait_until("both roots are handed out", lambda: len(self.roots()) == 2 and self.roots())
        new, = (root for root in both if root != old)
        expect(all(self.issued_by(w, old) for w in workloads), "the old root should issue until everybody has the new one")
        expect(fetch(self.mesh.status_port, "/rotate-root", "POST")[0] == 409, "two rotations at a time")
        print(f"   {self.phase()}: both are handed out")
        wait_until("all sidecars show a certificate of the new root", lambda: all(self.issued_by(w, new) for w in workloads), limit)
        print(f"   {self.phase()}: after {time.monotonic() - begun:.0f} s the new one issues")
        wait_until("the old root is handed out no more", lambda: self.roots() == [new], limit)
        for workload in workloads:
            wait_until(f"{workload.node} trusts the new root alone", lambda w=workload: self.trusts(w) == [new], limit)
        print(f"   {self.phase()}: after {time.monotonic() - begun:.0f} s the old one is trusted no more")
        requests, failed, _ = load.since(mark)
        print(f"   {requests} requests, {failed} failed")
        expect(failed == 0, f"{failed} of {requests} requests failed, the first with: {load.reasons[:3]}")

    @staticmethod
    def trusts(workload):
        with open(os.path.join(workload.folder, "root.pem")) as f:
            return certificates(f.read())

    def everybody_is_well(self):
        for workload in self.mesh.workloads.values():
            expect(workload.enrolment.check() and workload.sidecar.check(), "")
            expect(workload.stat("control_plane.connected_state") == 1, f"{workload.node} has lost the control plane")
            for name in ("cluster_manager.cds.update_rejected", "listener_manager.lds.update_rejected"):
                expect(workload.stat(name) == 0, f"{workload.node}: {name}")

    def run(self, rotations):
        self.refuses_short_steps()
        self.mesh.start()
        front = self.mesh.workloads["front"]
        with Load(front.outbound, "shop", rate=200) as load:
            load.wait_for(100)
            for number in range(rotations):
                print(f"rotation {number + 1}", flush=True)
                self.once(load)
            mark = load.mark()
            time.sleep(self.lifetime)  # everything is renewed once more, among holders of the new root alone
            expect(load.since(mark)[0] > 0, "the load stopped")
            self.everybody_is_well()
        expect(load.failed == 0, f"{load.failed} of {load.sent} requests failed: {load.reasons[:3]}")
        print(f"{load.sent} requests in all, none failed")


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--lifetime", type=int, default=12)
    parser.add_argument("--rotations", type=int, default=1)
    parser.add_argument("--binaries")
    arguments = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="outrigger-root-")
    life = f"{arguments.lifetime}s"
    mesh = Mesh(ROOT, folder, arguments.binaries, ["--certificate-lifetime", life, "--node-certificate-lifetime", life, "--root-step", life])
    failures = []
    try:
        Rotation(mesh, arguments.lifetime).run(arguments.rotations)
    except (Failure, RuntimeError, TimeoutError, ValueError, subprocess.SubprocessError) as error:
        failures.append(f"{type(error).__name__}: {error}")
    finally:
        failures += mesh.stop()
    for failure in failures:
        print("FAILED:", failure)
    if failures:
        print("logs:", folder)
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
