"""Faults to break a lab with: what goes wrong in real networks by direct routing, each on the nodes it happens to.

A fault is a number of changes (`carom.lab.changes`); `carom.lab.breakage` makes them and takes them back. Which of the
doctor's findings tells of it stands beside it, and `tests/net/doctor` holds both to that.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from ipaddress import ip_address
from pathlib import Path

from carom.errors import LabError
from carom.lab import director, namespaces
from carom.lab.build import usable
from carom.lab.changes import DAEMON, WEB_SERVER, Change, Command, NativeXdp, Running, Setting, endpoints
from carom.lab.commands import run
from carom.lab.network import NODES, REALS, Node, Role, Wire
from carom.lab.standing import Lab
from carom.lab.webserver import endpoint_text
from carom.model import Address

SMALL_MTU = 1300
"""Bytes: less than the others', and no less than the 1,280 below which a host loses its IPv6."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong on a node."""

    name: str
    about: str
    """What is wrong then, in a sentence."""
    role: Role
    """The nodes it can happen to."""
    finding: str
    """The name of the finding by which `carom doctor` tells it."""
    changes: Callable[[Lab, Node], Iterator[Change]]


def find(name: str, node: Node) -> Fault:
    """The fault of that name. Raises LabError if there is none, or none on such a node."""
    if name not in FAULTS:
        nearest = get_close_matches(name, FAULTS, 1)
        hint = f"did you mean `{nearest[0]}`?" if nearest else "`carom lab faults` lists them"
        raise LabError(f"there is no fault `{name}`; {hint}")
    fault = FAULTS[name]
    if node.role is not fault.role:
        fit = ", ".join(each.name for each in NODES.values() if each.role is fault.role)
        raise LabError(f"`{name}` does not happen to a {node.role}: break one of {fit} with it")
    return fault


# ---- real servers ----


def _arp(setting: str, lab: Lab, node: Node) -> Iterator[Change]:
    for scope in ("all", "eth0"):
        yield Setting(node.name, f"ipv4/conf/{scope}/{setting}", "0")


def _home_by(other: Callable[[Node], Node], lab: Lab, node: Node) -> Iterator[Change]:
    for interface in other(node).nic(Wire.SEGMENT).addresses:
        if usable(interface.ip):
            route = ("ip", f"-{interface.version}", "route")
            now = namespaces.inside(lab.namespace(node.name), partial(run, *route, "show", "default")).split()
            undo = (*route, "replace", *now) if now else (*route, "del", "default")
            yield Command(node.name, (*route, "replace", "default", "via", str(interface.ip)), undo)


def _the_director(_: Node) -> Node:
    return NODES["director"]


def _another_real(node: Node) -> Node:
    """A host that forwards nothing."""
    return next(real for real in REALS if real is not node)


def _no_vip(lab: Lab, node: Node) -> Iterator[Change]:
    for vip in reversed(_vips(lab)):
        yield _address("del", node, vip, "lo")


def _rip_only(lab: Lab, node: Node) -> Iterator[Change]:
    rips = {interface.version: interface.ip for interface in node.nic(Wire.SEGMENT).addresses}
    now = _web_server(lab, node)
    where = dict.fromkeys(endpoint_text(str(rips[vip.version]), port) for vip, port in endpoints(now))
    yield Running(node.name, WEB_SERVER, (now[0], *where))


def _dead_service(lab: Lab, node: Node) -> Iterator[Change]:
    _web_server(lab, node)
    yield Running(node.name, WEB_SERVER, ())


def _dead_server(lab: Lab, node: Node) -> Iterator[Change]:
    """Its cable is out: the port is down, and the node itself keeps addresses and routes."""
    link = ("ip", "link", "set", node.name)
    yield Command(Wire.SEGMENT, (*link, "down"), (*link, "up"))


def _filtered(hook: str, side: str, lab: Lab, node: Node) -> Iterator[Change]:
    """Its packet filter drops what has a VIP as its source or destination."""
    table = f"inet carom_fault_{hook}"
    rules = "\n".join(f"{'ip6' if vip.version == 6 else 'ip'} {side} {vip} drop" for vip in _vips(lab))
    ruleset = f"table {table} {{\nchain fault {{\ntype filter hook {hook} priority 0\n{rules}\n}}\n}}\n"
    yield Command(node.name, ("nft", "-f", "-"), ("nft", "delete", "table", *table.split()), ruleset)


def _small_mtu(lab: Lab, node: Node) -> Iterator[Change]:
    seen = namespaces.inside(lab.namespace(node.name), partial(run, "ip", "-o", "link", "show", "eth0"))
    before = re.findall(r"\bmtu (\d+)", seen)[0]
    command = ("ip", "link", "set", "eth0", "mtu")
    yield Command(node.name, (*command, str(SMALL_MTU)), (*command, before))


def _web_server(lab: Lab, node: Node) -> tuple[str, ...]:
    """The arguments of the web server that runs on the node."""
    now = Running(node.name, WEB_SERVER, ()).inverse(lab)
    if not isinstance(now, Running) or not now.arguments:
        raise LabError(f"no web server runs on {node.name}: nothing to break")
    return now.arguments


# ---- other nodes ----


def _foreign_claim(lab: Lab, node: Node) -> Iterator[Change]:
    for vip in _vips(lab):
        yield _address("add", node, vip, "segment")


def _second_director(lab: Lab, node: Node) -> Iterator[Change]:
    """Another caromd with the same configuration, its files and pins beside the first's."""
    folder = lab.directory / "second"
    own = {"-c": folder / "carom.toml", "--socket": folder / "carom.sock", "--pins": lab.bpffs / "second"}
    flags = director.arguments(lab)[::2]
    arguments = tuple(word for flag in flags for word in (flag, str(own.get(flag, folder / "state"))))
    text = re.sub(r'(?m)^(\s*interface\s*=\s*)"eth0"', r'\1"segment"', Path(lab.record.config).read_text())
    yield NativeXdp(Wire.SEGMENT, node.name, fit=True)
    yield Command(node.name, ("mkdir", str(folder)), ("rm", "-r", str(folder)))
    yield Command(node.name, ("tee", str(own["-c"])), ("true",), text)
    yield Command(node.name, ("true",), (sys.executable, "-m", DAEMON, "--detach", *arguments))
    yield Running(node.name, DAEMON, arguments)


def _dead_daemon(lab: Lab, node: Node) -> Iterator[Change]:
    _daemon(lab, node)
    yield Running(node.name, DAEMON, ())


def _detached(lab: Lab, node: Node) -> Iterator[Change]:
    arguments = _daemon(lab, node)
    yield Running(node.name, DAEMON, ())
    yield Command(node.name, (sys.executable, "-m", DAEMON, "--detach", *arguments), ("true",))


def _local_vip(lab: Lab, node: Node) -> Iterator[Change]:
    for vip in _vips(lab):
        yield _address("add", node, vip, "lo")


def _forwarding(lab: Lab, node: Node) -> Iterator[Change]:
    yield Setting(node.name, "ipv4/conf/eth0/forwarding", "1")


def _daemon(lab: Lab, node: Node) -> tuple[str, ...]:
    """The arguments of the daemon that runs on the node."""
    now = Running(node.name, DAEMON, ()).inverse(lab)
    if not isinstance(now, Running) or not now.arguments:
        raise LabError(f"no daemon runs on {node.name}: nothing to break")
    return now.arguments


def _vips(lab: Lab) -> list[Address]:
    return [vip for vip in map(ip_address, lab.record.vips) if usable(vip)]


def _address(verb: str, node: Node, vip: Address, interface: str) -> Command:
    """Add or delete an address, without asking first whether anybody else has it."""
    nodad = ("nodad",) if vip.version == 6 and interface != "lo" else ()
    add = ("ip", "address", "add", f"{vip}/{vip.max_prefixlen}", "dev", interface, *nodad)
    delete = ("ip", "address", "del", f"{vip}/{vip.max_prefixlen}", "dev", interface)
    return Command(node.name, add, delete) if verb == "add" else Command(node.name, delete, add)


FAULTS = {
    fault.name: fault
    for fault in (
        Fault(
            "no-arp-ignore",
            "Asked who has the VIP, it answers: arp_ignore is 0.",
            Role.REAL,
            "arp-ignore",
            partial(_arp, "arp_ignore"),
        ),
        Fault(
            "no-arp-announce",
            "It asks for its gateway in the VIP's name: arp_announce is 0.",
            Role.REAL,
            "arp-announce",
            partial(_arp, "arp_announce"),
        ),
        Fault(
            "wrong-gateway",
            "Its default route leads through the director.",
            Role.REAL,
            "default-route",
            partial(_home_by, _the_director),
        ),
        Fault(
            "dead-gateway",
            "Its gateway passes nothing on, so clients get no reply.",
            Role.REAL,
            "return-path",
            partial(_home_by, _another_real),
        ),
        Fault("no-vip", "The VIP is none of its addresses.", Role.REAL, "vip-address", _no_vip),
        Fault("rip-only", "Its service listens on its own address only.", Role.REAL, "listener", _rip_only),
        Fault(
            "dropped-replies",
            "What it sends from the VIP is dropped, as if it were spoofed.",
            Role.REAL,
            "replies",
            partial(_filtered, "output", "saddr"),
        ),
        Fault(
            "firewalled-vip",
            "Its packet filter drops what comes for the VIP.",
            Role.REAL,
            "firewall",
            partial(_filtered, "input", "daddr"),
        ),
        Fault("small-mtu", f"Its NIC takes packets of {SMALL_MTU:,} bytes at most.", Role.REAL, "mtu", _small_mtu),
        Fault("dead-service", "Its service has ended.", Role.REAL, "listener", _dead_service),
        Fault("dead-server", "Its cable is out.", Role.REAL, "server", _dead_server),
        Fault(
            "foreign-claim", "It has the VIP too, and answers for it.", Role.GATEWAY, "foreign-claim", _foreign_claim
        ),
        Fault(
            "second-director",
            "A second director runs there, as active as the first.",
            Role.GATEWAY,
            "second-director",
            _second_director,
        ),
        Fault("dead-daemon", "caromd has ended; packets go on.", Role.DIRECTOR, "daemon", _dead_daemon),
        Fault("detached", "caromd has ended and taken its program along.", Role.DIRECTOR, "xdp", _detached),
        Fault(
            "local-vip",
            "The VIP is an address of the director's own.",
            Role.DIRECTOR,
            "local-vip",
            _local_vip,
        ),
        Fault("forwarding", "The director's host forwards packets.", Role.DIRECTOR, "forwarding", _forwarding),
    )
}
"""Every fault, by its name."""
