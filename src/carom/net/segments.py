"""Real servers' MACs where some are on VLANs of their own: each is looked for on its segment's interface.

The packet program sits on the trunk and tags frames itself. The kernel's neighbours, though, belong to the interface of
a VLAN, `eth0.20`, which the host needs anyway to check the real servers' health.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping

from carom.model import Address
from carom.net.neighbours import KernelNeighbours


class SegmentNeighbours:
    """`carom.ports.Neighbours` on one NIC and on its VLANs."""

    def __init__(self, interface: str, vlans: Callable[[], Mapping[Address, int]]) -> None:
        """`vlans` tells which addresses are on VLANs of their own, and on which. Raises NetError if there is no NIC."""
        self._interface, self._vlans = interface, vlans
        self._watchers = {interface: KernelNeighbours(interface)}

    async def watch(self, addresses: frozenset[Address], changed: Callable[[Address, bytes | None], None]) -> None:
        """See the port. Raises NetError, also where a VLAN has no interface."""
        wanted = await asyncio.to_thread(self._by_interface, addresses, self._vlans())
        for name in wanted.keys() - self._watchers.keys():
            self._watchers[name] = KernelNeighbours(name)
        for name, watcher in self._watchers.items():
            await watcher.watch(wanted.get(name, frozenset()), changed)

    def _by_interface(
        self, addresses: frozenset[Address], vlans: Mapping[Address, int]
    ) -> dict[str, frozenset[Address]]:
        """Which are to be looked for where. For 100,000 it takes a tenth of a second, so it is for a thread."""
        elsewhere: defaultdict[str, set[Address]] = defaultdict(set)
        for address in vlans.keys() & addresses:
            elsewhere[f"{self._interface}.{vlans[address]}"].add(address)
        here = addresses - vlans.keys() if vlans else addresses
        return {self._interface: here} | {name: frozenset(some) for name, some in elsewhere.items()}

    def close(self) -> None:
        """Stop listening. The entries stay, and the kernel keeps them resolved."""
        for watcher in self._watchers.values():
            watcher.close()
