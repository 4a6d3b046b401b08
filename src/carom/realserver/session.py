"""A session: one command's dealings with one host, in one network namespace. The whole library behind one door."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from carom.errors import WishError
from carom.finding import Finding
from carom.model import Address
from carom.realserver import arp, netns
from carom.realserver.apply import Applied, Applier, refuse_strangers
from carom.realserver.choose import Asked, choose
from carom.realserver.files import Disk
from carom.realserver.host import LinuxHost
from carom.realserver.look import CLIENTS, look, look_closely
from carom.realserver.methods.method import Wish
from carom.realserver.persist.common import Item, Means
from carom.realserver.persist.means import MEANS
from carom.realserver.record import Joined, Record, Store
from carom.realserver.steps import Step
from carom.realserver.verify.all import verify
from carom.realserver.verify.question import Boot, Question
from carom.realserver.view import View

_NAMESPACE_ENDS = "a network namespace ends with what it was made for; let that run join again when it starts"


@dataclass(frozen=True, slots=True)
class Plan:
    """What join would do."""

    wish: Wish
    steps: tuple[tuple[Step, bool], ...]
    """Each with whether it is so already."""
    means: str
    """What would keep it over a reboot; empty: nothing."""
    why_not: str
    items: tuple[Item, ...]


class Session:
    """What the commands do."""

    def __init__(self, host: LinuxHost, root: Path, *, passing: bool) -> None:
        self._host = host
        self._passing = passing
        """In a namespace that is not the system's own, and ends before it."""
        self._disk = Disk(root, host)
        self._store = Store(_record_path(root, passing))
        self._applier = Applier(host, self._store, self._disk)

    @classmethod
    def open(cls, namespace: str = "", root: Path = Path("/")) -> Session:
        """Enter the namespace, if one is named, for good. Raises CaromError."""
        started = netns.identity()
        if namespace:
            netns.enter(namespace)
        passing = netns.identity() != started or not netns.is_systems()
        return cls(LinuxHost(), root, passing=passing)

    def plan(self, asked: Asked, persist: str | None) -> Plan:
        """Raises CaromError where it cannot be done."""
        known = self._store.read()
        wish = self._wish(asked, known)
        means, why_not = self._means(persist, known)
        steps = arp.plan(wish)
        kept = tuple(dict.fromkeys((*known.steps, *steps)))
        return Plan(
            wish=wish,
            steps=tuple((step, step.holds(step.read(self._host))) for step in steps),
            means=means.name if means else "",
            why_not=why_not,
            items=means.items(kept, self._disk) if means else (),
        )

    def join(self, asked: Asked, persist: str | None) -> tuple[Plan, Applied]:
        """Raises CaromError, with everything as it was."""
        planned = self.plan(asked, persist)
        return planned, self._applier.join(planned.wish, MEANS.get(planned.means))

    def leaving(self, vips: tuple[Address, ...]) -> tuple[Address, ...]:
        """What `leave` would take away: these, or all that were joined. Raises WishError where one was not."""
        known = self._store.read()
        refuse_strangers(known, vips)
        return vips or known.vips

    def addresses(self) -> frozenset[Address]:
        """This host's own: every one that it has but the VIPs."""
        return frozenset(held.address for held in self._host.held()) - set(self._store.read().vips)

    def leave(self, vips: tuple[Address, ...]) -> Applied:
        return self._applier.leave(vips)

    def verify(self, asked: Asked, directors: tuple[Address, ...], client: Address | None) -> tuple[Finding, ...]:
        """Every finding about the VIPs asked for, or about all that were joined. Raises WishError where none is."""
        known = self._store.read()
        vips = asked.vips or known.vips
        if not vips:
            raise WishError("no VIP is joined on this host; name those to check with --vip")
        clients = dict(CLIENTS)
        if client:
            clients[client.version] = client
        findings: list[Finding] = []
        for wish, boot in self._wishes(replace(asked, vips=vips), known):
            view = look_closely(self._host, wish, clients)
            findings += verify(Question(wish, view, directors, boot))
        return tuple(dict.fromkeys(findings))

    def _wishes(self, asked: Asked, known: Record) -> list[tuple[Wish, Boot | None]]:
        """The VIPs, those together that were joined alike."""
        joined = {each.vip: each for each in known.joined}
        groups: dict[Joined | None, list[Address]] = {}
        for vip in dict.fromkeys(asked.vips):
            alike = replace(joined[vip], vip=asked.vips[0]) if vip in joined else None
            groups.setdefault(alike, []).append(vip)
        boot, view = self._boot(known), look(self._host)
        return [
            (self._choose(_remembered(asked, alike, tuple(vips)), view), boot if alike else None)
            for alike, vips in groups.items()
        ]

    def _wish(self, asked: Asked, known: Record) -> Wish:
        before = next((each for each in known.joined if each.vip in asked.vips), None)
        view = look(self._host)
        wish = self._choose(_remembered(asked, before, asked.vips), view)
        others = {each.vip: each.ports for each in known.joined if each.method == "redirect"}
        again = all(others.get(vip) == wish.ports for vip in wish.vips)
        wish = replace(wish, shared_ports=wish.shared_ports or again)
        arp.refuse(wish, view, others)
        return wish

    def _choose(self, asked: Asked, view: View) -> Wish:
        return choose(asked, view, lambda name: bool(self._host.program(name)), self._host.makes)

    def _means(self, persist: str | None, known: Record) -> tuple[Means | None, str]:
        """What keeps it over a reboot; or None, and why."""
        if self._passing and self._disk.is_systems:
            if persist in MEANS:
                raise WishError(
                    f"--persist {persist} would give the VIP to the host, not to the namespace: {_NAMESPACE_ENDS}"
                )
            return None, _NAMESPACE_ENDS
        if persist == "none":
            return None, "--persist none"
        name = persist if persist in MEANS else known.means if persist is None else ""
        name = name or self._own_means()
        return MEANS.get(name), "" if name else "neither systemd nor ifupdown is here; choose with --persist"

    def _own_means(self) -> str:
        if self._disk.boots_systemd:
            return "systemd"
        return "ifupdown" if self._disk.texts("/etc/network/interfaces") else ""

    def _boot(self, known: Record) -> Boot:
        why_not = _NAMESPACE_ENDS if self._passing else ""
        return Boot(known.means, self._disk.differing(known.items), why_not)


def _remembered(asked: Asked, before: Joined | None, vips: tuple[Address, ...]) -> Asked:
    """What is not said now was said at an earlier join of these VIPs."""
    if before is None:
        return replace(asked, vips=vips, method=asked.method or "sysctl")
    same = asked.method in ("", before.method)
    return replace(
        asked,
        vips=vips,
        method=asked.method or before.method,
        interface=asked.interface or before.interface,
        rip=asked.rip or before.rip,
        ports=asked.ports or before.ports,
        tool=asked.tool or (before.tool if same else ""),
    )


def _record_path(root: Path, passing: bool) -> Path:
    """A namespace of its own has a record of its own, which ends with it at the next boot at the latest."""
    if passing:
        return root / f"run/carom/real-server-{netns.identity()}.json"
    return root / "var/lib/carom/real-server.json"
