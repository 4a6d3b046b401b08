"""Judges whether the host owns the VIP, in the right place and as a whole address."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network

from carom.finding import Finding, Verdict
from carom.model import Address
from carom.realserver.verify.question import Question
from carom.realserver.view import Held, is_v6


def findings(question: Question) -> Iterator[Finding]:
    for vip in question.wish.vips:
        holders = question.view.holders(vip)
        yield _present(vip, holders, question)
        for held in holders:
            yield _prefix(held)
            if is_v6(vip):
                yield _detection(held, question)
                yield _discovery(held, question)


def _present(vip: Address, holders: tuple[Held, ...], question: Question) -> Finding:
    name, subject = "vip-address", str(vip)
    where = ", ".join(held.interface for held in holders)
    if not question.holds_vip:
        if not holders:
            return Finding(name, subject, Verdict.OK, "no address of this host, as method redirect wants it")
        remedy = " && ".join(f"ip address del {vip}/{held.prefix} dev {held.interface}" for held in holders)
        evidence = f"it is on {where}; method redirect leaves it to the director alone"
        return Finding(name, subject, Verdict.FAULT, evidence, remedy)
    if not holders:
        evidence = "this host does not own it, so it drops what the director sends"
        return Finding(name, subject, Verdict.FAULT, evidence, question.join_command(vip))
    down = [held.interface for held in holders if not _is_up(held.interface, question)]
    if len(down) == len(holders):
        return Finding(name, subject, Verdict.FAULT, f"it is on {where}, which is down", f"ip link set {down[0]} up")
    return Finding(name, subject, Verdict.OK, f"it is on {where}")


def _is_up(interface: str, question: Question) -> bool:
    nic = question.view.nic(interface)
    return nic is not None and nic.up


def _prefix(held: Held) -> Finding:
    name, subject = "vip-prefix", str(held.address)
    if held.whole:
        return Finding(name, subject, Verdict.OK, f"/{held.prefix}: it brings no route")
    network = ip_network((held.address, held.prefix), strict=False)
    remedy = (
        f"ip address del {held.address}/{held.prefix} dev {held.interface} && "
        f"carom real-server join --vip {held.address}"
    )
    if held.interface == "lo":
        evidence = f"/{held.prefix} on lo makes all of {network} local: this host reaches none of its neighbours there"
        return Finding(name, subject, Verdict.FAULT, evidence, remedy)
    evidence = f"/{held.prefix} brings a route to {network} whose source is the VIP: this host may speak as the VIP"
    return Finding(name, subject, Verdict.WARNING, evidence, remedy)


def _detection(held: Held, question: Question) -> Finding:
    """Duplicate address detection (RFC 4862 section 5.4) finds the director, and then the kernel drops the address."""
    name, subject = "duplicate-detection", str(held.address)
    again = (
        f"ip address del {held.address}/{held.prefix} dev {held.interface} && "
        f"ip address add {held.address}/128 dev {held.interface} nodad"
    )
    if held.duplicate:
        evidence = f"detection on {held.interface} found it elsewhere, and the kernel does not use it (dadfailed)"
        return Finding(name, subject, Verdict.FAULT, evidence, again)
    if held.tentative:
        evidence = f"it is tentative on {held.interface}: not used until detection ends, and failed if that finds it"
        return Finding(name, subject, Verdict.FAULT, evidence, again)
    nic = question.view.nic(held.interface)
    if nic is None or nic.loopback or not nic.arp or held.nodad:
        return Finding(name, subject, Verdict.OK, f"never done on {held.interface}")
    evidence = f"it passed on {held.interface} this time; with the director up first, it will fail"
    return Finding(name, subject, Verdict.WARNING, evidence, again)


def _discovery(held: Held, question: Question) -> Finding:
    """The kernel answers a neighbour solicitation only for addresses of the interface that it came in by."""
    name, subject = "neighbour-discovery", str(held.address)
    nic = question.view.nic(held.interface)
    if nic is None or nic.loopback or not nic.arp:
        return Finding(name, subject, Verdict.OK, f"{held.interface} hears no neighbour solicitation")
    evidence = f"{held.interface} answers neighbour solicitations for it"
    away = f"ip address del {held.address}/{held.prefix} dev {held.interface}"
    remedy = f"{away} && {question.join_command(held.address)}"
    return Finding(name, subject, Verdict.FAULT, evidence, remedy)
