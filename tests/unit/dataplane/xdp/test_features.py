"""What of the program a plan uses."""

from __future__ import annotations

from dataclasses import replace

from carom.core.plan import Plan
from carom.dataplane.xdp.features import features_of
from carom.dataplane.xdp.layout import (
    FEATURE_CHECKSUM,
    FEATURE_LIMITS,
    FEATURE_MTU,
    FEATURE_PEERS,
    FEATURE_RANGES,
    FEATURE_SYN_RATE,
    FEATURE_UNREACHABLE,
    FEATURE_VLAN,
)
from carom.model import Defence, OnNoReal, Ports, Protocol
from tests.dataplane import plans


def test_a_plain_plan_needs_nothing_more() -> None:
    assert features_of(Plan()) == features_of(plans.plan()) == 0


def test_thresholds_and_ranges_are_asked_for_by_those_who_have_them() -> None:
    limited = plans.changed(plans.service(), plans.REALS[0], upper=5)
    ranged = replace(plans.service(), ports=(Ports(Protocol.TCP, 1, 9),))
    assert features_of(plans.plan(limited)) == FEATURE_LIMITS
    assert features_of(plans.plan(limited, ranged)) == FEATURE_LIMITS | FEATURE_RANGES


def test_icmp_errors_of_our_own_are_there_for_those_who_send_them() -> None:
    narrow = plans.changed(plans.service(), plans.REALS[0], mtu=1400)
    assert features_of(plans.plan(narrow)) == FEATURE_MTU
    assert features_of(plans.plan(plans.service(on_no_real=OnNoReal.UNREACHABLE))) == FEATURE_UNREACHABLE


def test_the_sorry_server_counts_while_it_serves() -> None:
    sorry = replace(plans.real(plans.SORRY), mtu=1400, upper=5)
    assert features_of(plans.plan(replace(plans.service(), sorry=sorry))) == FEATURE_MTU | FEATURE_LIMITS


def test_peers_are_looked_for_where_there_are_some() -> None:
    assert features_of(replace(plans.plan(), peers=frozenset({bytes(6)}))) == FEATURE_PEERS


def test_the_defence_costs_nothing_unless_asked_for() -> None:
    assert features_of(Plan(defence=Defence(syn_rate=5))) == FEATURE_SYN_RATE
    assert features_of(Plan(defence=Defence(checksum=True))) == FEATURE_CHECKSUM


def test_segments_are_told_apart_where_there_are_several() -> None:
    assert features_of(plans.plan(plans.changed(plans.service(), plans.REALS[0], vlan=0))) == FEATURE_VLAN
