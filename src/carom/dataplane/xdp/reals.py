"""Real servers in the maps: their numbers, MACs, flags and thresholds, written where packets read them."""

from __future__ import annotations

import ctypes as c
from collections.abc import Iterable, Mapping

from carom.core.limits import is_overloaded
from carom.core.plan import Plan, RealPlan, ServicePlan
from carom.dataplane.xdp.labels import Labels, RealLabels
from carom.dataplane.xdp.layout import (
    FEATURE_IP6,
    FEATURE_MTU,
    FEATURE_VLAN,
    REAL_AVAILABLE,
    REAL_HAS_MAC,
    REAL_LOCAL,
    REAL_MOVES,
    VLAN_AS_IT_CAME,
    VLAN_NONE,
    Limit,
    Real,
    flows_of,
    key,
)
from carom.dataplane.xdp.libbpf import Map
from carom.dataplane.xdp.records import Records
from carom.dataplane.xdp.versions import schedulable
from carom.events import RealName
from carom.model import OnDown


class Reals:
    """Those of one loaded object."""

    def __init__(self, maps: Mapping[str, Map], services: Labels[str]) -> None:
        self._maps, self._services = maps, services
        self.labels = RealLabels(maps["real_labels"])
        self._loads = memoryview(maps["loads"].memory()).cast("Q")
        self._records = Records(maps["reals"], c.sizeof(Real))
        self._values = dict(self._records.used())
        self.finishing = 0
        """`FEATURE_...` that real servers which are configured no more need, for the flows that they have left."""

    def load_of(self, number: int) -> tuple[int, int]:
        """Active and inactive flows."""
        return flows_of(self._loads[number])

    def number(self, plan: Plan) -> None:
        """A number for each, and its weight for the hash tables."""
        for service in plan.services:
            for real in _everyone(service):
                name = (service.name, real.address)
                if name not in self.labels.numbers:
                    self._clear(self.labels.number(name))
                self.labels.note_weight(name, real.weight)

    def write(self, plan: Plan) -> None:
        """As the plan has them; the flows of those that it has no more end where they are."""
        wanted = set()
        for service in plan.services:
            available = {real.address for real in schedulable(service)}
            for real in _everyone(service):
                name = (service.name, real.address)
                wanted.add(name)
                self._write_one(self.labels.numbers[name], real, service, real.address in available)
                self._write_limit(self.labels.numbers[name], real)
        self._let_finish(self.labels.numbers.keys() - wanted)

    def forget_gone(self, wanted: frozenset[RealName], pointed: set[int]) -> None:
        """Frees the numbers of those that nobody wants, no flow has, and nothing points to."""
        for name, number in list(self.labels.numbers.items()):
            if name in wanted or number in pointed or self._loads[number]:
                continue
            self.labels.release(name)

    def _clear(self, number: int) -> None:
        """A number may have belonged to another real server before."""
        self._store(number, bytes(c.sizeof(Real)))
        self._maps["real_counters"].clear(key(number))
        self._maps["handshakes"].clear(key(number))
        self._maps["limits"].clear(key(number))
        self._maps["homes"].clear(key(number))

    def _write_one(self, number: int, real: RealPlan, service: ServicePlan, available: bool) -> None:
        value = self._value(number)
        if real.mac is not None:
            value.mac = (c.c_uint8 * 6)(*real.mac)
        moves = not real.up and service.on_down is OnDown.MOVE
        value.flags = (
            (REAL_LOCAL if real.local else REAL_HAS_MAC if any(value.mac) else 0)
            | (REAL_MOVES if moves else 0)
            | (REAL_AVAILABLE if available else 0)
        )
        value.service = self._services.number(service.name)
        value.mtu = real.mtu
        value.vlan = VLAN_AS_IT_CAME if real.vlan is None else real.vlan or VLAN_NONE
        self._store(number, bytes(value))

    def _write_limit(self, number: int, real: RealPlan) -> None:
        """New thresholds, and what follows from them at once: `core.limits` has the rule."""
        limit = Limit.from_buffer_copy(self._maps["limits"].get(key(number)) or b"")
        if (limit.upper, limit.lower) == (real.upper, real.lower):
            return
        overloaded = is_overloaded(sum(self.load_of(number)), real.upper, real.lower, before=bool(limit.overloaded))
        self._maps["limits"].set(key(number), bytes(Limit(real.upper, real.lower, overloaded)))

    def _let_finish(self, gone: Iterable[RealName]) -> None:
        """The flows of a real server that is configured no more end where they are."""
        self.finishing = 0
        for name in gone:
            number = self.labels.numbers[name]
            value = self._value(number)
            value.flags &= ~(REAL_MOVES | REAL_AVAILABLE)
            self._store(number, bytes(value))
            self.finishing |= FEATURE_MTU if value.mtu else 0
            self.finishing |= FEATURE_VLAN if value.vlan != VLAN_AS_IT_CAME else 0
            has_flows6 = name[1].version == 6 and self._loads[number]
            self.finishing |= FEATURE_IP6 if has_flows6 else 0  # else nobody would sweep them away
            self.labels.forget_weight(name)

    def _value(self, number: int) -> Real:
        return Real.from_buffer_copy(self._values.get(number, bytes(c.sizeof(Real))))

    def _store(self, number: int, value: bytes) -> None:
        if self._values.get(number) != value:
            self._records[number] = value
            self._values[number] = value


def _everyone(service: ServicePlan) -> tuple[RealPlan, ...]:
    return (*service.reals, service.sorry) if service.sorry else service.reals
