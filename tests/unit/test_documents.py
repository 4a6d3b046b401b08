"""Pages that repeat what code says are held to it."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/data-plane.md").read_text()


def part(name: str) -> str:
    found = re.search(f"<!-- {name} -->(.*)<!-- /{name} -->", PAGE, re.DOTALL)
    assert found
    return found[1]


def test_the_page_has_every_reason_in_the_programs_own_words() -> None:
    code = re.findall(r'REASON\((\w+),\s*XDP_(\w+),\s*(\d), "([^"]*)"\)', (ROOT / "bpf/reason.h").read_text())
    rows = re.findall(r"\| `(\w+)` \| (\w+) \| (\S+) \| (.*) \|", part("reasons"))
    assert rows == [
        (name.lower(), verdict, "yes" if normal == "1" else "**no**", text) for name, verdict, normal, text in code
    ]


def test_the_page_has_every_map() -> None:
    code = re.findall(r"\} (\w+) SEC\(\"\.maps\"\)", "".join(path.read_text() for path in (ROOT / "bpf").glob("*.h")))
    named = [
        name
        for row in part("maps").splitlines()[3:]
        for name in re.findall(r"`(\w+)`", row.split("|")[1] if "|" in row else "")
    ]
    assert sorted(named) == sorted(code)
