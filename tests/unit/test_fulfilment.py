"""Fulfilment: what the data plane is asked to do for a world, and what is left undone since it does it already."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from ipaddress import ip_address

import pytest

from carom.core.plan import Plan
from carom.core.planning import Planned
from carom.core.world import World, begin, step
from carom.dataplane.fake.plane import FakeDataPlane
from carom.errors import DataPlaneError
from carom.events import InterfaceChanged, NeighbourResolved
from carom.fulfilment import Fulfilment
from carom.model import Config, Director, Ports, Protocol, Real, Service
from carom.ports import Attachment

VIP, ONE = (ip_address(f"192.168.76.{host}") for host in (24, 31))
MAC, OWN, OTHER = (bytes.fromhex(f"0200000000{host}") for host in ("31", "01", "02"))
WEB = Service("web", VIP, (Ports(Protocol.TCP, 80, 80),), (Real(ONE),), check=None)
WORLD = step(begin(Config(Director("eth0"), (WEB,))), [InterfaceChanged(up=True, mac=OWN)], 0.0)
TWO_NICS = step(begin(Config(Director("eth0", "eth1"), (WEB,))), [InterfaceChanged(up=True, mac=OWN)], 0.0)


class Plane(FakeDataPlane):
    """Keeps a diary, and may refuse."""

    def __init__(self) -> None:
        super().__init__(OWN, "eth0")
        self.diary: list[str] = []
        self.refusal: Exception | None = None

    def attach(self) -> Attachment:
        self.diary.append("attach")
        return super().attach()

    def apply(self, plan: Plan) -> None:
        self.diary.append("apply")
        if self.refusal:
            raise self.refusal
        super().apply(plan)

    def mend(self) -> None:
        self.diary.append("mend")

    def close(self) -> None:
        self.diary.append("close")


@dataclass
class Stage:
    """A data plane that is attached to the NICs of a world, and does nothing yet."""

    world: World = WORLD
    plane: Plane = field(default_factory=Plane)
    planned: Planned | None = None

    def __post_init__(self) -> None:
        self.fulfilment = Fulfilment(self.plane)
        self.attachment = replace(self.plane.attach(), taken_over=True)
        self.fulfilment.attached(self.world)
        self.plane.diary.clear()

    def fulfil(self, world: World) -> list[str]:
        """What was done for it."""
        self.plane.diary.clear()
        self.attachment, plan = self.fulfilment.fulfil(world, self.planned, self.attachment)
        assert plan == self.plane.plan
        self.planned = Planned(world, plan)
        return list(self.plane.diary)


def test_a_plan_is_applied_unless_it_is_what_the_data_plane_does() -> None:
    stage = Stage()
    assert stage.fulfil(WORLD) == ["apply"]
    assert stage.fulfil(replace(WORLD, refused=("a fault",))) == []
    assert stage.fulfil(step(WORLD, [NeighbourResolved(ONE, MAC)], 1.0)) == ["apply"]
    assert stage.plane.plan.services[0].reals[0].mac == MAC


@pytest.mark.parametrize(
    "changed", [InterfaceChanged(up=True, mac=OTHER), InterfaceChanged(up=True, mac=OWN, index=8)], ids=["MAC", "NIC"]
)
def test_another_nic_is_attached_to_once_and_what_was_taken_over_stays_so(changed: InterfaceChanged) -> None:
    stage = Stage()
    stage.fulfil(WORLD)
    after = step(WORLD, [changed], 1.0)
    assert stage.fulfil(after) == ["close", "attach", "apply"]
    assert stage.attachment.taken_over
    assert stage.fulfil(replace(after, refused=("a fault",))) == []


@pytest.mark.parametrize(
    "world",
    [step(WORLD, [InterfaceChanged(up=False, mac=None)], 1.0), TWO_NICS],
    ids=["the only one", "the inside one"],
)
def test_a_nic_that_is_gone_is_not_attached_to(world: World) -> None:
    stage = Stage()
    assert "attach" not in stage.fulfil(world)


def test_a_nic_is_attached_to_again_where_the_plan_was_refused_after_it() -> None:
    stage = Stage()
    stage.fulfil(WORLD)
    after = step(WORLD, [InterfaceChanged(up=True, mac=OTHER)], 1.0)
    stage.plane.refusal = DataPlaneError("the members are full")
    for _ in range(2):
        with pytest.raises(DataPlaneError):
            stage.fulfil(after)
        assert stage.plane.diary == ["close", "attach", "apply"]
    stage.plane.refusal = None
    assert stage.fulfil(after) == ["close", "attach", "apply"]


def test_what_somebody_disturbed_is_mended_and_nothing_else_done() -> None:
    stage = Stage()
    stage.fulfil(WORLD)
    assert stage.fulfil(replace(WORLD, disturbed="the program was taken off eth0")) == ["mend"]
