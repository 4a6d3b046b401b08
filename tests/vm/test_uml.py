"""The machine itself: what the rest of the tier stands on."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vm import uml
from tests.vm.uml import Machine, MachineError, Tap

HEAR = """
import socket
ear = socket.socket(type=socket.SOCK_DGRAM)
ear.bind(("10.7.0.1", 9))
print("ready", flush=True)
print(ear.recv(99).decode(), end="")
"""


def test_a_command_runs_as_root_and_says_how_it_ended(machine: Machine) -> None:
    result = machine.run("id -u; echo trouble >&2; exit 3")
    assert (result.status, result.stdout, result.stderr) == (3, "0\n", "trouble\n")


def test_a_program_gets_its_arguments_as_they_are(machine: Machine) -> None:
    assert machine.check(["printf", "%s|", "two words", "$HOME", "'"]) == "two words|$HOME|'|"


def test_check_insists_on_success(machine: Machine) -> None:
    with pytest.raises(MachineError, match="ended with 1: no such thing"):
        machine.check("echo no such thing >&2; false")


def test_the_guest_is_another_kernel_that_sees_the_hosts_files(machine: Machine) -> None:
    assert machine.check("uname -r").strip() != os.uname().release
    assert machine.check(["cat", __file__]) == Path(__file__).read_text()


def test_nothing_that_the_guest_writes_reaches_the_host_but_its_share(machine: Machine) -> None:
    name = f"carom-{uuid.uuid4()}"
    machine.check(f"echo written > /etc/{name} && cat /etc/{name} && echo shared > /run/share/{name}")
    assert not Path("/etc", name).exists()
    assert (machine.share / name).read_text() == "shared\n"


def test_its_ipvs_is_the_kernels(machine: Machine) -> None:
    machine.check("modprobe ip_vs")
    assert machine.check("cat /proc/net/ip_vs").startswith("IP Virtual Server version")


def test_a_command_that_takes_too_long_ends_the_machine_and_leaves_nothing_behind() -> None:
    if reason := uml.missing():
        pytest.skip(reason)
    with pytest.raises(MachineError, match="was not done after"), Machine() as machine:
        machine.run("sleep 60", seconds=0.2)
    assert not machine.share.exists()
    deadline = time.monotonic() + 5
    while (alive := _processes_that_mention(str(machine.share))) and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    assert not alive


def _processes_that_mention(word: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if word in words:
            found.append(words)
    return found


@pytest.fixture
def tap() -> Iterator[Tap]:
    """A network namespace with a tap, 10.7.0.1."""
    if reason := uml.missing():
        pytest.skip(reason)
    netns = f"carom-vm-{uuid.uuid4().hex[:8]}"
    try:
        for words in (
            f"ip netns add {netns}",
            f"nsenter --net=/run/netns/{netns} ip tuntap add tap0 mode tap",
            f"nsenter --net=/run/netns/{netns} ip addr add 10.7.0.1/24 dev tap0",
            f"nsenter --net=/run/netns/{netns} ip link set tap0 up",
        ):
            subprocess.run(words.split(), check=True, capture_output=True)
        yield Tap(netns, "tap0")
    finally:
        subprocess.run(["ip", "netns", "del", netns], check=False, capture_output=True)


def test_a_machine_on_a_tap_is_a_neighbour_of_what_runs_on_the_host(tap: Tap) -> None:
    inside = ["nsenter", f"--net=/run/netns/{tap.netns}"]
    with (
        Machine(tap=tap) as machine,
        subprocess.Popen([*inside, sys.executable, "-c", HEAR], stdout=subprocess.PIPE, text=True) as hears,
    ):
        assert hears.stdout
        assert hears.stdout.readline() == "ready\n"
        machine.check("ip addr add 10.7.0.2/24 dev vec0 && ip link set vec0 up")
        machine.check(["bash", "-c", "echo from the guest > /dev/udp/10.7.0.1/9"])
        assert hears.stdout.readline() == "from the guest\n"
