"""The counters, read after packets that are known."""

from __future__ import annotations

from ipaddress import ip_address

from carom.dataplane.xdp import counters
from carom.dataplane.xdp.program import Loaded
from carom.dataplane.xdp.tables import Tables
from carom.ports import Counter
from tests.dataplane import plans
from tests.dataplane.frames import tcp, udp
from tests.dataplane.plans import REALS, VIP


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
    assert (reading.flows, reading.flow_capacity) == (2, 256 * 4)


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
