"""The Windows script. PowerShell is not here to run it: what can be read in the text is checked."""

from __future__ import annotations

import re

import pytest

from carom.model import Ports, Protocol
from carom.realserver.foreign.windows import script
from tests.unit.realserver.foreign.powershell import UnreadableError, code, unknown_variables
from tests.unit.realserver.words import VIP, VIP6, WEB


def test_the_vips_are_whole_addresses_of_their_family() -> None:
    text = script((VIP, VIP6), ())
    assert f"@{{ Address = '{VIP}'; Prefix = 32; Family = 'IPv4' }}" in text
    assert f"@{{ Address = '{VIP6}'; Prefix = 128; Family = 'IPv6' }}" in text


def test_every_part_that_the_manuals_ask_for_is_there() -> None:
    text = script((VIP,), ())
    for part in (
        "netloop.inf",
        "-WeakHostReceive Enabled",
        "-WeakHostSend Enabled",
        "-InterfaceMetric 254",
        "-SkipAsSource $true",
        "New-NetFirewallRule",
        "-DadTransmits 0",
    ):
        assert part in text


def test_every_function_that_is_called_is_defined() -> None:
    text = script((VIP,), ())
    defined = set(re.findall(r"^function ([A-Z]\w+-\w+)", text, re.MULTILINE))
    assert defined == {
        "Get-Loopback",
        "Get-Nic",
        "Install-Loopback",
        "Save-Before",
        "Set-HostModel",
        "Add-Vips",
        "Add-FirewallRules",
        "Undo-All",
    }
    for name in defined:
        assert len(re.findall(rf"\b{name}\b", text)) >= 2


SCRIPTS = {
    "one VIP": script((VIP,), ()),
    "both families and a port": script((VIP, VIP6), (WEB,)),
    "IPv6 alone": script((VIP6,), (WEB,)),
}


@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS)
def test_strings_and_brackets_end_and_every_variable_is_set(text: str) -> None:
    assert unknown_variables(text) == set()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("if ($true) { Get-Nic", r"not closed: \{"),
        ("@( 'a' }", "line 1: } closes nothing"),
        ("Get-Nic\n'a", "line 2: a string that does not end"),
        ('"$(Get-Nic (1)"', "not closed"),
    ],
)
def test_the_reader_of_these_tests_bites(text: str, fault: str) -> None:
    with pytest.raises(UnreadableError, match=fault):
        code(text)


def test_a_variable_that_nobody_sets_is_found() -> None:
    assert unknown_variables("$one = 1\nforeach ($two in $one) { $two + $three }  # $four '$five'") == {"three"}


@pytest.mark.parametrize(
    ("ports", "rule"),
    [
        ((), "Protocol = 'Any'; Port = 'Any'"),
        ((WEB,), "Protocol = 'TCP'; Port = '80'"),
        ((Ports(Protocol.UDP, 1000, 2000),), "Protocol = 'UDP'; Port = '1000-2000'"),
        ((Ports(Protocol.TCP, 0, 65535),), "Protocol = 'TCP'; Port = 'Any'"),
        ((Ports(Protocol.SCTP, 80, 80),), "Protocol = '132'; Port = 'Any'"),
    ],
)
def test_what_the_firewall_opens(ports: tuple[Ports, ...], rule: str) -> None:
    assert f"@{{ {rule} }}" in script((VIP,), ports)
