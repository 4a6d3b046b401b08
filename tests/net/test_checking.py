"""Health checks joined with their ways, on a segment; and what a daemon makes of every outage."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
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
from carom.config.store import Store
from carom.errors import NetError
from carom.model import Address
from carom.net import viaroute
from carom.outcome import Checked
from tests.net.segment import VIP, VIP2, Segment, inside, rip, segment
from tests.net.test_daemon import Host, end, until

EVERY, TIMEOUT, RISE, FALL = 0.5, 0.3, 2, 3
CHECK = f"[service.check]\nevery = {EVERY}\ntimeout = {TIMEOUT}\nrise = {RISE}\nfall = {FALL}\n"
SLACK = 2.0
"""Seconds that a busy machine may take longer."""


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


class Five(Host):
    """A director with five real servers, all of them well."""

    def __init__(self, lan: Segment, folder: Path) -> None:
        super().__init__(lan, folder)
        self.servers = {number: lan.listener(number, IPv4Address("0.0.0.0"), 80) for number in range(1, 6)}


@pytest.fixture
def five(tmp_path: Path) -> Iterator[Five]:
    with segment(reals=5) as lan:
        host = Five(lan, tmp_path)
        host.config.write_text(configuration(1, 2, 3, 4, 5))
        host.bpffs.mkdir()
        subprocess.run(["mount", "-t", "bpf", "bpf", str(host.bpffs)], check=True)
        try:
            yield host
        finally:
            host.manager.close()
            subprocess.run(["umount", "--lazy", str(host.bpffs)], check=True)


def states(host: Host, service: int = 0) -> list[str]:
    return [real["state"] for real in host.status["services"][service]["reals"]]


def becoming(host: Host, wanted: str) -> list[float]:
    """How many seconds from now on it takes each real server of the first service to be in this state."""
    began, found = time.monotonic(), dict[int, float]()

    def look() -> bool:
        now = states(host)
        for number, state in enumerate(now):
            if state == wanted:
                found.setdefault(number, time.monotonic() - began)
        return now[1:] == [wanted] * 4

    until(look)
    return [found[number] for number in range(1, 5)]


def verdicts(host: Host) -> list[str | None]:
    return [real["check"] and real["check"]["verdict"] for real in host.status["services"][0]["reals"]]


VIA_REAL = f"""
[[service]]
name = "own"
vip = "{VIP2}"
ports = ["tcp/80"]
reals = ["{rip(1)}", "{rip(2)}", "{rip(3)}", "{rip(4)}", "{rip(5)}"]

{CHECK}via = "real"
"""
"""The same real servers, checked as balancers do that check no VIP."""


def test_every_outage_is_found_in_time_with_its_reason_and_mended_again(five: Five) -> None:
    """One real server is well, one lacks the VIP, one serves its own address only, one filters, one is dead.

    A check to the real server's own address finds the first four of these well, all the while.
    """
    lan = five.lan
    five.config.write_text(configuration(1, 2, 3, 4, 5) + VIA_REAL)
    with five.daemon():
        until(lambda: states(five) == states(five, 1) == ["up"] * 5)
        lan.on(lan.real(2), "ip", "addr", "del", f"{VIP}/32", "dev", "lo")
        five.servers[3].close()
        own = lan.listener(3, rip(3), 80)
        lan.filter(lan.real(4), f"ip daddr {VIP} tcp dport 80 drop")
        lan.on(lan.real(5), "ip", "link", "set", "eth0", "down")
        out = becoming(five, "down")
        until(lambda: verdicts(five)[1:] == ["vip_missing", "vip_unserved", "firewalled", "server_down"])
        assert states(five) == ["up", "down", "down", "down", "down"]
        assert "vip missing" in " ".join(five.status["faults"])
        until(lambda: states(five, 1) == ["up", "up", "up", "up", "down"])

        lan.on(lan.real(2), "ip", "addr", "add", f"{VIP}/32", "dev", "lo")
        own.close()
        lan.listener(3, IPv4Address("0.0.0.0"), 80)
        lan.on(lan.real(4), "nft", "flush ruleset")
        lan.on(lan.real(5), "ip", "link", "set", "eth0", "up")
        back = becoming(five, "up")
        until(lambda: states(five) == states(five, 1) == ["up"] * 5)
        assert verdicts(five) == [None] * 5
        until(lambda: five.status["faults"] == [])
    fallen = [line for line in five.said.read_text().splitlines() if "real server down" in line]
    by_own = [line for line in fallen if "service=own" in line]
    assert len(by_own) == 1, "by their own addresses none but the dead one ever seemed down"
    assert f"real={rip(5)}" in by_own[0]
    assert max(out) <= FALL * EVERY + TIMEOUT + SLACK, "out within `fall` intervals"
    assert max(back) <= (RISE + 1) * EVERY + TIMEOUT + SLACK, "back after `rise` of them"
    assert min(back) >= (RISE - 1) * EVERY, "and no sooner"


def test_a_restart_bounces_nobody_and_remembers_who_was_down(five: Five) -> None:
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


def test_a_drain_and_an_unconfirmed_change_outlive_the_daemon(five: Five) -> None:
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


def test_whoever_starts_after_the_window_never_shows_what_was_not_confirmed(five: Five) -> None:
    client = Client(five.socket)
    with five.daemon() as process:
        client.post("/v1/apply", {"text": configuration(1, 2), "confirm_within": 1})
        assert len(states(five)) == 5, "three of them leave"
        end(process, signal.SIGKILL)
    state = Store(five.state).state()
    assert state
    assert state.pending
    deadline = state.pending.deadline
    until(lambda: time.time() > deadline)
    with five.daemon():
        assert states(five) == ["up"] * 5
        assert five.status["configuration"]["confirm_by"] is None
        what = client.get("/v1/history")["versions"][0]["what"]
        assert what == "not confirmed in time: back from version 2 to 1"
