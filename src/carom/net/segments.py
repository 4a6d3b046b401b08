"""Real servers' MACs where some are on VLANs of their own: each is looked for on its segment's interface.

The packet program sits on the trunk and tags frames itself. The kernel's neighbours, though, belong to the interface of
a VLAN, `eth0.20`, which the host needs anyway to check the real servers' health.
"""

from __future__ import annotations

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
        vlans = self._vlans()
        wanted: defaultdict[str, set[Address]] = defaultdict(set)
        for address in addresses:
            vlan = vlans.get(address)
            wanted[f"{self._interface}.{vlan}" if vlan else self._interface].add(address)
        for name in wanted.keys() - self._watchers.keys():
            self._watchers[name] = KernelNeighbours(name)
        for name, watcher in self._watchers.items():
            await watcher.watch(frozenset(wanted.get(name, ())), changed)

    def close(self) -> None:
        """Stop listening. The entries stay, and the kernel keeps them resolved."""
        for watcher in self._watchers.values():
            watcher.close()
