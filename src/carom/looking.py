"""Looking: what somebody asks the data plane for, besides the counters that are read anyway.

A look is made of slices, each of which is one short piece of work in the engine's worker: whatever the engine has to
do comes in between, and a look through a million flows takes no more memory than one slice of them.
"""

from __future__ import annotations

import asyncio
from collections import Counter as Tally
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from carom.core.explain import Question, explanation
from carom.core.findings import obstacle
from carom.core.flows import Flow, Wanted
from carom.engine import Engine

SLICES = 256
"""Slices of the flow tables that one look goes through at most: some millions of entries, within seconds."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some flows."""

    flows: tuple[Flow, ...]
    next: int | None
    """The place from which to go on; None: that was all."""


@dataclass(frozen=True, slots=True)
class Count:
    """How many flows there are."""

    states: Mapping[str, int] = field(default_factory=dict)
    """By state; those of which there are none are left out."""
    next: int | None = None


class Looking:
    """For whoever looks at one director."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._turn = asyncio.Lock()
        """However many look, one slice of theirs at most stands before what the engine has to do."""

    async def flows(self, wanted: Wanted, place: int, most: int) -> Page:
        """The next flows from a place on: fewer than `most`, even none, only if the tables end or the look got long."""
        found: list[Flow] = []
        after: int | None = place
        for _ in range(SLICES):
            if after is None or len(found) >= most:
                break
            async with self._turn:
                part = await self._engine.flows(wanted, after, most - len(found))
            found += part.flows
            after = part.next
        return Page(tuple(found), after)

    async def count_flows(self, wanted: Wanted, place: int) -> Count:
        """How many there are from a place on; where the look got long, there are more from `next` on."""
        states: Tally[str] = Tally()
        after: int | None = place
        for _ in range(SLICES):
            if after is None:
                break
            async with self._turn:
                part = await self._engine.count_flows(wanted, after)
            states.update(part.states)
            after = part.next
        return Count(dict(states), after)

    async def explain(self, question: Question) -> dict[str, Any]:
        """Where the first packet of a connection would go now, and why."""
        async with self._turn:
            seen = await self._engine.explain(question)
        now = self._engine.snapshot
        return explanation(question, seen, now.plan, lambda service, real: obstacle(now.world, service, real, now.now))

    def services(self) -> Mapping[str, frozenset[str]]:
        """Every service that flows can be of, with its real servers: those that go keep theirs for a while."""
        found: dict[str, set[str]] = {service.name: set() for service in self._engine.snapshot.plan.services}
        for real in self._engine.snapshot.reading.reals:
            found.setdefault(real.service, set()).add(str(real.address))
        return {name: frozenset(reals) for name, reals in found.items()}
