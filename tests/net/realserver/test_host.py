"""The host as it is: what it shows, what it runs, and how its refusals read."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from carom.errors import RealServerError, UnsupportedError
from carom.realserver.host import LinuxHost, interface_setting
from carom.realserver.steps import Command
from carom.realserver.view import Held, Nic
from tests.net.realserver_net import RIP, VIP, VIP6, Segment, segment
from tests.net.segment import inside


@pytest.fixture(scope="module")
def net() -> Iterator[Segment]:
    with segment() as built:
        yield built


@pytest.fixture
def host(net: Segment) -> Iterator[LinuxHost]:
    with inside(net.real):
        yield LinuxHost()


def test_its_interfaces(net: Segment, host: LinuxHost) -> None:
    net.on(net.real, "ip", "link", "add", "quiet0", "link", "eth0", "arp", "off", "type", "macvlan")
    try:
        assert set(host.nics()) == {
            Nic("lo", loopback=True, mtu=65536),
            Nic("eth0", kind="veth"),
            Nic("quiet0", up=False, arp=False, kind="macvlan"),
        }
    finally:
        net.on(net.real, "ip", "link", "del", "quiet0")


def test_its_addresses(net: Segment, host: LinuxHost) -> None:
    net.on(net.real, "ip", "address", "add", f"{VIP}/32", "dev", "lo")
    net.on(net.real, "ip", "address", "add", f"{VIP6}/128", "dev", "lo", "nodad")
    try:
        found = {held.address: held for held in host.held()}
    finally:
        net.on(net.real, "ip", "address", "del", f"{VIP}/32", "dev", "lo")
        net.on(net.real, "ip", "address", "del", f"{VIP6}/128", "dev", "lo")
    assert found[VIP] == Held(VIP, 32, "lo")
    assert found[VIP6] == Held(VIP6, 128, "lo", nodad=True)
    assert found[RIP] == Held(RIP, 24, "eth0")


def test_an_address_that_detection_found_elsewhere(net: Segment, host: LinuxHost) -> None:
    net.on(net.real, "sysctl", "-qw", "net.ipv6.conf.eth0.accept_dad=1")
    net.on(net.real, "ip", "address", "add", "fd77::1/64", "dev", "eth0")  # the director's
    try:
        for _ in range(200):
            found = {str(held.address): held for held in host.held()}["fd77::1"]
            if found.duplicate:
                break
            assert found.tentative
            threading.Event().wait(0.05)
    finally:
        net.on(net.real, "ip", "address", "del", "fd77::1/64", "dev", "eth0")
        net.on(net.real, "sysctl", "-qw", "net.ipv6.conf.eth0.accept_dad=0")
    assert found.duplicate


def test_settings_of_interfaces_with_dots_in_their_names(net: Segment, host: LinuxHost) -> None:
    net.on(net.real, "ip", "link", "add", "eth0.7", "link", "eth0", "type", "macvlan")
    try:
        assert interface_setting("ipv4", "eth0.7", "arp_ignore") == "0"
        assert interface_setting("ipv4", "eth0.8", "arp_ignore") is None
    finally:
        net.on(net.real, "ip", "link", "del", "eth0.7")


def test_a_setting_is_read_and_written(net: Segment, host: LinuxHost) -> None:
    key = "net.ipv4.conf.eth0.arp_filter"
    host.set_sysctl(key, "1")
    assert (host.sysctl(key), net.on(net.real, "sysctl", "-n", key).strip()) == ("1", "1")
    host.set_sysctl(key, "0")
    with pytest.raises(RealServerError, match=r"cannot read the kernel setting net\.ipv4\.no_such: No such file"):
        host.sysctl("net.ipv4.no_such")
    with pytest.raises(RealServerError, match=r"cannot set the kernel setting .* to many: Invalid argument"):
        host.set_sysctl(key, "many")


def test_a_command_that_fails_is_told_with_its_own_words(host: LinuxHost) -> None:
    with pytest.raises(RealServerError, match=r'^`ip link set eth7 up` failed: Cannot find device "eth7"$'):
        host.run(Command(("ip", "link", "set", "eth7", "up")))
    with pytest.raises(RealServerError, match="`no-such-program` is not installed, and"):
        host.run(Command(("no-such-program", "x")))


def test_what_the_kernel_lacks_is_an_error_of_its_own(host: LinuxHost) -> None:
    with pytest.raises(UnsupportedError, match="this kernel cannot do `ip link add x type no-such-kind`"):
        host.run(Command(("ip", "link", "add", "x", "type", "no-such-kind")))


def test_asking_is_never_an_error(host: LinuxHost, monkeypatch: pytest.MonkeyPatch) -> None:
    assert host.ask("no-such-program") is None
    assert host.ask("false") is None
    assert host.ask("echo", "here") == "here\n"
    monkeypatch.setattr("carom.realserver.host.SECONDS", 0.05)
    assert host.ask("sleep", "10") is None


def test_kinds_of_interfaces_are_tried_without_a_trace(net: Segment, host: LinuxHost) -> None:
    before = net.on(net.real, "ip", "link")
    assert host.makes("veth")
    assert not host.makes("no-such-kind")
    assert net.on(net.real, "ip", "link") == before
