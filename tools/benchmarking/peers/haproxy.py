"""HAProxy: one thread, connections to servers always shared, kept and never given up, splicing where its manual advises it."""
import re

from benchmarking.processes import version_of
from benchmarking.scenarios import route_path

NAME = "haproxy"


def version():
    return version_of(["haproxy", "-v"], re.compile(r"version (\S+)"))


def cannot(scenario):
    return None


def bind(hop, port, certificates):
    text = f"bind 127.0.0.1:{port} backlog 8192"
    if hop.tls_in:
        text += f" ssl crt {certificates.server_pair} alpn {'h2' if hop.listen == 'h2' else 'http/1.1'} curves P-256"
        if hop.clients_show_certificates:
            text += f" ca-file {certificates.authority} verify required"
    elif hop.listen == "h2":
        text += " proto h2"
    return text


def server(hop, target, certificates):
    text = f"server s 127.0.0.1:{target} pool-max-conn -1 pool-low-conn 64 pool-purge-delay 1h"
    if hop.tls_out:
        text += f" ssl crt {certificates.client_pair} ca-file {certificates.authority} verify required sni str(bench)"
        text += " alpn h2" if hop.out == "h2" else " alpn http/1.1"
    elif hop.out == "h2":
        text += " proto h2"
    return text


def command(folder, hop, port, target, certificates):
    mode = "tcp" if hop.listen == "tcp" else "http"
    choice = "default_backend b0"
    if hop.routes > 1:  # a map is its way to many paths: a tree, not a list of rules
        with open(folder + "/routes.map", "w") as f:
            f.writelines(f"{route_path(i)} b{i % hop.clusters}\n" for i in range(hop.routes))
        choice = f"use_backend %[path,map_beg({folder}/routes.map)]"
    backends = "\n".join(f"backend b{i}\n  {server(hop, target, certificates)}" for i in range(hop.clusters))
    # It leaves the reason phrase of an HTTP/2 answer empty, and h2load counts an HTTP/1.1 answer without one as failed.
    reason = "http-response set-status 200 reason OK" if hop.listen == "h1" and hop.out == "h2" else ""
    config = f"""
global
  nbthread 1
  maxconn 6000
  ssl-default-bind-options ssl-min-ver TLSv1.3
  ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256
  ssl-default-server-options ssl-min-ver TLSv1.3
  ssl-default-server-ciphersuites TLS_AES_128_GCM_SHA256
  tune.h2.max-concurrent-streams 1024
  tune.pool-high-fd-ratio 90
  {"tune.pipesize 262144" if hop.large else ""}
defaults
  mode {mode}
  maxconn 6000
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  {"http-reuse always" if mode == "http" else ""}
  {"option splice-auto" if hop.large else ""}
  {"log stdout format raw local0" if hop.log else ""}
  {"option httplog" if hop.log else ""}
frontend f
  {bind(hop, port, certificates)}
  {choice}
  {reason}
{backends}
"""
    with open(folder + "/haproxy.cfg", "w") as f:
        f.write(config)
    return ["haproxy", "-db", "-f", folder + "/haproxy.cfg"]
