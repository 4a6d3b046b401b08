"""All the scripts, by the system's name."""

from __future__ import annotations

from collections.abc import Callable

from carom.errors import WishError
from carom.model import Address, Ports
from carom.realserver.arp import senseless
from carom.realserver.foreign import aix, freebsd, macos, openbsd, solaris, windows

SCRIPTS: dict[str, Callable[[tuple[Address, ...], tuple[Ports, ...]], str]] = {
    "windows": windows.script,
    "freebsd": freebsd.script,
    "openbsd": openbsd.script,
    "macos": macos.script,
    "solaris": solaris.script,
    "aix": aix.script,
}


def script(system: str, vips: tuple[Address, ...], ports: tuple[Ports, ...]) -> str:
    """The script for a system. Raises WishError where an address can be no VIP."""
    reasons = [f"{vip} can be no VIP: {senseless(vip)}" for vip in vips if senseless(vip)]
    if reasons:
        raise WishError("\n".join(reasons))
    return SCRIPTS[system](vips, ports)
