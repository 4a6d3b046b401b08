"""Who else can say something of a real server whose check failed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from carom.checks.checker import examine
from carom.checks.jobs import Probe
from carom.checks.overhear import Ear
from carom.checks.presence import is_frank, presence
from carom.core.diagnosis import Evidence, Presence
from carom.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Witnessed:
    """What the witnesses saw: `carom.core.diagnosis.Evidence` without the check itself."""

    host: Presence
    vip: Presence | None = None
    own: Outcome | None = None
    frank: bool = False

    def beside(self, asked: Outcome) -> Evidence:
        return Evidence(asked, self.host, self.vip, self.own, self.frank)


async def ask_witnesses(probe: Probe, ear: Ear) -> Witnessed:
    """Ask all of them at once; takes half as long again as the probe's timeout at most."""
    to_real = replace(probe.target, address=probe.target.real, mark=0)
    if not probe.to_vip:
        return Witnessed(await presence(to_real, ear))
    host, vip, own = await asyncio.gather(
        presence(to_real, ear), presence(probe.target, ear), examine(probe.checker, to_real)
    )
    return Witnessed(host, vip, own, vip is Presence.SILENT and await is_frank(to_real))
