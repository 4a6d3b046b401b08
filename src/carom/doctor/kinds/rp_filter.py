"""rp-filter: the director's host lets in the answers to health checks of a VIP, which have the VIP as their source.

With rp_filter 1 a packet must come in by the NIC that leads back to its source (RFC 3704 section 2.2). That matters
where a VIP is routed by another NIC than the real servers are on. IPv6 has no such setting.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address

from carom.doctor.case import Case, well
from carom.finding import Finding, Verdict
from carom.net import sysctl

NAME = "rp-filter"
_STRICT = 1
_ANY_PORT = 9


async def findings(case: Case) -> list[Finding]:
    value = sysctl.effective("rp_filter", case.towards_reals)
    return [_one(vip, value, case) for vip in case.vips if isinstance(vip, IPv4Address)]


def _one(vip: IPv4Address, value: int | None, case: Case) -> Finding:
    subject = f"{vip} {case.towards_reals}"
    if value != _STRICT or _is_routed_by_the_nic(vip, case):
        return well(NAME, subject, f"rp_filter={value} lets the answers to health checks in")
    evidence = (
        f"rp_filter=1 on {case.towards_reals}, and {vip} is routed by another NIC: answers to health checks are dropped"
    )
    name = case.towards_reals.replace(".", "/")
    return Finding(NAME, subject, Verdict.FAULT, evidence, f"sysctl -w net.ipv4.conf.{name}.rp_filter=2")


def _is_routed_by_the_nic(vip: IPv4Address, case: Case) -> bool:
    """The address that the host would send from tells the NIC that it would send by."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        try:
            asker.connect((str(vip), _ANY_PORT))
        except OSError:
            return False
        place = case.local.get(IPv4Address(asker.getsockname()[0]))
        return place is not None and place.interface == case.towards_reals
