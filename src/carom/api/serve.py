"""How the API is served: uvicorn on a unix socket, and on TCP with TLS where that is asked for.

There is an end to everything that a client can make it wait for.

The socket's file mode decides who may connect, and who connects is known to what it asks (`carom.api.peer`). A lock
file beside the socket decides who may serve: a lock goes with its process, so the socket that a killed daemon left
behind is told from one that is alive.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h11
import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

from carom.api.peer import READERS, group_id, peer_of
from carom.api.tcp import Terms, admit
from carom.errors import NetError

REQUEST_WITHIN = 5.0
"""Seconds from connecting, or from a further request's first byte, to the end of the request's headers."""
ANSWER_WITHIN = 30.0
"""Seconds from there until the client has taken the answer."""
CHANGE_WITHIN = 300.0
"""The same, for what somebody asks to be done who may ask for it."""
IDLE = 5
"""Seconds that a connection is kept without a further request."""
CLIENTS = 256
"""Connections beyond which requests are answered with 503; at twice as many they are refused."""
HEADERS = 16 << 10
"""Bytes that a request's headers may have."""
LAST_ANSWERS = 2
"""Seconds that answers under way have when the daemon ends."""
DIRECTORY_MODE, SOCKET_MODE = 0o755, 0o660
STRANGERS = CLIENTS // 4
"""Connections that all those have together who may not change things: an apply must get through."""
ENDLESS = "/v1/events"
"""An answer that ends when its reader goes; it minds by itself that the reader reads."""


@contextmanager
def claim(path: Path) -> Iterator[None]:
    """Hold the right to serve on this path, or to take away what is served there.

    Raises NetError, naming the other daemon, if one has it.
    """
    try:
        path.parent.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        _hand_over(lock, path.parent)
    except OSError as error:
        raise NetError(f"{path}.lock cannot be made: {error.strerror}") from error
    try:
        _lock(lock, path)
        yield
    finally:
        os.close(lock)


def _hand_over(lock: int, folder: Path) -> None:
    """What root makes where a service's own user is at home, as `caromd --detach` does, is that user's."""
    if os.geteuid() == 0:
        home = folder.stat()
        os.fchown(lock, home.st_uid, home.st_gid)


def _lock(lock: int, path: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.pread(lock, 20, 0).decode().strip()
        message = f"caromd (process {pid}) serves {path} already: stop it first, or choose another --socket"
        raise NetError(message) from None
    os.ftruncate(lock, 0)
    os.write(lock, f"{os.getpid()}\n".encode())


@contextmanager
def listening(path: Path, mode: int = SOCKET_MODE) -> Iterator[socket.socket]:
    """A socket that listens on this path, which `claim` holds; a dead daemon's socket is replaced. Raises NetError.

    It belongs to the group `carom`, where there is one.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        path.unlink(missing_ok=True)
        os.fchmod(listener.fileno(), 0)  # the file is born with this mode: nobody may ask before it is what it shall be
        listener.bind(str(path))
        if (group := group_id(READERS)) is not None and os.geteuid() == 0:
            os.chown(path, -1, group)
        path.chmod(mode)
        listener.listen(CLIENTS)
    except OSError as error:
        listener.close()
        raise NetError(f"{path} cannot be listened on: {error}") from error
    try:
        yield listener
    finally:
        listener.close()
        path.unlink(missing_ok=True)


async def serve(
    app: Starlette, listener: socket.socket, on_stop: Callable[[], None], tls: ssl.SSLContext | None = None
) -> None:
    """Answer requests until cancelled; those under way then have LAST_ANSWERS seconds.

    `on_stop` is called before them, to end the answers that have no end.
    """
    server = _Server(_config(app))
    if tls is None:
        await _run(server, [listener], on_stop)
        return
    terms = Terms(tls, STRANGERS, handshake_within=REQUEST_WITHIN, farewell_within=LAST_ANSWERS)
    async with asyncio.TaskGroup() as tasks:
        admitting = tasks.create_task(admit(listener, terms, server.guest))

        def stop() -> None:
            admitting.cancel()
            on_stop()

        await _run(server, [], stop)


def _config(app: Starlette) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        http=PatientProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",  # whoever sends rubbish shall not be able to fill the log
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CLIENTS,
        backlog=CLIENTS,
        timeout_keep_alive=IDLE,
        timeout_graceful_shutdown=LAST_ANSWERS,
    )
    config.load()
    return config


class _Server(uvicorn.Server):
    """uvicorn, with signals left to the daemon."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def guest(self) -> PatientProtocol:
        """For one more connection, which somebody else has accepted."""
        return PatientProtocol(self.config, self.server_state, {})


async def _run(server: _Server, listeners: list[socket.socket], on_stop: Callable[[], None]) -> None:
    serving = asyncio.create_task(server.serve(sockets=listeners))
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = True
        on_stop()
        await serving
        raise


class _Conversation(h11.Connection):
    """HTTP as h11 speaks it, whose errors do not refer to themselves: what they refer to besides is freed at once."""

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        try:
            return super().next_event()
        except h11.RemoteProtocolError as error:
            raise error.with_traceback(None) from None


class PatientProtocol(H11Protocol):
    """uvicorn's protocol with an end to its patience: it has none by itself, neither with senders nor with readers."""

    _deadline: asyncio.TimerHandle | None = None
    _answering = False
    stranger = True
    """Whether whoever has connected may not change things, or is not known yet."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop or asyncio.get_running_loop())
        self.conn = _Conversation(h11.SERVER, HEADERS)
        self.gone = asyncio.Event()
        self.gone.set()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.gone.clear()
        self._expect(answering=False)
        connection = transport.get_extra_info("socket")
        if connection.family == socket.AF_UNIX:
            peer = peer_of(connection)
            self.app_state = {**self.app_state, "peer": peer}
            self.stranger = not peer.may_write
        strangers = sum(other.stranger for other in self.connections if isinstance(other, PatientProtocol))
        if len(self.connections) > 2 * CLIENTS or (self.stranger and strangers > STRANGERS):
            transport.abort()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        cycle: RequestResponseCycle | None = self.cycle  # uvicorn's annotation omits the None before a request
        self._expect(answering=cycle is not None and not cycle.response_complete)

    def on_response_complete(self) -> None:
        if self.transport.get_write_buffer_size() == 0:  # else it is complete, but not taken
            self._relax()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone.set()
        self._relax()
        super().connection_lost(exc)
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()  # else it keeps what is lost with an error for IDLE seconds more

    def _expect(self, *, answering: bool) -> None:
        if self._deadline is not None and self._answering is answering:
            return
        self._relax()
        self._answering = answering
        if answering and self.scope["path"] == ENDLESS:
            return
        self._deadline = self.loop.call_later(self._patience(), self.transport.abort)

    def _patience(self) -> float:
        if not self._answering:
            return REQUEST_WITHIN
        return CHANGE_WITHIN if self.scope["method"] == "POST" and not self.stranger else ANSWER_WITHIN

    def _relax(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
