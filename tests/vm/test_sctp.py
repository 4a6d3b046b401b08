"""SCTP's states against the kernel's own IPVS: after the same chunks an association is active in both, or in none."""

from __future__ import annotations

from itertools import product

from tests.dataplane.frames import CHUNKS
from tests.vm.kernel import answers
from tests.vm.player import ONCE
from tests.vm.program import Program
from tests.vm.uml import Machine

SENT = [kind for name, kind in CHUNKS.items() if name != "sack"]


def test_what_a_client_sends_makes_an_association_active_as_in_ipvs(machine: Machine, program: Program) -> None:
    """Each association begins with an INIT and goes on with three chunks of whichever kinds; counted after each one.

    Only active ones are compared: the others end after some seconds, the active ones after a quarter of an hour.
    """
    machine.check(ONCE)
    script = ["service sctp 10.9.0.1 2905 rr", "add 10.8.0.1 1"]
    stories = list(product(SENT, repeat=3))
    for port, chunks in enumerate(stories, start=1024):
        script += [f"chunk {kind} 10.64.0.1 {port} 10.9.0.1 2905" for kind in (CHUNKS["init"], *chunks)]
        script.append("counts")
    told, ours = ([_active(line) for line in said] for said in (answers(machine, script), program.play(script)))
    assert told[-1] > 100, "some become active"
    for story, theirs, mine in zip(stories, told, ours, strict=True):
        assert theirs == mine, f"after an INIT and chunks {story}"


def _active(counts: str | None) -> int:
    assert counts
    return int(counts.split("/")[1])
