"""Means `ifupdown`: the VIPs as further stanzas of `lo`, the rules as their `pre-up` lines; interfaces(5).

It needs no systemd: the settings are repeated before the address, whoever reads sysctl.d and when.
"""

from __future__ import annotations

from carom.errors import RealServerError
from carom.model import Address
from carom.realserver.persist.common import HEADER, Ground, Item, Means, boot_commands, nft_items, sysctl_items
from carom.realserver.steps import Link, OwnAddress, Step, Up
from carom.realserver.view import is_v6

FOLDER = "/etc/network/interfaces.d"
PATH = f"{FOLDER}/carom"


def items(steps: tuple[Step, ...], ground: Ground) -> tuple[Item, ...]:
    _insist_on_source(ground)
    interface = next((step.name for step in steps if isinstance(step, Link)), "lo")
    silence = tuple(step for step in steps if not isinstance(step, OwnAddress | Up))
    addresses = tuple(step.address for step in steps if isinstance(step, OwnAddress))
    before = [_pre_up(line) for line in boot_commands(silence, ground)]
    if addresses:
        stanzas = [_stanza(interface, vip, before if vip == addresses[0] else []) for vip in addresses]
    else:
        stanzas = ["iface lo inet manual\n" + "".join(before)]
    content = f"{HEADER}auto {interface}\n" + "\n".join(stanzas)
    return (*sysctl_items(steps), *nft_items(steps), Item(PATH, content))


def _insist_on_source(ground: Ground) -> None:
    main = "".join(ground.texts("/etc/network/interfaces").values())
    lines = [line.split() for line in main.splitlines()]
    if any(line[:1] in (["source"], ["source-directory"]) and "interfaces.d" in line[-1] for line in lines):
        return
    raise RealServerError(
        f"/etc/network/interfaces does not read {FOLDER}; add the line `source {FOLDER}/*` to it, "
        "or use another --persist"
    )


def _pre_up(line: str) -> str:
    """A command that may fail is written with `-` for systemd and with `|| true` here."""
    return f"    pre-up {line[1:]} || true\n" if line.startswith("-") else f"    pre-up {line}\n"


def _stanza(interface: str, vip: Address, before: list[str]) -> str:
    family, quiet = ("inet6", "    dad-attempts 0\n") if is_v6(vip) else ("inet", "")
    return f"iface {interface} {family} static\n    address {vip}/{vip.max_prefixlen}\n{quiet}{''.join(before)}"


MEANS = Means(
    name="ifupdown",
    summary="further stanzas of lo in /etc/network/interfaces.d; needs no systemd",
    items=items,
)
