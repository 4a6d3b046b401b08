"""Every method on a real kernel: silent, serving, and gone without a trace.

For each: 200 fresh resolutions that the director alone answers, the gateway looked up again without a change of owner,
200 requests served, and then the whole host compared with what it was before.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.net.realserver_net import (
    PORT,
    RIP,
    VIP,
    VIP2,
    VIP6,
    Segment,
    believes,
    daemon,
    point,
    reply_after_the_gateway_was_forgotten,
    requests,
    resolve,
    segment,
    snapshot,
)

TIMES = 200
VIPS = (VIP, VIP2, VIP6)
NAMED = tuple(word for vip in VIPS for word in ("--vip", str(vip)))

METHODS = {
    "sysctl": (),
    "arptables by arptables-nft": ("--method", "arptables", "--tool", "arptables-nft"),
    "arptables by arptables-legacy": ("--method", "arptables", "--tool", "arptables-legacy"),
    "nft": ("--method", "nft"),
    "noarp": ("--method", "noarp"),
}
REDIRECTS = {
    f"redirect by {tool}": ("--method", "redirect", "--tool", tool, "--port", f"tcp/{PORT}", "--shared-ports")
    for tool in ("nft", "iptables-nft", "iptables-legacy")
}
ALL = {**METHODS, **REDIRECTS}


@pytest.fixture(scope="module")
def net() -> Iterator[Segment]:
    with segment(*VIPS) as built:
        yield built


@pytest.fixture
def need() -> None:
    """Every tool of every method; the tests are no proof with half of them."""
    tools = ("nft", "arptables-nft", "arptables-legacy", "iptables-nft", "iptables-legacy", "ip6tables-legacy")
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"apt install iptables arptables nftables: {', '.join(missing)} missing")


def joined(net: Segment, root: Path, options: tuple[str, ...]) -> None:
    done = net.carom("join", *NAMED, *options, root=root)
    assert (done.returncode, done.stderr) == (0, "")


def left(net: Segment, root: Path) -> None:
    done = net.carom("leave", root=root)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.usefixtures("need")
@pytest.mark.parametrize("options", ALL.values(), ids=ALL)
def test_a_method_is_silent_serves_and_leaves_no_trace(net: Segment, tmp_path: Path, options: tuple[str, ...]) -> None:
    before = snapshot(net)
    joined(net, tmp_path, options)
    try:
        for vip in VIPS:
            assert resolve(net, vip, TIMES) == [{"director"}] * TIMES
        for vip in (VIP, VIP2) if options in METHODS.values() else ():
            point(net, vip, net.director)
            reply_after_the_gateway_was_forgotten(net, vip)
            assert believes(net, vip) == "director"
        once = snapshot(net)
        again = net.carom("join", *NAMED, *options, "--json", root=tmp_path)
        assert json.loads(again.stdout)["changed"] is False
        assert snapshot(net) == once, "joining again changes nothing"
        with ExitStack() as daemons:
            for address in map(str, VIPS) if options in METHODS.values() else ("::",):
                daemons.enter_context(daemon(net, address, "here"))
            for vip, times in zip(VIPS, (TIMES, 20, TIMES), strict=True):
                assert requests(net, vip, times) == {"here": times}
    finally:
        left(net, tmp_path)
    assert snapshot(net) == before
    assert not [path for path in tmp_path.rglob("*") if path.is_file()], "leave took every file with it"


@pytest.mark.usefixtures("need")
@pytest.mark.parametrize("name", ["sysctl", "arptables by arptables-nft", "nft", "redirect by iptables-nft"])
def test_one_vip_of_several_leaves_and_the_others_stay_silent(net: Segment, tmp_path: Path, name: str) -> None:
    """The rules and chains that both need outlive the first; the last to leave takes them away."""
    before = snapshot(net)
    joined(net, tmp_path, ALL[name])
    try:
        assert net.carom("leave", "--vip", str(VIP), root=tmp_path).returncode == 0
        for look in (("ip", "address"), ("nft", "list", "ruleset")):
            assert f"{VIP}" not in net.on(net.real, *look)
        assert resolve(net, VIP2, 20) == [{"director"}] * 20
    finally:
        left(net, tmp_path)
    assert snapshot(net) == before


@pytest.mark.usefixtures("need")
def test_two_daemons_share_a_port_each_on_its_own_vip(net: Segment, tmp_path: Path) -> None:
    """The chapter's reason for arptables."""
    joined(net, tmp_path, METHODS["arptables by arptables-nft"])
    try:
        with daemon(net, str(VIP), "one"), daemon(net, str(VIP2), "two"):
            assert requests(net, VIP, 20) == {"one": 20}
            assert requests(net, VIP2, 20) == {"two": 20}
    finally:
        left(net, tmp_path)


@pytest.mark.usefixtures("need")
def test_redirect_refuses_a_port_for_two_vips_and_says_why(net: Segment, tmp_path: Path) -> None:
    before = snapshot(net)
    done = net.carom("join", *NAMED, "--method", "redirect", "--port", "tcp/80", root=tmp_path)
    assert done.returncode == 2
    assert f"under redirect {VIP} and {VIP2} would share tcp/80" in done.stderr
    assert "a daemon per VIP is impossible" in done.stderr
    assert snapshot(net) == before


@pytest.mark.usefixtures("need")
def test_the_bare_daemon_sees_the_rip_under_redirect(net: Segment, tmp_path: Path) -> None:
    """Bound to the RIP alone, it serves the VIP: what redirect is for."""
    assert net.carom("join", "--vip", str(VIP), *REDIRECTS["redirect by nft"], root=tmp_path).returncode == 0
    try:
        with daemon(net, str(RIP), "on the RIP"):
            assert requests(net, VIP, 20) == {"on the RIP": 20}
    finally:
        left(net, tmp_path)


@pytest.mark.usefixtures("need")
@pytest.mark.parametrize("options", ALL.values(), ids=ALL)
def test_the_plan_is_a_script_that_does_it(tmp_path: Path, options: tuple[str, ...]) -> None:
    """What plan prints, a shell carries out; join then finds everything done, on a host that is thrown away."""
    with segment(*VIPS) as own:
        planned = own.carom("plan", *NAMED, *options, "--persist", "none", root=tmp_path)
        own.on(own.real, "sh", "-e", "-c", planned.stdout)
        joining = own.carom("join", *NAMED, *options, "--persist", "none", "--json", root=tmp_path)
        assert json.loads(joining.stdout)["changed"] is False
