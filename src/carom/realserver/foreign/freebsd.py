"""FreeBSD: the VIPs as aliases of lo0."""

from __future__ import annotations

from carom.model import Address, Ports
from carom.realserver.foreign.shell import Recipe, heredoc, render
from carom.realserver.view import is_v6

FOLDER = "/etc/rc.conf.d/netif"
FILE = f"{FOLDER}/carom"


def script(vips: tuple[Address, ...], _: tuple[Ports, ...]) -> str:
    places = [f"{'inet6' if is_v6(vip) else 'inet'} {vip}/{vip.max_prefixlen}" for vip in vips]
    aliases = " ".join(places)
    return render(
        Recipe(
            system="FreeBSD",
            uname="FreeBSD",
            theory=(
                "FreeBSD answers ARP and neighbour solicitations only for addresses of the interface that was asked,\n"
                "and asks in the name of the interface that it asks by. So a VIP on lo0 is silent by itself [4].\n"
                "Do not switch ARP off on the NIC: the director needs it to find this host."
            ),
            sources=(
                "ifconfig(8), `alias`: https://man.freebsd.org/cgi/man.cgi?ifconfig(8)",
                "rc.conf(5), `ifconfig_<interface>_aliases` and rc.conf.d: https://man.freebsd.org/cgi/man.cgi?rc.conf(5)",
                "inet(4), the strong end-system model: https://man.freebsd.org/cgi/man.cgi?inet(4)",
                (
                    "LVS-HOWTO, non-Linux realservers: "
                    "http://www.austintek.com/LVS/LVS-HOWTO/HOWTO/LVS-HOWTO.non-linux_realservers.html"
                ),
            ),
            check=(
                "for setting in net.inet.ip.rfc1122_strong_es net.inet.ip.check_interface; do  # [3]",
                '    value=$(sysctl -n "$setting" 2>/dev/null || echo 0)',
                '    [ "$value" = 0 ] || stop "$setting=$value drops what a NIC receives for lo0; set it to 0"',
                "done",
                f'[ ! -f {FOLDER} ] || stop "{FOLDER} is a file; move it to {FOLDER}/local first"',
            ),
            apply=(
                *(f"ifconfig lo0 {place} alias  # [1]" for place in places),
                f"mkdir -p {FOLDER}  # [2]",
                *heredoc(FILE, [f'ifconfig_lo0_aliases="${{ifconfig_lo0_aliases-}} {aliases}"']),
            ),
            undo=(
                f"rm -f {FILE}",
                f"rmdir {FOLDER} 2>/dev/null || true",
                *(f"ifconfig lo0 {place.partition('/')[0]} -alias 2>/dev/null || true  # [1]" for place in places),
            ),
            show=("ifconfig lo0", f"cat {FILE}"),
        ),
        vips,
    )
