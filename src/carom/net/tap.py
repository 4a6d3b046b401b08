"""A tap: a packet socket (packet(7)) that hears one kind of frame on one NIC, through a filter, and can send any.

It is bound to one EtherType and hears only what arrives: no other frame, and none that the host sends, is offered to
it. What the data plane forwards never gets as far as here.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Sequence

from carom.errors import NetError
from carom.net import filters
from carom.net.filters import SNAP, Instruction

BATCH, PAUSE = 64, 0.1
"""Frames that are read in so many seconds at most: a flood costs the loop no more than that."""
_RECEIVE_BUFFER = 1 << 18
"""Bytes: room for some 300 small frames. What does not fit is like what was heard already."""
_GONE = (errno.ENETDOWN, errno.ENODEV, errno.ENXIO)
"""What a socket says whose NIC went down, or away."""


class Tap:
    """One kind of frame on one NIC. For the event loop's thread."""

    def __init__(
        self,
        interface: str,
        kind: int,
        program: Sequence[Instruction],
        heard: Callable[[bytes], None],
        pause: float = PAUSE,
    ) -> None:
        """Hears from now on; `heard` is called in the running loop. Raises NetError."""
        self._interface, self._kind, self._program, self._heard = interface, kind, program, heard
        self._pause = pause
        self._loop = asyncio.get_running_loop()
        self._resume: asyncio.TimerHandle | None = None
        self._left, self._until = BATCH, 0.0
        self._socket = self._open()
        self._loop.add_reader(self._socket, self._read)

    @property
    def mac(self) -> bytes:
        """The NIC's own, 6 bytes."""
        mac: bytes = self._socket.getsockname()[4]
        return mac

    def send(self, frame: bytes) -> None:
        """Send a whole frame, whatever its kind. Raises NetError."""
        try:
            self._socket.send(frame)
        except OSError as error:
            raise NetError(f"{self._interface} takes no frame: {error.strerror}") from error

    def narrow(self, program: Sequence[Instruction]) -> None:
        """Let this through from now on, and nothing else."""
        self._program = program
        filters.attach(self._socket, program)

    def renew(self) -> None:
        """Find the NIC again, if it has gone and come back under the same name. Raises NetError while there is none."""
        try:
            index = socket.if_nametoindex(self._interface)
        except OSError as error:
            raise NetError(f"there is no NIC {self._interface} any more") from error
        if index == self._index:
            return
        opened = self._open()
        self.close()
        self._socket = opened
        self._loop.add_reader(self._socket, self._read)

    def close(self) -> None:
        """Hear no more."""
        if self._resume is not None:
            self._resume.cancel()
            self._resume = None
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def _open(self) -> socket.socket:
        try:
            opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
        except OSError as error:
            raise NetError(f"frames cannot be heard ({error.strerror}): this needs root, or CAP_NET_RAW") from error
        try:
            filters.attach(opened, self._program)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            opened.bind((self._interface, self._kind))
            self._index = socket.if_nametoindex(self._interface)
        except OSError as error:
            opened.close()
            raise NetError(f"nothing can be heard on {self._interface}: {error.strerror}") from error
        return opened

    def _read(self) -> None:
        """Up to BATCH frames, be it in one go or, while the loop keeps up with them, in many."""
        now = self._loop.time()
        if now >= self._until:
            self._left, self._until = BATCH, now + self._pause
        while self._left:
            try:
                frame = self._socket.recv(SNAP)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno not in _GONE:
                    raise
                return
            self._left -= 1
            self._heard(frame)
        self._loop.remove_reader(self._socket)
        self._resume = self._loop.call_at(self._until, self._loop.add_reader, self._socket, self._read)
