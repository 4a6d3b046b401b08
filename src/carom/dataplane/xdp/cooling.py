"""Cooling: slots that changed go back to where their flows need no entries.

While a slot is tracked, every packet that falls into it costs the look for its flow's entry. It need not be any more
when each flow that lives is where the slot leads. That is found out in three steps, of which packets notice none:

1. For as long as a flow may be silent, nothing was changed and no flow was refused an entry: so every flow that began
   before the change, and lives, has one. From now on nobody goes to where the slot was before, and no other flow comes
   to be elsewhere than where the slot leads.
2. A program looks through the flow tables, some milliseconds at a time (`bpf/cool.h`), and marks the slots of flows
   that are.
3. The others are tracked no more.
"""

from __future__ import annotations

import logging
from array import array
from collections.abc import Mapping
from dataclasses import dataclass

from carom.core.hashing import fold
from carom.dataplane.xdp import program
from carom.dataplane.xdp.layout import (
    FLOW_STATES,
    SLOT_HELD,
    SLOT_TRACKED,
    Clock,
    Cooling,
    Moves,
    Settings,
    key,
    slot,
    slot_now,
)
from carom.dataplane.xdp.libbpf import Program
from carom.dataplane.xdp.program import Loaded
from carom.dataplane.xdp.tables import Published, Tables
from carom.errors import DataPlaneError
from carom.model import Address, Protocol

log = logging.getLogger(__name__)

BUCKETS = 1 << 14
"""Of each table, in one look: some milliseconds."""
_UNDER_WAY = 2
"""Seconds in which every packet has ended that saw the slots as they were before."""
_AGAIN = 60
"""Seconds after which a service is looked through again whose slots were held, or whose flows were moved meanwhile."""
_KINDS = {protocol.number: protocol.value for protocol in Protocol}
"""What the protocols that are balanced are called."""


@dataclass(slots=True)
class _Look:
    """One that is under way."""

    service: str
    version: Published
    program: Program
    moves: int
    """How many had begun."""
    bucket: int = 0
    """The next one."""


class Cooler:
    """Cools the services of one data plane, a little at each step."""

    def __init__(self, loaded: Loaded, tables: Tables) -> None:
        self._loaded, self._tables = loaded, tables
        self._changed: dict[str, tuple[Published, bool]] = {}
        """Whether a version has slots that are tracked; to count them takes its time."""
        self._calm: dict[str, tuple[Published, int]] = {}
        """The versions that send nobody to where a slot was before, and when they are looked through."""
        self._look: _Look | None = None

    def step(self, vips: Mapping[str, Address]) -> None:
        """Some milliseconds' work; `vips` are those of the services. Raises DataPlaneError."""
        if self._look:
            self._go_on(self._look, vips)
            return
        now, calm_since = self._now(), self._calm_since()
        for name, version in self._tables.published.items():
            if name not in vips or not self._has_changed(name, version):
                continue
            if max(version.moved, version.since) >= calm_since:
                continue
            calm, begin = self._calm.get(name, (None, 0))
            if calm is not version:
                self._calm[name] = self._settle(name, version), now + _UNDER_WAY
                return
            if now >= begin:
                self._look = _Look(name, version, program.load_cooler(self._loaded), self._moves().begun)
                return

    def close(self) -> None:
        if self._look:
            self._look.program.close()
            self._look = None

    # ------------------------------------------------------------------------------- when

    def _now(self) -> int:
        return int(Clock.from_buffer_copy(self._loaded.maps["clock"].get(key(0)) or b"").seconds)

    def _moves(self) -> Moves:
        return Moves.from_buffer_copy(self._loaded.maps["moves"].get(key(0)) or b"")

    def _calm_since(self) -> int:
        """What changed before this second, changed longer ago than any flow that lives was seen; 0: nothing did."""
        timeouts = Settings.from_buffer_copy(self._loaded.maps["settings"].get(key(0)) or b"").timeouts
        kinds = {_KINDS[protocol] for _, protocol in self._tables.vips.things.values()}
        second = self._now() - max(
            (int(timeouts[number]) for number, state in enumerate(FLOW_STATES) if _kind(state) in kinds), default=0
        )
        return second if self._moves().refused < second else 0

    def _has_changed(self, name: str, version: Published) -> bool:
        """Whether slots of it are tracked, of a service whose flows need no entries otherwise."""
        known, changed = self._changed.get(name, (None, False))
        if known is not version:
            changed = not version.plan.tracks_all and any(word & SLOT_TRACKED for word in version.plan.slots)
            self._changed[name] = version, changed
        return changed

    def _settle(self, name: str, version: Published) -> Published:
        """From now on it sends nobody to where a slot was before."""
        settled = array("Q", map(_settled, version.plan.slots))
        if settled == version.plan.slots and not version.before:
            return version
        return self._tables.cool(name, settled)

    # ------------------------------------------------------------------------------- looking

    def _go_on(self, look: _Look, vips: Mapping[str, Address]) -> None:
        name = look.service
        if self._tables.published.get(name) is not look.version or name not in vips:
            self.close()
            return
        asked = Cooling(self._tables.services.numbers[name], look.version.index, look.bucket, BUCKETS, fold(vips[name]))
        if result := look.program.ask(asked):
            raise DataPlaneError(f"the data plane does not look through its flows (step {result}): please report it")
        look.bucket += BUCKETS
        if look.bucket >= self._loaded.maps["flows4"].max_entries:
            self._end(look)

    def _end(self, look: _Look) -> None:
        """A flow that was moved meanwhile may have been missed: then nothing is concluded."""
        missed = self._moves().begun != look.moves
        words = self._tables.slots_of(look.version)
        cooled = array("Q", (_unmarked(word) if missed else _cooled(word) for word in words))
        if cooled != words:
            laid = self._tables.cool(look.service, cooled)
            before, after = (sum(word >= SLOT_TRACKED for word in slots) for slots in (words, cooled))
            if after < before:
                log.info("slots cooled", extra={"service": look.service, "slots": before - after, "held": after})
        else:
            laid = look.version
        self._calm[look.service] = laid, self._now() + _AGAIN
        self.close()


def _kind(state: str) -> str:
    """Of which protocol's flows a state is."""
    return state.partition("-")[0] if state.startswith(("udp", "sctp")) else "tcp"


def _settled(word: int) -> int:
    """Whoever has no entry goes where new flows go."""
    return slot(slot_now(word), slot_now(word), tracked=True) if word & SLOT_TRACKED else word


def _unmarked(word: int) -> int:
    return word & ~SLOT_HELD


def _cooled(word: int) -> int:
    if word & SLOT_TRACKED and not word & SLOT_HELD:
        return slot(slot_now(word))
    return _unmarked(word)
