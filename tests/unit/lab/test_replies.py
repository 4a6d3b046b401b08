"""How replies on the segment are counted."""

from __future__ import annotations

import json

from carom.lab.network import VIP, VIP6
from carom.lab.replies import Replies, parse, ruleset, through


def listing(entered: dict[str, tuple[int, int]], left: dict[str, tuple[int, int]]) -> str:
    """What `nft -j list table` prints, as far as it matters."""

    def counted(name: str, ports: dict[str, tuple[int, int]]) -> dict[str, object]:
        elements = [
            {"elem": {"val": port, "counter": {"packets": packets, "bytes": size}}}
            for port, (packets, size) in ports.items()
        ]
        return {"set": {"name": name, **({"elem": elements} if elements else {})}}

    return json.dumps({"nftables": [{"metainfo": {}}, counted("entered", entered), counted("left", left)]})


def test_every_vip_is_counted_in_its_family_but_for_answers_to_the_directors_own_checks() -> None:
    rules = ruleset((VIP, VIP6))
    update = "update @entered { iifname } update @left { oifname }\n"
    assert f"    ip saddr 192.168.76.24 ip daddr != 192.168.76.10 {update}" in rules
    assert f"    ip6 saddr fd00:76::24 ip6 daddr != fd00:76::10 {update}" in rules


def test_bytes_are_of_whole_frames() -> None:
    assert parse(listing({"real1": (2, 1000)}, {"gateway1": (2, 1000)})) == {
        "real1": Replies(entered=1028),
        "gateway1": Replies(left=1028),
    }


def test_a_reply_that_crosses_the_director_is_counted_both_ways() -> None:
    seen = parse(listing({"real1": (1, 86), "director": (1, 86)}, {"director": (1, 86), "router": (1, 86)}))
    assert seen["director"] == Replies(entered=100, left=100)
    assert through(seen, "director") == 200
    assert through(seen, "gateway1") == 0


def test_no_reply_yet() -> None:
    assert parse(listing({}, {})) == {}
