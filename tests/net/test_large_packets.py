"""What cannot simply go its way, end to end in the lab: fragments, path-MTU discovery, the director's own ICMP errors.

                 client ── router ── director ══ real servers ── gateways ── client
                                     told: 1400                      └─ 1300 bytes at most, towards the client

CAROM_DOWNLOAD_MB is how large the download is; 20 unless it says otherwise.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import pytest

from carom.lab import director, namespaces, standing, traffic, wait
from carom.lab.network import GATEWAYS, NODES, REALS, VIP, VIP6, Wire
from carom.lab.setup import set_to_work
from carom.lab.standing import Lab
from carom.model import Address

MEGABYTES = int(os.environ.get("CAROM_DOWNLOAD_MB", "20"))
FAMILIES = pytest.mark.parametrize(("vip", "version"), [(VIP, 0), (VIP6, 1)], ids=["IPv4", "IPv6"])


def services(version: int, vip: Address) -> str:
    reals = ", ".join(f'"{node.nic(Wire.SEGMENT).addresses[version].ip}"' for node in REALS)
    return f"""
[[service]]
name = "web{version}"
vip = "{vip}"
ports = ["tcp/80"]
scheduler = "rr"
reals = [{reals}]

[[service]]
name = "echo{version}"
vip = "{vip}"
ports = ["udp/7"]
scheduler = "rr"
check = false
reals = [{reals}]
"""


CONFIG = '[director]\ninterface = "eth0"\n' + services(0, VIP) + services(1, VIP6)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with standing.temporary(standing.fresh_name("large"), (VIP, VIP6), CONFIG) as lab:
        set_to_work(lab, ((VIP, 80), (VIP6, 80)))
        yield lab


def ended(lab: Lab, reason: str) -> int:
    """Packets that ended so, as the daemon has counted them; it counts once a second."""
    return sum(one["packets"] for one in director.status(lab.socket)["reasons"] if one["name"] == reason)


# ---- fragments


def udp_socket(lab: Lab, node: str, vip: Address) -> socket.socket:
    family = socket.AF_INET6 if vip.version == 6 else socket.AF_INET
    made = namespaces.inside(lab.namespace(node), partial(socket.socket, family, socket.SOCK_DGRAM))
    made.settimeout(10)
    return made


def echo(server: socket.socket, name: bytes) -> None:
    """Gives every datagram back, the server's name before it, until the socket is closed."""
    while True:
        data, client = server.recvfrom(65535)
        if not data:
            return
        server.sendto(name + data, client)


@contextmanager
def echo_servers(lab: Lab, vip: Address) -> Iterator[None]:
    with ExitStack() as stack:
        for real in REALS:
            server = stack.enter_context(udp_socket(lab, real.name, vip))
            server.bind((str(vip), 7))
            server.settimeout(None)
            thread = threading.Thread(target=echo, args=(server, real.name.encode()))
            thread.start()
            stack.callback(thread.join)
            stack.callback(stop_echo, lab, real.name, vip)
        yield


def stop_echo(lab: Lab, node: str, vip: Address) -> None:
    with udp_socket(lab, node, vip) as last:
        last.sendto(b"", (str(vip), 7))


@FAMILIES
def test_a_datagram_of_9000_bytes_is_answered_by_one_real_server(lab: Lab, vip: Address, version: int) -> None:
    answered, before = set(), ended(lab, "fragment")
    with echo_servers(lab, vip), ExitStack() as stack:
        clients = [stack.enter_context(udp_socket(lab, "client", vip)) for _ in range(6)]
        for number, client in enumerate(clients):
            client.sendto(bytes([number]) * 9000, (str(vip), 7))
        for number, client in enumerate(clients):
            answer = client.recv(65535)
            assert answer[5:] == bytes([number]) * 9000
            answered.add(answer[:5])
    assert answered == {node.name.encode() for node in REALS}
    assert wait.until(lambda: ended(lab, "fragment") >= before + 6 * 6, 10)


# ---- frames in several buffers


@pytest.fixture(scope="module")
def jumbo(lab: Lab) -> Iterator[Lab]:
    """The same lab, with jumbo frames on both wires and on every NIC, while the program sits on one of them."""
    set_mtu(lab, 9000)
    yield lab
    set_mtu(lab, 1500)


def set_mtu(lab: Lab, mtu: int) -> None:
    for wire in Wire:
        for link in json.loads(on(lab, wire, "ip", "-j", "link", "show", "type", "veth")):
            on(lab, wire, "ip", "link", "set", link["ifname"], "mtu", str(mtu))
    for node in NODES.values():
        for nic in node.nics:
            on(lab, node.name, "ip", "link", "set", nic.name, "mtu", str(mtu))


@FAMILIES
def test_a_jumbo_frame_is_passed_on_whole(jumbo: Lab, vip: Address, version: int) -> None:
    pieces, mode = ended(jumbo, "fragment"), director.status(jumbo.socket)["director"]["mode"]
    with echo_servers(jumbo, vip), udp_socket(jumbo, "client", vip) as client:
        for size in (1, 4000, 8900):
            client.sendto(b"j" * size, (str(vip), 7))
            assert client.recv(65535)[5:] == b"j" * size
    answer = traffic.get(jumbo.namespace("client"), vip, 80, f"/bytes/{'0' * 4200}5")
    assert (answer.bytes, mode, ended(jumbo, "fragment")) == (5, "native", pieces)


# ---- path-MTU discovery: the way back


@pytest.fixture(scope="module")
def narrow(lab: Lab) -> Lab:
    """The same lab, with gateways whose way to the client is narrow, which the real servers cannot know."""
    for gateway in GATEWAYS:
        on(lab, gateway.name, "ip", "link", "set", "internet", "mtu", "1300")
    return lab


def on(lab: Lab, node: str, *command: str) -> str:
    run = partial(subprocess.run, command, capture_output=True, text=True, check=True, timeout=30)
    return namespaces.inside(lab.namespace(node), run).stdout


@FAMILIES
def test_a_download_through_a_narrow_gateway_completes(narrow: Lab, vip: Address, version: int) -> None:
    before = ended(narrow, "icmp_forwarded")
    for _ in REALS:
        answer = traffic.get(narrow.namespace("client"), vip, 80, f"/bytes/{MEGABYTES * 1000 * 1000}")
        assert answer.bytes == MEGABYTES * 1000 * 1000
    assert wait.until(lambda: ended(narrow, "icmp_forwarded") > before, 10)


# ---- the director's own errors


def nobody(version: int, vip: Address) -> str:
    address = REALS[0].nic(Wire.SEGMENT).addresses[version].ip
    return f"""
[[service]]
name = "nobody{version}"
vip = "{vip}"
ports = ["tcp/81"]
check = false
reals = [{{ address = "{address}", weight = 0 }}]
"""


@pytest.fixture(scope="module")
def telling() -> Iterator[Lab]:
    """A lab whose director is told that the way to its real servers takes 1,400 bytes, and has a service of nobody."""
    config = re.sub(r'"([^"]+\.3\d|[^"]+::3\d)"', r'{ address = "\1", mtu = 1400 }', CONFIG)
    config += nobody(0, VIP) + nobody(1, VIP6)
    with standing.temporary(standing.fresh_name("told"), (VIP, VIP6), config) as lab:
        set_to_work(lab, ((VIP, 80), (VIP6, 80)))
        yield lab


@FAMILIES
def test_a_client_learns_what_the_way_to_the_real_server_takes(telling: Lab, vip: Address, version: int) -> None:
    long_request = f"/bytes/{'0' * 4000}5"
    assert traffic.get(telling.namespace("client"), vip, 80, long_request).bytes == 5
    assert "mtu 1400" in on(telling, "client", "ip", "route", "get", str(vip))
    assert wait.until(lambda: ended(telling, "too_big_told") > version, 10)


@FAMILIES
def test_a_client_that_nobody_can_take_is_refused_at_once(telling: Lab, vip: Address, version: int) -> None:
    with pytest.raises(ConnectionRefusedError):
        traffic.get(telling.namespace("client"), vip, 81, "/")
    assert wait.until(lambda: ended(telling, "unreachable") > version, 10)
