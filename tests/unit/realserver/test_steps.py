"""Steps: what each would type, what it takes as already so, and what puts it back."""

from __future__ import annotations

import pytest

from carom.realserver.steps import (
    ABSENT,
    KINDS,
    BaseChain,
    Command,
    Link,
    NftElement,
    NftTable,
    OwnAddress,
    Rule,
    Step,
    Sysctl,
    Up,
)
from tests.unit.realserver.words import VIP, VIP6

IGNORE = Sysctl("net.ipv4.conf.all.arp_ignore", "1", "", enough=("2",))
DROP = Rule("arptables-nft", "filter", "INPUT", ("-d", str(VIP), "-j", "DROP"), "")
REDIRECT = Rule("iptables-nft", "nat", "PREROUTING", ("-d", str(VIP), "-j", "REDIRECT"), "")
TABLE = NftTable(
    "arp", "carom", ("set vips { type ipv4_addr; }",), (("input", "type filter;", ("arp daddr ip @vips drop",)),), ""
)


@pytest.mark.parametrize(
    ("step", "command", "before", "reverse"),
    [
        (IGNORE, "sysctl -w net.ipv4.conf.all.arp_ignore=1", "0", "sysctl -w net.ipv4.conf.all.arp_ignore=0"),
        (Up("lo"), "ip link set lo up", "down", "ip link set lo down"),
        (
            Link("carom0", "dummy"),
            "ip link add carom0 arp off type dummy",
            ABSENT,
            "ip link del carom0",
        ),
        (
            Link("carom0", "macvlan", "eth0"),
            "ip link add carom0 link eth0 arp off type macvlan mode private",
            ABSENT,
            "ip link del carom0",
        ),
        (OwnAddress(VIP, "lo"), f"ip address add {VIP}/32 dev lo", ABSENT, f"ip address del {VIP}/32 dev lo"),
        (
            OwnAddress(VIP6, "lo"),
            f"ip address add {VIP6}/128 dev lo nodad",
            ABSENT,
            f"ip address del {VIP6}/128 dev lo",
        ),
        (
            NftElement("arp", "carom", "vips", str(VIP)),
            f"nft add element arp carom vips '{{ {VIP} }}'",
            ABSENT,
            f"nft delete element arp carom vips '{{ {VIP} }}'",
        ),
        (
            NftElement("arp", "carom", "rips", str(VIP), "192.0.2.31"),
            f"nft add element arp carom rips '{{ {VIP} : 192.0.2.31 }}'",
            ABSENT,
            f"nft delete element arp carom rips '{{ {VIP} : 192.0.2.31 }}'",
        ),
        (
            BaseChain("arptables-nft", "filter", "INPUT"),
            "arptables-nft -P INPUT ACCEPT",
            ABSENT,
            "nft delete chain arp filter INPUT",
        ),
        (
            BaseChain("ip6tables-nft", "nat", "PREROUTING"),
            "ip6tables-nft -t nat -P PREROUTING ACCEPT",
            ABSENT,
            "nft delete chain ip6 nat PREROUTING",
        ),
        (
            DROP,
            f"arptables-nft -A INPUT -d {VIP} -j DROP",
            ABSENT,
            f"arptables-nft -D INPUT -d {VIP} -j DROP",
        ),
        (
            REDIRECT,
            f"iptables-nft -t nat -A PREROUTING -d {VIP} -j REDIRECT",
            ABSENT,
            f"iptables-nft -t nat -D PREROUTING -d {VIP} -j REDIRECT",
        ),
    ],
)
def test_what_is_typed_and_what_takes_it_back(step: Step, command: str, before: str, reverse: str) -> None:
    assert (str(step.command()), str(step.reverse(before))) == (command, reverse)


def test_a_table_is_loaded_in_one_transaction_that_replaces_it() -> None:
    assert str(TABLE.command()) == (
        "nft -f - <<'END'\n"
        "table arp carom\n"
        "delete table arp carom\n"
        "table arp carom {\n"
        "    set vips { type ipv4_addr; }\n"
        "    chain input {\n"
        "        type filter;\n"
        "        arp daddr ip @vips drop\n"
        "    }\n"
        "}\n"
        "END"
    )
    assert "\n" not in TABLE.title


def test_a_stricter_setting_serves_but_is_not_ours_to_undo() -> None:
    assert [IGNORE.holds(value) for value in ("0", "1", "2", "3")] == [False, True, True, False]
    assert [IGNORE.made(value) for value in ("0", "1", "2", "3")] == [False, True, False, False]


@pytest.mark.parametrize(
    ("step", "so", "otherwise"),
    [
        (Up("lo"), "up", "down and bare"),
        (Link("carom0", "dummy"), "dummy", "macvlan"),
        (OwnAddress(VIP, "lo"), "eth0/24 lo/32", "lo/24"),
        (TABLE, "whole", "broken"),
        (NftElement("arp", "carom", "vips", str(VIP)), "there", ABSENT),
        (NftElement("arp", "carom", "rips", str(VIP), "192.0.2.31"), "192.0.2.31", "192.0.2.32"),
        (BaseChain("arptables-nft", "filter", "INPUT"), "FORWARD INPUT", "OUTPUT"),
        (DROP, "there", ABSENT),
    ],
)
def test_what_counts_as_already_so(step: Step, so: str, otherwise: str) -> None:
    assert step.holds(so)
    assert not step.holds(otherwise)


def test_adding_an_address_again_is_no_error() -> None:
    assert str(OwnAddress(VIP, "lo").again()) == f"ip address replace {VIP}/32 dev lo"


def test_every_kind_of_step_has_a_name_of_its_own_in_the_record() -> None:
    assert all(KINDS[name].kind == name for name in KINDS)
    assert set(KINDS) == {step.kind for step in Step.__subclasses__()}


def test_a_command_is_spelt_for_a_shell() -> None:
    assert str(Command(("nft", "add", "x y"))) == "nft add 'x y'"
