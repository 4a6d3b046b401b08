"""Which kinds of check there are."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, is_dataclass

import pytest

from carom.checks.http import Http
from carom.checks.registry import KINDS, build, kind


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_is_a_frozen_value_that_can_be_shared(name: str) -> None:
    checker = kind(name)
    assert is_dataclass(checker)
    made = build(name, {"command": ("/bin/true",)} if name == "script" else {})
    assert hash(made) == hash(build(name, {field.name: getattr(made, field.name) for field in fields(checker)}))


def test_a_check_is_built_from_its_options() -> None:
    assert build("http", {"path": "/health", "status": ((200, 200),)}) == Http(path="/health", status=((200, 200),))


def test_an_unknown_kind_has_no_class() -> None:
    with pytest.raises(KeyError):
        kind("gopher")


def test_a_kinds_libraries_are_loaded_with_its_first_check_only() -> None:
    program = (
        "import sys; from carom.checks.registry import build; build('tcp', {});"
        "assert not {'dns', 'h11', 're2'} & set(sys.modules);"
        "build('dns', {}); assert 'dns' in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
