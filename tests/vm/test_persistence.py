"""Persistence against the kernel's own IPVS: the same story told to both, the same server for every connection.

What the time does to templates is not told: IPVS's shortest wait is a minute.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import pytest

from tests.vm.kernel import answers
from tests.vm.player import ONCE
from tests.vm.program import Program, difference
from tests.vm.uml import Machine

SERVERS = range(1, 7)
ANCHOR = 1
"""Is always there and takes connections, so that there is somebody for each."""
FRESH = 10
"""Operations between one network of clients and the next that comes for the first time."""


@pytest.fixture
def kernel(machine: Machine) -> Machine:
    machine.check(ONCE)
    return machine


@dataclass(frozen=True)
class Family:
    vip: str
    server: str
    client: str
    """With its network's number and its own in it."""


FOUR = Family("10.9.0.1", "10.8.0.{}", "10.64.{}.{}")
SIX = Family("fd00:9::1", "fd00:8::{}", "2001:db8:1:{:x}::{:x}")


def story(random: Random, operations: int, family: Family = FOUR) -> Iterator[str]:
    """Clients come again and again, while servers are quiesced, taken out and put back."""
    there = dict.fromkeys(SERVERS, 1)
    yield from (f"add {family.server.format(server)} 1" for server in SERVERS)
    for number in range(operations):
        other = random.choice([one for one in SERVERS if one != ANCHOR])
        deed = random.choices(("connect", "edit", "come or go"), (20, 2, 1))[0]
        if deed == "connect":
            network = max(0, number // FRESH - random.randrange(8))
            client = family.client.format(network, random.choice((1, 2, 200)))
            yield f"syn {client} {1024 + number} {family.vip} 80"
        elif deed == "edit" and other in there:
            there[other] = random.choice([weight for weight in (0, 1, 2, 3) if weight != there[other]])
            yield f"edit {family.server.format(other)} {there[other]}"
        elif deed == "come or go" and there.pop(other, None) is not None:
            yield f"delete {family.server.format(other)}"
        elif deed == "come or go":
            there[other] = random.choice((0, 1, 2))
            yield f"add {family.server.format(other)} {there[other]}"


@pytest.mark.parametrize("mask", [32, 24, 16])
@pytest.mark.parametrize("scheduler", ["rr", "wrr", "wlc", "sh sh-fallback"])
def test_each_client_goes_where_ipvs_sends_it(kernel: Machine, program: Program, scheduler: str, mask: int) -> None:
    random = Random(f"{scheduler} {mask}")
    script = [f"service tcp 10.9.0.1 80 {scheduler} persistent=300/{mask}", *story(random, 800), "counts"]
    assert (found := difference(script, answers(kernel, script), program.play(script))) is None, found


@pytest.mark.parametrize("mask", [128, 64, 60])
def test_so_does_each_client_of_ipv6(kernel: Machine, program: Program, mask: int) -> None:
    told = story(Random(mask), 800, SIX)
    script = [f"service tcp {SIX.vip} 80 rr persistent=300/{mask}", *told, "counts"]
    assert (found := difference(script, answers(kernel, script), program.play(script))) is None, found


def test_a_full_server_keeps_its_clients_and_gets_no_others(kernel: Machine, program: Program) -> None:
    script = [
        "service tcp 10.9.0.1 80 rr persistent=300/32",
        "add 10.8.0.1 1",
        "add 10.8.0.2 1 2",
        *(f"syn 10.64.0.{client} {1000 + port} 10.9.0.1 80" for port in range(3) for client in (1, 2, 3, 4)),
        "counts",
    ]
    told = answers(kernel, script)
    assert difference(script, told, program.play(script)) is None
    assert told[:-1] == ["2", "1", "2", "1"] * 3
