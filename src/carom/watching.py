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
from carom.sighting import VipSighted, VipSightingEnded

log = logging.getLogger(__name__)

FOLLOW_EVERY = 1.0
"""Seconds after which a change of the VIPs, or of the director's own addresses, is followed at the latest."""


class VipWatch:
    """Both watches on one NIC. For the event loop's thread."""

    def __init__(self, interface: str, tell: Tell, every: float, look: Callable[[], World]) -> None:
        """`every` is the seconds between two questions, `look` gives the newest world. Raises NetError."""
        self._interface, self._look, self._tell_others = interface, look, tell
        self._arp = ArpWatch(interface, self._tell, every)
        self._path = ReturnPathWatch(interface, self._tell, MISSED * every)
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

    def _tell(self, fact: VipSighted | VipSightingEnded) -> None:
        """Two NICs of a director may be on one segment: it is no stranger to itself."""
        world = self._look()
        if fact.sighting.mac not in (world.mac, world.inside_mac):
            self._tell_others(fact)

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
                nic = world.inside if self._interface == world.config.director.inside else world.nic
                self._arp.watch(vips, [interface.ip for interface in nic.addresses] if nic else [])
                self._path.watch(vips, own)
        except (NetError, OSError) as error:
            log.warning("the watches cannot follow the VIPs: %s", error)
        else:
            self._followed = vips, own
