"""The case, as far as it follows from the configuration alone."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface
from pathlib import Path

from carom.config.load import load
from carom.doctor.case import Case, Told, reals_of, unknown, well
from carom.doctor.wire import Wire
from carom.finding import Verdict
from carom.net.local import Place

CONFIG = load(
    """\
[director]
interface = "eth0"

[[service]]
name = "web"
vip = "192.168.76.24"
ports = ["tcp/80"]
scheduler = "wrr"
reals = ["192.168.76.31", "192.168.76.10"]

[[service]]
name = "more"
vip = "192.168.76.25"
ports = ["tcp/80"]
scheduler = "wrr"
reals = ["192.168.76.31"]
sorry = "192.168.76.33"
""",
    "carom.toml",
)


class Silent(Wire):
    """A wire on which nobody has been heard yet."""

    def __init__(self) -> None:
        self.owners = {}


def case() -> Case:
    told = Told(CONFIG, Path("/sys/fs/bpf/carom"), status=None)
    own = (ip_interface("192.168.76.10/22"), ip_interface("fd00:76::10/64"))
    wire = Silent()
    return Case(told, own, {each.ip: Place("eth0", 24) for each in own}, 1500, wire, wire, {}, answering=None)


def test_a_sorry_server_is_a_real_server() -> None:
    assert reals_of(CONFIG.services[1]) == (ip_address("192.168.76.31"), ip_address("192.168.76.33"))


def test_every_real_server_is_named_once_and_the_director_is_none() -> None:
    assert [str(real) for real in case().reals] == ["192.168.76.31", "192.168.76.33"]


def test_every_vip_is_paired_with_those_that_ought_to_have_it() -> None:
    assert [f"{vip} {real}" for vip, real in case().pairs] == [
        "192.168.76.24 192.168.76.31",
        "192.168.76.25 192.168.76.31",
        "192.168.76.25 192.168.76.33",
    ]


def test_the_directors_own_address_is_that_of_the_same_network() -> None:
    assert case().towards(ip_address("192.168.79.200")) == ip_interface("192.168.76.10/22")
    assert case().towards(ip_address("192.168.80.1")) is None
    assert case().towards(ip_address("fd00:76::31")) == ip_interface("fd00:76::10/64")


def test_one_station_may_have_several_real_servers_addresses() -> None:
    looked = case()
    looked.wire.owners[ip_address("192.168.76.31")] = {b"\2\0\0\0\0\1"}
    looked.wire.owners[ip_address("192.168.76.33")] = {b"\2\0\0\0\0\1", b"\2\0\0\0\0\2"}
    assert looked.by_mac == {
        b"\2\0\0\0\0\1": (ip_address("192.168.76.31"), ip_address("192.168.76.33")),
        b"\2\0\0\0\0\2": (ip_address("192.168.76.33"),),
    }


def test_findings_that_need_no_remedy() -> None:
    assert (well("mtu", "x", "1500").verdict, well("mtu", "x", "1500").remedy) == (Verdict.OK, "")
    assert unknown("mtu", "x", "silent", server=ip_address("192.0.2.1")).server == "192.0.2.1"
