"""The director's NIC: whether it is up, its MAC, and the director's own addresses on it; told as facts.

The kernel's news only say that something may have changed; what is true is then read anew, whole. So no order of events
can leave a wrong picture, and a NIC that vanishes and comes back under another index is found again by its name.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from ipaddress import IPv4Interface, IPv6Interface, ip_interface

from carom.errors import NetError
from carom.events import InterfaceChanged
from carom.net import rtnetlink

GROUPS = rtnetlink.RTMGRP_LINK | rtnetlink.RTMGRP_IPV4_IFADDR | rtnetlink.RTMGRP_IPV6_IFADDR


class InterfaceWatch:
    """One NIC, watched by name."""

    def __init__(self, name: str, tell: Callable[[InterfaceChanged], None], *, inside: bool = False) -> None:
        """Tells at once how it is. Raises NetError if there is no such NIC."""
        self._name, self._inside = name, inside
        self._tell = tell
        self._connection = rtnetlink.open_socket(GROUPS)
        self._connection.setblocking(False)
        try:
            rtnetlink.link(name)
        except NetError:
            self._connection.close()
            raise
        self._last = look(name, inside=inside)
        tell(self._last)

    async def run(self) -> None:
        """Tell every change, until cancelled."""
        while True:
            await self._news()
            now = await asyncio.to_thread(look, self._name, inside=self._inside)
            if now != self._last:
                self._last = now
                self._tell(now)

    def close(self) -> None:
        """Stop listening."""
        self._connection.close()

    async def _news(self) -> None:
        """Wait for news, and swallow all that have come."""
        await self._receive()
        try:
            while True:
                self._connection.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise

    async def _receive(self) -> None:
        try:
            await asyncio.get_running_loop().sock_recv(self._connection, 1 << 16)
        except OSError as error:
            if error.errno != errno.ENOBUFS:  # news were lost: there were some
                raise


def look(name: str, *, inside: bool = False) -> InterfaceChanged:
    """How the NIC is now. One that vanishes while it is looked at is gone."""
    try:
        link = rtnetlink.link(name)
    except NetError:
        return InterfaceChanged(up=False, mac=None, inside=inside)
    return InterfaceChanged(link.up, link.mac, _addresses(link.index), inside, link.index)


def _addresses(index: int) -> tuple[IPv4Interface | IPv6Interface, ...]:
    found = (rtnetlink.decode_address(message.body) for message in rtnetlink.ask(rtnetlink.dump_addresses()))
    return tuple(ip_interface((address, prefix)) for interface, address, prefix in found if interface == index)
