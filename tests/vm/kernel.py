"""What a guest's kernel answers to a script of the player's."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.vm.player import SEGMENT
from tests.vm.uml import Machine

ROOT = Path(__file__).parents[2]


def answers(machine: Machine, script: list[str]) -> list[str]:
    """Play the script in the guest; give the kernel's answers. The modules of player.ONCE are there."""
    (machine.share / "segment").write_text(SEGMENT)
    (machine.share / "script").write_text("\n".join(script))
    player = f"{sys.executable} -S -m tests.vm.player /run/share/script /run/share/answers"
    machine.check(f"cd {ROOT} && unshare --net sh -c '(. /run/share/segment) >/dev/null && {player}'")
    return (machine.share / "answers").read_text().splitlines()
