"""Change: from a text to what runs, with a way back.

    text ──load──> Config ──differences──> store: version n+1 ──engine.change──> store: n+1 runs
                     │                                            │
                  faults?                                 refused? version n+1 is forgotten,
              nothing happens                             and all is as if nobody had asked

A version runs when `state.json` says so, which is written last: whoever is killed before that comes back with the
earlier one, whoever is killed after it with the new one. A version that awaits confirmation has its way back and its
deadline in the same file, so it undoes itself even if the client, or the daemon, is gone meanwhile. While a daemon
runs it counts the seconds itself: whoever sets the clock neither hastens that nor puts it off. And where the disk is
full it is undone all the same, and written down as soon as there is room.

The configuration file belongs to its author: the daemon never writes it. A start runs what ran before, unless the file
has been changed since; then the file is the wish. Where the two differ otherwise, `drift` says so.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Protocol, TypeVar

from carom.config.load import load, read_text
from carom.config.store import Pending, Said, State, Store, Version, digest
from carom.core.diff import Difference, differences, summary
from carom.errors import CaromError, ChangeError, ConfigError, StoreError
from carom.events import ConfigRefused, Fact, Overridden, Override, RealName
from carom.finding import Finding, Verdict
from carom.model import Config

log = logging.getLogger(__name__)
audit = logging.getLogger("carom.audit")

LOOK_EVERY = 1.0
"""Seconds between two looks at the configuration file, and at the deadline of what awaits confirmation."""
UNDO_AGAIN = 30.0
"""Seconds until what could not be undone is tried again."""
LONGEST_WAIT = 86400.0
"""Seconds in which a change must be confirmed at most."""

Result = TypeVar("Result")


class Carrier(Protocol):
    """What carries changes out: the engine."""

    def tell(self, fact: Fact) -> None:
        """Heard soon."""

    async def tell_through(self, fact: Fact) -> None:
        """Heard, and what follows from it tried, when this returns."""

    async def change(self, config: Config) -> None:
        """Raises CaromError if it cannot be done; then the earlier configuration runs on."""


@dataclass(frozen=True, slots=True)
class Running:
    """What the director does, and why."""

    config: Config
    text: str
    """What `config` was read from."""
    state: State
    """As the store has it."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Which version runs, and how firmly."""

    version: int
    confirm_by: float | None
    """Seconds since 1970; None: it stands."""
    drifted: bool
    """Whether the configuration file says something else."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change that could be made."""

    config: Config
    text: str
    differences: tuple[Difference, ...]
    summary: str


@dataclass(frozen=True, slots=True)
class Change:
    """A change that was made."""

    version: Version
    differences: tuple[Difference, ...]
    confirm_by: float | None
    """Seconds since 1970; None: it stands."""


class Changes:
    """Every change of one director goes through here, one after the other. For the event loop's thread."""

    def __init__(
        self,
        running: Running,
        file: Path,
        store: Store,
        carrier: Carrier,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
        at_work: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        """`clock` tells the time of day; `steady` is the clock that nobody sets.

        `at_work` is entered for as long as a configuration is read or carried out.
        """
        self._running, self._file, self._store, self._carrier = running, file, store, carrier
        self._clock, self._steady, self._at_work = clock, steady, at_work
        self._lock = asyncio.Lock()
        self._digest = digest(running.text)
        self._file_seen = (0.0, 0, 0)
        self._file_digest = self._digest
        pending = running.state.pending
        self._undo_at = steady() + min(pending.deadline - clock(), LONGEST_WAIT) if pending else math.inf
        self._undo_after = 0.0
        self._undone = False
        """Whether the version that awaits confirmation runs no more, which is yet to be written down."""

    @property
    def running(self) -> Running:
        return self._running

    @property
    def file(self) -> Path:
        """The configuration file; only its author writes it."""
        return self._file

    @property
    def drifted(self) -> bool:
        """Whether the file says something else than what runs."""
        return self._file_digest != self._digest

    # ---- looking ----

    async def plan(self, text: str, file: str) -> Proposal:
        """What this text would change. Raises ConfigError."""
        with self._at_work():
            return await asyncio.to_thread(self._plan, text, file)

    def _plan(self, text: str, file: str) -> Proposal:
        config = load(text, file)
        found = tuple(differences(self._running.config, config))
        return Proposal(config, text, found, summary(found))

    async def history(self) -> tuple[Version, ...]:
        """Every version that is kept, the newest first."""
        return await self._stored(lambda: tuple(self._store.versions()))

    async def version(self, number: int) -> tuple[Version, str]:
        """A version and its configuration, as it was written. Raises ChangeError if there is none."""
        return await self._stored(lambda: (self._store.version(number), self._store.text(number)))

    def standing(self) -> Standing:
        """Which version runs, and how firmly."""
        state = self._running.state
        return Standing(state.running, self._confirm_by(state.pending) if state.pending else None, self.drifted)

    def _confirm_by(self, pending: Pending) -> float:
        """Its deadline by the time of day as it is now, should somebody have set that meanwhile."""
        return pending.deadline + round(self._clock() - self._steady() - (pending.deadline - self._undo_at))

    def findings(self) -> tuple[Finding, ...]:
        """What an operator should know of changes: what awaits confirmation, and a file that is not what runs."""
        found = []
        state = self._running.state
        if state.pending:
            left = max(0.0, self._undo_at - self._steady())
            evidence = f"undoes itself in {left:.0f} s unless it is confirmed"
            subject = f"version {state.running}"
            found.append(Finding("confirmation", subject, Verdict.WARNING, evidence, "carom confirm"))
        if self.drifted:
            evidence = f"is not what runs, which is version {state.running}"
            remedy = f"carom plan {self._file} shows the difference"
            found.append(Finding("drift", str(self._file), Verdict.WARNING, evidence, remedy))
        return tuple(found)

    # ---- changing ----

    async def apply(self, text: str, file: str, who: str, confirm_within: float | None = None) -> Change:
        """Carry this text out, whole. Raises CaromError, and then all is as it was.

        With `confirm_within` (seconds) it undoes itself unless it is confirmed by then.
        """
        async with self._lock:
            self._require_confirmed()
            if confirm_within is not None and not 0 < confirm_within <= LONGEST_WAIT:
                raise ChangeError(f"a change is confirmed within more than 0 and at most {LONGEST_WAIT:.0f} s")
            with self._at_work():
                proposal = await self.plan(text, file)
                if text == self._running.text:
                    return await self._affirm(proposal)
                return await self._carry_out(proposal, who, proposal.summary, confirm_within)

    async def confirm(self, who: str) -> Version:
        """Let the version that awaits it stand. Raises ChangeError if none does."""
        async with self._lock:
            if self._running.state.pending is None:
                raise ChangeError("nothing awaits confirmation: the running version stands already, or undid itself")
            if self._undone:
                raise ChangeError(
                    f"too late: it has been undone, and not written down for want of room in {self._store}"
                )
            await self._commit(replace(self._running.state, pending=None))
            number = self._running.state.running
            audit.info("change confirmed", extra={"who": who, "version": number})
            return await self._stored(lambda: self._store.version(number))

    async def rollback(self, who: str, number: int | None = None) -> Change:
        """Make an earlier version run again, as a new one; without a number, the one before."""
        async with self._lock:
            return await self._go_back(who, number)

    async def reload(self, who: str) -> None:
        """Carry the configuration file out. Where that fails nothing changes, and the engine is told why."""
        try:
            text = await asyncio.to_thread(read_text, self._file)
            await self.apply(text, str(self._file), who)
        except CaromError as error:
            self.tell_faults(tuple(map(str, error.faults)) if isinstance(error, ConfigError) else (str(error),))
        except Exception as error:
            log.exception("the configuration meets a defect of carom's")
            self.tell_faults((f"{self._file}: a defect, please report it: {type(error).__name__}: {error}",))

    def tell_faults(self, faults: tuple[str, ...]) -> None:
        """The configuration file has these faults, so something else runs; no faults: nothing is told."""
        if not faults:
            return
        for fault in faults:
            log.warning("configuration refused, the earlier one runs on: %s", fault)
        self._carrier.tell(ConfigRefused(faults))

    async def override(self, name: RealName, weight: int | None, who: str, within: float | None = None) -> float | None:
        """Set a real server's weight by hand, also for after a restart; None: let the configuration's count again.

        With `within` (seconds) it counts as down from then on: returns when. Raises ChangeError or StoreError.
        """
        async with self._lock:
            self._require_known(name)
            now = self._clock()
            deadline = None if within is None else now + within
            said = tuple(one for one in self._running.state.said if (one.service, one.real) != (name[0], str(name[1])))
            if weight is not None:
                said += (Said(name[0], str(name[1]), weight, who, now, deadline),)
            await self._commit(replace(self._running.state, said=said))
            await self._carrier.tell_through(Overridden(*name, overrides(said, now).get(name)))
            fields = {"who": who, "service": name[0], "real": str(name[1]), "weight": weight, "within": within}
            audit.info("weight set by hand", extra=fields)
            return deadline

    async def watch(self) -> None:
        """Look after the deadline of what awaits confirmation, and whether the file has changed, until cancelled."""
        while True:
            await asyncio.to_thread(self._look_at_file)
            if self._steady() >= max(self._undo_at, self._undo_after):
                await self._undo()
            await asyncio.sleep(min(LOOK_EVERY, max(0.01, self._undo_at - self._steady())))

    # ---- steps ----

    async def _affirm(self, proposal: Proposal) -> Change:
        """What is asked for runs already: no new version, but what was wrong with the file is so no more."""
        await self._carrier.change(self._running.config)
        state = self._running.state
        await self._commit(replace(state, file=await self._file_now()))
        return Change(await self._stored(lambda: self._store.version(state.running)), proposal.differences, None)

    async def _carry_out(self, proposal: Proposal, who: str, what: str, confirm_within: float | None) -> Change:
        before, config = self._running, proposal.config
        if config.director != before.config.director:
            raise ChangeError("[director] has changed: restart caromd to carry that out")
        version = await self._stored(lambda: self._store.add(proposal.text, who, what, self._clock()))
        try:
            await self._carrier.change(config)
            try:
                now = self._clock()
                pending = None if confirm_within is None else Pending(before.state.running, now + confirm_within)
                said = tuple(one for one in before.state.said if is_in(config, one))
                await self._commit(State(version.number, await self._file_now(), pending, said), proposal)
                self._undo_at = self._steady() + (confirm_within or math.inf)
            except StoreError:
                await self._carrier.change(before.config)
                raise
        except Exception:
            await self._stored(lambda: self._store.drop(version.number))
            raise
        audit.info("change applied", extra={"who": who, "version": version.number, "what": version.what})
        return Change(version, proposal.differences, pending.deadline if pending else None)

    async def _go_back(self, who: str, number: int | None, why: str = "") -> Change:
        state = self._running.state
        if number is None:
            number = state.pending.before if state.pending else await self._stored(self._number_before)
        _, text = await self.version(number)
        with self._at_work():
            proposal = await self.plan(text, f"version {number}")
            return await self._carry_out(proposal, who, f"{why or 'rolled back'}, to version {number}", None)

    def _number_before(self) -> int:
        running = self._running.state.running
        before = next((version.number for version in self._store.versions() if version.number < running), None)
        if before is None:
            raise ChangeError(f"there is no version before {running}, which runs")
        return before

    async def _undo(self) -> None:
        async with self._lock:
            pending = self._running.state.pending
            if pending is None or self._steady() < self._undo_at:
                return  # confirmed at the last moment
            log.warning("not confirmed in time", extra={"version": self._running.state.running})
            try:
                await self._go_back("carom", pending.before, "not confirmed in time")
            except CaromError as error:
                self._undo_after = self._steady() + UNDO_AGAIN
                log.warning("the unconfirmed change cannot be undone yet: %s", error)
                if isinstance(error, StoreError) and not self._undone:
                    await self._undo_unwritten(pending.before)

    async def _undo_unwritten(self, number: int) -> None:
        """Packets do not wait for room on the disk. A daemon that begins meanwhile finds the deadline over, too."""
        try:
            _, text = await self.version(number)
            with self._at_work():
                await self._carrier.change((await self.plan(text, f"version {number}")).config)
            self._undone = True
            log.warning("undone, but not written down", extra={"version": self._running.state.running})
        except CaromError as error:
            log.warning("nor can it be undone without being written down: %s", error)

    async def _commit(self, state: State, proposal: Proposal | None = None) -> None:
        await self._stored(lambda: self._store.commit(state))
        config, text = (proposal.config, proposal.text) if proposal else (self._running.config, self._running.text)
        self._running = Running(config, text, state)
        self._digest = digest(text)
        if state.pending is None:
            self._undo_at, self._undone = math.inf, False

    def _require_confirmed(self) -> None:
        state = self._running.state
        if state.pending:
            raise ChangeError(f"version {state.running} awaits confirmation: first carom confirm, or carom rollback")

    def _require_known(self, name: RealName) -> None:
        service = next((one for one in self._running.config.services if one.name == name[0]), None)
        if service is None:
            names = ", ".join(one.name for one in self._running.config.services) or "none"
            raise ChangeError(f"there is no service {name[0]}; there are {names}")
        if not any(real.address == name[1] for real in service.reals):
            reals = ", ".join(str(real.address) for real in service.reals) or "none"
            raise ChangeError(f"{name[0]} has no real server {name[1]}; it has {reals}")

    async def _file_now(self) -> str:
        await asyncio.to_thread(self._look_at_file)
        return self._file_digest

    def _look_at_file(self) -> None:
        """Take note of what the file says; one that cannot be read says nothing that was ever carried out."""
        try:
            stat = self._file.stat()
            seen = (stat.st_mtime, stat.st_size, stat.st_ino)
            if seen != self._file_seen:
                self._file_digest, self._file_seen = digest(read_text(self._file)), seen
        except (OSError, ConfigError):
            self._file_digest, self._file_seen = "", (0.0, 0, 0)

    async def _stored(self, blocking: Callable[[], Result]) -> Result:
        """In a thread, and to its end even if the caller goes away: a version half written down helps nobody."""
        return await asyncio.shield(asyncio.to_thread(blocking))


def is_in(config: Config, said: Said) -> bool:
    return any(
        service.name == said.service and any(str(real.address) == said.real for real in service.reals)
        for service in config.services
    )


def overrides(said: tuple[Said, ...], clock: float, engine_clock: float | None = None) -> Mapping[RealName, Override]:
    """What operators have set, in the engine's time; `clock` is the time of day now."""
    shift = (time.monotonic() if engine_clock is None else engine_clock) - clock
    return {
        (one.service, ip_address(one.real)): Override(
            one.weight, one.by, one.since + shift, None if one.deadline is None else one.deadline + shift
        )
        for one in said
    }
