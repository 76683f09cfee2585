"""The example mesh on free ports: the control plane, an enrolment, a sidecar and an application for every workload."""
import json
import os
import re
import subprocess

from .programs import Program, fetch, free_ports, wait_until

# Of examples/mesh/mesh.yaml: node, service, version, and what each of its ports is called below.
WORKLOADS = (("front", "front", "v1"), ("shop-v1", "shop", "v1"), ("shop-v2", "shop", "v2"), ("stock", "stock", "v1"))
FIRST_PORTS = {"inbound": 15010, "outbound": 15011, "http": 18010, "grpc": 19010}


class Workload:
    def __init__(self, node, service, version, folder, ports):
        self.node, self.service, self.version, self.folder = node, service, version, folder
        self.inbound, self.outbound, self.http, self.grpc = ports
        self.enrolment = self.sidecar = self.application = None
        self.admin = 0

    def page(self, path):
        return fetch(self.admin, path)[1]

    def stat(self, name):
        found = re.search(rf"^{re.escape(name)}: (\d+)$", self.page("/stats"), re.M)
        return int(found.group(1)) if found else 0


class Mesh:
    def __init__(self, root, folder, binaries=None, flags=()):
        """binaries: where bazel put them. flags: more of the control plane's."""
        self.root, self.folder = root, folder
        binaries = os.path.abspath(binaries or os.path.join(root, "bazel-bin"))
        self.exe = os.path.join(binaries, "source/exe")
        self.examples = os.path.join(binaries, "examples/mesh")
        ports = free_ports(4 * len(WORKLOADS) + 2)
        self.xds_port, self.status_port = ports[:2]
        self.workloads = {}
        self.text = open(os.path.join(root, "examples/mesh/mesh.yaml")).read()
        for i, (node, service, version) in enumerate(WORKLOADS):
            mine = ports[2 + 4 * i:6 + 4 * i]
            for first, port in zip(FIRST_PORTS.values(), mine):
                self.text = re.sub(rf"\b{first + 10 * i}\b", str(port), self.text)
            home = os.path.join(folder, node)
            os.mkdir(home, 0o700)
            self.workloads[node] = Workload(node, service, version, home, mine)
        self.file = os.path.join(folder, "mesh.yaml")
        self.state = os.path.join(folder, "authority")
        self.write(self.text)
        self.control_plane = Program("control-plane", [
            os.path.join(self.exe, "outrigger-control-plane"), "serve", "--mesh", self.file, "--state", self.state,
            "--tls-listen", f"127.0.0.1:{self.xds_port}", "--status", f"127.0.0.1:{self.status_port}", *flags], folder)

    def write(self, text):
        """As an editor saves: a new file in place of the old one."""
        with open(self.file + ".new", "w") as f:
            f.write(text)
        os.rename(self.file + ".new", self.file)

    def edit(self, *changes):
        """Each change is (old, new); old stands there once."""
        text = open(self.file).read()
        for old, new in changes:
            if text.count(old) != 1:
                raise ValueError(f"the mesh file has {text.count(old)} times {old!r}")
            text = text.replace(old, new)
        self.write(text)

    def start(self):
        self.start_control_plane()
        for workload in self.workloads.values():
            self.enroll(workload)
            self.start_application(workload)
            self.start_sidecar(workload)
        for workload in self.workloads.values():
            wait_until(f"the sidecar of {workload.node} is ready", lambda w=workload: w.sidecar.check() and self.is_ready(w))

    def start_control_plane(self):
        self.control_plane.start()
        wait_until("the control plane answers", lambda: self.control_plane.check() and fetch(self.status_port, "/healthz")[0] == 200)

    def enroll(self, workload):
        """A one-use token buys the node its first certificate; the program stays and renews it."""
        control = os.path.join(self.exe, "outrigger-control-plane")
        token = os.path.join(workload.folder, "token")
        maker = Program(f"{workload.node}-token", [control, "token", "--node", workload.node, "--state", self.state], self.folder).start()
        if maker.process.wait(30) != 0:
            raise RuntimeError(f"no token for {workload.node}:\n{maker.output()}")
        with open(os.open(token, os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
            f.write(maker.output().strip() + "\n")
        os.remove(maker.log)
        workload.enrolment = Program(f"{workload.node}-enrolment", [
            control, "enroll", "--node", workload.node, "--server", f"127.0.0.1:{self.xds_port}", "--server-name", "localhost",
            "--root", os.path.join(self.state, "root.pem"), "--token-file", token, "--out", workload.folder], self.folder).start()
        files = [os.path.join(workload.folder, name) for name in ("key.pem", "cert.pem", "root.pem")]
        wait_until(f"{workload.node} has its certificate", lambda: workload.enrolment.check() and all(map(os.path.exists, files)))

    def start_application(self, workload):
        workload.application = Program(f"{workload.node}-application", [
            os.path.join(self.examples, "echo"), "--name", workload.service, "--version", workload.version,
            "--http", str(workload.http), "--grpc", str(workload.grpc)], self.folder).start()
        wait_until(f"the application of {workload.node} listens", lambda: workload.application.check() and
                   "http=" in workload.application.output())

    def start_sidecar(self, workload):
        bootstrap = open(os.path.join(self.root, "examples/mesh/sidecar.yaml")).read()
        with open(os.path.join(workload.folder, "sidecar.yaml"), "w") as f:
            f.write(bootstrap.replace("port_value: 18000}", f"port_value: {self.xds_port}}}"))
        address = os.path.join(workload.folder, "admin-address")
        workload.sidecar = Program(f"{workload.node}-sidecar", [
            os.path.join(self.exe, "outrigger"), "-c", "sidecar.yaml", "--service-node", workload.node, "--service-cluster",
            workload.service, "--concurrency", "2", "--admin-address-path", address, "--drain-time-s", "5",
            "--parent-shutdown-time-s", "8"], workload.folder)
        workload.sidecar.log = os.path.join(self.folder, f"{workload.node}-sidecar.log")
        workload.sidecar.start()
        wait_until(f"{workload.node} has its admin endpoint", lambda: workload.sidecar.check() and os.path.exists(address) and
                   ":" in open(address).read())
        workload.admin = int(open(address).read().strip().rpartition(":")[2])

    def is_ready(self, workload):
        """Live, and both of its listeners are there."""
        if fetch(workload.admin, "/ready")[0] != 200:
            return False
        listeners = workload.page("/listeners")
        return f":{workload.inbound}" in listeners and f":{workload.outbound}" in listeners

    def certificate_serial(self, workload):
        """Of the certificate that its inbound listener shows now, asked from outside."""
        shown = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{workload.inbound}", "-alpn", "h2"], input="",
                               capture_output=True, text=True, timeout=20).stdout
        serial = subprocess.run(["openssl", "x509", "-noout", "-serial"], input=shown, capture_output=True, text=True).stdout
        return serial.strip().partition("=")[2]

    def status(self):
        try:
            return json.loads(fetch(self.status_port, "/status.json")[1])
        except ValueError:
            return {}

    def programs(self):
        for workload in self.workloads.values():
            yield from (p for p in (workload.sidecar, workload.enrolment, workload.application) if p is not None)
        yield self.control_plane

    def stop(self):
        """Everything ends; gives the names of programs that did not end cleanly."""
        bad = []
        for program in self.programs():
            if program.process is not None and program.process.poll() is not None:
                bad.append(f"{program.name} had ended before, with code {program.process.returncode}")
            elif program.stop(20) != 0:
                bad.append(f"{program.name} ended with code {program.process.returncode}")
        return bad
