"""Health checks as the engine knows them: `carom.ports.Checks` over the runner and the ways to each real server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container

from carom.checks.jobs import Marks, jobs, paths
from carom.checks.runner import Runner
from carom.errors import NetError
from carom.model import Address, Config
from carom.net import local, viaroute
from carom.outcome import Checked


class HealthChecks:
    """All checks of one director."""

    def __init__(self) -> None:
        self._report: Callable[[Checked], None] = lambda _: None
        self._runner = Runner(lambda checked: self._report(checked))

    async def watch(self, config: Config, report: Callable[[Checked], None]) -> None:
        """`carom.ports.Checks.watch`. A check whose way cannot be laid ends as a fault of ours."""
        self._report = report
        marks: Marks = {}
        own: Container[Address] = ()
        failure: NetError | None = None
        try:
            own = await asyncio.to_thread(_own_addresses)
            marks = await asyncio.to_thread(lambda: viaroute.want(paths(config, own)))
        except NetError as error:
            failure = error
        await self._runner.want(jobs(config, marks, own))
        if failure:
            raise failure

    async def close(self) -> None:
        await self._runner.close()


def _own_addresses() -> frozenset[Address]:
    """Of the director's host. Raises NetError."""
    try:
        return frozenset(local.addresses())
    except OSError as error:
        raise NetError(f"the kernel does not list this host's addresses: {error.strerror}") from error
