"""What the API answers, as JSON Schema. `carom.api.status` and the handlers in `carom.api.calls` keep to it."""

from __future__ import annotations

from typing import Any

from carom.api.call import Schema
from carom.core.diff import Kind
from carom.core.explain import Step
from carom.core.flows import STATES
from carom.core.health import Standing
from carom.finding import Verdict
from carom.model import Protocol
from carom.outcome import Reason
from carom.outcome import Verdict as Diagnosed

TEXT: Schema = {"type": "string"}
TIME: Schema = {"type": "string", "format": "date-time"}
NUMBER: Schema = {"type": "number", "minimum": 0}
COUNT: Schema = {"type": "integer", "minimum": 0}
YES: Schema = {"type": "boolean"}


def optional(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def listed(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def one_of(words: Any) -> Schema:
    return {"type": "string", "enum": [str(word) for word in words]}


def record(about: str = "", **properties: Schema) -> Schema:
    """An object that has all of these properties and no others."""
    found: dict[str, Any] = {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }
    return found | ({"description": about} if about else {})


ERROR: Schema = {
    "type": "object",
    "properties": {
        "error": {"type": "string", "description": "What was wrong, and what to do, in one sentence."},
        "faults": listed(record(file=TEXT, line=COUNT, path=TEXT, message=TEXT)),
    },
    "required": ["error"],
    "additionalProperties": False,
}

RATES = record("Per second, over the last second.", packets=NUMBER, bytes=NUMBER, new_flows=NUMBER)
RATES_MINUTE = record(
    "Per second, over the last minute, or since the daemon began.", packets=NUMBER, bytes=NUMBER, new_flows=NUMBER
)
COUNTED: dict[str, Any] = {
    "active": COUNT,
    "inactive": COUNT,
    "packets": COUNT,
    "bytes": COUNT,
    "new_flows": COUNT,
    "rates": RATES,
    "rates_minute": RATES_MINUTE,
}
HANDSHAKES = record(
    "Those of the last seconds: flows begun, SYNs that clients sent again, flows that ended before the first ACK.",
    begun=COUNT,
    repeated=COUNT,
    lost=COUNT,
    seconds=NUMBER,
)
CHECK = record(
    "What the last check found.",
    ok=YES,
    reason=one_of(Reason),
    text=TEXT,
    seconds=NUMBER,
    warnings=listed(TEXT),
    verdict=optional(one_of(Diagnosed)),
    evidence=TEXT,
    remedy=TEXT,
)
OVERRIDE = record("What an operator has set.", weight=COUNT, by=TEXT, since=TIME, deadline=optional(TIME))
REAL = record(
    "One real server of one service.",
    address=TEXT,
    state=one_of(("up", "down", "quiesced", "draining", "leaving", "checking")),
    weight=COUNT,
    effective_weight=NUMBER,
    mac=optional(TEXT),
    up=YES,
    why=TEXT,
    since=optional(TIME),
    check=optional(CHECK),
    override=optional(OVERRIDE),
    **COUNTED,
    handshakes=HANDSHAKES,
)
SERVICE = record(
    name=TEXT,
    vip=TEXT,
    ports=listed(TEXT),
    scheduler=TEXT,
    standing=one_of(Standing),
    reals=listed(REAL),
    sorry=optional(REAL),
    totals=record(**COUNTED),
)
DIRECTOR = record(
    interface=TEXT,
    plane=TEXT,
    mode=TEXT,
    taken_over=YES,
    mac=optional(TEXT),
    inside=optional(record(interface=TEXT, mac=optional(TEXT))),
    answering=YES,
    since=TIME,
    config_file=TEXT,
    pid=COUNT,
)
_PLAIN_RATES = record(packets=NUMBER, bytes=NUMBER)
REASON = record(
    name=TEXT,
    packets=COUNT,
    bytes=COUNT,
    rates=_PLAIN_RATES,
    rates_minute=_PLAIN_RATES,
    normal=YES,
    sentence=TEXT,
)
STATUS = record(
    "What the director does now.",
    version=TEXT,
    director=DIRECTOR,
    configuration=record(version=COUNT, confirm_by=optional(TIME), drift=YES),
    reasons=listed(REASON),
    flows=record(ipv4=COUNT, ipv6=COUNT, capacity=COUNT),
    faults=listed(TEXT),
    warnings=listed(TEXT),
    services=listed(SERVICE),
)

DIFFERENCE = record(
    kind=one_of(Kind), service=TEXT, real=TEXT, field=TEXT, before=TEXT, after=TEXT, effect=TEXT, words=TEXT
)
VERSION = record(number=COUNT, when=TIME, who=TEXT, what=TEXT)
PLANNED = record(differences=listed(DIFFERENCE), summary=TEXT)
CHANGED = record(version=VERSION, differences=listed(DIFFERENCE), confirm_by=optional(TIME))
CONFIRMED = record(version=VERSION)
HISTORY = record(running=COUNT, confirm_by=optional(TIME), versions=listed(VERSION))
WRITTEN = record(version=VERSION, text={"type": "string", "description": "The configuration, as it was written."})
CONFIGURATION = record(
    version=COUNT, text=TEXT, file=TEXT, drift=YES, confirm_by=optional(TIME), back_to=optional(COUNT)
)
SET = record(service=TEXT, real=TEXT, weight=optional(COUNT), deadline=optional(TIME))
FINDING = record(name=TEXT, subject=TEXT, verdict=one_of(Verdict), evidence=TEXT, remedy=TEXT, server=TEXT)
FINDINGS = record(findings=listed(FINDING))
NEXT: Schema = optional({"type": "string", "description": "The cursor to go on from; null: that was all."})
FLOW = record(
    "One connection that the data plane remembers.",
    client=TEXT,
    client_port=COUNT,
    vip=TEXT,
    vip_port=COUNT,
    protocol=one_of(Protocol),
    service=TEXT,
    real=optional(TEXT),
    state=one_of(STATES),
    idle=COUNT,
    remaining=COUNT,
    persistent=YES,
)
FLOWS = record(flows=listed(FLOW), next=NEXT)
FLOW_COUNT = record(count=COUNT, states={"type": "object", "additionalProperties": COUNT}, next=NEXT)
CANDIDATE = record(
    "A real server as the scheduler sees it.",
    address=TEXT,
    weight=COUNT,
    active=COUNT,
    inactive=COUNT,
    overhead=COUNT,
    overloaded=YES,
    score=optional(NUMBER),
    usable=YES,
    chosen=YES,
    why=TEXT,
)
EXPLANATION = record(
    "Where the first packet of a connection would go, and why.",
    live=YES,
    client=TEXT,
    client_port=COUNT,
    vip=TEXT,
    vip_port=COUNT,
    protocol=one_of(Protocol),
    verdict=one_of(("forwarded", "local", "no_real", "no_mac", "no_service", "not_vip")),
    reason=TEXT,
    step=one_of(Step),
    real=optional(TEXT),
    mac=optional(TEXT),
    vlan=optional(COUNT),
    service=optional(
        record(
            name=TEXT,
            matched=TEXT,
            scheduler=TEXT,
            flags=listed(TEXT),
            rule=TEXT,
            persistence=COUNT,
            sorry=optional(TEXT),
        )
    ),
    flow=optional(record(real=TEXT, state=one_of(STATES), idle=COUNT, remaining=COUNT)),
    template=optional(record(real=TEXT, idle=COUNT, flows=COUNT)),
    scheduled=optional(TEXT),
    stray=optional(TEXT),
    candidates=listed(CANDIDATE),
)
