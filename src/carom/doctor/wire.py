"""The wire: the doctor's ear and mouth on the segment, for as long as an examination lasts.

It keeps who said to have which address, every misuse of a VIP, and who asked for whom. Whatever question made them say
it, the watches' own filters and the watches' own reading of a frame are used: `carom.net.filters`, `carom.net.frames`.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address

from carom.model import Address
from carom.net import filters, frames
from carom.net.tap import Tap
from carom.sighting import Sighting, Sign

SLICE, BREATH = 50, 0.005
"""Addresses that are asked for at once, and the seconds until the next: answers need time to be read."""


class Wire:
    """One NIC's segment. For the event loop's thread."""

    def __init__(
        self, interface: str, vips: Iterable[Address], own: Iterable[Address], neighbour: IPv4Address = frames.NOBODY
    ) -> None:
        """Hears from now on; `neighbour` is the director's own address on the segment. Raises NetError."""
        self._vips, self._own, self._neighbour = frozenset(vips), frozenset(own), neighbour
        self._addresses: frozenset[Address] = frozenset()
        self.owners: dict[Address, set[bytes]] = defaultdict(set)
        """Who said to have each address: the MACs of others than this NIC."""
        self.sightings: dict[Sighting, None] = {}
        """Every misuse of a VIP, in the order in which they were first seen."""
        self.askers: dict[Address, set[bytes]] = defaultdict(set)
        """Who asked the segment for an address, in whatever name."""
        self.on_sighting: Callable[[Sighting], None] = _nothing_to_do
        self.on_packet: Callable[[frames.Packet], None] = _nothing_to_do
        """Told every packet from a VIP, those to `own` excepted."""
        self._taps = {
            kind: Tap(interface, kind, program, self._heard, pause=0.0) for kind, program in self._programs().items()
        }

    @property
    def mac(self) -> bytes:
        return self._taps[frames.ETH_P_ARP].mac

    def mind(self, addresses: Iterable[Address]) -> None:
        """Hear of these addresses too, beside the VIPs."""
        self._addresses |= frozenset(addresses)
        for kind, program in self._programs().items():
            self._taps[kind].narrow(program)

    async def ask(self, addresses: Iterable[Address]) -> None:
        """Ask the segment who has each of them, as a stranger and as a neighbour. Raises NetError."""
        for number, address in enumerate(addresses, start=1):
            self.send(frames.question(address, self.mac))
            if address.version == 4:
                self.send(frames.question(address, self.mac, self._neighbour))
            if number % SLICE == 0:
                await asyncio.sleep(BREATH)

    def send(self, frame: bytes) -> None:
        """Send a whole frame. Raises NetError."""
        self._taps[frames.ETH_P_ARP].send(frame)

    def mac_of(self, address: Address) -> bytes | None:
        """The MAC of an address that one station has; None: nobody has it, or several have."""
        owners = self.owners.get(address, set())
        return next(iter(owners)) if len(owners) == 1 else None

    def close(self) -> None:
        for tap in self._taps.values():
            tap.close()

    def _programs(self) -> dict[int, list[filters.Instruction]]:
        """What each kind of frame is let through by."""
        four = [address for address in self._vips | self._addresses if address.version == 4]
        six = [address for address in self._vips | self._addresses if address.version == 6]
        vips = [vip for vip in self._vips if vip.version == 4]
        return {
            frames.ETH_P_ARP: filters.claims4(four, four),
            frames.ETH_P_IP: filters.packets4(vips, self._own),
            frames.ETH_P_IPV6: filters.claims_and_packets6(six, self._own),
        }

    def _heard(self, frame: bytes) -> None:
        claim = frames.claim(frame)
        if claim is not None:
            self._claimed(claim)
        elif (packet := frames.packet(frame)) and packet.source in self._vips and packet.destination not in self._own:
            self.on_packet(packet)
            self._sighted(Sighting(packet.source, packet.mac, Sign.SENT))

    def _claimed(self, claim: frames.Claim) -> None:
        if claim.mac == self.mac:
            return
        if claim.sign is Sign.ANNOUNCED:
            self.askers[claim.target].add(claim.mac)
        if claim.address in self._vips:
            self._sighted(Sighting(claim.address, claim.mac, claim.sign))
        else:
            self.owners[claim.address].add(claim.mac)

    def _sighted(self, sighting: Sighting) -> None:
        self.sightings[sighting] = None
        self.on_sighting(sighting)


def _nothing_to_do(_: object) -> None:
    """Until somebody has."""
