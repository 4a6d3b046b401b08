"""A plan that needs more room than the maps have gets it, under the program's feet."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from carom.core.plan import Plan, RealPlan
from carom.core.slots import fallback_table, hash_table, table_size
from carom.dataplane.xdp import program
from carom.dataplane.xdp.layout import REALS, key
from carom.dataplane.xdp.libbpf import XDP_TX
from carom.dataplane.xdp.pins import pinned_map
from carom.dataplane.xdp.program import Loaded
from carom.dataplane.xdp.room import OF_REALS, copy, lacking, room_for
from carom.dataplane.xdp.tables import Tables
from carom.model import Scheduler
from tests.bpf.dataplane.xdp.bpffs import bpffs
from tests.dataplane import plans
from tests.dataplane.frames import DIRECTOR, tcp
from tests.dataplane.plans import VIP

SYN = tcp("10.0.0.1:1", f"{VIP}:80", "S")


@pytest.fixture
def pins(tmp_path: Path) -> Iterator[Path]:
    with bpffs(tmp_path) as folder:
        yield folder


def many(count: int) -> Plan:
    """One service with so many real servers."""
    reals = [RealPlan(ip_address("10.9.0.0") + n, 1, bytes((2, 0, *n.to_bytes(4, "big")))) for n in range(count)]
    return plans.plan(plans.service(Scheduler.RR, *reals))


def test_a_usual_plan_has_room_as_it_is(loaded: Loaded) -> None:
    assert lacking(plans.plan(), loaded.maps) == {}
    assert lacking(many(10_000), loaded.maps) == {}


def test_a_large_one_has_not(loaded: Loaded) -> None:
    wanted = lacking(many(40_000), loaded.maps)
    assert wanted == dict.fromkeys(OF_REALS, 65536)
    assert room_for(many(120_000))["homes"] == REALS


@pytest.mark.parametrize("scheduler", list(Scheduler))
@pytest.mark.parametrize("count", [1, 60, 300, 500])
def test_no_table_is_larger_than_is_reckoned_with(scheduler: Scheduler, count: int) -> None:
    [service] = many(count).services
    wish = plans.service(scheduler, *service.reals)
    hashed = scheduler in (Scheduler.MH, Scheduler.SH, Scheduler.DH)
    table = hash_table(wish, list(wish.reals), [1] * count) if hashed else fallback_table(wish, list(wish.reals))
    assert len(table) <= table_size(wish)


def test_what_stood_in_the_small_maps_stands_in_the_large_ones_and_packets_see_no_difference(pins: Path) -> None:
    small = program.load(DIRECTOR, pins, flow_buckets=64)
    before = Tables(small.maps, lambda: 0.0)
    before.apply(plans.plan())
    first = small.director.run(SYN)
    assert first[0] == XDP_TX

    large = program.load(
        DIRECTOR,
        pins,
        flow_buckets=64,
        maps=small.maps,
        room={"limits": 65536, "slots": 1 << 21, "real_counters": 1 << 15},
    )

    assert (large.maps["limits"].max_entries, large.maps["slots"].max_entries) == (65536, 1 << 21)
    assert large.maps["homes"].max_entries == small.maps["homes"].max_entries
    assert large.director.run(SYN)[:2] == first[:2], "the same flow goes to the same real server"
    after = Tables(large.maps, lambda: 0.0)
    assert after.reals.numbers == before.reals.numbers
    assert [large.maps["limits"].get(key(n)) for n in range(9)] == [small.maps["limits"].get(key(n)) for n in range(9)]
    pinned = pinned_map(pins / "maps/slots")
    assert pinned is not None
    assert pinned.max_entries == 1 << 21
    for one in (pinned, small, large):
        one.close()


def test_whoever_takes_over_finds_the_large_ones(pins: Path) -> None:
    first = program.load(DIRECTOR, pins, flow_buckets=64, room={"homes": 65536})
    first.close()
    second = program.load(DIRECTOR, pins, flow_buckets=1024)
    assert second.maps["homes"].max_entries == 65536
    assert second.maps["flows4"].max_entries == 64, "a flow is found by the table's size"
    second.close()


def test_a_large_plan_is_carried_out_there(pins: Path) -> None:
    plan = many(20_000)
    small = program.load(DIRECTOR, pins, flow_buckets=64)
    large = program.load(DIRECTOR, pins, flow_buckets=64, maps=small.maps, room=lacking(plan, small.maps))
    tables = Tables(large.maps, lambda: 0.0)
    tables.apply(plan)
    assert len(tables.reals.numbers) == 20_000
    assert large.director.run(SYN)[0] == XDP_TX
    assert lacking(plan, large.maps) == {}
    small.close()
    large.close()


def test_copying_keeps_every_value_of_a_per_cpu_array(loaded: Loaded) -> None:
    source, target = loaded.maps["real_counters"], loaded.maps["real_counters"]
    value = bytes(range(1, 25)) * (len(source.get(key(5)) or b"") // 24)
    source.set(key(5), value)
    copy(source, target)
    assert target.get(key(5)) == value
