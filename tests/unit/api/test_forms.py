"""Forms: they say the same of a text as whoever reads it."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from carom.api.forms import CURSOR, END, NETWORK, Form, one_of, target
from carom.core.explain import question
from carom.model import Protocol

TO = target(Protocol)
ADDRESSES = st.ip_addresses()
PORTS = st.integers(0, 70_000)


def fits(form: Form, text: str) -> bool:
    return Draft202012Validator(dict(form)).is_valid(text)


def is_read(client: str, to: str) -> bool:
    try:
        question(client, to)
    except ValueError:
        return False
    return True


def written(address: IPv4Address | IPv6Address, port: int) -> str:
    return f"{address}:{port}" if address.version == 4 else f"[{address}]:{port}"


@given(ADDRESSES, PORTS, st.sampled_from(["", "/tcp", "/udp", "/sctp", "/gre", "/"]))
def test_an_end_is_what_is_read_as_one(address: IPv4Address | IPv6Address, port: int, protocol: str) -> None:
    end = written(address, port)
    other = "192.0.2.1:1" if address.version == 4 else "[2001:db8::1]:1"
    assert fits(END, end) == is_read(end, f"{other}/tcp") == (0 < port < 65536)
    assert fits(TO, end + protocol) == is_read(other, end + protocol)


@given(ADDRESSES, st.integers(0, 140))
def test_a_network_is_what_is_read_as_one(address: IPv4Address | IPv6Address, prefix: int) -> None:
    assert fits(NETWORK, str(address))
    assert fits(NETWORK, address.exploded)
    assert fits(NETWORK, f"{address}/{prefix}") == (prefix <= address.max_prefixlen)
    if prefix <= address.max_prefixlen:
        ip_network(f"{address}/{prefix}", strict=False)


@given(st.text("0123456789abcF:.", max_size=42))
def test_what_fits_is_an_address(text: str) -> None:
    if fits(NETWORK, text):
        ip_address(text)


@pytest.mark.parametrize("text", ["::", "::1", "1::", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1::8"])
def test_every_way_to_shorten_fits(text: str) -> None:
    assert fits(NETWORK, text)
    assert ip_address(text).version == 6


@pytest.mark.parametrize(
    "text", ["", "1.2.3", "1.2.3.256", "01.2.3.4", ":::", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", "::g"]
)
def test_what_is_no_address_does_not_fit(text: str) -> None:
    assert not fits(NETWORK, text)
    with pytest.raises(ValueError, match="does not appear to be"):
        ip_address(text)


def test_words_and_cursors() -> None:
    assert fits(one_of(("a", "b")), "b")
    assert not fits(one_of(("a", "b")), "c")
    assert fits(CURSOR, f"{(1 << 40) - 1:x}")
    assert not fits(CURSOR, f"{1 << 40:x}")
