"""The oracle's cap on SYNs: so many a second from one network of clients. It remembers every network."""

from __future__ import annotations

from dataclasses import dataclass, field

from carom.dataplane.fake.templates import client_of
from carom.model import Address, Defence


@dataclass(slots=True)
class Syns:
    """SYNs that passed, by their network; the second, and how many in it."""

    by_network: dict[Address, tuple[int, int]] = field(default_factory=dict)

    def may_pass(self, client: Address, now: int, defence: Defence) -> bool:
        """Whether one more of this client's network may, in this second; if so, it has."""
        if not defence.syn_rate:
            return True
        network = client_of(client, defence.syn_prefix if client.version == 4 else defence.syn_prefix6)
        second, passed = self.by_network.get(network, (now, 0))
        passed = passed if second == now else 0
        if passed >= defence.syn_rate:
            return False
        self.by_network[network] = now, passed + 1
        return True
