"""Several daemons on one port, each on its own VIP: what the chapter praises arptables for, with two nginx.

Under `redirect` it cannot be, and join says so before it does anything.
"""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from carom.model import Address
from tests.net.realserver_net import PORT, SECONDS, VIP, VIP2, Segment, point, segment, snapshot
from tests.net.segment import inside

NGINX = """\
daemon off; master_process off; pid {folder}/pid; error_log stderr;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    server {{ listen {vip}:{port}; location / {{ return 200 "{name}"; }} }}
}}
"""
BOTH = ("--vip", str(VIP), "--vip", str(VIP2))


@pytest.fixture(scope="module")
def net() -> Iterator[Segment]:
    for tool in ("nginx", "arptables-nft"):
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool}, which is not installed")
    with segment(VIP, VIP2) as built:
        yield built


@contextmanager
def nginx(net: Segment, vip: Address, name: str, folder: Path) -> Iterator[None]:
    """One nginx, that listens on this VIP alone."""
    folder.mkdir()
    (folder / "conf").write_text(NGINX.format(folder=folder, vip=vip, port=PORT, name=name))
    place = ("nsenter", f"--net=/run/netns/{net.real}", "nginx", "-c", str(folder / "conf"), "-e", "stderr")
    with subprocess.Popen(place, stderr=subprocess.PIPE, text=True) as server:
        try:
            listening = f"{vip}:{PORT}"
            net.on(net.real, "timeout", "10", "sh", "-c", f"until ss -tln | grep -qF {listening}; do :; done")
            yield
        finally:
            server.terminate()


def answers(net: Segment, vip: Address, times: int) -> Counter[str]:
    """Who answers the router at this VIP."""
    point(net, vip, net.real, "permanent")
    found: Counter[str] = Counter()
    try:
        with inside(net.router):
            for _ in range(times):
                connection = HTTPConnection(str(vip), PORT, timeout=SECONDS)
                connection.request("GET", "/")
                found[connection.getresponse().read().decode()] += 1
                connection.close()
    finally:
        net.on(net.router, "ip", "neigh", "del", str(vip), "dev", "eth0")
    return found


@pytest.mark.parametrize("tool", ["arptables-nft", "arptables-legacy"])
def test_two_nginx_on_one_real_server_and_one_port_each_answer_for_their_vip(
    net: Segment, tmp_path: Path, tool: str
) -> None:
    before = snapshot(net)
    joined = net.carom("join", *BOTH, "--method", "arptables", "--tool", tool, root=tmp_path)
    assert (joined.returncode, joined.stderr) == (0, "")
    try:
        with ExitStack() as servers:
            servers.enter_context(nginx(net, VIP, "the shop", tmp_path / "shop"))
            servers.enter_context(nginx(net, VIP2, "the library", tmp_path / "library"))
            assert answers(net, VIP, 100) == {"the shop": 100}
            assert answers(net, VIP2, 100) == {"the library": 100}
    finally:
        assert net.carom("leave", root=tmp_path).returncode == 0
    assert snapshot(net) == before


def test_under_redirect_it_is_refused_with_what_to_do_instead(net: Segment, tmp_path: Path) -> None:
    before = snapshot(net)
    refused = net.carom("join", *BOTH, "--method", "redirect", "--port", f"tcp/{PORT}", root=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == (
        f"carom: under redirect {VIP} and {VIP2} would share tcp/80: a redirected packet no longer says for which VIP "
        "it was, so one daemon on the RIP gets the requests of both, and a daemon per VIP is impossible. If one daemon "
        "serves both, say so with --shared-ports; for a daemon per VIP choose --method sysctl, arptables or nft\n"
    )
    assert snapshot(net) == before
