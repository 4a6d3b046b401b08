"""Regular expressions that no input can make slow."""

from __future__ import annotations

import time

import pytest

from carom.core.pattern import compiled, found


def test_a_pattern_is_found_in_bytes_of_any_kind() -> None:
    assert found("ok|fine", b"all is fine")
    assert not found("^ok$", b"\xff\x00ok")
    assert found("\\x00", b"\0")


def test_what_holds_pythons_re_for_hours_takes_no_time() -> None:
    before = time.perf_counter()
    assert not found("^(a+)+$", b"a" * 100_000 + b"b")
    assert time.perf_counter() - before < 1


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(?=x)", "invalid perl operator: \\(\\?="),
        ("(", "missing \\): \\("),
        ("\\1", "invalid escape sequence"),
        ("x{5000}", "invalid repetition size"),
    ],
)
def test_what_re2_does_not_know_is_refused_by_name(pattern: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"not a regular expression that RE2 knows: {message}"):
        compiled(pattern)
