"""What is done about those who send more, or other things, than they should. On every data plane."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest

from carom.core.plan import Plan
from carom.dataplane.fake.walk import End, Verdict
from carom.dataplane.xdp.layout import ALL_FEATURES, FEATURE_CHECKSUM
from carom.model import Defence, Scheduler
from tests.dataplane import plans
from tests.dataplane.frames import ethernet, ip4, tcp, tcp_segment, udp
from tests.dataplane.planes import Oracle, PlaneUnderTest, Xdp
from tests.dataplane.plans import VIP, VIP6

WEB, WEB6, DNS = f"{VIP}:80", f"[{VIP6}]:80", f"{VIP}:53"


def defended(scheduler: Scheduler = Scheduler.RR, **defence: int) -> Plan:
    services = (
        plans.service(scheduler),
        plans.service(scheduler, name="dns", ports=(plans.DNS,)),
        plans.service(scheduler, name="web6", vip=VIP6),
    )
    return replace(plans.plan(*services), defence=Defence(**defence))  # type: ignore[arg-type]


def reasons(plane: PlaneUnderTest, *frames: bytes) -> list[str]:
    return [plane.send(frame).reason for frame in frames]


def syns(client: str, vip: str, count: int) -> list[bytes]:
    return [tcp(f"{client}:{port}", vip, "S") for port in range(1, count + 1)]


@pytest.mark.parametrize(
    ("vip", "clients", "neighbour"),
    [
        (WEB, ("10.0.0.1", "10.0.0.200"), "10.0.1.1"),
        (WEB6, ("[2001:db8::1]", "[2001:db8::ffff:0:1]"), "[2001:db8:0:1::1]"),
    ],
    ids=["IPv4 /24", "IPv6 /64"],
)
@pytest.mark.parametrize("scheduler", [Scheduler.WLC, Scheduler.MH])
def test_a_network_has_so_many_syns_a_second_and_its_neighbour_its_own(
    plane: PlaneUnderTest, scheduler: Scheduler, vip: str, clients: tuple[str, str], neighbour: str
) -> None:
    plane.apply(defended(scheduler, syn_rate=5))
    assert reasons(plane, *syns(clients[0], vip, 3), *syns(clients[1], vip, 3)) == ["forwarded"] * 5 + ["syn_capped"]
    assert reasons(plane, *syns(neighbour, vip, 5)) == ["forwarded"] * 5
    plane.at(1001)
    assert reasons(plane, *syns(clients[1], vip, 6)) == ["forwarded"] * 5 + ["syn_capped"]


def test_a_second_whose_number_begins_anew_is_one_as_any_other(plane: PlaneUnderTest) -> None:
    """Counters keep sixteen bits of it, and one that nobody has used yet has none."""
    plane.apply(defended(syn_rate=2))
    plane.at(1 << 16)
    assert reasons(plane, *syns("10.0.0.1", WEB, 3)) == ["forwarded"] * 2 + ["syn_capped"]


def test_what_is_capped_leaves_nothing_behind(plane: PlaneUnderTest) -> None:
    plane.apply(defended(syn_rate=1))
    first, second = syns("10.0.0.1", WEB, 2)
    assert reasons(plane, first) == ["forwarded"]
    assert plane.send(second) == End(Verdict.DROP, "syn_capped", second)
    assert sum(real.active + real.inactive for real in plane.read().reals) == 1


def test_connections_that_live_go_on(plane: PlaneUnderTest) -> None:
    plane.apply(defended(syn_rate=1))
    live = "10.0.0.1:9"
    assert reasons(plane, tcp(live, WEB, "S"), *syns("10.0.0.1", WEB, 3)) == ["forwarded"] + ["syn_capped"] * 3
    assert (
        reasons(plane, tcp(live, WEB, "A"), tcp(live, WEB, "PA", b"GET /"), tcp(live, WEB, "FA")) == ["forwarded"] * 3
    )


def test_datagrams_are_not_counted(plane: PlaneUnderTest) -> None:
    plane.apply(defended(syn_rate=1))
    assert reasons(plane, *(udp(f"10.0.0.1:{port}", DNS) for port in range(1, 5))) == ["forwarded"] * 4


def test_a_longer_prefix_counts_each_client(plane: PlaneUnderTest) -> None:
    plane.apply(defended(syn_rate=1, syn_prefix=32, syn_prefix6=128))
    assert reasons(plane, *syns("10.0.0.1", WEB, 2), *syns("10.0.0.2", WEB, 1)) == [
        "forwarded",
        "syn_capped",
        "forwarded",
    ]
    assert reasons(plane, *syns("[2001:db8::1]", WEB6, 2), *syns("[2001:db8::2]", WEB6, 1)) == [
        "forwarded",
        "syn_capped",
        "forwarded",
    ]


def test_without_a_rate_there_is_no_cap(plane: PlaneUnderTest) -> None:
    plane.apply(defended())
    assert reasons(plane, *syns("10.0.0.1", WEB, 100)) == ["forwarded"] * 100


def test_a_flood_from_everywhere_cuts_nobody_off(xdp: Xdp) -> None:
    """More networks than there are counters: one that finds none passes."""
    xdp.apply(defended(syn_rate=1))
    others = (0xABCDEF << 40 | 1000 << 24 | 1).to_bytes(8, "little") * 4
    for index, _ in list(xdp.loaded.maps["syncap"].items()):
        xdp.loaded.maps["syncap"].set(index, others)
    assert reasons(xdp, *syns("10.0.0.1", WEB, 5)) == ["forwarded"] * 5
    xdp.at(1001)
    assert reasons(xdp, *syns("10.0.0.1", WEB, 2)) == ["forwarded", "syn_capped"]


@pytest.mark.parametrize("flags", ["SF", "SFA", "SR", "SRA", "", "P", "PU", "FSRPAU"])
@pytest.mark.parametrize(("client", "vip"), [("10.0.0.1:1", WEB), ("[2001:db8::1]:1", WEB6)], ids=["IPv4", "IPv6"])
def test_flags_that_no_tcp_sends_are_dropped(plane: PlaneUnderTest, client: str, vip: str, flags: str) -> None:
    plane.apply(defended())
    plane.send(tcp(client, vip, "S"))
    assert reasons(plane, tcp(client, vip, flags)) == ["malformed"]


@pytest.fixture(scope="module")
def loaded_checking() -> Iterator[Xdp]:
    xdp = Xdp(features=ALL_FEATURES | FEATURE_CHECKSUM)
    yield xdp
    xdp.close()


@pytest.fixture(params=["oracle", "xdp"])
def checking(request: pytest.FixtureRequest) -> PlaneUnderTest:
    """A data plane that proves IPv4 headers by their checksum."""
    if request.param == "xdp" and os.geteuid():
        pytest.skip("the XDP plane needs root: sudo ./dev test")
    plane: Oracle | Xdp = Oracle() if request.param == "oracle" else request.getfixturevalue("loaded_checking")
    if isinstance(plane, Xdp):
        plane.reset()
    plane.at(1000)
    plane.apply(defended(checksum=True))
    return plane


@pytest.mark.parametrize("options", [b"", bytes(4), bytes(40)], ids=["no options", "one word", "ten words"])
def test_headers_are_proven_by_their_checksum(checking: PlaneUnderTest, options: bytes) -> None:
    sound = ethernet(ip4("10.0.0.1", VIP, 6, tcp_segment(1, 80, "S"), options=options))
    assert reasons(checking, sound) == ["forwarded"]
    for at in (15, 18, 22, 24, 25, 29, 33 + len(options)):
        wrong = bytearray(sound)
        wrong[at] ^= 1
        assert reasons(checking, bytes(wrong)) == ["not_vip" if at == 33 else "malformed"]


@pytest.mark.parametrize("port", range(0, 65536, 4099))
def test_every_sound_header_passes(checking: PlaneUnderTest, port: int) -> None:
    """The identification is drawn through its range, and the checksum with it."""
    frame = ethernet(ip4("10.0.0.1", VIP, 6, tcp_segment(port, 80, "S"), id=port, tos=port & 0xFF))
    assert reasons(checking, frame) == ["forwarded"]


def test_without_it_a_wrong_checksum_is_the_real_servers_matter(plane: PlaneUnderTest) -> None:
    plane.apply(defended())
    sound = tcp("10.0.0.1:1", WEB, "S")
    assert reasons(plane, sound[:24] + b"\0\0" + sound[26:]) == ["forwarded"]
