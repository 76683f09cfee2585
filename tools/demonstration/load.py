"""An HTTP/1.1 load of known rate over kept-alive connections, every answer checked. Failed: no 2xx, a broken or late answer, a broken
connection. A failed request is never tried again."""
import collections
import json
import socket
import threading
import time


class Connection:
    """One keep-alive connection; raises OSError or ValueError for whatever is not a whole answer."""

    def __init__(self, port, timeout):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def close(self):
        self.file.close()
        self.socket.close()

    def request(self, host, path, headers=(), body=b""):
        """(status, headers, body)"""
        lines = [f"{'POST' if body else 'GET'} {path} HTTP/1.1", f"host: {host}", f"content-length: {len(body)}", *headers, "", ""]
        self.socket.sendall("\r\n".join(lines).encode() + body)
        status = self.file.readline()
        if not status.startswith(b"HTTP/1.1 "):
            raise ValueError(f"no status line: {status!r}")
        answer = {}
        for line in iter(self.file.readline, b"\r\n"):
            if not line.endswith(b"\r\n"):
                raise ValueError("the answer was cut")
            name, _, value = line.decode("latin-1").partition(":")
            answer[name.lower()] = value.strip()
        return int(status.split()[1]), answer, self.body(answer)

    def body(self, headers):
        if headers.get("transfer-encoding") == "chunked":
            out = b""
            while (size := int(self.file.readline().split(b";")[0], 16)) > 0:
                out += self.exactly(size)
                self.file.readline()
            while self.file.readline() not in (b"\r\n", b""):
                pass
            return out
        return self.exactly(int(headers.get("content-length", "0")))

    def exactly(self, size):
        out = self.file.read(size)
        if len(out) != size:
            raise ValueError("the answer was cut")
        return out


class Load:
    """Runs from start() to stop(); counts can be read at any time."""

    def __init__(self, port, host, rate=400, threads=4, timeout=10):
        self.port, self.host, self.timeout = port, host, timeout
        self.pause = threads / rate
        self.lock = threading.Lock()
        self.sent = self.failed = 0
        self.versions = collections.Counter()
        self.reasons = []
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(i,), daemon=True) for i in range(threads)]

    def start(self):
        for thread in self.threads:
            thread.start()
        return self

    def stop(self):
        self.ended.set()
        for thread in self.threads:
            thread.join()
        return self

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def mark(self):
        """The counts so far: (requests, failed, {version: answers})."""
        with self.lock:
            return self.sent, self.failed, dict(self.versions)

    def since(self, mark):
        sent, failed, versions = self.mark()
        return sent - mark[0], failed - mark[1], {v: n - mark[2].get(v, 0) for v, n in sorted(versions.items())}

    def wait_for(self, count, mark=(0, 0, {}), limit=120):
        """Until `count` requests were made since the mark."""
        deadline = time.monotonic() + limit
        while self.since(mark)[0] < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the load made only {self.since(mark)[0]} of {count} requests")
            time.sleep(0.02)

    def run(self, number):
        connection = None
        due = time.monotonic() + number * self.pause / len(self.threads)
        count = 0
        while not self.ended.is_set():
            due += self.pause
            version, reason = "", ""
            count += 1
            try:
                if connection is None or count % 50 == 0:  # now and then a new connection, as clients do
                    if connection is not None:
                        connection.close()
                    connection = Connection(self.port, self.timeout)
                body = f"{number}-{count}".encode()
                status, headers, text = connection.request(self.host, f"/load/{number}/{count}", body=body)
                if status // 100 == 2:
                    answer = json.loads(text)
                    version = answer["version"]
                    if answer["body"] != body.decode():
                        reason = "the body of another request"
                else:
                    reason = f"status {status}: {text[:100].decode('latin-1').strip()}"
                if headers.get("connection") == "close":
                    connection.close()
                    connection = None
            except (OSError, ValueError, KeyError) as error:
                reason = f"{type(error).__name__}: {error}"
                if connection is not None:
                    connection.close()
                connection = None
            with self.lock:
                self.sent += 1
                if reason:
                    self.failed += 1
                    self.reasons.append(reason)
                else:
                    self.versions[version] += 1
            wait = due - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            else:
                due = time.monotonic()
        if connection is not None:
            connection.close()
