"""`verify` on a real kernel: every fault that can be made here is found by its name, and a sound host has none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.net.realserver_net import RIP, ROUTER, VIP, VIP6, Segment, daemon, segment

DIRECTOR = "10.77.0.1"
JOIN = ("join", "--vip", str(VIP), "--vip", str(VIP6), "--port", "tcp/80", "--persist", "systemd")


@pytest.fixture(scope="module")
def net() -> Iterator[Segment]:
    with segment(VIP, VIP6) as built:
        yield built


@pytest.fixture
def root(net: Segment, tmp_path: Path) -> Iterator[Path]:
    """A real server that is sound, daemon and all; what a test spoils is put back."""
    assert net.carom(*JOIN, root=tmp_path).returncode == 0
    with daemon(net, "::", "here"):
        yield tmp_path
    net.carom("leave", root=tmp_path)


def findings(net: Segment, root: Path, *options: str) -> dict[tuple[str, str], dict[str, str]]:
    """What verify says, by name and subject."""
    done = net.carom("verify", "--director", DIRECTOR, *options, "--json", root=root)
    assert done.stderr == ""
    found = json.loads(done.stdout)["findings"]
    assert done.returncode == (1 if any(each["verdict"] == "fault" for each in found) else 0)
    return {(each["name"], each["subject"]): each for each in found}


def ill(found: dict[tuple[str, str], dict[str, str]]) -> dict[tuple[str, str], str]:
    return {key: each["verdict"] for key, each in found.items() if each["verdict"] in ("warning", "fault")}


def test_a_sound_host_has_no_fault(net: Segment, root: Path) -> None:
    found = findings(net, root)
    assert {each["verdict"] for each in found.values()} <= {"ok", "unknown"}
    assert {key for key, each in found.items() if each["verdict"] == "unknown"} == {("default-route", str(VIP6))}, (
        "the director's IPv6 address was not named"
    )


FAULTS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, str], str]] = {
    "nobody ignores ARP": (
        ("sysctl", "-qw", "net.ipv4.conf.all.arp_ignore=0"),
        ("sysctl", "-qw", "net.ipv4.conf.all.arp_ignore=1"),
        ("arp-ignore", str(VIP)),
        "eth0 answers who-has",
    ),
    "lo alone ignores ARP": (
        ("sysctl", "-qw", "net.ipv4.conf.all.arp_ignore=0", "net.ipv4.conf.lo.arp_ignore=1"),
        ("sysctl", "-qw", "net.ipv4.conf.all.arp_ignore=1", "net.ipv4.conf.lo.arp_ignore=0"),
        ("arp-ignore", str(VIP)),
        "lo's own arp_ignore has no effect",
    ),
    "the NIC says what all does not": (
        ("sysctl", "-qw", "net.ipv4.conf.eth0.arp_ignore=3"),
        ("sysctl", "-qw", "net.ipv4.conf.eth0.arp_ignore=0"),
        ("arp-ignore", str(VIP)),
        "eth0.arp_ignore=3",
    ),
    "the VIP is named in requests": (
        ("sysctl", "-qw", "net.ipv4.conf.all.arp_announce=1"),
        ("sysctl", "-qw", "net.ipv4.conf.all.arp_announce=2"),
        ("arp-announce", str(VIP)),
        "ask for its gateway again",
    ),
    "the VIP is gone": (
        ("ip", "address", "del", f"{VIP}/32", "dev", "lo"),
        ("ip", "address", "add", f"{VIP}/32", "dev", "lo"),
        ("vip-address", str(VIP)),
        "does not own it",
    ),
    "the VIP brings its network along": (
        ("ip", "address", "add", f"{VIP}/24", "dev", "lo"),
        ("ip", "address", "del", f"{VIP}/24", "dev", "lo"),
        ("vip-prefix", str(VIP)),
        "makes all of 10.77.0.0/24 local",
    ),
    "the VIP is on the NIC": (
        ("ip", "address", "add", f"{VIP}/32", "dev", "eth0"),
        ("ip", "address", "del", f"{VIP}/32", "dev", "eth0"),
        ("arp-ignore", str(VIP)),
        "the VIP is an address of that NIC",
    ),
    "the IPv6 VIP is on the NIC": (
        ("ip", "address", "add", f"{VIP6}/128", "dev", "eth0", "nodad"),
        ("ip", "address", "del", f"{VIP6}/128", "dev", "eth0"),
        ("neighbour-discovery", str(VIP6)),
        "eth0 answers neighbour solicitations",
    ),
    "the director is the gateway": (
        ("ip", "route", "replace", "default", "via", DIRECTOR),
        ("ip", "route", "replace", "default", "via", str(ROUTER)),
        ("default-route", str(VIP)),
        "which is the director (its address)",
    ),
    "there is no gateway": (
        ("ip", "route", "del", "default"),
        ("ip", "route", "replace", "default", "via", str(ROUTER)),
        ("default-route", str(VIP)),
        "there is no route to clients",
    ),
    "the NIC takes small frames": (
        ("ip", "link", "set", "eth0", "mtu", "1400"),
        ("ip", "link", "set", "eth0", "mtu", "1500"),
        ("mtu", "eth0"),
        "eth0 takes 1400 bytes",
    ),
}


@pytest.mark.parametrize(("spoil", "mend", "where", "evidence"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_found_by_its_name(
    net: Segment, root: Path, spoil: tuple[str, ...], mend: tuple[str, ...], where: tuple[str, str], evidence: str
) -> None:
    with ExitStack() as after:
        net.on(net.real, *spoil)
        after.callback(net.on, net.real, *mend)
        found = findings(net, root)
    assert where in ill(found)
    assert evidence in found[where]["evidence"]
    assert found[where]["remedy"]


def test_a_second_gateway_behind_the_director_is_known_by_its_mac(net: Segment, root: Path) -> None:
    """The gateway's address is none of the director's that were named, but the same MAC answers for both."""
    net.on(net.director, "ip", "address", "add", "10.77.0.2/32", "dev", "eth0")
    try:
        net.on(net.real, "ip", "route", "replace", "default", "via", "10.77.0.2")
        for address in ("10.77.0.2", DIRECTOR):
            net.on(net.real, "ip", "neigh", "replace", address, "lladdr", net.mac(net.director), "dev", "eth0")
        found = findings(net, root)[("default-route", str(VIP))]
    finally:
        net.on(net.real, "ip", "route", "replace", "default", "via", str(ROUTER))
        net.on(net.real, "ip", "neigh", "flush", "dev", "eth0")
        net.on(net.director, "ip", "address", "del", "10.77.0.2/32", "dev", "eth0")
    assert (found["verdict"], "both have the MAC" in found["evidence"]) == ("fault", True)


def test_the_way_back_by_another_nic_under_strict_rp_filter(net: Segment, root: Path) -> None:
    net.on(net.real, "ip", "link", "add", "eth1", "type", "veth", "peer", "name", "far")
    try:
        for command in (
            ("ip", "address", "add", "10.78.0.31/24", "dev", "eth1"),
            ("ip", "link", "set", "eth1", "up"),
            ("ip", "link", "set", "far", "up"),
            ("ip", "route", "replace", "default", "via", "10.78.0.254"),
            ("sysctl", "-qw", "net.ipv4.conf.eth0.rp_filter=1"),
        ):
            net.on(net.real, *command)
        found = findings(net, root)[("rp-filter", f"{VIP} eth0")]
    finally:
        net.on(net.real, "ip", "link", "del", "eth1")
        net.on(net.real, "ip", "route", "replace", "default", "via", str(ROUTER))
        net.on(net.real, "sysctl", "-qw", "net.ipv4.conf.eth0.rp_filter=0")
    assert (found["verdict"], found["remedy"]) == ("fault", "sysctl -w net.ipv4.conf.eth0.rp_filter=2")


@pytest.mark.parametrize(
    ("address", "verdict", "evidence"),
    [
        ("", "fault", "nothing listens there"),
        (str(RIP), "fault", f"listens on {RIP}:80 only"),
        ("0.0.0.0", "ok", "listens on 0.0.0.0:80"),
        (str(VIP), "ok", f"listens on {VIP}:80"),
        ("::", "ok", "listens on [::]:80"),
    ],
)
def test_where_the_daemon_listens(net: Segment, tmp_path: Path, address: str, verdict: str, evidence: str) -> None:
    assert net.carom("join", "--vip", str(VIP), "--port", "tcp/80", root=tmp_path).returncode == 0
    try:
        with daemon(net, address, "here") if address else ExitStack():
            found = findings(net, tmp_path)[("listener", f"{VIP} tcp/80")]
    finally:
        net.carom("leave", root=tmp_path)
    assert (found["verdict"], evidence in found["evidence"]) == (verdict, True), found


def test_a_listener_that_takes_ipv6_only_does_not_serve_an_ipv4_vip(net: Segment, tmp_path: Path) -> None:
    """`::` in the socket table means both, unless IPV6_V6ONLY is set, as nginx does."""
    assert net.carom("join", "--vip", str(VIP), "--port", "tcp/80", root=tmp_path).returncode == 0
    try:
        with daemon(net, "::", "here", only_ipv6=True):
            found = findings(net, tmp_path)[("listener", f"{VIP} tcp/80")]
    finally:
        net.carom("leave", root=tmp_path)
    assert (found["verdict"], "listens on [::]:80 only" in found["evidence"]) == ("fault", True), found


def test_a_host_prepared_by_hand_is_judged_too(net: Segment, tmp_path: Path) -> None:
    """Chapter 3.2.1, typed as it stands there; Carom joined nothing."""
    commands = (
        f"arptables-legacy -A INPUT -d {VIP} -j DROP",
        f"arptables-legacy -A OUTPUT -s {VIP} -j mangle --mangle-ip-s {RIP}",
        f"ip address add {VIP}/32 dev eth0",
    )
    for command in commands:
        net.on(net.real, *command.split())
    try:
        found = findings(net, tmp_path, "--vip", str(VIP))
    finally:
        net.on(net.real, "arptables-legacy", "-F")
        net.on(net.real, "ip", "address", "del", f"{VIP}/32", "dev", "eth0")
    assert ill(found) == {}
    assert found[("arp-ignore", str(VIP))]["evidence"] == "an ARP rule drops every request for it"
    assert found[("boot", str(VIP))]["verdict"] == "unknown"


def test_a_flushed_rule_set_is_noticed_and_mended_by_joining_again(net: Segment, tmp_path: Path) -> None:
    """`systemctl reload nftables` begins with a flush."""
    join = ("join", "--vip", str(VIP), "--method", "nft")
    assert net.carom(*join, root=tmp_path).returncode == 0
    try:
        net.on(net.real, "nft", "flush", "ruleset")
        assert ill(findings(net, tmp_path)).keys() >= {("arp-ignore", str(VIP)), ("arp-announce", str(VIP))}
        assert net.carom(*join, root=tmp_path).returncode == 0
        assert ill(findings(net, tmp_path)) == {}
    finally:
        net.carom("leave", root=tmp_path)


def test_a_boot_file_that_someone_changed_is_named(net: Segment, root: Path) -> None:
    unit = root / "etc/systemd/system/carom-real-server.service"
    unit.write_text(unit.read_text() + "# mine\n")
    found = findings(net, root)[("boot", f"{VIP}, {VIP6}")]
    assert (found["verdict"], found["evidence"]) == (
        "warning",
        "changed or gone since join: /etc/systemd/system/carom-real-server.service",
    )


def test_with_nothing_joined_and_no_vip_named_there_is_nothing_to_check(net: Segment, tmp_path: Path) -> None:
    done = net.carom("verify", root=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "carom: no VIP is joined on this host; name those to check with --vip\n"
