"""The NIC merges no frames that the program would have to send on."""

from __future__ import annotations

import pytest

from carom.doctor.kinds import offload
from carom.finding import Verdict
from carom.lab.standing import Lab
from carom.net import nic
from tests.net.doctor.ward import ask, of, wrong


def test_it_does_not(lab: Lab) -> None:
    assert of(ask(lab, offload.findings), "offload") == {("eth0", ""): Verdict.OK}


@pytest.mark.parametrize(
    ("on", "remedy"),
    [
        ({"rx-lro"}, "ethtool -K eth0 lro off"),
        ({"rx-lro", "rx-gro", "rx-gro-hw"}, "ethtool -K eth0 lro off rx-gro-hw off"),
    ],
)
def test_it_does(lab: Lab, on: set[str], remedy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No NIC here can; `tests/net/net/test_nic.py` shows that its features are read right."""
    monkeypatch.setattr(nic, "features", lambda _: frozenset(on))
    found = ask(lab, offload.findings)
    assert wrong(found) == {("offload", "eth0", "")}
    assert found[0].remedy == remedy
