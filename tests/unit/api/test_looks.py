"""The calls that look, over the real socket of a director without a kernel."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from carom.dataplane.fake.walk import walk
from tests.dataplane.frames import tcp
from tests.unit.api.test_app import ask
from tests.unit.directors import OWN, Director, director


@pytest.fixture(scope="module")
def it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Director]:
    """With two flows of one client and one of another."""
    with director(tmp_path_factory.mktemp("director")) as one:
        for client in ("203.0.113.7:41000", "203.0.113.7:41001", "198.51.100.9:5000"):
            walk(one.plane, tcp(client, "192.168.76.24:80", "S", mac=OWN))
        walk(one.plane, tcp("198.51.100.9:5000", "192.168.76.24:80", "A", mac=OWN))
        yield one


def test_a_flow_in_words(it: Director) -> None:
    status, found, _ = ask(it, "GET", "/v1/flows?client=198.51.100.9")
    assert status == 200
    [flow] = found["flows"]
    real = flow.pop("real")
    assert real in ("192.168.76.31", "192.168.76.32")
    assert flow == {
        "client": "198.51.100.9",
        "client_port": 5000,
        "vip": "192.168.76.24",
        "vip_port": 80,
        "protocol": "tcp",
        "service": "web",
        "state": "established",
        "idle": 0,
        "remaining": 900,
        "persistent": False,
    }


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 3),
        ("client=203.0.113.0/24", 2),
        ("client=203.0.113.1/24", 2),
        ("client=2001:db8::/32", 0),
        ("vip=192.168.76.24", 3),
        ("vip=192.168.76.25", 0),
        ("service=web", 3),
        ("protocol=udp", 0),
        ("state=established&protocol=tcp", 1),
        ("idle=0", 3),
        ("idle=1", 0),
    ],
)
def test_filters_and_counts_agree(it: Director, query: str, count: int) -> None:
    assert len(ask(it, "GET", f"/v1/flows?{query}")[1]["flows"]) == count
    found = ask(it, "GET", f"/v1/flows/count?{query}")[1]
    assert (found["count"], found["next"]) == (count, None)


def test_a_cursor_goes_on_where_the_page_ended(it: Director) -> None:
    first = ask(it, "GET", "/v1/flows?limit=2")[1]
    rest = ask(it, "GET", f"/v1/flows?limit=2&cursor={first['next']}")[1]
    assert (len(first["flows"]), len(rest["flows"]), rest["next"]) == (2, 1, None)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("client=300.0.0.1", "client takes an address or a network, not '300.0.0.1'"),
        ("vip=web", "vip takes an address, not 'web'"),
        ("protocol=icmp", "protocol takes tcp, udp, sctp, not 'icmp'"),
        ("state=open", "there is no state 'open'; there are established, syn-sent"),
        ("idle=long", "idle takes an integer"),
        ("idle=-1", "idle takes an integer"),
        ("idle=70000", "idle takes 0 to 65535"),
        ("limit=0", "limit takes 1 to 10000"),
        ("cursor=zz", "cursor takes the `next` of the answer before"),
        ("cursor=-1", "cursor takes the `next` of the answer before"),
        ("vip=192.168.76.24&vip=192.168.76.25", "'vip' is said twice"),
        ("colour=red", "'colour' is not known here; this takes client, vip"),
        ("vip=", "vip takes a string"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(it: Director, query: str, words: str) -> None:
    status, found, _ = ask(it, "GET", f"/v1/flows?{query}")
    assert status == 400
    assert found["error"].startswith(words)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("service=shop", "there is no service shop; there are web"),
        ("real=192.168.76.99", "there is no real server 192.168.76.99 in any service"),
        ("service=web&real=192.168.76.99", "there is no real server 192.168.76.99 in web"),
    ],
)
def test_what_there_is_not_is_not_found(it: Director, query: str, words: str) -> None:
    status, found, _ = ask(it, "GET", f"/v1/flows?{query}")
    assert status == 404
    assert found["error"] == words


def test_a_cursor_behind_the_end_finds_nothing(it: Director) -> None:
    assert ask(it, "GET", "/v1/flows?cursor=ffffffffff")[1] == {"flows": [], "next": None}


def test_an_explanation(it: Director) -> None:
    status, found, _ = ask(it, "GET", "/v1/explain?from=198.51.100.9:5000&to=192.168.76.24:80/tcp")
    assert status == 200
    assert (found["step"], found["flow"]["state"], found["service"]["name"]) == ("flow", "established", "web")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("to=192.168.76.24:80", "from is missing: the client's address and port"),
        ("from=203.0.113.7:1", "to is missing: "),
        ("from=203.0.113.7&to=192.168.76.24:80", "from: '203.0.113.7' is no address with a port"),
        ("from=203.0.113.7:1&to=192.168.76.24:80/icmp", "to: 'icmp' is no protocol that is balanced"),
    ],
)
def test_a_question_that_is_none(it: Director, query: str, words: str) -> None:
    status, found, _ = ask(it, "GET", f"/v1/explain?{query}")
    assert (status, found["error"][: len(words)]) == (400, words)
