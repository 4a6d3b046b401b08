"""`carom real-server` as it is typed: help, plans for people and programs, scripts, usage errors."""

from __future__ import annotations

import re
import resource
import subprocess
import sys

import pytest
from click.testing import CliRunner, Result

from carom.cli.real_server import command, method_help
from carom.realserver.arp import METHODS
from carom.realserver.persist.means import MEANS


def carom(*words: str) -> Result:
    return CliRunner().invoke(command, words, catch_exceptions=False)


def plain(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("name", ["plan", "join"])
def test_the_help_says_when_to_choose_which_method(name: str) -> None:
    said = plain(carom(name, "--help").stdout)
    for method in METHODS.values():
        assert plain(f"{method.name}: {method.summary} {method.choose}") in said
    for means in MEANS.values():
        assert plain(f"--persist {means.name}: {means.summary}") in said


def test_the_help_is_a_paragraph_for_each() -> None:
    assert method_help().count("\n\n") == len(METHODS) + len(MEANS) + 1


def test_every_command_is_listed_with_a_line() -> None:
    said = carom("--help").stdout
    assert re.findall(r"^  ([a-z]+)  ", said, re.MULTILINE) == ["join", "leave", "plan", "script", "verify"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("plan",), "Missing option '--vip'"),
        (("join", "--vip", "x"), "x is no IPv4 or IPv6 address"),
        (("plan", "--vip", "192.0.2.1", "--port", "http"), "http is no port; write tcp/80"),
        (("plan", "--vip", "192.0.2.1", "--method", "x"), "is not one of 'sysctl', 'arptables', 'nft', 'redirect'"),
        (("script", "--os", "plan9", "--vip", "192.0.2.1"), "is not one of 'windows', 'freebsd'"),
        (("script", "--os", "aix", "--vip", "224.0.0.1"), "224.0.0.1 can be no VIP: it is multicast"),
    ],
)
def test_wrong_usage(words: tuple[str, ...], sentence: str) -> None:
    done = carom(*words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert sentence in plain(done.stderr)


def test_a_script_goes_to_stdout_alone() -> None:
    done = carom("script", "--os", "freebsd", "--vip", "192.0.2.1", "--vip", "192.0.2.1")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith("#!/bin/sh\n# Carom real server on FreeBSD: 192.0.2.1\n")


def test_starting_takes_no_longer_than_reading_the_answer() -> None:
    """0.3 s of the processor's time, whatever else it does; imports are what it could be wasted on."""
    program = [sys.executable, "-m", "carom", "real-server", "--help"]
    spent = []
    for _ in range(3):
        before = computed()
        subprocess.run(program, check=True, capture_output=True)
        spent.append(computed() - before)
    assert min(spent) < 0.3


def test_no_netlink_library_is_imported() -> None:
    """It alone would take as long as everything else together."""
    code = "import sys, carom.cli.real_server; print('pyroute2' in sys.modules, 'asyncio' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "False"]


def computed() -> float:
    """Seconds that processes started from here have computed."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_a_refusal_leaves_stdout_empty_for_programs_too() -> None:
    done = carom("plan", "--vip", "192.0.2.1", "--interface", "lo", "--json")
    assert (done.exit_code, done.stdout) == (2, "")
