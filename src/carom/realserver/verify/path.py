"""Judges the way in and the way home: default route, rp_filter, MTU, forwarding."""

from __future__ import annotations

from collections.abc import Iterator

from carom.finding import Finding, Verdict
from carom.model import Address
from carom.realserver.verify.arp import spelt
from carom.realserver.verify.question import Question
from carom.realserver.view import Route, family, is_v6

ETHERNET_MTU = 1500
STRICT = 1
"""rp_filter: a packet must come in by the interface that leads back to its sender (RFC 3704 section 2.2)."""


def findings(question: Question) -> Iterator[Finding]:
    for vip in question.wish.vips:
        yield _home(vip, question)
        if not is_v6(vip):
            yield _reverse_path(vip, question)
        yield _forwarding(vip, question)
    yield _mtu(question)


def _home(vip: Address, question: Question) -> Finding:
    name, subject = "default-route", str(vip)
    route = question.view.replies.get(vip)
    if route is None:
        evidence = "there is no route to clients: replies are dropped"
        return Finding(name, subject, Verdict.FAULT, evidence, f"ip -{vip.version} route add default via GATEWAY")
    if route.gateway is None:
        return Finding(name, subject, Verdict.OK, f"replies go straight onto {route.interface}")
    evidence = f"replies go to {route.gateway} by {route.interface}"
    accused = _director_is(route.gateway, question)
    if accused:
        remedy = f"ip -{vip.version} route replace default via GATEWAY, a router that is not the director"
        return Finding(name, subject, Verdict.FAULT, f"{evidence}, which is the director ({accused})", remedy)
    if not _comparable(route.gateway, question):
        asked = f"name the director's IPv{vip.version} address with --director to compare"
        return Finding(name, subject, Verdict.UNKNOWN, f"{evidence}; {asked}")
    return Finding(name, subject, Verdict.OK, f"{evidence}, not to the director")


def _director_is(gateway: Address, question: Question) -> str:
    """How it shows that the gateway is a director; empty where it does not."""
    if gateway in question.directors:
        return "its address"
    if gateway in question.wish.vips:
        return "a VIP"
    neighbours = question.view.neighbours
    macs = {neighbours[director] for director in question.directors if director in neighbours}
    if neighbours.get(gateway) in macs:
        return f"both have the MAC {neighbours[gateway]}"
    return ""


def _comparable(gateway: Address, question: Question) -> bool:
    """Addresses of one IP version can be told apart, and so can MACs where both are known."""
    neighbours = question.view.neighbours
    return any(
        director.version == gateway.version or (gateway in neighbours and director in neighbours)
        for director in question.directors
    )


def _reverse_path(vip: Address, question: Question) -> Finding:
    name, interface = "rp-filter", question.wish.interface
    subject = f"{vip} {interface}"
    value = question.view.effective(interface, "rp_filter")
    route: Route | None = question.view.replies.get(vip)
    home = route.interface if route else "nowhere"
    if value != STRICT or home == interface:
        return Finding(name, subject, Verdict.OK, f"rp_filter={value}; in by {interface}, home by {home}")
    evidence = (
        f"rp_filter=1 on {interface} drops clients' packets: they come in by {interface}, and the way back to them "
        f"leaves by {home}"
    )
    return Finding(name, subject, Verdict.FAULT, evidence, f"sysctl -w {spelt(interface, 'rp_filter')}=2")


def _forwarding(vip: Address, question: Question) -> Finding:
    name, subject = "forwarding", str(vip)
    key = f"net.{family(vip)}.conf.{question.wish.interface}.forwarding"
    if question.view.holders(vip) or not question.view.sysctl(key):
        return Finding(name, subject, Verdict.OK, "no packet for it is sent on")
    evidence = (
        f"{question.wish.interface} forwards, and the VIP is not on this host: a packet for a port that is not "
        "redirected goes back to the director, round and round until its TTL ends"
    )
    if is_v6(vip):
        remedy = "sysctl -w net.ipv6.conf.all.forwarding=0"
    else:
        remedy = f"sysctl -w {spelt(question.wish.interface, 'forwarding')}=0"
    return Finding(name, subject, Verdict.WARNING, evidence, remedy)


def _mtu(question: Question) -> Finding:
    name, interface = "mtu", question.wish.interface
    nic = question.view.nic(interface)
    if nic is None:
        return Finding(name, interface, Verdict.UNKNOWN, f"this host has no interface {interface}")
    if nic.mtu < ETHERNET_MTU:
        evidence = (
            f"{interface} takes {nic.mtu} bytes, and the director passes on packets of up to {ETHERNET_MTU} as they "
            "are: TCP gets through, because this host tells clients its size; larger UDP datagrams are lost"
        )
        return Finding(name, interface, Verdict.WARNING, evidence, f"ip link set {interface} mtu {ETHERNET_MTU}")
    if nic.mtu > ETHERNET_MTU:
        evidence = f"{interface} sends up to {nic.mtu} bytes; every host and gateway on the segment has to take them"
        return Finding(name, interface, Verdict.UNKNOWN, evidence)
    return Finding(name, interface, Verdict.OK, f"{nic.mtu} bytes")
