"""What holds for the scripts of all foreign systems."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from carom.errors import WishError
from carom.realserver.foreign.scripts import SCRIPTS, script
from tests.unit.realserver.words import VIP, VIP2, VIP6, WEB

VIPS = (VIP, VIP2, VIP6)


@pytest.mark.parametrize("system", SCRIPTS)
def test_every_vip_is_filled_in_and_undone(system: str) -> None:
    text = script(system, VIPS, ())
    for vip in VIPS:
        assert str(vip) in text
    assert re.search("undo", text, re.IGNORECASE)
    assert "@" not in text.replace("@{", "").replace("@(", "").replace("@'", "").replace("'@", "").replace("@rule", "")


@pytest.mark.parametrize("system", SCRIPTS)
def test_every_source_is_cited_and_every_citation_is_listed(system: str) -> None:
    text = script(system, VIPS, (WEB,))
    listed = set(re.findall(r"^#   \[(\d)\] ", text, re.MULTILINE))
    sources, _, body = text.partition("Sources:")
    cited = re.findall(r"(?<!\w)\[(\d)\]", sources + re.sub(r"^#   \[\d\].*$", "", body, flags=re.MULTILINE))
    assert listed
    assert set(cited) == listed


@pytest.mark.parametrize("system", [system for system in SCRIPTS if system != "windows"])
def test_a_shell_understands_it(system: str) -> None:
    text = script(system, VIPS, ())
    for shell in ("sh", "dash", "bash", "ksh"):
        if shutil.which(shell):
            subprocess.run([shell, "-n"], input=text, text=True, check=True)


@pytest.mark.parametrize("system", SCRIPTS)
def test_what_can_be_no_vip_is_refused_here_too(system: str) -> None:
    with pytest.raises(WishError, match="it is multicast"):
        script(system, (type(VIP)("224.0.0.1"),), ())
