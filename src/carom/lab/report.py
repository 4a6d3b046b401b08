"""What a person reads about the demo and about a standing lab."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from carom.lab import director
from carom.lab.demo import REQUESTS, WEIGHTS, Outcome, expected
from carom.lab.drawing import draw
from carom.lab.faults import FAULTS
from carom.lab.network import NODES, VIP, Role, Wire, node_with_mac
from carom.lab.standing import DEFAULT_NAME, Lab
from carom.lab.survey import Survey

_BAR = 30
"""Columns of the longest bar."""


def demo(outcome: Outcome) -> str:
    """What a demo saw."""
    legend = "Packets on each leg, down and up the drawing, as its interface counted them."
    return "\n\n".join([draw(outcome.legs), legend, "\n".join(_facts(outcome))])


def verdict(outcome: Outcome) -> str:
    """What to think of it."""
    if outcome.problems:
        return "\n  ".join(["Not as it should be:", *outcome.problems])
    return f"All as it should be: in through the director, home straight from the real server, {REQUESTS} times."


def how_to_go_on() -> str:
    """What to do after a demo."""
    return "Look further\n" + _lines([("carom lab up", "the same network, kept standing"), *_things_to_try("")])


def invitation(lab: Lab) -> str:
    """What to do with a lab that has just been built."""
    tries = _things_to_try("" if lab.name == DEFAULT_NAME else f" --name {lab.name}")
    return f"{draw()}\n\nThe lab `{lab.name}` is up, its files in {lab.directory}. Try\n{_lines(tries)}"


def daemon_wanted(lab: Lab) -> str:
    """How to start the daemon of a lab that was built without."""
    which = [] if lab.name == DEFAULT_NAME else ["--name", lab.name]
    line = ["carom", "lab", "exec", *which, "director", "--", "caromd", *director.arguments(lab)]
    return f"The director has no daemon; to start it:\n  {shlex.join(line)}"


def faults() -> str:
    """Every fault: its name, the nodes it happens to, what is wrong then."""
    rows = [(fault.name, _nodes(fault.role), fault.about) for fault in FAULTS.values()]
    name, nodes = (max(len(row[column]) for row in rows) for column in range(2))
    return "\n".join(f"{row[0]:{name}}  {row[1]:{nodes}}  {row[2]}" for row in rows)


def carom_lab(verb: str, lab: Lab) -> str:
    """The command line of a verb for this lab, up to its arguments."""
    return f"carom lab {verb}" + ("" if lab.name == DEFAULT_NAME else f" --name {lab.name}")


def _nodes(role: Role) -> str:
    names = [node.name for node in NODES.values() if node.role is role]
    return names[0] if len(names) == 1 else f"{names[0]}-{names[-1].removeprefix(names[0][:-1])}"


def survey(seen: Survey) -> str:
    """A standing lab at work."""
    facts = [
        _fact("Lab", f"{seen.lab.name}, up since {seen.record.created}; files in {seen.lab.directory}"),
        _fact("Director", _director_now(seen)),
        _fact("Replies", f"{seen.leaked_bytes:,} bytes of them passed the director"),
        *(_fact("Running" if first else "", line) for first, line in _running(seen)),
        *(_fact("Broken", f"{node}: {', '.join(names)}") for node, names in seen.broken.items()),
    ]
    return f"{draw(seen.legs)}\n\nPackets on each leg since the lab was built.\n\n" + "\n".join(facts)


def _things_to_try(which: str) -> list[tuple[str, str]]:
    return [
        (f"carom lab exec{which} client -- curl -s http://{VIP}/", "a request, and who answered"),
        (f"carom lab exec{which} director -- carom status", "what the director did"),
        (f"carom lab exec{which} gateway1 -- ip -s link show internet", "replies that went home through it"),
        (f"carom lab exec{which} real1 -- bash", "a shell there"),
        (f"carom lab status{which}", "what crossed each leg so far"),
        (f"carom lab down{which}", "all of it gone"),
    ]


def _lines(tries: list[tuple[str, str]]) -> str:
    width = max(len(command) for command, why in tries if why)
    return "\n".join(f"  {command:{width}}  {why}".rstrip() for command, why in tries)


def _director_now(seen: Survey) -> str:
    if seen.status is None:
        return f"no daemon answers on {seen.lab.socket}"
    told = seen.status["director"]
    return f"{told['plane']} on {told['interface']} in {told['mode']} mode; configuration {seen.record.config}"


def _running(seen: Survey) -> Iterator[tuple[bool, str]]:
    busy = [(node, pids) for node, pids in seen.processes.items() if pids]
    for place, (node, pids) in enumerate(busy):
        yield place == 0, f"{node:9} {' '.join(map(str, pids))}"


def _facts(outcome: Outcome) -> Iterator[str]:
    tally = outcome.tally
    yield _fact("Requests", f"{tally.requests - tally.failed} of {tally.requests} answered, each on a fresh connection")
    yield from (_fact("", _share(name, outcome.by_real[name])) for name in WEIGHTS)
    yield _fact("ARP", _answers(outcome.answers))
    yield _fact("Way home", _way_home(outcome))
    yield _fact("", f"{outcome.leaked_bytes:,} bytes of replies passed the director")
    yield _fact("Director", _director(outcome))
    yield _fact("Download", _download(outcome))
    yield _fact("Time", f"{outcome.seconds:.1f} s")


def _fact(name: str, text: str) -> str:
    return f"{name:10}{text}".rstrip()


def _share(name: str, answered: int) -> str:
    """A bar of the real server's requests, and its share by weight."""
    bar = "█" * round(_BAR * answered / max(max(expected().values()), 1))
    return f"{name}  {bar:{_BAR}} {answered:4}   its weight, {WEIGHTS[name]}, asks for {expected()[name]:.0f}"


def _answers(macs: tuple[str, ...]) -> str:
    if not macs:
        return f"nobody answered for {VIP}"
    named = ", ".join(f"{node_with_mac(mac) or 'a stranger'} ({mac})" for mac in macs)
    return f"who has {VIP}? {named}" + (", and nobody else" if len(macs) == 1 else "")


def _way_home(outcome: Outcome) -> str:
    ways = [f"{size(seen)} by {name}" for name, seen in outcome.home_bytes.items()]
    return f"{size(sum(outcome.home_bytes.values()))} of replies went straight home: {', '.join(ways)}"


def _director(outcome: Outcome) -> str:
    leg = outcome.legs[Wire.SEGMENT, "director"]
    interface = outcome.status["director"]["interface"]
    return f"{size(leg.received_bytes)} in, {size(leg.sent_bytes)} out; XDP on {interface} in {outcome.xdp_mode} mode"


def _download(outcome: Outcome) -> str:
    if outcome.download is None:
        return "broke off"
    got = outcome.download
    return f"{size(got.bytes)} from {got.real} in {got.seconds:.2f} s, {size(got.bytes / got.seconds)} a second"


def size(count: float) -> str:
    """Bytes for a person, in decimal units."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
