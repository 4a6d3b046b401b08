"""The rules between values, on configurations made by hand; through a file they are in `config/faulty.py`."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carom.core.flaw import Path
from carom.core.validate import flaws
from carom.model import Check, Config, Director, Ports, Protocol, Real, Scheduler, SchedulerFlag, Service

T80 = Ports(Protocol.TCP, 80, 80)
REALS = (Real(ip_address("192.0.2.31")), Real(ip_address("192.0.2.32")))
WEB = Service("web", ip_address("192.0.2.1"), (T80,), REALS, Scheduler.WRR)
DIRECTOR = Director("eth0")


def config(*services: Service) -> Config:
    return Config(DIRECTOR, services)


def paths(*services: Service) -> list[Path]:
    return [flaw.path for flaw in flaws(config(*services))]


# ---- rules ----


def test_nothing_is_wrong_with_a_sound_configuration() -> None:
    assert not list(flaws(config()))
    other = replace(WEB, name="b", ports=(Ports(Protocol.UDP, 80, 80),), check=Check("icmp"))
    assert not list(flaws(config(WEB, other)))


@pytest.mark.parametrize(
    "vip", ["10.0.0.1", "169.254.1.1", "100.64.0.1", "240.0.0.1", "192.0.2.255", "2001:db8::", "fd00::1", "64:ff9b::1"]
)
def test_addresses_that_a_vip_may_have(vip: str) -> None:
    address = ip_address(vip)
    real = Real(address + 1)
    assert not paths(replace(WEB, vip=address, reals=(real,)))


@pytest.mark.parametrize(
    "vip",
    ["0.0.0.0", "0.1.2.3", "127.1.2.3", "224.0.0.1", "255.255.255.255", "::", "::1", "ff02::1", "::ffff:10.0.0.1"],
)
def test_addresses_that_nobody_may_have(vip: str) -> None:
    address = ip_address(vip)
    same = Real(ip_address("10.0.0.9" if address.version == 4 else "fd00::9"))
    assert paths(replace(WEB, vip=address, reals=(same,))) == [("service", 0, "vip")]
    other = ip_address("10.0.0.8" if address.version == 4 else "fd00::8")
    assert paths(replace(WEB, vip=other, reals=(Real(address),))) == [("service", 0, "reals", 0, "address")]
    assert paths(replace(WEB, vip=other, reals=(same,), sorry=address)) == [("service", 0, "sorry")]


def test_a_link_local_address_is_none_for_a_vip_and_fine_for_a_real() -> None:
    local = ip_address("fe80::1")
    assert paths(replace(WEB, vip=local, reals=(Real(ip_address("fd00::1")),))) == [("service", 0, "vip")]
    assert not paths(replace(WEB, vip=ip_address("fd00::1"), reals=(Real(local),)))


def test_every_rule_finds_every_case() -> None:
    """Two faults of one sort are two flaws."""
    three = (*REALS, REALS[0], REALS[1])
    assert paths(replace(WEB, reals=three)) == [
        ("service", 0, "reals", 2, "address"),
        ("service", 0, "reals", 3, "address"),
    ]


def test_a_flaw_says_what_it_rests_on() -> None:
    """The loader holds a flaw back while what it rests on cannot be read."""
    (flaw,) = flaws(config(replace(WEB, reals=(Real(ip_address("fd00::1")),))))
    assert flaw.against == (("service", 0, "vip"),)
    (flaw,) = flaws(config(WEB, replace(WEB, name="b")))
    assert flaw.against == (("service", 0, "ports", 0), ("service", 0, "vip"), ("service", 1, "vip"))


def test_an_mtu_is_one_that_a_link_can_have() -> None:
    for vip, own, least in ((WEB.vip, REALS[0].address, 68), (ip_address("fd00::8"), ip_address("fd00::1"), 1280)):
        for mtu, sound in ((0, True), (least - 1, False), (least, True)):
            found = paths(replace(WEB, vip=vip, reals=(Real(own, mtu=mtu),)))
            assert found == ([] if sound else [("service", 0, "reals", 0, "mtu")])


def test_a_lower_of_its_own_is_no_limit() -> None:
    assert paths(replace(WEB, reals=(replace(REALS[0], lower=1),))) == [("service", 0, "reals", 0, "lower")]
    assert not paths(replace(WEB, reals=(replace(REALS[0], upper=4), replace(REALS[1], upper=4, lower=4))))


@pytest.mark.parametrize(("flag", "scheduler"), [(flag, flag.split("-")[0]) for flag in SchedulerFlag])
def test_a_flag_is_its_schedulers_own(flag: SchedulerFlag, scheduler: str) -> None:
    service = replace(WEB, scheduler_flags=frozenset({flag}))
    assert not paths(replace(service, scheduler=Scheduler(scheduler)))
    assert paths(service) == [("service", 0, "scheduler_flags")]


def test_a_check_needs_a_port_if_its_kind_does() -> None:
    everything = replace(WEB, ports=(Ports(Protocol.TCP, 0, 65535),))
    assert paths(replace(everything, check=Check("tcp"))) == [("service", 0, "check", "port")]
    assert not paths(replace(everything, check=Check("tcp", port=80)))
    assert not paths(replace(everything, check=Check("icmp")))
    assert not paths(replace(everything, check=Check("script")))
    assert not paths(replace(everything, check=None))


# ---- overlaps, against the definition ----

PORTS = st.builds(
    lambda first, more, protocol: Ports(protocol, first, min(first + more, 12)),
    st.integers(1, 12),
    st.sampled_from([0, 0, 1, 3]),
    st.sampled_from([Protocol.TCP, Protocol.UDP]),
)


@given(
    st.lists(
        st.tuples(st.sampled_from(["192.0.2.1", "192.0.2.2"]), st.lists(PORTS, min_size=1, max_size=3)), max_size=4
    )
)
def test_ports_meet_where_two_single_ports_or_two_ranges_share_one(drawn: list[tuple[str, list[Ports]]]) -> None:
    services = [
        replace(WEB, name=str(number), vip=ip_address(vip), ports=tuple(ports), check=None)
        for number, (vip, ports) in enumerate(drawn)
    ]
    claims = [(vip, one) for vip, ports in drawn for one in ports]
    meetings = [
        (one, two)
        for index, (vip, one) in enumerate(claims)
        for other, two in claims[:index]
        if vip == other and one.protocol is two.protocol and (one.first == one.last) == (two.first == two.last)
        if one.first <= two.last and two.first <= one.last
    ]
    found = [path for path in paths(*services) if "ports" in path]
    assert bool(found) == bool(meetings)
    assert len(found) <= len(meetings)


@pytest.mark.parametrize("scheduler", Scheduler)
def test_every_scheduler_may_be_asked_for_with_checks_and_without(scheduler: Scheduler) -> None:
    unchecked = replace(WEB, name="b", ports=(Ports(Protocol.UDP, 80, 80),), check=None, scheduler=scheduler)
    assert not list(flaws(config(replace(WEB, scheduler=scheduler), unchecked)))
