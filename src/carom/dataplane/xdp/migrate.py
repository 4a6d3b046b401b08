"""Migrating: from maps of another layout to maps of ours, while packets go on.

    begin     new maps, in PINS/next, and the program on them; the old one runs
    prepare   what stands in the old maps is carried over, part by part, and then the flows
    (attach)  the link is switched to the new program, which asks the old one about flows that it does not know
    finish    what has begun or changed meanwhile is copied too; flows begin here; the old program is asked no more;
              PINS/next becomes PINS/maps

A packet is never without its flow: until the last one is here, whoever is missed here goes on to where it is known
(`bpf/handover.h`). Numbers (of VIPs, services, real servers) stay what they are. What the layouts have in common
is told by `description`, not known here: so an upgrade and the way back are the same.

Killed at any point of it, one folder is complete, and the link says which: the one beside whose maps its program is
pinned. `begin` goes on from there.
"""

from __future__ import annotations

import logging
import shutil
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from carom.dataplane.xdp import description, program
from carom.dataplane.xdp.adopt import ADOPTED, Adopter, Look, Reader
from carom.dataplane.xdp.convert import Carrier, Converter
from carom.dataplane.xdp.description import Description
from carom.dataplane.xdp.flows import BUCKET_FLOWS
from carom.dataplane.xdp.layout import (
    ALL_FEATURES,
    FEATURE_HANDOVER,
    HANDOVER_BEGINNING,
    HANDOVER_GOING_ON,
    LAYOUT_VERSION,
    Clock,
    Frontend,
    Handover,
    Way,
    frontend_key,
    key,
    unpacked,
)
from carom.dataplane.xdp.libbpf import Map, Program
from carom.dataplane.xdp.pins import (
    LAST,
    MAPS,
    NEXT,
    PROGRAM,
    pin,
    pinned_link,
    pinned_map,
    pinned_maps,
    pinned_program,
)
from carom.dataplane.xdp.program import Loaded, Nic
from carom.dataplane.xdp.room import OF_REALS
from carom.dataplane.xdp.tables import Tables
from carom.errors import BpfError, DataPlaneError

log = logging.getLogger(__name__)

_BEFORE = "before"
_FLOWS = ("flows4", "flows6")
_STANDING = (
    *("service_labels", "vip_labels", "real_labels", "ranges", "services", "versions", "members", "slots"),
    *("reals", "limits"),
)
"""What the daemon before has written; it does so no more."""
_MOVING = ("cursors", "homes", "limits")
"""What a program writes as flows begin."""
_COUNTERS = ("real_counters", "handshakes", "reasons")
_NEEDED = frozenset(
    {*_STANDING, *_MOVING, *_COUNTERS, *_FLOWS, "settings", "vips4", "vips6", "frontends4", "frontends6", "templates"}
)
_LOOKS, _QUICK = 6, 0.05
"""The old flows are looked through again until that is quick, in seconds, or so many times."""
_UNDER_WAY = 0.01
"""Seconds in which every packet has ended that was on its way through a program."""


def begin(pins: Path, mac: bytes, flow_buckets: int, inside: Nic | None) -> Migration | None:
    """A migration, with a program on maps of our layout; None where the maps are ours, or there are none.

    Raises DataPlaneError where it cannot be; then nothing has changed.
    """
    resumed = _settle(pins)
    layout = program.layout_of(pins / MAPS)
    if not resumed and layout in (0, LAYOUT_VERSION):
        return None
    try:
        with ExitStack() as undo:
            old = Old.open(pins / MAPS)
            undo.callback(old.close)
            loaded = _load(old, pins, mac, flow_buckets, inside)
            undo.callback(loaded.close)
            migration = Migration(pins, old, loaded, resumed=resumed)
            undo.pop_all()
            return migration
    except DataPlaneError as error:
        if not resumed:
            _give_up(pins)
        raise _refusal(pins, layout, error) from error


def _give_up(pins: Path) -> None:
    """Nobody needs the new maps any more."""
    if (pins / NEXT).is_dir():
        shutil.rmtree(pins / NEXT)


def _refusal(pins: Path, layout: int, why: DataPlaneError) -> DataPlaneError:
    if isinstance(why, BpfError):
        return why
    return DataPlaneError(
        f"{pins / MAPS} holds maps of layout {layout}, this program's is {LAYOUT_VERSION}, and they cannot be taken "
        f"over ({why}): run caromd --detach first (its flows end)"
    )


def _load(old: Old, pins: Path, mac: bytes, flow_buckets: int, inside: Nic | None) -> Loaded:
    """The program on maps in PINS/next, which have room for what stands in the old ones."""
    room = {name: old.maps[name].max_entries for name in (*OF_REALS, "slots")}
    buckets = max(flow_buckets, *(1 << (old.places(name) // BUCKET_FLOWS - 1).bit_length() for name in _FLOWS))
    features = ALL_FEATURES | FEATURE_HANDOVER
    return program.load(mac, pins, buckets, features, inside=inside, room=room, into=NEXT)


def _settle(pins: Path) -> bool:
    """Ends what a daemon left that was killed amid it; whether the link is switched, and the rest is to be done."""
    maps, next_ = pins / MAPS, pins / NEXT
    resumed = False
    if next_.is_dir():
        if not maps.is_dir():
            next_.rename(maps)
        elif not _is_run(pins, next_):
            shutil.rmtree(next_)
        elif program.layout_of(next_) == LAYOUT_VERSION:
            resumed = True
        else:  # another build's, which alone could go on: it has nearly all
            _change_folders(pins)
    if (pins / LAST).is_dir():
        shutil.rmtree(pins / LAST)
    return resumed


def _is_run(pins: Path, folder: Path) -> bool:
    """Whether the program on the maps of this folder is the one that packets meet."""
    link, pinned = pinned_link(pins / "link"), pinned_program(folder / PROGRAM)
    try:
        return link is not None and pinned is not None and link.program_id() == pinned.id()
    finally:
        for descriptor in (link, pinned):
            if descriptor is not None:
                descriptor.close()


def _change_folders(pins: Path) -> None:
    (pins / NEXT / _BEFORE).unlink(missing_ok=True)
    (pins / MAPS).rename(pins / LAST)
    (pins / NEXT).rename(pins / MAPS)
    shutil.rmtree(pins / LAST)


@dataclass(frozen=True, slots=True)
class Old:
    """The maps that are to be left."""

    description: Description
    maps: dict[str, Map]
    program: Program | None
    """The one that works on them."""

    @classmethod
    def open(cls, folder: Path) -> Old:
        """Raises DataPlaneError where they do not say what stands in them."""
        kept = pinned_map(folder / "description")
        if kept is None:
            raise DataPlaneError("they do not say how they are laid out")
        told = description.read(kept.get(key(0)) or b"")
        kept.close()
        old = cls(told, pinned_maps(folder, told.maps), pinned_program(folder / PROGRAM))
        if missing := _NEEDED - old.maps.keys():
            old.close()
            raise DataPlaneError(f"there is no {', '.join(sorted(missing))} among them")
        return replace(old, description=told.in_half(half_of(told, old.maps["settings"])))

    def places(self, name: str) -> int:
        """How many records an array has."""
        table, record = self.maps[name], self.description.records[self.description.maps[name].record]
        return int(table.max_entries * (table.value_size // record.size))

    def close(self) -> None:
        for map_ in self.maps.values():
            map_.close()
        if self.program is not None:
            self.program.close()


def half_of(told: Description, settings: Map) -> int:
    """Which half packets read of these maps, 0 or 1."""
    values = Converter(told, told, "settings").values(settings.get(key(0)) or b"")
    return int(bool(values.get("half", 0)))


class Migration:
    """One, from the maps that are pinned to those of a program that is loaded."""

    def __init__(self, pins: Path, old: Old, loaded: Loaded, *, resumed: bool) -> None:
        self._pins, self._old, self.loaded, self._resumed = pins, old, loaded, resumed
        self._began = time.monotonic()
        new = program.describe(loaded).in_half(0)
        self._carrier = Carrier(old.description, new, old.maps, loaded.maps)
        readers = tuple(Reader(old.maps[f"flows{family}"], old.description, family) for family in (4, 6))
        self._adopter = Adopter(*program.load_adopter(loaded, ADOPTED))
        self._look = Look(readers, self._adopter)
        self._since = 0
        """What the old table has not seen since this second has been adopted."""

    # ------------------------------------------------------------------------------- before the link is switched

    def prepare(self) -> None:
        """Our maps know all that the old ones did. Raises DataPlaneError; then nothing has changed."""
        try:
            program.start_clock(self.loaded)
            if self._resumed:
                self._since = int(self._handover().since)
                for name in _COUNTERS:
                    self._carrier.note_counters(name)
            else:
                self._carry_standing()
                self._carry_templates(alone=True)
                self._look_until_quick()
                self._carry_templates(alone=True)
                self._carry_moving()
            self._ask_before()
        except DataPlaneError as error:
            self._close()
            self.loaded.close()
            if not self._resumed:
                _give_up(self._pins)
            raise _refusal(self._pins, self._old.description.layout, error) from error

    def _carry_standing(self) -> None:
        settings = self._carrier.converter("settings")
        values = settings.values(self._old.maps["settings"].get(key(0)) or b"")
        values |= {"layout": LAYOUT_VERSION, "half": 0}
        self.loaded.maps["settings"].set(key(0), settings.record(values))
        program.initialise(self.loaded.maps["settings"])
        for name in _STANDING:
            self._carrier.array(name)
        for name in ("vips4", "vips6"):
            self._carrier.hash(name)
        frontends = {key: value for name in ("frontends4", "frontends6") for key, value in self._frontends(name)}
        Tables(self.loaded.maps, time.monotonic).renew(frontends)

    def _frontends(self, name: str) -> Iterator[tuple[bytes, Frontend]]:
        """The keys of one family and where they lead: they stand where their hash has them, which may differ here."""
        convert = self._carrier.converter(self._carrier.new.maps[name].record)
        for _, raw in self._carrier.records(name):
            values: dict[str, Any] = convert.values(raw)
            if values["protocol"] in (0, 0xFF):  # a free place, or one that was given up
                continue
            place = frontend_key(
                unpacked(values["vip"], int(name[-1])), int.from_bytes(values["port"]), values["protocol"]
            )
            way = Way(values["service"], values["ranges"])
            if way != Way():
                yield place, Frontend(values["vip_number"]).with_way(0, way)

    def _carry_templates(self, *, alone: bool) -> None:
        """Templates that are not there yet; `alone`: nobody else works on them, and those that are may be renewed.

        Nobody holds them at first: the flows that are adopted say that they do.
        """
        keys, values = self._carrier.converter("template_key"), self._carrier.converter("template")
        ours, target = self._carrier.ours("template"), self.loaded.maps["templates"]
        for old_key, value in self._old.maps["templates"].items():
            place = keys.convert(old_key)
            standing = target.get(place)
            if standing is not None and not alone:
                continue
            template, known = values.values(value), ours.values(standing) if standing else {}
            same = known.get("generation") == template["generation"]
            target.set(place, values.record({**template, "flows": known["flows"] if same else 0}))

    def _carry_moving(self) -> None:
        for name in _MOVING:
            self._carrier.array(name)
        for name in _COUNTERS:
            self._carrier.counters(name)

    def _ask_before(self) -> None:
        """Packets of flows that are not known here shall go to the old program, once the link is switched."""
        asks = 0
        if self._old.program is not None:
            try:
                self.loaded.before.set(key(0), struct.pack("=I", self._old.program.fd))
                pin(self.loaded.before, self._pins / NEXT / _BEFORE)  # else it is emptied when the daemon ends
                asks = HANDOVER_GOING_ON | HANDOVER_BEGINNING
            except BpfError as error:
                log.warning("the program before cannot be asked", extra={"error": str(error)})
        self._note(asks)

    # ------------------------------------------------------------------------------- afterwards

    def finish(self) -> Loaded:
        """Copies the rest, and leaves nothing of the old maps; the program, whose maps are where maps are now."""
        if self._resumed:
            self._carry_templates(alone=False)
            self._look.again(self._now(), self._since)
        self._look_until_quick()
        self._carry_moving()
        for asks in (self._handover().asks & HANDOVER_GOING_ON, 0):
            self._note(asks)
            time.sleep(_UNDER_WAY)
            self._carry_templates(alone=False)
            self._look.again(self._now())
        for name in _COUNTERS:
            self._carrier.counters(name)
        self.loaded.before.delete(key(0))
        _change_folders(self._pins)
        self._close()
        log.info(
            "maps of another layout taken over",
            extra={
                "from_layout": self._old.description.layout,
                "layout": LAYOUT_VERSION,
                "adopted": self._adopter.taken,
                "without_room": self._adopter.homeless,
                "seconds": round(time.monotonic() - self._began, 2),
            },
        )
        return replace(self.loaded, folder=self._pins / MAPS)

    # ------------------------------------------------------------------------------- both

    def _look_until_quick(self) -> None:
        """Adopts flows again and again, until little changes from one time to the next."""
        for _ in range(_LOOKS):
            began, now = time.monotonic(), self._now()
            self._look.again(now)
            self._since = now - 1
            if time.monotonic() - began < _QUICK:
                break

    def _now(self) -> int:
        """The second, as flows have it."""
        return int(Clock.from_buffer_copy(self.loaded.maps["clock"].get(key(0)) or b"").seconds)

    def _handover(self) -> Handover:
        return Handover.from_buffer_copy(self.loaded.maps["handover"].get(key(0)) or b"")

    def _note(self, asks: int) -> None:
        self.loaded.maps["handover"].set(key(0), bytes(Handover(asks, self._since)))

    def _close(self) -> None:
        self._adopter.close()
        self._old.close()
