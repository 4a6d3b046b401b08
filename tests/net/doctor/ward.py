"""What the doctor's tests do: break a node for a while, ask one kind of finding, keep what matters of the answer."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from carom.config.load import load_file
from carom.doctor import misuse
from carom.doctor.case import Told
from carom.doctor.examination import Kind, conclude, opened
from carom.doctor.kinds import server
from carom.finding import Finding, Verdict
from carom.lab import breakage, director, namespaces, wait
from carom.lab.network import NODES, Wire
from carom.lab.standing import Lab
from tests.net.labs import on

VIP, VIP6 = "192.168.76.24", "fd00:76::24"
REAL2, REAL2_6 = "192.168.76.32", "fd00:76::32"
REALS = tuple(f"192.168.76.3{number}" for number in (1, 2, 3))
REALS6 = tuple(f"fd00:76::3{number}" for number in (1, 2, 3))
CONNECTED_WITHIN = 30.0
"""Seconds; who was not answered asks again after pauses of one second, then two, four, eight."""
PAIRS = {(VIP, real) for real in REALS} | {(VIP6, real) for real in REALS6}


@contextmanager
def broken(lab: Lab, node: str, *faults: str) -> Iterator[None]:
    try:
        for fault in faults:
            breakage.inflict(lab, node, fault)
        yield
    finally:
        breakage.heal(lab, node)


@contextmanager
def settings(lab: Lab, node: str, **values: int) -> Iterator[None]:
    """IPv4 settings of a node, `all__arp_ignore=0`, for a while."""
    keys = {f"net.ipv4.conf.{name.replace('__', '.')}": value for name, value in values.items()}
    before = {key: on(lab, node, "sysctl", "-n", key).strip() for key in keys}
    try:
        on(lab, node, "sysctl", "-qw", *(f"{key}={value}" for key, value in keys.items()))
        yield
    finally:
        on(lab, node, "sysctl", "-qw", *(f"{key}={value}" for key, value in before.items()))


def told(lab: Lab, **other: object) -> Told:
    """What `carom doctor` would go by in this lab."""
    config = load_file(Path(lab.record.config))
    status = None if "status" in other else director.status(lab.socket)
    return replace(Told(config, lab.pins, status), **other)  # type: ignore[arg-type]


def ask(lab: Lab, *kinds: Kind, **other: object) -> tuple[Finding, ...]:
    """What these kinds find, one after the other, on the lab's director; first it is seen who is there."""
    before = told(lab, **other)

    async def consult() -> tuple[Finding, ...]:
        async with opened(before) as case:
            await server.findings(case)
            found = [finding for kind in kinds for finding in await kind(case)]
            return conclude([*found, *misuse.findings(case)])

    return namespaces.inside(lab.namespace("director"), lambda: asyncio.run(consult()))


def of(findings: Iterable[Finding], name: str) -> dict[tuple[str, str], Verdict]:
    """The verdicts of one name, by subject and real server."""
    return {(each.subject, each.server): each.verdict for each in findings if each.name == name}


def wrong(findings: Iterable[Finding]) -> set[tuple[str, str, str]]:
    """Name, subject and server of whatever has to be mended."""
    bad = (Verdict.WARNING, Verdict.FAULT)
    return {(each.name, each.subject, each.server) for each in findings if each.verdict in bad}


@contextmanager
def clients(lab: Lab, number: int = 40) -> Iterator[None]:
    """So many clients that try to connect at once, and at the end go on until they are answered.

    So nothing is remembered of them: what is broken has to be healed first.
    """
    with ExitStack() as trying:
        socks = [trying.enter_context(namespaces.inside(lab.namespace("client"), socket.socket)) for _ in range(number)]
        for sock in socks:
            sock.setblocking(False)
            sock.connect_ex((VIP, 80))
        yield
        wait.until(lambda: all(map(is_connected, socks)), CONNECTED_WITHIN)


def is_connected(sock: socket.socket) -> bool:
    try:
        sock.getpeername()
    except OSError:
        return False
    return True


def repeated(lab: Lab, real: str) -> int:
    """How often clients of this real server have asked again lately, by the daemon's count."""
    services = director.status(lab.socket)["services"]
    return sum(each["handshakes"]["repeated"] for one in services for each in one["reals"] if each["address"] == real)


def forget_handshakes(lab: Lab) -> None:
    """A daemon remembers those of half a minute and longer; the next one begins anew."""
    with broken(lab, "director", "dead-daemon"):
        pass


def mac(node: str) -> str:
    return NODES[node].nic(Wire.SEGMENT).mac
