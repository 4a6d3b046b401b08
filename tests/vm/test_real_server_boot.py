"""A real server that is a whole machine: prepared once, rebooted, and never heard to claim the VIP.

                                   client
                                     │
        ═════════════════════════════╧══════════════  internet
              router      gateway1, gateway2
        ════╤════╧═══════════╤═══════════════╤══════  segment
            │                │               │ tap0, where every ARP frame is captured
         director      real1, real2      real4 .34: Debian in QEMU, systemd and all; nginx bound to the VIP

The lab with a fourth real server. `CAROM_VM_MEANS` chooses what keeps the VIP over the reboot, a boot for each:
`systemd` (what CI runs) or a list of them, or `all`.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest

import carom
from carom.lab import director, standing, traffic, wait
from carom.lab.network import VIP, VIP6, Wire
from carom.lab.setup import OWN_ENDPOINTS, set_to_work
from carom.lab.standing import Lab
from carom.realserver.persist.means import MEANS
from tests.net.labs import on
from tests.vm import capture, debian, qemu
from tests.vm.debian import NIC
from tests.vm.qemu import Disk, Machine
from tests.vm.uml import Tap

VIPS = (VIP, VIP6)
RIP = NIC.addresses[0].ip
REQUESTS = 30
NOTICED_WITHIN = 30.0
"""Seconds in which the director's checks see that the machine serves again."""
CAROM = "PYTHONPATH=/opt/carom python3 -B -m carom real-server"
MOUNT = "mkdir /opt/carom && echo 'LABEL=carom /opt/carom ext4 ro,nofail 0 0' >>/etc/fstab && mount /opt/carom"
WANTED = os.environ.get("CAROM_VM_MEANS", "systemd").replace("all", ",".join(MEANS)).split(",")
LONG = 300.0
"""Seconds that a step in the guest may take on a busy machine."""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A director whose service has the machine for its only real server."""
    config = director.configuration((1, 1, 1)).split("reals = [")[0] + f'reals = ["{RIP}"]\n'
    with standing.temporary(standing.fresh_name("boot"), VIPS, config) as built:
        set_to_work(built, OWN_ENDPOINTS)
        yield built


@pytest.fixture(scope="module")
def tap(lab: Lab) -> Tap:
    """A port of the segment for the machine."""
    for words in ("tuntap add tap0 mode tap", "link set tap0 master bridge up"):
        on(lab, Wire.SEGMENT, "ip", *words.split())
    return Tap(lab.namespace(Wire.SEGMENT), "tap0")


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Disk:
    """Carom, as it is here, for the guest's Python; it needs nothing but click."""
    folder = tmp_path_factory.mktemp("carom-disk")
    for package in (carom, click):
        source = Path(str(package.__file__)).parent
        shutil.copytree(source, folder / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    return Disk(folder, "carom")


@pytest.fixture(scope="module")
def machine(lab: Lab, tap: Tap, disk: Disk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    if reason := debian.missing() or qemu.missing():
        pytest.skip(reason)
    try:
        image = debian.image(tmp_path_factory.mktemp("debian"), WANTED)
    except debian.UnavailableError as error:
        pytest.skip(str(error))
    try:
        with Machine(image, tap, NIC.mac, disk) as machine:
            machine.check(MOUNT)
            yield machine
    finally:
        if not debian.CACHE:
            shutil.rmtree(image.folder)


@pytest.mark.timeout(1200)
def test_the_capture_would_show_it(lab: Lab, tap: Tap, machine: Machine, tmp_path: Path) -> None:
    """Prepared as many guides have it, by the address alone, it claims the VIP; nginx does not even mind."""
    file = tmp_path / "unprepared.pcap"
    machine.check(f"ip address add {VIP}/32 dev lo")
    with watched(lab, tap, file):
        assert capture.until(file, NIC.mac, VIPS, RIP).claims
    machine.check(f"ip address del {VIP}/32 dev lo")


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("means", MEANS)
def test_after_a_reboot_the_vip_is_back_and_was_never_claimed(
    lab: Lab, tap: Tap, machine: Machine, tmp_path: Path, means: str, record_property: Callable[[str, object], None]
) -> None:
    if means not in WANTED:
        pytest.skip("one boot more for each: CAROM_VM_MEANS=all")
    file = tmp_path / "boot.pcap"
    with watched(lab, tap, file), joined(machine, means):
        assert serves(lab, machine)
        began = time.monotonic()
        machine.reboot()
        took = time.monotonic() - began
        assert serves(lab, machine)
        seen = capture.until(file, NIC.mac, VIPS, RIP)
        assert found_wrong(machine) == []

    said = f"{means}: up again after {took:.0f} s, asked {seen.asked} times, {len(seen.claims)} claims"
    record_property("seen", said)
    sys.stderr.write(f"{said}\n")
    assert seen.claims == ()
    assert seen.asked > took, "it was asked all the time"
    assert seen.answered, "and was there to answer: it said who has its own address"


@contextmanager
def watched(lab: Lab, tap: Tap, file: Path) -> Iterator[None]:
    """Everything that the machine says is written down, and it is asked who has the VIP, all the time."""
    with (
        capture.capturing(tap.netns, tap.interface, file),
        capture.asking(lab.namespace("router"), "segment", "192.168.76.1", VIP, RIP),
    ):
        yield


@contextmanager
def joined(machine: Machine, means: str) -> Iterator[None]:
    """Before and after, nothing of the VIP is there, files included. nginx, bound to it, can start only in between."""
    assert str(VIP) not in machine.check("ip address show")
    vips = " ".join(f"--vip {vip}" for vip in VIPS)
    machine.check(f"{CAROM} join {vips} --port tcp/80 --persist {means}", seconds=LONG)
    try:
        machine.check("systemctl restart nginx", seconds=LONG)
        yield
    finally:
        machine.check(f"{CAROM} leave", seconds=LONG)
    assert str(VIP) not in machine.check("ip address show")
    assert machine.check("grep -rl carom /etc --exclude=fstab || true") == ""


def serves(lab: Lab, machine: Machine) -> bool:
    """Once the director knows that it is up, every request of the client's gets its answer from nginx."""
    up = wait.until(lambda: director.status(lab.socket)["services"][0]["reals"][0]["up"], NOTICED_WITHIN)
    assert up, machine.check("systemctl status nginx carom-real-server; ip address; true")
    tally = traffic.send(lab.namespace("client"), VIP, 80, REQUESTS)
    assert (tally.errors, tally.by_real) == ([], {"nginx": REQUESTS})  # its Server header
    return True


def found_wrong(machine: Machine) -> list[dict[str, str]]:
    """What `verify` finds to mend in the guest."""
    done = machine.run(f"{CAROM} verify --director 192.168.76.10 --director fd00:76::10 --json", seconds=LONG)
    findings = json.loads(done.stdout)["findings"]
    return [finding for finding in findings if finding["verdict"] in ("fault", "warning")]
