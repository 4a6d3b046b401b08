"""The real servers' web server, on loopback."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest

from carom.lab.webserver import WebServer, endpoint_text, parse_endpoint


@pytest.fixture
def server() -> Iterator[WebServer]:
    server = WebServer("real1", "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def client(server: WebServer) -> Iterator[HTTPConnection]:
    connection = HTTPConnection("127.0.0.1", server.server_address[1], timeout=5)
    yield connection
    connection.close()


def get(client: HTTPConnection, path: str) -> tuple[int, str | None, bytes]:
    client.request("GET", path)
    response = client.getresponse()
    return response.status, response.getheader("Server"), response.read()


def test_an_answer_names_the_server_the_client_and_the_address_asked(client: HTTPConnection, server: WebServer) -> None:
    status, name, body = get(client, "/")
    own = client.sock.getsockname()[1]
    assert (status, name) == (200, "real1")
    assert body == f"real1 answers 127.0.0.1 port {own} as 127.0.0.1 port {server.server_address[1]}\n".encode()


def test_one_connection_serves_many_requests(client: HTTPConnection) -> None:
    get(client, "/")
    port = client.sock.getsockname()
    get(client, "/")
    assert client.sock.getsockname() == port


@pytest.mark.parametrize("size", [0, 1, 65536, 1_000_001])
def test_a_download_is_as_long_as_asked_for(client: HTTPConnection, size: int) -> None:
    status, name, body = get(client, f"/bytes/{size}")
    assert (status, name, len(body)) == (200, "real1", size)


@pytest.mark.parametrize("path", ["/bytes", "/bytes/-1", "/bytes/1/2", "/elsewhere"])
def test_anything_else_is_not_found(client: HTTPConnection, path: str) -> None:
    assert get(client, path)[0] == 404


def test_it_listens_on_ipv6_too() -> None:
    with WebServer("real1", "::1", 0) as server:
        assert server.socket.family is socket.AF_INET6


@pytest.mark.parametrize("endpoint", [("192.168.76.24", 80), ("fd00:76::24", 8080)])
def test_endpoints_are_read_as_they_are_written(endpoint: tuple[str, int]) -> None:
    assert parse_endpoint(endpoint_text(*endpoint)) == endpoint
