"""Persistence as a story: what a client meets while time passes and real servers come and go. On every data plane."""

from __future__ import annotations

from dataclasses import replace

import pytest

from carom.core.plan import ServicePlan
from carom.dataplane.fake.walk import End
from carom.model import Ports, Protocol
from tests.dataplane import plans
from tests.dataplane.frames import sctp, tcp, udp
from tests.dataplane.planes import PlaneUnderTest
from tests.dataplane.plans import REALS, VIP, mac

HOME = REALS[-1]
"""Whom rr gives the first client."""
FTP = ((1025, 21), (1026, 20), (1027, 50000), (1028, 50050), (1029, 50100))
"""A client's ports, and those of the VIP that it asks for."""


@pytest.fixture
def web(plane: PlaneUnderTest) -> ServicePlan:
    """A persistent service, one client of which has begun a flow at second 1000."""
    web = replace(plans.service(), persistence=300)
    plane.apply(plans.plan(web))
    assert connect(plane, 1).frame[:6] == mac(HOME)
    return web


def connect(plane: PlaneUnderTest, port: int) -> End:
    return plane.send(tcp(f"10.0.0.1:{port}", f"{VIP}:80", "S"))


def close(plane: PlaneUnderTest, port: int) -> None:
    plane.send(tcp(f"10.0.0.1:{port}", f"{VIP}:80", "A"))
    plane.send(tcp(f"10.0.0.1:{port}", f"{VIP}:80", "R"))


def stays(plane: PlaneUnderTest, port: int) -> bool:
    return connect(plane, port).frame[:6] == mac(HOME)


def test_for_its_time_after_the_last_new_flow(plane: PlaneUnderTest, web: ServicePlan) -> None:
    close(plane, 1)
    plane.at(1250)
    assert stays(plane, 2)
    close(plane, 2)
    plane.at(1550)
    assert stays(plane, 3)
    close(plane, 3)
    plane.at(1600)  # the sweeper comes by every few seconds; here, when the clock is set
    plane.at(1851)
    assert not stays(plane, 4)


def test_a_client_whom_nobody_could_take_meanwhile_is_back_with_its_own(
    plane: PlaneUnderTest, web: ServicePlan
) -> None:
    plane.apply(plans.plan(replace(web, reals=tuple(replace(real, weight=0, up=False) for real in web.reals))))
    assert connect(plane, 2).reason == "no_real"
    plane.apply(plans.plan(web))
    assert stays(plane, 3)


def test_a_full_real_server_keeps_its_clients_and_gets_no_others(plane: PlaneUnderTest, web: ServicePlan) -> None:
    plane.apply(plans.plan(plans.changed(web, HOME, upper=1)))
    assert stays(plane, 2)
    others = {plane.send(tcp(f"10.0.1.{n}:1", f"{VIP}:80", "S")).frame[:6] for n in range(6)}
    assert others == {mac(address) for address in REALS if address != HOME}


def test_flows_hold_it_and_it_is_asked_again_every_minute(plane: PlaneUnderTest, web: ServicePlan) -> None:
    plane.send(tcp("10.0.0.1:1", f"{VIP}:80", "A"))  # established: lives until 1900
    plane.at(1850)
    assert stays(plane, 2)


def test_it_ends_at_the_first_minute_without_a_flow(plane: PlaneUnderTest, web: ServicePlan) -> None:
    plane.send(tcp("10.0.0.1:1", f"{VIP}:80", "A"))
    plane.at(1310)  # its time was over at 1300; the flow held it, and it is asked again at 1360
    close(plane, 1)  # the flow ends at 1321
    plane.at(1330)
    plane.at(1361)
    assert not stays(plane, 2)


def test_a_quiesced_real_server_keeps_its_clients(plane: PlaneUnderTest, web: ServicePlan) -> None:
    plane.apply(plans.plan(plans.changed(web, HOME, weight=0)))
    assert stays(plane, 2)


@pytest.mark.parametrize("how", ["down", "gone", "sorry"])
def test_one_that_may_serve_nobody_does_not(plane: PlaneUnderTest, web: ServicePlan, how: str) -> None:
    wishes = {
        "down": plans.changed(web, HOME, up=False),
        "gone": plans.without(web, HOME),
        "sorry": replace(web, sorry=plans.real(plans.SORRY)),
    }
    plane.apply(plans.plan(wishes[how]))
    assert not stays(plane, 2)


def test_a_service_that_comes_back_has_forgotten_its_clients(plane: PlaneUnderTest, web: ServicePlan) -> None:
    plane.apply(plans.plan(plans.service(name="another", vip=plans.OTHER_VIP)))
    plane.apply(plans.plan(replace(web, reals=tuple(reversed(web.reals)))))
    assert connect(plane, 2).frame[:6] != mac(HOME)


@pytest.mark.parametrize("change", [{"persistence_mask": 24}, {"persistence": 0}])
def test_another_mask_begins_anew(plane: PlaneUnderTest, web: ServicePlan, change: dict[str, int]) -> None:
    plane.apply(plans.plan(replace(web, **change)))  # type: ignore[arg-type]
    plane.apply(plans.plan(web))
    assert not stays(plane, 2)


def test_flows_of_before_do_not_hold_what_the_service_keeps_now(plane: PlaneUnderTest, web: ServicePlan) -> None:
    """The service was gone in between; its old flow ends at 1061, its new one lives on and holds the client."""
    plane.apply(plans.plan(plans.service(name="another", vip=plans.OTHER_VIP)))
    plane.apply(plans.plan(web))
    plane.at(1050)
    again = connect(plane, 2).frame[:6]
    plane.send(tcp("10.0.0.1:2", f"{VIP}:80", "A"))  # established: lives until 1950
    plane.at(1061)
    plane.at(1800)
    assert connect(plane, 3).frame[:6] == again


def test_a_group_of_all_protocols_has_one_template(plane: PlaneUnderTest) -> None:
    """HTTP/3 beside HTTP/2: whichever comes first says where the others go. It was the job of firewall marks."""
    ports = (plans.HTTPS, Ports(Protocol.UDP, 443, 443), plans.SIGNALS)
    plane.apply(plans.plan(replace(plans.service(ports=ports), persistence=300)))
    homes = set()
    for host in range(1, 7):
        kinds = [
            tcp(f"10.0.0.{host}:1025", f"{VIP}:443", "S"),
            udp(f"10.0.0.{host}:1025", f"{VIP}:443"),
            sctp(f"10.0.0.{host}:1025", f"{VIP}:2905", "init"),
        ]
        (home,) = {plane.send(frame).frame[:6] for frame in (*kinds[host % 3 :], *kinds[: host % 3])}
        homes.add(home)
    assert homes == {mac(real) for real in REALS}
    assert sum(real.new_flows for real in plane.read().reals) == 18


def test_ftps_control_and_data_go_to_one_real_server(plane: PlaneUnderTest) -> None:
    """What IPVS has a rule of its own for is a group of ports here."""
    ports = tuple(Ports(Protocol.TCP, *pair) for pair in ((21, 21), (20, 20), (50000, 50100)))
    plane.apply(plans.plan(replace(plans.service(name="ftp", ports=ports), persistence=300)))
    homes = set()
    for host in range(1, 7):
        ends = [plane.send(tcp(f"10.0.0.{host}:{port}", f"{VIP}:{to}", "S")) for port, to in FTP]
        assert {end.reason for end in ends} == {"forwarded"}
        (home,) = {end.frame[:6] for end in ends}
        homes.add(home)
    assert homes == {mac(real) for real in REALS}
    beyond = [plane.send(tcp("10.0.0.1:9", f"{VIP}:{port}", "S")).reason for port in (49999, 50101)]
    assert beyond == ["no_service"] * 2
