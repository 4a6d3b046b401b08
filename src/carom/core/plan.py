"""The plan: everything the data plane shall do, whole and frozen.

A data plane is handed a complete `Plan` and finds the difference itself; two equal plans mean that nothing needs
doing. Plans are made by `carom.core.world` from the configuration and what is known of the network.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from carom.model import Address, Defence, OnDown, OnNoReal, Ports, Scheduler, SchedulerFlag, Timeouts


@dataclass(frozen=True, slots=True)
class RealPlan:
    """One real server of one service, as the data plane shall treat it now."""

    address: Address
    weight: int
    """The effective weight; 0: quiesced. It stays in hash schedulers' tables, as IPVS's `last_weight` does."""
    mac: bytes | None
    """The last MAC known, 6 bytes; None: never resolved, so nothing can be sent to it."""
    up: bool = True
    """False: out of every scheduler's list, as if it were not configured; its flows follow `on_down`."""
    upper: int = 0
    lower: int = 0
    mtu: int = 0
    """The largest packet that can be sent to it, in bytes; 0: of every size."""
    vlan: int | None = None
    """The VLAN of its segment, 0 for an untagged one; None: frames go to it with the tag that they came with."""
    local: bool = False
    """It is the director itself: what is for it is left to the host, as it came."""

    @property
    def schedulable(self) -> bool:
        """Whether it stands in the schedulers' lists at all (its weight may still be 0)."""
        return self.up and (self.mac is not None or self.local)


@dataclass(frozen=True, slots=True)
class ServicePlan:
    """One virtual service, as the data plane shall treat it now."""

    name: str
    vip: Address
    ports: tuple[Ports, ...]
    scheduler: Scheduler
    reals: tuple[RealPlan, ...]
    """In the configuration's order; schedulers visit them last to first, as IPVS does."""
    scheduler_flags: frozenset[SchedulerFlag] = frozenset()
    on_down: OnDown = OnDown.FINISH
    on_no_real: OnNoReal = OnNoReal.UNREACHABLE
    persistence: int = 0
    """Seconds; 0: none."""
    persistence_mask: int = 32
    one_packet: bool = False
    sorry: RealPlan | None = None
    """Set only while it serves: new connections go to it instead of to `reals`."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything the data plane shall do."""

    services: tuple[ServicePlan, ...] = ()
    answering: bool = True
    """Whether this director answers ARP, neighbour solicitation and echo for the VIPs (active) or not (backup)."""
    defence: Defence = field(default_factory=Defence)
    timeouts: Timeouts = field(default_factory=Timeouts)
    peers: frozenset[bytes] = frozenset()
    """The MACs of peer directors: what they send to a VIP is not balanced again."""

    @property
    def vips(self) -> tuple[Address, ...]:
        """Every VIP once, in the order in which services name them."""
        return tuple(dict.fromkeys(service.vip for service in self.services))
