"""IPVS's bookkeeping in Python, and with it what the oracle would have picked: the other half of a differential test.

A `Mirror` writes a script for the player and at the same time keeps what the kernel will keep: the list of servers,
their thresholds, every TCP flow's state and so the counts of active and inactive flows. It asks the oracle for each
pick on these counts; the kernel's own answers are compared afterwards, line by line.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from carom.dataplane.fake.flows import ACTIVE, OVER, state_after
from carom.dataplane.fake.packet import Segment
from carom.dataplane.fake.schedulers import Candidate, Request, Rule
from carom.model import Address, Protocol


@dataclass(frozen=True, slots=True)
class Dialect:
    """Where kernels differ: newer ones, of stable series too (6.1.192, 6.12.117), changed two things at once."""

    active_cost: int
    """Inactive flows that an active one costs as much as."""
    edits_judge: bool
    """Whether new thresholds are held against the flows there are; else against the old upper threshold."""

    def overhead(self, candidate: Candidate) -> int:
        return candidate.active * self.active_cost + candidate.inactive


CLASSIC, CURRENT = Dialect(256, edits_judge=False), Dialect(257, edits_judge=True)


@dataclass(slots=True)
class Server:
    """A server, or one that was taken out: the kernel remembers it while flows do."""

    number: int
    weight: int = 0
    upper: int = 0
    lower: int = 0
    active: int = 0
    inactive: int = 0
    overloaded: bool = False

    @property
    def total(self) -> int:
        return self.active + self.inactive

    @property
    def low(self) -> int:
        """Overload ends below it."""
        return self.lower or self.upper - self.upper // 4


@dataclass(slots=True)
class Flow:
    """A flow that has a server."""

    server: Server
    words: str
    """Client address and port, VIP and port, as the script has them."""
    state: str = "NO"


class Mirror:
    """One service and the script that tells its story."""

    def __init__(self, rule: Rule, service: str, dialect: Dialect) -> None:
        """`service` are the words of the player's verb of that name."""
        protocol, vip, port, *_ = service.split()
        self.rule = rule
        self.dialect = dialect
        self.vip: Address = ip_address(vip)
        self.port = int(port)
        self.marked = protocol == "mark"
        self.protocol = Protocol.UDP if protocol == "udp" else Protocol.TCP
        self.script = [f"service {service}"]
        self.expected: list[str] = []
        """The oracle's answers."""
        self.servers: dict[int, Server] = {}
        self.listed: list[Server] = []
        """The kernel's list: whoever was added last stands first."""
        self.flows: list[Flow] = []
        self.now = 0.0
        """Seconds, on the oracle's clock."""

    def add(self, number: int, weight: int, upper: int = 0, lower: int = 0) -> None:
        server = self.servers.setdefault(number, Server(number))
        self.listed.insert(0, server)
        self._set("add", server, weight, upper, lower)

    def edit(self, number: int, weight: int, upper: int = 0, lower: int = 0) -> None:
        self._set("edit", self.servers[number], weight, upper, lower)

    def delete(self, number: int) -> None:
        self.listed.remove(self.servers[number])
        self.script.append(f"delete {self._address(number)}")
        self.rule.changed(self.candidates())

    def connect(self, client: Address, client_port: int, vip: Address | None = None) -> Flow | None:
        """A client's first packet, a SYN or a datagram; gives the flow it began."""
        vip = vip or self.vip
        port = self.port or 80
        request = Request(client, client_port, vip, port, self.protocol, self.now)
        picked = self.rule.pick(request, self.candidates())
        words = f"{client} {client_port} {vip} {port}"
        self.script.append(f"{'syn' if self.protocol is Protocol.TCP else 'udp'} {words}")
        self.expected.append("-" if picked is None else str(picked))
        return None if picked is None else self._bind(Flow(self.servers[picked], words))

    def again(self, flow: Flow) -> None:
        """The client uses the same port for a SYN once more."""
        client, client_port, vip, _ = flow.words.split()
        if flow.state in OVER:
            self.expire(flow)
            self.connect(ip_address(client), int(client_port), ip_address(vip))
            return
        self.script.append(f"syn {flow.words}")
        self.expected.append(str(flow.server.number))
        self._enter(flow, state_after(flow.state, Segment.SYN))

    def send(self, flag: str, flow: Flow) -> None:
        """A further segment of a flow; it is dropped unseen while the flow's server is taken out."""
        self.script.append(f"{flag} {flow.words}")
        if flow.server in self.listed:
            self._enter(flow, state_after(flow.state, Segment(flag)))

    def expire(self, flow: Flow) -> None:
        """A flow's time is over."""
        server = flow.server
        self.flows.remove(flow)
        server.active -= flow.state in ACTIVE
        server.inactive -= flow.state not in ACTIVE
        server.overloaded = server.overloaded and server.total >= server.low

    def tell(self, line: str) -> None:
        """Put a line into the script that only the kernel needs to hear."""
        self.script.append(line)

    def rest(self, seconds: float, *, told: float) -> None:
        """Let time go by: `seconds` on the oracle's clock, for which the kernel is `told` to take fewer."""
        self.now += seconds
        self.tell(f"rest {told}")

    def counts(self, verb: str = "counts") -> None:
        """Compare the counts, now or (verb `settle`) when they have become what they are here."""
        servers = (f"{self._address(s.number)}={s.weight}/{s.active}/{s.inactive}" for s in self.listed)
        self.expected.append(" ".join(servers))
        self.tell(f"settle {self.expected[-1]}" if verb == "settle" else verb)

    def candidates(self) -> list[Candidate]:
        port = 0 if self.marked else self.port
        return [
            Candidate(s.number, self._address(s.number), s.weight, port, s.active, s.inactive, s.overloaded)
            for s in self.listed
        ]

    def _address(self, number: int) -> Address:
        lan: Address = IPv4Address("10.8.0.0") if self.vip.version == 4 else IPv6Address("fd00:8::")
        return lan + number

    def _set(self, verb: str, server: Server, weight: int, upper: int, lower: int) -> None:
        server.weight = weight
        self._limit(server, upper, lower)
        self.script.append(f"{verb} {self._address(server.number)} {weight} {upper} {lower}")
        self.rule.changed(self.candidates())

    def _limit(self, server: Server, upper: int, lower: int) -> None:
        was = server.upper, server.lower
        server.upper, server.lower = upper, lower
        if not self.dialect.edits_judge:
            server.overloaded = server.overloaded and 0 < upper <= was[0]
        elif (upper, lower) != was:
            server.overloaded = 0 < upper <= server.total or (server.overloaded and 0 < server.low <= server.total)

    def _bind(self, flow: Flow) -> Flow:
        """A flow begins inactive and may fill its server up; then its first segment is seen."""
        server = flow.server
        server.inactive += 1
        if 0 < server.upper <= server.total:
            server.overloaded = True
        if self.protocol is Protocol.TCP:
            self._enter(flow, state_after(flow.state, Segment.SYN))
        self.flows.append(flow)
        return flow

    def _enter(self, flow: Flow, state: str) -> None:
        was, now = flow.state in ACTIVE, state in ACTIVE
        flow.server.active += now - was
        flow.server.inactive -= now - was
        flow.state = state


def disagreement(mirror: Mirror, answers: list[str]) -> str | None:
    """The first answer of the kernel that is not the oracle's, with what led to it; None when they agree throughout."""
    asked = [
        number for number, line in enumerate(mirror.script) if line.split()[0] in {"syn", "udp", "counts", "settle"}
    ]
    for nth, (ours, kernels) in enumerate(zip(mirror.expected, answers, strict=True)):
        if ours != kernels:
            at = asked[nth]
            story = "\n".join(mirror.script[max(at - 12, 0) : at + 1])
            return f"answer {nth}: the kernel says {kernels}, the oracle {ours}, after\n{story}"
    return None
