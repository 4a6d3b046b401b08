"""The watches as the daemon knows them: who else uses a VIP, by ARP and by the return path; told as facts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from carom.core.world import World
from carom.errors import NetError
from carom.model import Address
from carom.net import local
from carom.net.arpwatch import MISSED, ArpWatch, Tell
from carom.net.returnpath import ReturnPathWatch

log = logging.getLogger(__name__)

FOLLOW_EVERY = 1.0
"""Seconds after which a change of the VIPs, or of the director's own addresses, is followed at the latest."""


class VipWatch:
    """Both watches on one NIC. For the event loop's thread."""

    def __init__(self, interface: str, tell: Tell, every: float, look: Callable[[], World]) -> None:
        """`every` is the seconds between two questions, `look` gives the newest world. Raises NetError."""
        self._look = look
        self._arp = ArpWatch(interface, tell, every)
        self._path = ReturnPathWatch(interface, tell, MISSED * every)
        self._followed: tuple[frozenset[Address], frozenset[Address]] | None = None

    async def run(self) -> None:
        """Watch, until cancelled."""
        await self._follow()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._arp.run())
            tasks.create_task(self._path.run())
            tasks.create_task(self._follow_forever())

    def close(self) -> None:
        """Watch no more."""
        self._arp.close()
        self._path.close()

    async def _follow_forever(self) -> None:
        while True:
            await asyncio.sleep(FOLLOW_EVERY)
            await self._follow()

    async def _follow(self) -> None:
        """Watch the VIPs that the world has now. What goes to any of the host's own addresses is no misuse."""
        world = self._look()
        vips = frozenset(world.config.vips)
        try:
            own = frozenset(await asyncio.to_thread(local.addresses)) - vips
            if (vips, own) != self._followed:
                self._arp.watch(vips, [interface.ip for interface in world.nic.addresses] if world.nic else [])
                self._path.watch(vips, own)
        except (NetError, OSError) as error:
            log.warning("the watches cannot follow the VIPs: %s", error)
        else:
            self._followed = vips, own
