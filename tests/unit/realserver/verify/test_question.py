"""What remedies tell the operator to type."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.realserver.words import VIP, WEB, WISH, question


def test_the_join_that_was_wished_for() -> None:
    plain = question(wish=replace(WISH, ports=()))
    assert plain.join_command(VIP) == f"carom real-server join --vip {VIP}"
    redirect = question(wish=replace(WISH, method="redirect", ports=(WEB,)))
    assert redirect.join_command(VIP) == f"carom real-server join --vip {VIP} --method redirect --port tcp/80"


def test_whether_the_host_is_to_own_the_vip() -> None:
    assert question().holds_vip
    assert not question(wish=replace(WISH, method="redirect")).holds_vip
