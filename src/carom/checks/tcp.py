"""tcp: somebody accepts a TCP connection. The cheapest check, and the default."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass

from carom.checks.checker import OK, Target
from carom.checks.dial import connect, open_socket
from carom.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Tcp:
    """The handshake up to SYN-ACK, then a reset; the service itself never hears of it."""

    async def check(self, target: Target) -> Outcome:
        deadline = asyncio.get_running_loop().time() + target.timeout
        with open_socket(target, socket.SOCK_STREAM) as sock:
            # Holds the handshake's last ACK back; the close makes a reset of it, so no accept() is woken for nothing.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
            await connect(sock, target, deadline)
        return OK
