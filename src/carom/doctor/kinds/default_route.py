"""default-route: the real servers' replies to clients do not come to the director.

Health checks show nothing of that: the director is on the segment, so it is answered without any gateway. So each real
server gets a packet for the VIP as from a client far away, from an address that is nobody's, and
answers it as it answers clients. If it takes the director for its gateway, the answer comes here; else it goes to its
gateway and ends in a network that does not exist. Both packets keep nothing on the real server: an echo request, and a
TCP segment of no connection, which is answered with a reset.
"""

from __future__ import annotations

import asyncio
from ipaddress import IPv4Network, IPv6Network, ip_network
from random import randrange

from carom.doctor.case import Case, Pair, well
from carom.finding import Finding
from carom.model import Address
from carom.net import frames
from carom.net.frames import Way

NAME = "default-route"
WAIT = 0.6
"""Seconds that an answer has."""
NOWHERE = tuple(map(ip_network, ("192.0.2.0/24", "198.51.100.0/24", "198.18.0.0/15", "2001:db8::/32", "100::/64")))
"""Networks for documents, benchmarks and nothing (RFC 5737, 2544, 3849, 6666): no client has an address of theirs."""


async def findings(case: Case) -> list[Finding]:
    for pair in case.served:
        ask(pair, case)
    await asyncio.sleep(WAIT)
    return [well(NAME, str(vip), "no reply to a client comes to the director", real) for vip, real in case.served]


def ask(pair: Pair, case: Case) -> None:
    """Let a client from nowhere ask this VIP on this real server."""
    vip, real = pair
    mac = case.wire.mac_of(real)
    if mac is not None:
        send_strays(Way(case.wire.mac, mac, client(vip.version, case), vip), case.served[pair], case)


def send_strays(way: Way, ports: list[int], case: Case) -> None:
    """Packets that are answered and keep nothing: an echo request, and a segment of no connection."""
    case.wire.send(frames.echo_request(way, randrange(1 << 16)))
    for port in ports[:1]:
        case.wire.send(frames.stray_ack(way, 49152 + randrange(16384), port))


def client(version: int, case: Case) -> Address:
    """An address of nobody's, in a network that is none of the director's."""
    far = [network for network in NOWHERE if network.version == version and not _is_near(network, case)]
    return far[0][1 + randrange(250)]


def _is_near(network: IPv4Network | IPv6Network, case: Case) -> bool:
    return any(own.network.version == network.version and own.network.overlaps(network) for own in case.addresses)
