"""The neighbour table as a machine: what the kernel says goes in; changes and requests come out."""

from __future__ import annotations

import errno
import logging
import struct
from collections.abc import Iterable
from ipaddress import ip_address

import pytest

from carom.net import rtnetlink
from carom.net.neighbours import ASKING, DUMPING, MANAGING, PROTOCOL, NeighbourTable, by_packed
from carom.net.rtnetlink import HEADER, Link

ONE, TWO, SIX = ip_address("192.168.76.31"), ip_address("192.168.76.32"), ip_address("fd00::31")
MAC1, MAC2 = bytes.fromhex("020000000031"), bytes.fromhex("020000000032")
REACHABLE, STALE, INCOMPLETE, FAILED, PERMANENT = 0x02, 0x04, 0x01, 0x20, 0x80
ETH0 = Link(7, "eth0", bytes.fromhex("020000000001"), up=True)


# ---- the kernel's side ----


def message(kind: int, body: bytes, flags: int = 0, sequence: int = 0) -> bytes:
    return HEADER.pack(HEADER.size + len(body), kind, flags, sequence, 0) + body


def entry(address: object, state: int, mac: bytes | None = None, *, ours: bool = False, gone: bool = False) -> bytes:
    """News of an entry on eth0."""
    packed = ip_address(str(address)).packed
    body = rtnetlink.NEIGHBOUR_BODY.pack(2 if len(packed) == 4 else 10, 7, state, 0, 0)
    values = [(rtnetlink.NDA_DST, packed)]
    values += [(rtnetlink.NDA_LLADDR, mac)] if mac else []
    values += [(rtnetlink.NDA_PROTOCOL, bytes((PROTOCOL,)))] if ours else []
    for attribute, value in values:
        body += rtnetlink.ATTRIBUTE.pack(4 + len(value), attribute) + value + b"\0" * (-len(value) % 4)
    return message(rtnetlink.RTM_DELNEIGH if gone else rtnetlink.RTM_NEWNEIGH, body)


def listed(news: bytes) -> bytes:
    """The same, as a dump has it."""
    length, kind, flags, _, port = HEADER.unpack_from(news)
    return HEADER.pack(length, kind, flags | rtnetlink.NLM_F_MULTI, DUMPING, port) + news[HEADER.size :]


def answer(news: bytes) -> bytes:
    """The same, as the kernel answers who asks about one entry."""
    length, kind, flags, _, port = HEADER.unpack_from(news)
    return HEADER.pack(length, kind, flags, ASKING, port) + news[HEADER.size :]


def link(*, up: bool, index: int = 7) -> bytes:
    name = b"eth0\0"
    body = rtnetlink.LINK_BODY.pack(0, 1, index, 0x41 if up else 0x01, 0)
    body += rtnetlink.ATTRIBUTE.pack(4 + len(name), rtnetlink.IFLA_IFNAME) + name + b"\0" * 3
    return message(rtnetlink.RTM_NEWLINK, body)


DONE = message(rtnetlink.NLMSG_DONE, b"\0" * 4, sequence=DUMPING)


# ---- our side ----


def asked(table: NeighbourTable) -> list[str]:
    """What the table asks of the kernel now, in words."""
    return [_words(request) for datagram in table.requests() for request in rtnetlink.messages(datagram)]


def _words(request: rtnetlink.Message) -> str:
    read = rtnetlink.decode_neighbour(request.body)
    if read is None:
        return "list"
    if request.type == rtnetlink.RTM_GETNEIGH:
        return f"ask about {ip_address(read.address)}"
    return f"{'manage' if request.type == rtnetlink.RTM_NEWNEIGH else 'forget'} {ip_address(read.address)}"


def table(*wanted: object, known: Iterable[bytes] = ()) -> NeighbourTable:
    """A table that has been through its first dump."""
    fresh = NeighbourTable(ETH0)
    fresh.want(by_packed(ip_address(str(address)) for address in wanted))
    assert asked(fresh) == ["list"]
    fresh.hear(b"".join(map(listed, known)) + DONE)
    asked(fresh)
    return fresh


def test_first_the_table_is_listed_and_what_it_lacks_is_asked_for() -> None:
    fresh = NeighbourTable(ETH0)
    fresh.want(by_packed([ONE, TWO, SIX]))
    assert not fresh.current
    assert asked(fresh) == ["list"]
    assert fresh.hear(listed(entry(ONE, REACHABLE, MAC1, ours=True))) == [(ONE, MAC1)]
    assert not fresh.current
    assert fresh.hear(DONE) == []
    assert fresh.current
    assert sorted(asked(fresh)) == ["manage 192.168.76.32", "manage fd00::31"]


def test_an_entry_of_the_kernels_own_is_used_at_once_and_managed_from_now_on() -> None:
    fresh = NeighbourTable(ETH0)
    fresh.want(by_packed([ONE]))
    asked(fresh)
    assert fresh.hear(listed(entry(ONE, STALE, MAC1)) + DONE) == [(ONE, MAC1)]
    assert asked(fresh) == ["manage 192.168.76.31"]


def test_an_operators_permanent_entry_is_left_alone() -> None:
    fresh = NeighbourTable(ETH0)
    fresh.want(by_packed([ONE]))
    asked(fresh)
    assert fresh.hear(listed(entry(ONE, PERMANENT, MAC1)) + DONE) == [(ONE, MAC1)]
    assert asked(fresh) == []


def test_each_change_is_told_once() -> None:
    watched = table(ONE)
    assert watched.hear(entry(ONE, INCOMPLETE, ours=True)) == []
    assert watched.hear(entry(ONE, REACHABLE, MAC1, ours=True)) == [(ONE, MAC1)]
    assert watched.hear(entry(ONE, STALE, MAC1, ours=True)) == []
    assert watched.hear(entry(ONE, REACHABLE, MAC2, ours=True)) == [(ONE, MAC2)]
    assert watched.hear(entry(ONE, FAILED, ours=True)) == []
    assert asked(watched) == ["ask about 192.168.76.31"]
    assert watched.hear(answer(entry(ONE, FAILED, ours=True))) == [(ONE, None)]
    assert watched.hear(entry(ONE, INCOMPLETE, ours=True)) == []
    assert watched.hear(entry(ONE, FAILED, ours=True)) == []
    assert asked(watched) == []
    assert watched.hear(entry(ONE, REACHABLE, MAC2, ours=True)) == [(ONE, MAC2)]


def test_news_of_others_is_not_told() -> None:
    assert table(ONE).hear(entry(TWO, REACHABLE, MAC2)) == []


def test_an_entry_that_vanishes_says_nothing_and_is_asked_for_again() -> None:
    watched = table(ONE, known=[entry(ONE, REACHABLE, MAC1, ours=True)])
    assert watched.hear(entry(ONE, STALE, MAC1, ours=True, gone=True)) == []
    assert asked(watched) == ["list"]
    watched.hear(DONE)
    assert asked(watched) == ["manage 192.168.76.31"]


def test_an_entry_that_fails_only_to_vanish_says_nothing_either() -> None:
    watched = table(ONE, known=[entry(ONE, REACHABLE, MAC1, ours=True)])
    assert watched.hear(entry(ONE, FAILED, ours=True) + entry(ONE, FAILED, ours=True, gone=True)) == []
    assert asked(watched) == ["list", "ask about 192.168.76.31"]
    no_entry = message(rtnetlink.NLMSG_ERROR, struct.pack("=i", -errno.ENOENT), sequence=ASKING)
    assert watched.hear(DONE + no_entry) == []
    assert asked(watched) == ["manage 192.168.76.31"]
    assert watched.hear(entry(ONE, REACHABLE, MAC1, ours=True)) == []


def test_failing_says_nothing_while_our_own_nic_has_no_carrier() -> None:
    watched = table(ONE, known=[entry(ONE, REACHABLE, MAC1, ours=True)])
    watched.hear(link(up=False))
    assert watched.hear(entry(ONE, FAILED, ours=True)) == []
    assert asked(watched) == []
    watched.hear(link(up=True))
    assert asked(watched) == ["list"]
    watched.hear(listed(entry(ONE, INCOMPLETE, ours=True)) + DONE)
    assert asked(watched) == ["manage 192.168.76.31"], "so that it is resolved now, not at the kernel's leisure"
    assert watched.hear(answer(entry(ONE, FAILED, ours=True))) == [(ONE, None)]


def test_a_nic_that_comes_back_under_another_index_is_followed() -> None:
    watched = table(ONE, known=[entry(ONE, REACHABLE, MAC1, ours=True)])
    watched.hear(link(up=False))
    watched.hear(link(up=True, index=9))
    [dump] = [m for datagram in watched.requests() for m in rtnetlink.messages(datagram)]
    body = rtnetlink.attributes(dump.body, rtnetlink.NEIGHBOUR_BODY.size)
    assert struct.unpack("=I", body[rtnetlink.NDA_IFINDEX]) == (9,)


def test_what_is_wanted_no_more_is_forgotten_if_it_was_ours() -> None:
    watched = table(ONE, TWO, known=[entry(ONE, REACHABLE, MAC1, ours=True), entry(TWO, PERMANENT, MAC2)])
    watched.want(by_packed([]))
    assert asked(watched) == ["forget 192.168.76.31"]
    assert watched.current


def test_what_was_only_just_asked_for_is_forgotten_too() -> None:
    watched = table(ONE)
    watched.want(by_packed([]))
    assert asked(watched) == ["forget 192.168.76.31"]


def test_what_an_earlier_daemon_left_is_forgotten() -> None:
    fresh = NeighbourTable(ETH0)
    fresh.want(by_packed([ONE]))
    asked(fresh)
    left = listed(entry(TWO, FAILED, ours=True)) + listed(entry("10.9.9.9", REACHABLE, MAC2))
    assert fresh.hear(left + listed(entry(ONE, REACHABLE, MAC1, ours=True)) + DONE) == [(ONE, MAC1)]
    assert asked(fresh) == ["forget 192.168.76.32"]


def test_what_is_wanted_again_is_told_again() -> None:
    watched = table(ONE, known=[entry(ONE, REACHABLE, MAC1, ours=True)])
    watched.want(by_packed([]))
    watched.want(by_packed([ONE]))
    assert "list" in asked(watched)
    assert watched.hear(listed(entry(ONE, REACHABLE, MAC1)) + DONE) == [(ONE, MAC1)]


def test_lost_news_are_made_up_for_by_another_dump() -> None:
    watched = table(ONE, known=[entry(ONE, REACHABLE, MAC1, ours=True)])
    watched.overrun()
    assert not watched.current
    assert asked(watched) == ["list"]
    assert watched.hear(listed(entry(ONE, REACHABLE, MAC2, ours=True)) + DONE) == [(ONE, MAC2)]
    assert watched.current


def test_there_is_one_dump_at_a_time() -> None:
    fresh = NeighbourTable(ETH0)
    fresh.want(by_packed([ONE]))
    assert asked(fresh) == ["list"]
    fresh.overrun()
    fresh.want(by_packed([ONE, TWO]))
    assert asked(fresh) == []
    fresh.hear(DONE)
    assert not fresh.current
    assert "list" in asked(fresh)
    fresh.hear(DONE)
    assert fresh.current


def test_a_dump_that_was_disturbed_is_made_again() -> None:
    fresh = NeighbourTable(ETH0)
    fresh.want(by_packed([ONE]))
    asked(fresh)
    fresh.hear(message(rtnetlink.NLMSG_DONE, b"\0" * 4, rtnetlink.NLM_F_DUMP_INTR, DUMPING))
    assert not fresh.current
    assert asked(fresh) == ["list"]


def test_a_refused_dump_does_not_hang(caplog: pytest.LogCaptureFixture) -> None:
    fresh = NeighbourTable(ETH0)
    fresh.want(by_packed([ONE]))
    asked(fresh)
    fresh.hear(message(rtnetlink.NLMSG_ERROR, struct.pack("=i", -errno.EPERM), sequence=DUMPING))
    assert fresh.current
    assert "EPERM" in caplog.text


@pytest.mark.parametrize(("code", "said"), [(errno.EPERM, True), (errno.ENETDOWN, False), (0, False)])
def test_a_refused_entry_is_said_aloud_unless_the_nic_is_just_down(
    code: int, caplog: pytest.LogCaptureFixture, *, said: bool
) -> None:
    with caplog.at_level(logging.INFO):
        table(ONE).hear(message(rtnetlink.NLMSG_ERROR, struct.pack("=i", -code), sequence=MANAGING))
    assert ("EPERM" in caplog.text) is said


def test_ten_thousand_requests_go_out_in_datagrams_of_a_few_milliseconds_each() -> None:
    many = NeighbourTable(ETH0)
    many.want(by_packed(ip_address("10.0.0.0") + number for number in range(10_000)))
    asked(many)
    many.hear(DONE)
    datagrams = list(many.requests())
    assert sum(len(list(rtnetlink.messages(datagram))) for datagram in datagrams) == 10_000
    assert max(len(list(rtnetlink.messages(datagram))) for datagram in datagrams) <= 256
