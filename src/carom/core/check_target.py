"""What a health check aims at where the configuration leaves it open: its kind and its port."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from carom.model import Check, Ports, Protocol, Service

TRANSPORTS: Mapping[str, Protocol | None] = {
    "tcp": Protocol.TCP,
    "http": Protocol.TCP,
    "tls": Protocol.TCP,
    "https": Protocol.TCP,
    "dns": Protocol.UDP,
    "udp": Protocol.UDP,
    "icmp": None,
    "send-expect": Protocol.TCP,
    "script": None,
    "smtp": Protocol.TCP,
    "mysql": Protocol.TCP,
    "postgres": Protocol.TCP,
    "redis": Protocol.TCP,
}
"""Every kind of check, and the transport whose port it must have; None: it can do without."""


def default_kind(ports: Iterable[Ports]) -> str:
    """`tcp` for a service with a single TCP port; else `icmp`, the one check that needs no port.

    A range is no target: of ports 10000 to 20000, none need be open while the service is well.
    """
    return "icmp" if _first_single(ports, Protocol.TCP) is None else "tcp"


def transport(check: Check) -> Protocol | None:
    """Whose port the check must have; None: it can do without."""
    if check.kind == "dns" and check.options.get("transport") == "tcp":
        return Protocol.TCP
    return TRANSPORTS[check.kind]


def target_port(service: Service) -> int | None:
    """The port to check: the check's own, else the service's first single port of the kind's transport.

    A script takes the first single port of any transport. None where there is none, for `icmp`, and without a check.
    """
    check = service.check
    if check is None or check.kind == "icmp":
        return None
    if check.port is not None:
        return check.port
    return _first_single(service.ports, transport(check))


def _first_single(ports: Iterable[Ports], wanted: Protocol | None) -> int | None:
    singles = (entry for entry in ports if entry.is_single)
    return next((entry.first for entry in singles if wanted in (None, entry.protocol)), None)
