"""The OpenBSD script, its commands played."""

from __future__ import annotations

from pathlib import Path

from carom.realserver.foreign.openbsd import script
from tests.unit.realserver.foreign.running import below, calls
from tests.unit.realserver.words import VIP, VIP6


def test_an_interface_of_its_own_and_forwarding_put_back_by_undo(tmp_path: Path) -> None:
    text = below(script((VIP, VIP6), ()), tmp_path)
    (tmp_path / "etc/netstart").write_text(f'echo "netstart $1" >> {tmp_path}/calls\n')
    (tmp_path / "etc/sysctl.conf").write_text("kern.x=1\n")
    before = {path.name for path in (tmp_path / "etc").iterdir()}
    says = {"sysctl": "net.inet.ip.forwarding=0"}
    done = calls(text, tmp_path, uname="OpenBSD", says=says)
    assert done[-1] == "netstart lo1"
    assert "sysctl net.inet.ip.forwarding=1" in done
    assert (tmp_path / "etc/hostname.lo1").read_text().splitlines() == [
        "# carom",
        f"inet alias {VIP} 255.255.255.255",
        f"inet6 alias {VIP6} 128",
        "up",
    ]
    undone = calls(text, tmp_path, "undo", uname="OpenBSD", says=says)
    assert undone == ["ifconfig lo1 destroy", "sysctl net.inet.ip.forwarding=0"]
    assert (tmp_path / "etc/sysctl.conf").read_text() == "kern.x=1\n"
    assert {path.name for path in (tmp_path / "etc").iterdir()} == before


def test_ipv6_alone_leaves_ipv4_s_forwarding_alone() -> None:
    assert "net.inet.ip.forwarding" not in script((VIP6,), ())
