"""What a fuzz made, and how it ended: kinds of packets down, reasons across, in packets of ten thousand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from carom.cli.table import lines
from tests.fuzz.duet import Tally


def table(tally: Tally) -> Iterator[str]:
    """Line by line, the commonest reasons first."""
    reasons, kinds = Counter[str](), Counter[str]()
    for (kind, reason), count in tally.ends.items():
        reasons[reason] += count
        kinds[kind] += count
    for reason, count in reasons.most_common():
        yield f"{reason:16}{count:12,}  {100 * count / tally.packets:5.1f} %"
    yield ""
    names = [reason for reason, _ in reasons.most_common()]
    rows = [(kind, *(_share(tally.ends[kind, reason], tally.packets) for reason in names)) for kind in kinds]
    yield from lines([("of 10,000", *names), *rows], frozenset({0}))


def _share(count: int, whole: int) -> str:
    """Nothing for none, `+` for less than one in ten thousand."""
    share = round(10_000 * count / whole)
    return str(share) if share else "+" if count else ""
