"""The AIX script, its commands played."""

from __future__ import annotations

from pathlib import Path

from carom.realserver.foreign.aix import script
from tests.unit.realserver.foreign.running import below, calls
from tests.unit.realserver.words import VIP, VIP6


def test_aliases_now_and_from_inittab(tmp_path: Path) -> None:
    text = below(script((VIP, VIP6), ()), tmp_path)
    done = calls(text, tmp_path, uname="AIX", says={"lsitab": "exit 1"})
    program = tmp_path / "etc/rc.carom-real-server"
    assert done == [
        f"ifconfig lo0 alias {VIP} netmask 255.255.255.255",
        f"ifconfig lo0 inet6 {VIP6}/128 alias",
        "lsitab caromvip",
        f"mkitab -i rctcpip caromvip:2:once:{program} >/dev/console 2>&1",
    ]
    undone = calls(text, tmp_path, "undo", uname="AIX")
    assert undone == ["rmitab caromvip", f"ifconfig lo0 {VIP} delete", f"ifconfig lo0 inet6 {VIP6} delete"]
    assert not program.exists()
