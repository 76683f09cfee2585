"""nginx, as its documentation says for a reverse proxy under load: kept-alive upstream connections, buffers that hold an answer."""
import os
import re

from benchmarking.processes import version_of
from benchmarking.scenarios import route_path

NAME = "nginx"
STREAM_MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so"
KEEP = "keepalive_requests 1000000000; keepalive_timeout 1h;"


def version():
    return version_of(["nginx", "-v"], re.compile(r"nginx/(\S+)"))


def cannot(scenario):
    if any(hop.out == "h2" and not hop.grpc for hop in scenario.hops):
        return "speaks HTTP/2 to upstreams for gRPC only"
    if scenario.hops[0].listen == "tcp" and not os.path.exists(STREAM_MODULE):
        return "the stream module is not installed"
    return None


def tls_in(hop, certificates):
    text = f"""ssl_certificate {certificates.server}; ssl_certificate_key {certificates.server_key}; ssl_protocols TLSv1.3;
    ssl_ecdh_curve prime256v1; ssl_session_cache shared:s:10m; ssl_session_timeout 1h; ssl_buffer_size {16 if hop.large else 4}k;"""
    if hop.clients_show_certificates:
        text += f" ssl_verify_client on; ssl_client_certificate {certificates.authority};"
    return text


def pass_to(hop, upstream, certificates):
    if hop.grpc:
        return f"grpc_pass grpc://{upstream};"
    text = f"proxy_pass http{'s' if hop.tls_out else ''}://{upstream}; proxy_http_version 1.1; proxy_set_header Connection \"\";"
    if hop.tls_out:
        text += f"""
      proxy_ssl_certificate {certificates.client}; proxy_ssl_certificate_key {certificates.client_key};
      proxy_ssl_trusted_certificate {certificates.authority}; proxy_ssl_verify on; proxy_ssl_name bench; proxy_ssl_server_name on;
      proxy_ssl_protocols TLSv1.3; proxy_ssl_session_reuse on;"""
    return text


def http(folder, hop, port, target, certificates):
    upstreams = "\n".join(f"  upstream u{i} {{ server 127.0.0.1:{target}; keepalive 512; {KEEP} }}" for i in range(hop.clusters))
    locations = "\n".join(f"    location {route_path(i)} {{ {pass_to(hop, f'u{i % hop.clusters}', certificates)} }}"
                          for i in range(hop.routes))
    log = f"access_log {folder}/access.log combined buffer=64k flush=5s;" if hop.log else "access_log off;"
    buffers = "proxy_buffer_size 32k; proxy_buffers 8 32k; proxy_busy_buffers_size 128k;" if hop.large else ""
    return f"""http {{
  {log} {KEEP} tcp_nodelay on; {buffers} proxy_max_temp_file_size 0;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d;
  scgi_temp_path {folder}/e;
{upstreams}
  server {{
    listen 127.0.0.1:{port}{" ssl" if hop.tls_in else ""}{" http2" if hop.listen == "h2" else ""} backlog=8192;
    http2_max_concurrent_streams 1024;
    {tls_in(hop, certificates) if hop.tls_in else ""}
{locations}
  }}
}}"""


def command(folder, hop, port, target, certificates):
    if hop.listen == "tcp":
        modules = f"load_module {STREAM_MODULE};"
        body = f"""stream {{
  server {{ listen 127.0.0.1:{port} backlog=8192; proxy_pass 127.0.0.1:{target}; proxy_buffer_size 64k; tcp_nodelay on; }}
}}"""
    else:
        modules, body = "", http(folder, hop, port, target, certificates)
    user = "user root;" if os.geteuid() == 0 else ""
    with open(folder + "/nginx.conf", "w") as f:
        f.write(f"""{modules}
daemon off; master_process on; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log; {user}
worker_rlimit_nofile 20000;
events {{ worker_connections 8192; multi_accept on; }}
{body}
""")
    return ["nginx", "-p", folder, "-e", folder + "/error.log", "-c", folder + "/nginx.conf"]
