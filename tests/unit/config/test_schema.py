"""The JSON Schema: current, and of one mind with the loader."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from carom.config.load import load
from carom.config.schema import schema
from carom.errors import ConfigError
from tests.unit.config.faulty import KEYS, VALUES, WEB, Faulty, check, web

ROOT = Path(__file__).parents[3]
VALIDATOR = Draft202012Validator(schema(), format_checker=Draft202012Validator.FORMAT_CHECKER)
EXAMPLES = sorted((ROOT / "examples").rglob("*.toml"))


def accepts(text: str) -> bool:
    return VALIDATOR.is_valid(tomllib.loads(text))


def test_the_committed_schema_is_current() -> None:
    done = subprocess.run([sys.executable, "-m", "carom.config.schema"], capture_output=True, text=True, check=True)
    assert done.stdout == (ROOT / "docs/carom.schema.json").read_text(), (
        "run: python -m carom.config.schema > docs/carom.schema.json"
    )


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_it_accepts_every_example(file: Path) -> None:
    errors: list[Any] = list(VALIDATOR.iter_errors(tomllib.loads(file.read_text())))
    assert not errors


BEYOND = {
    "port 0",
    "port 65536",
    "ports backwards",
    "persistence by half",
    "a duration that is no number",
    "a name with a line break",  # JSON Schema's `$`, as Python's, lets one pass
}
"""What is wrong with these takes arithmetic, or more care than a pattern has."""
NUMBERS = [case for case in (*KEYS, *VALUES) if case.what != "a duration of too many digits"]  # it has none for this


@pytest.mark.parametrize("case", NUMBERS, ids=lambda case: case.what)
def test_it_refuses_wrong_keys_and_values_as_far_as_a_schema_can(case: Faulty) -> None:
    assert accepts(case.text) == (case.what in BEYOND)


@pytest.mark.parametrize(
    "text",
    [
        web("slow_start = 1", "persistence = 60.0"),
        web('slow_start = "1.5s"', "check = false"),
        check('kind = "icmp"'),
        check("port = 8080"),
        check('kind = "https"', "status = [200, '300-399']", "headers = { A = 'b' }", "expiry_warning = 0"),
        WEB,
    ],
)
def test_it_accepts_what_the_loader_accepts(text: str) -> None:
    load(text, "x")
    assert accepts(text)


def test_it_says_what_an_editor_shows() -> None:
    service = schema()["properties"]["service"]["items"]["properties"]
    assert service["scheduler"]["default"] == "wlc"
    assert service["one_packet"] == {
        "description": "UDP only: schedule every datagram by itself.",
        "type": "boolean",
        "default": False,
    }
    assert json.loads(json.dumps(schema())) == schema()


def test_rules_between_values_are_the_loaders_alone() -> None:
    text = web("minimum = 3")
    assert accepts(text)
    with pytest.raises(ConfigError):
        load(text, "x")
