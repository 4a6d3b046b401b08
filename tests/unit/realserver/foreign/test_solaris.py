"""The Solaris script, its commands played."""

from __future__ import annotations

from pathlib import Path

from carom.realserver.foreign.solaris import script
from tests.unit.realserver.foreign.running import calls
from tests.unit.realserver.words import VIP, VIP6


def test_address_objects_of_lo0(tmp_path: Path) -> None:
    """ipadm knows none of the objects yet: it fails when asked for them, and is then told to make them."""
    text = script((VIP, VIP6), ())
    missing = 'case "$1" in show-addr) exit 1 ;; esac'
    done = calls(text, tmp_path, uname="SunOS", says={"ipadm": f"exit_unless() {{ {missing}; }}; exit_unless $1"})
    assert [call for call in done if "create" in call] == [
        f"ipadm create-addr -T static -a local={VIP}/32 lo0/carom0",
        f"ipadm create-addr -T static -a local={VIP6}/128 lo0/carom1",
    ]
    assert calls(text, tmp_path, "undo", uname="SunOS") == [
        "ipadm delete-addr lo0/carom0",
        "ipadm delete-addr lo0/carom1",
    ]
