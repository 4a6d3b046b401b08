"""An association's life, on every data plane: IPVS's states for a director that sees the client's half only."""

from __future__ import annotations

import pytest

from carom.dataplane.fake.walk import Verdict
from tests.dataplane import plans
from tests.dataplane.frames import sctp
from tests.dataplane.planes import PlaneUnderTest, load_of
from tests.dataplane.plans import REALS, VIP

HOME = REALS[-1]
"""Whom rr gives the first association."""


def say(plane: PlaneUnderTest, *chunks: str, port: int = 1025) -> None:
    for chunk in chunks:
        end = plane.send(sctp(f"10.0.0.1:{port}", f"{VIP}:2905", chunk))
        assert (end.verdict, end.reason) == (Verdict.TX, "forwarded")


def load(plane: PlaneUnderTest) -> tuple[int, int]:
    """Active and inactive flows of the first real server."""
    return load_of(plane.read(), next(real.address for real in plane.read().reals if str(real.address) == HOME))


@pytest.mark.parametrize(
    ("chunks", "active", "seconds"),
    [
        (["init"], False, 4),
        (["init", "init"], False, 61),
        (["init", "cookie echo"], True, 900),
        (["init", "cookie echo", "data", "sack"], True, 900),
        (["init", "cookie echo", "shutdown"], False, 61),
        (["init", "cookie echo", "shutdown ack"], False, 61),
        (["init", "cookie echo", "shutdown", "shutdown complete"], False, 61),
        (["init", "cookie echo", "abort"], False, 61),
        (["init", "cookie echo", "error"], True, 900),
        (["init", "init ack"], False, 61),
        (["init", "init ack", "cookie ack"], True, 900),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_its_state_says_whether_it_counts_and_how_long_it_lives(
    plane: PlaneUnderTest, chunks: list[str], active: bool, seconds: int
) -> None:
    plane.apply(plans.plan(plans.service(ports=(plans.SIGNALS,))))
    say(plane, *chunks)
    assert load(plane) == ((1, 0) if active else (0, 1))
    plane.at(1000 + seconds)
    assert load(plane) == ((1, 0) if active else (0, 1))
    plane.at(1001 + seconds)
    assert load(plane) == (0, 0)


def test_an_association_that_lives_keeps_its_real_server_whatever_comes(plane: PlaneUnderTest) -> None:
    plane.apply(plans.plan(plans.service(ports=(plans.SIGNALS,))))
    say(plane, "init")
    ends = {plane.send(sctp("10.0.0.1:1025", f"{VIP}:2905", kind)).frame[:6] for kind in range(20)}
    assert ends == {plans.mac(HOME)}
