"""The calls that look at the data plane: a table, and a short handler for each."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from ipaddress import ip_address, ip_network
from typing import Any, TypeVar

from carom.api import forms, schemas
from carom.api.call import Asked, Call, Item
from carom.api.forms import ADDRESS, END, NETWORK, one_of, target
from carom.core import explain as explaining
from carom.core.flows import STATES, Flow, Wanted
from carom.errors import RefusedError
from carom.looking import Looking
from carom.model import Address, Protocol

Document = dict[str, Any]
Value = TypeVar("Value")

MOST = 10_000
"""Flows of one answer."""
USUAL = 1000

FLOWS = (
    Item("client", "string", "only those of this address or network, 203.0.113.0/24", form=NETWORK),
    Item("vip", "string", "only those to this VIP", form=ADDRESS),
    Item("service", "string", "only those of this service"),
    Item("real", "string", "only those on this real server", form=ADDRESS),
    Item("protocol", "string", "only those of this protocol", form=one_of(Protocol)),
    Item("state", "string", "only those in this state", form=one_of(STATES[1:])),
    Item("idle", "integer", "only those without a packet for so many seconds or more", least=0, most=65535),
)
CURSOR = Item("cursor", "string", "the `next` of the answer before, to go on from there", form=forms.CURSOR)
FROM = Item("from", "string", "the client's address and port, 203.0.113.7:41000", required=True, form=END)
TO = Item(
    *("to", "string", "the VIP, its port and the protocol, 192.168.76.24:80/tcp"),
    required=True,
    form=target(Protocol),
)
LIMIT = Item("limit", "integer", f"at most so many; {USUAL:,} unless it is said", least=1, most=MOST)


def looks(looking: Looking) -> tuple[Call, ...]:
    """All of them, for this director."""
    desk = _Desk(looking)
    return (
        Call("GET", "/v1/flows", desk.flows, schemas.FLOWS, asks=(*FLOWS, CURSOR, LIMIT)),
        Call("GET", "/v1/flows/count", desk.count, schemas.FLOW_COUNT, asks=(*FLOWS, CURSOR)),
        Call("GET", "/v1/explain", desk.explain, schemas.EXPLANATION, asks=(FROM, TO)),
    )


class _Desk:
    """The handlers."""

    def __init__(self, looking: Looking) -> None:
        self._looking = looking

    async def flows(self, asked: Asked) -> bytes:
        """The flows that the data plane remembers, a page at a time."""
        said = asked.said
        page = await self._looking.flows(self._wanted(said), _place(said["cursor"]), said["limit"] or USUAL)

        def words() -> bytes:
            flows = ", ".join(json.dumps(flow_document(flow)) for flow in page.flows)
            return f'{{"flows": [{flows}], "next": {json.dumps(_cursor(page.next))}}}'.encode()

        return await asyncio.to_thread(words)

    async def count(self, asked: Asked) -> Document:
        """How many flows the data plane remembers, by state."""
        count = await self._looking.count_flows(self._wanted(asked.said), _place(asked.said["cursor"]))
        return {"count": sum(count.states.values()), "states": dict(count.states), "next": _cursor(count.next)}

    async def explain(self, asked: Asked) -> Document:
        """Where the first packet of a connection would go now, and why; it changes nothing."""
        try:
            question = explaining.question(asked.said["from"], asked.said["to"])
        except ValueError as error:
            raise RefusedError(400, str(error)) from None
        return await self._looking.explain(question)

    def _wanted(self, said: Mapping[str, Any]) -> Wanted:
        service, state, real = said["service"], said["state"], _address(said["real"], "real")
        if state is not None and state not in STATES[1:]:
            raise RefusedError(400, f"there is no state {state[:40]!r}; there are {', '.join(STATES[1:])}")
        self._refuse_strangers(service, real)
        return Wanted(
            _read(said["client"], lambda text: ip_network(text, strict=False), "client takes an address or a network"),
            *(_address(said["vip"], "vip"), service, real),
            _read(said["protocol"], Protocol, f"protocol takes {', '.join(Protocol)}"),
            *(state, said["idle"] or 0),
        )

    def _refuse_strangers(self, service: str | None, real: Address | None) -> None:
        """A name that is mistyped has no flows either; that is not what was asked."""
        services = self._looking.services() if service is not None or real is not None else {}
        if service is not None and service not in services:
            raise RefusedError(404, f"there is no service {service[:60]}; there are {', '.join(sorted(services)[:20])}")
        reals = services[service] if service is not None else frozenset().union(*services.values())
        if real is not None and str(real) not in reals:
            raise RefusedError(404, f"there is no real server {real} in {service or 'any service'}")


def flow_document(flow: Flow) -> Document:
    """A flow in words. Written out, since there may be a million of them."""
    return {
        "client": str(flow.client),
        "client_port": flow.client_port,
        "vip": str(flow.vip),
        "vip_port": flow.vip_port,
        "protocol": flow.protocol.value,
        "service": flow.service,
        "real": None if flow.real is None else str(flow.real),
        "state": flow.state,
        "idle": flow.idle,
        "remaining": flow.remaining,
        "persistent": flow.persistent,
    }


def _read(text: str | None, read: Callable[[str], Value], what: str) -> Value | None:
    """What a text stands for. Raises RefusedError, which says what it is to be."""
    try:
        return None if text is None else read(text)
    except ValueError:
        raise RefusedError(400, f"{what}, not {str(text)[:60]!r}") from None


def _address(text: str | None, name: str) -> Address | None:
    return _read(text, ip_address, f"{name} takes an address")


def _cursor(place: int | None) -> str | None:
    return None if place is None else f"{place:x}"


def _place(cursor: str | None) -> int:
    """Where a cursor goes on. It is nobody's business what stands in it."""
    try:
        place = int(cursor or "0", 16)
    except ValueError:
        place = -1
    if not 0 <= place < 1 << 40:
        raise RefusedError(400, "cursor takes the `next` of the answer before")
    return place
