"""rtnetlink's messages: recordings of the kernel's (Linux 6.18), and requests read back by their layout."""

from __future__ import annotations

import errno
import socket
import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carom.errors import NetError
from carom.net import rtnetlink
from carom.net.rtnetlink import HEADER, NEIGHBOUR_BODY, Link, Message, NeighbourEntry

# ip neigh replace 192.168.76.31 dev eth0 lladdr 02:00:00:00:00:31 nud reachable
REACHABLE = bytes.fromhex(
    "4c0000001c00000000000000957d0000"  # length, RTM_NEWNEIGH, flags, sequence, port
    "020000000300000002000001"  # AF_INET, interface 3, NUD_REACHABLE, flags, type
    "08000100c0a84c1f"  # NDA_DST
    "0a000200020000000031000008000400000000001400030000000000000000000000000002000000"
)
# bridge fdb append 02:00:00:00:00:99 dev eth0 self
FORWARDING = bytes.fromhex("280000001c000000000000000000000007000000" + "03000000c00002000a0002000200000000990000")
# ip addr add 10.0.0.1 peer 10.0.0.2/32 dev eth0
POINT_TO_POINT = bytes.fromhex(
    "50000000140002000000000000000000" + "0220800003000000"  # AF_INET, /32, flags, scope, interface 3
    "080001000a000002080002000a000001"  # IFA_ADDRESS, IFA_LOCAL
    "09000300657468300000000008000800800000001400" + "0600ffffffffffffffffc7d70400c7d70400"
)
# the same NIC's link-local address, which has no IFA_LOCAL
LINK_LOCAL = bytes.fromhex(
    "50000000140002000000000000000000" + "0a40c0fd03000000"
    "14000100fe80000000000000000000fffe000001"
    "14000600ffffffffffffffffc7d70400c7d7040008000800c000000005000b0003000000"
)
# ip link show eth0, its first attributes
LINK = bytes.fromhex(
    "40000000100000000000000000000000" + "00000100030000004310010000000000"  # interface 3, UP | RUNNING | ...
    "09000300657468300000000008000d00e8030000" + "0a00010002000000000100" + "00"
)


def only(data: bytes) -> Message:
    [message] = rtnetlink.messages(data)
    return message


# ---- the kernel's messages ----


def test_a_neighbour_is_read() -> None:
    message = only(REACHABLE)
    assert message.type == rtnetlink.RTM_NEWNEIGH
    expected = NeighbourEntry(3, ip_address("192.168.76.31").packed, bytes.fromhex("020000000031"), 0x02, 0)
    assert rtnetlink.decode_neighbour(message.body) == expected


def test_a_bridges_forwarding_entry_is_no_neighbour() -> None:
    assert rtnetlink.decode_neighbour(only(FORWARDING).body) is None


def test_an_address_is_read_our_end_of_a_point_to_point_one_too() -> None:
    assert rtnetlink.decode_address(only(POINT_TO_POINT).body) == (3, ip_address("10.0.0.1").packed, 32)
    assert rtnetlink.decode_address(only(LINK_LOCAL).body) == (3, ip_address("fe80::ff:fe00:1").packed, 64)


@pytest.mark.parametrize(("flags", "up"), [(0x1043, True), (0x1003, False), (0x1042, False)])
def test_a_link_is_up_when_it_is_up_and_has_carrier(flags: int, *, up: bool) -> None:
    data = LINK[:24] + struct.pack("=I", 0x10000 | flags) + LINK[28:]
    assert rtnetlink.decode_link(only(data).body) == Link(3, "eth0", bytes.fromhex("020000000001"), up)


def test_messages_of_one_datagram_are_read_one_by_one() -> None:
    assert [message.type for message in rtnetlink.messages(REACHABLE + LINK + REACHABLE)] == [28, 16, 28]


def test_a_message_cut_short_ends_the_reading() -> None:
    assert list(rtnetlink.messages(REACHABLE + LINK[:-1])) == [only(REACHABLE)]


@given(st.binary(max_size=200))
def test_rubbish_ends_quietly(data: bytes) -> None:
    for message in rtnetlink.messages(data):
        assert all(isinstance(value, bytes) for value in rtnetlink.attributes(message.body, 0).values())


# ---- our requests ----


@pytest.mark.parametrize(("address", "family"), [("192.168.76.31", socket.AF_INET), ("fd00::31", socket.AF_INET6)])
def test_managing_a_neighbour_is_written(address: str, family: int) -> None:
    data = rtnetlink.manage_neighbour(3, ip_address(address).packed, 202, sequence=2)
    assert HEADER.unpack_from(data) == (len(data), rtnetlink.RTM_NEWNEIGH, 0x1 | 0x400 | 0x100, 2, 0)
    body = only(data).body
    assert NEIGHBOUR_BODY.unpack_from(body) == (family, 3, 0, rtnetlink.NTF_EXT_LEARNED, 0)
    assert rtnetlink.attributes(body, NEIGHBOUR_BODY.size) == {
        rtnetlink.NDA_DST: ip_address(address).packed,
        rtnetlink.NDA_PROTOCOL: b"\xca",
        rtnetlink.NDA_FLAGS_EXT: struct.pack("=I", rtnetlink.NTF_EXT_MANAGED),
    }
    assert len(data) % 4 == 0


def test_forgetting_a_neighbour_is_written() -> None:
    message = only(rtnetlink.delete_neighbour(3, ip_address("192.168.76.31").packed))
    assert message.type == rtnetlink.RTM_DELNEIGH
    assert NEIGHBOUR_BODY.unpack_from(message.body) == (socket.AF_INET, 3, 0, 0, 0)


@pytest.mark.parametrize(("interface", "asked"), [(3, {rtnetlink.NDA_IFINDEX: struct.pack("=I", 3)}), (0, {})])
def test_a_dump_of_neighbours_is_written(interface: int, asked: dict[int, bytes]) -> None:
    message = only(rtnetlink.dump_neighbours(interface))
    assert message.flags & rtnetlink.NLM_F_DUMP == rtnetlink.NLM_F_DUMP
    assert rtnetlink.attributes(message.body, NEIGHBOUR_BODY.size) == asked


# ---- this host's kernel ----


def test_this_host_can_be_asked() -> None:
    assert rtnetlink.link("lo").index == socket.if_nametoindex("lo")
    assert all(message.type == rtnetlink.RTM_NEWADDR for message in rtnetlink.ask(rtnetlink.dump_addresses()))


def test_a_nic_that_is_not_there_is_named_beside_those_that_are() -> None:
    with pytest.raises(NetError, match=r"there is no NIC nonesuch here; there are .*lo"):
        rtnetlink.link("nonesuch")


def test_the_kernels_refusal_is_an_oserror_with_its_errno() -> None:
    with pytest.raises(OSError, match="No such device") as refused:
        list(rtnetlink.ask(rtnetlink.get_link("nonesuch")))
    assert refused.value.errno == errno.ENODEV
