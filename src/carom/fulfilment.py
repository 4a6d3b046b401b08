"""Fulfilment: what a world asks of the data plane, planned and made true, also after its NICs have changed."""

from __future__ import annotations

import logging
import time
from dataclasses import replace

from carom.core import planning
from carom.core.plan import Plan
from carom.core.planning import Planned
from carom.core.world import World
from carom.ports import Attachment, DataPlane

log = logging.getLogger(__name__)


class Fulfilment:
    """On one data plane. For the engine's worker thread: it blocks, and one call at a time."""

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane
        self._attached_at: tuple[object, ...] = ()
        """The NICs that the data plane was attached to."""

    def attached(self, world: World) -> None:
        """The data plane is attached to the NICs as they are in this world."""
        self._attached_at = world.hardware

    def fulfil(self, world: World, before: Planned | None, attachment: Attachment) -> tuple[Attachment, Plan]:
        """Make the plan, and apply it unless it is what the data plane does already. Raises DataPlaneError."""
        attached = self._attach_anew(world, attachment)
        wish = planning.plan(world, before)
        if before is None or wish != before.plan or attached is not attachment:
            began = time.perf_counter()
            self._plane.apply(wish)
            log.info("plan applied", extra=_size(wish) | {"ms": round(1000 * (time.perf_counter() - began), 1)})
        self.attached(world)
        return attached, wish

    def _attach_anew(self, world: World, attachment: Attachment) -> Attachment:
        """Attaching is where a data plane learns its NICs: one that came back, or has another MAC, is learnt again."""
        is_gone = world.config.director.inside is not None and world.inside_mac is None
        if world.mac is None or is_gone:
            return attachment
        if world.hardware == self._attached_at:
            if world.disturbed:
                self._plane.mend()
            return attachment
        self._plane.close()
        attachment = replace(self._plane.attach(), taken_over=attachment.taken_over)
        log.info("attached anew", extra={"mac": world.mac.hex(":"), "mode": attachment.mode})
        return attachment


def _size(plan: Plan) -> dict[str, int]:
    reals = [real for service in plan.services for real in service.reals]
    return {
        "services": len(plan.services),
        "reals": len(reals),
        "schedulable": sum(real.schedulable for real in reals),
    }
