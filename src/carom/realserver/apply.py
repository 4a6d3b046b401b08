"""Join and leave: carries a plan out on the host and keeps the record, so that every moment can be undone.

Join is a transaction: a step that fails undoes the earlier ones. Each step is in the record before it is done, so even
a join that is killed can be taken back by leave. Leave goes the other way round, the address before the silence, and
stops at the first thing that it cannot undo: the host is then still silent.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from carom.errors import CaromError, RealServerError, WishError
from carom.model import Address
from carom.realserver import arp
from carom.realserver.files import Disk
from carom.realserver.methods.method import Wish
from carom.realserver.persist.common import Item, Means
from carom.realserver.persist.means import MEANS
from carom.realserver.record import Entry, Joined, Record, Store
from carom.realserver.steps import Host, Step


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one step or one file."""

    what: str
    """`done`, `already`; `undone`, `left`; `written`, `removed`."""
    subject: str
    """The command, or the path."""
    note: str = ""


@dataclass(slots=True)
class Applied:
    """What join or leave did."""

    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        return any(each.what not in ("already", "left") for each in self.outcomes)


class Applier:
    """Joins and leaves on one host."""

    def __init__(self, host: Host, store: Store, disk: Disk) -> None:
        self._host = host
        self._store = store
        self._disk = disk

    def join(self, wish: Wish, means: Means | None) -> Applied:
        """Make the wish true and keep it over a reboot. Raises CaromError with everything as it was before."""
        with self._store.locked():
            before = record = self._store.read()
            _refuse_other_method(before, wish)
            applied = Applied()
            done: list[Entry] = []
            try:
                record = _with_joined(before, wish)
                for step, vips in arp.needs(wish):
                    record = self._carry_out(step, record, vips, done, applied)
                record = self._keep(record, means, applied)
                self._store.write(record)
            except BaseException as error:
                self._take_back(done, record.items, before, error)
                raise
            self._tell_systemd(before.items, record.items, applied)
            return applied

    def leave(self, vips: tuple[Address, ...] = ()) -> Applied:
        """Undo what join did for these VIPs, or for all. Raises RealServerError at the first thing that stays."""
        with self._store.locked():
            record = self._store.read()
            leaving = vips or record.vips
            refuse_strangers(record, leaving)
            applied = Applied()
            for entry in reversed(record.entries):
                rest = tuple(vip for vip in entry.vips if vip not in leaving)
                if rest:
                    record = record.with_entry(replace(entry, vips=rest))
                    continue
                applied.outcomes.append(self._undo(entry))
                record = record.without(entry.step)
                self._store.write(record)
            record = replace(record, joined=tuple(each for each in record.joined if each.vip not in leaving))
            items = record.items
            record = self._keep(record, MEANS.get(record.means), applied)
            self._store.write(record)
            self._tell_systemd(items, record.items, applied)
            return applied

    def _carry_out(
        self, step: Step, record: Record, vips: tuple[Address, ...], done: list[Entry], applied: Applied
    ) -> Record:
        """Do one step where it is not so already; returns the record with it."""
        known = record.entry(step)
        users = tuple(dict.fromkeys((*(known.vips if known else ()), *vips)))
        state = step.read(self._host)
        if step.holds(state):
            applied.outcomes.append(Outcome("already", step.title, step.why))
            return record.with_entry(replace(known, vips=users) if known else Entry(step, state, False, users))
        entry = Entry(step, state, True, users)
        record = record.with_entry(entry)
        self._store.write(record)
        done.append(entry)
        step.do(self._host)
        if not step.holds(step.read(self._host)):
            raise RealServerError(f"`{step.command()}` was done, but {step.why}: not so; something else takes it back")
        applied.outcomes.append(Outcome("done", step.title, step.why))
        return record

    def _take_back(self, done: list[Entry], items: tuple[Item, ...], before: Record, error: BaseException) -> None:
        """Undo a join that failed; what cannot be undone is told with the error, and stays recorded."""
        record = before
        if items != before.items:
            self._disk.prune(self._disk.replace(items, before.items))
        for entry in reversed(done):
            try:
                if entry.step.made(entry.step.read(self._host)):
                    entry.step.undo(self._host, entry.before)
            except CaromError as second:
                record = record.with_entry(entry)
                error.add_note(f"and could not be taken back, which `carom real-server leave` will try again: {second}")
        self._store.write(record)

    def _undo(self, entry: Entry) -> Outcome:
        step = entry.step
        if not entry.ours:
            return Outcome("left", step.title, "it was so before join")
        state = step.read(self._host)
        if not step.made(state):
            return Outcome("left", step.title, f"changed since join; it is now {state}")
        step.undo(self._host, entry.before)
        return Outcome("undone", str(step.reverse(entry.before)))

    def _keep(self, record: Record, means: Means | None, applied: Applied) -> Record:
        """Bring the boot files to what the record's steps need; with none left, or no means, they go."""
        items: tuple[Item, ...] = means.items(record.steps, self._disk) if means and record.joined else ()
        stale = set(self._disk.differing(items))
        kept = set(self._disk.differing(record.items))
        made = self._disk.replace(record.items, items)
        folders = tuple(dict.fromkeys((*record.folders, *made)))
        wanted = {item.path for item in items}
        applied.outcomes += [Outcome("written" if item.path in stale else "already", item.path) for item in items]
        applied.outcomes += [
            Outcome("left", item.path, "changed since join") if item.path in kept else Outcome("removed", item.path)
            for item in record.items
            if item.path not in wanted
        ]
        if not items:
            self._disk.prune(folders)
            folders = ()
        return replace(record, means=means.name if means and items else "", items=items, folders=folders)

    def _tell_systemd(self, old: tuple[Item, ...], new: tuple[Item, ...], applied: Applied) -> None:
        """A courtesy, since it reads everything anew at boot: what has been done stands, whatever it answers."""
        units = [item for item in {*old, *new} if item.path.startswith("/etc/systemd/system/")]
        if old == new or not units or not self._disk.is_systems or not self._disk.boots_systemd:
            return
        if self._host.ask("systemctl", "daemon-reload") is None:
            applied.outcomes.append(Outcome("left", "systemctl daemon-reload", "it failed, or did not end in time"))


def _with_joined(record: Record, wish: Wish) -> Record:
    """The record with these VIPs; ports of an earlier join stay beside the new ones."""
    before = {each.vip: each.ports for each in record.joined}
    joined = [each for each in record.joined if each.vip not in wish.vips]
    for vip in wish.vips:
        ports = tuple(dict.fromkeys((*before.get(vip, ()), *wish.ports)))
        joined.append(Joined(vip, wish.method, wish.interface, ports, wish.tool, wish.rip))
    return replace(record, joined=tuple(joined))


def _refuse_other_method(record: Record, wish: Wish) -> None:
    for each in record.joined:
        if each.vip in wish.vips and (each.method, each.tool) != (wish.method, wish.tool):
            how = f"{each.method} ({each.tool})" if each.tool else each.method
            raise WishError(
                f"{each.vip} is joined by method {how} already; `carom real-server leave --vip {each.vip}` first"
            )


def refuse_strangers(record: Record, leaving: tuple[Address, ...]) -> None:
    """Raises WishError where one of them was not joined here."""
    strangers = [str(vip) for vip in leaving if vip not in record.vips]
    if strangers:
        joined = ", ".join(map(str, record.vips)) or "none"
        raise WishError(f"{', '.join(strangers)} was not joined by Carom on this host; joined are: {joined}")
