"""Whether clients' handshakes come about, as the daemon has counted."""

from __future__ import annotations

from contextlib import ExitStack

from carom.doctor.kinds import return_path
from carom.finding import Verdict
from carom.lab import wait
from carom.lab.standing import Lab
from tests.net.doctor.ward import REAL2, ask, broken, clients, forget_handshakes, of, wrong

WITHIN = 10.0
"""Seconds in which it has to be seen; a client asks again after one."""


def test_where_nobody_has_to_ask_again_it_is_well(lab: Lab) -> None:
    found = of(ask(lab, return_path.findings), "return-path")
    assert found == {("web", ""): Verdict.OK, ("web6", ""): Verdict.OK}


def test_a_real_server_whose_gateway_is_dead_is_named(lab: Lab) -> None:
    """Clients that are given to it wait; the checks see nothing, for the director is on the segment."""
    with ExitStack() as after, broken(lab, "real2", "dead-gateway"):
        after.enter_context(clients(lab))
        assert wait.until(lambda: wrong(ask(lab, return_path.findings)), WITHIN)
        found = ask(lab, return_path.findings)
    forget_handshakes(lab)
    assert wrong(found) == {("return-path", f"web: {REAL2}", REAL2)}


def test_without_the_daemon_nothing_is_known(lab: Lab) -> None:
    assert of(ask(lab, return_path.findings, status=None), "return-path") == {}
