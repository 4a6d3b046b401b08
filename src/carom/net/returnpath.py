"""The return-path watch: packets from a VIP that arrive at the director, which must never see one.

In direct routing a reply goes from the real server to the client by the real server's own gateway. A reply that comes
to the director's MAC says that a real server has the director for its gateway: right for NAT, and here either a dead
end (the director's host does not forward) or the bottleneck that direct routing is there to avoid. Answers to the
director's own health checks come from the VIP too; they go to one of its own addresses, and the filter leaves them out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from carom.core.sightings import Sightings
from carom.errors import NetError
from carom.model import Address
from carom.net import filters, frames
from carom.net.arpwatch import Tell
from carom.net.tap import Tap
from carom.sighting import Sighting, Sign

_LOOK_EVERY = 1.0


class ReturnPathWatch:
    """One NIC, watched. For the event loop's thread."""

    def __init__(self, interface: str, tell: Tell, lasting: float) -> None:
        """Listens at once, to nothing yet; `lasting` seconds without a packet end a fault. Raises NetError."""
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._vips: frozenset[Address] = frozenset()
        self._own: frozenset[Address] = frozenset()
        self._sightings = Sightings(lasting, again=lasting / 2)
        self._taps = (
            Tap(interface, frames.ETH_P_IP, filters.packets4((), ()), self._heard),
            Tap(interface, frames.ETH_P_IPV6, filters.claims_and_packets6((), ()), self._heard),
        )

    def watch(self, vips: Iterable[Address], own: Iterable[Address]) -> None:
        """These are the VIPs, and the director's own addresses: all of both."""
        self._vips, self._own = frozenset(vips), frozenset(own)
        four, six = self._taps
        four.narrow(filters.packets4((vip for vip in self._vips if vip.version == 4), self._own))
        six.narrow(filters.claims_and_packets6([vip for vip in self._vips if vip.version == 6], self._own))

    async def run(self) -> None:
        """Listen, and tell what is over, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            for tap in self._taps:
                self._renew(tap)
            for ended in self._sightings.lapse(self._loop.time()):
                self._tell(ended)

    def close(self) -> None:
        """Listen no more."""
        for tap in self._taps:
            tap.close()

    @staticmethod
    def _renew(tap: Tap) -> None:
        try:
            tap.renew()
        except NetError:
            return  # the NIC is gone, which others tell; it may come back

    def _heard(self, frame: bytes) -> None:
        if frames.claim(frame) is not None:
            return  # neighbour discovery, which is the ARP watch's
        packet = frames.packet(frame)
        if packet is None or packet.source not in self._vips or packet.destination in self._own:
            return
        for fact in self._sightings.see(Sighting(packet.source, packet.mac, Sign.SENT), self._loop.time()):
            self._tell(fact)
