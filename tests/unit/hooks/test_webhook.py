"""A URL that is told of an event, on loopback."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from carom.errors import HookError
from carom.hooks.webhook import post
from tests.unit.checks.certificates import certificate, serving

EVENT = {"event": "real server down", "service": "web"}


class Site(ThreadingHTTPServer):
    """A site that takes events."""

    daemon_threads = True

    def __init__(self, status: int = 204) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.status = status
        self.heard: list[tuple[str, dict[str, str], Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/carom?token=secret"


class _Request(BaseHTTPRequestHandler):
    server: Site

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append((self.path, dict(self.headers), json.loads(body)))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        return


@contextmanager
def standing(status: int = 204) -> Iterator[Site]:
    with Site(status) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def tell(url: str, headers: tuple[tuple[str, str], ...] = (), timeout: float = 30.0) -> None:
    asyncio.run(post(url, headers, EVENT, timeout))


def test_it_gets_the_event_as_json_with_its_headers() -> None:
    with standing() as server:
        tell(server.url, (("Authorization", "Bearer x"),))
    [(path, headers, body)] = server.heard
    assert (path, body) == ("/carom?token=secret", EVENT)
    assert (headers["Authorization"], headers["Content-Type"]) == ("Bearer x", "application/json")


def test_a_header_of_ours_in_another_case_takes_its_place() -> None:
    with standing() as server:
        tell(server.url, (("content-type", "application/cloudevents+json"),))
    [(_, headers, _)] = server.heard
    assert {value for name, value in headers.items() if name.lower() == "content-type"} == {
        "application/cloudevents+json"
    }


@pytest.mark.parametrize("status", [302, 404, 500])
def test_another_status_is_a_failure_and_no_secret_is_told(status: int) -> None:
    with standing(status) as server, pytest.raises(HookError) as raised:
        tell(server.url)
    assert str(raised.value) == f"http://127.0.0.1:{server.server_address[1]} answers with status {status}"


def test_nobody_there_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(HookError, match=r"cannot be told: .*Connection refused"):
        tell(f"http://127.0.0.1:{port}/")


def test_one_that_answers_a_byte_at_a_time_is_cut_off_when_the_time_is_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = threading.Event()

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\n")
                try:
                    while not done.wait(0.02):
                        connection.sendall(b"X")
                except OSError:
                    done.set()  # we were cut off

        dripping = threading.Thread(target=drip)
        dripping.start()
        with pytest.raises(HookError, match=r"has not answered in 1 s"):
            tell(f"http://127.0.0.1:{listener.getsockname()[1]}/", timeout=1.0)
        assert done.wait(5)
        dripping.join()


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    context = serving(certificate(tmp_path, "hooks.example.com", 10))
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def shake_hands() -> None:
            connection, _ = listener.accept()
            with connection, pytest.raises(ssl.SSLError):
                context.wrap_socket(connection, server_side=True)

        server = threading.Thread(target=shake_hands)
        server.start()
        with pytest.raises(HookError, match="CERTIFICATE_VERIFY_FAILED"):
            tell(f"https://127.0.0.1:{listener.getsockname()[1]}/")
        server.join()
