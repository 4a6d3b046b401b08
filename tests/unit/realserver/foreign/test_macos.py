"""The macOS script, its commands played."""

from __future__ import annotations

import plistlib
from pathlib import Path

from carom.realserver.foreign.macos import LABEL, script
from tests.unit.realserver.foreign.running import below, calls
from tests.unit.realserver.words import VIP, VIP6


def test_launchd_runs_it_now_and_at_boot_and_undo_takes_all_away(tmp_path: Path) -> None:
    text = below(script((VIP, VIP6), ()), tmp_path)
    (tmp_path / "Library/LaunchDaemons").mkdir()
    says = {"sysctl": "1"}
    done = calls(text, tmp_path, uname="Darwin", says=says)
    plist = tmp_path / f"Library/LaunchDaemons/{LABEL}.plist"
    wanted = plistlib.loads(plist.read_bytes())
    program = Path(wanted["ProgramArguments"][0])
    assert (wanted["Label"], wanted["RunAtLoad"], program.exists()) == (LABEL, True, True)
    assert f"ifconfig lo0 alias {VIP} 255.255.255.255\n" in program.read_text()
    assert f"ifconfig lo0 inet6 {VIP6} prefixlen 128 alias\n" in program.read_text()
    assert done[-1] == f"launchctl bootstrap system {plist}"
    undone = calls(text, tmp_path, "undo", uname="Darwin", says=says)
    assert undone[-3:] == [
        f"ifconfig lo0 {VIP} -alias",
        f"ifconfig lo0 inet6 {VIP6} -alias",
        "sysctl -w net.inet.ip.check_interface=1",
    ]
    assert not plist.exists()
    assert not program.exists()
