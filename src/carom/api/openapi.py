"""The OpenAPI 3.1 document, made from the calls themselves, so that it cannot say anything else than they do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from carom.api import schemas
from carom.api.call import Call, Item, Schema

Document = dict[str, Any]

TEXT_TYPE, EVENTS_TYPE = "text/plain", "text/event-stream"


def document(calls: Iterable[Call], version: str) -> Document:
    """The whole document."""
    paths: dict[str, Document] = {
        "/v1/status": _get("What the director does now.", schemas.STATUS),
        "/v1/openapi.json": _get("This document.", {"type": "object"}),
        "/v1/events": _get("What happens, as it happens.", {"type": "string"}, EVENTS_TYPE, _LAST_EVENT),
        "/metrics": _get("Everything that is counted, for Prometheus.", {"type": "string"}, TEXT_TYPE),
    }
    for call in calls:
        paths.setdefault(call.path, {})[call.method.lower()] = _operation(call)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Carom",
            "version": version,
            "summary": "A director's API: look at it, change it, operate it.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {"schemas": {"Error": schemas.ERROR}, "securitySchemes": {"token": _TOKEN}},
        "security": [{}, {"token": []}],
    }


_TOKEN = {"type": "http", "scheme": "bearer", "description": "Over TCP only; the unix socket knows who asks."}
_LAST_EVENT: Document = {
    "name": "Last-Event-ID",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "pattern": "^[0-9]{1,19}$"},
    "description": "The number of the last event seen: those missed are sent first.",
}
_ERRORS = {
    "400": "The request is not one.",
    "401": "Nobody that is known.",
    "403": "Whoever asks may look, but not change things.",
    "404": "There is no such thing.",
    "409": "Not possible as things stand; nothing has changed.",
    "413": "The body is too long.",
    "422": "The configuration has faults, which are listed; nothing has changed.",
    "500": "A defect; the daemon's log has it.",
    "503": "Too many at a time.",
    "507": "What the director keeps on disk cannot be written; nothing has changed.",
}


def _get(about: str, answer: Schema, media: str = "application/json", *headers: Document) -> Document:
    operation = {"summary": about, "responses": _responses(answer, media, "400", "401", "500", "503")}
    return {"get": operation | ({"parameters": list(headers)} if headers else {})}


def _operation(call: Call) -> Document:
    statuses = ["400", "401", "404", "409", "500", "503", "507"]
    if call.method == "POST":
        statuses += ["413", "422"]
    if call.writes:
        statuses.append("403")
    found: Document = {"summary": call.about, "responses": _responses(call.answer, "application/json", *statuses)}
    if call.method == "GET" and (call.takes or call.asks):
        found["parameters"] = [*(_parameter(item, "path") for item in call.takes), *map(_in_query, call.asks)]
    elif call.method == "POST":
        required = any(item.required for item in call.takes)
        found["requestBody"] = {"required": required, "content": {"application/json": {"schema": _body(call)}}}
    return found


def _parameter(item: Item, where: str) -> Document:
    return {"name": item.name, "in": where, "required": item.required, "schema": item.schema}


def _in_query(item: Item) -> Document:
    """A query cannot say null: what may be left out is left out."""
    return _parameter(item, "query") | {"schema": {**item.schema, "type": item.type}}


def _body(call: Call) -> Schema:
    return {
        "type": "object",
        "properties": {item.name: item.schema for item in call.takes},
        "required": [item.name for item in call.takes if item.required],
        "additionalProperties": False,
    }


def _responses(answer: Schema, media: str, *statuses: str) -> Document:
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    found: Document = {"200": {"description": "Well.", "content": {media: {"schema": answer}}}}
    return found | {status: {"description": _ERRORS[status], "content": error} for status in sorted(statuses)}
