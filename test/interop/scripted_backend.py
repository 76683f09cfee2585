"""An HTTP/1.1 server that answers as the path says; prints `port N`. What it got comes back in the body.

/status/503[?k=v]      that status; each query pair is a response header
/sleep/2.5             answers after so many seconds
/close, /reset         ends the connection without an answer (FIN, RST)
/half                  promises 100 bytes, sends 10, closes
/garbage               no HTTP at all
/big/N                 N bytes; /chunked: in chunks with a trailer
/upgrade               takes any Upgrade and echoes bytes
"""
import socket
import struct
import sys
import threading
import time
from urllib.parse import parse_qsl, urlsplit


def read_head(stream):
    lines = []
    while True:
        line = stream.readline()
        if not line:
            return None
        if line in (b"\r\n", b"\n"):
            if lines:
                return lines
            continue
        lines.append(line.decode("latin-1").rstrip("\r\n"))


def read_body(stream, headers):
    if "chunked" in headers.get("transfer-encoding", ""):
        body = b""
        while True:
            size = int(stream.readline().split(b";")[0], 16)
            if size == 0:
                while stream.readline().strip():
                    pass
                return body
            body += stream.read(size)
            stream.readline()
    return stream.read(int(headers.get("content-length", "0")))


def answer(connection, method, target, lines, body, headers):
    path, query = urlsplit(target).path, parse_qsl(urlsplit(target).query, keep_blank_values=True)
    word = path.strip("/").split("/")
    status, more, out = 200, [], ("\n".join(lines) + "\n\n").encode() + body
    if word[0] == "status":
        status, more = int(word[1]), query
    elif word[0] == "sleep":
        time.sleep(float(word[1]))
    elif word[0] == "close":
        return False
    elif word[0] == "reset":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False
    elif word[0] == "garbage":
        connection.sendall(b"\x00\x01\x02 this is no HTTP\r\n\r\n")
        return False
    elif word[0] == "half":
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n0123456789")
        return False
    elif word[0] == "big":
        out = b"x" * int(word[1])
    elif word[0] == "chunked":
        connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\nx-sum: 11\r\n\r\n")
        return True
    elif word[0] == "upgrade" and "upgrade" in headers:
        connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: " + headers["upgrade"].encode() + b"\r\n\r\n")
        return None
    head = "HTTP/1.1 %d Whatever\r\n" % status + "".join("%s: %s\r\n" % pair for pair in more)
    if status not in (204, 304):
        head += "content-length: %d\r\n" % len(out)
    connection.sendall(head.encode() + b"\r\n" + (b"" if method == "HEAD" or status in (204, 304) else out))
    return True


def serve(connection):
    stream = connection.makefile("rb")
    try:
        while True:
            lines = read_head(stream)
            if lines is None:
                break
            method, target, _ = lines[0].split(" ", 2)
            headers = {k.strip().lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:])}
            keep = answer(connection, method, target, lines, read_body(stream, headers), headers)
            if keep is None:
                while True:
                    data = stream.read1(65536)
                    if not data:
                        break
                    connection.sendall(data)
            if not keep:
                break
    except (OSError, ValueError):
        pass
    finally:
        stream.close()
        connection.close()


def main():
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    print("port", listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
