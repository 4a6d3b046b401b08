"""Count replies on the segment: every frame whose sender is a VIP, by the port it came from and the port it went to.

The bridge's `forward` hook sees each frame that crosses the segment once per port it is sent to, floods included. If
a reply ever passed the director, its port would stand in one of the two counts; that the same rules count the
gateways' ports shows that they do count. What answers the director's own health checks of a VIP is addressed to the
director, and no reply to a client.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from carom.lab.commands import run
from carom.lab.namespaces import inside
from carom.lab.network import NODES, Wire
from carom.model import Address

_TABLE = "bridge carom_lab"
_ETHERNET_HEADER = 14
"""Bytes: the hook's counter begins after it, an interface's before."""


@dataclass(frozen=True, slots=True)
class Replies:
    """Bytes of replies at one port, as whole Ethernet frames."""

    entered: int = 0
    """Sent onto the segment by the port's node."""
    left: int = 0
    """Delivered to the port's node."""


def count(namespace: str, vips: tuple[Address, ...]) -> None:
    """Start counting in the segment's namespace, by nftables. Raises LabError."""
    inside(namespace, partial(run, "nft", "-f", "-", stdin=ruleset(vips)))


def ruleset(vips: tuple[Address, ...]) -> str:
    """The counting rules in nft's language."""
    update = "update @entered { iifname } update @left { oifname }"
    rules = [f"{_to_clients(vip)} {update}" for vip in vips]
    lines = "\n".join(f"    {rule}" for rule in rules)
    return f"""\
table {_TABLE} {{
  set entered {{ type ifname; size 64; flags dynamic; counter; }}
  set left {{ type ifname; size 64; flags dynamic; counter; }}
  chain forward {{
    type filter hook forward priority 0;
{lines}
  }}
}}
"""


def _to_clients(vip: Address) -> str:
    family = "ip6" if vip.version == 6 else "ip"
    own = next(one.ip for one in NODES["director"].nic(Wire.SEGMENT).addresses if one.version == vip.version)
    return f"{family} saddr {vip} {family} daddr != {own}"


def read(namespace: str) -> dict[str, Replies]:
    """The counts so far, by port; a port that no reply has touched is not in it."""
    return parse(inside(namespace, partial(run, "nft", "-j", "list", "table", *_TABLE.split())))


def through(counted: Mapping[str, Replies], node: str) -> int:
    """Bytes that came to a node and bytes that came from it. For the director: direct routing's promise, broken."""
    seen = counted.get(node, Replies())
    return seen.entered + seen.left


def parse(listing: str) -> dict[str, Replies]:
    """The counts in what `nft -j list table` printed."""
    sets = {entry["set"]["name"]: entry["set"] for entry in json.loads(listing)["nftables"] if "set" in entry}
    entered, left = _bytes_by_port(sets["entered"]), _bytes_by_port(sets["left"])
    return {port: Replies(entered.get(port, 0), left.get(port, 0)) for port in sorted(entered | left)}


def _bytes_by_port(counted: dict[str, Any]) -> dict[str, int]:
    elements = [element["elem"] for element in counted.get("elem", [])]
    return {element["val"]: _frame_bytes(element["counter"]) for element in elements}


def _frame_bytes(counter: dict[str, int]) -> int:
    return counter["bytes"] + _ETHERNET_HEADER * counter["packets"]
