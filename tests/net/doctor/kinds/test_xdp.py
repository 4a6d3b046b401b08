"""The packet program is on the NIC, natively, and pinned."""

from __future__ import annotations

from pathlib import Path

from carom.doctor.kinds import xdp
from carom.finding import Verdict
from carom.lab import director
from carom.lab.network import VIP
from carom.lab.standing import Lab
from tests.net.doctor.ward import ask, broken, of, wrong
from tests.net.labs import on


def test_it_is(lab: Lab) -> None:
    found = ask(lab, xdp.findings)
    assert of(found, "xdp") == {("eth0", ""): Verdict.OK}
    assert of(found, "pins") == {(str(lab.pins), ""): Verdict.OK}


def test_it_is_not(lab: Lab) -> None:
    with broken(lab, "director", "detached"):
        found = ask(lab, xdp.findings, status={"director": {"answering": True}, "faults": []})
    assert wrong(found) == {("xdp", "eth0", "")}
    assert on(lab, "client", "curl", "-sS", f"http://{VIP}/"), "healed, it serves"


def test_what_is_pinned_elsewhere_does_not_hold_it(lab: Lab) -> None:
    elsewhere = Path("/sys/fs/bpf/elsewhere")
    found = ask(lab, xdp.findings, pins=elsewhere)
    assert wrong(found) == {("pins", str(elsewhere), "")}


def test_a_slow_mode_is_a_warning(lab: Lab, tmp_path: Path) -> None:
    """The same program, put on the NIC anew in generic mode."""
    with broken(lab, "director", "detached"):
        generic = Path(xdp.__file__).parents[2] / "dataplane/xdp/director.bpf.o"
        on(lab, "director", "ip", "link", "set", "eth0", "xdpgeneric", "obj", str(generic), "sec", "xdp")
        try:
            found = ask(lab, xdp.findings, status={"director": {"answering": True}, "faults": []})
        finally:
            on(lab, "director", "ip", "link", "set", "eth0", "xdpgeneric", "off")
    assert ("xdp", "eth0", "") in wrong(found)
    [finding] = [each for each in found if each.name == "xdp"]
    assert finding.verdict is Verdict.WARNING
    assert "driver veth" in finding.evidence
    assert director.status(lab.socket)["director"]["mode"] == "native"
