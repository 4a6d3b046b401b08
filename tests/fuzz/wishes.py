"""Random configurations, and small changes of them, as an operator, a health check or a new MAC makes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from ipaddress import IPv4Address, IPv6Address, ip_address
from random import Random

from carom.core.plan import Plan, RealPlan, ServicePlan
from carom.model import Address, Defence, OnDown, OnNoReal, Ports, Protocol, Scheduler, SchedulerFlag, Timeouts

TCP, UDP, SCTP = Protocol.TCP, Protocol.UDP, Protocol.SCTP
ALL_TCP, ALL_UDP, ALL_SCTP = (Ports(protocol, 0, 65535) for protocol in (TCP, UDP, SCTP))
HTTP, HTTPS, DNS = Ports(TCP, 80, 80), Ports(TCP, 443, 443), Ports(UDP, 53, 53)
FTP = (Ports(TCP, 20, 21), Ports(TCP, 10_000, 10_099))
SIP = (Ports(TCP, 5060, 5060), Ports(UDP, 5060, 5060))

VIPS: tuple[Address, ...] = tuple(IPv4Address(f"192.168.76.{n}") for n in (24, 25))
VIPS6: tuple[Address, ...] = tuple(IPv6Address(f"2001:db8:76::{n}") for n in (24, 25))
PEER = bytes.fromhex("020000000003")
"""Another director's MAC."""
SHOPS: dict[str, tuple[Address, tuple[tuple[Ports, ...], ...]]] = {
    "web": (VIPS[0], ((HTTP, HTTPS), (HTTP,), (Ports(TCP, 80, 443),))),
    "dns": (VIPS[0], ((DNS,), (DNS, Ports(TCP, 53, 53)))),
    "rest": (VIPS[0], ((ALL_TCP,), (ALL_TCP, ALL_UDP), (ALL_TCP, ALL_SCTP))),
    "ftp": (VIPS[1], (FTP, (Ports(TCP, 21, 21),))),
    "ss7": (VIPS[1], ((Ports(SCTP, 2905, 2905),), (Ports(SCTP, 2900, 2999),))),
    "sip": (VIPS[1], (SIP, (Ports(UDP, 5000, 5999),))),
    "web6": (VIPS6[0], ((HTTP, HTTPS), (ALL_TCP,))),
    "dns6": (VIPS6[0], ((DNS,), (ALL_UDP,))),
    "sip6": (VIPS6[1], (SIP, (Ports(TCP, 1000, 9999),), (*SIP, Ports(SCTP, 2905, 2905)))),
}
"""Every service there may be: its VIP, and the groups of ports it may have, which lie within each other."""
HEIRS = {"shop": "web", "names": "dns", "shop6": "web6"}
"""Which take another's place, and its ports, whose place that one may take again."""
SHOPS |= {heir: SHOPS[name] for heir, name in HEIRS.items()}
REALS = tuple(ip_address(f"192.168.76.{n}") for n in range(31, 40))
REALS6 = tuple(ip_address(f"2001:db8:76::{n}") for n in range(31, 40))
SCHEDULERS = [scheduler for scheduler in Scheduler if scheduler is not Scheduler.TWOS]
"""`twos` draws its picks; how they are spread is its own test's matter."""
FLAGS = {
    Scheduler.SH: (SchedulerFlag.SH_PORT, SchedulerFlag.SH_FALLBACK),
    Scheduler.MH: (SchedulerFlag.MH_PORT, SchedulerFlag.MH_FALLBACK),
}
WEIGHTS = (0, 1, 1, 1, 1, 2, 2, 3, 4, 6, 7, 100, 65535)
LIMITS = (*((0, 0),) * 9, (1, 0), (3, 1), (5, 0), (8, 2), (20, 10))
MTUS = (*(0,) * 9, 44, 60, 80)
"""Less than any link's, since the packets here are small."""
NUMBER_OF = {address: n for n, address in enumerate((*REALS, *REALS6), start=1)}


class Wishes:
    """Draws plans; each follows from the one before."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self._changes: tuple[Callable[[ServicePlan], ServicePlan], ...] = (
            *(self.reweigh, self.reweigh, self.up_or_down, self.up_or_down, self.resolve, self.limit),
            *(self.come_or_go, self.come_or_go, self.shuffle, self.schedule, self.flag, self.persist, self.group),
            *(self.fall_back, self.on_down, self.one_packet, self.on_no_real, self.narrow),
        )

    def first(self) -> Plan:
        """Some services, none to all."""
        names = [name for name in SHOPS if name not in HEIRS]
        names = self.chance.sample(names, len(names) - int(self.chance.random() ** 2 * (len(names) + 1)))
        peers = frozenset({PEER} if self.chance.random() < 0.3 else ())
        services = tuple(self.service(name) for name in names)
        plan = Plan(services, answering=self.chance.random() < 0.8, defence=self.defence(), peers=peers)
        return replace(plan, timeouts=self.timeouts()) if self.chance.random() < 0.2 else plan

    def timeouts(self) -> Timeouts:
        """Some of IPVS's own, and others."""
        own, chance = asdict(Timeouts()), self.chance
        return Timeouts(**{name: chance.choice((seconds, seconds, 1, 30, 5000)) for name, seconds in own.items()})

    def defence(self) -> Defence:
        return Defence(
            icmp_rate=self.chance.choice((0, 3, 1000)),
            syn_rate=self.chance.choice((0, 0, 0, 1, 4)),
            syn_prefix=self.chance.choice((24, 32, 9)),
            syn_prefix6=self.chance.choice((64, 128, 33)),
        )

    def after(self, plan: Plan) -> Plan:
        """Mostly a change of one service; now and then one that comes, goes or changes its place."""
        lot = self.chance.random()
        if lot < 0.02:
            return replace(plan, timeouts=self.timeouts())
        if lot < 0.05:
            return replace(plan, answering=not plan.answering)
        if lot < 0.07:
            return replace(plan, defence=self.defence())
        if lot < 0.09:
            return replace(plan, peers=frozenset() if plan.peers else frozenset({PEER}))
        if lot < 0.2 or not plan.services:
            return self._service_comes_or_goes(plan)
        services = list(plan.services)
        for _ in range(self.chance.choice((1, 1, 1, 2, 4))):
            at = self.chance.randrange(len(services))
            services[at] = self.chance.choice(self._changes)(services[at])
        return replace(plan, services=tuple(services))

    def _service_comes_or_goes(self, plan: Plan) -> Plan:
        name = self.chance.choice(list(SHOPS))
        others = [
            service for service in plan.services if HEIRS.get(service.name, service.name) != HEIRS.get(name, name)
        ]
        if len(others) < len(plan.services) and self.chance.random() < 0.2:
            return replace(plan, services=tuple(others))
        others.insert(self.chance.randrange(len(others) + 1), self.service(name))
        return replace(plan, services=tuple(others))

    # ---- one service

    def service(self, name: str) -> ServicePlan:
        vip, groups = SHOPS[name]
        wish = ServicePlan(name, vip, self.chance.choice(groups), Scheduler.RR, (), persistence_mask=vip.max_prefixlen)
        for _ in range(self.chance.choice((0, 2, 3, 3, 4, 6))):
            wish = self.come_or_go(wish)
        for change in (self.schedule, self.flag):
            wish = change(wish)
        for change, share in ((self.persist, 0.4), (self.fall_back, 0.15), (self.on_down, 0.4), (self.one_packet, 0.3)):
            wish = change(wish) if self.chance.random() < share else wish
        return wish

    def schedule(self, wish: ServicePlan) -> ServicePlan:
        return replace(wish, scheduler=self.chance.choice(SCHEDULERS), scheduler_flags=frozenset())

    def flag(self, wish: ServicePlan) -> ServicePlan:
        flags = FLAGS.get(wish.scheduler, ())
        return replace(wish, scheduler_flags=frozenset(flag for flag in flags if self.chance.random() < 0.3))

    def persist(self, wish: ServicePlan) -> ServicePlan:
        seconds, bits = self.chance.choice((0, 1, 60, 300, 3600)), wish.vip.max_prefixlen
        return replace(wish, persistence=seconds, persistence_mask=self.chance.choice((bits, bits - 8, bits // 2, 1)))

    def group(self, wish: ServicePlan) -> ServicePlan:
        return replace(wish, ports=self.chance.choice(SHOPS[wish.name][1]))

    def on_down(self, wish: ServicePlan) -> ServicePlan:
        return replace(wish, on_down=OnDown.MOVE if wish.on_down is OnDown.FINISH else OnDown.FINISH)

    def on_no_real(self, wish: ServicePlan) -> ServicePlan:
        return replace(wish, on_no_real=self.chance.choice(list(OnNoReal)))

    def one_packet(self, wish: ServicePlan) -> ServicePlan:
        datagrams = all(ports.protocol is UDP for ports in wish.ports)
        return replace(wish, one_packet=datagrams and not wish.one_packet)

    def fall_back(self, wish: ServicePlan) -> ServicePlan:
        """To the sorry server, or back from it."""
        serves = not wish.sorry and self.chance.random() < 0.4
        return replace(wish, sorry=self.real(self._servers(wish)[-1]) if serves else None)

    # ---- its real servers

    def _servers(self, wish: ServicePlan) -> tuple[Address, ...]:
        return REALS6 if wish.vip.version == 6 else REALS

    def real(self, address: Address) -> RealPlan:
        mac, up = self.mac(address), self.chance.random() < 0.9
        upper, lower = self.chance.choice(LIMITS)
        real = RealPlan(address, self.chance.choice(WEIGHTS), mac, up, upper, lower, self.chance.choice(MTUS))
        if self.chance.random() < 0.06:
            real = replace(real, vlan=self.chance.choice((0, 20)))
        return replace(real, mac=None, local=True) if self.chance.random() < 0.04 else real

    def mac(self, address: Address) -> bytes | None:
        """None: not resolved. A NIC may be replaced by another, which the fifth byte tells."""
        card = self.chance.choice((None, 1, 1, 1, 1, 1, 1, 1, 1, 2))
        return None if card is None else bytes((2, 0, 0, 1, card, NUMBER_OF[address]))

    def come_or_go(self, wish: ServicePlan) -> ServicePlan:
        """One goes, or comes, mostly as the last, which the schedulers' lists begin with."""
        present = [real.address for real in wish.reals]
        servers = self._servers(wish)[: self.chance.choice((4, 5, 5, 8))]
        if len(present) < 2:
            servers = tuple(address for address in servers if address not in present)
        address = self.chance.choice(servers)
        others = [real for real in wish.reals if real.address != address]
        if len(others) == len(wish.reals):
            others.insert(self.chance.choice((len(others), len(others), 0)), self.real(address))
        return replace(wish, reals=tuple(others))

    def shuffle(self, wish: ServicePlan) -> ServicePlan:
        return replace(wish, reals=tuple(self.chance.sample(wish.reals, len(wish.reals))))

    def reweigh(self, wish: ServicePlan) -> ServicePlan:
        return self._with_one(wish, lambda real: replace(real, weight=self.chance.choice(WEIGHTS)))

    def up_or_down(self, wish: ServicePlan) -> ServicePlan:
        return self._with_one(wish, lambda real: replace(real, up=self.chance.random() < (0.7 if real.up else 0.9)))

    def resolve(self, wish: ServicePlan) -> ServicePlan:
        return self._with_one(wish, lambda real: replace(real, mac=self.mac(real.address)))

    def limit(self, wish: ServicePlan) -> ServicePlan:
        upper, lower = self.chance.choice(LIMITS)
        return self._with_one(wish, lambda real: replace(real, upper=upper, lower=lower))

    def narrow(self, wish: ServicePlan) -> ServicePlan:
        return self._with_one(wish, lambda real: replace(real, mtu=self.chance.choice(MTUS)))

    def _with_one(self, wish: ServicePlan, change: Callable[[RealPlan], RealPlan]) -> ServicePlan:
        if not wish.reals:
            return wish
        reals = list(wish.reals)
        at = self.chance.randrange(len(reals))
        reals[at] = change(reals[at])
        return replace(wish, reals=tuple(reals))
