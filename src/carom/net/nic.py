"""What a NIC and its driver are and do: MTU, driver, offloads; by ioctl (netdevice(7), linux/ethtool.h)."""

from __future__ import annotations

import ctypes
import fcntl
import socket
import struct

from carom.errors import NetError

_SIOCGIFMTU, _SIOCETHTOOL = 0x8921, 0x8946
_GET_DRIVER, _GET_STRINGS, _GET_SET_INFO, _GET_FEATURES = 0x03, 0x1B, 0x37, 0x3A
_FEATURES = 4
"""ETH_SS_FEATURES, the set of strings that names the features in the order of their bits."""
_NAME = 32
"""ETH_GSTRING_LEN."""


def mtu(interface: str) -> int:
    """Bytes of the largest IP packet that it sends. Raises NetError."""
    answer = _ioctl(interface, _SIOCGIFMTU, struct.pack("@16s24x", interface.encode()))
    return int(struct.unpack_from("@i", answer, 16)[0])


def driver(interface: str) -> str:
    """The driver's name. Raises NetError."""
    answer = _ethtool(interface, struct.pack("@I32s160x", _GET_DRIVER, b""))
    return answer[4:36].rstrip(b"\0").decode()


def features(interface: str) -> frozenset[str]:
    """The offloads that are on, by the names that `ethtool -k` has for them: `rx-lro`, `rx-gro-hw`. Raises NetError."""
    names = _feature_names(interface)
    blocks = -(-len(names) // 32)
    answer = _ethtool(interface, struct.pack("@II", _GET_FEATURES, blocks) + bytes(16 * blocks))
    active = [struct.unpack_from("@I", answer, 8 + 16 * block + 8)[0] for block in range(blocks)]
    return frozenset(name for bit, name in enumerate(names) if active[bit // 32] >> bit % 32 & 1)


def _feature_names(interface: str) -> list[str]:
    known = _ethtool(interface, struct.pack("@IIQI", _GET_SET_INFO, 0, 1 << _FEATURES, 0))
    count = struct.unpack_from("@I", known, 16)[0]
    answer = _ethtool(interface, struct.pack("@III", _GET_STRINGS, _FEATURES, count) + bytes(_NAME * count))
    return [answer[12 + _NAME * n : 12 + _NAME * (n + 1)].split(b"\0")[0].decode() for n in range(count)]


def _ethtool(interface: str, question: bytes) -> bytes:
    """`struct ifreq` points at the question, and the answer is written over it."""
    buffer = ctypes.create_string_buffer(question, len(question))
    _ioctl(interface, _SIOCETHTOOL, struct.pack("@16sP16x", interface.encode(), ctypes.addressof(buffer)))
    return buffer.raw


def _ioctl(interface: str, number: int, request: bytes) -> bytes:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            return fcntl.ioctl(control, number, request)
    except OSError as error:
        raise NetError(f"{interface} does not tell about itself: {error.strerror}") from error
