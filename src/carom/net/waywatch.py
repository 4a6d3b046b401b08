"""Whether the ways of health checks are taken away: rules and routes of ours that vanish, whoever removes them.

Others tidy up what they have not made themselves: systemd-networkd does so whenever it starts, unless it is told
`ManageForeignRoutingPolicyRules=no` and `ManageForeignRoutes=no`. Without its rules a check goes another way, and every
real server would look dead.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable

from carom.net import fib, rtnetlink
from carom.net.rtnetlink import Message
from carom.net.viaroute import PROTOCOL

RULES = rtnetlink.RTMGRP_IPV4_RULE | rtnetlink.RTMGRP_IPV6_RULE
ROUTES = rtnetlink.RTMGRP_IPV4_ROUTE | rtnetlink.RTMGRP_IPV6_ROUTE
GATHER = 0.1
"""Seconds from the first loss to the word of it: others come with it."""


class WayWatch:
    """Tells whenever ways are gone, also where it was we who gave them up: then there is nothing to lay again."""

    def __init__(self, lost: Callable[[], None]) -> None:
        """Raises NetError."""
        self._lost = lost
        self._connection = rtnetlink.open_socket(RULES | ROUTES)
        self._connection.setblocking(False)

    async def run(self) -> None:
        """Watch, until cancelled."""
        while True:
            if await self._news():
                await asyncio.sleep(GATHER)
                self._swallow()
                self._lost()

    def close(self) -> None:
        """Watch no more."""
        self._connection.close()

    async def _news(self) -> bool:
        """Whether the next news are of a loss."""
        try:
            data = await asyncio.get_running_loop().sock_recv(self._connection, 1 << 16)
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            return True  # so much has happened that it may be among it
        return any(map(is_loss, rtnetlink.messages(data)))

    def _swallow(self) -> None:
        try:
            while self._connection.recv(1 << 16):
                continue
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise


def is_loss(message: Message) -> bool:
    """Whether a rule or route with our mark has gone."""
    if message.type == fib.RTM_DELRULE:
        return rtnetlink.attributes(message.body, fib.RULE_BODY.size).get(fib.FRA_PROTOCOL) == bytes((PROTOCOL,))
    return message.type == fib.RTM_DELROUTE and fib.ROUTE_BODY.unpack_from(message.body)[5] == PROTOCOL
