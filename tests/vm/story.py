"""Random stories of a service: what operators and clients do to it, by the thousand.

A story is told to a `Mirror`, which writes the script for the kernel and asks the oracle; the same seed tells the
same story. Flows are short: most close soon, so that inactive ones outnumber the active. Resets come at the end
only, because the kernel forgets a flow 10 s after its reset, and how long the story takes is the machine's affair.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from random import Random

from carom.model import Address, Protocol
from tests.vm.mirror import Mirror

WEIGHTS = (0, 0, 1, 1, 1, 2, 2, 3, 4, 6, 8, 12, 100)
SERVERS = range(1, 11)
RESETS = 500
"""Of the last so many operations, some may be resets."""


class Story:
    """What happens, one operation at a time."""

    def __init__(
        self, mirror: Mirror, seed: str, *, brief: float = 0.0, scarce: bool = False, plain: bool = False
    ) -> None:
        """`brief` is the share of flows that end as soon as they have begun; `scarce`: servers are often full.

        `plain`: no edit by which Carom differs on purpose (docs/schedulers.md), so that the program can be told it too:
        there are no thresholds, and a weight that is changed becomes another.
        """
        self.mirror = mirror
        self.random = Random(seed)
        self._brief = brief
        self._scarce, self._plain = scarce, plain
        self._tcp = mirror.protocol is Protocol.TCP
        self._clients = _clients(self.random, mirror.vip.version)
        self._vips = [mirror.vip + n for n in range(40)] if mirror.marked else [mirror.vip]
        for number in SERVERS[:4]:
            mirror.add(number, self.random.choice(WEIGHTS))

    def tell(self, operations: int) -> None:
        """Go on for so many operations, and compare the counts now and then."""
        for left in range(operations, 0, -1):
            self._happen(resets=left <= RESETS)
        self.mirror.counts()

    def _happen(self, *, resets: bool) -> None:
        chances = {self.connect: 60, self.go_on: 30, self.reset: 10 if resets else 0, self.mirror.counts: 1}
        chances |= {self.reweigh: 3, self.limit: 8 if self._scarce else 1, self.come_or_go: 2}
        self.random.choices(list(chances), list(chances.values()))[0]()

    def connect(self) -> None:
        client, port = next(self._clients)
        flow = self.mirror.connect(client, port, self.random.choice(self._vips))
        if flow and self._tcp and self.random.random() < self._brief:
            self.mirror.send("fin", flow)

    def go_on(self) -> None:
        """Some flow is acknowledged or ends; the younger ones are the likelier."""
        if self._tcp and (flows := self.mirror.flows):
            flow = flows[-min(int(self.random.expovariate(1 / 100)) + 1, len(flows))]
            self.mirror.send(self.random.choice(("ack", "fin", "fin")), flow)

    def reset(self) -> None:
        if self._tcp and self.mirror.flows:
            self.mirror.send("rst", self.random.choice(self.mirror.flows))

    def reweigh(self) -> None:
        if self.mirror.listed:
            server = self.random.choice(self.mirror.listed)
            weight = self.random.choice(WEIGHTS)
            if not (self._plain and weight == server.weight):
                self.mirror.edit(server.number, weight, server.upper, server.lower)

    def limit(self) -> None:
        """A server gets an upper threshold a little above what it has, or none."""
        if self.mirror.listed and not self._plain:
            server = self.random.choice(self.mirror.listed)
            room = self.random.choice((1, 2, 3, 5) if self._scarce else (None, 1, 20, 100))
            upper = server.total + room if room else 0
            self.mirror.edit(server.number, server.weight, upper)

    def come_or_go(self) -> None:
        """A server is taken out, or is put in, where it finds again the flows that it had before."""
        number = self.random.choice(SERVERS)
        if number in {server.number for server in self.mirror.listed}:
            self.mirror.delete(number)
        else:
            upper = 0 if self._plain else self.random.choice((0, 0, 300))
            self.mirror.add(number, self.random.choice(WEIGHTS), upper)


def _clients(random: Random, version: int) -> Iterator[tuple[Address, int]]:
    """Clients without end, no two the same."""
    seen = set()
    while True:
        client: Address = IPv4Address("10.64.0.0") + random.getrandbits(22)
        if version == 6:
            client = IPv6Address("2001:db8::") + random.getrandbits(96)
        port = random.randrange(1024, 65536)
        if (client, port) not in seen:
            seen.add((client, port))
            yield client, port
