"""Who plays in the schedulers' tests: servers A, B, C, D, in list order (D was added first), and a client."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Address

from carom.dataplane.fake.schedulers import Candidate, Request, Rule

A, B, C, D = 1, 2, 3, 4
REQUEST = Request(IPv4Address("10.64.0.1"), 33000, IPv4Address("192.168.76.24"), 80)


def server(number: int, weight: int = 1, *, active: int = 0, inactive: int = 0, overloaded: bool = False) -> Candidate:
    address = IPv4Address("192.168.76.30") + number
    return Candidate(number, address, weight, 80, active, inactive, overloaded)


def weighing(*weights: int) -> list[Candidate]:
    """A, B, C and D with these weights."""
    return [server(number, weight) for number, weight in enumerate(weights, start=A)]


def full(candidates: Sequence[Candidate]) -> list[Candidate]:
    """All of them at their upper thresholds."""
    return [replace(candidate, overloaded=True) for candidate in candidates]


def picks(rule: Rule, candidates: Sequence[Candidate], times: int) -> str:
    """The next picks as letters, `-` for none."""
    chosen = (rule.pick(REQUEST, candidates) for _ in range(times))
    return "".join("-" if number is None else "ABCD"[number - A] for number in chosen)
