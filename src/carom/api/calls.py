"""The calls that change things, or tell of changes: a table, and a short handler for each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any, TypeVar

from carom.api import schemas
from carom.api.call import Asked, Call, Item
from carom.api.forms import ADDRESS
from carom.api.status import findings_of
from carom.change import LONGEST_WAIT, Change, Changes
from carom.config.store import Version
from carom.errors import ChangeError
from carom.events import RealName
from carom.finding import Finding
from carom.snapshot import Snapshot

Document = dict[str, Any]
Result = TypeVar("Result")

TEXT = Item("text", "string", "the configuration, as a carom.toml has it", required=True)
FILE = Item("file", "string", "what its faults shall call it", longest=4096)
CONFIRM = Item(
    "confirm_within",
    "number",
    "seconds after which it undoes itself unless it is confirmed",
    least=1,
    most=LONGEST_WAIT,
)
TO = Item("to", "integer", "the version to go back to; without it, the one before", least=1)
NUMBER = Item("number", "integer", "the version's number", required=True, least=1)
SERVICE = Item("service", "string", "the service's name", required=True)
REAL = Item("real", "string", "the real server's address", required=True, form=ADDRESS)
WITHIN = Item(
    "within",
    "number",
    "seconds after which it counts as down, whatever connections are left",
    least=0,
    most=LONGEST_WAIT,
)
WEIGHT = Item("weight", "integer", "the weight, in place of the configured one", required=True, least=0, most=65535)


def calls(
    look: Callable[[], Snapshot], changes: Changes, findings: Callable[[], tuple[Finding, ...]]
) -> tuple[Call, ...]:
    """All of them, for this director; `findings` are those that no snapshot has."""
    desk = _Desk(look, changes, findings)
    return (
        Call("GET", "/v1/config", desk.config, schemas.CONFIGURATION),
        Call("POST", "/v1/plan", desk.plan, schemas.PLANNED, (TEXT, FILE)),
        Call("POST", "/v1/apply", desk.apply, schemas.CHANGED, (TEXT, FILE, CONFIRM), writes=True),
        Call("POST", "/v1/confirm", desk.confirm, schemas.CONFIRMED, writes=True),
        Call("POST", "/v1/rollback", desk.rollback, schemas.CHANGED, (TO,), writes=True),
        Call("GET", "/v1/history", desk.history, schemas.HISTORY),
        Call("GET", "/v1/history/{number}", desk.version, schemas.WRITTEN, (NUMBER,)),
        Call("POST", "/v1/drain", desk.drain, schemas.SET, (SERVICE, REAL, WITHIN), writes=True),
        Call("POST", "/v1/undrain", desk.undrain, schemas.SET, (SERVICE, REAL), writes=True),
        Call("POST", "/v1/weight", desk.weight, schemas.SET, (SERVICE, REAL, WEIGHT), writes=True),
        Call("GET", "/v1/findings", desk.findings, schemas.FINDINGS),
    )


class _Desk:
    """The handlers."""

    def __init__(
        self, look: Callable[[], Snapshot], changes: Changes, findings: Callable[[], tuple[Finding, ...]]
    ) -> None:
        self._look, self._changes, self._findings = look, changes, findings

    async def config(self, _: Asked) -> Document:
        """The configuration that runs, as it was written."""
        running, standing = self._changes.running, self._changes.standing()
        pending = running.state.pending
        return {
            "version": running.state.running,
            "text": running.text,
            "file": str(self._changes.file),
            "drift": self._changes.drifted,
            "confirm_by": _time(standing.confirm_by) if standing.confirm_by else None,
            "back_to": pending.before if pending else None,
        }

    async def plan(self, asked: Asked) -> Document:
        """What a configuration would change; nothing is changed."""
        proposal = await self._changes.plan(asked.said["text"], asked.said["file"] or "carom.toml")
        return {"differences": proposal.differences, "summary": proposal.summary}

    async def apply(self, asked: Asked) -> Document:
        """Carry a configuration out, whole or not at all."""
        said = asked.said
        change = self._changes.apply(said["text"], said["file"] or "carom.toml", asked.peer.who, said["confirm_within"])
        return _change(await _whole(change))

    async def confirm(self, asked: Asked) -> Document:
        """Let the change that awaits confirmation stand."""
        return {"version": _version(await _whole(self._changes.confirm(asked.peer.who)))}

    async def rollback(self, asked: Asked) -> Document:
        """Make an earlier version run again, as a new one."""
        return _change(await _whole(self._changes.rollback(asked.peer.who, asked.said["to"])))

    async def history(self, _: Asked) -> Document:
        """Every version that is kept, the newest first."""
        standing = self._changes.standing()
        return {
            "running": standing.version,
            "confirm_by": _time(standing.confirm_by) if standing.confirm_by else None,
            "versions": [_version(one) for one in await self._changes.history()],
        }

    async def version(self, asked: Asked) -> Document:
        """One version, as it was written."""
        version, text = await self._changes.version(asked.said["number"])
        return {"version": _version(version), "text": text}

    async def drain(self, asked: Asked) -> Document:
        """Give a real server no new connections; those it has go on."""
        return await self._set(asked, 0, asked.said["within"])

    async def undrain(self, asked: Asked) -> Document:
        """Let a real server's configured weight count again."""
        return await self._set(asked, None)

    async def weight(self, asked: Asked) -> Document:
        """Set a real server's weight by hand; it is kept over restarts."""
        return await self._set(asked, asked.said["weight"])

    async def _set(self, asked: Asked, weight: int | None, within: float | None = None) -> Document:
        service, real = _named(asked)
        deadline = await _whole(self._changes.override((service, real), weight, asked.peer.who, within))
        return {
            "service": service,
            "real": str(real),
            "weight": weight,
            "deadline": None if deadline is None else _time(deadline),
        }

    async def findings(self, _: Asked) -> Document:
        """What is not as it should be, and what to do about it."""
        snapshot = self._look()

        def found() -> list[Finding]:
            return [*findings_of(snapshot), *self._findings()]

        return {"findings": [one.as_json() for one in await asyncio.to_thread(found)]}


def _named(asked: Asked) -> RealName:
    try:
        return asked.said["service"], ip_address(asked.said["real"])
    except ValueError:
        raise ChangeError(f"{asked.said['real'][:60]!r} is not an address, as every real server's is") from None


async def _whole(work: Coroutine[Any, Any, Result]) -> Result:
    """To its end, even if the client goes away meanwhile."""
    return await asyncio.shield(asyncio.ensure_future(work))


def _change(change: Change) -> Document:
    return {
        "version": _version(change.version),
        "differences": change.differences,
        "confirm_by": None if change.confirm_by is None else _time(change.confirm_by),
    }


def _version(version: Version) -> Document:
    return asdict(version) | {"when": _time(version.when)}


def _time(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
