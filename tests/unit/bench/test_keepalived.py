"""Both programs are told to check the same."""

from __future__ import annotations

import re

from bench.keepalived import Size, carom_toml, keepalived_conf, members
from carom.config.load import load
from carom.model import Via

SIZE = Size(services=500, every=2, seconds=30)


def test_carom_is_told_to_check_2000_real_servers_every_two_seconds_at_their_own_address() -> None:
    config = load(carom_toml(SIZE), "carom.toml")
    checks = [service.check for service in config.services if service.check]
    assert {(each.kind, each.via, each.every, each.timeout) for each in checks} == {("tcp", Via.REAL, 2, 1)}
    assert len(checks) == 500
    assert len({real.address for service in config.services for real in service.reals}) == 2000


def test_keepalived_is_told_the_same_of_every_service() -> None:
    text, config = keepalived_conf(SIZE), load(carom_toml(SIZE), "carom.toml")
    assert re.findall(r"virtual_server (\S+) 80", text) == [str(service.vip) for service in config.services]
    told = [str(real.address) for service in config.services for real in service.reals]
    assert re.findall(r"real_server (\S+) 80", text) == told
    assert text.count("TCP_CHECK") == text.count("connect_timeout 1\n") == 2000
    assert text.count("delay_loop 2\n") == 500


def test_no_vip_is_a_real_server() -> None:
    vips = {members(service)[0] for service in range(SIZE.services)}
    assert vips.isdisjoint(real for service in range(SIZE.services) for real in members(service)[1])
