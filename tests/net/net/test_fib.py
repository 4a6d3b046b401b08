"""Rules and routes, written to the kernel and read back."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

import pytest

from carom.net import fib
from carom.net.fib import Action, Route, Rule
from tests.net.segment import VIP, VIP6, Segment, inside, rip, rip6, segment

PROTOCOL = 0xCB
FAMILIES = [socket.AF_INET, socket.AF_INET6]


@pytest.fixture
def one() -> Iterator[Segment]:
    with segment(reals=1) as built, inside(built.director):
        yield built


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "rule",
    [
        Rule(0, 300, Action.LOOKUP, 7, 0xFFFFFFFF, table=1000),
        Rule(0, 300, Action.LOOKUP, 0x0CA00001, 0xFFFFFFFF, table=0x0CA00001),
        Rule(0, 301, Action.GOTO, 0x0CA00000, 0xFFF00000, goto=303, inverted=True),
        Rule(0, 302, Action.UNREACHABLE, 0x0CA00000, 0xFFF00000),
        Rule(0, 303, Action.NOP),
    ],
    ids=lambda rule: rule.action.name.lower(),
)
def test_a_rule_comes_back_as_it_went(one: Segment, family: int, rule: Rule) -> None:
    rule = Rule(family, *(getattr(rule, name) for name in list(rule.__dataclass_fields__)[1:]))
    assert fib.add([rule], PROTOCOL) == {}
    assert list(fib.rules(family, PROTOCOL)) == [rule]
    assert list(fib.rules(family, PROTOCOL + 1)) == []
    assert fib.remove([rule], PROTOCOL) == {}
    assert list(fib.rules(family, PROTOCOL)) == []


@pytest.mark.parametrize(
    "route", [Route(1000, VIP.packed, rip(1).packed), Route(1000, VIP6.packed, rip6(1).packed)], ids=["IPv4", "IPv6"]
)
def test_a_route_comes_back_as_it_went(one: Segment, route: Route) -> None:
    assert fib.add([route], PROTOCOL) == {}
    assert list(fib.routes(route.family, PROTOCOL)) == [route]
    assert list(fib.routes(route.family, PROTOCOL + 1)) == []
    assert fib.remove([route], PROTOCOL) == {}
    assert list(fib.routes(route.family, PROTOCOL)) == []


def test_each_that_the_kernel_refuses_is_told_by_name(one: Segment) -> None:
    far = [Route(1000, VIP.packed, bytes([10, 88, 0, host])) for host in range(150)]
    near = Route(1000, VIP.packed, rip(1).packed)
    assert fib.add([*far[:75], near, *far[75:]], PROTOCOL) == dict.fromkeys(far, errno.ENETUNREACH)
    assert fib.remove([near, near], PROTOCOL) == {near: errno.ESRCH}
