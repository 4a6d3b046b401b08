"""The XDP plane as the engine uses it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from carom.dataplane.xdp import program
from carom.dataplane.xdp.layout import FEATURE_IP6, FEATURE_LIMITS, FEATURE_MTU, key
from carom.dataplane.xdp.plane import XdpDataPlane
from carom.errors import DataPlaneError
from tests.dataplane import plans
from tests.dataplane.frames import tcp


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[XdpDataPlane]:
    subprocess.run(["mount", "-t", "bpf", "bpf", tmp_path], check=True)
    subprocess.run(["ip", "link", "add", "cplane0", "type", "veth", "peer", "name", "cplane1"], check=True)
    plane = XdpDataPlane("cplane0", tmp_path / "carom", flow_buckets=64)
    yield plane
    plane.detach()
    subprocess.run(["ip", "link", "del", "cplane0"], check=True)
    subprocess.run(["umount", tmp_path], check=True)


def test_a_daemons_life(plane: XdpDataPlane, tmp_path: Path) -> None:
    attachment = plane.attach()
    assert (attachment.plane, attachment.mode, attachment.taken_over) == ("xdp", "native", False)
    plane.apply(plans.plan())
    plane.close()

    successor = XdpDataPlane("cplane0", tmp_path / "carom", flow_buckets=64)
    assert successor.attach().taken_over
    assert {real.service for real in successor.read().reals} == {"web", "dns"}
    removed = successor.detach()
    assert {"link", "flows4", "settings"} <= set(removed)
    assert successor.detach() == ()


def test_it_fits_the_program_to_the_plan(plane: XdpDataPlane) -> None:
    plane.attach()
    plane.apply(plans.plan())
    small = plane._attached()[0]
    plane.apply(plans.plan(plans.changed(plans.service(), plans.REALS[0], upper=5)))
    fitted = plane._attached()[0]
    assert (small.features, fitted.features) == (0, FEATURE_LIMITS)
    assert {real.service for real in plane.read().reals} == {"web", "dns"}, "on the same maps"


def test_two_daemons_do_not_share_pins(plane: XdpDataPlane, tmp_path: Path) -> None:
    plane.attach()
    other = XdpDataPlane("cplane0", tmp_path / "carom", flow_buckets=64)
    with pytest.raises(DataPlaneError, match="another caromd works on the pins"):
        other.attach()
    plane.close()
    assert other.attach().taken_over
    other.close()


def test_whatever_becomes_of_the_pins_its_flows_stay(plane: XdpDataPlane, tmp_path: Path) -> None:
    plane.attach()
    plane.apply(plans.plan())
    settings = plane._attached()[0].maps["settings"].get(key(0))
    shutil.rmtree(tmp_path / "carom")
    assert "pins in" in plane.disturbance()
    plane.mend()
    assert plane.disturbance() == ""
    with pytest.raises(DataPlaneError, match="another caromd works on the pins"):
        XdpDataPlane("cplane0", tmp_path / "carom", flow_buckets=64).attach()
    plane.close()
    successor = XdpDataPlane("cplane0", tmp_path / "carom", flow_buckets=64)
    assert successor.attach().taken_over
    assert successor._attached()[0].maps["settings"].get(key(0)) == settings, "the seed, too, that places flows"
    successor.close()


def test_before_it_is_attached_it_says_so(plane: XdpDataPlane) -> None:
    with pytest.raises(DataPlaneError, match="not attached"):
        plane.apply(plans.plan())


def test_flows_that_are_left_of_a_real_server_are_still_told_its_mtu(plane: XdpDataPlane) -> None:
    plane.attach()
    narrow = plans.changed(plans.service(), plans.REALS[0], mtu=1400)
    plane.apply(plans.plan(narrow))
    plane.apply(plans.plan(plans.without(narrow, plans.REALS[0])))
    assert plane._attached()[0].features & FEATURE_MTU


def test_the_last_ip6_service_leaves_nobody_uncounted(plane: XdpDataPlane) -> None:
    """Its flows are swept away when their time is over, which a program without IPv6 would not do."""
    plane.attach()
    plane.apply(plans.plan(plans.service(vip=plans.VIP6)))
    syn = tcp("[2001:db8::1]:1025", f"[{plans.VIP6}]:80", "S", mac=program.mac_of("cplane0"))
    plane._attached()[0].director.run(syn)
    plane.apply(plans.plan())
    assert plane.read().flows6 == 1
    assert plane._attached()[0].features & FEATURE_IP6
    plane._attached()[0].maps["loads"].clear(key(0))
    plane.apply(plans.plan(plans.service()))
    assert not plane._attached()[0].features & FEATURE_IP6, "they have ended"
