"""Health checks joined with their ways, on a segment; and what a daemon makes of every outage."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from carom.checking import HealthChecks
from carom.client import Client
from carom.config.load import load
from carom.errors import NetError
from carom.model import Address
from carom.net import viaroute
from carom.outcome import Checked
from tests.net.segment import VIP, Segment, inside, rip, segment
from tests.net.test_daemon import Host, end, until

CHECK = "[service.check]\nevery = 0.5\ntimeout = 0.3\nrise = 2\nfall = 3\n"


def configuration(*reals: int, more: str = CHECK) -> str:
    addresses = ", ".join(f'"{rip(number)}"' for number in reals)
    return f"""\
[director]
interface = "eth0"

[[service]]
name = "web"
vip = "{VIP}"
ports = ["tcp/80"]
scheduler = "wrr"
reals = [{addresses}]

{more}"""


def outcomes(lan: Segment, text: str, wanted: int) -> dict[Address, Checked]:
    """A result for each real server, as the engine would be told it."""
    found: dict[Address, Checked] = {}

    async def watch() -> None:
        checks = HealthChecks()
        async with asyncio.timeout(10):
            await checks.watch(load(text, "x"), lambda checked: found.update({checked.real: checked}))
            while len(found) < wanted:  # noqa: ASYNC110 - results come by a callback
                await asyncio.sleep(0.01)
        await checks.close()

    with inside(lan.director):
        asyncio.run(_inside(lan.director, watch))
        viaroute.release()
    return found


async def _inside(name: str, watch: Any) -> None:
    """With the loop's threads in the namespace too: the ways are laid in one."""
    loop = asyncio.get_running_loop()

    def enter() -> None:
        inside(name).__enter__()

    loop.set_default_executor(ThreadPoolExecutor(1, initializer=enter))
    await watch()


def test_each_check_goes_to_the_vip_on_its_own_real_server() -> None:
    with segment(reals=2) as lan:
        lan.listener(1, VIP, 80)
        lan.listener(2, rip(2), 80)
        found = outcomes(lan, configuration(1, 2), 2)
        assert found[rip(1)].outcome.ok
        second = found[rip(2)]
        assert not second.outcome.ok
        assert second.diagnosis
        assert second.diagnosis.verdict == "vip_unserved"


def test_checks_without_a_way_are_made_and_blame_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: object) -> None:
        raise NetError("the kernel has no rules")

    monkeypatch.setattr(viaroute, "want", refused)
    told: list[Checked] = []

    async def scene() -> None:
        checks = HealthChecks()
        with pytest.raises(NetError):
            await checks.watch(load(configuration(1), "x"), told.append)
        async with asyncio.timeout(5):
            while not told:  # noqa: ASYNC110 - results come by a callback
                await asyncio.sleep(0.01)
        await checks.close()

    asyncio.run(scene())
    assert told[0].outcome.reason == "fault"


# ---- a daemon ----


@pytest.fixture
def five(tmp_path: Path) -> Iterator[Host]:
    """A director with five real servers, all of them well."""
    with segment(reals=5) as lan:
        for number in range(1, 6):
            lan.listener(number, IPv4Address("0.0.0.0"), 80)
        host = Host(lan, tmp_path)
        host.config.write_text(configuration(1, 2, 3, 4, 5))
        host.bpffs.mkdir()
        subprocess.run(["mount", "-t", "bpf", "bpf", str(host.bpffs)], check=True)
        try:
            yield host
        finally:
            host.manager.close()
            subprocess.run(["umount", "--lazy", str(host.bpffs)], check=True)


def states(host: Host) -> list[str]:
    return [real["state"] for real in host.status["services"][0]["reals"]]


def verdicts(host: Host) -> list[str | None]:
    return [real["check"] and real["check"]["verdict"] for real in host.status["services"][0]["reals"]]


def test_every_outage_is_found_with_its_reason_and_mended_again(five: Host) -> None:
    """One real server is well, one lacks the VIP, one serves its own address only, one filters, one is dead.

    A check to the real server's own address would have found the first three of these well.
    """
    lan = five.lan
    with five.daemon():
        assert states(five) == ["up"] * 5
        lan.on(lan.real(2), "ip", "addr", "del", f"{VIP}/32", "dev", "lo")
        lan.filter(lan.real(3), f"ip daddr {VIP} tcp dport 80 reject with tcp reset")
        lan.filter(lan.real(4), f"ip daddr {VIP} tcp dport 80 drop")
        lan.on(lan.real(5), "ip", "link", "set", "eth0", "down")
        until(lambda: states(five) == ["up", "down", "down", "down", "down"])
        until(lambda: verdicts(five)[1:] == ["vip_missing", "vip_unserved", "firewalled", "server_down"])
        assert "vip missing" in " ".join(five.status["faults"])
        lan.on(lan.real(2), "ip", "addr", "add", f"{VIP}/32", "dev", "lo")
        lan.on(lan.real(3), "nft", "flush ruleset")
        lan.on(lan.real(4), "nft", "flush ruleset")
        lan.on(lan.real(5), "ip", "link", "set", "eth0", "up")
        until(lambda: states(five) == ["up"] * 5)
        assert verdicts(five) == [None] * 5
        assert five.status["faults"] == []


def test_a_restart_bounces_nobody_and_remembers_who_was_down(five: Host) -> None:
    lan = five.lan
    with five.daemon() as process:
        lan.on(lan.real(2), "ip", "addr", "del", f"{VIP}/32", "dev", "lo")
        until(lambda: states(five)[1] == "down")
        since = five.status["services"][0]["reals"][1]["since"]
        end(process, signal.SIGKILL)
    five.config.touch()
    with five.daemon():
        status = five.status
        assert states(five) == ["up", "down", "up", "up", "up"]
        assert abs(_seconds(status["services"][0]["reals"][1]["since"]) - _seconds(since)) <= 1
        assert status["configuration"]["version"] == 1
    said = five.said.read_text()
    assert "schedulable=4" in said.split("plan applied")[1].split("\n")[0]
    assert "real server down" not in said


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def test_a_drain_and_an_unconfirmed_change_outlive_the_daemon(five: Host) -> None:
    client = Client(five.socket)
    with five.daemon() as process:
        client.post("/v1/drain", {"service": "web", "real": str(rip(1))})
        client.post("/v1/apply", {"text": configuration(1, 2, 3, 4), "confirm_within": 3})
        assert five.status["configuration"]["version"] == 2
        end(process, signal.SIGKILL)
    with five.daemon():
        assert five.status["configuration"]["version"] == 2
        assert states(five)[0] == "draining"
        until(lambda: five.status["configuration"]["version"] == 3)
        until(lambda: states(five) == ["draining", "up", "up", "up", "up"])
        what = client.get("/v1/history")["versions"][0]["what"]
        assert what == "not confirmed in time, to version 1"
