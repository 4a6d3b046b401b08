"""The picture of the network."""

from __future__ import annotations

import pytest

from carom.lab.counters import Leg
from carom.lab.drawing import count, draw
from carom.lab.network import NODES, Wire


def test_the_network_without_counts() -> None:
    assert (
        draw()
        == """\
                           client
                        203.0.113.10
══════════╤═══════════════════╧═════════╤═════════════════════════════╤═════════ internet
       router                       gateway1                      gateway2
    192.168.76.1                  192.168.76.2                  192.168.76.3
══════════╪═══════════════════╤═════════╧═════════╤═══════════════════╪═════════ segment
      director              real1               real2               real3
    192.168.76.10       192.168.76.31       192.168.76.32       192.168.76.33
   answers for .24        .24 on lo           .24 on lo           .24 on lo
                      home by gateway1    home by gateway1    home by gateway2"""
    )


def test_each_leg_has_its_counts_between_its_node_and_its_wire() -> None:
    legs = {
        (Wire.INTERNET, "client"): Leg(sent_packets=11, received_packets=12),
        (Wire.INTERNET, "router"): Leg(sent_packets=21, received_packets=22),
        (Wire.SEGMENT, "router"): Leg(sent_packets=31, received_packets=32),
        (Wire.SEGMENT, "director"): Leg(sent_packets=41, received_packets=42),
    }
    lines = draw(legs).splitlines()
    assert lines[2].split() == ["↓11", "↑12"]  # the client stands above its wire: what it sends goes down
    assert lines[4].split()[:2] == ["↓22", "↑21"]  # the router hangs below the internet
    assert lines[7].split()[:2] == ["↓31", "↑32"]  # and stands above the segment
    assert lines[9].split()[:2] == ["↓42", "↑41"]  # below which the director hangs


def test_it_fits_a_terminal_however_much_was_counted() -> None:
    full = Leg(sent_packets=999_999, received_packets=999_999)
    drawing = draw({(wire, name): full for wire in Wire for name in NODES})
    assert max(map(len, drawing.splitlines())) <= 90
    assert "↓999,999 ↑999,999↓" not in drawing


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0"), (999_999, "999,999"), (1_000_000, "1.0 M"), (1_234_567_890, "1,234.6 M")]
)
def test_counts_are_short(number: int, text: str) -> None:
    assert count(number) == text
