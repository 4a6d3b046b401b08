"""Random packets by the million: those of a small crowd of clients, so that flows live, and what is made of them.

Frames are put together from bytes, since a fuzz is as good as it is fast; `tests.dataplane.frames` builds them from
words. Checksums are random: the data plane is no judge of them, and where it changes one it must do so from any value.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import TypeVar

from tests.dataplane.frames import BROADCAST, DIRECTOR, ROUTER, STRANGER
from tests.dataplane.frames import CHUNKS as CHUNKS_OF
from tests.fuzz.wishes import PEER, REALS, REALS6, VIPS, VIPS6

T = TypeVar("T")

RIP, RIP6 = REALS[0], REALS6[0]
TCP, UDP, SCTP, ICMP, ICMP6 = 6, 17, 132, 1, 58
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
FLAGS = (
    SYN,
    SYN,
    SYN,
    SYN,
    SYN,
    ACK,
    ACK,
    ACK,
    ACK | PSH,
    FIN | ACK,
    FIN | ACK,
    RST,
    RST | ACK,
    SYN | ACK,
    0,
    PSH,
    FIN,
    0xFF,
)
TARGETS = tuple(address.packed for address in (*VIPS, *VIPS, *VIPS, RIP))
TARGETS6 = tuple(address.packed for address in (*VIPS6, *VIPS6, *VIPS6, RIP6))
PORTS = {
    TCP: (
        (*(80,) * 8, *(443,) * 4, 53, 79, 0, 65535),
        (*(21,) * 5, *(5060,) * 7, 20, 10_000, 10_099, 10_100, 999, 1000, 9999),
    ),
    UDP: ((*(53,) * 8, 80, 0), (*(5060,) * 8, 5000, 5999, 6000, 21)),
    SCTP: ((*(80,) * 2, 0), (*(2905,) * 8, 5060, 2900, 2999, 3000)),
}
"""By protocol, the ports that each VIP is asked for: those that may be served, the edges of ranges, and others."""
CHUNKS = (
    *("init",) * 4,
    *("data",) * 3,
    *("cookie echo",) * 3,
    *("cookie ack", "init ack", "sack", "abort", "error"),
    *("shutdown", "shutdown ack", "shutdown complete"),
)
MACS = (STRANGER, BROADCAST, bytes.fromhex("01005e000001"), bytes.fromhex("3333ff000024"), bytes(6))
OTHER_PROTOCOLS = (0, 2, 4, 41, 47, 50, 51, 89, 112, 136, 255)
EXTENSIONS = (0, 43, 60)
FRAGMENT = 44
LIES = (12, 14, 15, 16, 17, 20, 21, 22, 23, 34, 38, 39, 42, 46, 47)
"""Where an IPv4 frame's claims stand: type, version, lengths, fragment, TTL, protocol, the transport header's own."""
LIES6 = (13, 14, 18, 19, 20, 21, 54, 55, 56, 57, 58, 59, 66, 67)
VALUES = (0, 1, 4, 5, 6, 8, 0x0F, 0x40, 0x45, 0x4F, 0x50, 0x60, 0x7F, 0x80, 0xF0, 0xFF)
HEAD, HEAD6 = DIRECTOR + ROUTER + b"\x08\x00", DIRECTOR + ROUTER + b"\x86\xdd"
SHARES = {
    "segment": 30, "datagram": 9, "association": 6, "other": 2, "quoting": 7, "echo": 1, "arp": 2, "pieces": 4,
    "segment6": 16, "datagram6": 5, "association6": 3, "other6": 1, "quoting6": 5, "echo6": 1, "neighbour6": 2,
    "pieces6": 2,
    "mangled": 8, "mangled6": 6, "elsewhere": 3, "tagged": 2,
}  # fmt: skip
"""Kinds of packets, and of how many in a hundred or so each is."""
REMEMBERED = 128
"""The last sound packets, which errors quote and mutations begin from."""


class Traffic:
    """One story's packets."""

    def __init__(self, chance: Random) -> None:
        self.chance, self._draw = chance, chance.random
        self._clients = tuple(bytes((10, 0, chance.randrange(3), chance.randrange(1, 250))) for _ in range(8))
        net = bytes.fromhex("20010db8")
        self._clients6 = tuple(net + chance.randbytes(1) + bytes(8) + chance.randbytes(3) for _ in range(8))
        self._ports = (0, 65535, *(chance.randrange(1, 65535) for _ in range(3)))
        self._recent: deque[bytes] = deque(maxlen=REMEMBERED)
        self._recent6: deque[bytes] = deque(maxlen=REMEMBERED)
        self._pieces: deque[bytes] = deque()
        self._vip = 0
        self._makers: list[tuple[str, Callable[[], bytes]]] = [
            (name, getattr(self, name)) for name, share in SHARES.items() for _ in range(share)
        ]
        self.segment()
        while not self._recent6:
            self.segment6()

    def next(self) -> tuple[str, bytes]:
        """A packet, and of which kind it is."""
        name, maker = self._one_of(self._makers)
        return name, maker()

    def _one_of(self, values: Sequence[T]) -> T:
        return values[int(self._draw() * len(values))]

    def _few(self) -> bytes:
        """A little data, mostly none."""
        return b"" if self._draw() < 0.7 else self.chance.randbytes(int(self._draw() ** 3 * 64))

    # ---- sound packets

    def segment(self) -> bytes:
        data = self._few()
        offset = 5 + (int(self._draw() * 11) if self._draw() < 0.05 else 0)
        data = bytes(offset * 4 - 20) + data
        return self._remember(TCP, self._tcp(offset) + data)

    def datagram(self) -> bytes:
        return self._remember(UDP, self._udp(self._few()))

    def association(self) -> bytes:
        return self._remember(SCTP, self._sctp())

    def _remember(self, protocol: int, payload: bytes) -> bytes:
        frame = HEAD + self._ip4(protocol, payload)
        self._recent.append(frame)
        return frame

    def segment6(self) -> bytes:
        return self._remember6(TCP, self._tcp(5) + self._few())

    def datagram6(self) -> bytes:
        return self._remember6(UDP, self._udp(self._few()))

    def association6(self) -> bytes:
        return self._remember6(SCTP, self._sctp())

    def _remember6(self, protocol: int, payload: bytes) -> bytes:
        if self._draw() < 0.12:
            return HEAD6 + self._ip6(*self._extended(protocol, payload))
        frame = HEAD6 + self._ip6(protocol, payload)
        self._recent6.append(frame)
        return frame

    def other(self) -> bytes:
        return HEAD + self._ip4(self._one_of(OTHER_PROTOCOLS), self.chance.randbytes(24))

    def other6(self) -> bytes:
        return HEAD6 + self._ip6(self._one_of((59, *OTHER_PROTOCOLS)), self.chance.randbytes(24))

    def _tcp(self, offset: int) -> bytes:
        ports = self._one_of(self._ports), self._port(TCP)
        return struct.pack("!HHIIBBHHH", *ports, 1, 2, offset << 4, self._one_of(FLAGS), 8192, 7, 0)

    def _udp(self, data: bytes) -> bytes:
        return struct.pack("!HHHH", self._one_of(self._ports), self._port(UDP), 8 + len(data), 0) + data

    def _sctp(self) -> bytes:
        """A packet of one chunk, at times of a kind that there is not, of a false length, or of more than one."""
        ports = self._one_of(self._ports), self._port(SCTP)
        kind = CHUNKS_OF[self._one_of(CHUNKS)] if self._draw() < 0.95 else int(self._draw() * 256)
        length = self._one_of((8, 8, 8, 8, 8, 8, 4, 3, 0, 65535))
        more = self._one_of((b"", b"", b"", bytes((CHUNKS_OF["data"], 0, 0, 8)) + bytes(4)))
        return struct.pack("!HHIIBBH4x", *ports, 7, 0, kind, 0, length) + more

    def _port(self, protocol: int) -> int:
        """One that the next packet's VIP is asked for; `_to` gives that VIP."""
        self._vip = int(self._draw() * 2)
        return self._one_of(PORTS[protocol][self._vip])

    def _to(self, addresses: tuple[bytes, ...]) -> bytes:
        return addresses[self._vip] if self._draw() < 0.95 else self._one_of(addresses)

    def _ip4(self, protocol: int, payload: bytes, fragment: int = 0x4000, number: int = 1) -> bytes:
        options = bytes(int(self._draw() * 11) * 4) if self._draw() < 0.05 else b""
        length = 20 + len(options) + len(payload)
        lot = self._draw()
        head = struct.pack(
            "!BBHHHBBH",
            *(0x45 + len(options) // 4, int(lot * 256), length, number, fragment, 64, protocol, int(lot * 65536)),
        )
        return head + self._one_of(self._clients) + self._to(TARGETS) + options + payload

    def _ip6(self, protocol: int, payload: bytes) -> bytes:
        head = struct.pack("!IHBB", 0x60000000, len(payload), protocol, 64)
        return head + self._one_of(self._clients6) + self._to(TARGETS6) + payload

    def _extended(self, protocol: int, payload: bytes) -> tuple[int, bytes]:
        """Extension headers before it; mostly one or two, at times more than are looked through."""
        for _ in range(1 + int(self._draw() ** 2 * 8)):
            kind = self._one_of((*EXTENSIONS, FRAGMENT))
            if kind == FRAGMENT:
                payload = bytes((protocol, 0, 0, self._one_of((0, 0, 1, 6, 8)))) + bytes(4) + payload
            else:
                more = self._one_of((0, 0, 0, 1, 4, 32))
                payload = bytes((protocol, more)) + bytes(6 + more * 8) + payload
            protocol = kind
        return protocol, payload

    # ---- errors, questions

    def quoting(self) -> bytes:
        """An error about what a client would have got in answer to a packet that was sent just now."""
        packet = self._one_of(self._recent)[14:]
        at = (packet[0] & 15) * 4
        inner = packet[:12] + packet[16:20] + packet[12:16] + packet[20:at]
        inner += packet[at + 2 : at + 4] + packet[at : at + 2] + packet[at + 4 : at + 8]
        cut = self._one_of((len(inner), len(inner), len(inner), at + 4, at + 3, 20, 8, 0))
        kind = self._one_of((3, 3, 3, 4, 5, 11, 12))
        message = bytes((kind, 4)) + self.chance.randbytes(6) + inner[:cut]
        frame = HEAD + self._ip4(ICMP, message)
        if self._draw() < 0.1:
            return frame
        at = (frame[14] & 15) * 4 - 20  # to the VIP whose packet it quotes
        return frame[:30] + packet[16:20] + frame[34:]

    def quoting6(self) -> bytes:
        packet = self._one_of(self._recent6)[14:]
        inner = packet[:8] + packet[24:40] + packet[8:24] + packet[42:44] + packet[40:42] + packet[44:48]
        if self._draw() < 0.2:
            piece = bytes((inner[6], 0, 0, self._one_of((0, 1, 1, 1, 8, 9)))) + bytes(4)
            inner = inner[:6] + bytes((FRAGMENT,)) + inner[7:40] + piece + inner[40:]
        cut = self._one_of((56, 56, 56, 56, 52, 48, 44, 43, 40, 8, 0))
        kind = self._one_of((1, 2, 2, 2, 3, 4, 5))
        frame = HEAD6 + self._ip6(ICMP6, bytes((kind, 0)) + self.chance.randbytes(6) + inner[:cut])
        return frame if self._draw() < 0.1 else frame[:38] + packet[24:40] + frame[54:]

    def echo(self) -> bytes:
        return HEAD + self._ip4(ICMP, bytes((self._one_of((8, 8, 8, 0, 13)), 0)) + self.chance.randbytes(10))

    def echo6(self) -> bytes:
        kind, body = self._one_of((128, 128, 129, 136)), bytes((0,)) + self.chance.randbytes(10)
        message = bytes((kind,)) + body
        return HEAD6 + self._ip6(*(self._extended(ICMP6, message) if self._draw() < 0.1 else (ICMP6, message)))

    def arp(self) -> bytes:
        asker = self._one_of((*self._clients, *TARGETS, bytes(4)))
        body = self._one_of((b"\0\1", b"\0\1", b"\0\2")) + ROUTER + asker + bytes(6) + self._one_of(TARGETS)
        to = self._one_of((BROADCAST, BROADCAST, DIRECTOR, STRANGER))
        return to + ROUTER + bytes.fromhex("0806000108000604") + body + bytes(self._one_of((0, 18)))

    def neighbour6(self) -> bytes:
        asked = self._one_of(TARGETS6)
        message = b"\x87\0" + self.chance.randbytes(2) + bytes(4) + asked + self._one_of((b"\1\1" + ROUTER, b""))
        hops = self._one_of((255, 255, 255, 64))
        head = struct.pack("!IHBB", 0x60000000, len(message), ICMP6, hops) + self._one_of((*self._clients6, bytes(16)))
        group = b"\xff\2" + bytes(9) + b"\1\xff" + asked[13:]
        to, target = self._one_of(((b"\x33\x33" + group[12:], group), (DIRECTOR, asked)))
        return to + ROUTER + b"\x86\xdd" + head + target + message

    # ---- pieces

    def pieces(self) -> bytes:
        """A datagram in pieces, which come one after the other with other packets between, in any order at times."""
        if not self._pieces:
            protocol, whole = self._whole()
            packet = self._ip4(protocol, b"", number=self._one_of((7, 8, 9)))
            head = HEAD + packet[:2], packet[4:6], packet[8:]
            parts = []
            for at, more, part in self._cut(whole):
                size, word = struct.pack("!H", len(packet) + len(part)), struct.pack("!H", at // 8 | more << 13)
                parts.append(head[0] + size + head[1] + word + head[2] + part)
            self._queue(parts)
        return self._pieces.popleft()

    def pieces6(self) -> bytes:
        if not self._pieces:
            protocol, whole = self._whole()
            packet, number = self._ip6(FRAGMENT, b""), self._one_of((7, 8, 9))
            parts = []
            for at, more, part in self._cut(whole):
                piece = struct.pack("!BBHI", protocol, 0, at | more, number) + part
                parts.append(HEAD6 + packet[:4] + struct.pack("!H", len(piece)) + packet[6:] + piece)
            self._queue(parts)
        return self._pieces.popleft()

    def _whole(self) -> tuple[int, bytes]:
        """What is to be cut: its protocol and bytes, at times without any ports."""
        return self._one_of(((UDP, self._udp(bytes(40))), (TCP, self._tcp(5) + bytes(28)), (UDP, bytes(48))))

    def _cut(self, whole: bytes) -> Iterator[tuple[int, bool, bytes]]:
        """Where each piece lies, whether more come, and its bytes."""
        size = self._one_of((8, 16, 24, 32))
        for at in range(0, len(whole), size):
            yield at, at + size < len(whole), whole[at : at + size]

    def _queue(self, parts: list[bytes]) -> None:
        if self._draw() < 0.3:
            self.chance.shuffle(parts)
        self._pieces.extend(parts)

    # ---- what is wrong with them

    def mangled(self) -> bytes:
        return self._mangle(self._sound(self._recent, self.quoting, self.echo, self.arp), LIES)

    def mangled6(self) -> bytes:
        return self._mangle(self._sound(self._recent6, self.quoting6, self.echo6, self.neighbour6), LIES6)

    def _sound(self, recent: Sequence[bytes], *others: Callable[[], bytes]) -> bytes:
        return self._one_of(recent) if self._draw() < 0.7 else self._one_of(others)()

    def _mangle(self, sound: bytes, lies: Sequence[int]) -> bytes:
        """Claims that are not true, bytes changed, the end cut off, or more behind it."""
        frame = bytearray(sound)
        for _ in range(1 + int(self._draw() ** 2 * 3)):
            at = self._one_of(lies) if self._draw() < 0.7 else int(self._draw() * len(frame))
            if at < len(frame):
                frame[at] = self._one_of(VALUES) if self._draw() < 0.6 else int(self._draw() * 256)
        if self._draw() < 0.25:
            del frame[14 + int(self._draw() * (len(frame) - 13)) :]
        return bytes(frame) + bytes(self._one_of((0, 0, 0, 1, 4)))

    def elsewhere(self) -> bytes:
        """Not to the director's MAC, or from another director's, or of a type that is none of its business."""
        frame = self._one_of(self._one_of((self._recent, self._recent6)))
        if self._draw() < 0.3:
            return frame[:6] + PEER + frame[12:]
        if self._draw() < 0.6:
            return self._one_of(MACS) + frame[6:]
        return frame[:12] + self._one_of((b"\x88\xcc", b"\0\x2b", b"\x88\x64", b"\x86\xdd", b"\x08\0")) + frame[14:]

    def tagged(self) -> bytes:
        """802.1Q and QinQ."""
        frame = self._one_of(self._one_of((self._recent, self._recent6)))
        for _ in range(self._one_of((1, 1, 1, 2, 3))):
            tag = self._one_of((b"\x81\0", b"\x81\0", b"\x88\xa8")) + self._one_of((b"\0\0", b"\0\5", b"\xef\xff"))
            frame = frame[:12] + tag + frame[12:]
        return frame
