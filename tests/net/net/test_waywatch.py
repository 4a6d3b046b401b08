"""The watch over the ways of health checks, on a real kernel's rules and routes."""

from __future__ import annotations

import asyncio
import subprocess
from contextlib import closing

import pytest

from carom.net import viaroute
from carom.net.waywatch import GATHER, WayWatch
from tests.net.segment import VIP, Segment, inside, rip, segment

FOREIGN = "ip rule add fwmark 7 lookup 77 pref 100 protocol 9"


def losses(lan: Segment, *commands: str) -> int:
    """How often a loss is told of while these are run in the director's network."""
    told: list[None] = []

    async def scene() -> None:
        with closing(WayWatch(lambda: told.append(None))) as watch:
            running = asyncio.create_task(watch.run())
            for command in commands:
                await asyncio.to_thread(lan.on, lan.director, *command.split())
            await asyncio.sleep(3 * GATHER)
            running.cancel()

    with inside(lan.director):
        viaroute.want(frozenset({(VIP, rip(1))}))
        try:
            asyncio.run(scene())
        finally:
            viaroute.release()
            subprocess.run(["ip", "rule", "del", "pref", "100"], check=False, capture_output=True)
    return len(told)


@pytest.mark.parametrize(
    ("commands", "told"),
    [
        (("ip rule flush protocol 202",), 1),
        (("ip route flush table all protocol 202",), 1),
        ((FOREIGN, "ip rule del pref 100"), 0),
        (("ip route add 10.99.0.0/24 dev eth0", "ip route del 10.99.0.0/24"), 0),
    ],
    ids=["rules", "routes", "somebody's rule", "somebody's route"],
)
def test_it_tells_of_ours_once_and_of_nobody_elses(commands: tuple[str, ...], told: int) -> None:
    with segment(reals=1) as lan:
        assert losses(lan, *commands) == told
