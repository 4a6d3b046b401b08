"""The words: what a VIP, a service, a real server is.

Frozen values without behaviour beyond their own spelling; everything else in Carom speaks in them. They say what
the user wished for. What is true at the moment (health, MACs, roles) is in `carom.core.world`, and what the data
plane shall do about both is in `carom.core.plan`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address


class Protocol(StrEnum):
    """A transport that can be balanced; `number` is IANA's protocol number."""

    TCP = "tcp"
    UDP = "udp"
    SCTP = "sctp"

    @property
    def number(self) -> int:
        return {"tcp": 6, "udp": 17, "sctp": 132}[self.value]


@dataclass(frozen=True, slots=True, order=True)
class Ports:
    """One entry of a service's `ports`: a protocol and an inclusive range; `tcp/*` is 0 to 65535."""

    protocol: Protocol
    first: int
    last: int

    @property
    def is_all(self) -> bool:
        return self.first == 0 and self.last == 65535

    @property
    def is_single(self) -> bool:
        return self.first == self.last

    def __str__(self) -> str:
        if self.is_all:
            return f"{self.protocol}/*"
        if self.is_single:
            return f"{self.protocol}/{self.first}"
        return f"{self.protocol}/{self.first}-{self.last}"


class Scheduler(StrEnum):
    """IPVS's schedulers, by IPVS's names; see ipvsadm(8)."""

    RR = "rr"
    WRR = "wrr"
    LC = "lc"
    WLC = "wlc"
    LBLC = "lblc"
    LBLCR = "lblcr"
    DH = "dh"
    SH = "sh"
    MH = "mh"
    SED = "sed"
    NQ = "nq"
    FO = "fo"
    OVF = "ovf"
    TWOS = "twos"


class SchedulerFlag(StrEnum):
    """ipvsadm(8)'s `--sched-flags`."""

    SH_FALLBACK = "sh-fallback"
    SH_PORT = "sh-port"
    MH_FALLBACK = "mh-fallback"
    MH_PORT = "mh-port"


class OnDown(StrEnum):
    """What becomes of a real server's flows when it goes down."""

    FINISH = "finish"
    """They keep going to it: it may come back, or answer those it still can."""
    MOVE = "move"
    """Their next packet is scheduled anew."""


class OnNoReal(StrEnum):
    """What a client meets when no real server can take it."""

    UNREACHABLE = "unreachable"
    """It is told by ICMP: port unreachable, for TCP too, as IPVS does."""
    DROP = "drop"
    """Silence, until it gives up by itself."""


class OnMisuse(StrEnum):
    """What the director does when another station uses a VIP: a real server that leaks, or a stranger."""

    REPORT = "report"
    """It says so."""
    ANNOUNCE = "announce"
    """And tells the segment at once that the VIP is its own."""
    QUIESCE = "quiesce"
    """And gives no new connections to the real server, for as long as that goes on."""


class Via(StrEnum):
    """Which address a health check is sent to."""

    VIP = "vip"
    """The VIP, on the real server: the users' path."""
    REAL = "real"
    """The real server's own address."""


@dataclass(frozen=True, slots=True)
class Check:
    """How a service's real servers are checked."""

    kind: str = "tcp"
    via: Via = Via.VIP
    every: float = 2.0
    """Seconds between two checks of one real server."""
    timeout: float = 1.0
    """Seconds until a check without an answer has failed."""
    rise: int = 2
    """Successes in a row until a real server that was down is up."""
    fall: int = 3
    """Failures in a row until a real server that was up is down."""
    port: int | None = None
    """None: the service's first single port of the kind's transport (`carom.core.check_target`)."""
    options: Mapping[str, object] = field(default_factory=dict)
    """The kind's own fields that are written, validated: `path`, `status`, `send`, `expect`, ..."""


@dataclass(frozen=True, slots=True)
class Real:
    """A real server as a service names it."""

    address: Address
    weight: int = 1
    """0 to 65535; 0 quiesces: no new connections, existing ones go on."""
    upper: int = 0
    """Connections at which the real server counts as overloaded; 0: never."""
    lower: int = 0
    """Connections below which it is no longer overloaded; 0: three quarters of `upper`."""
    mtu: int = 0
    """The largest packet, in bytes, that the way to it takes; 0: whatever reaches the director."""
    vlan: int | None = None
    """The VLAN of its segment, 0 for an untagged one; None: the segment on which clients' packets arrive."""


@dataclass(frozen=True, slots=True)
class Service:
    """A virtual service: one VIP, a group of ports, and the real servers behind them."""

    name: str
    vip: Address
    ports: tuple[Ports, ...]
    reals: tuple[Real, ...] = ()
    """In the file's order. IPVS puts a new server at the head of its list, so schedulers visit them last to first."""
    scheduler: Scheduler = Scheduler.WLC
    scheduler_flags: frozenset[SchedulerFlag] = frozenset()
    persistence: float | None = None
    """Seconds a client stays with its real server after its last connection; None: no persistence."""
    persistence_mask: int | None = None
    """Prefix length that makes clients one client; None: 32 for IPv4, 128 for IPv6."""
    sorry: Address | None = None
    """The real server of last resort, used while fewer than `minimum` are up."""
    minimum: int = 1
    on_no_real: OnNoReal = OnNoReal.UNREACHABLE
    """What a client meets when no real server can take it, the sorry server included."""
    on_down: OnDown = OnDown.FINISH
    slow_start: float = 0.0
    """Seconds over which the weight of a real server that came up climbs to its full value; 0: at once."""
    one_packet: bool = False
    """UDP only: every datagram is scheduled by itself (ipvsadm --ops)."""
    fail_open: bool = False
    """Whether all real servers are used when checks say that none is up: so many at once is rarely true."""
    check: Check | None = Check()
    """None (`check = false`): never checked, always up."""


@dataclass(frozen=True, slots=True)
class Director:
    """The director itself."""

    interface: str
    """The NIC on which clients' packets arrive; one-armed: they leave by it too."""
    inside: str | None = None
    """The NIC towards the real servers of a director with two."""
    peers: tuple[Address, ...] = ()
    """The other directors on the segment: what they send to a VIP has been balanced already."""
    watch: float = 10.0
    """Seconds from one question who has the VIPs to the next; 0: nobody is asked, and nobody overheard."""
    on_misuse: OnMisuse = OnMisuse.ANNOUNCE

    @property
    def towards_reals(self) -> str:
        """The NIC by which real servers are reached: the same one, or the inside one."""
        return self.inside or self.interface


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds without a packet until a flow is forgotten, by its state; IPVS's own. At most 18 hours each."""

    established: int = 900
    syn_recv: int = 60
    """A SYN came, and no ACK yet."""
    fin_wait: int = 120
    """The client has closed; of a connection's end no more is seen."""
    time_wait: int = 120
    """The client has closed before its first ACK."""
    close: int = 10
    """The client has reset it."""
    udp: int = 300


@dataclass(frozen=True, slots=True)
class Defence:
    """What the data plane does about those who send more than they should."""

    icmp_rate: int = 1000
    """ICMP errors of the director's own, a second at most; 0: none is ever sent."""
    syn_rate: int = 0
    """SYNs of one network of clients, a second at most; 0: as many as they like."""
    syn_prefix: int = 24
    """Prefix length of a network of IPv4 clients."""
    syn_prefix6: int = 64
    checksum: bool = False
    """Whether IPv4 headers must have the right checksum."""


@dataclass(frozen=True, slots=True)
class Hook:
    """Who is told of events: a program, a URL, or both."""

    on: tuple[str, ...] = ()
    """Events, by the names of `carom.core.news`; none: those that are grave."""
    run: tuple[str, ...] = ()
    """A program and its arguments; it reads the event as JSON."""
    url: str = ""
    """Where the event is sent, as JSON, by POST."""
    headers: tuple[tuple[str, str], ...] = ()
    """Further headers of that."""
    timeout: float = 10.0
    """Seconds until the program is killed, or the URL given up."""
    retries: int = 3
    """How often it is tried again."""

    def __str__(self) -> str:
        """What is told, in a word; the rest of a URL may be a secret."""
        return self.run[0] if self.run else site(self.url)


def site(url: str) -> str:
    """A URL without its path, and without the password that may stand before the host."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


@dataclass(frozen=True, slots=True)
class Config:
    """One whole, valid configuration."""

    director: Director
    services: tuple[Service, ...] = ()
    defence: Defence = Defence()
    timeouts: Timeouts = Timeouts()
    hooks: tuple[Hook, ...] = ()

    @property
    def vips(self) -> tuple[Address, ...]:
        """Every VIP once, in the order in which services name them."""
        return tuple(dict.fromkeys(service.vip for service in self.services))


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing wrong with a configuration file."""

    file: str
    line: int
    """1-based; 0 where the fault is in no line (an unreadable file)."""
    path: str
    """Where in the document: `service[0].reals[1].weight`."""
    message: str
    """What is wrong and what to write instead."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.path}: {self.message}"
