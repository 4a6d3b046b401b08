"""arp-announce: a real server that must look for a neighbour in the middle of a reply does not do so in the VIP's name.

A host with `arp_announce` 0 or 1 asks "who has my gateway, tell the VIP", and all that hear it take its MAC for the
VIP's. It asks only when it has forgotten its gateway, hours after everything looked well. So the doctor makes it ask
now: it sends a packet for the VIP from an address on the segment that nobody has, and the real server must look for
that address to answer.

Its question is a broadcast, and whoever hears it may go wrong. So each time the doctor hears it, it says at once that
the VIP is the director's own, some milliseconds later; and it stays until the real server has given up asking. Only
where the director holds the VIP is any of this done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv4Network

from carom.doctor.case import Case, Pair, unknown, well
from carom.doctor.kinds.default_route import send_strays
from carom.finding import Finding
from carom.model import Address
from carom.net.announce import PacketAnnouncer
from carom.net.frames import Way
from carom.sighting import Sighting, Sign

SPARE = 8
"""Addresses that are asked for to find one that nobody has, beside one for each VIP."""
SEARCH, WAIT = 0.4, 0.8
"""Seconds that their owners have to answer, and that a real server has to ask."""
UNTIL_IT_GIVES_UP = 1.7
"""Seconds after that: it asks three times, a second apart (neigh/default/mcast_solicit, retrans_time_ms)."""


async def findings(case: Case) -> list[Finding]:
    pairs = [pair for pair in case.served if pair[0].version == 4]
    if case.told.gentle or case.answering is not True:
        why = (
            "left out, as asked" if case.told.gentle else "only a director that holds the VIP can mend what that spoils"
        )
        return [unknown("arp-announce", str(vip), why, server=real) for vip, real in pairs]
    free = await _free_addresses(pairs, case)
    case.wire.on_sighting = _mend(case)
    for pair in pairs:
        if bait := free.get(pair):
            _provoke(pair, bait, case)
    await asyncio.sleep(WAIT)
    if any(sighting.sign is Sign.ANNOUNCED for sighting in case.wire.sightings):
        await asyncio.sleep(UNTIL_IT_GIVES_UP)
    return [_judge(pair, free.get(pair), case) for pair in pairs]


async def _free_addresses(pairs: list[Pair], case: Case) -> dict[Pair, Address]:
    """For each VIP on each real server an address that nobody has; the VIPs of one real server have different ones."""
    tried = {pair: list(_candidates(pair, case)) for pair in pairs}
    every = {address for candidates in tried.values() for address in candidates}
    case.wire.mind(every)
    await case.wire.ask(every)
    await asyncio.sleep(SEARCH)
    found: dict[Pair, Address] = {}
    for pair, candidates in tried.items():
        taken = {bait for (_, real), bait in found.items() if real == pair[1]}
        free = [address for address in candidates if not case.wire.owners.get(address) and address not in taken]
        found |= {pair: free[0]} if free else {}
    return found


def _candidates(pair: Pair, case: Case) -> Iterator[Address]:
    """Addresses near the real server's, on its network whichever prefix it has, the last ones first."""
    own = case.towards(pair[1])
    if own is None or not isinstance(own.network, IPv4Network):
        return
    near = IPv4Network(f"{pair[1]}/24", strict=False)
    network = near if near.prefixlen > own.network.prefixlen else own.network
    reserved = {*case.vips, *case.reals, *case.local, own.network.network_address, own.network.broadcast_address}
    last = int(network.broadcast_address) - 1
    places = range(last, max(int(network.network_address), last - SPARE - len(case.vips)), -1)
    yield from (IPv4Address(place) for place in places if IPv4Address(place) not in reserved)


def _mend(case: Case) -> Callable[[Sighting], None]:
    announcer = PacketAnnouncer(case.interface)

    def mend(sighting: Sighting) -> None:
        if sighting.sign is Sign.ANNOUNCED:
            announcer.announce((sighting.vip,))

    return mend


def _provoke(pair: Pair, bait: Address, case: Case) -> None:
    mac = case.wire.mac_of(pair[1])
    if mac is not None:
        send_strays(Way(case.wire.mac, mac, bait, pair[0]), case.served[pair], case)


def _judge(pair: Pair, bait: Address | None, case: Case) -> Finding:
    vip, real = pair
    mac = case.wire.mac_of(real)
    if bait is None:
        return unknown("arp-announce", str(vip), "no free address was found to make it ask for", server=real)
    if mac in case.wire.askers.get(bait, ()):
        return well("arp-announce", str(vip), f"it asked for {bait} in a name of its own", real)
    return unknown("arp-announce", str(vip), f"it did not ask for {bait}, so its name is not known", server=real)
