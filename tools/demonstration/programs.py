"""Starts and ends programs, and asks them things."""
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request


def free_ports(count):
    """Free TCP ports of the loopback address; all are held until the last is known, so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def wait_until(what, condition, limit=60):
    """Polls the condition until it gives something true, which is the result."""
    deadline = time.monotonic() + limit
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {limit} s in vain: {what}")
        time.sleep(0.05)


def fetch(port, path, method="GET"):
    """(status, text) of a page on the loopback address; (0, reason) if nobody answers."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode("utf-8", "replace")
    except OSError as error:
        return 0, str(error)


class Program:
    """A program with its output in a file of the demonstration's folder, in a session of its own unless told otherwise."""

    def __init__(self, name, command, folder, own_session=True):
        self.name, self.command, self.folder, self.own_session = name, command, folder, own_session
        self.log = os.path.join(folder, name + ".log")
        self.process = None

    def start(self):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                                            start_new_session=self.own_session)
        return self

    def output(self):
        with open(self.log, errors="replace") as log:
            return log.read()

    def check(self):
        """Raises if the program ended by itself."""
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name} ended with code {self.process.returncode}:\n{self.output()[-3000:]}")
        return True

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self, limit=10):
        """SIGTERM, then after a while SIGKILL. Returns the exit code."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(limit)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode
