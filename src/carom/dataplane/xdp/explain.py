"""Explaining: asks the program itself, in the kernel, and reads what the schedulers read.

Where the packet goes is the program's own word (`bpf/explain.h`), on the maps that packets meet. What is added here is
for people to see why: the loads and limits of each real server.
"""

from __future__ import annotations

import ctypes as c
from collections import Counter as Tally

from carom.core.explain import FlowSeen, Question, Runner, Sight, Step, TemplateSeen
from carom.core.slots import HASHED
from carom.dataplane.xdp import layout
from carom.dataplane.xdp.layout import FLOW_STATES, Ip6, Limit, Real, Settings, key, packed, slot_now
from carom.dataplane.xdp.libbpf import Program
from carom.dataplane.xdp.program import Loaded
from carom.dataplane.xdp.records import Records
from carom.dataplane.xdp.tables import Tables
from carom.dataplane.xdp.versions import VersionPlan
from carom.errors import DataPlaneError
from carom.model import Address

_STEPS = tuple(Step)


def explain(loaded: Loaded, explainer: Program, tables: Tables, asked: Question) -> Sight:
    """As `carom.ports.DataPlane` has it. Raises DataPlaneError."""
    answer = _ask(explainer, asked)
    names = {number: name for name, number in tables.services.numbers.items()}
    service = names.get(answer.service)
    version = tables.version_of(service) if service is not None else None

    def address(number: int) -> Address | None:
        return tables.reals.things[number][1] if number in tables.reals.things else None

    return Sight(
        _STEPS[answer.step],
        service,
        address(answer.real),
        _mac(loaded, answer.real) if answer.real else None,
        address(answer.scheduled),
        _flow(loaded, answer, address(answer.flow_real)),
        _template(answer, address(answer.template_real)),
        address(answer.slot_now),
        _runners(loaded, tables, version) if version else (),
    )


def _ask(explainer: Program, asked: Question) -> layout.Question:
    answer = layout.Question(
        Ip6.from_buffer_copy(packed(asked.client)),
        Ip6.from_buffer_copy(packed(asked.vip)),
        (c.c_uint8 * 2)(*asked.client_port.to_bytes(2)),
        (c.c_uint8 * 2)(*asked.vip_port.to_bytes(2)),
        asked.protocol.number,
        asked.vip.version == 6,
    )
    if result := explainer.ask(answer):
        raise DataPlaneError(f"the data plane cannot explain (step {result}): a defect in Carom, please report it")
    return answer


def _mac(loaded: Loaded, number: int) -> bytes | None:
    mac = bytes(Real.from_buffer_copy(Records(loaded.maps["reals"], c.sizeof(Real))[number]).mac)
    return mac if any(mac) else None


def _flow(loaded: Loaded, answer: layout.Question, real: Address | None) -> FlowSeen | None:
    if real is None:
        return None
    timeouts = Settings.from_buffer_copy(loaded.maps["settings"].get(key(0)) or b"").timeouts
    remaining = timeouts[answer.flow_state] - answer.flow_idle
    return FlowSeen(real, FLOW_STATES[answer.flow_state], answer.flow_idle, remaining)


def _template(answer: layout.Question, real: Address | None) -> TemplateSeen | None:
    return None if real is None else TemplateSeen(real, answer.template_idle, answer.template_flows)


def _runners(loaded: Loaded, tables: Tables, version: VersionPlan) -> tuple[Runner, ...]:
    """The scheduler's list, head first: the version's members, read backwards."""
    table = Tally(map(slot_now, version.slots)) if version.scheduler in HASHED and len(version.slots) else None
    return tuple(
        _runner(loaded, tables, number, weight, table[number] / len(version.slots) if table else None)
        for number, weight in reversed(version.members)
        if number in tables.reals.things
    )


def _runner(loaded: Loaded, tables: Tables, number: int, weight: int, share: float | None) -> Runner:
    active, inactive = tables.load_of(number)
    limit = Limit.from_buffer_copy(loaded.maps["limits"].get(key(number)) or b"")
    return Runner(tables.reals.things[number][1], weight, active, inactive, bool(limit.overloaded), share)
