"""AIX: the VIPs as aliases of lo0."""

from __future__ import annotations

from carom.model import Address, Ports
from carom.realserver.foreign.shell import Recipe, heredoc, render
from carom.realserver.view import is_v6

PROGRAM = "/etc/rc.carom-real-server"
ENTRY = "caromvip"


def script(vips: tuple[Address, ...], _: tuple[Ports, ...]) -> str:
    add = [
        f"ifconfig lo0 inet6 {vip}/128 alias" if is_v6(vip) else f"ifconfig lo0 alias {vip} netmask 255.255.255.255"
        for vip in vips
    ]
    drop = [f"ifconfig lo0 {'inet6 ' if is_v6(vip) else ''}{vip} delete" for vip in vips]
    return render(
        Recipe(
            system="AIX",
            uname="AIX",
            theory=(
                "An alias of lo0 is silent on AIX by itself. The netmask must be whole: with another,\n"
                "AIX makes a route to the VIP's network by way of the loopback [1]. A WPAR gets its VIP by\n"
                "chwpar -N lo0 instead [1]."
            ),
            sources=(
                (
                    "IBM WebSphere Edge, aliasing the loopback device: "
                    "https://www.ibm.com/docs/en/was/8.5.5?topic=machines-aliasing-network-interface-card-loopback-device"
                ),
                "mkitab and rmitab: https://www.ibm.com/docs/en/aix/7.3?topic=m-mkitab-command",
            ),
            check=('[ "$(id -u)" = 0 ] || stop "run it as root"',),
            apply=(
                *heredoc(PROGRAM, ("#!/bin/sh", *(f"{line}  # [1]" for line in add))),
                f"chmod 755 {PROGRAM}",
                f"sh {PROGRAM}",
                f"lsitab {ENTRY} >/dev/null 2>&1 ||",
                f"    mkitab -i rctcpip '{ENTRY}:2:once:{PROGRAM} >/dev/console 2>&1'  # [2]",
            ),
            undo=(
                f"rmitab {ENTRY} 2>/dev/null || true  # [2]",
                f"rm -f {PROGRAM}",
                *(f"{line} 2>/dev/null || true" for line in drop),
            ),
            show=("ifconfig lo0", f"lsitab {ENTRY}", "netstat -rn"),
        ),
        vips,
    )
