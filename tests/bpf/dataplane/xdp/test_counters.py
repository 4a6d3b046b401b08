"""The counters, read after packets that are known."""

from __future__ import annotations

import struct
import time
from ipaddress import ip_address

from carom.core.plan import RealPlan
from carom.dataplane.xdp import counters
from carom.dataplane.xdp.layout import key
from carom.dataplane.xdp.libbpf import possible_cpus
from carom.dataplane.xdp.program import Loaded
from carom.dataplane.xdp.tables import Tables
from carom.model import Scheduler
from carom.ports import Counter
from tests.dataplane import plans
from tests.dataplane.frames import DIRECTOR, tcp, udp
from tests.dataplane.plans import REALS, VIP, VIP6


def test_packets_bytes_and_flows_are_counted_where_they_went(loaded: Loaded) -> None:
    tables = Tables(loaded.maps, lambda: 0.0)
    tables.apply(plans.plan(plans.service(), plans.service(name="dns", ports=(plans.DNS,))))
    syn, ack = tcp("10.0.0.1:1", f"{VIP}:80", "S"), tcp("10.0.0.1:1", f"{VIP}:80", "A", bytes(100))
    for frame in (syn, ack, ack, udp("10.0.0.1:1", f"{VIP}:53")):
        loaded.director.run(frame)

    reading = counters.read(loaded, tables.reals)

    last = ip_address(REALS[-1])  # rr begins with the one added last
    by_name = {(real.service, real.address): real for real in reading.reals}
    web, dns = by_name["web", last], by_name["dns", last]
    assert web.counter == Counter(3, len(syn) + 2 * len(ack))
    assert (web.new_flows, web.active, web.inactive) == (1, 1, 0)
    assert (dns.new_flows, dns.active, dns.inactive) == (1, 0, 1)
    assert sum(real.counter.packets for real in reading.reals) == 4
    assert (reading.flows4, reading.flows6, reading.flow_capacity) == (2, 0, 256 * 4)


def test_each_family_has_a_table_of_its_own(loaded: Loaded) -> None:
    tables = Tables(loaded.maps, lambda: 0.0)
    tables.apply(plans.plan(plans.service(), plans.service(name="web6", vip=VIP6)))
    for port in range(1, 4):
        loaded.director.run(tcp(f"[2001:db8::1]:{port}", f"[{VIP6}]:80", "S"))
    loaded.director.run(tcp("10.0.0.1:1", f"{VIP}:80", "S"))
    reading = counters.read(loaded, tables.reals)
    assert (reading.flows4, reading.flows6, reading.flow_capacity) == (1, 3, 256 * 4)


def test_every_packet_is_counted_under_one_reason(loaded: Loaded) -> None:
    for _ in range(5):
        loaded.director.run(tcp("10.0.0.1:1", "203.0.113.7:80"))
    reasons = {
        reason.name: reason.counter.packets
        for reason in counters.read(loaded, Tables(loaded.maps, float).reals).reasons
    }
    assert reasons["not_vip"] == 5
    assert sum(reasons.values()) == 5
    assert set(reasons) == {reason.name for reason in loaded.reasons}


def test_what_every_cpu_has_counted_is_added_up_exactly(loaded: Loaded) -> None:
    tables = Tables(loaded.maps, lambda: 0.0)
    tables.apply(plans.plan(plans.service()))
    cpus, large = possible_cpus(), 1 << 58
    for number in tables.reals.numbers.values():
        rows = [struct.pack("=3Q", large + cpu, number, 1) for cpu in range(cpus)]
        loaded.maps["real_counters"].set(key(number), b"".join(rows))
    found = {(one.service, one.address): one for one in counters.read(loaded, tables.reals).reals}
    for name, number in tables.reals.numbers.items():
        assert found[name].counter == Counter(cpus * large + sum(range(cpus)), cpus * number)
        assert found[name].new_flows == cpus


def test_what_was_read_is_a_sequence_that_no_later_reading_changes(loaded: Loaded) -> None:
    tables = Tables(loaded.maps, lambda: 0.0)
    tables.apply(plans.plan(plans.service()))
    first = counters.read(loaded, tables.reals).reals
    before = list(first)
    assert [real.address for real in before] == [ip_address(real) for real in REALS]
    assert [first[0], first[-1], *first[1:-1]] == [before[0], before[-1], *before[1:-1]]
    loaded.director.run(tcp("10.0.0.1:1", f"{VIP}:80", "S"))
    tables.apply(plans.plan(plans.service(), plans.service(name="dns", ports=(plans.DNS,))))
    later = counters.read(loaded, tables.reals).reals
    assert list(first) == before
    assert (len(later), sum(real.new_flows for real in later)) == (2 * len(before), 1)


def test_ten_thousand_real_servers_are_read_in_a_small_part_of_a_second(loaded: Loaded) -> None:
    services = (
        plans.service(
            Scheduler.WLC,
            *(RealPlan(ip_address(0x0A000000 + 100 * number + host), 1, DIRECTOR) for host in range(100)),
            name=f"service{number}",
            vip=str(ip_address(0x0B000000 + number)),
        )
        for number in range(100)
    )
    tables = Tables(loaded.maps, lambda: 0.0)
    tables.apply(plans.plan(*services))
    numbers = tables.reals.numbers
    for number in numbers.values():
        row = struct.pack("=3Q", number, 2 * number, 3 * number)
        loaded.maps["real_counters"].set(key(number), row + bytes((possible_cpus() - 1) * len(row)))
    for one in counters.read(loaded, tables.reals).reals:
        number = numbers[one.service, one.address]
        assert (one.counter, one.new_flows) == (Counter(number, 2 * number), 3 * number)
    began = time.thread_time()
    assert len(counters.read(loaded, tables.reals).reals) == 10_000
    assert time.thread_time() - began < 0.2
