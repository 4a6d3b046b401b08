"""Single values: what they are read as. What is wrong with those that cannot be is in `faulty.py`."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carom.config import scalars
from carom.config.shapes import Scalar, WrongValueError
from carom.model import OnDown, Ports, Protocol

SPAN = scalars.duration(0.1, 7200)


@pytest.mark.parametrize(
    ("scalar", "written", "read"),
    [
        (scalars.boolean(), False, False),
        (scalars.off(""), False, None),
        (scalars.integer(0, 9), 9, 9),
        (scalars.text("a name", "[a-z]+"), "abc", "abc"),
        (scalars.choice(OnDown, "way"), "move", OnDown.MOVE),
        (scalars.choice(("udp", "tcp"), "transport"), "tcp", "tcp"),
        (SPAN, 5, 5.0),
        (SPAN, 0.5, 0.5),
        (SPAN, "500ms", 0.5),
        (SPAN, "1.5s", 1.5),
        (SPAN, "2m", 120.0),
        (SPAN, "1.15m", 69.0),
        (SPAN, "1h", 3600.0),
        (scalars.duration(0, 864000, whole=True), "2d", 172800.0),
        (scalars.duration(0, 9, whole=True), 9.0, 9.0),
        (scalars.address(), "192.0.2.1", ip_address("192.0.2.1")),
        (scalars.address(), "2001:DB8:0::1", ip_address("2001:db8::1")),
        (scalars.ports(), "tcp/80", Ports(Protocol.TCP, 80, 80)),
        (scalars.ports(), "udp/1-65535", Ports(Protocol.UDP, 1, 65535)),
        (scalars.ports(), "sctp/*", Ports(Protocol.SCTP, 0, 65535)),
        (scalars.prefix_length(), 128, 128),
        (scalars.statuses(), 204, (204, 204)),
        (scalars.statuses(), "200-399", (200, 399)),
        (scalars.pattern(), r"^a{2,3}\b", r"^a{2,3}\b"),
        (scalars.headers(), {"X-A": "1 2", "B": "c"}, (("X-A", "1 2"), ("B", "c"))),
        (scalars.payload(), "", b""),
        (scalars.payload(), r"\r\n\t\0\\\'\"\x00\xfF", b"\r\n\t\0\\'\"\x00\xff"),
        (scalars.payload(), "é\n", "é\n".encode()),
        (scalars.command(), "/bin/check -x 'a b' %h", ("/bin/check", "-x", "a b", "%h")),
        (scalars.command(), "/bin/sh -c 'a $B | c > d; e'", ("/bin/sh", "-c", "a $B | c > d; e")),
        (
            scalars.command(),
            r'/bin/check "|" \; \$A a|b x&y "it\"s ;"',
            ("/bin/check", "|", ";", "$A", "a|b", "x&y", 'it"s ;'),
        ),
    ],
)
def test_what_is_read(scalar: Scalar, written: object, read: object) -> None:
    found = scalar.read(written)
    assert found == read
    assert type(found) is type(read)


ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.integers(), st.floats(), st.booleans(), st.text(), st.dates(), st.times(), st.datetimes()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=4,
)
EVERY = (
    scalars.boolean(),
    scalars.off("write false"),
    scalars.integer(0, 9),
    scalars.text("a name", "[a-z]+"),
    scalars.choice(OnDown, "way"),
    SPAN,
    scalars.duration(1, 9, whole=True),
    scalars.address(),
    scalars.ports(),
    scalars.prefix_length(),
    scalars.statuses(),
    scalars.pattern(),
    scalars.headers(),
    scalars.payload(),
    scalars.command(),
)


SPELLED = st.from_regex(r"(tcp|udp)?/?[0-9*-]{0,12}|[0-9.:/]{0,16}|[0-9]+[smhd]*")


@given(st.sampled_from(EVERY), st.one_of(ANYTHING, SPELLED))
def test_whatever_is_written_is_read_or_refused(scalar: Scalar, written: Any) -> None:
    assert all(sign.isprintable() for sign in refusal(scalar, written))


def refusal(scalar: Scalar, written: Any) -> str:
    """Why a value is refused; empty if it is not. Raises whatever else the scalar raises."""
    try:
        scalar.read(written)
    except WrongValueError as wrong:
        return f"{wrong.what}; {wrong.remedy}"
    return ""


@pytest.mark.parametrize(
    "word", ["", "-1", "1-", "1-2-3", "0x50", "\uff18\uff10", "+80", " 80", "80 ", "1e3", "99999999999999999999"]
)
def test_what_is_no_port(word: str) -> None:
    with pytest.raises(WrongValueError):
        scalars.read_ports(f"tcp/{word}")


@pytest.mark.parametrize("word", ["", "s", "-5s", "5 s", "5S", "\uff15s", "5sec", "1e3s", ".5s", "5.s", "5s\n"])
def test_what_is_no_duration(word: str) -> None:
    with pytest.raises(WrongValueError):
        SPAN.read(word)


def test_a_truth_value_is_no_number() -> None:
    for scalar in (SPAN, scalars.integer(0, 9), scalars.prefix_length(), scalars.statuses(), scalars.ports()):
        with pytest.raises(WrongValueError):
            scalar.read(True)


@pytest.mark.parametrize("word", ["https://hooks.example.com", "http://[2001:db8::1]:8080/a/b?c=d", "https://h/%20"])
def test_urls_that_can_be_told(word: str) -> None:
    assert scalars.url().read(word) == word


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("ftp://example.com", "no URL of http or https"),
        ("https:///path", "no URL of http or https"),
        ("example.com/x", "no URL of http or https"),
        ("https://example.com/a b", "no URL of http or https"),
        ("https://example.com:0/", "no URL of http or https"),
        ("https://example.com:99999/", "no URL: Port out of range"),
        ("https://[::1/", "no URL: Invalid IPv6"),
        ("https://me:secret@example.com/", "a URL with a name and password"),
        ("https://example.com/#part", "a URL with a fragment"),
    ],
)
def test_urls_that_cannot(word: str, words: str) -> None:
    with pytest.raises(WrongValueError, match=words):
        scalars.url().read(word)
