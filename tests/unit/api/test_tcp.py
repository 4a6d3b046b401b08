"""The way in by TCP: who gets in, who waits, and what somebody leaves behind who was there."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import socket
import ssl
import struct
from asyncio.sslproto import SSLProtocol
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import pytest

from carom.api import serve as serving
from carom.api import tcp
from carom.api.serve import serve
from carom.api.tcp import listening_on, tls_context
from carom.errors import NetError
from tests.unit.api.test_serve import APP, GET
from tests.unit.checks.certificates import certificate

HELD = GET.replace(b"close", b"keep-alive")
NO_TLS = b"GET / HTTP/1.1\r\n\r\n"


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate and its key."""
    return certificate(tmp_path_factory.mktemp("tls"), "director", 1)


class Caller:
    """Connects to what is served."""

    def __init__(self, port: int, trust: Path) -> None:
        self._port = port
        self._trusting = ssl.create_default_context(cafile=str(trust))
        self._trusting.check_hostname = False

    def plain(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self._port), 10)

    def by_tls(self) -> ssl.SSLSocket:
        return self._trusting.wrap_socket(self.plain())

    def is_answered(self) -> bool:
        with self.by_tls() as connection:
            connection.sendall(GET)
            return b"".join(iter(lambda: connection.recv(4096), b"")).endswith(b'{"well": true}')

    async def is_answered_soon(self) -> bool:
        return await asyncio.to_thread(self.is_answered)


@asynccontextmanager
async def served(both: Path) -> AsyncIterator[Caller]:
    with listening_on("127.0.0.1", 0) as listener:
        server = asyncio.create_task(serve(APP, listener, lambda: None, tls_context(both, None)))
        yield Caller(listener.getsockname()[1], both)
        assert not server.done(), "no client may end the server"
        server.cancel()
        with suppress(asyncio.CancelledError):
            await server


def play(both: Path, scene: Callable[[Caller], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(30), served(both) as caller:
            await scene(caller)

    asyncio.run(bounded())


def test_it_is_answered_by_tls_and_not_without(both: Path) -> None:
    def ask_without(caller: Caller) -> bytes:
        with caller.plain() as connection:
            connection.sendall(GET)
            return connection.recv(4096)

    async def scene(caller: Caller) -> None:
        assert await caller.is_answered_soon()
        with suppress(OSError):
            assert b"HTTP" not in await asyncio.to_thread(ask_without, caller)
        assert await caller.is_answered_soon()

    play(both, scene)


def test_who_finds_all_places_taken_waits_for_one(both: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "STRANGERS", 2)

    async def scene(caller: Caller) -> None:
        inside = [await asyncio.to_thread(caller.by_tls), await asyncio.to_thread(caller.plain)]
        waiting = asyncio.create_task(caller.is_answered_soon())
        done, _ = await asyncio.wait([waiting], timeout=0.2)
        assert not done, "there is no third place"
        inside.pop().close()
        assert await waiting
        inside.pop().close()

    play(both, scene)


def test_who_does_not_begin_a_handshake_loses_the_place(both: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "STRANGERS", 1)
    monkeypatch.setattr(serving, "REQUEST_WITHIN", 0.1)

    async def scene(caller: Caller) -> None:
        with caller.plain():
            assert await caller.is_answered_soon()

    play(both, scene)


def test_without_files_left_it_waits_until_there_are_some(
    both: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tcp, "AFTER_A_FAILURE", 0.01)

    async def scene(caller: Caller) -> None:
        with caplog.at_level(logging.WARNING), caller.plain():
            with no_more_files():
                while not caplog.messages:  # noqa: ASYNC110 - a log cannot be awaited
                    await asyncio.sleep(0.01)
            assert caplog.messages[0] == "no connection is accepted for now: Too many open files"
            assert await caller.is_answered_soon()

    with caplog.at_level(logging.WARNING):
        play(both, scene)


@contextmanager
def no_more_files() -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    next_free = os.open("/dev/null", os.O_RDONLY)
    os.close(next_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (next_free, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


# ---- what is left behind ----


def no_tls(caller: Caller) -> None:
    with caller.plain() as connection:
        connection.sendall(NO_TLS)
        connection.recv(100)


def no_word(caller: Caller) -> None:
    caller.plain().close()


def half_a_handshake(caller: Caller) -> None:
    with caller.plain() as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def no_request(caller: Caller) -> None:
    caller.by_tls().close()


def no_http(caller: Caller) -> None:
    with caller.by_tls() as connection:
        connection.sendall(b"xx\r\n\r\n")
        connection.recv(100)


def one_request(caller: Caller) -> None:
    assert caller.is_answered()


def requests_whose_answers_nobody_takes(caller: Caller) -> None:
    with caller.by_tls() as connection:
        connection.sendall(4 * HELD)


def half_a_body(caller: Caller) -> None:
    with caller.by_tls() as connection:
        connection.sendall(b"POST /small HTTP/1.1\r\nHost: d\r\nContent-Length: 9\r\n\r\nabc")


ENDINGS = (
    *(no_tls, no_word, half_a_handshake, no_request, no_http, one_request),
    *(requests_whose_answers_nobody_takes, half_a_body),
)


@pytest.mark.parametrize("ending", ENDINGS)
def test_however_a_connection_ends_its_buffers_are_freed_at_once(
    both: Path, ending: Callable[[Caller], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quarter of a MiB for each would wait for a collection of garbage, which counts objects, not bytes."""
    monkeypatch.setattr(serving, "STRANGERS", 1)

    async def scene(caller: Caller) -> None:
        gc.collect()
        gc.disable()
        try:
            before = connections()
            for _ in range(5):
                await asyncio.to_thread(ending, caller)
            assert await caller.is_answered_soon(), "so that all before have ended: there is but one place"
            async with asyncio.timeout(5):
                while connections() > before:  # noqa: ASYNC110 - nothing tells when memory is freed
                    await asyncio.sleep(0.01)
        finally:
            gc.enable()

    play(both, scene)


def connections() -> int:
    return sum(isinstance(one, SSLProtocol) for one in gc.get_objects())


# ---- set-up ----


def test_a_certificate_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("nonsense")
    with pytest.raises(NetError, match=r"cert\.pem and its key cannot be used"):
        tls_context(tmp_path / "cert.pem", None)


def test_an_address_that_is_not_ours_is_named() -> None:
    with (
        pytest.raises(NetError, match=r"192\.0\.2\.1 port 3636 cannot be listened on"),
        listening_on("192.0.2.1", 3636),
    ):
        pytest.fail("nobody has that address")
