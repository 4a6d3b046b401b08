"""A look is made of slices."""

from __future__ import annotations

import asyncio
from pathlib import Path

from carom.core.explain import question
from carom.core.flows import Wanted
from carom.dataplane.fake.walk import walk
from carom.events import NeighbourLost
from carom.looking import Looking
from carom.ports import FlowSlice
from tests.dataplane.frames import tcp
from tests.unit.directors import ONE, OWN, Director, director


def connected(it: Director, clients: int) -> Looking:
    for port in range(1, clients + 1):
        walk(it.plane, tcp(f"203.0.113.7:{port}", "192.168.76.24:80", "S", mac=OWN))
    assert it.engine
    return Looking(it.engine)


def test_pages_follow_each_other_and_show_each_flow_once(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        looking, seen, place = connected(it, 25), [], 0
        while True:
            page = it.do(looking.flows(Wanted(), place, 10))
            seen.append([flow.client_port for flow in page.flows])
            if page.next is None:
                break
            place = page.next
        assert [len(ports) for ports in seen] == [10, 10, 5]
        assert sorted(port for ports in seen for port in ports) == list(range(1, 26))


def test_a_count_is_of_what_is_wanted(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        looking = connected(it, 5)
        assert it.do(looking.count_flows(Wanted(), 0)).states == {"syn-recv": 5}
        assert it.do(looking.count_flows(Wanted(state="close"), 0)).states == {}


def test_a_change_that_is_carried_out_comes_between_two_slices(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        looking = connected(it, 3)

        async def both() -> int:
            assert it.changes
            page, _ = await asyncio.gather(
                looking.flows(Wanted(), 0, 100), it.changes.apply(it.file.read_text(), "carom.toml", "anna", None)
            )
            return len(page.flows)

        assert it.do(both()) == 3


def test_many_who_look_stand_in_line_before_the_engines_work(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        looking, waiting, most = connected(it, 30), 0, 0
        assert it.engine
        flows = it.engine.flows

        async def counted(wanted: Wanted, place: int, limit: int) -> FlowSlice:
            nonlocal waiting, most
            waiting += 1
            most = max(most, waiting)
            try:
                return await flows(wanted, place, limit)
            finally:
                waiting -= 1

        async def twenty() -> list[int]:
            pages = await asyncio.gather(*(looking.flows(Wanted(), 0, 30) for _ in range(20)))
            return [len(page.flows) for page in pages]

        it.engine.flows = counted  # type: ignore[assignment,method-assign]
        assert it.do(twenty()) == [30] * 20
        assert most == 1


def test_services_are_those_that_flows_can_be_of(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        assert connected(it, 0).services() == {"web": frozenset({"192.168.76.31", "192.168.76.32"})}


def test_an_explanation_knows_of_health(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        looking, asked = connected(it, 0), question("203.0.113.7:1", "192.168.76.24:80")
        assert it.engine
        it.do(it.engine.tell_through(NeighbourLost(ONE)))
        found = it.do(looking.explain(asked))
        whys = {one["address"]: one["why"] for one in found["candidates"]}
        assert whys["192.168.76.31"].startswith("no answer to ARP on eth0")
        assert whys["192.168.76.32"] == ""
