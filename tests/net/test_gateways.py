"""Real servers with a gateway each, and all with one: both work, and no reply passes the director.

                          client
        ═══════╤════════════╧═══╤════════════════╤════  internet
            router          gateway1         gateway2
        ═══════╧═══════╤════════╧═══════╤════════╧════  segment
                   director        real1, real2, real3

Counted by the segment itself: every frame from the VIP to a client, by the port it came from and the port it went to
(`carom.lab.replies`).
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from carom.lab import replies, traffic
from carom.lab.network import NODES, VIP, Wire
from carom.lab.standing import Lab
from tests.net.labs import on

REQUESTS = 60
GATEWAYS = ("router", "gateway1", "gateway2")


@pytest.mark.parametrize(
    "home",
    [
        {"real1": "gateway1", "real2": "router", "real3": "gateway2"},
        {"real1": "gateway1", "real2": "gateway1", "real3": "gateway1"},
    ],
    ids=["a gateway each", "all with one"],
)
def test_replies_go_home_by_whichever_gateways_the_real_servers_have(working: Lab, home: Mapping[str, str]) -> None:
    for real, gateway in home.items():
        address = NODES[gateway].nic(Wire.SEGMENT).addresses[0].ip
        on(working, real, "ip", "route", "replace", "default", "via", str(address))
    before = replies.read(working.namespace(Wire.SEGMENT))
    tally = traffic.send(working.namespace("client"), VIP, 80, REQUESTS)
    after = replies.read(working.namespace(Wire.SEGMENT))

    assert (tally.failed, set(tally.by_real)) == (0, set(home))
    sent = {real: after[real].entered - counted(before, real).entered for real in home}
    assert all(sent.values())
    assert {gateway: counted(after, gateway).left - counted(before, gateway).left for gateway in GATEWAYS} == {
        gateway: sum(sent[real] for real, its in home.items() if its == gateway) for gateway in GATEWAYS
    }
    assert replies.through(after, "director") == 0


def counted(seen: Mapping[str, replies.Replies], port: str) -> replies.Replies:
    return seen.get(port, replies.Replies())
