"""Passive FTP with a real server and a real client: control and data are two connections, and one client's.

    curl ── 21, then a port of 10000 to 10099 ──> VIP ══ vsftpd on each real server

A port of the data connection is known to the real server that was asked for it, and to no other: so 21, 20 and the
passive range are one service, whose persistence sends a client's connections to one real server: what firewall marks
were for.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from carom.lab import director, namespaces, standing, wait
from carom.lab.network import NODES, REALS, VIP, VIP6, Wire
from carom.lab.standing import Lab
from carom.model import Address
from tests.net.labs import on

PASSIVE = (10_000, 10_099)
LARGE = 3_000_000
"""Bytes of a file that takes many segments."""
CLIENTS = range(11, 17)
"""Host numbers of more clients, so that more than one real server is chosen."""
FAMILIES = pytest.mark.parametrize("vip", [VIP, VIP6], ids=["IPv4", "IPv6"])

VSFTPD = """
listen_ipv6=YES
background=NO
anonymous_enable=YES
no_anon_password=YES
anon_root={folder}/files
secure_chroot_dir={folder}/empty
pasv_min_port={first}
pasv_max_port={last}
connect_from_port_20=YES
seccomp_sandbox=NO
"""


def services(version: int, vip: Address) -> str:
    reals = ", ".join(f'"{node.nic(Wire.SEGMENT).addresses[version].ip}"' for node in REALS)
    first, last = PASSIVE
    return f"""
[[service]]
name = "ftp{version}"
vip = "{vip}"
ports = ["tcp/21", "tcp/20", "tcp/{first}-{last}"]
scheduler = "rr"
persistence = 300
reals = [{reals}]
"""


CONFIG = '[director]\ninterface = "eth0"\n' + services(0, VIP) + services(1, VIP6)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    if shutil.which("vsftpd") is None:
        pytest.skip("needs vsftpd, which is not installed")
    with standing.temporary(standing.fresh_name("ftp"), (VIP, VIP6), CONFIG) as lab:
        for real in REALS:
            start_vsftpd(lab, real.name, tmp_path_factory.mktemp(real.name))
        daemon = director.start(lab)
        director.wait_until_ready(lab, daemon)
        nic = NODES["client"].nic(Wire.INTERNET)
        for host in CLIENTS:
            on(lab, "client", "ip", "addr", "add", f"203.0.113.{host}/24", "dev", nic.name)
            on(lab, "client", "ip", "addr", "add", f"fd00:113::{host}/64", "dev", nic.name, "nodad")
        yield lab


def start_vsftpd(lab: Lab, real: str, folder: Path) -> None:
    for above in (folder, folder.parent, folder.parent.parent):
        above.chmod(0o755)
    for name in ("files", "empty"):
        (folder / name).mkdir()
    (folder / "files/name").write_text(real)
    (folder / "files/large").write_bytes(bytes(LARGE))
    config = folder / "vsftpd.conf"
    config.write_text(VSFTPD.format(folder=folder, first=PASSIVE[0], last=PASSIVE[1]))
    lab.spawn(real, ["vsftpd", str(config)], f"vsftpd-{real}")

    def listens() -> bool:
        with namespaces.inside(lab.namespace(real), partial(socket.socket, socket.AF_INET6)) as probe:
            return probe.connect_ex((str(VIP6), 21)) == 0

    assert wait.until(listens, 10), lab.log(f"vsftpd-{real}").read_text()


def url(vip: Address, path: str) -> str:
    return f"ftp://{f'[{vip}]' if vip.version == 6 else vip}/{path}"


def client(vip: Address, host: int) -> str:
    return f"fd00:113::{host}" if vip.version == 6 else f"203.0.113.{host}"


def curl(lab: Lab, *arguments: str) -> bytes:
    command = ("curl", "--silent", "--show-error", "--max-time", "20", *arguments)
    run: partial[subprocess.CompletedProcess[bytes]] = partial(subprocess.run, command, capture_output=True, timeout=30)
    done: subprocess.CompletedProcess[bytes] = namespaces.inside(lab.namespace("client"), run)
    assert done.returncode == 0, done.stderr
    return bytes(done.stdout)


@pytest.mark.parametrize(("vip", "way"), [(VIP, "--ftp-pasv"), (VIP, "--disable-epsv"), (VIP6, "--ftp-pasv")])
def test_control_and_data_reach_one_real_server(lab: Lab, vip: Address, way: str) -> None:
    """EPSV (RFC 2428) or PASV (RFC 959, IPv4 alone); the data connection's port is a new one each time."""
    before = ended(lab, vip)
    served = {
        host: {curl(lab, way, "--interface", client(vip, host), url(vip, "name")) for _ in range(4)} for host in CLIENTS
    }
    assert all(len(names) == 1 for names in served.values()), "a client's connections all go to one"
    assert set().union(*served.values()) == {real.name.encode() for real in REALS}
    assert wait.until(lambda: ended(lab, vip) >= before + 2 * 4 * len(CLIENTS), 10), "two connections a file"


@FAMILIES
def test_a_large_file_comes_whole(lab: Lab, vip: Address) -> None:
    assert curl(lab, url(vip, "large")) == bytes(LARGE)


def ended(lab: Lab, vip: Address) -> int:
    """New flows of the VIP's service, as the daemon has counted them; it counts once a second."""
    services = director.status(lab.socket)["services"]
    (mine,) = [service for service in services if service["vip"] == str(vip)]
    return sum(real["new_flows"] for real in mine["reals"])
