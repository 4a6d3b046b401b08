"""What the guest says on the segment, and what it is asked there: every ARP frame and neighbour message, on its tap."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scapy.layers.inet6 import ICMPv6ND_NA
from scapy.layers.l2 import ARP, Ether
from scapy.utils import rdpcap

from carom.lab import namespaces
from carom.model import Address

ETH_P_ARP = 0x0806
EVERY = 0.05
"""Seconds between questions."""
READY_WITHIN = 10.0


@dataclass(frozen=True, slots=True)
class Heard:
    """What a capture holds of one host."""

    claims: tuple[str, ...]
    """Its frames that say an address is its own, as sentences."""
    answered: int
    """Its answers about the other address that was asked for, which it does own on the segment."""
    asked: int
    """Questions about the first address that were put to it."""


def heard(capture: Path, mac: str, vips: tuple[Address, ...], own: Address) -> Heard:
    """What the host with this MAC said of the VIPs, and of its own address."""
    names = {str(vip) for vip in vips}
    claims, answered, asked = [], 0, 0
    for packet in rdpcap(str(capture)):
        if packet[Ether].src != mac:
            asked += ARP in packet and packet[ARP].op == 1 and packet[ARP].pdst in names
        elif ARP in packet:
            answered += packet[ARP].op == 2 and packet[ARP].psrc == str(own)
            if packet[ARP].psrc in names:
                claims.append(packet.summary())
        elif ICMPv6ND_NA in packet and packet[ICMPv6ND_NA].tgt in names:
            claims.append(packet.summary())
    return Heard(tuple(claims), answered, asked)


@contextmanager
def capturing(namespace: str, interface: str, file: Path) -> Iterator[None]:
    """Write down every frame of ARP and ICMPv6 on an interface, in both directions, until this ends."""
    words = ("tcpdump", "-n", "-U", "-s", "0", "-i", interface, "-w", str(file), "arp or icmp6")
    command = ("nsenter", f"--net=/run/netns/{namespace}", *words)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as dump:
        try:
            assert dump.stderr is not None
            assert any("listening on" in line for line in dump.stderr)
            yield
        finally:
            dump.terminate()
            dump.communicate()


@contextmanager
def asking(namespace: str, interface: str, sender: str, *targets: Address) -> Iterator[None]:
    """From a node, ask the whole segment again and again who has these addresses, until this ends."""
    wire = namespaces.inside(namespace, lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
    wire.bind((interface, 0))
    own, end = wire.getsockname()[4].hex(":"), threading.Event()
    frames = [
        bytes(Ether(src=own, dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, hwsrc=own, psrc=each, pdst=str(target)))
        for target in targets
        for each in (sender, "0.0.0.0")
    ]

    def ask() -> None:
        while not end.wait(EVERY):
            for frame in frames:
                wire.send(frame)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()
        wire.close()


def until(file: Path, mac: str, vips: tuple[Address, ...], own: Address) -> Heard:
    """Wait until the capture holds an answer of the host's about its own address, or a claim."""
    end = time.monotonic() + READY_WITHIN
    while True:
        seen = heard(file, mac, vips, own)
        if seen.answered or time.monotonic() > end:
            return seen
        threading.Event().wait(0.2)
