"""The signals that end programs, turned into interrupts or held back."""

from __future__ import annotations

import os
import signal

import pytest

from carom.lab.signals import ENDING, as_interrupts, held_back


@pytest.mark.parametrize("number", ENDING)
def test_each_is_an_interrupt_meanwhile(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), as_interrupts():
        os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


def test_what_is_held_back_arrives_afterwards() -> None:
    steps = []
    with as_interrupts():
        try:
            with held_back():
                os.kill(os.getpid(), signal.SIGTERM)
                steps.append("cleaned up")
            steps.append("never reached")
        except KeyboardInterrupt:
            steps.append("interrupted")
    assert steps == ["cleaned up", "interrupted"]
