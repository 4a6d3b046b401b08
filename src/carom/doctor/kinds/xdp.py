"""xdp: the packet program is on the NIC, natively, and what is pinned keeps it there."""

from __future__ import annotations

import os
import socket

from carom.dataplane.xdp import libbpf
from carom.dataplane.xdp.program import INSIDE
from carom.doctor.case import Case, unknown, well
from carom.errors import BpfError, CaromError, NetError
from carom.finding import Finding, Verdict
from carom.net import nic

NAME = "xdp"


async def findings(case: Case) -> list[Finding]:
    index = socket.if_nametoindex(case.interface)
    try:
        mode = libbpf.xdp_mode(index)
    except CaromError as error:
        return [unknown(NAME, case.interface, str(error))]
    if not mode:
        evidence = "no packet program is on it: nobody answers for the VIPs, and nothing is forwarded"
        return [Finding(NAME, case.interface, Verdict.FAULT, evidence, "start caromd, and see its log")]
    found = [_mode(mode, case), _pinned(index, "link", case.interface, case)]
    if case.towards_reals != case.interface:
        found.append(_pinned(socket.if_nametoindex(case.towards_reals), INSIDE, case.towards_reals, case))
    return found


def _mode(mode: str, case: Case) -> Finding:
    if mode == "native":
        return well(NAME, case.interface, "the packet program runs in the driver (native mode)")
    evidence = f"{mode} mode: each packet costs several times what it costs in the driver ({_driver(case)})"
    remedy = (
        f"see whether the driver can do XDP; if it can, what hinders it is usually LRO or an MTU above 3,500 bytes: "
        f"ethtool -K {case.interface} lro off, then restart caromd"
    )
    return Finding(NAME, case.interface, Verdict.WARNING, evidence, remedy)


def _pinned(index: int, name: str, nic: str, case: Case) -> Finding:
    """Whether the program on this NIC outlives the daemon."""
    path = case.told.pins / name
    try:
        link = libbpf.Link(libbpf.open_pinned(path, "link"))
    except BpfError as error:
        evidence = f"no link is pinned at {path} ({os.strerror(error.errno)}): the program on {nic} is not held by it"
        remedy = "name the daemon's --pins, or restart caromd"
        return Finding("pins", str(case.told.pins), Verdict.WARNING, evidence, remedy)
    try:
        there = link.ifindex()
    finally:
        link.close()
    if there != index:
        evidence = f"the link pinned at {path} is not on {nic}"
        return Finding("pins", str(case.told.pins), Verdict.WARNING, evidence, "restart caromd")
    return well("pins", str(case.told.pins), "program and maps are pinned: packets go on without the daemon")


def _driver(case: Case) -> str:
    try:
        return f"driver {nic.driver(case.interface)}"
    except NetError as error:
        return str(error)
