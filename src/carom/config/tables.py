"""The contract of the configuration file: every table, every key, what each takes and does.

This is the one list. The loader, the JSON Schema and the reference in `docs/configuration.md` are made from it;
defaults come from `carom.model`, where the values live.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

from carom.config import foreign, scalars
from carom.config.kinds import KINDS
from carom.config.shapes import Either, Field, ListOf, Table
from carom.core.check_target import default_kind
from carom.core.news import EVENTS
from carom.model import (
    Check,
    Config,
    Defence,
    Director,
    Hook,
    OnDown,
    OnMisuse,
    OnNoReal,
    Ports,
    Protocol,
    Real,
    Scheduler,
    SchedulerFlag,
    Service,
    Timeouts,
    Via,
)

NOWHERE = IPv4Address(0)
"""Stands in for an address that cannot be read; never leaves `carom.config`."""

_DAY = 86400
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
_INTERFACE = r"(?!\.{1,2}$)[!-.0-9;-~]{1,15}"  # dev_valid_name() of the kernel: no slash, colon or space; not . or ..


def _interface(name: str, about: str, example: str, *, required: bool = False) -> Field:
    shape = scalars.text("an interface's name: 1 to 15 letters, digits and signs without / : and spaces", _INTERFACE)
    return Field(name, shape, about, f'{name} = "{example}"', required=required)


DIRECTOR = Table(
    "[director]",
    "a table",
    (
        _interface(
            "interface",
            "The NIC on which clients' packets arrive; they leave by it too, unless there is an `inside`.",
            "eth0",
            required=True,
        ),
        _interface(
            "inside", "A second NIC, by which real servers are reached; without it the director is one-armed.", "eth1"
        ),
        Field(
            "peers",
            ListOf(scalars.address(), "a list of addresses", blank=NOWHERE),
            "The other directors on the segment. What they send to a VIP is left to this host, not balanced again.",
            'peers = ["192.168.76.11"]',
            default_words="none",
        ),
        Field(
            "watch",
            scalars.duration(0, _DAY),
            "How often the segment is asked who has each VIP, to find real servers that leak it; 0: never.",
            'watch = "10s"',
        ),
        Field(
            "on_misuse",
            scalars.choice(OnMisuse, "way with a misused VIP", foreign.MISUSES),
            "When another station uses a VIP: say so (report), and tell the segment again where it is (announce), and "
            "give the real server that does it no new connections (quiesce).",
            'on_misuse = "quiesce"',
        ),
    ),
    build=lambda values: Director(**{"interface": "", **values}),
    model=Director,
)

_LONGEST = 18 * 3600
"""A flow remembers the second of its last packet modulo 65,536."""


def _timeout(name: str, about: str, example: str) -> Field:
    return Field(name, scalars.duration(1, _LONGEST, whole=True), about, f"{name} = {example}")


TIMEOUTS = Table(
    "[timeouts]",
    "a table",
    (
        _timeout("established", "An open TCP connection.", '"2h"'),
        _timeout("syn_recv", "One whose client has sent a SYN, and nothing since.", "10"),
        _timeout("fin_wait", "One that the client has closed; the rest of its end is not seen.", '"1m"'),
        _timeout("time_wait", "One that the client has closed before it was open.", '"1m"'),
        _timeout("close", "One that the client has reset.", "5"),
        _timeout("udp", "A client's datagrams from one port to one port.", "30"),
    ),
    build=lambda values: Timeouts(**{name: int(seconds) for name, seconds in values.items()}),
    model=Timeouts,
)

DEFENCE = Table(
    "[defence]",
    "a table",
    (
        Field(
            "icmp_rate",
            scalars.integer(0, 1_000_000),
            "ICMP errors that the director itself sends (port unreachable, too big), a second at most; 0: none.",
            "icmp_rate = 100",
        ),
        Field(
            "syn_rate",
            scalars.integer(0, 10_000_000),
            "SYNs that one network of clients may send in a second; more are dropped (`syn_capped`). 0: no cap.",
            "syn_rate = 500",
        ),
        Field(
            "syn_prefix",
            scalars.integer(1, 32),
            "How much of an IPv4 client's address is its network.",
            "syn_prefix = 32",
        ),
        Field(
            "syn_prefix6",
            scalars.integer(1, 128),
            "The same for IPv6.",
            "syn_prefix6 = 56",
        ),
        Field(
            "checksum",
            scalars.boolean(),
            "Drop IPv4 packets whose header has a wrong checksum; routers and real servers do so anyway.",
            "checksum = true",
        ),
    ),
    build=lambda values: Defence(**values),
    model=Defence,
)

# ---- checks ----


def _check(values: dict[str, Any]) -> Check:
    """A check whose kind may be "": left open until the service's ports are known."""
    common = {name: values.pop(name) for name in COMMON if name in values}
    if "timeout" not in common and "every" in common:
        common["timeout"] = min(Check().timeout, common["every"])
    kind = common.pop("kind", "tcp" if "port" in common else "")
    return Check(kind=kind, options=values, **common)


CHECK = Table(
    "[service.check]",
    "a [service.check] table",
    (
        Field(
            "kind",
            scalars.choice(KINDS, "kind of check", foreign.CHECKS),
            "What is done to see whether a real server is well.",
            'kind = "http"',
            default_words='"tcp"; "icmp" where the service has no single TCP port',
        ),
        Field(
            "via",
            scalars.choice(Via, "way of checking"),
            '"vip": to the VIP on the real server, the way users go; "real": to its own address.',
            'via = "real"',
        ),
        Field("every", scalars.duration(0.1, _DAY), "From one check of a real server to the next.", 'every = "5s"'),
        Field(
            "timeout",
            scalars.duration(0.01, _DAY),
            "Without an answer for so long, a check has failed; at most `every`.",
            'timeout = "500ms"',
            default_words="1 s, or `every` where that is shorter",
        ),
        Field(
            "port",
            scalars.integer(1, 65535),
            "The port to check.",
            "port = 8080",
            default_words="the service's first single port of the kind's transport",
        ),
        Field("rise", scalars.integer(1, 1000), "Successes in a row that bring a real server back.", "rise = 2"),
        Field("fall", scalars.integer(1, 1000), "Failures in a row that take a real server out.", "fall = 3"),
    ),
    build=_check,
    model=Check,
    chooser="kind",
    usual="tcp",
    choices=KINDS,
)

COMMON = tuple(one.name for one in CHECK.fields)
"""The fields that every kind of check has."""

# ---- real servers and services ----

REAL = Table(
    "reals = [{ }]",
    "a table",
    (
        Field(
            "address",
            scalars.address(),
            "The real server's own address (RIP), on a segment with the director.",
            'address = "192.168.76.31"',
            required=True,
        ),
        Field(
            "weight",
            scalars.integer(0, 65535),
            "Its share of new connections; 0 quiesces it: no new ones, and those it has go on.",
            "weight = 2",
        ),
        Field(
            "upper",
            scalars.integer(0, 2**32 - 1),
            "Connections at which it counts as overloaded and gets no new ones; 0: never.",
            "upper = 10000",
        ),
        Field(
            "lower",
            scalars.integer(0, 2**32 - 1),
            "Connections below which it no longer does; at most `upper`.",
            "lower = 8000",
            default_words="three quarters of `upper`",
        ),
        Field(
            "vlan",
            scalars.integer(0, 4094),
            "The 802.1Q VLAN of its segment, 0 for an untagged one: frames to it are tagged so. Its MAC is looked for "
            "on the host's interface of that VLAN, as eth0.20.",
            "vlan = 20",
            default_words="the one in which clients' packets arrive",
        ),
        Field(
            "mtu",
            scalars.integer(0, 65535),
            "The largest packet that the way to it takes; who sends a larger one is told so by ICMP. 0: of every size.",
            "mtu = 1400",
        ),
    ),
    build=lambda values: Real(**{"address": NOWHERE, **values}),
    model=Real,
)


def _real(value: object) -> Real:
    return Real(scalars.read_address(value))


def _service(values: dict[str, Any]) -> Service:
    check = values.get("check", Check(kind=""))
    if check is not None and not check.kind:
        values["check"] = replace(check, kind=default_kind(values.get("ports", ())))
    flags = frozenset(values.pop("scheduler_flags", ()))
    return Service(**{"name": "", "vip": NOWHERE, "ports": (), "scheduler_flags": flags, **values})


SERVICE = Table(
    "[[service]]",
    "a [[service]] table",
    (
        Field(
            "name",
            scalars.text("1 to 63 letters, digits and . _ -, the first a letter or digit", _NAME),
            "What to call it; no two services share a name.",
            'name = "web"',
            required=True,
        ),
        Field("vip", scalars.address(), "The address that clients ask for.", 'vip = "192.168.76.24"', required=True),
        Field(
            "ports",
            ListOf(scalars.ports(), f"a list of {scalars.ports().noun}", blank=Ports(Protocol.TCP, 0, 0)),
            "What is balanced, as one group: persistence covers all of it. A single port goes before a range.",
            'ports = ["tcp/80", "tcp/443"]',
            required=True,
        ),
        Field(
            "reals",
            ListOf(
                Either(replace(scalars.address(), read=_real), REAL),
                "a list of addresses and tables",
                blank=Real(NOWHERE),
                least=0,
            ),
            "The real servers: addresses, or tables where there is more to say. Needed unless there is a `sorry`.",
            'reals = ["192.168.76.31", { address = "192.168.76.32", weight = 2 }]',
            default_words="none",
        ),
        Field(
            "scheduler",
            scalars.choice(Scheduler, "scheduler", foreign.SCHEDULERS),
            "Who gets a new connection, by IPVS's name for it.",
            'scheduler = "mh"',
        ),
        Field(
            "scheduler_flags",
            ListOf(scalars.choice(SchedulerFlag, "scheduler flag"), f"a list of flags, of {', '.join(SchedulerFlag)}"),
            "Flags of the scheduler, by ipvsadm's names.",
            'scheduler_flags = ["mh-port"]',
            default_words="none",
        ),
        Field(
            "persistence",
            scalars.duration(1, 31 * _DAY, whole=True),
            "How long a client stays with its real server after its last connection.",
            'persistence = "5m"',
            default_words="no persistence",
        ),
        Field(
            "persistence_mask",
            scalars.prefix_length(),
            "How much of its address makes a client: 24 lets a /24 persist together.",
            "persistence_mask = 24",
            default_words="32, or 128 for IPv6",
        ),
        Field(
            "sorry",
            scalars.address(),
            "The real server of last resort, used while fewer than `minimum` are up.",
            'sorry = "192.168.76.40"',
            default_words="none",
        ),
        Field(
            "minimum",
            scalars.integer(1, 65535),
            "With fewer real servers up, `sorry` stands in; without one, they carry on, and `carom status` says so.",
            "minimum = 2",
        ),
        Field(
            "on_no_real",
            scalars.choice(OnNoReal, "way with clients that no real server can take", foreign.REFUSALS),
            "A client that no real server can take is told so by ICMP (unreachable), or left to wait (drop).",
            'on_no_real = "drop"',
        ),
        Field(
            "on_down",
            scalars.choice(OnDown, "way with a downed server's connections"),
            "Connections of a real server that goes down stay with it (finish), or go elsewhere (move).",
            'on_down = "move"',
        ),
        Field(
            "slow_start",
            scalars.duration(0, _DAY),
            "Over so long the weight of a real server that came up climbs to its full value; 0: at once.",
            'slow_start = "30s"',
        ),
        Field(
            "fail_open",
            scalars.boolean(),
            "When the checks say that no real server is up, use all of them.",
            "fail_open = true",
        ),
        Field("one_packet", scalars.boolean(), "UDP only: schedule every datagram by itself.", "one_packet = true"),
        Field(
            "check",
            Either(scalars.off("write check = false, or a [service.check] table"), CHECK),
            "How its real servers are checked; false: never, they count as up.",
            "check = false",
            default_words="a check with the defaults below",
        ),
    ),
    build=_service,
    model=Service,
)


# ---- hooks ----

HOOK = Table(
    "[[hook]]",
    "a [[hook]] table",
    (
        Field(
            "on",
            ListOf(scalars.choice(EVENTS, "event"), f"a list of events, of {', '.join(EVENTS)}", blank=""),
            "The events it is told of.",
            'on = ["real server down", "real server up"]',
            default_words="those that are grave",
        ),
        Field(
            "run",
            scalars.command(),
            "The program to run, without a shell; it reads the event as JSON on its standard input.",
            'run = "/usr/local/bin/page-me --team network"',
            default_words="none",
        ),
        Field(
            "url",
            scalars.url(),
            "Where the event is sent as JSON, by POST; any status from 200 to 299 is well.",
            'url = "https://hooks.example.com/carom"',
            default_words="none",
        ),
        Field(
            "headers",
            scalars.headers(),
            "Further headers for the `url`.",
            'headers = { Authorization = "Bearer secret" }',
            default_words="none",
        ),
        Field(
            "timeout",
            scalars.duration(0.1, 300),
            "After so long the program is killed, or the URL given up.",
            'timeout = "5s"',
        ),
        Field("retries", scalars.integer(0, 10), "How often it is tried again, at growing intervals.", "retries = 5"),
    ),
    build=lambda values: Hook(**values),
    model=Hook,
)


def _config(values: dict[str, Any]) -> Config:
    return Config(
        values.get("director", Director("")),
        tuple(values.get("service", ())),
        values.get("defence", Defence()),
        values.get("timeouts", Timeouts()),
        tuple(values.get("hook", ())),
    )


ROOT = Table(
    "the top of the file",
    "a document",
    (
        Field("director", DIRECTOR, "The director itself.", "[director]", required=True),
        Field(
            "defence",
            DEFENCE,
            "What is done about those who send more than they should.",
            "[defence]",
            default_words="the defaults below",
        ),
        Field(
            "timeouts",
            TIMEOUTS,
            "How long a flow is remembered without a packet, by its state.",
            "[timeouts]",
            default_words="the defaults below",
        ),
        Field(
            "service",
            ListOf(SERVICE, "[[service]] tables, in two pairs of brackets", blank=_service({}), least=0),
            "The services.",
            "[[service]]",
        ),
        Field(
            "hook",
            ListOf(HOOK, "[[hook]] tables, in two pairs of brackets", least=0),
            "Who is told of events.",
            "[[hook]]",
        ),
    ),
    build=_config,
)

TABLES = (ROOT, DIRECTOR, DEFENCE, TIMEOUTS, SERVICE, REAL, CHECK, HOOK)
