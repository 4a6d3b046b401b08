"""The client: what it makes of every answer, and of none."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from carom.client import Client, Remote
from carom.errors import UnreachableError
from tests.unit.checks.certificates import certificate, serving


@contextmanager
def answering(path: Path, answer: bytes | None) -> Iterator[list[bytes]]:
    """A director that says this to the first who asks, or nothing at all; what it was asked."""
    asked: list[bytes] = []
    done = threading.Event()

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            asked.append(connection.recv(4096))
            if answer is None:
                done.wait(10)
            else:
                connection.sendall(answer)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        server = threading.Thread(target=serve, args=(listener,))
        server.start()
        yield asked
        done.set()
        server.join()


def http(status: str, body: bytes) -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), len(body), body)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "carom.sock"


def test_a_document_is_returned(path: Path) -> None:
    with answering(path, http("200 OK", b'{"faults": []}')) as asked:
        assert Client(path).get("/v1/status") == {"faults": []}
    assert asked[0].startswith(b"GET /v1/status HTTP/1.1\r\n")


def test_without_a_socket_no_director_answers(path: Path) -> None:
    with pytest.raises(UnreachableError, match=rf"no director answers on {path}: start caromd"):
        Client(path).get("/v1/status")


def test_a_dead_daemons_socket_is_the_same(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with pytest.raises(UnreachableError, match="no director answers"):
        Client(path).get("/v1/status")


def test_a_director_that_hangs_is_given_up(path: Path) -> None:
    with answering(path, None), pytest.raises(UnreachableError, match="has not answered within 0 s"):
        Client(path, timeout=0.05).get("/v1/status")


def test_where_many_ask_at_a_time_it_waits_for_its_turn(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as other:
        listener.bind(str(path))
        listener.listen(0)
        other.connect(str(path))
        with pytest.raises(UnreachableError, match="has not answered within 0 s"):
            Client(path, timeout=0.05).get("/v1/status")


@pytest.mark.parametrize(
    "answer", [b"", b"SSH-2.0\r\n", http("200 OK", b"<html>"), b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}"]
)
def test_what_is_no_director_is_said_to_be_none(path: Path, answer: bytes) -> None:
    with answering(path, answer), pytest.raises(UnreachableError, match="does not answer as one"):
        Client(path).get("/v1/status")


def test_a_refusal_is_passed_on(path: Path) -> None:
    busy = http("503 Service Unavailable", b'"busy"')
    with answering(path, busy), pytest.raises(UnreachableError, match="answers /v1/status with 503: busy"):
        Client(path).get("/v1/status")


# ---- on another host ----


@contextmanager
def elsewhere(folder: Path, answer: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """A director behind TLS that calls itself localhost: its port, and what it was asked."""
    asked: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        try:
            with context.wrap_socket(connection, server_side=True) as secured:
                asked.append(secured.recv(4096))
                secured.sendall(answer)
        except OSError:
            return  # whoever came did not trust it

    context = serving(certificate(folder, "localhost", 1))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve, args=(listener,))
        server.start()
        yield listener.getsockname()[1], asked
        server.join()


def test_on_another_host_it_is_asked_by_tls_and_with_the_token(tmp_path: Path) -> None:
    with elsewhere(tmp_path, http("200 OK", b'{"faults": []}')) as (port, asked):
        remote = Remote("localhost", port, "open sesame", tmp_path / "localhost1.crt")
        assert Client(remote).get("/v1/status") == {"faults": []}
    assert b"Authorization: Bearer open sesame\r\n" in asked[0]
    assert "sesame" not in repr(remote)


def test_a_host_that_cannot_prove_itself_is_told_nothing(tmp_path: Path) -> None:
    with elsewhere(tmp_path, b"") as (port, asked):
        remote = Remote("localhost", port, "open sesame")
        with pytest.raises(
            UnreachableError, match=rf"https://localhost:{port} is not believed to be the director \(self"
        ):
            Client(remote).get("/v1/status")
    assert asked == []


def test_nobody_there_is_said_with_what_to_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(
        UnreachableError, match=r"no director answers on https://127\.0\.0\.1:\d+: start caromd there with"
    ):
        Client(Remote("127.0.0.1", port, "x")).get("/v1/status")


def test_certificates_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match=r"https://\[::1\]:1 cannot be asked: its certificate cannot be checked"):
        Client(Remote("::1", 1, "x", tmp_path / "none")).get("/v1/status")
