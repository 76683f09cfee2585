"""nghttpx: one worker, backend connections kept."""
import os
import re

from benchmarking.processes import version_of
from benchmarking.scenarios import route_path

NAME = "nghttpx"


def version():
    return version_of(["nghttpx", "--version"], re.compile(r"nghttp2/(\S+)"))


def cannot(scenario):
    return "no plain TCP proxying" if scenario.hops[0].listen == "tcp" else None


def backend(hop, pattern, target):
    text = f"backend=127.0.0.1,{target};{pattern}"
    if hop.out == "h2":
        text += ";proto=h2"
    return text + (";tls;sni=bench" if hop.tls_out else "") + "\n"


def command(folder, hop, port, target, certificates):
    patterns = [route_path(i) for i in range(hop.routes)] if hop.routes > 1 else []
    lines = [f"frontend=127.0.0.1,{port}{'' if hop.tls_in else ';no-tls'}\n"]
    lines += [backend(hop, pattern, target) for pattern in patterns + ["/"]]
    lines.append(f"""workers=1
single-process=yes
single-thread=yes
backlog=8192
worker-frontend-connections=8192
backend-connections-per-host=4096
frontend-http2-max-concurrent-streams=1024
backend-http2-max-concurrent-streams=1024
frontend-read-timeout=3600
frontend-keep-alive-timeout=3600
frontend-http2-read-timeout=3600
backend-keep-alive-timeout=3600
no-ocsp=yes
tls-min-proto-version=TLSv1.3
tls13-ciphers=TLS_AES_128_GCM_SHA256
tls13-client-ciphers=TLS_AES_128_GCM_SHA256
ecdh-curves=P-256
cacert={certificates.authority}
errorlog-file={folder}/error.log
""")
    if hop.large:
        lines.append("backend-response-buffer=256K\n")
    if hop.log:
        lines.append(f"accesslog-file={folder}/access.log\n")
    if hop.tls_in:
        lines.append(f"private-key-file={certificates.server_key}\ncertificate-file={certificates.server}\n")
    if hop.clients_show_certificates:
        lines.append(f"verify-client=yes\nverify-client-cacert={certificates.authority}\n")
    if hop.tls_out:
        lines.append(f"client-private-key-file={certificates.client_key}\nclient-cert-file={certificates.client}\n")
    if os.geteuid() == 0:
        lines.append("user=root\n")
    with open(folder + "/nghttpx.conf", "w") as f:
        f.writelines(lines)
    return ["nghttpx", f"--conf={folder}/nghttpx.conf"]
