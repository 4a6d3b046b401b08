"""What tests of the watches do: hear what is told, on the segment of `tests.net.segment`, and break a real server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager

from carom.sighting import VipSighted, VipSightingEnded
from tests.net.segment import Segment

WITHIN = 5.0
Fact = VipSighted | VipSightingEnded


class Heard:
    """The facts that a watch has told."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self._news = asyncio.Event()

    def tell(self, fact: Fact) -> None:
        self.facts.append(fact)
        self._news.set()

    async def until(self, fact: Fact) -> None:
        async with asyncio.timeout(WITHIN):
            while fact not in self.facts:
                self._news.clear()
                await self._news.wait()


def mac(lan: Segment, node: str) -> bytes:
    [link] = json.loads(lan.on(node, "ip", "-j", "link", "show", "eth0"))
    return bytes.fromhex(link["address"].replace(":", ""))


@contextmanager
def settings(lan: Segment, node: str, **values: int) -> Iterator[None]:
    """IPv4 settings of a node, `all__arp_ignore=0`, for a while."""
    keys = {f"net.ipv4.conf.{name.replace('__', '.')}": value for name, value in values.items()}
    before = {key: lan.on(node, "sysctl", "-n", key).strip() for key in keys}
    try:
        lan.on(node, "sysctl", "-qw", *(f"{key}={value}" for key, value in keys.items()))
        yield
    finally:
        lan.on(node, "sysctl", "-qw", *(f"{key}={value}" for key, value in before.items()))
