"""Changes: each can say how it is now, be made, be written down, and be taken back."""

from __future__ import annotations

import json
from ipaddress import ip_address

import pytest

from carom.errors import LabError
from carom.lab import changes
from carom.lab.changes import WEB_SERVER, Change, Command, NativeXdp, Running, Setting
from carom.lab.standing import Lab
from tests.net.labs import on

KEY = "ipv4/conf/eth0/arp_ignore"


@pytest.mark.parametrize(
    "change",
    [
        Setting("real1", KEY, "0"),
        Command("real1", ("ip", "link", "set", "eth0", "mtu", "1400"), ("ip", "link", "set", "eth0", "mtu", "1500")),
        Command("real1", ("nft", "-f", "-"), ("true",), "table inet t {\n}\n"),
        Running("real1", WEB_SERVER, ("real1", "192.168.76.24:80")),
        Running("real1", WEB_SERVER, ()),
        NativeXdp("segment", "gateway1", fit=True),
    ],
    ids=str,
)
def test_it_outlives_its_process_as_json(change: Change) -> None:
    assert changes.from_json(json.loads(json.dumps(changes.to_json(change)))) == change


def test_a_setting_is_read_before_it_is_written(wired: Lab) -> None:
    change = Setting("real1", KEY, "0")
    inverse = change.inverse(wired)
    assert inverse == Setting("real1", KEY, "1")
    change.make(wired)
    assert change.inverse(wired) == change
    inverse.make(wired)
    assert change.inverse(wired) == inverse


def test_a_setting_that_is_not_there_is_an_error(wired: Lab) -> None:
    with pytest.raises(LabError, match="real1 has no setting ipv4/conf/eth9/arp_ignore"):
        Setting("real1", "ipv4/conf/eth9/arp_ignore", "0").make(wired)


def test_a_command_is_undone_by_its_other_half(wired: Lab) -> None:
    link = ("ip", "link", "set", "eth0", "mtu")
    change = Command("real1", (*link, "1400"), (*link, "1500"))
    change.make(wired)
    assert "mtu 1400" in on(wired, "real1", "ip", "link", "show", "eth0")
    change.inverse(wired).make(wired)
    assert "mtu 1500" in on(wired, "real1", "ip", "link", "show", "eth0")


def test_a_web_server_is_stopped_moved_and_brought_back(serving: Lab) -> None:
    before = Running("real1", WEB_SERVER, ()).inverse(serving)
    assert isinstance(before, Running)
    assert before.arguments[:2] == ("real1", "192.168.76.24:80")
    for arguments in ((), ("real1", "192.168.76.31:80"), before.arguments):
        Running("real1", WEB_SERVER, arguments).make(serving)
        assert Running("real1", WEB_SERVER, ()).inverse(serving) == Running("real1", WEB_SERVER, arguments)


def test_where_a_web_server_listens_stands_in_its_arguments() -> None:
    expected = ((ip_address("192.168.76.24"), 80), (ip_address("fd00:76::24"), 8080))
    assert changes.endpoints(("real1", "192.168.76.24:80", "[fd00:76::24]:8080")) == expected


def test_a_port_is_made_fit_for_native_xdp_and_unfit_again(wired: Lab) -> None:
    change = NativeXdp("segment", "gateway2", fit=True)
    before = ports(wired)
    change.make(wired)
    assert ports(wired) == sorted([*before, "gateway2"])
    change.inverse(wired).make(wired)
    assert ports(wired) == before


def ports(lab: Lab) -> list[str]:
    """The ports with a program."""
    return sorted(link["ifname"] for link in json.loads(on(lab, "segment", "ip", "-j", "link")) if "xdp" in link)
