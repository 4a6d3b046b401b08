"""Python's side of `bpf/maps.h`: the structs that both share, and how a word is put together.

What a field means is said there. `tests/bpf/test_layout.py` compares both sides through the object's BTF, name by
name and byte by byte.
"""

from __future__ import annotations

import ctypes as c
import struct
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from carom.model import Address, Scheduler

LAYOUT_VERSION = 8
VIP_FILTER_BITS = 12
FLOW_STATES = (
    *("none", "established", "syn-sent", "syn-recv", "fin-wait", "time-wait"),
    *("close", "close-wait", "last-ack", "listen", "synack", "udp"),
    *("sctp-init1", "sctp-init", "sctp-echoed", "sctp-established", "sctp-shutdown", "sctp-closed"),
)
"""By number, `enum flow_state` in `bpf/flow.h`."""
FLOW_BEING_WRITTEN = 31
"""The state of a place whose flow is just being written; it never ends."""
TIMEOUTS = {
    "none": 2,
    "established": 900,
    "syn-sent": 120,
    "syn-recv": 60,
    "fin-wait": 120,
    "time-wait": 120,
    "close": 10,
    "close-wait": 60,
    "last-ack": 30,
    "listen": 120,
    "synack": 120,
    "udp": 300,
    "sctp-init1": 4,
    "sctp-init": 61,
    "sctp-echoed": 61,
    "sctp-established": 900,
    "sctp-shutdown": 61,
    "sctp-closed": 61,
}
"""Seconds by state: IPVS's own."""
SCHEDULERS = {scheduler: number for number, scheduler in enumerate(Scheduler)}
"""By name, `enum scheduler`."""
VERSION_TRACKS_ALL = 1
VERSION_HASHES_PORT = 2
VERSION_FALLS_BACK = 4
VERSION_ONE_PACKET = 8
VERSION_CONTENDERS = 16
VERSIONS = 1 << 14
MEMBERS = 1 << 19
CONTENDERS = 1 << 19
CONTENDER_BLOCK = 8
CONTENDER_PLACE_BITS = 10
SCAN_MEMBERS = 256
LOAD_ACTIVE_BITS = 28
REALS = 1 << 17
VERSION_UNREACHABLE = 32
VERSION_EQUAL = 64
VERSION_HASHES_VIP = 128
VERSION_BUCKETS = 256
FEATURE_LIMITS = 1
FEATURE_RANGES = 2
FEATURE_IP6 = 4
FEATURE_PERSISTENCE = 8
FEATURE_INSIDE = 1 << 8
FEATURE_PEERS = 1 << 9
FEATURE_VLAN = 1 << 10
FEATURE_UNREACHABLE = 1 << 16
FEATURE_MTU = 1 << 17
FEATURE_SYN_RATE = 1 << 18
FEATURE_CHECKSUM = 1 << 19
FEATURE_HANDOVER = 1 << 20
FEATURE_ANY_ORDER = 1 << 21
ALL_FEATURES = (
    (FEATURE_LIMITS | FEATURE_RANGES | FEATURE_IP6 | FEATURE_PERSISTENCE)
    | (FEATURE_PEERS | FEATURE_VLAN)
    | (FEATURE_UNREACHABLE | FEATURE_MTU | FEATURE_SYN_RATE)
)
"""All that a plan may need; a second NIC is no matter of plans, and a header's checksum is asked for by name."""
HANDOVER_GOING_ON = 1
HANDOVER_BEGINNING = 2
HALF_BITS = 24
RANGES_MAX = 64
RANGE_LAST = 1 << 31
FRONTENDS = 4
FRONTEND_BUCKETS = 1 << 13
FRONTEND_REACH = 16
FRONTENDS_MAX = FRONTEND_BUCKETS * FRONTENDS // 2
"""Of a family: half the places, so that keys stand in their own bucket or near it."""
_FRONTEND_FACTOR = 0x9E3779B97F4A7C15
TEMPLATE_GENERATIONS = 127
REAL_HAS_MAC = 1
REAL_MOVES = 2
REAL_AVAILABLE = 4
REAL_LOCAL = 8
VLAN_AS_IT_CAME = 0
VLAN_NONE = 0xFFFF
PEERS_MAX = 8
SLOT_TRACKED = 1 << 63
_REAL_BITS = 20
_REAL_MASK = (1 << _REAL_BITS) - 1


class Constants(c.Structure):
    _fields_ = (
        ("flow_buckets", c.c_uint32),
        ("features", c.c_uint32),
        ("own_mac", c.c_uint8 * 6),
        ("zero", c.c_uint8 * 2),
        ("out_mac", c.c_uint8 * 6),
        ("zero_too", c.c_uint8 * 2),
        ("out_mtu", c.c_uint32),
    )


class Settings(c.Structure):
    _fields_ = (
        ("layout", c.c_uint32),
        ("answering", c.c_uint32),
        ("seed", c.c_uint64),
        ("half", c.c_uint32),
        ("icmp_rate", c.c_uint32),
        ("syn_rate", c.c_uint32),
        ("syn_mask4", c.c_uint8 * 4),
        ("syn_mask6", c.c_uint8 * 16),
        ("timeouts", c.c_uint16 * 32),
        ("vip_filter", c.c_uint8 * (1 << VIP_FILTER_BITS)),
        ("peers", c.c_uint64 * PEERS_MAX),
    )


class Clock(c.Structure):
    _fields_ = (("seconds", c.c_uint32), ("swept", c.c_uint32), ("ticks", c.c_uint64))


class Vip(c.Structure):
    _fields_ = (("halves", c.c_uint32),)


class Ip6(c.Structure):
    _fields_ = (("words", c.c_uint32 * 4),)


class Way(NamedTuple):
    """What a port of a VIP leads to in one half, `FRONTEND_...` in C."""

    service: int = 0
    """Index into services; 0: none."""
    ranges: int = 0
    """Where its ranges begin; 0: it has none."""


class Frontend(NamedTuple):
    """The word behind a port's key."""

    vip: int
    ways: tuple[Way, Way] = (Way(), Way())
    """In either half."""

    @property
    def word(self) -> int:
        one, other = (way.service | way.ranges << 12 for way in self.ways)
        return one | other << HALF_BITS | self.vip << 2 * HALF_BITS

    @classmethod
    def of(cls, word: int) -> Frontend:
        one, other = (Way(half_of(word, half) & 0xFFF, half_of(word, half) >> 12) for half in (0, 1))
        return cls(word >> 2 * HALF_BITS, (one, other))

    def with_way(self, half: int, way: Way) -> Frontend:
        """Another way in this half, and the same in the other."""
        return Frontend(self.vip, (self.ways[0], way) if half else (way, self.ways[1]))


class Frontend4(c.Structure):
    _fields_ = (("key", c.c_uint64), ("word", c.c_uint64))


class Frontends4(c.Structure):
    _fields_ = (("places", Frontend4 * FRONTENDS),)


class Frontend6(c.Structure):
    _fields_ = (("vip", c.c_uint64 * 2), ("key", c.c_uint64), ("word", c.c_uint64))


class Frontends6(c.Structure):
    _fields_ = (("places", Frontend6 * FRONTENDS),)


class Range(c.Structure):
    _fields_ = (("first", c.c_uint16), ("last", c.c_uint16), ("service", c.c_uint32))


class Limit(c.Structure):
    _fields_ = (("upper", c.c_uint32), ("lower", c.c_uint32), ("overloaded", c.c_uint32))


class Version(c.Structure):
    _fields_ = (
        ("scheduler", c.c_uint32),
        ("flags", c.c_uint32),
        ("slot_offset", c.c_uint32),
        ("slot_count", c.c_uint32),
        ("slot_factor", c.c_uint64),
        ("slot_addend", c.c_uint64),
        ("slot_shift", c.c_uint32),
        ("contender_offset", c.c_uint32),
        ("contender_count", c.c_uint32),
        ("member_offset", c.c_uint32),
        ("member_count", c.c_uint32),
        ("weight_max", c.c_uint32),
        ("weight_gcd", c.c_uint32),
        ("weight_sum", c.c_uint32),
        ("serial", c.c_uint32),
        ("persistence", c.c_uint32),
        ("generation", c.c_uint32),
        ("mask", Ip6),
        ("before", c.c_uint32),
        ("since", c.c_uint32),
        ("moved", c.c_uint32),
        ("unused", c.c_uint32 * 6),
    )


class Member(c.Structure):
    _fields_ = (("real", c.c_uint32), ("weight", c.c_uint32))


class Contender(c.Structure):
    _fields_ = (("load", c.c_uint32), ("measure", c.c_uint32))


class Real(c.Structure):
    _fields_ = (
        ("mac", c.c_uint8 * 6),
        ("flags", c.c_uint16),
        ("service", c.c_uint32),
        ("mtu", c.c_uint16),
        ("vlan", c.c_uint16),
    )


class RealCounter(c.Structure):
    _fields_ = (("packets", c.c_uint64), ("bytes", c.c_uint64), ("new_flows", c.c_uint64))


class Handshakes(c.Structure):
    _fields_ = (("repeated", c.c_uint64), ("lost", c.c_uint64))


class ReasonCounter(c.Structure):
    _fields_ = (("packets", c.c_uint64), ("bytes", c.c_uint64))


class ReasonText(c.Structure):
    _fields_ = (("name", c.c_char * 24), ("sentence", c.c_char * 104), ("verdict", c.c_uint32), ("normal", c.c_uint32))


class Flow4(c.Structure):
    _fields_ = (("key", c.c_uint64), ("word", c.c_uint64))


class Bucket4(c.Structure):
    _fields_ = (("flows", Flow4 * 4),)


FLOW_VIP_MASK = 0xFFFF
FLOW_REAL_AT, FLOW_REAL_MASK = 16, _REAL_MASK
FLOW_STATE_AT, FLOW_STATE_MASK = 36, 0x1F
FLOW_TEMPLATE_AT, FLOW_TEMPLATE_MASK = 41, 0x7F
FLOW_SEEN_AT, FLOW_SEEN_MASK = 48, 0xFFFF
FLOW_NAMES_MASK = FLOW_VIP_MASK | FLOW_REAL_MASK << FLOW_REAL_AT
"""A flow's word: where each part stands, as `FLOW_...` in `bpf/flow.h`; what does not change while the flow lives."""


class Flow6Key(c.Structure):
    _fields_ = (("client", Ip6), ("client_port", c.c_uint8 * 2), ("vip_port", c.c_uint8 * 2), ("zero", c.c_uint32))


class Flow6(c.Structure):
    _fields_ = (("key", Flow6Key), ("word", c.c_uint64))


class Bucket6(c.Structure):
    _fields_ = (("flows", Flow6 * 4),)


class Moves(c.Structure):
    _fields_ = (("begun", c.c_uint32), ("done", c.c_uint32), ("last", c.c_uint32))


class TemplateKey(c.Structure):
    _fields_ = (("service", c.c_uint32), ("client", Ip6))


class Template(c.Structure):
    _fields_ = (
        ("real", c.c_uint32),
        ("used", c.c_uint32),
        ("flows", c.c_uint32),
        ("idle", c.c_uint32),
        ("generation", c.c_uint32),
    )


class FragmentKey(c.Structure):
    _fields_ = (("client", Ip6), ("vip", Ip6), ("id", c.c_uint32), ("protocol", c.c_uint32))


class Fragment(c.Structure):
    _fields_ = (("real", c.c_uint32), ("seen", c.c_uint32))


class Question(c.Structure):
    _fields_ = (
        ("client", Ip6),
        ("vip", Ip6),
        ("client_port", c.c_uint8 * 2),
        ("vip_port", c.c_uint8 * 2),
        ("protocol", c.c_uint8),
        ("ip6", c.c_uint8),
        ("zero", c.c_uint16),
        ("step", c.c_uint32),
        ("service", c.c_uint32),
        ("real", c.c_uint32),
        ("scheduled", c.c_uint32),
        ("slot_now", c.c_uint32),
        ("slot_before", c.c_uint32),
        ("slot_tracked", c.c_uint32),
        ("flow_real", c.c_uint32),
        ("flow_state", c.c_uint32),
        ("flow_idle", c.c_uint32),
        ("flow_persistent", c.c_uint32),
        ("template_real", c.c_uint32),
        ("template_idle", c.c_uint32),
        ("template_flows", c.c_uint32),
    )


class Description(c.Structure):
    _fields_ = (("text", c.c_char * (1 << 14)),)


class Handover(c.Structure):
    _fields_ = (("asks", c.c_uint32), ("since", c.c_uint32))


class Adopted(c.Structure):
    _fields_ = (
        ("client", Ip6),
        ("client_port", c.c_uint8 * 2),
        ("vip_port", c.c_uint8 * 2),
        ("ip6", c.c_uint32),
        ("base", c.c_uint64),
        ("word", c.c_uint64),
    )


class Adoption(c.Structure):
    _fields_ = (("count", c.c_uint32), ("homeless", c.c_uint32))


class SyncapBucket(c.Structure):
    _fields_ = (("places", c.c_uint64 * 4),)


class ServiceLabel(c.Structure):
    _fields_ = (("name", c.c_char * 64),)


class VipLabel(c.Structure):
    _fields_ = (("address", c.c_uint8 * 16), ("family", c.c_uint8), ("protocol", c.c_uint8))


class RealLabel(c.Structure):
    _fields_ = (
        ("service", c.c_char * 64),
        ("address", c.c_uint8 * 16),
        ("family", c.c_uint8),
        ("zero", c.c_uint8),
        ("last_weight", c.c_uint16),
    )


STRUCTS: dict[str, type[c.Structure]] = {
    "constants": Constants,
    "settings": Settings,
    "clock": Clock,
    "vip": Vip,
    "frontend4": Frontend4,
    "frontends4": Frontends4,
    "ip6": Ip6,
    "frontend6": Frontend6,
    "frontends6": Frontends6,
    "range": Range,
    "limit": Limit,
    "version": Version,
    "member": Member,
    "contender": Contender,
    "real": Real,
    "real_counter": RealCounter,
    "handshakes": Handshakes,
    "reason_counter": ReasonCounter,
    "reason_text": ReasonText,
    "flow4": Flow4,
    "bucket4": Bucket4,
    "flow6_key": Flow6Key,
    "flow6": Flow6,
    "bucket6": Bucket6,
    "moves": Moves,
    "template_key": TemplateKey,
    "template": Template,
    "fragment_key": FragmentKey,
    "fragment": Fragment,
    "question": Question,
    "description": Description,
    "handover": Handover,
    "adopted": Adopted,
    "adoption": Adoption,
    "syncap_bucket": SyncapBucket,
    "service_label": ServiceLabel,
    "vip_label": VipLabel,
    "real_label": RealLabel,
}
"""Every shared struct, by its name in C."""


def load(active: int, inactive: int) -> int:
    """A real server's word in `loads`."""
    return (256 * active + inactive) << LOAD_ACTIVE_BITS | active


def flows_of(load: int) -> tuple[int, int]:
    """Its active and inactive flows."""
    active = load & (1 << LOAD_ACTIVE_BITS) - 1
    return active, (load >> LOAD_ACTIVE_BITS) - 256 * active


def flow_count(load: int) -> int:
    """How many they are together."""
    return (load >> LOAD_ACTIVE_BITS) - 255 * (load & (1 << LOAD_ACTIVE_BITS) - 1)


def contender(real: int, measure: int) -> int:
    """One of a version's contenders, as a word."""
    return 8 * real | measure << 32


def half_of(word: int, half: int) -> int:
    """One half, 0 or 1, of a word that has two."""
    return word >> half * HALF_BITS & (1 << HALF_BITS) - 1


def with_half(word: int, half: int, value: int) -> int:
    """The word with another value in this half."""
    shift = half * HALF_BITS
    return word & ~((1 << HALF_BITS) - 1 << shift) | value << shift


def key(index: int) -> bytes:
    """An array's key."""
    return struct.pack("=I", index)


def frontend_key(vip: Address, port: int, protocol: int) -> bytes:
    """A key of `frontends4` or `frontends6`, by the VIP's family."""
    return vip.packed + struct.pack("!HBx" if vip.version == 4 else "!xxxxHBx", port, protocol)


def frontend_port(key: bytes) -> int:
    """The port of such a key."""
    return int.from_bytes(key[-4:-2])


def frontend_behind(key: bytes) -> bytes:
    """The key of port 0 of the same VIP and protocol, where ranges are."""
    return key[:-4] + bytes(2) + key[-2:]


def frontend_bucket(key: bytes) -> int:
    """The bucket that a frontend's key belongs in (`frontend_hash` in the program)."""
    words: tuple[int, ...] = struct.unpack(f"={len(key) // 8}Q", key)
    word = words[0] if len(words) == 1 else (words[0] * _FRONTEND_FACTOR + (words[1] ^ words[2])) % (1 << 64)
    return ((word ^ word >> 32) * _FRONTEND_FACTOR % (1 << 64)) * FRONTEND_BUCKETS >> 64


def slot(now: int, before: int = 0, tracked: bool = False) -> int:
    """One slot of the consistent-hash table."""
    return now | before << _REAL_BITS | (SLOT_TRACKED if tracked else 0)


def slot_now(word: int) -> int:
    return word & _REAL_MASK


def slot_before(word: int) -> int:
    return word >> _REAL_BITS & _REAL_MASK


def vip_filter_bit(vip: Address) -> int:
    """The place in the settings' Bloom filter that stands for a VIP (`vip_filter_has` in the program)."""
    word = 0
    for (part,) in struct.iter_unpack("=I", vip.packed):
        word ^= part
    return (word * 0x9E3779B1 & 0xFFFF_FFFF) >> (32 - VIP_FILTER_BITS)


def packed(address: Address) -> bytes:
    """An address as labels hold it: 16 bytes, IPv4 in the first four."""
    return address.packed.ljust(16, b"\0")


def unpacked(raw: bytes, family: int) -> Address:
    return IPv4Address(raw[:4]) if family == 4 else IPv6Address(raw)


def mask(prefix: int, bits: int) -> bytes:
    """What of an address of so many bits is its network's."""
    return ((1 << bits) - (1 << bits - prefix)).to_bytes(bits // 8)
