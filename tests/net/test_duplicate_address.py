"""A station that is about to take an IPv6 VIP finds by duplicate address detection (RFC 4862) that it is taken."""

from __future__ import annotations

import json

from carom.lab import standing, wait
from carom.lab.network import REALS, VIP6, Wire
from carom.lab.setup import set_to_work
from carom.lab.standing import Lab
from tests.net.labs import on

CONFIG = f"""
[director]
interface = "eth0"

[[service]]
name = "web"
vip = "{VIP6}"
ports = ["tcp/80"]
reals = ["{REALS[0].nic(Wire.SEGMENT).addresses[1].ip}"]
"""
WITHIN = 15.0


def flags(lab: Lab, address: str) -> set[str]:
    """What the kernel says of a gateway's address."""
    [link] = json.loads(on(lab, "gateway1", "ip", "-j", "-6", "addr", "show", "dev", "segment"))
    [found] = [one for one in link["addr_info"] if one.get("local") == address]
    return {name for name in ("tentative", "dadfailed") if found.get(name)}


def test_the_vip_is_taken_and_another_address_is_free() -> None:
    with standing.temporary(standing.fresh_name("dad"), (VIP6,), CONFIG) as lab:
        set_to_work(lab, ((VIP6, 80),))
        free = str(VIP6 + 1)
        for address in (str(VIP6), free):
            on(lab, "gateway1", "ip", "addr", "add", f"{address}/64", "dev", "segment")
        assert wait.until(lambda: flags(lab, str(VIP6)) == {"tentative", "dadfailed"}, WITHIN)
        assert wait.until(lambda: flags(lab, free) == set(), WITHIN)
