"""Every fault of the lab: it breaks something, and healing restores the node exactly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from carom.errors import LabError
from carom.lab import breakage, changes, namespaces, traffic, wait
from carom.lab.faults import FAULTS, Fault
from carom.lab.network import NODES, VIP, Role
from carom.lab.standing import Lab
from tests.net.labs import on

SETTLED_WITHIN = 5.0
"""Seconds: IPv6 addresses of a NIC whose cable is in again are tentative for a moment."""


def victim(fault: Fault) -> str:
    """A node that the fault can happen to."""
    return [node.name for node in NODES.values() if node.role is fault.role][-1]


def state(lab: Lab, node: str) -> dict[str, object]:
    """All that a fault may touch: of the node, and of the wire that it is on."""
    return {**host(lab, node), **{f"segment {what}": seen for what, seen in wire(lab).items()}}


def host(lab: Lab, node: str) -> dict[str, object]:
    settings = namespaces.inside(lab.namespace(node), read_settings)
    return {
        "addresses": links(on(lab, node, "ip", "-j", "address")),
        "routes": on(lab, node, "ip", "-4", "route", "show", "table", "all"),
        "routes6": on(lab, node, "ip", "-6", "route", "show", "table", "all"),
        "rules": on(lab, node, "nft", "list", "ruleset"),
        "settings": settings,
        "programs": sorted(commands(lab, node)),
    }


def wire(lab: Lab) -> dict[str, object]:
    return {"links": links(on(lab, "segment", "ip", "-j", "link"))}


def links(listing: str) -> list[dict[str, object]]:
    """A daemon that starts again loads its program again: that there is one counts, and not its number."""
    return [{**link, "xdp": link.get("xdp", {}).get("mode")} for link in json.loads(listing)]


def read_settings() -> dict[str, str]:
    folders = [Path("/proc/sys/net/ipv4/conf"), Path("/proc/sys/net/ipv6/conf")]
    files = [path for folder in folders if folder.exists() for path in folder.glob("*/*")]
    return {str(path): path.read_text() for path in files if path.name != "stable_secret"}


def commands(lab: Lab, node: str) -> Iterator[str]:
    for pid in namespaces.processes([lab.namespace(node)]):
        yield Path(f"/proc/{pid}/cmdline").read_text()


def settled(lab: Lab, node: str) -> dict[str, object]:
    """Its state, once all of its addresses are its own."""
    assert wait.until(lambda: "tentative" not in on(lab, node, "ip", "-6", "address"), SETTLED_WITHIN)
    return state(lab, node)


def is_again(lab: Lab, node: str, before: dict[str, object]) -> bool:
    wait.until(lambda: state(lab, node) == before, SETTLED_WITHIN)
    after = state(lab, node)
    assert after == before  # with what differs, if something does
    return True


@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
def test_a_healed_node_is_exactly_as_before(working: Lab, fault: Fault) -> None:
    node = victim(fault)
    before = settled(working, node)
    breakage.inflict(working, node, fault.name)
    assert state(working, node) != before
    assert breakage.standing(working) == {node: (fault.name,)}
    assert breakage.heal(working, node) == (fault.name,)
    assert is_again(working, node, before)
    assert breakage.standing(working) == {}


@pytest.mark.parametrize("role", [Role.REAL, Role.GATEWAY, Role.DIRECTOR])
def test_a_node_with_every_fault_at_once_is_healed_too(working: Lab, role: Role) -> None:
    faults = [fault.name for fault in FAULTS.values() if fault.role is role and fault.name != "detached"]
    node = victim(FAULTS[faults[0]])
    before = settled(working, node)
    for name in faults:
        breakage.inflict(working, node, name)
    assert breakage.heal(working, node) == tuple(faults)
    assert is_again(working, node, before)


def test_a_healed_lab_serves(working: Lab) -> None:
    tally = traffic.send(working.namespace("client"), VIP, 80, 12)
    assert (tally.failed, set(tally.by_real)) == (0, {"real1", "real2", "real3"})


def test_a_fault_is_made_once(working: Lab) -> None:
    breakage.inflict(working, "real1", "small-mtu")
    try:
        with pytest.raises(
            LabError, match=f"broken with `small-mtu` already; `carom lab heal --name {working.name} real1`"
        ):
            breakage.inflict(working, "real1", "small-mtu")
    finally:
        assert breakage.heal(working, "real1") == ("small-mtu",)


def test_a_node_that_is_not_broken_needs_no_healing(working: Lab) -> None:
    before = state(working, "real1")
    assert breakage.heal(working, "real1") == ()
    assert state(working, "real1") == before


def test_a_fault_that_cannot_be_made_whole_is_not_made_at_all(working: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second of its two changes is refused."""
    before, make = state(working, "real1"), changes.Setting.make

    def refuse(change: changes.Setting, lab: Lab) -> None:
        if (change.key, change.value) == ("ipv4/conf/eth0/arp_ignore", "0"):
            raise LabError("not this one")
        make(change, lab)

    monkeypatch.setattr(changes.Setting, "make", refuse)
    with pytest.raises(LabError, match="not this one"):
        breakage.inflict(working, "real1", "no-arp-ignore")
    assert state(working, "real1") == before
    assert breakage.standing(working) == {}


def test_what_cannot_be_undone_is_named_and_the_rest_is(working: Lab) -> None:
    before = state(working, "real1")
    breakage.inflict(working, "real1", "no-vip")
    on(working, "real1", "ip", "address", "add", f"{VIP}/32", "dev", "lo")
    with pytest.raises(
        LabError, match=r"real1 is not quite as it was: `ip address add 192\.168\.76\.24/32 dev lo` failed"
    ):
        breakage.heal(working, "real1")
    assert is_again(working, "real1", before)


def test_heal_makes_the_routers_forget_who_had_the_vip(working: Lab) -> None:
    breakage.inflict(working, "gateway2", "foreign-claim")
    poisoned = partial(on, working, "router", "ip", "neigh", "show", str(VIP))
    on(
        working,
        "router",
        "ip",
        "neigh",
        "replace",
        str(VIP),
        "lladdr",
        "02:00:00:00:76:03",
        "dev",
        "segment",
        "nud",
        "reachable",
    )
    assert "02:00:00:00:76:03" in poisoned()
    breakage.heal(working, "gateway2")
    assert "02:00:00:00:76:03" not in poisoned()
