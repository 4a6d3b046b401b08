"""Whether a daemon is reached through the VIP."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from carom.finding import Finding, Verdict
from carom.model import Address, Ports, Protocol
from carom.realserver.verify.question import Question
from carom.realserver.verify.service import findings
from carom.realserver.view import Conntrack, Listener, View
from tests.unit.realserver.words import BARE, RIP, SOUND, VIP, VIP6, WEB, WISH, question


def listening(*places: str, protocol: Protocol = Protocol.TCP, view: View = SOUND) -> View:
    """`192.0.2.31:80`"""
    split = [place.rpartition(":") for place in places]
    return replace(view, listeners=tuple(Listener(protocol, ip_address(host), int(port)) for host, _, port in split))


def judged(view: View, vip: Address = VIP, ports: Ports = WEB, method: str = "sysctl") -> dict[str, Finding]:
    wish = replace(WISH, vips=(vip,), ports=(ports,), method=method, tool="nft")
    return {finding.name: finding for finding in findings(Question(wish, view))}


@pytest.mark.parametrize(
    ("places", "vip", "verdict"),
    [
        (("0.0.0.0:80",), VIP, Verdict.OK),
        ((f"{VIP}:80",), VIP, Verdict.OK),
        ((":::80",), VIP, Verdict.OK),
        ((":::80",), VIP6, Verdict.OK),
        ((f"{VIP6}:80",), VIP6, Verdict.OK),
        ((f"{RIP}:80",), VIP, Verdict.FAULT),
        (("0.0.0.0:80",), VIP6, Verdict.FAULT),
        (("0.0.0.0:81",), VIP, Verdict.FAULT),
        ((), VIP, Verdict.FAULT),
        ((f"{RIP}:80", f"{VIP}:80"), VIP, Verdict.OK),
    ],
)
def test_who_is_reached(places: tuple[str, ...], vip: Address, verdict: Verdict) -> None:
    assert judged(listening(*places), vip)["listener"].verdict is verdict


def test_bound_to_the_rip_alone_is_not_the_same_as_nothing() -> None:
    alone, nothing = judged(listening(f"{RIP}:80"))["listener"], judged(listening())["listener"]
    assert alone.evidence.startswith(f"the daemon listens on {RIP}:80 only")
    assert nothing.evidence.startswith("nothing listens there")


def test_a_socket_of_ipv6_alone() -> None:
    view = replace(listening(":::80"), only_ipv6=frozenset({80}))
    assert judged(view)["listener"].verdict is Verdict.FAULT
    assert judged(view, VIP6)["listener"].verdict is Verdict.OK


def test_a_udp_socket_of_every_address_is_believed_to_be_what_the_system_makes_it() -> None:
    dns = Ports(Protocol.UDP, 53, 53)
    view = replace(listening(":::53", protocol=Protocol.UDP), only_ipv6=frozenset({53}))
    assert judged(view, ports=dns)["listener"].verdict is Verdict.OK
    alone = replace(view, sysctls={"net.ipv6.bindv6only": "1"})
    assert judged(alone, ports=dns)["listener"].verdict is Verdict.FAULT


def test_another_protocol_is_another_port() -> None:
    assert judged(listening("0.0.0.0:80", protocol=Protocol.UDP))["listener"].verdict is Verdict.FAULT
    sctp = Ports(Protocol.SCTP, 80, 80)
    assert judged(listening(), ports=sctp)["listener"].verdict is Verdict.UNKNOWN


def test_one_listener_in_a_range_is_enough() -> None:
    found = judged(listening(*(f"0.0.0.0:{port}" for port in range(8000, 8007))), ports=Ports(Protocol.TCP, 8000, 8010))
    assert found["listener"].verdict is Verdict.OK
    assert "and 3 more" in found["listener"].evidence


def test_without_a_port_it_cannot_be_said() -> None:
    (found,) = findings(question(wish=replace(WISH, ports=())))
    assert (found.name, found.verdict) == ("listener", Verdict.UNKNOWN)


# ---- redirect ----


def redirected(*places: str) -> View:
    return replace(listening(*places, view=BARE), redirected=frozenset({(VIP, "tcp/80")}), conntrack=Conntrack(1, 1000))


@pytest.mark.parametrize(
    ("place", "verdict"), [("0.0.0.0:80", Verdict.OK), (f"{RIP}:80", Verdict.OK), ("127.0.0.1:80", Verdict.FAULT)]
)
def test_under_redirect_the_rip_is_reached(place: str, verdict: Verdict) -> None:
    assert judged(redirected(place), method="redirect")["listener"].verdict is verdict


def test_the_rule_has_to_be_there() -> None:
    assert judged(redirected("0.0.0.0:80"), method="redirect")["redirect-rule"].verdict is Verdict.OK
    found = judged(listening("0.0.0.0:80", view=BARE), method="redirect")["redirect-rule"]
    assert (found.verdict, found.remedy) == (
        Verdict.FAULT,
        f"carom real-server join --vip {VIP} --method redirect --port tcp/80",
    )


@pytest.mark.parametrize(
    ("table", "verdict"),
    [
        (None, Verdict.UNKNOWN),
        (Conntrack(799, 1000), Verdict.OK),
        (Conntrack(800, 1000), Verdict.WARNING),
        (Conntrack(1000, 1000), Verdict.FAULT),
    ],
)
def test_connection_tracking_is_what_redirect_costs(table: Conntrack | None, verdict: Verdict) -> None:
    view = replace(redirected("0.0.0.0:80"), conntrack=table)
    assert judged(view, method="redirect")["conntrack"].verdict is verdict
    assert "conntrack" not in judged(SOUND)
