"""`carom` itself: its table of commands, and what becomes of errors."""

from __future__ import annotations

import os
import subprocess
import sys
from types import ModuleType

import click
import pytest
from click.testing import CliRunner, Result

from carom.cli.main import COMMANDS, Entry, carom
from carom.errors import CaromError, ConfigError, LabError, UnreachableError
from carom.model import Fault


def invoke_command_that_raises(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> Result:
    @click.command
    def command() -> None:
        raise error

    module = ModuleType("stand_in")
    module.__dict__["command"] = command
    monkeypatch.setitem(sys.modules, "stand_in", module)
    monkeypatch.setitem(COMMANDS, "stand-in", Entry("stand_in", "Raises an error."))
    return CliRunner().invoke(carom, ["stand-in"])


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there_and_says_what_the_table_says(name: str) -> None:
    command = carom.get_command(click.Context(carom), name)
    assert command is not None
    assert command.get_short_help_str(limit=200) == COMMANDS[name].help


def test_help_names_every_command_and_imports_none() -> None:
    program = (
        "import sys; from carom.cli.main import COMMANDS, carom; carom(['--help'], standalone_mode=False);"
        "sys.exit(any(entry.module in sys.modules for entry in COMMANDS.values()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for name, entry in COMMANDS.items():
        assert name in done.stdout
        assert entry.help in done.stdout


def test_an_unknown_command_is_wrong_usage() -> None:
    result = CliRunner().invoke(carom, ["blance"])
    assert result.exit_code == 2
    assert "No such command 'blance'" in result.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [(UnreachableError("no director answers on x"), 2), (LabError("no lab is up"), 1), (CaromError("it broke"), 1)],
)
def test_an_error_is_one_line_and_an_exit_code(error: CaromError, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    result = invoke_command_that_raises(error, monkeypatch)
    assert (result.exit_code, result.stdout, result.stderr) == (code, "", f"carom: {error}\n")


def test_a_faulty_configuration_is_its_faults_as_editors_read_them(monkeypatch: pytest.MonkeyPatch) -> None:
    faults = (Fault("c.toml", 3, "service[0].vip", "not an address"), Fault("c.toml", 9, "service[1]", "no reals"))
    result = invoke_command_that_raises(ConfigError(faults), monkeypatch)
    assert result.exit_code == 1
    assert result.stderr == "c.toml:3: service[0].vip: not an address\nc.toml:9: service[1]: no reals\n"


def test_ctrl_c_is_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    result = invoke_command_that_raises(KeyboardInterrupt(), monkeypatch)
    assert (result.exit_code, result.output) == (130, "")


def test_an_error_nobody_planned_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    result = invoke_command_that_raises(ZeroDivisionError(), monkeypatch)
    assert isinstance(result.exception, ZeroDivisionError)


def test_a_reader_that_went_away_is_no_traceback() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run([sys.executable, "-m", "carom", "--help"], stdout=writer, stderr=subprocess.PIPE)
    finally:
        os.close(writer)
    assert done.stderr == b""
