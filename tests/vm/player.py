"""Plays a script of operations against IPVS, inside the guest, and writes down which server it picked for each flow.

    client side                     director (this kernel)                     servers
    wire1 ── crafted frames ──▶ wire0: VIPs, IPVS ── forwarded frames ──▶ wire1: read back

One veth pair is the whole segment. Servers are nothing but permanent neighbour entries: the destination MAC of the
frame that comes out tells whom IPVS picked. A flow that gets no server comes out as an ICMP error to the gateway.

    python -S -m tests.vm.player SCRIPT ANSWERS

A line of the script is a verb and its words, as the methods of `Player` name them. `syn`, `udp`, `counts` and
`settle` each answer with one line.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import sys
import time
from pathlib import Path

from tests.vm.ipvs import FLAGS, Ipvs, Key, counts

WIRE0, WIRE1 = "02:00:00:00:00:01", "02:00:00:00:00:02"
GATEWAY = "02:00:00:00:00:fd"
SERVERS = 32
"""Servers that have a neighbour entry: 10.8.0.1 to 10.8.0.32, fd00:8::1 to fd00:8::20, MACs 02:00:00:00:01:NN."""
MARK = 7

LAN = f"""
link set lo up
link add wire0 address {WIRE0} type veth peer name wire1 address {WIRE1}
addr add 10.8.0.254/24 dev wire0
addr add fd00:8::fe/64 dev wire0 nodad
link set wire0 up
link set wire1 arp off up
neigh add 10.8.0.253 lladdr {GATEWAY} nud permanent dev wire0
neigh add fd00:8::fd lladdr {GATEWAY} nud permanent dev wire0
route add default via 10.8.0.253
route add default via fd00:8::fd
route add local 10.9.0.0/16 dev lo
route add local fd00:9::/64 dev lo
""" + "".join(
    f"neigh add 10.8.0.{n} lladdr 02:00:00:00:01:{n:02x} nud permanent dev wire0\n"
    f"neigh add fd00:8::{n:x} lladdr 02:00:00:00:01:{n:02x} nud permanent dev wire0\n"
    for n in range(1, SERVERS + 1)
)
"""The segment, for `ip -batch -`."""

ONCE = "modprobe -a veth sch_ingress cls_matchall act_skbedit ip_vs"
"""What a guest runs before anything is played."""

SEGMENT = f"""set -e
cd /proc/sys/net
echo 0 | tee ipv4/conf/all/rp_filter ipv4/conf/default/rp_filter ipv4/icmp_ratemask
echo >ipv6/icmp/ratemask
ip -batch - <<EOF{LAN}EOF
tc qdisc add dev wire0 clsact
tc filter add dev wire0 ingress matchall action skbedit mark {MARK}
"""
"""What each script finds, in a network namespace of its own. Every packet has a mark, for marked services alone."""

MACS = bytes.fromhex((WIRE0 + WIRE1).replace(":", ""))
SCTP = 132
FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10
PATIENCE = 2
"""Seconds in which a frame that must come out does."""
SETTLED = 15
"""Seconds in which flows expire whose timeout is 1 s."""


class Wire:
    """The far end of the segment: sends clients' packets and sees whom the director sends them to."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self._socket.bind(("wire1", 3))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", PATIENCE, 0))
        self._number = 0

    def send(self, client: str, vip: str, protocol: int, payload: bytes) -> int:
        """Send one packet; give the number that finds it again."""
        self._number = (self._number + 1) % 0xFFFF
        self._socket.send(_frame(client, vip, protocol, self._number, payload))
        return self._number

    def taken(self, number: int) -> str:
        """The server to which the director sent that packet, `-` where it answered with an error instead."""
        while True:
            frame = self._socket.recv(256)
            if frame[:4] == b"\x02\0\0\0" and _number(frame) == number:
                return str(frame[5]) if frame[4] == 1 else "-"

    def wait(self) -> None:
        """Wait for a frame, but not for long."""
        select.select([self._socket], [], [], 0.05)

    def forget(self) -> None:
        """Throw away what came out without being asked for."""
        with contextlib.suppress(BlockingIOError):
            while self._socket.recv(256, socket.MSG_DONTWAIT):
                pass


class Player:
    """The operations; each takes its words as they stand in the script."""

    def __init__(self) -> None:
        self._ipvs = Ipvs()
        self._wire = Wire()
        self._key = Key(0, 0, "", 0)

    def service(self, protocol: str, vip: str, port: str, scheduler: str, *flags: str) -> None:
        """The script's service; protocol `mark` makes it one of all VIPs and ports, a flag `persistent=300/24` keeps
        clients of one /24 together.
        """
        family = socket.AF_INET6 if ":" in vip else socket.AF_INET
        number = {"tcp": 6, "udp": 17, "sctp": SCTP, "mark": 0}[protocol]
        self._key = Key(family, number, vip, int(port), 0 if number else MARK)
        kept = [int(number) for flag in flags if "=" in flag for number in flag.partition("=")[2].split("/")]
        self._ipvs.add_service(self._key, scheduler, sum(FLAGS[flag] for flag in flags if "=" not in flag), *kept)

    def add(self, server: str, weight: str, upper: str = "0", lower: str = "0") -> None:
        self._ipvs.add(self._key, server, int(weight), int(upper), int(lower))

    def edit(self, server: str, weight: str, upper: str = "0", lower: str = "0") -> None:
        self._ipvs.edit(self._key, server, int(weight), int(upper), int(lower))

    def delete(self, server: str) -> None:
        self._ipvs.delete(self._key, server)

    def timeouts(self, tcp: str, tcp_fin: str, udp: str) -> None:
        self._ipvs.timeouts(int(tcp), int(tcp_fin), int(udp))

    def syn(self, client: str, client_port: str, vip: str, port: str) -> str:
        return self._wire.taken(self._segment(SYN, client, client_port, vip, port))

    def ack(self, client: str, client_port: str, vip: str, port: str) -> None:
        self._segment(ACK, client, client_port, vip, port)

    def fin(self, client: str, client_port: str, vip: str, port: str) -> None:
        self._segment(FIN | ACK, client, client_port, vip, port)

    def rst(self, client: str, client_port: str, vip: str, port: str) -> None:
        self._segment(RST, client, client_port, vip, port)

    def udp(self, client: str, client_port: str, vip: str, port: str) -> str:
        payload = struct.pack("!HHHH", int(client_port), int(port), 8, 0)
        return self._wire.taken(self._wire.send(client, vip, socket.IPPROTO_UDP, payload))

    def chunk(self, kind: str, client: str, client_port: str, vip: str, port: str) -> None:
        """An SCTP packet of one chunk, by its type's number."""
        payload = struct.pack("!HHIIBBH4x", int(client_port), int(port), 7, 0, int(kind), 0, 8)
        self._wire.send(client, vip, SCTP, payload)

    def expiration(self, seconds: str) -> None:
        """How long a set of `lblcr` stays as it is."""
        Path("/proc/sys/net/ipv4/vs/lblcr_expiration").write_text(seconds)

    def rest(self, seconds: str) -> None:
        """Let the kernel's clock go on, where nothing but its next pick shows that it did."""
        time.sleep(float(seconds))  # noqa: TID251

    def counts(self) -> str:
        self._wire.forget()
        return counts()

    def settle(self, *expected: str) -> str:
        """The counts, once they are as expected or have not become so in time."""
        deadline = time.monotonic() + SETTLED
        self._wire.forget()
        while counts() != " ".join(expected) and time.monotonic() < deadline:
            self._wire.wait()
        return counts()

    def _segment(self, flags: int, client: str, client_port: str, vip: str, port: str) -> int:
        payload = struct.pack("!HHIIBBHHH", int(client_port), int(port), 1, 1, 5 << 4, flags, 65535, 0, 0)
        return self._wire.send(client, vip, socket.IPPROTO_TCP, payload)


def play(script: Path, answers: Path) -> None:
    player = Player()
    said: list[str] = []
    for line in script.read_text().splitlines():
        verb, *words = line.split()
        try:
            answer = getattr(player, verb)(*words)
        except OSError as error:
            error.add_note(f"in the script's line {line!r}, after {len(said)} answers")
            raise
        if answer is not None:
            said.append(answer)
    answers.write_text("\n".join(said) + "\n")


def _frame(client: str, vip: str, protocol: int, number: int, payload: bytes) -> bytes:
    """A whole frame; `payload` is a TCP segment or UDP datagram whose checksum field is 0, or an SCTP packet."""
    family = socket.AF_INET6 if ":" in client else socket.AF_INET
    addresses = socket.inet_pton(family, client) + socket.inet_pton(family, vip)
    if at := {socket.IPPROTO_TCP: 16, socket.IPPROTO_UDP: 6}.get(protocol):
        checksum = _checksum(addresses + struct.pack("!HH", protocol, len(payload)) + payload)
        payload = payload[:at] + checksum + payload[at + 2 :]
    head = _ip4 if family == socket.AF_INET else _ip6
    return head(addresses, protocol, number, len(payload)) + payload


def _ip4(addresses: bytes, protocol: int, number: int, length: int) -> bytes:
    """Ethernet and IPv4 headers; the number is the identification, which direct routing leaves alone."""
    head = struct.pack("!BBHHHBB", 0x45, 0, 20 + length, number, 0x4000, 64, protocol)
    return MACS + b"\x08\0" + head + _checksum(head + addresses) + addresses


def _ip6(addresses: bytes, protocol: int, number: int, length: int) -> bytes:
    """Ethernet and IPv6 headers; the number is the lower part of the flow label."""
    return MACS + b"\x86\xdd" + struct.pack("!HHHBB", 0x6000, number, length, protocol, 64) + addresses


def _checksum(octets: bytes) -> bytes:
    """RFC 1071, of an even number of octets."""
    total = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF)


def _number(frame: bytes) -> int:
    """The number of a packet that was forwarded, or of the one inside an ICMP error."""
    if frame[12:14] == b"\x08\0":
        at = 18 + (28 if frame[23] == socket.IPPROTO_ICMP else 0)
    else:
        at = 16 + (48 if frame[20] == socket.IPPROTO_ICMPV6 else 0)
    return int(struct.unpack_from("!H", frame, at)[0])


if __name__ == "__main__":
    play(Path(sys.argv[1]), Path(sys.argv[2]))
