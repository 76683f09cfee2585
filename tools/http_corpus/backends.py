"""The four HTTP servers that a forwarded message is given to, and what each made of it."""
import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time

from . import recorder
from .exchange import answers, exchange

HERE = os.path.dirname(os.path.abspath(__file__))
AFTER = b"GET /after HTTP/1.1\r\nhost: after.test\r\nconnection: close\r\n\r\n"  # behind each message, on the same connection
PATIENCE = 6.0  # seconds

NGINX = """daemon off; pid %(folder)s/nginx.pid; error_log %(folder)s/nginx.error.log info; worker_processes 1;
events { worker_connections 4096; }
http {
  access_log off; client_body_temp_path %(folder)s/n1; proxy_temp_path %(folder)s/n2; fastcgi_temp_path %(folder)s/n3;
  uwsgi_temp_path %(folder)s/n4; scgi_temp_path %(folder)s/n5;
  client_header_buffer_size 128k; large_client_header_buffers 8 128k; client_max_body_size 0; client_body_buffer_size 256k;
  server {
    listen 127.0.0.1:%(port)d backlog=1024;
    location / {
      proxy_pass http://127.0.0.1:%(recorder)d; proxy_http_version 1.1; proxy_set_header Host $http_host;
      proxy_set_header Connection close; proxy_set_header Expect ""; proxy_set_header Upgrade ""; proxy_buffers 8 256k; proxy_buffer_size 256k;
    }
  }
}
"""
HAPROXY = """global
  maxconn 4000
  tune.bufsize 262144
  tune.http.maxhdr 400
defaults
  mode http
  timeout connect 5s
  timeout client 15s
  timeout server 15s
  http-reuse never
  retries 0
frontend in
  bind 127.0.0.1:%(port)d
  default_backend out
backend out
  server recorder 127.0.0.1:%(recorder)d
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Backend:
    """A program that listens on `port`; what it saw comes back in x-seen, from itself or from the recorder behind it."""

    def __init__(self, name, folder):
        self.name, self.folder, self.port, self.process, self.server, self.version = name, folder, 0, None, None, "?"
        self.log = []  # of the recorder

    async def start(self):
        getattr(self, "start_" + self.name)()
        if self.name in ("nginx", "haproxy"):
            self.server, behind = await recorder.serve(self.log)
            self.port = free_port()
            text = {"nginx": NGINX, "haproxy": HAPROXY}[self.name]
            path = os.path.join(self.folder, self.name + ".conf")
            with open(path, "w") as f:
                f.write(text % {"folder": self.folder, "port": self.port, "recorder": behind})
            self.spawn(self.words + [path])
        else:
            self.spawn(self.words, stdout=subprocess.PIPE)
            self.port = int(await asyncio.get_running_loop().run_in_executor(None, self.process.stdout.readline))
        await self.wait()

    def spawn(self, words, stdout=subprocess.DEVNULL):
        with open(os.path.join(self.folder, self.name + ".log"), "w") as log:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=stdout, stderr=log)

    def program(self, name, version):
        path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin")
        if path is None:
            raise RuntimeError(f"{name} is not installed (tools/setup)")
        done = subprocess.run([path, version], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.version = done.stdout.splitlines()[0]
        return path

    def start_nginx(self):
        self.words = [self.program("nginx", "-v"), "-p", self.folder, "-e", self.folder + "/nginx.error.log", "-c"]

    def start_haproxy(self):
        self.words = [self.program("haproxy", "-v"), "-db", "-q", "-f"]

    def start_node(self):
        self.words = [self.program("node", "--version"), os.path.join(HERE, "node_backend.js")]

    def start_python(self):
        self.version = "Python " + sys.version.split()[0]
        self.words = [sys.executable, "-B", os.path.join(HERE, "python_backend.py")]

    async def wait(self):
        end = time.monotonic() + 30
        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.close()
                return
            except OSError:
                await asyncio.sleep(0.05)
        with open(os.path.join(self.folder, self.name + ".log"), errors="replace") as f:
            raise RuntimeError(f"{self.name} did not start:\n" + f.read()[-2000:])

    async def give(self, message):
        """What it made of a message and of the request behind it: [(status, seen)...], and whether it closed in time."""
        got, closed = await exchange(self.port, message + AFTER, False, PATIENCE)
        self.log.clear()
        return answers(got, [message.split(b" ", 1)[0]]), closed

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.server is not None:
            self.server.close()
