"""The cases: which packets are measured, and how each of them must end.

    tcp4_hot     one flow                       tcp4_syn    a new connection with every packet
    tcp4_4k      4,096 flows at random          tcp4_miss   a segment of an unknown connection with every packet
    tcp4_128k    131,072                        pass4       to an address that is no VIP
    tcp4_512k    524,288                        notours4    to a VIP, but to another station's MAC

and likewise `udp4_`, `tcp6_`, `udp6_`. Flows are numbered, and the number says who the client is.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from carom.model import Address, Protocol

DIRECTOR = bytes.fromhex("020000000001")
ROUTER = bytes.fromhex("0200000000fe")
STRANGER = bytes.fromhex("020000000077")
VIPS: dict[int, Address] = {4: IPv4Address("192.0.2.10"), 6: IPv6Address("2001:db8::10")}
ELSEWHERE = IPv4Address("203.0.113.7")
PORTS = {Protocol.TCP: 80, Protocol.UDP: 53}
NETWORKS: dict[int, Address] = {4: IPv4Address("10.0.0.0"), 6: IPv6Address("2001:db8:c::")}
"""Where clients are: IPv4 has 24 bits for them, IPv6 32."""
FLOW_NUMBERS = 1 << 28
"""Flows are numbered below this: sixteen to each of the IPv4 clients."""

SYN, ACK = 0x02, 0x10
TX, PASS = "TX", "PASS"


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of traffic."""

    name: str
    family: int = 4
    protocol: Protocol = Protocol.TCP
    flows: int = 0
    """How many different ones, drawn at random; a power of two. 0: no flow comes twice."""
    flags: int = ACK
    """Of TCP."""
    target: Address | None = None
    """None: the VIP."""
    to: bytes = DIRECTOR
    """The destination MAC."""
    verdict: str = TX
    ends: frozenset[str] = frozenset({"forwarded"})
    """The reasons (`bpf/reason.h`) by which Carom may end such a packet."""
    begins_flows: bool = False
    """Whether each packet must count as a new flow."""

    @property
    def is_endless(self) -> bool:
        return self.flows == 0

    @property
    def is_warmed(self) -> bool:
        """Whether all its flows must be known before they are measured."""
        return not self.is_endless and self.verdict == TX


def _hits(family: int, protocol: Protocol, **flows: int) -> list[Case]:
    return [Case(f"{protocol}{family}_{name}", family, protocol, number) for name, number in flows.items()]


def _new(family: int) -> Case:
    ends = frozenset({"forwarded", "table_full"})
    return Case(f"tcp{family}_syn", family, flags=SYN, ends=ends, begins_flows=True)


CASES = (
    *_hits(4, Protocol.TCP, **{"hot": 1, "4k": 1 << 12, "128k": 1 << 17, "512k": 1 << 19}),
    _new(4),
    Case("tcp4_miss", ends=frozenset({"forwarded", "stray"})),
    *_hits(4, Protocol.UDP, **{"hot": 1, "128k": 1 << 17}),
    *_hits(6, Protocol.TCP, **{"hot": 1, "128k": 1 << 17}),
    _new(6),
    *_hits(6, Protocol.UDP, **{"128k": 1 << 17}),
    Case("pass4", flows=1 << 12, target=ELSEWHERE, verdict=PASS, ends=frozenset({"not_vip"})),
    Case("notours4", flows=1 << 12, to=STRANGER, verdict=PASS, ends=frozenset({"not_ours"})),
)
"""In the order of every report."""
BY_NAME = {case.name: case for case in CASES}


# ---- frames ----


def client(family: int, flow: int) -> tuple[Address, int]:
    """Address and port of a flow's client; `write_client()` in `bpf/wrap.bpf.c` computes the same."""
    return NETWORKS[family] + (flow >> 4), 1024 + (flow & 15) * 3911


def frame(case: Case, flow: int = 0, flags: int | None = None) -> bytes:
    """The whole frame of this flow, as the director receives it; checksums are left out, nobody here reads them."""
    address, port = client(case.family, flow)
    target = case.target or VIPS[case.family]
    payload = _transport(case.protocol, port, case.flags if flags is None else flags)
    packet = _ip4 if case.family == 4 else _ip6
    return (case.to + ROUTER + packet(address, target, case.protocol, payload)).ljust(60, b"\0")


def _transport(protocol: Protocol, port: int, flags: int) -> bytes:
    if protocol is Protocol.UDP:
        return struct.pack("!HHHH", port, PORTS[protocol], 8, 0)
    return struct.pack("!HHIIBBHHH", port, PORTS[protocol], 1000, 2000, 5 << 4, flags, 8192, 0, 0)


def _ip4(client: Address, target: Address, protocol: Protocol, payload: bytes) -> bytes:
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0x4000, 64, protocol.number, 0)
    return b"\x08\x00" + head + client.packed + target.packed + payload


def _ip6(client: Address, target: Address, protocol: Protocol, payload: bytes) -> bytes:
    head = struct.pack("!IHBB", 6 << 28, len(payload), protocol.number, 64)
    return b"\x86\xdd" + head + client.packed + target.packed + payload
