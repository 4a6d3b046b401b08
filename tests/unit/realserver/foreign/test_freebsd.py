"""The FreeBSD script, its commands played."""

from __future__ import annotations

from pathlib import Path

from carom.realserver.foreign.freebsd import script
from tests.unit.realserver.foreign.running import below, calls
from tests.unit.realserver.words import VIP, VIP6

SAYS = {"sysctl": "0"}


def test_aliases_now_and_in_rc_conf_and_both_gone_after_undo(tmp_path: Path) -> None:
    text = below(script((VIP, VIP6), ()), tmp_path)
    done = calls(text, tmp_path, uname="FreeBSD", says=SAYS)
    assert [call for call in done if call.startswith("ifconfig")] == [
        f"ifconfig lo0 inet {VIP}/32 alias",
        f"ifconfig lo0 inet6 {VIP6}/128 alias",
    ]
    kept = tmp_path / "etc/rc.conf.d/netif/carom"
    assert kept.read_text() == f'ifconfig_lo0_aliases="${{ifconfig_lo0_aliases-}} inet {VIP}/32 inet6 {VIP6}/128"\n'
    undone = calls(text, tmp_path, "undo", uname="FreeBSD", says=SAYS)
    assert undone == [f"ifconfig lo0 inet {VIP} -alias", f"ifconfig lo0 inet6 {VIP6} -alias"]
    assert not kept.parent.exists()
