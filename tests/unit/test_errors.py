"""The tree of errors: who catches the root catches all, and each carries what its reader needs."""

from __future__ import annotations

import inspect

import pytest

from carom import errors
from carom.errors import BpfError, CaromError, ConfigError
from carom.model import Fault

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, Exception)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_everything_raised_on_purpose_is_a_carom_error(kind: type[Exception]) -> None:
    assert issubclass(kind, CaromError)
    assert kind.__name__ in (errors.__doc__ or ""), "the tree at the head of the file shows it"


def test_a_config_error_reads_as_its_faults_line_by_line() -> None:
    faults = (Fault("x", 1, "a", "wrong"), Fault("x", 2, "b", "wrong too"))
    assert str(ConfigError(faults)) == "x:1: a: wrong\nx:2: b: wrong too"
    assert ConfigError(faults).faults == faults


def test_a_bpf_error_carries_number_and_log() -> None:
    error = BpfError("load x", 22, "the verifier's words")
    assert (str(error), error.errno, error.log) == ("load x", 22, "the verifier's words")
