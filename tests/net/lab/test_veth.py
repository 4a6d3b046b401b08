"""What native XDP asks of a veth."""

from __future__ import annotations

import fcntl
import json
import socket
import struct
from ctypes import addressof, create_string_buffer

import pytest

from carom.errors import LabError
from carom.lab import namespaces, veth
from carom.lab.standing import Lab
from tests.net.labs import on

SIOCETHTOOL, ETHTOOL_GTXCSUM = 0x8946, 0x16


def computes_checksums(port: str) -> bool:
    """Whether the port sends checksums on to the NIC: `tx-checksumming` of `ethtool -k`."""
    value = create_string_buffer(struct.pack("@II", ETHTOOL_GTXCSUM, 1))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCETHTOOL, struct.pack("@16sP16x", port.encode(), addressof(value)))
    return not struct.unpack("@II", value.raw[:8])[1]


def test_the_directors_port_and_no_other_is_prepared(wired: Lab) -> None:
    segment = wired.namespace("segment")
    assert namespaces.inside(segment, lambda: computes_checksums("director"))
    assert not namespaces.inside(segment, lambda: computes_checksums("real1"))
    links = json.loads(on(wired, "segment", "ip", "-j", "link"))
    assert [link["ifname"] for link in links if "xdp" in link] == ["director"]


def test_a_port_that_is_not_there_is_named() -> None:
    with pytest.raises(LabError, match="cannot turn off transmit checksums of nowhere0: No such device"):
        veth.prepare_for_native_xdp("nowhere0")
