"""The tables: writes a plan into the maps, and only what differs from what stands there.

A plan becomes true by one word. Services' new versions are laid beside the old ones, and whatever leads to them is
written into the half that no packet reads (`bpf/maps.h` draws it); then the halves are swapped. What is written before
that harms nobody, so a plan that does not fit leaves the old one standing, whole, and so does whoever is killed.

Only what belongs to one real server is written where packets read it: its MAC, whether its flows move, MTU, VLAN and
thresholds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from functools import partial
from typing import NamedTuple

from carom.core.flows import LONGEST_TIMEOUT
from carom.core.plan import Plan, RealPlan, ServicePlan
from carom.dataplane.xdp.entrances import Entrances, Useless, settings_of
from carom.dataplane.xdp.frontends import FrontendPlan, frontends_of
from carom.dataplane.xdp.labels import service_labels, vip_labels
from carom.dataplane.xdp.layout import (
    FLOW_STATES,
    FRONTENDS_MAX,
    HALF_BITS,
    PEERS_MAX,
    Clock,
    Frontend,
    Way,
    half_of,
    key,
    mask,
    slot_before,
    slot_now,
    with_half,
)
from carom.dataplane.xdp.libbpf import Map
from carom.dataplane.xdp.reals import Reals
from carom.dataplane.xdp.shelf import Published, Shelf
from carom.dataplane.xdp.versions import VersionPlan, next_version
from carom.errors import DataPlaneError
from carom.events import RealName
from carom.model import Scheduler


class Heritage(NamedTuple):
    """What comes to a service with ports that others have had."""

    has_entries: bool = False
    """Flows with entries."""
    hashed: Published | None = None
    """By whose hash those without entries are found; None: by nobody's."""


class Tables:
    """The maps of one loaded object, and what stands in them."""

    def __init__(self, maps: dict[str, Map], clock: Callable[[], float]) -> None:
        self._maps = maps
        self._aims = memoryview(maps["services"].memory()).cast("Q")
        """Where each service's version lies, in either half."""
        self.services = service_labels(maps["service_labels"])
        self.vips = vip_labels(maps["vip_labels"])
        self._reals = Reals(maps, self.services)
        self.reals = self._reals.labels
        """Their numbers."""
        self._shelf = Shelf(maps, clock)
        self._half = settings_of(self._maps).half // HALF_BITS
        """The half that packets read, 0 or 1."""
        self._entrances = Entrances(maps, self._half, clock)
        self._published = dict(self._read_published())

    # ------------------------------------------------------------------------------- what stands there

    def _read_published(self) -> Iterable[tuple[str, Published]]:
        for name, number in self.services.numbers.items():
            if index := half_of(self._aims[number], self._half):
                published, before = self._shelf.hold(index), self._shelf.version(index).before
                yield name, replace(published, before=self._shelf.hold(before)) if before else published

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
        return self._reals.load_of(number)

    @property
    def finishing(self) -> int:
        """`FEATURE_...` that only real servers need which are configured no more, for the flows that they have left."""
        return self._reals.finishing

    def renew(self, frontends: dict[bytes, Frontend]) -> None:
        """Computes what is computed from what stands here: that was carried over from another layout, but for ports."""
        self._entrances.renew(frontends, self._half)
        words = self._aims
        for name, old in list(self._published.items()):
            before = self._shelf.lay_again(old.before) if old.before else None
            laid = self._published[name] = self._shelf.lay_again(old, before)
            number = self.services.numbers[name]
            words[number] = with_half(words[number], self._half, laid.index)
            self._shelf.give_back(old.all)

    # ------------------------------------------------------------------------------- the whole wish

    def apply(self, plan: Plan) -> None:
        """Makes the plan true. Raises DataPlaneError, in which case packets still see the old one."""
        self._make_room(plan)
        self._reals.number(plan)
        frontends = frontends_of(plan, self.services.number, self.vips.number)
        heritages = self._heritages(frontends)
        laid = self._lay_all(self._changed_versions(plan, heritages), heritages)
        try:
            useless = self._entrances.lead(frontends, 1 - self._half)
        except DataPlaneError:
            self._give_up(laid)
            raise
        self._entrances.open({service.vip for service in plan.services}, 1 - self._half)
        self._reals.write(plan)
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
        for published in (one for service in self._published.values() for one in service.all):
            pointed.update(map(slot_now, published.plan.slots), map(slot_before, published.plan.slots))
        self._reals.forget_gone(wanted, pointed)

    # ------------------------------------------------------------------------------- versions

    def _heritages(self, frontends: Mapping[bytes, FrontendPlan]) -> dict[str, Heritage]:
        """What services get that get ports of others."""
        heirs = self._entrances.heirs(frontends, self._half)
        names = {number: name for name, number in self.services.numbers.items()}
        published = {self.services.numbers[name]: one for name, one in self._published.items()}
        found = {}
        for heir, others in heirs.items():
            donors = [published[number] for number in others & published.keys()]
            hashed = self._hash_of(self._published.get(names[heir]), donors)
            found[names[heir]] = Heritage(any(donor.plan.has_entries for donor in donors), hashed)
        return found

    def _hash_of(self, heir: Published | None, donors: list[Published]) -> Published | None:
        """By whose hash the flows of the ports are found: one donor's, and where it misleads none of the heir's own."""
        hashed = [donor for donor in donors if not donor.plan.tracks_all and donor.plan.slots]
        if len(hashed) != 1 or (heir and not heir.plan.tracks_all):
            return None
        return None if heir and heir.before and self._seconds() - heir.since <= LONGEST_TIMEOUT else hashed[0]

    def _changed_versions(self, plan: Plan, heritages: Mapping[str, Heritage]) -> dict[str, VersionPlan]:
        changed = {}
        for service in plan.services:
            before, heritage = self._published.get(service.name), heritages.get(service.name, Heritage())
            version = next_version(
                service,
                before.plan if before else None,
                partial(self._number, service),
                partial(self._weight, service),
                inherits=heritage.has_entries or heritage.hashed is not None,
            )
            if before is None or before.plan != version or heritage.hashed:
                changed[service.name] = version
        return changed

    def _seconds(self) -> int:
        """The data plane's time."""
        return int(Clock.from_buffer_copy(self._maps["clock"].get(key(0)) or b"").seconds)

    def _number(self, service: ServicePlan, real: RealPlan) -> int:
        return self.reals.number((service.name, real.address))

    def _weight(self, service: ServicePlan, real: RealPlan) -> int:
        return self.reals.last_weights.get((service.name, real.address), 0)

    def _lay_all(self, versions: Mapping[str, VersionPlan], heritages: Mapping[str, Heritage]) -> dict[str, Published]:
        """Lays them aside: all of them, or none where they do not fit."""
        laid, copies = dict[str, Published](), list[Published]()
        try:
            for name, version in versions.items():
                old = self._published.get(name)
                generation = old.generation if old and old.remembers(version) else None
                before = self._before(old, version)
                if hashed := heritages.get(name, Heritage()).hashed:
                    copies.append(self._shelf.lay_again(hashed))
                    before = copies[-1], self._seconds(), before[2]
                laid[name] = self._shelf.lay(version, generation, 0, *before)
        except DataPlaneError:
            self._shelf.give_back([*laid.values(), *copies])
            raise
        return laid

    def _give_up(self, laid: Mapping[str, Published]) -> None:
        """Takes back what was laid aside, and no packet has seen."""
        for name, published in laid.items():
            seen = {one.index for one in self._published[name].all} if name in self._published else set[int]()
            self._shelf.give_back(one for one in published.all if one.index not in seen)

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
        words, half = self._aims, 1 - self._half
        for name, number in self.services.numbers.items():
            words[number] = with_half(words[number], half, aims[name] if name in wanted else 0)

    def _published_now(self, name: str, laid: Published) -> None:
        """What was laid aside is what packets see."""
        old = self._published.get(name)
        self._published[name] = laid
        if old is None:
            return
        if any(old.plan.mask) and not old.remembers(laid.plan):
            self._forget_templates({self.services.numbers[name]})
        kept = laid.before.index if laid.before else 0
        self._shelf.give_back(one for one in old.all if one.index != kept)

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
            cursor = self._shelf.version(laid.index).serial << 32 | position << 16 | level
        self._maps["cursors"].set(place, cursor.to_bytes(8, "little"))

    def _clear_homes(self, service: str) -> None:
        """lblcr begins without any, also where real servers come back that were homes long ago."""
        for (owner, _), number in self.reals.numbers.items():
            if owner == service:
                self._maps["homes"].clear(key(number))

    # ------------------------------------------------------------------------------- what goes, and settings

    def _retire(self, plan: Plan, laid: Mapping[str, Published], useless: Useless) -> None:
        """Takes away what the plan no longer has, once no packet finds it any more."""
        for name, published in laid.items():
            self._published_now(name, published)
        self._end_services(self.services.numbers.keys() - {service.name for service in plan.services})
        self._entrances.tidy({service.vip for service in plan.services}, self._half, useless)

    def _end_services(self, gone: set[str]) -> None:
        for name in gone:
            self._aims[self.services.numbers[name]] = 0
            if name in self._published:
                self._shelf.give_back(self._published.pop(name).all)
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
