"""The snapshot: the engine at one moment, frozen, for everybody who looks."""

from __future__ import annotations

from dataclasses import dataclass, field

from carom.core.handshakes import Handshakes
from carom.core.plan import Plan
from carom.core.world import World
from carom.model import Address
from carom.ports import Attachment, Reading, RealReading
from carom.rates import Sample


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The engine at one moment."""

    world: World
    """What is known; a little ahead of the plan while that is carried out."""
    plan: Plan
    """What the data plane carries out."""
    attachment: Attachment
    reading: Reading
    """The counters, as last read."""
    earlier: Reading
    """The counters, as read the time before: for rates."""
    apart: float
    """Seconds between the two readings; 0 until there are two."""
    now: float
    """The engine's clock when this snapshot was made."""
    troubles: tuple[str, ...]
    """What goes wrong at present, a sentence each."""
    read_at: float = 0.0
    """The engine's clock when the counters were last read."""
    minute: Sample = field(default_factory=Sample)
    """The counters of a minute before, or of the first reading."""
    past: Reading = field(default_factory=Reading)
    """The counters as they were half a minute to a minute ago, or at the first reading: for what takes a while."""
    past_at: float = 0.0
    """When that was."""

    @property
    def handshakes(self) -> dict[str, dict[Address, Handshakes]]:
        """Those of each service's real servers since `past`; made anew at each call."""
        before = {(one.service, one.address): one for one in self.past.reals}
        found: dict[str, dict[Address, Handshakes]] = {}
        for one in self.reading.reals:
            earlier = before.get((one.service, one.address), one)
            found.setdefault(one.service, {})[one.address] = _apart(one, earlier)
        return found


def _apart(now: RealReading, before: RealReading) -> Handshakes:
    return Handshakes(
        max(0, now.new_flows - before.new_flows),
        max(0, now.syns_repeated - before.syns_repeated),
        max(0, now.handshakes_lost - before.handshakes_lost),
    )
