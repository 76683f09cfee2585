"""Changes the configuration again and again, one type at a time, by the rule in test/push/README.md."""
import http.client
import random
import threading
import time


class Changer(threading.Thread):
    """made: how many changes of each type that clients can see. failures: what went wrong with the changes themselves."""

    LIMIT = 10  # seconds for a new listener to answer

    def __init__(self, state, folder, pauses, seed=1):
        super().__init__(daemon=True)
        self.state, self.folder, self.pauses = state, folder, pauses
        self.random = random.Random(seed)
        self.ending = threading.Event()
        self.made = {kind: 0 for kind in ("RDS", "CDS", "EDS", "LDS", "SDS")}
        self.unseen = 0  # changes of settings that no answer shows
        self.listeners_seen = 0
        self.failures = []

    def run(self):
        turns = (self.routes, self.endpoints, self.secret, self.listeners, self.clusters, self.settings)
        try:
            while not self.ending.is_set():
                for turn in turns:
                    turn()
                    if self.ending.wait(self.random.uniform(*self.pauses)):
                        return
        except Exception as error:  # a thread that dies silently would look like a quiet run
            self.failures.append(f"the changer stopped: {error!r}")

    def stop(self):
        self.ending.set()
        if self.is_alive():
            self.join()

    def publish(self, kind=None):
        self.state.write(self.folder)
        if kind is None:
            self.unseen += 1
        else:
            self.made[kind] += 1

    def routes(self):
        self.state.route_version += 1
        self.publish("RDS")

    def endpoints(self):
        """A new endpoint comes, the oldest goes."""
        self.state.endpoints = self.state.endpoints[1:] + [self.state.endpoints[-1] + 1]
        self.publish("EDS")

    def secret(self):
        self.state.serial += 1
        self.state.certificate = self.state.authority.certificate(self.state.serial)
        self.publish("SDS")

    def clusters(self):
        """New clusters with endpoints of their own; the routes move there; the old ones go."""
        self.state.cluster_version += 1
        self.publish("CDS")

    def settings(self):
        """The same clusters with other limits."""
        self.state.settings += 1
        self.publish()

    def listeners(self):
        """Other settings of every connection manager; and a listener more, or one less."""
        self.state.server_version += 1
        self.state.with_extra = not self.state.with_extra
        self.publish("LDS")
        if self.state.with_extra:
            self.expect_listener()

    def expect_listener(self):
        until = time.monotonic() + self.LIMIT
        while not self.ending.is_set():
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.state.extra, timeout=5)
                connection.request("POST", "/echo", b"new listener", {"host": "push.test"})
                answer = connection.getresponse()
                if answer.status != 200 or answer.read() != b"new listener":
                    self.failures.append(f"the new listener answered {answer.status}")
                self.listeners_seen += 1
                return
            except OSError as error:
                if time.monotonic() > until:
                    self.failures.append(f"the new listener did not answer: {error}")
                    return
                time.sleep(0.02)
            finally:
                connection.close()
