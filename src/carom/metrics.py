"""Everything that is counted, in the text format that Prometheus reads (version 0.0.4).

Written by hand: the client library builds an object for every sample, which for 10,000 real servers costs many times as
much. Names and units follow Prometheus's rules: base units, `_total` for what only grows. Every metric is in FAMILIES
with its sentence; `docs/metrics.md` lists them.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from carom.core.plan import RealPlan, ServicePlan
from carom.core.sightings import finding
from carom.core.world import World, reals_by_mac
from carom.hooks.hooks import Tally
from carom.model import Address
from carom.ports import RealReading
from carom.snapshot import Snapshot

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Family:
    """One metric."""

    type: str
    """`counter` or `gauge`."""
    help: str
    labels: tuple[str, ...] = ()


_REAL = ("service", "real")
FAMILIES: Mapping[str, Family] = {
    "carom_build_info": Family("gauge", "Always 1; the label says which carom this is.", ("version",)),
    "carom_interface_up": Family("gauge", "Whether the director's NIC is up and has carrier; with two, both."),
    "carom_answering": Family("gauge", "Whether this director answers for its VIPs (active) or not (backup)."),
    "carom_vip_misused": Family(
        "gauge", "1 while another station uses the VIP; `finding` says how.", ("vip", "mac", "real", "finding")
    ),
    "carom_troubles": Family("gauge", "Things that go wrong in the director itself; carom status names them."),
    "carom_config_version": Family("gauge", "The version of the configuration that runs."),
    "carom_config_drift": Family("gauge", "Whether the configuration file says something else than what runs."),
    "carom_config_unconfirmed": Family("gauge", "Whether what runs undoes itself unless it is confirmed."),
    "carom_flow_table_entries": Family("gauge", "Flows that the data plane remembers.", ("family",)),
    "carom_flow_table_capacity": Family("gauge", "Flows that it has room for, of each family."),
    "carom_packets_total": Family("counter", "Packets, by how they ended.", ("reason",)),
    "carom_bytes_total": Family("counter", "Bytes of these packets, as Ethernet frames without checksum.", ("reason",)),
    "carom_service_info": Family("gauge", "Always 1; what a service is.", ("service", "vip", "scheduler")),
    "carom_service_standing": Family(
        "gauge", "1 for how the service stands: serving, sorry, fail_open or down.", ("service", "standing")
    ),
    "carom_service_reals": Family("gauge", "Real servers of the service.", ("service",)),
    "carom_service_reals_up": Family("gauge", "Those that can be scheduled.", ("service",)),
    "carom_real_up": Family("gauge", "Whether the real server can be scheduled at all.", _REAL),
    "carom_real_weight": Family("gauge", "Its weight at present; 0: no new connections.", _REAL),
    "carom_real_active_flows": Family("gauge", "Its flows in IPVS's active states.", _REAL),
    "carom_real_inactive_flows": Family("gauge", "Its other flows: closing, UDP, or SCTP in its handshake.", _REAL),
    "carom_real_new_flows_total": Family("counter", "Flows scheduled to it.", _REAL),
    "carom_real_syns_repeated_total": Family(
        "counter", "SYNs and INITs that its clients sent again, unanswered.", _REAL
    ),
    "carom_real_handshakes_lost_total": Family(
        "counter", "Flows that ended before their client's first ACK: replies lost, or clients gone.", _REAL
    ),
    "carom_real_packets_total": Family("counter", "Packets sent to it.", _REAL),
    "carom_real_bytes_total": Family("counter", "Bytes sent to it, as Ethernet frames without checksum.", _REAL),
    "carom_real_check_ok": Family("gauge", "Whether its last health check went well.", _REAL),
    "carom_real_check_seconds": Family("gauge", "What its last health check took.", _REAL),
    "carom_hook_told_total": Family("counter", "Events that the hook was told of.", ("hook",)),
    "carom_hook_failures_total": Family("counter", "Events that it could not be told of.", ("hook",)),
    "carom_hook_lost_total": Family("counter", "Events for it that were never tried: too many waited.", ("hook",)),
    "process_cpu_seconds_total": Family("counter", "Processor time that the daemon has used."),
    "process_resident_memory_bytes": Family("gauge", "The daemon's memory."),
    "process_open_fds": Family("gauge", "The daemon's open files."),
}
"""Every metric, in the order in which they are exposed."""

Samples = dict[str, list[str]]
Number = float | int | bool


def exposition(snapshot: Snapshot, version: str, more: Mapping[str, Number], hooks: Mapping[str, Tally]) -> bytes:
    """The whole text; `more` are gauges that the snapshot does not know, `hooks` what became of the events."""
    samples: Samples = {name: [] for name in FAMILIES}
    for name, value in {**_director(snapshot), **_process(), **more}.items():
        samples[name].append(f"{name} {_number(value)}")
    samples["carom_build_info"].append(f'carom_build_info{{version="{_quoted(version)}"}} 1')
    for family, flows in (("ipv4", snapshot.reading.flows4), ("ipv6", snapshot.reading.flows6)):
        samples["carom_flow_table_entries"].append(f'carom_flow_table_entries{{family="{family}"}} {flows}')
    _misuses(samples, snapshot.world)
    _reasons(samples, snapshot)
    _services(samples, snapshot)
    _hooks(samples, hooks)
    return "".join(_lines(samples)).encode()


def _lines(samples: Samples) -> Iterator[str]:
    for name, family in FAMILIES.items():
        if samples[name]:
            yield f"# HELP {name} {family.help}\n# TYPE {name} {family.type}\n"
            yield "\n".join(samples[name])
            yield "\n"


def _director(snapshot: Snapshot) -> dict[str, Number]:
    return {
        "carom_interface_up": all(nic is None or nic.up for nic in (snapshot.world.nic, snapshot.world.inside)),
        "carom_answering": snapshot.plan.answering,
        "carom_troubles": len(snapshot.troubles),
        "carom_flow_table_capacity": snapshot.reading.flow_capacity,
    }


def _process() -> dict[str, Number]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "process_cpu_seconds_total": round(used.ru_utime + used.ru_stime, 2),
        "process_resident_memory_bytes": pages * resource.getpagesize(),
        "process_open_fds": len(os.listdir("/proc/self/fd")),  # noqa: PTH208 - a count needs no paths
    }


def _misuses(samples: Samples, world: World) -> None:
    reals = reals_by_mac(world) if world.sightings else {}
    for sighting in world.sightings:
        found = finding(sighting, reals)
        labels = f'vip="{sighting.vip}",mac="{sighting.mac.hex(":")}",real="{found.server}",finding="{found.name}"'
        samples["carom_vip_misused"].append(f"carom_vip_misused{{{labels}}} 1")


def _reasons(samples: Samples, snapshot: Snapshot) -> None:
    for reason in snapshot.reading.reasons:
        labels = f'{{reason="{_quoted(reason.name)}"}}'
        samples["carom_packets_total"].append(f"carom_packets_total{labels} {reason.counter.packets}")
        samples["carom_bytes_total"].append(f"carom_bytes_total{labels} {reason.counter.bytes}")


def _services(samples: Samples, snapshot: Snapshot) -> None:
    readings = {(one.service, one.address): one for one in snapshot.reading.reals}
    for service in snapshot.plan.services:
        name = _quoted(service.name)
        info = f'service="{name}",vip="{service.vip}",scheduler="{service.scheduler}"'
        samples["carom_service_info"].append(f"carom_service_info{{{info}}} 1")
        judgement = snapshot.world.judgements.get(service.name)
        standing = judgement.standing.value if judgement else "serving"
        samples["carom_service_standing"].append(f'carom_service_standing{{service="{name}",standing="{standing}"}} 1')
        up = sum(real.schedulable for real in service.reals)
        samples["carom_service_reals"].append(f'carom_service_reals{{service="{name}"}} {len(service.reals)}')
        samples["carom_service_reals_up"].append(f'carom_service_reals_up{{service="{name}"}} {up}')
        _reals(samples, snapshot.world, service, readings)


def _reals(
    samples: Samples, world: World, service: ServicePlan, readings: Mapping[tuple[str, Address], RealReading]
) -> None:
    """One line in each list for each real server: this is where the time goes."""
    name = _quoted(service.name)
    judgement = world.judgements.get(service.name)
    scale = judgement.scale if judgement else 1
    records = world.health.get(service.name, {})
    reals: Iterable[RealPlan] = (*service.reals, *((service.sorry,) if service.sorry else ()))
    for real in reals:
        labels = f'{{service="{name}",real="{real.address}"}}'
        weight = real.weight / scale if real.schedulable else 0
        samples["carom_real_up"].append(f"carom_real_up{labels} {int(real.schedulable)}")
        samples["carom_real_weight"].append(f"carom_real_weight{labels} {weight:g}")
        if reading := readings.get((service.name, real.address)):
            counter = reading.counter
            samples["carom_real_active_flows"].append(f"carom_real_active_flows{labels} {reading.active}")
            samples["carom_real_inactive_flows"].append(f"carom_real_inactive_flows{labels} {reading.inactive}")
            samples["carom_real_new_flows_total"].append(f"carom_real_new_flows_total{labels} {reading.new_flows}")
            samples["carom_real_syns_repeated_total"].append(
                f"carom_real_syns_repeated_total{labels} {reading.syns_repeated}"
            )
            samples["carom_real_handshakes_lost_total"].append(
                f"carom_real_handshakes_lost_total{labels} {reading.handshakes_lost}"
            )
            samples["carom_real_packets_total"].append(f"carom_real_packets_total{labels} {counter.packets}")
            samples["carom_real_bytes_total"].append(f"carom_real_bytes_total{labels} {counter.bytes}")
        record = records.get(real.address)
        if record and (outcome := record.outcome):
            samples["carom_real_check_ok"].append(f"carom_real_check_ok{labels} {int(outcome.ok)}")
            samples["carom_real_check_seconds"].append(f"carom_real_check_seconds{labels} {outcome.seconds:.6f}")


def _hooks(samples: Samples, hooks: Mapping[str, Tally]) -> None:
    for name, tally in hooks.items():
        labels = f'{{hook="{_quoted(name)}"}}'
        samples["carom_hook_told_total"].append(f"carom_hook_told_total{labels} {tally.told}")
        samples["carom_hook_failures_total"].append(f"carom_hook_failures_total{labels} {tally.failed}")
        samples["carom_hook_lost_total"].append(f"carom_hook_lost_total{labels} {tally.lost}")


def _number(value: Number) -> str:
    return str(int(value)) if isinstance(value, bool | int) else repr(value)


def _quoted(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
