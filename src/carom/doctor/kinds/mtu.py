"""mtu: the real servers take packets as large as the director's NIC may send them, and say so to clients.

Seen in two ways. An echo request as large as the director's NIC allows must come back (it is not fragmented on the
way: DF is set). And the handshake at the VIP names the largest segment that the real server takes, which tells its own
MTU even where its NIC takes larger frames than it sends.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import struct

from carom.checks.checker import Target, Unmet
from carom.checks.dial import connect, open_socket
from carom.checks.icmp import ping
from carom.doctor.case import Case, unknown, well
from carom.finding import Finding, Verdict
from carom.model import Address
from carom.net import nic

NAME = "mtu"
AT_ONCE = 32
"""Real servers that are asked at a time: each takes as many open files as STEPS."""
ATTEMPTS, TIMEOUT = 2, 0.5
"""How often an echo is asked for, and the seconds that it has."""
SMALLEST = {4: 576, 6: 1280}
"""Bytes that every host takes: RFC 791, RFC 8200 section 5."""
_HEADERS = {4: 20 + 8, 6: 40 + 8}
_TCP_HEADERS = {4: 20 + 20, 6: 40 + 20}
STEPS = 12
"""Sizes that are tried at once."""
_TIMESTAMPS, _TIMESTAMP_BYTES = 1, 12
"""TCPI_OPT_TIMESTAMPS; with them each segment is so much shorter (RFC 7323 section 3.2)."""


async def findings(case: Case) -> list[Finding]:
    return [*_between_nics(case), *await _of_reals(case)]


def _between_nics(case: Case) -> list[Finding]:
    """Whether what a director with two NICs takes in by one can leave by the other."""
    if case.towards_reals == case.interface:
        return []
    outside, inside = nic.mtu(case.interface), nic.mtu(case.towards_reals)
    if inside >= outside:
        return [well(NAME, case.towards_reals, f"it sends what {case.interface} takes")]
    evidence = (
        f"it sends packets of up to {inside} bytes, and {case.interface} takes {outside}: larger ones never reach the "
        "real servers"
    )
    remedy = f"ip link set {case.towards_reals} mtu {outside}"
    return [Finding(NAME, case.towards_reals, Verdict.WARNING, evidence, remedy)]


async def _of_reals(case: Case) -> list[Finding]:
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(real: Address) -> Finding:
        async with slots:
            return await _one(real, case)

    return list(await asyncio.gather(*(one(real) for real in case.reals if case.wire.owners.get(real))))


async def _one(real: Address, case: Case) -> Finding:
    largest, offered = await asyncio.gather(_largest_echo(real, case), _offered(real, case))
    seen = [size for size in (largest, offered) if size is not None]
    if not seen:
        return unknown(NAME, str(real), "it answers no echo, and no handshake was seen", server=real)
    if min(seen) >= case.mtu:
        return well(NAME, str(real), f"packets of {case.mtu} bytes get through", real)
    evidence = (
        f"{real} takes {min(seen)} bytes, and the director passes on packets of up to {case.mtu} as they are: TCP gets "
        "through, because it tells clients its size; larger UDP datagrams are lost"
    )
    remedy = f"ip link set INTERFACE mtu {case.mtu}, on {real}"
    return Finding(NAME, str(real), Verdict.WARNING, evidence, remedy, str(real))


async def _largest_echo(real: Address, case: Case) -> int | None:
    """The largest packet that comes back, up to the director's MTU; None: not even a small one does."""
    least, most = SMALLEST[real.version], case.mtu
    if await _echoes(real, most, ATTEMPTS):
        return most
    if not await _echoes(real, least, ATTEMPTS):
        return None
    while most - least > 1:
        sizes = sorted({least + (most - least) * step // (STEPS + 1) for step in range(1, STEPS + 1)} - {least})
        came = await asyncio.gather(*(_echoes(real, size) for size in sizes))
        least = max([least, *(size for size, here in zip(sizes, came, strict=True) if here)])
        most = min([most, *(size for size in sizes if size > least)])
    return least


async def _echoes(real: Address, size: int, attempts: int = 1) -> bool:
    """Whether an echo request of this size comes back. The kernel sets DF on it, as it fits the NIC."""
    target = Target(real, 0, real, 0, TIMEOUT)
    for _ in range(attempts):
        try:
            await ping(target, secrets.token_bytes(size - _HEADERS[real.version]))
        except (Unmet, OSError):
            continue
        return True
    return False


async def _offered(real: Address, case: Case) -> int | None:
    """The MTU that the real server's handshake tells at one of its VIPs; None: no handshake."""
    for pair, ports in case.served.items():
        if pair[1] == real and ports:
            target = Target(pair[0], ports[0], real, case.marks[pair], TIMEOUT)
            try:
                with open_socket(target, socket.SOCK_STREAM) as sock:
                    await connect(sock, target, asyncio.get_running_loop().time() + TIMEOUT)
                    return _packet_size(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), pair[0].version)
            except (Unmet, OSError):
                continue
    return None


def _packet_size(info: bytes, version: int) -> int:
    """From `struct tcp_info`: its sixth byte has the options, and at 16 stands what a segment may hold."""
    (segment,) = struct.unpack_from("=I", info, 16)
    stamps = _TIMESTAMP_BYTES if info[5] & _TIMESTAMPS else 0
    return int(segment) + stamps + _TCP_HEADERS[version]
