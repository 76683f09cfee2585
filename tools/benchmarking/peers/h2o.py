"""h2o: one thread, kept-alive upstream connections."""
import os
import re

from benchmarking.processes import version_of
from benchmarking.scenarios import route_path

NAME = "h2o"


def version():
    return version_of(["h2o", "-v"], re.compile(r"h2o version (\S+)"))


def cannot(scenario):
    if scenario.hops[0].listen == "tcp":
        return "no plain TCP proxying"
    if any(hop.out == "h2" for hop in scenario.hops):
        return "speaks HTTP/1.1 to upstreams only (since 2.3 also HTTP/2)"
    if any(hop.tls_out for hop in scenario.hops):
        return "shows no certificate to upstreams"
    return None


def command(folder, hop, port, target, certificates):
    paths = "".join(f"      {route_path(i)}: {{proxy.reverse.url: \"http://127.0.0.1:{target}{route_path(i)}\"}}\n"
                    for i in range(hop.routes))
    tls = ""
    if hop.tls_in:
        tls = (f"  ssl: {{certificate-file: {certificates.server}, key-file: {certificates.server_key}, "
               "minimum-version: TLSv1.2, ocsp-update-interval: 0}\n")
    config = f"""{"user: root" if os.geteuid() == 0 else ""}
num-threads: 1
num-name-resolution-threads: 1
max-connections: 8192
listen:
  host: 127.0.0.1
  port: {port}
{tls}http1-request-timeout: 3600
http2-idle-timeout: 3600
http2-max-concurrent-requests-per-connection: 256
proxy.timeout.keepalive: 3600000
proxy.timeout.io: 3600000
pid-file: {folder}/h2o.pid
error-log: {folder}/error.log
{f"access-log: {folder}/access.log" if hop.log else ""}
hosts:
  "*":
    paths:
{paths}"""
    with open(folder + "/h2o.conf", "w") as f:
        f.write(config)
    return ["h2o", "-m", "worker", "-c", folder + "/h2o.conf"]
