"""Reads the host's ARP rules: for which VIPs does a rule drop requests, and for which does one rewrite outgoing ARP?

Whoever wrote them: Carom, arptables of either backend, or an administrator's own nftables. Pure: text in, VIPs out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from itertools import pairwise
from typing import Any


@dataclass(frozen=True, slots=True)
class ArpRules:
    """What the rules do."""

    guarded: frozenset[IPv4Address] = frozenset()
    """ARP that asks for these is dropped."""
    mangled: frozenset[IPv4Address] = frozenset()
    """ARP that names these as its sender leaves with another address."""

    def __or__(self, other: ArpRules) -> ArpRules:
        return ArpRules(self.guarded | other.guarded, self.mangled | other.mangled)


def from_nft(text: str) -> ArpRules:
    """From `nft -j list ruleset arp`, which has arptables-nft's rules too.

    Only rules count that hold for every frame: those of a chain on a hook, without a match on anything else.
    """
    objects = json.loads(text)["nftables"]
    sets = {(body["table"], body["name"]): body for kind, body in _bodies(objects) if kind in ("set", "map")}
    hooks = {(body["table"], body["name"]): body.get("hook") for kind, body in _bodies(objects) if kind == "chain"}
    rules = [(hooks.get((body["table"], body["chain"])), body) for kind, body in _bodies(objects) if kind == "rule"]
    return ArpRules(
        frozenset(vip for hook, rule in rules if hook == "input" for vip in _dropped(rule, sets)),
        frozenset(vip for hook, rule in rules if hook == "output" for vip in _rewritten(rule, sets)),
    )


def from_legacy(listing: str) -> ArpRules:
    """From `arptables-legacy -n -L`."""
    rules = [line.split() for line in listing.splitlines()]
    return ArpRules(
        frozenset(vip for rule in rules if _has(rule, "-j", "DROP") for vip in _option(rule, "-d")),
        frozenset(vip for rule in rules if _has(rule, "-j", "mangle") for vip in _option(rule, "-s")),
    )


_COMMON: dict[str, Any] = {"operation": "request", "htype": 1, "hlen": 6, "plen": 4}
"""ARP for IPv4 on Ethernet, as arptables spells it out."""

_Sets = dict[tuple[str, str], dict[str, Any]]


def _bodies(objects: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    return [(kind, body) for each in objects for kind, body in each.items()]


def _dropped(rule: dict[str, Any], sets: _Sets) -> Iterator[IPv4Address]:
    """The targets of ARP that a rule drops."""
    if _holds_always(rule) and any("drop" in expression for expression in rule["expr"]):
        yield from _matched(rule, "daddr ip", sets)


def _rewritten(rule: dict[str, Any], sets: _Sets) -> Iterator[IPv4Address]:
    """The senders that a rule replaces: by a match and a constant, by a map, or by arptables' own target."""
    for expression in rule["expr"] if _holds_always(rule) else ():
        if expression.get("xt", {}).get("name") == "mangle":
            yield from _matched(rule, "saddr ip", sets)
        mangle = expression.get("mangle")
        if mangle is None or mangle["key"] != _field("saddr ip"):
            continue
        value = mangle["value"]
        if isinstance(value, dict) and "map" in value:
            yield from _members(value["map"]["data"], rule, sets)
        else:
            yield from _matched(rule, "saddr ip", sets)


def _holds_always(rule: dict[str, Any]) -> bool:
    """Whether a rule looks at nothing but what every request for a VIP, or in its name, has."""
    wanted = [{"left": _field(name), "right": value} for name, value in _COMMON.items()]
    for match in (expression["match"] for expression in rule["expr"] if "match" in expression):
        about_address = match["left"] in (_field("daddr ip"), _field("saddr ip"))
        if not about_address and {"left": match["left"], "right": match["right"]} not in wanted:
            return False
    return True


def _matched(rule: dict[str, Any], field: str, sets: _Sets) -> Iterator[IPv4Address]:
    for expression in rule["expr"]:
        match = expression.get("match", {})
        if match.get("left") == _field(field) and match.get("op") == "==":
            yield from _members(match["right"], rule, sets)


def _field(name: str) -> dict[str, Any]:
    return {"payload": {"protocol": "arp", "field": name}}


def _members(value: Any, rule: dict[str, Any], sets: _Sets) -> Iterator[IPv4Address]:
    """The addresses that an operand stands for: one, a set written out, or a named set or map."""
    if isinstance(value, str) and value.startswith("@"):
        elements = sets.get((rule["table"], value[1:]), {}).get("elem", [])
    elif isinstance(value, dict):
        elements = value.get("set", [])
    else:
        elements = [value]
    for element in elements:
        key = element[0] if isinstance(element, list) else element
        if isinstance(key, str):
            yield IPv4Address(key)


def _has(rule: list[str], option: str, value: str) -> bool:
    return value in [after for name, after in pairwise(rule) if name == option]


def _option(rule: list[str], option: str) -> Iterator[IPv4Address]:
    for name, value in pairwise(rule):
        if name == option and "/" not in value:
            yield IPv4Address(value)
