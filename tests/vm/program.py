"""Plays a mirror's script to the packet program: the third voice of a differential test, beside kernel and oracle.

The same words, on one machine: what the player sends as a frame to the kernel goes to the program by
BPF_PROG_TEST_RUN, and what it tells IPVS over netlink becomes one more plan, applied at once.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from ipaddress import ip_address

from carom.core.plan import Plan, RealPlan, ServicePlan
from carom.core.slots import tracks_all
from carom.dataplane.xdp.libbpf import XDP_TX
from carom.model import Address, Ports, Protocol, Scheduler, SchedulerFlag
from tests.dataplane.frames import DIRECTOR, ROUTER, ethernet, ip4, ip6, sctp, tcp_segment
from tests.dataplane.planes import Xdp
from tests.fuzz.duet import Runner

FLAGS = {"syn": "S", "ack": "A", "fin": "FA", "rst": "R"}
TCP, UDP = 6, 17
BEGIN = 1000


class Program:
    """The program with one service, and what it answers to each line of a script."""

    def __init__(self, xdp: Xdp) -> None:
        xdp.reset()
        xdp.at(BEGIN)
        self._xdp, self._run = xdp, Runner(xdp.loaded.director)
        self._service: ServicePlan | None = None
        self._reals: dict[Address, RealPlan] = {}
        """In the order in which they were added."""
        self._homes: dict[str, Address] = {}
        """Each flow's server, by the flow's words."""

    def play(self, script: list[str]) -> list[str | None]:
        """The answers to those lines that are answered: the server's number, `-`, or the counts.

        None: it keeps no counts, since a client finds its server by hash alone.
        """
        answers: list[str | None] = []
        for line in script:
            verb, *words = line.split()
            if verb in ("syn", "udp"):
                answers.append(self._begin(verb, words))
            elif verb == "counts":
                answers.append(self._counts())
            elif verb == "service":
                self._service_of(*words)
            else:
                getattr(self, f"_{verb}")(*words)
        return answers

    # ---- what operators do

    def _service_of(self, protocol: str, vip: str, port: str, scheduler: str, *flags: str) -> None:
        ports = (Ports(Protocol(protocol), int(port), int(port)),)
        kept = [int(number) for flag in flags if "=" in flag for number in flag.partition("=")[2].split("/")]
        persistence, mask = kept or (0, ip_address(vip).max_prefixlen)
        self._service = ServicePlan(
            *("tested", ip_address(vip), ports, Scheduler(scheduler), ()),
            scheduler_flags=frozenset(SchedulerFlag(flag) for flag in flags if "=" not in flag and flag != "ops"),
            one_packet="ops" in flags,
            persistence=persistence,
            persistence_mask=mask,
        )

    def _edit(self, server: str, weight: str, upper: str = "0", lower: str = "0") -> None:
        address = ip_address(server)
        mac = bytes((2, 0, 0, 0, 1, address.packed[-1]))
        self._reals[address] = RealPlan(address, int(weight), mac, True, int(upper), int(lower))
        self._apply()

    _add = _edit

    def _delete(self, server: str) -> None:
        del self._reals[ip_address(server)]
        self._apply()

    def _apply(self) -> None:
        assert self._service
        self._xdp.apply(Plan((replace(self._service, reals=tuple(self._reals.values())),)))

    # ---- what clients do

    def _begin(self, verb: str, words: list[str]) -> str:
        verdict, frame = self._run(self._frame(verb, words))
        if verdict != XDP_TX or frame[4] != 1:
            return "-"
        number = frame[5]
        self._homes[" ".join(words)] = next(a for a in self._reals if a.packed[-1] == number)
        return str(number)

    def _go_on(self, verb: str, words: list[str]) -> None:
        """IPVS drops what a flow sends while its server is taken out; Carom would let the flow finish."""
        if self._homes.get(" ".join(words)) in self._reals:
            self._run(self._frame(verb, words))

    def _ack(self, *words: str) -> None:
        self._go_on("ack", list(words))

    def _fin(self, *words: str) -> None:
        self._go_on("fin", list(words))

    def _rst(self, *words: str) -> None:
        self._go_on("rst", list(words))

    def _chunk(self, kind: str, client: str, client_port: str, vip: str, port: str) -> None:
        self._run(sctp(f"{client}:{client_port}", f"{vip}:{port}", int(kind)))

    @staticmethod
    def _frame(verb: str, words: list[str]) -> bytes:
        client, client_port, vip, port = words
        ports = int(client_port), int(port)
        if verb == "udp":
            protocol, payload = UDP, struct.pack("!HHHH", *ports, 8, 0)
        else:
            protocol, payload = TCP, tcp_segment(*ports, FLAGS[verb])
        if ":" in vip:
            return ethernet(ip6(client, vip, protocol, payload), 0x86DD, DIRECTOR, ROUTER)
        return ethernet(ip4(client, vip, protocol, payload))

    def _counts(self) -> str | None:
        assert self._service
        if not tracks_all(replace(self._service, reals=tuple(self._reals.values()))):
            return None
        loads = {real.address: (real.active, real.inactive) for real in self._xdp.read().reals}
        servers = reversed(self._reals.values())
        return " ".join(f"{r.address}={r.weight}/{'/'.join(map(str, loads[r.address]))}" for r in servers)


def difference(script: list[str], expected: list[str], answers: list[str | None]) -> str | None:
    """The first answer of the program that is not that of kernel and oracle, with what led to it."""
    asked = [number for number, line in enumerate(script) if line.split()[0] in {"syn", "udp", "counts"}]
    for nth, (theirs, ours) in enumerate(zip(expected, answers, strict=True)):
        if ours is not None and ours != theirs:
            story = "\n".join(script[max(asked[nth] - 12, 0) : asked[nth] + 1])
            return f"answer {nth}: kernel and oracle say {theirs}, the program {ours}, after\n{story}"
    return None
