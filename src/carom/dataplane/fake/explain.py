"""Explaining, as the oracle does it: the walk of a first packet, of which nothing is kept."""

from __future__ import annotations

from collections import Counter as Tally
from copy import deepcopy

from carom.core.explain import FlowSeen, Question, Runner, Sight, Step, TemplateSeen
from carom.core.slots import HASHED
from carom.dataplane.fake.flows import Flow, seen
from carom.dataplane.fake.packet import Ends, Segment
from carom.dataplane.fake.plane import FakeDataPlane, Service, Slot
from carom.dataplane.fake.schedulers import Request
from carom.dataplane.fake.walk import Walk
from carom.model import Address, Protocol


def explain(plane: FakeDataPlane, asked: Question) -> Sight:
    """As `carom.ports.DataPlane` has it."""
    ends = Ends(asked.client, asked.client_port, asked.vip, asked.vip_port, asked.protocol.number)
    if asked.vip not in {service.plan.vip for service in plane.services.values()}:
        return Sight(Step.NO_VIP)
    service = Walk(plane, b"").service(ends)
    return _Explained(plane, asked, ends, service).sight() if service else Sight(Step.NO_SERVICE)


class _Explained:
    """One question about one service."""

    def __init__(self, plane: FakeDataPlane, asked: Question, ends: Ends, service: Service) -> None:
        self.plane, self.asked, self.ends, self.service = plane, asked, ends, service
        self.walk = Walk(plane, b"")
        first = {Protocol.TCP: Segment.SYN, Protocol.SCTP: Segment.SCTP_INIT}
        self.segment = first.get(asked.protocol, Segment.DATAGRAM)
        self.slot = self.walk.slot(service, ends)
        self.by_slot = not service.tracks_all and not self.slot.tracked
        self.one_packet = service.plan.one_packet and self.segment is Segment.DATAGRAM

    def sight(self) -> Sight:
        scheduled = self._pick() if self.service.tracks_all else self.slot.now
        step, owner, real = self._way(scheduled)
        mac = self.plane.macs.get((owner, real)) if real else None
        return Sight(
            *(step, self.service.plan.name, real, mac, scheduled),
            *(self._flow_seen(), self._template_seen(), self.slot.now, self._runners()),
        )

    def _way(self, scheduled: Address | None) -> tuple[Step, str, Address | None]:
        """And whose real server it is: a connection's, if its port has come from another service, may be that one's."""
        name = self.service.plan.name
        if self.by_slot:
            return Step.SLOT, name, self.slot.now
        if self.one_packet:
            return Step.SCHEDULED, name, scheduled
        if flow := self.walk.flow(self.ends, self.segment):
            return Step.FLOW, flow.service, flow.real
        if self.segment is Segment.DATAGRAM and (before := self.walk.before(self.service, self.ends, self.segment)):
            return Step.MOVED, *before
        if not self.service.tracks_all:
            return Step.MOVED, name, self._moved(self.slot)
        if template := self.walk.template(self.service, self.ends):
            return Step.TEMPLATE, name, template.real
        return Step.SCHEDULED, name, scheduled

    def _moved(self, slot: Slot) -> Address | None:
        before = slot.before if self.segment is Segment.DATAGRAM else None
        stays = before and self.walk.stays_before(self.service.plan.name, before, self.segment, self.service.moved)
        return before if stays else slot.now

    def _pick(self) -> Address | None:
        """What the scheduler would say; it is a copy of it that is asked, and forgotten."""
        candidates = self.plane.candidates(self.service)
        asked = self.asked
        request = Request(*(asked.client, asked.client_port, asked.vip, asked.vip_port, asked.protocol, self.plane.now))
        rule = self.service.rule
        rehearsal = deepcopy(rule, {id(rule.options): rule.options})  # else every draw would be the same
        picked = rehearsal.pick(request, candidates)
        return next((candidate.address for candidate in candidates if candidate.id == picked), None)

    def _flow_seen(self) -> FlowSeen | None:
        flow: Flow | None = None
        if not self.by_slot and not self.one_packet:
            flow = self.plane.flow_table.living(self.ends, self.plane.now)
        if flow is None:
            return None
        shown = seen(self.ends, flow, self.plane.now, self.plane.flow_table.timeouts)
        return FlowSeen(flow.real, shown.state, shown.idle, shown.remaining)

    def _template_seen(self) -> TemplateSeen | None:
        service, now = self.service, self.plane.now
        if not service.plan.persistence or not service.tracks_all or self.one_packet:
            return None
        template = self.plane.templates.get(self.walk.client(service, self.ends))
        if template is None or not template.lives(service.plan.persistence, now):
            return None
        return TemplateSeen(template.real, now - template.used, template.flows)

    def _runners(self) -> tuple[Runner, ...]:
        service = self.service
        hashed = service.plan.scheduler in HASHED and service.slots
        table = Tally(slot.now for slot in service.slots) if hashed else None
        return tuple(
            self._runner(address, table[address] / len(service.slots) if table else None)
            for address in reversed(service.order)
        )

    def _runner(self, address: Address, share: float | None) -> Runner:
        name = (self.service.plan.name, address)
        real = self.service.schedulable(address)
        active, inactive = self.plane.flow_table.loads(*name, self.plane.now)
        return Runner(address, real.weight if real else 0, active, inactive, name in self.plane.overloaded, share)
