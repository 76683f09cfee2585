"""A gRPC client in another language than the proxy's: calls Echo.Say and Echo.Repeat and prints what came. usage: grpc_client.py PORT COUNT"""
import sys

import grpc


def text_field(number, text):
    """One string field on the wire; short strings only."""
    data = text.encode()
    return bytes([number << 3 | 2, len(data)]) + data


def main(port, count):
    options = [("grpc.default_authority", "shop.example"), ("grpc.enable_http_proxy", 0)]
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
        say = channel.unary_unary("/outrigger.examples.echo.v1.Echo/Say")
        repeat = channel.unary_stream("/outrigger.examples.echo.v1.Echo/Repeat")
        missing = channel.unary_unary("/outrigger.examples.echo.v1.Echo/Missing")
        good = sum(text_field(4, f"hi {i}") in say(text_field(1, f"hi {i}"), timeout=20) for i in range(count))
        messages = sum(1 for _ in repeat(text_field(1, "again") + bytes([2 << 3, 100]), timeout=20))
        try:
            missing(b"", timeout=20)
            status = "OK"
        except grpc.RpcError as error:
            status = error.code().name
    print(f"{good} good, {messages} messages, missing method: {status}")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
