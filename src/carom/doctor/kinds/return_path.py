"""return-path: clients' handshakes come about, so the replies of the real servers get home.

The only trace of it at a director is in what clients send: a SYN again, or never an ACK. The daemon counts both, so
this tells of connections that clients make, and of nothing where none are made.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

from carom.core import handshakes
from carom.core.handshakes import Handshakes
from carom.doctor.case import Case, well
from carom.finding import Finding

NAME = handshakes.NAME


async def findings(case: Case) -> list[Finding]:
    """None without the daemon: that it is missing, its own finding says."""
    services = case.told.status["services"] if case.told.status else ()
    return [finding for service in services for finding in _service(service)]


def _service(service: Mapping[str, Any]) -> list[Finding]:
    counted = {ip_address(real["address"]): real["handshakes"] for real in service["reals"]}
    shaken = {real: Handshakes(each["begun"], each["repeated"], each["lost"]) for real, each in counted.items()}
    seconds = max((each["seconds"] for each in counted.values()), default=0.0)
    begun = sum(each.begun for each in shaken.values())
    evidence = f"{begun:,} connections begun in {seconds:.0f} s; clients do not have to ask again"
    return list(handshakes.findings(service["name"], shaken, seconds)) or [well(NAME, service["name"], evidence)]
