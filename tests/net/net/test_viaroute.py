"""Ways to a VIP by way of each real server, with real sockets on a real segment."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from ipaddress import ip_address

import pytest

from carom.checks.checker import Target, examine
from carom.checks.send_expect import SendExpect
from carom.errors import NetError
from carom.model import Address
from carom.net import fib, viaroute
from carom.outcome import Reason
from tests.net.segment import VIP, VIP2, VIP6, Segment, inside, rip, rip6, segment

PORT = 8000


@pytest.fixture
def two() -> Iterator[Segment]:
    with segment(reals=2) as built, inside(built.director):
        yield built


def greeted(built: Segment, vip: Address, mark: int, real: Address) -> str:
    """The name of the real server that a check of the VIP reaches with this mark."""
    listeners = {f"real{number}": built.listener(number, vip, PORT) for number in (1, 2)}

    async def conversation() -> str:
        servers = [
            await asyncio.start_server(lambda _, writer, name=name: writer.write(name.encode()), sock=sock)  # type: ignore[misc]
            for name, sock in listeners.items()
        ]
        target = Target(vip, PORT, real, mark)
        outcomes = [await examine(SendExpect(expect=name.encode()), target) for name in listeners]
        for server in servers:
            server.close()
        return "".join(name for name, outcome in zip(listeners, outcomes, strict=True) if outcome.ok)

    return asyncio.run(conversation())


@pytest.mark.parametrize(("vip", "real"), [(VIP, rip), (VIP6, rip6)], ids=["IPv4", "IPv6"])
def test_each_mark_reaches_its_own_real_server(two: Segment, vip: Address, real: Callable[[int], Address]) -> None:
    marks = viaroute.want(frozenset({(vip, real(1)), (vip, real(2))}))
    assert greeted(two, vip, marks[vip, real(1)], real(1)) == "real1"
    assert greeted(two, vip, marks[vip, real(2)], real(2)) == "real2"


def test_the_same_wish_twice_changes_nothing(two: Segment) -> None:
    wish: frozenset[viaroute.Path] = frozenset({(VIP, rip(1)), (VIP, rip(2)), (VIP2, rip(1)), (VIP6, rip6(1))})
    marks = viaroute.want(wish)
    before = everything(two)
    assert viaroute.want(wish) == marks
    assert everything(two) == before


def test_a_restart_finds_the_marks_again_and_a_new_real_server_gets_another(two: Segment) -> None:
    before = viaroute.want(frozenset({(VIP, rip(2))}))
    after = viaroute.want(frozenset({(VIP, rip(1)), (VIP, rip(2)), (VIP2, rip(2))}))
    assert after[VIP, rip(2)] == after[VIP2, rip(2)] == before[VIP, rip(2)]
    assert after[VIP, rip(1)] not in before.values()


def test_what_is_no_longer_wished_goes(two: Segment) -> None:
    viaroute.want(frozenset({(VIP, rip(1)), (VIP, rip(2)), (VIP6, rip6(1))}))
    viaroute.want(frozenset({(VIP, rip(2))}))
    assert {route.gateway for route in fib.routes(socket.AF_INET, viaroute.PROTOCOL)} == {rip(2).packed}
    assert not set(fib.rules(socket.AF_INET6, viaroute.PROTOCOL))


def test_release_leaves_the_host_as_it_was(two: Segment) -> None:
    before = everything(two)
    viaroute.want(frozenset({(VIP, rip(1)), (VIP6, rip6(2))}))
    assert everything(two) != before
    assert viaroute.release() == 2
    assert everything(two) == before
    assert viaroute.release() == 0


def test_others_rules_and_routes_are_left_alone(two: Segment) -> None:
    two.on(two.director, "ip", "rule", "add", "pref", "20401", "fwmark", "9", "lookup", "9")
    two.on(two.director, "ip", "route", "add", "10.99.0.0/24", "via", str(rip(1)), "table", "9")
    before = everything(two)
    viaroute.want(frozenset({(VIP, rip(1))}))
    viaroute.release()
    assert everything(two) == before


def test_a_real_server_on_no_segment_is_refused_alone(two: Segment, caplog: pytest.LogCaptureFixture) -> None:
    far = ip_address("10.88.0.1")
    marks = viaroute.want(frozenset({(VIP, far), (VIP, rip(1))}))
    assert set(marks) == {(VIP, rip(1))}
    assert "no way to 10.77.0.100 by way of 10.88.0.1: Network is unreachable" in caplog.messages


def test_routes_lost_with_the_link_are_laid_again(two: Segment) -> None:
    wish: frozenset[viaroute.Path] = frozenset({(VIP, rip(1))})
    marks = viaroute.want(wish)
    for state in ("down", "up"):
        two.on(two.director, "ip", "link", "set", "eth0", state)
    assert not set(fib.routes(socket.AF_INET, viaroute.PROTOCOL))
    assert viaroute.want(wish) == marks
    assert set(fib.routes(socket.AF_INET, viaroute.PROTOCOL))


def test_a_mark_without_its_route_finds_no_other_way(two: Segment) -> None:
    """Else the packet would ask the segment for the VIP, and a check would reach the active director from a backup."""
    (mark,) = viaroute.want(frozenset({(VIP, rip(1))})).values()
    two.listener(1, VIP, PORT)
    outcome = asyncio.run(examine(SendExpect(), Target(VIP, PORT, rip(1), mark)))
    assert outcome.ok
    two.on(two.director, "ip", "route", "flush", "table", str(mark))
    outcome = asyncio.run(examine(SendExpect(), Target(VIP, PORT, rip(1), mark)))
    assert outcome.reason is Reason.UNREACHABLE


def test_without_the_capability_it_says_so(two: Segment) -> None:
    program = (
        "from ipaddress import ip_address; from carom.net import viaroute;"
        f"viaroute.want(frozenset({{(ip_address('{VIP}'), ip_address('{rip(1)}'))}}))"
    )
    run = ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", sys.executable, "-c", program]
    ended = subprocess.run(run, check=False, capture_output=True, text=True)
    assert NetError.__name__ in ended.stderr
    assert "Operation not permitted; this needs root, or CAP_NET_ADMIN" in ended.stderr


def test_two_thousand_ways_are_laid_within_a_second(two: Segment) -> None:
    two.on(two.director, "ip", "addr", "add", "10.66.0.1/16", "dev", "eth0")
    reals = [ip_address(f"10.66.{number // 250}.{number % 250 + 2}") for number in range(2000)]
    wish = frozenset(
        (ip_address(f"10.55.{number // 1000}.{number // 4 % 250}"), real) for number, real in enumerate(reals)
    )

    async def timed() -> float:
        loop = asyncio.get_running_loop()
        before = loop.time()
        assert len(set(viaroute.want(wish).values())) == 2000
        return loop.time() - before

    assert asyncio.run(timed()) < 1.0


def everything(built: Segment) -> str:
    """All rules and routes of the director."""
    commands = ("ip rule", "ip -6 rule", "ip route show table all", "ip -6 route show table all")
    return "\n".join(built.on(built.director, *command.split()) for command in commands)
