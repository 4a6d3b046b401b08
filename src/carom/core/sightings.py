"""What sightings mean: which of them are news, when one is over, and whose fault they are.

A real server that leaks a VIP, or uses the director as its gateway, is seen again and again. `Sightings` tells the
first time and the last; `finding` says what one means, by the MACs of the real servers, for the daemon and the doctor
alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from carom.finding import Finding, Verdict
from carom.model import Address
from carom.sighting import Sighting, Sign, VipSighted, VipSightingEnded

Reals = Mapping[bytes, tuple[Address, ...]]
"""The real servers' own addresses, by their MACs."""


class Sightings:
    """What is being seen. Frames in, facts out; it has no clock."""

    def __init__(self, lasting: float, again: float) -> None:
        self._lasting = lasting
        """Seconds without a frame until a sighting is over."""
        self._again = again
        """Seconds until one that goes on is told again."""
        self._seen: dict[Sighting, float] = {}
        self._told: dict[Sighting, float] = {}

    def see(self, sighting: Sighting, now: float) -> Iterator[VipSighted]:
        """A frame shows it. Told at once, and again from time to time for as long as it goes on."""
        self._seen[sighting] = now
        if now - self._told.get(sighting, -self._again) >= self._again:
            self._told[sighting] = now
            yield VipSighted(sighting)

    def lapse(self, now: float) -> Iterator[VipSightingEnded]:
        """What has not been seen for long enough is over."""
        for sighting in [one for one, seen in self._seen.items() if now - seen >= self._lasting]:
            del self._seen[sighting], self._told[sighting]
            yield VipSightingEnded(sighting)


def finding(sighting: Sighting, reals: Reals, also: str = "") -> Finding:
    """What it means and what to do; `also` is what else is known of the station, for one that is no real server."""
    real = whose(sighting, reals)
    if real is None:
        return _stranger(sighting, also)
    if sighting.sign is Sign.SENT:
        return _gateway(sighting, real)
    return _leak(sighting, real)


def whose(sighting: Sighting, reals: Reals) -> Address | None:
    """The real server's own address, of the VIP's family where it has one; None: it is no real server."""
    known = reals.get(sighting.mac, ())
    return next((address for address in known if address.version == sighting.vip.version), known[0] if known else None)


def finding_name(sighting: Sighting, *, real: bool) -> str:
    """What a finding about it is called, as `carom real-server verify` calls the same on the real server."""
    if sighting.sign is Sign.SENT:
        return "default-route"
    if not real:
        return "foreign-claim"
    if sighting.vip.version == 6:
        return "neighbour-discovery"
    return "arp-ignore" if sighting.sign is Sign.ANSWERED else "arp-announce"


def _leak(sighting: Sighting, real: Address) -> Finding:
    vip, who = sighting.vip, f"{real} ({sighting.mac.hex(':')})"
    if sighting.sign is Sign.ANSWERED:
        evidence = f"{who} answers who has {vip}: part of the clients' packets go to it past the director"
    else:
        evidence = f"{who} asks for its neighbours in the name of {vip}: who hears that sends the VIP's packets to it"
    remedy = f"carom real-server join --vip {vip}, on {real}"
    return Finding(finding_name(sighting, real=True), str(vip), Verdict.FAULT, evidence, remedy, str(real))


def _gateway(sighting: Sighting, real: Address) -> Finding:
    vip = sighting.vip
    evidence = f"{real} ({sighting.mac.hex(':')}) sends its replies from {vip} to the director, as to its gateway"
    remedy = f"ip -{vip.version} route replace default via GATEWAY, on {real}: a router that is not the director"
    return Finding(finding_name(sighting, real=True), str(vip), Verdict.FAULT, evidence, remedy, str(real))


def _stranger(sighting: Sighting, also: str) -> Finding:
    vip, who = sighting.vip, f"{sighting.mac.hex(':')}{f' ({also})' if also else ''}, no real server of Carom's,"
    if sighting.sign is Sign.SENT:
        evidence = f"{who} passes packets from {vip} to the director, which has no use for them"
        remedy = "see why that station takes the director for the way to the clients"
    else:
        did = "answers who has" if sighting.sign is Sign.ANSWERED else "speaks in the name of"
        evidence = f"{who} {did} {vip}: part of the clients' packets go to it past the director"
        remedy = f"find that station by its MAC and take {vip} from it"
    return Finding(finding_name(sighting, real=False), str(vip), Verdict.FAULT, evidence, remedy)
