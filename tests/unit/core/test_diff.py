"""What a change would do, in words."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carom.core.diff import SUMMED_UP, Difference, Kind, differences, summary
from carom.model import Check, Config, Defence, Director, Hook, Ports, Protocol, Real, Scheduler, Service

VIP, ONE, TWO, THREE = (ip_address(f"192.168.76.{host}") for host in (24, 31, 32, 33))
WEB = Service("web", VIP, (Ports(Protocol.TCP, 80, 80),), (Real(ONE), Real(TWO, weight=2)), check=None)
DNS = replace(WEB, name="dns", ports=(Ports(Protocol.UDP, 53, 53),))
DIRECTOR = Director("eth0")


def words(*services: Service, before: tuple[Service, ...] = (WEB,), director: Director = DIRECTOR) -> list[str]:
    found = differences(Config(DIRECTOR, before), Config(director, services))
    return [f"{one.kind.sign} {one.words}" for one in found]


def test_hooks_are_named_without_what_may_be_secret() -> None:
    pager, chat = Hook(run=("/bin/page", "secret")), Hook(url="https://hooks.example.com/secret")
    [one] = differences(Config(DIRECTOR, hooks=(pager,)), Config(DIRECTOR, hooks=(pager, chat)))
    assert one.words == "director: hooks /bin/page → /bin/page https://hooks.example.com"
    [one] = differences(Config(DIRECTOR, hooks=(pager,)), Config(DIRECTOR, hooks=(replace(pager, retries=0),)))
    assert one.words == "director: hooks /bin/page → /bin/page; another setting of these"


def test_between_equals_there_is_nothing() -> None:
    assert words(replace(WEB)) == []


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (replace(WEB, scheduler=Scheduler.MH), "~ web: scheduler wlc → mh"),
        (replace(WEB, persistence=300.0), "~ web: persistence none → 300"),
        (replace(WEB, fail_open=True), "~ web: fail_open false → true"),
        (replace(WEB, check=Check()), "~ web: check none → a tcp check"),
        (
            replace(WEB, ports=(*WEB.ports, Ports(Protocol.TCP, 443, 443))),
            "~ web: ports tcp/80 → tcp/80 tcp/443",
        ),
        (
            replace(WEB, ports=(Ports(Protocol.TCP, 443, 443),)),
            "~ web: ports tcp/80 → tcp/443; who asks for what it was is no longer served",
        ),
        (
            replace(WEB, reals=(Real(ONE, weight=0), Real(TWO, weight=2))),
            "~ web: 192.168.76.31: weight 1 → 0; no new connections, those it has go on",
        ),
        (replace(WEB, reals=(Real(ONE), Real(TWO, 2), Real(THREE))), "+ web: 192.168.76.33: new, weight 1"),
        (replace(WEB, reals=(Real(ONE),)), "- web: 192.168.76.32: goes; no new connections, those it has may finish"),
        (replace(WEB, reals=WEB.reals[::-1]), "~ web: reals 192.168.76.31 192.168.76.32 → 192.168.76.32 192.168.76.31"),
    ],
)
def test_one_thing_that_changes_in_a_service(after: Service, said: str) -> None:
    assert words(after) == [said]


def test_services_come_and_go() -> None:
    assert words(DNS) == [
        "+ dns: new, 192.168.76.24 udp/53, wlc, 2 real servers",
        "- web: goes; its connections end",
    ]


def test_a_service_whose_ports_another_takes_over_ends_nothing() -> None:
    assert words(replace(WEB, name="shop"))[-1] == "- web: goes"


def test_one_that_is_checked_has_to_prove_itself() -> None:
    checked = replace(WEB, check=Check())
    more = replace(checked, reals=(*WEB.reals, Real(THREE)))
    assert words(more, before=(checked,)) == [
        "+ web: 192.168.76.33: new, weight 1; it gets connections once its checks succeed"
    ]


def test_a_check_changes_setting_by_setting_and_keeps_its_secrets() -> None:
    before = replace(WEB, check=Check("redis", options={"password": "old"}))
    after = replace(WEB, check=Check("redis", every=5.0, options={"password": "new"}))
    assert words(after, before=(before,)) == [
        "~ web: check.every 2 → 5",
        "~ web: check.password a secret → another secret",
    ]


def test_the_director_itself_takes_a_restart() -> None:
    assert words(WEB, director=Director("eth1")) == ["~ director: interface eth0 → eth1; takes a restart of caromd"]


def test_the_defence_changes_at_once() -> None:
    found = differences(Config(DIRECTOR), Config(DIRECTOR, defence=Defence(icmp_rate=5)))
    assert [one.words for one in found] == ["director: defence.icmp_rate 1000 → 5"]


def test_a_difference_as_data() -> None:
    [found] = differences(Config(DIRECTOR, (WEB,)), Config(DIRECTOR, (replace(WEB, minimum=2),)))
    assert found == Difference(Kind.CHANGED, "web", "", "minimum", "1", "2")
    assert json.loads(json.dumps(found.as_json())) == {
        "kind": "changed",
        "service": "web",
        "real": "",
        "field": "minimum",
        "before": "1",
        "after": "2",
        "effect": "",
        "words": "web: minimum 1 → 2",
    }


def test_all_of_it_in_one_line() -> None:
    assert summary([]) == "nothing changed"
    found = list(differences(Config(DIRECTOR, (WEB,)), Config(DIRECTOR, (DNS,))))
    assert summary(found) == "+ dns: new, 192.168.76.24 udp/53, wlc, 2 real servers; - web: goes"


REALS = st.lists(
    st.builds(Real, st.sampled_from((ONE, TWO, THREE)), st.integers(0, 9)), unique_by=lambda real: real.address
)
SERVICES = st.lists(
    st.builds(
        lambda name, reals, minimum: replace(WEB, name=name, reals=tuple(reals), minimum=minimum),
        st.sampled_from("abc"),
        REALS,
        st.integers(1, 3),
    ),
    unique_by=lambda service: service.name,
)


@given(SERVICES, SERVICES)
def test_there_is_a_difference_where_something_differs_and_nowhere_else(one: list[Service], two: list[Service]) -> None:
    before, after = Config(DIRECTOR, tuple(one)), Config(DIRECTOR, tuple(two))
    same = {service.name: service for service in one} == {service.name: service for service in two}
    assert (not list(differences(before, after))) == same


def test_a_long_summary_says_how_much_more_there_is() -> None:
    found = [Difference(Kind.CHANGED, "web", f"10.0.0.{number}", "weight", "1", "2") for number in range(SUMMED_UP + 5)]
    words = summary(found)
    assert words.startswith("~ web: 10.0.0.0: weight 1 → 2; ")
    assert words.endswith("; and 5 more")
    assert words.count("~ ") == SUMMED_UP
