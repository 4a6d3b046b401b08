"""The lab's director: its configuration, its daemon, and what the daemon says of itself."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from subprocess import Popen
from typing import Any

from carom.client import Client
from carom.errors import LabError, UnreachableError
from carom.lab import counters, wait
from carom.lab.counters import Legs
from carom.lab.network import REALS, VIP, Wire, node_with_address
from carom.lab.standing import Lab

READY_WITHIN = 15.0
"""Seconds in which the daemon must have loaded, attached and found the real servers."""
_LAST_LINES = 20
"""How much of the daemon's own words an error carries."""

Status = dict[str, Any]
"""What `GET /v1/status` answers."""


def configuration(weights: Sequence[int]) -> str:
    """`carom.toml` for the chapter's service, with these weights for real1, real2, real3."""
    reals = ",\n".join(
        f'  {{ address = "{node.nic(Wire.SEGMENT).addresses[0].ip}", weight = {weight} }}'
        for node, weight in zip(REALS, weights, strict=True)
    )
    return f"""\
[director]
interface = "eth0"

[[service]]
name = "web"
vip = "{VIP}"
ports = ["tcp/80"]
scheduler = "wrr"
reals = [
{reals},
]
"""


def arguments(lab: Lab) -> list[str]:
    """The daemon's arguments in this lab."""
    state = str(lab.directory / "state")
    return ["-c", lab.record.config, "--socket", str(lab.socket), "--pins", str(lab.pins), "--state", state]


def start(lab: Lab) -> Popen[bytes]:
    """Start the daemon on the director; it is not ready yet."""
    return lab.spawn("director", [sys.executable, "-m", "carom.daemon", *arguments(lab)], "caromd")


def wait_until_ready(lab: Lab, daemon: Popen[bytes], seconds: float = READY_WITHIN) -> Status:
    """Wait until the daemon answers and can reach every real server of the lab's that it was told of.

    Raises LabError with the daemon's own last words if it ends or is not ready in time.
    """

    def look() -> Status | None:
        if daemon.poll() is not None:
            raise LabError(f"caromd ended with status {daemon.returncode} before it was ready\n{last_words(lab)}")
        try:
            seen = status(lab.socket)
        except UnreachableError:
            return None
        return seen if not waiting_for(seen) else None

    ready = wait.until(look, seconds)
    if ready is None:
        raise LabError(f"caromd was not ready within {seconds:.0f} s{_why(lab)}\n{last_words(lab)}")
    return ready


def waiting_for(seen: Status) -> list[str]:
    """The lab's real servers that the daemon cannot send to yet, by name; the director needs no MAC to be one."""
    reals = [
        (node_with_address(ip_address(real["address"])), real)
        for service in seen["services"]
        for real in service["reals"]
    ]
    return sorted({name for name, real in reals if name and not (real["up"] and (real["mac"] or name == "director"))})


def status(path: Path) -> Status:
    """Ask the daemon on this socket for its status. Raises UnreachableError."""
    answer: Status = Client(path).get("/v1/status")
    return answer


def whole_frames(legs: Legs, seen: Status | None) -> Legs:
    """The legs with the director's counted as all others are, if it runs in native mode."""
    if seen is None or seen["director"]["mode"] != "native":
        return legs
    leg = Wire.SEGMENT, "director"
    return {**legs, leg: counters.under_native_xdp(legs[leg])}


def last_words(lab: Lab) -> str:
    """The end of what the daemon printed."""
    lines = lab.log("caromd").read_text(errors="replace").splitlines()[-_LAST_LINES:]
    return "\n".join(f"  caromd: {line}" for line in lines) or "  caromd printed nothing"


def _why(lab: Lab) -> str:
    try:
        missing = waiting_for(status(lab.socket))
    except UnreachableError:
        return ": it does not answer on its socket"
    return f": it cannot send to {', '.join(missing)}" if missing else ""
