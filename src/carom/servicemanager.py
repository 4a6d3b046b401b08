"""The service manager that started us, if one did: sd_notify(3), spoken without its library.

A watchdog is reassured only by proof. Whoever proves must have gone round all that could stand still; where that takes
longer than the service manager has patience, it kills the daemon and starts another, which takes over.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Mapping

log = logging.getLogger("carom")

PATIENCE = 0.2
"""Seconds that one whose queue is full is waited for, while which nothing else happens here."""
SIGNS = 3
"""Signs of life in the time after which a watchdog bites: one may be late."""


class ServiceManager:
    """What started this process; without one, nobody is told anything."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        self._bites_after = _watchdog(environment)

    def tell(self, state: str) -> None:
        """One or more lines of `NAME=value`."""
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.settimeout(PATIENCE)
            try:
                manager.connect(self._address.replace("@", "\0", 1) if self._abstract else self._address)
                manager.send(state.encode())
            except OSError as error:
                log.warning("the service manager does not listen: %s", error)

    async def reassure(self, prove_alive: Callable[[], Awaitable[None]]) -> None:
        """Give signs of life, each after `prove_alive` has returned, until cancelled."""
        if self._bites_after is None:
            return
        while True:
            await prove_alive()
            self.tell("WATCHDOG=1")
            await asyncio.sleep(self._bites_after / SIGNS)

    @property
    def _abstract(self) -> bool:
        return self._address.startswith("@")


def _watchdog(environment: Mapping[str, str]) -> float | None:
    """Seconds after which this process's watchdog bites: sd_watchdog_enabled(3)."""
    microseconds, pid = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", str(os.getpid()))
    if not microseconds.isdecimal() or not int(microseconds) or pid != str(os.getpid()):
        return None
    return int(microseconds) / 1e6
