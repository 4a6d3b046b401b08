"""Program and oracle, played the same story: packets sound and mutated, changes of the plan, time going by.

They must end every packet in the same way, byte for byte, and count the same flows; and no packet may leave for a MAC
that was in no plan. Two hands wrote them, one in C and one in Python, from the same documents.
"""

from __future__ import annotations

import os
import random
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carom.core.plan import Plan, RealPlan, ServicePlan
from carom.model import Defence, OnDown, OnNoReal, Ports, Protocol, Scheduler, SchedulerFlag
from tests.dataplane import frames, plans
from tests.dataplane.frames import DIRECTOR
from tests.dataplane.planes import Oracle, Xdp

STORIES = int(os.environ.get("CAROM_STORIES", "300"))
TOLD: list[int] = []
"""Packets of each story."""
BURST = 36
"""Packets; a story has about three bursts, so 300 stories have some 30,000."""

RANDOM = Scheduler.TWOS
"""Its picks are drawn; how they are spread is the scheduler tests' matter."""
CLIENTS = ("10.0.0.1", "10.0.0.2", "10.0.7.9", "172.16.3.4")
CLIENT_PORTS = (0, 1025, 1026, 65535)
FLAGS = ("S", "S", "A", "A", "PA", "FA", "R", "RA", "", "SA", "SR", "FSRPAU")
TARGETS = (
    f"{plans.VIP}:80",
    f"{plans.VIP}:443",
    f"{plans.VIP}:53",
    f"{plans.VIP}:81",
    f"{plans.OTHER_VIP}:80",
    f"{plans.OTHER_VIP}:0",
    "192.168.76.20:80",
)
CLIENTS6 = ("2001:db8::1", "2001:db8::2", "2001:db8:ffff::9")
TARGETS6 = (f"[{plans.VIP6}]:80", f"[{plans.VIP6}]:443", f"[{plans.VIP6}]:53", f"[{plans.OTHER_VIP6}]:80")
EXTENSIONS: tuple[tuple[tuple[int, bytes], ...], ...] = (
    (),
    (),
    ((0, bytes(7)),),
    ((0, bytes(7)), (60, b"\x01" + bytes(14)), (43, bytes(7))),
    ((44, bytes(7)),),
    ((44, b"\0\0\1" + bytes(4)),),
    ((60, bytes(7)),) * 7,
)
MACS = {plans.mac(address) for address in (*plans.REALS, plans.SORRY)}


@dataclass(frozen=True)
class Send:
    frames: tuple[bytes, ...]


@dataclass(frozen=True)
class Change:
    plan: Plan


@dataclass(frozen=True)
class Wait:
    seconds: int


# ---- packets: Hypothesis draws a burst's number, the number draws the packets, so that a story stays cheap to draw


def a_burst(number: int) -> Send:
    chance = random.Random(number)
    return Send(tuple(a_frame(chance) for _ in range(BURST)))


def a_frame(chance: random.Random) -> bytes:
    frame = a_sound_frame(chance)
    if chance.random() < 0.03:
        frame = frames.sent_by(frames.PEER, frame)
    if chance.random() < 0.05:
        frame = frames.tagged(frame, chance.choice([0, 5, 0xE005]), chance.choice([0x8100, 0x8100, 0x88A8]))
    return mutated(chance, frame) if chance.random() < 0.3 else frame


def a_segment(chance: random.Random) -> bytes:
    return frames.tcp(
        a_client(chance), chance.choice(TARGETS), chance.choice(FLAGS), chance.randbytes(chance.randrange(8))
    )


def a_client(chance: random.Random) -> str:
    return f"{chance.choice(CLIENTS)}:{chance.choice(CLIENT_PORTS)}"


def a_segment6(chance: random.Random) -> bytes:
    client, target = f"[{chance.choice(CLIENTS6)}]:{chance.choice(CLIENT_PORTS)}", chance.choice(TARGETS6)
    extensions = chance.choice(EXTENSIONS)
    if chance.random() < 0.2:
        return frames.udp(client, target, chance.randbytes(4), extensions=extensions)
    return frames.tcp(client, target, chance.choice(FLAGS), chance.randbytes(4), extensions=extensions)


def a_piece(chance: random.Random) -> bytes:
    """Of few datagrams, so that pieces of one meet."""
    number, client, target = chance.randrange(3), chance.choice(CLIENTS), chance.choice(TARGETS)
    if chance.random() < 0.3:
        client, target = f"[{chance.choice(CLIENTS6)}]", chance.choice(TARGETS6)
    ends, data = (f"{client}:{chance.choice(CLIENT_PORTS)}", target), bytes(60)
    whole = frames.tcp(*ends, "S", data) if chance.random() < 0.3 else frames.udp(*ends, data)
    return chance.choice(frames.pieces(whole, chance.choice([8, 24, 40]), number))


def a_sound_frame6(chance: random.Random) -> bytes:
    kind, client = chance.random(), chance.choice(CLIENTS6)
    if kind < 0.7:
        return a_segment6(chance)
    if kind < 0.85:
        packet = a_segment6(chance)[14:]
        turned = packet[:8] + packet[24:40] + packet[8:24] + packet[42:44] + packet[40:42] + packet[44:48]
        cut = turned[: chance.choice([48, 48, 44, 43, 40, 8, 0])]
        return frames.icmp6("2001:db8::fe", plans.VIP6, chance.choice([1, 2, 3, 4, 5]), bytes(4) + cut)
    if kind < 0.92:
        return frames.icmp6(client, plans.VIP6, chance.choice([128, 129, 135]), chance.randbytes(8))
    asked = chance.choice([plans.VIP6, plans.OTHER_VIP6, "2001:db8:76::20"])
    return frames.solicitation(
        chance.choice([client, "::"]),
        asked,
        to=chance.choice([None, DIRECTOR]),
        hops=chance.choice([255, 255, 64]),
        option=chance.choice([b"", b"\x0e\x01nonce!", b"\x01\x01" + frames.ROUTER]),
    )


def a_sound_frame(chance: random.Random) -> bytes:
    if chance.random() < 0.15:
        return a_piece(chance)
    if chance.random() < 0.3:
        return a_sound_frame6(chance)
    kind = chance.random()
    if kind < 0.6:
        return a_segment(chance)
    if kind < 0.66:
        chunk, length = chance.choice([*frames.CHUNKS.values(), 3, 200]), chance.choice([8, 8, 8, 4, 3])
        return frames.sctp(a_client(chance), chance.choice(TARGETS), chunk, length=length)
    if kind < 0.75:
        return frames.udp(a_client(chance), chance.choice(TARGETS), chance.randbytes(chance.randrange(8)))
    if kind < 0.9:
        return icmp_error(
            chance.choice([3, 4, 5, 11, 12]), a_segment(chance), chance.choice([28, 28, 28, 24, 20, 8, 0])
        )
    if kind < 0.95:
        return frames.icmp(chance.choice(CLIENTS), plans.VIP, chance.choice([0, 8, 13]))
    asker, asked = (
        chance.choice([*CLIENTS, plans.VIP, "0.0.0.0"]),
        chance.choice([plans.VIP, plans.OTHER_VIP, "10.1.1.1"]),
    )
    return frames.arp(chance.choice([1, 2]), asker, asked)


def icmp_error(kind: int, segment: bytes, cut: int) -> bytes:
    """An error from a router about what the client would have got in answer to `segment`."""
    packet = segment[14:]
    turned = packet[:12] + packet[16:20] + packet[12:16] + packet[22:24] + packet[20:22] + packet[24:28]
    return frames.icmp("172.16.0.1", plans.VIP, kind, data=turned[:cut])


def mutated(chance: random.Random, sound: bytes) -> bytes:
    """Some bytes changed, or the end cut off, or more behind it."""
    frame = bytearray(sound)
    for _ in range(chance.randrange(4)):
        frame[chance.randrange(len(frame))] = chance.randrange(256)
    if chance.random() < 0.3:
        frame = frame[: chance.randrange(14, len(frame) + 1)]
    return bytes(frame) + chance.randbytes(chance.choice([0, 0, 1, 4]))


# ---- plans


ALL_TCP = Ports(Protocol.TCP, 0, 65535)
ALL_SCTP = Ports(Protocol.SCTP, 0, 65535)
SOME_TCP = Ports(Protocol.TCP, 80, 443)
SCHEDULERS = [scheduler for scheduler in Scheduler if scheduler is not RANDOM]
STICKY = {"other": 24, "web6": 64}
"""Persistent services, and the length of their clients' prefix."""
FLAGS_OF = {
    Scheduler.SH: [SchedulerFlag.SH_PORT, SchedulerFlag.SH_FALLBACK],
    Scheduler.MH: [SchedulerFlag.MH_PORT, SchedulerFlag.MH_FALLBACK],
}


def a_plan(number: int) -> Plan:
    """The plan of that number: three services at most, whose ports may lie within each other."""
    chance = random.Random(number)
    web6 = a_service(chance, "web6", plans.VIP6, chance.choice([(plans.HTTP, plans.HTTPS), (plans.DNS,), (ALL_TCP,)]))
    wishes = (
        web6,
        a_service(chance, "web", plans.VIP, chance.choice([(plans.HTTP, plans.HTTPS), (plans.HTTP,), (SOME_TCP,)])),
        a_service(chance, "dns", plans.VIP, (plans.DNS,)),
        a_service(chance, "other", plans.OTHER_VIP, chance.choice([(plans.HTTP,), (ALL_TCP,), (SOME_TCP,)])),
        a_service(chance, "rest", plans.VIP, chance.choice([(ALL_TCP,), (ALL_TCP, ALL_SCTP)])),
    )
    peers = frozenset({frames.PEER}) if chance.random() < 0.3 else frozenset()
    defence = Defence(icmp_rate=chance.choice([1000, 2, 0]), syn_rate=chance.choice([0, 0, 3]))
    return Plan(
        wishes[: chance.choice([5, 4, 4, 3, 2, 1])], answering=chance.random() < 0.7, defence=defence, peers=peers
    )


def a_service(chance: random.Random, name: str, vip: str, ports: tuple[Ports, ...]) -> ServicePlan:
    scheduler, addresses = chance.choice(SCHEDULERS), plans.REALS6 if ":" in vip else plans.REALS
    wish = plans.service(scheduler, name=name, vip=vip, ports=ports, on_down=chance.choice(list(OnDown)))
    return replace(
        wish,
        reals=tuple(a_real(chance, address) for address in chance.sample(addresses, chance.randrange(4))),
        scheduler_flags=frozenset(flag for flag in FLAGS_OF.get(scheduler, []) if chance.random() < 0.3),
        one_packet=ports == (plans.DNS,) and chance.random() < 0.2,
        persistence=chance.choice([60, 300]) if name in STICKY else 0,
        persistence_mask=STICKY.get(name, 32),
        sorry=plans.real(plans.SORRY) if chance.random() < 0.1 else None,
        on_no_real=chance.choice(list(OnNoReal)),
    )


def a_real(chance: random.Random, address: str) -> RealPlan:
    real = plans.real(address, chance.choice([0, 1, 1, 2, 3, 7]), up=chance.random() < 0.75)
    if chance.random() < 0.05:
        real = replace(real, mac=None, local=True)
    upper = chance.choice([0, 0, 0, 2, 5])
    mtu = chance.choice([0, 0, 0, 44, 68])  # smaller than any link's, as the frames here are
    if chance.random() < 0.1:
        real = replace(real, vlan=chance.choice([0, 20]))
    return replace(real, upper=upper, lower=chance.choice([0, 1]) if upper else 0, mtu=mtu)


changes = st.builds(a_plan, st.integers(0, 2**32 - 1))
bursts = st.builds(a_burst, st.integers(0, 2**32 - 1))
steps = st.one_of(bursts, bursts, st.builds(Change, changes), st.builds(Wait, st.sampled_from([1, 9, 61, 121, 901])))
stories = st.tuples(changes, st.lists(steps, min_size=4, max_size=12))


@settings(max_examples=STORIES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(stories)
def test_program_and_oracle_tell_the_same_story(
    loaded_xdp: Xdp, story: tuple[Plan, list[Send | Change | Wait]]
) -> None:
    xdp, oracle, now = loaded_xdp, Oracle(), 1000
    TOLD.append(sum(len(step.frames) for step in story[1] if isinstance(step, Send)))
    xdp.reset()
    for step in (Wait(0), Change(story[0]), *story[1]):
        match step:
            case Send(burst):
                for frame in burst:
                    end = xdp.send(frame)
                    assert end == oracle.send(frame)
                    assert end.frame == frame or end.frame[:6] in {*MACS, frame[6:12]}
            case Change(plan):
                xdp.apply(plan)
                oracle.apply(plan)
            case Wait(seconds):
                now += seconds
                xdp.at(now)
                oracle.at(now)


def test_they_were_many_packets() -> None:
    if not TOLD:
        pytest.skip("the stories were not told in this run")
    assert sum(TOLD) > STORIES * BURST * 2
