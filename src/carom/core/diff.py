"""The difference between two configurations: what a change would do, in words and as data.

Pure, so that `carom plan` can show it before anything is touched, and history can say what a version changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from carom.model import Address, Check, Config, Real, Service

SUMMED_UP = 100
"""Differences that a summary names."""
SECRETS = frozenset({"password"})
"""Settings of checks that are not shown."""


class Kind(StrEnum):
    """What happens to a thing; the value is the sign that people know from other tools."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"

    @property
    def sign(self) -> str:
        return {"added": "+", "removed": "-", "changed": "~"}[self.value]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that changes."""

    kind: Kind
    service: str
    """Empty: the director itself."""
    real: str = ""
    """The real server's address; empty: the service itself."""
    field: str = ""
    """What of it, for a change: `weight`, `check.every`."""
    before: str = ""
    after: str = ""
    effect: str = ""
    """What that does to connections, as a clause; empty: nothing."""

    @property
    def words(self) -> str:
        """The difference in one line, without its sign."""
        subject = ": ".join(part for part in (self.service or "director", self.real) if part)
        match self.kind:
            case Kind.CHANGED:
                what = f"{subject}: {self.field} {self.before or 'none'} → {self.after or 'none'}"
            case Kind.ADDED:
                what = f"{subject}: new, {self.after}"
            case Kind.REMOVED:
                what = f"{subject}: goes"
        return f"{what}; {self.effect}" if self.effect else what

    def as_json(self) -> dict[str, str]:
        found = {one.name: str(getattr(self, one.name)) for one in fields(self)}
        return found | {"words": self.words}


def differences(before: Config, after: Config) -> Iterator[Difference]:
    """Everything that changes, in the order of the new configuration; what goes comes last."""
    yield from _table("", before.director, after.director, "takes a restart of caromd")
    yield from _table("defence.", before.defence, after.defence)
    yield from _table("timeouts.", before.timeouts, after.timeouts)
    old = {service.name: service for service in before.services}
    new = {service.name: service for service in after.services}
    for name, service in new.items():
        yield from _changed(old[name], service) if name in old else _added(service)
    taken = {(service.vip, ports) for service in after.services for ports in service.ports}
    for name, service in old.items():
        if name not in new:
            effect = "" if all((service.vip, ports) in taken for ports in service.ports) else "its connections end"
            yield Difference(Kind.REMOVED, name, before=_summary(service), effect=effect)
    if before.hooks != after.hooks:
        was, is_ = (" ".join(map(str, config.hooks)) for config in (before, after))
        effect = "another setting of these" if was == is_ else ""
        yield Difference(Kind.CHANGED, "", "", "hooks", was, is_, effect)


def _table(prefix: str, before: Any, after: Any, effect: str = "") -> Iterator[Difference]:
    """What changes of the director itself, in one of its tables."""
    for field in fields(before):
        was, is_ = getattr(before, field.name), getattr(after, field.name)
        if was != is_:
            yield Difference(Kind.CHANGED, "", "", f"{prefix}{field.name}", _spelled(was), _spelled(is_), effect)


def summary(found: Sequence[Difference]) -> str:
    """All of it in one line, or the first of it and how much more there is."""
    words = [f"{one.kind.sign} {one.words.partition(';')[0]}" for one in found[:SUMMED_UP]]
    more = [f"and {len(found) - SUMMED_UP} more"] if len(found) > SUMMED_UP else []
    return "; ".join(words + more) or "nothing changed"


def _added(service: Service) -> Iterator[Difference]:
    effect = "its real servers get connections once their checks succeed" if service.check else ""
    yield Difference(Kind.ADDED, service.name, after=_summary(service), effect=effect)


def _summary(service: Service) -> str:
    reals = f"{len(service.reals)} real server{'' if len(service.reals) == 1 else 's'}"
    return f"{service.vip} {' '.join(map(str, service.ports))}, {service.scheduler}, {reals}"


def _changed(before: Service, after: Service) -> Iterator[Difference]:
    for name in (field.name for field in fields(Service)):
        was, is_ = getattr(before, name), getattr(after, name)
        if was == is_ or name == "reals":
            continue
        if name == "check" and was and is_:
            yield from _check(before.name, was, is_)
        else:
            lost = name == "vip" or (name == "ports" and set(was) - set(is_))
            effect = "who asks for what it was is no longer served" if lost else ""
            yield Difference(Kind.CHANGED, before.name, "", name, _spelled(was), _spelled(is_), effect)
    yield from _reals(before, after)


def _check(service: str, before: Check, after: Check) -> Iterator[Difference]:
    old, new = _settings(before), _settings(after)
    for name in dict.fromkeys((*old, *new)):
        was, is_ = old.get(name), new.get(name)
        if was == is_:
            continue
        secret = name in SECRETS
        shown = ("a secret", "another secret") if secret else (_spelled(was), _spelled(is_))
        yield Difference(Kind.CHANGED, service, "", f"check.{name}", *shown)


def _settings(check: Check) -> dict[str, Any]:
    """All that a check's table in the file can say."""
    own = {field.name: getattr(check, field.name) for field in fields(Check) if field.name != "options"}
    return own | dict(check.options)


def _reals(before: Service, after: Service) -> Iterator[Difference]:
    old: dict[Address, Real] = {real.address: real for real in before.reals}
    new: dict[Address, Real] = {real.address: real for real in after.reals}
    for address, real in new.items():
        if address not in old:
            effect = "it gets connections once its checks succeed" if after.check else ""
            yield Difference(Kind.ADDED, after.name, str(address), after=f"weight {real.weight}", effect=effect)
            continue
        for name in ("weight", "upper", "lower", "mtu", "vlan"):
            was, is_ = getattr(old[address], name), getattr(real, name)
            if was != is_:
                effect = "no new connections, those it has go on" if name == "weight" and not is_ else ""
                yield Difference(Kind.CHANGED, after.name, str(address), name, str(was), str(is_), effect)
    for address, real in old.items():
        if address not in new:
            effect = "no new connections, those it has may finish"
            yield Difference(Kind.REMOVED, after.name, str(address), before=f"weight {real.weight}", effect=effect)
    if old.keys() == new.keys() and list(old) != list(new):
        yield Difference(Kind.CHANGED, after.name, "", "reals", _spelled(tuple(old)), _spelled(tuple(new)))


def _spelled(value: Any) -> str:
    """As a person writes it."""
    match value:
        case None | "":
            return ""
        case bool():
            return str(value).lower()
        case Check():
            return f"a {value.kind} check"
        case float():
            return f"{value:g}"
        case frozenset():
            return " ".join(sorted(map(str, value)))
        case tuple():
            return " ".join(map(str, value))
        case _:
            return str(value)
