"""The metrics: well-formed, complete, and cheap."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

from carom.core.planning import plan
from carom.core.world import begin, step
from carom.events import NeighbourResolved
from carom.hooks.hooks import Tally
from carom.metrics import FAMILIES, exposition
from carom.model import Check, Config, Director, Ports, Protocol, Real, Service
from carom.outcome import Checked, Outcome, Reason
from carom.ports import Attachment, Counter, Reading, RealReading, ReasonReading
from carom.sighting import Sighting, Sign, VipSighted
from carom.snapshot import Snapshot

VIP, ONE, TWO = (ip_address(f"192.168.76.{host}") for host in (24, 31, 32))
WEB = Service("web", VIP, (Ports(Protocol.TCP, 80, 80),), (Real(ONE), Real(TWO, weight=2)), check=Check())
MORE = {"carom_config_version": 7, "carom_config_drift": True, "carom_config_unconfirmed": False}
HOOKS = {"/usr/local/bin/page-me": Tally(told=5, failed=2, lost=1)}
SAMPLE = re.compile(r'([a-z_]+)(?:\{([a-z_]+="(?:[^"\\\n]|\\["\\n])*"(?:,[a-z_]+="(?:[^"\\\n]|\\["\\n])*")*)\})? (\S+)')


def snapshot(service: Service = WEB) -> Snapshot:
    world = begin(Config(Director("eth0"), (service,)))
    facts = [Checked(service.name, real.address, Outcome(Reason.OK, seconds=0.0025)) for real in service.reals]
    macs = [NeighbourResolved(real.address, b"\x02\x00" + real.address.packed) for real in service.reals[:1]]
    leak = VipSighted(Sighting(VIP, b"\x02\x00" + ONE.packed, Sign.ANSWERED))
    world = step(world, [*facts, *macs, leak], 0.0)
    reals = tuple(
        RealReading(service.name, real.address, Counter(100, 15_000), new_flows=7, active=2, inactive=1)
        for real in service.reals
    )
    reasons = (ReasonReading("forwarded", "Sent on.", normal=True, counter=Counter(100, 15_000)),)
    reading = Reading(reals, reasons, flows4=3, flows6=2, flow_capacity=1024)
    attachment = Attachment("xdp", "eth0", "native", taken_over=False)
    return Snapshot(world, plan(world), attachment, reading, reading, 1.0, 1.0, ("something is wrong",))


def samples(text: str) -> dict[str, float]:
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines() if line[0] != "#"}


def test_every_line_is_prometheuss() -> None:
    text = exposition(snapshot(), '0.1 "beta"\\', MORE, HOOKS).decode()
    assert text.endswith("\n")
    known = ""
    seen = []
    for line in text.splitlines():
        if line.startswith("# HELP "):
            known = line.split()[2]
            seen.append(known)
        elif line.startswith("# TYPE "):
            assert line == f"# TYPE {known} {FAMILIES[known].type}"
        else:
            match = SAMPLE.fullmatch(line)
            assert match, line
            assert match[1] == known, "samples stand under their own family"
            labels = tuple(re.findall(r'([a-z_]+)="', match[2] or ""))
            assert labels == FAMILIES[known].labels
            float(match[3])
    assert seen == list(FAMILIES), "every family is there, in its order, once"


def test_every_name_says_its_unit_and_whether_it_only_grows() -> None:
    for name, family in FAMILIES.items():
        assert (family.type == "counter") == name.endswith("_total")
        assert family.help.endswith(".")


def test_what_is_counted() -> None:
    found = samples(exposition(snapshot(), "0.1.0", MORE, HOOKS).decode())
    one = '{service="web",real="192.168.76.31"}'
    assert found[f"carom_real_up{one}"] == 1
    assert found['carom_real_up{service="web",real="192.168.76.32"}'] == 0, "it has no MAC"
    assert found[f"carom_real_weight{one}"] == 1
    assert found[f"carom_real_packets_total{one}"] == 100
    assert found[f"carom_real_active_flows{one}"] == 2
    assert found[f"carom_real_check_seconds{one}"] == 0.0025
    assert found['carom_packets_total{reason="forwarded"}'] == 100
    assert found['carom_service_reals_up{service="web"}'] == 1
    assert found['carom_service_standing{service="web",standing="serving"}'] == 1
    tables = {family: found[f'carom_flow_table_entries{{family="{family}"}}'] for family in ("ipv4", "ipv6")}
    assert tables == {"ipv4": 3, "ipv6": 2}
    assert found["carom_config_version"] == 7
    assert found["carom_config_drift"] == 1
    assert found["carom_troubles"] == 1
    assert found['carom_hook_told_total{hook="/usr/local/bin/page-me"}'] == 5
    assert found['carom_hook_failures_total{hook="/usr/local/bin/page-me"}'] == 2
    assert found['carom_hook_lost_total{hook="/usr/local/bin/page-me"}'] == 1
    leak = 'vip="192.168.76.24",mac="02:00:c0:a8:4c:1f",real="192.168.76.31",finding="arp-ignore"'
    assert found[f"carom_vip_misused{{{leak}}}"] == 1
    assert found["process_resident_memory_bytes"] > 1e6


def test_a_director_without_services_has_metrics_too() -> None:
    empty = replace(snapshot(), world=begin(Config(Director("eth0"))))
    empty = replace(empty, plan=plan(empty.world), reading=Reading())
    assert samples(exposition(empty, "0.1.0", {}, {}).decode())['carom_flow_table_entries{family="ipv4"}'] == 0


def test_documents_alerts_and_dashboard_name_no_metric_that_is_not_there() -> None:
    root = Path(__file__).parents[2]
    named = {
        file: set(re.findall(r"\b(?:carom|process)_[a-z_]+\b", (root / file).read_text()))
        for file in ("docs/metrics.md", "packaging/alerts.yml", "packaging/grafana-dashboard.json")
    }
    assert named["docs/metrics.md"] == set(FAMILIES), "every metric is in the documentation"
    assert not named["packaging/alerts.yml"] - set(FAMILIES)
    assert not named["packaging/grafana-dashboard.json"] - set(FAMILIES)


def test_ten_thousand_real_servers_are_told_in_a_second() -> None:
    reals = tuple(Real(ip_address("10.0.0.1") + number) for number in range(10_000))
    large = snapshot(replace(WEB, reals=reals))
    began = time.perf_counter()
    text = exposition(large, "0.1.0", MORE, HOOKS)
    assert time.perf_counter() - began < 1.0
    assert text.count(b"\n") > 90_000
