"""Python's http.server with a handler that reads bodies, chunked ones too, and tells in x-seen what it saw. Prints its port."""
import base64
import hashlib
import http.server
import json
import re


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 20
    wbufsize = -1

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def chunks(self):
        body = b""
        while True:
            size = re.match(rb"([0-9A-Fa-f]+)[ \t]*(;.*)?\r\n\Z", self.rfile.readline(70000))
            if size is None:
                return None
            if int(size.group(1), 16) == 0:
                break
            body += self.rfile.read(int(size.group(1), 16))
            if self.rfile.read(2) != b"\r\n":
                return None
        while True:
            line = self.rfile.readline(70000)
            if line in (b"\r\n", b""):
                return body
            if b":" not in line:
                return None

    def body(self):
        codings, lengths = self.headers.get_all("transfer-encoding", []), self.headers.get_all("content-length", [])
        if len(codings) + len(lengths) > 1:
            return None
        if codings:
            return self.chunks() if codings[0].lower() == "chunked" else None
        if not lengths:
            return b""
        if not re.fullmatch("[0-9]+", lengths[0]):
            return None
        body = self.rfile.read(int(lengths[0]))
        return body if len(body) == int(lengths[0]) else None

    def answer(self):
        body = self.body()
        if body is None:
            self.close_connection = True
            self.send_error(400)
            return
        # self.path has leading slashes taken away, for the sake of redirects; the line itself has not.
        target = self.requestline.split(" ")[1]
        said = {"method": self.command, "target": target, "host": self.headers.get("host"), "size": len(body),
                "sha1": hashlib.sha1(body).hexdigest()}
        self.send_response_only(200)
        self.send_header("x-seen", base64.b64encode(json.dumps(said).encode()).decode())
        if self.command != "CONNECT":
            self.send_header("content-length", "0")
        else:
            self.close_connection = True
        self.end_headers()

    def log_message(self, *words):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 1024

    def handle_error(self, request, client_address):
        pass


if __name__ == "__main__":
    with Server(("127.0.0.1", 0), Handler) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()
