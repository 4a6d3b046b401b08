"""States against the kernel's own IPVS: after the same packets a flow is active in both, or in neither.

Only active flows are compared: the others end after some seconds, the active ones after a minute or later.
"""

from __future__ import annotations

from itertools import product

import pytest

from tests.dataplane.frames import CHUNKS
from tests.vm.kernel import answers
from tests.vm.player import ONCE
from tests.vm.program import Program
from tests.vm.uml import Machine

ASSOCIATIONS = [(CHUNKS["init"], *then) for then in product(set(CHUNKS.values()) - {CHUNKS["sack"]}, repeat=3)]
"""An INIT, then three chunks of whichever kinds."""
CONNECTIONS = [("syn", *then) for then in product(("syn", "ack", "fin", "rst"), repeat=4)]


def script(service: str, stories: list[list[str]]) -> list[str]:
    """One flow for each story, told as lines without their ends; counted after each."""
    told = [f"service {service}", "add 10.8.0.1 1"]
    for client_port, story in enumerate(stories, start=1024):
        told += [f"{line} 10.64.0.1 {client_port} 10.9.0.1 {service.split()[2]}" for line in story]
        told.append("counts")
    return told


@pytest.mark.parametrize(
    ("service", "stories"),
    [
        ("tcp 10.9.0.1 80 rr", [list(story) for story in CONNECTIONS]),
        ("sctp 10.9.0.1 2905 rr", [[f"chunk {kind}" for kind in story] for story in ASSOCIATIONS]),
    ],
    ids=["tcp", "sctp"],
)
def test_a_flow_is_active_when_it_is_in_ipvs(
    machine: Machine, program: Program, service: str, stories: list[list[str]]
) -> None:
    machine.check(ONCE)
    told = script(service, stories)
    theirs, ours = (_active(said) for said in (answers(machine, told), program.play(told)))
    assert theirs[-1] > 100, "some are active"
    for story, kernels, mine in zip(stories, theirs, ours, strict=True):
        assert kernels == mine, f"after {', '.join(story)}"


def _active(said: list[str] | list[str | None]) -> list[int]:
    """Of the answers that are counts, the active flows."""
    return [int(line.split("/")[1]) for line in said if line and "/" in line]
