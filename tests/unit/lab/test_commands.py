"""Running the system's tools."""

from __future__ import annotations

import pytest

from carom.errors import LabError
from carom.lab.commands import require_tools, run


def test_what_a_tool_prints_is_returned_and_what_it_reads_is_given() -> None:
    assert run("cat", stdin="words\n") == "words\n"


def test_a_refusal_carries_the_tools_own_words() -> None:
    with pytest.raises(LabError, match=r"^`sh -c echo no >&2; exit 3` failed: no$"):
        run("sh", "-c", "echo no >&2; exit 3")


def test_a_silent_refusal_carries_its_exit_status() -> None:
    with pytest.raises(LabError, match=r"^`false` failed: exit status 1$"):
        run("false")


def test_a_missing_tool_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(LabError, match="the lab needs `ip`, which is not installed: apt install iproute2"):
        require_tools()
