"""The shelf: where services' versions lie, with their members, contenders and slots.

A version is frozen once packets see it; what comes next is laid beside it. What packets see no more is given back, and
lies there for a while, as a packet on its way through the program may still read it.
"""

from __future__ import annotations

import ctypes as c
from array import array
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from carom.dataplane.xdp.division import division_by
from carom.dataplane.xdp.extents import Extents
from carom.dataplane.xdp.layout import (
    CONTENDER_BLOCK,
    CONTENDERS,
    MEMBERS,
    SCHEDULERS,
    TEMPLATE_GENERATIONS,
    VERSIONS,
    Ip6,
    Version,
    contender,
)
from carom.dataplane.xdp.libbpf import Map
from carom.dataplane.xdp.records import Records
from carom.dataplane.xdp.versions import VersionPlan, computed_again
from carom.errors import DataPlaneError

_NAMES = {number: name for name, number in SCHEDULERS.items()}


@dataclass(frozen=True, slots=True)
class Published:
    """A version that packets see, or are to see, and where it lies."""

    index: int
    member_offset: int
    contender_offset: int
    slot_offset: int
    generation: int
    """The first of templates that are made under this mask."""
    plan: VersionPlan
    before: Published | None = None
    """The version by whose hash flows are found that have no entry."""
    since: int = 0
    """The second in which that was left."""
    moved: int = 0
    """The second in which slots changed last."""

    @property
    def all(self) -> tuple[Published, ...]:
        """It, and the one by whose hash flows are found besides."""
        return (self, self.before) if self.before else (self,)

    def remembers(self, version: VersionPlan) -> bool:
        """Whether clients that are known by its mask are known by the other's."""
        return self.plan.mask == version.mask


class Shelf:
    """That of one loaded object."""

    def __init__(self, maps: Mapping[str, Map], clock: Callable[[], float]) -> None:
        self._clock = clock
        self._versions = Records(maps["versions"], c.sizeof(Version))
        self._words = {name: memoryview(maps[name].memory()).cast("Q") for name in ("members", "contenders", "slots")}
        sizes = {"versions": VERSIONS, "members": MEMBERS, "contenders": CONTENDERS, "slots": maps["slots"].max_entries}
        self._extents = {name: Extents(name, size) for name, size in sizes.items()}
        self._extents["versions"].hold(0, 1)  # index 0 is "none"
        self._serial = 0

    def version(self, index: int) -> Version:
        return Version.from_buffer_copy(self._versions[index])

    def hold(self, index: int) -> Published:
        """What is found there, and is in use."""
        version = self.version(index)
        self._serial = max(self._serial, version.serial)
        self._extents["versions"].hold(index, 1)
        self._extents["members"].hold(version.member_offset, version.member_count)
        self._extents["contenders"].hold(version.contender_offset, in_blocks(version.contender_count))
        self._extents["slots"].hold(version.slot_offset, version.slot_count)
        members = self._words["members"][version.member_offset : version.member_offset + version.member_count]
        slots = self._words["slots"][version.slot_offset : version.slot_offset + version.slot_count]
        plan = VersionPlan(
            _NAMES[version.scheduler],
            version.flags,
            tuple((word & 0xFFFF_FFFF, word >> 32) for word in members),
            array("Q", slots),
            version.persistence,
            bytes(version.mask),
        )
        places = version.member_offset, version.contender_offset, version.slot_offset
        return Published(index, *places, version.generation, plan, None, version.since, version.moved)

    def lay(
        self,
        version: VersionPlan,
        generation: int | None,
        serial: int = 0,
        before: Published | None = None,
        since: int = 0,
        moved: int = 0,
    ) -> Published:
        """`generation` is that of the version before; None: its clients are forgotten. `serial`, if 0, is a new one."""
        members = array("Q", (real | weight << 32 for real, weight in version.members))
        contenders = array("Q", (contender(*each) for each in version.contenders))
        contenders.extend(contenders[-1:] * (in_blocks(len(contenders)) - len(contenders)))
        index, members_at, contenders_at, slots_at = self._put(
            {"members": members, "contenders": contenders, "slots": version.slots}
        )
        self._serial += 0 if serial else 1
        generation = generation or self._serial % TEMPLATE_GENERATIONS + 1
        division = division_by(len(version.slots))
        value = Version(
            scheduler=SCHEDULERS[version.scheduler],
            flags=version.flags,
            slot_offset=slots_at,
            slot_count=len(version.slots),
            slot_factor=division.factor,
            slot_addend=division.addend,
            slot_shift=division.shift,
            contender_offset=contenders_at,
            contender_count=len(version.contenders),
            member_offset=members_at,
            member_count=len(members),
            weight_max=version.weight_max,
            weight_gcd=version.weight_gcd,
            weight_sum=sum(version.weights),
            serial=serial or self._serial,
            persistence=version.persistence,
            generation=generation,
            mask=Ip6.from_buffer_copy(version.mask),
            before=before.index if before else 0,
            since=since,
            moved=moved,
        )
        self._versions[index] = bytes(value)
        return Published(index, members_at, contenders_at, slots_at, generation, version, before, since, moved)

    def lay_again(self, old: Published, before: Published | None = None) -> Published:
        """A copy, with all that is computed from it."""
        plan, serial = computed_again(old.plan), self.version(old.index).serial
        return self.lay(plan, old.generation, serial, before, old.since, old.moved)

    def give_back(self, laid: Iterable[Published]) -> None:
        """No packet finds them any more, or none has found them yet."""
        now = self._clock()
        for old in laid:
            self._extents["versions"].give_back(old.index, 1, now)
            self._extents["members"].give_back(old.member_offset, len(old.plan.members), now)
            self._extents["contenders"].give_back(old.contender_offset, len(old.plan.contenders), now)
            self._extents["slots"].give_back(old.slot_offset, len(old.plan.slots), now)

    def _put(self, tables: Mapping[str, array[int]]) -> list[int]:
        """Lays these words aside, and a version before them: where. All of them, or none where they do not fit."""
        starts, lengths = dict[str, int](), {"versions": 1} | {name: len(words) for name, words in tables.items()}
        try:
            for name, length in lengths.items():
                starts[name] = self._extents[name].take(length, self._clock())
        except DataPlaneError:
            for name, start in starts.items():
                self._extents[name].give_back(start, lengths[name], self._clock())
            raise
        for name, words in tables.items():
            self._words[name][starts[name] : starts[name] + len(words)] = words
        return list(starts.values())


def in_blocks(contenders: int) -> int:
    """The room that so many contenders take."""
    return -(-contenders // CONTENDER_BLOCK) * CONTENDER_BLOCK
