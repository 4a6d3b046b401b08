"""The ARP watch: whether anybody but the director says that a VIP is its own, by ARP or by neighbour discovery.

Two ways of looking. Asking: every so often the segment is asked who has each VIP, in turn by somebody who is nobody's
neighbour and by the director. Its data plane does not answer its own NIC, so whoever answers should not. Listening:
frames that carry a VIP as their sender, which real servers send that have `arp_announce` wrong, and of which no
question tells.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address

from carom.core.sightings import Sightings
from carom.errors import NetError
from carom.model import Address
from carom.net import filters, frames
from carom.net.tap import Tap
from carom.sighting import Sighting, VipSighted, VipSightingEnded

log = logging.getLogger(__name__)

MISSED = 3
"""Questions without an answer after which a station that answered is taken to be quiet."""
SLICE = 50
"""Questions asked at once; then others have their turn."""

Tell = Callable[[VipSighted | VipSightingEnded], None]


class ArpWatch:
    """One NIC, watched. For the event loop's thread."""

    def __init__(self, interface: str, tell: Tell, every: float) -> None:
        """Listens at once, to nothing yet; `every` is the seconds between two questions. Raises NetError."""
        self._tell, self._every = tell, every
        self._loop = asyncio.get_running_loop()
        self._vips: frozenset[Address] = frozenset()
        self._neighbour = frames.NOBODY
        """Who asks, every second time."""
        self._asked = 0
        self._sightings = Sightings(lasting=MISSED * every, again=every / 2)
        self._taps = (
            Tap(interface, frames.ETH_P_ARP, filters.claims4(()), self._heard),
            Tap(interface, frames.ETH_P_IPV6, filters.claims_and_packets6((), ()), self._heard),
        )

    def watch(self, vips: Iterable[Address], own: Iterable[Address]) -> None:
        """These are the VIPs, and the director's own addresses: all of both."""
        self._vips = frozenset(vips)
        self._neighbour = next((address for address in own if isinstance(address, IPv4Address)), frames.NOBODY)
        arp, discovery = self._taps
        arp.narrow(filters.claims4(vip for vip in self._vips if vip.version == 4))
        discovery.narrow(filters.claims_and_packets6([vip for vip in self._vips if vip.version == 6], ()))

    async def run(self) -> None:
        """Ask and listen, until cancelled."""
        while True:
            try:
                await self.ask()
            except NetError as error:
                log.info("the ARP watch cannot ask: %s", error)
            await asyncio.sleep(self._every)
            for ended in self._sightings.lapse(self._loop.time()):
                self._tell(ended)

    async def ask(self) -> None:
        """Ask once for every VIP. Raises NetError."""
        tap = self._taps[0]
        for each in self._taps:
            each.renew()
        self._asked += 1
        sender = self._neighbour if self._asked % 2 else frames.NOBODY
        for number, vip in enumerate(self._vips):
            tap.send(frames.question(vip, tap.mac, sender))
            if number % SLICE == SLICE - 1:
                await asyncio.sleep(0)

    def close(self) -> None:
        """Listen no more."""
        for tap in self._taps:
            tap.close()

    def _heard(self, frame: bytes) -> None:
        claim = frames.claim(frame)
        if claim is None or claim.address not in self._vips or claim.mac == self._taps[0].mac:
            return
        for fact in self._sightings.see(Sighting(claim.address, claim.mac, claim.sign), self._loop.time()):
            self._tell(fact)
