"""The small HTTP server of each real server: `python -m carom.lab.webserver NAME ADDRESS:PORT...`.

    GET /            who answered whom, the server's name first
    GET /bytes/N     N bytes of nothing, for a download as long as one likes

Its `Server` header is the real server's name, so that every answer says whose it is.
"""

from __future__ import annotations

import socket
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from socketserver import TCPServer
from typing import cast

_CHUNK = bytes(1 << 16)


class WebServer(ThreadingHTTPServer):
    """Listens on one address and port; every connection has a thread."""

    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, name: str, host: str, port: int) -> None:
        self.name = name
        self.address_family = socket.AF_INET6 if ip_address(host).version == 6 else socket.AF_INET
        super().__init__((host, port), Page)

    def server_bind(self) -> None:
        """Without HTTPServer's look-up of its own name: the lab has no DNS to ask."""
        TCPServer.server_bind(self)


class Page(BaseHTTPRequestHandler):
    """Answers one connection's requests, one after the other."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # header and body leave in one segment

    def do_GET(self) -> None:
        match self.path.strip("/").split("/"):
            case [""]:
                self._answer(self._greeting())
            case ["bytes", size] if size.isdecimal():
                self._send(int(size))
            case _:
                self.send_error(HTTPStatus.NOT_FOUND, explain="There are / and /bytes/N.")

    def version_string(self) -> str:
        return cast(WebServer, self.server).name

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name for it
        """Say nothing: the lab counts packets, not lines."""

    def _greeting(self) -> bytes:
        client, own = self.client_address, self.connection.getsockname()
        return f"{self.version_string()} answers {client[0]} port {client[1]} as {own[0]} port {own[1]}\n".encode()

    def _answer(self, body: bytes) -> None:
        self._head(len(body))
        self.wfile.write(body)

    def _send(self, size: int) -> None:
        self._head(size)
        for start in range(0, size, len(_CHUNK)):
            self.wfile.write(_CHUNK[: size - start])

    def _head(self, size: int) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(size))
        self.end_headers()


def serve(name: str, endpoints: list[tuple[str, int]]) -> None:
    """Listen on all of them and answer for ever."""
    servers = [WebServer(name, host, port) for host, port in endpoints]
    threads = [threading.Thread(target=server.serve_forever) for server in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def parse_endpoint(text: str) -> tuple[str, int]:
    """`192.168.76.24:80` and `[fd00:76::24]:80` as an address and a port."""
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def endpoint_text(host: str, port: int) -> str:
    """What `parse_endpoint` reads."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


if __name__ == "__main__":
    serve(sys.argv[1], [parse_endpoint(text) for text in sys.argv[2:]])
