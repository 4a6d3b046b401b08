"""Draw the lab's network for a person, with what crossed each leg, in 90 columns of plain text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from carom.lab.counters import Leg, Legs
from carom.lab.network import NODES, VIP, Node, Role, Wire

_WIDTH = 80
_CLIENT = 30
_BETWEEN = {"router": 10, "gateway1": 40, "gateway2": 70}
_BELOW = {"director": 10, "real1": 30, "real2": 50, "real3": 70}
"""The column of each node's middle, by the row of the drawing that it stands in."""


def draw(legs: Legs | None = None) -> str:
    """The network; with `legs`, each leg's packets: `↓` those that went down in the drawing, `↑` those that went up."""
    return "\n".join(line.rstrip() for line in _lines(legs or {}))


def _lines(legs: Legs) -> Iterator[str]:
    client = {"client": _CLIENT}
    yield _row({_CLIENT: "client"})
    yield _row({_CLIENT: _address(NODES["client"], Wire.INTERNET)})
    yield from _counts(client, Wire.INTERNET, legs, node_is_above=True)
    yield _wire(Wire.INTERNET, above=client, below=_BETWEEN)
    yield from _counts(_BETWEEN, Wire.INTERNET, legs, node_is_above=False)
    yield _row({column: name for name, column in _BETWEEN.items()})
    yield _row({column: _address(NODES[name], Wire.SEGMENT) for name, column in _BETWEEN.items()})
    yield from _counts(_BETWEEN, Wire.SEGMENT, legs, node_is_above=True)
    yield _wire(Wire.SEGMENT, above=_BETWEEN, below=_BELOW)
    yield from _counts(_BELOW, Wire.SEGMENT, legs, node_is_above=False)
    yield _row({column: name for name, column in _BELOW.items()})
    yield _row({column: _address(NODES[name], Wire.SEGMENT) for name, column in _BELOW.items()})
    yield _row({column: _part(NODES[name]) for name, column in _BELOW.items()})
    yield _row({column: _way_home(NODES[name]) for name, column in _BELOW.items()})


def _row(texts: Mapping[int, str]) -> str:
    """Texts, each with its middle at its column."""
    line = ""
    for column, text in sorted(texts.items()):
        line = line.ljust(column - len(text) // 2) + text
    return line


def _wire(wire: Wire, above: Mapping[str, int], below: Mapping[str, int]) -> str:
    ups, downs = set(above.values()), set(below.values())
    ticks = {(False, False): "═", (True, False): "╧", (False, True): "╤", (True, True): "╪"}
    return "".join(ticks[column in ups, column in downs] for column in range(_WIDTH)) + f" {wire}"


def _counts(columns: Mapping[str, int], wire: Wire, legs: Legs, *, node_is_above: bool) -> Iterator[str]:
    """The legs of a row of nodes to the wire below or above it; nothing where nothing was counted."""
    if legs:
        texts = {}
        for name, column in columns.items():
            leg = legs.get((wire, name), Leg())
            down, up = leg.received_packets, leg.sent_packets
            texts[column] = _arrows(up, down) if node_is_above else _arrows(down, up)
        yield _row(texts)


def _arrows(down: int, up: int) -> str:
    return f"↓{count(down)} ↑{count(up)}"


def count(number: int) -> str:
    """A number in at most seven characters."""
    return f"{number:,}" if number < 1_000_000 else f"{number / 1e6:,.1f} M"


def _address(node: Node, wire: Wire) -> str:
    return str(node.nic(wire).addresses[0].ip)


def _part(node: Node) -> str:
    """What the node does for the VIP."""
    last = str(VIP).rpartition(".")[2]
    return f"answers for .{last}" if node.role is Role.DIRECTOR else f".{last} on lo"


def _way_home(node: Node) -> str:
    return "" if node.role is Role.DIRECTOR else f"home by {node.home}"
