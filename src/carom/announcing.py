"""Announcing: the segment is told where the VIPs are, once they are held here and when somebody else claims them."""

from __future__ import annotations

import asyncio

from carom.duty import Troubles
from carom.model import Address
from carom.ports import Announcer

ANNOUNCE_AFTER = (0.0, 1.0, 2.0)
"""Seconds before each announcement of a VIP. RFC 5227 section 2.3 sends two; a switch that just came up loses some."""


class Announcing:
    """For the event loop's thread; what an announcement waits for, it waits for in another."""

    def __init__(self, announcer: Announcer, troubles: Troubles) -> None:
        self._announcer, self._troubles = announcer, troubles
        self._held: frozenset[Address] = frozenset()
        self._held_at: bytes | None = None
        self.under_way: set[asyncio.Task[None]] = set()
        """Announcements that have not been made often enough yet."""

    def hold(self, vips: frozenset[Address], mac: bytes | None) -> None:
        """These are held, at this MAC: those newly held are announced, or all of them where the MAC is another."""
        new = vips - self._held if mac == self._held_at else vips
        self._held, self._held_at = vips, mac
        if new:
            self._announce(new, ANNOUNCE_AFTER)

    def defend(self, vip: Address) -> None:
        """Somebody else claims it: tell the segment at once where it is, if it is here."""
        if vip in self._held:
            self._announce(frozenset({vip}), (0.0,))

    def close(self) -> None:
        """Leave out what has not been announced yet."""
        for announcement in self.under_way:
            announcement.cancel()

    def _announce(self, vips: frozenset[Address], pauses: tuple[float, ...]) -> None:
        announcement = asyncio.create_task(self._repeatedly(vips, pauses))
        self.under_way.add(announcement)
        announcement.add_done_callback(self.under_way.discard)

    async def _repeatedly(self, vips: frozenset[Address], pauses: tuple[float, ...]) -> None:
        for pause in pauses:
            await asyncio.sleep(pause)
            with self._troubles.noting("the VIPs cannot be announced"):
                await asyncio.to_thread(self._announcer.announce, tuple(vips & self._held))
