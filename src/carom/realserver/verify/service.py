"""Judges whether a daemon can be reached through the VIP: its sockets, the redirect rules, connection tracking."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

from carom.finding import Finding, Verdict
from carom.model import Address, Ports, Protocol
from carom.realserver.verify.question import Question
from carom.realserver.view import Listener, View, is_v6

NEARLY_FULL = 0.8
"""Part of the connection-tracking table from which a warning is due."""


def findings(question: Question) -> Iterator[Finding]:
    if not question.wish.ports:
        vips = ", ".join(map(str, question.wish.vips))
        yield Finding("listener", vips, Verdict.UNKNOWN, "no port was named, here or at join; add --port tcp/80")
    for vip in question.wish.vips:
        for ports in question.wish.ports:
            yield _listens(vip, ports, question)
            if not question.holds_vip:
                yield _redirected(vip, ports, question)
    if not question.holds_vip:
        yield _tracking(question)


def _listens(vip: Address, ports: Ports, question: Question) -> Finding:
    name, subject = "listener", f"{vip} {ports}"
    if ports.protocol is Protocol.SCTP:
        return Finding(name, subject, Verdict.UNKNOWN, "SCTP sockets are not looked at")
    there = [
        each
        for each in question.view.listeners
        if each.protocol is ports.protocol and ports.first <= each.port <= ports.last
    ]
    reached = [each for each in there if _reaches(vip, each, question)]
    if reached:
        return Finding(name, subject, Verdict.OK, f"a daemon listens on {_places(reached)}")
    wanted = f"{vip}:{ports.first}" if question.holds_vip else f"the RIP or 0.0.0.0, port {ports.first}"
    if there:
        evidence = f"the daemon listens on {_places(there)} only, which packets for the VIP do not reach"
        return Finding(name, subject, Verdict.FAULT, evidence, f"bind the daemon to {wanted} or to every address")
    evidence = "nothing listens there: clients' connections are refused"
    return Finding(name, subject, Verdict.FAULT, evidence, f"start the daemon, bound to {wanted}")


def _reaches(vip: Address, listener: Listener, question: Question) -> bool:
    """Whether what the director sends to the VIP ends at this socket."""
    if listener.address == IPv6Address(0) and not is_v6(vip):
        return _takes_both(listener, question.view)
    if listener.address.version != vip.version:
        return False
    if listener.anywhere or (question.holds_vip and listener.address == vip):
        return True
    own = {held.address for held in question.view.on(question.wish.interface, vip.version)}
    return not question.holds_vip and listener.address in own


def _takes_both(listener: Listener, view: View) -> bool:
    """Whether a `::` socket takes IPv4 too. It was tried for TCP; for UDP the system's default is believed."""
    if listener.protocol is Protocol.TCP:
        return listener.port not in view.only_ipv6
    return not view.sysctl("net.ipv6.bindv6only")


def _places(listeners: list[Listener]) -> str:
    shown = dict.fromkeys(
        f"{each.address}:{each.port}" if isinstance(each.address, IPv4Address) else f"[{each.address}]:{each.port}"
        for each in listeners
    )
    few = list(shown)[:4]
    return ", ".join(few) + (f" and {len(shown) - len(few)} more" if len(shown) > len(few) else "")


def _redirected(vip: Address, ports: Ports, question: Question) -> Finding:
    name, subject = "redirect-rule", f"{vip} {ports}"
    if (vip, str(ports)) in question.view.redirected:
        return Finding(name, subject, Verdict.OK, f"{question.wish.tool} turns it to this host's own address")
    evidence = f"{question.wish.tool or 'no tool'} has no rule for it, so packets for the VIP are not this host's"
    return Finding(name, subject, Verdict.FAULT, evidence, question.join_command(vip))


def _tracking(question: Question) -> Finding:
    """REDIRECT needs an entry for every connection; a full table drops new ones."""
    name, subject = "conntrack", "nf_conntrack"
    table = question.view.conntrack
    if table is None:
        return Finding(name, subject, Verdict.UNKNOWN, "connection tracking is not loaded")
    evidence = f"{table.entries} of {table.limit} connections tracked"
    if table.entries < NEARLY_FULL * table.limit:
        return Finding(name, subject, Verdict.OK, evidence)
    remedy = f"sysctl -w net.netfilter.nf_conntrack_max={2 * table.limit}, or a method without connection tracking"
    verdict = Verdict.FAULT if table.entries >= table.limit else Verdict.WARNING
    return Finding(name, subject, verdict, f"{evidence}: beyond the limit, new ones are dropped", remedy)
