"""`dh`: the VIP decides."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

from carom.dataplane.fake.schedulers import Request, make
from carom.model import Scheduler
from tests.unit.dataplane.fake.schedulers.cast import REQUEST, C, full, weighing


def test_the_vip_decides_whoever_asks() -> None:
    """192.168.76.24 is in bucket 17; servers fill the buckets in turn: 17 mod 3 is 2, C."""
    rule, servers = make(Scheduler.DH), weighing(1, 1, 1)
    rule.changed(servers)
    assert {rule.pick(request, servers) for request in (REQUEST, replace(REQUEST, client_port=1))} == {C}


def test_each_server_has_its_share_of_vips_whatever_it_weighs() -> None:
    rule, servers = make(Scheduler.DH), weighing(1, 100, 1)
    rule.changed(servers)
    vips = (IPv4Address("192.168.0.0") + n for n in range(3000))
    chosen = [rule.pick(Request(REQUEST.client, 1, vip, 80), servers) for vip in vips]
    assert all(800 < chosen.count(server.id) < 1200 for server in servers)


def test_a_server_that_is_quiesced_or_full_leaves_its_vips_without() -> None:
    rule = make(Scheduler.DH)
    rule.changed(weighing(1, 1, 0))
    assert rule.pick(REQUEST, weighing(1, 1, 0)) is None
    assert rule.pick(REQUEST, full(weighing(1, 1, 1))) is None


def test_without_servers_there_is_none() -> None:
    rule = make(Scheduler.DH)
    rule.changed([])
    assert rule.pick(REQUEST, []) is None
