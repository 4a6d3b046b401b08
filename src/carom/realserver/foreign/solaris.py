"""Solaris 11 and illumos: the VIPs as address objects of lo0."""

from __future__ import annotations

from carom.model import Address, Ports
from carom.realserver.foreign.shell import Recipe, render
from carom.realserver.view import is_v6


def script(vips: tuple[Address, ...], _: tuple[Ports, ...]) -> str:
    objects = [(f"lo0/carom{number}", vip) for number, vip in enumerate(vips)]
    protocols = [
        protocol
        for protocol, wanted in (("ipv4", not all(map(is_v6, vips))), ("ipv6", any(map(is_v6, vips))))
        if wanted
    ]
    return render(
        Recipe(
            system="Solaris 11",
            uname="SunOS",
            theory=(
                "Solaris answers ARP and neighbour solicitations only for addresses that the interface that was asked\n"
                "publishes, and lo0 publishes none [3]. A VIP of lo0 needs the weak host model [2], the default."
            ),
            sources=(
                "ipadm(8), create-addr: https://docs.oracle.com/cd/E88353_01/html/E72487/ipadm-8.html",
                "ipadm(8), the property hostmodel: https://docs.oracle.com/cd/E88353_01/html/E72487/ipadm-8.html",
                (
                    "LVS-HOWTO, non-Linux realservers: "
                    "http://www.austintek.com/LVS/LVS-HOWTO/HOWTO/LVS-HOWTO.non-linux_realservers.html"
                ),
            ),
            check=(
                'command -v ipadm >/dev/null || stop "there is no ipadm here; Solaris 10 cannot keep addresses of lo0"',
                f"for protocol in {' '.join(protocols)}; do  # [2]",
                '    model=$(ipadm show-prop -c -o current -p hostmodel "$protocol")',
                (
                    '    [ "$model" != strong ] || stop "$protocol is under the strong host model: '
                    'ipadm set-prop -p hostmodel=weak $protocol"'
                ),
                "done",
            ),
            apply=tuple(
                f"ipadm show-addr {name} >/dev/null 2>&1 || "
                f"ipadm create-addr -T static -a local={vip}/{vip.max_prefixlen} {name}  # [1], kept over a reboot"
                for name, vip in objects
            ),
            undo=tuple(f"ipadm delete-addr {name} 2>/dev/null || true  # [1]" for name, _ in objects),
            show=("ipadm show-addr lo0/",),
        ),
        vips,
    )
