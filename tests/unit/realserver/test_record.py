"""The record comes back from its file as it went in, and is never half written."""

from __future__ import annotations

import json
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carom.errors import RealServerError
from carom.model import Ports, Protocol
from carom.realserver.arp import METHODS, needs
from carom.realserver.methods.method import Wish
from carom.realserver.persist.common import Item
from carom.realserver.record import Entry, Joined, Record, Store, from_json, ports, to_json
from carom.realserver.steps import OwnAddress, Step, Up
from tests.unit.realserver.words import RIP, VIP, VIP2, VIP6, WEB


def record(method: str) -> Record:
    tools = {"arptables": "arptables-legacy", "nft": "nft", "redirect": "nft"}
    wish = Wish((VIP, VIP6), method, "eth0", RIP, (WEB,), tools.get(method, ""), "macvlan")
    return Record(
        joined=(Joined(VIP, method, "eth0", (WEB,), wish.tool, RIP), Joined(VIP6, method, "eth0")),
        entries=tuple(Entry(step, "before", True, vips) for step, vips in needs(wish)),
        means="systemd",
        items=(Item("/etc/x", "text\n"), Item("/etc/y", target="/etc/x"), Item("/etc/z", "secret", 0o600)),
        folders=("/etc",),
    )


@pytest.mark.parametrize("method", METHODS)
def test_every_step_of_every_method_comes_back_as_it_was(method: str) -> None:
    assert from_json(json.loads(json.dumps(to_json(record(method))))) == record(method)


def test_a_store_reads_what_it_wrote_and_an_empty_record_is_no_file(tmp_path: Path) -> None:
    store = Store(tmp_path / "carom/real-server.json")
    with store.locked():
        assert store.read() == Record()
        store.write(record("nft"))
        assert store.read() == record("nft")
        assert [path.name for path in store.path.parent.iterdir()] == ["real-server.json"], "no draft is left"
        store.write(Record())
        assert not store.path.exists()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 2}', '{"format": 1}', '{"format": 1, "joined": [{}]}'])
def test_what_is_no_record_is_refused_and_not_overwritten(tmp_path: Path, text: str) -> None:
    store = Store(tmp_path / "real-server.json")
    store.path.write_text(text)
    with pytest.raises(RealServerError, match="without it nothing can be undone safely"):
        store.read()
    assert store.path.read_text() == text


def test_a_record_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "real-server.json").mkdir()
    with pytest.raises(RealServerError, match="cannot write the record"):
        Store(tmp_path / "real-server.json").write(record("sysctl"))
    assert [path.name for path in tmp_path.iterdir()] == ["real-server.json"]


def test_an_entry_keeps_its_place() -> None:
    """Steps are undone in reverse: the order is the safety."""
    first, second = Entry(Up("lo"), "down", True, (VIP,)), Entry(OwnAddress(VIP, "lo"), "absent", True, (VIP,))
    both = Record().with_entry(first).with_entry(second)
    again = both.with_entry(Entry(Up("lo"), "down", True, (VIP, VIP2)))
    assert again.steps == both.steps
    assert again.entry(Up("lo")) == Entry(Up("lo"), "down", True, (VIP, VIP2))
    assert again.without(Up("lo")).steps == (second.step,)


@given(st.sampled_from(Protocol), st.integers(1, 65535), st.integers(1, 65535))
def test_ports_are_read_as_they_are_written(protocol: Protocol, one: int, other: int) -> None:
    wanted = Ports(protocol, min(one, other), max(one, other))
    assert ports(str(wanted)) == wanted


def test_short_forms_of_ports() -> None:
    assert ports("80") == WEB
    assert ports("udp/*") == Ports(Protocol.UDP, 0, 65535)


@pytest.mark.parametrize(
    "text", ["", "tcp/", "tcp/0", "tcp/65536", "tcp/9-8", "icmp/1", "tcp/http", "80/tcp", "tcp/1-"]
)
def test_what_is_no_port(text: str) -> None:
    with pytest.raises(ValueError):
        ports(text)


def test_steps_with_the_same_words_are_one_step() -> None:
    step: Step = OwnAddress(IPv4Address(str(VIP)), "lo")
    assert record("sysctl").entry(step) is not None
