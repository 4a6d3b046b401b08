"""The rules that hold between the parts of a configuration.

What one value may be by itself (a weight of at most 65535) is said once, in `carom.config.tables`. Here is what takes
two values to judge (a real server of another family than its VIP), and what an address must be to make sense where it
stands. Every rule is a function of its own, yields all the flaws it finds, and knows nothing of files or lines.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from carom.core.check_target import target_port, transport
from carom.core.flaw import Flaw, Path, shown
from carom.model import Address, Config, Director, Ports, Protocol, Real, Service

BROADCAST = IPv4Address("255.255.255.255")


def flaws(config: Config) -> Iterator[Flaw]:
    """Everything wrong with a configuration whose values are each sound by themselves."""
    yield from _two_nics(config.director)
    yield from _peers(config.director, frozenset(config.vips))
    for number, service in enumerate(config.services):
        for rule in SERVICE_RULES:
            yield from rule(service, ("service", number))
    for whole in CONFIG_RULES:
        yield from whole(config)


# ---- one director, one service ----


def _two_nics(director: Director) -> Iterator[Flaw]:
    if director.inside == director.interface:
        yield Flaw(
            ("director", "inside"),
            f"{shown(director.inside)} is the interface already; delete inside for one NIC, or name the other NIC",
            (("director", "interface"),),
        )


PEERS_MOST = 8


def _peers(director: Director, vips: frozenset[Address]) -> Iterator[Flaw]:
    path, peers = ("director", "peers"), director.peers
    for number, peer in enumerate(peers):
        nonsense = _nonsense(peer) or ("is a VIP, which is no director's own" if peer in vips else "")
        if nonsense:
            yield Flaw((*path, number), f"{peer} {nonsense}; write the other director's own address on the segment")
        elif peer in peers[:number]:
            yield Flaw((*path, number), f"{peer} stands twice; delete one", ((*path, peers.index(peer)),))
    if len(peers) > PEERS_MOST:
        yield Flaw(path, f"{len(peers)} directors are more than are told apart; write at most {PEERS_MOST}")
    if peers and director.inside:
        message = "peers send to the inside NIC, where nothing is balanced anyway; delete peers"
        yield Flaw(path, message, (("director", "inside"),))


def _vip(service: Service, at: Path) -> Iterator[Flaw]:
    address = service.vip
    nonsense = _nonsense(address)
    if isinstance(address, IPv6Address) and address.is_link_local:
        nonsense = "is a link-local address, which ends at the first router"
    if nonsense:
        yield Flaw((*at, "vip"), f"{address} {nonsense}; write the address that clients ask for")


def _reals(service: Service, at: Path) -> Iterator[Flaw]:
    if not service.reals and service.sorry is None:
        yield Flaw(
            (*at, "reals"),
            'a service needs a real server; write reals = ["192.168.76.31"], or name a sorry server',
            ((*at, "sorry"),),
        )
    for number, real in enumerate(service.reals):
        yield from _serves(real.address, (*at, "reals", number, "address"), service, at)


def _sorry(service: Service, at: Path) -> Iterator[Flaw]:
    if service.sorry is None:
        return
    yield from _serves(service.sorry, (*at, "sorry"), service, at)
    for number, real in enumerate(service.reals):
        if real.address == service.sorry:
            yield Flaw(
                (*at, "sorry"),
                f"{service.sorry} is one of the reals; name another server for when they are down",
                ((*at, "reals", number, "address"),),
            )


def _serves(address: Address, path: Path, service: Service, at: Path) -> Iterator[Flaw]:
    """Whether a real or sorry server's address makes sense and is of its VIP's family."""
    if nonsense := _nonsense(address):
        yield Flaw(path, f"{address} {nonsense}; write the real server's own address on the director's segment")
    elif address.version != service.vip.version:
        yield Flaw(
            path,
            f"{address} is IPv{address.version} and the VIP {service.vip} is IPv{service.vip.version}; "
            f"write the server's IPv{service.vip.version} address, or make a second service",
            ((*at, "vip"),),
        )


def _nonsense(address: Address) -> str:
    """Why no host on a segment can have this address; empty where one can."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return f"is {address.ipv4_mapped} in disguise, which is never on the wire"
    if address.is_loopback:
        return "is a loopback address, which no other host can reach"
    if address.is_multicast:
        return "is a multicast address, which belongs to no host"
    if address == BROADCAST:
        return "is the broadcast address, which belongs to no host"
    if address.is_unspecified or (isinstance(address, IPv4Address) and address.packed[0] == 0):
        return "is no host's address"
    return ""


def _same_real_twice(service: Service, at: Path) -> Iterator[Flaw]:
    seen: dict[Address, Path] = {}
    for number, real in enumerate(service.reals):
        path = (*at, "reals", number, "address")
        if real.address in seen:
            yield Flaw(path, f"{real.address} stands twice; keep one, with the weight of both", (seen[real.address],))
        seen.setdefault(real.address, path)


def _thresholds(service: Service, at: Path) -> Iterator[Flaw]:
    for number, real in enumerate(service.reals):
        if real.lower > real.upper:
            yield _lower_above_upper(real, (*at, "reals", number))


def _lower_above_upper(real: Real, at: Path) -> Flaw:
    against = ((*at, "upper"),)
    if not real.upper:
        return Flaw((*at, "lower"), "lower means nothing without upper; write upper too, or delete it", against)
    message = f"lower {real.lower} is above upper {real.upper}; write upper first, and lower at most that"
    return Flaw((*at, "lower"), message, against)


def _vlans(config: Config) -> Iterator[Flaw]:
    """A station is on one segment: its MAC is looked for there."""
    seen: dict[Address, tuple[int | None, Path]] = {}
    for number, service in enumerate(config.services):
        for index, real in enumerate(service.reals):
            path = ("service", number, "reals", index)
            vlan, earlier = seen.setdefault(real.address, (real.vlan, (*path, "vlan")))
            if vlan != real.vlan:
                message = f"{real.address} is on another VLAN elsewhere; write the same vlan wherever it stands"
                yield Flaw((*path, "vlan"), message, (earlier,))


def _mtu(service: Service, at: Path) -> Iterator[Flaw]:
    """What every link must take: RFC 791, RFC 8200 section 5."""
    least = 68 if service.vip.version == 4 else 1280
    for number, real in enumerate(service.reals):
        if 0 < real.mtu < least:
            message = f"an IPv{service.vip.version} link takes {least} bytes at least; write mtu = {least} or more"
            yield Flaw((*at, "reals", number, "mtu"), message, ((*at, "vip"),))


def _minimum(service: Service, at: Path) -> Iterator[Flaw]:
    most = max(1, len(service.reals))
    if service.minimum > most:
        message = f"{service.minimum} is more than the service has reals ({len(service.reals)}); write at most {most}"
        yield Flaw((*at, "minimum"), message, ((*at, "reals"),))


def _fail_open(service: Service, at: Path) -> Iterator[Flaw]:
    if service.fail_open and service.sorry is not None:
        message = "fail_open does nothing beside a sorry server, which stands in first; delete one of the two"
        yield Flaw((*at, "fail_open"), message, ((*at, "sorry"),))


def _scheduler_flags(service: Service, at: Path) -> Iterator[Flaw]:
    for flag in sorted(service.scheduler_flags):
        owner = flag.partition("-")[0]
        if owner != service.scheduler:
            yield Flaw(
                (*at, "scheduler_flags"),
                f'{flag} is a flag of the scheduler {owner}, not of {service.scheduler}; write scheduler = "{owner}", '
                "or delete the flag",
                ((*at, "scheduler"),),
            )


def _persistence_mask(service: Service, at: Path) -> Iterator[Flaw]:
    if service.persistence_mask is None:
        return
    path, bits = (*at, "persistence_mask"), service.vip.max_prefixlen
    if service.persistence is None:
        message = "a mask says which clients persist together, and nothing persists; write persistence = 300 too"
        yield Flaw(path, message, ((*at, "persistence"),))
    if service.persistence_mask > bits:
        message = f"an IPv{service.vip.version} address has {bits} bits; write a prefix length from 1 to {bits}"
        yield Flaw(path, message, ((*at, "vip"),))


def _one_packet(service: Service, at: Path) -> Iterator[Flaw]:
    if not service.one_packet:
        return
    for number, ports in enumerate(service.ports):
        if ports.protocol is not Protocol.UDP:
            message = f"one_packet is for UDP alone, not {ports}; delete it, or give the UDP ports their own service"
            yield Flaw((*at, "one_packet"), message, ((*at, "ports", number),))
            return
    if service.persistence is not None:
        message = "one_packet schedules every datagram by itself, so nothing persists; delete one of the two"
        yield Flaw((*at, "one_packet"), message, ((*at, "persistence"),))


def _check_times(service: Service, at: Path) -> Iterator[Flaw]:
    check = service.check
    if check is not None and check.timeout > check.every:
        yield Flaw(
            (*at, "check", "timeout"),
            f"a check of up to {check.timeout:g} s every {check.every:g} s runs into the next; "
            f"write timeout = {check.every:g} or less, or a longer every",
            ((*at, "check", "every"),),
        )


def _check_port(service: Service, at: Path) -> Iterator[Flaw]:
    check, path = service.check, (*at, "check", "port")
    if check is None:
        return
    if check.kind == "icmp" and check.port is not None:
        yield Flaw(path, 'an icmp check has no port; delete it, or write kind = "tcp"', ((*at, "check", "kind"),))
    wanted = transport(check)
    if wanted and target_port(service) is None:
        message = f"a {check.kind} check needs a port, and the service has no single {wanted} port; write port = 80"
        yield Flaw(path, message, ((*at, "check", "kind"), (*at, "ports")))


SERVICE_RULES: tuple[Callable[[Service, Path], Iterator[Flaw]], ...] = (
    _vip,
    _reals,
    _sorry,
    _same_real_twice,
    _thresholds,
    _mtu,
    _minimum,
    _fail_open,
    _scheduler_flags,
    _persistence_mask,
    _one_packet,
    _check_times,
    _check_port,
)

# ---- between services ----


def _names(config: Config) -> Iterator[Flaw]:
    seen: dict[str, Path] = {}
    for number, service in enumerate(config.services):
        path = ("service", number, "name")
        if service.name in seen:
            message = f"another service is named {shown(service.name)} already; write another name"
            yield Flaw(path, message, (seen[service.name],))
        seen.setdefault(service.name, path)


def _vips_as_reals(config: Config) -> Iterator[Flaw]:
    vips: dict[Address, Path] = {}
    for number, service in enumerate(config.services):
        vips.setdefault(service.vip, ("service", number, "vip"))
    for number, service in enumerate(config.services):
        at: Path = ("service", number)
        servers = [(real.address, (*at, "reals", index, "address")) for index, real in enumerate(service.reals)]
        if service.sorry is not None:
            servers.append((service.sorry, (*at, "sorry")))
        for address, path in servers:
            if address in vips:
                message = f"{address} is a VIP, which all its real servers have; write this server's own address"
                yield Flaw(path, message, (vips[address],))


@dataclass(frozen=True, slots=True)
class _Claim:
    """Ports that a service takes on its VIP."""

    place: tuple[int, int]
    """The service's number, and the number of the entry in its list: the order of the file."""
    service: Service
    ports: Ports

    @property
    def path(self) -> Path:
        return ("service", self.place[0], "ports", self.place[1])

    @property
    def vip_path(self) -> Path:
        return ("service", self.place[0], "vip")


def _overlaps(config: Config) -> Iterator[Flaw]:
    """Single ports are looked up before ranges, so one may stand inside the other; two of one sort must not meet."""
    claims: defaultdict[tuple[Address, Protocol, bool], list[_Claim]] = defaultdict(list)
    for number, service in enumerate(config.services):
        for index, ports in enumerate(service.ports):
            sort = service.vip, ports.protocol, ports.first == ports.last
            claims[sort].append(_Claim((number, index), service, ports))
    for rivals in claims.values():
        yield from _meetings(rivals)


def _meetings(rivals: list[_Claim]) -> Iterator[Flaw]:
    """Sweep upwards: a claim meets another if it begins before the furthest end of those below it."""
    furthest, *rest = sorted(rivals, key=lambda claim: claim.ports.first)
    for claim in rest:
        if claim.ports.first <= furthest.ports.last:
            yield _meeting(*sorted((furthest, claim), key=lambda one: one.place))
        if claim.ports.last > furthest.ports.last:
            furthest = claim


def _meeting(earlier: _Claim, later: _Claim) -> Flaw:
    ports, same = later.ports, earlier.ports == later.ports
    if earlier.service is later.service:
        message = f"{ports} is here already; delete one" if same else f"{ports} overlaps {earlier.ports}; merge the two"
    else:
        owner = f"service {shown(earlier.service.name)}"
        taken = f"belongs to {owner}" if same else f"overlaps {earlier.ports} of {owner}"
        message = f"{ports} on {later.service.vip} {taken}; write other ports, or another VIP"
    return Flaw(later.path, message, (earlier.path, earlier.vip_path, later.vip_path))


def _hooks(config: Config) -> Iterator[Flaw]:
    for number, hook in enumerate(config.hooks):
        at: Path = ("hook", number)
        if not hook.run and not hook.url:
            message = 'a hook tells somebody; write run = "/path/to/program", or url = "https://..."'
            yield Flaw((*at, "run"), message, ((*at, "url"),))
        if hook.headers and not hook.url:
            yield Flaw((*at, "headers"), "headers are for a url; write that too, or delete them", ((*at, "url"),))
        for index, event in enumerate(hook.on):
            if event in hook.on[:index]:
                first = (*at, "on", hook.on.index(event))
                yield Flaw((*at, "on", index), f"{shown(event)} stands twice; delete one", (first,))


CONFIG_RULES: tuple[Callable[[Config], Iterator[Flaw]], ...] = (_names, _vips_as_reals, _overlaps, _vlans, _hooks)
