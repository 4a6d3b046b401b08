"""Checks of the VIP on its real server, and what their failures are diagnosed as, on a real segment.

Every situation is made as it comes about: an address taken away, a filter put in, a NIC pulled.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass

import pytest

from carom.checks.checker import Checker, Target, examine
from carom.checks.icmp import Icmp
from carom.checks.jobs import Job, Probe
from carom.checks.runner import Runner
from carom.checks.tcp import Tcp
from carom.checks.udp import Udp
from carom.core.health import heard, inherited
from carom.model import Address, Check
from carom.net import viaroute
from carom.outcome import Checked, Reason, Verdict
from tests.net.segment import VIP, VIP6, Segment, inside, rip, rip6, segment

PORT = 8000
EVERY, TIMEOUT = 0.4, 0.3
ROUTED = "the host tried to forward the packet (ICMP time exceeded)"


@dataclass(frozen=True)
class Family:
    """One address family's cast."""

    vip: Address
    real: Address
    word: str
    """nft's for it."""


IPV4 = Family(VIP, rip(1), "ip")
IPV6 = Family(VIP6, rip6(1), "ip6")


@pytest.fixture
def one() -> Iterator[Segment]:
    with segment(reals=1) as built, inside(built.director):
        yield built


@pytest.fixture(params=[IPV4, IPV6], ids=["IPv4", "IPv6"])
def family(request: pytest.FixtureRequest) -> Family:
    found: Family = request.param
    return found


def target(family: Family) -> Target:
    """The VIP on the real server, along the users' path."""
    (mark,) = viaroute.want(frozenset({(family.vip, family.real)})).values()
    return Target(family.vip, PORT, family.real, mark, TIMEOUT)


def listen(one: Segment, *addresses: Address) -> list[socket.socket]:
    return [one.listener(1, address, PORT) for address in addresses]


@asynccontextmanager
async def watched(probe: Probe) -> AsyncIterator[asyncio.Queue[Checked]]:
    """What a runner reports of one probe."""
    reports: asyncio.Queue[Checked] = asyncio.Queue()
    runner = Runner(reports.put_nowait)
    await runner.want([Job("web", probe.target.real, probe)])
    try:
        yield reports
    finally:
        await runner.close()


def verdict(probe: Probe) -> tuple[Verdict, str]:
    """The diagnosis of its first failure, with what it is founded on."""

    async def conversation() -> tuple[Verdict, str]:
        async with asyncio.timeout(10), watched(probe) as reports:
            checked = await reports.get()
            assert not checked.outcome.ok
            assert checked.diagnosis
            return checked.diagnosis.verdict, checked.diagnosis.why

    return asyncio.run(conversation())


def asked_at_the_real_server(family: Family, checker: Checker) -> bool:
    """What a balancer sees that checks the real server's own address."""
    to_real = Target(family.real, PORT, family.real, timeout=TIMEOUT)
    return asyncio.run(examine(checker, to_real)).ok


def test_all_is_well(one: Segment, family: Family) -> None:
    listen(one, family.vip)
    assert asyncio.run(examine(Tcp(), target(family))).ok


# ---- three faults that a check of the real server's own address does not see ----


def test_the_vip_is_missing(one: Segment, family: Family) -> None:
    way = target(family)
    listen(one, family.real)
    one.on(one.real(1), "ip", "addr", "del", str(family.vip), "dev", "lo")
    assert verdict(Probe(Tcp(), way, EVERY)) == (
        Verdict.VIP_MISSING,
        "It gets the packets for the VIP, and the VIP is none of its addresses; at its own address: ok.",
    )
    assert asked_at_the_real_server(family, Tcp())


def test_the_vip_is_missing_on_a_real_server_that_forwards(one: Segment) -> None:
    """It would hand the packet to whoever has the VIP, the director, and the check would come back from elsewhere."""
    way = target(IPV4)
    listen(one, IPV4.real)
    one.on(one.real(1), "ip", "addr", "del", f"{VIP}/32", "dev", "lo")
    one.on(one.real(1), "sysctl", "-qw", "net.ipv4.ip_forward=1")
    assert verdict(Probe(Tcp(), way, EVERY)) == (
        Verdict.VIP_MISSING,
        f"It routes packets for the VIP onwards instead of taking them: {ROUTED}.",
    )
    assert asked_at_the_real_server(IPV4, Tcp())


def test_the_service_is_bound_to_the_real_servers_own_address_only(one: Segment, family: Family) -> None:
    way = target(family)
    listen(one, family.real)
    assert verdict(Probe(Tcp(), way, EVERY))[0] is Verdict.VIP_UNSERVED
    assert asked_at_the_real_server(family, Tcp())


@pytest.mark.parametrize(
    "rule",
    [
        "{word} daddr {vip} drop",
        "{word} daddr {vip} tcp dport 8000 drop",
        "{word} daddr {vip} tcp dport 8000 reject",
        "{word} daddr {vip} tcp dport 8000 reject with icmpx admin-prohibited",
    ],
    ids=["drops all for the VIP", "drops the port", "rejects the port", "prohibits the port"],
)
def test_the_packet_filter_keeps_the_vip_out(one: Segment, family: Family, rule: str) -> None:
    way = target(family)
    listen(one, family.vip, family.real)
    one.filter(one.real(1), rule.format(word=family.word, vip=family.vip))
    assert verdict(Probe(Tcp(), way, EVERY))[0] is Verdict.FIREWALLED
    assert asked_at_the_real_server(family, Tcp())


# ---- faults that it sees, and does not tell apart ----


def test_the_service_is_stopped(one: Segment, family: Family) -> None:
    assert verdict(Probe(Tcp(), target(family), EVERY)) == (
        Verdict.SERVICE_DOWN,
        "The host is there, the service is not: Connection refused.",
    )


def test_the_server_is_dead(one: Segment, family: Family) -> None:
    way = target(family)
    assert asyncio.run(examine(Icmp(), way)).ok  # its MAC is known: the kernel finds out only later that it is gone
    one.on(one.real(1), "ip", "link", "set", "eth0", "down")
    found, why = verdict(Probe(Tcp(), way, EVERY))
    assert (found, why) == (Verdict.SERVER_DOWN, "It answers neither the check nor a ping, nor anything else.")


def test_the_server_never_was_there(one: Segment) -> None:
    """The kernel asks three times, a second apart, before it says that nobody answers."""
    probe = Probe(Tcp(), target(Family(VIP, rip(9), "ip")), EVERY)

    async def conversation() -> str:
        async with asyncio.timeout(20), watched(probe) as reports:
            while True:
                found = (await reports.get()).diagnosis
                assert found
                assert found.verdict is Verdict.SERVER_DOWN
                if "ARP" in found.why:
                    return found.why

    why = asyncio.run(conversation())
    assert why == "Nobody answers ARP or neighbour solicitation for its address, or there is no route to it."


def test_the_packet_filter_drops_everything(one: Segment, family: Family) -> None:
    way = target(family)
    listen(one, family.vip, family.real)
    one.filter(one.real(1), f"{family.word} daddr {{ {family.vip}, {family.real} }} drop")
    assert verdict(Probe(Tcp(), way, EVERY))[0] is Verdict.FIREWALLED


def test_the_directors_own_host_drops_the_answer(one: Segment, family: Family) -> None:
    way = target(family)
    listen(one, family.vip, family.real)
    one.filter(one.director, f"{family.word} saddr {family.vip} drop")
    assert verdict(Probe(Tcp(), way, EVERY))[0] is Verdict.REPLY_LOST


def test_the_directors_own_host_lets_nothing_out(one: Segment, family: Family) -> None:
    way = target(family)
    one.filter(one.director, f"{family.word} daddr {{ {family.vip}, {family.real} }} drop", "output")
    assert verdict(Probe(Tcp(), way, EVERY))[0] is Verdict.CHECK_BROKEN


def test_frames_from_the_vip_are_lost_on_the_way(one: Segment, family: Family) -> None:
    """As with a cloud's protection against spoofed addresses; here the bridge drops them."""
    way = target(family)
    listen(one, family.vip, family.real)
    one.filter(one.wire, f"{family.word} saddr {family.vip} drop", "forward", "bridge")
    assert verdict(Probe(Tcp(), way, EVERY))[0] is Verdict.REPLY_LOST


# ---- the other ways of checking ----


def test_a_dead_server_checked_at_its_own_address(one: Segment, family: Family) -> None:
    one.on(one.real(1), "ip", "link", "set", "eth0", "down")
    own = Target(family.real, PORT, family.real, timeout=TIMEOUT)
    assert verdict(Probe(Tcp(), own, EVERY))[0] is Verdict.SERVER_DOWN


def test_ping_reaches_the_vip_on_its_real_server(one: Segment, family: Family) -> None:
    way = target(family)
    assert asyncio.run(examine(Icmp(), way)).ok
    one.on(one.real(1), "ip", "addr", "del", str(family.vip), "dev", "lo")
    assert verdict(Probe(Icmp(), way, EVERY))[0] is Verdict.VIP_MISSING


def test_udp_is_down_when_icmp_says_so(one: Segment, family: Family) -> None:
    way = target(family)
    outcome = asyncio.run(examine(Udp(), way))
    assert (outcome.reason, outcome.text) == (Reason.REFUSED, "nobody listens there (ICMP port unreachable)")
    with closing(one.listener(1, family.vip, PORT, socket.SOCK_DGRAM)):
        assert asyncio.run(examine(Udp(), way)).ok


# ---- time ----


@pytest.mark.parametrize("fault", ["missing", "unserved", "filtered", "dead"])
def test_it_is_out_within_fall_intervals_with_its_reason_and_back_after_rise(one: Segment, fault: str) -> None:
    policy = Check(every=EVERY, timeout=TIMEOUT, rise=2, fall=3)
    probe = Probe(Tcp(), target(IPV4), EVERY)
    at_vip = listen(one, IPV4.vip, IPV4.real)[0]
    begin, end = _fault(one, fault, at_vip)

    async def conversation() -> tuple[Verdict | None, float, float]:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(30), watched(probe) as reports:
            health = inherited(loop.time(), up=True)

            async def until(up: bool) -> float:
                nonlocal health
                started = loop.time()
                while health.up is not up:
                    checked = await reports.get()
                    health = heard(health, policy, checked.outcome, checked.diagnosis, loop.time())
                return loop.time() - started

            assert (await reports.get()).outcome.ok
            begin()
            out = await until(False)
            found = health.diagnosis.verdict if health.diagnosis else None
            end()
            return found, out, await until(True)

    found, out, back = asyncio.run(conversation())
    expected = {
        "missing": Verdict.VIP_MISSING,
        "unserved": Verdict.VIP_UNSERVED,
        "filtered": Verdict.FIREWALLED,
        "dead": Verdict.SERVER_DOWN,
    }
    slack = 0.3
    assert found is expected[fault]
    assert out <= policy.fall * EVERY + 2 * TIMEOUT + slack
    assert back <= (policy.rise + 1) * EVERY + 2 * TIMEOUT + slack


def _fault(one: Segment, fault: str, at_vip: socket.socket) -> tuple[Callable[[], object], Callable[[], object]]:
    """How the fault begins and ends."""
    real = one.real(1)
    match fault:
        case "missing":
            return (
                lambda: one.on(real, "ip", "addr", "del", f"{VIP}/32", "dev", "lo"),
                lambda: one.on(real, "ip", "addr", "add", f"{VIP}/32", "dev", "lo"),
            )
        case "unserved":
            return at_vip.close, lambda: listen(one, VIP)
        case "filtered":
            return lambda: one.filter(real, f"ip daddr {VIP} drop"), lambda: one.on(real, "nft", "flush", "ruleset")
        case _:
            return (
                lambda: one.on(real, "ip", "link", "set", "eth0", "down"),
                lambda: one.on(real, "ip", "link", "set", "eth0", "up"),
            )
