"""`twos` draws its picks, so shares are compared: how often each server is picked, and how often the rule says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address
from itertools import product

from carom.dataplane.fake.schedulers import Candidate, Options, Request, make
from carom.dataplane.xdp.layout import ALL_FEATURES, FEATURE_LIMITS
from carom.model import Scheduler
from tests.dataplane import plans
from tests.dataplane.frames import tcp, udp
from tests.dataplane.planes import PlaneUnderTest, Xdp
from tests.dataplane.plans import VIP, mac

WEIGHTS = {"192.168.76.31": 3, "192.168.76.32": 1, "192.168.76.33": 2, "192.168.76.34": 5}
DATAGRAMS = 8_000
CHI_SQUARE = 21.1
"""Three degrees of freedom, one error in ten thousand."""


def drawing(*numbers: int) -> Callable[[int], int]:
    """A hand that draws these numbers, whatever it is told to stay below."""
    drawn = iter(numbers)
    return lambda _: next(drawn)


def shares(candidates: list[Candidate]) -> dict[str, float]:
    """Each server's share of the rule's picks over all pairs of draws."""
    draws = range(sum(candidate.weight for candidate in candidates) + 1)
    client, by_id = IPv4Address("10.0.0.1"), {candidate.id: str(candidate.address) for candidate in candidates}
    picks: Counter[str] = Counter()
    for pair in product(draws, repeat=2):
        picked = make(Scheduler.TWOS, options=Options(draw=drawing(*pair))).pick(
            Request(client, 1, client, 53), candidates
        )
        picks[by_id[picked or 0]] += 1
    return {address: count / len(draws) ** 2 for address, count in picks.items()}


def test_servers_are_picked_as_often_as_the_rule_says(plane: PlaneUnderTest) -> None:
    picks_as_the_rule_says(plane)


def test_so_they_are_by_a_program_that_knows_no_thresholds() -> None:
    """It adds up weights instead of counting them down."""
    program = Xdp(features=ALL_FEATURES & ~FEATURE_LIMITS)
    picks_as_the_rule_says(program)
    program.close()


def picks_as_the_rule_says(plane: PlaneUnderTest) -> None:
    """Datagrams that are scheduled one by one leave the loads alone, which forty connections have made."""
    reals = (plans.real(address, weight) for address, weight in WEIGHTS.items())
    wish = plans.service(Scheduler.TWOS, *reals, ports=(plans.HTTP, plans.DNS))
    plane.apply(plans.plan(replace(wish, one_packet=True)))
    for port in range(40):
        plane.send(tcp(f"10.0.0.1:{1000 + port}", f"{VIP}:80", "S"))
    active = {real.address: real.active for real in plane.read().reals}
    assert sum(active.values()) == 40
    listed = [
        Candidate(number, real.address, real.weight, active=active[real.address])
        for number, real in enumerate(reversed(wish.reals), start=1)
    ]

    datagram = udp("10.0.0.1:9", f"{VIP}:53")
    picked = Counter(plane.send(datagram).frame[:6] for _ in range(DATAGRAMS))

    expected = {address: share * DATAGRAMS for address, share in shares(listed).items()}
    assert picked.total() == sum(picked[mac(address)] for address in WEIGHTS)
    chi_square = sum((picked[mac(address)] - count) ** 2 / count for address, count in expected.items())
    assert chi_square < CHI_SQUARE, f"picked {picked}, expected {expected}"
