"""Scheduling as a story: what the fuzz found, told by hand. On every data plane."""

from __future__ import annotations

from dataclasses import replace

import pytest

from carom.core.plan import ServicePlan
from carom.dataplane.fake.schedulers.lblcr import UNCHANGED_SECONDS
from carom.model import Ports, Protocol, Scheduler, SchedulerFlag
from tests.dataplane import plans
from tests.dataplane.frames import tcp, udp
from tests.dataplane.planes import PlaneUnderTest
from tests.dataplane.plans import REALS, VIP, mac

A, B, C = REALS
"""C, added last, comes first."""


def connect(plane: PlaneUnderTest, port: int) -> str:
    """Who gets a new flow: A, B or C, `-` for nobody."""
    target = plane.send(tcp(f"10.0.0.1:{port}", f"{VIP}:80", "S")).frame[:6]
    return {mac(A): "A", mac(B): "B", mac(C): "C"}.get(target, "-")


def picks(plane: PlaneUnderTest, first: int, last: int) -> str:
    return "".join(connect(plane, port) for port in range(first, last + 1))


# ---- thresholds


def test_a_flow_that_goes_on_frees_no_full_server(plane: PlaneUnderTest) -> None:
    """It is counted as inactive then, and is one of as many as before."""
    full = replace(plans.real(A), upper=2, lower=2)
    plane.apply(plans.plan(plans.service(Scheduler.RR, full)))
    assert picks(plane, 1, 3) == "AA-"
    for flag in "AR":
        plane.send(tcp("10.0.0.1:1", f"{VIP}:80", flag))
    assert connect(plane, 4) == "-"
    plane.at(1011)  # the closed one is over
    assert connect(plane, 5) == "A"


def test_a_full_server_that_was_gone_while_its_flows_ended_is_free(plane: PlaneUnderTest) -> None:
    full = plans.service(Scheduler.RR, replace(plans.real(A), upper=1))
    plane.apply(plans.plan(full))
    assert picks(plane, 1, 2) == "A-"
    plane.apply(plans.plan(plans.service(name="another", vip=plans.OTHER_VIP)))
    plane.at(1061)
    plane.apply(plans.plan(full))
    assert connect(plane, 3) == "A"


# ---- rr


def test_rr_goes_on_with_whoever_is_new_where_its_place_was_the_head_and_went(plane: PlaneUnderTest) -> None:
    wish = plans.service(Scheduler.RR)
    plane.apply(plans.plan(wish))
    assert connect(plane, 1) == "C"
    plane.apply(plans.plan(plans.without(wish, C)))
    plane.apply(plans.plan(wish))
    assert picks(plane, 2, 4) == "CBA"


# ---- wrr


def weighing(**weights: int) -> ServicePlan:
    reals = {"a": A, "b": B, "c": C}
    return plans.service(Scheduler.WRR, *(plans.real(reals[name], weight) for name, weight in weights.items()))


@pytest.mark.parametrize("change", [{"persistence": 60}, {"ports": (plans.HTTP,)}])
def test_wrr_goes_on_where_it_stood_when_neither_weights_nor_servers_change(
    plane: PlaneUnderTest, change: dict[str, object]
) -> None:
    wish = weighing(a=1, b=1, c=1)
    plane.apply(plans.plan(wish))
    assert connect(plane, 1) == "C"
    plane.apply(plans.plan(replace(wish, **change)))  # type: ignore[arg-type]
    assert plane.send(tcp("10.0.9.9:1", f"{VIP}:80", "S")).frame[:6] == mac(B)


def test_wrr_begins_a_new_round_after_one_in_which_everybody_was_full(plane: PlaneUnderTest) -> None:
    wish = weighing(a=1, b=3)
    wish = plans.changed(plans.changed(wish, B, upper=2, lower=1), A, upper=1)
    plane.apply(plans.plan(wish))
    assert picks(plane, 1, 4) == "BBA-"
    plane.at(1061)  # all are over
    assert picks(plane, 5, 7) == "BBA"


# ---- lblcr


def test_lblcr_drops_also_a_home_that_is_full(plane: PlaneUnderTest) -> None:
    wish = plans.service(Scheduler.LBLCR, plans.real(A), replace(plans.real(B, 4), upper=1), plans.real(C))
    plane.apply(plans.plan(wish))
    assert picks(plane, 1, 3) == "CCB"  # C is crowded by its second flow, and B becomes a home
    later = 1000 + int(UNCHANGED_SECONDS) + 1
    plane.at(later)
    assert picks(plane, 4, 4) == "B"  # of two idle homes the newer is dropped, and serves once more
    assert picks(plane, 5, 5) == "C"


def test_a_home_that_is_quiesced_counts_as_one(plane: PlaneUnderTest) -> None:
    """With it there are two homes, so the set loses one after a day; with one alone nothing is lost."""
    wish = plans.service(Scheduler.LBLCR, plans.real(A), plans.real(B, 4), plans.real(C))
    plane.apply(plans.plan(wish))
    assert picks(plane, 1, 3) == "CCB"
    plane.apply(plans.plan(plans.changed(wish, C, weight=0)))
    plane.at(1000 + int(UNCHANGED_SECONDS) + 1)
    assert picks(plane, 4, 5) == "BA"  # B was dropped; then nobody is a home, and the list decides


def test_of_two_homes_the_newer_comes_first_also_when_the_elder_was_away(plane: PlaneUnderTest) -> None:
    wish = plans.service(Scheduler.LBLCR, plans.real(A), plans.real(B), plans.real(C))
    plane.apply(plans.plan(wish))
    assert connect(plane, 1) == "C"
    plane.apply(plans.plan(plans.without(wish, C)))
    assert connect(plane, 2) == "B"
    plane.at(1901)
    plane.apply(plans.plan(wish))
    assert connect(plane, 3) == "B"


# ---- mh


def test_mh_lays_its_table_by_the_ports_of_now(plane: PlaneUnderTest) -> None:
    """Its servers' names have the service's port in them, or 0 where it has several."""

    def shares(ports: tuple[Ports, ...]) -> list[bytes]:
        flags = frozenset({SchedulerFlag.MH_FALLBACK})  # with it each flow is scheduled, and has an entry
        plane.apply(plans.plan(replace(plans.service(Scheduler.MH, ports=ports), scheduler_flags=flags)))
        return [plane.send(udp(f"10.0.{n}.1:9", f"{VIP}:53")).frame[:6] for n in range(40)]

    every, one = (Ports(Protocol.UDP, 0, 65535),), (plans.DNS,)
    first = shares(every)
    plane.at(2000)
    assert shares(one) != first
    plane.at(3000)
    assert shares(every) == first


def test_mh_forgets_what_a_server_weighed_before_it_was_taken_out(plane: PlaneUnderTest) -> None:
    """Quiescing moves nobody, so a quiesced server keeps its slots; one that is added quiesced has none, as in IPVS."""
    wish = plans.service(Scheduler.MH)
    quiesced = plans.changed(wish, C, weight=0)
    plane.apply(plans.plan(wish))
    before = "".join(connect_from(plane, n) for n in range(40))
    plane.apply(plans.plan(quiesced))
    assert "".join(connect_from(plane, n) for n in range(40)) == before.replace("C", "-")
    plane.apply(plans.plan(plans.without(wish, C)))
    without = "".join(connect_from(plane, n) for n in range(40))
    plane.apply(plans.plan(quiesced))
    assert "".join(connect_from(plane, n) for n in range(40)) == without


def connect_from(plane: PlaneUnderTest, network: int) -> str:
    """Who gets the first segment of a client of that network."""
    target = plane.send(tcp(f"10.0.{network}.1:9", f"{VIP}:80", "S")).frame[:6]
    return {mac(A): "A", mac(B): "B", mac(C): "C"}.get(target, "-")
