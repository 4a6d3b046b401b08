"""A whole session: containers, what is remembered of earlier joins, and what keeps it over a reboot."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.net.realserver_net import VIP, VIP2, Segment, resolve, segment, snapshot
from tests.net.segment import inside


@pytest.fixture(scope="module")
def net() -> Iterator[Segment]:
    with segment(VIP, VIP2) as built:
        yield built


def carom(*words: str, root: Path | None = None) -> subprocess.CompletedProcess[str]:
    """`carom real-server`, started on the host and not in the namespace."""
    place = ("--root", str(root)) if root else ()
    command = [sys.executable, "-m", "carom", "real-server", *words, *place]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_container_is_prepared_from_outside(net: Segment, tmp_path: Path) -> None:
    """By the id of a process in it, as a container has no name in /run/netns; found again by the name."""
    before = snapshot(net)
    with inside(net.real):
        lives = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with lives:
        done = carom("join", "--vip", str(VIP), "--netns", str(lives.pid), root=tmp_path)
        lives.communicate(b"\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{VIP}/32" in net.on(net.real, "ip", "address", "show", "dev", "lo")
    assert resolve(net, VIP, 20) == [{"director"}] * 20
    checked = carom("verify", "--netns", net.real, "--json", root=tmp_path)
    boot = next(each for each in json.loads(checked.stdout)["findings"] if each["name"] == "boot")
    assert (boot["verdict"], "ends with what it was made for" in boot["evidence"]) == ("unknown", True)
    assert carom("leave", "--netns", net.real, root=tmp_path).returncode == 0
    assert snapshot(net) == before


def test_the_hosts_own_boot_files_are_not_for_a_namespace(net: Segment) -> None:
    done = carom("join", "--vip", str(VIP), "--netns", net.real, "--persist", "systemd")
    assert done.returncode == 2
    assert "would give the VIP to the host, not to the namespace" in done.stderr


def test_what_was_said_at_join_needs_not_be_said_again(net: Segment, tmp_path: Path) -> None:
    join = ("join", "--vip", str(VIP), "--method", "arptables", "--tool", "arptables-legacy", "--port", "tcp/80")
    assert net.carom(*join, "--persist", "systemd", root=tmp_path).returncode == 0
    try:
        again = json.loads(net.carom("join", "--vip", str(VIP), "--json", root=tmp_path).stdout)
        assert (again["method"], again["persist"], again["changed"]) == ("arptables", "systemd", False)
        found = json.loads(net.carom("verify", "--json", root=tmp_path).stdout)["findings"]
        assert ("listener", f"{VIP} tcp/80") in {(each["name"], each["subject"]) for each in found}
    finally:
        net.carom("leave", root=tmp_path)


def test_vips_joined_in_different_ways_are_each_judged_by_their_own(net: Segment, tmp_path: Path) -> None:
    assert net.carom("join", "--vip", str(VIP), "--method", "nft", root=tmp_path).returncode == 0
    redirect = ("join", "--vip", str(VIP2), "--method", "redirect", "--port", "tcp/80")
    assert net.carom(*redirect, root=tmp_path).returncode == 0
    try:
        found = json.loads(net.carom("verify", "--json", root=tmp_path).stdout)["findings"]
        names = {(each["name"], each["subject"]): each["verdict"] for each in found}
        assert names[("arp-ignore", str(VIP))] == "ok"
        assert names[("redirect-rule", f"{VIP2} tcp/80")] == "ok"
        assert ("arp-ignore", str(VIP2)) not in names
    finally:
        net.carom("leave", root=tmp_path)


def test_boot_files_move_when_another_means_is_named_and_go_with_none(net: Segment, tmp_path: Path) -> None:
    def files() -> set[str]:
        return {path.name for path in (tmp_path / "etc").rglob("*") if path.is_file() or path.is_symlink()}

    join = ("join", "--vip", str(VIP))
    try:
        for means, wanted in (
            ("systemd", {"99-zz-carom-real-server.conf", "carom-real-server.service"}),
            ("networkd", {"99-zz-carom-real-server.conf", "10-carom-lo.network"}),
            ("none", set()),
        ):
            assert net.carom(*join, "--persist", means, root=tmp_path).returncode == 0
            assert files() == wanted
    finally:
        net.carom("leave", root=tmp_path)
    assert not (tmp_path / "etc").exists(), "folders that were made for them are gone too"


@pytest.mark.parametrize(
    ("there", "means"),
    [("run/systemd/system/", "systemd"), ("etc/network/interfaces", "ifupdown"), ("etc/hosts", "")],
)
def test_the_means_is_what_the_system_boots_by(net: Segment, tmp_path: Path, there: str, means: str) -> None:
    path = tmp_path / there
    path.parent.mkdir(parents=True)
    if there.endswith("/"):
        path.mkdir()
    else:
        path.write_text("source /etc/network/interfaces.d/*\n")
    planned = json.loads(net.carom("plan", "--vip", str(VIP), "--json", root=tmp_path).stdout)
    assert planned["persist"] == means
    assert bool(planned["files"]) == bool(means)
