"""The users' path: every service answers at the VIP, on every real server; and if not, why not.

The same packet that the data plane would send: to the VIP, with the MAC of one real server (`carom.net.viaroute`). A
check that fails is made again, with the witnesses of `carom.checks` beside it; what they say together is a diagnosis.
Each diagnosis has the name by which `carom real-server verify` calls the same on the real server:

- vip-address: the VIP is none of its addresses;
- listener: nobody listens at the VIP, be it that the service is down or bound to the RIP only;
- firewall: a packet filter stands before it;
- replies: what it sends from the VIP, or what goes to it, is lost;
- server: the host does not answer;
- service: it answers, but not as it should, or all is well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from carom.checks.checker import Checker, Target, examine
from carom.checks.icmp import Icmp
from carom.checks.jobs import Probe
from carom.checks.overhear import Ear
from carom.checks.registry import build
from carom.checks.tcp import Tcp
from carom.checks.witnesses import ask_witnesses
from carom.core.check_target import target_port, transport
from carom.core.diagnosis import diagnose
from carom.doctor.case import Case, Pair, reals_of, unknown, well
from carom.finding import Finding, Verdict
from carom.model import Protocol, Service, Via
from carom.outcome import Diagnosis, Outcome
from carom.outcome import Verdict as Diagnosed

AT_ONCE = 64
TIMEOUT = 1.0
"""Seconds for one check, at least: the doctor asks only twice."""
NAMES: Mapping[Diagnosed, str] = {
    Diagnosed.VIP_MISSING: "vip-address",
    Diagnosed.VIP_UNSERVED: "listener",
    Diagnosed.SERVICE_DOWN: "listener",
    Diagnosed.FIREWALLED: "firewall",
    Diagnosed.REPLY_LOST: "replies",
    Diagnosed.SERVER_DOWN: "server",
    Diagnosed.SERVICE_WRONG: "service",
    Diagnosed.CHECK_BROKEN: "service",
}


@dataclass(frozen=True, slots=True)
class Question:
    """One check of one VIP on one real server."""

    pair: Pair
    what: str
    """`VIP tcp/80`"""
    port: int
    """0 where the check has none."""
    tcp: bool
    probe: Probe


async def findings(case: Case) -> list[Finding]:
    ear, slots = Ear(), asyncio.Semaphore(AT_ONCE)

    async def one(question: Question) -> Finding:
        async with slots:
            return await _finding(question, case, ear)

    try:
        asked = [one(question) for question in _questions(case)]
        return [*_unasked(case), *await asyncio.gather(*asked)]
    finally:
        ear.close()


def _questions(case: Case) -> Iterator[Question]:
    seen = set()
    for service in case.config.services:
        for real in reals_of(service):
            pair = service.vip, real
            if pair in case.marks and case.wire.owners.get(real):
                for what, checker, port, tcp in _checks(service):
                    target = Target(service.vip, port, real, case.marks[pair], _timeout(service))
                    if (question := Question(pair, what, port, tcp, Probe(checker, target, 0.0))) not in seen:
                        seen.add(question)
                        yield question


def _checks(service: Service) -> Iterator[tuple[str, Checker, int, bool]]:
    """What the service is asked: its own check, where that goes to the VIP, and a handshake on each other TCP port."""
    check = service.check
    asked: set[int] = set()
    if check is not None and check.via is Via.VIP and check.kind != "script":
        port, tcp = target_port(service) or 0, transport(check) is Protocol.TCP
        what = f"{service.vip} {'tcp' if tcp else check.kind}{f'/{port}' if port else ''}"
        yield what, build(check.kind, check.options), port, tcp
        asked = {port} if tcp else set()
    singles = {entry.first for entry in service.ports if entry.protocol is Protocol.TCP and entry.is_single}
    for port in sorted(singles - asked):
        yield f"{service.vip} tcp/{port}", Tcp(), port, True
    if not singles and (check is None or check.via is Via.REAL or check.kind == "script"):
        yield f"{service.vip} icmp", Icmp(), 0, False


def _timeout(service: Service) -> float:
    return max(TIMEOUT, service.check.timeout if service.check else 0.0)


def _unasked(case: Case) -> Iterator[Finding]:
    """Where there is no way to a VIP on a real server that is there."""
    for vip, real in case.pairs:
        if case.wire.owners.get(real) and (vip, real) not in case.marks:
            evidence = f"there is no way to {vip} on {real} from here: the VIP may be an address of the director's own"
            yield unknown("service", str(vip), evidence, server=real)


async def _finding(question: Question, case: Case, ear: Ear) -> Finding:
    outcome, diagnosis = await _look(question.probe, ear)
    real = question.pair[1]
    if diagnosis is None:
        ports = case.served.setdefault(question.pair, [])
        if question.tcp:
            ports.append(question.port)
        return well("service", question.what, f"answers in {1000 * outcome.seconds:.1f} ms", real)
    name = NAMES[diagnosis.verdict]
    if diagnosis.verdict is Diagnosed.CHECK_BROKEN:
        return unknown(name, question.what, diagnosis.why, diagnosis.remedy, real)
    return Finding(name, question.what, Verdict.FAULT, diagnosis.why, diagnosis.remedy, str(real))


async def _look(probe: Probe, ear: Ear) -> tuple[Outcome, Diagnosis | None]:
    """Check, and if that fails once more, say why; None: it went well."""
    first = await examine(probe.checker, probe.target)
    if first.ok:
        return first, None
    again, witnessed = await asyncio.gather(examine(probe.checker, probe.target), ask_witnesses(probe, ear))
    return again, None if again.ok else diagnose(witnessed.beside(again))
