"""Pages that repeat what code says are held to it."""

from __future__ import annotations

import re
from pathlib import Path

from carom.core.news import EVENTS

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


def test_the_page_has_the_sizes_of_the_tables() -> None:
    code = {path.name: path.read_text() for path in (ROOT / "bpf").rglob("*.h")}

    def number(file: str, before: str) -> int:
        [found] = re.findall(rf"{before} \(?([0-9 <]+)", code[file])
        base, _, shift = found.partition(" << ")
        return int(base) << int(shift or 0)

    entries = r"LRU_HASH\);\n\t__uint\(max_entries,"
    syns = number("defence.h", "define SYNCAP_BUCKETS") * number("defence.h", "define SYNCAP_PLACES")
    for words in (
        f"Templates are kept for {number('templates.h', entries):,} clients",
        f"The table holds {number('fragments.h', entries):,} datagrams",
        f"for {number('fragment.h', 'define FRAGMENT_SECONDS')} seconds",
        f"There are {syns:,} counters",
    ):
        assert words in PAGE


def test_the_picture_of_a_packets_walk_has_every_way_in_which_it_can_end() -> None:
    code = re.findall(r"REASON\((\w+),\s*XDP_(\w+)", (ROOT / "bpf/reason.h").read_text())
    drawn = re.findall(r"(PASS|DROP|OUT|TX) +(\w+(?:, \w+)*)", part("picture"))
    ends = {(verdict, name) for verdict, names in drawn for name in names.split(", ")}
    assert ends == {(verdict, name.lower()) for name, verdict in code} - {("PASS", "internal")}


def test_the_page_of_events_has_every_event_and_no_other() -> None:
    page = (ROOT / "docs/events.md").read_text()
    rows = page.split("<!-- events -->")[1].split("<!-- /events -->")[0].splitlines()[3:]
    named = [name for row in rows for name in re.findall("`([a-z ]+)`", row.split("|")[1])]
    assert sorted(named) == sorted(EVENTS)


def test_the_page_of_events_has_whatever_else_is_logged_with_fields() -> None:
    page = (ROOT / "docs/events.md").read_text()
    calls = re.compile(r'(?:log|audit)\.(?:info|warning)\(\s*"([a-z][a-z;, ]+)"')
    logged = {name for path in (ROOT / "src/carom").rglob("*.py") for name in calls.findall(path.read_text())}
    assert logged >= {"attached", "plan applied", "hook failed", "change applied"}
    assert [name for name in sorted(logged) if f"`{name}`" not in page] == []


def test_the_page_has_every_map() -> None:
    text = "".join(path.read_text() for path in (ROOT / "bpf").rglob("*.h"))
    code = re.findall(r"\} (\w+) SEC\(\"\.maps\"\)", text) + re.findall(r" SEC\(\"\.bss\.(\w+)\"\)", text)
    assert len(code) > 30
    named = [
        name
        for row in part("maps").splitlines()[3:]
        for name in re.findall(r"`(\w+)`", row.split("|")[1] if "|" in row else "")
    ]
    assert sorted(named) == sorted(code)
