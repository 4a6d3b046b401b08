"""The frames that are measured, read by scapy."""

from __future__ import annotations

from itertools import product

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from bench import cases
from bench.cases import BY_NAME, CASES, FLOW_NUMBERS
from carom.model import Protocol


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_frame_says_what_its_case_is_called(case: cases.Case) -> None:
    frame = Ether(cases.frame(case, flow=35))
    ip = frame[IP if case.family == 4 else IPv6]
    address, port = cases.client(case.family, 35)
    assert (ip.src, frame[ip.payload.name].sport) == (str(address), port)
    assert frame[ip.payload.name].dport == cases.PORTS[case.protocol]
    assert ip.dst == str(case.target or cases.VIPS[case.family])
    assert (TCP if case.protocol is Protocol.TCP else UDP) in frame


def test_a_syn_is_a_syn_and_a_handshake_can_be_forced_on_any_case() -> None:
    assert Ether(cases.frame(BY_NAME["tcp4_syn"]))[TCP].flags == "S"
    assert Ether(cases.frame(BY_NAME["tcp4_hot"]))[TCP].flags == "A"
    assert Ether(cases.frame(BY_NAME["tcp4_hot"], flags=cases.SYN))[TCP].flags == "S"


def test_lengths_are_those_of_the_headers_and_short_frames_are_padded() -> None:
    frames = {case.name: cases.frame(case) for case in CASES}
    assert {len(frame) for name, frame in frames.items() if "4" in name} == {60}
    assert Ether(frames["udp4_hot"])[IP].len == 28
    assert Ether(frames["tcp6_hot"])[IPv6].plen == 20


@pytest.mark.parametrize("family", [4, 6])
def test_flows_next_to_each_other_and_at_the_end_are_different_clients(family: int) -> None:
    numbers = [*range(1000), FLOW_NUMBERS - 1]
    assert len({cases.client(family, number) for number in numbers}) == len(numbers)


def test_the_cases_are_those_that_the_targets_and_results_are_known_by() -> None:
    flows = {name: case.flows for name, case in BY_NAME.items() if case.is_warmed}
    sizes = {"hot": 1, "4k": 4096, "128k": 131_072, "512k": 524_288}
    expected = [f"tcp4_{size}" for size in sizes]
    expected += [f"{kind}_{size}" for kind, size in product(("udp4", "tcp6"), ("hot", "128k"))]
    assert flows == {name: sizes[name.split("_")[1]] for name in [*expected, "udp6_128k"]}
