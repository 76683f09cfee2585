"""What is measured: each scenario is a load, one or two hops through a proxy, and a backend."""
import dataclasses

SMALL, LARGE = 100, 65536


@dataclasses.dataclass(frozen=True)
class Hop:
    """One running proxy: what it takes in and how it speaks to what is behind it."""

    listen: str = "h1"  # h1, h2 or tcp
    tls_in: bool = False
    clients_show_certificates: bool = False
    out: str = "h1"  # h1, h2 or tcp
    tls_out: bool = False  # mutual: the proxy shows its certificate
    grpc: bool = False
    log: bool = False  # an access log into a file
    routes: int = 1  # prefixes; the load goes to the last one
    clusters: int = 1  # the routes are spread over so many, all with the same endpoint
    large: bool = False  # bodies of 64 KiB: buffers are to be sized for them
    idle: int = 0  # connections that stay open


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    goal: float = None  # of the ratio to the cheapest peer
    hops: tuple = (Hop(),)
    kind: str = "requests"  # requests (h2load), handshakes (a connection per request) or idle (connections that stay)
    connections: int = 64
    streams: int = 1  # per connection, HTTP/2
    requests: int = 30000
    headers: tuple = ()
    body: int = SMALL  # of the answer
    rate: int = 0  # requests per second, of all connections together, instead of as fast as it goes

    @property
    def unit(self):
        return "KiB per connection" if self.kind == "idle" else "CPU us per request"

    @property
    def rounds(self):
        return 2 if self.kind == "idle" else 5  # memory is the same in every round

    @property
    def path(self):
        return route_path(self.hops[0].routes - 1) + "x"

    @property
    def tls(self):
        return any(hop.tls_in or hop.tls_out for hop in self.hops)

    def backend_words(self, certificates):
        last = self.hops[-1]
        words = [f"--body={self.body}"] + (["--grpc"] if last.grpc else ["--http2"] if last.out == "h2" else [])
        if last.tls_out:
            words += [f"--certificate={certificates.server}", f"--key={certificates.server_key}",
                      f"--authorities={certificates.authority}"]
        return words


def route_path(index):
    return f"/service/{index:05}/"


# Twelve headers of about 900 bytes together: what a browser behind a login sends.
REAL_HEADERS = (
    "accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "accept-encoding: gzip, deflate, br",
    "accept-language: en-GB,en;q=0.8,fi;q=0.5",
    "authorization: Bearer " + "eyJhbGciOiJFUzI1NiJ9" + "q7Zt" * 45,
    "cache-control: no-cache",
    "cookie: session=" + "4f8a" * 32 + "; theme=dark; seen=1",
    "referer: https://shop.example/catalogue/boats?page=3&sort=price",
    "sec-fetch-mode: navigate",
    "sec-fetch-site: same-origin",
    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "user-agent: Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Firefox/115.0",
    "x-client-version: 2026.11.3",
)

MESH = (Hop(out="h2", tls_out=True), Hop(listen="h2", tls_in=True, clients_show_certificates=True))


def routes_scenario(count):
    return Scenario(f"many-routes-{count}", f"h1 to the last of {count} prefix routes", None, (Hop(routes=count),))


def clusters_scenario(count):
    return Scenario(f"many-clusters-{count}", f"h1 to the last of {count} clusters, a route each", None,
                    (Hop(routes=count, clusters=count),))


SCENARIOS = {s.name: s for s in (
    Scenario("h1", "HTTP/1.1, 64 keep-alive connections, 100-byte answers", 0.85),
    Scenario("h1-latency", "HTTP/1.1, one connection, one request at a time", 0.85, connections=1, requests=15000),
    Scenario("h1-paced", "h1 with 28,000 requests/s, 70 % of what the slowest of them serves: its p99 counts", requests=56000,
             rate=28000),
    Scenario("h1-64k", "HTTP/1.1, 64 KiB answers", 0.75, (Hop(large=True),), requests=10000, body=LARGE),
    Scenario("h1-real", "HTTP/1.1, 12 headers of 900 bytes, the last of 20 routes, access log to a file", 0.75,
             (Hop(log=True, routes=20),), headers=REAL_HEADERS),
    Scenario("h2-h1", "HTTP/2 in (32 connections of 16 streams), HTTP/1.1 out", 0.85, (Hop(listen="h2"),), connections=32,
             streams=16),
    Scenario("h2-h2", "HTTP/2 in (32 connections of 16 streams), HTTP/2 out", 0.85, (Hop(listen="h2", out="h2"),),
             connections=32, streams=16),
    Scenario("grpc", "gRPC unary calls (32 connections of 16 streams), trailers", 0.85,
             (Hop(listen="h2", out="h2", grpc=True),), connections=32, streams=16),
    Scenario("https", "HTTP/1.1 over TLS 1.3 in, plain out", 0.90, (Hop(tls_in=True),)),
    Scenario("mtls-h1", "HTTP/1.1 in, HTTP/1.1 over mutual TLS out", 0.90, (Hop(tls_out=True),)),
    Scenario("mtls-h2", "HTTP/1.1 in, HTTP/2 over mutual TLS out", 0.85, (Hop(out="h2", tls_out=True),)),
    Scenario("mesh", "HTTP/1.1 through two proxies with HTTP/2 over mutual TLS between them", None, MESH),
    Scenario("tls-new", "a TLS 1.3 connection with a full handshake for each request", 1.0, (Hop(tls_in=True),),
             "handshakes", requests=1000),
    Scenario("tls-resumed", "a resumed TLS 1.3 connection for each request", 1.0, (Hop(tls_in=True),), "handshakes",
             requests=1000),
    Scenario("tcp-64k", "plain TCP, an HTTP/1.1 exchange with 64 KiB answers inside", 0.85,
             (Hop(listen="tcp", out="tcp", large=True),), requests=10000, body=LARGE),
    Scenario("idle-h1", "5,000 HTTP/1.1 connections, idle after one request each", None, (Hop(idle=5000),), "idle",
             connections=5000),
    Scenario("idle-tls", "2,000 HTTP/1.1 connections over TLS, idle after one request each", None,
             (Hop(tls_in=True, idle=2000),), "idle", connections=2000),
    Scenario("idle-h2", "2,000 HTTP/2 connections, idle after one request each", None, (Hop(listen="h2", idle=2000),),
             "idle", connections=2000),
    routes_scenario(20), routes_scenario(1000), routes_scenario(20000),
    clusters_scenario(10), clusters_scenario(1000),
)}


def chosen(names):
    """The scenarios of these names, in the order of the table; a name also stands for those that begin with it and a dash."""
    if not names:
        return list(SCENARIOS.values())
    family = [n for n in names if n not in SCENARIOS]
    found = [s for s in SCENARIOS.values() if s.name in names or any(s.name.startswith(n + "-") for n in family)]
    for name in family:
        if not any(s.name.startswith(name + "-") for s in found):
            raise SystemExit(f"tools/bench: no scenario {name}; there are {', '.join(SCENARIOS)}")
    return found
