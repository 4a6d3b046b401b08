"""local-vip: the VIPs belong to the packet program, and are no addresses of the director's host.

Not even where the director is a real server itself: then redirection gives the host what the program leaves to it, and
health checks of the other real servers still find their way. Only a VIP that no other host serves may be its own.
"""

from __future__ import annotations

from carom.doctor.case import Case, reals_of, unknown, well
from carom.finding import Finding, Verdict
from carom.model import Address, Service

NAME, OWN_SERVER = "local-vip", "own-real-server"


async def findings(case: Case) -> list[Finding]:
    return [*(_one(vip, case) for vip in case.vips), *_own_server(case)]


def _services(vip: Address, case: Case) -> list[Service]:
    return [service for service in case.config.services if service.vip == vip]


def _one(vip: Address, case: Case) -> Finding:
    place = case.local.get(vip)
    if place is None:
        return well(NAME, str(vip), "it is no address of the director's own")
    reals = {real for service in _services(vip, case) for real in reals_of(service)}
    if reals <= case.local.keys():
        return well(NAME, str(vip), f"it is on {place.interface}, and no other host serves it")
    evidence = (
        f"it is on {place.interface}: the director's host answers what the packet program leaves to it, and health "
        "checks of the VIP end there instead of on the real servers"
    )
    remedy = f"ip address del {vip}/{place.prefix} dev {place.interface}"
    if reals & case.local.keys():
        remedy += f" && {_join(vip, case)}"
    return Finding(NAME, str(vip), Verdict.FAULT, evidence, remedy)


def _own_server(case: Case) -> list[Finding]:
    """What a director needs that is a real server itself; the real server's own tool can see whether it is there."""
    why = "the director is one of its real servers, which carom real-server verify, on this host, can examine"
    return [
        unknown(OWN_SERVER, str(vip), why, _join(vip, case))
        for vip in case.vips
        if vip not in case.local
        and any(real in case.local for service in _services(vip, case) for real in reals_of(service))
    ]


def _join(vip: Address, case: Case) -> str:
    """The command that makes the host take what is sent to the VIP without having it."""
    ports = dict.fromkeys(str(ports) for service in _services(vip, case) for ports in service.ports)
    return f"carom real-server join --method redirect --vip {vip} {' '.join(f'--port {each}' for each in ports)}"
