"""Every scheduler of the oracle against the kernel's own IPVS: the same story told to both, the same picks expected."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address
from itertools import count, islice, product
from random import Random

import pytest

from carom.dataplane.fake.schedulers import Candidate, Options, Request, make
from carom.model import Scheduler, SchedulerFlag
from tests.vm.kernel import answers
from tests.vm.mirror import CLASSIC, CURRENT, Dialect, Mirror, disagreement
from tests.vm.player import ONCE
from tests.vm.program import Program, difference
from tests.vm.story import SERVERS, Story
from tests.vm.uml import Machine

CLIENT = IPv4Address("10.64.0.1")
VIP4, VIP6 = "tcp 10.9.0.1 80", "tcp fd00:9::1 80"
MARK4, MARK6 = "mark 10.9.1.0 0", "mark fd00:9::100 0"
UDP = "udp 10.9.0.1 53"


def agree(machine: Machine, mirror: Mirror) -> None:
    """The kernel says what the oracle said, throughout."""
    assert (found := disagreement(mirror, answers(machine, mirror.script))) is None, found


def mirrored(service: str, scheduler: str, dialect: Dialect) -> Mirror:
    """A mirror of a service with a scheduler and its flags, `wlc` or `mh mh-port`."""
    name, *flags = scheduler.split()
    rule = make(Scheduler(name), map(SchedulerFlag, flags), Options(overhead=dialect.overhead))
    return Mirror(rule, f"{service} {scheduler}", dialect)


@pytest.fixture(scope="session")
def dialect(machine: Machine) -> Dialect:
    """This kernel's dialect: server 1 gets 4 active flows, then server 2 gets 1,026 inactive ones; who is next tells.

    The kernel's modules are loaded here too: every test of this file comes by.
    """
    machine.check(ONCE)
    mirror = mirrored(VIP4, "lc", CLASSIC)
    mirror.add(2, weight=0)
    mirror.add(1, weight=1)
    for port in range(4):
        mirror.connect(CLIENT, 1000 + port)
    mirror.edit(1, weight=0)
    mirror.edit(2, weight=1)
    for port in range(1026):
        flow = mirror.connect(CLIENT, 2000 + port)
        assert flow
        mirror.send("fin", flow)
    mirror.edit(1, weight=1)
    mirror.connect(CLIENT, 9999)
    return {"1": CLASSIC, "2": CURRENT}[answers(machine, mirror.script)[-1]]


@pytest.mark.parametrize(
    ("scheduler", "service", "operations", "brief"),
    [
        ("rr", VIP4, 2_000, 0.0),
        ("wrr", VIP4, 10_000, 0.0),
        ("lc", VIP4, 2_000, 0.98),
        ("wlc", VIP4, 10_000, 0.98),
        ("wlc", UDP, 2_000, 0.0),
        ("lblc", MARK4, 10_000, 0.9),
        ("lblc", MARK6, 2_000, 0.9),
        ("lblcr", MARK4, 10_000, 0.9),
        ("lblcr", MARK6, 2_000, 0.9),
        ("dh", MARK4, 10_000, 0.0),
        ("dh", MARK6, 2_000, 0.0),
        ("sh", VIP4, 10_000, 0.0),
        ("sh", VIP6, 2_000, 0.0),
        ("sh sh-port", VIP4, 2_000, 0.0),
        ("sh sh-fallback", VIP4, 10_000, 0.0),
        ("sh sh-port sh-fallback", VIP6, 2_000, 0.0),
        ("mh", VIP4, 2_000, 0.0),
        ("mh", MARK4, 2_000, 0.0),
        ("mh", VIP6, 2_000, 0.0),
        ("mh mh-port", VIP4, 10_000, 0.0),
        ("mh mh-fallback", VIP4, 10_000, 0.0),
        ("mh mh-port mh-fallback", VIP6, 2_000, 0.0),
        ("sed", VIP4, 2_000, 0.5),
        ("nq", VIP4, 2_000, 0.9),
        ("fo", VIP4, 2_000, 0.0),
        ("ovf", VIP4, 2_000, 0.9),
        ("ovf", UDP, 2_000, 0.0),
    ],
)
def test_picks_of_the_oracle(
    machine: Machine, dialect: Dialect, scheduler: str, service: str, operations: int, brief: float
) -> None:
    mirror = mirrored(service, scheduler, dialect)
    Story(mirror, f"{scheduler} {service}", brief=brief).tell(operations)
    agree(machine, mirror)


@pytest.mark.parametrize("scheduler", ["rr", "wrr", "sh", "mh mh-port", "fo"])
def test_datagrams_one_by_one(machine: Machine, dialect: Dialect, program: Program, scheduler: str) -> None:
    """One-packet scheduling: the same few clients again and again, and each time whoever is next."""
    random, weights = Random(scheduler), {1: 1, 2: 2, 3: 3}
    script = [f"service udp 10.9.0.1 53 {scheduler} ops", *(f"add 10.8.0.{number} {number}" for number in weights)]
    for _ in range(300):
        script.append(f"udp 10.64.0.{random.randrange(4)} {1024 + random.randrange(3)} 10.9.0.1 53")
        if random.random() < 0.05:
            number = random.choice(list(weights))
            weights[number] = (weights[number] + random.randrange(1, 5)) % 5  # another one
            script.append(f"edit 10.8.0.{number} {weights[number]}")
    assert (found := difference(script, answers(machine, script), program.play(script))) is None, found


def test_a_port_that_is_used_again(machine: Machine, dialect: Dialect, program: Program) -> None:
    """rr's next server tells whether the SYN was of the connection that was there, or began another."""
    mirror = mirrored(VIP4, "rr", dialect)
    for number in SERVERS:
        mirror.add(number, weight=1)
    stories = ("", "ack", "fin", "ack fin", "rst", "ack rst", "ack fin rst", "ack fin ack", "fin ack", "fin rst")
    for port, flags in enumerate(stories):
        flow = mirror.connect(CLIENT, 1000 + port)
        assert flow
        for flag in flags.split():
            mirror.send(flag, flow)
        mirror.again(flow)
    assert (found := difference(mirror.script, mirror.expected, program.play(mirror.script))) is None, found
    agree(machine, mirror)


@pytest.mark.parametrize(
    ("scheduler", "service", "brief"),
    [
        ("rr", VIP4, 0.0),
        ("wrr", VIP4, 0.0),
        ("lc", VIP4, 0.98),
        ("wlc", VIP6, 0.98),
        ("lblc", VIP4, 0.9),
        ("lblcr", VIP4, 0.9),
        ("dh", VIP4, 0.0),
        ("sh sh-port", VIP6, 0.0),
        ("sh sh-fallback", VIP4, 0.0),
        ("mh", VIP4, 0.0),
        ("mh mh-port mh-fallback", VIP6, 0.0),
        ("sed", VIP4, 0.5),
        ("nq", VIP4, 0.9),
        ("fo", VIP4, 0.0),
        ("ovf", UDP, 0.0),
    ],
)
def test_picks_of_program_and_oracle(
    machine: Machine, dialect: Dialect, program: Program, scheduler: str, service: str, brief: float
) -> None:
    """The same 10,000 operations, told to the program, the oracle and the kernel."""
    if dialect is not CLASSIC:
        pytest.skip("this kernel's active flows cost 257, the program's 256: docs/schedulers.md")
    mirror = mirrored(service, scheduler, dialect)
    Story(mirror, f"{scheduler} {service} plain", brief=brief, plain=True).tell(10_000)
    assert (found := difference(mirror.script, mirror.expected, program.play(mirror.script))) is None, found
    agree(machine, mirror)


@pytest.mark.parametrize("scheduler", ["rr", "wrr", "lblcr", "sh sh-fallback", "mh mh-fallback", "fo"])
def test_picks_where_servers_are_often_full(machine: Machine, dialect: Dialect, scheduler: str) -> None:
    mirror = mirrored(VIP4, scheduler, dialect)
    Story(mirror, scheduler, scarce=True).tell(3_000)
    agree(machine, mirror)


@pytest.mark.parametrize("lower", [0, 2, 3])
def test_a_full_server_is_used_again_once_enough_of_its_flows_have_expired(
    machine: Machine, dialect: Dialect, lower: int
) -> None:
    mirror = mirrored(UDP, "rr", dialect)
    mirror.add(1, weight=1, upper=4, lower=lower)
    mirror.tell("timeouts 0 0 1")
    short = [mirror.connect(CLIENT, 1000 + port) for port in range(2)]
    mirror.tell("timeouts 0 0 300")
    for port in range(3):
        mirror.connect(CLIENT, 2000 + port)
    for flow in filter(None, short):
        mirror.expire(flow)
    mirror.counts("settle")
    mirror.connect(CLIENT, 3000)
    assert mirror.expected[-1] == ("-" if lower == 2 else "1")
    agree(machine, mirror)


def test_closed_flows_count_until_they_expire(machine: Machine, dialect: Dialect) -> None:
    mirror = mirrored(VIP4, "lc", dialect)
    mirror.tell("timeouts 0 1 0")
    mirror.add(1, weight=1)
    mirror.add(2, weight=0)
    closed = [mirror.connect(CLIENT, 1000 + port) for port in range(5)]
    for flow in filter(None, closed):
        mirror.send("ack", flow)
        mirror.send("fin", flow)
    mirror.edit(2, weight=1)
    for port in range(2):
        mirror.connect(CLIENT, 2000 + port)
    assert mirror.expected[-2:] == ["2", "1"]
    for flow in filter(None, closed):
        mirror.expire(flow)
    mirror.counts("settle")
    agree(machine, mirror)


def test_lblcr_drops_the_most_loaded_of_a_set_that_has_long_been_the_same(machine: Machine, dialect: Dialect) -> None:
    mirror = mirrored(MARK4, "lblcr", dialect)
    mirror.tell("expiration 2")
    for number in (1, 2, 3):
        mirror.add(number, weight=2)
    ports = count(1000)
    for flows in (10, 4, 2):
        if mirror.expected:
            mirror.rest(2 * 86400, told=2.5)
        for port in islice(ports, flows):
            mirror.connect(CLIENT, port)
    assert "".join(mirror.expected) == "3332221111232323"
    agree(machine, mirror)


def test_twos_draws_as_often_as_the_oracle_would(machine: Machine, dialect: Dialect) -> None:
    """Its picks are random, so shares are compared: of datagrams scheduled one by one, which leave the counts alone.

    The bound is that of chi-square with three degrees of freedom at one error in ten thousand.
    """
    if machine.run("modprobe ip_vs_twos").status != 0:
        pytest.skip("this kernel has no ip_vs_twos: no Debian kernel is built with it")
    weights, datagrams = {1: 3, 2: 1, 3: 2, 4: 5}, 5_000
    mirror = mirrored(MARK4, "twos", dialect)
    mirror.script[0] += " ops"
    for number, weight in weights.items():
        mirror.add(number, weight)
    for port in range(30):
        mirror.tell(f"syn {CLIENT} {1000 + port} 10.9.1.0 80")
    mirror.tell("counts")
    for port in range(datagrams):
        mirror.tell(f"udp {CLIENT} {10_000 + port} 10.9.1.0 53")
    said = answers(machine, mirror.script)
    loads = dict(re.findall(r"10\.8\.0\.(\d)=\d+/(\d+)/", said[30]))
    candidates = [replace(each, active=int(loads[str(each.id)])) for each in mirror.candidates()]
    shares = twos_shares(candidates, dialect)
    seen = Counter(said[31:])
    chi_square = sum((seen[str(n)] - share * datagrams) ** 2 / (share * datagrams) for n, share in shares.items())
    assert seen.total() == datagrams
    assert chi_square < 21.1, f"the kernel picked {seen}, the oracle expects {shares} of {datagrams}"


def drawing(*numbers: int) -> Callable[[int], int]:
    """A hand that draws these numbers, whatever it is told to stay below."""
    drawn = iter(numbers)
    return lambda _: next(drawn)


def twos_shares(candidates: list[Candidate], dialect: Dialect) -> dict[int, float]:
    """Each server's share of the oracle's picks over all pairs of draws."""
    draws = range(sum(candidate.weight for candidate in candidates) + 1)
    picks: Counter[int] = Counter()
    for pair in product(draws, repeat=2):
        rule = make(Scheduler.TWOS, options=Options(overhead=dialect.overhead, draw=drawing(*pair)))
        picked = rule.pick(Request(CLIENT, 1, CLIENT, 53), candidates)
        assert picked is not None
        picks[picked] += 1
    return {number: count / len(draws) ** 2 for number, count in picks.items()}
