"""Judges whether the host keeps quiet about a VIP: asked for it (arp-ignore), and of its own accord (arp-announce)."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address

from carom.finding import Finding, Verdict
from carom.realserver.methods.method import ipv4
from carom.realserver.verify.question import Question
from carom.realserver.view import Nic

# arp_ignore 1 and 2 answer for addresses of the NIC that was asked, 8 for none; 0 and 3 answer for a VIP on lo, and so
# do the reserved 4 to 7. Documentation/networking/ip-sysctl.rst
_QUIET_BESIDES_OWN = (1, 2)
_QUIET = 8


def findings(question: Question) -> Iterator[Finding]:
    for vip in ipv4(question.wish.vips):
        if question.view.holders(vip):
            yield _asked(vip, question)
            yield _unasked(vip, question)
        else:
            yield _proxy(vip, question)


def _asked(vip: IPv4Address, question: Question) -> Finding:
    view = question.view
    name, subject = "arp-ignore", str(vip)
    if vip in view.guarded:
        return Finding(name, subject, Verdict.OK, "an ARP rule drops every request for it")
    leaks = [nic for nic in view.segment_nics() if _answers(nic, vip, question)]
    if not leaks:
        values = _values([question.wish.interface], "arp_ignore", question)
        return Finding(name, subject, Verdict.OK, f"no NIC answers for it ({values})")
    evidence = f"{_names(leaks)} answers who-has {vip} ({_values([nic.name for nic in leaks], 'arp_ignore', question)})"
    on_nic = [held for held in view.holders(vip) if held.interface in {nic.name for nic in leaks}]
    if on_nic and view.effective(on_nic[0].interface, "arp_ignore") in _QUIET_BESIDES_OWN:
        held = on_nic[0]
        remedy = f"ip address del {vip}/{held.prefix} dev {held.interface} && {question.join_command(vip)}"
        return Finding(name, subject, Verdict.FAULT, f"{evidence}: the VIP is an address of that NIC", remedy)
    if view.sysctl("net.ipv4.conf.lo.arp_ignore"):
        evidence += "; lo's own arp_ignore has no effect: the kernel looks at `all` and at the interface that was asked"
    return Finding(name, subject, _weight(leaks, question), evidence, question.join_command(vip))


def _unasked(vip: IPv4Address, question: Question) -> Finding:
    view = question.view
    name, subject = "arp-announce", str(vip)
    if vip in view.mangled:
        return Finding(name, subject, Verdict.OK, "an ARP rule takes it out of everything that is sent")
    leaks = [nic for nic in view.segment_nics() if view.effective(nic.name, "arp_announce") < 2]
    if not leaks:
        values = _values([question.wish.interface], "arp_announce", question)
        return Finding(name, subject, Verdict.OK, f"no NIC names it as the sender of ARP ({values})")
    values = _values([nic.name for nic in leaks], "arp_announce", question)
    evidence = (
        f"when {_names(leaks)} has to ask for its gateway again in the middle of a reply, it asks in the name of "
        f"{vip}, and the segment learns that the VIP is here ({values})"
    )
    return Finding(name, subject, _weight(leaks, question), evidence, question.join_command(vip))


def _proxy(vip: IPv4Address, question: Question) -> Finding:
    """A VIP that is not on the host: only proxy ARP could answer for it, and only on a host that forwards."""
    leaks = [
        nic
        for nic in question.view.segment_nics()
        if question.view.effective(nic.name, "proxy_arp")
        and question.view.sysctl(f"net.ipv4.conf.{nic.name}.forwarding")
    ]
    if not leaks:
        return Finding("proxy-arp", str(vip), Verdict.OK, "no NIC answers ARP on behalf of others")
    evidence = f"{_names(leaks)} answers ARP for every address routed elsewhere (proxy_arp), perhaps for {vip} too"
    remedy = " && ".join(f"sysctl -w {spelt(nic.name, 'proxy_arp')}=0" for nic in leaks)
    return Finding("proxy-arp", str(vip), Verdict.WARNING, evidence, remedy)


def _answers(nic: Nic, vip: IPv4Address, question: Question) -> bool:
    value = question.view.effective(nic.name, "arp_ignore")
    if value in _QUIET_BESIDES_OWN:
        return any(held.interface == nic.name for held in question.view.holders(vip))
    return value != _QUIET


def _weight(leaks: list[Nic], question: Question) -> Verdict:
    """A leak on the director's segment takes the VIP away; on another it may never be asked."""
    return Verdict.FAULT if question.wish.interface in {nic.name for nic in leaks} else Verdict.WARNING


def _values(interfaces: list[str], setting: str, question: Question) -> str:
    keys = {f"{name}.{setting}": f"net.ipv4.conf.{name}.{setting}" for name in ("all", *interfaces)}
    return ", ".join(f"{shown}={question.view.sysctl(key)}" for shown, key in keys.items())


def _names(nics: list[Nic]) -> str:
    return " and ".join(nic.name for nic in nics)


def spelt(interface: str, setting: str) -> str:
    """A setting's name for sysctl(8), which swaps `.` and `/` inside an interface's name."""
    return f"net.ipv4.conf.{interface.replace('.', '/')}.{setting}"
