"""The tables: writes a plan into the maps, and only what differs from what stands there.

A plan becomes true by one word. Services' new versions are laid beside the old ones, and whatever leads to them is
written into the half that no packet reads (`bpf/maps.h` draws it); then the halves are swapped. What is written before
that harms nobody, so a plan that does not fit leaves the old one standing, whole, and so does whoever is killed.

Only what belongs to one real server is written where packets read it: its MAC, whether its flows move, MTU, VLAN and
thresholds.
"""

from __future__ import annotations

import ctypes as c
from array import array
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial

from carom.core.flows import LONGEST_TIMEOUT
from carom.core.limits import is_overloaded
from carom.core.plan import Plan, RealPlan, ServicePlan
from carom.dataplane.xdp.division import division_by
from carom.dataplane.xdp.entrances import Entrances, Useless, settings_of
from carom.dataplane.xdp.extents import Extents
from carom.dataplane.xdp.frontends import FrontendPlan, frontends_of
from carom.dataplane.xdp.labels import RealLabels, service_labels, vip_labels
from carom.dataplane.xdp.layout import (
    CONTENDER_BLOCK,
    CONTENDERS,
    FEATURE_IP6,
    FEATURE_MTU,
    FEATURE_VLAN,
    FLOW_STATES,
    FRONTENDS_MAX,
    HALF_BITS,
    MEMBERS,
    PEERS_MAX,
    REAL_AVAILABLE,
    REAL_HAS_MAC,
    REAL_LOCAL,
    REAL_MOVES,
    SCHEDULERS,
    TEMPLATE_GENERATIONS,
    VERSIONS,
    VLAN_AS_IT_CAME,
    VLAN_NONE,
    Clock,
    Frontend,
    Ip6,
    Limit,
    Real,
    Version,
    Way,
    contender,
    flows_of,
    half_of,
    key,
    mask,
    slot_before,
    slot_now,
    with_half,
)
from carom.dataplane.xdp.libbpf import Map
from carom.dataplane.xdp.records import Records
from carom.dataplane.xdp.versions import VersionPlan, computed_again, next_version, schedulable
from carom.errors import DataPlaneError
from carom.events import RealName
from carom.model import OnDown, Scheduler

_NAMES = {number: name for name, number in SCHEDULERS.items()}


@dataclass(frozen=True, slots=True)
class Published:
    """A version that packets see, and where it lies."""

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


class Tables:
    """The maps of one loaded object, and what stands in them."""

    def __init__(self, maps: dict[str, Map], clock: Callable[[], float]) -> None:
        self._maps, self._clock = maps, clock
        self._words = {
            name: memoryview(maps[name].memory()).cast("Q")
            for name in ("services", "members", "contenders", "slots", "loads")
        }
        self.services = service_labels(maps["service_labels"])
        self.vips = vip_labels(maps["vip_labels"])
        self.reals = RealLabels(maps["real_labels"])
        self._versions = Records(maps["versions"], c.sizeof(Version))
        self._reals = Records(maps["reals"], c.sizeof(Real))
        self._real_values = dict(self._reals.used())
        sizes = {"versions": VERSIONS, "members": MEMBERS, "contenders": CONTENDERS, "slots": maps["slots"].max_entries}
        self._extents = {name: Extents(name, size) for name, size in sizes.items()}
        self._extents["versions"].hold(0, 1)  # index 0 is "none"
        self._half = settings_of(self._maps).half // HALF_BITS
        """The half that packets read, 0 or 1."""
        self._entrances = Entrances(maps, self._half, clock)
        self.finishing = 0
        """`FEATURE_...` that real servers which are configured no more need, for the flows that they have left."""
        self._published = dict(self._read_published())
        self._serial = max((self._version(p.index).serial for p in self._published.values()), default=0)

    # ------------------------------------------------------------------------------- what stands there

    def _version(self, index: int) -> Version:
        return Version.from_buffer_copy(self._versions[index])

    def _read_published(self) -> Iterable[tuple[str, Published]]:
        for name, number in self.services.numbers.items():
            if index := half_of(self._words["services"][number], self._half):
                published, before = self._hold(index), self._version(index).before
                yield name, replace(published, before=self._hold(before)) if before else published

    def _hold(self, index: int) -> Published:
        version = self._version(index)
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

    @property
    def entrances(self) -> dict[bytes, int]:
        """The service's number behind each key, as packets see it; 0: only ranges."""
        ways = {place: frontend.ways[self._half] for place, frontend in self._entrances.standing().items()}
        return {place: way.service for place, way in ways.items() if way != Way()}

    def version_of(self, service: str) -> VersionPlan | None:
        """What packets meet of a service; None: nothing."""
        published = self._published.get(service)
        return published.plan if published else None

    def load_of(self, number: int) -> tuple[int, int]:
        """Active and inactive flows of a real server."""
        return flows_of(self._words["loads"][number])

    def renew(self, frontends: dict[bytes, Frontend]) -> None:
        """Computes what is computed from what stands here: that was carried over from another layout, but for ports."""
        self._entrances.renew(frontends, self._half)
        words = self._words["services"]
        for name, old in list(self._published.items()):
            before = self._lay_again(old.before) if old.before else None
            laid = self._published[name] = self._lay_again(old, before)
            number = self.services.numbers[name]
            words[number] = with_half(words[number], self._half, laid.index)
            self._give_all_back(_both(old))

    def _lay_again(self, old: Published, before: Published | None = None) -> Published:
        plan, serial = computed_again(old.plan), self._version(old.index).serial
        return self._lay(plan, old.generation, serial, before, old.since, old.moved)

    # ------------------------------------------------------------------------------- the whole wish

    def apply(self, plan: Plan) -> None:
        """Makes the plan true. Raises DataPlaneError, in which case packets still see the old one."""
        self._make_room(plan)
        self._number_reals(plan)
        frontends = frontends_of(plan, self.services.number, self.vips.number)
        donors = self._donors(frontends)
        laid = self._lay_all(self._changed_versions(plan, donors), donors)
        try:
            useless = self._entrances.lead(frontends, 1 - self._half)
        except DataPlaneError:
            self._give_up(laid)
            raise
        self._entrances.open({service.vip for service in plan.services}, 1 - self._half)
        self._write_reals(plan)
        self._aim(plan, laid)
        self._write_settings(plan, 1 - self._half)  # from here on packets see the new plan
        self._half = 1 - self._half
        self._retire(plan, laid, useless)

    def _make_room(self, plan: Plan) -> None:
        """Frees numbers of real servers that are gone for good, and refuses what cannot fit at all."""
        wanted = frozenset((service.name, real.address) for service in plan.services for real in service.reals)
        missing = len(wanted - self.reals.numbers.keys())
        if missing > self.reals.free:
            self.forget_gone(wanted)
        if missing > self.reals.free:
            raise DataPlaneError(
                f"the plan has {missing} new real servers, and the data plane has room for {self.reals.free} more"
            )
        ports = sum(len(service.ports) for service in plan.services)
        if ports > FRONTENDS_MAX:
            raise DataPlaneError(f"the plan has {ports} ports, the data plane takes {FRONTENDS_MAX}")

    def forget_gone(self, wanted: frozenset[RealName] = frozenset()) -> None:
        """Frees the numbers of real servers that nobody wants, no flow has, and no slot points to."""
        pointed: set[int] = set()
        for published in (one for service in self._published.values() for one in _both(service)):
            pointed.update(map(slot_now, published.plan.slots), map(slot_before, published.plan.slots))
        for name, number in list(self.reals.numbers.items()):
            if name in wanted or number in pointed or self._words["loads"][number]:
                continue
            self.reals.release(name)

    def _number_reals(self, plan: Plan) -> None:
        """A number for each, and its weight for the hash tables."""
        for service in plan.services:
            for real in _everyone(service):
                name = (service.name, real.address)
                if name not in self.reals.numbers:
                    self._clear_real(self.reals.number(name))
                self.reals.note_weight(name, real.weight)

    def _write_reals(self, plan: Plan) -> None:
        wanted = set()
        for service in plan.services:
            available = {real.address for real in schedulable(service)}
            for real in _everyone(service):
                name = (service.name, real.address)
                wanted.add(name)
                self._write_real(self.reals.numbers[name], real, service, real.address in available)
                self._write_limit(self.reals.numbers[name], real)
        self._let_finish(self.reals.numbers.keys() - wanted)

    def _clear_real(self, number: int) -> None:
        """A number may have belonged to another real server before."""
        self._store_real(number, bytes(c.sizeof(Real)))
        self._maps["real_counters"].clear(key(number))
        self._maps["handshakes"].clear(key(number))
        self._maps["limits"].clear(key(number))
        self._maps["homes"].clear(key(number))

    def _write_real(self, number: int, real: RealPlan, service: ServicePlan, available: bool) -> None:
        value = self._real_value(number)
        if real.mac is not None:
            value.mac = (c.c_uint8 * 6)(*real.mac)
        moves = not real.up and service.on_down is OnDown.MOVE
        value.flags = (
            (REAL_LOCAL if real.local else REAL_HAS_MAC if any(value.mac) else 0)
            | (REAL_MOVES if moves else 0)
            | (REAL_AVAILABLE if available else 0)
        )
        value.service = self.services.number(service.name)
        value.mtu = real.mtu
        value.vlan = VLAN_AS_IT_CAME if real.vlan is None else real.vlan or VLAN_NONE
        self._store_real(number, bytes(value))

    def _write_limit(self, number: int, real: RealPlan) -> None:
        """New thresholds, and what follows from them at once: `core.limits` has the rule."""
        limit = Limit.from_buffer_copy(self._maps["limits"].get(key(number)) or b"")
        if (limit.upper, limit.lower) == (real.upper, real.lower):
            return
        overloaded = is_overloaded(sum(self.load_of(number)), real.upper, real.lower, before=bool(limit.overloaded))
        self._maps["limits"].set(key(number), bytes(Limit(real.upper, real.lower, overloaded)))

    def _let_finish(self, gone: Iterable[RealName]) -> None:
        """The flows of a real server that is configured no more end where they are."""
        self.finishing = 0
        for name in gone:
            number = self.reals.numbers[name]
            value = self._real_value(number)
            value.flags &= ~(REAL_MOVES | REAL_AVAILABLE)
            self._store_real(number, bytes(value))
            self.finishing |= FEATURE_MTU if value.mtu else 0
            self.finishing |= FEATURE_VLAN if value.vlan != VLAN_AS_IT_CAME else 0
            has_flows6 = name[1].version == 6 and self._words["loads"][number]
            self.finishing |= FEATURE_IP6 if has_flows6 else 0  # else nobody would sweep them away
            self.reals.forget_weight(name)

    def _real_value(self, number: int) -> Real:
        return Real.from_buffer_copy(self._real_values.get(number, bytes(c.sizeof(Real))))

    def _store_real(self, number: int, value: bytes) -> None:
        if self._real_values.get(number) != value:
            self._reals[number] = value
            self._real_values[number] = value

    # ------------------------------------------------------------------------------- versions

    def _donors(self, frontends: Mapping[bytes, FrontendPlan]) -> dict[str, list[Published]]:
        """By service: those whose ports it gets."""
        heirs = self._entrances.heirs(frontends, self._half)
        names = {number: name for name, number in self.services.numbers.items()}
        published = {self.services.numbers[name]: one for name, one in self._published.items()}
        return {
            names[heir]: [published[number] for number in sorted(others & published.keys())]
            for heir, others in heirs.items()
        }

    def _changed_versions(self, plan: Plan, donors: Mapping[str, list[Published]]) -> dict[str, VersionPlan]:
        changed = {}
        for service in plan.services:
            before, gets_from = self._published.get(service.name), donors.get(service.name, [])
            heritage = self._heritage(before, gets_from)
            version = next_version(
                service,
                before.plan if before else None,
                partial(self._number, service),
                partial(self._weight, service),
                inherits=heritage is not None or any(donor.plan.has_entries for donor in gets_from),
            )
            if before is None or before.plan != version or heritage:
                changed[service.name] = version
        return changed

    def _heritage(self, old: Published | None, donors: list[Published]) -> Published | None:
        """The version by whose hash the flows of ports that come are found: one, and where it misleads none that was
        there."""
        hashed = [donor for donor in donors if not donor.plan.tracks_all and donor.plan.slots]
        if len(hashed) != 1 or (old and not old.plan.tracks_all):
            return None
        return None if old and old.before and self._seconds() - old.since <= LONGEST_TIMEOUT else hashed[0]

    def _seconds(self) -> int:
        """The data plane's time."""
        return int(Clock.from_buffer_copy(self._maps["clock"].get(key(0)) or b"").seconds)

    def _number(self, service: ServicePlan, real: RealPlan) -> int:
        return self.reals.number((service.name, real.address))

    def _weight(self, service: ServicePlan, real: RealPlan) -> int:
        return self.reals.last_weights.get((service.name, real.address), 0)

    def _lay_all(self, versions: dict[str, VersionPlan], donors: Mapping[str, list[Published]]) -> dict[str, Published]:
        """Lays them aside: all of them, or none where they do not fit."""
        laid, copies = dict[str, Published](), list[Published]()
        try:
            for name, version in versions.items():
                old = self._published.get(name)
                generation = old.generation if old and _remembers(old, version) else None
                before = self._before(old, version)
                if heritage := self._heritage(old, donors.get(name, [])):
                    copies.append(self._lay_again(heritage))
                    before = copies[-1], self._seconds(), before[2]
                laid[name] = self._lay(version, generation, 0, *before)
        except DataPlaneError:
            self._give_all_back([*laid.values(), *copies])
            raise
        return laid

    def _give_up(self, laid: Mapping[str, Published]) -> None:
        """Takes back what was laid aside, and no packet has seen."""
        for name, published in laid.items():
            seen = {one.index for one in _both(self._published[name])} if name in self._published else set[int]()
            self._give_all_back(one for one in _both(published) if one.index not in seen)

    def _before(self, old: Published | None, version: VersionPlan) -> tuple[Published | None, int, int]:
        """By which version flows without entries are found besides, for no longer than any flow lives; since when; and
        when slots changed last."""
        if old is None:
            return None, 0, 0
        now = self._seconds()
        moved = old.moved if version.slots == old.plan.slots else now
        if version.leaves(old.plan):
            return replace(old, before=None), now, moved
        return (old.before, old.since, moved) if now - old.since <= LONGEST_TIMEOUT else (None, 0, moved)

    def _aim(self, plan: Plan, laid: Mapping[str, Published]) -> None:
        """Lets the half that no packet reads lead to the plan's versions, and to no others."""
        for name, published in laid.items():
            old = self._published.get(name)
            self._set_cursor(self.services.numbers[name], published, old.plan if old else None)
            if published.plan.scheduler is Scheduler.LBLCR and not (old and old.plan.scheduler is Scheduler.LBLCR):
                self._clear_homes(name)
        aims = {name: published.index for name, published in {**self._published, **laid}.items()}
        wanted = {service.name for service in plan.services}
        words, half = self._words["services"], 1 - self._half
        for name, number in self.services.numbers.items():
            words[number] = with_half(words[number], half, aims[name] if name in wanted else 0)

    def _published_now(self, name: str, laid: Published) -> None:
        """What was laid aside is what packets see."""
        old = self._published.get(name)
        self._published[name] = laid
        if old is None:
            return
        if any(old.plan.mask) and not _remembers(old, laid.plan):
            self._forget_templates({self.services.numbers[name]})
        kept = laid.before.index if laid.before else 0
        self._give_all_back(one for one in _both(old) if one.index != kept)

    def _set_cursor(self, number: int, laid: Published, before: VersionPlan | None) -> None:
        """wrr goes back to the list's head when weights or servers change; all others go on where they stood."""
        version = laid.plan
        place, same = key(number), before is not None and before.scheduler is version.scheduler
        cursor = int.from_bytes(self._maps["cursors"].get(place) or b"", "little") if same else 0
        position, level = cursor >> 16 & 0xFFFF, cursor & 0xFFFF
        if version.scheduler is Scheduler.RR and before:
            cursor = version.position_after_change(before, position) << 16
        elif version.scheduler is Scheduler.WRR:
            if before is None or not same or before.members != version.members:
                position, level = len(version.members), version.level_after_change(level)
            cursor = self._version(laid.index).serial << 32 | position << 16 | level
        self._maps["cursors"].set(place, cursor.to_bytes(8, "little"))

    def _clear_homes(self, service: str) -> None:
        """lblcr begins without any, also where real servers come back that were homes long ago."""
        for (owner, _), number in self.reals.numbers.items():
            if owner == service:
                self._maps["homes"].clear(key(number))

    def _lay(
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

    def _give_all_back(self, laid: Iterable[Published]) -> None:
        for published in laid:
            self._give_back(published)

    def _give_back(self, old: Published) -> None:
        now = self._clock()
        self._extents["versions"].give_back(old.index, 1, now)
        self._extents["members"].give_back(old.member_offset, len(old.plan.members), now)
        self._extents["contenders"].give_back(old.contender_offset, len(old.plan.contenders), now)
        self._extents["slots"].give_back(old.slot_offset, len(old.plan.slots), now)

    # ------------------------------------------------------------------------------- what goes, and settings

    def _retire(self, plan: Plan, laid: Mapping[str, Published], useless: Useless) -> None:
        """Takes away what the plan no longer has, once no packet finds it any more."""
        for name, published in laid.items():
            self._published_now(name, published)
        self._end_services(self.services.numbers.keys() - {service.name for service in plan.services})
        self._entrances.tidy({service.vip for service in plan.services}, self._half, useless)

    def _end_services(self, gone: set[str]) -> None:
        for name in gone:
            self._words["services"][self.services.numbers[name]] = 0
            if name in self._published:
                self._give_all_back(_both(self._published.pop(name)))
        self._forget_templates({self.services.numbers[name] for name in gone})
        for name in gone:
            self.services.release(name)

    def _forget_templates(self, services: set[int]) -> None:
        """They have other clients from now on: a mask has changed, or a number may go to another service."""
        if not services:
            return
        templates, theirs = self._maps["templates"], {key(service) for service in services}
        for place in [place for place, _ in templates.items() if place[: len(key(0))] in theirs]:
            templates.delete(place)

    def _write_settings(self, plan: Plan, half: int) -> None:
        """All that is said but once, and with it which half packets read."""
        settings = settings_of(self._maps)
        settings.half = half * HALF_BITS
        settings.answering = plan.answering
        settings.icmp_rate, settings.syn_rate = plan.defence.icmp_rate, plan.defence.syn_rate
        for state, seconds in asdict(plan.timeouts).items():
            settings.timeouts[FLOW_STATES.index(state.replace("_", "-"))] = seconds
        settings.syn_mask4[:] = mask(plan.defence.syn_prefix, 32)
        settings.syn_mask6[:] = mask(plan.defence.syn_prefix6, 128)
        peers = [int.from_bytes(mac, "little") for mac in sorted(plan.peers)[:PEERS_MAX]]
        settings.peers[:] = peers + [0] * (PEERS_MAX - len(peers))
        self._maps["settings"].set(key(0), bytes(settings))


def in_blocks(contenders: int) -> int:
    """The room that so many contenders take."""
    return -(-contenders // CONTENDER_BLOCK) * CONTENDER_BLOCK


def _both(published: Published) -> tuple[Published, ...]:
    """It, and the one by whose hash flows are found besides."""
    return (published, published.before) if published.before else (published,)


def _remembers(old: Published, version: VersionPlan) -> bool:
    """Whether clients that are known by the one's mask are known by the other's."""
    return old.plan.mask == version.mask


def _everyone(service: ServicePlan) -> tuple[RealPlan, ...]:
    return (*service.reals, service.sorry) if service.sorry else service.reals
