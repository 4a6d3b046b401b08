"""The kernel's IPVS table, written over generic netlink with nothing but `struct`: it runs inside the guest, where
every import of a large package costs a second and every `ipvsadm` 20 ms.

Names, numbers and layouts are those of the kernel's uapi header `linux/ip_vs.h`.
"""

from __future__ import annotations

import os
import socket
import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

NEW_SERVICE, NEW_DEST, SET_DEST, DEL_DEST, SET_CONFIG = 1, 5, 6, 7, 12
SERVICE, DEST = 1, 2
DIRECT_ROUTING = 3
FLAGS = {"sh-fallback": 0x08, "sh-port": 0x10, "mh-fallback": 0x08, "mh-port": 0x10, "ops": 0x04}
PERSISTENT = 0x01
ALL_FLAGS = 0xFFFF_FFFF

_REQUEST_WITH_ACK = 0x05
_NEST = 0x8000
_GET_FAMILY, _FAMILY_ID, _FAMILY_NAME = 3, 1, 2
_GENERIC, _CONTROL, _ERROR = 16, 0x10, 2


@dataclass(frozen=True, slots=True)
class Key:
    """What names a service: a firewall mark, or where that is 0 a protocol, an address and a port."""

    family: int
    protocol: int
    address: str
    port: int
    mark: int = 0


class Ipvs:
    """A connection to the kernel's IPVS; every method raises OSError with the kernel's own number."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _GENERIC)
        self._family = _CONTROL
        name = _attribute(_FAMILY_NAME, b"IPVS\0")
        self._family = _find_u16(self._ask(_GET_FAMILY, name, version=2)[20:], _FAMILY_ID)

    def timeouts(self, tcp: int, tcp_fin: int, udp: int) -> None:
        """Seconds, 0 for as it was: of flows in ESTABLISHED, in FIN_WAIT, and of UDP (ipvsadm --set)."""
        seconds = enumerate((tcp, tcp_fin, udp), start=4)
        self._ask(SET_CONFIG, b"".join(_attribute(number, struct.pack("=I", value)) for number, value in seconds))

    def add_service(self, key: Key, scheduler: str, flags: int, persistence: int = 0, prefix: int = 0) -> None:
        """With `persistence`, seconds, clients of one network of that prefix length are one client; 0: each is one."""
        bits = 32 if key.family == socket.AF_INET else 128
        flags |= PERSISTENT if persistence else 0
        mask = struct.pack("!I", (0xFFFF_FFFF << (bits - (prefix or bits))) & 0xFFFF_FFFF) if bits == 32 else b""
        rest = [
            _attribute(6, scheduler.encode() + b"\0"),
            _attribute(7, struct.pack("=II", flags, ALL_FLAGS)),
            _attribute(8, struct.pack("=I", persistence)),
            _attribute(9, mask or struct.pack("=I", prefix or bits)),
        ]
        self._ask(NEW_SERVICE, _attribute(SERVICE | _NEST, _key(key) + b"".join(rest)))

    def add(self, key: Key, real: str, weight: int, upper: int = 0, lower: int = 0) -> None:
        self._dest(NEW_DEST, key, real, weight, upper, lower)

    def edit(self, key: Key, real: str, weight: int, upper: int = 0, lower: int = 0) -> None:
        self._dest(SET_DEST, key, real, weight, upper, lower)

    def delete(self, key: Key, real: str) -> None:
        self._dest(DEL_DEST, key, real, 0, 0, 0)

    def _dest(self, command: int, key: Key, real: str, weight: int, upper: int, lower: int) -> None:
        numbers = enumerate((DIRECT_ROUTING, weight, upper, lower), start=3)
        dest = [
            _attribute(1, ip_address(real).packed.ljust(16, b"\0")),
            _attribute(2, struct.pack("!H", key.port)),
            *(_attribute(number, struct.pack("=I", value)) for number, value in numbers),
        ]
        service = _attribute(SERVICE | _NEST, _key(key))
        self._ask(command, service + _attribute(DEST | _NEST, b"".join(dest)))

    def _ask(self, command: int, attributes: bytes, version: int = 1) -> bytes:
        """Send one message; give the answer that is not the acknowledgement, empty where there is none."""
        body = struct.pack("=BBH", command, version, 0) + attributes
        self._socket.send(struct.pack("=IHHII", 16 + len(body), self._family, _REQUEST_WITH_ACK, 0, 0) + body)
        answer = b""
        while True:
            heard = self._socket.recv(65536)
            if struct.unpack_from("=H", heard, 4)[0] != _ERROR:
                answer = heard
                continue
            number = -struct.unpack_from("=i", heard, 16)[0]
            if number:
                raise OSError(number, f"IPVS command {command}: {os.strerror(number)}")
            return answer


def counts() -> str:
    """The servers of all services, in the kernel's list order: `address=weight/active/inactive` and a space between."""
    servers = []
    for line in Path("/proc/net/ip_vs").read_text().splitlines():
        words = line.split()
        if words[0] == "->" and words[2] == "Route":
            host = words[1].rpartition(":")[0]
            address = IPv6Address(host[1:-1]) if host.startswith("[") else IPv4Address(int(host, 16))
            servers.append(f"{address}={'/'.join(words[3:6])}")
    return " ".join(servers)


def _key(key: Key) -> bytes:
    family = _attribute(1, struct.pack("=H", key.family))
    if key.mark:
        return family + _attribute(5, struct.pack("=I", key.mark))
    return b"".join(
        [
            family,
            _attribute(2, struct.pack("=H", key.protocol)),
            _attribute(3, ip_address(key.address).packed.ljust(16, b"\0")),
            _attribute(4, struct.pack("!H", key.port)),
        ]
    )


def _attribute(number: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), number) + value + b"\0" * (-len(value) % 4)


def _find_u16(attributes: bytes, wanted: int) -> int:
    while attributes:
        length, number = struct.unpack_from("=HH", attributes)
        if number == wanted:
            return int(struct.unpack_from("=H", attributes, 4)[0])
        attributes = attributes[(length + 3) & ~3 :]
    raise LookupError(f"no attribute {wanted} in the kernel's answer")
