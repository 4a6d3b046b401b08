"""The director's host lets in what answers its health checks."""

from __future__ import annotations

import pytest

from carom.doctor.kinds import path, rp_filter
from carom.finding import Verdict
from carom.lab.standing import Lab
from tests.net.doctor.ward import REALS, VIP, ask, of, settings, wrong
from tests.net.labs import on

FOUND = {("rp-filter", f"{VIP} eth0", "")}


def test_it_does(lab: Lab) -> None:
    assert of(ask(lab, rp_filter.findings), "rp-filter") == {(f"{VIP} eth0", ""): Verdict.OK}


@pytest.mark.parametrize(("value", "found"), [(0, set()), (1, FOUND), (2, set())])
def test_a_vip_that_is_routed_by_another_nic(lab: Lab, value: int, found: set[tuple[str, str, str]]) -> None:
    on(lab, "director", "ip", "link", "add", "other0", "type", "bridge")
    on(lab, "director", "ip", "link", "set", "other0", "up")
    on(lab, "director", "ip", "address", "add", "10.9.9.1/24", "dev", "other0")
    on(lab, "director", "ip", "route", "add", f"{VIP}/32", "dev", "other0")
    try:
        with settings(lab, "director", all__rp_filter=value, eth0__rp_filter=0):
            assert wrong(ask(lab, rp_filter.findings)) == found
            lost = {server for name, _, server in wrong(ask(lab, path.findings)) if name == "replies"}
            assert lost == (set(REALS) if found else set()), "and so it is"
    finally:
        on(lab, "director", "ip", "link", "del", "other0")


def test_strict_is_well_where_there_is_one_nic(lab: Lab) -> None:
    with settings(lab, "director", all__rp_filter=1):
        assert wrong(ask(lab, rp_filter.findings, path.findings)) == set()
