"""Which VIPs a host's ARP rules keep quiet about: listings as the tools print them."""

from __future__ import annotations

import json
from ipaddress import IPv4Address
from typing import Any

import pytest

from carom.realserver.arprules import ArpRules, from_legacy, from_nft

VIP, OTHER = IPv4Address("10.0.0.50"), IPv4Address("10.0.0.60")

LEGACY = """\
Chain INPUT (policy ACCEPT)
-j DROP -d 10.0.0.50 
-j ACCEPT -d 10.0.0.60 
-j DROP -d 10.0.1.0/24 

Chain OUTPUT (policy ACCEPT)
-j mangle -s 10.0.0.50 --mangle-ip-s 10.0.0.11 

Chain FORWARD (policy ACCEPT)
"""  # noqa: W291 - as arptables 0.0.5 prints it


def match(field: str, right: Any) -> dict[str, Any]:
    return {"match": {"op": "==", "left": {"payload": {"protocol": "arp", "field": field}}, "right": right}}


def ruleset(*rules: tuple[str, list[dict[str, Any]]], **sets: list[Any]) -> str:
    """As `nft -j list ruleset arp` prints it: chains `in` and `out` on their hooks, and one on none."""
    objects: list[dict[str, Any]] = [{"metainfo": {"json_schema_version": 1}}]
    for chain, hook in (("in", {"hook": "input"}), ("out", {"hook": "output"}), ("apart", {})):
        objects.append({"chain": {"family": "arp", "table": "t", "name": chain, **hook}})
    objects += [{"set": {"table": "t", "name": name, "elem": elements}} for name, elements in sets.items()]
    objects += [{"rule": {"table": "t", "chain": chain, "expr": expressions}} for chain, expressions in rules]
    return json.dumps({"nftables": objects})


DROP: dict[str, Any] = {"drop": None}
AS_ARPTABLES = [match("htype", 1), match("hlen", 6), match("plen", 4)]
REWRITE = {"mangle": {"key": {"payload": {"protocol": "arp", "field": "saddr ip"}}, "value": "10.0.0.11"}}
BY_MAP = {"mangle": {**REWRITE["mangle"], "value": {"map": {"key": REWRITE["mangle"]["key"], "data": "@rips"}}}}


def test_arptables_legacy() -> None:
    assert from_legacy(LEGACY) == ArpRules(frozenset({VIP}), frozenset({VIP}))


@pytest.mark.parametrize(
    ("rule", "guarded"),
    [
        (("in", [*AS_ARPTABLES, match("daddr ip", "10.0.0.50"), {"counter": {"packets": 0}}, DROP]), {VIP}),
        (("in", [match("operation", "request"), match("daddr ip", "10.0.0.50"), DROP]), {VIP}),
        (("in", [match("daddr ip", {"set": ["10.0.0.50", "10.0.0.60"]}), DROP]), {VIP, OTHER}),
        (("in", [match("daddr ip", "@vips"), DROP]), {VIP}),
        (("in", [match("daddr ip", "10.0.0.50"), {"accept": None}]), set()),
        (("in", [match("daddr ip", {"prefix": {"addr": "10.0.0.0", "len": 24}}), DROP]), set()),
        (("in", [match("operation", "reply"), match("daddr ip", "10.0.0.50"), DROP]), set()),
        (("out", [match("daddr ip", "10.0.0.50"), DROP]), set()),
        (("apart", [match("daddr ip", "10.0.0.50"), DROP]), set()),
    ],
)
def test_what_nft_rules_drop(rule: tuple[str, list[dict[str, Any]]], guarded: set[IPv4Address]) -> None:
    assert from_nft(ruleset(rule, vips=["10.0.0.50"])).guarded == guarded


def test_a_rule_for_one_interface_guards_nothing() -> None:
    one = {"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "eth1"}}
    assert from_nft(ruleset(("in", [one, match("daddr ip", "10.0.0.50"), DROP]))) == ArpRules()


@pytest.mark.parametrize(
    "expressions",
    [
        [*AS_ARPTABLES, match("saddr ip", "10.0.0.50"), {"xt": {"type": "target", "name": "mangle"}}],
        [match("saddr ip", "10.0.0.50"), REWRITE],
        [BY_MAP],
    ],
)
def test_what_nft_rules_rewrite(expressions: list[dict[str, Any]]) -> None:
    text = ruleset(("out", expressions), rips=[["10.0.0.50", "10.0.0.11"]])
    assert from_nft(text) == ArpRules(mangled=frozenset({VIP}))


def test_rules_of_two_tools_add_up() -> None:
    assert ArpRules(frozenset({VIP})) | ArpRules(frozenset({OTHER}), frozenset({VIP})) == ArpRules(
        frozenset({VIP, OTHER}), frozenset({VIP})
    )
