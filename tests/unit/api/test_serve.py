"""How the API is served: who may, who gets in, and that nobody can make it wait."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import select
import socket
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from carom.api import serve as serving
from carom.api.serve import claim, listening, serve
from carom.errors import NetError

LARGE = b"x" * (8 << 20)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "carom.sock"


# ---- the claim ----


def test_a_claim_makes_the_folder_and_says_whose_it_is(path: Path) -> None:
    with claim(path):
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o755
        assert Path(f"{path}.lock").read_text() == f"{os.getpid()}\n"


def test_a_second_daemon_is_told_who_has_the_first_claim(path: Path) -> None:
    with claim(path), pytest.raises(NetError, match=rf"process {os.getpid()}\) serves {path} already"), claim(path):
        pytest.fail("two daemons serve one socket")


def test_a_claim_is_free_again_afterwards(path: Path) -> None:
    for _ in range(2):
        with claim(path):
            pass


def test_what_goes_wrong_under_a_claim_is_not_blamed_on_it(path: Path) -> None:
    with pytest.raises(BlockingIOError), claim(path):
        raise BlockingIOError


def test_a_claim_ends_with_its_process_however_it_ends(path: Path) -> None:
    child = multiprocessing.get_context("fork").Process(target=_claim_and_die, args=(path,))
    child.start()
    child.join(10)
    assert child.exitcode == -9
    assert Path(f"{path}.lock").exists()
    with claim(path):
        pass


def _claim_and_die(path: Path) -> None:
    with claim(path), listening(path):
        os.kill(os.getpid(), 9)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NetError, match=r"file/carom\.sock\.lock cannot be made"), claim(tmp_path / "file/carom.sock"):
        pytest.fail("a file is no folder")


@pytest.mark.root
def test_a_lock_that_root_makes_where_another_is_at_home_is_theirs(path: Path) -> None:
    path.parent.mkdir()
    os.chown(path.parent, 65534, 65534)
    with claim(path):
        assert Path(f"{path}.lock").stat().st_uid == 65534


# ---- the socket ----


def test_a_socket_is_for_root_and_the_group_and_is_gone_afterwards(path: Path) -> None:
    with claim(path), listening(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert not path.exists()


def test_a_dead_daemons_socket_is_replaced(path: Path) -> None:
    path.parent.mkdir()
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(path))
    dead.close()
    with claim(path), listening(path), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_a_path_too_long_for_a_socket_is_named(tmp_path: Path) -> None:
    too_long = tmp_path / ("x" * 120)
    with pytest.raises(NetError, match="cannot be listened on: AF_UNIX path too long"), listening(too_long):
        pytest.fail("no socket has such a name")


# ---- clients ----


async def small(_: Request) -> Response:
    return Response(b'{"well": true}', media_type="application/json")


async def large(_: Request) -> Response:
    return Response(LARGE)


async def never(_: Request) -> Response:
    await asyncio.Event().wait()
    return Response()


APP = Starlette(routes=[Route("/small", small), Route("/large", large), Route("/never", never)])


@asynccontextmanager
async def served(path: Path) -> AsyncIterator[None]:
    with claim(path), listening(path) as listener:
        server = asyncio.create_task(serve(APP, listener, lambda: None))
        try:
            yield
        finally:
            assert not server.done(), "no client may end the server"
            server.cancel()
            with suppress(asyncio.CancelledError):
                await server


def play(path: Path, scene: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(30), served(path):
            await scene()

    asyncio.run(bounded())


async def ask(path: Path, request: bytes) -> bytes:
    """Send it, and read until the server hangs up."""
    reader, writer = await asyncio.open_unix_connection(path)
    with suppress(OSError):
        writer.write(request)
        await writer.drain()
    answer = b""
    with suppress(OSError):
        answer = await reader.read(-1)
    writer.close()
    return answer


GET = b"GET /small HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n"


async def answers(path: Path) -> bool:
    head, _, body = (await ask(path, GET)).partition(b"\r\n\r\n")
    return head.startswith(b"HTTP/1.1 200 ") and json.loads(body) == {"well": True}


def test_a_request_is_answered(path: Path) -> None:
    async def scene() -> None:
        assert await answers(path)

    play(path, scene)


RUBBISH = {
    "zeros": b"\0" * 100,
    "TLS": b"\x16\x03\x01\x02",
    "no version": b"GET /small\r\n\r\n",
    "endless line": b"GET " + b"x" * 100_000,
    "empty lines": b"\r\n" * 5,
    "no ASCII": b"GET /\xff HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("rubbish", RUBBISH.values(), ids=RUBBISH)
def test_rubbish_is_turned_away_and_hurts_nobody(path: Path, rubbish: bytes) -> None:
    async def scene() -> None:
        async with asyncio.timeout(10):
            assert b" 200 " not in await ask(path, rubbish)
        assert await answers(path)

    play(path, scene)


@pytest.mark.parametrize(
    "begun", [b"", b"GET /small HTTP/1.1\r\nHost: d\r\n", GET.replace(b"close", b"keep-alive") + b"GET /sm"]
)
def test_who_does_not_finish_a_request_is_hung_up_on(path: Path, begun: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "REQUEST_WITHIN", 0.05)
    monkeypatch.setattr(serving, "IDLE", 0.05)

    async def scene() -> None:
        async with asyncio.timeout(3):
            await ask(path, begun)
        assert await answers(path)

    play(path, scene)


def test_a_request_that_comes_by_the_byte_does_not_buy_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "REQUEST_WITHIN", 0.2)

    async def scene() -> None:
        reader, writer = await asyncio.open_unix_connection(path)
        async with asyncio.timeout(3):
            with suppress(OSError):
                while not reader.at_eof():
                    writer.write(b"G")
                    await writer.drain()
                    with suppress(TimeoutError):
                        async with asyncio.timeout(0.02):
                            await reader.read(1)
        writer.close()

    play(path, scene)


def test_a_body_that_never_ends_does_not_buy_time_either(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "REQUEST_WITHIN", 0.1)
    monkeypatch.setattr(serving, "CHANGE_WITHIN", 0.1)
    monkeypatch.setattr(serving, "IDLE", 0.1)

    async def scene() -> None:
        async with asyncio.timeout(3):
            head = b"POST /small HTTP/1.1\r\nHost: d\r\nContent-Length: 1000000000\r\n\r\n"
            assert b" 405 " in await ask(path, head + b"x" * 100_000)

    play(path, scene)


def test_who_does_not_take_the_answer_is_hung_up_on(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "ANSWER_WITHIN", 0.1)

    async def scene() -> None:
        with socket.socket(socket.AF_UNIX) as client:
            client.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(client, str(path))
            await loop.sock_sendall(client, GET.replace(b"small", b"large"))
            assert await answers(path)
            received = 0
            async with asyncio.timeout(5):
                await wait_for_hang_up(client)
                with suppress(ConnectionResetError):
                    while data := await loop.sock_recv(client, 1 << 20):
                        received += len(data)
            assert received < len(LARGE)

    play(path, scene)


async def wait_for_hang_up(client: socket.socket) -> None:
    """Until the other end has closed, without reading a byte."""
    poll = select.poll()
    poll.register(client, select.POLLRDHUP)
    assert await asyncio.to_thread(poll.poll, 5000), "asyncio can only wait for bytes"


def test_a_flood_is_bounded_and_afterwards_all_is_well(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "CLIENTS", 20)
    monkeypatch.setattr(serving, "REQUEST_WITHIN", 0.3)

    async def scene() -> None:
        idle = [await asyncio.open_unix_connection(path) for _ in range(30)]
        assert b" 503 " in await ask(path, GET), "a polite no"
        idle += [await asyncio.open_unix_connection(path) for _ in range(30)]
        async with asyncio.timeout(5):
            await asyncio.gather(*(read_to_the_end(reader) for reader, _ in idle))
        for _, writer in idle:
            writer.close()
        assert await answers(path)

    play(path, scene)


async def read_to_the_end(reader: asyncio.StreamReader) -> None:
    with suppress(OSError):
        await reader.read(-1)


def test_the_end_does_not_wait_for_answers_that_never_come(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "LAST_ANSWERS", 0.1)

    async def scene() -> None:
        _, writer = await asyncio.open_unix_connection(path)
        writer.write(b"GET /never HTTP/1.1\r\nHost: d\r\n\r\n")
        await writer.drain()
        assert await answers(path)
        writer.close()

    play(path, scene)
