"""The oracle's cap on SYNs."""

from __future__ import annotations

from ipaddress import ip_address

from carom.dataplane.fake.syncap import Syns
from carom.model import Defence

CLIENT, SAME, OTHER = (ip_address(address) for address in ("10.0.0.1", "10.0.0.9", "10.0.1.1"))


def test_a_network_has_its_own_count_every_second() -> None:
    syns, two = Syns(), Defence(syn_rate=2)
    assert [syns.may_pass(client, 7, two) for client in (CLIENT, SAME, SAME, OTHER)] == [True, True, False, True]
    assert syns.may_pass(CLIENT, 8, two)


def test_what_did_not_pass_is_not_counted() -> None:
    syns = Syns()
    assert [syns.may_pass(CLIENT, 7, Defence(syn_rate=rate)) for rate in (0, 1, 1, 1, 2, 2)] == [
        *(True, True, False),
        *(False, True, False),
    ]
