"""The opening: with which configuration a daemon begins, and how that is written down.

    the file was changed since it was last heard      the file, as a new version
    a version awaited confirmation, and it is late     the version before, as a new version
    else                                               the version that ran

A file with faults is no reason to stand still: the version that ran goes on, and `carom status` names the faults. Only
where nothing ever ran does the daemon need a sound file.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from carom.change import Running, is_in
from carom.config.load import load, read_text
from carom.config.store import State, Store, digest
from carom.errors import ChangeError, ConfigError, StoreError
from carom.model import Config

log = logging.getLogger(__name__)

WHO = "caromd"


@dataclass(frozen=True, slots=True)
class Opening:
    """What a daemon begins with."""

    config: Config
    text: str
    before: State | None
    """What ran before, as the store has it; None if nothing did."""
    why: str = ""
    """Why this becomes a new version; empty: it is the one that ran."""
    file: str = ""
    """Digest of the file as it is now."""
    faults: tuple[str, ...] = ()
    """What is wrong with the file, where something else runs for that reason."""


def opening(file: Path, store: Store, now: float) -> Opening:
    """What to begin with at this time of day. Raises ConfigError if neither the file nor what ran before is sound."""
    before = _state(store)
    try:
        text = read_text(file)
        written = Opening(load(text, str(file)), text, before, "the file was changed", digest(text))
    except ConfigError as error:
        if before and (again := _again(store, before, now)):
            return Opening(*again, file=before.file, faults=tuple(map(str, error.faults)))
        raise
    if before is None:
        return Opening(written.config, text, None, "first start", written.file)
    if written.file != before.file:
        return written
    again = _again(store, before, now)
    return Opening(*again, file=written.file) if again else written


def _again(store: Store, before: State, now: float) -> tuple[Config, str, State, str] | None:
    """What ran before, or the version before that if it is to be undone; None where it cannot be read."""
    late = before.pending is not None and now >= before.pending.deadline
    number = before.pending.before if before.pending and late else before.running
    try:
        text = store.text(number)
        config = load(text, f"version {number}")
    except (StoreError, ChangeError, ConfigError) as error:
        log.warning("version %d, which ran before, is of no use: %s", number, error)
        return None
    why = f"not confirmed in time: back from version {before.running} to {number}" if late else ""
    return config, text, before, why


def _state(store: Store) -> State | None:
    try:
        return store.state()
    except StoreError as error:
        log.warning("%s", error)
        return None


def write_down(found: Opening, store: Store, now: float) -> Running:
    """Make what has begun to run the running version. Where nothing can be written, it runs all the same."""
    try:
        return Running(found.config, found.text, _written(found, store, now))
    except StoreError as error:
        log.warning("%s: changes will not be possible", error)
        return Running(found.config, found.text, found.before or State(0))


def _written(found: Opening, store: Store, now: float) -> State:
    before = found.before
    for number in [one.number for one in store.versions() if before and one.number > before.running]:
        store.drop(number)  # a daemon was killed before it ran
    if before and not found.why:
        return before
    said = tuple(one for one in before.said if is_in(found.config, one)) if before else ()
    state = State(store.add(found.text, WHO, found.why, now).number, found.file, None, said)
    store.commit(state)
    return state
