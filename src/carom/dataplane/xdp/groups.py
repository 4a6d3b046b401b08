"""Groups: the NIC lets in what is sent to the solicited-node groups of IPv6 VIPs (RFC 4291 section 2.7.1).

Neighbour solicitations for a VIP go to its group's MAC, which a NIC drops unless it was told otherwise; the host does
not join, since the VIP is none of its addresses. What is added here stays until it is taken away, whatever becomes of
the daemon. Source: netdevice(7), SIOCADDMULTI.
"""

from __future__ import annotations

import errno
import fcntl
import socket
import struct
from collections.abc import Iterable

from carom.errors import DataPlaneError
from carom.model import Address

_SIOCADDMULTI, _SIOCDELMULTI = 0x8931, 0x8932


def group_mac(vip: Address) -> bytes:
    """The MAC of an IPv6 address's solicited-node group: 33:33:ff and the address's last three bytes."""
    return b"\x33\x33\xff" + vip.packed[-3:]


class Groups:
    """The groups that one NIC listens to for us."""

    def __init__(self, interface: str) -> None:
        self._interface = interface
        self._joined: set[bytes] = set()

    def listen(self, vips: Iterable[Address]) -> None:
        """The whole wish: joins what is missing and leaves what is too much. Raises DataPlaneError."""
        wish = {group_mac(vip) for vip in vips if vip.version == 6}
        for mac in wish - self._joined:
            self._ask(_SIOCADDMULTI, mac)
        for mac in self._joined - wish:
            self._ask(_SIOCDELMULTI, mac)
        self._joined = wish

    def _ask(self, request: int, mac: bytes) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            try:
                fcntl.ioctl(control, request, struct.pack("16sH6s8x", self._interface.encode(), 0, mac))
            except OSError as error:
                if error.errno not in (errno.EEXIST, errno.ENOENT):
                    raise DataPlaneError(
                        f"{self._interface} does not listen to the group {mac.hex(':')}: {error.strerror}"
                    ) from error
